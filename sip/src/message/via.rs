//! Via (RFC 3261 §20.42, RFC 3581).

use std::net::IpAddr;

use super::find::find;
use super::{chars, list, uri};

/// One Via value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Via<'a> {
    /// The transport as sent: `UDP`.
    pub transport: &'a str,
    /// Host of sent-by; an IPv6 reference with its brackets.
    pub host: &'a str,
    /// Port of sent-by, if written.
    pub port: Option<u16>,
    pub(super) params: &'a str,
}

impl<'a> Via<'a> {
    /// Reads one value (not a comma list), with white space anywhere the grammar has it: `SIP / 2.0 / UDP host : 5060`.
    /// Any protocol and version will do: what is refused with 505 is answered by its Via all the same.
    pub fn parse(text: &'a str) -> Option<Self> {
        let rest = match text.strip_prefix("SIP/2.0/") {
            Some(rest) => rest,
            None => Self::behind_version(text)?,
        };
        let rest = list::trim(rest);
        let (transport, rest) = rest.split_at(list::find_space(rest)?);
        let end = find(b';', rest.as_bytes()).unwrap_or(rest.len());
        let (sent_by, params) = rest.split_at(end);
        let (host, port) = uri::host_and_port(list::trim(sent_by))?;
        let well_formed = chars::is_token(transport.as_bytes()) && list::quotes_close(params);
        well_formed.then_some(Self { transport, host, port, params })
    }

    /// What follows `protocol / version /`.
    fn behind_version(text: &str) -> Option<&str> {
        let (protocol, rest) = text.split_once('/')?;
        let (version, rest) = rest.split_once('/')?;
        let tokens = [protocol, version].into_iter().all(|part| chars::is_token(list::trim(part).as_bytes()));
        tokens.then_some(rest)
    }

    /// The branch; `""` if there is none (RFC 2543 clients).
    pub fn branch(&self) -> &'a str {
        self.param("branch").unwrap_or("")
    }

    /// The value of a parameter; `Some("")` if it has none.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        list::param(self.params, name)
    }

    /// The parameters as sent, with the leading semicolon; empty if there are none.
    pub const fn params_text(&self) -> &'a str {
        self.params
    }

    /// Where the request came from, as a server before us wrote it; an IPv6 address with or without brackets
    /// (RFC 5118 §4.5).
    pub fn received(&self) -> Option<IpAddr> {
        uri::ip(self.param("received")?)
    }

    /// `Some(None)` for a client that asks for it, `Some(Some(port))` once filled in (RFC 3581 §3, §4).
    pub fn rport(&self) -> Option<Option<u16>> {
        self.param("rport").map(|port| port.parse().ok())
    }

    /// The address in sent-by, if it is no name.
    pub fn host_ip(&self) -> Option<IpAddr> {
        uri::ip(self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_form() {
        let via = Via::parse("SIP/2.0/UDP 192.0.2.1:5062;rport;branch=z9hG4bK87asdks7").unwrap();
        assert_eq!((via.transport, via.host, via.port), ("UDP", "192.0.2.1", Some(5062)));
        assert_eq!((via.branch(), via.rport(), via.received()), ("z9hG4bK87asdks7", Some(None), None));
    }

    #[test]
    fn white_space_where_the_grammar_has_it() {
        let via = Via::parse("SIP  / 2.0  / TCP     spindle.example.com : 99  ;  branch  =   z9hG4bK9ikj8  ")
            .unwrap();
        assert_eq!((via.transport, via.host, via.port), ("TCP", "spindle.example.com", Some(99)));
        assert_eq!(via.branch(), "z9hG4bK9ikj8");
    }

    #[test]
    fn received_in_both_spellings() {
        let with = Via::parse("SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];rport=7").unwrap();
        let without = Via::parse("sip/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255").unwrap();
        assert_eq!(with.received(), Some("2001:db8::9:255".parse().unwrap()));
        assert_eq!(without.received(), with.received());
        assert_eq!((with.host, with.rport(), without.rport()), ("[2001:db8::9:1]", Some(Some(7)), None));
    }

    #[test]
    fn ill_formed_values_are_refused() {
        for text in
            ["", ";", "SIP/2.0", "SIP/2.0/UDP", "SIP/2.0/UDP ;branch=1", "SIP//UDP h", "S P/2.0/UDP h"]
        {
            assert_eq!(Via::parse(text), None, "{text}");
        }
        assert_eq!(Via::parse("SIP/2.0/UDP h:port"), None);
        assert_eq!(Via::parse("SIP/2.0/UDP 2001:db8::1"), None);
    }
}
