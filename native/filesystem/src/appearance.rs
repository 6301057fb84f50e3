//! How files are shown: what whoever mounts may choose.

use vinculum_kernels::modes::DIRECTORY;

use crate::tree::Node;

/// The permissions of directories that no archive describes.
const IMPLIED: u32 = 0o755;

/// How files are shown.
#[derive(Clone)]
pub struct Appearance {
    /// Whose files are if nobody else is named: who mounts.
    pub default_uid: u32,
    pub default_gid: u32,
    /// Whose all files are, whatever the archive says.
    pub forced_uid: Option<u32>,
    pub forced_gid: Option<u32>,
    pub umask: u32,
    pub numeric_ids: bool,
    /// How many leading parts of each path are dropped.
    pub strip: usize,
    pub with_parts: bool,
    /// All versions of a file side by side, in a directory of its name.
    pub versions: bool,
}

impl Appearance {
    /// A directory that no archive describes.
    pub fn directory(&self, time: i64) -> Node {
        Node {
            mode: (DIRECTORY | IMPLIED) & !self.umask,
            uid: self.forced_uid.unwrap_or(self.default_uid),
            gid: self.forced_gid.unwrap_or(self.default_gid),
            links: 1,
            mtime: time,
            atime: time,
            ctime: time,
            ..Node::default()
        }
    }
}
