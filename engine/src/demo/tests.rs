//! Two phones without an engine: what they bear witness with must itself be right.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_sip::transport::Transport;

use super::phone::tests::epoch;
use super::{HoldForm, Notice, OnInvite, Phone, PhoneConfig, PhoneOutbox, Status};

const DELAY: Duration = Duration::from_millis(10);

/// Two phones and the wire between them, which loses each datagram whose number `loses` names.
struct Pair {
    now: Instant,
    phones: [Phone; 2],
    wire: Vec<(Instant, usize, bool, Bytes)>,
    sent: usize,
    loses: fn(usize) -> bool,
    notices: [Vec<Notice>; 2],
}

fn address(index: usize, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, u8::try_from(index).unwrap() + 1], port))
}

impl Pair {
    fn new(loses: fn(usize) -> bool) -> Self {
        let phone = |index: usize| {
            Phone::new(PhoneConfig {
                user: format!("100{}", index + 1),
                password: None,
                address: address(index, 5060),
                media: address(index, 4000),
                server: address(1 - index, 5060),
                domain: "pbx.example".to_owned(),
                transport: Transport::Udp,
                seed: index as u64,
            })
        };
        let phones = [phone(0), phone(1)];
        Self { now: epoch(), phones, wire: Vec::new(), sent: 0, loses, notices: [Vec::new(), Vec::new()] }
    }

    fn does(&mut self, index: usize, deed: impl FnOnce(&mut Phone, Instant, &mut PhoneOutbox)) {
        let mut out = PhoneOutbox::default();
        deed(&mut self.phones[index], self.now, &mut out);
        for (to, bytes) in out.sip {
            assert_eq!(to, address(1 - index, 5060), "sent past the other phone");
            self.sent += 1;
            if !(self.loses)(self.sent) {
                self.wire.push((self.now + DELAY, 1 - index, false, bytes));
            }
        }
        for packet in out.rtp {
            assert_eq!(packet.to, address(1 - index, 4000));
            self.wire.push((self.now + DELAY, 1 - index, true, packet.bytes));
        }
        self.notices[index].extend(out.notices);
    }

    fn run(&mut self, time_ms: u64) {
        let until = self.now + Duration::from_millis(time_ms);
        loop {
            let arrives = self.wire.iter().map(|(at, ..)| *at).min();
            let due = arrives.into_iter().chain(self.phones.iter().filter_map(Phone::deadline)).min();
            let Some(at) = due.filter(|at| *at <= until) else { break };
            self.now = self.now.max(at);
            let arrived = self.wire.iter().position(|(at, ..)| *at <= self.now);
            if let Some(place) = arrived {
                let (_, index, is_rtp, bytes) = self.wire.remove(place);
                if is_rtp {
                    self.phones[index].receive_rtp(address(1 - index, 4000), &bytes);
                } else {
                    let from = address(1 - index, 5060);
                    self.does(index, |phone, now, out| phone.receive(now, from, &bytes, out));
                }
                continue;
            }
            for index in 0..2 {
                self.does(index, Phone::handle_timeout);
            }
        }
        self.now = until;
    }

    fn calls(&mut self) {
        self.does(0, |phone, now, out| {
            phone.call(now, "1002", out);
        });
    }

    fn statuses(&self) -> [Status; 2] {
        [self.phones[0].status(), self.phones[1].status()]
    }

    fn hear_each_other(&mut self) -> [bool; 2] {
        self.phones.iter_mut().for_each(Phone::listen);
        self.run(1_000);
        [self.phones[0].heard().voice("1002") >= 45, self.phones[1].heard().voice("1001") >= 45]
    }

    fn nothing_left(&mut self) {
        self.run(70_000);
        for phone in &self.phones {
            assert!(phone.complaints().is_empty(), "{:?}", phone.complaints());
            assert!(phone.is_quiet());
            assert_eq!(phone.deadline(), None);
        }
    }
}

#[test]
fn two_phones_talk_hold_and_hang_up() {
    let mut pair = Pair::new(|_| false);
    pair.calls();
    pair.run(500);
    assert_eq!(pair.statuses(), [Status::Ringback, Status::Ringing]);
    pair.does(1, Phone::answer);
    pair.run(100);
    assert_eq!(pair.statuses(), [Status::Connected; 2]);
    assert_eq!(pair.hear_each_other(), [true, true]);
    for form in [HoldForm::SendOnly, HoldForm::Inactive, HoldForm::Unspecified] {
        pair.phones[0].script.hold_form = form;
        pair.does(0, Phone::hold);
        pair.run(200);
        assert_eq!(pair.hear_each_other(), [false, false], "{form:?}");
        assert!(pair.phones[1].is_held(), "{form:?}");
        pair.phones[0].script.resumes_without_offer = form == HoldForm::Inactive;
        pair.does(0, Phone::resume);
        pair.run(200);
        assert_eq!(pair.hear_each_other(), [true, true], "{form:?}");
    }
    pair.does(1, Phone::hang_up);
    pair.run(100);
    assert_eq!(pair.statuses(), [Status::Over(0); 2]);
    pair.nothing_left();
}

#[test]
fn any_one_datagram_may_be_lost() {
    // A fn pointer cannot capture: eight wires, each loses another datagram.
    let wires: [fn(usize) -> bool; 8] = [
        |n| n == 1,
        |n| n == 2,
        |n| n == 3,
        |n| n == 4,
        |n| n == 5,
        |n| n == 6,
        |n| n % 3 == 0,
        |n| n % 2 == 0,
    ];
    for loses in wires {
        let mut pair = Pair::new(loses);
        pair.phones[1].script.on_invite = OnInvite::Answer(Duration::from_secs(2));
        pair.calls();
        pair.run(12_000);
        assert_eq!(pair.statuses(), [Status::Connected; 2]);
        pair.does(0, Phone::hang_up);
        pair.nothing_left();
        assert_eq!(pair.statuses(), [Status::Over(0); 2]);
    }
}

#[test]
fn a_call_is_cancelled_refused_or_crossed() {
    let mut pair = Pair::new(|_| false);
    pair.calls();
    pair.run(100);
    pair.does(0, Phone::hang_up);
    pair.run(100);
    assert_eq!(pair.statuses(), [Status::Over(487); 2]);
    pair.phones[1].script.on_invite = OnInvite::Refuse(486, Duration::from_millis(300));
    pair.calls();
    pair.run(500);
    assert_eq!(pair.statuses(), [Status::Over(486); 2]);
    pair.phones[1].script.on_invite = OnInvite::Ring;
    pair.calls();
    pair.run(100);
    pair.does(0, Phone::hang_up);
    pair.does(1, Phone::answer);
    pair.run(1_000);
    assert_eq!(pair.statuses(), [Status::Over(0); 2]);
    pair.nothing_left();
}

#[test]
fn both_hold_at_once_and_both_get_their_will_after_491() {
    let mut pair = Pair::new(|_| false);
    pair.phones[1].script.on_invite = OnInvite::Answer(Duration::ZERO);
    pair.calls();
    pair.run(500);
    pair.does(0, Phone::hold);
    pair.does(1, Phone::hold);
    pair.run(5_000);
    let refused =
        |notices: &[Notice]| notices.iter().any(|notice| matches!(notice, Notice::Changed(_, Err(491))));
    assert!(pair.notices.iter().all(|notices| refused(notices)), "{:?}", pair.notices);
    assert!(pair.phones.iter().all(Phone::is_held));
    pair.does(0, Phone::hang_up);
    pair.nothing_left();
}

#[test]
fn a_late_offer_is_answered_in_the_ack() {
    let mut pair = Pair::new(|_| false);
    pair.phones[0].script.late_offer = true;
    pair.phones[1].script.on_invite = OnInvite::Answer(Duration::ZERO);
    pair.calls();
    pair.run(500);
    assert_eq!(pair.hear_each_other(), [true, true]);
    pair.does(0, Phone::hang_up);
    pair.nothing_left();
}

#[test]
fn a_200_that_is_never_acknowledged_ends_in_bye() {
    let mut pair = Pair::new(|_| false);
    pair.phones[0].script.acknowledges = false;
    pair.phones[1].script.on_invite = OnInvite::Answer(Duration::ZERO);
    pair.calls();
    pair.run(33_000);
    assert_eq!(pair.statuses(), [Status::Over(0); 2]);
    pair.nothing_left();
}
