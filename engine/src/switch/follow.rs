//! A network that sends a call elsewhere (RFC 3261 §8.1.3.4): a 3xx of a trunk's peer.
//!
//! What a network says here costs money and reaches hosts, so it is followed only
//!
//! - to its own hosts, by the number that was called: the call goes another way to where it went before,
//! - to a place of `redirect_to`, by any number,
//! - to a number of the engine's domain, or one that is only a number (`tel:`), where the routes lead a call that comes
//!   from this trunk.
//!
//! Everything else, and the sixth of such steps, is a failure. Headers inside of the Contact's URI are left out, a
//! method other than INVITE, `maddr` and transports other than UDP and TCP refuse it (RFC 3261 §19.1.5). No
//! name is looked up.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::ConnectionId;
use trunkline_sip::message::{Scheme, Uri};
use trunkline_sip::outbox::{Party, Target};
use trunkline_sip::transport::{Flow, Transport};

use super::Switch;
use super::diversion::{By, Hop, Why};
use super::divert::may_go_on;
use super::ids::CallId;
use super::outbound::{escaped, unspecified};
use super::outbox::Outbox;
use super::report::CallReport;
use super::ring::Candidate;
use super::route::{DIALLED_BYTES_MAX, Source, resolve};
use super::setup::{RedirectPlace, TrunkSetup};
use super::timers::Timer;
use super::view::PartyView;

/// How many hosts are tried for one 3xx.
const TARGETS_MAX: usize = 8;

/// The port of a host that names none (RFC 3261 §19.1.2).
const PORT: u16 = 5060;

/// Where one Contact leads.
#[derive(Debug)]
enum Way {
    /// To hosts that this trunk may name.
    Hosts {
        number: String,
        targets: Vec<Target>,
        /// Whether all of them are the network's own.
        is_own: bool,
    },
    /// To what the routes have for this number.
    Routes(String),
}

impl Switch {
    /// Goes where the network sends the call. Whether it did; nothing was done if not.
    pub(super) fn follow(&mut self, now: Instant, id: CallId, status: u16, out: &mut Outbox) -> bool {
        let Some(call) = self.calls.get_mut(&id) else { return false };
        let (trunk, caller) = (Arc::clone(&call.line), call.peer);
        let Some(ring) = call.ring.as_mut() else { return false };
        let contacts = std::mem::take(&mut ring.contacts);
        let tried = ring.tried.clone();
        let Some(asked) = tried.last() else { return false };
        let may = self.calls.get(&caller.unwrap_or(id)).is_some_and(may_go_on);
        let Some(trunk) = self.trunk(&trunk).filter(|_| may) else { return false };
        let mut ways = contacts.iter().filter_map(|contact| {
            let mut way = way(trunk, &self.setup.domain, status, contact, asked)?;
            if let Way::Hosts { targets, .. } = &mut way {
                targets.retain(|target| !tried.iter().any(|before| is_same(before, target)));
            }
            match &way {
                Way::Hosts { targets, .. } => !targets.is_empty(),
                Way::Routes(number) => {
                    let source = Source::Trunk(&trunk.name);
                    caller.is_some() && resolve(&self.setup.routes, &self.lines, source, number).is_ok()
                }
            }
            .then_some(way)
        });
        let called = user(&asked.uri);
        let party = Party { user: bare(&called).to_owned(), host: trunk.domain.clone(), name: String::new() };
        let hop = Hop::seen(By::Trunk(Arc::clone(&trunk.name)), party, Why::Always);
        match (ways.next(), caller) {
            (Some(Way::Hosts { number, mut targets, mut is_own }), _) => {
                // Others by the same number stand in for it; another number is another destination.
                for way in ways {
                    if let Way::Hosts { number: other, targets: more, is_own: own } = way
                        && bare(&other) == bare(&number)
                    {
                        targets.extend(more);
                        is_own &= own;
                    }
                }
                targets.truncate(TARGETS_MAX);
                let hop = (bare(&number) != bare(&called)).then_some(hop);
                self.ring_there(now, id, hop, (&number, targets, is_own), out);
                true
            }
            (Some(Way::Routes(number)), Some(caller)) => {
                drop(ways);
                let name = self.lines.name(&number);
                self.leave_forwarded(now, id, caller, Why::Always, out);
                self.note_hop(caller, hop, PartyView::new(number.clone(), name), out);
                self.dial(now, caller, &number, out);
                true
            }
            (Some(Way::Routes(_)) | None, _) => false,
        }
    }

    /// Calls the trunk's line anew, elsewhere in the network; with a hop, by another number.
    fn ring_there(
        &mut self,
        now: Instant,
        id: CallId,
        hop: Option<Hop>,
        (number, targets, is_own): (&str, Vec<Target>, bool),
        out: &mut Outbox,
    ) {
        let caller = self.calls.get(&id).and_then(|call| call.peer);
        let journey = caller.unwrap_or(id);
        let is_elsewhere = hop.is_some();
        if let Some(hop) = hop {
            let redirection = PartyView::new(bare(number).to_owned(), String::new());
            self.note_hop(journey, hop, redirection, out);
            self.show_elsewhere(id, journey, out);
            self.timers.start(id, Timer::Ring, now + self.ring_time(journey));
        } else if let Some(calling) = self.calls.get_mut(&journey) {
            calling.max_forwards = calling.max_forwards.saturating_sub(1);
            calling.trail.count();
        }
        let Some(calling) = self.calls.get(&journey) else { return };
        let (max_forwards, trail) = (calling.max_forwards, calling.trail.clone());
        let Some(ring) = self.calls.get_mut(&id).and_then(|call| call.ring.as_mut()) else { return };
        let invitation = &mut ring.invitation;
        invitation.max_forwards = max_forwards;
        // Other trunks were meant for the number that was called, and for one who was not alerted yet.
        if is_elsewhere || ring.rang {
            ring.others = None;
        }
        if is_elsewhere {
            // The To stays that of the call (RFC 3261 §8.1.3.4).
            let to = Party { user: bare(number).to_owned(), ..invitation.to.clone() };
            invitation.headers.retain(|(name, _)| !["Diversion", "History-Info"].contains(name));
            invitation.headers.extend(trail.headers(&to));
        }
        if !is_own {
            invitation.credentials = None;
        }
        let candidate = |target| vec![Candidate { target, binding: None, headers: Vec::new() }];
        ring.waiting = targets.into_iter().map(candidate).collect::<VecDeque<_>>();
        ring.failure = None;
        ring.rang = false;
        self.dirty.insert(id);
        for call in [Some(id), caller].into_iter().flatten() {
            self.report(now, call, CallReport::Dialed, out);
        }
        self.ring_next(now, id, out);
    }

    /// The called side shows who it is now, as a call to another line would.
    fn show_elsewhere(&mut self, id: CallId, journey: CallId, out: &mut Outbox) {
        if id == journey {
            return;
        }
        let Some(calling) = self.calls.get(&journey) else { return };
        let (redirecting, redirection) = (calling.redirecting.clone(), calling.redirection.clone());
        let reason = calling.trail.reason();
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.called = redirection.clone();
        (call.redirecting, call.redirection, call.reason) = (redirecting, redirection, reason);
        for changed in ["calledid", "redirectionid", "redirectingid", "reason"] {
            self.tell_info(id, changed, None, out);
        }
    }
}

/// Where a Contact leads that came from the trunk with this status, for what was asked before.
fn way(trunk: &TrunkSetup, domain: &str, status: u16, contact: &str, asked: &Target) -> Option<Way> {
    // 300, 301, 302 and 305 say where; 380 says what else could be done instead.
    if !matches!(status, 300..=302 | 305) {
        return None;
    }
    let uri = Uri::parse(contact)?;
    let invites = uri.param("method").is_none_or(|method| method.eq_ignore_ascii_case("INVITE"));
    if !invites || uri.param("maddr").is_some() {
        return None;
    }
    let called = user(&asked.uri);
    // RFC 3261 §21.3.4: the same is asked for at another place.
    let is_proxy = status == 305;
    let number = if is_proxy { called.clone() } else { uri.user_unescaped().into_owned() };
    let is_number = |number: &str| {
        !bare(number).is_empty() && number.len() <= DIALLED_BYTES_MAX && !number.chars().any(char::is_control)
    };
    if !is_number(&number) {
        return None;
    }
    match uri.scheme {
        Scheme::Tel if !is_proxy => Some(Way::Routes(number)),
        Scheme::Sip => {
            let is_same = bare(&number) == bare(&called);
            // An engine whose domain is an address may share it with the network, at another port.
            let is_ours = !is_proxy && uri.host.eq_ignore_ascii_case(domain);
            let is_there = !is_ours || uri.port.is_some_and(|port| port != PORT);
            let Some((places, is_own)) = is_there.then(|| places(trunk, &uri, is_same)).flatten() else {
                return is_ours.then_some(Way::Routes(number));
            };
            let text = if is_proxy { asked.uri.clone() } else { request_uri(&uri, &number) };
            let target = |(transport, remote)| Target {
                uri: text.clone(),
                flow: Flow {
                    transport,
                    local: unspecified(remote),
                    remote,
                    connection: ConnectionId::default(),
                },
                route: Vec::new(),
            };
            Some(Way::Hosts { number, targets: places.into_iter().map(target).collect(), is_own })
        }
        Scheme::Sips | Scheme::Tel | Scheme::Service | Scheme::Other => None,
    }
}

/// The places that a Contact names, as far as the trunk may name them, and whether they are the network's own.
fn places(trunk: &TrunkSetup, uri: &Uri<'_>, is_same: bool) -> Option<(Vec<(Transport, SocketAddr)>, bool)> {
    let redirects = &trunk.redirects;
    let is_own = |ip: IpAddr| {
        let networks = redirects.own.iter().filter(|network| network.prefix_len() > 0);
        trunk.peers.iter().any(|(_, peer)| peer.ip() == ip)
            || networks.into_iter().any(|network| network.contains(&ip))
    };
    let found: Vec<IpAddr> = match uri.host_ip().map(|ip| ip.to_canonical()) {
        Some(ip) => {
            let is_listed = redirects.places.iter().any(|place| match place {
                RedirectPlace::Network(network) => network.contains(&ip),
                RedirectPlace::Host(_, addresses) => addresses.contains(&ip),
            });
            (is_listed || is_same && is_own(ip)).then_some(vec![ip])?
        }
        None => {
            let name = uri.host.trim_end_matches('.');
            let listed = redirects.places.iter().find_map(|place| match place {
                RedirectPlace::Host(host, addresses) if host.eq_ignore_ascii_case(name) => Some(addresses),
                RedirectPlace::Host(..) | RedirectPlace::Network(_) => None,
            });
            let of_the_domain = || {
                let is_domain = is_same && trunk.domain.eq_ignore_ascii_case(name);
                is_domain.then(|| trunk.peers.iter().map(|(_, peer)| peer.ip()).collect())
            };
            listed.cloned().or_else(of_the_domain)?
        }
    };
    let is_plain = |named| matches!(named, Some(Transport::Udp | Transport::Tcp));
    if uri.port == Some(0) || uri.param("transport").is_some() && !is_plain(uri.transport()) {
        return None;
    }
    let place = |ip: &IpAddr| {
        // A peer is reached as configured where the Contact does not say otherwise.
        let known = trunk.peers.iter().find(|(transport, peer)| {
            peer.ip() == *ip
                && uri.port.is_none_or(|port| port == peer.port())
                && uri.transport().is_none_or(|named| named == *transport)
        });
        let default = (Transport::Udp, SocketAddr::new(*ip, PORT));
        let (transport, address) = known.copied().unwrap_or(default);
        let port = uri.port.unwrap_or_else(|| address.port());
        (uri.transport().unwrap_or(transport), SocketAddr::new(*ip, port))
    };
    let is_host = |ip: &&IpAddr| !ip.is_unspecified() && !ip.is_multicast() && !is_broadcast(**ip);
    let mut places: Vec<_> = found.iter().filter(is_host).map(place).collect();
    places.dedup();
    Some((places, found.iter().all(|ip| is_own(*ip))))
}

fn is_broadcast(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.is_broadcast())
}

/// A Contact's URI as a Request-URI: without its headers and what is about the request itself (RFC 3261 §19.1.1).
fn request_uri(uri: &Uri<'_>, number: &str) -> String {
    let port = uri.port.map(|port| format!(":{port}")).unwrap_or_default();
    let mut text = format!("sip:{}@{}{port}", escaped(number), uri.host);
    for (name, value) in uri.params() {
        if ["method", "maddr", "ttl", "lr"].iter().any(|left_out| name.eq_ignore_ascii_case(left_out)) {
            continue;
        }
        text.push(';');
        text.push_str(name);
        if !value.is_empty() {
            text.push('=');
            text.push_str(value);
        }
    }
    text
}

/// Whether both are one place for one number.
fn is_same(one: &Target, other: &Target) -> bool {
    (one.flow.transport, one.flow.remote) == (other.flow.transport, other.flow.remote)
        && user(&one.uri) == user(&other.uri)
}

/// The user part of a URI, without its escapes.
fn user(uri: &str) -> String {
    Uri::parse(uri).map(|uri| uri.user_unescaped().into_owned()).unwrap_or_default()
}

/// The number without the parameters of a telephone number: what the network adds when it has looked up to whom the
/// number was ported (RFC 4694) makes no other number of it.
fn bare(user: &str) -> &str {
    user.split(';').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::outbound::peers;
    use crate::switch::rig;

    const SAME: &str = "30";

    /// The places and the Request-URI, or the number to dial.
    fn leads(status: u16, contact: &str) -> Option<String> {
        let setup = rig::setup();
        let mut asked = peers(&setup.trunks[0], &setup.trunks[0].peers, SAME)[0][0].target.clone();
        asked.uri.push_str(";m=BS");
        Some(match way(&setup.trunks[0], &setup.domain, status, contact, &asked)? {
            Way::Routes(number) => format!("routes {number}"),
            Way::Hosts { targets, is_own, .. } => {
                let places: Vec<_> = targets
                    .iter()
                    .map(|one| format!("{} {} {}", one.flow.transport, one.flow.remote, one.uri))
                    .collect();
                format!("{} {}", if is_own { "own" } else { "listed" }, places.join(", "))
            }
        })
    }

    #[test]
    fn the_number_that_was_called_goes_to_any_host_of_the_network() {
        for (contact, place) in [
            ("sip:30@198.51.100.9", "own UDP 198.51.100.9:5060 sip:30@198.51.100.9"),
            (
                "sip:30@198.51.100.9:5070;transport=tcp",
                "own TCP 198.51.100.9:5070 sip:30@198.51.100.9:5070;transport=tcp",
            ),
            (
                "sip:30;npdi;rn=4912@198.51.100.7;user=phone",
                "own UDP 198.51.100.7:5060 sip:30;npdi;rn=4912@198.51.100.7;user=phone",
            ),
            ("sip:30@[::ffff:198.51.100.9]", "own UDP 198.51.100.9:5060 sip:30@[::ffff:198.51.100.9]"),
            (
                "sip:30@Carrier.Example.",
                "own UDP 198.51.100.7:5060 sip:30@Carrier.Example., UDP 198.51.100.8:5060 sip:30@Carrier.Example.",
            ),
        ] {
            assert_eq!(leads(302, contact).as_deref(), Some(place), "{contact}");
        }
    }

    #[test]
    fn any_number_goes_to_a_place_that_is_listed() {
        for (contact, place) in [
            ("sip:77@sbc.example", "listed UDP 203.0.113.5:5060 sip:77@sbc.example"),
            ("sip:77@203.0.113.5:5080", "listed UDP 203.0.113.5:5080 sip:77@203.0.113.5:5080"),
            ("sip:77@203.0.113.70", "listed UDP 203.0.113.70:5060 sip:77@203.0.113.70"),
            ("sip:30@sbc.example", "listed UDP 203.0.113.5:5060 sip:30@sbc.example"),
        ] {
            assert_eq!(leads(301, contact).as_deref(), Some(place), "{contact}");
        }
    }

    #[test]
    fn a_number_of_ours_goes_by_the_routes() {
        assert_eq!(leads(302, "sip:1003@PBX.example").as_deref(), Some("routes 1003"));
        assert_eq!(leads(302, "tel:+4930;phone-context=x").as_deref(), Some("routes +4930"));
    }

    #[test]
    fn a_domain_that_is_an_address_may_be_that_of_the_network_too() {
        let mut setup = rig::setup();
        setup.domain = "198.51.100.7".into();
        let trunk = &setup.trunks[0];
        let asked = &peers(trunk, &trunk.peers, SAME)[0][0].target;
        for (contact, is_network) in [
            ("sip:30@198.51.100.7:5072", true),
            ("sip:30@198.51.100.7", false),
            ("sip:30@198.51.100.7:5060", false),
            ("sip:1003@198.51.100.7:5072", false),
        ] {
            let way = way(trunk, &setup.domain, 302, contact, asked).unwrap();
            assert_eq!(matches!(way, Way::Hosts { .. }), is_network, "{contact}");
        }
    }

    #[test]
    fn a_network_may_name_nothing_else() {
        let long = format!("sip:{}@sbc.example", "7".repeat(DIALLED_BYTES_MAX + 1));
        for contact in [
            "sip:77@198.51.100.9",
            "sip:77@carrier.example",
            "sip:30@192.0.2.1",
            "sip:30@127.0.0.1",
            "sip:30@169.254.169.254",
            "sip:30@evil.example",
            "sip:30@sbc.example.evil",
            "sip:30@198.51.100.9.evil",
            "sips:30@198.51.100.9",
            "sip:198.51.100.9",
            "sip:;x@198.51.100.9",
            "sip:30@198.51.100.9:0",
            "sip:30@198.51.100.9;transport=ws",
            "sip:30@198.51.100.9;transport=tls",
            "sip:30@198.51.100.9;transport=sctp",
            "sip:30@198.51.100.9;method=REGISTER",
            "sip:30@198.51.100.9;maddr=192.0.2.1",
            "sip:30%0d%0aX:%20y@198.51.100.9",
            "http://169.254.169.254/",
            "*",
            "",
            &long,
        ] {
            assert_eq!(leads(302, contact), None, "{contact}");
        }
        assert_eq!(leads(380, "sip:30@198.51.100.9"), None, "another service is none that was asked for");
        assert_eq!(leads(399, "sip:30@198.51.100.9"), None);
    }

    #[test]
    fn what_a_contact_says_of_the_request_itself_is_left_out() {
        assert_eq!(
            leads(302, "sip:77@sbc.example;method=invite;lr;x=y?Replaces=a&Route=%3Csip:evil%3E").as_deref(),
            Some("listed UDP 203.0.113.5:5060 sip:77@sbc.example;x=y")
        );
    }

    #[test]
    fn use_proxy_asks_another_place_for_the_same() {
        assert_eq!(
            leads(305, "sip:198.51.100.9:5062").as_deref(),
            Some("own UDP 198.51.100.9:5062 sip:30@carrier.example;m=BS")
        );
        assert_eq!(leads(305, "sip:77@192.0.2.1"), None);
        assert_eq!(leads(305, "tel:30"), None);
    }

    #[test]
    fn trust_in_everybody_is_no_network() {
        let mut setup = rig::setup();
        let trunk = &mut setup.trunks[0];
        trunk.redirects.own = vec!["0.0.0.0/0".parse().unwrap(), "224.0.0.0/4".parse().unwrap()];
        for (contact, may) in
            [("sip:30@192.0.2.1", false), ("sip:30@198.51.100.7", true), ("sip:30@224.0.1.75", false)]
        {
            let uri = Uri::parse(contact).unwrap();
            let places = places(trunk, &uri, true).is_some_and(|(places, _)| !places.is_empty());
            assert_eq!(places, may, "{contact}");
        }
    }
}
