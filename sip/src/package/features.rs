//! `application/x-as-feature-event+xml`: do not disturb and forwarding, as the keys of a phone show and switch them.
//!
//! No RFC has it: the application servers of BroadSoft began it, with elements of ECMA-323 (uaCSTA), and phones of Poly, Yealink,
//! Cisco and Snom speak it. A SUBSCRIBE without a body asks for the states, which come as parts of a `multipart/mixed`; one
//! with a body in the same dialog wants one of them changed.

use std::fmt::Write as _;

use super::Unreadable;
use super::xml::{self, Escaped, Node};
use crate::outbox::{FeatureStates, FeatureWish, ForwardKind, ForwardState};

/// A longer wish is not read, in bytes.
pub(crate) const WISH_BYTES_MAX: usize = 4_096;

/// A longer number to forward to is not read, in bytes.
const NUMBER_BYTES_MAX: usize = 256;

/// The type of a part, and of a wish.
pub(crate) const PART: &str = "application/x-as-feature-event+xml";

/// The type of all states together. No part can have a line that begins with the boundary.
pub(super) const PARTS: &str = "multipart/mixed;boundary=trunkline-features";

const BOUNDARY: &str = "--trunkline-features";

const NAMESPACE: &str = "http://www.ecma-international.org/standards/ecma-323/csta/ed3";

impl ForwardKind {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Immediate => "forwardImmediate",
            Self::Busy => "forwardBusy",
            Self::NoAnswer => "forwardNoAns",
        }
    }
}

/// Reads what a phone wants.
///
/// # Errors
/// [`Unreadable`], whatever the bytes are: [`Unreadable::Foreign`] for what is none of the features that are served.
pub(crate) fn wish(body: &[u8]) -> Result<FeatureWish, Unreadable> {
    if body.len() > WISH_BYTES_MAX {
        return Err(Unreadable::TooLong);
    }
    let mut root = String::new();
    // The element that is open, and its text: that comes in pieces.
    let (mut element, mut text) = (String::new(), String::new());
    let (mut disturb, mut kind, mut is_on, mut to, mut rings) = (None, None, None, String::new(), None);
    xml::read(body, |node| match node {
        Node::Open(0, found) => root = String::from_utf8_lossy(found.local_name().as_ref()).into_owned(),
        Node::Open(1, found) => element = String::from_utf8_lossy(found.local_name().as_ref()).into_owned(),
        Node::Text(piece) if !element.is_empty() => text.push_str(piece),
        Node::Close(1) => {
            let said = text.trim();
            match element.as_str() {
                "doNotDisturbOn" => disturb = flag(said),
                "forwardingType" => {
                    kind = ForwardKind::ALL.into_iter().find(|kind| kind.word().eq_ignore_ascii_case(said));
                }
                "activateForward" => is_on = flag(said),
                "forwardDN" => said.clone_into(&mut to),
                "ringCount" => rings = said.parse().ok(),
                _ => {}
            }
            element.clear();
            text.clear();
        }
        Node::Open(..) | Node::Text(_) | Node::Close(_) => {}
    })?;
    match root.as_str() {
        "SetDoNotDisturb" => Ok(FeatureWish::DoNotDisturb(disturb.ok_or(Unreadable::Malformed)?)),
        "SetForwarding" => {
            let (kind, is_on) = kind.zip(is_on).ok_or(Unreadable::Malformed)?;
            if to.len() > NUMBER_BYTES_MAX {
                return Err(Unreadable::TooLong);
            }
            Ok(FeatureWish::Forward { kind, is_on, to: bare(&to).to_owned(), rings })
        }
        _ => Err(Unreadable::Foreign),
    }
}

/// A truth value of XML.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// The number of what may be a URI: some phones write `sip:200@pbx`.
pub(super) fn bare(number: &str) -> &str {
    match number.split_once(':') {
        Some((scheme, rest))
            if ["sip", "sips", "tel"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) =>
        {
            rest.split(['@', ';']).next().unwrap_or_default()
        }
        Some(_) | None => number,
    }
}

/// All states, each a part.
pub(super) fn print(states: &FeatureStates) -> String {
    let mut body = String::new();
    let device = Escaped(&states.device);
    let mut part = |root: &str, rest: &str| {
        let written = write!(
            body,
            "{BOUNDARY}\r\nContent-Type: {PART}\r\n\r\n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
             <{root} xmlns=\"{NAMESPACE}\"><device>{device}</device>{rest}</{root}>\r\n"
        );
        written.expect("writing to memory");
    };
    part("DoNotDisturbEvent", &format!("<doNotDisturbOn>{}</doNotDisturbOn>", states.do_not_disturb));
    for (kind, ForwardState { to, rings }) in ForwardKind::ALL.into_iter().zip(&states.forwards) {
        let number = Escaped(to.as_deref().unwrap_or_default());
        let rings = match kind {
            ForwardKind::NoAnswer => format!("<ringCount>{rings}</ringCount>"),
            ForwardKind::Immediate | ForwardKind::Busy => String::new(),
        };
        let word = kind.word();
        let status = to.is_some();
        part(
            "ForwardingEvent",
            &format!(
                "<forwardingType>{word}</forwardingType><forwardStatus>{status}</forwardStatus>\
                 <forwardTo>{number}</forwardTo>{rings}"
            ),
        );
    }
    body + BOUNDARY + "--\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_forwarding(inside: &str) -> Result<FeatureWish, Unreadable> {
        wish(format!("<SetForwarding xmlns=\"{NAMESPACE}\"><device/>{inside}</SetForwarding>").as_bytes())
    }

    /// As a phone of Poly writes it.
    #[test]
    fn poly_wants_not_to_be_disturbed() {
        let body = |on: &str| {
            format!(
                "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<SetDoNotDisturb xmlns=\"{NAMESPACE}\">\n\
                 <device>101</device>\n<doNotDisturbOn>{on}</doNotDisturbOn>\n</SetDoNotDisturb>\n"
            )
        };
        assert_eq!(wish(body("true").as_bytes()), Ok(FeatureWish::DoNotDisturb(true)));
        assert_eq!(wish(body(" false ").as_bytes()), Ok(FeatureWish::DoNotDisturb(false)));
        assert_eq!(wish(body("perhaps").as_bytes()), Err(Unreadable::Malformed));
    }

    /// As phones of Yealink and Cisco write it, which leave out what does not matter, or write more.
    #[test]
    fn yealink_and_cisco_forward() {
        let wanted =
            |kind, is_on, to: &str, rings| Ok(FeatureWish::Forward { kind, is_on, to: to.to_owned(), rings });
        for (inside, expected) in [
            (
                "<forwardingType>forwardImmediate</forwardingType><activateForward>true</activateForward>\
                 <forwardDN>200</forwardDN>",
                wanted(ForwardKind::Immediate, true, "200", None),
            ),
            (
                "<forwardingType>forwardNoAns</forwardingType><activateForward>1</activateForward>\
                 <forwardDN>sip:200@pbx.example;user=phone</forwardDN><ringCount>3</ringCount><x:y xmlns:x=\"u\">z</x:y>",
                wanted(ForwardKind::NoAnswer, true, "200", Some(3)),
            ),
            (
                "<forwardDN/><activateForward>false</activateForward><forwardingType>forwardBusy</forwardingType>",
                wanted(ForwardKind::Busy, false, "", None),
            ),
            ("<activateForward>true</activateForward>", Err(Unreadable::Malformed)),
            (
                "<forwardingType>forwardAlways</forwardingType><activateForward>true</activateForward>",
                Err(Unreadable::Malformed),
            ),
            ("<forwardingType>forwardBusy</forwardingType>", Err(Unreadable::Malformed)),
        ] {
            assert_eq!(set_forwarding(inside), expected, "{inside}");
        }
    }

    #[test]
    fn a_wish_may_come_in_pieces() {
        let on = |text: &str| {
            wish(
                format!("<SetDoNotDisturb><doNotDisturbOn>{text}</doNotDisturbOn></SetDoNotDisturb>")
                    .as_bytes(),
            )
        };
        for text in ["true&#10;", "&#32;tr<!-- -->ue", "<![CDATA[true]]>", "t&#114;ue"] {
            assert_eq!(on(text), Ok(FeatureWish::DoNotDisturb(true)), "{text}");
        }
        let forward = "<forwardingType>forward&#66;usy</forwardingType><activateForward>&#49;</activateForward>\
                       <forwardDN>&#43;49<!-- --> 30</forwardDN>";
        let wanted = FeatureWish::Forward {
            kind: ForwardKind::Busy,
            is_on: true,
            to: "+49 30".to_owned(),
            rings: None,
        };
        assert_eq!(set_forwarding(forward), Ok(wanted));
    }

    #[test]
    fn what_is_no_wish_is_not_read() {
        assert_eq!(wish(b"<SetMonitor/>"), Err(Unreadable::Foreign));
        assert_eq!(wish(b""), Err(Unreadable::Malformed));
        assert_eq!(wish(b"<SetDoNotDisturb>"), Err(Unreadable::Malformed));
        let long = format!("<SetDoNotDisturb>{}</SetDoNotDisturb>", " ".repeat(WISH_BYTES_MAX));
        assert_eq!(wish(long.as_bytes()), Err(Unreadable::TooLong));
        let number = format!(
            "<forwardingType>forwardBusy</forwardingType><activateForward>true</activateForward><forwardDN>{}</forwardDN>",
            "1".repeat(NUMBER_BYTES_MAX + 1)
        );
        assert_eq!(set_forwarding(&number), Err(Unreadable::TooLong));
    }

    #[test]
    fn every_state_is_a_part() {
        let forward = |to: Option<&str>| ForwardState { to: to.map(str::to_owned), rings: 4 };
        let states = FeatureStates {
            device: "1<1".to_owned(),
            do_not_disturb: true,
            forwards: [forward(None), forward(Some("200")), forward(Some("\r\n--trunkline-features--"))],
        };
        let head = "--trunkline-features\r\nContent-Type: application/x-as-feature-event+xml\r\n\r\n\
                    <?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n";
        let opened = |root: &str| format!("<{root} xmlns=\"{NAMESPACE}\"><device>1&lt;1</device>");
        let (disturb, forwarding) = (opened("DoNotDisturbEvent"), opened("ForwardingEvent"));
        assert_eq!(
            print(&states),
            format!(
                "{head}{disturb}<doNotDisturbOn>true</doNotDisturbOn></DoNotDisturbEvent>\r\n\
                 {head}{forwarding}<forwardingType>forwardImmediate</forwardingType><forwardStatus>false</forwardStatus>\
                 <forwardTo></forwardTo></ForwardingEvent>\r\n\
                 {head}{forwarding}<forwardingType>forwardBusy</forwardingType><forwardStatus>true</forwardStatus>\
                 <forwardTo>200</forwardTo></ForwardingEvent>\r\n\
                 {head}{forwarding}<forwardingType>forwardNoAns</forwardingType><forwardStatus>true</forwardStatus>\
                 <forwardTo>  --trunkline-features--</forwardTo><ringCount>4</ringCount></ForwardingEvent>\r\n\
                 --trunkline-features--\r\n"
            )
        );
    }
}
