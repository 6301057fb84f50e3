//! From plaintext chunks to stored objects and back: the envelope, its cipher and its MAC.
//!
//! ```text
//! none, authenticated   type u8 | payload
//! encrypted             type u8 | mac 32 | iv u64be | ciphertext        mac covers iv and ciphertext
//! ```
//!
//! Where counters come from, and that none is used twice under a key, is the caller's business; here each object uses only
//! counters from the range it was given. Nothing is decrypted that was not authenticated.

mod cipher;
mod content;
mod key_stream;
mod opener;
mod repacking;
mod sealed;
mod sealer;
mod strips;
mod uncovering;

pub use cipher::{Cipher, aes256_ctr};
pub use opener::Opener;
pub use sealed::SealedBatch;
pub use sealer::{Sealer, Sealing};

/// An AES block, and what one counter encrypts.
const BLOCK: usize = 16;
const MAC: usize = 32;
const IV: usize = 8;
/// type, mac and iv.
const ENCRYPTED_HEAD: usize = 1 + MAC + IV;
