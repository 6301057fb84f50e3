//! Buffers that are used again and again: fresh memory costs a page fault for every 4 KiB, which is more than most kernels
//! need for as many bytes. Nothing relies on it: any buffer may come from elsewhere, and any may be dropped.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use crate::locks::lock;
use crate::sys::prefer_large_pages;

/// Buffers outside these bounds are the allocator's business.
const SMALLEST_POOLED: usize = 128 * 1024;
const LARGEST_POOLED: usize = 32 * 1024 * 1024;
/// Buffers that large have room for a large page wherever they begin.
const WORTH_LARGE_PAGES: usize = 4 * 1024 * 1024;
/// How much memory may lie idle.
static POOL_BYTES: AtomicUsize = AtomicUsize::new(128 * 1024 * 1024);
/// Whether speed is worth the memory that large pages round up to.
static LARGE_PAGES: AtomicBool = AtomicBool::new(true);
/// A buffer is not wasted on a request that needs less than this part of it.
const WASTE: usize = 2;

static POOL: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// For programs that stay: no more than so many bytes lie idle from now on, and memory comes in small pages.
pub fn keep_idle(bytes: usize) {
    LARGE_PAGES.store(false, Ordering::Relaxed);
    POOL_BYTES.store(bytes, Ordering::Relaxed);
    discard_needless(lock(&POOL), bytes);
}

/// Gives back what lies idle now.
pub fn discard_idle() {
    discard_needless(lock(&POOL), 0);
}

/// An empty buffer for at least `capacity` bytes.
pub fn buffer(capacity: usize) -> Vec<u8> {
    match idle_buffer(capacity) {
        Some(mut idle) => {
            idle.clear();
            idle
        }
        None => fresh(Vec::with_capacity(rounded(capacity))),
    }
}

/// The same for a capacity that somebody merely claims to need; None if no memory can be had for it.
pub fn buffer_if_possible(capacity: usize) -> Option<Vec<u8>> {
    if capacity <= LARGEST_POOLED {
        return Some(buffer(capacity));
    }
    let mut large = Vec::new();
    large.try_reserve_exact(capacity).ok()?;
    Some(fresh(large))
}

/// A buffer of `length` bytes with any content, for who overwrites all of it.
pub fn scratch_buffer(length: usize) -> Vec<u8> {
    // Zeros from the system cost nothing until they are touched, other than zeros written here.
    let mut buffer = idle_buffer(length).unwrap_or_else(|| fresh(vec![0; rounded(length)]));
    buffer.resize(length, 0);
    buffer
}

/// Memory that has just come from the system.
fn fresh(mut memory: Vec<u8>) -> Vec<u8> {
    if memory.capacity() >= WORTH_LARGE_PAGES && LARGE_PAGES.load(Ordering::Relaxed) {
        prefer_large_pages(&mut memory);
    }
    memory
}

/// A buffer with a copy of `bytes`.
pub fn copy(bytes: &[u8]) -> Vec<u8> {
    let mut copy = buffer(bytes.len());
    copy.extend_from_slice(bytes);
    copy
}

/// `capacity` rounded up to one of few sizes (a power of two, or halfway to the next), so that what comes back fits the next
/// user.
fn rounded(capacity: usize) -> usize {
    if !is_pooled(capacity) {
        return capacity;
    }
    let power = capacity.next_power_of_two();
    let halfway = power / 4 * 3;
    if capacity <= halfway { halfway } else { power }
}

fn is_pooled(capacity: usize) -> bool {
    (SMALLEST_POOLED..=LARGEST_POOLED).contains(&capacity)
}

/// A buffer from the pool with whatever it contains.
fn idle_buffer(capacity: usize) -> Option<Vec<u8>> {
    if !is_pooled(capacity) {
        return None;
    }
    let mut pool = lock(&POOL);
    let fitting = pool
        .iter()
        .enumerate()
        .filter(|(_, idle)| (capacity..=rounded(capacity) * WASTE).contains(&idle.capacity()));
    let (index, _) = fitting.min_by_key(|(_, idle)| idle.capacity())?;
    Some(pool.remove(index))
}

/// Takes a buffer that nobody needs any more. Where there is no room for it, those that have been idle for longest go.
pub fn recycle(memory: Vec<u8>) {
    if !is_pooled(memory.capacity()) {
        return;
    }
    let mut pool = lock(&POOL);
    pool.push(memory);
    discard_needless(pool, POOL_BYTES.load(Ordering::Relaxed));
}

fn discard_needless(mut pool: MutexGuard<'_, Vec<Vec<u8>>>, limit: usize) {
    let mut idle_bytes = pool.iter().map(Vec::capacity).sum::<usize>();
    let needless = pool.iter().take_while(|idle| {
        let is_needless = idle_bytes > limit;
        idle_bytes -= if is_needless { idle.capacity() } else { 0 };
        is_needless
    });
    let count = needless.count();
    let freed: Vec<Vec<u8>> = pool.drain(..count).collect();
    drop(pool);
    drop(freed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Shared;

    #[test]
    fn buffers_come_back_empty_and_large_enough() {
        for _ in 0..3 {
            let mut bytes = buffer(300_000);
            assert!(bytes.is_empty() && bytes.capacity() >= 300_000);
            bytes.resize(300_000, 7);
            let shared = Shared::from(bytes);
            let part = shared.slice(10..20);
            drop(shared);
            assert_eq!(*part, [7; 10]);
        }
        assert_eq!(scratch_buffer(400_000).len(), 400_000);
        assert_eq!(scratch_buffer(200_000).len(), 200_000);
    }
}
