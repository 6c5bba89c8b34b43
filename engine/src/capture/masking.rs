//! A message without what is secret: keys, what proves who somebody is, and the body of an INFO, which may be digits.
//!
//! Each octet of it becomes `*`, so that lengths, and with them `Content-Length`, stay what they were.

use trunkline_sip::sdp;

/// The message as it may be shown.
pub(crate) fn masked(message: &[u8]) -> Vec<u8> {
    let mut message = sdp::masked(message).into_owned();
    let head = find(&message, b"\r\n\r\n").map_or(message.len(), |end| end + 4);
    let (head, body) = message.split_at_mut(head);
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
    if head.starts_with(b"INFO ") {
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
