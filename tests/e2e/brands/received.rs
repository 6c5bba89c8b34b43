//! What the engine says to phones, judged strictly: phones forgive less than engines do.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Judges every message that a phone of this test wrote down as received. How many there were.
///
/// # Panics
/// At the first that is not as it must be, which is shown.
pub(super) fn judge(directory: &Path) -> usize {
    let files = fs::read_dir(directory).expect("a directory of ours").flatten().map(|entry| entry.path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "messages"));
    let mut judged = 0;
    for file in files {
        let text = fs::read_to_string(&file).expect("SIPp wrote it");
        let mut phone = Phone::default();
        for message in received(&text) {
            if let Err(fault) = phone.hears(message) {
                panic!("{}: {fault}:\n{message}", file.display());
            }
            judged += 1;
        }
    }
    judged
}

/// The messages that a SIPp received, by what `-trace_msg` writes: `UDP message received [468] bytes :`.
pub(crate) fn received(text: &str) -> impl Iterator<Item = &str> {
    text.split(" message received [").skip(1).map(|rest| {
        let (length, rest) = rest.split_once("] bytes :\n\n").expect("SIPp writes the length");
        &rest[..length.parse().expect("a length is a number")]
    })
}

/// What a phone has heard so far.
#[derive(Default)]
struct Phone {
    /// By Call-ID and the engine's tag: the number and text of its last request.
    requests: HashMap<(String, String), (u32, String)>,
    /// By Call-ID: the last description.
    descriptions: HashMap<String, Description>,
}

/// A description of a session (RFC 8866) as far as RFC 3264 §8 says how it may change.
#[derive(Clone, PartialEq, Eq)]
struct Description {
    session: String,
    version: u64,
    rest: String,
}

impl Phone {
    fn hears(&mut self, message: &str) -> Result<(), String> {
        let (head, body) = message.split_once("\r\n\r\n").ok_or("no empty line")?;
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap_or_default();
        let mut headers: HashMap<&str, Vec<&str>> = HashMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").ok_or_else(|| format!("{line} is no header"))?;
            if value.is_empty() || value != value.trim() {
                return Err(format!("{name} is empty or padded"));
            }
            if !NAMES.contains(&name) {
                return Err(format!("{name} is no header that phones are told"));
            }
            headers.entry(name).or_default().push(value);
        }
        for name in ["From", "To", "Call-ID", "CSeq", "Content-Length"] {
            if headers.get(name).is_none_or(|values| values.len() != 1) {
                return Err(format!("not one {name}"));
            }
        }
        let one = |name: &str| headers.get(name).map_or("", |values| values[0]);
        if one("Content-Length").parse() != Ok(body.len()) {
            return Err(format!("Content-Length is not {}", body.len()));
        }
        if body.is_empty() == headers.contains_key("Content-Type") {
            return Err("a body without a type, or the other way round".to_owned());
        }
        let (number, method) = one("CSeq").split_once(' ').ok_or("no method in CSeq")?;
        let number: u32 = number.parse().map_err(|_| "no number in CSeq")?;
        let is_tagged = |name| one(name).contains(";tag=");
        let needs: &[&str] = match start.strip_prefix("SIP/2.0 ") {
            Some(status) => {
                let code = status.get(..3).ok_or("no status")?;
                if !is_tagged("From") || (code != "100" && !is_tagged("To")) {
                    return Err("an answer without a tag".to_owned());
                }
                match (method, code.as_bytes()[0]) {
                    ("INVITE" | "SUBSCRIBE" | "UPDATE" | "REFER", b'2') => &["Contact"],
                    ("INVITE", b'1') if code != "100" => &["Contact"],
                    ("REGISTER", b'2') => &[],
                    (_, b'4') if code == "401" => &["WWW-Authenticate"],
                    _ => &[],
                }
            }
            None => {
                self.is_asked(start, method, number, one("Call-ID"), one("From"))?;
                match method {
                    "INVITE" | "UPDATE" => &["Via", "Max-Forwards", "Contact", "Allow", "Supported"],
                    "NOTIFY" => &["Via", "Max-Forwards", "Contact", "Event", "Subscription-State"],
                    _ => &["Via", "Max-Forwards"],
                }
            }
        };
        if let Some(missing) = needs.iter().find(|name| !headers.contains_key(**name)) {
            return Err(format!("no {missing}"));
        }
        match one("Content-Type") {
            "" => Ok(()),
            "application/sdp" => self.is_offered(one("Call-ID"), body),
            "application/dialog-info+xml" => is_nested(body),
            "application/simple-message-summary" => is_summary(body),
            kind if kind.starts_with("multipart/mixed;boundary=") => is_in_parts(body, &kind[25..]),
            "message/sipfrag;version=2.0" if body.starts_with("SIP/2.0 ") => Ok(()),
            kind => Err(format!("{kind} is nothing that phones were told, or it is empty")),
        }
    }

    /// A request: its number goes up by one in its dialog, but for copies of the last one, and for ACK and CANCEL.
    fn is_asked(
        &mut self,
        start: &str,
        method: &str,
        number: u32,
        call_id: &str,
        from: &str,
    ) -> Result<(), String> {
        if !start.starts_with(&format!("{method} sip:")) || !start.ends_with(" SIP/2.0") {
            return Err("the method of CSeq is another".to_owned());
        }
        let tag = from.split(";tag=").nth(1).ok_or("a request without a tag")?;
        if ["ACK", "CANCEL"].contains(&method) {
            return Ok(());
        }
        let key = (call_id.to_owned(), tag.to_owned());
        let before = self.requests.insert(key, (number, start.to_owned()));
        match before {
            Some((last, text)) if last == number && text == start => Ok(()),
            Some((last, _)) if last + 1 != number => Err(format!("CSeq {number} after {last}")),
            _ => Ok(()),
        }
    }

    /// A description: one session a call, and a version that goes up by one when, and only when, something else changed.
    fn is_offered(&mut self, call_id: &str, body: &str) -> Result<(), String> {
        let mut lines = body.split("\r\n");
        if lines.next() != Some("v=0") {
            return Err("a description does not begin with v=0".to_owned());
        }
        let origin = lines.next().and_then(|line| line.strip_prefix("o=")).ok_or("no origin")?;
        let fields: Vec<&str> = origin.split(' ').collect();
        let [user, session, version, "IN", "IP4", address] = fields[..] else {
            return Err(format!("{origin} is no origin"));
        };
        let version = version.parse().map_err(|_| "a version is no number")?;
        let rest: Vec<&str> = lines.collect();
        let kinds: String = rest.iter().filter_map(|line| line.chars().next()).collect();
        let media = kinds.strip_prefix("sct").map(|kinds| kinds.trim_start_matches('a'));
        if !media.is_some_and(|media| media.starts_with('m')) || !body.ends_with("\r\n") {
            return Err(format!("the lines of a description are {kinds}"));
        }
        let next =
            Description { session: format!("{user} {session} {address}"), version, rest: rest.join("\n") };
        match self.descriptions.insert(call_id.to_owned(), next.clone()) {
            Some(last) if last.session != next.session => Err("the session is another".to_owned()),
            Some(last) if last.rest == next.rest && last.version != next.version => {
                Err("the version is another, and nothing else".to_owned())
            }
            Some(last) if last.rest != next.rest && last.version + 1 != next.version => {
                Err(format!("version {} after {}", next.version, last.version))
            }
            _ => Ok(()),
        }
    }
}

/// Lines of RFC 3842 §5.2, the first of which says whether there are messages.
fn is_summary(body: &str) -> Result<(), String> {
    let waits = body.starts_with("Messages-Waiting: yes\r\n") || body.starts_with("Messages-Waiting: no\r\n");
    let lines = body.strip_suffix("\r\n").ok_or("a summary does not end")?;
    if waits && lines.split("\r\n").all(|line| line.contains(": ")) {
        Ok(())
    } else {
        Err("no summary".to_owned())
    }
}

/// Parts, each of one document with its type.
fn is_in_parts(body: &str, boundary: &str) -> Result<(), String> {
    let parts = body.strip_suffix(&format!("--{boundary}--\r\n")).ok_or("the parts do not end")?;
    let begin = format!("--{boundary}\r\n");
    let mut parts = parts.split(&begin);
    if parts.next() != Some("") {
        return Err("something before the first part".to_owned());
    }
    parts.try_for_each(|part| {
        let (head, document) = part.split_once("\r\n\r\n").ok_or("a part without an empty line")?;
        if head != "Content-Type: application/x-as-feature-event+xml" {
            return Err(format!("{head} of a part"));
        }
        is_nested(document)
    })
}

/// Elements end in the order in which they began, and attributes are quoted.
fn is_nested(document: &str) -> Result<(), String> {
    let mut open = Vec::new();
    for tag in document.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').ok_or("a tag does not end")?;
        if text.contains('&') && !text.contains(';') {
            return Err("a character that is not escaped".to_owned());
        }
        if tag.starts_with('?') || tag.ends_with('/') {
            continue;
        }
        if tag.matches('"').count() % 2 == 1 {
            return Err(format!("{tag}: a quote does not end"));
        }
        let name = tag.trim_start_matches('/').split_whitespace().next().unwrap_or_default();
        if !tag.starts_with('/') {
            open.push(name);
        } else if open.pop() != Some(name) {
            return Err(format!("{name} ends where it did not begin"));
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} do not end")) }
}

/// Each rule finds what breaks it.
#[test]
fn faults_are_found() {
    let good = "NOTIFY sip:1@h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:2@h>;tag=a\r\nTo: <sip:1@h>;tag=b\r\n\
                Call-ID: c\r\nCSeq: 7 NOTIFY\r\nMax-Forwards: 70\r\nContact: <sip:2@h>\r\nEvent: dialog\r\n\
                Subscription-State: active;expires=9\r\nContent-Type: application/dialog-info+xml\r\n\
                Content-Length: 17\r\n\r\n<a><b x=\"1\"/></a>";
    assert_eq!(Phone::default().hears(good), Ok(()));
    for (from, to) in [
        ("Max-Forwards: 70\r\n", ""),
        ("Event: dialog", "Event: "),
        ("Event: dialog", "Evnt: dialog"),
        ("Content-Length: 17", "Content-Length: 18"),
        ("7 NOTIFY", "7 INVITE"),
        ("<sip:2@h>;tag=a", "<sip:2@h>"),
        ("</a>", "</c>"),
        ("Contact: <sip:2@h>\r\n", ""),
    ] {
        assert!(good.contains(from) && Phone::default().hears(&good.replace(from, to)).is_err(), "{from}");
    }
    let mut phone = Phone::default();
    assert_eq!(
        [7, 8].map(|number| phone.hears(&good.replace("7 N", &format!("{number} N")))),
        [Ok(()), Ok(())]
    );
    assert!(phone.hears(&good.replace("7 N", "10 N")).is_err(), "a gap");
    assert_eq!(is_summary("Messages-Waiting: no\r\nVoice-Message: 0/0\r\n"), Ok(()));
    assert!(is_summary("Messages-Waiting: no\r\nVoice-Message: 0/0").is_err());
    assert!(is_summary("Voice-Message: 0/0\r\nMessages-Waiting: no\r\n").is_err());
    let parts = |inside: &str| {
        is_in_parts(
            &format!("--b\r\nContent-Type: application/x-as-feature-event+xml\r\n\r\n{inside}\r\n--b--\r\n"),
            "b",
        )
    };
    assert_eq!(parts("<a/>"), Ok(()));
    assert!(parts("<a>").is_err() && is_in_parts("<a/>", "b").is_err());
    let described = |version, direction| {
        format!(
            "v=0\r\no=- 5 {version} IN IP4 h\r\ns=-\r\nc=IN IP4 h\r\nt=0 0\r\nm=audio 4 RTP/AVP 0\r\na={direction}\r\n"
        )
    };
    assert_eq!(phone.is_offered("c", &described(1, "sendrecv")), Ok(()));
    assert_eq!(phone.is_offered("c", &described(2, "recvonly")), Ok(()));
    assert!(phone.is_offered("c", &described(2, "sendrecv")).is_err(), "the same version for another");
    assert!(phone.is_offered("c", &described(3, "sendrecv")).is_err(), "another version for the same");
}

/// The headers that phones may be told, as their standards spell them.
const NAMES: [&str; 43] = [
    "Accept",
    "Alert-Info",
    "Allow",
    "Allow-Events",
    "Answer-Mode",
    "CSeq",
    "Call-ID",
    "Call-Info",
    "Contact",
    "Content-Length",
    "Content-Type",
    "Date",
    "Diversion",
    "Event",
    "Expires",
    "Flow-Timer",
    "From",
    "History-Info",
    "Max-Forwards",
    "Min-Expires",
    "Min-SE",
    "P-Asserted-Identity",
    "Path",
    "Privacy",
    "RSeq",
    "Reason",
    "Record-Route",
    "Refer-Sub",
    "Referred-By",
    "Remote-Party-ID",
    "Replaces",
    "Require",
    "Retry-After",
    "Server",
    "Session-Expires",
    "Subscription-State",
    "Supported",
    "To",
    "User-Agent",
    "User-to-User",
    "Via",
    "WWW-Authenticate",
    "Warning",
];
