//! An agent that is told anything in any order: no leg speaks after its end, and five minutes later nothing is left.
//!
//! The input is a script of steps between `\x1e`. A step is a datagram, in which `{Via}`, `{From}`, `{To}`, `{Call-ID}`
//! and `{CSeq}` stand for the values of our last request and `{tag}` for the last To tag of ours; or `!` and a number for
//! a command of the switch; or `@` and a number of milliseconds that pass; or `#`: the connection closes.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_sip::auth::{Challenger, Credentials};
use trunkline_sip::location::{Location, LocationLimits};
use trunkline_sip::message::{Framing, Limits, Message};
use trunkline_sip::outbox::{
    Command, Content, Event, Invite, Outbox, OutgoingMessage, Package, Party, Register, Subject, Subscribe,
    Target,
};
use trunkline_sip::package::csta::Service;
use trunkline_sip::sdp::SessionDescription;
use trunkline_sip::transport::{Flow, Transport};
use trunkline_sip::{Agent, AgentConfig, ConnectionId, Directory, Gauges, LegId, TrustedTrunk, UsageId};

/// Panics if a rule of the agent is broken by this script.
pub fn check(octets: &[u8]) {
    let mut stage = Stage::new();
    for step in octets.split(|octet| *octet == SEPARATOR).take(STEPS_MAX) {
        stage.step(step);
    }
    stage.end();
}

const SEPARATOR: u8 = 0x1e;
const STEPS_MAX: usize = 200;

const HEADERS: [&str; 5] = ["Via", "From", "To", "Call-ID", "CSeq"];

const OFFER: &str =
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

struct Stage {
    now: Instant,
    agent: Agent,
    flow: Flow,
    legs: Vec<LegId>,
    usages: Vec<UsageId>,
    /// Registrations, subscriptions and MESSAGEs of ours, and those of them that are over.
    ours: Vec<UsageId>,
    ours_over: HashSet<UsageId>,
    over: HashSet<LegId>,
    /// The values of [`HEADERS`] in our last request.
    values: [String; 5],
    tag: String,
    /// RSeq of our last reliable response.
    rseq: String,
}

impl Stage {
    fn new() -> Self {
        let now = Instant::now();
        let local: SocketAddr = ([192, 0, 2, 1], 5060).into();
        let everyone = ["0.0.0.0/0".parse().expect("a net")];
        let trunk = TrustedTrunk { name: "trunk".into(), allow_from: everyone.into() };
        let directory = Directory { trunks: vec![trunk], ..Directory::default() };
        let config = AgentConfig { listeners: vec![(Transport::Udp, local)], ..AgentConfig::default() };
        let location = Location::new(now, LocationLimits::DEFAULT);
        let challenger = Challenger::new([1; 32], now, "fuzz");
        let agent =
            Agent::new(config, Arc::new(directory), Arc::new(location), Arc::new(challenger), [2; 32], now);
        let flow = Flow {
            transport: Transport::Udp,
            local,
            remote: ([192, 0, 2, 2], 5070).into(),
            connection: ConnectionId::default(),
        };
        let values = Default::default();
        Self {
            now,
            agent,
            flow,
            legs: Vec::new(),
            usages: Vec::new(),
            ours: Vec::new(),
            ours_over: HashSet::new(),
            over: HashSet::new(),
            values,
            tag: String::new(),
            rseq: String::new(),
        }
    }

    fn step(&mut self, step: &[u8]) {
        let number = |digits: &[u8]| {
            digits.iter().fold(0_u64, |all, digit| (all * 10 + u64::from(digit & 15)) % 1_000_000)
        };
        match step.split_first() {
            Some((b'!', digits)) => self.command(number(digits)),
            Some((b'@', digits)) => self.pass(Duration::from_millis(number(digits))),
            Some((b'#', _)) => self.act(|agent, now, out| agent.connection_closed(now, ConnectionId(1), out)),
            Some(_) => self.datagram(step),
            None => {}
        }
    }

    fn datagram(&mut self, step: &[u8]) {
        let mut text =
            String::from_utf8_lossy(step).replace("{tag}", &self.tag).replace("{rseq}", &self.rseq);
        for (name, value) in HEADERS.iter().zip(&self.values) {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        let flow = self.flow;
        self.act(|agent, now, out| agent.receive(now, flow, text.into(), out));
    }

    fn command(&mut self, number: u64) {
        let description = || Some(Box::new(SessionDescription::parse(&OFFER.into()).expect("it is one")));
        let offer = || description().expect("there is one");
        let leg = self.legs.get(number as usize / 10 % self.legs.len().max(1)).copied();
        let usage = self.usages.get(number as usize / 10 % self.usages.len().max(1)).copied();
        if number >= 3000 {
            let command = self.request(number);
            return self.act(|agent, now, out| agent.command(now, command, out));
        }
        if let (2000.., Some(leg)) = (number, leg) {
            let command = match number % 5 {
                0 => Command::Enclose(leg, vec![("X-Line", number.to_string())]),
                1 => {
                    Command::Identify(leg, Party { user: (number / 10 % 3).to_string(), ..Party::default() })
                }
                2 => Command::Focus(leg, number.is_multiple_of(2).then(|| number.to_string())),
                3 => Command::Digit(leg, (number / 10 % 256) as u8, 100),
                4 if number.is_multiple_of(2) => Command::Csta(leg, Box::new(Service::RequestSystemStatus)),
                _ => Command::UserToUser(leg, number.to_be_bytes().to_vec().into()),
            };
            return self.act(|agent, now, out| agent.command(now, command, out));
        }
        if let (1000.., Some(usage)) = (number, usage) {
            let status = 100 + u16::try_from(number % 500).unwrap_or_default();
            let command = match number % 2 {
                0 => Command::AnswerRefer(usage, status),
                _ => Command::ReferProgress(usage, status),
            };
            return self.act(|agent, now, out| agent.command(now, command, out));
        }
        let command = match (number % 10, leg) {
            (0, _) | (_, None) => {
                let leg = LegId::new(0, self.legs.len() as u64);
                self.legs.push(leg);
                let target =
                    Target { uri: "sip:b@192.0.2.2:5070".to_owned(), flow: self.flow, route: Vec::new() };
                Command::Invite(
                    leg,
                    Box::new(Invite {
                        target,
                        from: Party::default(),
                        to: Party::default(),
                        is_csta: number.is_multiple_of(30),
                        offer: if number % 60 == 20 || number % 60 == 40 { description() } else { None },
                        max_forwards: 70,
                        headers: Vec::new(),
                        credentials: None,
                        timeout: Duration::from_secs(100),
                        patience: None,
                        progress: None,
                    }),
                )
            }
            (1, Some(leg)) => Command::Progress(leg, 183, description()),
            (2, Some(leg)) => Command::Answer(leg, description()),
            (3, Some(leg)) => Command::Reject(leg, 486, Vec::new()),
            (4, Some(leg)) => Command::Offer(leg, offer()),
            (5 | 6, Some(leg)) => Command::AnswerOffer(leg, offer()),
            (7, Some(leg)) => Command::RefuseOffer(leg, 488),
            (8, Some(leg)) => Command::Notify(leg, "talk"),
            (_, Some(leg)) => Command::End(leg, None),
        };
        self.act(|agent, now, out| agent.command(now, command, out));
    }

    /// A request of ours outside any dialog, or its end.
    fn request(&mut self, number: u64) -> Command {
        let at = number as usize / 10 % self.ours.len().max(1);
        if let (0..=3, Some(usage)) = (number % 10, self.ours.get(at)) {
            return if number.is_multiple_of(2) {
                Command::Unregister(*usage)
            } else {
                Command::Unsubscribe(*usage)
            };
        }
        let usage = UsageId::new(0, self.ours.len() as u64);
        self.ours.push(usage);
        let target = Target { uri: "sip:b@192.0.2.2:5070".to_owned(), flow: self.flow, route: Vec::new() };
        let party =
            |user: &str| Party { user: user.to_owned(), host: "example.com".to_owned(), ..Party::default() };
        let credentials = (!number.is_multiple_of(3))
            .then(|| Arc::new(Credentials { username: "u".into(), password: "p".into(), realm: None }));
        let expires = Duration::from_secs(number / 10 % 7200);
        match number % 10 {
            4 | 5 => {
                let content = Content::Text("text/plain".to_owned(), "Call me.".into());
                let (from, to) = (party("1001"), party("1002"));
                Command::Message(
                    usage,
                    Box::new(OutgoingMessage { target, from, to, max_forwards: 70, content }),
                )
            }
            6 | 7 => {
                let (from, to, package) = (party("1001"), party("1002"), Package::MessageSummary);
                Command::Subscribe(
                    usage,
                    Box::new(Subscribe { target, from, to, package, expires, credentials }),
                )
            }
            _ => {
                let (record, contact) = (party("49301234"), "49301234".to_owned());
                let trunk = "trunk".into();
                Command::Register(
                    usage,
                    Box::new(Register { trunk, target, record, contact, expires, credentials }),
                )
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.agent.deadline().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.act(Agent::handle_timeout);
        }
        self.now = end;
    }

    fn act(&mut self, act: impl FnOnce(&mut Agent, Instant, &mut Outbox)) {
        let mut out = Outbox::default();
        act(&mut self.agent, self.now, &mut out);
        for transmit in out.transmits {
            let limits =
                Limits { message_bytes_max: usize::MAX, header_bytes_max: usize::MAX, ..Limits::DEFAULT };
            let sent =
                Message::scan(transmit.bytes, Framing::Stream, &limits).expect("what we send can be read");
            if sent.is_request() {
                self.values = HEADERS.map(|name| sent.other(name).unwrap_or_default().to_owned());
            } else if !sent.to_tag().is_empty() {
                self.tag = sent.to_tag().to_owned();
                self.rseq = sent.other("RSeq").map_or_else(|| self.rseq.clone(), str::to_owned);
            }
        }
        for event in out.events {
            self.hear(&event);
        }
    }

    fn hear(&mut self, event: &Event) {
        if let Event::Refer(usage, _) = event {
            self.usages.push(*usage);
        }
        if let Some(Subject::Usage(usage)) = event.subject().filter(|_| !matches!(event, Event::Refer(..))) {
            assert!(!self.ours_over.contains(&usage), "{event:?} after the end");
        }
        if let Event::RegistrationOver { usage, .. }
        | Event::SubscriptionOver { usage, .. }
        | Event::MessageDone { usage, .. } = event
        {
            self.ours_over.insert(*usage);
        }
        let Some(Subject::Leg(leg)) = event.subject() else { return };
        if matches!(event, Event::Incoming(..)) {
            self.legs.push(leg);
        }
        assert!(!self.over.contains(&leg), "{event:?} after the end");
        if event.ends_leg() {
            self.over.insert(leg);
        }
    }

    fn end(mut self) {
        for leg in self.legs.clone() {
            self.act(|agent, now, out| agent.command(now, Command::End(leg, None), out));
        }
        for usage in self.ours.clone() {
            for end in [Command::Unregister(usage), Command::Unsubscribe(usage)] {
                self.act(|agent, now, out| agent.command(now, end, out));
            }
        }
        self.pass(Duration::from_secs(300));
        assert_eq!(self.agent.gauges(), Gauges::default());
        assert!(self.legs.iter().all(|leg| self.over.contains(leg)), "every leg has an end");
        assert!(
            self.ours.iter().all(|usage| self.ours_over.contains(usage)),
            "every request of ours has an end"
        );
    }
}
