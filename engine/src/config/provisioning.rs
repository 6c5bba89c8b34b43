//! `[provisioning]` and `[[phone]]`: where desk phones fetch their configuration, and what stands in it.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::http::Uri;
use rustls::ServerConfig;
use toml::Spanned;
use trunkline_sip::transport::Transport;

use super::endpoint::is_host_name;
use super::lines::Addresses;
use super::section::Section;
use super::tls::Sealing;
use super::{Config, Line, Tls};
use crate::provision::{self, Brand, Codec, Function, Key, KeyList, Mac, Phone, Site, Srtp};
use crate::switch::setup::{LineKind, ListSetup, ParkSetup, SrtpPolicy};

/// `[provisioning]` with the rows of `[[phone]]`.
#[derive(Clone)]
pub struct Provisioning {
    /// The listener; `None`: provisioning is off.
    pub listen: Option<Listener>,
    /// Where phones reach it, without a slash at the end; `None`: at the listener's port of `server`.
    pub url: Option<String>,
    /// The registrar as phones are to write it; `None`: the first domain, else the own address.
    pub server: Option<String>,
    /// How long a token holds.
    pub token_holds: Duration,
    /// Codecs, the preferred one first.
    pub codecs: Vec<Codec>,
    /// Whether keys for do not disturb and forwarding show and switch what holds of the line.
    pub feature_sync: bool,
    /// Whether phones that ask the network are told where their configuration is.
    pub pnp: bool,
    /// The phones.
    pub phones: Vec<Phone>,
    own: Option<Arc<ServerConfig>>,
}

/// Where phones fetch their configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listener {
    /// Whether TLS is spoken.
    pub is_secure: bool,
    /// The address.
    pub address: SocketAddr,
}

impl Provisioning {
    /// What `https:` shows: a certificate of its own, else what `[sip.tls]` shows.
    pub(crate) fn tls(&self, sip: &Tls) -> Option<Arc<ServerConfig>> {
        let listener = self.listen.filter(|listener| listener.is_secure);
        listener.and_then(|_| self.own.clone().or_else(|| sip.door.clone()))
    }
}

impl fmt::Debug for Provisioning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provisioning")
            .field("listen", &self.listen)
            .field("url", &self.url)
            .field("server", &self.server)
            .field("token_holds", &self.token_holds)
            .field("codecs", &self.codecs)
            .field("feature_sync", &self.feature_sync)
            .field("pnp", &self.pnp)
            .field("phones", &self.phones)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// What phones are told; `None`: provisioning is off.
    pub fn site(&self) -> Option<Site> {
        let own = &self.provisioning;
        let listener = own.listen?;
        let server = own.server.clone().unwrap_or_else(|| self.domain());
        let base = own.url.clone().unwrap_or_else(|| {
            let scheme = if listener.is_secure { "https" } else { "http" };
            format!("{scheme}://{server}:{}", listener.address.port())
        });
        Some(Site {
            server,
            base,
            token_holds: own.token_holds,
            pickup_code: self.features.pickup_directed.clone(),
            dials_pound: self.features.iter().any(|code| code.contains('#')),
            feature_sync: own.feature_sync,
            voicemail: self.voicemail.number.clone(),
            codecs: own.codecs.clone(),
            revision: 0,
            phones: own.phones.iter().map(|phone| (phone.mac, phone.clone())).collect(),
        })
    }
}

/// What phones may name.
pub(super) struct Known<'c> {
    pub(super) listen: &'c [(Transport, SocketAddr)],
    pub(super) lines: &'c [Line],
    pub(super) addresses: &'c Addresses,
    pub(super) lists: &'c [ListSetup],
    /// Whether all lists could be read.
    pub(super) lists_whole: bool,
    pub(super) park: &'c ParkSetup,
}

/// Reads the table and its phones.
pub(super) fn read(
    section: Section<'_>,
    phones: Vec<Section<'_>>,
    known: &Known<'_>,
    tls: &mut Sealing,
) -> Provisioning {
    let own = tls.alone(&section);
    let has_certificate = section.has("certificate") || tls.is_server();
    let listen = section.string("listen").and_then(|value| listener(&section, &value, has_certificate));
    let url = section.string("url").and_then(|value| url(&section, &value));
    let server = section.string("server").map(|value| {
        let text = *value.get_ref();
        let bracketed = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let address = match bracketed {
            Some(inside) => inside.parse().ok().filter(IpAddr::is_ipv6),
            None => text.parse::<IpAddr>().ok(),
        };
        if !is_host_name(text) && address.is_none() {
            let right = "write the daemon's name or address without a port, as in \"pbx.example\"";
            section.refuse("server", &value, format!("{text:?} is no host"), right);
        }
        match address {
            Some(IpAddr::V6(address)) => format!("[{address}]"),
            Some(IpAddr::V4(_)) | None => text.to_owned(),
        }
    });
    let token_hours = section.integer("token_hours", 1..=TOKEN_HOURS_MAX).unwrap_or(TOKEN_HOURS_DEFAULT);
    let codecs = codecs(&section);
    let feature_sync = section.boolean("feature_sync").is_none_or(Spanned::into_inner);
    let pnp = section.boolean("pnp").is_some_and(Spanned::into_inner);
    if pnp && !section.has("listen") {
        section.missing("listen", "pnp stands without it");
    }
    section.close();
    if phones.len() > PHONES_MAX {
        let wrong = format!("is row {} of {}", PHONES_MAX + 1, phones.len());
        phones[PHONES_MAX].refuse_key("mac", &wrong, &format!("write {PHONES_MAX} at most"));
    }
    let mut rows: HashMap<Mac, usize> = HashMap::new();
    let phones = phones.into_iter().take(PHONES_MAX).filter_map(|row| phone(row, known, &mut rows)).collect();
    Provisioning {
        listen,
        url,
        server,
        token_holds: Duration::from_secs(u64::from(token_hours) * 3_600),
        codecs,
        feature_sync,
        pnp,
        phones,
        own,
    }
}

fn listener(section: &Section<'_>, value: &Spanned<&str>, has_certificate: bool) -> Option<Listener> {
    let right = "write http:address:port or https:address:port, as in \"https:0.0.0.0:8090\", or \"off\"";
    let text = *value.get_ref();
    if text == "off" {
        return None;
    }
    let (is_secure, rest) = match text.split_once(':') {
        Some(("http", rest)) => (false, rest),
        Some(("https", rest)) => (true, rest),
        _ => {
            section.refuse("listen", value, format!("{text:?} names neither http nor https"), right);
            return None;
        }
    };
    if is_secure && !has_certificate {
        let right = "write certificate = \"FILE\" and key = \"FILE\" here or in [sip.tls]";
        section.refuse("listen", value, "https has no certificate to show", right);
    }
    match rest.parse() {
        Ok(address) => Some(Listener { is_secure, address }),
        Err(_) => {
            section.refuse("listen", value, format!("{rest:?} is not an address and a port"), right);
            None
        }
    }
}

/// Scheme, host and port, as a phone is to write them.
fn url(section: &Section<'_>, value: &Spanned<&str>) -> Option<String> {
    let text = value.get_ref().trim_end_matches('/');
    let parsed = text.parse::<Uri>().ok();
    let is_good = parsed.is_some_and(|uri| {
        let authority = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        matches!(uri.scheme_str(), Some("http" | "https"))
            && authority
            && uri.path() == "/"
            && uri.query().is_none()
    });
    if !is_good {
        let right = "write scheme, host and port, as in \"https://pbx.example:8090\"";
        section.refuse("url", value, format!("{:?} is no place of a server", value.get_ref()), right);
    }
    is_good.then(|| text.to_owned())
}

fn codecs(section: &Section<'_>) -> Vec<Codec> {
    let Some(values) = section.strings("codecs") else { return CODECS_DEFAULT.to_vec() };
    let mut codecs = Vec::new();
    for value in &values {
        match Codec::ALL.into_iter().find(|codec| codec.name() == *value.get_ref()) {
            Some(codec) if !codecs.contains(&codec) => codecs.push(codec),
            Some(codec) => {
                section.refuse(
                    "codecs",
                    value,
                    format!("{} stands there twice", codec.name()),
                    "leave one out",
                );
            }
            None => {
                let names: Vec<_> = Codec::ALL.iter().map(|codec| codec.name()).collect();
                let wrong = format!("{:?} is no codec that phones are told", value.get_ref());
                section.refuse("codecs", value, wrong, format!("write some of {}", names.join(", ")));
            }
        }
    }
    if values.is_empty() {
        section.refuse_key("codecs", "names none", "write codecs = [\"g722\", \"pcma\", \"pcmu\"]");
    }
    codecs
}

fn phone(section: Section<'_>, known: &Known<'_>, rows: &mut HashMap<Mac, usize>) -> Option<Phone> {
    let mac = mac(&section, rows);
    let brand = brand(&section);
    let (transport, port) = transport(&section, known);
    let accounts = accounts(&section, brand, known);
    let srtp = srtp(&section, known, &accounts);
    if brand == Some(Brand::Cisco) && srtp != Srtp::Off && transport != Transport::Tls {
        let right = "write transport = \"tls\", or srtp = \"off\" and lines that do without";
        section.refuse_key("lines", "would have SRTP, which these phones speak by TLS alone", right);
    }
    let keys = keys(&section, brand, accounts.len(), known);
    let list = list(&section, brand, &accounts, keys.len(), known);
    section.close();
    Some(Phone { mac: mac?, brand: brand?, accounts, keys, list, transport, port, srtp })
}

/// The event list of its first line.
fn list(
    section: &Section<'_>,
    brand: Option<Brand>,
    accounts: &[provision::Account],
    keys: usize,
    known: &Known<'_>,
) -> Option<KeyList> {
    let value = section.string("blf_list")?;
    let text = *value.get_ref();
    let refuse = |wrong: String, right: &str| section.refuse("blf_list", &value, wrong, right);
    let Some(list) = known.lists.iter().find(|list| *list.address == *text) else {
        if !known.addresses.has(text) {
            refuse(format!("there is no list {text:?}"), "write a [[list]] with this address");
        } else if known.lists_whole {
            refuse(format!("{text} is no list"), "write the address of a [[list]]");
        }
        return None;
    };
    if let Some(account) = accounts.first()
        && !list.is_for(&account.user)
    {
        let right = "add that line to the watchers of the list";
        refuse(format!("{text} is not for line {}, which asks for it", account.user), right);
    }
    let brand = brand?;
    if !brand.has_lists() {
        let right = "leave it out, and write keys where the phone has some";
        refuse("is not known to be something that these phones can be told of".to_owned(), right);
        return None;
    }
    if keys > 0 && !brand.has_keys_beside_a_list() {
        let right = "add what the keys watch to the list, and leave the keys out";
        refuse("stands beside keys, which these phones leave out then".to_owned(), right);
    }
    if keys + list.entries.len() > brand.keys_max(accounts.len()) {
        let most = brand.keys_max(accounts.len());
        let wrong = format!("needs {} keys beside {keys}", list.entries.len());
        refuse(wrong, &format!("let it be {most} in all"));
    }
    Some(KeyList { address: Arc::clone(&list.address), keys: list.entries.len() })
}

fn mac(section: &Section<'_>, rows: &mut HashMap<Mac, usize>) -> Option<Mac> {
    let right = "write mac = \"00:15:65:12:34:56\", as it stands on the phone";
    if !section.has("mac") {
        section.missing("mac", right);
    }
    let value = section.string("mac")?;
    let Some(mac) = Mac::parse(value.get_ref()) else {
        section.refuse("mac", &value, format!("{:?} is no hardware address", value.get_ref()), right);
        return None;
    };
    let line = section.report().line(value.span().start);
    if let Some(first) = rows.insert(mac, line) {
        let wrong = format!("{mac} has two rows, the first in line {first}");
        section.refuse("mac", &value, wrong, "write all of a phone's lines into one");
        return None;
    }
    Some(mac)
}

fn brand(section: &Section<'_>) -> Option<Brand> {
    let names: Vec<_> = Brand::ALL.iter().map(|brand| brand.name()).collect();
    let right = format!("write one of {}", names.join(", "));
    if !section.has("brand") {
        section.missing("brand", right.as_str());
    }
    let value = section.string("brand")?;
    let brand = Brand::ALL.into_iter().find(|brand| brand.name() == *value.get_ref());
    if brand.is_none() {
        section.refuse("brand", &value, format!("{:?} is no brand that is known", value.get_ref()), right);
    }
    brand
}

/// How the phone registers, and the port for that.
fn transport(section: &Section<'_>, known: &Known<'_>) -> (Transport, u16) {
    let port = |transport| {
        known.listen.iter().find(|(listened, _)| *listened == transport).map(|(_, address)| address.port())
    };
    let Some(value) = section.string("transport") else {
        let found = [Transport::Udp, Transport::Tcp, Transport::Tls]
            .map(|transport| Some((transport, port(transport)?)));
        if let Some(found) = found.into_iter().flatten().next() {
            return found;
        }
        let wrong = "is for a phone, and [sip] listen has no udp, tcp or tls";
        section.refuse_key("lines", wrong, "write \"udp:0.0.0.0:5060\" there as well");
        return (Transport::Udp, 0);
    };
    let transport = match *value.get_ref() {
        "udp" => Transport::Udp,
        "tcp" => Transport::Tcp,
        "tls" => Transport::Tls,
        other => {
            let right = "write \"udp\", \"tcp\" or \"tls\"";
            section.refuse("transport", &value, format!("{other:?} is no transport of a desk phone"), right);
            return (Transport::Udp, 0);
        }
    };
    let port = port(transport);
    if port.is_none() {
        let name = transport.name();
        let right = format!("write \"{name}:0.0.0.0:{}\" there as well", transport.default_port());
        section.refuse("transport", &value, format!("[sip] listen has no {name}"), right);
    }
    (transport, port.unwrap_or_default())
}

fn accounts(section: &Section<'_>, brand: Option<Brand>, known: &Known<'_>) -> Vec<provision::Account> {
    let right = "write the lines that the phone registers, as in lines = [\"1001\"]";
    if !section.has("lines") {
        section.missing("lines", right);
    }
    let Some(values) = section.strings("lines") else { return Vec::new() };
    let most = brand.map_or(usize::MAX, Brand::accounts_max);
    if values.is_empty() || values.len() > most {
        let right = if values.is_empty() { right.to_owned() } else { format!("write {most} at most") };
        section.refuse_key("lines", &format!("names {} lines", values.len()), &right);
        return Vec::new();
    }
    let mut accounts: Vec<provision::Account> = Vec::new();
    for value in &values {
        let address = *value.get_ref();
        let Some(line) = known.lines.iter().find(|line| &*line.address == address) else {
            // One that is there, but wrong, has been told.
            if !known.addresses.has(address) {
                let wrong = format!("there is no line {address:?}");
                section.refuse("lines", value, wrong, "write a [[line]] with this address");
            }
            continue;
        };
        let Some(password) = line.password.clone().filter(|_| line.kind == LineKind::Phone) else {
            let wrong = format!("{address} is no line of a phone");
            section.refuse("lines", value, wrong, "write lines that register with a password");
            continue;
        };
        if brand.is_some_and(|brand| !brand.can_hold(&password.0)) {
            let wrong = format!("the password of {address} cannot stand in a file of this brand");
            let right = "write one without blanks at its ends and without control characters";
            section.refuse("lines", value, wrong, right);
        }
        if accounts.iter().any(|account| *account.user == *address) {
            section.refuse("lines", value, format!("{address} stands there twice"), "leave one out");
            continue;
        }
        accounts.push(provision::Account {
            user: Arc::clone(&line.address),
            name: line.name.clone(),
            password,
        });
    }
    accounts
}

/// As the row says, else as the lines need it.
fn srtp(section: &Section<'_>, known: &Known<'_>, accounts: &[provision::Account]) -> Srtp {
    let policy = |account: &provision::Account| {
        let line = known.lines.iter().find(|line| line.address == account.user);
        line.map_or(SrtpPolicy::Accept, |line| line.srtp)
    };
    if let Some(account) = accounts.iter().find(|account| policy(account) == SrtpPolicy::Dtls) {
        let wrong = format!("{} wants keys by DTLS, which desk phones do not speak", account.user);
        section.refuse_key("lines", &wrong, "write srtp = \"required\" for that line");
    }
    let required = accounts.iter().find(|account| policy(account) == SrtpPolicy::Required);
    let off = accounts.iter().find(|account| policy(account) == SrtpPolicy::Off);
    let Some(value) = section.string("srtp") else {
        if let (Some(one), Some(other)) = (required, off) {
            let wrong = format!(
                "names {}, which takes nothing but SRTP, and {}, which takes none",
                one.user, other.user
            );
            section.refuse_key(
                "lines",
                &wrong,
                "write two phones, or srtp = \"accept\" for one of the lines",
            );
        }
        return if required.is_some() { Srtp::Required } else { Srtp::Off };
    };
    let Some(srtp) = Srtp::ALL.into_iter().find(|srtp| srtp.name() == *value.get_ref()) else {
        let right = "write \"off\", \"optional\" or \"required\"";
        section.refuse("srtp", &value, format!("{:?} protects nothing", value.get_ref()), right);
        return Srtp::Off;
    };
    match (srtp, required, off) {
        (Srtp::Off, Some(account), _) => {
            let wrong = format!("line {} takes nothing but SRTP", account.user);
            section.refuse("srtp", &value, wrong, "write \"required\" here, or \"optional\" for the line");
        }
        (Srtp::Required, _, Some(account)) => {
            let wrong = format!("line {} takes no SRTP", account.user);
            section.refuse("srtp", &value, wrong, "write \"off\" here, or \"accept\" for the line");
        }
        (Srtp::Off | Srtp::Optional | Srtp::Required, _, _) => {}
    }
    srtp
}

fn keys(section: &Section<'_>, brand: Option<Brand>, accounts: usize, known: &Known<'_>) -> Vec<Key> {
    let rows = section.tables("keys");
    let most = brand.map_or(usize::MAX, |brand| brand.keys_max(accounts));
    if rows.len() > most {
        let right = match most {
            0 => "leave them out: these phones have no keys that are configured".to_owned(),
            most => format!("write {most} at most, beside {accounts} for its own lines"),
        };
        section.refuse_key("keys", &format!("names {} keys", rows.len()), &right);
    }
    rows.into_iter().filter_map(|row| key(row, brand, known)).collect()
}

fn key(section: Section<'_>, brand: Option<Brand>, known: &Known<'_>) -> Option<Key> {
    let right = "write kind = \"blf\", \"park\" or \"dial\"";
    if !section.has("kind") {
        section.missing("kind", right);
    }
    let kind = section.string("kind");
    let label = section.string("label").map(|label| {
        if label.get_ref().len() > LABEL_BYTES_MAX {
            let right = format!("write {LABEL_BYTES_MAX} bytes at most");
            section.refuse("label", &label, format!("has {} bytes", label.get_ref().len()), right);
        }
        label.into_inner().to_owned()
    });
    let function = kind.as_ref().and_then(|kind| match *kind.get_ref() {
        "blf" => Some((Function::Lamp, "line")),
        "park" => Some((Function::Slot, "slot")),
        "dial" => Some((Function::Dial, "number")),
        other => {
            section.refuse("kind", kind, format!("{other:?} is no kind of key"), right);
            None
        }
    });
    let Some((function, name)) = function else {
        // What belongs to it is not known either.
        for key in ["line", "slot", "number"] {
            section.has(key);
        }
        section.close();
        return None;
    };
    if !section.has(name) {
        section.missing(name, format!("write {name} = \"…\""));
    }
    let number = section.string(name);
    if let Some(value) = &number {
        check_number(&section, name, value, function, known);
    }
    if let (Some(kind), Function::Dial, Some(false)) = (&kind, function, brand.map(Brand::has_dial_keys)) {
        let right = "leave the key out, or write kind = \"blf\"";
        section.refuse(
            "kind",
            kind,
            "keys of these phones that only dial are entries of their directory",
            right,
        );
    }
    section.close();
    let number = number?.into_inner().to_owned();
    let named = || known.lines.iter().find(|line| *line.address == *number).map(|line| line.name.clone());
    let label = label.or_else(named).unwrap_or_else(|| number.clone());
    Some(Key { label, function, number })
}

fn check_number(
    section: &Section<'_>,
    key: &'static str,
    value: &Spanned<&str>,
    function: Function,
    known: &Known<'_>,
) {
    let text = *value.get_ref();
    match function {
        Function::Lamp if !known.addresses.has(text) => {
            let wrong = format!("there is no line {text:?}");
            section.refuse(key, value, wrong, "write the address of a [[line]]");
        }
        Function::Lamp if known.lists.iter().any(|list| *list.address == *text) => {
            let right = format!("write blf_list = {text:?} for the phone, and no key");
            section.refuse(key, value, format!("{text} is a list"), right);
        }
        Function::Slot => {
            let slot = text.parse::<u32>().ok();
            let is_slot =
                known.park.slots.as_ref().zip(slot).is_some_and(|(slots, slot)| slots.contains(&slot));
            if !is_slot {
                let right = match &known.park.slots {
                    Some(slots) => format!("write one of {} to {}", slots.start(), slots.end()),
                    None => "write [park] slots as well".to_owned(),
                };
                section.refuse(key, value, format!("{text:?} is no parking slot"), right);
            }
        }
        Function::Dial => {
            let is_number = (1..=NUMBER_BYTES_MAX).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._*#".contains(&byte));
            if !is_number {
                let right = "write what the line would dial, as in \"0301234\"";
                section.refuse(key, value, format!("{text:?} is no number"), right);
            }
        }
        Function::Lamp => {}
    }
}

/// How long a token holds unless the configuration or who asks for it says otherwise: a day to set the phone up.
const TOKEN_HOURS_DEFAULT: u32 = 24;

/// The longest that one may hold: a month.
pub(crate) const TOKEN_HOURS_MAX: u32 = 744;

/// G.722, which the relay mixes and transcodes, before what every phone has.
const CODECS_DEFAULT: [Codec; 3] = [Codec::G722, Codec::Pcma, Codec::Pcmu];

/// Rows of `[[phone]]`.
const PHONES_MAX: usize = 10_000;

/// The longest label of a key.
const LABEL_BYTES_MAX: usize = 64;

/// The longest number of a key.
const NUMBER_BYTES_MAX: usize = 64;
