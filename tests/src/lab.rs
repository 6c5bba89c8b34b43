//! The lab: what a scenario holds in its hand.

use std::cell::Cell;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, VecDeque};
use std::hash::Hasher;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use trunkline::demo::{Heard, Phone, PhoneConfig, PhoneOutbox, Status};
use trunkline::switch::{
    AppId, CallId, CallView, Kept, LineError, Operation, Reply, RequestId, Setup, Switch,
};
use trunkline_media::io::simulated::Simulated;
use trunkline_media::{QUARANTINE, RelayWorker};
use trunkline_sip::admission::{Limit, STANDING};
use trunkline_sip::certificates::Certificates;
use trunkline_sip::dialog::KeptDialog;
use trunkline_sip::ids::UsageId;
use trunkline_sip::location::Location;
use trunkline_sip::outbox::KeptSubscription;
use trunkline_sip::transport::Transport;
use trunkline_sip::{Agent, LegId};

use crate::app::{App, call_of};
use crate::drive::{Parcel, Socket, Tally};
use crate::engine::Engine;
use crate::epoch;
use crate::ladder::Ladder;
use crate::network::{Network, Quality};
use crate::plan::{
    APPS, DOMAIN, ENGINE, ENGINE_V6, PHONES, Plan, TRUNKS, address_of, address_six_of, engine_for,
};
use crate::recording::Disk;
use crate::records::Book;
use crate::spread::Spread;
use crate::story::Story;

/// 64·T1: how long a transaction may outlive its call.
pub const T1_64: Duration = Duration::from_secs(32);

/// The private address of a phone behind a translator.
const PRIVATE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 10));

/// When a translator forgets a phone that nobody talks to (RFC 4787 §4.3 finds 30 s).
pub const TRANSLATOR_FORGETS: Duration = Duration::from_secs(30);

/// The whole engine, its phones and its applications, in virtual time.
#[derive(Debug)]
pub struct Lab {
    pub(crate) plan: Plan,
    pub(crate) restarts: u64,
    /// What its store would hold.
    pub(crate) kept: Vec<Kept>,
    /// The records of its calls.
    pub(crate) book: Book,
    /// What was recorded.
    pub(crate) disk: Disk,
    pub(crate) dialogs: BTreeMap<LegId, KeptDialog>,
    pub(crate) subscriptions: BTreeMap<UsageId, KeptSubscription>,
    pub(crate) now: Instant,
    pub(crate) agents: Vec<Agent>,
    pub(crate) location: Arc<Location>,
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) switch: Switch,
    pub(crate) relay: RelayWorker<Simulated>,
    pub(crate) seats: Vec<Seat>,
    pub(crate) sockets: BTreeMap<SocketAddr, Socket>,
    pub(crate) apps: Vec<App>,
    pub(crate) network: Network<Parcel>,
    pub(crate) ladder: Ladder,
    /// What is told to who reads of an operation.
    pub(crate) story: Story,
    pub(crate) hasher: DefaultHasher,
    pub(crate) connections: BTreeMap<u64, crate::drive::Connection>,
    /// Phones behind translators, and when something passed last.
    pub(crate) translated: BTreeMap<SocketAddr, Instant>,
    /// Whether only what they say counts there.
    pub(crate) counts_inside_alone: bool,
    pub(crate) connection_serial: u64,
    pub(crate) requests: u32,
    pub(crate) tally: Tally,
    pub(crate) spread: Option<Spread>,
    /// Steps taken without time passing, to find a loop.
    pub(crate) steps_at_once: u32,
    /// Whether every parcel is printed: `LAB_TRACE=1`.
    pub(crate) is_traced: bool,
}

/// A phone and where it sits.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) name: &'static str,
    pub(crate) phone: Phone,
    /// Where its SIP comes from, as the network sees it.
    pub(crate) address: SocketAddr,
    /// Where its RTP comes from, as the network sees it.
    pub(crate) media: SocketAddr,
    pub(crate) connection: Option<u64>,
    /// What its deadline is, if it is known: a phone looks through all its transactions for it.
    deadline: Cell<Option<Option<Instant>>>,
}

impl Seat {
    /// When the phone is to be woken.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if let Some(known) = self.deadline.get() {
            return known;
        }
        let deadline = self.phone.deadline();
        self.deadline.set(Some(deadline));
        deadline
    }

    /// The phone did something, or may.
    pub(crate) fn forget_deadline(&self) {
        self.deadline.set(None);
    }
}

impl Lab {
    /// The usual lab with this seed: one worker, a good network, nobody registered.
    pub fn seeded(seed: u64) -> Self {
        Plan::seeded(seed).build()
    }

    /// The usual lab with these phones registered and the ladder empty.
    pub fn registered(seed: u64, phones: &[&str]) -> Self {
        Plan::seeded(seed).build().with_registered(phones)
    }

    pub(crate) fn new(plan: Plan) -> Self {
        let mut rng = StdRng::seed_from_u64(plan.seed);
        let now = epoch();
        let Engine { location, certificates, agents, switch, relay } = Engine::new(&plan, &mut rng, now);
        let mut ladder = Ladder::default();
        ladder.name(ENGINE, "engine");
        ladder.name(ENGINE_V6, "engine");
        let phones = PHONES.iter().map(|(name, number)| (*name, *number, true));
        let trunks = TRUNKS.iter().map(|name| (*name, *name, false));
        let mut seats = Vec::new();
        let mut sockets = BTreeMap::new();
        let mut translated = BTreeMap::new();
        for (index, (name, user, is_phone)) in phones.chain(trunks).enumerate() {
            let address = if plan.six.contains(name) { address_six_of(index) } else { address_of(index) };
            let media = SocketAddr::new(address.ip(), 4_000);
            let transport = plan.streams.get(name).copied().unwrap_or(Transport::Udp);
            let is_translated = plan.translated.contains(name);
            if is_translated {
                translated.insert(address, now);
            }
            let known = if is_translated { PRIVATE } else { address.ip() };
            let config = PhoneConfig {
                user: user.to_owned(),
                password: is_phone.then(|| password_of(user)),
                address: SocketAddr::new(known, address.port()),
                media: SocketAddr::new(known, media.port()),
                server: engine_for(address.ip()),
                domain: DOMAIN.to_owned(),
                transport,
                seed: rng.random(),
            };
            ladder.name(address, name);
            sockets.insert(address, Socket::Sip(index));
            sockets.insert(media, Socket::Rtp(index));
            let (phone, deadline) = (Phone::new(config), Cell::new(None));
            seats.push(Seat { name, phone, address, media, connection: None, deadline });
        }
        Self {
            counts_inside_alone: plan.counts_inside_alone,
            plan,
            restarts: 0,
            kept: Vec::new(),
            book: Book::new(now),
            disk: Disk::default(),
            dialogs: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            now,
            agents,
            location,
            certificates,
            switch,
            relay,
            seats,
            sockets,
            apps: APPS.iter().map(|_| App::default()).collect(),
            network: Network::new(StdRng::from_rng(&mut rng)),
            ladder,
            story: Story::default(),
            hasher: DefaultHasher::new(),
            connections: BTreeMap::new(),
            translated,
            connection_serial: 0,
            requests: 0,
            tally: Tally::default(),
            spread: None,
            steps_at_once: 0,
            is_traced: std::env::var_os("LAB_TRACE").is_some(),
        }
    }

    /// Registers these phones over a good network, then forgets the ladder.
    pub fn with_registered(mut self, phones: &[&str]) -> Self {
        for name in phones {
            self.register(name);
        }
        self.run_ms(200);
        for name in phones {
            assert!(self.phone(name).is_registered(), "{name} could not register\n{}", self.ladder.tail(10));
        }
        self.ladder.forget();
        self.apps.iter_mut().for_each(|app| drop(app.take(&[])));
        self
    }

    /// Makes the network lose this many datagrams of a million.
    pub fn loss_ppm(mut self, loss_ppm: u32) -> Self {
        self.network.quality.loss_ppm = loss_ppm;
        self
    }

    /// Sets how bad the network is.
    pub const fn set_quality(&mut self, quality: Quality) {
        self.network.quality = quality;
    }

    /// A phone or trunk by name.
    ///
    /// # Panics
    /// If there is none.
    pub fn phone(&mut self, name: &str) -> &mut Phone {
        let index = self.seat(name);
        self.seats[index].forget_deadline();
        &mut self.seats[index].phone
    }

    /// The status of the latest call of a phone.
    pub fn status(&self, name: &str) -> Status {
        self.seats[self.seat(name)].phone.status()
    }

    /// The phone registers.
    pub fn register(&mut self, name: &str) {
        self.does(name, |phone, now, out| phone.register(now, out));
    }

    /// The phone calls.
    pub fn call(&mut self, name: &str, to: &str) {
        self.does(name, |phone, now, out| {
            phone.call(now, to, out);
        });
    }

    /// The phone answers.
    pub fn answer(&mut self, name: &str) {
        self.does(name, Phone::answer);
    }

    /// The phone hangs up.
    pub fn hang_up(&mut self, name: &str) {
        self.does(name, Phone::hang_up);
    }

    /// The phone holds.
    pub fn hold(&mut self, name: &str) {
        self.does(name, Phone::hold);
    }

    /// The phone resumes.
    pub fn resume(&mut self, name: &str) {
        self.does(name, Phone::resume);
    }

    /// The phone refuses.
    pub fn refuse(&mut self, name: &str, status: u16) {
        self.does(name, |phone, now, out| phone.refuse(now, status, out));
    }

    /// The phone does anything else, unless it is dead.
    pub fn does(&mut self, name: &str, deed: impl FnOnce(&mut Phone, Instant, &mut PhoneOutbox)) {
        let index = self.seat(name);
        if self.seats[index].phone.script.dead {
            return;
        }
        let mut out = PhoneOutbox::default();
        deed(&mut self.seats[index].phone, self.now, &mut out);
        self.deliver_phone(index, out);
    }

    /// Two phones, one calling the other, the call answered after a second and up for another.
    pub fn connected_call(&mut self, caller: &str, callee: &str) {
        let number = self.phone(callee).config().user.clone();
        self.call(caller, &number);
        self.run_ms(1_000);
        self.answer(callee);
        self.run_ms(1_000);
        let statuses = (self.status(caller), self.status(callee));
        assert_eq!(statuses, (Status::Connected, Status::Connected), "no call\n{}", self.ladder.tail(20));
        self.ladder.forget();
        self.apps.iter_mut().for_each(|app| drop(app.take(&[])));
    }

    /// The phone forgets its password and believes in this one.
    pub fn imposter(&mut self, name: &str, password: &str) {
        self.phone(name).set_password(password);
    }

    /// The engine takes no more calls.
    pub fn drain(&mut self) {
        let now = self.now;
        self.switched(|switch, out| switch.drain(now, out));
    }

    /// The workers' queues stand.
    pub fn fall_behind(&mut self) {
        for at in [self.now, self.now + STANDING] {
            self.run(at - self.now);
            self.agents.iter_mut().for_each(|agent| agent.note_queue(at, false));
        }
    }

    /// The workers' queues are empty.
    pub fn catch_up(&mut self) {
        let now = self.now;
        self.agents.iter_mut().for_each(|agent| agent.note_queue(now, true));
    }

    /// How often the workers or the switch refused something by this limit.
    pub fn refusals(&self, limit: Limit) -> u64 {
        let workers: u64 = self.agents.iter().map(|agent| agent.refusals().of(limit)).sum();
        workers + self.switch.refusals().of(limit)
    }

    /// The configuration is changed and read again.
    pub fn reload(&mut self, change: impl FnOnce(&mut Setup)) {
        change(&mut self.plan.setup);
        let (now, setup) = (self.now, self.plan.setup.clone());
        self.switched(|switch, out| switch.reconfigure(now, setup, out));
    }

    /// How many flows the network below the relay was given in all.
    pub fn flows_taken(&self) -> u64 {
        self.relay.io().flows_taken()
    }

    /// How many flows the network below the relay has.
    pub fn flows_in_kernel(&self) -> usize {
        self.relay.io().flows()
    }

    /// Ports that the relay has bound, for the phones of calls that are up.
    pub fn media_ports(&self) -> Vec<u16> {
        self.relay.io().ports()
    }

    /// Another process binds this port.
    pub fn takes_port(&mut self, port: u16) {
        self.relay.io_mut().take_port(port);
    }

    /// A packet of RTP from this address to this port of the relay.
    pub fn injects_rtp(&mut self, from: &str, port: u16) {
        let mut packet = vec![0x31; 172];
        packet[..2].copy_from_slice(&[0x80, 0]);
        self.sends_media(from, port, packet);
    }

    /// Somebody sends anything to a media port of the engine.
    pub fn sends_media(&mut self, from: &str, port: u16, packet: Vec<u8>) {
        let from: SocketAddr = from.parse().expect("the address is written in the scenario");
        let to = SocketAddr::new(engine_for(from.ip()).ip(), port);
        self.send_rtp(from, to, Bytes::from(packet));
    }

    /// An address that is nobody's: what is sent from it is a stranger's.
    pub fn stranger(&mut self, name: &'static str, address: &str) {
        let address: SocketAddr = address.parse().expect("the address is written in the scenario");
        self.ladder.name(address, name);
        self.sockets.insert(address, Socket::Stranger(name, VecDeque::new()));
    }

    /// The stranger sends a datagram. `\n` becomes CRLF, leading blanks of lines are dropped.
    pub fn sends(&mut self, name: &str, text: &str) {
        let text: String =
            text.trim_start().lines().map(|line| format!("{}\r\n", line.trim_start())).collect();
        self.sends_bytes(name, Bytes::from(text));
    }

    /// The stranger sends these bytes.
    pub fn sends_bytes(&mut self, name: &str, bytes: Bytes) {
        let is_named = |socket: &Socket| matches!(socket, Socket::Stranger(known, _) if *known == name);
        let (&from, _) =
            self.sockets.iter().find(|(_, socket)| is_named(socket)).expect("a stranger of this name");
        self.send_sip(from, ENGINE, bytes);
    }

    /// A datagram whose source is this address, whoever sent it.
    pub fn forges(&mut self, from: &str, bytes: Bytes) {
        let from = from.parse().expect("the address is written in the scenario");
        self.send_sip(from, ENGINE, bytes);
    }

    /// What the stranger received since the last look, as text.
    pub fn received(&mut self, name: &str) -> Vec<String> {
        let received = self.received_bytes(name);
        received.into_iter().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
    }

    /// The same as it came.
    pub fn received_bytes(&mut self, name: &str) -> Vec<Bytes> {
        let mut found = Vec::new();
        for socket in self.sockets.values_mut() {
            match socket {
                Socket::Stranger(known, inbox) if *known == name => found.extend(inbox.drain(..)),
                Socket::Stranger(..) | Socket::Rtp(_) | Socket::Sip(_) => {}
            }
        }
        found
    }

    /// An application asks.
    pub fn request(&mut self, app: &str, operation: Operation) -> RequestId {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.apps[place_of(app)].asks(request);
        self.ask(app_id(app), request, operation);
        request
    }

    /// An application asks and a little time passes.
    ///
    /// # Panics
    /// If no reply came.
    pub fn asks(&mut self, app: &str, operation: Operation) -> Reply {
        let request = self.request(app, operation);
        self.run_ms(300);
        self.reply(app, request).unwrap_or_else(|| panic!("no reply\n{}", self.ladder.tail(20)))
    }

    /// The same, and it must succeed.
    pub fn does_ask(&mut self, app: &str, operation: Operation) {
        let reply = self.asks(app, operation.clone());
        assert!(reply.is_ok(), "{operation:?} was refused: {reply:?}");
    }

    /// An application makes a call.
    ///
    /// # Panics
    /// If it was refused.
    pub fn make_call(&mut self, app: &str, line: &str, to: &str) -> CallId {
        let reply =
            self.asks(app, Operation::MakeCall { line: line.into(), to: to.to_owned(), params: None });
        call_of(&reply).unwrap_or_else(|| panic!("make-call was refused: {reply:?}"))
    }

    /// The reply to a request, if it came.
    pub fn reply(&self, app: &str, request: RequestId) -> Option<Reply> {
        self.apps[place_of(app)].reply(request).cloned()
    }

    /// The error of an operation that must be refused.
    pub fn refusal(&mut self, app: &str, operation: Operation) -> LineError {
        self.asks(app, operation).expect_err("it must be refused").error
    }

    /// The calls that an application sees.
    pub fn calls(&self, app: &str) -> Vec<CallView> {
        self.switch.calls(app_id(app))
    }

    /// The one call that an application sees on a line and that is not idle.
    ///
    /// # Panics
    /// If there is none, or more.
    pub fn call_on(&self, app: &str, line: &str) -> CallView {
        let on_line =
            |call: &CallView| &*call.line == line && call.state != trunkline::switch::CallState::Idle;
        let mut calls: Vec<CallView> = self.calls(app).into_iter().filter(on_line).collect();
        assert_eq!(calls.len(), 1, "calls on {line}: {calls:?}");
        calls.remove(0)
    }

    /// The switch.
    pub const fn switch(&self) -> &Switch {
        &self.switch
    }

    /// The ladder.
    pub const fn ladder(&mut self) -> &mut Ladder {
        &mut self.ladder
    }

    /// What is told of what happens, with applications and phones on one axis.
    pub const fn story(&mut self) -> &mut Story {
        &mut self.story
    }

    /// What time it is.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Compares the ladder since the last time.
    ///
    /// # Panics
    /// If it differs.
    #[track_caller]
    pub fn expect_ladder(&mut self, expected: &str) {
        if let Err(report) = self.ladder.expect(expected) {
            panic!("{report}");
        }
    }

    /// Compares what an application was told since the last time: replies, calls and states.
    ///
    /// # Panics
    /// If it differs.
    #[track_caller]
    pub fn expect_messages(&mut self, app: &str, expected: &str) {
        let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let kinds = ["call-info", "call-quality", "address-state", "registration"];
        let named: Vec<&str> =
            kinds.into_iter().filter(|kind| expected.iter().any(|line| line.contains(kind))).collect();
        let told = self.apps[place_of(app)].take(&named);
        assert_eq!(told, expected, "\n{app} was told:\n  {}", told.join("\n  "));
    }

    /// What of this kind an application was told since the last time.
    pub fn told(&mut self, app: &str, kind: &str) -> Vec<String> {
        self.apps[place_of(app)].take_only(kind)
    }

    /// Compares the states of calls on a line that an application was told of, and leaves them for later.
    ///
    /// # Panics
    /// If they differ.
    #[track_caller]
    pub fn expect_states(&self, app: &str, line: &str, expected: &str) {
        let expected: Vec<&str> = expected.split(',').map(str::trim).collect();
        assert_eq!(self.apps[place_of(app)].states(line), expected, "states of {line}");
    }

    /// The states of calls on a line that an application was told of since the last look.
    pub fn states(&self, app: &str, line: &str) -> Vec<String> {
        self.apps[place_of(app)].states(line)
    }

    /// What a phone hears in this time.
    pub fn hears(&mut self, name: &str, time: Duration) -> Heard {
        self.phone(name).listen();
        self.run(time);
        self.phone(name).heard().clone()
    }

    /// Whether two phones hear each other, and nothing else, for a second.
    #[track_caller]
    pub fn expect_talk(&mut self, one: &str, other: &str) {
        let users = [self.phone(one).config().user.clone(), self.phone(other).config().user.clone()];
        self.phone(one).listen();
        self.phone(other).listen();
        self.run_ms(1_000);
        for (listener, speaker) in [(one, &users[1]), (other, &users[0])] {
            let heard = self.phone(listener).heard().clone();
            assert!(heard.voice(speaker) >= 45, "{listener} hears too little: {heard:?}");
            assert_eq!(
                (heard.total(), heard.foreign),
                (heard.voice(speaker), 0),
                "{listener} hears more: {heard:?}"
            );
        }
    }

    /// After a while without a deed, each call that a phone is in is a leg of the engine, and no leg is without its phone.
    ///
    /// # Panics
    /// If they disagree.
    #[track_caller]
    pub fn expect_agreement(&mut self) {
        self.set_quality(Quality::GOOD);
        self.run(2 * T1_64 + Duration::from_secs(40));
        let legs: usize = self.agents.iter().map(|agent| agent.gauges().legs).sum();
        let up =
            |seat: &Seat| seat.phone.statuses().filter(|(_, status)| *status == Status::Connected).count();
        let (dead, alive): (Vec<&Seat>, Vec<&Seat>) =
            self.seats.iter().partition(|seat| seat.phone.script.dead);
        let connected: usize = alive.iter().copied().map(up).sum();
        // A call back may begin at any time.
        let on_its_way = |seat: &Seat| {
            let statuses = seat.phone.statuses();
            statuses
                .filter(|(_, status)| matches!(status, Status::Calling | Status::Ringback | Status::Ringing))
                .count()
        };
        let ringing: usize = alive.into_iter().map(on_its_way).sum();
        // Who died may be up, and may have said goodbye to nobody.
        let perhaps = |seat: &Seat| {
            let statuses = seat.phone.statuses();
            statuses.filter(|(_, status)| matches!(status, Status::Connected | Status::Over(0))).count()
        };
        let connected_max: usize = connected + ringing + dead.into_iter().map(perhaps).sum::<usize>();
        let agrees = (connected..=connected_max).contains(&legs);
        assert!(agrees, "{legs} legs, and phones in {connected} calls\n{}", self.ladder.tail(40));
    }

    /// Counts from here on which workers receive what.
    pub fn watch_workers(&mut self) {
        self.spread = Some(Spread::new(self.plan.workers));
    }

    /// Which workers received what since [`Self::watch_workers`].
    ///
    /// # Panics
    /// If nobody counted.
    pub fn spread(&self) -> &Spread {
        self.spread.as_ref().expect("somebody counts")
    }

    /// How long the engine has run.
    pub fn uptime(&self) -> Duration {
        self.now - epoch()
    }

    /// Writes down no message: a long run has no room for all of them.
    pub fn stop_ladder(&mut self) {
        self.ladder.stop();
    }

    /// Forgets what applications were told and answered, but for the states of calls that go on.
    pub fn forget(&mut self) {
        self.apps.iter_mut().for_each(App::forget);
    }

    /// After a while without a deed: no call is left anywhere, though phones are registered.
    ///
    /// # Panics
    /// If one is.
    #[track_caller]
    pub fn expect_rest(&self) {
        self.expect_quiet();
        self.expect_replies();
        for (worker, agent) in self.agents.iter().enumerate() {
            let gauges = agent.gauges();
            let left = (gauges.dialogs, gauges.legs, gauges.referrals, gauges.subscriptions);
            assert_eq!(left, (0, 0, 0, 0), "worker {worker} holds dialogs, legs, referrals, subscriptions");
        }
        assert_eq!(self.switch.gauges(), trunkline::switch::Gauges::default(), "the switch holds");
        assert_eq!((self.relay.legs_open(), self.relay.io().bound()), (0, 0), "the relay holds legs, ports");
        assert_eq!(self.dialogs.len(), 0, "the store holds dialogs");
        let complaints = self.seats.iter().flat_map(|seat| seat.phone.complaints());
        assert_eq!(complaints.count(), 0, "{:#?}", self.seats[0].phone.complaints());
    }

    /// Every call is over everywhere.
    #[track_caller]
    pub fn expect_quiet(&self) {
        for seat in &self.seats {
            for (call, status) in seat.phone.statuses() {
                let is_over = seat.phone.script.dead || matches!(status, Status::Idle | Status::Over(_));
                assert!(is_over, "call {call} of {} is {status:?}\n{}", seat.name, self.ladder.tail(30));
            }
        }
    }

    /// Each request of an application was answered.
    ///
    /// # Panics
    /// If one was not.
    #[track_caller]
    pub fn expect_replies(&self) {
        for (name, app) in APPS.iter().zip(&self.apps) {
            let lost: Vec<RequestId> = app.unanswered().collect();
            assert!(lost.is_empty(), "{name} waits for {lost:?}\n{}", self.ladder.tail(30));
        }
    }

    /// The addresses of record that somebody is bound to: lines with a phone, park addresses that are taken.
    pub fn bound(&self) -> Vec<Arc<str>> {
        self.location.snapshot().into_iter().map(|(address, _)| address).collect()
    }

    /// Lets the applications deallocate their idle calls, waits for every timer, and asserts that the engine holds nothing.
    ///
    /// # Panics
    /// If anything is left: a call, leg, transaction, dialog, port or timer; or if a phone had to complain.
    #[track_caller]
    pub fn nothing_left(&mut self) {
        self.set_quality(Quality::GOOD);
        self.run(2 * T1_64 + Duration::from_secs(10));
        self.expect_quiet();
        self.deallocate_all();
        for index in 0..self.seats.len() {
            self.seats[index].phone.script.refreshes = false;
            self.seats[index].forget_deadline();
            if self.seats[index].phone.is_registered() {
                let name = self.seats[index].name;
                self.does(name, |phone, now, out| phone.unregister(now, out));
            }
        }
        self.run(2 * T1_64 + QUARANTINE);
        self.forget_bindings();
        // The table looks once more when a binding would have ended.
        self.run(Duration::from_secs(3_600));
        self.expect_nothing();
        assert!(!self.book.has_calls(), "records of calls that are over are left open: {:?}", self.book);
    }

    fn deallocate_all(&mut self) {
        for app in APPS {
            for call in self.calls(app) {
                assert_eq!(
                    call.state,
                    trunkline::switch::CallState::Idle,
                    "{call:?}\n{}",
                    self.ladder.tail(30)
                );
                self.does_ask(app, Operation::DeallocateCall(call.id));
            }
        }
    }

    #[track_caller]
    fn expect_nothing(&self) {
        self.expect_replies();
        for (worker, agent) in self.agents.iter().enumerate() {
            let gauges = agent.gauges();
            let left =
                (gauges.transactions, gauges.dialogs, gauges.legs, gauges.referrals, gauges.subscriptions);
            assert_eq!(
                left,
                (0, 0, 0, 0, 0),
                "worker {worker} holds transactions, dialogs, legs, referrals, subscriptions\n{}",
                self.ladder.tail(30)
            );
            let wake = agent.deadline().map(|at| at - self.now);
            assert_eq!(wake, None, "worker {worker} has a timer left");
        }
        let gauges = self.switch.gauges();
        assert_eq!(
            gauges,
            trunkline::switch::Gauges::default(),
            "the switch holds\n{}",
            self.ladder.tail(30)
        );
        assert_eq!(self.switch.deadline().map(|at| at - self.now), None, "the switch has a timer left");
        let calls = self.kept.iter().filter(|kept| matches!(kept, Kept::Call(_))).count();
        let left = (calls, self.dialogs.len(), self.subscriptions.len());
        assert_eq!(left, (0, 0, 0), "the store holds calls, dialogs, subscriptions");
        assert_eq!((self.relay.legs_open(), self.relay.io().bound()), (0, 0), "the relay holds legs, ports");
        assert_eq!(
            (self.relay.flows_in_kernel(), self.relay.io().flows()),
            (0, 0),
            "flows are in the kernel"
        );
        for seat in &self.seats {
            let complaints = seat.phone.complaints();
            assert!(
                complaints.is_empty(),
                "{} complains: {complaints:#?}\n{}",
                seat.name,
                self.ladder.tail(30)
            );
        }
    }

    /// What phones and applications went through.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The records of calls since the last look, those first that began first:
    /// `SRC>DST CALL/PEER SECONDS DISPOSITION ENDEDBY MODE`.
    pub fn records(&mut self) -> Vec<String> {
        self.book.take_records()
    }

    /// The events of calls since the last look, but for those that every call has: `EVENT CHANNEL PEER`.
    pub fn record_events(&mut self) -> Vec<String> {
        self.book.take_events()
    }

    /// Hash of every byte sent so far, with its time and its way.
    pub fn fingerprint(&self) -> u64 {
        self.hasher.finish()
    }

    pub(crate) fn seat(&self, name: &str) -> usize {
        let place = self.seats.iter().position(|seat| seat.name == name);
        place.unwrap_or_else(|| panic!("no phone is called {name}"))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("SIM_SEED={}\nthe ladder's end:\n{}", self.plan.seed, self.ladder.tail(60));
            for (name, app) in APPS.iter().zip(&self.apps) {
                eprintln!("{name} was told:\n{}", app.tail(30));
            }
        }
    }
}

/// The password of a line.
pub fn password_of(line: &str) -> String {
    format!("secret-{line}")
}

fn place_of(app: &str) -> usize {
    APPS.iter().position(|name| *name == app).unwrap_or_else(|| panic!("no application is called {app}"))
}

fn app_id(app: &str) -> AppId {
    AppId(u32::try_from(place_of(app)).expect("a lab has few applications"))
}
