//! Object ids: SHA-256, HMAC-SHA-256 or BLAKE2b-256 over key and data, of one buffer or of many at once.
//!
//! The key is absorbed once, when a hasher is made; afterwards only the primed state exists, shared by all clones and wiped with
//! the last of them.

mod primed;
mod sha256;
mod simd;

use std::sync::Arc;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::Id;
use crate::errors::{Error, Result};
use crate::parallel;
pub(crate) use primed::{PrimedBlake2b, Running, lanes as lanes_of_blake2b};
pub(crate) use sha256::{PrimedHmac, lanes as lanes_of_sha256};

/// The key length of BLAKE2b ids and MACs: exactly one block, so that priming leaves one compression done.
pub const BLAKE2B_KEY_BYTES: usize = 128;

/// Computes the ids of one key. Immutable; clones share the key.
#[derive(Clone)]
pub enum IdHasher {
    Sha256,
    HmacSha256(Arc<PrimedHmac>),
    Blake2b(Arc<PrimedBlake2b>),
}

impl IdHasher {
    /// `kind` is "sha256" (without key), "hmac-sha256" or "blake2b".
    pub fn new(kind: &str, key: &[u8]) -> Result<Self> {
        match kind {
            "sha256" if key.is_empty() => Ok(Self::Sha256),
            "sha256" => Err(Error::value("sha256 ids take no key")),
            "hmac-sha256" => Ok(Self::HmacSha256(Arc::new(PrimedHmac::new(key)?))),
            "blake2b" => Ok(Self::Blake2b(Arc::new(PrimedBlake2b::new(key)))),
            _ => Err(Error::value(format!("unknown kind of ids: {kind}"))),
        }
    }

    pub fn digest(&self, data: &[u8]) -> Id {
        match self {
            Self::Sha256 => Sha256::digest(data).into(),
            Self::HmacSha256(primed) => primed.digest(data),
            Self::Blake2b(primed) => primed.digest(data),
        }
    }

    /// The ids of all buffers in order, on several cores if there is enough to do.
    pub fn digest_many(&self, buffers: &[&[u8]]) -> Vec<Id> {
        let bytes: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        if !parallel::is_worthwhile(buffers.len(), bytes) {
            return self.digest_on_this_thread(buffers);
        }
        let group = parallel::group_size(buffers.len(), self.lanes());
        buffers
            .par_chunks(group)
            .flat_map_iter(|group| self.digest_on_this_thread(group))
            .collect()
    }

    /// The same without other cores.
    pub fn digest_on_this_thread(&self, buffers: &[&[u8]]) -> Vec<Id> {
        match self {
            Self::Sha256 => sha256::digest_many(buffers),
            Self::HmacSha256(primed) => primed.digest_many(buffers),
            Self::Blake2b(primed) => primed.digest_many(buffers),
        }
    }

    /// How many buffers one core hashes at the same time.
    pub fn lanes(&self) -> usize {
        match self {
            Self::Sha256 | Self::HmacSha256(_) => sha256::lanes(),
            Self::Blake2b(_) => primed::lanes(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_ids() {
        let id = IdHasher::new("sha256", b"").unwrap().digest(b"");
        assert_eq!(id[..4], [0xe3, 0xb0, 0xc4, 0x42]);
        assert!(IdHasher::new("sha256", b"key").is_err());
        assert!(IdHasher::new("md5", b"").is_err());
    }

    #[test]
    fn blake2b_hashes_key_then_data_unkeyed() {
        for size in [0, 1, 64, 127, 128, 129, 256] {
            let key = vec![7; size];
            let hasher = IdHasher::new("blake2b", &key).unwrap();
            let joined = [key, b"data".to_vec()].concat();
            assert_eq!(
                hasher.digest(b"data")[..],
                blake2b_simd::Params::new().hash_length(32).hash(&joined).as_bytes()[..]
            );
        }
    }

    proptest! {
        #[test]
        fn many_equal_one_by_one(sizes in proptest::collection::vec(0usize..100_000, 0..20), kind in 0usize..3) {
            let (kind, key) = [("sha256", &[][..]), ("hmac-sha256", &[1; 32][..]), ("blake2b", &[2; 128][..])][kind];
            let hasher = IdHasher::new(kind, key).unwrap();
            let buffers: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(i, &size)| vec![i as u8; size]).collect();
            let slices: Vec<&[u8]> = buffers.iter().map(Vec::as_slice).collect();
            let single: Vec<Id> = slices.iter().map(|slice| hasher.digest(slice)).collect();
            prop_assert_eq!(hasher.digest_many(&slices), single);
        }
    }
}
