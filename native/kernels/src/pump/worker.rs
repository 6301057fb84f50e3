//! The thread's side of a pump: it alone touches the pipes.

use std::io::IoSlice;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::State;
use super::bell::{ring, silence};
use crate::memory::{self, Shared};

/// What is received is read straight into blocks of that size, until they have less than so much room.
const BLOCK_BYTES: usize = 1 << 20;
const LEAST_ROOM: usize = 64 << 10;
const MOST_PARTS: usize = 64;
const MOST_WRITTEN: usize = 1 << 20;
/// Moves bytes until it is told to stop.
pub struct Worker {
    pub state: Arc<State>,
    pub to_child: Option<OwnedFd>,
    pub from_child: OwnedFd,
    /// How the other side calls, and is called.
    pub called: UnixStream,
    pub ringer: UnixStream,
}

impl Worker {
    pub fn run(mut self) {
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
