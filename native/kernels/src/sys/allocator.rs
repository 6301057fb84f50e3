//! A word with the allocator of the C library, and with the system about pages.

/// No system has smaller pages.
const PAGE: usize = 4096;

/// Keeps the C library from holding on to memory that was freed. It would learn from the first large buffers to take all of
/// them from its heaps, which then never shrink; `memory` has a pool that makes this needless.
pub fn settle_allocator() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const OPTIONS: [(libc::c_int, libc::c_int); 3] = [
            (libc::M_MMAP_THRESHOLD, 256 << 10),
            (libc::M_TRIM_THRESHOLD, 8 << 20),
            (libc::M_ARENA_MAX, 4),
        ];
        for (option, value) in OPTIONS {
            // SAFETY: may be called at any time; an option that is refused stays as it was.
            #[allow(unsafe_code)]
            unsafe {
                libc::mallopt(option, value);
            }
        }
    }
}

/// Asks the system for few large pages in fresh memory instead of many small ones, each of which would cost a fault.
pub fn prefer_large_pages(memory: &mut Vec<u8>) {
    #[cfg(target_os = "linux")]
    {
        let start = memory.as_mut_ptr().align_offset(PAGE);
        let length = memory.capacity().saturating_sub(start) / PAGE * PAGE;
        if length > 0 {
            // SAFETY: the range is inside of memory that is exclusively ours, and whatever the answer, its content stays.
            #[allow(unsafe_code)]
            unsafe {
                libc::madvise(memory.as_mut_ptr().add(start).cast(), length, libc::MADV_HUGEPAGE);
            }
        }
    }
}

/// Gives back to the system what was freed, for programs that stay after much work.
pub fn release_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: may be called at any time.
    #[allow(unsafe_code)]
    unsafe {
        libc::malloc_trim(0);
    }
}
