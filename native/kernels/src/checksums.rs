//! CRC-32 (zlib polynomial) and XXH64 (seed 0): protection against accidents, never against people.

use xxhash_rust::xxh64;

/// CRC-32 of `data`, continuing from `value`.
pub fn crc32(data: &[u8], value: u32) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(value);
    hasher.update(data);
    hasher.finalize()
}

/// Running XXH64 with seed 0.
#[derive(Clone)]
pub struct Xxh64(xxh64::Xxh64);

impl Xxh64 {
    pub fn new() -> Self {
        Self(xxh64::Xxh64::new(0))
    }

    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// 16 hex digits of everything fed so far.
    pub fn hexdigest(&self) -> String {
        format!("{:016x}", self.0.digest())
    }
}

impl Default for Xxh64 {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32_continues_from_a_value() {
        assert_eq!(crc32(b"123456789", 0), 0xcbf4_3926);
        assert_eq!(crc32(b"6789", crc32(b"12345", 0)), 0xcbf4_3926);
    }

    #[test]
    fn xxh64_does_not_care_about_pieces() {
        let mut whole = Xxh64::new();
        whole.update(b"abc");
        let mut pieces = Xxh64::new();
        pieces.update(b"a");
        assert_eq!(pieces.hexdigest(), "d24ec4f1a98c6e5b");
        pieces.update(b"bc");
        assert_eq!(pieces.hexdigest(), "44bc2cf5ad770999");
        assert_eq!(whole.hexdigest(), pieces.hexdigest());
    }
}
