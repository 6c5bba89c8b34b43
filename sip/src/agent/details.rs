//! What only some INVITEs say: whom they replace, who sent them elsewhere, whose identity is proven.

use bytes::Bytes;

use super::history;
use crate::dialog::{DialogName, Named, REPLACES_TAGS};
use crate::gruu;
use crate::message::{HeaderName, Message, Method, NameAddr, Uri};
use crate::outbox::{CallDetails, DIVERSIONS_MAX, Diversion, Party, Peer, Place, Replaced};
use crate::session::{self, cause, charging, user_to_user};

/// The details of an INVITE, and the dialog that it names.
#[derive(Debug, Default)]
pub(super) struct Details {
    /// `None` for a plain INVITE.
    pub(super) details: Option<Box<CallDetails>>,
    /// To be resolved.
    pub(super) names: Option<(Place, DialogName)>,
    /// Told apart from the call.
    pub(super) user_to_user: Option<Bytes>,
}

/// A dialog is named twice, or so that it cannot be read: 400 (RFC 3891 §3, RFC 3911 §4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct IllNamed;

impl Details {
    /// Reads the details of an INVITE. A plain one costs a look at the names of its headers.
    ///
    /// # Errors
    /// [`IllNamed`]: to be answered 400.
    pub(super) fn read(invite: &Message, uri: &Uri<'_>, peer: &Peer) -> Result<Self, IllNamed> {
        let completion = uri.param("m").and_then(completion);
        let is_trunk = matches!(peer, Peer::Trunk(_));
        let verstat = if is_trunk { verstat(invite) } else { None };
        let charging = if is_trunk { charging::of(invite) } else { Vec::new() };
        let device = gruu::device(uri);
        let for_help =
            if invite.names().any(|name| name == HeaderName::Other) { for_help(invite) } else { Vec::new() };
        let is_plain = completion.is_none()
            && device.is_none()
            && verstat.is_none()
            && charging.is_empty()
            && for_help.is_empty();
        if is_plain && !invite.names().any(is_detail) {
            return Ok(Self::default());
        }
        let replaces = named(invite, HeaderName::Replaces)?;
        let join = named(invite, HeaderName::Join)?;
        if replaces.is_some() && join.is_some() {
            return Err(IllNamed);
        }
        let (mut diversion, diverted) = diversions(invite);
        if diversion.is_empty() {
            diversion = history::diversions(invite);
        }
        let entries = invite.values(HeaderName::HistoryInfo).count();
        let asserted = match peer {
            Peer::Trunk(_) => asserted(invite),
            Peer::Line(_) => None,
        };
        let details = CallDetails {
            replaces: replaces.as_ref().map(unresolved),
            join: join.as_ref().map(unresolved),
            diversion,
            hops: diverted.max(u8::try_from(entries.saturating_sub(1)).unwrap_or(u8::MAX)),
            referred_by: referred_by(invite),
            is_private: session::wants_privacy(invite, CALLER),
            asserted,
            device: device.map(str::to_owned),
            call_completion: completion.or_else(|| completion_of_call_info(invite)),
            verstat,
            carried: if is_trunk { carried(invite, charging) } else { Vec::new() },
            for_help,
        };
        let names = replaces.map(|named| (Place::Replaces, named.dialog));
        let names = names.or_else(|| join.map(|named| (Place::Join, named.dialog)));
        let is_plain = details == CallDetails::default();
        let user_to_user = user_to_user::of(invite);
        Ok(Self { details: (!is_plain).then(|| Box::new(details)), names, user_to_user })
    }
}

/// Whether a request names a dialog that is to be replaced or joined and may not: only an INVITE may (RFC 3891 §3). A BYE
/// is taken whatever it says.
pub(super) fn is_misplaced(request: &Message) -> bool {
    !matches!(request.method(), Method::Invite | Method::Bye)
        && request.names().any(|name| matches!(name, HeaderName::Replaces | HeaderName::Join))
}

/// Who referred (RFC 3892).
pub(super) fn referred_by(message: &Message) -> Option<Party> {
    let value = message.value(HeaderName::ReferredBy).and_then(NameAddr::parse)?;
    Some(cause::party(Some(value)))
}

/// A dialog that is named but not found yet.
pub(super) const fn unresolved(named: &Named) -> Replaced {
    Replaced { leg: None, early_only: named.early_only }
}

const fn is_detail(name: HeaderName) -> bool {
    matches!(
        name,
        HeaderName::Replaces
            | HeaderName::Join
            | HeaderName::Diversion
            | HeaderName::HistoryInfo
            | HeaderName::ReferredBy
            | HeaderName::Privacy
            | HeaderName::PAssertedIdentity
            | HeaderName::RemotePartyId
            | HeaderName::CallInfo
            | HeaderName::UserToUser
            | HeaderName::Identity
    )
}

/// The dialog that a header names; there may be one such header.
fn named(invite: &Message, name: HeaderName) -> Result<Option<Named>, IllNamed> {
    let count = invite.names().filter(|found| *found == name).count();
    match count {
        0 => Ok(None),
        1 => {
            let named = invite.value(name).and_then(|value| DialogName::parse(value, REPLACES_TAGS));
            named.map(Some).ok_or(IllNamed)
        }
        _ => Err(IllNamed),
    }
}

/// The entries of Diversion, and the sum of their counters.
fn diversions(invite: &Message) -> (Vec<Diversion>, u8) {
    let entries: Vec<Diversion> = invite
        .values(HeaderName::Diversion)
        .filter_map(NameAddr::parse)
        .take(DIVERSIONS_MAX)
        .map(|value| Diversion {
            party: cause::party(Some(value)),
            reason: reason(value.param("reason").unwrap_or_default()),
            counter: value.param("counter").map_or(1, counter),
            is_private: session::is_restricted(&value),
        })
        .collect();
    let hops = entries.iter().fold(0_u8, |hops, entry| hops.saturating_add(entry.counter));
    (entries, hops)
}

/// A reason, with or without quotes, in small letters.
fn reason(text: &str) -> String {
    let plain = text.trim_matches('"');
    let end = plain.floor_char_boundary(REASON_BYTES_MAX);
    plain[..end].to_ascii_lowercase()
}

/// How much of a reason is read.
const REASON_BYTES_MAX: usize = 64;

/// A counter counts at least itself; one beyond any number is as high as there is.
fn counter(text: &str) -> u8 {
    let digits = text.trim_matches('"');
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if is_number { digits.parse().unwrap_or(u8::MAX).max(1) } else { 1 }
}

/// What a network found of the number of who calls. It stands among the parameters of the number, or of the URI.
fn verstat(invite: &Message) -> Option<String> {
    let asserted = invite.values(HeaderName::PAssertedIdentity).filter_map(NameAddr::parse);
    let uris = asserted.chain(invite.from()).map(|party| party.uri);
    uris.filter_map(|uri| {
        let value = uri.split([';', '@', '?']).find_map(|part| part.strip_prefix("verstat="))?;
        let is_token = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (is_token && !value.is_empty() && value.len() <= VERSTAT_BYTES_MAX).then(|| value.to_owned())
    })
    .next()
}

/// The header lines that may go on to another network.
fn carried(invite: &Message, charging: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    let identities = invite.values(HeaderName::Identity).take(IDENTITIES_MAX);
    let identities = identities.filter(|value| value.len() <= CARRIED_BYTES_MAX);
    let mut carried: Vec<_> = identities.map(|value| ("Identity", value.to_owned())).collect();
    let date = if carried.is_empty() { None } else { invite.other("Date") };
    carried.extend(date.map(|date| ("Date", date.to_owned())));
    carried.extend(charging);
    carried
}

/// What helps those who help.
fn for_help(invite: &Message) -> Vec<(&'static str, String)> {
    let lines =
        FOR_HELP.into_iter().flat_map(|name| invite.other_values(name).map(move |value| (name, value)));
    let passes = |(name, value): &(&str, &str)| {
        // What a body says that is not passed on leads nowhere.
        let is_inside = *name == FOR_HELP[0]
            && value
                .trim_start_matches('<')
                .get(..4)
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("cid:"));
        !value.is_empty() && value.len() <= CARRIED_BYTES_MAX && !is_inside
    };
    let lines = lines.filter(passes).take(FOR_HELP_MAX);
    lines.map(|(name, value)| (name, value.to_owned())).collect()
}

/// RFC 6442 §4, RFC 4412 §3.1.
const FOR_HELP: [&str; 3] = ["Geolocation", "Geolocation-Routing", "Resource-Priority"];

/// Lines of these.
const FOR_HELP_MAX: usize = 8;

/// Signatures of one call.
const IDENTITIES_MAX: usize = 8;

/// The longest header line that goes on.
const CARRIED_BYTES_MAX: usize = 4_096;

/// The longest `verstat`.
const VERSTAT_BYTES_MAX: usize = 64;

/// Whom a trunk vouches for: P-Asserted-Identity (RFC 3325), the first that names a user, else Remote-Party-ID.
fn asserted(invite: &Message) -> Option<Party> {
    let asserted = invite.values(HeaderName::PAssertedIdentity).filter_map(NameAddr::parse);
    let remote = session::remote_party(invite, CALLER);
    asserted.chain(remote).map(|value| cause::party(Some(value))).find(|party| !party.user.is_empty())
}

/// `party` of the Remote-Party-ID that speaks of who calls.
const CALLER: &str = "calling";

/// `m` of RFC 6910 §6: what the completed call failed of.
pub(super) fn completion(text: &str) -> Option<String> {
    ["BS", "NR", "NL"].into_iter().find(|known| text.eq_ignore_ascii_case(known)).map(str::to_owned)
}

fn completion_of_call_info(invite: &Message) -> Option<String> {
    invite
        .values(HeaderName::CallInfo)
        .filter_map(NameAddr::parse)
        .filter(|value| {
            value.param("purpose").is_some_and(|purpose| purpose.eq_ignore_ascii_case("call-completion"))
        })
        .find_map(|value| completion(value.param("m")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Framing, Limits};

    fn read(uri: &str, headers: &str, peer: &Peer) -> Result<Details, IllNamed> {
        let text = format!("INVITE {uri} SIP/2.0\r\nCall-ID: c\r\n{headers}Content-Length: 0\r\n\r\n");
        let invite = Message::scan(text.into(), Framing::Stream, &Limits::DEFAULT).unwrap();
        Details::read(&invite, &Uri::parse(invite.request_uri()).unwrap(), peer)
    }

    fn details(headers: &str) -> CallDetails {
        *read("sip:a@b", headers, &Peer::Trunk("t".into())).unwrap().details.unwrap()
    }

    fn party(user: &str) -> Party {
        Party { user: user.to_owned(), host: "h".to_owned(), name: String::new() }
    }

    #[test]
    fn a_plain_invite_has_none() {
        for headers in [
            "",
            "Call-Info: <sip:x>;answer-after=0\r\n",
            "Privacy: none\r\nHistory-Info: <sip:a@b>;index=1\r\n",
        ] {
            let read = read("sip:a@b;user=phone", headers, &Peer::Trunk("t".into())).unwrap();
            assert!(read.details.is_none() && read.names.is_none(), "{headers}");
        }
    }

    #[test]
    fn one_dialog_may_be_named_and_not_two() {
        let (replaces, join) =
            ("Replaces: c;to-tag=a;from-tag=b;early-only\r\n", "Join: c;to-tag=a;from-tag=b\r\n");
        let read = |headers: &str| read("sip:a@b", headers, &Peer::Line("1".into()));
        let one = read(replaces).unwrap();
        assert_eq!(one.details.unwrap().replaces, Some(Replaced { leg: None, early_only: true }));
        assert!(matches!(one.names, Some((Place::Replaces, _))));
        let other = read(join).unwrap();
        assert_eq!(other.details.unwrap().join, Some(Replaced { leg: None, early_only: false }));
        assert!(matches!(other.names, Some((Place::Join, _))));
        for ill in [
            format!("{replaces}{join}"),
            format!("{replaces}{replaces}"),
            format!("{join}{join}"),
            "Replaces: c;to-tag=a\r\n".to_owned(),
            "Replaces: \r\n".to_owned(),
            "Join: c;to-tag=a;from-tag=b, d;to-tag=a;from-tag=b\r\n".to_owned(),
        ] {
            assert!(read(&ill).is_err(), "{ill}");
        }
    }

    #[test]
    fn diversions_are_listed_from_the_last_one_and_counted() {
        let found = details(
            "Diversion: \"A, B\" <sip:1@h>;reason=\"User-Busy\";privacy=off, <sip:2@h>;counter=3;reason=unconditional\r\n\
             Diversion: <tel:+49>;counter=x\r\n",
        );
        let reasons: Vec<_> =
            found.diversion.iter().map(|entry| (&*entry.party.user, &*entry.reason, entry.counter)).collect();
        assert_eq!(reasons, [("1", "user-busy", 1), ("2", "unconditional", 3), ("+49", "", 1)]);
        assert_eq!((&*found.diversion[0].party.name, found.hops), ("A, B", 5));
        assert_eq!(details("Diversion: <sip:1@h>;counter=99999\r\n").hops, 255);
        assert_eq!(details("Diversion: <sip:1@h>;counter=0\r\n").hops, 1);
        let hides = found.diversion.iter().map(|entry| entry.is_private);
        assert!(hides.into_iter().all(|hides| !hides));
        assert!(details("Diversion: <sip:1@h>;privacy=\"full\"\r\n").diversion[0].is_private);
        let bomb = details(&format!("Diversion: {}\r\n", "<sip:1@h>,".repeat(500)));
        assert_eq!((bomb.diversion.len(), bomb.hops), (DIVERSIONS_MAX, 10));
    }

    #[test]
    fn history_counts_what_came_after_its_first_entry() {
        let history = "History-Info: <sip:a@h>;index=1, <sip:b@h?Reason=x%3Bcause=302>;index=1.1\r\nHistory-Info: <sip:c@h>;index=1.2\r\n";
        assert_eq!(details(history).hops, 2);
        let both = details(&format!("{history}Diversion: <sip:1@h>;counter=5\r\n"));
        assert_eq!((both.hops, both.diversion.len()), (5, 1), "Diversion is heard first");
        assert!(details(history).diversion.is_empty(), "it names nobody who sent the call on");
        assert_eq!(details(&format!("History-Info: {}\r\n", "a,".repeat(1_000))).hops, 255);
    }

    #[test]
    fn what_a_network_signed_is_read_of_a_trunk_alone() {
        let headers = "Date: Sun, 22 Nov 2026 16:00:00 GMT\r\nIdentity: a.b.c;info=<https://x/y>, d.e.f;info=<https://x/z>\r\n\
                       P-Charging-Vector: icid-value=1\r\n";
        let expected = [
            ("Identity", "a.b.c;info=<https://x/y>"),
            ("Identity", "d.e.f;info=<https://x/z>"),
            ("Date", "Sun, 22 Nov 2026 16:00:00 GMT"),
            ("P-Charging-Vector", "icid-value=1"),
        ];
        let expected = expected.map(|(name, value)| (name, value.to_owned()));
        assert_eq!(details(headers).carried, expected);
        let of_phone = read("sip:a@b", headers, &Peer::Line("1".into())).unwrap().details;
        assert!(of_phone.is_none_or(|details| details.carried.is_empty()));
        let vector = details("P-Charging-Vector: icid-value=1\r\nDate: x\r\n").carried;
        assert_eq!(
            vector,
            [("P-Charging-Vector", "icid-value=1".to_owned())],
            "a date belongs to a signature"
        );
        let many = "Identity: a\r\n".repeat(20) + &format!("Identity: {}\r\n", "a".repeat(5_000));
        assert_eq!(details(&many).carried.len(), IDENTITIES_MAX);
        let long = format!("P-Charging-Vector: {}\r\n", "a".repeat(5_000));
        assert!(read("sip:a@b", &long, &Peer::Trunk("t".into())).unwrap().details.is_none());
    }

    #[test]
    fn where_who_calls_for_help_is_is_read_of_everybody() {
        let headers = "Geolocation: <https://lis.example/a>, <cid:loc@h>\r\nGeolocation-Routing: yes\r\n\
                       Resource-Priority: esnet.0\r\nX-Other: y\r\n";
        for peer in [Peer::Line("1".into()), Peer::Trunk("t".into())] {
            let found = read("urn:service:sos", headers, &peer).unwrap().details.unwrap().for_help;
            let found: Vec<_> = found.iter().map(|(name, value)| (*name, &**value)).collect();
            assert_eq!(
                found,
                [
                    ("Geolocation", "<https://lis.example/a>"),
                    ("Geolocation-Routing", "yes"),
                    ("Resource-Priority", "esnet.0")
                ]
            );
        }
        for nothing in [
            "Geolocation: <cid:loc@h>\r\n",
            "Geolocation: <CID:loc@h>;x=y\r\n",
            "Geolocation:\r\n",
            "X-Geolocation: <https://lis.example/a>\r\n",
        ] {
            assert!(
                read("sip:112@h", nothing, &Peer::Line("1".into())).unwrap().details.is_none(),
                "{nothing}"
            );
        }
        let many = "Geolocation: <https://lis.example/a>\r\n".repeat(50);
        assert_eq!(details(&many).for_help.len(), FOR_HELP_MAX);
        let long = format!("Geolocation: <https://lis.example/{}>\r\n", "a".repeat(5_000));
        assert!(read("sip:112@h", &long, &Peer::Line("1".into())).unwrap().details.is_none());
    }

    #[test]
    fn what_was_found_of_a_number_stands_beside_it() {
        for uri in [
            "sip:+1;verstat=TN-Validation-Passed@h",
            "tel:+1;verstat=TN-Validation-Passed",
            "sip:1@h;verstat=No-TN-Validation;user=phone",
        ] {
            let found = details(&format!("P-Asserted-Identity: <{uri}>\r\n")).verstat;
            assert!(found.is_some_and(|found| found.contains("TN-Validation")), "{uri}");
        }
        for uri in ["sip:+1@h", "sip:+1;verstat=@h", "sip:+1;verstat=a%20b@h"] {
            assert_eq!(
                details(&format!("P-Asserted-Identity: <{uri}>\r\nPrivacy: none\r\n")).verstat,
                None,
                "{uri}"
            );
        }
    }

    #[test]
    fn only_a_trunk_vouches_for_identities() {
        let headers =
            "P-Asserted-Identity: <sip:1@h>, <tel:+1>\r\nRemote-Party-ID: <sip:2@h>;party=calling\r\n";
        assert_eq!(details(headers).asserted, Some(party("1")));
        assert!(read("sip:a@b", headers, &Peer::Line("1".into())).unwrap().details.is_none());
        let remote = "Remote-Party-ID: <sip:9@h>;party=called, <sip:2@h>;party=calling;privacy=full\r\n";
        assert_eq!((details(remote).asserted, details(remote).is_private), (Some(party("2")), true));
        assert!(!details("Remote-Party-ID: <sip:2@h>;privacy=off\r\n").is_private);
        let of_phone = read("sip:a@b", remote, &Peer::Line("1".into())).unwrap().details.unwrap();
        assert_eq!((of_phone.asserted, of_phone.is_private), (None, true), "anybody may wish to be hidden");
        let nameless = "P-Asserted-Identity: <sip:h>\r\nRemote-Party-ID: <sip:2@h>\r\n";
        assert_eq!(details(nameless).asserted, Some(party("2")), "an identity without a user names nobody");
    }

    #[test]
    fn privacy_referrer_and_completion_are_read() {
        assert!(details("Privacy: Header; ID\r\n").is_private);
        assert!(details("Privacy: user\r\n").is_private && details("Privacy: header\r\n").is_private);
        for shown in ["none", "session", "history;critical", "identity"] {
            let found = read("sip:a@b", &format!("Privacy: {shown}\r\n"), &Peer::Trunk("t".into())).unwrap();
            assert!(found.details.is_none(), "{shown}");
        }
        assert_eq!(details("b: <sip:7@h;x=1>;ref=2\r\n").referred_by, Some(party("7")));
        let completes = |uri: &str, headers: &str| {
            let read = read(uri, headers, &Peer::Line("1".into())).unwrap();
            read.details.and_then(|details| details.call_completion)
        };
        assert_eq!(completes("sip:a@b;m=bs", "").as_deref(), Some("BS"));
        assert_eq!(completes("sip:a@b;m=evil", ""), None);
        let info = "Call-Info: <sip:x>;purpose=icon;m=BS, <sip:x>;purpose=call-completion;m=NR\r\n";
        assert_eq!(completes("sip:a@b", info).as_deref(), Some("NR"));
    }
}
