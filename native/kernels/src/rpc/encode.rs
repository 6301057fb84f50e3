//! Many messages at once, encoded as Borg does it: the shortest form of numbers, raw values without eight bit lengths.

use super::MAX_NUMBER;
use crate::Id;
use crate::crypto::SealedBatch;
use crate::errors::{Error, Result};
use crate::memory::{self, Shared};
use crate::msgpack::{write_raw, write_raw_header, write_uint};

/// Objects from this size on are passed on instead of being copied.
const KEPT_BYTES: usize = 16 << 10;
/// The most that all but the values of a message takes.
const FRAME_BYTES: usize = 96;

/// A call of `method` for each id, numbered from `first`.
pub fn encode_calls(method: &[u8], first: u64, ids: &[Id]) -> Result<Shared> {
    check_numbers(first, ids.len())?;
    let mut messages = memory::buffer(ids.len() * (FRAME_BYTES + method.len()));
    for (number, id) in (first..).zip(ids) {
        begin_request(&mut messages, number, method, 1);
        put_id(&mut messages, id);
    }
    Ok(Shared::from(messages))
}

/// A put for each object of the batch from `start` to `stop`, numbered from `first`.
pub fn encode_puts(first: u64, batch: &SealedBatch, start: usize, stop: usize) -> Result<Shared> {
    let stop = stop.min(batch.len());
    let start = start.min(stop);
    check_numbers(first, stop - start)?;
    let bytes: usize = batch.entries(start, stop).iter().map(|piece| piece.len()).sum();
    let mut messages = memory::buffer(bytes + (stop - start) * FRAME_BYTES);
    for (number, at) in (first..).zip(start..stop) {
        let object = batch.object(at).ok_or_else(|| Error::value(format!("no object {at}")))?;
        begin_request(&mut messages, number, b"put", 2);
        put_id(&mut messages, &batch.ids()[at]);
        write_raw(&mut messages, b"data");
        write_raw(&mut messages, &object);
    }
    Ok(Shared::from(messages))
}

/// Results without a value, numbered from `first`.
pub fn encode_acknowledgements(first: u64, count: usize) -> Result<Shared> {
    check_numbers(first, count)?;
    let mut messages = memory::buffer(count * FRAME_BYTES);
    for number in (first..).take(count) {
        begin_result(&mut messages, number);
        messages.push(0xc0);
    }
    Ok(Shared::from(messages))
}

/// Results that are objects, numbered from `first`, as pieces to be sent one behind the other.
pub fn encode_objects(first: u64, objects: &[Shared]) -> Result<Vec<Shared>> {
    check_numbers(first, objects.len())?;
    let mut pieces = Vec::new();
    let mut messages = Vec::new();
    for (number, object) in (first..).zip(objects) {
        begin_result(&mut messages, number);
        write_raw_header(&mut messages, object.len());
        if object.len() < KEPT_BYTES {
            messages.extend_from_slice(object);
        } else {
            pieces.push(Shared::from(std::mem::take(&mut messages)));
            pieces.push(object.clone());
        }
    }
    if !messages.is_empty() {
        pieces.push(Shared::from(messages));
    }
    Ok(pieces)
}

fn check_numbers(first: u64, count: usize) -> Result<()> {
    match first.checked_add(count as u64) {
        Some(end) if end <= MAX_NUMBER => Ok(()),
        _ => Err(Error::value(format!("no {count} numbers from {first} on"))),
    }
}

fn begin_request(messages: &mut Vec<u8>, number: u64, method: &[u8], arguments: u8) {
    messages.extend_from_slice(b"\x83\xa1i");
    write_uint(messages, number);
    messages.extend_from_slice(b"\xa1m");
    write_raw(messages, method);
    messages.extend_from_slice(b"\xa1a");
    messages.push(0x80 | arguments);
}

fn begin_result(messages: &mut Vec<u8>, number: u64) {
    messages.extend_from_slice(b"\x82\xa1i");
    write_uint(messages, number);
    messages.extend_from_slice(b"\xa1r");
}

fn put_id(messages: &mut Vec<u8>, id: &Id) {
    messages.extend_from_slice(b"\xa2id");
    write_raw(messages, id);
}
