//! Agents in virtual time: one against scripted text, or several on a network that can lose.

mod answering;
mod bench;
mod call;
mod calling;
mod crossing;
mod csta;
mod enrolling;
mod hostile;
mod keeping;
mod listing;
mod loss;
mod modifying;
mod outliving;
mod overload;
mod private;
mod publishing;
mod referring;
mod refreshing;
mod registering;
mod reliable;
mod replacing;
mod subscribing;
mod telling;
mod texting;
mod upheaval;
mod watching;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Agent, AgentConfig, Capacity, Gauges};
use crate::auth::Challenger;
use crate::dialog::{DialogChange, KeptDialog};
use crate::directory::{Directory, Reliability, TrustedTrunk};
use crate::ids::{ConnectionId, LegId};
use crate::location::{Location, LocationLimits};
use crate::outbox::{Command, Event, Invite, Outbox, Party, Target};
use crate::sdp::SessionDescription;
use crate::testing::start;
use crate::transport::{Flow, Transport};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A directory that trusts the whole network of the tests as one trunk.
fn trusting() -> Directory {
    let trunk = TrustedTrunk { name: "trunk".into(), allow_from: vec!["192.0.2.0/24".parse().unwrap()] };
    Directory { trunks: vec![trunk], realm: "test".into(), ..Directory::default() }
}

/// The same, where provisional responses are reliable wherever both sides know how.
fn relying() -> Directory {
    Directory { reliable: vec![Reliability::Supported], ..trusting() }
}

fn agent(address: SocketAddr, directory: Directory, seed: u8, start: Instant) -> Agent {
    worker((0, 1), address, directory, seed, start)
}

/// One that tells what a store is to keep.
fn keeping(address: SocketAddr, seed: u8, start: Instant) -> Agent {
    let mut agent = agent(address, trusting(), seed, start);
    agent.endpoint.config.keeps_dialogs = true;
    agent
}

/// One of several workers: its number, and how many there are.
fn worker(
    (worker, workers): (u16, u16),
    address: SocketAddr,
    directory: Directory,
    seed: u8,
    start: Instant,
) -> Agent {
    let config = AgentConfig {
        worker,
        workers,
        listeners: vec![(Transport::Udp, address), (Transport::Tcp, address)],
        domains: vec!["example.com".to_owned()],
        ..AgentConfig::default()
    };
    let location = Arc::new(Location::new(start, LocationLimits::DEFAULT));
    let challenger = Challenger::new([7; 32], start, Arc::clone(&directory.realm));
    Agent::new(config, Arc::new(directory), location, Arc::new(challenger), [seed; 32], start)
}

/// A description with one PCMU stream at this port, to be filled with the engine's address.
fn sdp(port: u16) -> Box<SessionDescription> {
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
    );
    Box::new(SessionDescription::parse(&Bytes::from(text)).unwrap())
}

fn party(user: &str) -> Party {
    Party { user: user.to_owned(), host: "example.com".to_owned(), name: String::new() }
}

fn udp(local: SocketAddr, remote: SocketAddr) -> Flow {
    Flow { transport: Transport::Udp, local, remote, connection: ConnectionId::default() }
}

fn invite_to(local: SocketAddr, remote: SocketAddr) -> Box<Invite> {
    Box::new(Invite {
        target: Target { uri: format!("sip:bob@{remote}"), flow: udp(local, remote), route: Vec::new() },
        from: party("alice"),
        to: party("bob"),
        is_csta: false,
        offer: Some(sdp(4000)),
        max_forwards: 69,
        headers: Vec::new(),
        credentials: None,
        timeout: seconds(120),
        patience: None,
        progress: None,
    })
}

/// Says whether a message is lost: by its number and text.
type Loss = Box<dyn FnMut(usize, &str) -> bool>;

/// Agents on a network with 1 ms from end to end.
struct Network {
    now: Instant,
    agents: Vec<(SocketAddr, Agent)>,
    flying: VecDeque<(Instant, SocketAddr, SocketAddr, Bytes)>,
    /// Every message that was sent: from, to, first line.
    ladder: Vec<String>,
    /// Every event, by agent.
    events: Vec<(usize, Event)>,
    /// What the agents' stores would hold.
    kept: BTreeMap<(usize, LegId), KeptDialog>,
    /// Says which message is lost: by its number and text.
    lose: Loss,
}

impl Network {
    /// Two agents, at 192.0.2.1 and 192.0.2.2, who trust each other.
    fn of_two() -> Self {
        let now = start();
        let addresses = ["192.0.2.1:5060", "192.0.2.2:5060"].map(|address| address.parse().unwrap());
        let agents =
            addresses.into_iter().zip(1..).map(|(address, seed)| (address, keeping(address, seed, now)));
        Self {
            now,
            agents: agents.collect(),
            flying: VecDeque::new(),
            ladder: Vec::new(),
            events: Vec::new(),
            kept: BTreeMap::new(),
            lose: Box::new(|_, _| false),
        }
    }

    fn address(&self, agent: usize) -> SocketAddr {
        self.agents[agent].0
    }

    /// Agent 0 calls agent 1.
    fn call(&mut self) -> LegId {
        let leg = LegId::new(0, 1);
        let invite = invite_to(self.address(0), self.address(1));
        self.command(0, Command::Invite(leg, invite));
        leg
    }

    /// A call from agent 0 to agent 1 that is answered: the legs of both.
    fn connected() -> (Self, LegId, LegId) {
        let mut network = Self::of_two();
        let caller = network.call();
        network.run(milliseconds(10));
        let callee = network.incoming(1);
        network.command(1, Command::Answer(callee, Some(sdp(5000))));
        network.run(milliseconds(10));
        network.events.clear();
        network.ladder.clear();
        (network, caller, callee)
    }

    fn incoming(&self, agent: usize) -> LegId {
        let leg = self.events.iter().rev().find_map(|(of, event)| {
            if let (true, Event::Incoming(leg, _)) = (*of == agent, event) { Some(*leg) } else { None }
        });
        leg.expect("an INVITE came in")
    }

    fn command(&mut self, agent: usize, command: Command) {
        let mut out = Outbox::default();
        self.agents[agent].1.command(self.now, command, &mut out);
        self.take(agent, out);
    }

    fn take(&mut self, agent: usize, out: Outbox) {
        let from = self.address(agent);
        for transmit in out.transmits {
            let text = String::from_utf8_lossy(&transmit.bytes).into_owned();
            let line = text.lines().next().unwrap_or_default();
            let line =
                line.strip_suffix(" SIP/2.0").or_else(|| line.strip_prefix("SIP/2.0 ")).unwrap_or(line);
            let number = self.ladder.len();
            let name = line.split(' ').next().unwrap_or_default();
            let lost = (self.lose)(number, &text);
            self.ladder.push(format!("{agent} {name}{}", if lost { " lost" } else { "" }));
            if !lost {
                self.flying.push_back((
                    self.now + milliseconds(1),
                    from,
                    transmit.flow.remote,
                    transmit.bytes,
                ));
            }
        }
        self.events.extend(out.events.into_iter().map(|event| (agent, event)));
        for change in out.dialogs {
            match change {
                DialogChange::Put(leg, kept) => drop(self.kept.insert((agent, leg), *kept)),
                DialogChange::Remove(leg) => drop(self.kept.remove(&(agent, leg)).expect("it was kept")),
            }
        }
    }

    /// The agent is killed, and made anew with what its store holds.
    fn restart(&mut self, agent: usize) {
        let mut again = keeping(self.address(agent), 9, self.now);
        for ((_, leg), kept) in self.kept.iter().filter(|((of, _), _)| *of == agent) {
            assert!(again.restore(self.now, *leg, kept, None), "{leg} is taken back");
            assert!(!again.restore(self.now, *leg, kept, None), "once");
        }
        self.agents[agent].1 = again;
    }

    /// Lets time pass, message by message and timer by timer.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let flight = self.flying.front().map(|(at, ..)| *at);
            let timer = self.agents.iter().filter_map(|(_, agent)| agent.deadline()).min();
            let Some(next) = flight.into_iter().chain(timer).min().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            while self.flying.front().is_some_and(|(at, ..)| *at <= self.now) {
                let (_, from, to, bytes) = self.flying.pop_front().unwrap();
                let Some(index) = self.agents.iter().position(|(address, _)| *address == to) else {
                    continue;
                };
                let mut out = Outbox::default();
                self.agents[index].1.receive(self.now, udp(to, from), bytes, &mut out);
                self.take(index, out);
            }
            for index in 0..self.agents.len() {
                if self.agents[index].1.deadline().is_some_and(|at| at <= self.now) {
                    let mut out = Outbox::default();
                    self.agents[index].1.handle_timeout(self.now, &mut out);
                    self.take(index, out);
                }
            }
        }
        self.now = end;
    }

    /// What was sent since the last look, one word a message.
    fn ladder(&mut self) -> Vec<String> {
        std::mem::take(&mut self.ladder)
    }

    /// The names of the events since the last look.
    fn events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
            .into_iter()
            .map(|(agent, event)| format!("{agent} {}", name(&event)))
            .collect()
    }

    /// Five minutes later nothing is left.
    fn expect_nothing_left(&mut self) {
        self.run(seconds(300));
        for (_, agent) in &self.agents {
            assert_eq!(agent.gauges(), Gauges::default());
        }
        assert!(self.kept.is_empty(), "a store holds what is over");
    }
}

/// An event in a word or two.
fn name(event: &Event) -> String {
    match event {
        Event::Incoming(..) => "Incoming".to_owned(),
        Event::Announced { talk, hold, .. } => format!("Announced talk {talk} hold {hold}"),
        Event::Progress { status, .. } => format!("Progress {status}"),
        Event::Answered { is_offer: true, .. } => "Answered with offer".to_owned(),
        Event::Answered { .. } => "Answered".to_owned(),
        Event::Established { answer: Some(_), .. } => "Established with answer".to_owned(),
        Event::Established { .. } => "Established".to_owned(),
        Event::Offer { sdp: None, .. } => "Offer wanted".to_owned(),
        Event::Offer { .. } => "Offer".to_owned(),
        Event::OfferWithdrawn { .. } => "OfferWithdrawn".to_owned(),
        Event::OfferAnswered { .. } => "OfferAnswered".to_owned(),
        Event::OfferRefused { status, .. } => format!("OfferRefused {status}"),
        Event::Notified { status, .. } => format!("Notified {status}"),
        Event::Failed { cause, .. } => format!("Failed {:?} {}", cause.kind, cause.status),
        Event::Ended { cause, .. } => format!("Ended {:?}", cause.kind),
        Event::Registration { change, .. } => format!("{change:?}"),
        Event::Refused { status, .. } => format!("Refused {status}"),
        Event::Refer(_, refer) => format!("Refer {}", refer.to.user),
        Event::Referred { status, .. } => format!("Referred {status}"),
        Event::Charged { headers, .. } => format!("Charged {}", headers.len()),
        Event::Completable { offer, .. } => format!("Completable {}", offer.uri),
        Event::UserToUser { data, .. } => format!("UserToUser {}", data.escape_ascii()),
        Event::Csta { statement, .. } => format!("Csta {statement:?}"),
        Event::CstaAnswered { status, statement, .. } => {
            format!("CstaAnswered {status} {}", statement.is_some())
        }
        Event::Digit { digit, duration_ms, .. } => format!("Digit {} {duration_ms}", char::from(*digit)),
        Event::Subscribe(_, subscriber) => format!("Subscribe {:?}", subscriber.package),
        Event::FeatureWish(_, wish) => format!("FeatureWish {wish:?}"),
        Event::Unsubscribed(_) => "Unsubscribed".to_owned(),
        Event::Subscription { phase, .. } => format!("Subscription {phase:?}"),
        Event::SubscriptionOver { status, .. } => format!("SubscriptionOver {status}"),
        Event::MessagesTold(told) => format!("MessagesTold {}", told.counts.new),
        Event::Registered { expires, is_first, .. } => {
            format!("Registered {} {is_first}", expires.as_secs())
        }
        Event::RegistrationOver { status, retry_after_s, .. } => {
            format!("RegistrationOver {status} {}", retry_after_s.unwrap_or_default())
        }
        Event::Text(_, text) => format!("Text {}", text.dialled),
        Event::Publish(_, publication) => format!("Publish {}", publication.dialled),
        Event::MessageDone { status, .. } => format!("MessageDone {status}"),
    }
}
