//! BLAKE2b-256 that has absorbed a key as ordinary input: the form of ids and MACs, which is not the keyed mode of BLAKE2b.
//!
//! Each state that saw the key is overwritten before its memory is given back.

use std::hint::black_box;

use blake2b_simd::{Params, State, many};

use crate::Id;

/// How many inputs one core hashes at the same time.
pub fn lanes() -> usize {
    many::degree()
}

/// A BLAKE2b-256 state after the key.
pub struct PrimedBlake2b(Wiped);

impl PrimedBlake2b {
    pub fn new(key: &[u8]) -> Self {
        let mut state = blank();
        state.update(key);
        Self(Wiped(state))
    }

    pub fn digest(&self, data: &[u8]) -> Id {
        self.digest_pieces(&[data])
    }

    /// The digest of all pieces end to end.
    pub fn digest_pieces(&self, pieces: &[&[u8]]) -> Id {
        let mut running = self.start();
        for piece in pieces {
            running.update(piece);
        }
        running.finish()
    }

    /// The digests of several inputs, as many at a time as the processor has lanes for.
    pub fn digest_many(&self, inputs: &[&[u8]]) -> Vec<Id> {
        let mut running: Vec<Running> = inputs.iter().map(|_| self.start()).collect();
        many::update_many(running.iter_mut().map(|one| &mut one.0.0).zip(inputs));
        running.iter().map(Running::finish).collect()
    }

    /// A computation of its own that begins after the key.
    pub fn start(&self) -> Running {
        Running(Wiped(self.0.0.clone()))
    }
}

/// A digest being computed.
pub struct Running(Wiped);

impl Running {
    pub fn update(&mut self, data: &[u8]) {
        self.0.0.update(data);
    }

    pub fn finish(&self) -> Id {
        let hash = self.0.0.finalize();
        let mut id = Id::default();
        id.copy_from_slice(hash.as_bytes());
        id
    }
}

struct Wiped(State);

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0 = blank();
        // Without this the compiler may leave out a store that nobody reads.
        black_box(&self.0);
    }
}

fn blank() -> State {
    Params::new().hash_length(32).to_state()
}
