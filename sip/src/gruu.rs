//! The address of one device of a line (GRUU, RFC 5627): `sip:1001@pbx.example;gr=urn:uuid:…`, given with the 200 to a REGISTER.
//!
//! Only public ones are made: no far end of ours ever sees a phone's Contact, so that a temporary one would hide nothing.

use crate::location::Binding;
use crate::message::{self, HeaderName, Message, Uri};

/// The longest instance that goes into an address, in bytes; a UUID as a URN has 45.
const INSTANCE_BYTES_MAX: usize = 128;

/// What a phone says that knows them, or wants nothing else (RFC 5627 §10.4).
pub(crate) const OPTION: &str = "gruu";

/// Whether whoever registers is given addresses of devices: only who knows them is (RFC 5627 §5.2).
pub(crate) fn is_asked_for(request: &Message) -> bool {
    [HeaderName::Supported, HeaderName::Require].into_iter().any(|name| request.has_option(name, OPTION))
}

/// The GRUU of the device behind a binding; `address` is that of its line. `None` where the phone did not say which it is, or not so
/// that a URI may hold it unescaped.
pub(crate) fn of_binding(address: &Uri<'_>, binding: &Binding) -> Option<String> {
    let instance = instance_of(binding).filter(|instance| fits(instance))?;
    let user = address.user.filter(|user| !user.contains(QUOTED))?;
    Some(format!("sip:{user}@{};gr={instance}", address.host))
}

/// The device that an address of ours means: `gr` of its URI. `None` for one that means a whole line, and for a temporary one of
/// some other registrar.
pub(crate) fn device<'a>(uri: &Uri<'a>) -> Option<&'a str> {
    uri.param("gr").filter(|instance| !instance.is_empty() && instance.len() <= INSTANCE_BYTES_MAX)
}

/// Whether this binding is a device's. URNs of UUIDs compare without case (RFC 9562 §4).
pub(crate) fn is_of(binding: &Binding, instance: &str) -> bool {
    instance_of(binding).is_some_and(|of| of.eq_ignore_ascii_case(instance))
}

/// `+sip.instance` without its quotes and brackets.
fn instance_of(binding: &Binding) -> Option<&str> {
    let quoted = message::param(&binding.params, "+sip.instance")?;
    let named = quoted.strip_prefix('"').and_then(|quoted| quoted.strip_suffix('"')).unwrap_or(quoted);
    named.strip_prefix('<').and_then(|named| named.strip_suffix('>'))
}

/// Whether a URI parameter may hold it as it is (RFC 3261 §25.1 `paramchar`).
fn fits(instance: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()[]/:&+$".contains(&byte);
    !instance.is_empty() && instance.len() <= INSTANCE_BYTES_MAX && instance.bytes().all(plain)
}

/// What would end the quotes that a GRUU stands in.
const QUOTED: [char; 2] = ['"', '\\'];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn binding(params: &str) -> Binding {
        Binding { params: params.into(), ..testing::binding("sip:1001@192.0.2.1:5060") }
    }

    fn gruu(params: &str) -> Option<String> {
        of_binding(&Uri::parse("sip:1001@pbx.example:5060;transport=tcp").unwrap(), &binding(params))
    }

    #[test]
    fn a_device_that_says_which_it_is_has_an_address() {
        assert_eq!(
            gruu(";reg-id=1;+sip.instance=\"<urn:uuid:00AB>\"").as_deref(),
            Some("sip:1001@pbx.example;gr=urn:uuid:00AB")
        );
    }

    #[test]
    fn what_no_uri_holds_makes_none() {
        let long = format!(";+sip.instance=\"<{}>\"", "a".repeat(INSTANCE_BYTES_MAX + 1));
        for params in [
            "",
            ";+sip.instance=\"<>\"",
            ";+sip.instance=\"urn:uuid:1\"",
            ";+sip.instance=\"<a;b=c>\"",
            &long,
        ] {
            assert_eq!(gruu(params), None, "{params}");
        }
        let address = Uri::parse("sip:a\"b@pbx.example");
        let made = address.map(|address| of_binding(&address, &binding(";+sip.instance=\"<urn:uuid:1>\"")));
        assert_eq!(made.flatten(), None, "it would end its quotes");
    }

    #[test]
    fn an_address_leads_to_its_device_alone() {
        let uri = Uri::parse("sip:1001@pbx.example;gr=URN:uuid:1").unwrap();
        let device = device(&uri).unwrap();
        assert!(is_of(&binding(";+sip.instance=\"<urn:uuid:1>\""), device));
        assert!(!is_of(&binding(";+sip.instance=\"<urn:uuid:2>\""), device));
        assert!(!is_of(&binding(""), device));
        assert_eq!(
            super::device(&Uri::parse("sip:tgruu.x@pbx.example;gr").unwrap()),
            None,
            "nobody gave that"
        );
    }
}
