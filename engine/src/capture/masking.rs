//! A message without what is secret: keys, what proves who somebody is, and the body of an INFO, which may be digits.
//!
//! Each octet of it becomes `*`, so that lengths, and with them `Content-Length`, stay what they were.

use trunkline_sip::sdp;

/// The message as it may be shown.
pub(crate) fn masked(message: &[u8]) -> Vec<u8> {
    let mut message = sdp::masked(message).into_owned();
    // What is taken for a message is one here, too: with empty lines before it, and with line feeds alone.
    let start = message.iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | 0)).count();
    let length = head_bytes(&message[start..]);
    let (head, body) = message[start..].split_at_mut(length);
    let mut is_hidden = false;
    for line in head.split_inclusive_mut(|byte| *byte == b'\n') {
        // A line that is folded belongs to the one before.
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            if is_hidden {
                hide(&mut line[1..]);
            }
            continue;
        }
        let value = find(line, b":").map_or(line.len(), |colon| colon + 1);
        is_hidden = proves(&line[..value], &line[value..]);
        if is_hidden {
            hide(&mut line[value..]);
        }
    }
    if head.strip_prefix(b"INFO").is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_whitespace)) {
        hide(body);
    }
    for line in body.split_inclusive_mut(|byte| *byte == b'\n') {
        let key = [&b"k="[..], b"a=key-mgmt:"].into_iter().find(|key| line.starts_with(key));
        if let Some(key) = key {
            hide(&mut line[key.len()..]);
        }
    }
    message
}

/// Whether the value of a header proves who somebody is, in another way than by a hash that is masked already.
fn proves(name: &[u8], value: &[u8]) -> bool {
    let name = name.strip_suffix(b":").unwrap_or(name).trim_ascii();
    let is_digest =
        value.trim_ascii_start().get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"digest"));
    let is = |header: &str| name.eq_ignore_ascii_case(header.as_bytes());
    is("authentication-info") || (is("authorization") || is("proxy-authorization")) && !is_digest
}

/// Where the body begins: behind the first empty line.
fn head_bytes(text: &[u8]) -> usize {
    let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let body = |at: usize| match &text[at..] {
        [b'\r', b'\n', ..] => Some(at + 2),
        [b'\n', ..] => Some(at + 1),
        _ => None,
    };
    ends.into_iter().find_map(body).unwrap_or(text.len())
}

fn hide(text: &mut [u8]) {
    text.iter_mut().filter(|byte| !matches!(byte, b'\r' | b'\n')).for_each(|byte| *byte = b'*');
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(message: &str) -> String {
        let masked = masked(message.as_bytes());
        assert_eq!(masked.len(), message.len());
        String::from_utf8(masked).expect("UTF-8 stays so")
    }

    #[test]
    fn no_secret_and_no_digit_is_shown() {
        let said = shown(
            "INFO sip:1 SIP/2.0\r\nAuthorization: Digest username=\"a\", response=\"0123\"\r\n\
             Content-Type : application/dtmf-relay\r\n\r\nSignal= 7\r\nDuration=160\r\n",
        );
        assert!(!said.contains("0123") && !said.contains('7') && said.contains("username"), "{said}");
        assert!(said.ends_with("dtmf-relay\r\n\r\n*********\r\n************\r\n"), "{said}");
        let said = shown(
            "INVITE sip:1 SIP/2.0\r\nFrom: x\r\n\r\na=crypto:1 AES inline:secret\r\nk=clear:secret\r\n\
             a=key-mgmt:mikey secret\r\nm=audio\r\n",
        );
        assert!(
            !said.contains("secret") && said.contains("inline:") && said.ends_with("m=audio\r\n"),
            "{said}"
        );
        for secret in [
            "Authorization: Basic secret",
            "proxy-authorization:\r\n Bearer secret",
            "Authentication-Info : rspauth=\"secret\",\r\n\tqop=secret",
        ] {
            let said = shown(&format!("OPTIONS sip:1 SIP/2.0\r\n{secret}\r\nTo: y\r\n\r\n"));
            assert!(!said.contains("secret") && said.contains("To: y\r\n\r\n"), "{said}");
        }
    }

    #[test]
    fn a_message_that_is_written_oddly_is_masked_as_well() {
        for odd in [
            "\r\nINFO sip:1 SIP/2.0\r\nTo: y\r\n\r\nSignal= 7\r\n",
            "\0\n\r\n\r\nINFO\tsip:1 SIP/2.0\r\nTo: y\r\n\r\nSignal= 7\r\n",
            "INFO sip:1 SIP/2.0\nTo: y\n\nSignal= 7\n",
            "INFO sip:1 SIP/2.0\nTo: y\n\r\nSignal= 7\n",
            "\r\n\r\nOPTIONS sip:1 SIP/2.0\r\nAuthorization: Bearer 7777\r\nTo: y\r\n\r\n",
            "OPTIONS sip:1 SIP/2.0\nAuthorization: Bearer 7777\nTo: y\n\nk=clear:7777\n",
        ] {
            let said = shown(odd);
            assert!(!said.contains('7') && said.contains("To: y"), "{said:?}");
        }
    }

    #[test]
    fn everything_else_stays() {
        for plain in [
            &b"OPTIONS sip:1 SIP/2.0\r\nTo: y\r\n\r\n"[..],
            b"SIP/2.0 200 OK\r\nTo: y\r\n\r\nv=0\r\n",
            b"INFO sip:1 SIP/2.0",
            b"\r\n\r\n",
            b" folded\r\n",
            b"\xff",
            b"",
        ] {
            assert_eq!(masked(plain), plain);
        }
    }
}
