//! Reading a sparse file in fixed blocks: every range of data or hole is cut from its own start, and holes are not read.
//!
//! The chunks of holes share one buffer of zeros, and the id of a full block of zeros is computed once.

use std::os::fd::BorrowedFd;

use rustix::fs::{SeekFrom, fstat, seek};
use rustix::io::Errno;

use crate::Id;
use crate::errors::{Error, Result};
use crate::hashing::IdHasher;
use crate::interruptions::persistently;
use crate::memory::{self, Shared};

pub(super) struct SparseReader {
    block: usize,
    header: usize,
    position: u64,
    range: Range,
    /// One block of zeros and its id, once they were needed.
    zeros: Option<(Shared, Id)>,
}

/// Content of one chunk, and its id if that is known.
type Piece = (Option<Id>, Shared);

/// Where the position is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Range {
    Header,
    Unknown,
    Data { stop: u64 },
    Hole { stop: u64 },
    Ended,
}

impl SparseReader {
    pub(super) fn new(block: usize, header: usize) -> Self {
        let range = if header > 0 { Range::Header } else { Range::Unknown };
        Self {
            block,
            header,
            position: 0,
            range,
            zeros: None,
        }
    }

    /// The next pieces, those of holes with their ids. See `FileReader::read`.
    pub(super) fn read(&mut self, fd: BorrowedFd<'_>, batch_bytes: usize, hasher: &IdHasher) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut size = 0;
        while size == 0 || size < batch_bytes {
            let before = self.position;
            let rest = batch_bytes.saturating_sub(size);
            match self.range {
                Range::Ended => break,
                Range::Unknown => self.range = find_range(fd, self.position)?,
                Range::Header => {
                    let stop = self.header as u64;
                    pieces.extend(self.read_data(fd, stop, self.header)?);
                }
                Range::Data { stop } => {
                    let length = (rest / self.block).max(1) * self.block;
                    pieces.extend(self.read_data(fd, stop, length)?);
                }
                Range::Hole { stop } => pieces.push(self.skip_hole(stop, hasher)),
            }
            size += usize::try_from(self.position - before).map_err(|_| Error::value("batch too large"))?;
        }
        Ok(pieces)
    }

    /// Up to `length` bytes of the range that ends at `stop`.
    fn read_data(&mut self, fd: BorrowedFd<'_>, stop: u64, length: usize) -> Result<Vec<Piece>> {
        let length = usize::try_from(stop - self.position).map_or(length, |rest| rest.min(length));
        let mut bytes = memory::scratch_buffer(length);
        let mut filled = 0;
        while filled < length {
            let count = persistently(|| rustix::io::pread(fd, &mut bytes[filled..], self.position + filled as u64));
            match count.map_err(std::io::Error::from)? {
                0 => break,
                count => filled += count,
            }
        }
        bytes.truncate(filled);
        self.position += filled as u64;
        if filled < length {
            self.range = Range::Ended;
        } else if self.position == stop {
            self.range = Range::Unknown;
        }
        let whole = Shared::from(bytes);
        let starts = (0..filled).step_by(self.block);
        Ok(starts.map(|start| (None, whole.slice(start..start + self.block))).collect())
    }

    fn skip_hole(&mut self, stop: u64, hasher: &IdHasher) -> Piece {
        let (zeros, id) = self.zeros.get_or_insert_with(|| {
            let zeros = vec![0; self.block];
            let id = hasher.digest(&zeros);
            (Shared::from(zeros), id)
        });
        let length = usize::try_from(stop - self.position).map_or(self.block, |rest| rest.min(self.block));
        let data = zeros.slice(0..length);
        let id = if length == self.block { *id } else { hasher.digest(&data) };
        self.position += length as u64;
        if self.position == stop {
            self.range = Range::Unknown;
        }
        (Some(id), data)
    }
}

/// What begins at `position`, which is the start of the file, the end of the header, or where another range ended.
fn find_range(fd: BorrowedFd<'_>, position: u64) -> Result<Range> {
    match seek(fd, SeekFrom::Data(position)) {
        Ok(start) if start > position => Ok(Range::Hole { stop: start }),
        Ok(_) => match seek(fd, SeekFrom::Hole(position)) {
            Ok(stop) if stop > position => Ok(Range::Data { stop }),
            // The file changed in between, or the system does not know: reading finds the end.
            Ok(_) | Err(_) => Ok(Range::Data { stop: u64::MAX }),
        },
        // No data from here on: a hole up to the end of the file, if that is farther.
        Err(Errno::NXIO) => {
            let size = fstat(fd).map_err(std::io::Error::from)?.st_size;
            match u64::try_from(size) {
                Ok(size) if size > position => Ok(Range::Hole { stop: size }),
                _ => Ok(Range::Ended),
            }
        }
        Err(_) => Ok(Range::Data { stop: u64::MAX }),
    }
}
