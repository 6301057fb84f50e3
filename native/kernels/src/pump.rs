//! A pump moves bytes between memory and the two pipes of a child, in a thread of its own: neither the child nor whoever talks
//! with it waits while the other is busy.
//!
//! It knows nothing of what it moves. What waits in either direction is bounded; who is full is not served until there is room.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::errors::Result;
use crate::locks::lock;
use crate::memory::{self, Shared};

/// What is received is read straight into blocks of that size, until they have less than so much room.
const BLOCK_BYTES: usize = 1 << 20;
const LEAST_ROOM: usize = 64 << 10;
/// A block with less in it than this part is handed over as a copy: whoever keeps some of it keeps all of it.
const MOSTLY_EMPTY: usize = 4;
const MOST_PARTS: usize = 64;
const MOST_WRITTEN: usize = 1 << 20;

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

/// Both sides of a bell; a ring that finds no room is heard all the same.
fn new_bell() -> io::Result<(UnixStream, UnixStream)> {
    let (ringer, bell) = UnixStream::pair()?;
    ringer.set_nonblocking(true)?;
    bell.set_nonblocking(true)?;
    Ok((ringer, bell))
}

fn ring(mut ringer: &UnixStream) {
    let _ = ringer.write(&[0]);
}

fn silence(mut bell: &UnixStream) {
    let mut rings = [0; 64];
    while matches!(bell.read(&mut rings), Ok(count) if count == rings.len()) {}
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

/// The thread's side.
struct Worker {
    state: Arc<State>,
    to_child: Option<OwnedFd>,
    from_child: OwnedFd,
    called: UnixStream,
    ringer: UnixStream,
}

impl Worker {
    fn run(mut self) {
        while let Some((writes, reads)) = self.plan() {
            let Ok((can_write, can_read)) = self.wait(writes, reads) else {
                return self.end();
            };
            if can_write {
                self.write();
            }
            if can_read {
                self.read();
            }
        }
    }

    /// Whether there is something to be written, and room for what can be read; `None` if all is over.
    fn plan(&mut self) -> Option<(bool, bool)> {
        let mut moving = self.state.lock();
        if moving.is_over {
            return None;
        }
        if moving.stops_sending || moving.is_broken {
            moving.to_send.clear();
            moving.to_send_bytes = 0;
            self.to_child = None;
        }
        let reads = !moving.has_ended && moving.received_bytes < self.state.receive_capacity;
        Some((!moving.to_send.is_empty(), reads))
    }

    fn wait(&self, writes: bool, reads: bool) -> rustix::io::Result<(bool, bool)> {
        let mut watched = vec![PollFd::new(&self.called, PollFlags::IN)];
        if reads {
            watched.push(PollFd::new(&self.from_child, PollFlags::IN));
        }
        if let Some(to_child) = self.to_child.as_ref().filter(|_| writes) {
            watched.push(PollFd::new(to_child, PollFlags::OUT));
        }
        match poll(&mut watched, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        let found: Vec<bool> = watched.iter().map(|one| !one.revents().is_empty()).collect();
        if found[0] {
            silence(&self.called);
        }
        let can_read = reads && found[1];
        let can_write = writes && found.last().copied().unwrap_or_default() && found.len() > 1 + usize::from(reads);
        Ok((can_write, can_read))
    }

    fn write(&self) {
        let Some(to_child) = &self.to_child else { return };
        let mut bytes = 0;
        let pieces: Vec<Shared> = self.state.lock().to_send.iter().take(MOST_PARTS).cloned().collect();
        let parts: Vec<IoSlice<'_>> = pieces
            .iter()
            .take_while(|piece| {
                let goes = bytes < MOST_WRITTEN;
                bytes += piece.len();
                goes
            })
            .map(|piece| IoSlice::new(piece))
            .collect();
        let written = rustix::io::writev(to_child, &parts);
        let mut moving = self.state.lock();
        let was_full = moving.to_send_bytes >= self.state.send_capacity;
        match written {
            Ok(mut written) => {
                moving.to_send_bytes = moving.to_send_bytes.saturating_sub(written);
                while let Some(first) = moving.to_send.pop_front() {
                    if first.len() > written {
                        moving.to_send.push_front(first.slice(written..first.len()));
                        break;
                    }
                    written -= first.len();
                }
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => moving.is_broken = true,
        }
        let has_news = moving.is_broken || (was_full && moving.to_send_bytes < self.state.send_capacity);
        drop(moving);
        if has_news {
            ring(&self.ringer);
        }
    }

    fn read(&self) {
        let mut block = self.take_block();
        let length = match rustix::io::read(&self.from_child, spare_capacity(&mut block)) {
            Ok(length) => Some(length),
            Err(Errno::AGAIN | Errno::INTR) => None,
            Err(_) => Some(0),
        };
        let mut moving = self.state.lock();
        let was_empty = moving.received.is_empty();
        moving.has_ended |= length == Some(0);
        if block.is_empty() {
            memory::recycle(block);
        } else {
            moving.received_bytes += block.len();
            moving.received.push_back(block);
        }
        drop(moving);
        if was_empty || length == Some(0) {
            ring(&self.ringer);
        }
    }

    /// The last one that was received, if it has room: while it is here, nobody else has it.
    fn take_block(&self) -> Vec<u8> {
        let mut moving = self.state.lock();
        let has_room = |block: &Vec<u8>| block.capacity() - block.len() >= LEAST_ROOM;
        if !moving.received.back().is_some_and(has_room) {
            return memory::buffer(BLOCK_BYTES);
        }
        let last = moving.received.pop_back().unwrap_or_default();
        moving.received_bytes -= last.len();
        last
    }

    /// Nothing can be moved any more.
    fn end(&self) {
        let mut moving = self.state.lock();
        moving.is_broken = true;
        moving.has_ended = true;
        drop(moving);
        ring(&self.ringer);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
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
