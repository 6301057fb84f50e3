//! The stream of messages between a client and a server: cutting it, and handling in bulk what there is much of.
//!
//! ```text
//! request  {"i": number, "m": method, "a": {name: value}}
//! result   {"i": number, "r": value}
//! ```
//!
//! Puts and gets, and what comes of them, are understood here and come out in runs of consecutive numbers. All other messages
//! are passed on as they are. The peer may be hostile: memory is bounded by the limits,
//! and nothing is built of what is malformed.

mod encode;
mod framer;
mod runs;

pub use encode::{encode_acknowledgements, encode_calls, encode_objects, encode_puts};
pub use framer::{Framer, Limits};
pub use runs::{Run, group_replies, group_requests};

/// Numbers of messages are those that fit into 63 bits.
const MAX_NUMBER: u64 = i64::MAX as u64;
