//! What is inside a stored object: the envelope is taken off, and the plaintext made ready for being hashed.

use super::cipher::{Keys, are_equal};
use super::key_stream::KeyStream;
use super::opener::Name;
use super::uncovering::Uncovering;
use super::{BLOCK, IV, MAC};
use crate::compression::{NONE, decompress};
use crate::errors::{Error, Result};
use crate::hashing::Message;
use crate::memory::{self, Shared};

/// The parts of an encrypted object.
pub(super) struct Envelope<'a> {
    mac: &'a [u8; MAC],
    pub(super) iv: u64,
    /// iv and ciphertext.
    pub(super) authenticated: &'a [u8],
}

impl<'a> Envelope<'a> {
    pub(super) fn parse(stored: &'a [u8], name: Name) -> Result<Self> {
        let parts = || {
            let (mac, authenticated) = stored.get(1..)?.split_first_chunk()?;
            let iv = u64::from_be_bytes(*authenticated.first_chunk()?);
            Some(Self { mac, iv, authenticated })
        };
        parts().ok_or_else(|| Error::integrity(format!("{name}: {} bytes are no encrypted object", stored.len())))
    }

    pub(super) fn authenticate(&self, computed: &[u8; MAC], name: Name) -> Result<()> {
        if are_equal(self.mac, computed) {
            Ok(())
        } else {
            Err(Error::integrity(format!("{name}: authentication failed")))
        }
    }

    /// What is inside.
    pub(super) fn content<'k>(&self, keys: &'k Keys) -> Result<Content<'k>>
    where
        'a: 'k,
    {
        let ciphertext = &self.authenticated[IV..];
        let stream = keys.key_stream(self.iv);
        let mut start = [0; BLOCK];
        let start = &mut start[..ciphertext.len().min(BLOCK)];
        start.copy_from_slice(&ciphertext[..start.len()]);
        stream.clone().apply(start);
        if start.starts_with(&NONE) {
            return Ok(Content::Covered {
                ciphertext,
                stream,
                place: memory::scratch_buffer(ciphertext.len()),
            });
        }
        let mut packed = memory::copy(ciphertext);
        stream.clone().apply(&mut packed);
        let plain = decompress(&packed);
        memory::recycle(packed);
        plain.map(|plain| Content::Plain(Shared::from(plain)))
    }
}

/// What an object was found to contain.
pub(super) enum Content<'a> {
    Unusable(Error),
    Plain(Shared),
    /// Stored as it is, to be decrypted while it is hashed.
    Covered {
        ciphertext: &'a [u8],
        stream: KeyStream<'a>,
        place: Vec<u8>,
    },
}

impl From<Result<Shared>> for Content<'_> {
    fn from(plain: Result<Shared>) -> Self {
        plain.map_or_else(Self::Unusable, Self::Plain)
    }
}

impl<'a> Content<'a> {
    /// The plaintext, as hash functions take it. When all pieces were taken, it is there.
    pub(super) fn message<'b>(&'b mut self) -> Message<Pieces<'b>>
    where
        'a: 'b,
    {
        let length = self.len();
        match self {
            Self::Unusable(_) => Pieces::Whole(&[]).of(length),
            Self::Plain(plain) => Pieces::Whole(plain).of(length),
            Self::Covered {
                ciphertext,
                stream,
                place,
            } => Pieces::Covered(Uncovering::new(ciphertext, stream.clone(), place, NONE.len())).of(length),
        }
    }

    /// How long the plaintext is.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Unusable(_) => 0,
            Self::Plain(plain) => plain.len(),
            Self::Covered { place, .. } => place.len() - NONE.len(),
        }
    }

    pub(super) fn into_plain(self) -> Result<Shared> {
        match self {
            Self::Unusable(error) => Err(error),
            Self::Plain(plain) => Ok(plain),
            Self::Covered { place, .. } => Ok(Shared::from(place).slice(NONE.len()..usize::MAX)),
        }
    }
}

/// The pieces of a plaintext.
pub(super) enum Pieces<'a> {
    Whole(&'a [u8]),
    Covered(Uncovering<'a>),
}

impl Pieces<'_> {
    fn of(self, length: usize) -> Message<Self> {
        Message { length, pieces: self }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        match self {
            Self::Whole(bytes) => Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty()),
            Self::Covered(pieces) => pieces.next(),
        }
    }
}
