//! Consecutive messages of a kind there is much of. What is not exactly of that form is another message, whatever it means.

use std::collections::HashSet;
use std::ops::Range;

use super::MAX_NUMBER;
use crate::crypto::SealedBatch;
use crate::memory::Shared;
use crate::segments::MAX_DATA;
use crate::{Id, MANIFEST};

/// One or several messages, numbered consecutively from `first`.
pub enum Run {
    /// Requests to store objects: their ids are distinct, none is the manifest's, none is empty or too large to be stored.
    Puts {
        first: u64,
        batch: SealedBatch,
    },
    /// Requests for objects.
    Gets {
        first: u64,
        ids: Vec<Id>,
    },
    /// Results without a value.
    Acknowledged {
        first: u64,
        count: u64,
    },
    /// Results that are raw values.
    Objects {
        first: u64,
        objects: Vec<Shared>,
    },
    Other(Shared),
}

/// What a client sent, in runs.
pub fn group_requests(messages: Vec<Shared>) -> Vec<Run> {
    group(messages, parse_request)
}

/// What a server sent, in runs.
pub fn group_replies(messages: Vec<Shared>) -> Vec<Run> {
    group(messages, parse_reply)
}

/// What a message says, if it is one that is handled in bulk; ranges are parts of it.
enum Known {
    Put(Id, Range<usize>),
    Get(Id),
    Acknowledged,
    Object(Range<usize>),
}

type Parse = fn(&[u8]) -> Option<(u64, Known)>;

fn group(messages: Vec<Shared>, parse: Parse) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut growing = Growing::default();
    for message in messages {
        match parse(&message) {
            Some((number, known)) => {
                if !growing.fits(number, &known) {
                    runs.extend(std::mem::take(&mut growing).finish());
                }
                growing.add(number, known, message);
            }
            None => {
                runs.extend(std::mem::take(&mut growing).finish());
                runs.push(Run::Other(message));
            }
        }
    }
    runs.extend(growing.finish());
    runs
}

/// A run that may go on.
#[derive(Default)]
struct Growing {
    first: u64,
    parts: Vec<(Known, Shared)>,
    stored: HashSet<Id>,
}

impl Growing {
    fn fits(&self, number: u64, known: &Known) -> bool {
        let Some((last, _)) = self.parts.last() else {
            return true;
        };
        number == self.first + self.parts.len() as u64
            && match (last, known) {
                (Known::Put(..), Known::Put(id, _)) => !self.stored.contains(id),
                (before, after) => std::mem::discriminant(before) == std::mem::discriminant(after),
            }
    }

    fn add(&mut self, number: u64, known: Known, message: Shared) {
        if self.parts.is_empty() {
            self.first = number;
        }
        if let Known::Put(id, _) = known {
            self.stored.insert(id);
        }
        self.parts.push((known, message));
    }

    fn finish(self) -> Option<Run> {
        let first = self.first;
        let run = match &self.parts.first()?.0 {
            Known::Put(..) => {
                let objects = self.parts.iter().filter_map(|(known, message)| match known {
                    Known::Put(id, range) => Some((*id, &message[range.clone()])),
                    _ => None,
                });
                let batch = SealedBatch::of_objects(objects);
                Run::Puts { first, batch }
            }
            Known::Get(_) => {
                let ids = self.parts.iter().filter_map(|(known, _)| match known {
                    Known::Get(id) => Some(*id),
                    _ => None,
                });
                Run::Gets {
                    first,
                    ids: ids.collect(),
                }
            }
            Known::Acknowledged => Run::Acknowledged {
                first,
                count: self.parts.len() as u64,
            },
            Known::Object(_) => {
                let objects = self.parts.into_iter().filter_map(|(known, message)| match known {
                    Known::Object(range) => Some(message.slice(range)),
                    _ => None,
                });
                Run::Objects {
                    first,
                    objects: objects.collect(),
                }
            }
        };
        Some(run)
    }
}

fn parse_request(message: &[u8]) -> Option<(u64, Known)> {
    let mut reader = Reader { message, at: 0 };
    reader.expect(b"\x83\xa1i")?;
    let number = reader.number()?;
    reader.expect(b"\xa1m")?;
    let method = reader.raw()?;
    let is_put = match &message[method] {
        b"put" => true,
        b"get" => false,
        _ => return None,
    };
    reader.expect(b"\xa1a")?;
    let (mut id, mut data) = (None, None);
    for _ in 0..reader.short_map()? {
        let name = reader.raw()?;
        match &message[name] {
            b"id" if id.is_none() => id = Some(Id::try_from(&message[reader.raw()?]).ok()?),
            b"data" if is_put && data.is_none() => data = Some(reader.raw()?),
            b"wait" => reader.flag()?,
            _ => return None,
        }
    }
    let id = id?;
    let known = if is_put {
        let data = data?;
        if id == MANIFEST || data.is_empty() || data.len() > MAX_DATA {
            return None;
        }
        Known::Put(id, data)
    } else {
        Known::Get(id)
    };
    reader.end(number, known)
}

fn parse_reply(message: &[u8]) -> Option<(u64, Known)> {
    let mut reader = Reader { message, at: 0 };
    reader.expect(b"\x82\xa1i")?;
    let number = reader.number()?;
    reader.expect(b"\xa1r")?;
    let known = match reader.expect(b"\xc0") {
        Some(()) => Known::Acknowledged,
        None => Known::Object(reader.raw()?),
    };
    reader.end(number, known)
}

/// Goes through a message that is well formed.
struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn expect(&mut self, bytes: &[u8]) -> Option<()> {
        self.message
            .get(self.at..)?
            .starts_with(bytes)
            .then(|| self.at += bytes.len())
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.message.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// An unsigned number in so many bytes.
    fn big_endian(&mut self, bytes: usize) -> Option<u64> {
        (0..bytes).try_fold(0, |number, _| Some(number << 8 | u64::from(self.byte()?)))
    }

    fn number(&mut self) -> Option<u64> {
        match self.byte()? {
            small @ 0..=0x7f => Some(u64::from(small)),
            kind @ 0xcc..=0xcf => self.big_endian(1 << (kind - 0xcc)),
            _ => None,
        }
    }

    fn raw(&mut self) -> Option<Range<usize>> {
        let length = match self.byte()? {
            kind @ 0xa0..=0xbf => u64::from(kind & 0x1f),
            kind @ 0xd9..=0xdb => self.big_endian(1 << (kind - 0xd9))?,
            _ => return None,
        };
        let start = self.at;
        self.at = start.checked_add(usize::try_from(length).ok()?)?;
        (self.at <= self.message.len()).then_some(start..self.at)
    }

    fn short_map(&mut self) -> Option<u8> {
        match self.byte()? {
            kind @ 0x80..=0x8f => Some(kind & 0x0f),
            _ => None,
        }
    }

    fn flag(&mut self) -> Option<()> {
        matches!(self.byte()?, 0xc2 | 0xc3).then_some(())
    }

    fn end(&self, number: u64, known: Known) -> Option<(u64, Known)> {
        (self.at == self.message.len() && number <= MAX_NUMBER).then_some((number, known))
    }
}
