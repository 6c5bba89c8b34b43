//! One agent against a peer that is written out as text.

use super::*;
use crate::message::{Framing, HeaderName, Limits, Message};
use crate::outbox::{SubscriptionChange, Unresolved};

/// An agent at 192.0.2.1:5060 and what it said.
pub(super) struct Bench {
    pub(super) now: Instant,
    pub(super) agent: Agent,
    /// Where the peer speaks from.
    pub(super) flow: Flow,
    sent: Vec<(Flow, Message)>,
    events: Vec<Event>,
    pub(super) closed: Vec<ConnectionId>,
    /// What the store was told of subscriptions.
    pub(super) subscriptions: Vec<SubscriptionChange>,
    pub(super) unresolved: Vec<(u16, Unresolved)>,
}

/// Header lines of a peer that are the same in most messages.
pub(super) const SDP_BODY: &str = "v=0\r\no=peer 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n\
    m=audio 6000 RTP/AVP 0\r\n";

impl Bench {
    /// The peer is a trusted trunk at 192.0.2.2:5070.
    pub(super) fn new() -> Self {
        Self::with(trusting(), "192.0.2.2:5070")
    }

    pub(super) fn with(directory: Directory, peer: &str) -> Self {
        Self::of_worker((0, 1), directory, peer)
    }

    /// One of several workers: its number, and how many there are.
    pub(super) fn of_worker(numbers: (u16, u16), directory: Directory, peer: &str) -> Self {
        let (now, address) = (start(), "192.0.2.1:5060".parse().unwrap());
        let agent = worker(numbers, address, directory, 1, now);
        let flow = udp(address, peer.parse().unwrap());
        let (sent, events, closed, subscriptions, unresolved) = Default::default();
        Self { now, agent, flow, sent, events, closed, subscriptions, unresolved }
    }

    /// The same by a stream.
    pub(super) fn by_tcp(mut self) -> Self {
        self.flow.transport = Transport::Tcp;
        self.flow.connection = ConnectionId(1);
        self
    }

    fn take(&mut self, out: Outbox) {
        for transmit in out.transmits {
            let message = Message::scan(transmit.bytes, Framing::Stream, &Limits::DEFAULT).unwrap();
            // The refusal of a malformed request gives back what was malformed.
            let valid = message.validate(&Limits::DEFAULT);
            assert!(valid.is_ok() || message.status() >= 400, "{valid:?}: {message:?}");
            // RFC 3261 §8.2.6.2.
            assert!(
                message.is_request()
                    || message.status() == 100
                    || !message.to_tag().is_empty()
                    || valid.is_err()
            );
            self.sent.push((transmit.flow, message));
        }
        self.events.extend(out.events);
        self.closed.extend(out.close);
        self.subscriptions.extend(out.subscriptions);
        self.unresolved.extend(out.unresolved);
    }

    pub(super) fn act<T>(&mut self, act: impl FnOnce(&mut Agent, Instant, &mut Outbox) -> T) -> T {
        let mut out = Outbox::default();
        let result = act(&mut self.agent, self.now, &mut out);
        self.take(out);
        result
    }

    pub(super) fn say(&mut self, text: impl Into<Bytes>) {
        let (flow, bytes) = (self.flow, text.into());
        self.act(|agent, now, out| agent.receive(now, flow, bytes, out));
    }

    pub(super) fn command(&mut self, command: Command) {
        self.act(|agent, now, out| agent.command(now, command, out));
    }

    /// Lets time pass, timer by timer.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.agent.deadline().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.act(Agent::handle_timeout);
        }
        self.now = end;
    }

    /// What was sent since the last look.
    pub(super) fn sent(&mut self) -> Vec<(Flow, Message)> {
        std::mem::take(&mut self.sent)
    }

    /// What was sent since the last look: statuses and methods.
    pub(super) fn heard(&mut self) -> Vec<String> {
        self.sent().iter().map(|(_, message)| word(message)).collect()
    }

    /// The one message that was sent since the last look.
    pub(super) fn only(&mut self) -> Message {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{:?}", sent.iter().map(|(_, message)| word(message)).collect::<Vec<_>>());
        sent.remove(0).1
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// The names of the events since the last look.
    pub(super) fn told(&mut self) -> Vec<String> {
        self.events().iter().map(name).collect()
    }

    /// The leg that called in.
    pub(super) fn incoming(&mut self) -> LegId {
        match &self.events()[..] {
            [Event::Incoming(leg, _)] => *leg,
            other => panic!("expected one call, got {other:?}"),
        }
    }

    /// Five minutes later nothing is left.
    pub(super) fn expect_nothing_left(&mut self) {
        self.pass(seconds(300));
        assert_eq!(self.agent.gauges(), Gauges::default());
        assert!(self.agent.on_streams.is_empty() && self.agent.tags.is_empty());
        assert!(self.agent.subscriptions.is_clean() && self.agent.notices.is_empty());
        assert_eq!(self.agent.registrants.deadline(), None);
    }
}

pub(super) fn word(message: &Message) -> String {
    if message.is_request() { message.method_text().to_owned() } else { message.status().to_string() }
}

/// A request of the peer in the dialog of a call that it made: its To carries our tag.
pub(super) fn request(method: &str, cseq: u32, to_tag: &str, headers: &str, body: &str) -> String {
    let to_tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
    let branch = format!("z9hG4bK-{cseq}-{}", if method == "CANCEL" { "INVITE" } else { method });
    let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:bob@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch={branch}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:alice@192.0.2.2>;tag=peer\r\nTo: <sip:bob@192.0.2.1>{to_tag}\r\n\
         Call-ID: call\r\nCSeq: {cseq} {method}\r\nContact: <sip:alice@192.0.2.2:5070>\r\n\
         {headers}{content}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The INVITE that begins a call.
pub(super) fn invite(headers: &str) -> String {
    request("INVITE", 1, "", headers, SDP_BODY)
}

/// A response of the peer to a request of ours.
pub(super) fn response(to: &Message, status: u16, tag: &str, headers: &str, body: &str) -> String {
    let line = |name| to.lines(name).next().unwrap_or_default().to_owned();
    let tag = match (to.to_tag(), tag) {
        ("", "") => String::new(),
        ("", tag) => format!(";tag={tag}"),
        _ => String::new(),
    };
    let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "SIP/2.0 {status} X\r\nVia: {}\r\nFrom: {}\r\nTo: {}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{headers}{content}\
         Content-Length: {}\r\n\r\n{body}",
        line(HeaderName::Via),
        line(HeaderName::From),
        line(HeaderName::To),
        line(HeaderName::CallId),
        line(HeaderName::CSeq),
        body.len()
    )
}
