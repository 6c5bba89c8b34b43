//! The configuration: one TOML file, or the built-in default, as checked values.
//!
//! ```text
//! text ── toml ──> Section (spans kept) ── sip, parties, … ──> Config ── setup ──> switch::setup::Setup
//!                     └── Report: every error with file, line, key, what is wrong, what would be right
//! ```

use std::fmt;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use rustls::ClientConfig;
use toml::de::DeTable;
use trunkline_media::kernel::Hook;
use trunkline_sip::Reliability;
use trunkline_sip::admission::AdmissionLimits;
use trunkline_sip::auth::{Algorithm, Credentials};
use trunkline_sip::location::{KeepAlive, LocationLimits};
use trunkline_sip::servers::Server;
use trunkline_sip::transport::Transport;

use crate::switch::feature_code::FeatureCodes;
use crate::switch::privilege::CallPrivilege;
use crate::switch::setup::{
    CompletionSetup, ConferenceSetup, EarlyMedia, ForwardSetup, GroupSetup, LineKind, ListSetup, PageSetup,
    ParkSetup, RedirectPlace, RegistrationSetup, RouteSetup, SrtpPolicy, VoicemailSetup, WatchSetup,
};
use crate::switch::vendor::VendorSetup;
use crate::switch::{CodecList, ForkSetup, NumberSetup, RecordPolicy};
use crate::translate::Locations;
use crate::webhook::{Filter, SigningKey, WebhookUrl};

mod apps;
mod built_in;
mod capture;
mod certificate;
mod check;
mod codecs;
mod endpoint;
mod engine;
mod error;
mod event_lists;
mod failover;
mod features;
mod fork;
mod groups;
mod key_lines;
mod learned;
mod limits;
mod lines;
mod located;
mod locations;
mod music;
mod numbers;
mod pages;
mod phone_table;
mod provisioning;
mod reach;
mod recording;
mod records;
mod registering;
mod routes;
mod secret;
mod section;
mod setup;
mod state_dir;
mod tls;
mod trunk_groups;
mod trunks;
mod vendors;
mod voicemail;
mod webhooks;

use self::key_lines::KeyLines;

pub(crate) use self::built_in::random;
pub use self::check::{Checked, check};
pub use self::endpoint::PeerPlace;
pub use self::error::ConfigError;
pub use self::failover::Failover;
pub(crate) use self::learned::{Kind, Shape};
pub use self::phone_table::phone_table;
pub(crate) use self::provisioning::TOKEN_HOURS_MAX;
pub use self::provisioning::{Listener, Provisioning};
pub use self::setup::Account;
#[cfg(test)]
pub(crate) use self::tls::testing;

pub use self::state_dir::{ADMIN_TOKEN_FILE, admin_token, state_dir};
pub use self::tls::{Chain, Ending, Tls, TlsPeer};

/// Everything the engine is told by its operator, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file; `None`: the built-in default.
    pub file: Option<PathBuf>,
    /// Whether the secrets of the built-in default were made just before.
    pub first_start: bool,
    /// Listeners and names of the SIP side.
    pub sip: Sip,
    /// What is shown and asked for in handshakes of TLS.
    pub tls: Arc<Tls>,
    /// The relay.
    pub media: Media,
    /// The HTTP API.
    pub api: Api,
    /// Applications; [`crate::switch::ids::AppId`] is the index.
    pub apps: Vec<App>,
    /// Where events of applications are posted to.
    pub webhooks: Vec<Arc<Webhook>>,
    /// Where registrations are kept.
    pub store: Store,
    /// Where lines are, with their calling cards (`[location]`, `[[card]]`).
    pub locations: Arc<Locations>,
    /// Lines, in order.
    pub lines: Vec<Line>,
    /// Ring groups, in order.
    pub groups: Vec<GroupSetup>,
    /// Page groups, in order.
    pub pages: Vec<PageSetup>,
    /// Event lists, in order.
    pub lists: Vec<ListSetup>,
    /// Trunks, in order.
    pub trunks: Vec<Trunk>,
    /// Routes, in order.
    pub routes: Vec<RouteSetup>,
    /// Where calls are parked.
    pub park: ParkSetup,
    /// What is dialled at the handset for a feature.
    pub features: FeatureCodes,
    /// Conferences.
    pub conference: ConferenceSetup,
    /// How lines forward their calls.
    pub forward: ForwardSetup,
    /// How calls that found nobody are completed later.
    pub completion: CompletionSetup,
    /// What phones understand (`[[vendor]]`), in order.
    pub vendors: Vec<VendorSetup>,
    /// Where calls are recorded to; `None`: nowhere.
    pub recording: Option<Recording>,
    /// Where records of calls are written to; `None`: nowhere.
    pub records: Option<Records>,
    /// Who is told by HEP what SIP says; `None`: nobody.
    pub hep: Option<Hep>,
    /// How much of captured media is kept, in bytes.
    pub capture_bytes: u32,
    /// Where calls' audio may be forked to.
    pub fork: ForkSetup,
    /// Where messages are kept.
    pub voicemail: VoicemailSetup,
    /// Where phones fetch their configuration (`[provisioning]`, `[[phone]]`).
    pub provisioning: Provisioning,
    /// What is refused when there is too much of it.
    pub limits: Limits,
    /// Logs.
    pub log: Log,
    key_lines: KeyLines,
}

/// `[sip]`.
#[derive(Clone, Debug)]
pub struct Sip {
    /// Listeners.
    pub listen: Vec<(Transport, SocketAddr)>,
    /// Names the registrar answers for, beside the engine's own addresses.
    pub domains: Vec<String>,
    /// The realm of digest challenges.
    pub realm: String,
    /// Web origins whose pages may speak SIP by WebSocket; empty: all.
    pub websocket_origins: Vec<String>,
    /// Name servers; none: those of the system.
    pub dns: Vec<SocketAddr>,
    /// The address written into Via, Contact and SDP; `None`: the local one of the path.
    pub advertise: Option<IpAddr>,
    /// SIP workers.
    pub workers: u16,
    /// The DSCP of signalling (RFC 2474).
    pub dscp: u8,
    /// How long a destination may ring.
    pub ring_timeout: Duration,
    /// How often phones behind address translators are sent something; zero: never.
    pub keep_alive: Duration,
    /// What they are sent.
    pub keep_alive_with: KeepAlive,
}

/// `[media]`.
#[derive(Clone, Debug)]
pub struct Media {
    /// The address that media sockets are bound to.
    pub listen: IpAddr,
    /// RTP ports: begins even, ends odd.
    pub ports: RangeInclusive<u16>,
    /// Media workers.
    pub workers: u16,
    /// The DSCP of media packets (RFC 2474).
    pub dscp: u8,
    /// Whether each far end hears one stream, whoever speaks.
    pub continuity: bool,
    /// The in-kernel relay.
    pub kernel: KernelRelay,
    /// The interfaces that it runs on; empty for all.
    pub kernel_interfaces: Vec<String>,
    /// The hook that it is to run at; `None` for the best of each interface.
    pub kernel_hook: Option<Hook>,
    /// A call whose far end is silent for this long is dropped; `None`: never.
    pub silence_timeout: Option<Duration>,
    /// Music on hold, 8,000 samples a second; `None`: silence.
    pub music: Option<Arc<[i16]>>,
    /// The country whose call-progress tones are played, as its ISO 3166 alpha-2 code.
    pub tones: String,
    /// Whether ends that share no codec are transcoded between, where line or trunk do not say.
    pub transcodes: bool,
    /// Whether Opus is transcoded, too.
    pub opus: bool,
}

/// Whether packets may be forwarded in the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KernelRelay {
    /// Where the kernel and the privileges allow it.
    Auto,
    /// Always: where they do not, the engine does not start.
    Require,
    /// Never.
    Off,
}

/// `[api]`.
#[derive(Clone, Debug)]
pub struct Api {
    /// The listener; `None`: no API.
    pub listen: Option<SocketAddr>,
    /// Names by which the API may be called, beside its addresses and `localhost`.
    pub hosts: Vec<String>,
    /// Web origins whose pages may open the event WebSocket, beside the API's own.
    pub origins: Vec<String>,
    /// Requests of each application within a second; 0: as many as it likes.
    pub requests_per_second: u32,
}

/// `[[app]]`: one TAPI application.
#[derive(Clone, Debug)]
pub struct App {
    /// The name.
    pub name: Arc<str>,
    /// The bearer token.
    pub token: Secret,
    /// Lines it opens; `*` for all.
    pub lines: Vec<String>,
    /// Its privilege on calls that it did not make.
    pub privilege: CallPrivilege,
}

impl App {
    /// Whether it opens every line as owner: then it may have the configuration read again.
    pub fn is_operator(&self) -> bool {
        self.privilege == CallPrivilege::Owner && self.lines.iter().any(|line| line == "*")
    }
}

/// `[[webhook]]`: where events of an application are posted to.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The name.
    pub name: Arc<str>,
    /// The application whose events it is told.
    pub app: Arc<str>,
    /// The receiver.
    pub url: WebhookUrl,
    /// How its certificate is judged; `None`: no TLS is spoken.
    pub tls: Option<Arc<ClientConfig>>,
    /// What requests are signed with; the second, if any, is the old one.
    pub keys: Vec<SigningKey>,
    /// Which events.
    pub filter: Filter,
    /// How long the receiver may take to answer.
    pub timeout: Duration,
}

/// `[store]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Store {
    /// The SQLite file, relative to the state directory.
    pub path: PathBuf,
}

/// `[capture]`: a collector of HEP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hep {
    /// Where it is.
    pub server: HepServer,
    /// The number of this capture agent.
    pub agent_id: u32,
    /// What it is known by.
    pub key: Option<Secret>,
}

/// Where a collector of HEP is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HepServer {
    /// By datagrams.
    Udp(SocketAddr),
    /// By a stream.
    Tcp(SocketAddr),
}

impl fmt::Display for HepServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(address) => write!(f, "udp:{address}"),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

/// `[records]`. Paths are relative to the state directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Records {
    /// The SQLite file.
    pub sqlite: PathBuf,
    /// A CSV file as Asterisk writes it.
    pub csv: Option<PathBuf>,
    /// A CSV file of events.
    pub csv_events: Option<PathBuf>,
    /// A file with an object a line.
    pub json_lines: Option<PathBuf>,
    /// Whether events are written, too.
    pub events: bool,
    /// How long they are kept.
    pub keep_days: u32,
    /// How large each file may become, in bytes.
    pub bytes_max: u64,
}

/// `[recording]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recording {
    /// Where the files are, from the state directory on.
    pub directory: PathBuf,
    /// Recordings at once.
    pub recordings_max: usize,
    /// The longest, in seconds.
    pub seconds_max: u32,
    /// The room that is left on the disk, in bytes.
    pub free_min: u64,
}

/// `[[line]]`.
#[derive(Clone, Debug)]
pub struct Line {
    /// The address: `1001`.
    pub address: Arc<str>,
    /// The name a person reads.
    pub name: String,
    /// What its phone registers with; `None`: a local line.
    pub password: Option<Secret>,
    /// Pickup groups.
    pub groups: Vec<String>,
    /// Whose calls it may pick up beyond its groups; `*` for all.
    pub picks_up: Vec<String>,
    /// Challenges offered, in this order.
    pub digest: Vec<Algorithm>,
    /// Calls at once; with as many, the line is busy. `None`: no limit.
    pub calls_max: Option<u32>,
    /// Phone or local.
    pub kind: LineKind,
    /// How its media is protected.
    pub srtp: SrtpPolicy,
    /// Whether it is transcoded for; `None`: what `[media]` says.
    pub transcodes: Option<bool>,
    /// Whether video and real-time text pass beside its audio.
    pub video: bool,
    /// Whether its phone is asked to hold its calls.
    pub holds_at_phone: bool,
    /// Whether callers who hide are refused.
    pub refuses_hidden: bool,
    /// Its mailbox; empty: none. `None`: that of its address.
    pub mailbox: Option<Arc<str>>,
    /// Whether its mailbox takes the calls that it does not take.
    pub deposits: bool,
    /// Rings before that; `None`: those of `[voicemail]`.
    pub deposit_rings: Option<u32>,
    /// Whether its phone may be asked to answer a call of another line by itself.
    pub intercom: bool,
    /// Its number for the outside.
    pub outside_number: Option<Arc<str>>,
    /// Whether its calls are recorded.
    pub record: RecordPolicy,
    /// Whether the media of its calls are captured.
    pub is_captured: bool,
}

/// `[[trunk]]`.
#[derive(Clone, Debug)]
pub struct Trunk {
    /// The name; the address of the trunk's line.
    pub name: Arc<str>,
    /// `peer`, in order of preference.
    pub written: Vec<TrunkPeer>,
    /// The servers of each of them, as far as names are resolved ([`Config::locate`]).
    pub servers: Vec<Vec<Server>>,
    /// All their addresses, those of the first peer first.
    pub peers: Vec<(Transport, SocketAddr)>,
    /// The host of the first peer as written.
    pub domain: String,
    /// Whom calls are taken from without a challenge.
    pub allow_from: Vec<IpNet>,
    /// The domains of certificates by which calls are taken from anywhere.
    pub certificate: Vec<Box<str>>,
    /// Whether they are taken from its peers, too, whatever their addresses are.
    pub allows_peers: bool,
    /// Answers a challenge of the peer.
    pub credentials: Option<Arc<Credentials>>,
    /// By which user and password its calls are taken from anywhere.
    pub inbound: Option<Inbound>,
    /// Calls at once, both directions.
    pub calls_max: u32,
    /// Where it may send calls on to by any number.
    pub redirect_to: Vec<RedirectPlace>,
    /// How its media is protected.
    pub srtp: SrtpPolicy,
    /// The codecs that pass.
    pub codecs: CodecList,
    /// What is heard before the answer.
    pub early_media: EarlyMedia,
    /// Whether it is transcoded for; `None`: what `[media]` says.
    pub transcodes: Option<bool>,
    /// Whether video and real-time text pass beside its audio.
    pub video: bool,
    /// How it writes numbers.
    pub numbers: NumberSetup,
    /// Whether it is told who calls where the caller hides.
    pub is_trusted: bool,
    /// When provisional responses are acknowledged (RFC 3262).
    pub reliable: Reliability,
    /// How it registers at its peers; `None`: it does not.
    pub registration: Option<RegistrationSetup>,
    /// When its calls go on elsewhere.
    pub failover: Failover,
    /// Whether its calls are recorded.
    pub record: RecordPolicy,
}

/// How a trunk proves who it is from wherever it calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inbound {
    /// The digest user name.
    pub username: Arc<str>,
    /// The password.
    pub password: Secret,
}

/// A peer of a trunk.
#[derive(Clone, Debug)]
pub struct TrunkPeer {
    /// Where it is.
    pub place: PeerPlace,
    /// Who it must prove to be by TLS.
    pub tls: Option<TlsPeer>,
}

/// `[limits]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Calls at once; more are refused with 503.
    pub calls: u32,
    /// Calls at once between ends that share no codec; more are refused with 488.
    pub transcoded_calls: u32,
    /// Calls and registrations, by source and line, at once and a second.
    pub admission: AdmissionLimits,
    /// Contacts of phones.
    pub registrations: LocationLimits,
    /// Subscriptions.
    pub watches: WatchSetup,
    /// Stream connections.
    pub connections: ConnectionLimits,
    /// How long a call waits for another owner when its application is gone.
    pub orphans_after: Duration,
}

/// How many stream connections there may be. A further one is closed at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionLimits {
    /// With all addresses.
    pub connections_max: usize,
    /// With one address, or the 64 bits of IPv6 that one customer has.
    pub connections_per_source_max: usize,
    /// TLS handshakes of those who came that are not over.
    pub handshakes_max: usize,
    /// TLS handshakes that begin within a second from one address.
    pub handshakes_per_second_per_source: u32,
}

impl ConnectionLimits {
    /// A connection for each phone of an office behind one address. A handshake is a millisecond of a processor, and more.
    pub const DEFAULT: Self = Self {
        connections_max: 10_000,
        connections_per_source_max: 1_000,
        handshakes_max: 256,
        handshakes_per_second_per_source: 50,
    };
}

/// `[log]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    /// For a person or for a machine.
    pub format: LogFormat,
    /// A filter of tracing-subscriber: `info`, or `info,trunkline_sip=debug`.
    pub level: String,
    /// What is kept of messages and states of calls, to look at calls afterwards, in bytes; 0: nothing.
    pub trace_bytes: u32,
}

/// How a log line is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// For a person.
    Text,
    /// One JSON object a line.
    Json,
}

/// A password or token. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Arc<str>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(masked)")
    }
}

impl Config {
    /// Reads and checks a file.
    ///
    /// Nobody is asked for host names of trunks here: see [`Config::locate`].
    ///
    /// # Errors
    /// Everything wrong in the file, in the order of its lines.
    pub fn load(path: &Path) -> Result<Self, Vec<ConfigError>> {
        let text = read_text(path)?;
        Self::parse(path, &text)
    }

    /// The file to read: the one named, else `./trunkline.toml`, else `/etc/trunkline/trunkline.toml`; `None`: there
    /// is none.
    pub fn find(named: Option<&Path>) -> Option<PathBuf> {
        match named {
            Some(path) => Some(path.to_owned()),
            None => SEARCHED.iter().map(PathBuf::from).find(|path| path.exists()),
        }
    }

    /// Loads the file that [`Config::find`] finds, else the built-in default with its secrets in `state_dir`.
    ///
    /// # Errors
    /// Everything wrong in the file; or that the state directory cannot be written.
    pub fn search(named: Option<&Path>, state_dir: &Path) -> Result<Self, Vec<ConfigError>> {
        match Self::find(named) {
            Some(path) => Self::load(&path),
            None => Self::built_in(state_dir),
        }
    }

    /// Checks a text; `file` is its name in errors and the place that relative paths begin at.
    ///
    /// # Errors
    /// Everything wrong in the text.
    pub fn parse(file: &Path, text: &str) -> Result<Self, Vec<ConfigError>> {
        Self::read(error::Report::new(file, text), text)
    }

    /// As [`Config::parse`], but does not ask the file system: what would have to be read counts as not found.
    ///
    /// # Errors
    /// Everything wrong in the text.
    pub fn parse_alone(file: &Path, text: &str) -> Result<Self, Vec<ConfigError>> {
        Self::read(error::Report::alone(file, text), text)
    }

    fn read(report: error::Report<'_>, text: &str) -> Result<Self, Vec<ConfigError>> {
        let file = report.file().to_owned();
        let (table, broken) = DeTable::parse_recoverable(text);
        if !broken.is_empty() {
            // What a recovered parser takes for the value of a key may be another one's: a password, shown as no address.
            for error in &broken {
                report.refuse_text(&error.span().unwrap_or(0..0), error.message());
            }
            return Err(report.into_errors());
        }
        let config = engine::read(section::Section::root(table.get_ref(), &report));
        let key_lines = KeyLines::read(table.get_ref(), &report);
        let errors = report.into_errors();
        if errors.is_empty() { Ok(Self { file: Some(file), key_lines, ..config }) } else { Err(errors) }
    }

    /// That something is wrong with a key, though it is well-formed. Of an application, `app.0.name` is the name of the first.
    pub(crate) fn refuse(&self, key: &str, wrong: &str, right: &str) -> ConfigError {
        let name: String =
            key.split('.').filter(|part| part.parse::<usize>().is_err()).collect::<Vec<_>>().join(".");
        ConfigError {
            file: self.file.clone().unwrap_or_else(|| PathBuf::from(BUILT_IN)),
            line: self.key_lines.find(key),
            key: name,
            wrong: wrong.to_owned(),
            right: right.to_owned(),
        }
    }
}

/// The tables and keys that are looked for in a text. Those of a table that may come again are looked for where it is there.
pub(crate) fn shape(text: &str) -> Shape {
    let report = error::Report::learning(text);
    let (table, _) = DeTable::parse_recoverable(text);
    drop(engine::read(section::Section::root(table.get_ref(), &report)));
    report.into_shape()
}

fn read_text(path: &Path) -> Result<String, Vec<ConfigError>> {
    let refuse = |wrong: String, right: &str| {
        Err(vec![ConfigError {
            file: path.to_owned(),
            line: 0,
            key: String::new(),
            wrong,
            right: right.into(),
        }])
    };
    match fs::metadata(path) {
        Ok(found) if found.len() > FILE_BYTES_MAX => {
            return refuse(format!("has {} bytes", found.len()), "a configuration has at most 64 MB");
        }
        Ok(_) => {}
        Err(error) => {
            return refuse(format!("cannot be read: {error}"), "name a readable file with --config");
        }
    }
    match fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(error)) => refuse(
            format!("is not UTF-8 at byte {}", error.utf8_error().valid_up_to()),
            "save the file with the encoding UTF-8",
        ),
        Err(error) => refuse(format!("cannot be read: {error}"), "name a readable file with --config"),
    }
}

/// The name of the built-in default in errors.
const BUILT_IN: &str = "built-in";

/// Where a configuration is looked for.
const SEARCHED: [&str; 2] = ["trunkline.toml", "/etc/trunkline/trunkline.toml"];

/// The longest configuration: some 500,000 lines of a switch.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

#[cfg(test)]
mod tests;
