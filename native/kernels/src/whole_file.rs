//! Files that are read as a whole, such as indexes.

use rustix::buffer::spare_capacity;
use rustix::fd::AsFd;
use rustix::fs::fstat;
use rustix::io::{Errno, pread};

use crate::errors::{Error, Result};
use crate::interruptions::persistently;
use crate::memory::{Shared, buffer_if_possible};

/// So much more is made room for where a file is longer than it said.
const MORE_BYTES: usize = 128 * 1024;

/// The whole content of an open file from its beginning on, wherever it has been read to.
pub fn read_file(file: impl AsFd) -> Result<Shared> {
    read(&file).map_err(|error| Error::os(error, None))
}

fn read(file: &impl AsFd) -> rustix::io::Result<Shared> {
    // A file may claim to be of any length. With room to notice the end.
    let expected = usize::try_from(fstat(file)?.st_size).unwrap_or_default() + 1;
    let mut content = buffer_if_possible(expected).ok_or(Errno::NOMEM)?;
    loop {
        if content.len() == content.capacity() {
            content.try_reserve(MORE_BYTES).map_err(|_| Errno::NOMEM)?;
        }
        let offset = content.len() as u64;
        if persistently(|| pread(file, spare_capacity(&mut content), offset))? == 0 {
            return Ok(Shared::from(content));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

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
        assert_eq!(read_file(&file).unwrap_err().errno(), Errno::NOMEM.raw_os_error());
    }
}
