//! Digits and media that are generated, gathered and monitored (`lineGenerateDigits`, `lineGatherDigits`,
//! `lineMonitorDigits`, `lineMonitorMedia`), and digits that one side says in a way that the other does not take.
//!
//! Digits are those of the far party: of the other side's station, or of the network behind a trunk. One way of saying them
//! counts for a leg, the first that was seen, so that a phone that says each digit twice is heard once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_media::{Detection, DigitSource, DigitVia, MediaKind};
use trunkline_sip::LegId;
use trunkline_sip::outbox::Command;

use super::Switch;
use super::call::Call;
use super::call_state::CallState;
use super::error::LineError;
use super::ids::{AppId, CallId};
use super::message::Message;
use super::operation::{DigitMode, Gathering};
use super::outbox::Outbox;
use super::request::Asker;
use super::setup::LineKind;
use super::timers::Timer;
use super::view::MediaMode;

/// Digits that one request may gather.
pub(crate) const GATHERED_MAX: u32 = 1024;

/// Digits that one request may generate.
const GENERATED_MAX: usize = 256;

/// The longest timeout of `lineGatherDigits`.
const GATHER_TIMEOUT_MAX: Duration = Duration::from_secs(3600);

/// How often a station rings (LINEDEVSTATE_RINGING).
const RING_CYCLE: Duration = Duration::from_secs(6);

/// What applications wait for on a call.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Listening {
    digits: BTreeMap<AppId, Vec<DigitMode>>,
    media: BTreeMap<AppId, Vec<MediaMode>>,
    gathering: Option<Box<Gatherer>>,
}

impl Listening {
    /// Nobody waits for anything.
    pub(super) const fn new() -> Self {
        Self { digits: BTreeMap::new(), media: BTreeMap::new(), gathering: None }
    }
}

/// A `lineGatherDigits` that is under way.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Gatherer {
    app: AppId,
    request: Gathering,
    digits: String,
}

/// Digits that are being said for an application.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Generation {
    call: CallId,
    app: AppId,
}

/// By which way a leg says its digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DigitWay {
    /// SIP INFO.
    Info,
    /// RTP: events or tones.
    Media,
}

impl Switch {
    pub(super) fn can_generate_digits(&self, call: &Call) -> Result<(), LineError> {
        let leg = self.far_leg(call).and_then(|leg| self.legs.get(&leg));
        if leg.is_some_and(super::leg::Leg::is_up) { Ok(()) } else { Err(LineError::OperationUnavail) }
    }

    /// `lineGenerateDigits`. Success says that they are on their way; LINE_GENERATE that they are out.
    #[expect(clippy::too_many_arguments, reason = "the arguments of the function")]
    pub(super) fn generate_digits(
        &mut self,
        _now: Instant,
        asker: Asker,
        id: CallId,
        digits: Option<String>,
        duration: Option<Duration>,
        mode: Option<DigitMode>,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        if matches!(mode, Some(DigitMode::Pulse)) {
            return Err(LineError::InvalDigitMode);
        }
        if digits.as_ref().is_some_and(|digits| digits.len() > GENERATED_MAX) {
            return Err(LineError::InvalParam);
        }
        let call = self.calls.get(&id).ok_or(LineError::InvalCallHandle)?;
        let leg = self.far_leg(call).ok_or(LineError::OperationUnavail)?;
        asker.done(out);
        self.supersede_suffix(id, out);
        let Some(digits) = digits else {
            self.media.cancel_digits(leg, out);
            return Ok(());
        };
        let tone_ms = duration.map_or(0, |duration| u16::try_from(duration.as_millis()).unwrap_or(u16::MAX));
        self.generate(id, asker.app, leg, &digits, tone_ms, out);
        Ok(())
    }

    /// Has digits said for an application, which hears when they are out.
    pub(super) fn generate(
        &mut self,
        id: CallId,
        app: AppId,
        leg: LegId,
        digits: &str,
        tone_ms: u16,
        out: &mut Outbox,
    ) -> u32 {
        self.last_generation = self.last_generation.wrapping_add(1);
        let generation = self.last_generation;
        self.generations.insert(generation, Generation { call: id, app });
        self.media.say_digits(leg, generation, digits.as_bytes(), DigitVia::Event, tone_ms, out);
        generation
    }

    /// The relay said digits, or was kept from it.
    pub(super) fn generated(&mut self, generation: u32, cancelled: bool, out: &mut Outbox) {
        let Some(Generation { call, app }) = self.generations.remove(&generation) else { return };
        if self.suffix_said(call, generation, cancelled, out) {
            return;
        }
        let Some(line) = self.calls.get(&call).map(|call| Arc::clone(&call.line)) else { return };
        let reason = if cancelled { "cancel" } else { "done" };
        out.messages.push((app, Message::Generate { call, line, reason }));
    }

    /// Who speaks to a page group, and who listens to him, have no other side that could be heard.
    fn can_listen(&self, call: &Call) -> Result<(), LineError> {
        if self.pages.has(call.id) { Err(LineError::OperationUnavail) } else { Ok(()) }
    }

    pub(super) fn can_gather_digits(&self, call: &Call) -> Result<(), LineError> {
        self.can_listen(call)
    }

    /// `lineGatherDigits`: a request takes the place of the one before, which ends with what it has.
    pub(super) fn gather_digits(
        &mut self,
        now: Instant,
        asker: Asker,
        id: CallId,
        gathering: Option<Gathering>,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        if let Some(gathering) = &gathering {
            if gathering.count == 0 || gathering.count > GATHERED_MAX {
                return Err(LineError::InvalParam);
            }
            if gathering.termination.len() > 16 || !gathering.termination.bytes().all(is_digit) {
                return Err(LineError::InvalDigits);
            }
            let long =
                |timeout: Option<Duration>| timeout.is_some_and(|timeout| timeout > GATHER_TIMEOUT_MAX);
            if long(gathering.first_digit) || long(gathering.inter_digit) {
                return Err(LineError::InvalTimeout);
            }
        }
        asker.done(out);
        self.end_gathering(id, "cancel", out);
        if let Some(request) = gathering {
            if let Some(timeout) = request.first_digit {
                self.timers.start(id, Timer::Gather, now + timeout);
            }
            if let Some(call) = self.calls.get_mut(&id) {
                let gatherer = Gatherer { app: asker.app, request, digits: String::new() };
                call.listening.gathering = Some(Box::new(gatherer));
            }
        }
        self.listen(id, out);
        Ok(())
    }

    /// The next digit did not come in time.
    pub(super) fn gather_timeout(&mut self, id: CallId, out: &mut Outbox) {
        let gatherer = self.calls.get(&id).and_then(|call| call.listening.gathering.as_ref());
        let first = gatherer.is_some_and(|gatherer| gatherer.digits.is_empty());
        self.end_gathering(id, if first { "firsttimeout" } else { "intertimeout" }, out);
    }

    pub(super) fn can_monitor_digits(&self, call: &Call) -> Result<(), LineError> {
        self.can_listen(call)
    }

    /// `lineMonitorDigits`.
    pub(super) fn monitor_digits(
        &mut self,
        asker: Asker,
        id: CallId,
        modes: Vec<DigitMode>,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        if modes.contains(&DigitMode::Pulse) {
            return Err(LineError::InvalDigitMode);
        }
        asker.done(out);
        if let Some(call) = self.calls.get_mut(&id) {
            call.listening.digits.remove(&asker.app);
            if !modes.is_empty() {
                call.listening.digits.insert(asker.app, modes);
            }
        }
        self.listen(id, out);
        Ok(())
    }

    pub(super) fn can_monitor_media(&self, call: &Call) -> Result<(), LineError> {
        self.can_listen(call)
    }

    /// `lineMonitorMedia`: what is detected is told; the media mode of the call stays.
    pub(super) fn monitor_media(
        &mut self,
        asker: Asker,
        id: CallId,
        media_modes: Vec<MediaMode>,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let detectable = |mode: &MediaMode| matches!(mode, MediaMode::InteractiveVoice | MediaMode::G3Fax);
        if !media_modes.iter().all(detectable) {
            return Err(LineError::InvalMediaMode);
        }
        asker.done(out);
        if let Some(call) = self.calls.get_mut(&id) {
            call.listening.media.remove(&asker.app);
            if !media_modes.is_empty() {
                call.listening.media.insert(asker.app, media_modes);
            }
        }
        self.listen(id, out);
        Ok(())
    }

    /// A digit came by SIP INFO: it is one for who listens, and is said to the other side.
    pub(super) fn info_digit(
        &mut self,
        now: Instant,
        leg: LegId,
        digit: u8,
        duration_ms: u16,
        out: &mut Outbox,
    ) {
        if !is_digit(digit) && digit != b'!' {
            return;
        }
        if !self.counts(leg, DigitWay::Info) {
            return;
        }
        self.heard_digit(now, leg, digit, false, out);
        self.heard_digit(now, leg, digit, true, out);
        if let Some(other) =
            self.partner(leg).filter(|other| self.legs.get(other).is_some_and(|leg| leg.is_up()))
        {
            if self.media.takes_events(other) {
                self.media.say_digits(other, 0, &[digit], DigitVia::Event, duration_ms, out);
            } else {
                out.sip.push(Command::Digit(other, digit, duration_ms));
            }
        }
    }

    /// A digit was heard in the media of a leg. The relay passes events on; where the other side takes none, it is told
    /// them as tones.
    #[expect(clippy::too_many_arguments, reason = "what the relay tells")]
    pub(super) fn media_digit(
        &mut self,
        now: Instant,
        leg: LegId,
        digit: u8,
        source: DigitSource,
        duration_ms: u16,
        is_end: bool,
        out: &mut Outbox,
    ) {
        if !self.counts(leg, DigitWay::Media) {
            return;
        }
        self.heard_digit(now, leg, digit, is_end, out);
        let partner = self.partner(leg).filter(|_| is_end && source == DigitSource::Event);
        if let Some(other) = partner.filter(|other| !self.media.takes_events(*other)) {
            self.media.say_digits(other, 0, &[digit], DigitVia::Inband, duration_ms, out);
        }
    }

    /// The relay recognised the media of a leg.
    pub(super) fn media_detected(&mut self, leg: LegId, kind: MediaKind, out: &mut Outbox) {
        let media_mode = match kind {
            MediaKind::Voice => MediaMode::InteractiveVoice,
            MediaKind::Fax => MediaMode::G3Fax,
        };
        for id in self.listeners_of(leg) {
            let Some(call) = self.calls.get(&id) else { continue };
            let wants = |modes: &&Vec<MediaMode>| modes.contains(&media_mode);
            for app in call.listening.media.iter().filter(|(_, modes)| wants(modes)).map(|(app, _)| *app) {
                let line = Arc::clone(&call.line);
                out.messages.push((app, Message::MonitorMedia { call: id, line, media_mode }));
            }
        }
    }

    /// Says again what the relay ought to report of this leg.
    pub(super) fn tell_detection(&mut self, leg: LegId, out: &mut Outbox) {
        let mut detection = Detection::default();
        for id in self.listeners_of(leg) {
            let Some(call) = self.calls.get(&id) else { continue };
            let digits = !call.listening.digits.is_empty() || call.listening.gathering.is_some();
            detection.events |= digits;
            detection.inband |= digits;
            detection.media |= !call.listening.media.is_empty();
        }
        let deaf = || self.partner(leg).is_some_and(|other| !self.media.takes_events(other));
        detection.events |= self.media.takes_events(leg) && deaf();
        self.media.set_detection(leg, detection, out);
    }

    /// Nobody waits for anything on a call that is over.
    pub(super) fn stop_listening(&mut self, id: CallId, out: &mut Outbox) {
        self.end_gathering(id, "cancel", out);
        if let Some(few) = self.calls.get_mut(&id).and_then(Call::few) {
            few.listening = Listening::default();
        }
    }

    /// The station rings once more: LINE_LINEDEVSTATE (RINGING).
    pub(super) fn ring_cycle(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if !matches!(call.state, CallState::Offering(_) | CallState::Accepted) {
            return;
        }
        let (line, count) = (Arc::clone(&call.line), call.rings);
        call.rings = call.rings.saturating_add(1);
        self.tell_line_state(&line, "ringing", 1, count, None, out);
        self.timers.start(id, Timer::RingCycle, now + RING_CYCLE);
    }

    /// The calls whose far party's media this leg is.
    fn listeners_of(&self, leg: LegId) -> impl Iterator<Item = CallId> + use<> {
        let call = self.legs.get(&leg).and_then(|entry| self.calls.get(&entry.call));
        let peer = call.and_then(|call| self.calls.get(&call.peer?));
        let own = call.filter(|call| call.kind == LineKind::Trunk).map(|call| call.id);
        let other = peer.filter(|peer| peer.kind != LineKind::Trunk).map(|peer| peer.id);
        own.into_iter().chain(other)
    }

    /// Whether this way of saying digits is the one of the leg: the first that was seen is.
    fn counts(&mut self, leg: LegId, way: DigitWay) -> bool {
        self.legs.get_mut(&leg).is_some_and(|entry| *entry.digit_way.get_or_insert(way) == way)
    }

    fn heard_digit(&mut self, now: Instant, leg: LegId, digit: u8, is_end: bool, out: &mut Outbox) {
        let mode = if is_end { DigitMode::DtmfEnd } else { DigitMode::Dtmf };
        for id in self.listeners_of(leg) {
            let Some(call) = self.calls.get_mut(&id) else { continue };
            let wants = |modes: &Vec<DigitMode>| modes.contains(&mode);
            for (app, _) in call.listening.digits.iter().filter(|(_, modes)| wants(modes)) {
                let line = Arc::clone(&call.line);
                let message = Message::MonitorDigits { call: id, line, digit: char::from(digit), mode };
                out.messages.push((*app, message));
            }
            let Some(gatherer) = call.listening.gathering.as_mut().filter(|_| !is_end) else { continue };
            gatherer.digits.push(char::from(digit));
            let terminates = gatherer.request.termination.contains(char::from(digit));
            let full = u32::try_from(gatherer.digits.len()).unwrap_or(u32::MAX) >= gatherer.request.count;
            let inter_digit = gatherer.request.inter_digit;
            if terminates {
                self.end_gathering(id, "termdigit", out);
            } else if full {
                self.end_gathering(id, "bufferfull", out);
            } else if let Some(timeout) = inter_digit {
                self.timers.start(id, Timer::Gather, now + timeout);
            } else {
                self.timers.stop(id, Timer::Gather);
            }
        }
    }

    fn end_gathering(&mut self, id: CallId, reason: &'static str, out: &mut Outbox) {
        self.timers.stop(id, Timer::Gather);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(gatherer) = call.few().and_then(|few| few.listening.gathering.take()) else { return };
        let (line, digits) = (Arc::clone(&call.line), gatherer.digits);
        out.messages.push((gatherer.app, Message::GatherDigits { call: id, line, digits, reason }));
    }

    fn listen(&mut self, id: CallId, out: &mut Outbox) {
        let leg = self.calls.get(&id).and_then(|call| self.far_leg(call));
        if let Some(leg) = leg {
            self.tell_detection(leg, out);
        }
    }
}

const fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'D' | b'*' | b'#')
}
