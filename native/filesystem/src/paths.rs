//! Where files are shown: paths of archives as paths of the file system.

use crate::names::LONGEST_NAME;

/// The parts of a path as it is shown; None if it is not. What leads upwards is not either.
pub fn shown(path: &[u8], strip: usize) -> Option<Vec<&[u8]>> {
    let mut parts: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
    if strip > 0 {
        if parts.len() <= strip {
            return None;
        }
        parts.drain(..strip);
    }
    parts.retain(|part| !part.is_empty() && part != b".");
    let is_sound = parts
        .iter()
        .all(|part| part != b".." && part.len() <= LONGEST_NAME && !part.contains(&0));
    is_sound.then_some(parts)
}

/// `name.00001`, with the ending last, so that programs know what it is.
pub fn versioned(name: &[u8], version: u32) -> Vec<u8> {
    let leading_dots = name.iter().take_while(|&&byte| byte == b'.').count();
    let dot = name.iter().rposition(|&byte| byte == b'.').filter(|&dot| dot >= leading_dots);
    let (stem, ending) = name.split_at(dot.unwrap_or(name.len()));
    [stem, format!(".{version:05}").as_bytes(), ending].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_stay_last() {
        for (name, wanted) in [
            ("name", "name.00012"),
            ("name.tar.gz", "name.tar.00012.gz"),
            (".hidden", ".hidden.00012"),
            ("..odd", "..odd.00012"),
            (".a.b", ".a.00012.b"),
            ("dot.", "dot.00012."),
        ] {
            assert_eq!(versioned(name.as_bytes(), 12), wanted.as_bytes());
        }
    }
}
