//! `udp:192.0.2.1:5060`: a transport with an address, of a listener or of a trunk's peer.

use std::net::{IpAddr, SocketAddr};

use toml::Spanned;
use trunkline_sip::transport::Transport;

use super::section::Section;
use super::tls::Sealing;

/// A peer with the addresses its host stands for.
pub(super) struct Peer {
    pub(super) host: String,
    pub(super) transport: Transport,
    pub(super) addresses: Vec<(Transport, SocketAddr)>,
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

/// Reads a peer and resolves its host.
pub(super) fn peer(section: &Section<'_>, key: &'static str, value: &Spanned<&str>) -> Option<Peer> {
    let right = "write transport:host:port, as in \"udp:198.51.100.7:5060\" or \"tcp:sip.example.com\"";
    let (transport, rest) = transport(section, key, value, right)?;
    if !transport.can_be_opened() {
        section.refuse(key, value, "a WebSocket is opened by browsers alone", "use udp, tcp or tls");
        return None;
    }
    let Some((host, port)) = host_and_port(rest, transport.default_port()) else {
        section.refuse(key, value, format!("{rest:?} is not a host with a port"), right);
        return None;
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match section.report().addresses(bare, port) {
        Ok(found) => {
            let mut addresses: Vec<_> = found.into_iter().map(|address| (transport, address)).collect();
            addresses.dedup();
            addresses.truncate(ADDRESSES_MAX);
            if addresses.iter().any(|(_, address)| address.ip().is_unspecified()) {
                section.refuse(key, value, format!("{host} is no address to send to"), right);
                return None;
            }
            Some(Peer { host: host.to_owned(), transport, addresses })
        }
        Err(error) => {
            unresolved(section, key, value, host, &error);
            None
        }
    }
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

/// Splits `host`, `host:port`, `[v6]` or `[v6]:port`; this port where none is written.
fn host_and_port(text: &str, default: u16) -> Option<(&str, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok().filter(|port| *port > 0)?),
        _ => (text, default),
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

/// The addresses that a host name stands for.
pub(super) fn resolve(
    section: &Section<'_>,
    key: &'static str,
    value: &Spanned<&str>,
    host: &str,
) -> Option<Vec<IpAddr>> {
    match section.report().addresses(host, PORT) {
        Ok(found) => {
            let mut addresses: Vec<_> = found.into_iter().map(|address| address.ip()).collect();
            addresses.dedup();
            addresses.truncate(ADDRESSES_MAX);
            Some(addresses)
        }
        Err(error) => {
            unresolved(section, key, value, host, &error);
            None
        }
    }
}

fn unresolved(
    section: &Section<'_>,
    key: &'static str,
    value: &Spanned<&str>,
    host: &str,
    error: &std::io::Error,
) {
    let right = "write an address, or a host name that this machine can resolve";
    section.refuse(key, value, format!("host {host:?} cannot be resolved: {error}"), right);
}

/// A port that the resolver is asked with where none matters.
const PORT: u16 = 5060;

/// Addresses kept of one host name.
const ADDRESSES_MAX: usize = 8;

/// The longest host name (RFC 1035 §2.3.4).
const HOST_BYTES_MAX: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_come_with_or_without_port() {
        assert_eq!(host_and_port("198.51.100.7:5070", 5060), Some(("198.51.100.7", 5070)));
        assert_eq!(host_and_port("sip.example.com", 5060), Some(("sip.example.com", 5060)));
        assert_eq!(host_and_port("[2001:db8::1]", 5060), Some(("[2001:db8::1]", 5060)));
        assert_eq!(host_and_port("[2001:db8::1]:5061", 5060), Some(("[2001:db8::1]", 5061)));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for wrong in
            ["", ":5060", "host:", "host:0", "host:65536", "2001:db8::1", "[::1", "a b", "[192.0.2.1]"]
        {
            assert_eq!(host_and_port(wrong, 5060), None, "{wrong}");
        }
    }
}
