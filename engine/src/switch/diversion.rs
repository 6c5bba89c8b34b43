//! Who sent a call elsewhere before it came where it is: Diversion (RFC 5806) and History-Info (RFC 7044).

use std::borrow::Cow;
use std::sync::Arc;

use trunkline_sip::outbox::{CallDetails, Party};

use super::outbound::escaped;
use super::route::Source;
use super::view::{CallReason, PartyView};

/// A call that was sent elsewhere this often goes nowhere else: two places that send each other their callers end there.
pub(super) const HOPS_MAX: u8 = 5;

/// Why a line sends a caller elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    /// It does so always, or its phone said so.
    Always,
    /// It is busy.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// Its phone is not there.
    Unavailable,
    /// Somebody did not want this call.
    Deflected,
    /// The line does not want to be disturbed.
    DoNotDisturb,
}

impl Why {
    /// `reason` of Diversion.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Always => "unconditional",
            Self::Busy => "user-busy",
            Self::NoAnswer => "no-answer",
            Self::Unavailable => "unavailable",
            Self::Deflected => "deflection",
            Self::DoNotDisturb => "do-not-disturb",
        }
    }

    /// What a `reason` of Diversion, or the cause of RFC 4458, tells an application.
    fn call_reason(reason: &str) -> CallReason {
        match reason {
            "unconditional" | "do-not-disturb" | "time-of-day" | "follow-me" | "away" => {
                CallReason::FwdUncond
            }
            "user-busy" => CallReason::FwdBusy,
            "no-answer" | "unavailable" | "out-of-service" => CallReason::FwdNoAnswer,
            _ => CallReason::Redirect,
        }
    }

    /// The cause of RFC 4458 and RFC 7544 §6.2.
    fn cause(reason: &str) -> u16 {
        match reason {
            "unconditional" => 302,
            "user-busy" => 486,
            "no-answer" => 408,
            "unavailable" | "out-of-service" => 503,
            _ => 480,
        }
    }
}

/// Who it was, where the engine saw it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum By {
    /// A line of the engine.
    Line(Arc<str>),
    /// The network behind this trunk.
    Trunk(Arc<str>),
}

/// One who sent the call elsewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Hop {
    party: Party,
    reason: Cow<'static, str>,
    counter: u8,
    by: Option<By>,
    /// Whether he is not to be shown.
    is_private: bool,
    /// His mailbox, where the call is sent to that.
    mailbox: Option<Arc<str>>,
}

impl Hop {
    /// One whom the engine saw.
    pub(super) const fn seen(by: By, party: Party, why: Why) -> Self {
        let reason = Cow::Borrowed(why.reason());
        Self { party, reason, counter: 1, by: Some(by), is_private: false, mailbox: None }
    }

    /// The same, who sends the call to his mailbox: whoever keeps the messages knows him by its name.
    pub(super) fn into_mailbox(self, mailbox: Arc<str>) -> Self {
        Self { mailbox: Some(mailbox), ..self }
    }

    /// Whether the call is sent to his mailbox.
    pub(super) const fn is_into_mailbox(&self) -> bool {
        self.mailbox.is_some()
    }

    /// Whom others are told of. Only who sent the call last names his mailbox in his place: who is called then is who keeps it.
    fn shown(&self, is_last: bool) -> Cow<'_, Party> {
        match self.mailbox.as_ref().filter(|_| is_last) {
            _ if self.is_private => Cow::Owned(Party::anonymous()),
            Some(mailbox) => Cow::Owned(Party { user: mailbox.to_string(), ..self.party.clone() }),
            None => Cow::Borrowed(&self.party),
        }
    }
}

/// All that sent a call elsewhere, the first one first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Trail {
    hops: Vec<Hop>,
    /// How often, those included that are not named.
    count: u8,
}

impl Trail {
    /// What an INVITE says. Of a phone only the count is believed.
    pub(super) fn received(details: Option<&CallDetails>, is_trunk: bool) -> Self {
        let Some(details) = details else { return Self::default() };
        let named = if is_trunk { &details.diversion[..] } else { &[] };
        let hops = named.iter().rev().map(|diversion| Hop {
            party: diversion.party.clone(),
            reason: token(&diversion.reason),
            counter: diversion.counter.max(1),
            by: None,
            is_private: diversion.is_private || diversion.party.is_anonymous(),
            mailbox: None,
        });
        Self { hops: hops.collect(), count: details.hops }
    }

    /// The call is sent elsewhere.
    pub(super) fn add(&mut self, hop: Hop) {
        self.hops.push(hop);
        self.count();
    }

    /// The call goes another way to where it went before: nobody is named for it, and it counts as a hop.
    pub(super) const fn count(&mut self) {
        self.count = self.count.saturating_add(1);
    }

    /// Whether the call may be sent nowhere else.
    pub(super) const fn is_full(&self) -> bool {
        self.count >= HOPS_MAX
    }

    /// Whether this line sent the call elsewhere.
    pub(super) fn has(&self, line: &str) -> bool {
        self.hops.iter().any(|hop| matches!(&hop.by, Some(By::Line(by)) if **by == *line))
    }

    /// Whether the engine sent the call elsewhere, for whomever.
    pub(super) fn is_ours(&self) -> bool {
        self.rights().is_some()
    }

    /// By whose rights the call goes on: of who sent it elsewhere last, where the engine did that for him.
    pub(super) fn rights(&self) -> Option<Source<'_>> {
        self.hops.iter().rev().find_map(|hop| match hop.by.as_ref()? {
            By::Line(_) => Some(Source::Line),
            By::Trunk(name) => Some(Source::Trunk(name)),
        })
    }

    /// What it tells of the call.
    pub(super) fn reason(&self) -> CallReason {
        self.hops.last().map_or(CallReason::Direct, |hop| Why::call_reason(&hop.reason))
    }

    /// Who sent the call here: the last one.
    pub(super) fn redirecting(&self) -> PartyView {
        self.hops.last().map_or_else(PartyView::default, |hop| PartyView {
            number: hop.party.user.clone(),
            name: hop.party.name.clone(),
            is_blocked: hop.is_private,
        })
    }

    /// What the Request-URI of an INVITE says where the call is sent to a mailbox: which, and why (RFC 4458 §2).
    pub(super) fn mailbox_parameters(&self) -> Option<String> {
        let hop = self.hops.last().filter(|hop| hop.mailbox.is_some())?;
        let target = uri(&hop.shown(true)).bytes().fold(String::new(), |mut text, byte| {
            // RFC 3261 §25.1, paramchar.
            if byte.is_ascii_alphanumeric() || b"-_.!~*'()[]/:&+$".contains(&byte) {
                text.push(char::from(byte));
            } else {
                text.push_str(&format!("%{byte:02X}"));
            }
            text
        });
        Some(format!(";target={target};cause={}", Why::cause(&hop.reason)))
    }

    /// The header lines of an INVITE to `target`.
    pub(super) fn headers(&self, target: &Party) -> Vec<(&'static str, String)> {
        if self.hops.is_empty() {
            return Vec::new();
        }
        let last = self.hops.len() - 1;
        let diversions = self.hops.iter().enumerate().rev().map(|(number, hop)| {
            let (party, Hop { reason, counter, .. }) = (hop.shown(number == last), hop);
            let privacy = if hop.is_private { ";privacy=full" } else { "" };
            (
                "Diversion",
                format!(
                    "{}<{}>;reason={reason};counter={counter}{privacy}",
                    quoted(&party.name),
                    uri(&party)
                ),
            )
        });
        let mut headers: Vec<_> = diversions.collect();
        let mut index = "1".to_owned();
        let mut reached = String::new();
        for (number, hop) in self.hops.iter().enumerate() {
            let cause = Why::cause(&hop.reason);
            // Who answered nothing was not asked: the cause then stands for what the engine did in its place.
            headers.push((
                "History-Info",
                format!(
                    "<{}{reached}?Reason=SIP%3Bcause%3D{cause}>;{}",
                    uri(&hop.shown(number == last)),
                    indexed(&index, number)
                ),
            ));
            reached = format!(";cause={cause}");
            index.push_str(".1");
        }
        let entry = format!("<{}{reached}>;{}", uri(target), indexed(&index, self.hops.len()));
        headers.push(("History-Info", entry));
        headers
    }
}

/// RFC 7044 §9.1: `mp` names the entry that this one was mapped from.
fn indexed(index: &str, number: usize) -> String {
    if number == 0 {
        format!("index={index}")
    } else {
        format!("index={index};mp={}", &index[..index.len() - 2])
    }
}

/// The URI of a party. A host of the network that is none is left out of harm's way.
fn uri(party: &Party) -> String {
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
    let host = if party.host.bytes().all(is_host) { &*party.host } else { "invalid" };
    if party.user.is_empty() { format!("sip:{host}") } else { format!("sip:{}@{host}", user(&party.user)) }
}

/// As [`escaped`], but for what would end the user part inside of a URI with headers.
fn user(user: &str) -> String {
    escaped(user).replace('?', "%3F").replace(';', "%3B").replace(',', "%2C")
}

/// A display name and the space after it.
fn quoted(name: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    if name.is_empty() {
        return String::new();
    }
    format!("\"{}\" ", name.replace('\\', "\\\\").replace('"', "\\\""))
}

/// RFC 5806: `reason` is a token; anything else says nothing.
fn token(reason: &str) -> Cow<'static, str> {
    let fits = !reason.is_empty()
        && reason.len() <= REASON_BYTES_MAX
        && reason.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if fits { Cow::Owned(reason.to_ascii_lowercase()) } else { Cow::Borrowed("unknown") }
}

/// The longest reason of a Diversion that is passed on.
const REASON_BYTES_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use trunkline_sip::outbox::Diversion;

    use super::*;

    fn party(user: &str, name: &str) -> Party {
        Party { user: user.into(), host: "pbx.example".into(), name: name.into() }
    }

    fn line(trail: &mut Trail, address: &str, why: Why) {
        trail.add(Hop::seen(By::Line(address.into()), party(address, ""), why));
    }

    #[test]
    fn the_newest_diversion_comes_first_and_the_history_is_in_order() {
        let mut trail = Trail::default();
        trail.add(Hop::seen(By::Line("1001".into()), party("1001", "A \"B\""), Why::Always));
        line(&mut trail, "1002", Why::Busy);
        let said: Vec<String> = trail
            .headers(&party("1003", ""))
            .into_iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        assert_eq!(
            said,
            [
                "Diversion: <sip:1002@pbx.example>;reason=user-busy;counter=1",
                "Diversion: \"A \\\"B\\\"\" <sip:1001@pbx.example>;reason=unconditional;counter=1",
                "History-Info: <sip:1001@pbx.example?Reason=SIP%3Bcause%3D302>;index=1",
                "History-Info: <sip:1002@pbx.example;cause=302?Reason=SIP%3Bcause%3D486>;index=1.1;mp=1",
                "History-Info: <sip:1003@pbx.example;cause=486>;index=1.1.1;mp=1.1",
            ]
        );
    }

    #[test]
    fn a_plain_call_says_nothing() {
        assert!(Trail::default().headers(&party("1003", "")).is_empty());
        assert_eq!(Trail::default().reason(), CallReason::Direct);
    }

    #[test]
    fn a_trunk_names_who_sent_the_call_here_and_a_phone_does_not() {
        let diversion = |user: &str, reason: &str| Diversion {
            party: party(user, ""),
            reason: reason.into(),
            counter: 0,
            is_private: false,
        };
        let details = CallDetails {
            diversion: vec![diversion("2", "No-Answer"), diversion("1", "x;y\r\n")],
            hops: 4,
            ..CallDetails::default()
        };
        let mut trail = Trail::received(Some(&details), true);
        assert_eq!((trail.redirecting().number.as_str(), trail.reason()), ("2", CallReason::FwdNoAnswer));
        assert!(!trail.is_full() && !trail.is_ours());
        line(&mut trail, "1001", Why::NoAnswer);
        assert!(trail.is_full() && trail.is_ours() && trail.has("1001") && !trail.has("2"));
        assert_eq!(trail.headers(&party("3", ""))[2].1, "<sip:1@pbx.example>;reason=unknown;counter=1");

        let trail = Trail::received(Some(&details), false);
        assert_eq!((trail.count, trail.redirecting()), (4, PartyView::default()));
    }

    #[test]
    fn who_sent_the_call_here_and_hides_is_not_named() {
        let diversion =
            Diversion { party: party("1", "Ada"), reason: "user-busy".into(), counter: 1, is_private: true };
        let details = CallDetails { diversion: vec![diversion], hops: 1, ..CallDetails::default() };
        let trail = Trail::received(Some(&details), true);
        assert!(trail.redirecting().is_blocked);
        let said: Vec<String> = trail.headers(&party("3", "")).into_iter().map(|(_, value)| value).collect();
        let nobody = "sip:anonymous@anonymous.invalid";
        assert_eq!(
            said,
            [
                format!("\"Anonymous\" <{nobody}>;reason=user-busy;counter=1;privacy=full"),
                format!("<{nobody}?Reason=SIP%3Bcause%3D486>;index=1"),
                "<sip:3@pbx.example;cause=486>;index=1.1;mp=1".to_owned(),
            ]
        );
    }

    #[test]
    fn a_call_goes_by_the_rights_of_who_sent_it_on_last() {
        let mut trail = Trail::default();
        assert_eq!(trail.rights(), None);
        line(&mut trail, "1001", Why::Busy);
        trail.add(Hop::seen(By::Trunk("carrier".into()), party("30", ""), Why::Always));
        assert_eq!(trail.rights(), Some(Source::Trunk("carrier")));
        assert!(trail.has("1001") && !trail.has("carrier"));
        line(&mut trail, "1002", Why::Busy);
        assert_eq!(trail.rights(), Some(Source::Line));
    }

    #[test]
    fn a_mailbox_is_named_to_who_keeps_it_and_the_line_to_applications() {
        let mut trail = Trail::default();
        let hop = Hop::seen(By::Line("1002".into()), party("1002", "Bob"), Why::DoNotDisturb);
        trail.add(hop.into_mailbox("50#2".into()));
        assert_eq!(trail.redirecting().number, "1002");
        assert_eq!(
            trail.headers(&party("97", ""))[0].1,
            "\"Bob\" <sip:50%232@pbx.example>;reason=do-not-disturb;counter=1"
        );
        let told = trail.mailbox_parameters();
        assert_eq!(told.as_deref(), Some(";target=sip:50%25232%40pbx.example;cause=480"));
        line(&mut trail, "1009", Why::Busy);
        assert_eq!(trail.mailbox_parameters(), None, "it went on from there");
        let said: Vec<String> = trail.headers(&party("97", "")).into_iter().map(|(_, value)| value).collect();
        assert_eq!(
            said[1], "\"Bob\" <sip:1002@pbx.example>;reason=do-not-disturb;counter=1",
            "who was called"
        );
        assert!(said[2].starts_with("<sip:1002@pbx.example?"), "{said:?}");
    }

    #[test]
    fn another_way_to_the_same_number_counts_and_is_not_named() {
        let mut trail = Trail::default();
        (0..HOPS_MAX).for_each(|_| trail.count());
        assert!(trail.is_full() && trail.headers(&party("3", "")).is_empty());
        assert_eq!((trail.rights(), trail.reason()), (None, CallReason::Direct));
    }

    #[test]
    fn what_the_network_said_ends_no_header() {
        let hostile =
            Party { user: "a>;b?c\r\nX: y".into(), host: "h>\r\n".into(), name: "n\r\nX: y".into() };
        let mut trail = Trail::default();
        trail.add(Hop::seen(By::Line("1001".into()), hostile, Why::Deflected));
        for (_, value) in trail.headers(&party("3", "")) {
            assert!(!value.contains(['\r', '\n']), "{value}");
            assert_eq!(value.matches('>').count(), 1, "{value}");
        }
    }
}
