//! What a thread that waits for descriptors waits for, too: that another has something to tell.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

/// Both sides of a bell; a ring that finds no room is heard all the same.
pub fn new_bell() -> io::Result<(UnixStream, UnixStream)> {
    let (ringer, bell) = UnixStream::pair()?;
    ringer.set_nonblocking(true)?;
    bell.set_nonblocking(true)?;
    Ok((ringer, bell))
}

pub fn ring(mut ringer: &UnixStream) {
    let _ = ringer.write(&[0]);
}

pub fn silence(mut bell: &UnixStream) {
    let mut rings = [0; 64];
    while matches!(bell.read(&mut rings), Ok(count) if count == rings.len()) {}
}
