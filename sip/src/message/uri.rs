//! SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966), and names of services (RFC 5031).

use std::borrow::Cow;
use std::net::IpAddr;

use super::find::find;
use super::limits::URI_ELEMENTS_COMPARED_MAX;
use super::{chars, list};
use crate::transport::Transport;

/// The scheme of a URI.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the others are the scheme of their name")]
pub enum Scheme {
    Sip,
    Sips,
    Tel,
    /// A service (`urn:service:sos`, RFC 5031): its name is the user part.
    Service,
    /// A scheme the engine does not route.
    Other,
}

/// A URI, split where it is certain how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uri<'a> {
    /// The scheme.
    pub scheme: Scheme,
    /// The user part as sent, escaped; a tel URI's number.
    pub user: Option<&'a str>,
    /// The password as sent, escaped.
    pub password: Option<&'a str>,
    /// The host as sent; an IPv6 reference with its brackets. Empty for tel.
    pub host: &'a str,
    /// The port, if written.
    pub port: Option<u16>,
    params: &'a str,
    headers: &'a str,
}

impl<'a> Uri<'a> {
    /// Reads a URI without angle brackets. `None` without a scheme, with white space or brackets inside, and for a SIP
    /// URI whose host or port is not one (`sip:2001:db8::10`, RFC 5118 §4.2).
    ///
    /// What precedes the first `@` is the user part, even with `;` and `?` in it (RFC 4475 §3.1.1.9).
    pub fn parse(text: &'a str) -> Option<Self> {
        if chars::any(text.as_bytes(), chars::NOT_IN_URI) {
            return None;
        }
        let (name, rest) = text.split_at(find(b':', text.as_bytes())?);
        let rest = &rest[1..];
        let scheme = Scheme::parse(name)?;
        let service = || rest.get(..SERVICE.len()).filter(|begins| begins.eq_ignore_ascii_case(SERVICE));
        if scheme == Scheme::Other && name.eq_ignore_ascii_case("urn") && service().is_some() {
            return Some(Self::bare(Scheme::Service, Some(&rest[SERVICE.len()..])));
        }
        match scheme {
            Scheme::Sip | Scheme::Sips => Self::sip(scheme, rest),
            Scheme::Tel => {
                let (number, params) = rest.split_at(find(b';', rest.as_bytes()).unwrap_or(rest.len()));
                let user = (!number.is_empty()).then_some(number);
                user.map(|_| Self { params, ..Self::bare(scheme, user) })
            }
            Scheme::Service | Scheme::Other => Some(Self::bare(scheme, None)),
        }
    }

    /// One without a host.
    const fn bare(scheme: Scheme, user: Option<&'a str>) -> Self {
        Self { scheme, user, password: None, host: "", port: None, params: "", headers: "" }
    }

    /// Whether it stands for the emergency service, or one of its parts: `urn:service:sos.fire` (RFC 5031 §4.2).
    pub fn is_sos(&self) -> bool {
        let is_name = |name: &str| {
            let mut labels = name.split('.');
            let is_label = |label: &str| {
                !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            };
            labels.next().is_some_and(|first| first.eq_ignore_ascii_case("sos")) && labels.all(is_label)
        };
        self.scheme == Scheme::Service && self.user.is_some_and(is_name)
    }

    fn sip(scheme: Scheme, text: &'a str) -> Option<Self> {
        let (user, password, rest) = match find(b'@', text.as_bytes()) {
            None => (None, None, text),
            Some(at) => match find(b':', &text.as_bytes()[..at]) {
                Some(colon) => (Some(&text[..colon]), Some(&text[colon + 1..at]), &text[at + 1..]),
                None => (Some(&text[..at]), None, &text[at + 1..]),
            },
        };
        let (rest, headers) = match find(b'?', rest.as_bytes()) {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest, ""),
        };
        let (sent_by, params) = rest.split_at(find(b';', rest.as_bytes()).unwrap_or(rest.len()));
        let (host, port) = host_and_port(sent_by)?;
        Some(Self { scheme, user, password, host, port, params, headers })
    }

    /// The user part without its escapes; octets that are not UTF-8 stay escaped.
    pub fn user_unescaped(&self) -> Cow<'a, str> {
        self.user.map_or(Cow::Borrowed(""), unescape)
    }

    /// The value of a URI parameter; `Some("")` if it has none. Names compare without regard to case.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        list::param(self.params, name)
    }

    /// The URI parameters in order.
    pub fn params(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        list::params(self.params)
    }

    /// The header part as sent, escaped: `Replaces=…&Subject=…`; empty if there is none.
    pub const fn headers(&self) -> &'a str {
        self.headers
    }

    /// The value of a header in the header part, without its escapes (`?Replaces=…`, RFC 3891).
    pub fn header(&self, name: &str) -> Option<Cow<'a, str>> {
        self.headers
            .split('&')
            .filter_map(|header| header.split_once('='))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| unescape(value))
    }

    /// The host, if it is an address.
    pub fn host_ip(&self) -> Option<IpAddr> {
        ip(self.host)
    }

    /// Whether both name the same resource (RFC 3261 §19.1.4; tel: RFC 3966 §4, visual separators ignored).
    pub fn equals(&self, other: &Uri<'_>) -> bool {
        if self.scheme != other.scheme {
            return false;
        }
        match self.scheme {
            Scheme::Other => false,
            // RFC 5031 §4.1: without regard to case.
            Scheme::Service => {
                let name = |uri: &Uri<'_>| uri.user.unwrap_or_default().to_ascii_lowercase();
                name(self) == name(other)
            }
            Scheme::Tel => same_number(self.user, other.user) && same_params(self.params, other.params, &[]),
            Scheme::Sip | Scheme::Sips => {
                same_text(self.user, other.user)
                    && same_text(self.password, other.password)
                    && same_host(self.host, other.host)
                    && self.port == other.port
                    && same_params(self.params, other.params, ALWAYS_COMPARED)
                    && same_headers(self.headers, other.headers)
            }
        }
    }

    /// The transport that the URI names: by its `transport` parameter, if that is one the engine speaks; by its scheme, for
    /// whatever a SIPS URI names is sealed (RFC 3261 §26.2.2, RFC 7118 §5.4).
    pub fn transport(&self) -> Option<Transport> {
        let named = self.param("transport").map(Transport::from_param);
        match (self.scheme, named) {
            (Scheme::Sips, Some(Some(Transport::Ws | Transport::Wss))) => Some(Transport::Wss),
            (Scheme::Sips, _) => Some(Transport::Tls),
            (Scheme::Sip | Scheme::Tel | Scheme::Service | Scheme::Other, named) => named?,
        }
    }

    /// The port written, else that of the transport (RFC 3261 §19.1.2).
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or_else(|| self.transport().unwrap_or(Transport::Udp).default_port())
    }
}

/// What follows `urn:` in the name of a service.
const SERVICE: &str = "service:";

/// Parameters that must be in both URIs or in neither (RFC 3261 §19.1.4).
const ALWAYS_COMPARED: &[&str] = &["transport", "user", "ttl", "method", "maddr"];

impl Scheme {
    fn parse(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("sip") {
            Some(Self::Sip)
        } else if name.eq_ignore_ascii_case("sips") {
            Some(Self::Sips)
        } else if name.eq_ignore_ascii_case("tel") {
            Some(Self::Tel)
        } else {
            let well_formed = name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
            well_formed.then_some(Self::Other)
        }
    }
}

/// Host and optional port: a name, an IPv4 address or an IPv6 reference in brackets.
pub(super) fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let host_len = if text.starts_with('[') {
        let len = find(b']', text.as_bytes())? + 1;
        let inside = &text.as_bytes()[1..len - 1];
        let plausible =
            !inside.is_empty() && inside.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'));
        plausible.then_some(len)?
    } else {
        let len = chars::prefix_len(text.as_bytes(), chars::HOST);
        (len > 0).then_some(len)?
    };
    let (host, rest) = text.split_at(host_len);
    if rest.is_empty() {
        return Some((host, None));
    }
    let rest = list::trim(rest);
    let digits = list::trim(rest.strip_prefix(':')?);
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((host, Some(digits.parse().ok()?)))
}

/// The address in `host`, with or without the brackets of an IPv6 reference.
pub(super) fn ip(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|inside| inside.strip_suffix(']')) {
        Some(inside) => inside.parse().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

/// `%HH` to octets. Octets that are not UTF-8 stay escaped, so that two different users never become one.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    match String::from_utf8(octets(text)) {
        Ok(plain) => Cow::Owned(plain),
        Err(_) => Cow::Borrowed(text),
    }
}

fn octets(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match escaped_octet(&bytes[at..]) {
            Some(octet) => {
                plain.push(octet);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    plain
}

fn escaped_octet(bytes: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = *bytes else { return None };
    let digit = |b: u8| char::from(b).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

fn same_text(a: Option<&str>, b: Option<&str>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b || octets(a) == octets(b),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn same_number(a: Option<&str>, b: Option<&str>) -> bool {
    let digits = |number: Option<&str>| -> Vec<u8> {
        let number = number.unwrap_or("").bytes();
        number.filter(|b| !matches!(b, b'-' | b'.' | b'(' | b')')).map(|b| b.to_ascii_lowercase()).collect()
    };
    digits(a) == digits(b)
}

fn same_host(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || ip(a).is_some_and(|address| ip(b) == Some(address))
}

fn same_params(a: &str, b: &str, always: &[&str]) -> bool {
    if a == b {
        return true;
    }
    if list::params(a).count().max(list::params(b).count()) > URI_ELEMENTS_COMPARED_MAX {
        return false;
    }
    let same = |x: &str, y: &str| octets(x).eq_ignore_ascii_case(&octets(y));
    let find =
        |text, name: &str| list::params(text).find(|(found, _)| same(found, name)).map(|(_, value)| value);
    let shared_agree =
        list::params(a).all(|(name, value)| find(b, name).is_none_or(|other| same(value, other)));
    shared_agree && always.iter().all(|name| find(a, name).is_some() == find(b, name).is_some())
}

fn same_headers(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let count = a.split('&').count();
    if count != b.split('&').count() || count > URI_ELEMENTS_COMPARED_MAX {
        return false;
    }
    let pair = |header: &str| {
        let (name, value) = header.split_once('=').unwrap_or((header, ""));
        (octets(name).to_ascii_lowercase(), octets(value))
    };
    let sorted = |text: &str| {
        let mut pairs: Vec<_> = text.split('&').map(pair).collect();
        pairs.sort();
        pairs
    };
    sorted(a) == sorted(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri<'_> {
        Uri::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn every_part_of_a_sip_uri() {
        let found =
            uri("sip:john.doe:secret@example.com:5062;transport=TCP;lr=on?Subject=a%20b&Priority=urgent");
        assert_eq!((found.user, found.password), (Some("john.doe"), Some("secret")));
        assert_eq!((found.host, found.port), ("example.com", Some(5062)));
        assert_eq!((found.transport(), found.param("LR")), (Some(Transport::Tcp), Some("on")));
        assert_eq!(found.headers(), "Subject=a%20b&Priority=urgent");
        assert_eq!(found.header("subject").as_deref(), Some("a b"));
    }

    #[test]
    fn help_is_a_service_with_parts() {
        for help in ["urn:service:sos", "URN:Service:SOS.fire", "urn:service:sos.animal-control"] {
            assert!(uri(help).is_sos(), "{help}");
        }
        for other in [
            "urn:service:counseling",
            "urn:service:sosx",
            "urn:service:sos.",
            "urn:service:",
            "urn:nena:sos",
            "service:sos",
            "sip:sos@h",
        ] {
            assert!(!uri(other).is_sos(), "{other}");
        }
        assert!(uri("urn:service:sos.fire").equals(&uri("urn:service:SOS.Fire")));
        assert!(!uri("urn:service:sos").equals(&uri("urn:service:sos.fire")));
        assert_eq!(uri("urn:service:sos.fire").user, Some("sos.fire"));
    }

    #[test]
    fn the_transport_is_that_of_the_parameter_or_of_the_scheme() {
        for (text, transport, port) in [
            ("sip:a@b", None, 5060),
            ("sip:a@b;transport=sctp", None, 5060),
            ("sip:a@b;transport=tls", Some(Transport::Tls), 5061),
            ("sip:a@b;transport=WS", Some(Transport::Ws), 80),
            ("sips:a@b", Some(Transport::Tls), 5061),
            ("sips:a@b;transport=tcp", Some(Transport::Tls), 5061),
            ("sips:a@b:5070;transport=udp", Some(Transport::Tls), 5070),
            ("sips:a@b;transport=ws", Some(Transport::Wss), 443),
        ] {
            let found = uri(text);
            assert_eq!((found.transport(), found.port_or_default()), (transport, port), "{text}");
        }
    }

    #[test]
    fn the_first_at_ends_the_user_part() {
        let found = uri("sip:user;par=u%40example.net@example.com");
        assert_eq!((found.user, found.host), (Some("user;par=u%40example.net"), "example.com"));
        assert_eq!(found.user_unescaped(), "user;par=u@example.net");
        assert_eq!(found.param("par"), None);
        let crazy =
            uri("sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d@example.com");
        assert_eq!(crazy.user, Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
    }

    #[test]
    fn ipv6_references_keep_their_brackets() {
        let ambiguous = uri("sip:[2001:db8::10:5070]");
        assert_eq!((ambiguous.host, ambiguous.port), ("[2001:db8::10:5070]", None));
        assert_eq!(uri("sip:[2001:db8::10]:5070").port, Some(5070));
        assert_eq!(uri("sip:[::1]").host_ip(), Some("::1".parse().unwrap()));
        assert_eq!(uri("sip:192.0.2.1").host_ip(), Some("192.0.2.1".parse().unwrap()));
        assert_eq!(uri("sip:[2001:db8:::192.0.2.1]").host_ip(), None);
    }

    #[test]
    fn what_is_not_a_uri() {
        for text in [
            "",
            "alice",
            "sip:",
            "sip:a@",
            "sip:a@b c",
            "<sip:a@b>",
            "sip:2001:db8::10",
            "sip:a@h:99999",
            "sip:a@h:+5",
            "sip:a@h:",
            "1sip:a",
            "sip:a@[::1",
            "sip:a@b@c",
            "tel:",
        ] {
            assert_eq!(Uri::parse(text), None, "{text}");
        }
    }

    #[test]
    fn other_schemes_are_told_apart() {
        assert_eq!(uri("tel:+1-201-555-0123;phone-context=x").user, Some("+1-201-555-0123"));
        assert_eq!(uri("SIPS:a@b").scheme, Scheme::Sips);
        assert_eq!(uri("soap.beep://192.0.2.103:3002").scheme, Scheme::Other);
    }

    #[test]
    fn escaped_nul_users_differ() {
        assert_eq!(uri("sip:%00@h").user_unescaped(), "\0");
        assert!(!uri("sip:%00@h").equals(&uri("sip:%00%00@h")));
        assert_eq!(uri("sip:%ff@h").user_unescaped(), "%ff");
    }

    #[test]
    fn equal_by_rfc_3261_19_1_4() {
        for (a, b) in [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
            ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]"),
            ("tel:+1-201-555-0123", "tel:+12015550123"),
        ] {
            assert!(uri(a).equals(&uri(b)) && uri(b).equals(&uri(a)), "{a} {b}");
        }
    }

    #[test]
    fn what_is_too_long_to_compare_differs() {
        let with = |count: usize, last: &str| {
            let params: String = (0..count).map(|index| format!(";p{index}=1")).collect();
            format!("sip:a{params}{last}")
        };
        let limit = URI_ELEMENTS_COMPARED_MAX;
        assert!(uri(&with(limit, "")).equals(&uri(&with(limit - 1, ";x"))));
        assert!(!uri(&with(limit + 1, "")).equals(&uri(&with(limit, ";x"))));
        assert!(uri(&with(limit + 1, "")).equals(&uri(&with(limit + 1, ""))));
    }

    #[test]
    fn different_by_rfc_3261_19_1_4() {
        for (a, b) in [
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:carol@chicago.com;security=off", "sip:carol@chicago.com;security=on"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            ("sip:a@b", "sips:a@b"),
            ("sip:b", "sip:a@b"),
        ] {
            assert!(!uri(a).equals(&uri(b)) && !uri(b).equals(&uri(a)), "{a} {b}");
        }
    }
}
