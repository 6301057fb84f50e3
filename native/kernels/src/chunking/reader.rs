//! `FileReader`: reads one open file or pipe to its end, a batch of chunks at a time.
//!
//! Nothing is mapped: files change while they are read, and a truncated map is a crash. A file that shrinks just ends earlier.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;

use super::batch::Cuts;
use super::cutter::Cutter;
use super::params::Chunker;
use super::sparse::SparseReader;
use crate::errors::Result;
use crate::hashing::IdQueue;
use crate::interruptions::Interruptions;

/// State of reading one file. The descriptor stays the caller's, who passes the same one each time.
pub struct FileReader {
    chunker: Chunker,
    ids: Arc<IdQueue>,
    stage: Stage,
}

enum Stage {
    New {
        sparse: bool,
    },
    Sequential {
        cutter: Cutter,
        interruptions: Interruptions,
        /// The size of a regular file and one byte to see its end: no more space than that is needed for the first batch.
        promised: Option<usize>,
    },
    Sparse(SparseReader),
    Ended,
}

impl FileReader {
    /// `sparse` takes effect with the fixed chunker on files that can seek.
    pub fn new(chunker: Chunker, ids: Arc<IdQueue>, sparse: bool) -> Self {
        Self {
            chunker,
            ids,
            stage: Stage::New { sparse },
        }
    }

    /// The next chunks, at least one and up to about `batch_bytes`; an empty batch at the end of the file.
    ///
    /// Returns in about a second even if the source is slow, with None if no chunk is complete by then or a signal came: so
    /// that the caller can deal with signals and checkpoints before it calls again. A sparse file is read a batch at a time,
    /// however slow it is.
    pub fn read(&mut self, fd: BorrowedFd<'_>, batch_bytes: usize) -> Result<Option<Cuts>> {
        if let Stage::New { sparse } = self.stage {
            self.stage = self.begin(fd, sparse);
        }
        match &mut self.stage {
            Stage::New { .. } | Stage::Ended => Ok(Some(Cuts::default())),
            Stage::Sparse(reader) => {
                let pieces = reader.read(fd, batch_bytes, self.ids.hasher())?;
                Ok(Some(Cuts::new(pieces, &self.ids)))
            }
            Stage::Sequential {
                cutter,
                interruptions,
                promised,
            } => {
                let batch = batch_size(&self.chunker, batch_bytes);
                // Later reads of a regular file are taken for such, which costs next to nothing.
                let waits = promised.is_none();
                loop {
                    // Once: a file that turns out to be longer than it promised is read like any other.
                    let want = promised.take().map_or(batch, |size| size.min(batch));
                    let filled = fill(fd, cutter, interruptions, want, waits)?;
                    let ended = filled == Filled::Ended;
                    let chunks = cutter.take(ended, if ended { 0 } else { batch });
                    if ended || !chunks.is_empty() {
                        if ended {
                            self.stage = Stage::Ended;
                        }
                        let pieces = chunks.into_iter().map(|data| (None, data)).collect();
                        return Ok(Some(Cuts::new(pieces, &self.ids)));
                    }
                    if filled == Filled::Paused {
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn begin(&self, fd: BorrowedFd<'_>, sparse: bool) -> Stage {
        if sparse
            && let Some((block, header)) = self.chunker.fixed()
            && rustix::fs::tell(fd).is_ok()
        {
            return Stage::Sparse(SparseReader::new(block, header));
        }
        let promised = match fstat(fd) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => usize::try_from(stat.st_size)
                .ok()
                .map(|size| size.saturating_add(1).max(LEAST_SPACE)),
            _ => None,
        };
        Stage::Sequential {
            cutter: Cutter::new(self.chunker.clone()),
            interruptions: Interruptions::default(),
            promised,
        }
    }
}

/// How much to read at a time: whole blocks for the fixed chunker, so that nothing is left over to be copied.
fn batch_size(chunker: &Chunker, batch_bytes: usize) -> usize {
    match chunker.fixed() {
        Some((block, _)) => (batch_bytes / block).max(1) * block,
        None => batch_bytes.max(SMALLEST_READ),
    }
}

/// Files whose size is unknown, as in /proc, say 0.
const LEAST_SPACE: usize = 4096;

/// Reading less at a time costs more in calls than it saves.
const SMALLEST_READ: usize = 128 * 1024;

/// What is read in one call is looked for cuts while it is in the cache.
const AT_ONCE: usize = 512 * 1024;

/// How reading a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filled {
    Full,
    Ended,
    /// The source is slow, or a signal came.
    Paused,
}

/// How long to read before the caller may look around.
const PATIENCE: Duration = Duration::from_secs(1);
const POLL_TIMEOUT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 250_000_000,
};

/// Reads up to `want` bytes. `waits` says that there may be nothing to read for long, as in a pipe.
fn fill(
    fd: BorrowedFd<'_>,
    cutter: &mut Cutter,
    interruptions: &mut Interruptions,
    want: usize,
    waits: bool,
) -> Result<Filled> {
    let begun = Instant::now();
    let mut rest = want;
    while rest > 0 {
        // A signal just before a read would not end it, so reads that may take long are not begun.
        if begun.elapsed() > PATIENCE || (waits && !is_readable(fd)) {
            return Ok(Filled::Paused);
        }
        let space = cutter.space(rest);
        let at_once = rest.min(AT_ONCE);
        let answer = rustix::io::read(fd, &mut space[..at_once]);
        match interruptions.outlast(answer).map_err(std::io::Error::from)? {
            None => return Ok(Filled::Paused),
            Some(0) => return Ok(Filled::Ended),
            Some(count) => {
                cutter.accept(count);
                rest -= count;
            }
        }
    }
    Ok(Filled::Full)
}

/// False if there is nothing to read for a while, or a signal came. What cannot be polled is readable.
fn is_readable(fd: BorrowedFd<'_>) -> bool {
    match poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&POLL_TIMEOUT)) {
        Ok(0) | Err(Errno::INTR) => false,
        Ok(_) | Err(_) => true,
    }
}
