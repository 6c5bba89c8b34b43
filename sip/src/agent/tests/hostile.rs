//! Whatever comes, in whatever order: no panic, one end for each leg, nothing left, and the same again from the same
//! seed.

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::bench::{Bench, SDP_BODY, invite, request, response, word};
use super::*;
use crate::ids::UsageId;
use crate::message::{HeaderName, Message};
use crate::outbox::Subject;

/// One thing that happens: what it is, and two numbers to vary it.
type Step = (u8, u16, u32);

/// A bench to which anything happens, and what it knows about what it saw.
struct Chaos {
    bench: Bench,
    heard: Vec<Message>,
    legs: Vec<LegId>,
    usages: Vec<UsageId>,
    over: Vec<LegId>,
    record: Vec<String>,
    serial: u64,
}

impl Chaos {
    fn new() -> Self {
        Self {
            bench: Bench::with(relying(), "192.0.2.2:5070"),
            heard: Vec::new(),
            legs: Vec::new(),
            usages: Vec::new(),
            over: Vec::new(),
            record: Vec::new(),
            serial: 0,
        }
    }

    fn pick<T: Clone>(of: &[T], number: u16) -> Option<T> {
        of.get(usize::from(number) % of.len().max(1)).cloned()
    }

    fn step(&mut self, (kind, a, b): Step) {
        let cseq = u32::from(a % 5);
        let tag = Self::pick(&self.heard, a.rotate_left(5)).map(|message| message.to_tag().to_owned());
        let tag = tag.unwrap_or_default();
        match kind % 16 {
            0 => self.say(invite("").replace("Call-ID: call", &format!("Call-ID: {}", a % 4)), 0),
            1 => {
                self.say(invite(if a % 2 == 0 { "Require: 100rel\r\n" } else { "Supported: 100rel\r\n" }), b)
            }
            2 => self.say(request("INVITE", cseq, &tag, "", if b % 2 == 0 { SDP_BODY } else { "" }), 0),
            3 => self.say(request("ACK", cseq, &tag, "", if b % 2 == 0 { SDP_BODY } else { "" }), 0),
            4 => self.say(request("CANCEL", cseq, if b % 2 == 0 { "" } else { &tag }, "", ""), 0),
            5 if a % 3 == 0 => self.say(request("BYE", cseq, &tag, "", ""), b % 7),
            5 | 6 => {
                let methods = ["UPDATE", "INFO", "OPTIONS", "PRACK", "REFER", "NOTIFY", "REGISTER", "FOO"];
                let method = methods[usize::from(a) % methods.len()];
                let rseq = self.heard.iter().rev().find_map(|message| message.value(HeaderName::RSeq));
                let rack = format!("RAck: {} {} INVITE\r\n", rseq.unwrap_or("1"), a % 3);
                let headers = if method == "PRACK" { &*rack } else { "" };
                self.say(request(method, cseq, &tag, headers, if b % 2 == 0 { SDP_BODY } else { "" }), b % 7);
            }
            7..=9 => {
                let requests: Vec<_> = self
                    .heard
                    .iter()
                    .filter(|message| message.is_request() && word(message) != "ACK")
                    .cloned()
                    .collect();
                if let Some(to) = Self::pick(&requests, a) {
                    let status = [100, 180, 183, 200, 200, 302, 401, 407, 481, 486, 487, 491, 503, 600];
                    let status = status[b as usize % status.len()];
                    let tag = format!("t{}", b % 3);
                    let contact = match b % 4 {
                        0 => format!(
                            "Contact: <sip:x@192.0.2.2:5071>\r\nRequire: 100rel\r\nRSeq: {}\r\n",
                            a % 4
                        ),
                        _ => "Contact: <sip:x@192.0.2.2:5071>\r\n".to_owned(),
                    };
                    let body = if b % 5 < 3 { SDP_BODY } else { "" };
                    self.say(response(&to, status, &tag, &contact, body), if b % 11 == 0 { b } else { 0 });
                }
            }
            10 | 11 => self.command(a, b),
            12 => {
                self.bench.pass(milliseconds(u64::from(b % 70_000)));
                self.look();
            }
            13 => {
                self.bench.flow.transport = if a.is_multiple_of(2) { Transport::Tcp } else { Transport::Udp };
                self.bench.flow.connection = ConnectionId(u64::from(a % 2 == 0));
            }
            14 => {
                let flow = self.bench.flow;
                self.bench.act(|agent, now, out| match a % 2 {
                    0 => agent.connection_closed(now, ConnectionId(1), out),
                    _ => agent.transport_failed(now, flow, out),
                });
                self.look();
            }
            15 if a.is_multiple_of(3) => self.say(String::new(), b),
            15 => {
                let own = format!("call;to-tag={tag};from-tag=peer");
                let refer_to =
                    format!("Refer-To: <sip:1@h?Replaces=call%3Bto-tag={tag}%3Bfrom-tag=peer>\r\n");
                let (method, headers) = match b % 4 {
                    0 => ("INVITE", format!("Replaces: {own}\r\nUser-to-User: 6869\r\n")),
                    1 => ("SUBSCRIBE", format!("Event: refer\r\nExpires: {}\r\n", a % 3)),
                    _ => (
                        "REFER",
                        format!("{refer_to}Target-Dialog: call;local-tag={tag};remote-tag=peer\r\n"),
                    ),
                };
                let to = if a.is_multiple_of(2) { "" } else { &tag };
                self.say(request(method, cseq, to, &headers, ""), if b / 4 % 3 == 0 { b } else { 0 });
            }
            _ => {}
        }
    }

    /// Says a text; where `damage` is not zero, with something broken in it.
    fn say(&mut self, text: String, damage: u32) {
        let mut bytes = text.into_bytes();
        if damage != 0 && !bytes.is_empty() {
            let at = damage as usize % bytes.len();
            match damage % 4 {
                0 => bytes.truncate(at),
                1 => bytes[at] = (damage >> 8) as u8,
                2 => {
                    let copy = bytes[at..].to_vec();
                    bytes.extend(copy);
                }
                _ => drop(bytes.drain(at..(at + 9).min(bytes.len()))),
            }
        }
        self.bench.say(bytes);
        self.look();
    }

    fn command(&mut self, a: u16, b: u32) {
        let leg = Self::pick(&self.legs, a);
        let port = (b % 60_000) as u16;
        let usage = Self::pick(&self.usages, a);
        let command = match (b % 18, leg) {
            (13, Some(leg)) => {
                Command::Enclose(leg, vec![("X-Line", "a\r\nb".to_owned()); usize::from(a % 20)])
            }
            (14, Some(leg)) => Command::Identify(leg, party(["1", "2", "\r\n\"", ""][usize::from(a % 4)])),
            (15, Some(leg)) => Command::Focus(leg, a.is_multiple_of(2).then(|| "conf 1\r\n".to_owned())),
            (16, Some(leg)) => Command::Digit(leg, a as u8, a),
            (17, Some(leg)) => Command::UserToUser(leg, a.to_be_bytes().to_vec().into()),
            (11, _) if usage.is_some() => Command::AnswerRefer(usage.unwrap(), 200 + a % 300),
            (12, _) if usage.is_some() => Command::ReferProgress(usage.unwrap(), 100 + a % 300),
            (0, _) | (_, None) => {
                self.serial += 1;
                let leg = LegId::new(0, self.serial);
                self.legs.push(leg);
                let mut invite = invite_to(self.bench.flow.local, self.bench.flow.remote);
                invite.target.flow = self.bench.flow;
                invite.timeout = seconds(u64::from(a % 100));
                if a.is_multiple_of(3) {
                    invite.offer = None;
                }
                Command::Invite(leg, invite)
            }
            (1, Some(leg)) => Command::Progress(leg, 180 + a % 4, a.is_multiple_of(2).then(|| sdp(port))),
            (2 | 3, Some(leg)) => Command::Answer(leg, (!a.is_multiple_of(7)).then(|| sdp(port))),
            (4, Some(leg)) => Command::Reject(leg, 400 + a % 99, Vec::new()),
            (5, Some(leg)) => Command::Offer(leg, sdp(port)),
            (6 | 7, Some(leg)) => Command::AnswerOffer(leg, sdp(port)),
            (8, Some(leg)) => Command::RefuseOffer(leg, 488),
            (9, Some(leg)) => Command::Notify(leg, "talk"),
            (_, Some(leg)) => Command::End(leg, a.is_multiple_of(2).then(|| "Q.850;cause=16".to_owned())),
        };
        self.bench.command(command);
        self.look();
    }

    /// Takes what came out, and checks that no leg speaks after its end.
    fn look(&mut self) {
        for (flow, message) in self.bench.sent() {
            self.record.push(format!("{flow:?} {:?}", message.bytes()));
            self.heard.push(message);
        }
        for event in self.bench.events() {
            self.record.push(format!("{event:?}"));
            if let Event::Refer(usage, _) = event {
                self.usages.push(usage);
            }
            let Some(Subject::Leg(leg)) = event.subject() else { continue };
            if matches!(event, Event::Incoming(..)) {
                self.legs.push(leg);
            }
            assert!(!self.over.contains(&leg), "{} after the end", name(&event));
            if event.ends_leg() {
                self.over.push(leg);
            }
        }
    }

    /// Ends what still lives; five minutes later nothing is left, and every leg has had its end.
    fn finish(mut self) -> Vec<String> {
        for leg in self.legs.clone() {
            self.bench.command(Command::End(leg, None));
        }
        self.look();
        self.bench.pass(seconds(300));
        self.look();
        self.bench.expect_nothing_left();
        for leg in &self.legs {
            assert!(self.over.contains(leg), "leg {leg} has no end");
        }
        self.record
    }
}

fn run(steps: &[Step]) -> Vec<String> {
    let mut chaos = Chaos::new();
    for step in steps {
        chaos.step(*step);
    }
    chaos.finish()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_ends_with_nothing_left(steps in prop::collection::vec(any::<Step>(), 1..80)) {
        run(&steps);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600), prefix in 0..4usize) {
        let prefixes = ["", "INVITE sip:a SIP/2.0\r\n", "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK", "BYE sip:a SIP/2.0\r\nVia: "];
        let mut bench = Bench::new();
        bench.say([prefixes[prefix].as_bytes(), &bytes].concat());
        bench.expect_nothing_left();
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = prop::collection::vec(any::<Step>(), 200);
    for _ in 0..8 {
        let steps = strategy.new_tree(&mut runner).unwrap().current();
        let record = run(&steps);
        assert!(record.len() > 20);
        assert_eq!(record, run(&steps));
    }
}

#[test]
fn torture_is_survived_whole_cut_and_bent() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut files = 0;
    for folder in std::fs::read_dir(corpus).unwrap() {
        let folder = folder.unwrap().path();
        for file in folder.is_dir().then(|| std::fs::read_dir(folder).unwrap()).into_iter().flatten() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            files += 1;
            let mut bench = Bench::new();
            bench.say(bytes.clone());
            for at in (0..bytes.len()).step_by(17) {
                bench.say(bytes[..at].to_vec());
                let mut bent = bytes.clone();
                bent[at] ^= 0x15;
                bench.say(bent);
                bench.pass(seconds(1));
            }
            for event in bench.events() {
                if let Event::Incoming(leg, _) = event {
                    bench.command(Command::Answer(leg, Some(sdp(5000))));
                    bench.command(Command::End(leg, None));
                }
            }
            bench.expect_nothing_left();
        }
    }
    assert!(files >= 60, "{files} files");
}
