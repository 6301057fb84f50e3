//! Where messages end. Every byte is looked at once, however the stream was cut, and long values are skipped.

use crate::errors::{Error, Result};
use crate::memory::{self, Shared};

/// A value that is on its way may reserve that much, whatever it claims to be.
const RESERVED_BYTES: usize = 4 << 20;

/// What a message may be made of.
pub struct Limits {
    /// Bytes of a message.
    pub message: usize,
    /// Elements of an array.
    pub array: u32,
    /// Entries of a map.
    pub map: u32,
    /// Arrays and maps in a message: empty ones take one byte here and sixty in Python.
    pub containers: usize,
}

/// Cuts a stream of msgpack objects in Borg's dialect. After what is malformed it takes nothing more.
pub struct Framer {
    limits: Limits,
    scan: Scan,
    /// The beginning of a message.
    pending: Vec<u8>,
    complete: Vec<Shared>,
    failure: Option<String>,
}

impl Framer {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            scan: Scan::default(),
            pending: Vec::new(),
            complete: Vec::new(),
            failure: None,
        }
    }

    /// Takes the next bytes of the stream.
    pub fn feed(&mut self, data: &Shared) {
        let mut start = 0;
        while start < data.len() && self.failure.is_none() {
            match self.scan.advance(&data[start..], &self.limits) {
                Ok(Some(length)) => {
                    let message = self.take(data, start, start + length);
                    self.complete.push(message);
                    start += length;
                }
                Ok(None) => {
                    let to_come = self.scan.skip.min(RESERVED_BYTES);
                    if self.pending.is_empty() {
                        self.pending = memory::buffer(data.len() - start + to_come);
                    }
                    self.pending.extend_from_slice(&data[start..]);
                    self.pending.reserve(to_come);
                    return;
                }
                Err(reason) => self.failure = Some(reason),
            }
        }
    }

    fn take(&mut self, data: &Shared, start: usize, stop: usize) -> Shared {
        if self.pending.is_empty() {
            return data.slice(start..stop);
        }
        let mut message = std::mem::take(&mut self.pending);
        message.extend_from_slice(&data[start..stop]);
        Shared::from(message)
    }

    /// The messages that are complete and were not taken yet. The error for what is malformed comes once there are none.
    pub fn messages(&mut self) -> Result<Vec<Shared>> {
        match &self.failure {
            Some(reason) if self.complete.is_empty() => Err(Error::value(reason.clone())),
            _ => Ok(std::mem::take(&mut self.complete)),
        }
    }

    /// How much there is of a message that is not complete.
    pub fn pending_bytes(&self) -> usize {
        self.pending.len()
    }
}

/// The place within a message.
#[derive(Default)]
struct Scan {
    /// How many values the arrays and maps around still lack, the innermost last.
    open: Vec<u64>,
    containers: usize,
    /// Bytes that are left of the current value.
    skip: usize,
    /// The beginning of a value: its type, and up to four bytes that say how long it is.
    head: [u8; 5],
    have: usize,
    /// Bytes of the message so far.
    seen: usize,
}

enum Value {
    /// So many bytes follow.
    Plain(usize),
    Array(u32),
    Map(u32),
}

impl Scan {
    /// Goes through `bytes`; where the message ends if it does.
    fn advance(&mut self, bytes: &[u8], limits: &Limits) -> std::result::Result<Option<usize>, String> {
        let mut at = 0;
        loop {
            if self.skip > 0 {
                let length = self.skip.min(bytes.len() - at);
                at += length;
                self.seen += length;
                self.skip -= length;
                if self.skip > 0 {
                    return Ok(None);
                }
                if self.end_value() {
                    return Ok(Some(at));
                }
            }
            if !self.read_head(bytes, &mut at) {
                return Ok(None);
            }
            match parse_head(&self.head)? {
                Value::Plain(length) => {
                    self.skip = length;
                    self.check_size(limits)?;
                    if length == 0 && self.end_value() {
                        return Ok(Some(at));
                    }
                }
                Value::Array(count) => {
                    if count > limits.array {
                        return Err(format!("an array of {count} elements"));
                    }
                    if self.begin_container(u64::from(count), limits)? {
                        return Ok(Some(at));
                    }
                }
                Value::Map(count) => {
                    if count > limits.map {
                        return Err(format!("a map of {count} entries"));
                    }
                    if self.begin_container(2 * u64::from(count), limits)? {
                        return Ok(Some(at));
                    }
                }
            }
        }
    }

    /// Whether the head is complete.
    fn read_head(&mut self, bytes: &[u8], at: &mut usize) -> bool {
        loop {
            if self.have > 0 && self.have > length_bytes(self.head[0]) {
                self.have = 0;
                return true;
            }
            let Some(&byte) = bytes.get(*at) else {
                return false;
            };
            self.head[self.have] = byte;
            self.have += 1;
            self.seen += 1;
            *at += 1;
        }
    }

    fn check_size(&self, limits: &Limits) -> std::result::Result<(), String> {
        if self.seen.saturating_add(self.skip) > limits.message {
            return Err(format!("a message of more than {} bytes", limits.message));
        }
        Ok(())
    }

    fn begin_container(&mut self, values: u64, limits: &Limits) -> std::result::Result<bool, String> {
        self.check_size(limits)?;
        self.containers += 1;
        if self.containers > limits.containers {
            return Err(format!("a message of more than {} maps and arrays", limits.containers));
        }
        if values == 0 {
            return Ok(self.end_value());
        }
        self.open.push(values);
        Ok(false)
    }

    /// Ends a value, and the containers that are complete with it. Whether the message is.
    fn end_value(&mut self) -> bool {
        while let Some(left) = self.open.last_mut() {
            *left -= 1;
            if *left > 0 {
                return false;
            }
            self.open.pop();
        }
        self.containers = 0;
        self.seen = 0;
        true
    }
}

/// How many bytes behind the type belong to the head.
fn length_bytes(kind: u8) -> usize {
    match kind {
        0xd9 => 1,
        0xda | 0xdc | 0xde => 2,
        0xdb | 0xdd | 0xdf => 4,
        _ => 0,
    }
}

fn parse_head(head: &[u8; 5]) -> std::result::Result<Value, String> {
    let [kind, a, b, c, d] = *head;
    let short = u16::from_be_bytes([a, b]);
    let long = u32::from_be_bytes([a, b, c, d]);
    Ok(match kind {
        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => Value::Plain(0),
        0x80..=0x8f => Value::Map(u32::from(kind & 0x0f)),
        0x90..=0x9f => Value::Array(u32::from(kind & 0x0f)),
        0xa0..=0xbf => Value::Plain(usize::from(kind & 0x1f)),
        0xcc | 0xd0 => Value::Plain(1),
        0xcd | 0xd1 => Value::Plain(2),
        0xca | 0xce | 0xd2 => Value::Plain(4),
        0xcb | 0xcf | 0xd3 => Value::Plain(8),
        0xd9 => Value::Plain(usize::from(a)),
        0xda => Value::Plain(usize::from(short)),
        0xdb => Value::Plain(long as usize),
        0xdc => Value::Array(u32::from(short)),
        0xdd => Value::Array(long),
        0xde => Value::Map(u32::from(short)),
        0xdf => Value::Map(long),
        0xc1 | 0xc4..=0xc9 | 0xd4..=0xd8 => return Err(format!("a value of type {kind:#04x}")),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn framer() -> Framer {
        Framer::new(Limits {
            message: 1000,
            array: 20,
            map: 10,
            containers: 5,
        })
    }

    fn feed(framer: &mut Framer, bytes: &[u8]) {
        framer.feed(&Shared::from(bytes.to_vec()));
    }

    #[test]
    fn messages_come_out_whole_however_the_stream_was_cut() {
        let stream: &[&[u8]] = &[
            b"\x01",
            b"\x82\xa1i\xcd\x01\x00\xa1r\xc0",
            b"\x90",
            b"\xda\x00\x03abc",
            b"\x92\x91\xc3\x80",
        ];
        let whole: Vec<u8> = stream.concat();
        for step in 1..whole.len() {
            let mut framer = framer();
            let mut found = Vec::new();
            for piece in whole.chunks(step) {
                feed(&mut framer, piece);
                found.extend(framer.messages().unwrap());
            }
            assert_eq!(found.iter().map(|message| &message[..]).collect::<Vec<_>>(), stream);
            assert_eq!(framer.pending_bytes(), 0);
        }
    }

    #[test]
    fn what_is_malformed_comes_after_what_was_complete() {
        for malformed in [
            &b"\xc1"[..],
            b"\xc4\x00",
            b"\xdd\x00\x00\x00\x15",
            b"\xdb\x00\x00\x04\x00",
            b"\x91\x91\x91\x91\x91\x91",
        ] {
            let mut framer = framer();
            feed(&mut framer, b"\x07");
            feed(&mut framer, malformed);
            assert_eq!(&framer.messages().unwrap()[0][..], b"\x07");
            assert!(framer.messages().is_err());
            feed(&mut framer, b"\x07");
            assert!(framer.messages().is_err());
        }
    }

    #[test]
    fn a_message_that_never_ends_is_given_up() {
        let mut framer = framer();
        feed(&mut framer, b"\xdc\x00\x14");
        let part = [&b"\xda\x00\x6c"[..], &[0; 108]].concat();
        for _ in 0..8 {
            feed(&mut framer, &part);
            assert!(framer.messages().unwrap().is_empty());
        }
        feed(&mut framer, &part);
        assert!(framer.messages().is_err());
    }
}
