//! Character classes of RFC 3261 §25.1, as one table: a look-up per octet, without a branch.

/// Letters, digits and `-.!%*_+'`~`.
pub(super) const TOKEN: u8 = 1;
/// Letters, digits, `-`, `.` and, because hosts are called so, `_`.
pub(super) const HOST: u8 = 2;
/// What no URI holds: controls, space, `<`, `>`, `"`.
pub(super) const NOT_IN_URI: u8 = 4;
/// Controls and space.
pub(super) const BLANK_OR_CONTROL: u8 = 8;
/// Controls, the tab apart.
pub(super) const CONTROL: u8 = 16;

/// Whether every octet is of the class.
pub(super) fn all(bytes: &[u8], class: u8) -> bool {
    bytes.iter().fold(class, |found, &b| found & CLASSES[usize::from(b)]) != 0
}

/// Whether an octet is of the class.
pub(super) fn any(bytes: &[u8], class: u8) -> bool {
    bytes.iter().fold(0, |found, &b| found | CLASSES[usize::from(b)]) & class != 0
}

/// How many octets at the start are of the class.
pub(super) fn prefix_len(bytes: &[u8], class: u8) -> usize {
    bytes.iter().position(|&b| CLASSES[usize::from(b)] & class == 0).unwrap_or(bytes.len())
}

/// Whether the text is a token: not empty, nothing else in it.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && all(bytes, TOKEN)
}

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut b = 0_u8;
    loop {
        let mut class = 0;
        if b.is_ascii_alphanumeric() {
            class |= TOKEN | HOST;
        }
        if matches!(b, b'-' | b'.' | b'_') {
            class |= HOST;
        }
        if matches!(b, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~') {
            class |= TOKEN;
        }
        if b <= b' ' || b == 0x7f {
            class |= NOT_IN_URI | BLANK_OR_CONTROL;
        }
        if (b < b' ' && b != b'\t') || b == 0x7f {
            class |= CONTROL;
        }
        if matches!(b, b'<' | b'>' | b'"') {
            class |= NOT_IN_URI;
        }
        classes[b as usize] = class;
        if b == u8::MAX {
            break classes;
        }
        b += 1;
    }
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_what_the_grammar_says() {
        assert!(is_token(b"!interesting-Method0123456789_*+`.%indeed'~"));
        for text in ["", "a b", "a:b", "a/b", "a@b", "a\u{e9}", "a\"", "a(b", "a,b", "a;b", "a=b"] {
            assert!(!is_token(text.as_bytes()), "{text}");
        }
        assert_eq!(prefix_len(b"ex-1.a_b:5060", HOST), 8);
        assert!(any(b"sip:<a", NOT_IN_URI) && any(b"a\x7f", NOT_IN_URI) && any(b"a b", BLANK_OR_CONTROL));
        assert!(any(b"a\r", CONTROL) && any(b"a\0", CONTROL) && !any(b"a \tz\xff", CONTROL));
        assert!(!any("sip:\u{e9}/?;,&=+$[]@:%".as_bytes(), NOT_IN_URI) && !any(b"<>\"", BLANK_OR_CONTROL));
    }
}
