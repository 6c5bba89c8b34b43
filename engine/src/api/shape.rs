//! The JSON that is answered: names as the rule of names says, from what the switch and the location table show.

use std::time::Instant;

use serde::Serialize;
use trunkline_media::SrtpSuite;
use trunkline_sip::location::Binding;
use utoipa::ToSchema;

use super::arguments::hex;
use super::messages::Messages;
use super::timestamp::Anchor;
use crate::switch::{
    self, CallId, CallView, DirectionView, ForkView, LineView, MediaView, ParkedView, PartyView, PlaceView,
    RecordingView, TrunkView,
};

/// A line as this application sees it.
#[derive(Serialize, ToSchema)]
pub(super) struct Line {
    /// The address.
    #[schema(example = "1001")]
    address: String,
    /// The name a person reads.
    name: String,
    /// `phone`, `local` or `trunk`.
    kind: &'static str,
    /// Whether it can be reached: a phone has a contact, the others always can.
    registered: bool,
    /// Contacts of a phone.
    contacts: usize,
    /// Calls on it that this application has a handle to.
    calls: Vec<String>,
    /// Where its calls go instead: what `forward` set.
    forwarding: Vec<ForwardEntry>,
    /// Rings before a call counts as not answered.
    rings: u32,
    /// Whether every call is refused: an unconditional entry without destination.
    do_not_disturb: bool,
    /// Call completions that are outstanding: `uncomplete-call` cancels them.
    completions: Vec<u32>,
    /// Its voice messages: what `PUT /v1/lines/{line}/messages` or the voicemail trunk said last.
    messages: Messages,
    /// Operations on the line that would be accepted now.
    #[schema(example = json!(["forward", "get-new-calls", "make-call", "translate-address"]))]
    features: Vec<&'static str>,
}

/// LINEFORWARD: one entry of where calls go instead.
#[derive(Serialize, ToSchema)]
pub(super) struct ForwardEntry {
    /// LINEFORWARDMODE_.
    #[schema(example = "noansw")]
    mode: &'static str,
    /// Whose calls, with the specific modes.
    caller: Option<String>,
    /// Where to; null: do not disturb.
    #[schema(example = "1003")]
    destination: Option<String>,
}

impl From<switch::ForwardEntry> for ForwardEntry {
    fn from(entry: switch::ForwardEntry) -> Self {
        Self {
            mode: entry.mode.name(),
            caller: entry.caller.map(|caller| caller.to_string()),
            destination: entry.destination.map(|destination| destination.to_string()),
        }
    }
}

impl From<LineView> for Line {
    fn from(line: LineView) -> Self {
        let disturbs_nobody = |entry: &switch::ForwardEntry| {
            entry.mode == switch::ForwardMode::Uncond && entry.destination.is_none()
        };
        Self {
            do_not_disturb: line.forwarding.iter().any(disturbs_nobody),
            forwarding: line.forwarding.into_iter().map(ForwardEntry::from).collect(),
            rings: line.rings,
            completions: line.completions.iter().map(|completion| completion.0).collect(),
            messages: line.messages.into(),
            address: line.address.to_string(),
            name: line.name,
            kind: line.kind.name(),
            registered: line.registered,
            contacts: line.contacts,
            calls: line.calls.iter().map(CallId::to_string).collect(),
            features: line.features,
        }
    }
}

/// A call as this application sees it.
#[derive(Serialize, ToSchema)]
pub(super) struct Call {
    /// The same for every application.
    #[schema(example = "c42")]
    id: String,
    /// The line that the call appears on.
    line: String,
    /// The address of that line.
    address: String,
    /// LINECALLSTATE_.
    #[schema(example = "connected")]
    state: &'static str,
    /// The mode of the state, where it has one: LINECONNECTEDMODE_, LINEDISCONNECTMODE_ …
    #[schema(example = "active")]
    state_mode: Option<&'static str>,
    /// `owner` or `monitor`.
    privilege: &'static str,
    /// Operations that would be accepted now: never more, never less.
    features: Vec<&'static str>,
    /// LINECALLORIGIN_.
    origin: &'static str,
    /// LINECALLREASON_.
    reason: &'static str,
    /// Who calls.
    caller: Party,
    /// Who was called.
    called: Party,
    /// Who answered.
    connected: Party,
    /// Who sent the call here: who forwarded, transferred or redirected it.
    redirecting: Party,
    /// Where the call was sent on to.
    redirection: Party,
    /// The completion that made the call.
    completion: Option<u32>,
    /// Calls that are joined with this one, or consult for it; of a conference and its members, each other.
    related: Vec<String>,
    /// LINEMEDIAMODE_.
    #[schema(example = json!(["interactivevoice"]))]
    media_modes: Vec<&'static str>,
    /// CallData, in hexadecimal.
    #[schema(example = "63617365203432")]
    call_data: String,
    /// The user-user information that came last, in hexadecimal (RFC 7433).
    #[schema(example = "0468656c6c6f")]
    user_user: String,
    /// What a trusted network found of the caller's number (STIR).
    #[schema(example = "TN-Validation-Passed")]
    verstat: Option<String>,
    /// When the state was entered (RFC 3339).
    #[schema(format = "date-time")]
    since: String,
    /// How the media of its station is; of a call that is over, how it was. Null while there was none.
    media: Option<Media>,
    /// How it is recorded; null: it is not.
    recording: Option<Recording>,
    /// Where its audio is forked to.
    forks: Vec<Fork>,
}

/// A fork of a call's audio.
#[derive(Serialize, ToSchema)]
pub(super) struct Fork {
    /// Its id.
    #[schema(example = "f3")]
    fork: String,
    /// `connecting` or `up`.
    #[schema(example = "up")]
    state: &'static str,
    /// Where to, without the query.
    #[schema(example = "ws://127.0.0.1:9000/listen")]
    url: String,
    /// When it was asked for.
    #[schema(example = "2026-11-22T19:33:19.123Z")]
    since: String,
}

impl Fork {
    fn new(fork: ForkView, anchor: &Anchor) -> Self {
        Self {
            fork: fork.fork.to_string(),
            state: if fork.is_up { "up" } else { "connecting" },
            url: fork.url,
            since: anchor.text(fork.since),
        }
    }
}

/// The recording of a call.
#[derive(Serialize, ToSchema)]
pub(super) struct Recording {
    /// `recording` or `paused`.
    state: &'static str,
    /// Whether the policy of the line demands it: then it cannot be stopped.
    demanded: bool,
    /// The file, from the directory of recordings on; null until it is there.
    #[schema(example = "20261122T193319Z-c42-1.wav")]
    path: Option<String>,
    /// When it began (RFC 3339).
    #[schema(format = "date-time")]
    since: String,
}

impl Recording {
    fn new(recording: RecordingView, anchor: &Anchor) -> Self {
        Self {
            state: if recording.is_paused { "paused" } else { "recording" },
            demanded: recording.is_demanded,
            path: recording.path.map(|path| path.to_string()),
            since: anchor.text(recording.since),
        }
    }
}

impl Call {
    pub(super) fn new(call: CallView, anchor: &Anchor) -> Self {
        Self {
            id: call.id.to_string(),
            line: call.line.to_string(),
            address: call.address.to_string(),
            state: call.state.name(),
            state_mode: call.state.mode_name(),
            privilege: call.privilege.name(),
            features: call.features.into_iter().map(|operation| operation.name()).collect(),
            origin: call.origin.name(),
            reason: call.reason.name(),
            caller: call.caller.into(),
            called: call.called.into(),
            connected: call.connected.into(),
            redirecting: call.redirecting.into(),
            redirection: call.redirection.into(),
            completion: call.completion.map(|completion| completion.0),
            related: call.related.iter().map(CallId::to_string).collect(),
            media_modes: call.media_modes.iter().map(|mode| mode.name()).collect(),
            call_data: hex(&call.data),
            user_user: hex(&call.user_user),
            verstat: call.verstat.as_deref().map(str::to_owned),
            since: anchor.text(call.since),
            media: call.media.map(|media| Media::new(&media, Some(anchor))),
            recording: call.recording.map(|recording| Recording::new(recording, anchor)),
            forks: call.forks.into_iter().map(|fork| Fork::new(fork, anchor)).collect(),
        }
    }
}

/// The media between the engine and the station of a call, or the network behind a trunk.
#[derive(Serialize, ToSchema)]
pub(super) struct Media {
    /// What the station speaks, by its name in SDP; `image/t38` while it faxes.
    #[schema(example = "PCMU")]
    codec: Option<&'static str>,
    /// Who forwards what the station says: `kernel` or `user` space; of a call that is over, most of it.
    path: &'static str,
    /// How the call sounded lately, by the worse direction: `good` (estimated MOS from 3.6), `fair` (from 3.1) or `poor`.
    quality: Option<&'static str>,
    /// What came from the station.
    received: Direction,
    /// What was sent to the station. What became of that only its RTCP tells.
    sent: Direction,
    /// From the engine to the station and back, in milliseconds, by RTCP (RFC 3550 §6.4.1).
    #[schema(example = 23.4)]
    round_trip_ms: Option<f64>,
    /// Packets from sources that may not speak there.
    foreign: u64,
    /// How packets between the engine and the station are protected; null: not at all.
    srtp: Option<Srtp>,
    /// Packets that are not authentic under that: forged, damaged, replayed, of another key, or before there was one.
    unauthentic: u64,
    /// When this was measured (RFC 3339): at most a few seconds ago, or at the end of the call.
    #[schema(format = "date-time")]
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<String>,
}

/// SRTP between the engine and a station.
#[derive(Serialize, ToSchema)]
pub(super) struct Srtp {
    /// Where its keys come from: `sdes` (in SDP, RFC 4568) or `dtls` (a handshake, RFC 5764).
    keys: &'static str,
    /// What packets are sealed with, by its name in SDP; null while a handshake has agreed nothing: until then nothing passes.
    #[schema(example = "AES_CM_128_HMAC_SHA1_80")]
    suite: Option<&'static str>,
}

/// One direction of a call's media since its station has it. What is not known is null.
#[derive(Serialize, ToSchema)]
pub(super) struct Direction {
    /// RTP packets, and datagrams of fax.
    packets: u64,
    /// Their headers and payload, in bytes.
    bytes: u64,
    /// Packets that did not arrive.
    lost: Option<u64>,
    /// The same of those that were sent (with `sent`: until the station's last report), in percent.
    #[schema(example = 0.25)]
    loss_percent: Option<f64>,
    /// Interarrival jitter (RFC 3550), in milliseconds.
    #[schema(example = 3.125)]
    jitter_ms: Option<f64>,
    /// Packets that arrived after one with a higher sequence number.
    late: Option<u64>,
    /// Packets that arrived more than once.
    duplicates: Option<u64>,
    /// The mean opinion score, 1 to 4.41, estimated from codec, loss and delay (ITU-T G.107, simplified).
    #[schema(example = 4.36)]
    mos: Option<f64>,
}

impl Media {
    pub(super) fn new(media: &MediaView, anchor: Option<&Anchor>) -> Self {
        Self {
            codec: media.codec,
            path: if media.in_kernel { "kernel" } else { "user" },
            quality: media.grade.map(|grade| grade.name()),
            received: media.received.into(),
            sent: media.sent.into(),
            round_trip_ms: media.round_trip_us.map(milliseconds),
            foreign: media.foreign,
            srtp: media.secured.keys().map(|keys| {
                let suite = media.secured.suite().map(SrtpSuite::name);
                Srtp { keys, suite }
            }),
            unauthentic: media.unauthentic,
            measured: anchor.map(|anchor| anchor.text(media.measured)),
        }
    }
}

impl From<DirectionView> for Direction {
    fn from(direction: DirectionView) -> Self {
        Self {
            packets: direction.packets,
            bytes: direction.bytes,
            lost: direction.lost,
            loss_percent: direction.loss_ppm.map(|ppm| f64::from(ppm) / 10_000.0),
            jitter_ms: direction.jitter_us.map(milliseconds),
            late: direction.late,
            duplicates: direction.duplicates,
            mos: direction.mos_x100.map(|mos_x100| f64::from(mos_x100) / 100.0),
        }
    }
}

fn milliseconds(us: u32) -> f64 {
    f64::from(us) / 1_000.0
}

/// A party as a person reads it.
#[derive(Serialize, ToSchema)]
pub(super) struct Party {
    /// The number or user part; empty where it is not known.
    number: String,
    /// The name; empty where it is not known.
    name: String,
    /// LINECALLPARTYID_BLOCKED: the party does not want to be known. Number and name, where there are any, are for the
    /// application alone: do not show them to whoever talks with the party.
    blocked: bool,
}

impl From<PartyView> for Party {
    fn from(party: PartyView) -> Self {
        Self { number: party.number, name: party.name, blocked: party.is_blocked }
    }
}

/// A parked call.
#[derive(Serialize, ToSchema)]
pub(super) struct Parked {
    /// The park address: `unpark` takes it, and so does a phone that dials it.
    #[schema(example = "701")]
    parked_at: String,
    /// The line that parked it.
    line: String,
    /// Who waits.
    party: Party,
    /// The call of who waits, on its own line.
    #[schema(example = "c42")]
    call: String,
    /// Since when (RFC 3339).
    #[schema(format = "date-time")]
    since: String,
}

impl Parked {
    pub(super) fn new(parked: ParkedView, anchor: &Anchor) -> Self {
        Self {
            parked_at: parked.slot.to_string(),
            line: parked.line.to_string(),
            party: parked.party.into(),
            call: parked.call.to_string(),
            since: anchor.text(parked.since),
        }
    }
}

/// A trunk.
#[derive(Serialize, ToSchema)]
pub(super) struct Trunk {
    /// The name; also the address of its line.
    name: String,
    /// The host of its peer.
    domain: String,
    /// Calls at this moment, both directions.
    calls: u32,
    /// The most there may be.
    max_calls: u32,
    /// Whether calls can be expected to pass: it is registered where it has to be, and a peer that is asked by OPTIONS answers.
    in_service: bool,
    /// How it stands with its registrar; null: it does not register.
    registration: Option<TrunkRegistration>,
    /// Calls out that may begin within a second; null: no limit.
    calls_per_second: Option<u32>,
    /// Where its calls go, in the order of the configuration.
    peers: Vec<TrunkPlace>,
}

/// A place that calls of a trunk go to.
#[derive(Serialize, ToSchema)]
pub(super) struct TrunkPlace {
    /// Transport and address.
    #[schema(example = "udp:198.51.100.7:5060")]
    peer: String,
    /// `up`: calls go there. They go there only where nobody else is left in the others: `resting`: it was silent or overloaded;
    /// `down`: it is asked by OPTIONS, and does not answer.
    state: &'static str,
    /// For how many seconds it rests; null where it does not.
    rests_s: Option<u64>,
    /// How a call, or an OPTIONS, failed there last; null: none did.
    last_failure: Option<TrunkFailure>,
}

/// How a trunk stands with its registrar.
#[derive(Serialize, ToSchema)]
pub(super) struct TrunkRegistration {
    /// Whether it is registered.
    registered: bool,
    /// Since when.
    #[schema(format = DateTime)]
    since: Option<String>,
    /// How long it lasts if it is not refreshed, in seconds.
    expires_s: Option<u64>,
    /// Where it is registered, or was asked last.
    #[schema(example = "udp:198.51.100.7:5060")]
    peer: Option<String>,
    /// What failed last; null: nothing did.
    last_failure: Option<TrunkFailure>,
    /// In how many seconds it is tried again; null while it is registered, or asked.
    retry_s: Option<u64>,
}

/// What failed at a peer of a trunk.
#[derive(Serialize, ToSchema)]
pub(super) struct TrunkFailure {
    /// The SIP status; 408 where no answer came. Of a registration also 503, where the request could not be sent.
    status: u16,
    /// When.
    #[schema(format = DateTime)]
    at: String,
}

impl Trunk {
    pub(super) fn new(trunk: TrunkView, anchor: &Anchor, now: Instant) -> Self {
        let failure = |(status, at)| TrunkFailure { status, at: anchor.text(at) };
        let left = |until: Instant| until.saturating_duration_since(now).as_secs();
        let registration = trunk.registration.map(|known| TrunkRegistration {
            registered: known.since.is_some(),
            since: known.since.map(|since| anchor.text(since)),
            expires_s: known.until.map(left),
            peer: known.peer.map(|(transport, address)| format!("{}:{address}", transport.name())),
            last_failure: known.failure.map(failure),
            retry_s: known.again_at.map(left),
        });
        let place = |place: PlaceView| TrunkPlace {
            peer: format!("{}:{}", place.transport.name(), place.address),
            state: match place.rests(now) {
                _ if place.is_down => "down",
                Some(_) => "resting",
                None => "up",
            },
            rests_s: place.rests(now).map(|left| left.as_secs()),
            last_failure: place.failure.map(failure),
        };
        Self {
            name: trunk.name.to_string(),
            domain: trunk.domain,
            calls: trunk.calls,
            max_calls: trunk.calls_max,
            in_service: trunk.is_in_service,
            registration,
            calls_per_second: trunk.calls_per_second,
            peers: trunk.places.into_iter().map(place).collect(),
        }
    }
}

/// One contact of a phone.
#[derive(Serialize, ToSchema)]
pub(super) struct Registration {
    /// The line.
    line: String,
    /// The Contact URI.
    #[schema(example = "sip:1001@192.0.2.17:5060")]
    contact: String,
    /// `udp` or `tcp`.
    transport: &'static str,
    /// Where its requests come from.
    remote: String,
    /// User-Agent of the phone.
    user_agent: String,
    /// Preference, 0 to 1.
    q: f64,
    /// Seconds until it ends.
    expires_s: u64,
}

impl Registration {
    pub(super) fn new(line: &str, binding: &Binding, now: Instant) -> Self {
        Self {
            line: line.to_owned(),
            contact: binding.contact.to_string(),
            transport: binding.flow.transport.name(),
            remote: binding.flow.remote.to_string(),
            user_agent: binding.user_agent.to_string(),
            q: f64::from(binding.q_milli) / 1000.0,
            expires_s: binding.expires.saturating_duration_since(now).as_secs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use serde_json::json;
    use trunkline_media::Secured;

    use super::*;
    use crate::driver::clock;
    use crate::switch::ForkId;
    use crate::switch::{
        CallOperation, CallOrigin, CallPrivilege, CallReason, CallState, CompletionId, ConnectedMode,
        DisconnectMode, ForwardMode, Grade, LineKind, MediaMode, MessageCounts, RegistrationView,
    };

    fn view() -> CallView {
        CallView {
            id: CallId(42),
            line: "1001".into(),
            address: "1001".into(),
            state: CallState::Connected(ConnectedMode::ActiveHeld),
            privilege: CallPrivilege::Owner,
            features: vec![CallOperation::DeallocateCall, CallOperation::Drop],
            origin: CallOrigin::Internal,
            reason: CallReason::FwdNoAnswer,
            caller: PartyView { number: "1002".into(), name: "Workshop".into(), is_blocked: true },
            called: PartyView::new("1001".into(), String::new()),
            connected: PartyView::default(),
            redirecting: PartyView::new("1005".into(), String::new()),
            redirection: PartyView::default(),
            completion: Some(CompletionId(3)),
            related: vec![CallId(43)],
            since: clock::now(),
            media_modes: vec![MediaMode::InteractiveVoice],
            data: Bytes::from_static(b"case"),
            user_user: Bytes::from_static(b"\x04hi"),
            verstat: Some("TN-Validation-Passed".into()),
            media: None,
            recording: None,
            forks: Vec::new(),
        }
    }

    #[test]
    fn the_media_of_a_call_reads_as_documented() {
        let received = DirectionView {
            packets: 990,
            bytes: 170_280,
            lost: Some(10),
            loss_ppm: Some(10_000),
            jitter_us: Some(3_125),
            late: Some(2),
            duplicates: Some(1),
            mos_x100: Some(431),
        };
        let sent = DirectionView { packets: 1_000, bytes: 172_000, ..DirectionView::default() };
        let media = MediaView {
            codec: Some("PCMU"),
            received,
            sent,
            round_trip_us: Some(23_400),
            grade: Some(Grade::Good),
            in_kernel: true,
            foreign: 3,
            secured: Secured::Dtls(Some(SrtpSuite::Aes128Gcm)),
            unauthentic: 4,
            measured: clock::now(),
        };
        let call = CallView { media: Some(media), ..view() };
        let mut call = serde_json::to_value(Call::new(call, &Anchor::new())).unwrap();
        let measured = call["media"].as_object_mut().unwrap().remove("measured").unwrap();
        assert!(measured.as_str().unwrap().ends_with('Z'));
        assert_eq!(
            call["media"],
            json!({
                "codec": "PCMU", "path": "kernel", "quality": "good", "round_trip_ms": 23.4, "foreign": 3,
                "srtp": {"keys": "dtls", "suite": "AEAD_AES_128_GCM"}, "unauthentic": 4,
                "received": {"packets": 990, "bytes": 170_280, "lost": 10, "loss_percent": 1.0, "jitter_ms": 3.125,
                             "late": 2, "duplicates": 1, "mos": 4.31},
                "sent": {"packets": 1_000, "bytes": 172_000, "lost": null, "loss_percent": null, "jitter_ms": null,
                         "late": null, "duplicates": null, "mos": null},
            })
        );
    }

    #[test]
    fn a_fork_reads_as_documented() {
        for (is_up, state) in [(false, "connecting"), (true, "up")] {
            let url = "ws://127.0.0.1:9000/".to_owned();
            let fork = ForkView { fork: ForkId(3), is_up, url: url.clone(), since: clock::now() };
            let call = CallView { forks: vec![fork], ..view() };
            let mut call = serde_json::to_value(Call::new(call, &Anchor::new())).unwrap();
            let since = call["forks"][0].as_object_mut().unwrap().remove("since").unwrap();
            assert!(since.as_str().unwrap().ends_with('Z'), "{since}");
            assert_eq!(call["forks"], json!([{"fork": "f3", "state": state, "url": url}]));
        }
    }

    #[test]
    fn a_recording_reads_as_documented() {
        for (is_paused, state) in [(false, "recording"), (true, "paused")] {
            let recording = RecordingView {
                is_paused,
                is_demanded: is_paused,
                path: Some("a.wav".into()),
                since: clock::now(),
            };
            let call = CallView { recording: Some(recording), ..view() };
            let mut call = serde_json::to_value(Call::new(call, &Anchor::new())).unwrap();
            let since = call["recording"].as_object_mut().unwrap().remove("since").unwrap();
            assert!(since.as_str().unwrap().ends_with('Z'));
            assert_eq!(call["recording"], json!({"state": state, "demanded": is_paused, "path": "a.wav"}));
        }
    }

    #[test]
    fn a_call_reads_as_documented() {
        let party = |number: &str| json!({"number": number, "name": "", "blocked": false});
        let mut call = serde_json::to_value(Call::new(view(), &Anchor::new())).unwrap();
        let since = call.as_object_mut().unwrap().remove("since").unwrap();
        assert!(since.as_str().unwrap().ends_with('Z'));
        assert_eq!(
            call,
            json!({
                "id": "c42", "line": "1001", "address": "1001", "state": "connected", "state_mode": "activeheld",
                "privilege": "owner", "features": ["deallocate-call", "drop"], "origin": "internal",
                "reason": "fwdnoanswer", "caller": {"number": "1002", "name": "Workshop", "blocked": true},
                "called": party("1001"), "connected": party(""), "redirecting": party("1005"),
                "redirection": party(""),
                "completion": 3,
                "related": ["c43"], "media_modes": ["interactivevoice"], "call_data": "63617365", "user_user": "046869", "verstat": "TN-Validation-Passed",
                "media": null,
                "recording": null,
                "forks": [],
            })
        );
    }

    #[test]
    fn a_state_without_a_mode_says_so() {
        let mode =
            |state| serde_json::to_value(Call::new(CallView { state, ..view() }, &Anchor::new())).unwrap();
        assert_eq!(mode(CallState::OnHold)["state_mode"], json!(null));
        assert_eq!(mode(CallState::Disconnected(DisconnectMode::NoAnswer))["state_mode"], "noanswer");
    }

    #[test]
    fn a_line_and_a_trunk_read_as_documented() {
        let line = LineView {
            address: "1001".into(),
            name: "Reception".into(),
            kind: LineKind::Phone,
            registered: true,
            contacts: 2,
            calls: vec![CallId(1)],
            forwarding: vec![switch::ForwardEntry {
                mode: ForwardMode::Uncond,
                caller: None,
                destination: None,
            }],
            rings: 4,
            completions: vec![CompletionId(3)],
            messages: MessageCounts { is_waiting: true, new: 2, old: 8, urgent_new: 0, urgent_old: 1 },
            features: vec!["make-call"],
        };
        assert_eq!(
            serde_json::to_value(Line::from(line)).unwrap(),
            json!({"address": "1001", "name": "Reception", "kind": "phone", "registered": true, "contacts": 2,
                   "calls": ["c1"], "features": ["make-call"], "rings": 4, "do_not_disturb": true,
                   "completions": [3],
                   "messages": {"waiting": true, "new": 2, "old": 8, "urgent_new": 0, "urgent_old": 1},
                   "forwarding": [{"mode": "uncond", "caller": null, "destination": null}]})
        );
        let now = clock::now();
        let place = PlaceView {
            transport: trunkline_sip::transport::Transport::Udp,
            address: "192.0.2.7:5060".parse().unwrap(),
            rests_until: Some(now + Duration::from_secs(20)),
            is_down: false,
            failure: None,
        };
        let trunk = |registration| TrunkView {
            name: "carrier".into(),
            domain: "sip.example".into(),
            calls: 3,
            calls_max: 60,
            is_in_service: true,
            registration,
            calls_per_second: Some(5),
            places: vec![place],
        };
        let shown = |trunk| serde_json::to_value(Trunk::new(trunk, &Anchor::new(), now)).unwrap();
        assert_eq!(
            shown(trunk(None)),
            json!({"name": "carrier", "domain": "sip.example", "calls": 3, "max_calls": 60, "in_service": true,
                   "registration": null, "calls_per_second": 5,
                   "peers": [{"peer": "udp:192.0.2.7:5060", "state": "resting", "rests_s": 20, "last_failure": null}]})
        );
        let peer = (trunkline_sip::transport::Transport::Udp, "192.0.2.7:5060".parse().unwrap());
        let failed = RegistrationView {
            peer: Some(peer),
            failure: Some((403, now)),
            again_at: Some(now + Duration::from_secs(90)),
            ..RegistrationView::default()
        };
        let failed = shown(trunk(Some(failed)));
        assert!(failed["registration"]["last_failure"]["at"].is_string(), "{failed}");
        assert_eq!(
            (&failed["registration"]["registered"], &failed["registration"]["last_failure"]["status"]),
            (&json!(false), &json!(403))
        );
        assert_eq!(failed["registration"]["retry_s"], 90);
        assert_eq!(failed["registration"]["peer"], "udp:192.0.2.7:5060");
        let until = Some(now + Duration::from_secs(300));
        let registered =
            shown(trunk(Some(RegistrationView { since: Some(now), until, ..RegistrationView::default() })));
        assert_eq!(registered["registration"]["expires_s"], 300);
    }

    #[test]
    fn a_parked_call_tells_where_and_who() {
        let parked = ParkedView {
            slot: "701".into(),
            line: "1001".into(),
            party: PartyView::new("1002".into(), "Workshop".into()),
            call: CallId(5),
            since: clock::now(),
        };
        let mut parked = serde_json::to_value(Parked::new(parked, &Anchor::new())).unwrap();
        assert!(parked.as_object_mut().unwrap().remove("since").is_some());
        assert_eq!(
            parked,
            json!({"parked_at": "701", "line": "1001", "call": "c5",
                   "party": {"number": "1002", "name": "Workshop", "blocked": false}})
        );
    }

    #[test]
    fn a_registration_tells_how_long_it_lasts() {
        let now = clock::now();
        let flow = trunkline_sip::transport::Flow {
            transport: trunkline_sip::transport::Transport::Tcp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: "192.0.2.17:40000".parse().unwrap(),
            connection: Default::default(),
        };
        let binding = Binding {
            key: "k".into(),
            contact: "sip:1001@192.0.2.17".into(),
            params: "".into(),
            q_milli: 500,
            path: Box::default(),
            flow,
            call_id: "c".into(),
            cseq: 1,
            user_agent: "Phone/1".into(),
            expires: now + Duration::from_secs(90),
        };
        assert_eq!(
            serde_json::to_value(Registration::new("1001", &binding, now)).unwrap(),
            json!({"line": "1001", "contact": "sip:1001@192.0.2.17", "transport": "tcp",
                   "remote": "192.0.2.17:40000", "user_agent": "Phone/1", "q": 0.5, "expires_s": 90})
        );
    }
}
