//! The switch: lines, calls, routes and applications with the semantics of TAPI, as one value on one thread.
//!
//! ```text
//!  Operation ─▶ feature (may it?) ─▶ request ─┐                        ┌─▶ Command for a SIP agent
//!  sip Event ─▶ inbound, connect, hold ───────┼─▶ calls, legs, rings ──┼─▶ Command for a media worker
//!  media Event ─▶ media ──────────────────────┤   report::advance      └─▶ Message for an application
//!  time ─▶ timers ────────────────────────────┘
//! ```
//!
//! - A `Call` is one connection end at a line's address. A conversation is two calls, joined: the calling side and the
//!   called side, each with its own state. A trunk is a line too, so a call that passes through is a call on each trunk.
//! - A call moves only by a [`CallReport`]: [`advance`] is the whole table.
//! - What follows from the states is not kept but computed after each input (`Switch::settle`): what each leg hears,
//!   who holds whom, what may be cleared.
//!
//! A call that is over stays readable: one that an application owns and acted on (made, accepted, answered, held) stays
//! DISCONNECTED or BUSY until that application drops it, at most `timers::CLEAR` and `UNCLEARED_MAX` of them; every
//! other one is cleared at once.
//! An idle call stays until every handle is deallocated, at most `owner::IDLE_CALLS_MAX` for one application.

pub mod audio_fork;
pub mod call_state;
pub mod csta;
pub mod error;
mod event_list;
pub mod feature;
pub mod feature_code;
mod follow;
pub mod fork_url;
pub mod forward;
mod group;
pub mod ids;
pub mod kept;
pub mod message;
pub mod numbers;
pub mod operation;
pub mod outbox;
pub mod privilege;
pub mod quality;
pub mod reach;
pub mod recording;
pub mod report;
pub mod setup;
pub mod vendor;
pub mod view;

mod adopt;
mod allowance;
mod call;
mod call_data;
pub mod call_facts;
mod callback;
mod caller;
mod camp;
mod capturing;
mod carried;
mod check_sync;
mod codecs;
mod completion;
mod conference;
mod connect;
mod consult;
mod dial;
mod digits;
mod diversion;
mod divert;
mod failover;
mod fax;
mod feature_sync;
mod handoff;
mod hold;
mod ice;
mod inbound;
mod intercom;
mod keeping;
mod keying;
mod leg;
mod line;
mod line_open;
mod made;
pub(crate) mod mailbox;
mod media;
pub mod media_note;
mod messages;
mod outbound;
mod owner;
mod page;
mod park;
mod passing;
mod pickup;
mod places;
mod presence;
mod qualifying;
mod read;
mod recall;
mod recovery;
mod redirect;
mod refer;
mod registering;
mod release;
mod replaces;
mod request;
mod resume;
mod ring;
mod route;
mod secure;
mod session;
mod station;
mod status;
mod streams;
mod subject;
mod suffix;
mod table;
mod taps;
mod texting;
mod timers;
mod transcoding;
mod transfer;
mod translate;
mod watch;

#[cfg(test)]
mod rig;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use trunkline_media::{Event as MediaEvent, Fingerprint};
use trunkline_sip::LegId;
use trunkline_sip::admission::Refusals;
use trunkline_sip::location::Location;
use trunkline_sip::outbox::Event as SipEvent;

pub use audio_fork::{ForkBegin, ForkCommand, ForkEnd, ForkEvent, ForkSetup, ForkView};
pub(crate) use call_data::CALL_DATA_BYTES_MAX;
pub use call_facts::{
    CallBegun, CallDeed, CallFact, CallFactKind, CallOver, CallPhase, CallStanding, CallWords, EndCause,
};
pub use call_state::{BusyMode, CallState, ConnectedMode, DisconnectMode, OfferingMode, SpecialInfo};
pub use codecs::CodecList;
pub(crate) use digits::GATHERED_MAX;
pub use error::LineError;
pub use feature::{permit, states_for};
pub use fork_url::{Authorization, ForkUrl};
pub use forward::{ForwardEntry, ForwardMode};
pub use ids::{AppId, CallId, CompletionId, RequestId};
pub use keeping::{KeptCall, KeptLeg};
pub use kept::{Kept, KeptCompletion, KeptElsewhere};
pub use keying::KeptSeal;
pub(crate) use line_open::{ADDRESS_STATES, LINE_STATES};
pub use media_note::{Hearing, MediaChange, MediaNote};
pub use message::Message;
pub use numbers::{CallerHeader, NumberFormat, NumberSetup, Rewrite};
pub use operation::{
    CallOperation, CallParams, CompletionMode, DigitMode, Gathering, HandoffTarget, LineOperation, Operation,
    Outcome, QosLevel, Refusal, Reply, TransferMode,
};
pub use outbox::{Outbox, StateNote, Urgent};
pub use park::KeptPark;
pub use privilege::CallPrivilege;
pub use quality::{DirectionView, EndedMedia, Grade, MediaTotals, MediaView};
pub use recording::{
    RecordPolicy, RecordingCommand, RecordingEnd, RecordingEvent, RecordingSetup, RecordingView,
};
pub use report::{CallReport, Hold, advance};
pub use setup::{LineKind, Setup, SrtpPolicy, TrunkPlaces};
pub use subject::{Circumstances, Requested};
pub use trunkline_media::{ForkId, Secured, SrtpSuite};
pub use trunkline_sip::outbox::MessageCounts;
pub use view::{
    CallOrigin, CallReason, CallView, Gauges, LineView, MediaMode, ParkedView, PartyView, PlaceView,
    RegistrationView, TrunkView,
};

use allowance::Allowance;
use audio_fork::Forks;
use call::Call;
use call_facts::Facts;
use completion::Completions;
use conference::Conference;
use csta::Sessions;
use failover::Rates;
use forward::Forwarding;
use group::Hunts;
use keeping::Keeping;
use leg::Leg;
use line::Lines;
use made::MadeCalls;
use media::{MediaPlane, Reopened};
use messages::Messages;
use owner::App;
use page::Pages;
use park::Slots;
use places::Suspects;
use presence::Publications;
use qualifying::Qualifying;
use recording::Recordings;
use registering::Registrations;
use release::Parting;
use session::FarEnd;
use status::Failure;
use streams::StreamKind;
use table::{Few, Table};
use taps::Taps;
use texting::Texts;
use timers::{CLEAR, Timer, Timers};
use watch::Watches;

/// Calls that may be over and wait for their applications to clear them; beyond, the oldest is cleared.
const UNCLEARED_MAX: usize = 4096;

/// The switch. It computes and nothing else: time comes in as `now`, everything to be done goes into the [`Outbox`].
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub struct Switch {
    setup: Arc<Setup>,
    location: Arc<Location>,
    rng: StdRng,
    lines: Lines,
    apps: Vec<App>,
    /// The forwarding of the lines that have some.
    forwarding: BTreeMap<Arc<str>, Forwarding>,
    completions: Completions,
    hunts: Hunts,
    pages: Pages,
    texts: Texts,
    /// With phones that are told by CSTA.
    csta: Sessions,
    made: MadeCalls,
    calls: Table<CallId, Call>,
    legs: Table<LegId, Leg>,
    media: MediaPlane,
    /// Of the relay's certificate, for DTLS.
    fingerprint: Option<Fingerprint>,
    /// By their parent calls.
    conferences: BTreeMap<CallId, Conference>,
    watches: Watches,
    messages: Messages,
    suspects: Suspects,
    qualifying: Qualifying,
    /// Of calls out by trunks.
    rates: Rates,
    recordings: Recordings,
    forks: Forks,
    taps: Taps,
    /// Of trunks.
    registrations: Registrations,
    /// What phones have changed of late.
    wishes: Allowance,
    publications: Publications,
    timers: Timers,
    /// Digits that are being said for applications.
    generations: BTreeMap<u32, digits::Generation>,
    last_generation: u32,
    /// The dialog at another system that the call of this party takes over, while it is being sent.
    replacing: Option<(CallId, String)>,
    /// What calls say when they are connected.
    suffixes: BTreeMap<CallId, suffix::Suffix>,
    /// Who is asked first to own calls of a media mode; `false`: not at all.
    priorities: BTreeMap<MediaMode, Vec<(AppId, bool)>>,
    slots: Slots,
    /// Calls that are to go on after a crash.
    keeping: Keeping,
    /// What records of calls were told; `None`: nobody keeps any.
    facts: Option<Facts>,
    /// Calls whose consequences have not been drawn.
    dirty: Few<CallId>,
    /// Calling sides that are up or on their way.
    conversations: u32,
    /// Calls that are over and wait for their application to clear them.
    uncleared: BTreeSet<CallId>,
    /// Calls that are idle and held.
    idle_calls: usize,
    last_call: u64,
    next_leg: u64,
    sip_worker: u16,
    draining: bool,
    refusals: Refusals,
    /// The time of the last input.
    now: Instant,
}

impl Switch {
    /// A switch without calls. `seed` feeds its random numbers, `epoch` is the first `now`.
    pub fn new(setup: Setup, location: Arc<Location>, seed: [u8; 32], epoch: Instant) -> Self {
        let mut rng = StdRng::from_seed(seed);
        let lines = Lines::new(&setup);
        let apps = setup.apps.iter().map(|app| App::new(Arc::clone(&app.name))).collect();
        let media = MediaPlane::new(&setup.media, rng.random());
        let messages = Messages::new(&setup, epoch);
        let registrations = Registrations::new(&setup, epoch);
        let qualifying = Qualifying::new(&setup, epoch);
        let watches = Watches::new(&setup);
        let csta = Sessions::new(&setup.vendors, epoch);
        Self {
            setup: Arc::new(setup),
            location,
            rng,
            lines,
            apps,
            forwarding: BTreeMap::new(),
            completions: Completions::default(),
            hunts: Hunts::default(),
            pages: Pages::default(),
            texts: Texts::default(),
            csta,
            made: MadeCalls::default(),
            calls: Table::default(),
            legs: Table::default(),
            media,
            fingerprint: None,
            conferences: BTreeMap::new(),
            watches,
            suspects: Suspects::default(),
            qualifying,
            rates: Rates::new(epoch),
            recordings: Recordings::default(),
            forks: Forks::default(),
            taps: Taps::default(),
            messages,
            registrations,
            wishes: Allowance::new(feature_sync::WISHES_MAX),
            publications: Publications::default(),
            timers: Timers::default(),
            generations: BTreeMap::new(),
            last_generation: 0,
            replacing: None,
            suffixes: BTreeMap::new(),
            priorities: BTreeMap::new(),
            slots: Slots::default(),
            keeping: Keeping::default(),
            facts: None,
            dirty: Few::default(),
            conversations: 0,
            uncleared: BTreeSet::new(),
            idle_calls: 0,
            last_call: 0,
            next_leg: 0,
            sip_worker: 0,
            draining: false,
            refusals: Refusals::default(),
            now: epoch,
        }
    }

    /// Says by which certificate the relay is known in DTLS; without one it is neither offered nor taken.
    pub const fn set_fingerprint(&mut self, fingerprint: Fingerprint) {
        self.fingerprint = Some(fingerprint);
    }

    /// Takes a changed set-up. Calls that are up stay as they are; handles follow the names of applications, and those of
    /// an application that is gone are released. The range of media ports stays that of the start.
    pub fn reconfigure(&mut self, now: Instant, setup: Setup, out: &mut Outbox) {
        self.now = now;
        let before = Arc::clone(&self.setup);
        self.adopt(setup);
        self.tell_translate_change(&before.translation, out);
        self.revisit_mailboxes(now, &before, out);
        self.revisit_registrations(now, &before, out);
        self.revisit_rates();
        self.revisit_questions(now, out);
        self.revisit_csta(now);
        self.settle(now, out);
    }

    /// Takes where trunks are from here on; calls on their way go where they went. A trunk that is not named stays where it is.
    pub fn relocate(&mut self, now: Instant, places: Vec<TrunkPlaces>, out: &mut Outbox) {
        self.now = now;
        let before = Arc::clone(&self.setup);
        let setup = Arc::make_mut(&mut self.setup);
        for TrunkPlaces { name, peers, servers, redirects } in places {
            if let Some(trunk) = setup.trunks.iter_mut().find(|trunk| trunk.name == name) {
                (trunk.peers, trunk.servers, trunk.redirects.places) = (peers, servers, redirects);
            }
        }
        self.mailboxes_moved(now, &before, out);
        self.registrars_moved(now, out);
        self.revisit_questions(now, out);
        self.settle(now, out);
    }

    /// Takes an application's request. Exactly one [`Message::Reply`] follows, at once or later.
    pub fn request(
        &mut self,
        now: Instant,
        app: AppId,
        request: RequestId,
        operation: Operation,
        out: &mut Outbox,
    ) {
        self.now = now;
        self.operate(now, app, request, operation, out);
        self.settle(now, out);
    }

    /// Takes what a SIP agent tells.
    pub fn sip(&mut self, now: Instant, event: SipEvent, out: &mut Outbox) {
        self.now = now;
        self.sip_event(now, event, out);
        self.settle(now, out);
    }

    /// Takes what a media worker tells.
    pub fn media(&mut self, now: Instant, event: MediaEvent, out: &mut Outbox) {
        self.now = now;
        match event {
            MediaEvent::Closed { leg, ports, stats } => {
                let leg = LegId(leg.0);
                // One that nobody closed has failed in the relay.
                let has_failed = self.media.port(leg) == Some(ports.rtp());
                if let Some(ended) = self.media.closed(now, leg, ports, stats) {
                    self.media_ended(ended, out);
                }
                if has_failed {
                    self.reopened(now, leg, Reopened::Failed, out);
                }
            }
            MediaEvent::Stats { leg, stats } => self.measured(now, LegId(leg.0), stats, out),
            MediaEvent::OpenFailed { leg, ports } => {
                let leg = LegId(leg.0);
                let reopened = self.media.open_failed(now, leg, ports, &self.setup.media, out);
                self.reopened(now, leg, reopened, out);
            }
            MediaEvent::Silent { leg } => self.silent(now, LegId(leg.0), out),
            MediaEvent::Detached { leg, parcel } => self.media.detached(LegId(leg.0), parcel, out),
            MediaEvent::Digit { leg, digit, source, duration_ms, is_end } => {
                self.media_digit(now, LegId(leg.0), digit, source, duration_ms, is_end, out);
            }
            MediaEvent::Generated { leg: _, generation, cancelled } => {
                self.generated(generation, cancelled, out);
            }
            MediaEvent::MediaDetected { leg, kind } => self.media_detected(LegId(leg.0), kind, out),
            MediaEvent::Latched { leg, .. } => self.spoke(LegId(leg.0)),
            // For files: who drives the switch takes them out.
            MediaEvent::Recorded(_) | MediaEvent::Captured(_) | MediaEvent::Reported(_) => {}
        }
        self.settle(now, out);
    }

    /// An application that heard events is gone for too long: its calls go to the next owner.
    pub fn app_gone(&mut self, now: Instant, app: AppId, out: &mut Outbox) {
        self.now = now;
        self.vanish(now, app, out);
        self.settle(now, out);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        self.now = now;
        while let Some((call, timer)) = self.timers.take_due(now) {
            match timer {
                Timer::Guard => self.station_failed(call, out),
                Timer::RingStep => self.ring_step(now, call, out),
                Timer::Ring => self.nobody_answered(now, call, out),
                Timer::Hunt => self.hunt_over(now, call, out),
                Timer::Page => self.page_ends(now, call, out),
                Timer::Clear => self.drop_call(now, call, out),
                Timer::Orphan => self.drop_orphan(now, call, out),
                Timer::Gather => self.gather_timeout(call, out),
                Timer::RingCycle => self.ring_cycle(now, call, out),
                Timer::Dial => self.digits_missing(now, call, out),
                Timer::Leave => self.leave(now, call, out),
                Timer::Park => self.remind(now, call, out),
                Timer::Passing => self.passing_over(call, out),
                Timer::Confirmation => self.confirmation_over(now, call, out),
                Timer::Pause => self.pause_over(call, out),
                Timer::File => self.file_missing(call, out),
                Timer::Probe => self.probe(call, out),
            }
            self.settle(now, out);
        }
        self.completions_due(now, out);
        self.keep_due(now, out);
        self.mailboxes_due(now, out);
        self.registrations_due(now, out);
        self.questions_due(now, out);
        self.texts_due(now, out);
        self.publications_due(now);
        self.csta_due(now, out);
        self.made_due(now, out);
        self.media.ask(now, out);
        self.settle(now, out);
    }

    /// How often each limit refused something that came by SIP.
    pub const fn refusals(&self) -> Refusals {
        self.refusals
    }

    /// When to call [`Self::handle_timeout`] if nothing arrives before.
    pub fn deadline(&self) -> Option<Instant> {
        let calls = self.timers.deadline().into_iter();
        let own = self.completions.deadline().into_iter().chain(self.keeping.deadline());
        let trunks = self.messages.deadline().into_iter().chain(self.registrations.deadline());
        let trunks = trunks.chain(self.qualifying.deadline());
        let said = self.texts.deadline().into_iter().chain(self.publications.deadline());
        let said = said.chain(self.csta.deadline()).chain(self.made.deadline());
        calls.chain(own).chain(self.media.ask_at()).chain(trunks).chain(said).min()
    }

    /// The call that a leg serves.
    pub fn call_of_leg(&self, leg: LegId) -> Option<CallId> {
        self.legs.get(&leg).map(|leg| leg.call)
    }

    /// Takes no more calls (503 with Retry-After, RESOURCEUNAVAIL), and leaves the registrars of trunks and the sessions about CSTA; calls that are up go on.
    pub fn drain(&mut self, now: Instant, out: &mut Outbox) {
        self.now = now;
        self.draining = true;
        self.leave_registrars(out);
        self.leave_csta(now, out);
        self.qualifying.stop();
    }

    fn next_call(&mut self) -> CallId {
        self.last_call += 1;
        CallId(self.last_call)
    }

    /// Draws the consequences of an input: who is held, what is heard, what is cleared, what is forgotten.
    fn settle(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(id) = self.dirty.pop_first() {
            self.settle_hold(now, id, out);
            let peer = self.calls.get(&id).and_then(|call| call.peer);
            // One whose turn comes is settled then.
            if let Some(peer) = peer.filter(|peer| !self.dirty.contains(peer)) {
                self.settle_hold(now, peer, out);
                self.tell_feeds(peer, out);
                self.settle_fax(peer, out);
                self.settle_streams(peer, out);
            }
            self.tell_feeds(id, out);
            self.settle_fax(id, out);
            self.settle_streams(id, out);
            self.settle_hunt(now, id, out);
            self.settle_page(id, out);
            self.settle_parked(now, id, out);
            self.settle_taker(now, id, out);
            self.settle_end(now, id, out);
            self.settle_conference(now, id, out);
            self.settle_camped(now, id, out);
            self.settle_suffix(id, out);
            self.settle_made(now, id, out);
            self.settle_recording(id, out);
            self.settle_forks(id, out);
            self.settle_capture(id, out);
            self.settle_taps(id, out);
            self.settle_kept(now, id, out);
            self.settle_facts(now, id, out);
            self.line_changed(id);
            self.forget_if_unheld(id);
        }
        self.look_at_stirred(now);
        self.show_changed_features(now, out);
        self.tell_watchers(out);
    }

    fn settle_hold(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get(&id) else { return };
        let held = call.held.or_else(|| call.held_by_station.then_some(Hold::Hard));
        let own = match (call.state, held) {
            (CallState::Connected(_), Some(hold)) => Some(CallReport::Held(hold)),
            (CallState::OnHold | CallState::OnHoldPendConf | CallState::OnHoldPendTransfer, None) => {
                Some(CallReport::Retrieved)
            }
            (_, _) => None,
        };
        if let Some(report) = own {
            self.report(now, id, report, out);
        }
        let Some(call) = self.calls.get(&id) else { return };
        let peer = call.peer.and_then(|peer| self.calls.get(&peer));
        let remote = call.parked.is_some()
            || peer.is_some_and(Call::holds)
            || self.network_holds(call)
            || peer.is_some_and(|peer| self.network_holds(peer));
        let report = if remote { CallReport::RemoteHeld } else { CallReport::RemoteRetrieved };
        self.report(now, id, report, out);
    }

    /// Whether this is a trunk's call and the network behind it holds us.
    fn network_holds(&self, call: &Call) -> bool {
        let far_end = call.leg.and_then(|leg| self.legs.get(&leg)).map(|leg| leg.far_end);
        call.kind == LineKind::Trunk && far_end.is_some_and(|far_end| far_end != FarEnd::Listens)
    }

    /// A call that is over is cleared, unless an application that owns it took part in it.
    fn settle_end(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get(&id) else { return };
        let over =
            matches!(call.state, CallState::Busy(_) | CallState::SpecialInfo(_) | CallState::Disconnected(_));
        // A caller who waits at a busy line is not done.
        let waits = matches!(call.state, CallState::Busy(_)) && call.peer.is_some();
        if !over || waits {
            return;
        }
        if !(call.claimed && call.is_owned()) {
            self.drop_call(now, id, out);
        } else if self.uncleared.insert(id) {
            self.timers.start(id, Timer::Clear, now + CLEAR);
            if self.uncleared.len() > UNCLEARED_MAX
                && let Some(oldest) = self.uncleared.first().copied()
            {
                self.drop_call(now, oldest, out);
            }
        }
    }

    fn ring_step(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let Some(ring) = self.calls.get_mut(&id).and_then(|call| call.ring.as_mut()) else { return };
        let tried = std::mem::take(&mut ring.branches);
        ring.early = None;
        for leg in tried {
            self.end_leg(leg, 480, None, out);
        }
        self.ring_next(now, id, out);
    }

    fn nobody_answered(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        if self.forward_failed(now, id, &Failure::no_answer(), out) {
            return;
        }
        let Some(call) = self.calls.get_mut(&id) else { return };
        if let Some(end) = call.few().and_then(|few| few.rings_until.take()).filter(|end| now < *end) {
            // The list that ended the ringing early was replaced meanwhile.
            self.timers.start(id, Timer::Ring, end);
            return;
        }
        let own_phone = call.errand.is_some();
        let mode = if own_phone { DisconnectMode::Unavail } else { DisconnectMode::NoAnswer };
        let parting = Parting::because(&Failure::no_answer());
        self.over(now, id, CallReport::Disconnected(mode), &parting, out);
    }

    /// A far end that should speak did not: it is dead, whether its call was answered on the other side or still rings there.
    fn silent(&mut self, now: Instant, leg: LegId, out: &mut Outbox) {
        let Some(entry) = self.legs.get(&leg).filter(|entry| entry.is_up()) else { return };
        let id = entry.call;
        if self.calls.get(&id).is_some_and(Call::is_alive) {
            self.media_lost(now, id, DisconnectMode::QosUnavail, out);
        }
    }

    fn reopened(&mut self, now: Instant, leg: LegId, reopened: Reopened, out: &mut Outbox) {
        if let Some(owner) = StreamKind::owner(leg) {
            self.stream_reopened(owner, reopened, out);
            return;
        }
        let Some(entry) = self.legs.get_mut(&leg) else { return };
        let id = entry.call;
        self.dirty.insert(id);
        match reopened {
            Reopened::Unknown => {}
            Reopened::Moved => {
                entry.moved = entry.ours.is_some();
                self.describe_moved(leg, out);
                self.tap_again(leg, out);
            }
            Reopened::Failed => {
                let failure = Failure::local(503);
                let ring = self.calls.get_mut(&id).and_then(|call| call.ring.as_mut());
                let branch = ring.is_some_and(|ring| ring.remove(leg));
                if branch {
                    self.end_leg(leg, 503, None, out);
                    self.branch_failed(now, id, failure, out);
                } else {
                    self.media_lost(now, id, DisconnectMode::TempFailure, out);
                }
            }
        }
    }
}
