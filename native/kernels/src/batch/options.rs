//! What to record of a file.

/// Which time tells that a file changed while it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilesChanged {
    Ctime,
    Mtime,
    Disabled,
}

#[derive(Clone, Copy, Debug)]
pub struct ItemOptions {
    pub numeric_ids: bool,
    pub atime: bool,
    pub ctime: bool,
    pub flags: bool,
    pub acls: bool,
    pub xattrs: bool,
    pub read_special: bool,
    pub files_changed: FilesChanged,
    pub sparse: bool,
}
