//! FUSE as a front: requests of the kernel become visits, and what comes of them its replies.
//!
//! An archive never changes, so the kernel may keep what it was told for as long as it likes, and need not say when it opens or
//! closes something.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fuser::{
    Config, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, InitFlags, IoctlFlags, KernelConfig,
    LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEntry, ReplyIoctl, ReplyOpen,
    ReplyStatfs, ReplyXattr, Request, Session, SessionACL,
};

use rustix::fs::IFlags;
use vinculum_kernels::memory;
use vinculum_kernels::modes;
use vinculum_kernels::scanning::flags_to_inode;

use crate::Errno;
use crate::filesystem::{FileSystem, Place, inode};
use crate::kernel_cache;
use crate::tree::Node;

/// As good as forever.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
const GENERATION: Generation = Generation(0);
const BLOCK: u32 = 4096;
/// The entries `.` and `..`; references to real ones follow behind these.
const DOTS: u64 = 2;
/// `FS_IOC_GETFLAGS`
const GET_FLAGS: u32 = 0x8008_6601;

struct Front {
    files: Arc<FileSystem>,
    /// Whether the kernel has to ask before a file is opened: only if it may be told that it cannot be.
    must_ask: bool,
    enforces_acls: bool,
}

/// Answers the kernel at a descriptor of `/dev/fuse` until the file system is unmounted, in threads of its own.
pub fn serve(
    files: Arc<FileSystem>,
    device: OwnedFd,
    threads: usize,
    enforces_acls: bool,
    admits_root_only: bool,
) -> io::Result<()> {
    let front = Front {
        must_ask: !files.shows_damage && !files.is_known_sound(),
        files: Arc::clone(&files),
        enforces_acls,
    };
    let mut config = Config::default();
    config.n_threads = Some(threads);
    // The kernel knows who may come here, but has no word for root and nobody else besides the owner.
    let admitted = if admits_root_only {
        SessionACL::RootAndOwner
    } else {
        SessionACL::All
    };
    let writable = device.try_clone()?;
    let session = Session::from_fd(front, device, admitted, config)?;
    files.hand_over(move |inode, parts| kernel_cache::store(&writable, inode, parts).is_ok())?;
    let run = move || {
        let _ = session.run();
        files.end();
    };
    std::thread::Builder::new().name("mount".into()).spawn(run)?;
    Ok(())
}

impl Filesystem for Front {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        let mut wished = vec![
            InitFlags::FUSE_PARALLEL_DIROPS,
            InitFlags::FUSE_CACHE_SYMLINKS,
            InitFlags::FUSE_DO_READDIRPLUS,
            InitFlags::FUSE_NO_OPENDIR_SUPPORT,
            InitFlags::FUSE_NO_OPEN_SUPPORT,
            InitFlags::FUSE_EXPLICIT_INVAL_DATA,
            // Requests of up to a megabyte instead of 128 KiB.
            InitFlags::FUSE_MAX_PAGES,
        ];
        if self.enforces_acls {
            wished.push(InitFlags::FUSE_POSIX_ACL);
        }
        for capability in wished {
            // Old kernels have less, and get on without.
            let _ = config.add_capabilities(capability);
        }
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let files = Arc::clone(&self.files);
        let name = name.as_bytes().to_vec();
        self.visit(parent, move |place| {
            let found = place.and_then(|place| {
                let node = place.find(place.node, &name).ok_or(Errno::NOENT)?;
                let (description, is_final) = files.describe_at(&place, node).ok_or(Errno::NOENT)?;
                Ok((attributes(inode(place.number, node), &description), is_final))
            });
            match found {
                Ok((attributes, is_final)) => {
                    reply.entry_with_ttls(&lifetime(is_final), &FOREVER, &attributes, GENERATION);
                }
                Err(errno) => reply.error(code(errno)),
            }
        });
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.files.describe(ino.0) {
            Some((node, is_final)) => reply.attr(&lifetime(is_final), &attributes(ino.0, &node)),
            None => reply.error(fuser::Errno::ENOENT),
        }
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        self.visit(ino, |place| {
            match place.and_then(|place| Ok(place.target(place.node).ok_or(Errno::INVAL)?.to_vec())) {
                Ok(target) => reply.data(&target),
                Err(errno) => reply.error(code(errno)),
            }
        });
    }

    fn open(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        if !self.must_ask {
            return reply.error(fuser::Errno::ENOSYS); // no need to ask again
        }
        let shows_damage = self.files.shows_damage;
        self.visit(ino, move |place| match place {
            Ok(place) if !shows_damage && place.node(place.node).is_some_and(Node::is_damaged) => {
                reply.error(fuser::Errno::EIO);
            }
            Ok(_) => reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_NOFLUSH),
            Err(errno) => reply.error(code(errno)),
        });
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let files = Arc::clone(&self.files);
        self.visit(ino, move |place| match place {
            Ok(place) => files.read(
                &place,
                offset,
                size as usize,
                Box::new(|parts| match parts {
                    Ok(parts) if parts.len() == 1 => reply.data(&parts[0]),
                    Ok(parts) => {
                        let mut joined = memory::buffer(parts.iter().map(|part| part.len()).sum());
                        parts.iter().for_each(|part| joined.extend_from_slice(part));
                        reply.data(&joined);
                        memory::recycle(joined);
                    }
                    Err(errno) => reply.error(code(errno)),
                }),
            ),
            Err(errno) => reply.error(code(errno)),
        });
    }

    fn opendir(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.error(fuser::Errno::ENOSYS); // no need to ask
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        self.visit(ino, move |place| match place {
            Ok(place) => {
                for (next, node, name) in listing(&place, offset) {
                    let kind = match node {
                        Some(node) => place.node(node).map_or(FileType::RegularFile, kind),
                        None => FileType::Directory,
                    };
                    let number = node.map_or(ino.0, |node| inode(place.number, node));
                    if reply.add(INodeNo(number), next, kind, OsStr::from_bytes(name)) {
                        break;
                    }
                }
                reply.ok();
            }
            Err(errno) => reply.error(code(errno)),
        });
    }

    fn readdirplus(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectoryPlus) {
        let files = Arc::clone(&self.files);
        self.visit(ino, move |place| match place {
            Ok(place) => {
                for (next, node, name) in listing(&place, offset) {
                    let number = node.map_or(ino.0, |node| inode(place.number, node));
                    let Some((description, is_final)) = files.describe_at(&place, node.unwrap_or(place.node)) else {
                        continue;
                    };
                    let (attributes, lifetime) = (attributes(number, &description), lifetime(is_final));
                    // One lifetime for name and attributes: the kernel asks again for both.
                    if reply.add(
                        INodeNo(number),
                        next,
                        OsStr::from_bytes(name),
                        &lifetime,
                        &attributes,
                        GENERATION,
                    ) {
                        break;
                    }
                }
                reply.ok();
                files.heard(place.number);
            }
            Err(errno) => reply.error(code(errno)),
        });
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(0, 0, 0, 0, 0, BLOCK, 255, BLOCK);
    }

    fn getxattr(&self, _: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        let name = name.as_bytes().to_vec();
        self.visit(ino, move |place| {
            let value = place.and_then(|place| {
                let found = place.xattrs(place.node).iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| value.clone()).ok_or(Errno::NODATA)
            });
            answer_sized(value, size, reply);
        });
    }

    fn ioctl(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        _: IoctlFlags,
        command: u32,
        _: &[u8],
        size: u32,
        reply: ReplyIoctl,
    ) {
        // What lsattr asks for; the system writes 32 bits, whatever the number of the command says.
        if command != GET_FLAGS || size < 4 {
            return reply.error(fuser::Errno::ENOTTY);
        }
        self.visit(ino, |place| {
            match place.and_then(|place| place.node(place.node).cloned().ok_or(Errno::NOENT)) {
                Ok(node) => reply.ioctl(0, &flags_to_inode(IFlags::empty(), node.flags).bits().to_ne_bytes()),
                Err(errno) => reply.error(code(errno)),
            }
        });
    }

    fn listxattr(&self, _: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        self.visit(ino, move |place| {
            let names = place.map(|place| {
                let names = place.xattrs(place.node).iter();
                names.flat_map(|(name, _)| [name.as_slice(), b"\0"].concat()).collect()
            });
            answer_sized(names, size, reply);
        });
    }
}

impl Front {
    fn visit(&self, ino: INodeNo, visit: impl FnOnce(Result<Place, Errno>) + Send + 'static) {
        self.files.visit(ino.0, Box::new(visit));
    }
}

/// What to list from an offset on: the next offset, the node (None for the dots), the name.
fn listing(place: &Place, offset: u64) -> impl Iterator<Item = (u64, Option<u32>, &[u8])> {
    let dots = [(1, None, b".".as_slice()), (2, None, b"..".as_slice())];
    let after = u32::try_from(offset.saturating_sub(DOTS)).unwrap_or(u32::MAX);
    let entries = place.list(place.node, after);
    dots.into_iter()
        .skip(usize::try_from(offset).unwrap_or(usize::MAX))
        .chain(entries.map(|(reference, node, name)| (u64::from(reference) + DOTS, Some(node), name)))
}

/// The protocol of extended attributes: a size of 0 asks how much there is.
fn answer_sized(value: Result<Vec<u8>, Errno>, size: u32, reply: ReplyXattr) {
    match value {
        Err(errno) => reply.error(code(errno)),
        Ok(value) if size == 0 => reply.size(u32::try_from(value.len()).unwrap_or(u32::MAX)),
        Ok(value) if value.len() > size as usize => reply.error(fuser::Errno::ERANGE),
        Ok(value) => reply.data(&value),
    }
}

fn lifetime(is_final: bool) -> Duration {
    if is_final { FOREVER } else { Duration::ZERO }
}

fn code(errno: Errno) -> fuser::Errno {
    fuser::Errno::from_i32(errno.raw_os_error())
}

fn attributes(number: u64, node: &Node) -> FileAttr {
    let kind = kind(node);
    FileAttr {
        ino: INodeNo(number),
        size: node.size,
        blocks: node.size.div_ceil(512),
        atime: time(node.atime),
        mtime: time(node.mtime),
        ctime: time(node.ctime),
        crtime: time(node.mtime),
        kind,
        perm: (node.mode & 0o7777) as u16,
        nlink: node.links,
        uid: node.uid,
        gid: node.gid,
        rdev: match kind {
            FileType::CharDevice | FileType::BlockDevice => node.start,
            _ => 0,
        },
        blksize: BLOCK,
        flags: 0,
    }
}

fn kind(node: &Node) -> FileType {
    match node.mode & modes::TYPE {
        modes::FIFO => FileType::NamedPipe,
        modes::CHARACTER_DEVICE => FileType::CharDevice,
        modes::DIRECTORY => FileType::Directory,
        modes::BLOCK_DEVICE => FileType::BlockDevice,
        modes::SYMLINK => FileType::Symlink,
        modes::SOCKET => FileType::Socket,
        _ => FileType::RegularFile,
    }
}

fn time(nanoseconds: i64) -> SystemTime {
    let since = Duration::from_nanos(nanoseconds.unsigned_abs());
    if nanoseconds < 0 {
        SystemTime::UNIX_EPOCH - since
    } else {
        SystemTime::UNIX_EPOCH + since
    }
}
