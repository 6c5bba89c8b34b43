//! Quality figures of calls: what the relay counted of a call's station, and how that sounds.
//!
//! The relay is asked in turns, `ASK_EVERY` for a leg, and says its last when the leg closes. A call that is read shows what was
//! said last: nobody waits for the relay.
//!
//! Both directions are seen from the relay: `received` is what came from the station (or the network behind a trunk), `sent` what
//! was sent there, as far as its RTCP tells. What another network lost before is counted on the call there, not here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_media::{Codec, FarReport, ForeignCodec, Impairment, LegStats, Remote, Secured, Way};
use trunkline_sip::LegId;

use super::Switch;
use super::ids::CallId;
use super::message::Message;
use super::outbox::Outbox;
use super::session::encoding_number;

/// How often the relay is asked for the figures of a leg.
pub(super) const ASK_EVERY: Duration = Duration::from_secs(5);

/// Who is to be asked within this time is asked at once: a thread that wakes for each of them costs more than the asking.
pub(super) const ASK_EARLY: Duration = Duration::from_millis(250);

/// How many legs are asked for at once, and how long the others wait then: an engine with more than 6,400 legs asks for each less
/// often.
pub(super) const ASKS_AT_ONCE: usize = 128;
/// See [`ASKS_AT_ONCE`].
pub(super) const ASK_PAUSE: Duration = Duration::from_millis(100);

/// The packets that a direction must have had since the last answer to be judged by them: a second of speech.
const JUDGED_FROM_PACKETS: u64 = 50;

/// From which mean opinion score on a call is fair, and good, in hundredths: R 60 and 70 of ITU-T G.109, where many users are
/// dissatisfied below, and some.
const FAIR_FROM_X100: u16 = 310;
/// See [`FAIR_FROM_X100`].
const GOOD_FROM_X100: u16 = 360;
/// How far beyond it a call must be to count as better than before.
const MARGIN_X100: u16 = 15;

/// What a station of fax speaks: the media type of T.38 (RFC 3362).
const FAX: &str = "image/t38";

/// The media of a call's station.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MediaView {
    /// What it speaks, by its name in SDP, or `image/t38`; `None` before it spoke, and for what has no well-known name.
    pub codec: Option<&'static str>,
    /// What came from it.
    pub received: DirectionView,
    /// What was sent to it.
    pub sent: DirectionView,
    /// From the relay to it and back, in microseconds; `None` while it has answered no RTCP report.
    pub round_trip_us: Option<u32>,
    /// How the call sounded lately; `None` before the first second of speech.
    pub grade: Option<Grade>,
    /// Whether what it says is forwarded by the kernel; of media that is over, whether most of it was.
    pub in_kernel: bool,
    /// Packets from sources that may not speak there.
    pub foreign: u64,
    /// How packets between the relay and it are protected.
    pub secured: Secured,
    /// Packets that are not authentic under that: forged, damaged, replayed, of another key, or before there was one.
    pub unauthentic: u64,
    /// When the relay said so.
    pub measured: Instant,
}

/// One direction of the media of a station, from the beginning of its leg. What is not known is `None`: of what is sent only RTCP
/// of the far end tells what became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DirectionView {
    /// RTP packets, and datagrams of fax (UDPTL).
    pub packets: u64,
    /// Of RTP packets headers and payload, in bytes.
    pub bytes: u64,
    /// Packets that did not arrive.
    pub lost: Option<u64>,
    /// The same in millionths of those that were sent, in the direction `sent` until the far end's last report.
    pub loss_ppm: Option<u32>,
    /// Interarrival jitter (RFC 3550 A.8), in microseconds.
    pub jitter_us: Option<u32>,
    /// Packets that came after one with a higher sequence number.
    pub late: Option<u64>,
    /// Packets that came more than once.
    pub duplicates: Option<u64>,
    /// The mean opinion score, estimated from codec, loss and delay (ITU-T G.107), in hundredths: 100 to 441.
    pub mos_x100: Option<u16>,
}

impl MediaView {
    /// What the far end never had, or said, tells nothing.
    pub const fn is_empty(&self) -> bool {
        self.received.packets == 0 && self.sent.packets == 0 && self.unauthentic == 0
    }
}

/// How a call sounds, by the worse of its two directions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Grade {
    /// Nearly all users are dissatisfied.
    Poor,
    /// Many are.
    Fair,
    /// Some, or none.
    Good,
}

impl Grade {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Poor => "poor",
            Self::Fair => "fair",
            Self::Good => "good",
        }
    }

    const fn of(mos_x100: u16) -> Self {
        match mos_x100 {
            GOOD_FROM_X100.. => Self::Good,
            FAIR_FROM_X100.. => Self::Fair,
            _ => Self::Poor,
        }
    }

    /// The grade after this one: worse at once, better only with a margin, so that a call at a threshold does not flutter.
    fn after(before: Option<Self>, mos_x100: u16) -> Self {
        let plain = Self::of(mos_x100);
        match before {
            Some(before) if plain > before => Self::of(mos_x100.saturating_sub(MARGIN_X100)).max(before),
            Some(_) | None => plain,
        }
    }
}

/// The media of a leg that is closed, for log and statistics.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndedMedia {
    /// The call that it was last of.
    pub call: CallId,
    /// The line of that call.
    pub line: Arc<str>,
    /// The figures.
    pub media: MediaView,
}

/// What the relay counted on all legs since the start. Of video and text only what is wrong with the packets, for they are none of speech.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MediaTotals {
    /// RTP packets received.
    pub packets_received: u64,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// Packets that did not arrive.
    pub lost: u64,
    /// Packets that came after one with a higher sequence number.
    pub late: u64,
    /// Packets that came more than once.
    pub duplicates: u64,
    /// Packets from sources that may not speak.
    pub foreign: u64,
    /// SRTP packets that were forged, damaged, replayed, under another key, or came before a handshake agreed one.
    pub unauthentic: u64,
    /// Packets that are neither RTP nor RTCP.
    pub malformed: u64,
    /// Packets that nobody was to hear.
    pub unheard: u64,
    /// Packets that the kernel refused to send.
    pub send_failed: u64,
    /// Packets that the kernel dropped since they were not fetched in time.
    pub kernel_dropped: u64,
    /// Of the packets received, those that the kernel forwarded by itself.
    pub kernel_packets: u64,
    /// Datagrams of fax (UDPTL) received.
    pub datagrams_received: u64,
    /// Datagrams of fax sent.
    pub datagrams_sent: u64,
    /// Directions that the kernel forwards at this moment.
    pub flows_in_kernel: u64,
}

impl MediaTotals {
    /// Adds what a leg counted between two answers, one of speech or of fax, or of what is beside it.
    pub(super) fn add(&mut self, before: &LegStats, after: &LegStats, is_speech: bool) {
        type Count = fn(&LegStats) -> u64;
        let counts: [(&mut u64, Count); 5] = [
            (&mut self.foreign, |stats| stats.foreign),
            (&mut self.unauthentic, |stats| stats.unauthentic),
            (&mut self.malformed, |stats| stats.malformed),
            (&mut self.send_failed, |stats| stats.send_failed),
            (&mut self.kernel_dropped, |stats| stats.kernel_dropped),
        ];
        let of_speech: [(&mut u64, Count); 9] = [
            (&mut self.packets_received, |stats| stats.packets_received),
            (&mut self.packets_sent, |stats| stats.packets_sent),
            (&mut self.lost, |stats| stats.lost),
            (&mut self.late, |stats| stats.late),
            (&mut self.duplicates, |stats| stats.duplicates),
            (&mut self.unheard, |stats| stats.unheard),
            (&mut self.kernel_packets, |stats| stats.kernel_packets),
            (&mut self.datagrams_received, |stats| stats.datagrams_received),
            (&mut self.datagrams_sent, |stats| stats.datagrams_sent),
        ];
        for (total, count) in counts.into_iter().chain(of_speech.into_iter().filter(|_| is_speech)) {
            // Loss goes back when a late packet comes; a total does not.
            *total += count(after).saturating_sub(count(before));
        }
    }
}

/// What the relay said of a leg.
#[derive(Clone, Debug)]
pub(super) struct Figures {
    /// `None`: nothing was counted so far. Aside, for a leg that rings has none.
    stats: Option<Box<LegStats>>,
    measured: Instant,
    codec: Option<&'static str>,
    grade: Option<Grade>,
}

impl Figures {
    /// No figures so far.
    pub(super) fn new(now: Instant) -> Self {
        Self { stats: None, measured: now, codec: None, grade: None }
    }

    /// What the relay said last.
    pub(super) fn stats(&self) -> LegStats {
        self.stats.as_deref().copied().unwrap_or_default()
    }

    /// The leg is not where its packets were forwarded by the kernel; whether they were.
    pub(super) fn lose_flow(&mut self) -> bool {
        self.stats.as_mut().is_some_and(|stats| std::mem::replace(&mut stats.in_kernel, false))
    }

    /// Takes an answer. Whether the call is of another grade from here on.
    pub(super) fn take(&mut self, now: Instant, stats: LegStats, remote: Option<&Remote>) -> bool {
        let before = self.stats();
        match &mut self.stats {
            Some(kept) => **kept = stats,
            None if stats == LegStats::default() => {}
            None => self.stats = Some(Box::new(stats)),
        }
        self.measured = now;
        if remote.is_some_and(|remote| remote.opaque) {
            self.codec = Some(FAX);
        } else if let Some(payload_type) = stats.payload_type {
            self.codec = encoding_name(remote, payload_type);
        }
        let codec = impairment(self.codec);
        let judged = [received(&before, &stats), sent(&before, &stats)].into_iter().flatten();
        let judged = judged.filter(|way| way.arrived + way.lost >= JUDGED_FROM_PACKETS);
        let Some(mos_x100) = judged.filter_map(|way| way.mos_x100(codec)).min() else { return false };
        let graded = self.grade.replace(Grade::after(self.grade, mos_x100));
        // A call is taken for good before it is known.
        self.grade != Some(graded.unwrap_or(Grade::Good))
    }

    /// As an application sees them when the leg is closed.
    pub(super) fn last_view(&self) -> MediaView {
        let stats = self.stats();
        let in_kernel = stats.kernel_packets > stats.packets_received / 2;
        MediaView { in_kernel, ..self.view() }
    }

    /// As an application sees them.
    pub(super) fn view(&self) -> MediaView {
        let stats = &self.stats();
        let nothing = LegStats::default();
        let codec = impairment(self.codec);
        let (heard, said) = (received(&nothing, stats), sent(&nothing, stats));
        MediaView {
            codec: self.codec,
            received: DirectionView {
                packets: stats.packets_received + stats.datagrams_received,
                bytes: stats.bytes_received,
                late: heard.map(|_| stats.late),
                duplicates: heard.map(|_| stats.duplicates),
                ..direction(heard, codec)
            },
            sent: DirectionView {
                packets: stats.packets_sent + stats.datagrams_sent,
                bytes: stats.bytes_sent,
                ..direction(said, codec)
            },
            round_trip_us: stats.round_trip_us,
            grade: self.grade,
            in_kernel: stats.in_kernel,
            foreign: stats.foreign,
            secured: stats.secured,
            unauthentic: stats.unauthentic,
            measured: self.measured,
        }
    }
}

fn direction(way: Option<Way>, codec: Impairment) -> DirectionView {
    DirectionView {
        lost: way.map(|way| way.lost),
        loss_ppm: way.and_then(|way| way.loss_ppm()),
        jitter_us: way.map(|way| way.jitter_us),
        mos_x100: way.and_then(|way| way.mos_x100(codec)),
        ..DirectionView::default()
    }
}

/// What came from a far end between two answers; `None` before its first packet.
fn received(before: &LegStats, after: &LegStats) -> Option<Way> {
    let unique = |stats: &LegStats| stats.packets_received.saturating_sub(stats.duplicates);
    (after.packets_received > 0).then(|| Way {
        arrived: unique(after).saturating_sub(unique(before)),
        lost: after.lost.saturating_sub(before.lost),
        jitter_us: after.jitter_us,
        round_trip_us: after.round_trip_us.unwrap_or(0),
    })
}

/// What went to a far end between two answers; `None` before its first report.
fn sent(before: &LegStats, after: &LegStats) -> Option<Way> {
    let reported = after.reported?;
    let FarReport { packets, lost, .. } = before.reported.unwrap_or_default();
    let lost = reported.lost.saturating_sub(lost);
    let packets = reported.packets.saturating_sub(packets);
    Some(Way {
        arrived: packets.saturating_sub(lost),
        lost,
        jitter_us: reported.jitter_us,
        round_trip_us: after.round_trip_us.unwrap_or(0),
    })
}

fn impairment(codec: Option<&str>) -> Impairment {
    codec.map_or(Impairment::G711, Impairment::of_encoding)
}

/// The encodings of telephones that the relay only passes on: name, clock in hertz, channels.
const ENCODINGS: [(&str, u32, u8); 13] = [
    ("opus", 48_000, 2),
    ("G729", 8_000, 1),
    ("AMR", 8_000, 1),
    ("AMR-WB", 16_000, 1),
    ("EVS", 16_000, 1),
    ("iLBC", 8_000, 1),
    ("GSM", 8_000, 1),
    ("GSM-EFR", 8_000, 1),
    ("G723", 8_000, 1),
    ("G726-32", 8_000, 1),
    ("G728", 8_000, 1),
    ("speex", 8_000, 1),
    ("speex", 16_000, 1),
];

/// What a far end speaks under a payload type: by what was agreed, else by RFC 3551 table 4.
fn encoding_name(remote: Option<&Remote>, payload_type: u8) -> Option<&'static str> {
    let speaks = remote.map(|remote| remote.speaks).unwrap_or_default();
    if let Some(codec) = speaks.codec(payload_type) {
        return Some(own_name(codec));
    }
    if let Some((_, foreign)) = speaks.foreign().find(|(known, _)| *known == payload_type) {
        return foreign_name(foreign);
    }
    match payload_type {
        0 => Some("PCMU"),
        3 => Some("GSM"),
        4 => Some("G723"),
        8 => Some("PCMA"),
        9 => Some("G722"),
        15 => Some("G728"),
        18 => Some("G729"),
        _ => None,
    }
}

/// What was agreed with a far end, as far as it has well-known names: first what the relay speaks, too.
pub(super) fn encodings(remote: &Remote) -> impl Iterator<Item = &'static str> {
    let own = remote.speaks.speech().map(|(_, codec)| own_name(codec));
    let foreign = remote.speaks.foreign().filter_map(|(_, codec)| foreign_name(codec));
    own.chain(foreign).chain(remote.opaque.then_some(FAX))
}

const fn own_name(codec: Codec) -> &'static str {
    match codec {
        Codec::Pcmu => "PCMU",
        Codec::Pcma => "PCMA",
        Codec::G722 => "G722",
    }
}

fn foreign_name(codec: ForeignCodec) -> Option<&'static str> {
    let is = |(name, clock_hz, channels): &&(&str, u32, u8)| {
        encoding_number(name, *clock_hz, *channels) == codec.name
    };
    ENCODINGS.iter().find(is).map(|(name, ..)| *name)
}

impl Switch {
    /// What the relay counted on all legs, as far as it said.
    pub const fn media_totals(&self) -> MediaTotals {
        self.media.totals()
    }

    /// The relay says how far a leg is.
    pub(super) fn measured(&mut self, now: Instant, leg: LegId, stats: LegStats, out: &mut Outbox) {
        let crossed = self.media.measured(now, leg, stats);
        let call = self.legs.get(&leg).map(|entry| entry.call);
        let Some(call) = call.filter(|_| crossed) else { return };
        for user in self.users_of(leg, call) {
            self.tell_info(user, "qos", None, out);
        }
    }

    /// The call has no station any more: its figures stay with it.
    pub(super) fn keep_figures(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if let Some(media) = call.leg.and_then(|leg| self.media.view(leg)) {
            call.media = Some(Box::new(media));
        }
    }

    /// The relay has closed a leg of a call and says its last.
    pub(super) fn media_ended(&mut self, ended: EndedMedia, out: &mut Outbox) {
        self.tell_media_fact(&ended, out);
        if ended.media.is_empty() {
            return;
        }
        let EndedMedia { call: id, line, media } = &ended;
        if let Some(call) = self.calls.get_mut(id)
            && call.leg.is_none()
        {
            call.media = Some(Box::new(media.clone()));
            // Of a station that left a call, or only rang, nobody is told.
            if !call.is_alive() {
                for (app, _) in &call.handles {
                    let media = Box::new(media.clone());
                    out.messages
                        .push((*app, Message::CallQuality { call: *id, line: Arc::clone(line), media }));
                }
            }
        }
        out.ended.push(ended);
    }
}
