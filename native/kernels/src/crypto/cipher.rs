//! AES-256-CTR and the two MACs, with keys that are wiped when dropped.

use aes::Aes256;
use aes::cipher::{InnerIvInit, KeyInit, StreamCipher};
use ctr::{Ctr128BE, CtrCore};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{BLOCK, IV, MAC};
use crate::errors::{Error, Result};
use crate::hashing::{BLAKE2B_KEY_BYTES, PrimedBlake2b, PrimedHmac, Running, lanes_of_blake2b, lanes_of_sha256};

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
            "aes-ctr-hmac-sha256" => MacKey::HmacSha256(PrimedHmac::new(expect(mac_key, 32, "HMAC key")?)?),
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
        let mut counter = [0; BLOCK];
        counter[BLOCK - IV..].copy_from_slice(&iv.to_be_bytes());
        KeyStream::new(&self.aes, counter)
    }

    pub(super) fn start_mac(&self) -> RunningMac {
        match &self.mac {
            MacKey::HmacSha256(primed) => RunningMac::HmacSha256(Box::new(primed.start())),
            MacKey::Blake2b(primed) => RunningMac::Blake2b(Box::new(primed.start())),
        }
    }

    /// The MACs of several messages, each of consecutive bytes.
    pub(super) fn macs(&self, messages: &[&[u8]]) -> Vec<[u8; MAC]> {
        match &self.mac {
            MacKey::HmacSha256(primed) => primed.digest_many(messages),
            MacKey::Blake2b(primed) => primed.digest_many(messages),
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

pub(super) struct KeyStream<'a>(Ctr128BE<&'a Aes256>);

impl<'a> KeyStream<'a> {
    fn new(aes: &'a Aes256, counter: [u8; BLOCK]) -> Self {
        Self(Ctr128BE::from_core(CtrCore::inner_iv_init(aes, &counter.into())))
    }

    /// Encrypts or decrypts the next bytes from `input` to `output`, which is as long.
    pub(super) fn apply(&mut self, input: &[u8], output: &mut [u8]) -> Result<()> {
        self.0
            .try_apply_keystream_b2b(input, output)
            .map_err(|_| Error::value("key stream used up"))
    }

    /// The same in place.
    pub(super) fn apply_in_place(&mut self, bytes: &mut [u8]) {
        self.0.apply_keystream(bytes);
    }
}

pub(super) enum RunningMac {
    HmacSha256(Box<Hmac<Sha256>>),
    Blake2b(Box<Running>),
}

impl RunningMac {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::HmacSha256(mac) => mac.update(bytes),
            Self::Blake2b(mac) => mac.update(bytes),
        }
    }

    pub(super) fn finish(self) -> [u8; MAC] {
        match self {
            Self::HmacSha256(mac) => mac.finalize().into_bytes().into(),
            Self::Blake2b(mac) => mac.finish(),
        }
    }
}

/// AES-256 in CTR mode from a whole counter block on; the same call encrypts and decrypts.
pub fn aes256_ctr(key: &[u8], counter: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    let counter: [u8; BLOCK] = counter
        .try_into()
        .map_err(|_| Error::value("the counter block must have 16 bytes"))?;
    let aes = expanded(key)?;
    let mut output = vec![0; data.len()];
    KeyStream::new(&aes, counter).apply(data, &mut output)?;
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
