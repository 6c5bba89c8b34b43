//! All transactions of one agent: found by key, driven by one queue of timers, gone when they have terminated.

use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use foldhash::quality::RandomState;
use smallvec::SmallVec;

use super::acknowledge;
use super::client_invite::{self, ClientInvite, Verdict};
use super::client_non_invite::{self, ClientNonInvite};
use super::server_invite::{self, ServerInvite};
use super::server_non_invite::{self, ServerNonInvite};
use super::{ClientKey, ServerKey};
use crate::ids::{ConnectionId, LegId, UsageId};
use crate::message::{Message, Method};
use crate::outbox::{Outbox, Transmit};
use crate::timer_queue::{Armed, TimerQueue};
use crate::timing::Timing;
use crate::transport::Flow;

/// How many 2xx of different forks one INVITE may draw before the rest is ignored.
const FORKS_ACCEPTED_MAX: usize = 16;

/// Transactions that only wait for copies of what they have done with are forgotten together, each at most this later than it could
/// be: so nobody wakes for each of them.
const FORGOTTEN_EVERY: Duration = Duration::from_millis(500);

/// The transactions of one agent.
#[derive(Debug)]
pub(crate) struct Transactions {
    timing: Timing,
    hasher: RandomState,
    /// Aside, for a table has up to twice the room that it needs.
    clients: HashMap<ClientKey, Box<Client>, RandomState>,
    servers: HashMap<ServerId, Box<Server>, RandomState>,
    /// Requests outside dialogs by Call-ID, From tag and CSeq: finds the ones that came twice (RFC 3261 §8.2.2.2).
    merged: HashMap<u64, ServerId, RandomState>,
    /// Requests of ours that wait on a stream.
    on_streams: BTreeSet<(ConnectionId, ClientKey)>,
    timers: TimerQueue<TimerKey>,
    forgetting: Forgetting,
}

/// When transactions are forgotten together.
#[derive(Clone, Copy, Debug, Default)]
struct Forgetting(Option<Instant>);

impl Forgetting {
    /// The time to forget what may be forgotten from `at` on.
    fn after(&mut self, at: Instant) -> Instant {
        let first = *self.0.get_or_insert(at);
        let behind = at.saturating_duration_since(first).as_nanos() % FORGOTTEN_EVERY.as_nanos();
        match u64::try_from(behind) {
            Ok(0) | Err(_) => at,
            Ok(behind) => at + (FORGOTTEN_EVERY - Duration::from_nanos(behind)),
        }
    }
}

/// A server transaction: the hash of its key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct ServerId(u64);

impl ServerId {
    /// The hash.
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }
}

#[derive(Clone, Copy, Debug)]
enum TimerKey {
    Client(ClientKey),
    Server(ServerId),
}

/// Why a request was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// The initial INVITE of a leg.
    Invite,
    /// A re-INVITE.
    Modify,
    /// A re-INVITE or UPDATE that changes nothing.
    Refresh,
    /// BYE.
    Bye,
    /// NOTIFY of this event, that the switch asked for.
    Notify(&'static str),
    /// INFO.
    Info,
    /// PRACK.
    Prack,
    /// NOTIFY of a REFER.
    Refer(UsageId),
    /// SUBSCRIBE or NOTIFY of this subscription.
    Subscription(UsageId),
    /// This MESSAGE.
    Message(UsageId),
    /// REGISTER of this registration of ours.
    Registration(UsageId),
    /// A request whose outcome nobody waits for: CANCEL, the BYE of a stray fork.
    Alone,
}

/// A request we sent.
#[derive(Debug)]
pub(crate) struct Client {
    machine: ClientMachine,
    leg: LegId,
    purpose: Purpose,
    cancel: Cancel,
    /// The ACK of each fork that sent a 2xx, by its tag; the first is the one that won.
    acknowledged: SmallVec<[(Box<str>, Option<Transmit>); 1]>,
    armed: Armed,
}

#[derive(Debug)]
enum ClientMachine {
    Invite(ClientInvite),
    Other(ClientNonInvite),
}

/// Further header lines.
pub(crate) type Headers = Vec<(&'static str, String)>;

/// Whether an INVITE is to be cancelled.
#[derive(Debug)]
enum Cancel {
    No,
    /// When the first provisional response comes (RFC 3261 §9.1); with these header lines.
    Wanted(Headers),
    Sent,
}

#[derive(Debug)]
struct Server {
    key: ServerKey,
    machine: ServerMachine,
    request: Option<Box<Message>>,
    source: SocketAddr,
    leg: Option<LegId>,
    merged: Option<u64>,
    armed: Armed,
}

#[derive(Debug)]
enum ServerMachine {
    Invite(ServerInvite),
    Other(ServerNonInvite),
}

/// What a response, or the lack of one, concerns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Concern {
    /// The transaction.
    pub(crate) key: ClientKey,
    /// The leg that sent the request; it may be gone.
    pub(crate) leg: LegId,
    /// Why it was sent.
    pub(crate) purpose: Purpose,
    /// [`Verdict::Deliver`], `TimedOut` or `Unsent`.
    pub(crate) verdict: Verdict,
    /// A 2xx of a fork after another fork's.
    pub(crate) is_stray: bool,
    /// Whether it could not be sent because its stream closed: another one may do.
    pub(crate) has_lost_stream: bool,
}

impl Concern {
    /// The status of the outcome: 408 where no response came, 503 where the request could not be sent.
    pub(crate) fn status(&self, response: Option<&Message>) -> u16 {
        match (response, self.verdict) {
            (Some(response), _) => response.status(),
            (None, Verdict::Unsent) => 503,
            (None, Verdict::Absorbed | Verdict::Deliver | Verdict::TimedOut) => 408,
        }
    }
}

impl Transactions {
    pub(crate) fn new(timing: Timing) -> Self {
        Self {
            timing,
            hasher: RandomState::default(),
            clients: HashMap::default(),
            servers: HashMap::default(),
            merged: HashMap::default(),
            on_streams: BTreeSet::new(),
            timers: TimerQueue::new(),
            forgetting: Forgetting::default(),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// When to call [`Self::handle_timeout`].
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.timers.deadline()
    }

    /// Makes [`Self::deadline`] say when a transaction has something to do, where it may have said less.
    pub(crate) fn advance(&mut self) {
        let Self { timers, clients, servers, forgetting, .. } = self;
        timers.advance(|at, key| match key {
            TimerKey::Client(key) => {
                let client = clients.get_mut(key)?;
                let due = client.due(forgetting);
                client.armed.advance(at, due)
            }
            TimerKey::Server(id) => {
                let server = servers.get_mut(id)?;
                let due = server.due(forgetting);
                server.armed.advance(at, due)
            }
        });
    }

    /// Lets one due transaction act. `None`: nothing is due any more.
    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) -> Option<Option<Concern>> {
        let (at, key) = self.timers.pop(now)?;
        Some(match key {
            TimerKey::Client(key) => self.client_timeout(now, at, key, out),
            TimerKey::Server(id) => {
                self.server_timeout(now, at, id, out);
                None
            }
        })
    }

    fn client_timeout(
        &mut self,
        now: Instant,
        at: Instant,
        key: ClientKey,
        out: &mut Outbox,
    ) -> Option<Concern> {
        let client = self.clients.get_mut(&key)?;
        if !client.armed.is_due(at) {
            return None;
        }
        let verdict = match &mut client.machine {
            ClientMachine::Invite(machine) => machine.handle(now, client_invite::Input::Timeout, out),
            ClientMachine::Other(machine) => machine.handle(now, client_non_invite::Input::Timeout, out),
        };
        let concern = client.concern(key, verdict);
        self.settle_client(key);
        concern
    }

    fn server_timeout(&mut self, now: Instant, at: Instant, id: ServerId, out: &mut Outbox) {
        let Some(server) = self.servers.get_mut(&id) else { return };
        if !server.armed.is_due(at) {
            return;
        }
        match &mut server.machine {
            ServerMachine::Invite(machine) => {
                // Without an ACK there is nothing more to do for a refused INVITE.
                let (server_invite::Verdict::Absorbed
                | server_invite::Verdict::Deliver
                | server_invite::Verdict::TimedOut) = machine.handle(now, server_invite::Input::Timeout, out);
            }
            ServerMachine::Other(machine) => machine.handle(now, server_non_invite::Input::Timeout, out),
        }
        self.settle_server(id);
    }
}

/// Requests that we send.
impl Transactions {
    /// Sends a request in a transaction of its own.
    #[expect(clippy::too_many_arguments, reason = "each is one fact of the request")]
    pub(crate) fn send(
        &mut self,
        now: Instant,
        key: ClientKey,
        method: Method,
        bytes: Bytes,
        flow: Flow,
        leg: LegId,
        purpose: Purpose,
        out: &mut Outbox,
    ) {
        let machine = if method == Method::Invite {
            ClientMachine::Invite(ClientInvite::new(now, bytes, flow, self.timing, out))
        } else {
            ClientMachine::Other(ClientNonInvite::new(now, bytes, flow, self.timing, out))
        };
        let client = Client {
            machine,
            leg,
            purpose,
            cancel: Cancel::No,
            acknowledged: SmallVec::new(),
            armed: Armed::default(),
        };
        if flow.connection != ConnectionId::default() {
            self.on_streams.insert((flow.connection, key));
        }
        self.clients.insert(key, Box::new(client));
        self.settle_client(key);
    }

    /// Takes a response. `None`: it was absorbed, or nobody asked for it.
    pub(crate) fn response(
        &mut self,
        now: Instant,
        key: ClientKey,
        response: &Message,
        out: &mut Outbox,
    ) -> Option<Concern> {
        let client = self.clients.get_mut(&key)?;
        let status = response.status();
        let mut cancel = false;
        let verdict = match &mut client.machine {
            ClientMachine::Invite(machine) => {
                if response.cseq().method != Method::Invite {
                    return None;
                }
                let verdict = machine.handle(now, client_invite::Input::Response(response), out);
                cancel = matches!(client.cancel, Cancel::Wanted(_)) && machine.is_proceeding();
                verdict
            }
            ClientMachine::Other(machine) => {
                machine.handle(now, client_non_invite::Input::Response(status), out)
            }
        };
        let mut concern = client.concern(key, verdict);
        if let (Some(concern), 200..300, ClientMachine::Invite(_)) = (&mut concern, status, &client.machine) {
            let tag = response.to_tag();
            if let Some((_, ack)) = client.acknowledged.iter().find(|(of, _)| **of == *tag) {
                out.transmits.extend(ack.clone());
                return None;
            }
            if client.acknowledged.len() == FORKS_ACCEPTED_MAX {
                return None;
            }
            concern.is_stray = !client.acknowledged.is_empty();
            client.acknowledged.push((tag.into(), None));
        }
        if cancel {
            self.cancel_now(now, key, out);
        }
        self.settle_client(key);
        concern
    }

    /// Keeps the ACK of a 2xx, to be sent again whenever that 2xx comes again (RFC 3261 §13.2.2.4).
    pub(crate) fn acknowledge(&mut self, key: ClientKey, remote_tag: &str, ack: Transmit) {
        if let Some((_, kept)) = self
            .clients
            .get_mut(&key)
            .and_then(|client| client.acknowledged.iter_mut().find(|(tag, _)| **tag == *remote_tag))
        {
            *kept = Some(ack);
        }
    }

    /// Cancels an INVITE: at once if a provisional response has come, else when the first one comes.
    pub(crate) fn cancel(&mut self, now: Instant, key: ClientKey, headers: Headers, out: &mut Outbox) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        if let (ClientMachine::Invite(machine), Cancel::No) = (&client.machine, &client.cancel) {
            let proceeding = machine.is_proceeding();
            client.cancel = Cancel::Wanted(headers);
            if proceeding {
                self.cancel_now(now, key, out);
                self.settle_client(key);
            }
        }
    }

    /// Gives an INVITE 64·T1 for its final response: nobody waits for it any more.
    pub(crate) fn expire(&mut self, now: Instant, key: ClientKey) {
        let client = self.clients.get_mut(&key).map(Box::as_mut);
        if let Some(Client { machine: ClientMachine::Invite(machine), .. }) = client {
            machine.cancelled(now);
            self.settle_client(key);
        }
    }

    fn cancel_now(&mut self, now: Instant, key: ClientKey, out: &mut Outbox) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        let (ClientMachine::Invite(machine), Cancel::Wanted(headers)) = (&mut client.machine, &client.cancel)
        else {
            return;
        };
        let bytes = acknowledge::cancel(machine.request(), headers);
        machine.cancelled(now);
        let (flow, leg) = (machine.flow(), client.leg);
        client.cancel = Cancel::Sent;
        let cancel = ClientKey { is_cancel: true, ..key };
        self.send(now, cancel, Method::Cancel, bytes, flow, leg, Purpose::Alone, out);
    }

    /// The requests in flight by this flow, in an order that depends on nothing but the seed.
    pub(crate) fn clients_by(&self, flow: Flow) -> Vec<ClientKey> {
        let is_there = |of: Flow| {
            (of.transport, of.remote, of.connection) == (flow.transport, flow.remote, flow.connection)
        };
        let mut keys: Vec<_> =
            self.clients.iter().filter(|(_, client)| is_there(client.flow())).map(|(key, _)| *key).collect();
        keys.sort_unstable();
        keys
    }

    /// The requests in flight on this connection.
    pub(crate) fn clients_on(&self, connection: ConnectionId) -> Vec<ClientKey> {
        let first = ClientKey { branch: 0, is_cancel: false };
        let last = ClientKey { branch: u64::MAX, is_cancel: true };
        self.on_streams.range((connection, first)..=(connection, last)).map(|(_, key)| *key).collect()
    }

    /// Tells a request that its transport failed.
    pub(crate) fn fail(&mut self, now: Instant, key: ClientKey, out: &mut Outbox) -> Option<Concern> {
        let client = self.clients.get_mut(&key)?;
        let verdict = match &mut client.machine {
            ClientMachine::Invite(machine) => machine.handle(now, client_invite::Input::TransportFailed, out),
            ClientMachine::Other(machine) => {
                machine.handle(now, client_non_invite::Input::TransportFailed, out)
            }
        };
        let concern = client.concern(key, verdict);
        self.settle_client(key);
        concern
    }

    fn settle_client(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        let terminated = match &client.machine {
            ClientMachine::Invite(machine) => machine.is_terminated(),
            ClientMachine::Other(machine) => machine.is_terminated(),
        };
        if terminated {
            let flow = client.flow();
            self.on_streams.remove(&(flow.connection, key));
            self.clients.remove(&key);
        } else {
            let due = client.due(&mut self.forgetting);
            self.timers.arm(&mut client.armed, due, TimerKey::Client(key));
        }
    }
}

/// Requests that we received.
impl Transactions {
    /// The transaction that a key names, whether it exists or not.
    pub(crate) fn server_id(&self, key: &ServerKey) -> ServerId {
        ServerId(self.hasher.hash_one(key))
    }

    /// Whether the request belongs to a transaction that exists. If it does, it was absorbed and perhaps answered
    /// again.
    pub(crate) fn absorb(&mut self, now: Instant, id: ServerId, key: &ServerKey, out: &mut Outbox) -> bool {
        let Some(server) = self.servers.get_mut(&id).filter(|server| server.key == *key) else {
            return false;
        };
        match &mut server.machine {
            ServerMachine::Invite(machine) => {
                matches!(
                    machine.handle(now, server_invite::Input::Request, out),
                    server_invite::Verdict::Absorbed
                )
            }
            ServerMachine::Other(machine) => {
                machine.handle(now, server_non_invite::Input::Request, out);
                true
            }
        }
    }

    /// Whether there is such a transaction.
    pub(crate) fn contains(&self, id: ServerId, key: &ServerKey) -> bool {
        self.servers.get(&id).is_some_and(|server| server.key == *key)
    }

    /// Whether an ACK belongs to a refused INVITE. If not, it is the session's.
    pub(crate) fn acknowledged(
        &mut self,
        now: Instant,
        id: ServerId,
        key: &ServerKey,
        out: &mut Outbox,
    ) -> bool {
        let Some(server) = self.servers.get_mut(&id).filter(|server| server.key == *key) else {
            return false;
        };
        let ServerMachine::Invite(machine) = &mut server.machine else { return true };
        let verdict = machine.handle(now, server_invite::Input::Ack, out);
        self.settle_server(id);
        verdict != server_invite::Verdict::Deliver
    }

    /// The INVITE that a CANCEL is for: its leg, if it is not answered yet.
    pub(crate) fn cancelled(&self, id: ServerId, key: &ServerKey) -> Option<Option<LegId>> {
        let server = self.servers.get(&id).filter(|server| server.key == *key)?;
        Some(match &server.machine {
            ServerMachine::Invite(machine) if machine.is_proceeding() => server.leg,
            ServerMachine::Invite(_) | ServerMachine::Other(_) => None,
        })
    }

    /// Whether a request without To tag is one that came by another way already (RFC 3261 §8.2.2.2).
    pub(crate) fn is_merged(&self, request: &Message) -> bool {
        self.merged.contains_key(&self.merge_hash(request))
    }

    fn merge_hash(&self, request: &Message) -> u64 {
        self.hasher.hash_one((
            request.call_id(),
            request.from_tag(),
            request.cseq().number,
            request.method_text(),
        ))
    }

    /// Begins the transaction of a request. `flow` is where responses go; `source` is where it came from.
    pub(crate) fn begin(
        &mut self,
        id: ServerId,
        key: ServerKey,
        request: Message,
        flow: Flow,
        source: SocketAddr,
        leg: Option<LegId>,
    ) {
        let machine = if request.method() == Method::Invite {
            ServerMachine::Invite(ServerInvite::new(flow, self.timing))
        } else {
            ServerMachine::Other(ServerNonInvite::new(flow, self.timing))
        };
        let merged = request.to_tag().is_empty().then(|| self.merge_hash(&request));
        if let Some(hash) = merged {
            self.merged.insert(hash, id);
        }
        let request = Some(Box::new(request));
        let server = Server { key, machine, request, source, leg, merged, armed: Armed::default() };
        self.servers.insert(id, Box::new(server));
    }

    /// The request of a transaction that is not finally answered, and where it came from.
    pub(crate) fn request(&self, id: ServerId) -> Option<(&Message, SocketAddr)> {
        let server = self.servers.get(&id)?;
        Some((server.request.as_deref()?, server.source))
    }

    /// Where the responses of a transaction go.
    pub(crate) fn response_flow(&self, id: ServerId) -> Option<Flow> {
        Some(match &self.servers.get(&id)?.machine {
            ServerMachine::Invite(machine) => machine.flow(),
            ServerMachine::Other(machine) => machine.flow(),
        })
    }

    /// Answers.
    pub(crate) fn respond(
        &mut self,
        now: Instant,
        id: ServerId,
        status: u16,
        bytes: Bytes,
        out: &mut Outbox,
    ) {
        let Some(server) = self.servers.get_mut(&id) else { return };
        match &mut server.machine {
            ServerMachine::Invite(machine) => {
                let (server_invite::Verdict::Absorbed
                | server_invite::Verdict::Deliver
                | server_invite::Verdict::TimedOut) =
                    machine.handle(now, server_invite::Input::Response(status, bytes), out);
            }
            ServerMachine::Other(machine) => {
                machine.handle(now, server_non_invite::Input::Response(status, bytes), out);
            }
        }
        if status >= 200 {
            server.request = None;
        }
        self.settle_server(id);
    }

    fn settle_server(&mut self, id: ServerId) {
        let Some(server) = self.servers.get_mut(&id) else { return };
        let terminated = match &server.machine {
            ServerMachine::Invite(machine) => machine.is_terminated(),
            ServerMachine::Other(machine) => machine.is_terminated(),
        };
        if terminated {
            if let Some(hash) = server.merged {
                self.merged.remove(&hash);
            }
            self.servers.remove(&id);
        } else {
            let due = server.due(&mut self.forgetting);
            self.timers.arm(&mut server.armed, due, TimerKey::Server(id));
        }
    }
}

impl Server {
    /// When it has something to do.
    fn due(&self, forgetting: &mut Forgetting) -> Option<Instant> {
        let (lingers, deadline) = match &self.machine {
            ServerMachine::Invite(machine) => (machine.lingers(), machine.deadline()),
            ServerMachine::Other(machine) => (machine.lingers(), machine.deadline()),
        };
        if lingers { deadline.map(|at| forgetting.after(at)) } else { deadline }
    }
}

impl Client {
    /// When it has something to do.
    fn due(&self, forgetting: &mut Forgetting) -> Option<Instant> {
        let (lingers, deadline) = match &self.machine {
            ClientMachine::Invite(machine) => (machine.lingers(), machine.deadline()),
            ClientMachine::Other(machine) => (machine.lingers(), machine.deadline()),
        };
        if lingers { deadline.map(|at| forgetting.after(at)) } else { deadline }
    }

    fn concern(&self, key: ClientKey, verdict: Verdict) -> Option<Concern> {
        (verdict != Verdict::Absorbed).then_some(Concern {
            key,
            leg: self.leg,
            purpose: self.purpose,
            verdict,
            is_stray: false,
            has_lost_stream: verdict == Verdict::Unsent && self.flow().connection != ConnectionId::default(),
        })
    }

    fn flow(&self) -> Flow {
        match &self.machine {
            ClientMachine::Invite(machine) => machine.flow(),
            ClientMachine::Other(machine) => machine.flow(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    #[test]
    fn what_only_lingers_is_forgotten_together_and_never_early() {
        let (mut forgetting, start) = (Forgetting::default(), start());
        let at = |ms| start + Duration::from_millis(ms);
        for (from, forgotten) in [(100, 100), (101, 600), (599, 600), (600, 600), (1_350, 1_600), (40, 40)] {
            assert_eq!(forgetting.after(at(from)), at(forgotten), "{from} ms");
        }
    }
}
