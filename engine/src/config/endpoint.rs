//! `udp:192.0.2.1:5060`: a transport with an address, of a listener or of a trunk's peer.

use std::net::{IpAddr, SocketAddr};

use toml::Spanned;
use trunkline_sip::servers::Host;
use trunkline_sip::transport::Transport;

use super::section::Section;
use super::tls::Sealing;

/// A peer as it is written.
pub(super) struct Peer {
    /// The host, with the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) place: PeerPlace,
}

/// Where a peer of a trunk is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PeerPlace {
    /// At this address.
    Address(Transport, SocketAddr),
    /// Where name servers say.
    Host(Host),
}

impl PeerPlace {
    /// How it is reached; `None`: as name servers say.
    pub const fn transport(&self) -> Option<Transport> {
        match self {
            Self::Address(transport, _) => Some(*transport),
            Self::Host(host) => host.transport,
        }
    }
}

/// Reads a listener: transport, address, port.
pub(super) fn listener(
    section: &Section<'_>,
    tls: &Sealing,
    value: &Spanned<&str>,
) -> Option<(Transport, SocketAddr)> {
    let key = "listen";
    let right = "write transport:address:port, as in \"udp:0.0.0.0:5060\" or \"tcp:[::]:5060\"";
    let (transport, rest) = transport(section, key, value, right)?;
    if transport.is_secure() && !tls.is_server() {
        let wrong = format!("{} has no certificate to show", transport.name());
        section.refuse(key, value, wrong, "write [sip.tls] with certificate = \"FILE\" and key = \"FILE\"");
    }
    match rest.parse::<SocketAddr>() {
        Ok(address) => Some((transport, address)),
        Err(_) => {
            section.refuse(key, value, format!("{rest:?} is not an address and a port"), right);
            None
        }
    }
}

/// Reads a peer. A host with a port is asked for its addresses, one without for its services, too (RFC 3263).
pub(super) fn peer(section: &Section<'_>, key: &'static str, value: &Spanned<&str>) -> Option<Peer> {
    let right = "write transport:host:port, as in \"udp:198.51.100.7:5060\" or \"tcp:sip.example.com\"";
    let (transport, rest) = match value.get_ref().strip_prefix("sip:") {
        Some(rest) => (None, rest),
        None => {
            let (transport, rest) = transport(section, key, value, right)?;
            (Some(transport), rest)
        }
    };
    if transport.is_some_and(|transport| !transport.can_be_opened()) {
        section.refuse(key, value, "a WebSocket is opened by browsers alone", "use udp, tcp or tls");
        return None;
    }
    let Some((host, port)) = host_and_port(rest) else {
        section.refuse(key, value, format!("{rest:?} is not a host with a port"), right);
        return None;
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let place = match bare.parse::<IpAddr>() {
        Ok(ip) if ip.is_unspecified() => {
            section.refuse(key, value, format!("{host} is no address to send to"), right);
            return None;
        }
        Ok(ip) => {
            let transport = transport.unwrap_or(Transport::Udp);
            let port = port.unwrap_or_else(|| transport.default_port());
            PeerPlace::Address(transport, SocketAddr::new(ip, port))
        }
        Err(_) => PeerPlace::Host(Host { name: name(bare), transport, port }),
    };
    Some(Peer { host: host.to_owned(), place })
}

/// A name as it is asked for.
pub(super) fn name(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// Reads the address of a name server.
pub(super) fn name_server(section: &Section<'_>, value: &Spanned<&str>) -> Option<SocketAddr> {
    let text = *value.get_ref();
    let parsed = text.parse().or_else(|_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DOMAIN)));
    if parsed.is_err() {
        let right = "write an address, as in \"192.0.2.53\" or \"127.0.0.1:5353\"";
        section.refuse("dns", value, format!("{text:?} is no address of a name server"), right);
    }
    parsed.ok()
}

fn transport<'v>(
    section: &Section<'_>,
    key: &'static str,
    value: &Spanned<&'v str>,
    right: &str,
) -> Option<(Transport, &'v str)> {
    let text = *value.get_ref();
    let Some((name, rest)) = text.split_once(':') else {
        section.refuse(key, value, format!("{text:?} names no transport"), right);
        return None;
    };
    match Transport::from_name(name) {
        Some(known) => Some((known, rest)),
        None => {
            section.refuse(key, value, format!("{name:?} is no transport"), right);
            None
        }
    }
}

/// Splits `host`, `host:port`, `[v6]` or `[v6]:port`.
fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            (host, Some(port.parse().ok().filter(|port| *port > 0)?))
        }
        _ => (text, None),
    };
    let well_formed = match host.strip_prefix('[') {
        Some(bracketed) => matches!(bracketed.strip_suffix(']').map(str::parse), Some(Ok(IpAddr::V6(_)))),
        None => is_host_name(host),
    };
    well_formed.then_some((host, port))
}

/// Whether this can be the name of a host, or an IPv4 address.
pub(super) fn is_host_name(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= HOST_BYTES_MAX
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-')
}

/// The port of name servers (RFC 1035 §4.2).
const DOMAIN: u16 = 53;

/// The longest host name (RFC 1035 §2.3.4).
const HOST_BYTES_MAX: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_come_with_or_without_port() {
        assert_eq!(host_and_port("198.51.100.7:5070"), Some(("198.51.100.7", Some(5070))));
        assert_eq!(host_and_port("sip.example.com"), Some(("sip.example.com", None)));
        assert_eq!(host_and_port("[2001:db8::1]"), Some(("[2001:db8::1]", None)));
        assert_eq!(host_and_port("[2001:db8::1]:5061"), Some(("[2001:db8::1]", Some(5061))));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for wrong in
            ["", ":5060", "host:", "host:0", "host:65536", "2001:db8::1", "[::1", "a b", "[192.0.2.1]"]
        {
            assert_eq!(host_and_port(wrong), None, "{wrong}");
        }
    }
}
