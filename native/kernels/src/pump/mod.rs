//! A pump moves bytes between memory and the two pipes of a child, in a thread of its own: neither the child nor whoever talks
//! with it waits while the other is busy.
//!
//! It knows nothing of what it moves. What waits in either direction is bounded; who is full is not served until there is room.

mod bell;
mod worker;

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use rustix::io::Errno;

use crate::errors::Result;
use crate::locks::lock;
use crate::memory::{self, Shared};
use bell::{new_bell, ring, silence};
use worker::Worker;

/// A block with less in it than this part is handed over as a copy: whoever keeps some of it keeps all of it.
const MOSTLY_EMPTY: usize = 4;

/// The side of whoever talks with the child. Thread-safe.
pub struct Pump {
    state: Arc<State>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Readable when there is something new to look at.
    bell: UnixStream,
}

struct State {
    moving: Mutex<Moving>,
    /// To wake the thread.
    call: UnixStream,
    send_capacity: usize,
    receive_capacity: usize,
}

#[derive(Default)]
struct Moving {
    to_send: VecDeque<Shared>,
    to_send_bytes: usize,
    received: VecDeque<Vec<u8>>,
    received_bytes: usize,
    is_broken: bool,
    has_ended: bool,
    /// Nothing more is to be sent, and what waits is forgotten.
    stops_sending: bool,
    is_over: bool,
}

/// What can be done without waiting.
pub struct Ready {
    pub to_send: bool,
    pub to_receive: bool,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Moving> {
        lock(&self.moving)
    }
}

impl Pump {
    /// Starts to move bytes. Both pipes must not block; they are duplicated, and stay open until the pump is told to stop.
    pub fn start(
        to_child: BorrowedFd<'_>,
        from_child: BorrowedFd<'_>,
        send_capacity: usize,
        receive_capacity: usize,
    ) -> Result<Self> {
        let (call, called) = new_bell()?;
        let (ringer, bell) = new_bell()?;
        let state = Arc::new(State {
            moving: Mutex::new(Moving::default()),
            call,
            send_capacity,
            receive_capacity,
        });
        let worker = Worker {
            state: Arc::clone(&state),
            to_child: Some(to_child.try_clone_to_owned()?),
            from_child: from_child.try_clone_to_owned()?,
            called,
            ringer,
        };
        let thread = thread::Builder::new().name("pump".into()).spawn(move || worker.run())?;
        Ok(Self {
            state,
            thread: Mutex::new(Some(thread)),
            bell,
        })
    }

    /// What becomes readable when `ready` may answer something else than before.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    pub fn ready(&self) -> Ready {
        silence(&self.bell);
        let moving = self.state.lock();
        Ready {
            to_send: moving.is_broken || moving.to_send_bytes < self.state.send_capacity,
            to_receive: moving.has_ended || moving.received_bytes > 0,
        }
    }

    /// Takes the pieces to be sent, as many as there is room for; how many bytes these are.
    /// `BrokenPipe` once nobody reads them.
    pub fn send(&self, pieces: Vec<Shared>) -> Result<usize> {
        let mut moving = self.state.lock();
        if moving.is_broken || moving.stops_sending {
            return Err(io::Error::from(Errno::PIPE).into());
        }
        let mut taken = 0;
        for piece in pieces {
            if moving.to_send_bytes >= self.state.send_capacity {
                break;
            }
            taken += piece.len();
            moving.to_send_bytes += piece.len();
            moving.to_send.push_back(piece);
        }
        drop(moving);
        ring(&self.state.call);
        Ok(taken)
    }

    /// How much waits to be sent.
    pub fn unsent_bytes(&self) -> usize {
        self.state.lock().to_send_bytes
    }

    /// Some of what was received, `None` if nothing was; empty once nothing will be any more.
    pub fn receive(&self) -> Option<Shared> {
        let mut moving = self.state.lock();
        let Some(block) = moving.received.pop_front() else {
            return moving.has_ended.then(|| Shared::from(Vec::new()));
        };
        let was_full = moving.received_bytes >= self.state.receive_capacity;
        moving.received_bytes -= block.len();
        let has_room = moving.received_bytes < self.state.receive_capacity;
        drop(moving);
        if was_full && has_room {
            ring(&self.state.call);
        }
        if block.len() < block.capacity() / MOSTLY_EMPTY {
            let copy = memory::copy(&block);
            memory::recycle(block);
            return Some(Shared::from(copy));
        }
        Some(Shared::from(block))
    }

    /// Closes the pipe to the child; what was not sent is forgotten.
    pub fn stop_sending(&self) {
        self.state.lock().stops_sending = true;
        ring(&self.state.call);
    }

    /// Ends the thread and lets go of both pipes.
    pub fn stop(&self) {
        self.state.lock().is_over = true;
        ring(&self.state.call);
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::time::Duration;

    /// A pump and what is the child's: what it reads, and what it writes to.
    fn pump(send_capacity: usize, receive_capacity: usize) -> (Pump, UnixStream, UnixStream) {
        let (to_child, child_reads) = UnixStream::pair().unwrap();
        let (from_child, child_writes) = UnixStream::pair().unwrap();
        to_child.set_nonblocking(true).unwrap();
        from_child.set_nonblocking(true).unwrap();
        let pump = Pump::start(to_child.as_fd(), from_child.as_fd(), send_capacity, receive_capacity).unwrap();
        (pump, child_reads, child_writes)
    }

    fn wait_until(mut done: impl FnMut() -> bool) {
        for _ in 0..5000 {
            if done() {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        panic!("it never happens");
    }

    #[test]
    fn everything_arrives_in_order() {
        let (pump, mut child_reads, mut child_writes) = pump(100_000, 100_000);
        let data: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
        let whole = Shared::from(data.clone());
        let echo = thread::spawn(move || io::copy(&mut child_reads, &mut child_writes).unwrap());
        let (mut sent, mut received) = (0, Vec::new());
        wait_until(|| {
            while sent < whole.len() && pump.ready().to_send {
                sent += pump.send(vec![whole.slice(sent..sent + 70_001)]).unwrap();
            }
            while let Some(piece) = pump.receive() {
                received.extend_from_slice(&piece);
            }
            received.len() == data.len()
        });
        assert!(received == data);
        pump.stop_sending();
        drop(pump);
        echo.join().unwrap();
    }

    #[test]
    fn neither_side_takes_more_than_it_has_room_for() {
        let (pump, child_reads, mut child_writes) = pump(1000, 1000);
        let piece = Shared::from(vec![7; 1 << 20]);
        let mut sent = 0;
        while pump.ready().to_send {
            sent += pump.send(vec![piece.clone()]).unwrap();
            thread::sleep(Duration::from_millis(20));
        }
        assert!(sent <= 3 << 20);
        child_writes.set_nonblocking(true).unwrap();
        let mut written = 0;
        for _ in 0..10 {
            while let Ok(length) = child_writes.write(&piece) {
                written += length;
            }
            thread::sleep(Duration::from_millis(10));
        }
        assert!(written < 2 << 20);
        drop(child_reads);
    }

    #[test]
    fn both_ends_are_noticed() {
        let (pump, child_reads, child_writes) = pump(1000, 1000);
        drop(child_writes);
        wait_until(|| pump.ready().to_receive);
        assert_eq!(pump.receive().unwrap().len(), 0);
        drop(child_reads);
        wait_until(|| pump.send(vec![Shared::from(vec![1])]).is_err());
        pump.stop();
    }
}
