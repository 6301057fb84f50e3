//! Which threads do the work of a batch: when it is worth the other cores, who waits for files, what goes on in the background.
//!
//! Handing work to rayon costs some microseconds, so small batches stay on the calling thread.

mod line;

pub use line::Line;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::thread;

use rayon::ThreadPool;
use rayon::prelude::*;

use crate::locks::lock;

/// How many threads kernels may use, instead of one for each core. Only the first call counts,
/// and only before any kernel has run.
pub fn use_threads(count: usize) {
    // It fails where kernels have run already; then they go on with what they have.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(count).build_global();
}

/// How many files may be read at the same time, as suits the device: 1 for a spinning disk, many for a server far away, 2 where
/// nothing has to be waited for; 0 where that is not known. Only the first use of `readers` heeds how many there are to be.
pub fn use_readers(count: usize) {
    WANTED_READERS.store(count, Ordering::Release);
}

/// The threads that wait for files, mostly more than there are cores: a disk or a server that is asked for several things at
/// once answers sooner. None if everything is to happen in one thread.
pub fn readers() -> Option<&'static ThreadPool> {
    static READERS: OnceLock<Option<ThreadPool>> = OnceLock::new();
    let pool = READERS.get_or_init(|| {
        let cores = rayon::current_num_threads();
        let count = match WANTED_READERS.load(Ordering::Acquire) {
            0 | 1 => cores.max(LEAST_READERS),
            wanted => cores.max(wanted),
        };
        let builder = rayon::ThreadPoolBuilder::new().num_threads(count);
        (cores > 1).then(|| builder.build().ok()).flatten()
    });
    pool.as_ref()
}

/// The same threads for what takes little but waiting, as listing does. None also where nothing has to be waited for and the
/// threads that come for it keep the cores busy: what is handed from one to the next then costs more than it brings.
pub fn idle_readers() -> Option<&'static ThreadPool> {
    let is_in_memory = WANTED_READERS.load(Ordering::Acquire) == MEMORY_READERS;
    readers().filter(|_| !is_in_memory || rayon::current_num_threads() > BUSY_CORES)
}

/// Permission to use the device, to be held while reading and to be dropped before computing.
pub struct Turn(Option<MutexGuard<'static, ()>>);

impl Turn {
    /// Waits for its turn if there is one reader only.
    pub fn wait() -> Self {
        static DEVICE: Mutex<()> = Mutex::new(());
        let alone = WANTED_READERS.load(Ordering::Acquire) == 1;
        Self(alone.then(|| lock(&DEVICE)))
    }

    /// The device is free for the next.
    pub fn end(self) {
        drop(self.0);
    }
}

/// Batches with fewer bytes than this are done on the calling thread.
pub const PARALLEL_BYTES: usize = 256 * 1024;

const SHARES_PER_CORE: usize = 2;
const LEAST_READERS: usize = 4;
/// What `use_readers` is told of files in memory.
const MEMORY_READERS: usize = 2;
/// So many threads gather, read and store.
const BUSY_CORES: usize = 3;

static WANTED_READERS: AtomicUsize = AtomicUsize::new(0);
/// How much of what was begun is not done yet.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);

/// True if `items` independent pieces of work on `bytes` bytes in all should be spread over the cores.
pub fn is_worthwhile(items: usize, bytes: usize) -> bool {
    items > 1 && bytes >= PARALLEL_BYTES && rayon::current_num_threads() > 1
}

/// Work that some core does while whoever began it goes on. It is done to its end, even if nobody waits for it any more.
pub struct Begun<T>(Receiver<thread::Result<T>>);

impl<T: Send + 'static> Begun<T> {
    /// Begins the work; where there is one core, or few bytes to work on, it is done right here.
    pub fn new(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> Self {
        Self::by(bytes, move |sender| {
            // Nobody may listen any more. A panic is for whoever waits: here it would end the process.
            let _ = sender.send(catch_unwind(AssertUnwindSafe(work)));
        })
    }

    /// The same for work that sends its result itself, and never panics.
    fn by(bytes: usize, work: impl FnOnce(SyncSender<thread::Result<T>>) + Send + 'static) -> Self {
        let (sender, receiver) = sync_channel(1);
        if bytes >= PARALLEL_BYTES && rayon::current_num_threads() > 1 {
            UNDER_WAY.fetch_add(1, Ordering::Relaxed);
            rayon::spawn_fifo(move || {
                work(sender);
                UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
            });
        } else {
            work(sender);
        }
        Self(receiver)
    }

    /// What came of it, once it is done.
    pub fn wait(self) -> T {
        let result = self.0.recv().unwrap_or_else(|error| Err(Box::new(error)));
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// Part of a batch for one core: items and their places in the batch.
pub struct Share<T> {
    pub items: Vec<T>,
    places: Vec<usize>,
}

/// Divides a batch into shares of about as many bytes each. One core works on up to `lanes` items at the same time, and filling
/// the lanes comes before using all cores: it takes less time of the processor in all, and the other cores have work of their
/// own. So where several batches are under way each gets fewer shares.
pub fn shares<T>(items: impl IntoIterator<Item = T>, lanes: usize, bytes: impl Fn(&T) -> usize) -> Vec<Share<T>> {
    let mut items: Vec<(usize, T)> = items.into_iter().enumerate().collect();
    // More shares than cores, as a core may be busy otherwise.
    let most = SHARES_PER_CORE * rayon::current_num_threads() / UNDER_WAY.load(Ordering::Relaxed).max(1);
    let count = (items.len() / lanes).clamp(1, most.max(1));
    let mut shares: Vec<Share<T>> = (0..count)
        .map(|_| Share {
            items: Vec::new(),
            places: Vec::new(),
        })
        .collect();
    // The largest first, each to who has least.
    items.sort_by_key(|(_, item)| Reverse(bytes(item)));
    let mut loads: BinaryHeap<Reverse<(usize, usize)>> = (0..count).map(|share| Reverse((0, share))).collect();
    for (place, item) in items {
        if let Some(mut least) = loads.peek_mut() {
            let Reverse((load, share)) = &mut *least;
            // Items without bytes are work, too.
            *load += bytes(&item) + 1;
            shares[*share].places.push(place);
            shares[*share].items.push(item);
        }
    }
    shares
}

/// Does the work of all shares, each on some core, and returns the results in the order of the batch.
pub fn in_order<T: Send, R: Send>(shares: Vec<Share<T>>, work: impl Fn(&[T]) -> Vec<R> + Sync) -> Vec<R> {
    let mut results: Vec<(usize, R)> = shares
        .into_par_iter()
        .flat_map_iter(|share| share.places.into_iter().zip(work(&share.items)))
        .collect();
    results.sort_unstable_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn results_are_in_order(sizes in proptest::collection::vec(0usize..1000, 0..100), lanes in 1usize..10) {
            let shares = shares(sizes.iter().copied(), lanes, |&size| size);
            prop_assert_eq!(in_order(shares, <[usize]>::to_vec), sizes);
        }

        #[test]
        fn no_share_is_much_larger_than_another(sizes in proptest::collection::vec(0usize..1000, 0..100), lanes in 1usize..10) {
            let shares = shares(sizes.iter().copied(), lanes, |&size| size);
            prop_assert!(shares.len() == 1 || shares.iter().all(|share| sizes.len() / shares.len() >= lanes && !share.items.is_empty()));
            let bytes = || shares.iter().map(|share| share.items.iter().sum::<usize>());
            let (least, most) = (bytes().min().unwrap_or_default(), bytes().max().unwrap_or_default());
            prop_assert!(most - least <= 1000 + sizes.len());
        }
    }
}
