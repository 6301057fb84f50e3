//! Object ids: SHA-256, HMAC-SHA-256 or BLAKE2b-256 over key and data, of one buffer or of many at once. And what else
//! is keyed: keys of passphrases, HMACs of metadata.
//!
//! The key is absorbed once, when a hasher is made; afterwards only the primed state exists,
//! shared by all clones and wiped with the last of them.

mod authentication;
mod blake2b;
mod derivation;
mod lanes;
mod queue;
mod sha256;
mod simd;

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::Id;
use crate::errors::{Error, Result};
use crate::parallel;
pub use authentication::{hmac, is_hmac};
pub(crate) use blake2b::{PrimedBlake2b, lanes as lanes_of_blake2b};
pub use derivation::{Secret, derive_key};
pub(crate) use lanes::Message;
pub use queue::{ExpectedIds, IdQueue};
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
            "hmac-sha256" => Ok(Self::HmacSha256(Arc::new(PrimedHmac::new(key)))),
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
        let shares = parallel::shares(buffers.iter().copied(), self.lanes(), |buffer| buffer.len());
        parallel::in_order(shares, |buffers| self.digest_on_this_thread(buffers))
    }

    /// The same without other cores. The more buffers, the better: each lane that has finished one goes on with another.
    pub fn digest_on_this_thread(&self, buffers: &[&[u8]]) -> Vec<Id> {
        match self {
            Self::Sha256 => sha256::digest_many(buffers),
            Self::HmacSha256(primed) => primed.digest_many(buffers),
            Self::Blake2b(primed) => primed.digest_many(buffers),
        }
    }

    /// The same for messages that come in pieces.
    pub(crate) fn digest_messages<'a, P>(&'a self, messages: impl Iterator<Item = Message<P>>) -> Vec<Id>
    where
        P: Iterator<Item = &'a [u8]>,
    {
        match self {
            Self::Sha256 => sha256::digest_messages(messages),
            Self::HmacSha256(primed) => primed.digest_messages(messages),
            Self::Blake2b(primed) => primed.digest_messages(messages),
        }
    }

    /// How many buffers one core hashes at the same time.
    pub fn lanes(&self) -> usize {
        match self {
            Self::Sha256 | Self::HmacSha256(_) => sha256::lanes(),
            Self::Blake2b(_) => lanes_of_blake2b(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;

    #[test]
    fn known_ids() {
        let id = IdHasher::new("sha256", b"").unwrap().digest(b"");
        assert_eq!(id[..4], [0xe3, 0xb0, 0xc4, 0x42]);
        assert!(IdHasher::new("sha256", b"key").is_err());
        assert!(IdHasher::new("md5", b"").is_err());
    }

    /// Both sides of every border between blocks, many short ones, and some that are much longer than the others.
    fn sizes() -> impl Strategy<Value = Vec<usize>> {
        let borders = [0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 129, 255, 256, 257];
        let size = prop_oneof![
            4 => proptest::sample::select(borders.to_vec()),
            4 => 0usize..2_000,
            1 => 0usize..20_000,
        ];
        proptest::collection::vec(size, 0..25)
    }

    fn buffers(sizes: &[usize]) -> Vec<Vec<u8>> {
        let numbered = sizes.iter().enumerate();
        numbered
            .map(|(seed, &size)| (0..size).map(|i| (i * i / 3 + i * seed + seed) as u8).collect())
            .collect()
    }

    /// The id as other implementations compute it.
    fn expected(kind: &str, key: &[u8], data: &[u8]) -> Id {
        match kind {
            "sha256" => Sha256::digest(data).into(),
            "hmac-sha256" => {
                let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
                mac.update(data);
                mac.finalize().into_bytes().into()
            }
            _ => {
                let hash = blake2b_simd::Params::new().hash_length(32).hash(&[key, data].concat());
                hash.as_bytes().try_into().unwrap()
            }
        }
    }

    proptest! {
        #[test]
        fn ids_are_what_others_compute(sizes in sizes(), kind in 0usize..3, key_bytes in 0usize..300) {
            let kind = ["sha256", "hmac-sha256", "blake2b"][kind];
            let key = vec![7; if kind == "sha256" { 0 } else { key_bytes }];
            let hasher = IdHasher::new(kind, &key).unwrap();
            let buffers = buffers(&sizes);
            let slices: Vec<&[u8]> = buffers.iter().map(Vec::as_slice).collect();
            let expected: Vec<Id> = slices.iter().map(|slice| expected(kind, &key, slice)).collect();
            prop_assert_eq!(hasher.digest_on_this_thread(&slices), expected.clone());
            prop_assert_eq!(hasher.digest_many(&slices), expected.clone());
            let single: Vec<Id> = slices.iter().map(|slice| hasher.digest(slice)).collect();
            prop_assert_eq!(single, expected);
        }

        #[test]
        fn pieces_make_no_difference(sizes in sizes(), piece in 1usize..500) {
            let buffers = buffers(&sizes);
            let messages = || buffers.iter().map(|buffer| Message { length: buffer.len(), pieces: buffer.chunks(piece) });
            let key = [3; BLAKE2B_KEY_BYTES];
            let expected = |kind| -> Vec<Id> { buffers.iter().map(|buffer| expected(kind, &key, buffer)).collect() };
            let (blake2b, hmac) = (PrimedBlake2b::new(&key), PrimedHmac::new(&key));
            prop_assert_eq!(blake2b.digest_messages(messages()), expected("blake2b"));
            prop_assert_eq!(hmac.digest_messages(messages()), expected("hmac-sha256"));
        }
    }
}
