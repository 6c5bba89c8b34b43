//! Which domains the far end of a sealed connection has proven to be by its certificate (RFC 5922).

use dashmap::DashMap;
use foldhash::quality::RandomState;

use crate::ids::ConnectionId;

/// What drivers have seen in handshakes, for all workers: any of them may be given a message of a connection.
#[derive(Debug, Default)]
pub struct Certificates {
    domains: DashMap<ConnectionId, Vec<Box<str>>, RandomState>,
}

impl Certificates {
    /// Notes the domains of a certificate that was verified, to be told before anything that comes by the connection. Of a
    /// certificate with more than [`DOMAINS_MAX`] the first count.
    pub fn note<'a>(&self, connection: ConnectionId, domains: impl IntoIterator<Item = &'a str>) {
        let domains: Vec<Box<str>> = domains.into_iter().take(DOMAINS_MAX).map(Into::into).collect();
        if !domains.is_empty() && connection != ConnectionId::default() {
            self.domains.insert(connection, domains);
        }
    }

    /// The connection is over.
    pub fn forget(&self, connection: ConnectionId) {
        self.domains.remove(&connection);
    }

    /// What is made of the domains of a connection; `None`: its far end has proven nothing, or nothing is made of them.
    pub(crate) fn find<T>(
        &self,
        connection: ConnectionId,
        find: impl FnOnce(&[Box<str>]) -> Option<T>,
    ) -> Option<T> {
        find(&self.domains.get(&connection)?)
    }

    /// Connections whose far ends have proven something.
    pub fn len(&self) -> usize {
        self.domains.len()
    }

    /// Whether nobody has proven anything.
    pub fn is_empty(&self) -> bool {
        self.domains.is_empty()
    }
}

/// The domains that a SIP certificate stands for, out of the names of its subjectAltName (RFC 5922 §7.1): the hosts of its `sip` URIs
/// without a user; where there is none its DNS names. A name with a wildcard stands for nobody (§7.2).
pub fn domains<'a>(
    uris: impl IntoIterator<Item = &'a str>,
    dns_names: impl IntoIterator<Item = &'a str>,
) -> Vec<&'a str> {
    let domain = |uri: &'a str| {
        let (scheme, rest) = uri.split_once(':')?;
        let host = rest.split([';', '?']).next().unwrap_or_default();
        (scheme.eq_ignore_ascii_case("sip") && !host.contains(['@', ':', '[', '/'])).then_some(host)
    };
    let is_domain = |name: &&str| !name.is_empty() && !name.contains('*');
    let of_uris: Vec<_> = uris.into_iter().filter_map(domain).filter(is_domain).collect();
    if !of_uris.is_empty() { of_uris } else { dns_names.into_iter().filter(is_domain).collect() }
}

/// Domains of one certificate that are kept.
pub const DOMAINS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_come_before_names_and_wildcards_count_for_nothing() {
        let names = ["sip.carrier.example", "*.carrier.example"];
        assert_eq!(domains([], names), ["sip.carrier.example"]);
        assert_eq!(domains(["sip:carrier.example"], names), ["carrier.example"]);
        assert_eq!(domains(["SIP:carrier.example;transport=tls"], names), ["carrier.example"]);
        for no_domain in [
            "sip:alice@carrier.example",
            "sips:carrier.example",
            "https://carrier.example/",
            "sip:",
            "sip:*.example",
            "sip:carrier.example:5061",
            "sip:[2001:db8::1]",
            "carrier.example",
        ] {
            assert_eq!(domains([no_domain], names), ["sip.carrier.example"], "{no_domain}");
        }
        assert!(domains([], ["*", ""]).is_empty());
    }

    #[test]
    fn what_is_kept_of_a_certificate_is_bounded_and_goes_with_its_connection() {
        let (certificates, one) = (Certificates::default(), ConnectionId(1));
        let names: Vec<String> = (0..=DOMAINS_MAX).map(|number| format!("{number}.example")).collect();
        certificates.note(one, names.iter().map(String::as_str));
        certificates.note(ConnectionId(2), []);
        certificates.note(ConnectionId::default(), ["carrier.example"]);
        assert_eq!(certificates.find(one, |domains| Some(domains.len())), Some(DOMAINS_MAX));
        assert_eq!(certificates.len(), 1);
        certificates.forget(one);
        assert!(certificates.is_empty());
        assert_eq!(certificates.find(one, |_| Some(())), None);
    }
}
