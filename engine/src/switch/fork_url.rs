//! Where audio is forked to: a WebSocket URL (RFC 6455 §3) that an administrator allowed.
//!
//! What is read here is what is connected to, letter by letter, and what a server might read otherwise is refused: so nobody who
//! may name one place reaches another.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// A WebSocket URL.
#[derive(Clone, PartialEq, Eq)]
pub struct ForkUrl {
    is_sealed: bool,
    /// In lower case; an IPv6 address without brackets.
    host: Arc<str>,
    port: u16,
    /// From the first slash on.
    path: Arc<str>,
    /// From the question mark on; it may hold what is secret.
    query: Arc<str>,
}

impl ForkUrl {
    /// Reads `ws://HOST[:PORT]/PATH[?QUERY]`, or the same with `wss`. `None`: it is none, is longer than [`URL_BYTES_MAX`], or could be
    /// read in two ways: names of users, fragments, `..` in the path, slashes and dots that are percent-encoded, and what is encoded and no
    /// UTF-8.
    pub fn parse(text: &str) -> Option<Self> {
        let is_clean = |byte: u8| byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte);
        if text.len() > URL_BYTES_MAX || !text.bytes().all(is_clean) {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let is_sealed = match scheme.to_ascii_lowercase().as_str() {
            "ws" => false,
            "wss" => true,
            _ => return None,
        };
        let (rest, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = host_and_port(authority)?;
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port > 0)?,
            None if is_sealed => 443,
            None => 80,
        };
        let path = if path.is_empty() { "/" } else { path };
        is_plain_path(path).then(|| Self {
            is_sealed,
            host: host.into(),
            port,
            path: path.into(),
            query: query.into(),
        })
    }

    /// A server on this machine: `ws://127.0.0.1:9000/`.
    pub(super) fn sample() -> Self {
        Self { is_sealed: false, host: "127.0.0.1".into(), port: 9_000, path: "/".into(), query: "".into() }
    }

    /// Whether this entry of the list of what is allowed allows another URL: the same scheme, host and port, and a path that is this
    /// one or stands below it.
    pub fn allows(&self, other: &Self) -> bool {
        let is_there = (self.is_sealed, &self.host, self.port) == (other.is_sealed, &other.host, other.port);
        let below = other.path.strip_prefix(&*self.path);
        let is_below =
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/'));
        is_there && is_below
    }

    /// Whether TLS is spoken there.
    pub const fn is_sealed(&self) -> bool {
        self.is_sealed
    }

    /// The host: a name, or an address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether it has a query.
    pub fn has_query(&self) -> bool {
        !self.query.is_empty()
    }

    /// All of it, for the request alone.
    pub fn whole(&self) -> String {
        format!("{self}{}", self.query)
    }

    /// Path and query, for the request alone.
    pub(crate) fn target(&self) -> String {
        format!("{}{}", self.path, self.query)
    }

    /// Host and port; the port only where it is not that of the scheme.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.to_string() };
        let usual = if self.is_sealed { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }
}

/// Without its query.
impl fmt::Display for ForkUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_sealed { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

/// Without its query.
impl fmt::Debug for ForkUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ForkUrl({self})")
    }
}

/// What an application proves itself with at the server: the value of the Authorization header (RFC 9110 §11.6.2).
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization(Arc<str>);

impl Authorization {
    /// Reads a value of 1 to [`AUTHORIZATION_BYTES_MAX`] visible bytes and blanks; `None`: it is no such value.
    pub fn parse(text: &str) -> Option<Self> {
        let is_value = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        let fits = (1..=AUTHORIZATION_BYTES_MAX).contains(&text.len()) && text.trim() == text;
        (is_value && fits).then(|| Self(text.into()))
    }

    /// The value, for the request alone.
    pub fn value(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization(…)")
    }
}

/// The host in lower case, and what stands behind its colon.
fn host_and_port(authority: &str) -> Option<(String, Option<&str>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) };
        return Some((IpAddr::V6(address).to_string(), port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let is_name = (1..=253).contains(&host.len())
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
    is_name.then(|| (host.to_ascii_lowercase(), port))
}

/// Whether every server reads the same of a path: no step up, nothing encoded that could be one.
fn is_plain_path(path: &str) -> bool {
    let is_step = |part: &str| part == "." || part.starts_with("..") || part.starts_with(".;");
    let is_read_once = |byte: u8| byte > b' ' && !b"%./;\\\x7f".contains(&byte);
    let mut pieces = path.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    let is_encoded = pieces.all(|piece| {
        let digits = piece.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.extend(byte);
        bytes.extend(piece.bytes().skip(2));
        byte.is_some_and(is_read_once)
    });
    !path.split('/').any(is_step) && is_encoded && String::from_utf8(bytes).is_ok()
}

/// The longest URL.
pub const URL_BYTES_MAX: usize = 2_048;

/// The longest value of an Authorization header.
pub const AUTHORIZATION_BYTES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        ForkUrl::parse(text).map(|url| url.to_string())
    }

    #[test]
    fn what_is_read_is_what_is_connected_to() {
        for (text, expected) in [
            ("ws://127.0.0.1:9000", "ws://127.0.0.1:9000/"),
            ("WSS://Speech.Example/v1/Listen", "wss://speech.example/v1/Listen"),
            ("ws://h:80/", "ws://h/"),
            ("wss://h:80/", "wss://h:80/"),
            ("ws://[2001:DB8::0:1]:9000/a", "ws://[2001:db8::1]:9000/a"),
            ("ws://h/a%41b", "ws://h/a%41b"),
            ("ws://h/Gr%C3%BC%c3%9fe", "ws://h/Gr%C3%BC%c3%9fe"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
        let secret = ForkUrl::parse("ws://h/a?key=secret").unwrap();
        assert_eq!(secret.whole(), "ws://h/a?key=secret");
        assert_eq!(format!("{secret} {secret:?}"), "ws://h/a ForkUrl(ws://h/a)");
        assert_eq!((secret.host(), secret.port(), secret.has_query()), ("h", 80, true));
        assert_eq!(ForkUrl::parse("ws://h?a=1").unwrap().whole(), "ws://h/?a=1");
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_none() {
        for text in [
            "",
            "http://h/",
            "ws:/h/",
            "ws://",
            "ws:///a",
            "ws://user@h/",
            "ws://h:9000@evil/",
            "ws://h:/",
            "ws://h:0/",
            "ws://h:65536/",
            "ws://h:9000:1/",
            "ws://h#a",
            "ws://h\\@evil/",
            "ws://h/ a",
            "ws://h/a\r\nX: y",
            "ws://hö/",
            "ws://h_/",
            "ws://[::1/",
            "ws://[::1]x/",
            "ws://h/../b",
            "ws://h/a/..",
            "ws://h/a/..;/b",
            "ws://h/./b",
            "ws://h/%2e%2e/b",
            "ws://h/a%2Fb",
            "ws://h/a%5cb",
            "ws://h/a%252e",
            "ws://h/a%0d",
            "ws://h/a%",
            "ws://h/a%4",
            "ws://h/a%zz",
            "ws://h/a%+f",
            "ws://h/a%ff",
            "ws://h/a%c3b",
            "ws://h/a%c0%af",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
        assert_eq!(shown(&format!("ws://h/{}", "a".repeat(URL_BYTES_MAX))), None);
        assert!(shown(&format!("ws://h/{}", "a".repeat(URL_BYTES_MAX - 7))).is_some());
    }

    #[test]
    fn only_what_stands_below_an_entry_is_allowed() {
        for (entry, url, is_allowed) in [
            ("ws://127.0.0.1:9000/", "ws://127.0.0.1:9000/any/thing?x=1", true),
            ("ws://127.0.0.1:9000", "ws://127.0.0.1:9000/", true),
            ("ws://h/speech", "ws://H/speech", true),
            ("ws://h/speech", "ws://h/speech/de", true),
            ("ws://h/speech", "ws://h/speech?lang=de", true),
            ("ws://h/speech/", "ws://h/speech/de", true),
            ("ws://h/speech", "ws://h/speechless", false),
            ("ws://h/speech/", "ws://h/speech", false),
            ("ws://h/speech", "ws://h/", false),
            ("ws://h/", "wss://h/", false),
            ("ws://h/", "ws://h:81/", false),
            ("ws://h/", "ws://h.evil/", false),
            ("ws://127.0.0.1/", "ws://127.1/", false),
        ] {
            let [entry, url] = [entry, url].map(|text| ForkUrl::parse(text).unwrap());
            assert_eq!(entry.allows(&url), is_allowed, "{entry:?} {url:?}");
        }
    }

    #[test]
    fn what_proves_an_application_breaks_no_header_and_is_never_shown() {
        assert_eq!(Authorization::parse("Bearer abc").unwrap().value(), "Bearer abc");
        assert_eq!(format!("{:?}", Authorization::parse("Bearer abc")), "Some(Authorization(…))");
        let long = "a".repeat(AUTHORIZATION_BYTES_MAX);
        assert!(Authorization::parse(&long).is_some());
        for text in ["", " a", "a\r\nX: y", "a\tb", "ä", &format!("{long}a")] {
            assert_eq!(Authorization::parse(text), None, "{text:?}");
        }
    }
}
