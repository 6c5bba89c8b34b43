//! What a REFER says (RFC 3515, RFC 3892, RFC 4488, RFC 4538).

use super::details;
use crate::dialog::{DialogName, Named, REPLACES_TAGS, TARGET_DIALOG_TAGS};
use crate::message::{HeaderName, Message, NameAddr, Scheme, Uri};
use crate::outbox::{Party, ReferMethod, ReferTo};

/// A REFER, read.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) to: ReferTo,
    pub(super) referred_by: Option<Party>,
    /// Whether progress is to be told by NOTIFY.
    pub(super) notifies: bool,
    /// The dialog that the call to be made is to replace.
    pub(super) replaces: Option<DialogName>,
    /// The dialog that a REFER outside any is about.
    pub(super) target_dialog: Option<DialogName>,
}

/// Refer-To is missing, there twice or cannot be read: 400 (RFC 3515 §2.4.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Unreadable;

impl Reference {
    /// Reads a REFER. Of the headers inside the URI only Replaces counts: nobody may choose what we send.
    ///
    /// # Errors
    /// [`Unreadable`]: to be answered 400.
    pub(super) fn read(refer: &Message) -> Result<Self, Unreadable> {
        let mut values = refer.values(HeaderName::ReferTo);
        let (Some(value), None) = (values.next(), values.next()) else { return Err(Unreadable) };
        // The brackets that a URI with `?` needs are often forgotten.
        let (text, param) = match NameAddr::parse(value) {
            Some(value) => (value.uri, value.param("method")),
            None => (value, None),
        };
        let uri = Uri::parse(text).ok_or(Unreadable)?;
        let (user, host) = match uri.scheme {
            Scheme::Sip | Scheme::Sips => (uri.user_unescaped().into_owned(), uri.host.to_owned()),
            Scheme::Tel => (number(&uri.user_unescaped()), String::new()),
            Scheme::Service | Scheme::Other => return Err(Unreadable),
        };
        let named = replaces(&uri)?;
        let to = ReferTo {
            user,
            host,
            method: method(uri.param("method").or(param)),
            replaces: named.as_ref().map(details::unresolved),
            dialog: named.as_ref().and_then(Named::replaces),
        };
        let notifies = !refer.other("Refer-Sub").is_some_and(|value| {
            value.split(';').next().is_some_and(|word| word.trim().eq_ignore_ascii_case("false"))
        });
        let target_dialog =
            refer.other("Target-Dialog").and_then(|value| DialogName::parse(value, TARGET_DIALOG_TAGS));
        Ok(Self {
            to,
            referred_by: details::referred_by(refer),
            notifies,
            replaces: named.map(|named| named.dialog),
            target_dialog: target_dialog.map(|named| named.dialog),
        })
    }
}

/// The Replaces header of a URI: one at most.
fn replaces(uri: &Uri<'_>) -> Result<Option<Named>, Unreadable> {
    let is_replaces = |header: &&str| {
        header.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case(HeaderName::Replaces.name()))
    };
    match uri.headers().split('&').filter(is_replaces).count() {
        0 => Ok(None),
        1 => {
            let value = uri.header(HeaderName::Replaces.name()).ok_or(Unreadable)?;
            DialogName::parse(&value, REPLACES_TAGS).map(Some).ok_or(Unreadable)
        }
        _ => Err(Unreadable),
    }
}

fn method(name: Option<&str>) -> ReferMethod {
    match name {
        None => ReferMethod::Invite,
        Some(name) if name.eq_ignore_ascii_case("INVITE") => ReferMethod::Invite,
        Some(name) if name.eq_ignore_ascii_case("BYE") => ReferMethod::Bye,
        Some(_) => ReferMethod::Other,
    }
}

/// A telephone number without what only helps the eye (RFC 3966 §5.1.1).
fn number(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Framing, Limits};

    fn read(headers: &str) -> Result<Reference, Unreadable> {
        let text = format!("REFER sip:a@b SIP/2.0\r\nCall-ID: c\r\n{headers}Content-Length: 0\r\n\r\n");
        Reference::read(&Message::scan(text.into(), Framing::Stream, &Limits::DEFAULT).unwrap())
    }

    fn to(value: &str) -> Option<(String, String, ReferMethod)> {
        read(&format!("r: {value}\r\n")).ok().map(|refer| (refer.to.user, refer.to.host, refer.to.method))
    }

    #[test]
    fn every_spelling_of_refer_to_is_read() {
        let expect = |user: &str, host: &str, method| Some((user.to_owned(), host.to_owned(), method));
        assert_eq!(to("\"C, D\" <sip:12%2334@pbx;user=phone>"), expect("12#34", "pbx", ReferMethod::Invite));
        assert_eq!(to("sip:1234@pbx"), expect("1234", "pbx", ReferMethod::Invite));
        assert_eq!(
            to("<tel:+49(30)12-34;phone-context=x>"),
            expect("+493012 34".replace(' ', "").as_str(), "", ReferMethod::Invite)
        );
        assert_eq!(to("<sip:1@pbx;method=BYE>"), expect("1", "pbx", ReferMethod::Bye));
        assert_eq!(to("sip:1@pbx;method=bye"), expect("1", "pbx", ReferMethod::Bye));
        assert_eq!(to("<sips:1@pbx;method=SUBSCRIBE>"), expect("1", "pbx", ReferMethod::Other));
        assert_eq!(
            to("<sip:1@pbx;method=invite?Route=%3Csip:evil%3E&From=x>"),
            expect("1", "pbx", ReferMethod::Invite)
        );
    }

    #[test]
    fn exactly_one_target_that_can_be_called() {
        for headers in ["", "Refer-To: <sip:1@a>, <sip:2@a>\r\n", "Refer-To: <sip:1@a>\r\nr: <sip:1@a>\r\n"] {
            assert!(read(headers).is_err(), "{headers}");
        }
        for value in
            ["", "<http://x>", "1234", "<sip:1@a", "<sip:1@a?Replaces=>", "<sip:1@a?Replaces=c;to-tag=1>"]
        {
            assert_eq!(to(value), None, "{value}");
        }
        let one = "Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2";
        assert!(to(&format!("<sip:1@a?{one}&replaces=x>")).is_none());
    }

    #[test]
    fn replaces_is_unescaped_once() {
        let refer = read(
            "Refer-To: sip:1@a?Require=replaces&Replaces=c%2540x%3Bto-tag%3D1%3Bfrom-tag%3D2%3Bearly-only\r\n",
        );
        let refer = refer.unwrap();
        assert!(refer.to.replaces.unwrap().early_only);
        assert_eq!(refer.replaces.unwrap().call_id(), "c%40x");
        assert_eq!(refer.to.dialog.as_deref(), Some("c%40x;to-tag=1;from-tag=2;early-only"));
    }

    #[test]
    fn a_dialog_is_not_told_on_where_it_would_write_headers_of_ours() {
        let dialog =
            |value: &str| read(&format!("r: <sip:1@a?Replaces={value}>\r\n")).map(|refer| refer.to.dialog);
        let long = "c".repeat(257);
        for value in [
            "c%0D%0AX:%20y%3Bto-tag%3D1%3Bfrom-tag%3D2",
            "c%3Bto-tag%3D1%0D%0AX:y%3Bfrom-tag%3D2",
            "c%3Bto-tag%3D1%3Bfrom-tag%3D2%22",
            &format!("{long}%3Bto-tag%3D1%3Bfrom-tag%3D2"),
        ] {
            assert!(matches!(dialog(value), Ok(None) | Err(Unreadable)), "{value}");
        }
    }

    #[test]
    fn refer_sub_referred_by_and_target_dialog() {
        let plain = read("Refer-To: <sip:1@a>\r\n").unwrap();
        assert!(plain.notifies && plain.referred_by.is_none() && plain.target_dialog.is_none());
        let full = read(
            "Refer-To: <sip:1@a>\r\nRefer-Sub: FALSE;x\r\nReferred-By: <sip:boss@a>\r\n\
             Target-Dialog: c;local-tag=1;remote-tag=2\r\n",
        )
        .unwrap();
        assert!(!full.notifies);
        assert_eq!(
            (full.referred_by.unwrap().user, full.target_dialog.unwrap().call_id()),
            ("boss".to_owned(), "c")
        );
    }
}
