//! Where events are posted to: a URL of HTTP (RFC 9110 §4.2), read as strictly as those that audio is forked to.

use std::fmt;

use crate::switch::ForkUrl;

/// A URL by `http:` or `https:`.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(ForkUrl);

impl WebhookUrl {
    /// Reads `http://HOST[:PORT]/PATH[?QUERY]`, or the same with `https`. `None`: it is none, is longer than 2,048 bytes, or could be read
    /// in two ways, as [`ForkUrl::parse`] says.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_at_checked("http".len())?;
        // What follows differs in nothing from what follows `ws`.
        let is_http = scheme.eq_ignore_ascii_case("http");
        is_http.then(|| ForkUrl::parse(&format!("ws{rest}"))).flatten().map(Self)
    }

    /// Whether TLS is spoken there.
    pub const fn is_sealed(&self) -> bool {
        self.0.is_sealed()
    }

    /// The host: a name, or an address.
    pub fn host(&self) -> &str {
        self.0.host()
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.0.port()
    }

    /// Host and port as the header Host has them.
    pub(super) fn authority(&self) -> String {
        self.0.authority()
    }

    /// Path and query, for the request alone: either may hold what is secret.
    pub(super) fn target(&self) -> String {
        self.0.target()
    }
}

/// Scheme, host and port.
impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http{}://{}", if self.is_sealed() { "s" } else { "" }, self.authority())
    }
}

/// Scheme, host and port.
impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_is_asked_and_little_of_it_is_shown() {
        for (text, shown, target) in [
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000", "/"),
            ("HTTPS://CRM.Example/hooks/a?key=b", "https://crm.example", "/hooks/a?key=b"),
            ("https://crm.example:443/", "https://crm.example", "/"),
            ("https://h:80/", "https://h:80", "/"),
            ("http://[2001:db8::1]:81/a", "http://[2001:db8::1]:81", "/a"),
        ] {
            let url = WebhookUrl::parse(text).unwrap();
            assert_eq!((&*url.to_string(), &*url.target()), (shown, target), "{text}");
            assert_eq!(format!("{url:?}"), format!("WebhookUrl({shown})"));
        }
        for text in [
            "",
            "http",
            "httpé",
            "ws://h/",
            "ftp://h/",
            "httpx://h/",
            "http:/h",
            "https://u:p@h/",
            "http://h/../a",
        ] {
            assert_eq!(WebhookUrl::parse(text), None, "{text}");
        }
    }
}
