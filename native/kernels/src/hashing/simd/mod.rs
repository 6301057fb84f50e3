//! Several computations at a time on one core, with the instructions that the processor turns out to have.

pub mod blake2b;
pub mod sha256;
