//! The registrar (RFC 3261 §10.3): what one authenticated REGISTER does to the contacts of its line.
//!
//! The agent has checked the domain, the password, and that the user may register this line. A retransmission never
//! comes here: its transaction answers it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::gruu;
use crate::location::{Binding, Edit, EditError, INSTANCE_MARK, Location};
use crate::message::{HeaderName, Message, NameAddr, Scheme, Uri};
use crate::outbox::Outbox;
use crate::transport::Flow;

/// The limits and habits of a registrar.
#[derive(Clone, Copy, Debug)]
pub struct Registrar {
    /// A shorter registration is answered 423, in seconds.
    pub expires_min_s: u32,
    /// A longer registration is shortened, in seconds.
    pub expires_max_s: u32,
    /// Where the phone names no time, in seconds.
    pub expires_default_s: u32,
    /// Contacts that one REGISTER may make: 403 beyond.
    pub contacts_max: usize,
    /// Path values of one REGISTER: 403 beyond.
    pub paths_max: usize,
    /// Length of a Contact URI, of its parameters, of a Path value, and of a Call-ID, in bytes: 400 beyond, and where a control
    /// character is among them.
    pub text_bytes_max: usize,
}

/// A REGISTER that passed authentication and [`Message::validate`].
#[derive(Clone, Copy, Debug)]
pub struct Registration<'a> {
    /// The request.
    pub request: &'a Message,
    /// The line that it is for.
    pub line: &'a Arc<str>,
    /// What it came by.
    pub flow: Flow,
}

/// The answer: the status, and header lines to add, name and value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Registered {
    /// 200, 400, 403, 423, 500 or 503.
    pub status: u16,
    /// `Contact` (one line a binding), `Path`, `Min-Expires`, `Retry-After`, `Require`, `Flow-Timer`.
    pub headers: Vec<(&'static str, String)>,
}

/// A Contact value of the request.
struct Contact<'a> {
    value: NameAddr<'a>,
    uri: Uri<'a>,
    /// `+sip.instance` and `reg-id` (RFC 5626 §6).
    instance_key: Option<String>,
    /// Zero removes.
    expires_s: u32,
}

impl Registrar {
    /// RFC 3261 §10.2.1.1's hour, with room for phones that ask for a minute (NAT) and for two hours.
    pub const DEFAULT: Self = Self {
        expires_min_s: 60,
        expires_max_s: 7200,
        expires_default_s: 3600,
        contacts_max: 10,
        paths_max: 8,
        text_bytes_max: 1024,
    };

    /// Does what the request asks: all of it or nothing. Changes go to `out`, for the store and the switch.
    ///
    /// `is_own` says whether a Contact leads back to the engine, which is refused with 403.
    pub fn register(
        &self,
        now: Instant,
        registration: Registration<'_>,
        location: &Location,
        is_own: impl Fn(&Uri<'_>) -> bool,
        out: &mut Outbox,
    ) -> Registered {
        match self.bindings(now, registration, location, is_own, out) {
            Ok(bindings) => ok(now, registration, &bindings),
            Err(refusal) => refusal,
        }
    }

    fn bindings(
        &self,
        now: Instant,
        registration: Registration<'_>,
        location: &Location,
        is_own: impl Fn(&Uri<'_>) -> bool,
        out: &mut Outbox,
    ) -> Result<Vec<Arc<Binding>>, Registered> {
        let Registration { request, line, .. } = registration;
        // Told to who only asks as well.
        let path = self.path(request)?;
        let values: Vec<_> = request.contacts().collect();
        if values.is_empty() {
            return Ok(location.bindings(line, now));
        }
        let result = if values.iter().any(|value| value.uri == "*") {
            // RFC 3261 §10.2.2.
            if values.len() > 1 || request.expires() != Some(0) {
                return Err(refused(400));
            }
            location.edit(now, line, out, |known| remove_all(request, known))
        } else {
            let contacts = self.contacts(request, &values)?;
            if contacts.iter().any(|contact| contact.expires_s > 0 && is_own(&contact.uri)) {
                return Err(refused(403));
            }
            location.edit(now, line, out, |known| edits(now, registration, &contacts, &path, known))
        };
        result.map_err(|error| match error {
            EditError::Full => with(503, "Retry-After", RETRY_AFTER_S.to_string()),
            EditError::Refused(OutOfOrder) => refused(500),
        })
    }

    /// Reads every Contact before anything is changed (RFC 3261 §10.3 step 7).
    fn contacts<'a>(
        &self,
        request: &Message,
        values: &[NameAddr<'a>],
    ) -> Result<Vec<Contact<'a>>, Registered> {
        if !self.may_keep(request.call_id()) {
            return Err(refused(400));
        }
        let header_s = request.expires().unwrap_or(self.expires_default_s);
        let mut contacts = Vec::with_capacity(values.len());
        for value in values {
            let uri = value.parsed_uri().ok_or_else(|| refused(400))?;
            if !self.may_keep(value.uri) || !self.may_keep(value.params_text()) {
                return Err(refused(400));
            }
            let expires_s =
                value.param("expires").and_then(seconds).unwrap_or(header_s).min(self.expires_max_s);
            if expires_s > 0 && expires_s < self.expires_min_s {
                return Err(with(423, "Min-Expires", self.expires_min_s.to_string()));
            }
            // A mail address or telephone number may stand beside (RFC 3261 §10.2.1), but nothing can be sent to it.
            if matches!(uri.scheme, Scheme::Sip | Scheme::Sips) {
                contacts.push(Contact { value: *value, uri, instance_key: instance_key(value), expires_s });
            }
        }
        if contacts.iter().filter(|contact| contact.expires_s > 0).count() > self.contacts_max {
            return Err(refused(403));
        }
        Ok(contacts)
    }

    fn path(&self, request: &Message) -> Result<Box<[Box<str>]>, Registered> {
        let mut path = Vec::new();
        for value in request.values(HeaderName::Path) {
            if path.len() == self.paths_max {
                return Err(refused(403));
            }
            if !self.may_keep(value) || NameAddr::parse(value).and_then(|path| path.parsed_uri()).is_none() {
                return Err(refused(400));
            }
            path.push(value.into());
        }
        Ok(path.into_boxed_slice())
    }

    /// What is kept is told to every phone of the line: no more than so many bytes, and nothing that no header may have (RFC 3261
    /// §25.1).
    fn may_keep(&self, text: &str) -> bool {
        let is_foreign = |letter: char| letter.is_control() && letter != '\t';
        text.len() <= self.text_bytes_max && !text.contains(is_foreign)
    }
}

/// What a phone waits when the table is full.
const RETRY_AFTER_S: u32 = 300;
/// The User-Agent is for people to read.
const USER_AGENT_BYTES_MAX: usize = 128;
/// How often a phone proves that its stream is open (RFC 5626 §4.4.1).
const FLOW_TIMER_S: u32 = 120;

/// The request is older than the binding that it would change (RFC 3261 §10.3 step 7).
struct OutOfOrder;

fn remove_all(request: &Message, known: &[Arc<Binding>]) -> Result<Vec<Edit>, OutOfOrder> {
    let remove = |binding: &Arc<Binding>| {
        check_order(request, binding)?;
        Ok(Edit::Remove(Arc::clone(&binding.key)))
    };
    known.iter().map(remove).collect()
}

fn edits(
    now: Instant,
    registration: Registration<'_>,
    contacts: &[Contact<'_>],
    path: &[Box<str>],
    known: &[Arc<Binding>],
) -> Result<Vec<Edit>, OutOfOrder> {
    let Registration { request, flow, .. } = registration;
    let mut edits: Vec<Edit> = Vec::with_capacity(contacts.len());
    for contact in contacts {
        let found = known.iter().find(|binding| is_of(binding, contact));
        if let Some(binding) = found {
            check_order(request, binding)?;
        }
        if contact.expires_s == 0 {
            edits.extend(found.map(|binding| Edit::Remove(Arc::clone(&binding.key))));
            continue;
        }
        // A phone may name one contact in two spellings of its URI: the later one counts.
        let named_before = edits.iter().find_map(|edit| match edit {
            Edit::Put(binding) if is_of(binding, contact) => Some(&binding.key),
            Edit::Put(_) | Edit::Remove(_) => None,
        });
        let key = match (found.map(|binding| &binding.key).or(named_before), &contact.instance_key) {
            (Some(key), _) => Arc::clone(key),
            (None, Some(key)) => key.as_str().into(),
            (None, None) => contact.value.uri.into(),
        };
        edits.push(Edit::Put(Binding {
            key,
            contact: contact.value.uri.into(),
            params: kept_params(&contact.value),
            q_milli: contact.value.param("q").and_then(thousandths).unwrap_or(1000),
            path: path.into(),
            flow,
            call_id: request.call_id().into(),
            cseq: request.cseq().number,
            user_agent: cut(request.value(HeaderName::UserAgent).unwrap_or(""), USER_AGENT_BYTES_MAX).into(),
            expires: now + Duration::from_secs(contact.expires_s.into()),
        }));
    }
    Ok(edits)
}

/// Whether the Contact names this binding: by instance and reg-id, else by URI (RFC 3261 §19.1.4). To remove, the URI
/// is enough: not every phone repeats its instance.
fn is_of(binding: &Binding, contact: &Contact<'_>) -> bool {
    let is_by_instance = binding.is_kept_flow();
    match &contact.instance_key {
        Some(key) => *binding.key == **key,
        None => {
            (!is_by_instance || contact.expires_s == 0)
                && Uri::parse(&binding.contact).is_some_and(|known| known.equals(&contact.uri))
        }
    }
}

/// A request of the same Call-ID must have a higher CSeq. Another Call-ID is a phone that was restarted.
fn check_order(request: &Message, binding: &Binding) -> Result<(), OutOfOrder> {
    let is_older = *binding.call_id == *request.call_id() && request.cseq().number <= binding.cseq;
    if is_older { Err(OutOfOrder) } else { Ok(()) }
}

/// RFC 5626 §6: the instance counts only together with a reg-id. URNs of UUIDs compare without case (RFC 9562 §4).
fn instance_key(contact: &NameAddr<'_>) -> Option<String> {
    let instance = contact.param("+sip.instance").map(unquoted).filter(|instance| !instance.is_empty())?;
    let reg_id: u32 = contact.param("reg-id").and_then(|id| unquoted(id).parse().ok())?;
    Some(format!("{INSTANCE_MARK}{};{reg_id}", instance.to_ascii_lowercase()))
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

/// Whole seconds, capped; `None` for anything else, which is then as if absent (RFC 3261 §10.2.1.1).
fn seconds(value: &str) -> Option<u32> {
    let digits = unquoted(value).trim();
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u32::MAX))
}

/// `0.5` as 500 (RFC 3261 §25.1 qvalue), capped at 1000.
pub(crate) fn thousandths(value: &str) -> Option<u16> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u16>().map_or(1, |whole| whole.min(1)) };
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    let fraction = digits.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    Some((whole * 1000 + fraction).min(1000))
}

/// Parameters of a Contact that are the registrar's to give; a phone may repeat those of its last 200 (RFC 5627 §4.2).
const GIVEN: [&str; 4] = ["expires", "q", "pub-gruu", "temp-gruu"];

/// The parameters that the 200 gives back as they came.
fn kept_params(contact: &NameAddr<'_>) -> Box<str> {
    let own = |name: &str| GIVEN.iter().any(|given| name.eq_ignore_ascii_case(given));
    let mut kept = String::new();
    for (name, value) in contact.params().filter(|(name, _)| !own(name)) {
        kept.push(';');
        kept.push_str(name);
        if !value.is_empty() {
            kept.push('=');
            kept.push_str(value);
        }
    }
    kept.into_boxed_str()
}

fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// 200 with every binding of the line (RFC 3261 §10.3 step 8).
fn ok(now: Instant, registration: Registration<'_>, bindings: &[Arc<Binding>]) -> Registered {
    let Registration { request, .. } = registration;
    let address = request.to().and_then(|to| to.parsed_uri());
    let address = address.filter(|_| gruu::is_asked_for(request));
    let contact = |binding: &Arc<Binding>| {
        let gruu = address.as_ref().and_then(|address| gruu::of_binding(address, binding));
        ("Contact", contact_value(now, binding, gruu.as_deref()))
    };
    let mut headers: Vec<_> = bindings.iter().map(contact).collect();
    headers.extend(request.values(HeaderName::Path).map(|value| ("Path", value.to_owned())));
    // RFC 5626 §6: its first hop must keep flows. That is who added the first Path, and stands last.
    let is_direct = request.vias().count() == 1;
    let edge = request.values(HeaderName::Path).last().and_then(NameAddr::parse);
    let edge = edge.and_then(|edge| edge.parsed_uri());
    let is_outbound = (is_direct || edge.is_some_and(|edge| edge.param("ob").is_some()))
        && request.has_option(HeaderName::Supported, "outbound")
        && request.contacts().any(|contact| instance_key(&contact).is_some());
    if is_outbound {
        headers.push(("Require", "outbound".to_owned()));
    }
    // §4.4: by UDP the phone asks by STUN, which is answered. What an edge proxy wants to hear is its own to say.
    if is_outbound && is_direct {
        headers.push(("Flow-Timer", FLOW_TIMER_S.to_string()));
    }
    Registered { status: 200, headers }
}

fn contact_value(now: Instant, binding: &Binding, gruu: Option<&str>) -> String {
    let Binding { contact, params, q_milli, .. } = binding;
    let q = if *q_milli == 1000 { String::new() } else { format!(";q=0.{q_milli:03}") };
    let remaining_s = binding.expires.saturating_duration_since(now).as_secs();
    let gruu = gruu.map_or_else(String::new, |gruu| format!(";pub-gruu=\"{gruu}\""));
    format!("<{contact}>{params}{q}{gruu};expires={remaining_s}")
}

const fn refused(status: u16) -> Registered {
    Registered { status, headers: Vec::new() }
}

fn with(status: u16, name: &'static str, value: String) -> Registered {
    Registered { status, headers: vec![(name, value)] }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::ids::ConnectionId;
    use crate::location::LocationLimits;
    use crate::message::{Framing, Limits};
    use crate::outbox::BindingChange;
    use crate::transport::Transport;

    struct Office {
        location: Location,
        start: Instant,
        seconds: u64,
        cseq: u32,
        flow: Flow,
        out: Outbox,
    }

    impl Office {
        fn new() -> Self {
            Self::limited(LocationLimits::DEFAULT)
        }

        fn limited(limits: LocationLimits) -> Self {
            let start = crate::testing::start();
            let address = "192.0.2.1:5060".parse().unwrap();
            let connection = ConnectionId::default();
            let flow = Flow { transport: Transport::Udp, local: address, remote: address, connection };
            Self {
                location: Location::new(start, limits),
                start,
                seconds: 0,
                cseq: 0,
                flow,
                out: Outbox::default(),
            }
        }

        /// REGISTERs with these header lines, in the same Call-ID and with the next CSeq unless they say otherwise.
        fn register(&mut self, lines: &str) -> Registered {
            self.cseq += 1;
            let mut text =
                "REGISTER sip:pbx.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
                 From: <sip:1001@pbx.example>;tag=1\r\nTo: <sip:1001@pbx.example>\r\nMax-Forwards: 70\r\n"
                    .to_owned();
            if !lines.contains("CSeq") {
                write!(text, "Call-ID: boot\r\nCSeq: {} REGISTER\r\n", self.cseq).unwrap();
            }
            lines.lines().for_each(|line| write!(text, "{}\r\n", line.trim()).unwrap());
            text += "Content-Length: 0\r\n\r\n";
            let request = Message::scan(Bytes::from(text), Framing::Datagram, &Limits::DEFAULT).unwrap();
            request.validate(&Limits::DEFAULT).unwrap();
            let registration = Registration { request: &request, line: &"1001".into(), flow: self.flow };
            let is_own = |uri: &Uri<'_>| uri.host == "pbx.example";
            Registrar::DEFAULT.register(self.now(), registration, &self.location, is_own, &mut self.out)
        }

        fn now(&self) -> Instant {
            self.start + Duration::from_secs(self.seconds)
        }

        fn found(&self) -> String {
            let found = self.location.lookup("1001", self.now());
            found.iter().map(|binding| &*binding.contact).collect::<Vec<_>>().join(" ")
        }

        fn told(&mut self) -> String {
            let changes = self.out.bindings.drain(..).map(|change| match change {
                BindingChange::Put(_, binding) => format!("+{}", binding.key),
                BindingChange::Remove(_, key) => format!("-{key}"),
            });
            changes.collect::<Vec<_>>().join(" ")
        }
    }

    fn contacts(answer: &Registered) -> Vec<&str> {
        let contacts = answer.headers.iter().filter(|(name, _)| *name == "Contact");
        contacts.map(|(_, value)| value.as_str()).collect()
    }

    #[test]
    fn a_contact_comes_back_as_it_was_sent() {
        let mut office = Office::new();
        let answer = office.register(
            "Contact: \"Bob\" <sip:1001@10.0.0.7:5060;line=x>;expires=600;+sip.instance=\"<urn:uuid:A>\";q=0.5;X-y",
        );
        assert_eq!(answer.status, 200);
        let sent = "<sip:1001@10.0.0.7:5060;line=x>;+sip.instance=\"<urn:uuid:A>\";X-y;q=0.500;expires=600";
        assert_eq!(contacts(&answer), [sent]);
        assert_eq!(office.found(), "sip:1001@10.0.0.7:5060;line=x");
    }

    #[test]
    fn no_contact_fetches_and_changes_nothing() {
        let mut office = Office::new();
        assert_eq!(office.register(""), Registered { status: 200, headers: vec![] });
        office.register("Contact: <sip:a@192.0.2.1>\nExpires: 600");
        office.told();
        office.seconds = 100;
        assert_eq!(contacts(&office.register("")), ["<sip:a@192.0.2.1>;expires=500"]);
        assert_eq!(office.told(), "");
    }

    #[test]
    fn expires_is_of_the_contact_else_of_the_header_else_an_hour() {
        for (lines, granted) in [
            ("Contact: <sip:a@h>;expires=100\nExpires: 200", 100),
            ("Contact: <sip:a@h>;expires=\"100\"\nExpires: 200", 100),
            ("Contact: <sip:a@h>;expires=soon\nExpires: 200", 200),
            ("Contact: <sip:a@h>\nExpires: 200", 200),
            ("Contact: <sip:a@h>", 3600),
            ("Contact: <sip:a@h>\nExpires: soon", 3600),
            ("Contact: <sip:a@h>;expires=60", 60),
            ("Contact: <sip:a@h>;expires=7201", 7200),
            ("Contact: <sip:a@h>;expires=4294967296", 7200),
        ] {
            let answer = Office::new().register(lines);
            assert_eq!(contacts(&answer), [format!("<sip:a@h>;expires={granted}")], "{lines}");
        }
    }

    #[test]
    fn too_brief_is_423_with_the_minimum() {
        let mut office = Office::new();
        for lines in [
            "Contact: <sip:a@h>;expires=59",
            "Contact: <sip:b@h>, <sip:a@h>;expires=1",
            "Contact: <sip:a@h>\nExpires: 1",
        ] {
            assert_eq!(office.register(lines), with(423, "Min-Expires", "60".to_owned()));
        }
        assert_eq!((office.found().as_str(), office.told().as_str()), ("", ""));
    }

    #[test]
    fn zero_removes_one_and_the_star_removes_all() {
        let mut office = Office::new();
        office.register("Contact: <sip:a@h>, <sip:b@h>, <sip:c@h>");
        office.told();
        assert_eq!(office.register("Contact: <sip:b@h>;expires=0").status, 200);
        assert_eq!(office.told(), "-sip:b@h");
        assert_eq!(office.register("Contact: <sip:nobody@h>;expires=0").status, 200);
        assert_eq!(office.register("Contact: *\nExpires: 0"), Registered { status: 200, headers: vec![] });
        assert_eq!(office.told(), "-sip:a@h -sip:c@h");
        assert!(office.location.is_empty());
    }

    #[test]
    fn the_star_stands_alone_and_with_zero() {
        let mut office = Office::new();
        office.register("Contact: <sip:a@h>");
        for lines in [
            "Contact: *",
            "Contact: *\nExpires: 60",
            "Contact: *, <sip:b@h>\nExpires: 0",
            "Contact: *;expires=0",
        ] {
            assert_eq!(office.register(lines).status, 400, "{lines}");
        }
        assert_eq!(office.found(), "sip:a@h");
    }

    #[test]
    fn an_old_request_of_the_same_call_id_is_refused_whole() {
        let mut office = Office::new();
        office.register("Call-ID: x\nCSeq: 5 REGISTER\nContact: <sip:a@h>");
        office.told();
        for lines in [
            "Call-ID: x\nCSeq: 5 REGISTER\nContact: <sip:a@h>",
            "Call-ID: x\nCSeq: 4 REGISTER\nContact: <sip:b@h>, <sip:a@h>;expires=0",
            "Call-ID: x\nCSeq: 4 REGISTER\nContact: *\nExpires: 0",
        ] {
            assert_eq!(office.register(lines).status, 500, "{lines}");
        }
        assert_eq!(office.told(), "");
        assert_eq!(office.register("Call-ID: y\nCSeq: 1 REGISTER\nContact: <sip:a@h>").status, 200);
        assert_eq!(office.register("Call-ID: y\nCSeq: 2 REGISTER\nContact: <sip:a@h>").status, 200);
        assert_eq!(office.told(), "+sip:a@h +sip:a@h");
    }

    #[test]
    fn equal_uris_are_one_binding_and_keep_its_key() {
        let mut office = Office::new();
        office.register("Contact: <sip:a@HOST;transport=tcp>");
        office.register("Contact: <sip:%61@host;transport=TCP>");
        assert_eq!(office.found(), "sip:%61@host;transport=TCP");
        assert_eq!(office.told(), "+sip:a@HOST;transport=tcp +sip:a@HOST;transport=tcp");
        let mut office = Office::new();
        let answer = office.register("Contact: <sip:a@HOST>;q=0.1, <sip:b@host>, <sip:a@host>;q=0.2");
        assert_eq!(contacts(&answer), ["<sip:b@host>;expires=3600", "<sip:a@host>;q=0.200;expires=3600"]);
    }

    #[test]
    fn an_instance_replaces_its_own_contact_after_a_restart() {
        let mut office = Office::new();
        let instance = "+sip.instance=\"<urn:uuid:AB>\"";
        office.register(&format!("Contact: <sip:a@192.0.2.1:5060>;{instance};reg-id=1"));
        office.register(&format!("Contact: <sip:a@192.0.2.1:9999>;{};reg-id=1", instance.to_lowercase()));
        assert_eq!(office.found(), "sip:a@192.0.2.1:9999");
        office.register(&format!("Contact: <sip:a@192.0.2.1:9999>;{instance};reg-id=2"));
        office.register(&format!("Contact: <sip:b@192.0.2.1>;{instance}"));
        assert_eq!(office.location.len(), 3, "another reg-id is another flow; without reg-id the URI counts");
        office.register("Contact: <sip:a@192.0.2.1:9999>;expires=0");
        assert_eq!(office.location.len(), 2, "the URI is enough to remove");
    }

    #[test]
    fn path_is_stored_and_given_back() {
        let mut office = Office::new();
        let answer = office.register("Path: <sip:p1;lr>, <sip:p2;lr>\nPath: <sip:p3;lr>\nContact: <sip:a@h>");
        let path: Vec<_> =
            answer.headers.iter().filter(|(name, _)| *name == "Path").map(|(_, value)| &**value).collect();
        assert_eq!(path, ["<sip:p1;lr>", "<sip:p2;lr>", "<sip:p3;lr>"]);
        assert_eq!(office.location.lookup("1001", office.now())[0].path.len(), 3);
        assert_eq!(office.register("Path: garbage\nContact: <sip:a@h>").status, 400);
        assert_eq!(
            office.register(&format!("Path: {}\nContact: <sip:a@h>", "<sip:p>,".repeat(9))).status,
            403
        );
    }

    #[test]
    fn floods_of_contacts_are_refused_whole() {
        let mut office = Office::new();
        let many = |count: usize| (0..count).map(|n| format!("<sip:{n}@h>")).collect::<Vec<_>>().join(",");
        assert_eq!(office.register(&format!("Contact: {}", many(11))).status, 403);
        assert!(office.location.is_empty());
        assert_eq!(office.register(&format!("Contact: {}", many(10))).status, 200);
        assert_eq!(office.register("Contact: <sip:new@h>").status, 200);
        assert_eq!(office.location.len(), 10);
        assert_eq!(office.register(&format!("Contact: <sip:{}@h>", "x".repeat(1024))).status, 400);
        assert_eq!(office.register(&format!("Contact: <sip:a@h>;x={}", "x".repeat(1024))).status, 400);
        for lines in [
            "Contact: <sip:a@h>;x=\0",
            "Contact: <sip:a@h>;\u{7f}",
            "Path: <sip:p;\u{1}>\nContact: <sip:a@h>",
            "Path: <sip:p;\0>",
            "Contact: <sip:a@h>;x=\"\r1\"",
        ] {
            assert_eq!(office.register(lines).status, 400, "{lines:?}");
        }
    }

    #[test]
    fn a_full_table_is_503() {
        let mut office = Office::limited(LocationLimits { bindings_max: 1, ..LocationLimits::DEFAULT });
        office.register("Contact: <sip:a@h>");
        assert_eq!(office.register("Contact: <sip:b@h>"), with(503, "Retry-After", "300".to_owned()));
        assert_eq!(office.register("Contact: <sip:a@h>").status, 200);
    }

    #[test]
    fn a_contact_at_the_engine_is_refused_but_can_be_removed() {
        let mut office = Office::new();
        assert_eq!(office.register("Contact: <sip:a@h>, <sip:1002@pbx.example>").status, 403);
        assert!(office.location.is_empty());
        assert_eq!(office.register("Contact: <sip:1002@pbx.example>;expires=0").status, 200);
    }

    #[test]
    fn what_cannot_be_called_is_not_kept() {
        let mut office = Office::new();
        let answer = office.register("Contact: <mailto:a@h>, <sip:a@h>, <tel:+4930>");
        assert_eq!(contacts(&answer), ["<sip:a@h>;expires=3600"]);
    }

    #[test]
    fn outbound_is_agreed_to_where_the_first_hop_keeps_flows() {
        let outbound =
            "Supported: path, outbound\nContact: <sip:a@h>;reg-id=1;+sip.instance=\"<urn:uuid:a>\"";
        let mut office = Office::new();
        let agreed = |answer: &Registered| answer.headers.iter().any(|(name, _)| *name == "Flow-Timer");
        for transport in [Transport::Udp, Transport::Tcp] {
            office.flow.transport = transport;
            assert!(agreed(&office.register(outbound)), "{transport:?}");
        }
        assert!(!agreed(&office.register("Supported: outbound\nContact: <sip:b@h>")));
        assert!(!agreed(
            &office.register(&format!("Via: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bK2\n{outbound}"))
        ));
        // Behind proxies it is the one that the phone speaks with; what it wants to hear is its own to say.
        let mut behind = |path: &str| {
            let proxied = format!("Via: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bK2\nPath: {path}\n{outbound}");
            let answer = office.register(&proxied);
            assert!(!agreed(&answer), "{path}");
            answer.headers.contains(&("Require", "outbound".to_owned()))
        };
        assert!(behind("<sip:token@edge;lr;ob>"));
        assert!(behind("<sip:core;lr>, <sip:token@edge;lr;ob>"));
        assert!(!behind("<sip:core;lr;ob>, <sip:edge;lr>"));
        assert!(!behind("<sip:core;lr>"));
    }

    #[test]
    fn a_user_agent_is_cut_between_characters() {
        let mut office = Office::new();
        office.register(&format!("User-Agent: x{}\nContact: <sip:a@h>", "\u{e4}".repeat(100)));
        assert_eq!(office.location.lookup("1001", office.now())[0].user_agent.len(), 127);
    }

    #[test]
    fn q_in_every_spelling() {
        for (text, milli) in [
            ("1", Some(1000)),
            ("0.5", Some(500)),
            (".25", Some(250)),
            ("0.1239", Some(123)),
            ("7", Some(1000)),
            ("0", Some(0)),
            ("", None),
            ("x", None),
            ("-1", None),
            ("0.5x", None),
        ] {
            assert_eq!(thousandths(text), milli, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_table_and_the_store_agree(requests in prop::collection::vec((0u32..4, 0u64..400, prop::sample::select(vec![0u32, 1, 60, 300])), 1..40)) {
            let mut office = Office::new();
            let mut store = std::collections::BTreeMap::new();
            for (contact, pause_s, expires_s) in requests {
                office.seconds += pause_s;
                office.location.expire(office.now(), &mut office.out);
                let answer = office.register(&format!("Contact: <sip:{contact}@h>;expires={expires_s}"));
                for change in office.out.bindings.drain(..) {
                    match change {
                        BindingChange::Put(_, binding) => store.insert(Arc::clone(&binding.key), binding),
                        BindingChange::Remove(_, key) => store.remove(&key),
                    };
                }
                let mut table: Vec<_> = office.location.bindings("1001", office.now());
                prop_assert!(answer.status != 200 || contacts(&answer).len() == table.len());
                table.sort_by(|one, other| one.key.cmp(&other.key));
                prop_assert_eq!(table, store.values().cloned().collect::<Vec<_>>());
                prop_assert_eq!(office.location.len(), store.len());
            }
        }
    }
}
