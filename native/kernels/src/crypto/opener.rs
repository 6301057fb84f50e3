//! `Opener`: authenticates, decrypts, decompresses and verifies stored objects.

use rayon::prelude::*;

use super::cipher::{Cipher, Keys, are_equal};
use super::{IV, MAC};
use crate::Id;
use crate::compression::{decompress, decompress_shared};
use crate::errors::{Error, Result};
use crate::hashing::IdHasher;
use crate::memory::{self, Shared};
use crate::parallel;

/// Opens stored objects. Immutable.
pub struct Opener {
    type_bytes: Vec<u8>,
    cipher: Cipher,
    hasher: Option<IdHasher>,
}

impl Opener {
    /// `type_bytes` are the envelope types that are accepted; without a hasher ids are not verified.
    pub fn new(type_bytes: &[u8], cipher: Cipher, hasher: Option<IdHasher>) -> Self {
        Self {
            type_bytes: type_bytes.to_vec(),
            cipher,
            hasher,
        }
    }

    /// The plaintext of one object. Without `id` the plaintext is not compared with one.
    pub fn open(&self, stored: &[u8], id: Option<&Id>) -> Result<Shared> {
        let name = Name(id);
        self.check_type(stored, name)?;
        let plain = match &self.cipher {
            Cipher::None => decompress(&stored[1..]).map(Shared::from),
            Cipher::AesCtr(keys) => {
                let envelope = Envelope::parse(stored, name)?;
                envelope.authenticate(&keys.macs(&[envelope.authenticated])[0], name)?;
                envelope.decrypt(keys)
            }
        };
        let plain = plain.map_err(|error| name.explain(error))?;
        if let (Some(hasher), Some(id)) = (&self.hasher, id) {
            verify(&hasher.digest(&plain), id)?;
        }
        Ok(plain)
    }

    /// The plaintexts of several objects, on several cores if there is enough to do. The first failure in order counts.
    pub fn open_many(&self, stored: &[&[u8]], ids: &[Id]) -> Result<Vec<Shared>> {
        self.open_each(stored, ids, |_, plain| plain)
    }

    /// What `read` makes of each plaintext and its place. It is called on the core that opened the object, while it has it at hand.
    pub fn open_each<T: Send>(&self, stored: &[&[u8]], ids: &[Id], read: impl Fn(usize, Shared) -> T + Sync) -> Result<Vec<T>> {
        if stored.len() != ids.len() {
            return Err(Error::value(format!("{} objects with {} ids", stored.len(), ids.len())));
        }
        let open = |first: usize, stored: &[&[u8]], ids: &[Id]| -> Result<Vec<T>> {
            let plains = self.open_group(stored, ids)?.into_iter().enumerate();
            Ok(plains.map(|(place, plain)| read(first + place, plain)).collect())
        };
        let bytes = stored.iter().map(|object| object.len()).sum();
        let group = parallel::group_size(stored.len(), self.lanes());
        let groups: Vec<Result<Vec<T>>> = if parallel::is_worthwhile(stored.len(), bytes) {
            let groups = stored.par_chunks(group).zip(ids.par_chunks(group)).enumerate();
            groups
                .map(|(number, (stored, ids))| open(number * group, stored, ids))
                .collect()
        } else {
            vec![open(0, stored, ids)]
        };
        let mut results = Vec::with_capacity(stored.len());
        for group in groups {
            results.extend(group?);
        }
        Ok(results)
    }

    /// The first bytes of a compressed chunk, which tell its method, from an object that was found authentic.
    pub(super) fn compression_header(&self, stored: &[u8], id: &Id) -> Result<[u8; 2]> {
        let name = Name(Some(id));
        self.check_type(stored, name)?;
        let too_short = || Error::integrity(format!("{name}: too short for a compression header"));
        match &self.cipher {
            Cipher::None => stored[1..].first_chunk().copied().ok_or_else(too_short),
            Cipher::AesCtr(keys) => {
                let envelope = Envelope::parse(stored, name)?;
                envelope.authenticate(&keys.macs(&[envelope.authenticated])[0], name)?;
                let ciphertext: &[u8; 2] = envelope.authenticated[IV..].first_chunk().ok_or_else(too_short)?;
                let mut header = [0; 2];
                keys.key_stream(envelope.iv).apply(ciphertext, &mut header)?;
                Ok(header)
            }
        }
    }

    /// Opens objects on this thread, hashing as many at a time as it has lanes for.
    fn open_group(&self, stored: &[&[u8]], ids: &[Id]) -> Result<Vec<Shared>> {
        if self.lanes() == 1 {
            return stored
                .iter()
                .zip(ids)
                .map(|(object, id)| self.open(object, Some(id)))
                .collect();
        }
        let objects = stored.iter().copied().zip(ids.iter().map(|id| Name(Some(id))));
        let plains: Vec<Shared> = match &self.cipher {
            Cipher::None => objects
                .map(|(object, name)| {
                    self.check_type(object, name)?;
                    decompress(&object[1..])
                        .map(Shared::from)
                        .map_err(|error| name.explain(error))
                })
                .collect::<Result<_>>()?,
            Cipher::AesCtr(keys) => {
                let envelopes: Vec<Envelope> = objects
                    .map(|(object, name)| {
                        self.check_type(object, name)?;
                        Envelope::parse(object, name)
                    })
                    .collect::<Result<_>>()?;
                let messages: Vec<&[u8]> = envelopes.iter().map(|envelope| envelope.authenticated).collect();
                let macs = keys.macs(&messages);
                envelopes
                    .iter()
                    .zip(macs)
                    .zip(ids)
                    .map(|((envelope, mac), id)| {
                        let name = Name(Some(id));
                        envelope.authenticate(&mac, name)?;
                        envelope.decrypt(keys).map_err(|error| name.explain(error))
                    })
                    .collect::<Result<_>>()?
            }
        };
        if let Some(hasher) = &self.hasher {
            let slices: Vec<&[u8]> = plains.iter().map(|plain| &**plain).collect();
            for (computed, id) in hasher.digest_on_this_thread(&slices).iter().zip(ids) {
                verify(computed, id)?;
            }
        }
        Ok(plains)
    }

    fn check_type(&self, stored: &[u8], name: Name) -> Result<()> {
        match stored.first() {
            None => Err(Error::integrity(format!("{name}: empty object"))),
            Some(byte) if self.type_bytes.contains(byte) => Ok(()),
            Some(byte) => Err(Error::integrity(format!("{name}: unsupported payload type {byte:#04x}"))),
        }
    }

    fn lanes(&self) -> usize {
        let of_mac = match &self.cipher {
            Cipher::None => 1,
            Cipher::AesCtr(keys) => keys.lanes(),
        };
        of_mac.max(self.hasher.as_ref().map_or(1, IdHasher::lanes))
    }
}

/// The parts of an encrypted object.
struct Envelope<'a> {
    mac: &'a [u8; MAC],
    iv: u64,
    /// iv and ciphertext.
    authenticated: &'a [u8],
}

impl<'a> Envelope<'a> {
    fn parse(stored: &'a [u8], name: Name) -> Result<Self> {
        let parts = || {
            let (mac, authenticated) = stored.get(1..)?.split_first_chunk()?;
            let iv = u64::from_be_bytes(*authenticated.first_chunk()?);
            Some(Self { mac, iv, authenticated })
        };
        parts().ok_or_else(|| Error::integrity(format!("{name}: {} bytes are no encrypted object", stored.len())))
    }

    fn authenticate(&self, computed: &[u8; MAC], name: Name) -> Result<()> {
        if are_equal(self.mac, computed) {
            Ok(())
        } else {
            Err(Error::integrity(format!("{name}: authentication failed")))
        }
    }

    fn decrypt(&self, keys: &Keys) -> Result<Shared> {
        let ciphertext = &self.authenticated[IV..];
        let mut payload = memory::scratch_buffer(ciphertext.len());
        keys.key_stream(self.iv).apply(ciphertext, &mut payload)?;
        decompress_shared(&Shared::from(payload))
    }
}

fn verify(computed: &Id, id: &Id) -> Result<()> {
    if are_equal(computed, id) {
        Ok(())
    } else {
        Err(Error::integrity(format!("{}: content does not match the id", Name(Some(id)))))
    }
}

/// An object in messages.
#[derive(Clone, Copy)]
struct Name<'a>(Option<&'a Id>);

impl Name<'_> {
    fn explain(self, error: Error) -> Error {
        match error {
            Error::Integrity(reason) => Error::integrity(format!("{self}: {reason}")),
            other => other,
        }
    }
}

impl std::fmt::Display for Name<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(id) = self.0 else {
            return formatter.write_str("object");
        };
        formatter.write_str("object ")?;
        id.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}
