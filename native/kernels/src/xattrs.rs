//! Extended attributes of unknown length, by whichever system call gives them: names and values as a whole.

use rustix::io::{Errno, Result};

/// The kernel's limit for a value, and for a list of names.
const LARGEST_BYTES: usize = 64 << 10;
const FIRST_BYTES: usize = 512;

/// The value that `get` puts into the buffer it is given: a small one, then the largest there can be if that is too small.
pub fn value(get: impl Fn(&mut [u8]) -> Result<usize>) -> Result<Vec<u8>> {
    let mut small = [0; FIRST_BYTES];
    match get(&mut small) {
        Ok(length) => return Ok(small[..length].to_vec()),
        Err(Errno::RANGE) => {}
        Err(error) => return Err(error),
    }
    let mut buffer = vec![0; LARGEST_BYTES];
    let length = get(&mut buffer)?;
    buffer.truncate(length);
    Ok(buffer)
}

/// The names that `list` gives, each ended by a zero byte; none where there are no attributes at all.
pub fn names(list: impl Fn(&mut [u8]) -> Result<usize>) -> Result<Vec<u8>> {
    match value(list) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(Vec::new()),
        names => names,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(length: usize) -> impl Fn(&mut [u8]) -> Result<usize> {
        move |buffer| {
            let room = buffer.get_mut(..length).ok_or(Errno::RANGE)?;
            room.fill(7);
            Ok(length)
        }
    }

    #[test]
    fn any_length_that_the_kernel_allows_is_read_as_a_whole() {
        for length in [0, 1, FIRST_BYTES, FIRST_BYTES + 1, LARGEST_BYTES] {
            assert_eq!(value(filled(length)), Ok(vec![7; length]));
        }
        assert_eq!(value(filled(LARGEST_BYTES + 1)), Err(Errno::RANGE));
    }

    #[test]
    fn where_there_are_no_attributes_there_are_no_names() {
        for error in [Errno::OPNOTSUPP, Errno::NOSYS] {
            assert_eq!(names(|_| Err(error)), Ok(Vec::new()));
            assert_eq!(value(|_| Err(error)), Err(error));
        }
        assert_eq!(names(|_| Err(Errno::ACCESS)), Err(Errno::ACCESS));
    }
}
