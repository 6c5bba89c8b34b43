//! `[[trunk]]`: peers that calls go to and are taken from.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use toml::Spanned;
use trunkline_sip::Reliability;
use trunkline_sip::auth::Credentials;
use trunkline_sip::transport::Transport;

use super::Inbound;
use super::Recording;
use super::Trunk;
use super::TrunkPeer;
use super::codecs;
use super::endpoint::{self, Peer};
use super::failover;
use super::lines::{self, Addresses};
use super::locations::Places;
use super::numbers;
use super::recording;
use super::registering;
use super::secret::{INBOUND_PASSWORD, PASSWORD};
use super::section::Section;
use super::tls::{self, Sealing};
use crate::switch::setup::{EarlyMedia, RedirectPlace};

/// Reads one trunk. A trunk without `max_calls` may have `calls_max`.
pub(super) fn read(
    section: Section<'_>,
    addresses: &mut Addresses,
    places: &mut Places,
    tls: &mut Sealing,
    calls_max: u32,
    recording: Option<&Recording>,
) -> Option<Trunk> {
    let inbound = inbound(&section, addresses);
    let name = addresses.take(&section, "name");
    if let (Some(inbound), Some(value)) = (&inbound, section.string("inbound_username")) {
        addresses.reserve(&section, &value, &inbound.username);
    }
    places.place(&section, name.as_ref());
    let peers = peers(&section);
    let domain = peers.first().map(|peer| peer.host.clone());
    let peers = seal(&section, peers, tls);
    let allow_from = section.string_or_strings("allow_from").unwrap_or_default();
    let allows_peers = allow_from.iter().any(|value| *value.get_ref() == PEER);
    let networks = allow_from.iter().filter(|value| *value.get_ref() != PEER);
    let allow_from = networks.filter_map(|value| network(&section, "allow_from", value)).collect();
    let certificate = certificate(&section, tls);
    let redirect_to = redirect_to(&section);
    let credentials = credentials(&section);
    let registration = registering::read(&section, credentials.as_ref());
    let failover = failover::read(&section);
    let calls_max = section.integer("max_calls", 1..=1_000_000).unwrap_or(calls_max);
    let srtp = lines::srtp(&section);
    let codecs = codecs::read(&section);
    let early_media = early_media(&section);
    let transcodes = section.boolean("transcode").map(Spanned::into_inner);
    let video = section.boolean("video").is_some_and(|video| *video.get_ref());
    let numbers = numbers::read(&section, places);
    let is_trusted = section.boolean("trusted").is_some_and(|trusted| *trusted.get_ref());
    let reliable = reliable(&section);
    let record = recording::policy(&section, recording);
    section.close();
    Some(Trunk {
        name: name?,
        written: peers,
        servers: Vec::new(),
        peers: Vec::new(),
        domain: domain?,
        allow_from,
        certificate,
        allows_peers,
        credentials,
        inbound,
        calls_max,
        redirect_to,
        srtp,
        codecs,
        early_media,
        transcodes,
        video,
        numbers,
        is_trusted,
        reliable,
        registration,
        failover,
        record,
    })
}

/// Reads when provisional responses are acknowledged.
fn reliable(section: &Section<'_>) -> Reliability {
    let Some(value) = section.string("reliable") else { return Reliability::default() };
    let named = Reliability::ALL.into_iter().find(|policy| policy.name() == *value.get_ref());
    named.unwrap_or_else(|| {
        let right =
            "write \"required\" (where the peer requires it) or \"supported\" (wherever it knows how)";
        section.refuse("reliable", &value, format!("{:?} is no policy", value.get_ref()), right);
        Reliability::default()
    })
}

/// Reads what is heard before the answer.
fn early_media(section: &Section<'_>) -> EarlyMedia {
    let Some(value) = section.string("early_media") else { return EarlyMedia::default() };
    let named = EarlyMedia::ALL.into_iter().find(|policy| policy.name() == *value.get_ref());
    named.unwrap_or_else(|| {
        let right = "write \"relay\" (what the far end plays) or \"ringback\" (ringing, whatever it plays)";
        section.refuse("early_media", &value, format!("{:?} is no policy", value.get_ref()), right);
        EarlyMedia::default()
    })
}

fn peers(section: &Section<'_>) -> Vec<Peer> {
    if !section.has("peer") {
        section.missing("peer", "write peer = \"udp:HOST:5060\"");
    }
    let Some(values) = section.string_or_strings("peer") else { return Vec::new() };
    if values.is_empty() || values.len() > PEERS_MAX {
        let right = format!("write 1 to {PEERS_MAX} peers");
        section.refuse_key("peer", &format!("has {} peers", values.len()), &right);
        return Vec::new();
    }
    values.iter().filter_map(|value| endpoint::peer(section, "peer", value)).collect()
}

/// Notes who is expected behind the names of peers by TLS, and what they are shown. A peer without a transport may turn out to be one.
fn seal(section: &Section<'_>, peers: Vec<Peer>, tls: &mut Sealing) -> Vec<TrunkPeer> {
    let identity = tls::identity(section, "tls_certificate", "tls_key");
    let is_sealed = |peer: &Peer| peer.place.transport() == Some(Transport::Tls);
    let may_be = |peer: &Peer| is_sealed(peer) || peer.place.transport().is_none();
    if identity.is_some() && !peers.iter().any(may_be) {
        section.refuse_key(
            "tls_certificate",
            "is shown to nobody",
            "write peer = \"tls:HOST:5061\", or leave it out",
        );
    }
    let is_wanted = peers.iter().any(is_sealed) || peers.iter().any(may_be) && tls.knows_authorities(section);
    let client = if is_wanted { tls.client(section, "peer", identity.as_ref()) } else { None };
    let expected = |peer: Peer| {
        let sealed = client.as_ref().filter(|_| may_be(&peer));
        let tls = sealed.and_then(|client| tls.expect(section, &peer.host, client));
        TrunkPeer { place: peer.place, tls }
    };
    peers.into_iter().map(expected).collect()
}

/// By which domains of its certificate the other side is known: those of no other trunk.
fn certificate(section: &Section<'_>, tls: &mut Sealing) -> Vec<Box<str>> {
    let values = section.string_or_strings("certificate").unwrap_or_default();
    if values.len() > DOMAINS_MAX {
        let right = format!("write {DOMAINS_MAX} at most");
        section.refuse_key("certificate", &format!("has {} names", values.len()), &right);
        return Vec::new();
    }
    if !values.is_empty() && !tls.asks_clients() {
        let right =
            "write [sip.tls] client_ca = \"FILE\", the authorities that sign for whom calls are taken from";
        section.refuse_key("certificate", "nobody is asked for a certificate", right);
    }
    let domain = |value: &Spanned<&str>| {
        let text = *value.get_ref();
        if !endpoint::is_host_name(text) || text.parse::<IpAddr>().is_ok() {
            let right = "write a name of its subjectAltName, as in \"sip.carrier.example\"";
            section.refuse("certificate", value, format!("{text:?} is no name of a certificate"), right);
            return None;
        }
        let domain = endpoint::name(text);
        if !tls.take_domain(&domain) {
            let right = "name each trunk by a certificate of its own";
            section.refuse("certificate", value, format!("{text} is named twice"), right);
        }
        Some(domain.into())
    };
    values.iter().filter_map(domain).collect()
}

/// Where the trunk may send calls on to by any number: addresses, networks, hosts.
fn redirect_to(section: &Section<'_>) -> Vec<RedirectPlace> {
    let values = section.string_or_strings("redirect_to").unwrap_or_default();
    if values.len() > PLACES_MAX {
        let right = format!("write {PLACES_MAX} at most; a network stands for many addresses");
        section.refuse_key("redirect_to", &format!("has {} places", values.len()), &right);
        return Vec::new();
    }
    values.iter().filter_map(|value| place(section, value)).collect()
}

fn place(section: &Section<'_>, value: &Spanned<&str>) -> Option<RedirectPlace> {
    let text = *value.get_ref();
    if endpoint::is_host_name(text) && text.parse::<IpAddr>().is_err() {
        return Some(RedirectPlace::Host(endpoint::name(text), Vec::new()));
    }
    let network = network(section, "redirect_to", value)?;
    if network.prefix_len() == 0 {
        let right = "write the networks or hosts that may be named";
        section.refuse("redirect_to", value, format!("{text} lets a trunk name every host there is"), right);
        return None;
    }
    Some(RedirectPlace::Network(network))
}

fn network(section: &Section<'_>, key: &'static str, value: &Spanned<&str>) -> Option<IpNet> {
    let text = *value.get_ref();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.into());
    }
    match text.parse::<IpNet>() {
        Ok(network) if network.trunc() == network => Some(network),
        Ok(network) => {
            let wrong = format!("{text} has bits set beyond its prefix");
            section.refuse(key, value, wrong, format!("write \"{}\"", network.trunc()));
            None
        }
        Err(_) => {
            let right = "write an address or a network, as in \"198.51.100.0/24\"";
            section.refuse(key, value, format!("{text:?} is no network"), right);
            None
        }
    }
}

fn credentials(section: &Section<'_>) -> Option<Arc<Credentials>> {
    let username = section.string("username");
    let realm = section.string("realm");
    let password = PASSWORD.read(section);
    match (&username, PASSWORD.present(section)) {
        (Some(_), false) => {
            section.missing("password", "username stands without one: write password or password_file");
        }
        (None, true) if !section.has("username") => {
            section.missing("username", "password stands without one");
        }
        _ => {}
    }
    Some(Arc::new(Credentials {
        username: username?.into_inner().into(),
        password: password?.0,
        realm: realm.map(|realm| realm.into_inner().into()),
    }))
}

/// Reads how the other side proves who it is: by a user name that is nobody else's.
fn inbound(section: &Section<'_>, addresses: &Addresses) -> Option<Inbound> {
    let username = section.string("inbound_username");
    let password = INBOUND_PASSWORD.read(section);
    match (&username, INBOUND_PASSWORD.present(section)) {
        (Some(_), false) => {
            let right =
                "inbound_username stands without one: write inbound_password or inbound_password_file";
            section.missing("inbound_password", right);
        }
        (None, true) if !section.has("inbound_username") => {
            section.missing("inbound_username", "inbound_password stands without one");
        }
        _ => {}
    }
    let username = username?;
    let text = *username.get_ref();
    if text.is_empty() || text.len() > USERNAME_BYTES_MAX || text.contains(['"', '\\']) {
        let right = format!("write 1 to {USERNAME_BYTES_MAX} bytes without quotation marks and backslashes");
        section.refuse("inbound_username", &username, format!("{text:?} is no user name"), right);
        return None;
    }
    // A line logs in with its domain, too.
    let bare = text.rsplit_once('@').map_or(text, |(user, _)| user);
    if addresses.has(text) || addresses.has(bare) {
        let wrong = format!("{text:?} is a line's, or another trunk's");
        section.refuse("inbound_username", &username, wrong, "give the other side a user name of its own");
        return None;
    }
    Some(Inbound { username: text.into(), password: password? })
}

/// In `allow_from`: the addresses of `peer`.
const PEER: &str = "peer";

/// The longest user name of the other side.
const USERNAME_BYTES_MAX: usize = 128;

/// Peers of one trunk.
const PEERS_MAX: usize = 16;

/// Names in `certificate` of one trunk.
const DOMAINS_MAX: usize = 16;

/// Places of `redirect_to` of one trunk.
const PLACES_MAX: usize = 64;
