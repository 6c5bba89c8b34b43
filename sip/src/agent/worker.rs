//! Which worker a message is for: a cheap look at the bytes, before anything is parsed.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;
use memchr::{memchr, memmem};

use crate::token::{COOKIE, Token};

/// Spreads Call-IDs over the workers. All workers of a process must agree on it.
const SPREAD: FixedState = FixedState::with_seed(0x7472_756e_6b6c_696e);

/// The worker that a message is for.
///
/// Our own branch (in the topmost Via of a response) or tag (in To of a request) names it; everything else is spread
/// by Call-ID, so that retransmissions, ACK and CANCEL meet their INVITE.
pub(super) fn worker_for(bytes: &[u8], workers: u16) -> u16 {
    if workers <= 1 {
        return 0;
    }
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    let bytes = &bytes[start..];
    let is_response = bytes.starts_with(b"SIP/2.0 ");
    let (mut call_id, mut is_settled): (&[u8], bool) = (&[], false);
    for line in Lines(bytes) {
        if is_settled && !call_id.is_empty() {
            break;
        }
        let Some(colon) = memchr(b':', line) else { continue };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        let is =
            |long: &[u8], short: &[u8]| name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short);
        let owner = if is_response && is(b"via", b"v") {
            is_settled = true;
            // The topmost of several.
            memmem::find(value, BRANCH).and_then(|at| own(&value[at + BRANCH.len()..], COOKIE.as_bytes()))
        } else if !is_response && is(b"to", b"t") {
            is_settled = true;
            // Behind whatever the display name says.
            memmem::rfind(value, TAG).and_then(|at| own(&value[at + TAG.len()..], b""))
        } else {
            if call_id.is_empty() && is(b"call-id", b"i") {
                call_id = value;
            }
            None
        };
        match owner {
            Some(owner) if owner < workers => return owner,
            Some(_) | None => {}
        }
    }
    // The remainder is below `workers`, which is a u16.
    u16::try_from(SPREAD.hash_one(call_id) % u64::from(workers)).unwrap_or_default()
}

/// The Call-ID of a message.
pub(super) fn call_id(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    let found = Lines(&bytes[start..]).find_map(|line| {
        let colon = memchr(b':', line)?;
        let name = line[..colon].trim_ascii();
        let is_it = name.eq_ignore_ascii_case(b"call-id") || name.eq_ignore_ascii_case(b"i");
        is_it.then(|| line[colon + 1..].trim_ascii())
    });
    found.unwrap_or_default()
}

/// The worker in a branch or tag of ours that begins here.
fn own(value: &[u8], prefix: &[u8]) -> Option<u16> {
    let token = value.strip_prefix(prefix)?;
    let ours = Token::parse_bytes(token.get(..Token::LENGTH)?)?;
    let is_whole = token.get(Token::LENGTH).is_none_or(|next| !next.is_ascii_alphanumeric());
    is_whole.then_some(ours.worker)
}

const BRANCH: &[u8] = b"branch=";
const TAG: &[u8] = b";tag=";

/// The lines of the header part, each with its folds.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let line_end = |from: usize| memchr(b'\n', &self.0[from..]).map_or(self.0.len(), |len| from + len);
        let mut end = line_end(0);
        let is_end = self.0[..end].trim_ascii().is_empty();
        while !is_end && matches!(self.0.get(end + 1), Some(b' ' | b'\t')) {
            end = line_end(end + 1);
        }
        let line = self.0[..end].trim_ascii_end();
        self.0 = self.0.get(end + 1..).unwrap_or_default();
        if line.is_empty() {
            self.0 = &[];
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_goes_to_the_worker_in_its_topmost_branch() {
        let branch = |worker| Token { worker, bits: 9 };
        let response = |worker| {
            format!(
                "SIP/2.0 200 OK\r\nv: SIP/2.0/UDP h;rport=1;branch=z9hG4bK{}\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK{}\r\nCall-ID: x\r\n\r\n",
                branch(worker),
                branch(0)
            )
        };
        assert_eq!(worker_for(response(3).as_bytes(), 4), 3);
        assert_eq!(worker_for(response(3).as_bytes(), 1), 0);
    }

    #[test]
    fn a_request_in_a_dialog_goes_to_the_worker_in_our_tag() {
        let tag = Token { worker: 2, bits: u64::MAX };
        let request = format!(
            "BYE sip:a SIP/2.0\r\nFrom: <sip:b>;tag=1\r\nTo: <sip:a>;tag={tag}\r\nCall-ID: x\r\n\r\n"
        );
        assert_eq!(worker_for(request.as_bytes(), 4), 2);
        let in_body = request.replace(";tag=", ";x=") + &format!(" \r\nTo: <sip:a>;tag={tag}\r\n");
        assert_eq!(
            worker_for(in_body.as_bytes(), 4),
            worker_for(b"BYE sip:a SIP/2.0\r\nCall-ID: x\r\n\r\n", 4)
        );
        let folded = request.replace("To: ", "To:\r\n ").replace(";tag=", "\r\n\t;tag=");
        assert_eq!(worker_for(folded.as_bytes(), 4), 2);
        let misleading = format!(
            "BYE sip:a SIP/2.0\r\nt: \";tag={}\" <sip:a>;tag={tag};x\r\n\r\n",
            Token { worker: 1, bits: 0 }
        );
        assert_eq!(worker_for(misleading.as_bytes(), 4), 2);
    }

    #[test]
    fn everything_else_is_spread_by_call_id() {
        let request = |method: &str, call_id: &str, name: &str| {
            let text = format!(
                "{method} sip:a SIP/2.0\r\nTo: <sip:a>\r\n{name}: {call_id}\r\n\r\nCall-ID: body\r\n"
            );
            worker_for(text.as_bytes(), 8)
        };
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..64 {
            let call_id = format!("{number}@host");
            let worker = request("INVITE", &call_id, "Call-ID");
            assert_eq!(worker, request("CANCEL", &call_id, "i"));
            seen.insert(worker);
        }
        assert!(seen.len() == 8 && seen.iter().all(|worker| *worker < 8));
    }

    #[test]
    fn anything_at_all_has_a_worker() {
        for bytes in
            [&b""[..], b"\r\n\r\n", b"\0\0\0\0", b"SIP/2.0 200 OK\r\nVia: branch=z9hG4bK", b"x: to: tag="]
        {
            assert!(worker_for(bytes, 5) < 5);
        }
    }
}
