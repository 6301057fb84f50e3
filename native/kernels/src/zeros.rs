//! Zeros, of which holes in files consist.

/// How many of the first bytes are zeros.
pub fn leading_zeros(bytes: &[u8]) -> usize {
    const TOGETHER: usize = 256;
    let is_zero = |block: &&[u8; TOGETHER]| block.iter().fold(0, |all, byte| all | byte) == 0;
    let whole = bytes.as_chunks().0.iter().take_while(is_zero).count() * TOGETHER;
    whole + bytes[whole..].iter().take_while(|&&byte| byte == 0).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_counted_up_to_the_first_other_byte() {
        for length in [0, 1, 255, 256, 257, 1000, 1024] {
            assert_eq!(leading_zeros(&vec![0; length]), length);
            for place in 0..length {
                let mut bytes = vec![0; length];
                bytes[place] = 1;
                bytes[length - 1] = 7;
                assert_eq!(leading_zeros(&bytes), place);
            }
        }
    }
}
