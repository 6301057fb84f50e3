//! Writing the content of files.

use rustix::fd::BorrowedFd;
use rustix::fs::{SeekFrom, seek};
use rustix::io::{Errno, Result, write};

use crate::interruptions::persistently;
use crate::memory::Shared;
use crate::zeros::leading_zeros;

/// Writes chunks at the file's position, seeking over all-zero ones if `sparse`; returns how many bytes they cover. A file that
/// ends in a hole gets its size from the caller.
pub fn write_chunks(fd: BorrowedFd<'_>, chunks: &[Shared], sparse: bool) -> Result<u64> {
    let mut covered = 0;
    for chunk in chunks {
        if sparse && is_zero(chunk) {
            seek(fd, SeekFrom::Current(i64::try_from(chunk.len()).map_err(|_| Errno::FBIG)?))?;
        } else {
            write_all(fd, chunk)?;
        }
        covered += chunk.len() as u64;
    }
    Ok(covered)
}

fn write_all(fd: BorrowedFd<'_>, data: &[u8]) -> Result<()> {
    let mut rest = data;
    while !rest.is_empty() {
        let written = persistently(|| write(fd, rest))?;
        if written == 0 {
            return Err(Errno::IO);
        }
        rest = &rest[written..];
    }
    Ok(())
}

fn is_zero(data: &[u8]) -> bool {
    leading_zeros(data) == data.len()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_device_is_an_error() {
        use rustix::fd::AsFd;

        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let chunks = [Shared::from(vec![1])];
        assert_eq!(write_chunks(full.as_fd(), &chunks, false), Err(Errno::NOSPC));
        assert_eq!(write_chunks(full.as_fd(), &chunks[..0], false), Ok(0));
    }

    #[test]
    fn only_zeros_are_zero() {
        assert!(is_zero(&[]) && is_zero(&[0]) && is_zero(&[0; 1000]));
        for place in [0, 1, 500, 999] {
            let mut data = [0; 1000];
            data[place] = 1;
            assert!(!is_zero(&data));
        }
        assert!(!is_zero(&[7; 1000]));
    }
}
