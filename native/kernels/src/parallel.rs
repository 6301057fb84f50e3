//! When a batch is worth the other cores. Handing work to rayon costs some microseconds, so small batches stay on the calling thread.

/// How many threads kernels may use, instead of one for each core. Only the first call counts, and only before any kernel has run.
pub fn use_threads(count: usize) {
    // It fails where kernels have run already; then they go on with what they have.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(count).build_global();
}

/// Batches with fewer bytes than this are done on the calling thread.
pub const PARALLEL_BYTES: usize = 256 * 1024;

/// True if `items` independent pieces of work on `bytes` bytes in all should be spread over the cores.
pub fn is_worthwhile(items: usize, bytes: usize) -> bool {
    items > 1 && bytes >= PARALLEL_BYTES && rayon::current_num_threads() > 1
}

/// How many of `items` go to a core at once, where one core works on up to `lanes` at the same time. Filling the lanes comes before
/// using all cores: it takes less time of the processor in all, and the other cores have work of their own.
pub fn group_size(items: usize, lanes: usize) -> usize {
    items.div_ceil(rayon::current_num_threads()).clamp(lanes, lanes * 2)
}
