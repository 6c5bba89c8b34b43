//! The test rig: a switch between agents and a relay that only write down what they are told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_media::{
    Cadence, CallProgress, Command as MediaCommand, Event as MediaEvent, Feed, LegStats, Parcel, Remote,
};
use trunkline_sip::location::{Binding, Location, LocationLimits};
use trunkline_sip::outbox::{
    CallDetails, Cause, CauseKind, Command, Event, IncomingCall, Invite, Outbox as SipOutbox, Party, Peer,
    SubscriptionPhase,
};
use trunkline_sip::sdp::SessionDescription;
use trunkline_sip::transport::{Flow, Transport};
use trunkline_sip::{ConnectionId, LegId, UsageId};

use super::call_facts::CallFact;
use super::quality::EndedMedia;
use super::setup::{
    AppSetup, LineSetup, MediaSetup, RedirectPlace, RedirectSetup, RouteFrom, RouteSetup, RouteTo, TrunkSetup,
};
use super::*;

/// The first application of the configuration: owner of all lines.
pub(super) const CRM: AppId = AppId(0);
/// The second: monitor of all lines.
pub(super) const WALLBOARD: AppId = AppId(1);

/// What most phones offer.
pub(super) const USUAL: &str = "0 8 101";

/// Where virtual time begins.
#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can only be had from the clock; tests never look again"
)]
pub(super) fn epoch() -> Instant {
    Instant::now()
}

pub(super) fn setup() -> Setup {
    let line =
        |address: &str, kind| LineSetup { name: format!("Line {address}"), ..LineSetup::new(address, kind) };
    let app = |name: &str, privilege| AppSetup { name: name.into(), lines: vec!["*".into()], privilege };
    let route = RouteSetup {
        from: RouteFrom::Any,
        pattern: regex::Regex::new(r"^0(\d+)$").unwrap(),
        to: RouteTo::Trunk("carrier".into()),
        number: Some("$1".into()),
        is_emergency: false,
    };
    Setup {
        lines: vec![
            line("1001", LineKind::Phone),
            line("1002", LineKind::Phone),
            line("1003", LineKind::Local),
        ],
        trunks: vec![TrunkSetup {
            calls_max: 4,
            redirects: redirects(),
            video: true,
            ..TrunkSetup::to(
                "carrier",
                "carrier.example",
                vec![(Transport::Udp, peer(7)), (Transport::Udp, peer(8))],
            )
        }],
        routes: vec![route],
        apps: vec![app("crm", CallPrivilege::Owner), app("wallboard", CallPrivilege::Monitor)],
        media: MediaSetup {
            ports: 20_000..=20_099,
            workers: 2,
            silent_after: None,
            music: Some(vec![0; 160].into()),
            ..MediaSetup::default()
        },
        domain: "pbx.example".into(),
        sip_workers: 2,
        ring_max: Duration::from_secs(60),
        calls_max: 8,
        ..Setup::default()
    }
}

/// What the carrier may do: its own network, and one other host.
fn redirects() -> RedirectSetup {
    RedirectSetup {
        own: vec!["198.51.100.0/24".parse().unwrap()],
        places: vec![
            RedirectPlace::Network("203.0.113.64/28".parse().unwrap()),
            RedirectPlace::Host("sbc.example".to_owned(), vec!["203.0.113.5".parse().unwrap()]),
        ],
    }
}

fn peer(last: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, last], 5060))
}

fn flow(remote: SocketAddr) -> Flow {
    let local = SocketAddr::from(([192, 0, 2, 1], 5060));
    Flow { transport: Transport::Udp, local, remote, connection: ConnectionId::default() }
}

pub(super) fn binding(contact: &str, q_milli: u16) -> Arc<Binding> {
    Arc::new(binding_until(contact, q_milli, epoch() + Duration::from_secs(3600)))
}

fn binding_until(contact: &str, q_milli: u16, expires: Instant) -> Binding {
    Binding {
        key: contact.into(),
        contact: contact.into(),
        params: "".into(),
        q_milli,
        path: Box::default(),
        flow: flow(SocketAddr::from(([10, 0, 0, 9], 5060))),
        call_id: "registration".into(),
        cseq: 1,
        user_agent: "Snom".into(),
        expires,
    }
}

/// A description with these formats of a far end at this address, with further lines.
pub(super) fn sdp_at(host: &str, port: u16, formats: &str, lines: &str) -> Box<SessionDescription> {
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n\
         a=rtpmap:101 telephone-event/8000\r\n{lines}"
    );
    Box::new(SessionDescription::parse(&Bytes::from(text)).unwrap())
}

pub(super) fn sdp(formats: &str) -> Box<SessionDescription> {
    sdp_at("198.51.100.7", 4000, formats, "")
}

/// The switch, and everything that it asked for.
pub(super) struct Rig {
    pub(super) switch: Switch,
    pub(super) location: Arc<Location>,
    pub(super) now: Instant,
    /// Since the last look.
    pub(super) sip: Vec<Command>,
    pub(super) messages: Vec<(AppId, Message)>,
    /// What the relay was told last of each leg.
    pub(super) remotes: BTreeMap<LegId, Remote>,
    pub(super) feeds: BTreeMap<LegId, String>,
    /// What was to be kept over a restart.
    pub(super) store: Vec<Kept>,
    /// Media legs that are open, with their ports and worker.
    pub(super) open: BTreeMap<LegId, (u16, trunkline_media::PortPair)>,
    /// What else the relay was told, in order.
    pub(super) relayed: Vec<MediaCommand>,
    /// What the relay says of a leg when it closes.
    pub(super) counts: BTreeMap<LegId, LegStats>,
    /// Up to which numbers of calls are written off.
    pub(super) numbers: u64,
    /// The ports that were noted last.
    pub(super) ports: Vec<trunkline_media::PortPair>,
    /// Media that is over.
    pub(super) ended: Vec<EndedMedia>,
    facts: Vec<CallFact>,
    /// What was wanted of files.
    pub(super) recordings: Vec<RecordingCommand>,
    /// What was wanted of connections of forks.
    pub(super) forks: Vec<ForkCommand>,
    next_leg: u64,
    next_request: u32,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::with(setup())
    }

    pub(super) fn with(setup: Setup) -> Self {
        let now = epoch();
        let location = Arc::new(Location::new(now, LocationLimits::DEFAULT));
        let switch = Switch::new(setup, Arc::clone(&location), [7; 32], now);
        Self {
            switch,
            location,
            now,
            sip: Vec::new(),
            messages: Vec::new(),
            store: Vec::new(),
            remotes: BTreeMap::new(),
            feeds: BTreeMap::new(),
            open: BTreeMap::new(),
            relayed: Vec::new(),
            counts: BTreeMap::new(),
            numbers: 0,
            ports: Vec::new(),
            ended: Vec::new(),
            facts: Vec::new(),
            recordings: Vec::new(),
            forks: Vec::new(),
            next_leg: 0,
            next_request: 0,
        }
    }

    /// The same rig once more: what one does the other does not see.
    pub(super) fn copy(&self) -> Self {
        let location = Arc::new(Location::new(self.now, LocationLimits::DEFAULT));
        let all = self.location.snapshot().into_iter();
        let all = all.flat_map(|(line, bindings)| {
            bindings.into_iter().map(move |binding| (Arc::clone(&line), binding))
        });
        location.load(self.now, all.map(|(line, binding)| (line, Binding::clone(&binding))));
        let mut switch = self.switch.clone();
        switch.location = Arc::clone(&location);
        Self {
            switch,
            location,
            now: self.now,
            sip: self.sip.clone(),
            messages: Vec::new(),
            store: Vec::new(),
            remotes: self.remotes.clone(),
            feeds: self.feeds.clone(),
            open: self.open.clone(),
            counts: self.counts.clone(),
            numbers: 0,
            ports: Vec::new(),
            ended: Vec::new(),
            facts: Vec::new(),
            recordings: Vec::new(),
            forks: Vec::new(),
            relayed: Vec::new(),
            next_leg: self.next_leg,
            next_request: self.next_request,
        }
    }

    /// The engine is killed and begins anew, with what its store holds and with these legs, which its agents had kept.
    pub(super) fn restart(&mut self, dialogs: &[LegId]) {
        self.restart_with(Setup::clone(&self.switch.setup), dialogs);
    }

    /// The same, with a changed configuration.
    pub(super) fn restart_with(&mut self, setup: Setup, dialogs: &[LegId]) {
        let mut calls = BTreeMap::new();
        for kept in std::mem::take(&mut self.store) {
            match kept {
                Kept::Call(call) => drop(calls.insert(call.id, *call)),
                Kept::CallOver(id) => drop(calls.remove(&id).expect("it was kept")),
                Kept::Forwarding { .. }
                | Kept::Completion(_)
                | Kept::CompletionOver(_)
                | Kept::Numbers(_)
                | Kept::Ports(_)
                | Kept::Messages { .. } => {}
            }
        }
        let (now, next_leg, ports) = (self.now, self.next_leg, std::mem::take(&mut self.ports));
        *self = Self { now, next_leg, ..Self::with(setup) };
        self.switch.restore([Kept::Ports(ports)]);
        self.switch.keep_calls();
        let (calls, dialogs) = (calls.into_values().collect(), dialogs.iter().copied().collect());
        let mut out = Outbox::default();
        self.switch.recover(now, calls, &dialogs, &mut out);
        self.take(out);
    }

    pub(super) fn register(&mut self, line: &str, contact: &str, q_milli: u16) {
        let binding = binding_until(contact, q_milli, self.now + Duration::from_secs(86_400));
        self.location.put(self.now, &line.into(), binding, &mut SipOutbox::default()).unwrap();
    }

    /// A phone registers from this address.
    pub(super) fn register_from(&mut self, line: &str, contact: &str, remote: SocketAddr) {
        let binding = binding_until(contact, 1000, self.now + Duration::from_secs(86_400));
        let binding = Binding { flow: flow(remote), ..binding };
        self.location.put(self.now, &line.into(), binding, &mut SipOutbox::default()).unwrap();
    }

    pub(super) fn unregister(&mut self, line: &str, contact: &str) {
        self.location.remove(line, contact, &mut SipOutbox::default());
    }

    pub(super) fn take(&mut self, out: Outbox) {
        self.sip.extend(out.sip);
        self.messages.extend(out.messages);
        for kept in out.store {
            match kept {
                Kept::Numbers(last) => self.numbers = last,
                Kept::Ports(ports) => self.ports = ports,
                Kept::Forwarding { .. }
                | Kept::Completion(_)
                | Kept::CompletionOver(_)
                | Kept::Call(_)
                | Kept::CallOver(_)
                | Kept::Messages { .. } => self.store.push(kept),
            }
        }
        self.ended.extend(out.ended);
        self.facts.extend(out.facts);
        self.recordings.extend(out.recordings);
        self.forks.extend(out.forks);
        for (worker, command) in out.media {
            match command {
                MediaCommand::Open { leg, ports, .. } => {
                    self.open.insert(LegId(leg.0), (worker, ports));
                }
                MediaCommand::Remote(leg, remote) => {
                    self.remotes.insert(LegId(leg.0), *remote);
                }
                MediaCommand::Feed(leg, feed) => {
                    let feed = match feed {
                        Feed::Nothing => "nothing".to_owned(),
                        Feed::Leg(leg) => format!("leg {leg:?}", leg = LegId(leg.0)),
                        Feed::Silence => "silence".to_owned(),
                        Feed::Tone(cadence) => tone(&cadence),
                        Feed::Music(_) => "music".to_owned(),
                        Feed::Conference(conference) => format!("conference {}", conference.0),
                    };
                    self.feeds.insert(LegId(leg.0), feed);
                }
                MediaCommand::Close(leg) => {
                    let id = LegId(leg.0);
                    let (_, ports) = self.open.remove(&id).expect("only what is open is closed");
                    self.feeds.remove(&id);
                    self.remotes.remove(&id);
                    let mut out = Outbox::default();
                    let stats = self.counts.remove(&id).unwrap_or_default();
                    self.switch.media(self.now, MediaEvent::Closed { leg, ports, stats }, &mut out);
                    self.take(out);
                }
                MediaCommand::Detach(leg) => {
                    let mut out = Outbox::default();
                    let parcel = Parcel::empty();
                    self.switch.media(self.now, MediaEvent::Detached { leg, parcel }, &mut out);
                    self.take(out);
                }
                MediaCommand::Attach { leg, .. } => {
                    self.open.get_mut(&LegId(leg.0)).expect("only what is open moves").0 = worker;
                }
                MediaCommand::Digits { .. }
                | MediaCommand::CancelDigits(_)
                | MediaCommand::Detect(..)
                | MediaCommand::Record(..)
                | MediaCommand::Stats(_) => self.relayed.push(command),
            }
        }
    }

    pub(super) fn tell(&mut self, event: Event) {
        let mut out = Outbox::default();
        self.switch.sip(self.now, event, &mut out);
        self.take(out);
    }

    pub(super) fn tell_media(&mut self, event: MediaEvent) {
        let mut out = Outbox::default();
        self.switch.media(self.now, event, &mut out);
        self.take(out);
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        let mut out = Outbox::default();
        self.switch.handle_timeout(self.now, &mut out);
        self.take(out);
    }

    pub(super) fn ask(&mut self, app: AppId, operation: Operation) -> RequestId {
        self.next_request += 1;
        let request = RequestId(self.next_request);
        let mut out = Outbox::default();
        self.switch.request(self.now, app, request, operation, &mut out);
        self.take(out);
        request
    }

    /// Asks, and takes the reply that came at once.
    pub(super) fn request(&mut self, app: AppId, operation: Operation) -> Reply {
        let request = self.ask(app, operation);
        self.reply(request).expect("a reply at once")
    }

    pub(super) fn reply(&self, wanted: RequestId) -> Option<Reply> {
        let mut replies = self.messages.iter().filter_map(|(_, message)| {
            let Message::Reply { request, reply } = message else { return None };
            (*request == wanted).then(|| reply.clone())
        });
        let reply = replies.next();
        assert_eq!(replies.next(), None, "one reply for one request");
        reply
    }

    /// A call comes in.
    pub(super) fn call_in(&mut self, peer: Peer, dialled: &str, offer: Option<&str>) -> LegId {
        // As the agents number the legs that call in.
        let leg = LegId::new(1, (1 << 47) | self.next_leg);
        self.next_leg += 1;
        let call = self.incoming(peer, dialled, offer);
        self.tell(Event::Incoming(leg, call));
        leg
    }

    /// A call comes in that says more than who calls whom.
    pub(super) fn call_in_with(&mut self, peer: Peer, dialled: &str, details: CallDetails) -> LegId {
        let leg = LegId::new(1, (1 << 47) | self.next_leg);
        self.next_leg += 1;
        let mut call = self.incoming(peer, dialled, Some(USUAL));
        call.details = Some(Box::new(details));
        self.tell(Event::Incoming(leg, call));
        leg
    }

    /// A call that might come in.
    pub(super) fn incoming(&self, peer: Peer, dialled: &str, offer: Option<&str>) -> Box<IncomingCall> {
        let (Peer::Line(user) | Peer::Trunk(user)) = &peer;
        let from = Party { user: user.to_string(), host: "pbx.example".into(), name: String::new() };
        let remote = match &peer {
            Peer::Line(_) => SocketAddr::from(([10, 0, 0, 5], 5060)),
            Peer::Trunk(_) => self::peer(7),
        };
        Box::new(IncomingCall {
            peer,
            flow: flow(remote),
            dialled: dialled.to_owned(),
            domain: "pbx.example".into(),
            from,
            to: Party { user: dialled.to_owned(), host: "pbx.example".into(), name: String::new() },
            max_forwards: 70,
            offer: offer.map(sdp),
            supports_100rel: false,
            details: None,
        })
    }

    /// The next INVITE that was asked for.
    pub(super) fn invited(&mut self) -> (LegId, Box<Invite>) {
        let at = self.sip.iter().position(|command| matches!(command, Command::Invite(..)));
        let Command::Invite(leg, invite) = self.sip.remove(at.expect("an INVITE")) else { unreachable!() };
        (leg, invite)
    }

    pub(super) fn progress(&mut self, leg: LegId, status: u16, description: Option<&str>) {
        self.tell(Event::Progress { leg, status, sdp: description.map(sdp) });
    }

    pub(super) fn answer(&mut self, leg: LegId, formats: &str) {
        let connected = Party::default();
        self.tell(Event::Answered { leg, sdp: Some(sdp(formats)), is_offer: false, connected });
    }

    pub(super) fn refuse(&mut self, leg: LegId, status: u16) {
        let cause = Cause { status, kind: CauseKind::Status, ..Cause::default() };
        self.tell(Event::Failed { leg, cause, retry_after_s: None, redirect: Vec::new() });
    }

    /// A peer accepts a subscription and says that nobody is on the phone there, or refuses it.
    pub(super) fn answer_subscribe(&mut self, usage: UsageId, accepts: bool) {
        self.tell(if accepts {
            let body = Bytes::from_static(b"<dialog-info version=\"0\" state=\"full\" entity=\"sip:30@x\"/>");
            let body = Some(("application/dialog-info+xml".to_owned(), body));
            Event::Subscription { usage, phase: SubscriptionPhase::Active, body }
        } else {
            Event::SubscriptionOver { usage, status: 489 }
        });
    }

    /// What records of calls were told since the last look.
    pub(super) fn facts(&mut self) -> Vec<CallFact> {
        std::mem::take(&mut self.facts)
    }

    pub(super) fn hang_up(&mut self, leg: LegId) {
        self.end(leg, CauseKind::Bye);
    }

    pub(super) fn end(&mut self, leg: LegId, kind: CauseKind) {
        self.tell(Event::Ended { leg, cause: Cause { kind, ..Cause::default() } });
    }

    /// The commands since the last look, short: `answer 1000000000000`. Legs that the switch ended are confirmed.
    pub(super) fn commands(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        for command in std::mem::take(&mut self.sip) {
            let subject = command.subject();
            let text = match &command {
                Command::Invite(..) => "invite".to_owned(),
                Command::Progress(_, status, sdp) => {
                    format!("progress {status}{}", if sdp.is_some() { " sdp" } else { "" })
                }
                Command::Answer(..) => "answer".to_owned(),
                Command::Reject(_, status, _) => format!("reject {status}"),
                Command::Offer(..) => "offer".to_owned(),
                Command::AnswerOffer(..) => "answer offer".to_owned(),
                Command::RefuseOffer(_, status) => format!("refuse offer {status}"),
                Command::Notify(_, event) => format!("notify {event}"),
                Command::Enclose(..) => "enclose".to_owned(),
                Command::Identify(_, party) => format!("identify {}", party.user),
                Command::Focus(_, user) => format!("focus {}", user.is_some()),
                Command::Digit(_, digit, _) => format!("digit {}", char::from(*digit)),
                Command::UserToUser(..) => "user-to-user".to_owned(),
                Command::Csta(_, service) => service.name().to_owned(),
                Command::AnswerRefer(_, status) => format!("answer refer {status}"),
                Command::ReferProgress(_, status) => format!("refer progress {status}"),
                Command::AnswerSubscribe(_, status) => format!("answer subscribe {status}"),
                Command::AcceptList(_) => "accept list".to_owned(),
                Command::NotifySubscriber(..) => "notify subscriber".to_owned(),
                Command::Subscribe(..) => "subscribe".to_owned(),
                Command::Unsubscribe(_) => "unsubscribe".to_owned(),
                Command::Register(_, register) => format!("register {}", register.target.flow.remote),
                Command::Unregister(_) => "unregister".to_owned(),
                Command::Message(..) => "message".to_owned(),
                Command::Withdraw(_) => "withdraw".to_owned(),
                Command::AnswerText(_, status) => format!("answer text {status}"),
                Command::AnswerPublish(_, result) => {
                    format!("answer publish {}", result.err().unwrap_or(200))
                }
                Command::Probe(..) => "probe".to_owned(),
                Command::End(..) => "end".to_owned(),
            };
            said.push(format!("{text} {subject}"));
            if let Command::End(leg, _) | Command::Reject(leg, ..) = command {
                self.end(leg, CauseKind::Local);
            }
        }
        said
    }

    /// The states that an application heard of since the last look: `c1 connected/active`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "only what moves a call is told")]
    pub(super) fn states(&mut self, app: AppId) -> Vec<String> {
        let (mine, others) = std::mem::take(&mut self.messages).into_iter().partition(|(to, _)| *to == app);
        self.messages = others;
        let mine: Vec<(AppId, Message)> = mine;
        mine.into_iter()
            .filter_map(|(_, message)| match message {
                Message::CallState { call, state, .. } => {
                    let mode = state.mode_name().map(|mode| format!("/{mode}")).unwrap_or_default();
                    Some(format!("{call} {}{mode}", state.name()))
                }
                Message::Reply { reply, .. } => Some(match reply {
                    Ok(_) => "reply".to_owned(),
                    Err(refusal) => format!("reply {}", refusal.error),
                }),
                Message::NewCall { call, privilege, .. } => Some(format!("{call} new {}", privilege.name())),
                _ => None,
            })
            .collect()
    }

    /// Everything that an application heard since the last look, of these kinds, in the words of `Debug`.
    pub(super) fn told(&mut self, app: AppId, keep: fn(&Message) -> bool) -> Vec<Message> {
        let told = self.messages.iter().filter(|(to, message)| *to == app && keep(message));
        let told = told.map(|(_, message)| message.clone()).collect();
        self.messages.clear();
        told
    }

    pub(super) fn state(&self, call: u64) -> CallState {
        self.switch.call(CRM, CallId(call)).expect("the call is there").state
    }

    /// Nothing is left but idle calls.
    pub(super) fn assert_quiet(&mut self) {
        self.commands();
        let gauges = self.switch.gauges();
        assert_eq!(Gauges { calls_idle: 0, completions: 0, watches: 0, ..gauges }, Gauges::default());
        let (hunts, texts) = (self.switch.hunts.len(), self.switch.texts.len());
        assert_eq!((self.switch.conversations, hunts, self.switch.pages.len(), texts), (0, 0, 0, 0));
        assert!(self.open.is_empty());
    }
}

/// The name of a tone of the configured country.
fn tone(cadence: &Cadence) -> String {
    let named = CallProgress::ALL.into_iter().find(|tone| *tone.cadence("us") == *cadence);
    named.map_or_else(|| "tone".to_owned(), |tone| format!("{tone:?}").to_lowercase())
}
