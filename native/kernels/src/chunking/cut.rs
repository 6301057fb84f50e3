//! `Cut`: what every cut rule answers.

/// What a look at the bytes after a chunk boundary tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// The chunk has this length.
    At(usize),
    /// Undecided; no cut before this length. Pass it back as `examined` together with more bytes.
    NotBefore(usize),
}
