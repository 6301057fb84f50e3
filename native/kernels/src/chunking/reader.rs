//! `FileReader`: reads one open file or pipe to its end, a batch of chunks at a time.
//!
//! Nothing is mapped: files change while they are read, and a truncated map is a crash. A file that shrinks just ends earlier.

use std::os::fd::BorrowedFd;

use rustix::buffer::spare_capacity;
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;

use super::batch::ChunkBatch;
use super::cutter::Cutter;
use super::params::Chunker;
use super::sparse::SparseReader;
use crate::errors::Result;
use crate::hashing::IdHasher;

/// State of reading one file. The descriptor stays the caller's, who passes the same one each time.
pub struct FileReader {
    chunker: Chunker,
    hasher: IdHasher,
    stage: Stage,
}

enum Stage {
    New { sparse: bool },
    Sequential(Cutter),
    Sparse(SparseReader),
    Ended,
}

impl FileReader {
    /// `sparse` takes effect with the fixed chunker on files that can seek.
    pub fn new(chunker: Chunker, hasher: IdHasher, sparse: bool) -> Self {
        Self {
            chunker,
            hasher,
            stage: Stage::New { sparse },
        }
    }

    /// The next chunks, at least one and up to about `batch_bytes`; an empty batch at the end of the file.
    pub fn read(&mut self, fd: BorrowedFd<'_>, batch_bytes: usize) -> Result<ChunkBatch> {
        if let Stage::New { sparse } = self.stage {
            self.stage = self.begin(fd, sparse);
        }
        match &mut self.stage {
            Stage::New { .. } | Stage::Ended => Ok(ChunkBatch::default()),
            Stage::Sparse(reader) => reader.read(fd, batch_bytes, &self.hasher),
            Stage::Sequential(cutter) => {
                let want = batch_size(&self.chunker, batch_bytes);
                loop {
                    let ended = fill(fd, &mut cutter.pending, want)?;
                    let chunks = cutter.take(ended, if ended { 0 } else { want });
                    if ended {
                        self.stage = Stage::Ended;
                        return Ok(ChunkBatch::of(chunks, &self.hasher));
                    }
                    if !chunks.is_empty() {
                        return Ok(ChunkBatch::of(chunks, &self.hasher));
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
        let mut cutter = Cutter::new(self.chunker.clone());
        // Most files are small: no more buffer than the size promises, and one byte to see the end.
        if let Ok(stat) = fstat(fd)
            && FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
            && let Ok(size) = usize::try_from(stat.st_size)
            && size < batch_size(&self.chunker, 0)
        {
            cutter.pending.reserve_exact(size + 1);
        }
        Stage::Sequential(cutter)
    }
}

/// How much to read at a time: whole blocks for the fixed chunker, so that nothing is left over to be copied.
fn batch_size(chunker: &Chunker, batch_bytes: usize) -> usize {
    match chunker.fixed() {
        Some((block, _)) => (batch_bytes / block).max(1) * block,
        None => batch_bytes.max(SMALLEST_READ),
    }
}

/// Reading less at a time costs more in calls than it saves.
const SMALLEST_READ: usize = 128 * 1024;

/// Reads until there are `want` bytes more or the end is reached; returns whether it is.
fn fill(fd: BorrowedFd<'_>, buffer: &mut Vec<u8>, want: usize) -> Result<bool> {
    let goal = buffer.len() + want;
    while buffer.len() < goal {
        if buffer.len() == buffer.capacity() {
            buffer.reserve_exact(goal - buffer.len());
        }
        match rustix::io::read(fd, spare_capacity(buffer)) {
            Ok(0) => return Ok(true),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(std::io::Error::from(error).into()),
        }
    }
    Ok(false)
}
