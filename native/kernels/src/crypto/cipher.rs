//! AES-256-CTR and the two MACs, with keys that are wiped when dropped.

use aes::Aes256;
use aes::cipher::KeyInit;
use subtle::ConstantTimeEq;

use super::key_stream::KeyStream;
use super::{BLOCK, MAC};
use crate::errors::{Error, Result};
use crate::hashing::{BLAKE2B_KEY_BYTES, Message, PrimedBlake2b, PrimedHmac, lanes_of_blake2b, lanes_of_sha256};

const KEY_BYTES: usize = 32;

/// How an envelope protects its payload.
pub enum Cipher {
    None,
    AesCtr(Box<Keys>),
}

/// The keys of encrypted modes, expanded.
pub struct Keys {
    aes: Aes256,
    mac: MacKey,
}

enum MacKey {
    HmacSha256(PrimedHmac),
    Blake2b(PrimedBlake2b),
}

impl Cipher {
    /// `kind` is "none" (both keys empty), "aes-ctr-hmac-sha256" or "aes-ctr-blake2b".
    pub fn new(kind: &str, enc_key: &[u8], mac_key: &[u8]) -> Result<Self> {
        let mac = match kind {
            "none" if enc_key.is_empty() && mac_key.is_empty() => return Ok(Self::None),
            "none" => return Err(Error::value("cipher none takes no keys")),
            "aes-ctr-hmac-sha256" => MacKey::HmacSha256(PrimedHmac::new(expect(mac_key, 32, "HMAC key")?)),
            "aes-ctr-blake2b" => MacKey::Blake2b(PrimedBlake2b::new(expect(mac_key, BLAKE2B_KEY_BYTES, "BLAKE2b key")?)),
            _ => return Err(Error::value(format!("unknown kind of cipher: {kind}"))),
        };
        let aes = expanded(enc_key)?;
        Ok(Self::AesCtr(Box::new(Keys { aes, mac })))
    }
}

impl Keys {
    /// The key stream whose first counter is `iv`.
    pub(super) fn key_stream(&self, iv: u64) -> KeyStream<'_> {
        KeyStream::new(&self.aes, u128::from(iv))
    }

    /// The MACs of several messages.
    pub(super) fn macs<'a, P>(&'a self, messages: impl Iterator<Item = Message<P>>) -> Vec<[u8; MAC]>
    where
        P: Iterator<Item = &'a [u8]>,
    {
        match &self.mac {
            MacKey::HmacSha256(primed) => primed.digest_messages(messages),
            MacKey::Blake2b(primed) => primed.digest_messages(messages),
        }
    }

    /// How many messages `macs` works on at the same time.
    pub(super) fn lanes(&self) -> usize {
        match self.mac {
            MacKey::HmacSha256(_) => lanes_of_sha256(),
            MacKey::Blake2b(_) => lanes_of_blake2b(),
        }
    }
}

/// AES-256 in CTR mode from a whole counter block on; the same call encrypts and decrypts.
pub fn aes256_ctr(key: &[u8], counter: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    let counter: [u8; BLOCK] = counter
        .try_into()
        .map_err(|_| Error::value("the counter block must have 16 bytes"))?;
    let aes = expanded(key)?;
    let mut output = data.to_vec();
    KeyStream::new(&aes, u128::from_be_bytes(counter)).apply(&mut output);
    Ok(output)
}

/// Compares secrets without telling by time where they differ.
pub(super) fn are_equal(one: &[u8; MAC], other: &[u8; MAC]) -> bool {
    one.ct_eq(other).into()
}

fn expanded(key: &[u8]) -> Result<Aes256> {
    Aes256::new_from_slice(expect(key, KEY_BYTES, "AES key")?).map_err(|_| Error::value("AES does not take this key"))
}

fn expect<'a>(key: &'a [u8], length: usize, name: &str) -> Result<&'a [u8]> {
    if key.len() == length {
        Ok(key)
    } else {
        Err(Error::value(format!(
            "the {name} must have {length} bytes, not {}",
            key.len()
        )))
    }
}
