//! Archives side by side: each is a directory that is filled when somebody enters it.
//!
//! Inode numbers: tree number in the upper half, node plus one in the lower; 1 is the root. Tree 0 is the top. If it has
//! archives in it, its node n stands for the root of tree n, so that an archive has its number before it is loaded.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::OwnedFd;
use rustix::io::read;
use vinculum_kernels::Id;
use vinculum_kernels::errors::{Error, Result};
use vinculum_kernels::locks::lock;
use vinculum_kernels::memory::Shared;

use crate::Errno;
use crate::handing::Parcel;
use crate::reading::{Reader, Reply};
use crate::tree::{Node, ROOT, Tree};

/// How long to wait before whoever does may look after other things.
const PATIENCE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// A node of a tree that is loaded.
pub struct Place {
    tree: Arc<Tree>,
    pub number: u32,
    pub node: u32,
}

impl Deref for Place {
    type Target = Tree;

    fn deref(&self) -> &Tree {
        &self.tree
    }
}

type Visit = Box<dyn FnOnce(std::result::Result<Place, Errno>) + Send>;

enum State {
    /// Nobody has been there.
    Untouched,
    /// Those who wait, and for which node.
    Loading(Vec<(u32, Visit)>),
    Loaded(Arc<Tree>),
    Lost(Errno),
}

pub struct FileSystem {
    trees: Mutex<Vec<State>>,
    /// Trees to load.
    entered: Mutex<Vec<u32>>,
    reader: Reader,
    /// Hands content to the front.
    giver: Mutex<Option<JoinHandle<()>>>,
    /// Readable while there is something to do.
    bell: OwnedFd,
    has_ended: AtomicBool,
    /// Whether files of which chunks were lost may be read.
    pub shows_damage: bool,
}

impl FileSystem {
    pub fn new(top: Tree, cache_bytes: usize, shows_damage: bool) -> Result<Self> {
        Ok(Self {
            trees: Mutex::new(vec![State::Loaded(Arc::new(top))]),
            entered: Mutex::new(Vec::new()),
            reader: Reader::new(cache_bytes),
            giver: Mutex::new(None),
            bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(|error| Error::os(error, None))?,
            has_ended: AtomicBool::new(false),
            shows_damage,
        })
    }

    /// A file system of archives that are directories of these names and times, not loaded yet; they are trees 1, 2 and so on.
    pub fn of_archives(
        root: Node,
        archives: impl Iterator<Item = (Vec<u8>, Node)>,
        cache_bytes: usize,
        shows_damage: bool,
    ) -> Result<Self> {
        let mut top = Tree::new(root);
        let mut count = 0;
        for (name, directory) in archives {
            let node = top.add_node(directory)?;
            top.link(ROOT, &name, node)?;
            count += 1;
        }
        top.finish();
        let filesystem = Self::new(top, cache_bytes, shows_damage)?;
        filesystem.states().extend((0..count).map(|_| State::Untouched));
        Ok(filesystem)
    }

    // -- for fronts -------------------------------------------------------------------------------------------------------

    /// Calls `visit` with the place of an inode, as soon as its tree is loaded.
    pub fn visit(&self, inode: u64, visit: Visit) {
        let mut states = self.states();
        let (number, node) = locate(inode, states.len() > 1);
        match states.get_mut(number as usize) {
            None => {
                drop(states);
                visit(Err(Errno::NOENT));
            }
            Some(State::Lost(errno)) => {
                let errno = *errno;
                drop(states);
                visit(Err(errno));
            }
            Some(State::Loaded(tree)) => {
                let tree = Arc::clone(tree);
                drop(states);
                visit(Ok(Place { tree, number, node }));
            }
            Some(State::Loading(waiting)) => waiting.push((node, visit)),
            Some(state) => {
                *state = State::Loading(vec![(node, visit)]);
                drop(states);
                self.note_entered(number);
            }
        }
    }

    /// What is known of an inode without loading anything, and whether it stays so.
    pub fn describe(&self, inode: u64) -> Option<(Node, bool)> {
        let states = self.states();
        let (number, node) = locate(inode, states.len() > 1);
        match states.get(number as usize)? {
            State::Loaded(tree) => Some((tree.node(node)?.clone(), true)),
            // Only roots are known before.
            state => match states.first()? {
                State::Loaded(top) if node == ROOT => Some((top.node(number)?.clone(), matches!(state, State::Lost(_)))),
                _ => None,
            },
        }
    }

    /// What `describe` says about a node in a place that is being visited.
    pub fn describe_at(&self, place: &Place, node: u32) -> Option<(Node, bool)> {
        if place.number == 0 && node != ROOT {
            return self.describe(inode(0, node));
        }
        Some((place.node(node)?.clone(), true))
    }

    pub fn read(&self, place: &Place, offset: u64, length: usize, reply: Reply) {
        if self.reader.read(place.number, &place.tree, place.node, offset, length, reply) {
            self.ring();
        }
    }

    /// From now on `take` gets the content of files that will probably be asked for next: inode and parts. False if the front
    /// does not know that inode yet; it says when it has `heard` of more. `take` may wait, and so has a thread of its own.
    pub fn hand_over(self: &Arc<Self>, take: impl Fn(u64, &[Shared]) -> bool + Send + 'static) -> std::io::Result<()> {
        let files = Arc::clone(self);
        let give = move || {
            while let Some((parcels, is_wanting)) = files.reader.parcels() {
                if is_wanting {
                    files.ring();
                }
                let is_taken = |file: &&Parcel| take(inode(parcels.tree, file.node), &file.parts);
                let taken = parcels.files.iter().take_while(is_taken).count();
                files.reader.conclude(&parcels, taken);
            }
        };
        let thread = std::thread::Builder::new().name("giver".into()).spawn(give)?;
        *lock(&self.giver) = Some(thread);
        Ok(())
    }

    /// The front was told of files in this tree.
    pub fn heard(&self, number: u32) {
        self.reader.resume(number);
    }

    /// Nobody will ask for anything any more.
    pub fn end(&self) {
        self.has_ended.store(true, Ordering::Release);
        self.reader.close();
        self.ring();
    }

    // -- for who loads archives and fetches chunks ------------------------------------------------------------------------

    /// Waits until there is something to do, or the end; false if there was nothing for a while.
    pub fn wait(&self) -> Result<bool> {
        let heard = poll(&mut [PollFd::new(&self.bell, PollFlags::IN)], Some(&PATIENCE));
        match heard.and_then(|count| if count > 0 { read(&self.bell, &mut [0; 8]) } else { Ok(0) }) {
            Ok(length) => Ok(length > 0),
            Err(Errno::INTR | Errno::AGAIN) => Ok(false),
            Err(error) => Err(Error::os(error, None)),
        }
    }

    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// Numbers of the trees to load next.
    pub fn entered(&self) -> Vec<u32> {
        std::mem::take(&mut lock(&self.entered))
    }

    pub fn load(&self, number: u32, tree: std::result::Result<Tree, Errno>) -> Result<()> {
        let tree = tree.map(Arc::new);
        let mut states = self.states();
        let state = states
            .get_mut(number as usize)
            .ok_or_else(|| Error::value(format!("there is no tree {number}")))?;
        let former = std::mem::replace(
            state,
            match &tree {
                Ok(tree) => State::Loaded(Arc::clone(tree)),
                Err(errno) => State::Lost(*errno),
            },
        );
        drop(states);
        if let State::Loading(waiting) = former {
            for (node, visit) in waiting {
                let place = tree.clone().map(|tree| Place { tree, number, node });
                visit(place);
            }
        }
        Ok(())
    }

    pub fn wanted(&self) -> Vec<Id> {
        self.reader.wanted()
    }

    pub fn deliver(&self, ids: &[Id], chunks: &[Shared]) {
        self.reader.deliver(ids, chunks);
    }

    pub fn fail(&self, ids: &[Id], errno: Errno) {
        self.reader.fail(ids, errno);
    }

    /// Nothing is loaded or fetched any more: those who wait for it get errors. Returns when nothing is being handed over
    /// either.
    pub fn withdraw(&self) {
        let mut waiting = Vec::new();
        for state in self.states().iter_mut() {
            match std::mem::replace(state, State::Lost(Errno::IO)) {
                State::Loading(visits) => waiting.extend(visits),
                State::Untouched => {}
                known => *state = known,
            }
        }
        waiting.into_iter().for_each(|(_, visit)| visit(Err(Errno::IO)));
        self.reader.close();
        let giver = lock(&self.giver).take();
        // There is nothing to be learnt from a thread that panicked but that it is gone.
        let _ = giver.map(JoinHandle::join);
    }

    /// Whether all there is is loaded, and no file in it lost chunks.
    pub fn is_known_sound(&self) -> bool {
        let is_sound = |state: &State| matches!(state, State::Loaded(tree) if !tree.has_damage());
        self.states().iter().all(is_sound)
    }

    fn note_entered(&self, number: u32) {
        lock(&self.entered).push(number);
        self.ring();
    }

    fn ring(&self) {
        // It can only fail if it has been rung for ages without anybody listening.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }

    fn states(&self) -> MutexGuard<'_, Vec<State>> {
        lock(&self.trees)
    }
}

/// The number by which fronts know a node.
pub fn inode(tree: u32, node: u32) -> u64 {
    match (tree, node) {
        (0, node) => u64::from(node) + 1,
        // It had this number before it was loaded.
        (tree, ROOT) => u64::from(tree) + 1,
        (tree, node) => u64::from(tree) << 32 | (u64::from(node) + 1),
    }
}

fn locate(inode: u64, has_archives: bool) -> (u32, u32) {
    let tree = (inode >> 32) as u32;
    let node = (inode as u32).wrapping_sub(1);
    if tree == 0 && node != ROOT && has_archives {
        (node, ROOT)
    } else {
        (tree, node)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_an_archive_that_nobody_loads_any_more() {
        let directory = || Node {
            mode: 0o040_755,
            ..Node::default()
        };
        let archives = ["lost", "entered", "untouched"].map(|name| (name.into(), directory()));
        let files = FileSystem::of_archives(directory(), archives.into_iter(), 1 << 20, false).unwrap();
        files.load(1, Err(Errno::NOENT)).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let visit = |tree: u32| {
            let heard = Arc::clone(&heard);
            files.visit(
                inode(tree, ROOT),
                Box::new(move |place| lock(&heard).push((tree, place.err()))),
            );
        };
        visit(2);
        assert_eq!((files.entered(), lock(&heard).len()), (vec![2], 0));
        files.withdraw();
        assert_eq!(*lock(&heard), [(2, Some(Errno::IO))]);
        [1, 3].into_iter().for_each(visit);
        assert_eq!(lock(&heard)[1..], [(1, Some(Errno::NOENT)), (3, Some(Errno::IO))]);
    }
}
