//! What went wrong with single files while they were restored. The others come back all the same.

use rustix::io::Errno;

/// Why something of a file did not come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A system call failed.
    Os(u32),
    /// The path leads out of the target.
    LeadsOut,
    /// A directory on the way is a symlink.
    SymlinkParent,
    /// A hard link would be made to what is outside.
    UnsafeLink,
    /// Nobody knows how to create such a file.
    UnknownKind(u32),
    /// One extended attribute could not be set.
    Attribute(Vec<u8>, u32),
    /// Something stored with the file makes no sense.
    Senseless(String),
    /// The content is not as long as the item says.
    OtherSize(u64),
    /// Parts of the content are lost, and zeros take their place.
    Damaged,
}

impl From<Errno> for Trouble {
    fn from(error: Errno) -> Self {
        Self::Os(number(error))
    }
}

pub fn number(error: Errno) -> u32 {
    error.raw_os_error().unsigned_abs()
}
