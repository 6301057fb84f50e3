//! Hard links: the first link that makes it into the archive is the master, later ones refer to its path.

use crate::locks::lock;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard};

use super::FileBatch;
use super::entry::Link;

/// (inode, device) -> archived path of the master. Threads may share it.
#[derive(Default)]
pub struct HardLinks(Mutex<HashMap<(u64, u64), Vec<u8>>>);

impl HardLinks {
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(u64, u64), Vec<u8>>> {
        lock(&self.0)
    }
}

impl FileBatch {
    /// Makes later links of files already seen slaves, and first links masters.
    pub fn link(&mut self, links: &Arc<HardLinks>) {
        let mut masters = links.lock();
        for entry in &mut self.entries {
            if entry.stat.nlink < 2 || !entry.may_be_linked() {
                continue;
            }
            entry.link = match masters.entry((entry.stat.ino, entry.stat.dev)) {
                Entry::Occupied(master) => Link::Slave {
                    source: master.get().clone(),
                },
                Entry::Vacant(vacant) => {
                    vacant.insert(entry.archived());
                    Link::Master
                }
            };
        }
        drop(masters);
        self.links = Some(Arc::clone(links));
    }

    /// The master at `index` failed: its first slave in this batch takes its place, whose index is returned. If there is none,
    /// the next batch with a link of this file finds none and makes a master.
    pub(super) fn replace_master(&mut self, index: usize) -> Option<usize> {
        let failed = self.entries.get_mut(index)?;
        if failed.link != Link::Master {
            return None;
        }
        failed.link = Link::None;
        let key = (failed.stat.ino, failed.stat.dev);
        let links = self.links.clone()?;
        let mut masters = links.lock();
        masters.remove(&key);
        let mut heir: Option<(usize, Vec<u8>)> = None;
        for (later, entry) in self.entries.iter_mut().enumerate().skip(index + 1) {
            if (entry.stat.ino, entry.stat.dev) != key || entry.failure().is_some() {
                continue;
            }
            if let Link::Slave { source } = &mut entry.link {
                match &heir {
                    Some((_, path)) => source.clone_from(path),
                    None => {
                        let path = entry.archived();
                        masters.insert(key, path.clone());
                        entry.link = Link::Master;
                        heir = Some((later, path));
                    }
                }
            }
        }
        heir.map(|(later, _)| later)
    }
}
