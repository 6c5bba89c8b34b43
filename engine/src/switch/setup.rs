//! What the switch is told of its world at start and at reload: lines, trunks, routes, applications, media.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use regex::Regex;
use trunkline_sip::auth::Credentials;
use trunkline_sip::servers::Server;
use trunkline_sip::transport::Transport;

use super::audio_fork::ForkSetup;
use super::codecs::CodecList;
use super::feature_code::FeatureCodes;
use super::forward::RINGS_DEFAULT;
use super::numbers::NumberSetup;
use super::privilege::CallPrivilege;
use super::recording::{RecordPolicy, RecordingSetup};
use super::vendor::VendorSetup;
use crate::translate::Locations;

/// Calls at once between ends that share no codec where nothing else is said.
pub const TRANSCODED_CALLS_MAX: u32 = 1_000;

/// Where a line's media ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LineKind {
    /// In a registered phone.
    Phone,
    /// In the engine.
    Local,
    /// In the network behind a trunk.
    Trunk,
}

impl LineKind {
    /// The name in configuration and API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Local => "local",
            Self::Trunk => "trunk",
        }
    }
}

/// What a caller hears of a trunk before the answer, and a trunk that calls of a line (RFC 3960).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum EarlyMedia {
    /// What the far end plays, once it describes it (183).
    #[default]
    Relay,
    /// Ringing, which the caller's own side makes (180); what the far end plays is not heard.
    Ringback,
}

impl EarlyMedia {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Relay, Self::Ringback];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Ringback => "ringback",
        }
    }
}

/// How the media of a line or trunk is protected.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum SrtpPolicy {
    /// Not at all: an offer of SRTP alone is refused with 488.
    Off,
    /// As it is offered: SRTP where the far end offers keys. Our own offers are plain.
    #[default]
    Accept,
    /// The same, and our own offers carry keys for whoever takes them (RFC 8643).
    Optional,
    /// SRTP only: whatever is plain is refused with 488.
    Required,
    /// The same, and our own offers are of keys by DTLS (RFC 5763).
    Dtls,
}

impl SrtpPolicy {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Off, Self::Accept, Self::Optional, Self::Required, Self::Dtls];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Accept => "accept",
            Self::Optional => "optional",
            Self::Required => "required",
            Self::Dtls => "dtls",
        }
    }
}

/// A line of the configuration.
#[derive(Clone, Debug)]
pub struct LineSetup {
    /// The address: `1001`.
    pub address: Arc<str>,
    /// The name a person reads.
    pub name: String,
    /// Phone or local.
    pub kind: LineKind,
    /// Pickup groups.
    pub groups: Vec<String>,
    /// Calls at once; with as many, the line is busy. `None`: no limit but that of the engine.
    pub calls_max: Option<u32>,
    /// Whose calls it may pick up beyond its groups; `*` for all.
    pub picks_up: Vec<String>,
    /// How its media is protected.
    pub srtp: SrtpPolicy,
    /// Whether the relay transcodes between it and whoever shares no codec with it.
    pub transcodes: bool,
    /// Whether video and real-time text pass beside its audio.
    pub video: bool,
    /// Whether its phone is asked to hold its call (`NOTIFY Event: hold`), where it announces that it takes that, and `talk`.
    pub holds_at_phone: bool,
    /// Whether callers who hide are refused (433, RFC 5079).
    pub refuses_hidden: bool,
    /// Its mailbox behind the trunk of [`VoicemailSetup`]; empty: none. `None`: that of its address.
    pub mailbox: Option<Arc<str>>,
    /// Whether its mailbox takes the calls that it does not take, where [`VoicemailSetup::deposit`] is.
    pub deposits: bool,
    /// Rings before its mailbox takes a call; `None`: [`VoicemailSetup::rings`].
    pub deposit_rings: Option<u32>,
    /// Whether its phone may be asked to answer a call of another line by itself.
    pub intercom: bool,
    /// Its number for the outside: what trunks are told when it calls.
    pub outside_number: Option<Arc<str>>,
    /// Whether its calls are recorded.
    pub record: RecordPolicy,
    /// Whether the media of its calls are captured.
    pub is_captured: bool,
}

impl LineSetup {
    /// A line that has nothing but an address and a kind; its name is the address.
    pub fn new(address: &str, kind: LineKind) -> Self {
        Self {
            address: address.into(),
            name: address.to_owned(),
            kind,
            groups: Vec::new(),
            calls_max: None,
            picks_up: Vec::new(),
            srtp: SrtpPolicy::default(),
            transcodes: true,
            video: true,
            holds_at_phone: false,
            refuses_hidden: false,
            mailbox: None,
            deposits: true,
            deposit_rings: None,
            intercom: true,
            outside_number: None,
            record: RecordPolicy::default(),
            is_captured: false,
        }
    }
}

/// How a group rings.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum GroupStrategy {
    /// At all members at once.
    #[default]
    All,
    /// At one member after the other, in the order of the configuration.
    InOrder,
    /// The same, beginning with the member after the one that the last call rang at.
    RoundRobin,
}

impl GroupStrategy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::All, Self::InOrder, Self::RoundRobin];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::InOrder => "in_order",
            Self::RoundRobin => "round_robin",
        }
    }
}

/// A ring group of the configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupSetup {
    /// The address: `600`.
    pub address: Arc<str>,
    /// The name that phones of members show.
    pub name: String,
    /// The lines that ring.
    pub members: Vec<Arc<str>>,
    /// In which order.
    pub strategy: GroupStrategy,
    /// How long one member rings, where they ring one after the other.
    pub step: Duration,
    /// How long the group rings.
    pub timeout: Duration,
    /// Callers for whom it rings at once; with as many it is busy.
    pub callers_max: u32,
    /// Where callers go when every member is busy; `None`: as when nobody answers.
    pub busy: Option<String>,
    /// Where they go when nobody answers; `None`: they are told so.
    pub otherwise: Option<String>,
}

impl GroupSetup {
    /// These lines, all at once, each 15 s where it is one after the other, a minute in all, for 64 callers, and nobody else.
    pub fn new(address: &str, members: &[&str]) -> Self {
        Self {
            address: address.into(),
            name: address.to_owned(),
            members: members.iter().map(|member| (*member).into()).collect(),
            strategy: GroupStrategy::default(),
            step: Duration::from_secs(15),
            timeout: Duration::from_secs(60),
            callers_max: 64,
            busy: None,
            otherwise: None,
        }
    }
}

/// A page group of the configuration: who dials its address speaks to all members at once, who are not heard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PageSetup {
    /// The address: `650`.
    pub address: Arc<str>,
    /// The name that phones of members show.
    pub name: String,
    /// The lines that are spoken to.
    pub members: Vec<Arc<str>>,
    /// The lines that may speak; empty: every line.
    pub callers: Vec<Arc<str>>,
    /// How long one may speak.
    pub longest: Duration,
}

impl PageSetup {
    /// These lines, for every line, a minute at most.
    pub fn new(address: &str, members: &[&str]) -> Self {
        Self {
            address: address.into(),
            name: address.to_owned(),
            members: members.iter().map(|member| (*member).into()).collect(),
            callers: Vec::new(),
            longest: Duration::from_secs(60),
        }
    }
}

/// An event list of the configuration (RFC 4662): what a phone watches by one subscription.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListSetup {
    /// The address: `blf-1001`.
    pub address: Arc<str>,
    /// The name a person reads.
    pub name: String,
    /// What it names, in order: the addresses of lines, groups, trunks and parking slots, and what a person reads.
    pub entries: Vec<(Arc<str>, String)>,
    /// The lines that may watch it; empty: every line.
    pub watchers: Vec<Arc<str>>,
}

impl ListSetup {
    /// These, for every line.
    pub fn new(address: &str, entries: &[&str]) -> Self {
        Self {
            address: address.into(),
            name: address.to_owned(),
            entries: entries.iter().map(|entry| ((*entry).into(), (*entry).to_owned())).collect(),
            watchers: Vec::new(),
        }
    }
}

/// A trunk of the configuration. Each is a line too, of kind trunk, with the trunk's name as address.
#[derive(Clone, Debug)]
pub struct TrunkSetup {
    /// The name.
    pub name: Arc<str>,
    /// Where calls go, in order of preference.
    pub peers: Vec<(Transport, SocketAddr)>,
    /// The same as name servers say it: the servers of each peer, among which each call chooses (RFC 2782). Empty: the order of `peers`.
    pub servers: Vec<Vec<Server>>,
    /// The host part of Request-URI and To: the peer as configured.
    pub domain: String,
    /// Answers a challenge of this peer.
    pub credentials: Option<Arc<Credentials>>,
    /// Calls at once, both directions.
    pub calls_max: u32,
    /// How its media is protected.
    pub srtp: SrtpPolicy,
    /// The codecs that pass, in the order in which they are offered.
    pub codecs: CodecList,
    /// What is heard before the answer.
    pub early_media: EarlyMedia,
    /// Whether the relay transcodes between it and whoever shares no codec with it.
    pub transcodes: bool,
    /// Whether video and real-time text pass beside its audio. Most carriers have none, and some refuse calls for it.
    pub video: bool,
    /// How it writes numbers, and who calls as it is told.
    pub numbers: NumberSetup,
    /// Where it may send calls on to, beside to its peers.
    pub redirects: RedirectSetup,
    /// Whether it is told who calls where the caller hides from who is called (RFC 3325 §5).
    pub is_trusted: bool,
    /// How it registers at its peers; `None`: it does not.
    pub registration: Option<RegistrationSetup>,
    /// How long a place may be silent where there is another one, of this trunk or of the next one of a route.
    pub patience: Duration,
    /// How long a place may say nothing but 100 where there is another one.
    pub progress: Duration,
    /// How long a place rests that was silent, or overloaded and did not say for how long.
    pub rest: Duration,
    /// The final statuses after which another place is tried.
    pub failover_on: Vec<u16>,
    /// Calls out that may begin within a second; `None`: no limit.
    pub calls_per_second: Option<u32>,
    /// How often its peers are asked whether they live; `None`: never.
    pub qualify_every: Option<Duration>,
    /// Whether its calls are recorded.
    pub record: RecordPolicy,
}

/// The statuses that speak of the place and not of who is called: nobody answered behind it, broken, overloaded.
pub const FAILOVER_ON: [u16; 5] = [408, 500, 502, 503, 504];

/// How long a place may be silent: four copies of the INVITE by UDP.
pub const PATIENCE: Duration = Duration::from_secs(4);

/// How long a place may say nothing but 100: of the calls to other countries 95 of 100 have gone on by 11 s (ITU-T E.721, post-selection
/// delay).
pub const PROGRESS: Duration = Duration::from_secs(15);

/// How long a place without an answer rests.
pub const REST: Duration = Duration::from_secs(30);

/// How a trunk registers (RFC 3261 §10.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegistrationSetup {
    /// The user part of the address of record.
    pub user: String,
    /// The user part of Contact: calls to it are the trunk's.
    pub contact: Arc<str>,
    /// What is asked for.
    pub expires: Duration,
}

impl TrunkSetup {
    /// A trunk to these peers, which asks for no password and has room for every call.
    pub fn to(name: &str, domain: &str, peers: Vec<(Transport, SocketAddr)>) -> Self {
        Self {
            name: name.into(),
            peers,
            servers: Vec::new(),
            domain: domain.to_owned(),
            credentials: None,
            calls_max: CALLS_MAX,
            srtp: SrtpPolicy::default(),
            codecs: CodecList::default(),
            early_media: EarlyMedia::default(),
            transcodes: true,
            video: false,
            numbers: NumberSetup::default(),
            redirects: RedirectSetup::default(),
            is_trusted: false,
            registration: None,
            patience: PATIENCE,
            progress: PROGRESS,
            rest: REST,
            failover_on: FAILOVER_ON.to_vec(),
            calls_per_second: None,
            qualify_every: None,
            record: RecordPolicy::default(),
        }
    }
}

/// Where a trunk may send calls on to (3xx, RFC 3261 §8.1.3.4), beside to its peers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RedirectSetup {
    /// The network's own: a call goes there by the number it had.
    pub own: Vec<IpNet>,
    /// A call goes there by any number.
    pub places: Vec<RedirectPlace>,
}

/// Where a trunk is, as name servers say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrunkPlaces {
    /// The trunk's name.
    pub name: Arc<str>,
    /// As [`TrunkSetup::peers`].
    pub peers: Vec<(Transport, SocketAddr)>,
    /// As [`TrunkSetup::servers`].
    pub servers: Vec<Vec<Server>>,
    /// As [`RedirectSetup::places`].
    pub redirects: Vec<RedirectPlace>,
}

/// A place that a trunk may send calls on to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RedirectPlace {
    /// These addresses.
    Network(IpNet),
    /// A host of this name, and the addresses it stands for. No name is looked up for a call.
    Host(String, Vec<IpAddr>),
}

/// Where a routed call may come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RouteFrom {
    /// Anybody.
    Any,
    /// Lines of the engine.
    Line,
    /// This trunk.
    Trunk(Arc<str>),
}

/// Where a routed call goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RouteTo {
    /// To the line whose address is the number.
    Line,
    /// Out by this trunk.
    Trunk(Arc<str>),
    /// Out by the first of these trunks that takes the call.
    Trunks(Arc<TrunkChoice>),
    /// Nowhere: refused with this status.
    Reject(u16),
}

/// Several trunks for one call: tier after tier, inside of one by weight. No tier is empty, no trunk is there twice, no weight is zero.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrunkChoice {
    /// The trunks of each tier, with their weights.
    pub tiers: Vec<Vec<(Arc<str>, u16)>>,
}

/// One route. The first whose `from` and `pattern` fit wins. A dialled address that is a line's is the last route.
#[derive(Clone, Debug)]
pub struct RouteSetup {
    /// Where from.
    pub from: RouteFrom,
    /// What was dialled.
    pub pattern: Regex,
    /// Where to.
    pub to: RouteTo,
    /// The number to dial there, with `$1` for groups; `None`: as dialled.
    pub number: Option<String>,
    /// Whether it is for calls for help: no limit of calls stands in their way.
    pub is_emergency: bool,
}

/// An application of the configuration.
#[derive(Clone, Debug)]
pub struct AppSetup {
    /// The name.
    pub name: Arc<str>,
    /// Lines it opens; `*` for all.
    pub lines: Vec<String>,
    /// Its privilege on calls that it did not make.
    pub privilege: CallPrivilege,
}

/// Media settings.
#[derive(Clone, Debug)]
pub struct MediaSetup {
    /// The address to bind and to write into SDP; unspecified: that of the leg's signalling.
    pub address: IpAddr,
    /// RTP ports.
    pub ports: RangeInclusive<u16>,
    /// Media workers.
    pub workers: u16,
    /// A dead call is dropped when the far end was silent for this long; `None` never.
    pub silent_after: Option<Duration>,
    /// Music on hold; `None`: silence.
    pub music: Option<Arc<[i16]>>,
    /// The country whose call-progress tones are played, as its ISO 3166 alpha-2 code.
    pub tones: String,
    /// Whether Opus is transcoded, too, which takes a relay that was built for it.
    pub opus: bool,
}

impl Default for MediaSetup {
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            ports: 20_000..=29_999,
            workers: 1,
            silent_after: Some(Duration::from_secs(60)),
            music: None,
            tones: "us".to_owned(),
            opus: false,
        }
    }
}

/// Conference settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConferenceSetup {
    /// Parties of one conference, the station that leads it included (`dwMaxNumConference`).
    pub parties_max: usize,
    /// What a phone calls to get a conference (RFC 4579); empty: none.
    pub factory: String,
}

impl Default for ConferenceSetup {
    fn default() -> Self {
        Self { parties_max: 64, factory: "conference".to_owned() }
    }
}

/// How lines forward their calls (`lineForward`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForwardSetup {
    /// How long one ring lasts: `dwNumRingsNoAnswer` counts rings.
    pub ring: Duration,
    /// The final response for a caller whom a line does not want to be disturbed by.
    pub do_not_disturb: u16,
}

impl Default for ForwardSetup {
    fn default() -> Self {
        Self { ring: Duration::from_secs(6), do_not_disturb: 480 }
    }
}

/// How calls that found nobody are completed later (`lineCompleteCall`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompletionSetup {
    /// The texts that can be left for who was called; `dwMessageID` is the index.
    pub messages: Vec<String>,
    /// Requests of one line that may be outstanding, and as many for one called line.
    pub outstanding_max: u32,
    /// How long a request is kept.
    pub timeout: Duration,
}

impl Default for CompletionSetup {
    fn default() -> Self {
        Self { messages: Vec::new(), outstanding_max: 5, timeout: Duration::from_secs(40 * 60) }
    }
}

/// Where calls are parked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParkSetup {
    /// Park addresses, by number; one that is a line's address is none. `None`: nothing is parked.
    pub slots: Option<RangeInclusive<u32>>,
    /// When a parked call goes back to who parked it.
    pub timeout: Duration,
    /// What is called when he does not answer; `None`: the call waits on.
    pub fallback: Option<String>,
}

impl Default for ParkSetup {
    fn default() -> Self {
        Self { slots: Some(701..=720), timeout: Duration::from_secs(120), fallback: None }
    }
}

/// Where the messages of lines are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VoicemailSetup {
    /// The trunk that says how many messages there are; `None`: applications alone do.
    pub trunk: Option<Arc<str>>,
    /// Whether it is asked for each mailbox (RFC 3842); else it tells unasked.
    pub subscribes: bool,
    /// What a phone dials to hear its messages; empty: it is not told.
    pub number: String,
    /// What is dialled for a caller whom a line does not take, so that its mailbox does; `{mailbox}` stands for its name. Empty: nothing.
    pub deposit: String,
    /// Rings before that, where nobody answers.
    pub rings: u32,
}

impl Default for VoicemailSetup {
    fn default() -> Self {
        Self {
            trunk: None,
            subscribes: false,
            number: String::new(),
            deposit: String::new(),
            rings: RINGS_DEFAULT,
        }
    }
}

/// How many subscriptions there may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WatchSetup {
    /// Of all lines and trunks: 503 beyond.
    pub subscriptions_max: usize,
    /// Of one line or trunk: 403 beyond.
    pub subscriptions_per_line_max: usize,
}

impl WatchSetup {
    /// A telephonist's desk has a key for each colleague.
    pub const DEFAULT: Self = Self { subscriptions_max: 65_536, subscriptions_per_line_max: 256 };
}

impl Default for WatchSetup {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Everything the switch is told.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Lines, in order.
    pub lines: Vec<LineSetup>,
    /// Ring groups, in order.
    pub groups: Vec<GroupSetup>,
    /// Page groups, in order.
    pub pages: Vec<PageSetup>,
    /// Event lists, in order.
    pub lists: Vec<ListSetup>,
    /// Trunks, in order.
    pub trunks: Vec<TrunkSetup>,
    /// Routes, in order.
    pub routes: Vec<RouteSetup>,
    /// Applications; [`super::ids::AppId`] is the index.
    pub apps: Vec<AppSetup>,
    /// Media.
    pub media: MediaSetup,
    /// Conferences.
    pub conference: ConferenceSetup,
    /// Recording.
    pub recording: RecordingSetup,
    /// Forks of audio.
    pub fork: ForkSetup,
    /// Where lines are, for lineTranslateAddress and callers' numbers.
    pub translation: Arc<Locations>,
    /// Where calls are parked.
    pub park: ParkSetup,
    /// What is dialled at the handset for a feature.
    pub features: FeatureCodes,
    /// The engine's own domain, for From and To.
    pub domain: String,
    /// SIP workers.
    pub sip_workers: u16,
    /// How long a destination may ring.
    pub ring_max: Duration,
    /// Calls at once; more are refused with 503.
    pub calls_max: u32,
    /// Calls at once that begin between ends which share no codec.
    pub transcoded_calls_max: u32,
    /// Subscriptions.
    pub watches: WatchSetup,
    /// How long a call waits for another owner when its application is gone and nobody else could end it.
    pub orphans_after: Duration,
    /// Forwarding.
    pub forward: ForwardSetup,
    /// Call completion.
    pub completion: CompletionSetup,
    /// What phones understand, before what is built in.
    pub vendors: Vec<VendorSetup>,
    /// Where messages are kept.
    pub voicemail: VoicemailSetup,
}

impl Default for Setup {
    /// An engine of one worker without lines, trunks, routes and applications.
    fn default() -> Self {
        Self {
            lines: Vec::new(),
            groups: Vec::new(),
            pages: Vec::new(),
            lists: Vec::new(),
            trunks: Vec::new(),
            routes: Vec::new(),
            apps: Vec::new(),
            media: MediaSetup::default(),
            conference: ConferenceSetup::default(),
            recording: RecordingSetup::default(),
            fork: ForkSetup::default(),
            translation: Arc::default(),
            park: ParkSetup::default(),
            features: FeatureCodes::default(),
            domain: "localhost".to_owned(),
            sip_workers: 1,
            ring_max: Duration::from_secs(120),
            calls_max: CALLS_MAX,
            transcoded_calls_max: TRANSCODED_CALLS_MAX,
            watches: WatchSetup::DEFAULT,
            orphans_after: Duration::from_secs(30),
            forward: ForwardSetup::default(),
            completion: CompletionSetup::default(),
            vendors: Vec::new(),
            voicemail: VoicemailSetup::default(),
        }
    }
}

/// Calls at once where nobody says how many.
const CALLS_MAX: u32 = 10_000;
