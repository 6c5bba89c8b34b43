//! One agent, one switch and the far ends, without sockets: the whole signalling of stock SIPp's B2BUA call, and of a
//! phone that registers.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline::switch::setup::{MediaSetup, RouteFrom, RouteSetup, RouteTo, Setup, TrunkSetup};
use trunkline::switch::{Outbox as SwitchOutbox, Switch};
use trunkline_media::{LegId, LegStats, PortPair};
use trunkline_sip::admission::STANDING;
use trunkline_sip::auth::{Account, Algorithm, Challenger, ClientAuth, Credentials};
use trunkline_sip::location::{Location, LocationLimits};
use trunkline_sip::message::{Framing, HeaderName, Limits, Message, response};
use trunkline_sip::outbox::{Command, Event, Outbox};
use trunkline_sip::transport::{Flow, Transport};
use trunkline_sip::{Agent, AgentConfig, ConnectionId, Directory, TrustedTrunk};

const ENGINE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5060);
const CALLEE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5070);
const CALLER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5080);
const PHONE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5060);
/// Lines with a phone.
const PHONES: usize = 500;
const REGISTRAR: &str = "sip:127.0.0.1";
const SDP: &[u8] =
    b"v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

/// The engine's signalling with one trunk on either side, and phones.
#[derive(Debug)]
pub struct Exchange {
    agent: Agent,
    switch: Switch,
    sip: Outbox,
    out: SwitchOutbox,
    now: Instant,
    /// What the agent and the switch tell each other, while it is on its way.
    events: Vec<Event>,
    commands: Vec<Command>,
    ports: HashMap<LegId, PortPair>,
    phones: Vec<ClientAuth>,
    calls: u64,
}

impl Exchange {
    /// An idle engine. Time begins at `epoch` and is moved by the exchange itself.
    pub fn new(epoch: Instant) -> Self {
        let location = Arc::new(Location::new(epoch, LocationLimits::DEFAULT));
        let mut directory = Directory {
            trunks: vec![TrustedTrunk {
                name: "sipp".into(),
                allow_from: vec![IpAddr::from(Ipv4Addr::LOCALHOST).into()],
            }],
            realm: "bench".into(),
            ..Directory::default()
        };
        for line in 0..PHONES {
            let algorithms = [Algorithm::Sha256, Algorithm::Md5];
            directory.add_line(Account {
                line: line.to_string().into(),
                password: "secret".into(),
                algorithms: algorithms.into(),
            });
        }
        let config = AgentConfig {
            listeners: vec![(Transport::Udp, ENGINE)],
            keeps_dialogs: true,
            ..AgentConfig::default()
        };
        let challenger = Arc::new(Challenger::new([1; 32], epoch, "bench"));
        let mut switch = Switch::new(setup(), Arc::clone(&location), [3; 32], epoch);
        switch.keep_calls();
        let phone = |line: usize| {
            let (username, password) = (line.to_string().into(), "secret".into());
            ClientAuth::new(Arc::new(Credentials { username, password, realm: None }))
        };
        Self {
            agent: Agent::new(config, Arc::new(directory), location, challenger, [2; 32], epoch),
            switch,
            sip: Outbox::default(),
            out: SwitchOutbox::default(),
            now: epoch,
            events: Vec::new(),
            commands: Vec::new(),
            ports: HashMap::new(),
            phones: (0..PHONES).map(phone).collect(),
            calls: 0,
        }
    }

    /// One OPTIONS and its 200: a server transaction of its own.
    pub fn options(&mut self) -> usize {
        self.next();
        let request = format!(
            "OPTIONS sip:127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK-o-{0}\r\n\
             From: <sip:sipp@127.0.0.1:5080>;tag={0}\r\nTo: <sip:127.0.0.1:5060>\r\nCall-ID: o-{0}@127.0.0.1\r\n\
             CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            self.calls
        );
        self.receive(CALLER, Bytes::from(request));
        self.sip.transmits.drain(..).map(|transmit| transmit.bytes.len()).sum()
    }

    /// One call from INVITE to the 200 of the last BYE; returns the messages that the engine sent: 100, INVITE, 180,
    /// ACK, 200, 200 and BYE.
    pub fn call(&mut self) -> usize {
        self.next();
        let mut sent = self.caller("INVITE", "", SDP);
        let invite = self.take(CALLEE, "INVITE");
        sent += self.answer(&invite, 180, b"") + self.answer(&invite, 200, SDP);
        let ok = self.take(CALLER, "INVITE");
        let to = ok.value(HeaderName::To).unwrap_or_default().to_owned();
        sent += self.caller("ACK", &to, b"") + self.caller("BYE", &to, b"");
        let bye = self.take(CALLEE, "BYE");
        sent + self.answer(&bye, 200, b"")
    }

    /// A call that an engine turns away which does not keep up: INVITE, 503, ACK; returns how many messages it sent.
    pub fn refusal(&mut self) -> usize {
        self.next();
        // The queue stands; the first time that takes a while.
        for _ in 0..2 {
            self.agent.note_queue(self.now, false);
            self.now += STANDING;
        }
        let sent = self.caller("INVITE", "", SDP);
        let refusal = self.sip.transmits.last().expect("an INVITE is answered");
        let refusal = Message::scan(refusal.bytes.clone(), Framing::Datagram, &Limits::DEFAULT)
            .expect("the answer can be read");
        let to = refusal.value(HeaderName::To).unwrap_or_default().to_owned();
        if refusal.status() == 503 { sent + self.acknowledge(&to) } else { 0 }
    }

    /// A REGISTER without credentials, which is challenged.
    pub fn challenge(&mut self) -> u16 {
        self.next();
        self.register("").status()
    }

    /// A phone registers again, as most do: REGISTER, 401, REGISTER with its password, 200.
    pub fn registration(&mut self) -> u16 {
        let challenge = {
            self.next();
            self.register("")
        };
        let challenges: Vec<_> = challenge.lines(HeaderName::WwwAuthenticate).collect();
        let phone = self.phone();
        let answer = self.phones[phone].answer(401, challenges, "REGISTER", REGISTRAR, "cnonce");
        self.phones[phone].accepted();
        let (_, value) = answer.expect("the challenge can be answered");
        self.register(&format!("Authorization: {value}\r\n")).status()
    }

    /// A phone that has registered does so again by the nonce that it has: REGISTER, 200.
    pub fn refresh(&mut self) -> u16 {
        self.next();
        let phone = self.phone();
        match self.phones[phone].header("REGISTER", REGISTRAR, "cnonce") {
            Some((_, value)) => self.register(&format!("Authorization: {value}\r\n")).status(),
            None => {
                self.calls -= 1;
                self.registration()
            }
        }
    }

    /// Whose turn it is.
    fn phone(&self) -> usize {
        usize::try_from(self.calls).unwrap_or_default() % PHONES
    }

    fn register(&mut self, authorization: &str) -> Message {
        let (call, phone) = (self.calls, self.phone());
        let cseq = 2 * call + u64::from(!authorization.is_empty());
        let request = format!(
            "REGISTER {REGISTRAR} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-r-{cseq};rport\r\n\
             From: <sip:{phone}@127.0.0.1>;tag={call}\r\nTo: <sip:{phone}@127.0.0.1>\r\n\
             Call-ID: {phone}@192.0.2.1\r\nCSeq: {cseq} REGISTER\r\n\
             Contact: <sip:{phone}@192.0.2.1:5060>;expires=3600\r\n{authorization}Max-Forwards: 70\r\n\
             User-Agent: Example Phone 4.2.1\r\nContent-Length: 0\r\n\r\n"
        );
        self.receive(PHONE, Bytes::from(request));
        let sent = self.sip.transmits.last().expect("a REGISTER is answered");
        Message::scan(sent.bytes.clone(), Framing::Datagram, &Limits::DEFAULT)
            .expect("the answer can be read")
    }

    /// The next call, a tenth of a second after the last one: transactions live for 32 s, so that some 320 calls' worth of
    /// them are there at any time, as under load.
    fn next(&mut self) {
        self.calls += 1;
        self.pass(Duration::from_millis(100));
    }

    /// Lets time pass. With [`Self::receive`] this is where the engine works: `bench/instructions.sh` counts in these two.
    #[inline(never)]
    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.agent.handle_timeout(self.now, &mut self.sip);
        self.switch.handle_timeout(self.now, &mut self.out);
        self.settle();
        self.sip.transmits.clear();
        self.sip.bindings.clear();
        self.sip.dialogs.clear();
        self.out.store.clear();
        self.out.ended.clear();
    }

    fn caller(&mut self, method: &str, to: &str, body: &[u8]) -> usize {
        self.request(method, method, to, body)
    }

    /// The ACK to a refusal has the branch of its INVITE.
    fn acknowledge(&mut self, to: &str) -> usize {
        self.request("ACK", "INVITE", to, b"")
    }

    fn request(&mut self, method: &str, branch: &str, to: &str, body: &[u8]) -> usize {
        let to = if to.is_empty() { "service <sip:service@127.0.0.1:5060>" } else { to };
        let (call, cseq) = (self.calls, if method == "BYE" { 2 } else { 1 });
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let mut request = format!(
            "{method} sip:service@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK-{call}-{branch}\r\n\
             From: sipp <sip:sipp@127.0.0.1:5080>;tag=sipp{call}\r\nTo: {to}\r\nCall-ID: {call}-1@127.0.0.1\r\n\
             CSeq: {cseq} {method}\r\nContact: sip:sipp@127.0.0.1:5080\r\nMax-Forwards: 70\r\nSubject: Performance Test\r\n\
             {kind}Content-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.receive(CALLER, request.into())
    }

    fn answer(&mut self, request: &Message, status: u16, body: &[u8]) -> usize {
        let contact = "<sip:127.0.0.1:5070;transport=UDP>";
        let answer = response(request, status, ENGINE).to_tag("callee").header(HeaderName::Contact, contact);
        let bytes = if body.is_empty() { answer.finish() } else { answer.body("application/sdp", body) };
        self.receive(CALLEE, bytes)
    }

    /// Gives bytes to the agent; returns how many messages the engine has sent for them.
    #[inline(never)]
    fn receive(&mut self, remote: SocketAddr, bytes: Bytes) -> usize {
        let flow =
            Flow { transport: Transport::Udp, local: ENGINE, remote, connection: ConnectionId::default() };
        let before = self.sip.transmits.len();
        self.agent.receive(self.now, flow, bytes, &mut self.sip);
        self.settle();
        self.sip.transmits.len() - before
    }

    /// Carries what agent, switch and relay have for each other until they have nothing more.
    fn settle(&mut self) {
        let (mut events, mut commands) =
            (std::mem::take(&mut self.events), std::mem::take(&mut self.commands));
        loop {
            std::mem::swap(&mut events, &mut self.sip.events);
            std::mem::swap(&mut commands, &mut self.out.sip);
            let media = std::mem::take(&mut self.out.media);
            if events.is_empty() && commands.is_empty() && media.is_empty() {
                (self.events, self.commands) = (events, commands);
                return;
            }
            for event in events.drain(..) {
                self.switch.sip(self.now, event, &mut self.out);
            }
            for (_, command) in media {
                self.relay(&command);
            }
            for mut command in commands.drain(..) {
                if let Command::Invite(_, invite) = &mut command {
                    invite.target.flow.local = ENGINE;
                }
                self.agent.command(self.now, command, &mut self.sip);
            }
        }
    }

    /// What a relay would say whose legs hear nothing.
    fn relay(&mut self, command: &trunkline_media::Command) {
        match command {
            trunkline_media::Command::Open { leg, ports, .. } => {
                self.ports.insert(*leg, *ports);
            }
            trunkline_media::Command::Close(leg) => {
                if let Some(ports) = self.ports.remove(leg) {
                    let stats = LegStats::default();
                    let closed = trunkline_media::Event::Closed { leg: *leg, ports, stats };
                    self.switch.media(self.now, closed, &mut self.out);
                }
            }
            trunkline_media::Command::Remote(..)
            | trunkline_media::Command::Feed(..)
            | trunkline_media::Command::Digits { .. }
            | trunkline_media::Command::CancelDigits(_)
            | trunkline_media::Command::Detect(..)
            | trunkline_media::Command::Record(..)
            | trunkline_media::Command::Detach(_)
            | trunkline_media::Command::Attach { .. }
            | trunkline_media::Command::Stats(_) => {}
        }
    }

    /// The newest message of this method that was sent there.
    fn take(&mut self, remote: SocketAddr, method: &str) -> Message {
        let sent = self.sip.transmits.iter().rev().filter(|transmit| transmit.flow.remote == remote);
        sent.filter_map(|transmit| {
            Message::scan(transmit.bytes.clone(), Framing::Datagram, &Limits::DEFAULT).ok()
        })
        .find(|message| message.method_text() == method)
        .expect("the engine carries stock SIPp's call")
    }
}

/// A set-up with one trunk and nothing else.
pub fn setup() -> Setup {
    Setup {
        trunks: vec![TrunkSetup::to("sipp", "127.0.0.1:5070", vec![(Transport::Udp, CALLEE)])],
        routes: vec![RouteSetup {
            from: RouteFrom::Any,
            pattern: regex::Regex::new(".*").expect("a valid pattern"),
            to: RouteTo::Trunk("sipp".into()),
            number: None,
            is_emergency: false,
        }],
        media: MediaSetup { ports: 20_000..=59_999, silent_after: None, ..MediaSetup::default() },
        domain: "127.0.0.1".to_owned(),
        ..Setup::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_is_the_one_that_stock_sipp_makes() {
        let mut exchange = Exchange::new(Instant::now());
        for _ in 0..10 {
            assert_eq!(exchange.call(), 7, "100, INVITE, 180, ACK, 200; 200 and BYE");
            assert!(exchange.options() > 0);
        }
    }

    #[test]
    fn whoever_does_not_keep_up_turns_calls_away() {
        let mut exchange = Exchange::new(Instant::now());
        for _ in 0..10 {
            assert_eq!(exchange.refusal(), 1, "503, and nothing for the ACK");
        }
    }

    #[test]
    fn phones_are_challenged_and_register() {
        let mut exchange = Exchange::new(Instant::now());
        for _ in 0..2 * PHONES {
            assert_eq!((exchange.challenge(), exchange.registration()), (401, 200));
        }
        for _ in 0..2 * PHONES {
            assert_eq!(exchange.refresh(), 200);
        }
    }
}
