//! Texts end to end in one buffer. A name takes its length and two bytes, and four in whoever refers to it.

use vinculum_kernels::errors::{Error, Result};

/// More than any kernel takes.
pub const LONGEST_NAME: usize = 1024;

#[derive(Default)]
pub struct Names(Vec<u8>);

impl Names {
    /// Where the name is from now on. Names that are too long have no place.
    pub fn add(&mut self, name: &[u8]) -> Result<u32> {
        let length = u16::try_from(name.len()).map_err(|_| Error::value("a name is too long"))?;
        let place = self.next_place()?;
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(name);
        Ok(place)
    }

    pub fn get(&self, place: u32) -> &[u8] {
        let rest = &self.0[place as usize..];
        let Some((length, rest)) = rest.split_first_chunk() else {
            return &[];
        };
        &rest[..u16::from_le_bytes(*length) as usize]
    }

    /// A text of any length; whoever keeps the place keeps the length, too.
    pub fn add_text(&mut self, text: &[u8]) -> Result<(u32, u32)> {
        let length = u32::try_from(text.len()).map_err(|_| Error::value("a text is too long"))?;
        let place = self.next_place()?;
        self.0.extend_from_slice(text);
        Ok((place, length))
    }

    pub fn text(&self, place: u32, length: u32) -> &[u8] {
        &self.0[place as usize..place as usize + length as usize]
    }

    pub fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }

    fn next_place(&self) -> Result<u32> {
        u32::try_from(self.0.len()).map_err(|_| Error::value("an archive has too many names to be mounted"))
    }
}
