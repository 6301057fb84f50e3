//! `Opener`: authenticates, decrypts, decompresses and verifies stored objects.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::IV;
use super::cipher::{Cipher, are_equal};
use super::content::{Content, Envelope};
use crate::compression::decompress;
use crate::errors::{Error, Result};
use crate::hashing::{IdHasher, Message};
use crate::memory::Shared;
use crate::parallel;
use crate::{Id, hex};

/// What objects that are opened together may unpack to. Who asks for them expects far less,
/// by what archives say of their chunks.
const MOST_TOGETHER: usize = 512 * 1024 * 1024;
/// Plaintexts that one core has at a time: enough to hash several at once.
const IN_HAND: usize = 16 * 1024 * 1024;
/// So many stored bytes are opened together, if that is enough objects to fill the lanes so many times.
const GROUP_BYTES: usize = 128 * 1024;
const GROUP_ROUNDS: usize = 3;

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
        let mut plains = self.open_on_this_thread(|| false, std::iter::once((stored, Name(id))), |plain| plain);
        // One for one.
        plains
            .pop()
            .unwrap_or_else(|| Err(Error::integrity(format!("{}: lost", Name(id)))))
    }

    /// The plaintexts of several objects, on several cores if there is enough to do. The first failure in order counts.
    pub fn open_many(&self, stored: &[&[u8]], ids: &[Id]) -> Result<Vec<Shared>> {
        self.open_within(MOST_TOGETHER, stored, ids, |plain| plain)
    }

    /// The sizes of the same plaintexts, which are not kept.
    pub fn measure(&self, stored: &[&[u8]], ids: &[Id]) -> Result<Vec<usize>> {
        self.open_within(MOST_TOGETHER, stored, ids, |plain| plain.len())
    }

    /// What `read` makes of each plaintext. More than `most_bytes` together are an error, and are not opened to the end: one
    /// object that unpacks to much may be asked for thousands of times, and nobody could interrupt that.
    fn open_within<T: Send>(
        &self,
        most_bytes: usize,
        stored: &[&[u8]],
        ids: &[Id],
        read: impl Fn(Shared) -> T + Sync,
    ) -> Result<Vec<T>> {
        let unpacked_bytes = AtomicUsize::new(0);
        let is_too_much = || unpacked_bytes.load(Ordering::Relaxed) > most_bytes;
        let opened = self.try_each_until(is_too_much, stored, ids, |_, plain| {
            unpacked_bytes.fetch_add(plain.len(), Ordering::Relaxed);
            (!is_too_much()).then(|| read(plain))
        })?;
        if is_too_much() {
            return Err(Error::integrity("objects unpack to much more than they should".to_owned()));
        }
        opened.into_iter().filter_map(Result::transpose).collect()
    }

    /// What `read` makes of each plaintext and its place. It is called on the core that opened the object,
    /// while it has it at hand.
    pub fn open_each<T: Send>(&self, stored: &[&[u8]], ids: &[Id], read: impl Fn(usize, Shared) -> T + Sync) -> Result<Vec<T>> {
        self.try_each(stored, ids, read)?.into_iter().collect()
    }

    /// The same, with a result for each object: what cannot be opened costs the others nothing.
    pub fn try_each<T: Send>(
        &self,
        stored: &[&[u8]],
        ids: &[Id],
        read: impl Fn(usize, Shared) -> T + Sync,
    ) -> Result<Vec<Result<T>>> {
        self.try_each_until(|| false, stored, ids, read)
    }

    /// The same; once it `is_enough` soon nothing more is opened, and there are fewer results.
    fn try_each_until<T: Send>(
        &self,
        is_enough: impl Fn() -> bool + Sync,
        stored: &[&[u8]],
        ids: &[Id],
        read: impl Fn(usize, Shared) -> T + Sync,
    ) -> Result<Vec<Result<T>>> {
        if stored.len() != ids.len() {
            return Err(Error::value(format!("{} objects with {} ids", stored.len(), ids.len())));
        }
        let open = |objects: &[(usize, &[u8], Name)]| -> Vec<Result<T>> {
            let groups = self.groups(objects).flat_map(|group| {
                let mut places = group.iter().map(|&(place, ..)| place);
                let named = group.iter().map(|&(_, object, name)| (object, name));
                self.open_on_this_thread(&is_enough, named, |plain| {
                    let place = places.next().unwrap_or_default(); // one for one
                    Ok(read(place, plain?))
                })
            });
            groups.collect()
        };
        let bytes = stored.iter().map(|object| object.len()).sum();
        let names = ids.iter().map(|id| Name(Some(id)));
        let objects = stored.iter().zip(names).enumerate();
        let objects: Vec<_> = objects.map(|(place, (&object, name))| (place, object, name)).collect();
        Ok(if parallel::is_worthwhile(stored.len(), bytes) {
            let shares = parallel::shares(objects, self.lanes(), |(_, object, _)| object.len());
            parallel::in_order(shares, open)
        } else {
            open(&objects)
        })
    }

    /// Runs of objects that together fit into the cache of a core, but enough of them to fill the lanes several times.
    fn groups<'a, 'b>(
        &self,
        objects: &'a [(usize, &'b [u8], Name<'b>)],
    ) -> impl Iterator<Item = &'a [(usize, &'b [u8], Name<'b>)]> {
        let least = GROUP_ROUNDS * self.lanes();
        let mut rest = objects;
        std::iter::from_fn(move || {
            let mut bytes = 0;
            let small = rest.iter().take_while(|(_, object, _)| {
                bytes += object.len();
                bytes <= GROUP_BYTES
            });
            let count = small.count().max(least);
            // What is left must fill the lanes, too.
            let (group, behind) = rest.split_at(if count + least > rest.len() { rest.len() } else { count });
            rest = behind;
            (!group.is_empty()).then_some(group)
        })
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
                let macs = keys.macs(std::iter::once(Message::whole(envelope.authenticated)));
                envelope.authenticate(&macs[0], name)?;
                let mut header: [u8; 2] = *envelope.authenticated[IV..].first_chunk().ok_or_else(too_short)?;
                keys.key_stream(envelope.iv).apply(&mut header);
                Ok(header)
            }
        }
    }

    /// Opens objects until it `is_enough`, hashing as many at a time as one core has lanes for, and hands each to `read`. Of
    /// what they unpack to, little more than `IN_HAND` is in memory at any time unless `read` keeps it.
    fn open_on_this_thread<'a, T>(
        &'a self,
        is_enough: impl Fn() -> bool,
        objects: impl Iterator<Item = (&'a [u8], Name<'a>)> + Clone + 'a,
        mut read: impl FnMut(Result<Shared>) -> T,
    ) -> Vec<T> {
        let mut opened = Vec::new();
        let mut names = objects.clone().map(|(_, name)| name);
        let mut contents = self.authenticate(objects);
        loop {
            let mut in_hand = Vec::new();
            let mut bytes = 0;
            while bytes < IN_HAND
                && !is_enough()
                && let Some(content) = contents.next()
            {
                bytes += content.len();
                in_hand.push(content);
            }
            if in_hand.is_empty() {
                return opened;
            }
            opened.extend(self.verify_all(in_hand, &mut names).map(&mut read));
        }
    }

    /// Plaintexts, those that are not what their names say being errors.
    fn verify_all<'a>(
        &self,
        mut contents: Vec<Content<'a>>,
        names: &mut impl Iterator<Item = Name<'a>>,
    ) -> impl Iterator<Item = Result<Shared>> {
        let messages = contents.iter_mut().map(Content::message);
        let computed: Vec<Option<Id>> = match &self.hasher {
            Some(hasher) => hasher.digest_messages(messages).into_iter().map(Some).collect(),
            None => messages.map(Message::take_all).map(|()| None).collect(),
        };
        contents
            .into_iter()
            .zip(computed)
            .zip(names)
            .map(|((content, computed), Name(id))| {
                let plain = content.into_plain()?;
                match (computed, id) {
                    (Some(computed), Some(id)) => verify(&computed, id).map(|()| plain),
                    _ => Ok(plain),
                }
            })
    }

    /// The contents of objects, authentic if they are encrypted; their ids were not looked at. One after the other.
    fn authenticate<'a>(
        &'a self,
        objects: impl Iterator<Item = (&'a [u8], Name<'a>)> + Clone + 'a,
    ) -> Box<dyn Iterator<Item = Content<'a>> + 'a> {
        let Cipher::AesCtr(keys) = &self.cipher else {
            let plains = objects.map(|(object, name)| {
                self.check_type(object, name)?;
                let plain = decompress(&object[1..]).map_err(|error| name.explain(error))?;
                Ok(Shared::from(plain))
            });
            return Box::new(plains.map(Content::from));
        };
        let envelopes: Vec<Result<Envelope>> = objects
            .clone()
            .map(|(object, name)| {
                self.check_type(object, name)?;
                Envelope::parse(object, name)
            })
            .collect();
        let messages = envelopes.iter().map(|envelope| {
            let authenticated = envelope.as_ref().map(|envelope| envelope.authenticated);
            Message::whole(authenticated.unwrap_or_default())
        });
        let macs = keys.macs(messages);
        let parts = envelopes.into_iter().zip(macs).zip(objects);
        let contents = parts.map(move |((envelope, mac), (_, name))| {
            let envelope = envelope?;
            envelope.authenticate(&mac, name)?;
            envelope.content(keys).map_err(|error| name.explain(error))
        });
        Box::new(contents.map(|content| content.unwrap_or_else(Content::Unusable)))
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

fn verify(computed: &Id, id: &Id) -> Result<()> {
    if are_equal(computed, id) {
        Ok(())
    } else {
        Err(Error::integrity(format!("{}: content does not match the id", Name(Some(id)))))
    }
}

/// An object in messages.
#[derive(Clone, Copy)]
pub(super) struct Name<'a>(Option<&'a Id>);

impl Name<'_> {
    pub(super) fn explain(self, error: Error) -> Error {
        match error {
            Error::Integrity(reason) => Error::integrity(format!("{self}: {reason}")),
            other => other,
        }
    }
}

impl std::fmt::Display for Name<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(id) => write!(formatter, "object {}", hex(id)),
            None => formatter.write_str("object"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::chunking::ChunkBatch;
    use crate::compression::Compressor;
    use crate::crypto::Sealer;

    /// Sizes differ so that objects are not worked on in their order.
    #[test]
    fn what_is_too_much_together_is_refused() {
        let hasher = IdHasher::new("sha256", &[]).unwrap();
        let chunks = ChunkBatch::of((0..40_u8).map(|byte| Shared::from(vec![byte; 100_000])).collect(), &hasher);
        let sealer = Sealer::new(2, Cipher::new("none", &[], &[]).unwrap(), Compressor::new("lz4").unwrap());
        let sealed = sealer.seal(&chunks, 0).unwrap();
        let objects: Vec<_> = (0..40).map(|index| sealed.object(index).unwrap().to_vec()).collect();
        let slices: Vec<&[u8]> = objects.iter().map(Vec::as_slice).collect();
        let opener = Opener::new(&[2], Cipher::new("none", &[], &[]).unwrap(), Some(hasher));
        let open = |most_bytes| opener.open_within(most_bytes, &slices, sealed.ids(), |plain| plain.len());
        assert_eq!(open(4_000_000).unwrap(), [100_000; 40]);
        assert!(open(3_999_999).unwrap_err().to_string().contains("much more"));
    }

    /// Few stored bytes, so all of it is on this thread.
    #[test]
    fn what_is_too_much_is_not_opened_to_the_end() {
        let blocks = IN_HAND / (128 * 1024); // of zeros, four bytes each
        let mut bomb = vec![2, 3, 0, 0x28, 0xb5, 0x2f, 0xfd, 0xe0];
        bomb.extend(IN_HAND.to_le_bytes());
        bomb.extend([2, 0, 0x10, 0].repeat(blocks));
        bomb.extend([1, 0, 0]);
        let opener = Opener::new(&[2], Cipher::new("none", &[], &[]).unwrap(), None);
        let opened = AtomicUsize::new(0);
        let results = opener.try_each_until(
            || opened.load(Ordering::Relaxed) >= 3,
            &[&bomb[..]; 50],
            &[[0; 32]; 50],
            |_, plain| (opened.fetch_add(1, Ordering::Relaxed), plain.len()),
        );
        let results: Vec<_> = results.unwrap().into_iter().map(Result::unwrap).collect();
        assert_eq!(results, [(0, IN_HAND), (1, IN_HAND), (2, IN_HAND)]);
    }

    #[test]
    fn the_first_failure_in_order_counts() {
        let hasher = IdHasher::new("blake2b", &[1; 128]).unwrap();
        let cipher = || Cipher::new("aes-ctr-blake2b", &[1; 32], &[2; 128]).unwrap();
        let buffers = (0..40_usize).map(|index| Shared::from(vec![index as u8; 1_000 * (1 + index * 7 % 40)]));
        let chunks = ChunkBatch::of(buffers.collect(), &hasher);
        let sealed = Sealer::new(5, cipher(), Compressor::new("none").unwrap())
            .seal(&chunks, 0)
            .unwrap();
        let mut objects: Vec<Vec<u8>> = (0..40).map(|index| sealed.object(index).unwrap().to_vec()).collect();
        let mut ids = sealed.ids().to_vec();
        let opener = Opener::new(&[5], cipher(), Some(hasher));
        let failure = |objects: &[Vec<u8>], ids: &[Id]| {
            let slices: Vec<&[u8]> = objects.iter().map(Vec::as_slice).collect();
            opener.open_many(&slices, ids).unwrap_err().to_string()
        };
        // From the last to the first, each of another kind.
        objects[31][5000] ^= 1;
        assert!(failure(&objects, &ids).contains("authentication failed"));
        ids[23][0] ^= 1;
        assert!(failure(&objects, &ids).contains("does not match the id"));
        objects[12].truncate(20);
        assert!(failure(&objects, &ids).contains("are no encrypted object"));
        objects[3][0] = 4;
        assert!(failure(&objects, &ids).contains("unsupported payload type"));
    }
}
