//! From a host to its servers (RFC 3263 §4), as far as name servers have answered.

use std::net::{IpAddr, SocketAddr};

use super::{Host, Question, Record, RecordKind, Server};
use crate::transport::Transport;

/// What name servers have said.
pub trait Zone {
    /// The records that answer this question, none where there are none. `None`: nobody has answered yet.
    fn records(&mut self, question: &Question) -> Option<&[Record]>;
}

/// The servers of a host. `None`: an answer is missing that the zone was asked for. IPv6 addresses are looked for where `has_ipv6` says
/// that the engine could send there, IPv4 ones where `has_ipv4` does.
pub fn locate(host: &Host, has_ipv4: bool, has_ipv6: bool, zone: &mut impl Zone) -> Option<Vec<Server>> {
    if let Ok(address) = host.name.parse::<IpAddr>() {
        let transport = host.transport.unwrap_or(Transport::Udp);
        let port = host.port.unwrap_or_else(|| transport.default_port());
        return Some(vec![alone(transport, vec![SocketAddr::new(address, port)])]);
    }
    Walk { zone, has_ipv4, has_ipv6 }.servers(host)
}

struct Walk<'z, Z> {
    zone: &'z mut Z,
    has_ipv4: bool,
    has_ipv6: bool,
}

/// What the SRV records of a service come to.
enum Service {
    /// There are none.
    Unknown,
    /// The service is decidedly not available (RFC 2782), or none of its servers has an address.
    Absent,
    Known(Vec<Server>),
}

impl<Z: Zone> Walk<'_, Z> {
    /// RFC 3263 §4.1, §4.2.
    fn servers(&mut self, host: &Host) -> Option<Vec<Server>> {
        match (host.transport, host.port) {
            (transport, Some(port)) => self.host(&host.name, transport.unwrap_or(Transport::Udp), port),
            (Some(transport), None) => {
                let service = match self.service(&service_name(transport, &host.name), transport)? {
                    Service::Unknown => return self.host(&host.name, transport, transport.default_port()),
                    Service::Absent => Vec::new(),
                    Service::Known(servers) => servers,
                };
                Some(service)
            }
            (None, None) => self.any_transport(&host.name),
        }
    }

    /// The transport that the domain prefers. No other stands in for it: whoever asks for TLS is not to be had in plain.
    fn any_transport(&mut self, name: &str) -> Option<Vec<Server>> {
        for (transport, service) in services(self.ask(name, RecordKind::Naptr)?) {
            match self.service(&service, transport)? {
                Service::Unknown => {}
                Service::Absent => return Some(Vec::new()),
                Service::Known(servers) => return Some(servers),
            }
        }
        for transport in [Transport::Udp, Transport::Tcp] {
            match self.service(&service_name(transport, name), transport)? {
                Service::Unknown | Service::Absent => {}
                Service::Known(servers) => return Some(servers),
            }
        }
        self.host(name, Transport::Udp, Transport::Udp.default_port())
    }

    fn service(&mut self, name: &str, transport: Transport) -> Option<Service> {
        let records = self.ask(name, RecordKind::Srv)?;
        if records.is_empty() {
            return Some(Service::Unknown);
        }
        let mut servers = Vec::new();
        let mut is_whole = true;
        for record in records.into_iter().take(SERVERS_MAX) {
            let Record::Srv { priority, weight, port, target } = record else { continue };
            if target.is_empty() || port == 0 {
                continue;
            }
            // All that is missing is asked for at once.
            match self.addresses(&target, port) {
                Some(addresses) if addresses.is_empty() => {}
                Some(addresses) => servers.push(Server { transport, priority, weight, addresses }),
                None => is_whole = false,
            }
        }
        if !is_whole {
            return None;
        }
        servers.sort_by_key(|server| server.priority);
        Some(if servers.is_empty() { Service::Absent } else { Service::Known(servers) })
    }

    fn host(&mut self, name: &str, transport: Transport, port: u16) -> Option<Vec<Server>> {
        let addresses = self.addresses(name, port)?;
        Some(if addresses.is_empty() { Vec::new() } else { vec![alone(transport, addresses)] })
    }

    /// IPv4 before IPv6, each in the order of their numbers: name servers rotate them, which is no change.
    fn addresses(&mut self, name: &str, port: u16) -> Option<Vec<SocketAddr>> {
        if let Ok(address) = name.parse::<IpAddr>() {
            return Some(vec![SocketAddr::new(address, port)]);
        }
        let four = if self.has_ipv4 { self.ask(name, RecordKind::A) } else { Some(Vec::new()) };
        let six = if self.has_ipv6 { self.ask(name, RecordKind::Aaaa) } else { Some(Vec::new()) };
        let addresses = four?.into_iter().chain(six?).filter_map(|record| match record {
            Record::Address(ip) if !ip.is_unspecified() && !ip.is_multicast() => {
                Some(SocketAddr::new(ip, port))
            }
            Record::Address(_) | Record::Naptr { .. } | Record::Srv { .. } => None,
        });
        Some(addresses.take(ADDRESSES_MAX).collect())
    }

    fn ask(&mut self, name: &str, kind: RecordKind) -> Option<Vec<Record>> {
        let question = Question { name: name.to_ascii_lowercase(), kind };
        self.zone.records(&question).map(<[Record]>::to_vec)
    }
}

/// The services that the engine speaks, the most preferred first (RFC 3263 §4.1).
fn services(records: Vec<Record>) -> Vec<(Transport, String)> {
    let mut found: Vec<_> = records
        .into_iter()
        .filter_map(|record| {
            let Record::Naptr { order, preference, flags, service, replacement } = record else {
                return None;
            };
            let known =
                [("SIPS+D2T", Transport::Tls), ("SIP+D2T", Transport::Tcp), ("SIP+D2U", Transport::Udp)];
            let (_, transport) = known.into_iter().find(|(name, _)| service.eq_ignore_ascii_case(name))?;
            let leads_on = flags.eq_ignore_ascii_case("s") && !replacement.is_empty();
            leads_on.then_some((order, preference, transport, replacement))
        })
        .collect();
    found.sort();
    found.into_iter().take(SERVICES_MAX).map(|(_, _, transport, name)| (transport, name)).collect()
}

/// RFC 3263 §4.2: the name of the SRV records of a transport.
fn service_name(transport: Transport, name: &str) -> String {
    let service = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
        Transport::Ws => "_ws._tcp",
        Transport::Wss => "_wss._tcp",
    };
    [service, ".", name].concat()
}

const fn alone(transport: Transport, addresses: Vec<SocketAddr>) -> Server {
    Server { transport, priority: 0, weight: 0, addresses }
}

/// Servers of one service; what DNS says beyond is left out.
pub const SERVERS_MAX: usize = 32;

/// Addresses of one server.
const ADDRESSES_MAX: usize = 8;

/// NAPTR records that are followed.
const SERVICES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[derive(Default)]
    struct Said {
        known: HashMap<Question, Vec<Record>>,
        asked: Vec<String>,
    }

    impl Zone for Said {
        fn records(&mut self, question: &Question) -> Option<&[Record]> {
            self.asked.push(format!("{:?} {}", question.kind, question.name));
            Some(self.known.get(question).map_or(&[], Vec::as_slice))
        }
    }

    impl Said {
        fn with(mut self, name: &str, kind: RecordKind, record: Record) -> Self {
            let question = Question { name: name.to_owned(), kind };
            self.known.entry(question).or_default().push(record);
            self
        }

        fn a(self, name: &str, address: &str) -> Self {
            let address: IpAddr = address.parse().unwrap();
            let kind = if address.is_ipv4() { RecordKind::A } else { RecordKind::Aaaa };
            self.with(name, kind, Record::Address(address))
        }

        fn srv(self, name: &str, [priority, weight, port]: [u16; 3], target: &str) -> Self {
            let record = Record::Srv { priority, weight, port, target: target.to_owned() };
            self.with(name, RecordKind::Srv, record)
        }

        fn naptr(self, [order, preference]: [u16; 2], flags: &str, service: &str, replacement: &str) -> Self {
            let [flags, service, replacement] = [flags, service, replacement].map(str::to_owned);
            let record = Record::Naptr { order, preference, flags, service, replacement };
            self.with("example.com", RecordKind::Naptr, record)
        }

        /// `udp 10/60 192.0.2.1:5060`, a server a line.
        fn servers(&mut self, transport: Option<Transport>, port: Option<u16>) -> Vec<String> {
            let host = Host { name: "Example.com".to_owned(), transport, port };
            let servers = locate(&host, true, true, self).expect("everything is answered");
            let shown = |server: Server| {
                let Server { transport, priority, weight, addresses } = server;
                format!("{} {priority}/{weight} {addresses:?}", transport.name())
            };
            servers.into_iter().map(shown).collect()
        }
    }

    #[test]
    fn a_port_leads_to_addresses_alone() {
        let mut said = Said::default()
            .srv("_sip._udp.example.com", [1, 1, 5080], "other.example.com")
            .a("example.com", "192.0.2.1")
            .a("example.com", "2001:db8::1");
        assert_eq!(
            said.servers(Some(Transport::Udp), Some(5062)),
            ["udp 0/0 [192.0.2.1:5062, [2001:db8::1]:5062]"]
        );
        assert_eq!(said.servers(None, Some(5062)).len(), 1, "by UDP");
        assert_eq!(said.asked[..2], ["A example.com", "Aaaa example.com"]);
        assert!(!said.asked.iter().any(|asked| asked.starts_with("Srv")));
    }

    #[test]
    fn a_transport_leads_to_its_service_record() {
        let mut said = Said::default()
            .srv("_sip._udp.example.com", [20, 1, 5060], "two.example.com")
            .srv("_sip._udp.example.com", [10, 60, 5061], "one.example.com")
            .srv("_sip._udp.example.com", [10, 40, 5062], "gone.example.com")
            .a("one.example.com", "192.0.2.1")
            .a("two.example.com", "192.0.2.2");
        let udp = said.servers(Some(Transport::Udp), None);
        assert_eq!(udp, ["udp 10/60 [192.0.2.1:5061]", "udp 20/1 [192.0.2.2:5060]"], "by priority");
        assert_eq!(said.servers(Some(Transport::Tls), None), [""; 0], "neither SRV nor address");
        assert!(said.asked.contains(&"Srv _sips._tcp.example.com".to_owned()));
        let mut plain = said.a("example.com", "192.0.2.9");
        assert_eq!(plain.servers(Some(Transport::Tls), None), ["tls 0/0 [192.0.2.9:5061]"]);
        assert_eq!(plain.servers(Some(Transport::Tcp), None), ["tcp 0/0 [192.0.2.9:5060]"]);
    }

    #[test]
    fn a_service_that_is_not_there_is_not_looked_for_elsewhere() {
        let mut said =
            Said::default().srv("_sip._udp.example.com", [0, 0, 0], "").a("example.com", "192.0.2.1");
        assert_eq!(said.servers(Some(Transport::Udp), None), [""; 0]);
    }

    #[test]
    fn without_a_transport_the_domain_says_which() {
        let mut said = Said::default()
            .naptr([20, 1], "s", "SIP+D2U", "_sip._udp.example.com")
            .naptr([10, 2], "S", "sips+d2t", "_sips._tcp.example.com")
            .naptr([10, 1], "s", "SIP+D2W", "_ws._tcp.example.com")
            .naptr([1, 1], "u", "SIP+D2U", "_sip._udp.example.com")
            .srv("_sips._tcp.example.com", [1, 1, 5061], "one.example.com")
            .srv("_sip._udp.example.com", [1, 1, 5060], "one.example.com")
            .a("one.example.com", "192.0.2.1");
        assert_eq!(said.servers(None, None), ["tls 1/1 [192.0.2.1:5061]"]);
    }

    #[test]
    fn without_naptr_the_services_are_tried_then_the_name() {
        let mut said = Said::default().a("example.com", "192.0.2.1");
        assert_eq!(said.servers(None, None), ["udp 0/0 [192.0.2.1:5060]"]);
        let asked = [
            "Naptr example.com",
            "Srv _sip._udp.example.com",
            "Srv _sip._tcp.example.com",
            "A example.com",
            "Aaaa example.com",
        ];
        assert_eq!(said.asked, asked);
        let mut said = said.srv("_sip._tcp.example.com", [1, 1, 5070], "example.com");
        assert_eq!(said.servers(None, None), ["tcp 1/1 [192.0.2.1:5070]"]);
    }

    #[test]
    fn what_nobody_can_be_sent_is_left_out() {
        let mut said = Said::default().a("example.com", "0.0.0.0").a("example.com", "224.0.0.1");
        assert_eq!(said.servers(None, Some(5060)), [""; 0]);
        let many = (0..100).fold(Said::default(), |said, n| said.a("example.com", &format!("192.0.2.{n}")));
        let mut many =
            (0..100).fold(many, |said, n| said.srv("_sip._udp.example.com", [n, 1, 5060], "example.com"));
        assert_eq!(many.servers(Some(Transport::Udp), None).len(), SERVERS_MAX);
        assert_eq!(many.servers(None, Some(5060))[0].matches("192.0.2.").count(), ADDRESSES_MAX);
    }

    #[test]
    fn addresses_are_looked_for_in_the_families_that_the_engine_has() {
        let mut said = Said::default().a("example.com", "192.0.2.1").a("example.com", "2001:db8::1");
        let host = Host { name: "example.com".to_owned(), transport: None, port: Some(5060) };
        let six = locate(&host, false, true, &mut said).unwrap();
        assert_eq!(six[0].addresses, ["[2001:db8::1]:5060".parse().unwrap()]);
        let address = Host { name: "192.0.2.7".to_owned(), transport: Some(Transport::Tcp), port: None };
        let found = locate(&address, true, true, &mut Said::default()).unwrap();
        assert_eq!(found[0].addresses, ["192.0.2.7:5060".parse().unwrap()]);
    }
}
