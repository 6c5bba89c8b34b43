//! The whole SIP stack as one value: bytes, commands and the clock go in, an [`Outbox`] comes out.
//!
//! ```text
//!   bytes ─▶ message ─▶ transaction ─▶ (known dialog) ─▶ session ─▶ events
//!                           │ absorbed        └ none: peer, checks ─▶ a leg, the registrar, a refusal
//!   command ─▶ session ─▶ transaction ─▶ bytes
//!   due timer ─▶ transaction or session
//! ```

mod config;
mod details;
mod history;
mod kept;
mod outside;
mod peer;
mod publishing;
mod refer;
mod refer_progress;
mod refer_to;
mod referee;
mod referral;
mod register;
mod registration;
mod resolve;
mod subscribe;
mod texting;
mod turning_away;
mod waiting;
mod worker;

#[cfg(test)]
mod tests;

pub use config::{AgentConfig, Capacity, Gauges};

pub use crate::subscription::PEER_SUBSCRIPTIONS_MAX;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use foldhash::quality::RandomState;

use referee::Referees;
use referral::Referrals;
use turning_away::Paper;

use crate::admission::{Admission, Load, Refusals, TurnedAway};
use crate::auth::Challenger;
use crate::certificates::Certificates;
use crate::date::date;
use crate::directory::Directory;
use crate::endpoint::{Arrival, Endpoint};
use crate::ids::{ConnectionId, LegId, UsageId};
use crate::location::Location;
use crate::message::{Framing, Message, Method};
use crate::outbox::{Cause, CauseKind, Command, Event, Outbox, Transmit};
use crate::registrant::Registrants;
use crate::session::Leg;
use crate::stun;
use crate::subscription::Subscriptions;
use crate::timer_queue::TimerQueue;
use crate::token::Token;
use crate::transaction::client_invite::Verdict;
use crate::transaction::{ClientKey, Concern, Purpose, ServerKey};
use crate::transport::{Flow, Transport};

/// The longest junk that is taken for a keep-alive: nothing that short is SIP.
const KEEP_ALIVE_BYTES_MAX: usize = 8;

/// Serials of legs that call in have this bit; the switch numbers its own legs without it.
const INCOMING_SERIAL: u64 = 1 << 47;

/// A clock that says less was never set: the year 2000.
const WALL_MIN: Duration = Duration::from_secs(946_684_800);

/// The SIP stack of one worker.
#[derive(Debug)]
pub struct Agent {
    endpoint: Endpoint,
    legs: HashMap<LegId, Box<Leg>, RandomState>,
    /// Legs by our tag: unique here, so that Call-ID and remote tag need only be checked.
    tags: HashMap<Token, LegId, RandomState>,
    /// Legs by the stream that their peer is reached by.
    on_streams: BTreeSet<(ConnectionId, LegId)>,
    timers: TimerQueue<LegId>,
    subscriptions: Subscriptions,
    /// As many as have a transaction at most.
    notices: HashMap<UsageId, subscribe::Notified, RandomState>,
    registrants: Registrants,
    challenger: Arc<Challenger>,
    referrals: Referrals,
    referees: Referees,
    waiting: waiting::Waiting,
    admission: Arc<Admission>,
    load: Load,
    turned_away: TurnedAway,
    paper: Paper,
    /// What the clock on the wall said, and when.
    wall: Option<(Instant, Duration)>,
    refusals: Refusals,
    serial: u64,
    /// Legs with a dialog.
    dialogs: usize,
}

impl Agent {
    /// An agent without calls. The same seed, inputs and times give the same outputs, byte for byte. `epoch` is the
    /// zero of the clock that sequence numbers begin with (RFC 3261 §8.1.1.5).
    pub fn new(
        config: AgentConfig,
        directory: Arc<Directory>,
        location: Arc<Location>,
        challenger: Arc<Challenger>,
        seed: [u8; 32],
        epoch: Instant,
    ) -> Self {
        Self {
            endpoint: Endpoint::new(config, directory, location, seed, epoch),
            legs: HashMap::default(),
            tags: HashMap::default(),
            on_streams: BTreeSet::new(),
            timers: TimerQueue::new(),
            subscriptions: Subscriptions::default(),
            notices: HashMap::default(),
            registrants: Registrants::default(),
            challenger,
            referrals: Referrals::default(),
            referees: Referees::default(),
            waiting: waiting::Waiting::default(),
            admission: Arc::new(Admission::new(epoch)),
            load: Load::default(),
            turned_away: TurnedAway::default(),
            paper: Paper::default(),
            wall: None,
            refusals: Refusals::default(),
            serial: 0,
            dialogs: 0,
        }
    }

    /// Counts calls and registrations together with other workers, which share this.
    pub fn with_admission(self, admission: Arc<Admission>) -> Self {
        Self { admission, ..self }
    }

    /// Knows the far ends of connections by what was noted here of their certificates.
    pub fn with_certificates(mut self, certificates: Arc<Certificates>) -> Self {
        self.endpoint.certificates = certificates;
        self
    }

    /// Takes what the clock on the wall says: the time since the Unix epoch. Phones set theirs by it (RFC 3261 §20.17); until it is
    /// told, and where it says the year 1970, they hear nothing of it.
    pub fn set_wall(&mut self, now: Instant, unix: Duration) {
        self.wall = (unix >= WALL_MIN).then_some((now, unix));
    }

    /// Date, as it is.
    fn date(&self, now: Instant) -> Option<String> {
        self.wall.map(|(told, unix)| date(unix + now.saturating_duration_since(told)))
    }

    /// Takes what the driver has seen of the worker's queue: whether nothing waits, in its sockets, in its mailbox, and of
    /// what it has for others. To be told after each turn; a worker that does not keep up refuses whatever is new.
    pub fn note_queue(&mut self, now: Instant, is_empty: bool) {
        self.load.note(now, is_empty);
    }

    /// Takes what the driver has seen of the socket by which the messages to come were received: whether a queue stands in it.
    /// What is new of them is refused, though the worker that they are for may keep up.
    pub const fn press(&mut self, is_pressed: bool) {
        self.load.press(is_pressed);
    }

    /// Whether whatever is new is refused at present.
    pub const fn is_overloaded(&self) -> bool {
        self.load.is_overloaded()
    }

    /// How often each limit refused something.
    pub const fn refusals(&self) -> Refusals {
        self.refusals
    }

    /// Replaces lines, trunks and limits. Calls and registrations go on.
    pub fn set_directory(&mut self, directory: Arc<Directory>) {
        self.endpoint.directory = directory;
    }

    /// Which of `workers` a message belongs to, by a look at its bytes. Any bytes have one.
    pub fn worker_for(bytes: &[u8], workers: u16) -> u16 {
        worker::worker_for(bytes, workers)
    }

    /// The Call-ID of a message, by a look at its bytes; empty where it has none.
    pub fn call_id_in(bytes: &[u8]) -> &[u8] {
        worker::call_id(bytes)
    }

    /// The Call-ID of a leg, once it has one.
    pub fn call_id_of(&self, leg: LegId) -> Option<String> {
        self.legs.get(&leg)?.identity().map(|dialog| dialog.call_id)
    }

    /// Takes one message: a datagram, or one message cut out of a stream.
    pub fn receive(&mut self, now: Instant, flow: Flow, bytes: Bytes, out: &mut Outbox) {
        let Some(bytes) = self.message_of(flow, bytes, out) else { return };
        if !self.glance(now, flow, &bytes, out) {
            self.scan(now, flow, bytes, out);
        }
    }

    /// The same for one for which a [glance](Self::glance) was not enough.
    pub fn receive_glanced(&mut self, now: Instant, flow: Flow, bytes: Bytes, out: &mut Outbox) {
        if let Some(bytes) = self.message_of(flow, bytes, out) {
            self.scan(now, flow, bytes, out);
        }
    }

    /// The message without what may come before it; `None`: there is none, but for a keep-alive.
    fn message_of(&self, flow: Flow, bytes: Bytes, out: &mut Outbox) -> Option<Bytes> {
        if flow.transport == Transport::Udp && stun::is_request(&bytes) {
            let is_known = self.endpoint.location.is_known(flow.remote.ip());
            let answer = stun::answer(&bytes, flow.remote).filter(|_| is_known);
            out.transmits.extend(answer.map(|bytes| Transmit { flow, bytes }));
            return None;
        }
        unpadded(bytes)
    }

    fn scan(&mut self, now: Instant, flow: Flow, bytes: Bytes, out: &mut Outbox) {
        let framing = if flow.transport.is_framed() { Framing::Stream } else { Framing::Datagram };
        let limits = self.endpoint.config.limits;
        let Ok(message) = Message::scan(bytes, framing, &limits) else {
            // Nothing that could be answered; on a stream nothing after it can be trusted either.
            if flow.transport.is_reliable() {
                out.close.push(flow.connection);
            }
            return;
        };
        match (message.validate(&limits), message.is_request()) {
            (Ok(()), true) => self.request(now, message, flow, out),
            (Ok(()), false) => self.response(now, &message, flow, out),
            (Err(malformed), true) if message.answerable() && message.method() != Method::Ack => {
                self.endpoint.reply_stateless(&message, flow, malformed.status, out, |reply| {
                    crate::endpoint::allow(reply.reason(malformed.reason))
                });
            }
            (Err(_), _) => {}
        }
    }

    /// Obeys a command of the switch. A command for a leg that is over is ignored: its last event is on its way.
    pub fn command(&mut self, now: Instant, command: Command, out: &mut Outbox) {
        match command {
            Command::Invite(id, invite) => self.invite(now, id, invite, out),
            Command::Progress(id, status, sdp) => self.with_leg(id, out, |leg, endpoint, out| {
                leg.progress(now, status, sdp.as_deref(), endpoint, out);
            }),
            Command::Answer(id, sdp) => self.with_leg(id, out, |leg, endpoint, out| {
                leg.answer(now, sdp.as_deref(), endpoint, out);
            }),
            Command::Reject(id, status, headers) => self.with_leg(id, out, |leg, endpoint, out| {
                leg.reject(now, status, &headers, endpoint, out);
            }),
            Command::Offer(id, sdp) => {
                self.with_leg(id, out, |leg, endpoint, out| leg.offer(now, sdp, endpoint, out));
            }
            Command::AnswerOffer(id, sdp) => {
                self.with_leg(id, out, |leg, endpoint, out| leg.answer_offer(now, &sdp, endpoint, out));
            }
            Command::RefuseOffer(id, status) => {
                self.with_leg(id, out, |leg, endpoint, out| leg.refuse_offer(now, status, endpoint, out));
            }
            Command::Notify(id, event) => {
                self.with_leg(id, out, |leg, endpoint, out| leg.notify(now, event, endpoint, out));
            }
            Command::AnswerRefer(usage, status) => self.answer_refer(now, usage, status, out),
            Command::ReferProgress(usage, status) => self.refer_progress(now, usage, status, out),
            Command::End(id, reason) => self.part(now, id, reason, out),
            Command::Enclose(id, headers) => self.with_leg(id, out, |leg, _, _| leg.enclose(headers)),
            Command::Identify(id, party) => {
                self.with_leg(id, out, |leg, endpoint, out| leg.identify(now, party, endpoint, out));
            }
            Command::Focus(id, user) => self.with_leg(id, out, |leg, _, _| leg.focus(user.as_deref())),
            Command::Digit(id, digit, duration_ms) => self.with_leg(id, out, |leg, endpoint, out| {
                leg.digit(now, digit, duration_ms, endpoint, out);
            }),
            Command::UserToUser(id, data) => {
                self.with_leg(id, out, |leg, endpoint, out| leg.user_to_user(now, data, endpoint, out));
            }
            Command::Csta(id, service) => {
                self.with_leg(id, out, |leg, endpoint, out| leg.csta(now, &service, endpoint, out));
            }
            Command::Probe(id) => {
                self.with_leg(id, out, |leg, endpoint, out| leg.probe(now, endpoint, out));
            }
            Command::AnswerSubscribe(id, status) => self.answer_subscribe(now, id, status, out),
            Command::AcceptList(id) => self.accept_list(now, id, out),
            Command::NotifySubscriber(id, document, is_last) => {
                self.notify_subscriber(now, id, *document, is_last, out);
            }
            Command::Subscribe(id, subscribe) => self.subscribe(now, id, subscribe, out),
            Command::Unsubscribe(id) => self.unsubscribe(now, id, out),
            Command::Register(id, register) => self.register_at(now, id, register, out),
            Command::Unregister(id) => self.unregister(now, id, out),
            Command::Withdraw(id) => drop(self.notices.remove(&id)),
            Command::Message(id, message) => self.send_message(now, id, message, out),
            Command::AnswerText(id, status) => self.answer_text(now, id, status, out),
            Command::AnswerPublish(id, result) => self.answer_publish(now, id, result, out),
        }
    }

    fn invite(&mut self, now: Instant, id: LegId, invite: Box<crate::outbox::Invite>, out: &mut Outbox) {
        let is_taken = self.legs.contains_key(&id) || id.worker() != self.endpoint.config.worker;
        if is_taken || self.is_full() {
            // That there is no room here says nothing of who was to be called.
            let cause = Cause { status: 503, kind: CauseKind::Lost, ..Cause::default() };
            let failed = Event::Failed { leg: id, cause, retry_after_s: None, redirect: Vec::new() };
            if !self.legs.contains_key(&id) {
                out.events.push(failed);
            }
            return;
        }
        let leg = Leg::invite(now, id, invite, &mut self.endpoint, out);
        self.admit(leg);
    }

    /// A connection is gone: its registrations go with it, and so do requests that wait on it.
    pub fn connection_closed(&mut self, now: Instant, connection: ConnectionId, out: &mut Outbox) {
        if connection == ConnectionId::default() {
            return;
        }
        self.drop_bindings(connection, out);
        let all = (connection, LegId(0))..=(connection, LegId(u64::MAX));
        let ids: Vec<LegId> = self.on_streams.range(all).map(|(_, id)| *id).collect();
        for id in ids {
            self.with_leg(id, out, |leg, endpoint, out| {
                leg.connection_closed(now, connection, endpoint, out)
            });
        }
        self.subscriptions_lose_stream(connection, out);
        self.registrations_lose_stream(now, connection, out);
        // Their dialogs know by then that they must leave by another.
        for key in self.endpoint.transactions.clients_on(connection) {
            self.fail(now, key, out);
        }
    }

    /// What was sent by this flow did not arrive: the connection was refused, or ICMP said so.
    pub fn transport_failed(&mut self, now: Instant, flow: Flow, out: &mut Outbox) {
        for key in self.endpoint.transactions.clients_by(flow) {
            self.fail(now, key, out);
        }
    }

    fn fail(&mut self, now: Instant, key: ClientKey, out: &mut Outbox) {
        if let Some(concern) = self.endpoint.transactions.fail(now, key, out) {
            self.concern(now, concern, None, out);
        }
    }

    /// Lets everything act that is due.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(concern) = self.endpoint.transactions.handle_timeout(now, out) {
            if let Some(concern) = concern {
                self.concern(now, concern, None, out);
            }
        }
        while let Some((at, id)) = self.timers.pop(now) {
            self.with_leg(id, out, |leg, endpoint, out| {
                if leg.armed.is_due(at) {
                    leg.handle_timeout(now, endpoint, out);
                }
            });
        }
        self.handle_subscriptions(now, out);
        self.handle_registrations(now, out);
        self.expire_referrals(now, out);
        self.referees.forget(now);
        self.expire_waiting(now, out);
        self.tend_bindings(now, out);
    }

    /// Makes [`Self::deadline`] say when there is something to do, where it may say a time at which there would have been if nothing
    /// had arrived: for who would have to be woken.
    pub fn advance(&mut self) {
        self.endpoint.transactions.advance();
        let legs = &mut self.legs;
        self.timers.advance(|at, id| {
            let leg = legs.get_mut(id)?;
            let deadline = leg.deadline();
            leg.armed.advance(at, deadline)
        });
    }

    /// When to call [`Self::handle_timeout`] if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        let own = self.endpoint.transactions.deadline().into_iter().chain(self.timers.deadline());
        let usages = self
            .subscriptions
            .deadline()
            .into_iter()
            .chain(self.referrals.deadline())
            .chain(self.referees.deadline());
        let asked = self.registrants.deadline().into_iter().chain(self.waiting.deadline());
        own.chain(usages).chain(asked).chain(self.bindings_deadline()).min()
    }

    /// How much state there is. Costs nothing.
    pub fn gauges(&self) -> Gauges {
        Gauges {
            transactions: self.endpoint.transactions.len(),
            dialogs: self.dialogs,
            legs: self.legs.len(),
            subscriptions: self.subscriptions.len(),
            referrals: self.referrals.len(),
        }
    }
}

/// Messages to their transactions and legs.
impl Agent {
    fn response(&mut self, now: Instant, response: &Message, flow: Flow, out: &mut Outbox) {
        let Some(key) = ClientKey::of_response(response, self.endpoint.config.worker) else { return };
        if let Some(concern) = self.endpoint.transactions.response(now, key, response, out) {
            self.concern(now, concern, Some((response, flow)), out);
        }
    }

    /// Brings what became of a request to the leg that sent it. A 2xx to an INVITE whose leg is gone is released.
    fn concern(
        &mut self,
        now: Instant,
        concern: Concern,
        answer: Option<(&Message, Flow)>,
        out: &mut Outbox,
    ) {
        let accepted = answer.filter(|(response, _)| {
            concern.verdict == Verdict::Deliver && (200..300).contains(&response.status())
        });
        let is_alive = self.legs.contains_key(&concern.leg);
        match (concern.purpose, accepted) {
            (Purpose::Refer(usage), _) => {
                let status = concern.status(answer.map(|(response, _)| response));
                self.referral_notified(now, usage, concern, status, out);
            }
            (Purpose::Subscription(usage), _) => self.subscription_concern(now, usage, concern, answer, out),
            (Purpose::Registration(usage), _) => self.registration_concern(now, usage, concern, answer, out),
            (Purpose::Message(usage), _) => self.message_concern(now, usage, answer, out),
            (Purpose::Invite, Some((response, flow))) if concern.is_stray || !is_alive => {
                self.endpoint.release(now, concern.key, response, flow, concern.leg, out);
            }
            (Purpose::Modify | Purpose::Refresh, Some((response, flow)))
                if (concern.is_stray || !is_alive) && response.cseq().method == Method::Invite =>
            {
                self.endpoint.acknowledge_late(concern.key, response, flow, out);
            }
            (_, _) if concern.is_stray => {}
            (_, _) => self.with_leg(concern.leg, out, |leg, endpoint, out| {
                leg.outcome(now, concern, answer, endpoint, out);
            }),
        }
    }

    fn request(&mut self, now: Instant, message: Message, flow: Flow, out: &mut Outbox) {
        let method = message.method();
        let Some(key) = ServerKey::of_request(&message, method == Method::Ack) else { return };
        let id = self.endpoint.transactions.server_id(&key);
        match method {
            Method::Ack => {
                if !self.endpoint.transactions.acknowledged(now, id, &key, out)
                    && let Some(leg) = self.leg_of(&message)
                {
                    self.with_leg(leg, out, |leg, endpoint, out| {
                        leg.acknowledged(now, &message, endpoint, out);
                    });
                }
            }
            _ if self.endpoint.transactions.absorb(now, id, &key, out) => {}
            Method::Cancel => self.cancel(now, Arrival { message, flow, id, key }, out),
            Method::Invite
            | Method::Bye
            | Method::Options
            | Method::Register
            | Method::Prack
            | Method::Update
            | Method::Info
            | Method::Refer
            | Method::Notify
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other => {
                let arrival = Arrival { message, flow, id, key };
                if details::is_misplaced(&arrival.message) {
                    return self.refuse(&arrival, 400, out, |reply| reply);
                }
                let Some(arrival) = self.subscription_request(now, arrival, out) else { return };
                match self.leg_of(&arrival.message) {
                    Some(leg) if !self.is_heard(now, leg, &arrival, out) => {}
                    Some(leg) if refer::is_refer(&arrival.message) => {
                        self.refer_in_dialog(now, leg, arrival, out);
                    }
                    Some(leg) => {
                        self.with_leg(leg, out, |leg, endpoint, out| leg.request(now, arrival, endpoint, out))
                    }
                    None if arrival.message.to_tag().is_empty() => self.outside(now, arrival, out),
                    None => self.orphan(now, arrival, out),
                }
            }
        }
    }

    /// CANCEL: answered 200 if it finds an INVITE, whatever became of that (RFC 3261 §9.2).
    fn cancel(&mut self, now: Instant, arrival: Arrival, out: &mut Outbox) {
        let invite = ServerKey::of_request(&arrival.message, true);
        let found = invite.and_then(|key| {
            let id = self.endpoint.transactions.server_id(&key);
            self.endpoint.transactions.cancelled(id, &key)
        });
        let Some(leg) = found else {
            return self.refuse(&arrival, 481, out, |reply| reply);
        };
        let tag = leg.and_then(|leg| self.legs.get(&leg)).map(|leg| leg.tag);
        let tag = tag.unwrap_or_else(|| self.endpoint.token());
        let cancel = arrival.message.clone();
        self.endpoint.reply(now, arrival, 200, tag, out, |reply| reply);
        if let Some(leg) = leg {
            self.with_leg(leg, out, |leg, endpoint, out| leg.cancelled(now, &cancel, endpoint, out));
        }
    }

    /// The leg whose dialog a request is in: our tag finds it, Call-ID and the peer's tag must agree.
    fn leg_of(&self, request: &Message) -> Option<LegId> {
        let id = *self.tags.get(&Token::parse(request.to_tag())?)?;
        let leg = self.legs.get(&id)?;
        leg.matches(request.call_id(), request.from_tag()).then_some(id)
    }

    /// Does something to a leg, then arms its timers, or forgets it if it is over.
    fn with_leg(
        &mut self,
        id: LegId,
        out: &mut Outbox,
        act: impl FnOnce(&mut Leg, &mut Endpoint, &mut Outbox),
    ) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let had_dialog = leg.has_dialog();
        let events = out.events.len();
        act(leg, &mut self.endpoint, out);
        if leg.is_unannounced() {
            out.events.truncate(events);
        }
        let has_dialog = leg.has_dialog() && !leg.is_over();
        self.dialogs = self.dialogs + usize::from(has_dialog) - usize::from(had_dialog);
        if self.endpoint.config.keeps_dialogs {
            out.dialogs.extend(leg.dialog_change());
        }
        let (listed, tag) = (leg.listed, leg.tag);
        let connection = if leg.is_over() { ConnectionId::default() } else { leg.connection() };
        if connection != listed {
            leg.listed = connection;
            self.on_streams.remove(&(listed, id));
            if connection != ConnectionId::default() {
                self.on_streams.insert((connection, id));
            }
        }
        let referrals = if leg.is_told_over() { std::mem::take(&mut leg.referrals) } else { Vec::new() };
        if leg.is_over() {
            self.tags.remove(&tag);
            self.legs.remove(&id);
            self.subscriptions_lose_leg(id, out);
        } else {
            let deadline = leg.deadline();
            self.timers.arm(&mut leg.armed, deadline, id);
        }
        self.end_referrals(referrals);
    }

    fn admit(&mut self, mut leg: Leg) {
        let (id, deadline) = (leg.id, leg.deadline());
        self.timers.arm(&mut leg.armed, deadline, id);
        self.dialogs += usize::from(leg.has_dialog());
        leg.listed = leg.connection();
        if leg.listed != ConnectionId::default() {
            self.on_streams.insert((leg.listed, id));
        }
        self.tags.insert(leg.tag, id);
        self.legs.insert(id, Box::new(leg));
        let legs = &self.legs;
        self.timers.purge(legs.len(), |at, id| legs.get(id).is_some_and(|leg| leg.armed.is_current(at)));
    }

    fn is_full(&self) -> bool {
        let capacity = self.endpoint.config.capacity;
        self.legs.len() >= capacity.legs || self.endpoint.transactions.len() >= capacity.transactions
    }

    fn next_serial(&mut self) -> LegId {
        self.serial = (self.serial + 1) & (INCOMING_SERIAL - 1);
        LegId::new(self.endpoint.config.worker, INCOMING_SERIAL | self.serial)
    }
}

fn unpadded(mut bytes: Bytes) -> Option<Bytes> {
    let padding = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | 0)).count();
    bytes.advance(padding);
    (bytes.len() > KEEP_ALIVE_BYTES_MAX).then_some(bytes)
}
