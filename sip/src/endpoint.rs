//! What every session needs from its agent: an identity on each path, randomness, transactions.

use std::hash::BuildHasher;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use foldhash::quality::FixedState;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::agent::AgentConfig;
use crate::auth::ClientAuth;
use crate::certificates::Certificates;
use crate::dialog::Dialog;
use crate::directory::Directory;
use crate::gruu;
use crate::ids::LegId;
use crate::location::{Binding, Location};
use crate::message::{
    self, Builder, Glance, HeaderName, Message, Method, Text, Uri, Value, request, response,
};
use crate::outbox::{Outbox, Transmit};
use crate::token::{COOKIE, Token};
use crate::transaction::{ClientKey, Purpose, ServerId, ServerKey, Transactions};
use crate::transport::{Flow, Transport};

/// What this stage of the engine serves (RFC 3261 §20.5).
pub(crate) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, REGISTER, SUBSCRIBE, NOTIFY";
/// Lines may send these outside of calls, too.
const AND_TEXTS: &str = ", MESSAGE, PUBLISH";
/// Extensions that may be required of us.
pub(crate) const SUPPORTED: &str = "path, timer, replaces, join, norefersub, tdialog";
/// What follows where provisional responses may be reliable: not in every INVITE, for phones err there (RFC 3262 §7.1).
pub(crate) const AND_RELIABLE: &str = ", 100rel";
/// The event packages that are served.
pub(crate) const ALLOW_EVENTS: &str =
    "talk, hold, dialog, conference, call-completion, message-summary, as-feature-event, presence, reg";
/// Bodies we read.
pub(crate) const ACCEPT: &str = "application/sdp";
/// The media type of a session description.
pub(crate) const SDP: &str = "application/sdp";

/// The common ground of all sessions of one agent.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) config: AgentConfig,
    pub(crate) directory: Arc<Directory>,
    pub(crate) location: Arc<Location>,
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) transactions: Transactions,
    random: StdRng,
    epoch: Instant,
    /// Tags of stateless responses: the same request gets the same tag (RFC 3261 §8.2.7).
    stateless: FixedState,
}

/// A request that has no transaction yet.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) message: Message,
    /// Where it came from.
    pub(crate) flow: Flow,
    pub(crate) id: ServerId,
    pub(crate) key: ServerKey,
}

impl Endpoint {
    pub(crate) fn new(
        config: AgentConfig,
        directory: Arc<Directory>,
        location: Arc<Location>,
        seed: [u8; 32],
        epoch: Instant,
    ) -> Self {
        let mut random = StdRng::from_seed(seed);
        let stateless = FixedState::with_seed(random.random());
        let transactions = Transactions::new(config.timing);
        let certificates = Arc::default();
        Self { config, directory, location, certificates, transactions, random, epoch, stateless }
    }

    /// A tag or branch.
    pub(crate) fn token(&mut self) -> Token {
        Token::draw(self.config.worker, &mut self.random)
    }

    /// The first sequence number of a dialog: the seconds of a clock (RFC 3261 §8.1.1.5).
    pub(crate) fn first_cseq(&self, now: Instant) -> u32 {
        let seconds = now.saturating_duration_since(self.epoch).as_secs() & 0x3fff_ffff;
        1 + u32::try_from(seconds).unwrap_or_default()
    }

    /// Uniformly random, `low` to `high` inclusive.
    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        self.random.random_range(low..=high)
    }

    /// Our address on a path, as others are to see it.
    pub(crate) fn address(&self, flow: Flow) -> SocketAddr {
        let listener = |ip: Option<IpAddr>| {
            self.config
                .listeners
                .iter()
                .filter(|(transport, _)| *transport == flow.transport)
                .map(|(_, address)| *address)
                .find(|address| ip.is_none_or(|ip| address.ip() == ip || address.ip().is_unspecified()))
        };
        let known = listener(Some(flow.local.ip())).or_else(|| listener(None));
        let is_ipv4 = flow.remote.ip().to_canonical().is_ipv4();
        let ip = match (self.config.advertise, known) {
            // An address of the other family would be of no use to this peer.
            (Some(advertised), _) if advertised.is_ipv4() == is_ipv4 => advertised,
            (_, Some(known)) if flow.local.ip().is_unspecified() => known.ip(),
            _ => flow.local.ip(),
        };
        // The near port of a stream that we opened is ephemeral: nobody can connect to it.
        let port = match known {
            Some(known) if flow.transport.is_reliable() || flow.local.port() == 0 => known.port(),
            None if flow.local.port() == 0 => flow.transport.default_port(),
            Some(_) | None => flow.local.port(),
        };
        SocketAddr::new(ip, port)
    }

    /// Whether a stream can be offered instead of a datagram that would be too long.
    pub(crate) fn stream_listener(&self) -> Option<SocketAddr> {
        let (_, address) =
            self.config.listeners.iter().find(|(transport, _)| *transport == Transport::Tcp)?;
        Some(*address)
    }

    /// Whether a Request-URI names us: a domain of ours, or one of our addresses.
    pub(crate) fn serves(&self, uri: &Uri<'_>, flow: Flow) -> bool {
        let is_domain = || self.config.domains.iter().any(|domain| domain.eq_ignore_ascii_case(uri.host));
        uri.host_ip().is_some_and(|ip| self.is_own_address(ip, flow)) || is_domain()
    }

    /// Whether a URI leads back to us.
    pub(crate) fn is_own(&self, uri: &Uri<'_>, flow: Flow) -> bool {
        let port = uri.port_or_default();
        let is_own_port = flow.local.port() == port
            || self.config.listeners.iter().any(|(_, address)| address.port() == port);
        is_own_port && uri.host_ip().is_some_and(|ip| self.is_own_address(ip, flow))
    }

    /// Whether the credentials may be used at this hop: it is their peer, or another host of the same trunk. Elsewhere a hash
    /// of the password would be in the wrong hands, whatever realm is named.
    pub(crate) fn may_answer(&self, auth: &ClientAuth, hop: Flow) -> bool {
        auth.peer().is_none_or(|peer| self.directory.is_same_peer(peer, hop.remote.ip()))
    }

    /// The trunk that the far end of a connection has proven to be by its certificate.
    pub(crate) fn trunk_by_certificate(&self, flow: Flow) -> Option<&Arc<str>> {
        let of_domains = |domains: &[Box<str>]| self.directory.trunk_of_domains(domains);
        flow.transport.is_secure().then(|| self.certificates.find(flow.connection, of_domains))?
    }

    /// The trunk that what comes this way is from: by its certificate, else by its address.
    pub(crate) fn trunk_at(&self, flow: Flow) -> Option<&Arc<str>> {
        self.trunk_by_certificate(flow).or_else(|| self.directory.trunk_at(flow.remote.ip()))
    }

    fn is_own_address(&self, host: IpAddr, flow: Flow) -> bool {
        host == flow.local.ip()
            || self.config.advertise == Some(host)
            || self.config.listeners.iter().any(|(_, address)| address.ip() == host)
    }

    /// Contact of ours on a path.
    pub(crate) fn contact<'a>(&self, flow: Flow, user: &'a str) -> Contact<'a> {
        Contact {
            user,
            address: self.address(flow),
            transport: flow.transport,
            is_bulk: false,
            is_focus: false,
        }
    }

    /// Our Contact for all numbers that a registrar knows to be ours: no user part, but `bnc` (RFC 6140 §5.2).
    pub(crate) fn bulk_contact(&self, flow: Flow) -> Contact<'static> {
        Contact { is_bulk: true, ..self.contact(flow, "") }
    }

    /// The hop for a request in a dialog: that of the dialog, but to a device that named its own address where that is registered, and
    /// to a phone behind a translator where it is registered since.
    pub(crate) fn hop(&self, dialog: &Dialog) -> Flow {
        match self.device(dialog) {
            Some(contact) if dialog.is_direct() => {
                contact.map_or_else(|| dialog.flow(), |contact| contact.flow)
            }
            Some(_) | None => self.moved(dialog).unwrap_or_else(|| dialog.hop()),
        }
    }

    /// Where a phone behind a translator is registered now, whose dialog leads to where it was registered before.
    pub(crate) fn moved(&self, dialog: &Dialog) -> Option<Flow> {
        let flow = dialog.flow();
        if flow.transport != Transport::Udp || !dialog.is_direct() {
            return None;
        }
        let target = Uri::parse(dialog.target())?;
        // Most phones are where they say.
        if target.host_ip() == Some(flow.remote.ip()) || dialog.hop() != flow {
            return None;
        }
        self.location.moved(&dialog.remote_user()?, flow, &target)
    }

    /// The contact of the device at the other end of a dialog, which named its own address there (RFC 5627 §5.3): the one that it
    /// registered last, but of several flows that it keeps (RFC 5626) the one that it speaks by. `Some(None)`: what it named leads
    /// to us, but nowhere else than where it spoke from; `None`: it named something else.
    ///
    /// Nobody is led to the device of another, what was said sealed does not go on in clear, and a proxy that must be passed is.
    pub(crate) fn device(&self, dialog: &Dialog) -> Option<Option<Arc<Binding>>> {
        let (target, flow) = (dialog.target(), dialog.flow());
        // Most targets are none, which is to cost nothing.
        let uri = target.contains(";gr=").then(|| Uri::parse(target)).flatten()?;
        let instance = gruu::device(&uri)?;
        let line = uri.user_unescaped();
        let mut contacts = self.location.device(&line, instance);
        let is_there = contacts.iter().any(|contact| contact.flow == flow);
        if !is_there && !self.serves(&uri, flow) {
            return None;
        }
        let last = contacts.pop();
        let spoken_by = contacts.into_iter().find(|contact| contact.flow == flow && contact.is_kept_flow());
        let is_sealed = flow.transport.is_secure();
        let may = |contact: &Arc<Binding>| {
            contact.path.is_empty() && (contact.flow.transport.is_secure() || !is_sealed)
        };
        let is_his = is_there || dialog.remote_user().is_some_and(|user| user == line);
        Some(spoken_by.or(last).filter(|contact| is_his && may(contact)))
    }

    /// Begins a request inside a dialog: everything up to the headers of its method.
    pub(crate) fn request(
        &self,
        dialog: &Dialog,
        method: Method,
        cseq: u32,
        flow: Flow,
        branch: Token,
    ) -> Builder {
        let routed = dialog.routed();
        let (call_id, local, remote) = dialog.identity();
        let contact = self
            .device(dialog)
            .flatten()
            .filter(|contact| routed.uri == dialog.target() && contact.flow == flow);
        let mut builder = request(method, contact.as_ref().map_or(routed.uri, |contact| &*contact.contact))
            .header(HeaderName::Via, self.via(flow, branch))
            .header(HeaderName::MaxForwards, 70)
            .header(HeaderName::From, local)
            .header(HeaderName::To, remote)
            .header(HeaderName::CallId, call_id)
            .header(HeaderName::CSeq, (cseq, " ", method.name()));
        for route in routed.route {
            builder = builder.header(HeaderName::Route, route);
        }
        match routed.last {
            Some(last) => builder.header(HeaderName::Route, ("<", last, ">")),
            None => builder,
        }
    }

    /// Via of ours. It always asks for `rport` (RFC 3581).
    pub(crate) fn via(&self, flow: Flow, branch: Token) -> Via {
        Via { transport: flow.transport, address: self.address(flow), branch }
    }

    /// Sends the BYE of a dialog, with further headers.
    pub(crate) fn bye(
        &mut self,
        now: Instant,
        dialog: &mut Dialog,
        headers: &[(&'static str, String)],
        leg: LegId,
        purpose: Purpose,
        out: &mut Outbox,
    ) {
        dialog.terminate();
        let (flow, branch, cseq) = (self.hop(dialog), self.token(), dialog.sequence().advance());
        let mut bye = self.request(dialog, Method::Bye, cseq, flow, branch);
        for (name, value) in headers {
            bye = bye.raw(name, value);
        }
        let key = ClientKey::new(branch, Method::Bye);
        self.transactions.send(now, key, Method::Bye, bye.finish(), flow, leg, purpose, out);
    }

    /// Sends the ACK to a 2xx and keeps it, should the 2xx come again.
    pub(crate) fn acknowledge(
        &mut self,
        dialog: &Dialog,
        key: ClientKey,
        cseq: u32,
        body: Option<&[u8]>,
        out: &mut Outbox,
    ) {
        let (flow, branch) = (self.hop(dialog), self.token());
        let ack = self.request(dialog, Method::Ack, cseq, flow, branch);
        let bytes = match body {
            Some(body) => ack.body(SDP, body),
            None => ack.finish(),
        };
        let ack = Transmit { flow, bytes };
        self.transactions.acknowledge(key, dialog.remote_tag(), ack.clone());
        out.transmits.push(ack);
    }

    /// Acknowledges a 2xx to a re-INVITE of a session that is over.
    pub(crate) fn acknowledge_late(
        &mut self,
        key: ClientKey,
        response: &Message,
        flow: Flow,
        out: &mut Outbox,
    ) {
        let dialog = Dialog::of_response(response, response.to().map_or("", |to| to.uri), flow);
        self.acknowledge(&dialog, key, response.cseq().number, None, out);
    }

    /// A 2xx that nobody wants, from a fork that lost or after a CANCEL: ACK, then BYE (RFC 3261 §13.2.2.4).
    pub(crate) fn release(
        &mut self,
        now: Instant,
        key: ClientKey,
        response: &Message,
        flow: Flow,
        leg: LegId,
        out: &mut Outbox,
    ) {
        let mut dialog = Dialog::of_response(response, response.to().map_or("", |to| to.uri), flow);
        self.acknowledge(&dialog, key, response.cseq().number, None, out);
        self.bye(now, &mut dialog, &[], leg, Purpose::Alone, out);
    }

    /// Answers a request in a transaction that is over at once.
    pub(crate) fn reply(
        &mut self,
        now: Instant,
        arrival: Arrival,
        status: u16,
        tag: Token,
        out: &mut Outbox,
        complete: impl FnOnce(Builder) -> Builder,
    ) {
        let Arrival { message, flow, id, key } = arrival;
        let bytes = complete(response(&message, status, flow.remote).to_tag(tag)).finish();
        let to = response_flow(&message, flow);
        let is_remembered = message.method() == Method::Invite || !to.transport.is_reliable();
        if is_remembered && self.transactions.len() < self.config.capacity.transactions {
            self.transactions.begin(id, key, message, to, flow.remote, None);
            self.transactions.respond(now, id, status, bytes, out);
        } else {
            out.transmits.push(Transmit { flow: to, bytes });
        }
    }

    /// As [`Self::reply`], with a To tag of no dialog.
    pub(crate) fn reply_tagged(
        &mut self,
        now: Instant,
        arrival: Arrival,
        status: u16,
        out: &mut Outbox,
        complete: impl FnOnce(Builder) -> Builder,
    ) {
        let tag = self.token();
        self.reply(now, arrival, status, tag, out, complete);
    }

    /// Answers a request without remembering it (RFC 3261 §8.2.7): the request again gets the same response again.
    pub(crate) fn reply_stateless(
        &self,
        message: &Message,
        flow: Flow,
        status: u16,
        out: &mut Outbox,
        complete: impl FnOnce(Builder) -> Builder,
    ) {
        let tag = self.stateless_tag(message);
        let builder = response(message, status, flow.remote).to_tag(tag);
        out.transmits
            .push(Transmit { flow: response_flow(message, flow), bytes: complete(builder).finish() });
    }

    /// The To tag of a stateless response.
    pub(crate) fn stateless_tag(&self, message: &Message) -> Token {
        let branch = message.via().map_or("", |via| via.branch());
        self.stateless_tag_of(message.call_id(), message.from_tag(), message.cseq().number, branch)
    }

    /// The same for an INVITE that was only glanced at; an ACK to its refusal has the same.
    pub(crate) fn stateless_tag_at_a_glance(&self, request: &Glance<'_>) -> Token {
        self.stateless_tag_of(request.call_id, request.from_tag, request.cseq, request.via.branch())
    }

    fn stateless_tag_of(&self, call_id: &str, from_tag: &str, cseq: u32, branch: &str) -> Token {
        let bits = self.stateless.hash_one((call_id, from_tag, cseq, branch));
        Token { worker: self.config.worker, bits }
    }

    /// Begins a response to a request that has a transaction.
    pub(crate) fn response(&self, id: ServerId, status: u16, tag: Token) -> Option<Builder> {
        let (request, source) = self.transactions.request(id)?;
        Some(response(request, status, source).to_tag(tag))
    }

    /// Says in a 488 what does not fit. One to a Join says something else.
    pub(crate) fn warn(&self, reply: Builder, id: ServerId, status: u16) -> Builder {
        let is_join = || {
            let request = self.transactions.request(id);
            request.is_some_and(|(request, _)| request.value(HeaderName::Join).is_some())
        };
        match self.transactions.response_flow(id) {
            Some(flow) if status == 488 && !is_join() => incompatible(reply, status, self.address(flow)),
            Some(_) | None => reply,
        }
    }

    /// The 100 to a request that has a transaction.
    pub(crate) fn trying(&self, id: ServerId) -> Bytes {
        self.transactions
            .request(id)
            .map(|(request, source)| response(request, 100, source).finish())
            .unwrap_or_default()
    }

    /// Begins the transaction of a request.
    pub(crate) fn begin(&mut self, arrival: Arrival, leg: impl Into<Option<LegId>>) -> ServerId {
        let Arrival { message, flow, id, key } = arrival;
        let to = response_flow(&message, flow);
        self.transactions.begin(id, key, message, to, flow.remote, leg.into());
        id
    }
}

/// What anybody may be answered by datagram, however little he sends, in bytes; beyond, twice as many as he sent.
pub(crate) const ANSWER_BYTES_MIN: usize = 600;

/// Whether an answer by datagram has more bytes than its request earns.
pub(crate) fn is_amplified(arrival: &Arrival, answer: &[u8]) -> bool {
    let bytes_max = (2 * arrival.message.bytes().len()).max(ANSWER_BYTES_MIN);
    !arrival.flow.transport.is_reliable() && answer.len() > bytes_max
}

/// What an OPTIONS is answered with (RFC 3261 §11.2).
pub(crate) fn capabilities(reply: Builder) -> Builder {
    reply
        .header(HeaderName::Allow, (ALLOW, AND_TEXTS))
        .header(HeaderName::Accept, ACCEPT)
        .header(HeaderName::Supported, (SUPPORTED, AND_RELIABLE))
}

/// Says in a 488 that the description is the matter (RFC 3261 §20.43); `ours` is who says so. Other responses stay as they are.
pub(crate) fn incompatible(reply: Builder, status: u16, ours: SocketAddr) -> Builder {
    if status == 488 {
        reply.header(HeaderName::Warning, ("305 ", ours, " \"Incompatible media format\""))
    } else {
        reply
    }
}

/// What a 405 must carry.
pub(crate) fn allow(reply: Builder) -> Builder {
    reply.header(HeaderName::Allow, ALLOW)
}

/// What a 489 must carry (RFC 6665 §8.3.2).
pub(crate) fn allow_events(reply: Builder) -> Builder {
    reply.header(HeaderName::AllowEvents, ALLOW_EVENTS)
}

/// Where the responses to a request go (RFC 3261 §18.2.2, RFC 3581 §4): back along a stream; else to the source
/// address, at the source port if the request asks for it, at the port of sent-by if not. Where sent-by is another address than the
/// source somebody between translates, and knows no port but the one that he has given: that is taken, asked for or not.
pub(crate) fn response_flow(request: &Message, flow: Flow) -> Flow {
    request.via().map_or(flow, |via| response_flow_by(&via, flow))
}

/// The same by the topmost Via.
pub(crate) fn response_flow_by(via: &message::Via<'_>, flow: Flow) -> Flow {
    let is_translated =
        || via.host_ip().is_some_and(|said| said.to_canonical() != flow.remote.ip().to_canonical());
    if flow.transport.is_reliable() || via.rport().is_some() || is_translated() {
        return flow;
    }
    Flow { remote: SocketAddr::new(flow.remote.ip(), via.port.unwrap_or(5060)), ..flow }
}

/// A Via value of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Via {
    transport: Transport,
    address: SocketAddr,
    branch: Token,
}

impl Value for Via {
    fn write(&self, text: &mut Text<'_>) {
        let Self { transport, address, branch } = self;
        ("SIP/2.0/", transport.via_name(), " ").write(text);
        (address, ";rport;branch=", (COOKIE, branch)).write(text);
    }
}

/// A Contact value of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contact<'a> {
    /// Escaped.
    user: &'a str,
    address: SocketAddr,
    transport: Transport,
    is_bulk: bool,
    is_focus: bool,
}

impl<'a> Contact<'a> {
    /// Says that we are the focus of a conference with this user part here, if there is one (RFC 4579 §5.1).
    pub(crate) fn focus(self, user: Option<&'a str>) -> Self {
        user.map_or(self, |user| Self { user, is_focus: true, ..self })
    }
}

impl Value for Contact<'_> {
    fn write(&self, text: &mut Text<'_>) {
        text.str("<sip:");
        if !self.user.is_empty() {
            (self.user, "@").write(text);
        }
        self.address.write(text);
        if !self.transport.is_default() {
            (";transport=", self.transport.param_name()).write(text);
        }
        text.str(if self.is_bulk { ";bnc>" } else { ">" });
        text.str(if self.is_focus { ";isfocus" } else { "" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ConnectionId;
    use crate::location::LocationLimits;
    use crate::message::text_of;
    use crate::testing::start;

    fn endpoint(advertise: Option<&str>, listeners: &[(Transport, &str)]) -> Endpoint {
        let listeners =
            listeners.iter().map(|(transport, address)| (*transport, address.parse().unwrap())).collect();
        let advertise = advertise.map(|address| address.parse().unwrap());
        let config = AgentConfig { advertise, listeners, ..AgentConfig::default() };
        let location = Arc::new(Location::new(start(), LocationLimits::DEFAULT));
        Endpoint::new(config, Arc::new(Directory::default()), location, [1; 32], start())
    }

    fn flow(transport: Transport, local: &str) -> Flow {
        let remote = "192.0.2.9:5060".parse().unwrap();
        Flow { transport, local: local.parse().unwrap(), remote, connection: ConnectionId::default() }
    }

    const ANY: [(Transport, &str); 2] = [(Transport::Udp, "0.0.0.0:5060"), (Transport::Tcp, "0.0.0.0:5080")];

    #[test]
    fn our_address_is_that_of_the_path_and_for_a_stream_at_the_port_of_its_listener() {
        let address = |endpoint: &Endpoint, flow| endpoint.address(flow).to_string();
        let endpoint_any = endpoint(None, &ANY);
        assert_eq!(address(&endpoint_any, flow(Transport::Udp, "192.0.2.1:5060")), "192.0.2.1:5060");
        assert_eq!(address(&endpoint_any, flow(Transport::Tcp, "192.0.2.1:41234")), "192.0.2.1:5080");
        assert_eq!(address(&endpoint_any, flow(Transport::Udp, "192.0.2.1:0")), "192.0.2.1:5060");
        let public = endpoint(Some("203.0.113.5"), &ANY);
        assert_eq!(address(&public, flow(Transport::Udp, "10.0.0.1:5060")), "203.0.113.5:5060");
        let two = endpoint(None, &[(Transport::Tcp, "192.0.2.1:5070"), (Transport::Tcp, "192.0.2.2:5071")]);
        assert_eq!(address(&two, flow(Transport::Tcp, "192.0.2.2:40000")), "192.0.2.2:5071");
    }

    #[test]
    fn a_response_goes_where_a_translator_lets_it_through() {
        let answered = |transport, via: &str| {
            let via = message::Via::parse(via).unwrap();
            response_flow_by(&via, flow(transport, "192.0.2.1:5060")).remote.to_string()
        };
        let udp = |via| answered(Transport::Udp, via);
        assert_eq!(
            udp("SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKa"),
            "192.0.2.9:5070",
            "it listens elsewhere"
        );
        assert_eq!(udp("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa"), "192.0.2.9:5060");
        assert_eq!(udp("SIP/2.0/UDP 192.0.2.9:5070;rport;branch=z9hG4bKa"), "192.0.2.9:5060");
        assert_eq!(udp("SIP/2.0/UDP 10.0.0.7:5070;branch=z9hG4bKa"), "192.0.2.9:5060", "behind a translator");
        assert_eq!(udp("SIP/2.0/UDP [2001:db8::7]:5070;branch=z9hG4bKa"), "192.0.2.9:5060");
        assert_eq!(udp("SIP/2.0/UDP [::ffff:192.0.2.9]:5070;branch=z9hG4bKa"), "192.0.2.9:5070");
        assert_eq!(udp("SIP/2.0/UDP phone.example:5070;branch=z9hG4bKa"), "192.0.2.9:5070", "who knows");
        assert_eq!(answered(Transport::Tcp, "SIP/2.0/TCP 192.0.2.9:5070;branch=z9hG4bKa"), "192.0.2.9:5060");
    }

    #[test]
    fn a_contact_names_its_transport_unless_it_is_the_default() {
        let endpoint = endpoint(None, &ANY);
        let contact = |transport, local, user| text_of(endpoint.contact(flow(transport, local), user));
        assert_eq!(contact(Transport::Udp, "192.0.2.1:5060", "bob"), "<sip:bob@192.0.2.1:5060>");
        assert_eq!(contact(Transport::Tcp, "192.0.2.1:9", ""), "<sip:192.0.2.1:5080;transport=tcp>");
        assert_eq!(contact(Transport::Udp, "[2001:db8::1]:5060", "bob"), "<sip:bob@[2001:db8::1]:5060>");
        assert_eq!(
            contact(Transport::Tls, "192.0.2.1:5061", "bob"),
            "<sip:bob@192.0.2.1:5061;transport=tls>"
        );
        assert_eq!(contact(Transport::Ws, "192.0.2.1:80", "bob"), "<sip:bob@192.0.2.1:80;transport=ws>");
        assert_eq!(contact(Transport::Wss, "192.0.2.1:443", "bob"), "<sip:bob@192.0.2.1:443;transport=ws>");
    }

    #[test]
    fn a_via_spells_its_transport_as_the_standards_do() {
        let endpoint = endpoint(None, &ANY);
        let branch = Token { worker: 1, bits: 2 };
        let via = |transport| text_of(endpoint.via(flow(transport, "192.0.2.1:5061"), branch));
        let spelled = Transport::ALL.map(|transport| via(transport).split(' ').next().unwrap().to_owned());
        assert_eq!(spelled, ["SIP/2.0/UDP", "SIP/2.0/TCP", "SIP/2.0/TLS", "SIP/2.0/WS", "SIP/2.0/WSS"]);
    }

    #[test]
    fn without_a_listener_of_the_transport_its_usual_port_is_named() {
        let endpoint = endpoint(None, &ANY);
        let address = |transport| endpoint.address(flow(transport, "192.0.2.1:0")).to_string();
        assert_eq!(address(Transport::Tls), "192.0.2.1:5061");
        assert_eq!(address(Transport::Tcp), "192.0.2.1:5080");
    }

    #[test]
    fn a_uri_is_ours_by_address_and_port_and_served_by_address_or_domain() {
        let mut endpoint = endpoint(Some("203.0.113.5"), &ANY);
        endpoint.config.domains = vec!["pbx.example".to_owned()];
        let path = flow(Transport::Udp, "10.0.0.1:5060");
        let ask = |uri: &str| {
            let uri = Uri::parse(uri).unwrap();
            (endpoint.is_own(&uri, path), endpoint.serves(&uri, path))
        };
        assert_eq!(ask("sip:a@10.0.0.1"), (true, true));
        assert_eq!(ask("sip:a@203.0.113.5:5080"), (true, true));
        assert_eq!(ask("sip:a@10.0.0.1:5071"), (false, true), "a phone on the same host");
        assert_eq!(ask("sips:a@10.0.0.1"), (false, true), "5061 is not ours here");
        assert_eq!(ask("sip:a@PBX.example"), (false, true));
        assert_eq!(ask("sip:a@198.51.100.1"), (false, false));
    }
}
