//! Bytes from disk as text for people and for JSON.

/// Appends the text; every byte that is no UTF-8 becomes a question mark.
pub fn push_displayed(out: &mut Vec<u8>, raw: &[u8]) {
    for chunk in raw.utf8_chunks() {
        out.extend_from_slice(chunk.valid().as_bytes());
        out.extend(chunk.invalid().iter().map(|_| b'?'));
    }
}

/// How many characters the text has; every byte that is no UTF-8 counts as one.
pub fn count_characters(raw: &[u8]) -> usize {
    if raw.is_ascii() {
        return raw.len();
    }
    raw.utf8_chunks()
        .map(|chunk| chunk.valid().chars().count() + chunk.invalid().len())
        .sum()
}

/// Appends a JSON string in ASCII, as Python's `json` writes it.
pub fn push_json(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut plain = 0;
    for (place, character) in text.char_indices() {
        if matches!(character, ' '..='~') && character != '"' && character != '\\' {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[plain..place]);
        plain = place + character.len_utf8();
        let short = match character {
            '"' | '\\' => Some(character as u8),
            '\n' => Some(b'n'),
            '\r' => Some(b'r'),
            '\t' => Some(b't'),
            '\u{8}' => Some(b'b'),
            '\u{c}' => Some(b'f'),
            _ => None,
        };
        match short {
            Some(letter) => out.extend_from_slice(&[b'\\', letter]),
            None => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
        }
    }
    out.extend_from_slice(&text.as_bytes()[plain..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_that_is_no_text_becomes_a_question_mark() {
        let mut out = Vec::new();
        push_displayed(&mut out, b"a\xff\xe2\x82b\xed\xa0\x80\xc3\xbc");
        assert_eq!(out, "a???b???ü".as_bytes());
        assert_eq!(count_characters(b"a\xff\xe2\x82b\xc3\xbc"), 6);
    }

    #[test]
    fn json_is_ascii() {
        let mut out = Vec::new();
        push_json(&mut out, "a\"\\\n\u{7f}ü\u{1f600}\u{1}z");
        assert_eq!(out, br#""a\"\\\n\u007f\u00fc\ud83d\ude00\u0001z""#);
    }
}
