//! Shared immutable bytes: the currency between kernels. And the pool their larger buffers come from and go back to.
//!
//! Fresh memory costs a page fault for every 4 KiB, which is more than most kernels need for as many bytes. So buffers for
//! chunks are used again and again. Nothing relies on it: any `Vec` may become shared, and any buffer may be dropped.

use std::ops::{Deref, Range};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::buffer::spare_capacity;
use rustix::fd::AsFd;
use rustix::fs::fstat;
use rustix::io::{Errno, pread};

use crate::interruptions::persistently;
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
    discard_needless(POOL.lock().unwrap_or_else(PoisonError::into_inner), bytes);
}

/// Gives back what lies idle now.
pub fn discard_idle() {
    discard_needless(POOL.lock().unwrap_or_else(PoisonError::into_inner), 0);
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

/// The whole content of an open file from its beginning on, wherever it has been read to.
pub fn read_file(file: impl AsFd) -> rustix::io::Result<Shared> {
    let expected = usize::try_from(fstat(&file)?.st_size).unwrap_or_default();
    // With room to notice the end.
    let mut content = if expected < LARGEST_POOLED {
        buffer(expected + 1)
    } else {
        // A file may claim to be of any length.
        let mut large = Vec::new();
        large.try_reserve_exact(expected + 1).map_err(|_| Errno::NOMEM)?;
        fresh(large)
    };
    loop {
        if content.len() == content.capacity() {
            content.try_reserve(SMALLEST_POOLED).map_err(|_| Errno::NOMEM)?;
        }
        let offset = content.len() as u64;
        if persistently(|| pread(&file, spare_capacity(&mut content), offset))? == 0 {
            return Ok(Shared::from(content));
        }
    }
}

/// How many of the first bytes are zeros.
pub fn leading_zeros(bytes: &[u8]) -> usize {
    const TOGETHER: usize = 256;
    let is_zero = |block: &&[u8; TOGETHER]| block.iter().fold(0, |all, byte| all | byte) == 0;
    let whole = bytes.as_chunks().0.iter().take_while(is_zero).count() * TOGETHER;
    whole + bytes[whole..].iter().take_while(|&&byte| byte == 0).count()
}

/// `capacity` rounded up to one of few sizes (a power of two, or halfway to the next),
/// so that what comes back fits the next user.
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
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
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
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
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

/// A slice of frozen memory that several owners share; cloning and slicing never copy.
#[derive(Clone, Debug)]
pub struct Shared {
    memory: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl Shared {
    /// The part of this slice at `range`, which is clamped to it.
    pub fn slice(&self, range: Range<usize>) -> Self {
        let start = self.range.start + range.start.min(self.len());
        let stop = self.range.start + range.end.min(self.len());
        Self {
            memory: Arc::clone(&self.memory),
            range: start..stop.max(start),
        }
    }

    /// The memory itself if the slice covers all of it, else a copy.
    pub fn into_whole(self) -> Arc<Vec<u8>> {
        if self.len() == self.memory.len() {
            Arc::clone(&self.memory)
        } else {
            Arc::new(self.to_vec())
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Of two owners who drop it at the same time none may see that it is the last; then the memory is freed, which is fine.
        if let Some(memory) = Arc::get_mut(&mut self.memory) {
            recycle(std::mem::take(memory));
        }
    }
}

impl From<Arc<Vec<u8>>> for Shared {
    fn from(memory: Arc<Vec<u8>>) -> Self {
        let range = 0..memory.len();
        Self { memory, range }
    }
}

impl From<Vec<u8>> for Shared {
    fn from(memory: Vec<u8>) -> Self {
        let range = 0..memory.len();
        Self {
            memory: Arc::new(memory),
            range,
        }
    }
}

impl Deref for Shared {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[self.range.clone()]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::cast_possible_truncation)]
mod tests {
    use super::*;

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

    #[test]
    fn zeros_are_counted_up_to_the_first_other_byte() {
        for length in [0, 1, 255, 256, 257, 1000, 1024] {
            assert_eq!(leading_zeros(&vec![0; length]), length);
            for place in 0..length {
                let mut bytes = vec![0; length];
                bytes[place] = 1;
                bytes[length - 1] = 7;
                assert_eq!(leading_zeros(&bytes), place);
            }
        }
    }

    #[test]
    fn files_are_read_from_the_beginning_to_the_end() {
        let path = std::env::temp_dir().join(format!("vinculum-whole-{}", std::process::id()));
        let content: Vec<u8> = (0..700_001_u32).map(|number| number as u8).collect();
        std::fs::write(&path, &content).unwrap();
        let mut file = std::fs::File::open(&path).unwrap();
        std::io::Read::read_exact(&mut file, &mut [0; 10]).unwrap();
        assert_eq!(*read_file(&file).unwrap(), content);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(
            read_file(std::fs::File::open("/proc/self/stat").unwrap()).unwrap().last(),
            Some(&b'\n')
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_that_no_memory_can_hold_is_an_error() {
        use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

        let file = memfd_create("vinculum-huge", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, 1 << 50).unwrap();
        assert_eq!(read_file(&file).unwrap_err(), Errno::NOMEM);
    }

    #[test]
    fn memory_outlives_a_part_that_gave_it_away() {
        let shared = Shared::from(vec![1; 500_000]);
        let whole = shared.clone().into_whole();
        drop(shared);
        assert_eq!(whole.len(), 500_000);
        assert_eq!(whole[499_999], 1);
    }
}
