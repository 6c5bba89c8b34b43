//! Lists inside header values: commas between values, semicolons between parameters, both outside quotes and `<>`.

use super::find::{find, find2, find3};

/// The values of one header line, split at commas outside quoted strings and angle brackets, trimmed, without the
/// empty ones (RFC 3261 §7.3.1).
pub(super) fn values(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let skipped = rest.bytes().take_while(|&b| b == b',' || is_space(b)).count();
        rest = &rest[skipped..];
        if rest.is_empty() {
            return None;
        }
        let (value, after) = split_first(rest);
        rest = after;
        Some(value)
    })
}

/// The first value of a comma list, trimmed, and what follows its comma.
pub(super) fn split_first(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    match find3(b',', b'"', b'<', bytes) {
        None => (trim(text), ""),
        Some(at) if bytes[at] == b',' => (trim(&text[..at]), &text[at + 1..]),
        Some(at) => {
            let end = element_end(bytes, at);
            (trim(&text[..end]), text.get(end + 1..).unwrap_or(""))
        }
    }
}

/// Index of the comma that ends the list element; the length if none does. Scanning starts at `from`.
fn element_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b',' => return at,
            b'"' => match quoted_len(&bytes[at..]) {
                Some(len) => at += len,
                None => return bytes.len(),
            },
            b'<' => match find(b'>', &bytes[at..]) {
                Some(len) => at += len + 1,
                None => return bytes.len(),
            },
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Length of the quoted string that starts at the first byte, both quotes included; `None` if it never ends.
pub(super) fn quoted_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += find2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Whether every quote in `text` is closed.
pub(super) fn quotes_close(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some(at) = find(b'"', rest) {
        let Some(len) = quoted_len(&rest[at..]) else { return false };
        rest = &rest[at + len..];
    }
    true
}

/// The parameters of `;a=b;c`, names and values trimmed, empty parameters left out. The value is as sent, a quoted
/// string with its quotes; `""` for a parameter without one.
pub(super) fn params(text: &str) -> impl Iterator<Item = (&str, &str)> {
    raw_params(text).map(split_param).filter(|(name, _)| !name.is_empty())
}

/// The first parameter of that name, compared without regard to case.
pub(crate) fn param<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    params(text).find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Name and value of one parameter, both trimmed.
pub(super) fn split_param(param: &str) -> (&str, &str) {
    match find(b'=', param.as_bytes()) {
        Some(at) => (trim(&param[..at]), trim(&param[at + 1..])),
        None => (trim(param), ""),
    }
}

/// The text between semicolons outside quotes, untrimmed, without the empty ones.
pub(super) fn raw_params(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let skipped = rest.bytes().take_while(|&b| b == b';').count();
        rest = &rest[skipped..];
        if rest.is_empty() {
            return None;
        }
        let bytes = rest.as_bytes();
        let end = match find2(b';', b'"', bytes) {
            None => bytes.len(),
            Some(at) if bytes[at] == b';' => at,
            Some(at) => param_end(bytes, at),
        };
        let param = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or("");
        Some(param)
    })
}

fn param_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b';' => return at,
            b'"' => match quoted_len(&bytes[at..]) {
                Some(len) => at += len,
                None => return bytes.len(),
            },
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Without the white space of RFC 3261 §25.1 (LWS with the line ends of folds) at both ends.
pub(super) fn trim(text: &str) -> &str {
    let bytes = text.as_bytes();
    let (mut start, mut end) = (0, bytes.len());
    while start < end && is_space(bytes[start]) {
        start += 1;
    }
    while start < end && is_space(bytes[end - 1]) {
        end -= 1;
    }
    &text[start..end]
}

/// White space between elements: space, tab, and the line ends of folds.
pub(super) const fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

/// Where the first white space is.
pub(super) fn find_space(text: &str) -> Option<usize> {
    text.bytes().position(is_space)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_split_outside_quotes_and_brackets() {
        let found: Vec<_> = values(r#" "a, b" <sip:x,y@h>;p="1,2" , sip:c ,, d,"#).collect();
        assert_eq!(found, [r#""a, b" <sip:x,y@h>;p="1,2""#, "sip:c", "d"]);
    }

    #[test]
    fn an_open_quote_or_bracket_takes_the_rest() {
        assert_eq!(values(r#"a, "b, c"#).collect::<Vec<_>>(), ["a", r#""b, c"#]);
        assert_eq!(values("a, <b, c").collect::<Vec<_>>(), ["a", "<b, c"]);
        assert_eq!(values(r#""b\"#).collect::<Vec<_>>(), [r#""b\"#]);
    }

    #[test]
    fn escaped_quotes_do_not_end_a_quoted_string() {
        assert_eq!(quoted_len(br#""a\"b" c"#), Some(6));
        assert_eq!(quoted_len(br#""a\""#), None);
        assert_eq!(quoted_len(br#""a\\""#), Some(5));
        assert!(!quotes_close(r#"a "b" c "d"#));
        assert!(quotes_close(r#"a "b;" c"#));
    }

    #[test]
    fn parameters_are_trimmed_and_empty_ones_skipped() {
        let found: Vec<_> = params(";tag = a ; lr;; q=\"x;y\";").collect();
        assert_eq!(found, [("tag", "a"), ("lr", ""), ("q", "\"x;y\"")]);
        assert_eq!(param(";Tag=1;lr", "tAG"), Some("1"));
        assert_eq!(param(";Tag=1;lr", "lr"), Some(""));
        assert_eq!(param(";Tag=1;lr", "ta"), None);
    }
}
