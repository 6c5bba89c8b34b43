//! A switch that is told and asked anything in any order: one reply a request, operations that were advertised are not refused
//! for what was known, no call leaves IDLE, and when everybody has hung up nothing is left.
//!
//! The input is a script of steps, a line each: a letter for what happens and up to three numbers, which choose among the legs,
//! calls and values that there are. Any other octet than a known letter means one of them.
//!
//! ```text
//! i FROM TO SDP      a call comes in              r APP CALL OP       an operation on one call
//! p LEG STATUS HOW   progress                     c CALL OTHER OP     an operation on one or two calls
//! a LEG SDP OFFER    answered                     l LINE OP ARG       an operation on a line
//! e LEG SDP          established                  t LEG TO BYE        a phone sends REFER
//! o LEG SDP DIR      an offer                     T LEG OTHER         a phone sends REFER with Replaces
//! O LEG SDP          our offer was answered       R LEG FROM EARLY    INVITE with Replaces
//! x LEG HOW          our offer was refused        s FROM TO PACKAGE   SUBSCRIBE, or its end
//! n LEG GOOD         our NOTIFY was answered      u LEG WHAT ARG      user-to-user, digits, subscriptions
//! f LEG STATUS       an INVITE of ours failed     @ SECONDS           time passes
//! d LEG CAUSE        a leg is over                .                   the agents do what they were told
//! m LEG WHAT ARG     the relay says something     ! WHAT              a reload, or an application is gone
//! g FROM TO WHAT     a text, a wish, a publication, a registration of ours, messages told
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline::switch::{
    AppId, CallId, CallOperation, CallOrigin, CallParams, CallPrivilege, CallState, CallView, CompletionId,
    CompletionMode, DigitMode, ForkCommand, ForkEnd, ForkEvent, ForwardEntry, ForwardMode, Gathering, Gauges,
    HandoffTarget, LineError, MediaMode, Message, Operation, Outbox, QosLevel, RecordingCommand,
    RecordingEnd, RecordingEvent, Reply, RequestId, Setup, Switch, TransferMode,
};
use trunkline_media::{
    Command as MediaCommand, DigitSource, Event as MediaEvent, ForkId, LegId as MediaLegId, LegStats,
    MediaKind, Parcel, PortPair, RecordingId,
};
use trunkline_sip::location::{Location, LocationLimits};
use trunkline_sip::outbox::{
    CallDetails, Cause, CauseKind, Command, CompletionOffer, Event, FeatureWish, ForwardKind, IncomingCall,
    IncomingPublication, IncomingText, Invite, MessageCounts, MessagesTold, Outbox as SipOutbox, Package,
    Party, Peer, PublishedPresence, Refer, ReferMethod, ReferTo, RegistrationChange, Replaced, Subscriber,
    SubscriptionPhase,
};
use trunkline_sip::package::presence::Activity;
use trunkline_sip::sdp::SessionDescription;
use trunkline_sip::{LegId, UsageId};

use crate::words::{DIALLED, DOCUMENTS, PLACES, binding, flow, numbers, pick, registering, sdp, setup};

/// Panics if a rule of the switch is broken by this script.
pub fn check(octets: &[u8]) {
    play(octets);
}

/// What came of a script.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Played {
    /// Calls that were CONNECTED at some time.
    pub connected: usize,
    /// Requests that were obeyed.
    pub obeyed: usize,
    /// Requests that were refused.
    pub refused: usize,
}

/// As [`check`]; what came of it.
pub fn play(octets: &[u8]) -> Played {
    let mut world = World::new();
    for step in
        octets.split(|octet| matches!(octet, b'\n' | b';')).filter(|step| !step.is_empty()).take(STEPS_MAX)
    {
        world.step(step);
    }
    world.end()
}

/// A switch, and what agents, relay and applications know of it.
pub struct World {
    switch: Switch,
    location: Arc<Location>,
    now: Instant,
    /// Commands that the agents have not taken.
    commands: Vec<Command>,
    /// Legs that are not over, with who is at their other end.
    legs: BTreeMap<LegId, Peer>,
    /// Ports that are open in the relay.
    open: BTreeMap<LegId, PortPair>,
    /// Digits that are being said.
    generations: Vec<(MediaLegId, u32)>,
    /// Recordings whose file is not whole.
    files: BTreeSet<RecordingId>,
    /// Forks whose server listens.
    forks: BTreeSet<ForkId>,
    /// Subscriptions of others.
    subscribers: BTreeSet<UsageId>,
    /// Subscriptions of ours.
    subscriptions: BTreeSet<UsageId>,
    /// Registrations of ours that hold, each with its trunk.
    registrations: BTreeMap<UsageId, Arc<str>>,
    /// Of publications, also of those that are no more.
    entity_tags: BTreeSet<u64>,
    replies: BTreeMap<RequestId, Reply>,
    connected: BTreeSet<CallId>,
    idle: BTreeSet<CallId>,
    last_leg: u64,
    last_usage: u64,
    last_request: u32,
}

impl World {
    /// Phones at 1001 and, twice, 1002; nobody talks.
    pub fn new() -> Self {
        let now = epoch();
        let location = Arc::new(Location::new(now, LocationLimits::DEFAULT));
        let switch = Switch::new(registering().clone(), Arc::clone(&location), [7; 32], now);
        for (line, contact, q_milli) in [
            ("1001", "sip:1001@10.0.0.9", 1000),
            ("1002", "sip:1002@10.0.0.9", 1000),
            ("1002", "sip:1002@10.0.0.10", 500),
        ] {
            let binding = binding(contact, q_milli, now + Duration::from_secs(86_400));
            location.put(now, &line.into(), binding, &mut SipOutbox::default()).expect("there is room");
        }
        Self {
            switch,
            location,
            now,
            commands: Vec::new(),
            legs: BTreeMap::new(),
            open: BTreeMap::new(),
            generations: Vec::new(),
            files: BTreeSet::new(),
            forks: BTreeSet::new(),
            subscribers: BTreeSet::new(),
            subscriptions: BTreeSet::new(),
            registrations: BTreeMap::new(),
            entity_tags: BTreeSet::new(),
            replies: BTreeMap::new(),
            connected: BTreeSet::new(),
            idle: BTreeSet::new(),
            last_leg: 0,
            last_usage: 0,
            last_request: 0,
        }
    }

    /// Does one step of a script.
    pub fn step(&mut self, step: &[u8]) {
        let Some((&letter, rest)) = step.split_first() else { return };
        let letter =
            if LETTERS.contains(&letter) { letter } else { LETTERS[usize::from(letter) % LETTERS.len()] };
        let [a, b, c] = numbers(rest);
        match letter {
            b'i' | b'p' | b'a' | b'e' | b'o' | b'O' | b'x' | b'n' | b'f' | b'd' => {
                self.hear_of_leg(letter, a, b, c)
            }
            b'm' => self.hear_of_relay(self.leg(a), b, c),
            b'r' => self.operate(if a.is_multiple_of(2) { CRM } else { WALLBOARD }, b, c),
            b'c' => self.operate_on_two(a, b, c),
            b'l' => self.operate_on_line(a, b, c),
            b't' | b'T' | b'R' => self.refer(letter, a, b, c),
            b's' => self.subscribe(a, b, c),
            b'u' => self.hear_of_others(a, b, c),
            b'g' => self.hear_beside_calls(a, b, c),
            b'@' => self.pass(Duration::from_secs(u64::from(a) % 126)),
            b'!' => self.upheave(a),
            _ => self.obey(),
        }
        self.check();
    }

    /// Asks for an operation.
    pub fn ask(&mut self, app: AppId, operation: Operation) -> RequestId {
        self.last_request += 1;
        let request = RequestId(self.last_request);
        let mut out = Outbox::default();
        self.switch.request(self.now, app, request, operation, &mut out);
        self.take(out);
        request
    }

    /// Everybody hangs up, and time passes.
    pub fn end(mut self) -> Played {
        for usage in std::mem::take(&mut self.subscribers) {
            self.tell(Event::Unsubscribed(usage));
        }
        // What registers for ever is let go, else there is always something to do.
        self.reconfigure(setup().clone());
        self.wait();
        assert!(self.registrations.is_empty(), "{:?} are kept", self.registrations);
        // Only what needs no phone outlasts them: calls of the engine's own line, conferences that nobody is in.
        for app in [CRM, WALLBOARD] {
            for view in self.switch.calls(app).into_iter().filter(|view| view.state != CallState::Idle) {
                let needs_no_phone = &*view.line == "1003" || view.origin == CallOrigin::Conference;
                assert!(needs_no_phone, "{view:?} when everybody has hung up");
                self.ask(app, Operation::Drop(view.id, None));
            }
        }
        self.wait();
        for request in (1..=self.last_request).map(RequestId) {
            assert!(self.replies.contains_key(&request), "{request:?} has no reply");
        }
        let obeyed = self.replies.values().filter(|reply| reply.is_ok()).count();
        let played = Played { connected: self.connected.len(), obeyed, refused: self.replies.len() - obeyed };
        for app in [CRM, WALLBOARD] {
            for view in self.switch.calls(app) {
                assert_eq!(view.state, CallState::Idle, "{view:?} when everybody has hung up");
                self.ask(app, Operation::DeallocateCall(view.id));
            }
        }
        self.obey();
        assert_eq!(self.switch.gauges(), Gauges::default());
        assert_eq!(self.switch.deadline(), None);
        assert!(self.open.is_empty(), "ports are open: {:?}", self.open);
        for (address, _) in self.location.snapshot() {
            assert!(PHONES.contains(&&*address), "{address} is still claimed");
        }
        played
    }

    /// Long enough for everything that ends by itself.
    fn wait(&mut self) {
        self.hang_up();
        for _ in 0..6 {
            self.pass(Duration::from_secs(61));
            self.hang_up();
        }
    }

    fn hang_up(&mut self) {
        self.obey();
        while let Some(leg) = self.legs.keys().next().copied() {
            self.over(leg, CauseKind::Bye);
            self.obey();
        }
    }

    fn hear_of_leg(&mut self, letter: u8, a: u8, b: u8, c: u8) {
        let leg = self.leg(a);
        match letter {
            b'i' => {
                let peer = [
                    Peer::Line("1001".into()),
                    Peer::Line("1002".into()),
                    Peer::Trunk(if a < 128 { "carrier" } else { "provider" }.into()),
                ];
                let offer = (c != 255).then(|| sdp(c, 0));
                self.call_in(peer[usize::from(a % 3)].clone(), pick(&DIALLED, b), offer, None);
            }
            b'p' => {
                let status = [180, 183, 181, 199, 182, 101][usize::from(b % 6)];
                let sdp = (c % 2 == 1).then(|| sdp(c / 4, 0));
                self.tell(Event::Announced { leg, talk: c / 2 % 2 == 1, hold: c / 4 % 2 == 1 });
                self.tell(Event::Progress { leg, status, sdp });
            }
            b'a' => {
                let connected = Party { user: b.to_string(), ..Party::default() };
                self.tell(Event::Answered { leg, sdp: Some(sdp(b, 0)), is_offer: c > 200, connected });
            }
            b'e' => {
                let answer = (b != 0).then(|| sdp(b, 0));
                self.tell(Event::Established { leg, answer });
            }
            b'o' => {
                let sdp = (c < 230).then(|| sdp(b, c));
                self.tell(Event::Offer { leg, sdp });
            }
            b'O' => self.tell(Event::OfferAnswered { leg, sdp: (b < 230).then(|| sdp(b, c)) }),
            b'x' if b > 127 => self.tell(Event::OfferWithdrawn { leg }),
            b'x' => self.tell(Event::OfferRefused { leg, status: 488 }),
            b'n' => {
                let (event, status) =
                    (["talk", "hold"][usize::from(c % 2)], if b.is_multiple_of(2) { 200 } else { 489 });
                self.tell(Event::Notified { leg, event, status });
            }
            b'f' => {
                if self.legs.remove(&leg).is_some() {
                    let status = [486, 480, 404, 503, 302, 302, 600, 603, 408, 487][usize::from(b % 10)];
                    let redirect = if status == 302 { vec![pick(&PLACES, c).to_owned()] } else { Vec::new() };
                    let cause = Cause { status, kind: CauseKind::Status, ..Cause::default() };
                    self.tell(Event::Failed { leg, cause, retry_after_s: (b > 128).then_some(1), redirect });
                }
            }
            _ => {
                let kinds = [
                    CauseKind::Bye,
                    CauseKind::Cancel,
                    CauseKind::Lost,
                    CauseKind::NoAck,
                    CauseKind::Unreachable,
                ];
                self.over(leg, kinds[usize::from(b % 5)]);
            }
        }
    }

    fn hear_of_relay(&mut self, leg: LegId, what: u8, argument: u8) {
        let id = MediaLegId(leg.0);
        let event = match what % 8 {
            0 => MediaEvent::Silent { leg: id },
            1 => match self.open.remove(&leg) {
                Some(ports) => MediaEvent::OpenFailed { leg: id, ports },
                None => return,
            },
            // A leg that failed in the relay.
            2 => match self.open.remove(&leg) {
                Some(ports) => MediaEvent::Closed { leg: id, ports, stats: LegStats::default() },
                None => return,
            },
            3 | 4 => {
                let digit = b"0123456789*#ABCD!"[usize::from(argument % 17)];
                let source = if what < 128 { DigitSource::Event } else { DigitSource::Inband };
                MediaEvent::Digit { leg: id, digit, source, duration_ms: 100, is_end: what % 8 == 3 }
            }
            5 => MediaEvent::MediaDetected {
                leg: id,
                kind: if argument.is_multiple_of(2) { MediaKind::Voice } else { MediaKind::Fax },
            },
            6 => MediaEvent::Stats { leg: id, stats: LegStats::default() },
            _ => {
                let at = usize::from(argument) % self.generations.len().max(1);
                if at >= self.generations.len() {
                    return;
                }
                let (leg, generation) = self.generations.swap_remove(at);
                MediaEvent::Generated { leg, generation, cancelled: what > 128 }
            }
        };
        self.tell_relay(event);
    }

    /// An operation on a call that an application has a handle to. What was advertised is accepted, and nothing else: at
    /// least it is not refused for what was known before.
    fn operate(&mut self, app: AppId, call: u8, operation: u8) {
        let calls = self.switch.calls(app);
        let Some(view) = calls.get(usize::from(call) % calls.len().max(1)) else { return };
        let operation = CallOperation::ALL[usize::from(operation) % CallOperation::ALL.len()];
        let request = self.ask(app, Operation::sample(operation, view.id, view.id));
        let reply = self.replies.get(&request);
        let refused = matches!(reply, Some(Err(refusal)) if KNOWN_BEFORE.contains(&refusal.error));
        assert_eq!(refused, !view.features.contains(&operation), "{view:?} {operation:?} {reply:?}");
    }

    fn operate_on_two(&mut self, a: u8, b: u8, c: u8) {
        let calls = self.switch.calls(CRM);
        let chosen =
            |number: u8| calls.get(usize::from(number) % calls.len().max(1)).map(|view: &CallView| view.id);
        let (Some(call), Some(other)) = (chosen(a), chosen(b)) else { return };
        let number = || pick(&DIALLED, c / 32).to_owned();
        let may = || (c / 32).is_multiple_of(2).then(number);
        let operation = match c % 32 {
            0 => Operation::SetupTransfer { call, to: may() },
            1 => Operation::CompleteTransfer { call, consult: other, mode: TransferMode::Transfer },
            2 => Operation::CompleteTransfer { call, consult: other, mode: TransferMode::Conference },
            3 => Operation::BlindTransfer { call, to: number() },
            4 => Operation::Redirect { call, to: number() },
            5 => Operation::SwapHold { call, with: other },
            6 => Operation::Dial { call, digits: number() },
            7 => Operation::Hold(call),
            8 => Operation::Unhold(call),
            9 => Operation::Drop(call, None),
            10 => Operation::SetupConference { call, to: may() },
            11 => Operation::PrepareAddToConference { call, to: may() },
            12 => Operation::AddToConference { call, consult: other },
            13 => Operation::RemoveFromConference(call),
            14 => Operation::GetConfRelatedCalls(call),
            15 => Operation::Park {
                call,
                to: (c > 128).then(|| pick(&["701", "702", "1001"], c / 64).to_owned()),
            },
            16 => Operation::CompleteCall { call, mode: CompletionMode::CampOn, message: None },
            17 => Operation::CompleteCall { call, mode: CompletionMode::Callback, message: None },
            18 => Operation::CompleteCall { call, mode: CompletionMode::Intrude, message: None },
            19 => Operation::CompleteCall {
                call,
                mode: CompletionMode::Message,
                message: Some(u32::from(c / 64)),
            },
            20 => Operation::Handoff { call, to: HandoffTarget::App("wallboard".to_owned()) },
            21 => Operation::Handoff { call, to: HandoffTarget::Media(MediaMode::InteractiveVoice) },
            22 => Operation::SetCallPrivilege { call, privilege: CallPrivilege::Monitor },
            23 => Operation::GatherDigits {
                call,
                gathering: (c < 128).then(|| Gathering {
                    count: u32::from(c / 32),
                    termination: "#".to_owned(),
                    first_digit: Some(Duration::from_secs(5)),
                    inter_digit: Some(Duration::from_secs(1)),
                }),
            },
            24 => Operation::GenerateDigits {
                call,
                digits: (c < 128).then(|| "12,3!".to_owned()),
                duration: None,
                mode: None,
            },
            25 => Operation::MonitorDigits { call, modes: vec![DigitMode::Dtmf, DigitMode::DtmfEnd] },
            26 => Operation::MonitorMedia { call, media_modes: MediaMode::ALL.to_vec() },
            27 => Operation::SetMediaMode { call, media_modes: vec![MediaMode::G3Fax] },
            28 => Operation::SendUserUserInfo { call, data: Bytes::from_static(b"\x04hello") },
            29 => Operation::SetCallQualityOfService { call, level: QosLevel::Needed },
            30 => Operation::SecureCall(call),
            _ => Operation::DeallocateCall(call),
        };
        self.ask(if b == 255 { WALLBOARD } else { CRM }, operation);
    }

    fn operate_on_line(&mut self, a: u8, b: u8, c: u8) {
        let line: Arc<str> = pick(&["1001", "1002", "1003", "carrier"], a).into();
        let number = || pick(&DIALLED, c).to_owned();
        let operation = match b % 16 {
            0 | 1 => Operation::MakeCall { line, to: number(), params: None },
            2 => {
                let params = CallParams {
                    secure: c.is_multiple_of(2),
                    idle: c.is_multiple_of(3),
                    dest_off_hook: c.is_multiple_of(5),
                    no_answer_after: Some(Duration::from_secs(u64::from(c))),
                    ..CallParams::default()
                };
                Operation::MakeCall { line, to: number(), params: Some(Box::new(params)) }
            }
            3 => Operation::Pickup { line, from: None, group: None },
            4 => Operation::Pickup { line, from: None, group: Some("sales".to_owned()) },
            5 => Operation::Pickup { line, from: Some(number()), group: None },
            6 | 7 => Operation::Unpark { line, from: pick(&["701", "702", "703"], c).to_owned() },
            8 => Operation::SetupConferenceOnLine { line },
            9 => Operation::UncompleteCall { line, completion: CompletionId(u32::from(c % 8)) },
            10 => Operation::GetNewCalls { line },
            11 => Operation::OpenLine {
                line,
                privilege: [CallPrivilege::Owner, CallPrivilege::Monitor, CallPrivilege::None]
                    [usize::from(c % 3)],
                media_modes: vec![MediaMode::ALL[usize::from(c) % MediaMode::ALL.len()]],
            },
            12 => Operation::CloseLine { line },
            13 | 14 => {
                let mode = ForwardMode::ALL[usize::from(c) % ForwardMode::ALL.len()];
                let destination = (c < 200).then(|| pick(&DIALLED, c / 16).into());
                let entry = ForwardEntry { mode, caller: Some("1001".into()), destination };
                Operation::Forward { line, entries: vec![entry], rings: Some(u32::from(c % 24)) }
            }
            _ => Operation::TranslateAddress {
                line,
                address: number(),
                card: Some(u32::from(c)),
                options: u32::from(c % 17),
            },
        };
        self.ask(if a > 127 { WALLBOARD } else { CRM }, operation);
    }

    fn refer(&mut self, letter: u8, a: u8, b: u8, c: u8) {
        let leg = self.leg(a);
        let replaced = |leg| Some(Replaced { leg: Some(leg), early_only: c % 2 == 1 });
        if letter == b'R' {
            let details = CallDetails { replaces: replaced(leg), ..CallDetails::default() };
            let peer = Peer::Line(pick(&["1001", "1002"], b).into());
            self.call_in(peer, "1002", Some(sdp(0, 0)), Some(details));
            return;
        }
        let Some(peer) = self.legs.get(&leg).cloned() else { return };
        let replaces = if letter == b'T' { replaced(self.leg(b)) } else { None };
        let focus = format!("conf-{}", c / 4);
        let user = if c.is_multiple_of(4) { focus } else { pick(&DIALLED, b).to_owned() };
        let method = [ReferMethod::Invite, ReferMethod::Invite, ReferMethod::Bye, ReferMethod::Other];
        let to = ReferTo {
            user,
            host: "pbx.example".to_owned(),
            method: if letter == b'T' { ReferMethod::Invite } else { method[usize::from(c % 4)] },
            replaces,
            dialog: (letter == b'T').then(|| "a@b;to-tag=1;from-tag=2".to_owned()),
        };
        let refer = Refer {
            leg: Some(leg),
            peer,
            dialled: String::new(),
            to,
            referred_by: None,
            notifies: c % 8 != 7,
        };
        let usage = self.next_usage();
        self.tell(Event::Refer(usage, Box::new(refer)));
    }

    fn subscribe(&mut self, a: u8, b: u8, c: u8) {
        if c > 200 {
            if let Some(usage) = self.subscribers.pop_first() {
                self.tell(Event::Unsubscribed(usage));
            }
            return;
        }
        let packages = [
            Package::Dialog,
            Package::Conference,
            Package::CallCompletion,
            Package::MessageSummary,
            Package::Features,
            Package::Presence,
            Package::Registration,
        ];
        let subscriber = Subscriber {
            peer: Peer::Line(pick(&["1001", "1002"], a).into()),
            dialled: match c % 8 {
                0..4 => pick(&DIALLED, b).to_owned(),
                7 => "keys".to_owned(),
                _ => format!("conf-{}", b % 8),
            },
            package: if b > 128 { packages[4 + usize::from(b % 3)] } else { packages[usize::from(c % 4)] },
            leg: None,
            call_completion: (c > 100).then(|| "BS".to_owned()),
            takes_lists: a < 200,
        };
        let usage = self.next_usage();
        self.subscribers.insert(usage);
        self.tell(Event::Subscribe(usage, Box::new(subscriber)));
    }

    fn hear_of_others(&mut self, a: u8, b: u8, c: u8) {
        let leg = self.leg(a);
        let data = Bytes::copy_from_slice(&[4, a, b, c]);
        match b % 6 {
            0 => self.tell(Event::UserToUser { leg, data }),
            1 => {
                let digit = b"0123456789*#ABCD!"[usize::from(c % 17)];
                self.tell(Event::Digit { leg, digit, duration_ms: 100 });
            }
            2 => {
                let offer = CompletionOffer { uri: "sip:cc@198.51.100.7".to_owned(), mode: Some("BS") };
                self.tell(Event::Completable { leg, offer: Box::new(offer) });
            }
            3 => {
                let line: Arc<str> = pick(&["1001", "1002", "4711"], a).into();
                let change = [
                    RegistrationChange::Registered,
                    RegistrationChange::Unregistered,
                    RegistrationChange::Expired,
                ];
                let contact = "sip:1001@10.0.0.9".to_owned();
                self.tell(Event::Registration { line, contact, change: change[usize::from(c % 3)] });
            }
            _ => {
                let at = usize::from(a) % self.subscriptions.len().max(1);
                let Some(usage) = self.subscriptions.iter().nth(at).copied() else { return };
                if c > 200 {
                    self.subscriptions.remove(&usage);
                    self.tell(Event::SubscriptionOver { usage, status: 408 });
                } else {
                    let phases = [SubscriptionPhase::Active, SubscriptionPhase::Pending];
                    let (kind, text) = pick(&DOCUMENTS, c / 4);
                    let body = (c % 8 != 7).then(|| (kind.to_owned(), Bytes::from_static(text.as_bytes())));
                    self.tell(Event::Subscription { usage, phase: phases[usize::from(c % 2)], body });
                }
            }
        }
    }

    /// What is heard outside of calls: of registrations of ours, texts, keys for features, mailboxes.
    fn hear_beside_calls(&mut self, a: u8, b: u8, c: u8) {
        let registration = || {
            let at = usize::from(a) % self.registrations.len().max(1);
            self.registrations.iter().nth(at).map(|(usage, trunk)| (*usage, Arc::clone(trunk)))
        };
        let line: Arc<str> = pick(&["1001", "1002", "4711"], a).into();
        match c % 8 {
            0 => {
                let Some((usage, trunk)) = registration() else { return };
                self.registrations.remove(&usage);
                let status = pick(&[403, 408, 423, 503, 0], b);
                let retry_after_s = (b > 128).then_some(u32::from(b) << 12);
                self.tell(Event::RegistrationOver { usage, trunk, status, retry_after_s });
            }
            1 => {
                let Some((usage, trunk)) = registration() else { return };
                self.registered(usage, trunk, u64::from(b), false);
            }
            2 => {
                let kind = pick(&ForwardKind::ALL, b);
                let to = pick(&DIALLED, b).to_owned();
                let wish = match c / 8 % 3 {
                    0 => FeatureWish::DoNotDisturb(b.is_multiple_of(2)),
                    _ => FeatureWish::Forward { kind, is_on: c > 64, to, rings: Some(u32::from(b)) },
                };
                let at = usize::from(a) % self.subscribers.len().max(1);
                let Some(usage) = self.subscribers.iter().nth(at).copied() else { return };
                self.tell(Event::FeatureWish(usage, Box::new(wish)));
            }
            3 => {
                let counts =
                    MessageCounts { is_waiting: c > 128, new: u16::from(b), ..MessageCounts::default() };
                let mailboxes = vec![line.to_string(), b.to_string()];
                let told = MessagesTold { trunk: "carrier".into(), mailboxes, counts };
                self.tell(Event::MessagesTold(Box::new(told)));
            }
            7 => {
                let tag =
                    self.entity_tags.iter().nth(usize::from(b) % self.entity_tags.len().max(1)).copied();
                let activities = ["meal", "busy", "x"].into_iter().filter_map(Activity::parse).collect();
                let said =
                    PublishedPresence { is_open: Some(b.is_multiple_of(2)), activities, note: b.to_string() };
                let publication = IncomingPublication {
                    line: Arc::clone(&line),
                    dialled: if b > 240 { "1001".to_owned() } else { line.to_string() },
                    entity_tag: tag.filter(|_| c > 64),
                    expires_s: u32::from(b),
                    presence: (c < 192).then(|| Box::new(said)),
                };
                let usage = self.next_usage();
                self.tell(Event::Publish(usage, Box::new(publication)));
            }
            _ => {
                let text = IncomingText {
                    line,
                    dialled: pick(&DIALLED, b).to_owned(),
                    is_hidden: c > 128,
                    max_forwards: c / 8 % 3,
                    content_type: "text/plain".to_owned(),
                    body: Bytes::from_static(b"Call me."),
                };
                let usage = self.next_usage();
                self.tell(Event::Text(usage, Box::new(text)));
            }
        }
    }

    fn registered(&mut self, usage: UsageId, trunk: Arc<str>, expires_s: u64, is_first: bool) {
        let expires = Duration::from_secs(expires_s);
        let service_route = Vec::new();
        self.tell(Event::Registered { usage, trunk, expires, service_route, is_first });
    }

    fn upheave(&mut self, what: u8) {
        match what % 5 {
            0 => self.reconfigure(registering().clone()),
            1 => {
                let mut fewer = setup().clone();
                fewer.lines.retain(|line| &*line.address != "1002");
                self.reconfigure(fewer);
            }
            4 => self.reconfigure(setup().clone()),
            gone => {
                let mut out = Outbox::default();
                self.switch.app_gone(self.now, if gone == 2 { CRM } else { WALLBOARD }, &mut out);
                self.take(out);
            }
        }
    }

    fn reconfigure(&mut self, setup: Setup) {
        let mut out = Outbox::default();
        self.switch.reconfigure(self.now, setup, &mut out);
        self.take(out);
    }

    fn call_in(
        &mut self,
        peer: Peer,
        dialled: &str,
        offer: Option<Box<SessionDescription>>,
        details: Option<CallDetails>,
    ) {
        self.last_leg += 1;
        // As the agents number the legs that call in.
        let leg = LegId::new(1, (1 << 47) | self.last_leg);
        let (Peer::Line(user) | Peer::Trunk(user)) = &peer;
        let user: &str = user;
        let party =
            |user: &str| Party { user: user.to_owned(), host: "pbx.example".to_owned(), name: String::new() };
        let remote = match &peer {
            Peer::Line(_) => SocketAddr::from(([10, 0, 0, 5], 5060)),
            Peer::Trunk(_) => SocketAddr::from(([198, 51, 100, 7], 5060)),
        };
        let call = IncomingCall {
            flow: flow(remote),
            dialled: dialled.to_owned(),
            domain: "pbx.example".to_owned(),
            from: party(user),
            to: party(dialled),
            max_forwards: 70,
            offer,
            supports_100rel: false,
            details: details.map(Box::new),
            peer: peer.clone(),
        };
        self.legs.insert(leg, peer);
        self.tell(Event::Incoming(leg, Box::new(call)));
    }

    /// The agents do what they were told, and say what came of it.
    fn obey(&mut self) {
        while !self.commands.is_empty() || !self.generations.is_empty() {
            for (leg, generation) in std::mem::take(&mut self.generations) {
                self.tell_relay(MediaEvent::Generated { leg, generation, cancelled: false });
            }
            for command in std::mem::take(&mut self.commands) {
                match command {
                    Command::End(leg, _) | Command::Reject(leg, ..) => self.over(leg, CauseKind::Local),
                    Command::Subscribe(usage, _) if usage.0.is_multiple_of(2) => {
                        self.subscriptions.insert(usage);
                        let body =
                            Some((DOCUMENTS[0].0.to_owned(), Bytes::from_static(DOCUMENTS[0].1.as_bytes())));
                        self.tell(Event::Subscription { usage, phase: SubscriptionPhase::Active, body });
                    }
                    Command::Subscribe(usage, _) => self.tell(Event::SubscriptionOver { usage, status: 489 }),
                    Command::Unsubscribe(usage) => {
                        self.subscriptions.remove(&usage);
                        self.tell(Event::SubscriptionOver { usage, status: 0 });
                    }
                    Command::Register(usage, register) if usage.0.is_multiple_of(2) => {
                        self.registrations.insert(usage, Arc::clone(&register.trunk));
                        self.registered(usage, register.trunk, 3600, true);
                    }
                    Command::Register(usage, register) => {
                        let trunk = register.trunk;
                        self.tell(Event::RegistrationOver { usage, trunk, status: 408, retry_after_s: None });
                    }
                    Command::Unregister(usage) => {
                        if let Some(trunk) = self.registrations.remove(&usage) {
                            let over =
                                Event::RegistrationOver { usage, trunk, status: 0, retry_after_s: None };
                            self.tell(over);
                        }
                    }
                    Command::Message(usage, _) => {
                        let status = if usage.0.is_multiple_of(3) { 408 } else { 200 };
                        self.tell(Event::MessageDone { usage, status });
                    }
                    Command::AnswerPublish(_, result) => {
                        self.entity_tags.extend(result.map(|told| told.entity_tag))
                    }
                    Command::AnswerSubscribe(usage, status) => {
                        if status >= 300 {
                            self.subscribers.remove(&usage);
                        }
                    }
                    Command::Invite(..)
                    | Command::Progress(..)
                    | Command::Answer(..)
                    | Command::Offer(..)
                    | Command::AnswerOffer(..)
                    | Command::RefuseOffer(..)
                    | Command::Notify(..)
                    | Command::Enclose(..)
                    | Command::Identify(..)
                    | Command::Probe(..)
                    | Command::Withdraw(_)
                    | Command::Focus(..)
                    | Command::Digit(..)
                    | Command::UserToUser(..)
                    | Command::Csta(..)
                    | Command::AnswerRefer(..)
                    | Command::AnswerText(..)
                    | Command::ReferProgress(..)
                    | Command::AcceptList(_)
                    | Command::NotifySubscriber(..) => {}
                }
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        let mut out = Outbox::default();
        self.switch.handle_timeout(self.now, &mut out);
        self.take(out);
    }

    fn over(&mut self, leg: LegId, kind: CauseKind) {
        if self.legs.remove(&leg).is_some() {
            self.tell(Event::Ended { leg, cause: Cause { kind, ..Cause::default() } });
        }
    }

    fn tell(&mut self, event: Event) {
        let mut out = Outbox::default();
        self.switch.sip(self.now, event, &mut out);
        self.take(out);
    }

    fn tell_relay(&mut self, event: MediaEvent) {
        let mut out = Outbox::default();
        self.switch.media(self.now, event, &mut out);
        self.take(out);
    }

    fn take(&mut self, out: Outbox) {
        for command in out.sip {
            // An agent takes its commands before it reports what came after.
            if let Command::Invite(leg, invite) = &command {
                assert!(self.legs.insert(*leg, called(invite)).is_none(), "{leg} is made twice");
            }
            self.commands.push(command);
        }
        for (_, message) in out.messages {
            if let Message::Reply { request, reply } = message {
                assert!(self.replies.insert(request, reply).is_none(), "{request:?} has two replies");
            }
        }
        for (_, command) in out.media {
            match command {
                MediaCommand::Open { leg, ports, .. } => {
                    assert!(self.open.insert(LegId(leg.0), ports).is_none(), "{leg:?} is opened twice");
                }
                MediaCommand::Close(leg) => {
                    let ports = self.open.remove(&LegId(leg.0)).expect("only what is open is closed");
                    self.tell_relay(MediaEvent::Closed { leg, ports, stats: LegStats::default() });
                }
                MediaCommand::Detach(leg) => {
                    self.tell_relay(MediaEvent::Detached { leg, parcel: Parcel::empty() })
                }
                MediaCommand::Attach { leg, .. } => {
                    assert!(self.open.contains_key(&LegId(leg.0)), "only what is open moves");
                }
                MediaCommand::Digits { leg, generation, .. } => self.generations.push((leg, generation)),
                MediaCommand::Remote(..)
                | MediaCommand::Feed(..)
                | MediaCommand::CancelDigits(_)
                | MediaCommand::Detect(..)
                | MediaCommand::Record(..)
                | MediaCommand::Stats(_) => {}
            }
        }
        for command in out.recordings {
            self.write(command);
        }
        for command in out.forks {
            self.fork(command);
        }
    }

    /// What is told of files: of every third recording that there is no room for it.
    fn write(&mut self, command: RecordingCommand) {
        let event = match command {
            RecordingCommand::Begin { recording, .. } if !recording.0.is_multiple_of(3) => {
                assert!(self.files.insert(recording), "{recording:?} begins twice");
                RecordingEvent::Began { recording, path: "a.wav".into() }
            }
            RecordingCommand::Begin { recording, .. } => {
                RecordingEvent::Ended { recording, end: RecordingEnd::DiskFull, length: Duration::ZERO }
            }
            RecordingCommand::End { recording, length } if self.files.remove(&recording) => {
                RecordingEvent::Ended { recording, end: RecordingEnd::Stopped, length }
            }
            // There was no room for it.
            RecordingCommand::End { .. } => return,
        };
        let mut out = Outbox::default();
        self.switch.recorded(self.now, event, &mut out);
        self.take(out);
    }

    /// What is told of connections: of every third fork that nobody listens.
    fn fork(&mut self, command: ForkCommand) {
        let fork = command.fork();
        let event = match command {
            ForkCommand::Begin(_) if !fork.0.is_multiple_of(3) => {
                assert!(self.forks.insert(fork), "{fork} begins twice");
                ForkEvent::Began(fork)
            }
            ForkCommand::Begin(_) => ForkEvent::Ended { fork, end: ForkEnd::Unreachable, pieces_lost: 0 },
            ForkCommand::End(_, end) if self.forks.remove(&fork) => {
                ForkEvent::Ended { fork, end, pieces_lost: 0 }
            }
            // Nobody listened.
            ForkCommand::End(..) => return,
        };
        let mut out = Outbox::default();
        self.switch.forked(self.now, event, &mut out);
        self.take(out);
    }

    fn check(&mut self) {
        for app in [CRM, WALLBOARD] {
            for view in self.switch.calls(app) {
                if view.state == CallState::Idle {
                    self.idle.insert(view.id);
                } else {
                    assert!(!self.idle.contains(&view.id), "{} left idle", view.id);
                }
                if matches!(view.state, CallState::Connected(_)) {
                    self.connected.insert(view.id);
                }
            }
        }
        for parked in self.switch.parked(CRM) {
            assert!(self.location.is_registered(&parked.slot, self.now), "{parked:?}");
        }
    }

    fn leg(&self, number: u8) -> LegId {
        let known = self.legs.keys().nth(usize::from(number) % self.legs.len().max(1));
        known.copied().unwrap_or(LegId::new(0, 4711))
    }

    fn next_usage(&mut self) -> UsageId {
        self.last_usage += 1;
        UsageId::new(1, (1 << 47) | self.last_usage)
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// Who is called by an INVITE.
fn called(invite: &Invite) -> Peer {
    match PHONES.iter().find(|phone| invite.target.uri.starts_with(&format!("sip:{phone}@"))) {
        Some(phone) => Peer::Line((*phone).into()),
        None => Peer::Trunk(match invite.target.flow.remote.ip().to_string().as_str() {
            "198.51.100.21" => "second".into(),
            "198.51.100.22" => "third".into(),
            _ => "carrier".into(),
        }),
    }
}

/// Where virtual time begins.
pub fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

/// The owner of all lines.
pub const CRM: AppId = AppId(0);
/// A monitor of all lines.
pub const WALLBOARD: AppId = AppId(1);

/// Steps of a script that are done.
const STEPS_MAX: usize = 150;

/// What the letters of steps are.
const LETTERS: &[u8] = b"ipaeoOxnfdmrcltTRsu@.!g";

/// The lines that phones register at.
const PHONES: [&str; 2] = ["1001", "1002"];

/// Errors that say what could be known before a request.
const KNOWN_BEFORE: [LineError; 7] = [
    LineError::InvalCallState,
    LineError::OperationUnavail,
    LineError::NotOwner,
    LineError::InUse,
    LineError::InvalConfCallHandle,
    LineError::NoConference,
    LineError::ConferenceFull,
];
