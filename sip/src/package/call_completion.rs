//! `application/call-completion`: whether a call that was asked for can be completed (RFC 6910).

use super::{BODY_BYTES_MAX, Unreadable};

/// What a callee's side said about a completion that we asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallCompletionState {
    /// `ready`: call now; else `queued`.
    pub is_ready: bool,
    /// `cc-URI`: where to call, if it is said; without control characters.
    pub uri: Option<String>,
}

impl CallCompletionState {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Unreadable`], whatever the bytes are.
    pub fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        if body.len() > BODY_BYTES_MAX {
            return Err(Unreadable::TooLong);
        }
        let text = std::str::from_utf8(body).map_err(|_| Unreadable::Malformed)?;
        let (mut is_ready, mut uri) = (None, None);
        for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
            let (name, value) = (name.trim(), value.trim());
            if name.eq_ignore_ascii_case("cc-state") {
                is_ready = Some(match value {
                    _ if value.eq_ignore_ascii_case("ready") => true,
                    _ if value.eq_ignore_ascii_case("queued") => false,
                    _ => return Err(Unreadable::Malformed),
                });
            } else if name.eq_ignore_ascii_case("cc-uri") {
                let bare = value.strip_prefix('<').and_then(|value| value.split('>').next());
                let said = bare.unwrap_or(value);
                uri = (!said.contains(char::is_control)).then(|| said.to_owned());
            }
        }
        Ok(Self { is_ready: is_ready.ok_or(Unreadable::Foreign)?, uri })
    }
}

/// The body. The request stays in the queue should the callee be busy again: `cc-service-retention`.
pub(super) fn print(is_ready: bool, uri: &str) -> String {
    let state = if is_ready { "ready" } else { "queued" };
    let uri: String = uri.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>')).collect();
    let uri = if uri.is_empty() { String::new() } else { format!("cc-URI: <{uri}>\r\n") };
    format!("cc-state: {state}\r\ncc-service-retention: true\r\n{uri}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_reads_back_as_it_prints() {
        assert_eq!(
            print(true, "sip:b@pbx;m=BS"),
            "cc-state: ready\r\ncc-service-retention: true\r\ncc-URI: <sip:b@pbx;m=BS>\r\n"
        );
        for (is_ready, uri) in [(true, Some("sip:b@pbx;m=BS")), (false, Some("sip:b@pbx")), (false, None)] {
            let read = CallCompletionState::parse(print(is_ready, uri.unwrap_or_default()).as_bytes());
            assert_eq!(read, Ok(CallCompletionState { is_ready, uri: uri.map(str::to_owned) }));
        }
        assert_eq!(print(false, "a>\r\nEvil: 1").lines().count(), 3);
    }

    #[test]
    fn others_write_it_in_their_way() {
        let read = CallCompletionState::parse(b"CC-State :Ready\ncc-uri:sip:b@pbx\nx-foo: 1\n").unwrap();
        assert_eq!((read.is_ready, read.uri.as_deref()), (true, Some("sip:b@pbx")));
    }

    #[test]
    fn a_uri_that_would_break_a_header_is_not_heard() {
        let read = CallCompletionState::parse(b"cc-state: queued\r\ncc-URI: <sip:a\rRoute: x>\r\n").unwrap();
        assert_eq!((read.is_ready, read.uri), (false, None));
    }

    #[test]
    fn what_has_no_state_is_refused() {
        for (body, error) in [
            (&b""[..], Unreadable::Foreign),
            (b"cc-URI: <sip:a>", Unreadable::Foreign),
            (b"cc-state: maybe", Unreadable::Malformed),
            (b"cc-state: \xff", Unreadable::Malformed),
        ] {
            assert_eq!(CallCompletionState::parse(body), Err(error));
        }
        assert_eq!(CallCompletionState::parse(&vec![b'x'; BODY_BYTES_MAX + 1]), Err(Unreadable::TooLong));
    }
}
