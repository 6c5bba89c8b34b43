//! Who sent a call elsewhere before, as History-Info says it (RFC 7044): for networks that say nothing in Diversion.
//!
//! ```text
//!   History-Info: <sip:1@h?Reason=SIP%3Bcause%3D486>;index=1          who sent the call elsewhere
//!   History-Info: <sip:2@h;cause=486>;index=1.1;mp=1                  where, and why
//! ```

use crate::message::{HeaderName, Message, NameAddr, Uri};
use crate::outbox::{DIVERSIONS_MAX, Diversion};
use crate::session::cause;

/// The entries that were sent elsewhere, the last one first. What only passed a proxy has no cause and is none of them.
pub(super) fn diversions(invite: &Message) -> Vec<Diversion> {
    let entries: Vec<NameAddr<'_>> =
        invite.values(HeaderName::HistoryInfo).filter_map(NameAddr::parse).collect();
    let entries = &entries[entries.len().saturating_sub(ENTRIES_MAX)..];
    let hides = invite.values(HeaderName::Privacy).any(is_hidden);
    let diversion = |place: usize| {
        let source = source_of(entries, place)?;
        let reason = reason(&entries[place].parsed_uri()?, &source.parsed_uri()?)?;
        let own = source.parsed_uri()?.header("Privacy");
        let is_private = hides || own.is_some_and(|privacy| is_hidden(&privacy));
        Some(Diversion {
            party: cause::party(Some(*source)),
            reason: reason.to_owned(),
            counter: 1,
            is_private,
        })
    };
    (1..entries.len()).rev().filter_map(diversion).take(DIVERSIONS_MAX).collect()
}

/// The entry that another one was made from: the one that it names, else the one above it, else the one before it.
fn source_of<'e, 'a>(entries: &'e [NameAddr<'a>], place: usize) -> Option<&'e NameAddr<'a>> {
    let (before, entry) = (&entries[..place], &entries[place]);
    let named = ["mp", "rc", "np"].into_iter().find_map(|kind| entry.param(kind));
    let above = entry.param("index").and_then(|index| index.rsplit_once('.')).map(|(above, _)| above);
    let with = |index: &str| before.iter().rev().find(|other| other.param("index") == Some(index));
    named.and_then(with).or_else(|| above.and_then(with)).or_else(|| before.last())
}

/// Why the one entry became the other, as RFC 5806 says it: the cause of the later one's URI (RFC 4458), else the Reason at the earlier one.
/// `None`: nobody sent the call elsewhere.
fn reason(target: &Uri<'_>, source: &Uri<'_>) -> Option<&'static str> {
    let code = match (target.param("cause"), source.header("Reason")) {
        (Some(code), _) => code.parse().ok(),
        (None, Some(reason)) => cause::sip_cause(&reason),
        (None, None) => return None,
    };
    // RFC 7544 §6.2.
    Some(match code {
        Some(302) => "unconditional",
        Some(408) => "no-answer",
        Some(480 | 487) => "deflection",
        Some(486) => "user-busy",
        Some(503) => "unavailable",
        _ => "unknown",
    })
}

/// Whether a Privacy keeps history from others (RFC 7044 §10.1.2).
fn is_hidden(privacy: &str) -> bool {
    let hides =
        |word: &str| ["history", "header", "session"].iter().any(|known| word.eq_ignore_ascii_case(known));
    privacy.split(';').map(str::trim).any(hides)
}

/// Of more entries the last ones count.
const ENTRIES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Framing, Limits};

    fn read(headers: &str) -> Vec<(String, String, bool)> {
        let text = format!("INVITE sip:a@b SIP/2.0\r\nCall-ID: c\r\n{headers}Content-Length: 0\r\n\r\n");
        let invite = Message::scan(text.into(), Framing::Stream, &Limits::DEFAULT).unwrap();
        let told = diversions(&invite).into_iter();
        told.map(|one| (one.party.user, one.reason, one.is_private)).collect()
    }

    fn told(expected: &[(&str, &str)]) -> Vec<(String, String, bool)> {
        expected.iter().map(|(user, reason)| ((*user).to_owned(), (*reason).to_owned(), false)).collect()
    }

    #[test]
    fn the_chain_is_followed_from_its_end() {
        let history = "History-Info: <sip:1@h?Reason=SIP%3Bcause%3D302>;index=1, <sip:2@h;cause=302>;index=1.1;mp=1\r\n\
                       History-Info: \"Three\" <sip:3@h;cause=486>;index=1.1.1;mp=1.1\r\n";
        assert_eq!(read(history), told(&[("2", "user-busy"), ("1", "unconditional")]));
    }

    #[test]
    fn who_is_named_or_stands_above_sent_the_call_elsewhere() {
        let phones = "History-Info: <sip:1@h>;index=1, <sip:1@192.0.2.1>;index=1.1;rc=1, ";
        assert_eq!(
            read(&format!("{phones}<sip:2@h;cause=408>;index=1.2;mp=1\r\n")),
            told(&[("1", "no-answer")])
        );
        assert_eq!(read(&format!("{phones}<sip:2@h;cause=408>;index=1.2\r\n")), told(&[("1", "no-answer")]));
        let device = format!("{phones}<sip:2@h;cause=408>;index=1.2;mp=1.1\r\n");
        assert_eq!(read(&device), told(&[("1", "no-answer")]));
        let lost = "History-Info: <sip:1@h>;index=1, <tel:+2;cause=503>;index=2.5;mp=7\r\n";
        assert_eq!(read(lost), told(&[("1", "unavailable")]), "none has that index");
        assert_eq!(read("History-Info: <sip:1@h>, <sip:2@h;cause=480>\r\n"), told(&[("1", "deflection")]));
    }

    #[test]
    fn a_reason_stands_for_a_cause_and_what_has_neither_only_passed() {
        let reason = |reason: &str| {
            read(&format!("History-Info: <sip:1@h?Reason={reason}>;index=1, <sip:2@h>;index=1.1\r\n"))
        };
        assert_eq!(reason("SIP%3Bcause%3D486%3Btext%3D%22Busy%22"), told(&[("1", "user-busy")]));
        assert_eq!(reason("Q.850%3Bcause%3D17"), told(&[("1", "unknown")]));
        for passed in [
            "History-Info: <sip:1@h>;index=1, <sip:1@192.0.2.1>;index=1.1;rc=1\r\n",
            "History-Info: <sip:1@h?Reason=SIP%3Bcause%3D486>;index=1\r\n",
            "History-Info: a, , <, index=1;cause=302\r\n",
            "",
        ] {
            assert_eq!(read(passed), [], "{passed}");
        }
    }

    #[test]
    fn who_hides_is_known_to_hide() {
        let history = "History-Info: <sip:1@h?Privacy=history&Reason=SIP%3Bcause%3D486>;index=1, <sip:2@h;cause=486>;index=1.1\r\n";
        assert!(read(history)[0].2);
        let plain = history.replace("Privacy=history", "Privacy=none");
        assert!(!read(&plain)[0].2);
        for (privacy, hides) in [("history", true), ("id;header", true), ("id", false), ("none", false)] {
            assert_eq!(read(&format!("Privacy: {privacy}\r\n{plain}"))[0].2, hides, "{privacy}");
        }
    }

    #[test]
    fn of_a_long_history_its_end_is_read() {
        let entries: Vec<String> =
            (0..100).map(|number| format!("<sip:{number}@h;cause=302>;index=1.{number}")).collect();
        let read = read(&format!("History-Info: {}\r\n", entries.join(",")));
        assert_eq!((read.len(), &*read[0].0), (DIVERSIONS_MAX, "98"));
    }
}
