//! Modes of files, as systems and archives have them.

/// The part of a mode that says what kind of file it is, and the kinds.
pub const TYPE: u32 = 0o170_000;
pub const FIFO: u32 = 0o010_000;
pub const CHARACTER_DEVICE: u32 = 0o020_000;
pub const DIRECTORY: u32 = 0o040_000;
pub const BLOCK_DEVICE: u32 = 0o060_000;
pub const FILE: u32 = 0o100_000;
pub const SYMLINK: u32 = 0o120_000;
pub const SOCKET: u32 = 0o140_000;

/// The kind of file that the mode of an item says.
pub fn kind(mode: i64) -> u32 {
    (mode & i64::from(TYPE)) as u32
}

/// Files, devices and fifos: what may have several links.
pub fn is_linkable(kind: u32) -> bool {
    matches!(kind, FILE | BLOCK_DEVICE | CHARACTER_DEVICE | FIFO)
}
