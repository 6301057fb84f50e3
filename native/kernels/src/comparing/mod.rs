//! Two archives side by side: which items belong together, and which of them are not the same. What is different between those,
//! and how that is shown, is Python's: there are few.

mod pairing;
mod sameness;

pub use pairing::{ItemPairing, LostLink, Unequal};
pub use sameness::{Standard, Verdict};
