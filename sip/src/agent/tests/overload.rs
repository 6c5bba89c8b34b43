//! Limits at the edge of an agent, and what one does that does not keep up.

use super::answering::established;
use super::bench::{Bench, invite, request};
use super::registering::{phone, register, with_credentials};
use super::*;
use crate::admission::{AdmissionLimits, Limit, Load, STANDING};
use crate::message::{Framing, HeaderName, Limits, Message};

fn limit(bench: &mut Bench, change: impl FnOnce(&mut AdmissionLimits)) {
    let mut directory = Directory::clone(&bench.agent.endpoint.directory);
    change(&mut directory.limits);
    bench.agent.set_directory(Arc::new(directory));
}

/// The queue has not been empty for too long.
fn fall_behind(bench: &mut Bench) {
    bench.agent.note_queue(bench.now, false);
    bench.now += STANDING;
    bench.agent.note_queue(bench.now, false);
    assert!(bench.agent.is_overloaded());
}

/// A request that is like no other.
fn numbered(text: &str, number: u32) -> String {
    let method = text.split(' ').next().unwrap();
    text.replace(&format!("-{method}"), &format!("-{method}{number}"))
        .replace("Call-ID: call", &format!("Call-ID: call{number}"))
}

fn call(number: u32) -> String {
    numbered(&invite(""), number)
}

/// A request of a line with its credentials: the final status, or 100.
fn proven(bench: &mut Bench, text: &str, line: &str) -> u16 {
    bench.say(text.to_owned());
    let answer = bench.only();
    if answer.status() != 401 {
        return answer.status();
    }
    bench.say(with_credentials(text, &answer, line, "secret"));
    bench.only().status()
}

#[test]
fn a_call_beyond_a_rate_is_refused_and_refused_again_when_it_comes_again() {
    let mut bench = Bench::new();
    limit(&mut bench, |limits| limits.calls_per_second = 1);
    bench.say(call(1));
    assert_eq!(bench.heard(), ["100"]);
    bench.say(call(2));
    let refused = bench.only();
    assert!(refused.status() == 503 && refused.value(HeaderName::RetryAfter).is_some());
    bench.pass(seconds(2));
    bench.sent();
    bench.say(call(2));
    assert_eq!(bench.heard(), ["503"], "there would be room, but its caller has been refused");
    assert_eq!(bench.agent.refusals().of(Limit::CallsPerSecond), 1);
    bench.say(call(3));
    assert_eq!(bench.heard(), ["100"]);
}

#[test]
fn a_line_has_so_many_calls_at_once() {
    let mut bench = phone();
    limit(&mut bench, |limits| limits.calls_per_line = 1);
    assert_eq!(proven(&mut bench, &call(1), "alice"), 100);
    let leg = bench.incoming();
    assert_eq!(proven(&mut bench, &call(2), "alice"), 503);
    assert_eq!(bench.agent.refusals().of(Limit::CallsPerLine), 1);
    bench.command(Command::Reject(leg, 486, Vec::new()));
    assert_eq!(bench.heard(), ["486"]);
    assert_eq!(proven(&mut bench, &call(3), "alice"), 100, "what is over counts no more");
}

#[test]
fn workers_count_together() {
    let mut one = Bench::of_worker((0, 2), trusting(), "192.0.2.2:5070");
    let mut other = Bench::of_worker((1, 2), trusting(), "192.0.2.2:5070");
    let shared = Arc::new(crate::admission::Admission::new(one.now));
    for bench in [&mut one, &mut other] {
        limit(bench, |limits| limits.calls_per_second = 1);
        bench.agent.admission = Arc::clone(&shared);
    }
    one.say(call(1));
    other.say(call(2));
    assert_eq!((one.heard(), other.heard()), (vec!["100".to_owned()], vec!["503".to_owned()]));
}

#[test]
fn a_phone_that_is_here_registers_before_others() {
    let mut bench = phone();
    limit(&mut bench, |limits| limits.registrations_per_second = 1);
    let registers =
        |bench: &mut Bench, line: &str, number| proven(bench, &numbered(&register(line, ""), number), line);
    assert_eq!(registers(&mut bench, "alice", 1), 200);
    assert_eq!(registers(&mut bench, "bob", 2), 503);
    assert_eq!(registers(&mut bench, "alice", 3), 200, "a refresh");
    assert_eq!(bench.agent.refusals().of(Limit::RegistrationsPerSecond), 1);
    fall_behind(&mut bench);
    assert_eq!(registers(&mut bench, "bob", 4), 503);
    assert_eq!(registers(&mut bench, "alice", 5), 200, "a refresh");
    assert_eq!(bench.agent.refusals().of(Limit::Overload), 1);
    bench.agent.endpoint.config.capacity.transactions = 0;
    assert_eq!(registers(&mut bench, "alice", 6), 200, "a refresh");
}

#[test]
fn an_overloaded_agent_refuses_what_is_new_and_nothing_else() {
    let (mut bench, _, tag) = established();
    fall_behind(&mut bench);
    bench.say(call(1));
    bench.say(request("SUBSCRIBE", 5, "", "Event: dialog\r\n", ""));
    bench.say(request("REFER", 6, "", "Refer-To: <sip:carol@192.0.2.1>\r\n", ""));
    for (_, refused) in bench.sent() {
        assert!(refused.status() == 503 && refused.value(HeaderName::RetryAfter).is_some());
    }
    assert_eq!(bench.agent.refusals().of(Limit::Overload), 3);
    bench.say(request("OPTIONS", 7, &tag, "", ""));
    bench.say(request("BYE", 8, &tag, "", ""));
    assert_eq!(bench.heard(), ["200", "200"]);
    bench.agent.note_queue(bench.now, true);
    bench.say(call(2));
    assert_eq!(bench.heard(), ["100"]);
}

/// What an ordinary answer would be, written by the ordinary way: only the time differs in which it is.
#[test]
fn a_refusal_at_a_glance_is_the_ordinary_one() {
    let folded = call(1).replace("Call-ID: ", "Call-ID:\r\n ");
    let far = call(1).replacen("Via: ", "Via: SIP/2.0/UDP 10.0.0.9:5080;branch=z9hG4bKfar;rport\r\nVia: ", 1);
    let more_folded = far.replace("Call-ID: ", "Call-ID:\r\n ");
    for (plain, other) in [(call(1), folded), (far, more_folded)] {
        let answers = [plain, other].map(|text| {
            let mut bench = Bench::new();
            fall_behind(&mut bench);
            bench.say(text);
            let mut sent = bench.sent();
            let (flow, refusal) = sent.pop().unwrap();
            assert!(sent.is_empty() && refusal.status() == 503);
            (flow, refusal.bytes().clone())
        });
        assert_eq!(answers[0], answers[1], "{}", answers[0].1.escape_ascii());
    }
}

#[test]
fn a_refusal_leaves_nothing_and_is_the_same_when_the_call_comes_again() {
    let mut bench = Bench::new();
    fall_behind(&mut bench);
    bench.say(call(1));
    let refusal = bench.only();
    bench.say(call(1));
    assert_eq!(bench.only().bytes(), refusal.bytes());
    let ack = |tag: &str| numbered(&request("ACK", 1, tag, "", ""), 1).replace("-ACK1", "-INVITE1");
    bench.say(ack(refusal.to_tag()));
    assert_eq!(bench.agent.gauges(), Gauges::default());
    bench.agent.note_queue(bench.now, true);
    // There would be room, but the caller has been refused.
    bench.say(call(1));
    assert_eq!(bench.only().bytes(), refusal.bytes());
    bench.say(call(1).replace("Call-ID: ", "Call-ID:\r\n "));
    assert_eq!(bench.only().bytes(), refusal.bytes());
    bench.say(ack(refusal.to_tag()));
    bench.say(ack("other"));
    assert_eq!(bench.agent.refusals().of(Limit::Overload), 1);
    // A CANCEL that crossed the refusal finds nothing.
    bench.say(numbered(&request("CANCEL", 1, "", "", ""), 1).replace("-INVITE", "-INVITE1"));
    assert_eq!(bench.heard(), ["481"]);
    bench.expect_nothing_left();
}

#[test]
fn a_refusal_goes_where_it_was_asked_for_and_is_no_more_than_that() {
    let mut bench = Bench::new();
    fall_behind(&mut bench);
    for (via, port) in [
        ("192.0.2.2:5099;branch=z9hG4bKx", 5099),
        ("192.0.2.66:5099;rport;branch=z9hG4bKy", 5070),
        ("192.0.2.66:5099;branch=z9hG4bKz", 5070),
    ] {
        let invite = format!(
            "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP {via}\r\nf:sip:a@h;tag=1\r\nt:sip:b@h\r\ni:1\r\nCSeq:1 INVITE\r\n\r\n"
        );
        bench.say(invite.clone());
        let (flow, refusal) = bench.sent().pop().unwrap();
        assert_eq!((flow.remote.ip(), flow.remote.port()), (bench.flow.remote.ip(), port));
        assert!(refusal.bytes().len() <= invite.len() + 160, "{}", refusal.bytes().escape_ascii());
    }
}

#[test]
fn a_call_that_was_let_in_is_not_refused_when_it_comes_again() {
    let mut bench = Bench::new();
    bench.say(call(1));
    fall_behind(&mut bench);
    bench.say(call(1));
    assert_eq!(bench.heard(), ["100", "100"]);
    assert_eq!(bench.agent.refusals().of(Limit::Overload), 0);
}

/// As datagrams are looked at where they were received, by whoever received them.
#[test]
fn a_call_by_a_socket_that_stands_is_turned_away_at_a_glance_and_nothing_else_is() {
    let (mut bench, _, tag) = established();
    bench.say(call(1));
    assert_eq!(bench.heard(), ["100"]);
    let gauges = bench.agent.gauges();
    let flow = bench.flow;
    let glance = |bench: &mut Bench, text: String| {
        bench.act(|agent, now, out| {
            agent.press(true);
            agent.glance(now, flow, text.as_bytes(), out)
        })
    };
    assert!(glance(&mut bench, call(2)));
    let refusal = bench.only();
    assert_eq!(refusal.status(), 503);
    let kept = [
        call(1),
        numbered(&invite("Priority: emergency\r\n"), 3),
        request("INVITE", 8, &tag, "", ""),
        request("ACK", 8, &tag, "", ""),
        request("BYE", 9, &tag, "", ""),
        request("OPTIONS", 10, "", "", ""),
    ];
    for text in kept {
        assert!(!glance(&mut bench, text.clone()), "{text}");
    }
    assert!(bench.sent().is_empty());
    // One copy of an INVITE may wait for its agent while another is refused.
    bench.act(|agent, now, out| {
        agent.press(false);
        agent.receive_glanced(now, flow, call(2).into(), out);
    });
    assert_eq!(bench.only().bytes(), refusal.bytes());
    let ack = numbered(&request("ACK", 1, refusal.to_tag(), "", ""), 2).replace("-ACK2", "-INVITE2");
    assert!(glance(&mut bench, ack));
    assert_eq!((bench.agent.gauges(), bench.agent.refusals().of(Limit::Overload)), (gauges, 1));
    // What a glance makes nothing of is read as anything else.
    let padded = format!("\r\n\r\n{}", call(2));
    assert!(!glance(&mut bench, padded.clone()) && !glance(&mut bench, "\r\n\r\n".to_owned()));
    bench.act(|agent, now, out| {
        agent.receive_glanced(now, flow, padded.into(), out);
        agent.receive_glanced(now, flow, "\r\n\r\n".into(), out);
    });
    assert_eq!(bench.only().bytes(), refusal.bytes());
    bench.agent.press(false);
    assert!(!bench.agent.is_overloaded());
    bench.say(call(4));
    assert_eq!(bench.heard(), ["100"]);
}

#[test]
fn calls_for_help_are_taken_from_those_who_are_known() {
    let mut bench = Bench::new();
    fall_behind(&mut bench);
    let help = |number| numbered(&invite("Priority: emergency\r\n"), number);
    bench.say(call(0));
    (1..=20).for_each(|number| bench.say(help(number)));
    let heard = bench.heard();
    assert_eq!(
        (&heard[0], &heard[1..11], &heard[11..]),
        (&"503".to_owned(), &vec!["100".to_owned(); 10][..], &vec!["503".to_owned(); 10][..])
    );
    bench.flow.remote = "198.51.100.9:5070".parse().unwrap();
    bench.now += seconds(5);
    bench.say(help(21));
    assert_eq!(bench.heard(), ["503"], "whoever says so without being known");
}

#[test]
fn a_peer_begins_so_many_subscriptions_a_second() {
    let mut bench = Bench::new();
    limit(&mut bench, |limits| limits.subscriptions_per_second_per_line = 1);
    let subscribe = |number| numbered(&request("SUBSCRIBE", 5, "", "Event: dialog\r\n", ""), number);
    bench.say(subscribe(1));
    assert_eq!(bench.told(), ["Subscribe Dialog"]);
    bench.sent();
    bench.say(subscribe(2));
    let refused = bench.only();
    assert!(refused.status() == 503 && refused.value(HeaderName::RetryAfter).is_some());
    assert_eq!(bench.agent.refusals().of(Limit::SubscriptionsPerSecondPerLine), 1);
    bench.now += seconds(1);
    bench.say(subscribe(3));
    assert_eq!(bench.told(), ["Subscribe Dialog"]);
}

#[test]
fn strangers_take_nobodys_calls_away() {
    let mut bench = Bench::new();
    fall_behind(&mut bench);
    let known = bench.flow;
    bench.flow.remote = "198.51.100.9:5070".parse().unwrap();
    (0..25).for_each(|number| bench.say(call(number)));
    assert_eq!(bench.heard(), ["503"; 25]);
    bench.flow = known;
    (200..220).for_each(|number| bench.say(call(number)));
    let heard = bench.heard();
    assert_eq!(heard[..9], ["100"; 9], "strangers make the work");
    assert_eq!(heard[9..], ["503"; 11], "it is the network itself that asks for too much");
}

/// Else whoever can write datagrams could fill the table of transactions, and calls would find no room.
#[test]
fn what_anybody_can_send_is_answered_and_not_remembered() {
    let orphans = [
        (request("CANCEL", 1, "", "", ""), "481"),
        (request("CANCEL", 2, "gone", "", ""), "481"),
        (request("BYE", 3, "gone", "", ""), "200"),
        (register("nobody", ""), "200"),
        (request("OPTIONS", 4, "", "", ""), "200"),
        (request("INVITE", 5, "gone", "", ""), "481"),
    ];
    let mut bench = Bench::new();
    for (text, status) in orphans {
        bench.say(text.clone());
        bench.say(text.clone());
        assert_eq!(bench.heard(), [status, status], "{text}");
        assert_eq!(bench.agent.gauges(), Gauges::default(), "{text}");
    }
}

/// What one message of a call costs the callee: with INVITE, ACK and BYE it carries 333 calls a second.
const COST: Duration = Duration::from_millis(1);
/// What a refusal costs it, and the ACK to one.
const COST_OF_REFUSAL: Duration = Duration::from_micros(50);
/// Time goes in steps of this.
const STEP: Duration = Duration::from_micros(50);
/// How long a message is under way.
const WAY: Duration = Duration::from_millis(1);

/// Callers who never tire, and a callee to whom every message is work.
struct Rush {
    now: Instant,
    callers: Agent,
    callee: Agent,
    told: Told,
    /// What whoever reads for the callee makes of the queue.
    load: Load,
    to_callee: VecDeque<(Instant, Bytes)>,
    to_callers: VecDeque<(Instant, Bytes)>,
    /// When the callee is done with what it does.
    free_at: Instant,
    next_call_at: Instant,
    serial: u64,
    answered: u32,
    refused: u32,
    /// Calls that lasted until somebody wanted them to end.
    ended: u32,
    /// Calls that are not to end before they are told to.
    kept: Vec<LegId>,
    keeps: bool,
}

/// What the callee learns of its queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    /// As a worker who reads it himself.
    Queue,
    /// As one for whom another reads, who gives him one message at a time: whether the queue stands.
    Pressure,
}

impl Rush {
    fn new(told: Told) -> Self {
        let now = start();
        Self {
            now,
            callers: agent(CALLERS.parse().unwrap(), trusting(), 1, now),
            callee: agent(CALLEE.parse().unwrap(), trusting(), 2, now),
            told,
            load: Load::default(),
            to_callee: VecDeque::new(),
            to_callers: VecDeque::new(),
            free_at: now,
            next_call_at: now,
            serial: 0,
            answered: 0,
            refused: 0,
            ended: 0,
            kept: Vec::new(),
            keeps: false,
        }
    }

    /// So many new calls a second, for so long. How many were answered.
    fn run(&mut self, calls_a_second: u32, time: Duration) -> u32 {
        let (end, before) = (self.now + time, self.answered);
        self.next_call_at = self.now;
        while self.now < end {
            while calls_a_second > 0 && self.next_call_at <= self.now {
                self.next_call_at += Duration::from_secs(1) / calls_a_second;
                self.serial += 1;
                let invite = invite_to(CALLERS.parse().unwrap(), CALLEE.parse().unwrap());
                let command = Command::Invite(LegId::new(0, self.serial), invite);
                self.callers(|agent, now, out| agent.command(now, command, out));
            }
            while self.to_callers.front().is_some_and(|(at, _)| *at <= self.now) {
                let (_, bytes) = self.to_callers.pop_front().unwrap();
                let flow = udp(CALLERS.parse().unwrap(), CALLEE.parse().unwrap());
                self.callers(|agent, now, out| agent.receive(now, flow, bytes, out));
            }
            if self.callers.deadline().is_some_and(|at| at <= self.now) {
                self.callers(Agent::handle_timeout);
            }
            while self.free_at <= self.now && self.work() {}
            self.now += STEP;
        }
        self.answered - before
    }

    fn callers(&mut self, act: impl FnOnce(&mut Agent, Instant, &mut Outbox)) {
        let mut out = Outbox::default();
        act(&mut self.callers, self.now, &mut out);
        while let Some(event) = out.events.pop() {
            if let Event::Answered { leg, .. } = event {
                self.answered += 1;
                if self.keeps {
                    self.kept.push(leg);
                } else {
                    self.callers.command(self.now, Command::End(leg, None), &mut out);
                }
            } else if let Event::Failed { retry_after_s, .. } = event {
                self.refused += u32::from(retry_after_s.is_some());
            } else {
                assert!(matches!(event, Event::Ended { .. }), "{event:?}");
            }
        }
        let at = self.now + WAY;
        self.to_callee.extend(out.transmits.into_iter().map(|transmit| (at, transmit.bytes)));
    }

    /// The callee does the next thing that waits; whether there was one.
    fn work(&mut self) -> bool {
        let mut out = Outbox::default();
        if self.callee.deadline().is_some_and(|at| at <= self.now) {
            self.callee.handle_timeout(self.now, &mut out);
        } else if self.to_callee.front().is_some_and(|(at, _)| *at <= self.now) {
            let (_, bytes) = self.to_callee.pop_front().unwrap();
            let flow = udp(CALLEE.parse().unwrap(), CALLERS.parse().unwrap());
            self.callee.press(self.told == Told::Pressure && self.load.is_overloaded());
            self.callee.receive(self.now, flow, bytes, &mut out);
        } else {
            return false;
        }
        let is_empty = self.to_callee.front().is_none_or(|(at, _)| *at > self.now);
        self.load.note(self.now, is_empty);
        self.callee.note_queue(self.now, is_empty || self.told != Told::Queue);
        let is_refusal = out.events.is_empty() && out.transmits.iter().all(is_503);
        self.free_at = self.now.max(self.free_at) + if is_refusal { COST_OF_REFUSAL } else { COST };
        for event in std::mem::take(&mut out.events) {
            if let Event::Incoming(leg, _) = event {
                self.callee.command(self.now, Command::Answer(leg, Some(sdp(5000))), &mut out);
            } else if let Event::Ended { .. } = event {
                self.ended += 1;
            } else {
                assert!(matches!(event, Event::Established { .. }), "{event:?}");
            }
        }
        let at = self.free_at + WAY;
        self.to_callers.extend(out.transmits.into_iter().map(|transmit| (at, transmit.bytes)));
        true
    }
}

fn is_503(transmit: &crate::outbox::Transmit) -> bool {
    let message = Message::scan(transmit.bytes.clone(), Framing::Stream, &Limits::DEFAULT).unwrap();
    !message.is_request() && message.status() == 503
}

const CALLERS: &str = "192.0.2.1:5060";
const CALLEE: &str = "192.0.2.2:5060";

/// Calls that the callee carries in five seconds.
const CAPACITY: u32 = 1_666;

#[test]
fn at_twice_the_load_most_of_what_can_be_done_is_done() {
    twice_the_load(Told::Queue);
}

#[test]
fn at_twice_the_load_by_a_socket_of_another_worker_no_less_is_done() {
    twice_the_load(Told::Pressure);
}

fn twice_the_load(told: Told) {
    let mut rush = Rush::new(told);
    rush.keeps = true;
    assert_eq!(rush.run(20, seconds(1)), 20);
    rush.keeps = false;
    let answered = rush.run(666, seconds(5));
    assert!(answered >= CAPACITY * 9 / 10, "{answered} of {CAPACITY} calls");
    assert!(rush.refused > 1_200, "{} were told to come again", rush.refused);
    // What was up is up, and does as it is told.
    rush.run(0, seconds(1));
    let ended = rush.ended;
    for leg in std::mem::take(&mut rush.kept) {
        rush.callers(|agent, now, out| agent.command(now, Command::End(leg, None), out));
    }
    rush.run(0, seconds(1));
    assert_eq!(rush.ended - ended, 20);
    // And what is new is taken as before.
    let refused = rush.refused;
    let answered = rush.run(200, seconds(2));
    assert!(
        answered >= 395 && rush.refused == refused,
        "{answered} of 400, {} refused",
        rush.refused - refused
    );
    rush.run(0, seconds(100));
    assert_eq!([rush.callers.gauges(), rush.callee.gauges()], [Gauges::default(); 2]);
    assert_eq!(rush.answered, rush.ended, "no call was lost");
}

#[test]
fn who_does_not_know_of_his_queue_does_less_and_less() {
    let mut rush = Rush::new(Told::Nothing);
    rush.run(666, seconds(5));
    let answered = rush.run(666, seconds(5));
    assert!(answered < CAPACITY * 7 / 10, "{answered} of {CAPACITY} calls: there is no collapse to prevent");
}
