//! User-to-user information (RFC 7433), as octets.

use std::fmt::Write as _;

use bytes::Bytes;

use crate::message::{HeaderName, Message};

/// More octets are not told: ISDN carries 128.
const OCTETS_MAX: usize = 256;

/// The octets of the first User-to-User value: hexadecimal, as `encoding=hex` says and RFC 7434 §6 has it by default;
/// text that is not hexadecimal counts as itself.
pub(crate) fn of(message: &Message) -> Option<Bytes> {
    let value = message.values(HeaderName::UserToUser).next()?;
    let (text, params) = match value.strip_prefix('"').and_then(|inside| inside.split_once('"')) {
        Some((inside, params)) => (inside, params),
        None => value.split_once(';').unwrap_or((value, "")),
    };
    let encoding = params.split(';').find_map(|param| {
        let (name, value) = param.split_once('=')?;
        name.trim().eq_ignore_ascii_case("encoding").then(|| value.trim().trim_matches('"'))
    });
    let text = text.trim().as_bytes();
    let octets = match (encoding, octets(text)) {
        (None, None) => text.to_vec(),
        (None, Some(octets)) => octets,
        (Some(encoding), octets) if encoding.eq_ignore_ascii_case("hex") => octets?,
        (Some(_), _) => return None,
    };
    (1..=OCTETS_MAX).contains(&octets.len()).then(|| octets.into())
}

/// The value of a User-to-User header.
pub(crate) fn value(data: &[u8]) -> String {
    let mut value = String::with_capacity(2 * data.len() + 13);
    for octet in data {
        write!(value, "{octet:02x}").expect("writing to memory");
    }
    value.push_str(";encoding=hex");
    value
}

fn octets(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let octet = |pair: &[u8]| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok();
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.chunks_exact(2).map(octet).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Framing, Limits};

    fn read(value: &str) -> Option<Bytes> {
        let text = format!("INFO sip:a SIP/2.0\r\nUser-to-User: {value}\r\nContent-Length: 0\r\n\r\n");
        of(&Message::scan(text.into(), Framing::Stream, &Limits::DEFAULT).unwrap())
    }

    #[test]
    fn octets_are_hexadecimal_unless_they_cannot_be() {
        assert_eq!(
            read("56a390F3;encoding=hex;purpose=isdn-uui"),
            Some(Bytes::from_static(b"\x56\xa3\x90\xf3"))
        );
        assert_eq!(read("\"0041\" ; Encoding = \"HEX\""), Some(Bytes::from_static(b"\0A")));
        assert_eq!(read("0041"), Some(Bytes::from_static(b"\0A")));
        assert_eq!(read("\"order; 17\""), Some(Bytes::from_static(b"order; 17")));
        assert_eq!(read("6162, 6364"), Some(Bytes::from_static(b"ab")), "the first one");
    }

    #[test]
    fn what_cannot_be_read_or_is_too_long_is_not_told() {
        for value in ["", "616;encoding=hex", "zz;encoding=hex", "61;encoding=base64", "\"\""] {
            assert_eq!(read(value), None, "{value}");
        }
        assert_eq!(read(&"61".repeat(OCTETS_MAX)).map(|data| data.len()), Some(OCTETS_MAX));
        assert_eq!(read(&"61".repeat(OCTETS_MAX + 1)), None);
        assert_eq!(read(&format!("{};encoding=hex", "\u{e9}".repeat(20))), None);
    }

    #[test]
    fn what_is_written_reads_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(read(&value(&all)), Some(all.into()));
    }
}
