//! Subscriptions of both sides, calls and a peer that says anything: no panic, one end for each, nothing left.

use proptest::prelude::*;

use super::bench::{Bench, invite, request, response};
use super::*;
use crate::ids::UsageId;
use crate::message::Message;
use crate::outbox::{
    ConferenceState, Content, DialogPhase, DialogState, Document, MessageCounts, OutgoingMessage, Package,
    Subject, Subscribe,
};

/// One thing that happens: what it is, and two numbers to vary it.
type Step = (u8, u16, u32);

struct Upheaval {
    bench: Bench,
    heard: Vec<Message>,
    usages: Vec<UsageId>,
    legs: Vec<LegId>,
    over: Vec<UsageId>,
    serial: u64,
}

impl Upheaval {
    fn new() -> Self {
        Self {
            bench: Bench::new(),
            heard: Vec::new(),
            usages: Vec::new(),
            legs: Vec::new(),
            over: Vec::new(),
            serial: 0,
        }
    }

    fn pick<T: Clone>(of: &[T], number: u16) -> Option<T> {
        of.get(usize::from(number) % of.len().max(1)).cloned()
    }

    fn step(&mut self, (kind, a, b): Step) {
        let cseq = u32::from(a % 7);
        let heard = Self::pick(&self.heard, a.rotate_left(5));
        let tag = heard.as_ref().map(|message| message.to_tag().to_owned()).unwrap_or_default();
        let event = ["dialog", "conference", "dialog;id=1", "call-completion", "message-summary", "presence"]
            [b as usize % 6];
        let expires = ["", "Expires: 0\r\n", "Expires: 60\r\n", "Expires: 7\r\n", "Expires: 9999\r\n"]
            [usize::from(a) % 5];
        let headers = format!("Event: {event}\r\n{expires}");
        match kind % 15 {
            0 | 1 => {
                let call_id = format!("Call-ID: {}", a % 4);
                self.say(request("SUBSCRIBE", cseq, "", &headers, "").replace("Call-ID: call", &call_id));
            }
            2 => self.say(request("SUBSCRIBE", cseq, &tag, &headers, "")),
            3 => self.notify(cseq, heard, event, b),
            4 => self.notify(cseq + 10, Self::pick(&self.heard, a), "dialog", b),
            5 if a.is_multiple_of(3) => self.say(request("BYE", cseq, &tag, "", "")),
            5 => self.say(invite("").replace("Call-ID: call", &format!("Call-ID: {}", a % 3))),
            6 => self.say(request("ACK", cseq, &tag, "", "")),
            7 => {
                if let Some(to) = self.heard.iter().rev().find(|message| message.is_request()).cloned() {
                    self.say(response(&to, 200, "t0", "Contact: <sip:x@192.0.2.2:5071>\r\n", ""));
                }
            }
            8 | 9 => {
                let requests: Vec<_> =
                    self.heard.iter().filter(|message| message.is_request()).cloned().collect();
                if let Some(to) = Self::pick(&requests, a) {
                    let status =
                        [100, 200, 200, 200, 202, 401, 404, 408, 423, 481, 489, 500, 503][b as usize % 13];
                    let headers = format!(
                        "Contact: <sip:x@192.0.2.2:5071>\r\n{expires}Min-Expires: {}\r\n",
                        if b.is_multiple_of(2) { 90 } else { 9_000 }
                    );
                    self.say(response(&to, status, &format!("t{}", b % 2), &headers, ""));
                }
            }
            10 | 11 => self.command(a, b),
            12 => {
                self.bench.pass(milliseconds(u64::from(b % 900_000)));
                self.look();
            }
            13 => {
                self.bench.flow.transport = if a.is_multiple_of(2) { Transport::Tcp } else { Transport::Udp };
                self.bench.flow.connection = ConnectionId(u64::from(a % 2 == 0));
            }
            _ => {
                let flow = self.bench.flow;
                self.bench.act(|agent, now, out| match a % 2 {
                    0 => agent.connection_closed(now, ConnectionId(1), out),
                    _ => agent.transport_failed(now, flow, out),
                });
                self.look();
            }
        }
    }

    /// A NOTIFY towards something that we sent.
    fn notify(&mut self, cseq: u32, to: Option<Message>, event: &str, b: u32) {
        let state = [
            "active;expires=600",
            "active;expires=0",
            "pending",
            "terminated;reason=timeout",
            "terminated",
            "",
        ][b as usize % 6];
        let headers = format!("Event: {event}\r\nSubscription-State: {state}\r\n");
        let Some(to) = to else { return };
        let (tag, call_id) = (to.from_tag().to_owned(), to.call_id().to_owned());
        let text = request("NOTIFY", cseq, &tag, &headers, "");
        let text = text.replace("Call-ID: call", &format!("Call-ID: {call_id}"));
        self.say(text.replace("tag=peer", &format!("tag=t{}", b % 2)));
    }

    fn say(&mut self, text: String) {
        self.bench.say(text);
        self.look();
    }

    fn document(&self, b: u32) -> Document {
        let dialog = DialogState {
            id: u64::from(b),
            leg: self.legs.last().copied(),
            phase: DialogPhase::Early,
            is_initiator: false,
            local: party("bob"),
            remote: party("carol"),
            is_held: false,
        };
        match b % 5 {
            0 => Document::Dialogs(Vec::new()),
            1 => Document::Dialogs(vec![dialog]),
            2 => Document::Messages { counts: MessageCounts::default(), account: None },
            3 => Document::CallCompletion { is_ready: true, uri: String::new() },
            _ => Document::Conference(ConferenceState {
                focus: "x".to_owned(),
                members: Vec::new(),
                is_over: false,
            }),
        }
    }

    fn command(&mut self, a: u16, b: u32) {
        let usage = Self::pick(&self.usages, a);
        let flow = self.bench.flow;
        let target = Target { uri: "sip:bob@192.0.2.2:5070".to_owned(), flow, route: Vec::new() };
        let command = match (b % 8, usage) {
            (0, _) | (_, None) => {
                let id = self.next_usage();
                Command::Subscribe(
                    id,
                    Box::new(Subscribe {
                        target,
                        from: party("alice"),
                        to: party("bob"),
                        package: Package::Dialog,
                        expires: seconds(u64::from(a)),
                        credentials: None,
                    }),
                )
            }
            (1, _) => {
                let id = self.next_usage();
                let (from, to, content) = (party("alice"), party("bob"), Content::plain("x"));
                let message = OutgoingMessage { target, from, to, max_forwards: 70, content };
                Command::Message(id, Box::new(message))
            }
            (2, Some(usage)) => Command::Unsubscribe(usage),
            (3, Some(usage)) => Command::AnswerSubscribe(usage, [180, 200, 202, 404][usize::from(a) % 4]),
            (4, _) if !self.legs.is_empty() => {
                Command::Answer(*self.legs.last().expect("it is not empty"), Some(sdp(5000)))
            }
            (_, Some(usage)) => {
                Command::NotifySubscriber(usage, Box::new(self.document(b / 8)), a.is_multiple_of(5))
            }
        };
        self.bench.command(command);
        self.look();
    }

    fn next_usage(&mut self) -> UsageId {
        self.serial += 1;
        let id = UsageId::new(0, self.serial);
        self.usages.push(id);
        id
    }

    /// Takes what came out, and checks that no usage speaks after its end.
    fn look(&mut self) {
        self.heard.extend(self.bench.sent().into_iter().map(|(_, message)| message));
        for event in self.bench.events() {
            match (&event, event.subject()) {
                (Event::Incoming(leg, _), _) => self.legs.push(*leg),
                (_, Some(Subject::Usage(usage))) => {
                    assert!(!self.over.contains(&usage), "{} after the end", name(&event));
                    let is_end = matches!(
                        event,
                        Event::Unsubscribed(_) | Event::SubscriptionOver { .. } | Event::MessageDone { .. }
                    );
                    if is_end {
                        self.over.push(usage);
                    }
                    if matches!(event, Event::Subscribe(..)) {
                        self.usages.push(usage);
                        if self.serial.is_multiple_of(3) {
                            self.bench.command(Command::AnswerSubscribe(usage, 200));
                        }
                    }
                }
                (_, _) => {}
            }
        }
    }

    /// Ends what is ours and lets the rest expire: nothing is left, and everything has had its end.
    fn finish(mut self) {
        for leg in self.legs.clone() {
            self.bench.command(Command::End(leg, None));
        }
        for usage in self.usages.clone() {
            self.bench.command(Command::Unsubscribe(usage));
        }
        self.look();
        self.bench.pass(seconds(3700));
        self.look();
        self.bench.expect_nothing_left();
        for usage in &self.usages {
            assert!(self.over.contains(usage), "usage {usage} has no end");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_ends_with_nothing_left(steps in prop::collection::vec(any::<Step>(), 1..250)) {
        let mut upheaval = Upheaval::new();
        for step in steps {
            upheaval.step(step);
        }
        upheaval.finish();
    }
}
