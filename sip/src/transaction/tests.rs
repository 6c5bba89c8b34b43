//! The four machines in virtual time: one test for each transition of the figures, on UDP and on TCP.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::client_invite::{self, ClientInvite, Verdict};
use super::client_non_invite::{self, ClientNonInvite};
use super::server_invite::{self, ServerInvite};
use super::server_non_invite::{self, ServerNonInvite};
use crate::ids::ConnectionId;
use crate::message::{Framing, Limits, Message};
use crate::outbox::Outbox;
use crate::testing::start;
use crate::timing::Timing;
use crate::transport::{Flow, Transport};

const INVITE: &str = "INVITE sip:bob@192.0.2.2 SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1\r\n\
    Route: <sip:192.0.2.9;lr>\r\n\
    From: <sip:alice@192.0.2.1>;tag=a\r\n\
    To: <sip:bob@192.0.2.2>\r\n\
    Call-ID: c\r\n\
    CSeq: 7 INVITE\r\n\
    Content-Length: 0\r\n\r\n";

fn flow(transport: Transport) -> Flow {
    let (local, remote) = ("192.0.2.1:5060".parse().unwrap(), "192.0.2.2:5060".parse().unwrap());
    let connection = ConnectionId(u64::from(transport.is_reliable()));
    Flow { transport, local, remote, connection }
}

fn response(status: u16) -> Message {
    let text = format!(
        "SIP/2.0 {status} X\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\nFrom: <sip:alice@192.0.2.1>;tag=a\r\n\
         To: <sip:bob@192.0.2.2>;tag=b\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n"
    );
    Message::scan(text.into(), Framing::Stream, &Limits::DEFAULT).unwrap()
}

/// A machine and the times at which it sent something, in milliseconds from its start.
struct Rig<M> {
    start: Instant,
    machine: M,
    sent_ms: Vec<u128>,
    last: Bytes,
}

impl<M> Rig<M> {
    fn new(make: impl FnOnce(Instant, &mut Outbox) -> M) -> Self {
        let (start, mut out) = (start(), Outbox::default());
        let machine = make(start, &mut out);
        let mut rig = Self { start, machine, sent_ms: Vec::new(), last: Bytes::new() };
        rig.note(start, out);
        rig
    }

    fn note(&mut self, now: Instant, out: Outbox) {
        for transmit in out.transmits {
            self.sent_ms.push((now - self.start).as_millis());
            self.last = transmit.bytes;
        }
    }

    fn at<V>(&mut self, at_ms: u64, act: impl FnOnce(&mut M, Instant, &mut Outbox) -> V) -> V {
        let now = self.start + Duration::from_millis(at_ms);
        let mut out = Outbox::default();
        let verdict = act(&mut self.machine, now, &mut out);
        self.note(now, out);
        verdict
    }

    /// Fires every deadline up to a time; the last verdict that was not empty.
    fn run<V: PartialEq>(
        &mut self,
        until_ms: u64,
        deadline: impl Fn(&M) -> Option<Instant>,
        none: V,
        mut fire: impl FnMut(&mut M, Instant, &mut Outbox) -> V,
    ) -> Option<(u128, V)> {
        let end = self.start + Duration::from_millis(until_ms);
        let mut last = None;
        while let Some(now) = deadline(&self.machine).filter(|at| *at <= end) {
            let mut out = Outbox::default();
            let verdict = fire(&mut self.machine, now, &mut out);
            self.note(now, out);
            if verdict != none {
                last = Some(((now - self.start).as_millis(), verdict));
            }
        }
        last
    }

    fn sent(&mut self) -> Vec<u128> {
        std::mem::take(&mut self.sent_ms)
    }
}

fn client_invite(transport: Transport) -> Rig<ClientInvite> {
    Rig::new(|now, out| ClientInvite::new(now, Bytes::from(INVITE), flow(transport), Timing::RFC, out))
}

impl Rig<ClientInvite> {
    fn respond(&mut self, at_ms: u64, status: u16) -> Verdict {
        let response = response(status);
        self.at(at_ms, |machine, now, out| {
            machine.handle(now, client_invite::Input::Response(&response), out)
        })
    }

    fn pass(&mut self, until_ms: u64) -> Option<(u128, Verdict)> {
        self.run(until_ms, ClientInvite::deadline, Verdict::Absorbed, |machine, now, out| {
            machine.handle(now, client_invite::Input::Timeout, out)
        })
    }
}

mod an_invite_we_sent {
    use super::*;

    #[test]
    fn goes_out_seven_times_and_times_out_on_udp() {
        let mut rig = client_invite(Transport::Udp);
        assert_eq!(rig.pass(100_000), Some((32_000, Verdict::TimedOut)));
        assert_eq!(rig.sent(), [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500]);
        assert!(rig.machine.is_terminated() && rig.machine.deadline().is_none());
    }

    #[test]
    fn goes_out_once_and_times_out_on_tcp() {
        let mut rig = client_invite(Transport::Tcp);
        assert_eq!(rig.pass(100_000), Some((32_000, Verdict::TimedOut)));
        assert_eq!(rig.sent(), [0]);
    }

    #[test]
    fn waits_for_ever_once_a_provisional_response_came() {
        let mut rig = client_invite(Transport::Udp);
        assert_eq!(rig.respond(400, 100), Verdict::Deliver);
        assert!(rig.machine.is_proceeding());
        assert_eq!((rig.pass(1_000_000), rig.sent()), (None, vec![0]));
        assert_eq!(rig.respond(2_000_000, 180), Verdict::Deliver);
    }

    #[test]
    fn acknowledges_a_refusal_each_time_it_comes_until_timer_d() {
        let mut rig = client_invite(Transport::Udp);
        assert_eq!(rig.respond(100, 486), Verdict::Deliver);
        assert_eq!(rig.respond(600, 486), Verdict::Absorbed);
        assert_eq!(rig.respond(700, 180), Verdict::Absorbed);
        assert_eq!(rig.sent(), [0, 100, 600]);
        assert!(!rig.machine.is_terminated());
        assert_eq!((rig.pass(32_099), rig.machine.is_terminated()), (None, false));
        assert_eq!((rig.pass(32_100), rig.machine.is_terminated()), (None, true));
    }

    #[test]
    fn is_over_with_a_refusal_on_tcp() {
        let mut rig = client_invite(Transport::Tcp);
        assert_eq!(rig.respond(100, 486), Verdict::Deliver);
        assert_eq!(rig.sent(), [0, 100]);
        assert!(rig.machine.is_terminated());
    }

    #[test]
    fn acknowledges_a_refusal_as_the_standard_says() {
        let mut rig = client_invite(Transport::Udp);
        assert_eq!(rig.respond(100, 486), Verdict::Deliver);
        let ack = Message::scan(rig.last.clone(), Framing::Stream, &Limits::DEFAULT).unwrap();
        assert_eq!(ack.request_uri(), "sip:bob@192.0.2.2");
        assert_eq!(ack.via().unwrap().branch(), "z9hG4bK1");
        assert_eq!((ack.from_tag(), ack.to_tag(), ack.call_id()), ("a", "b", "c"));
        assert_eq!((ack.cseq().number, ack.cseq().method_text), (7, "ACK"));
        assert_eq!(ack.value(crate::message::HeaderName::Route), Some("<sip:192.0.2.9;lr>"));
    }

    #[test]
    fn hands_every_2xx_up_until_timer_m_and_never_acknowledges_it() {
        for transport in [Transport::Udp, Transport::Tcp] {
            let mut rig = client_invite(transport);
            assert_eq!(rig.respond(100, 200), Verdict::Deliver);
            assert_eq!(rig.respond(200, 200), Verdict::Deliver);
            assert_eq!(rig.respond(300, 180), Verdict::Absorbed);
            assert_eq!(rig.respond(300, 486), Verdict::Absorbed);
            assert_eq!(rig.sent(), [0]);
            assert_eq!((rig.pass(32_099), rig.machine.is_terminated()), (None, false));
            assert_eq!((rig.pass(32_100), rig.machine.is_terminated()), (None, true));
            assert_eq!(rig.respond(33_000, 200), Verdict::Absorbed);
        }
    }

    #[test]
    fn ends_after_a_cancel_that_nobody_answers() {
        let mut rig = client_invite(Transport::Udp);
        assert_eq!(rig.respond(100, 180), Verdict::Deliver);
        rig.at(5_000, |machine, now, _| machine.cancelled(now));
        assert_eq!(rig.respond(6_000, 183), Verdict::Deliver);
        assert_eq!(rig.pass(100_000), Some((37_000, Verdict::TimedOut)));
    }

    #[test]
    fn fails_with_its_transport() {
        let mut rig = client_invite(Transport::Tcp);
        let failed = client_invite::Input::TransportFailed;
        assert_eq!(rig.at(10, |machine, now, out| machine.handle(now, failed, out)), Verdict::Unsent);
        assert!(rig.machine.is_terminated());
        assert_eq!(rig.at(20, |machine, now, out| machine.handle(now, failed, out)), Verdict::Absorbed);
        let mut rig = client_invite(Transport::Udp);
        assert_eq!(rig.respond(100, 180), Verdict::Deliver);
        assert_eq!(rig.at(200, |machine, now, out| machine.handle(now, failed, out)), Verdict::Absorbed);
        assert!(rig.machine.is_proceeding());
    }
}

fn client_non_invite(transport: Transport) -> Rig<ClientNonInvite> {
    Rig::new(|now, out| ClientNonInvite::new(now, Bytes::from("OPTIONS"), flow(transport), Timing::RFC, out))
}

impl Rig<ClientNonInvite> {
    fn respond(&mut self, at_ms: u64, status: u16) -> Verdict {
        self.at(at_ms, |machine, now, out| {
            machine.handle(now, client_non_invite::Input::Response(status), out)
        })
    }

    fn pass(&mut self, until_ms: u64) -> Option<(u128, Verdict)> {
        self.run(until_ms, ClientNonInvite::deadline, Verdict::Absorbed, |machine, now, out| {
            machine.handle(now, client_non_invite::Input::Timeout, out)
        })
    }
}

mod a_request_we_sent {
    use super::*;

    #[test]
    fn goes_out_eleven_times_and_times_out_on_udp() {
        let mut rig = client_non_invite(Transport::Udp);
        assert_eq!(rig.pass(100_000), Some((32_000, Verdict::TimedOut)));
        assert_eq!(rig.sent(), [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    }

    #[test]
    fn goes_out_once_and_times_out_on_tcp() {
        let mut rig = client_non_invite(Transport::Tcp);
        assert_eq!((rig.pass(100_000), rig.sent()), (Some((32_000, Verdict::TimedOut)), vec![0]));
    }

    #[test]
    fn goes_out_every_t2_after_a_provisional_response() {
        let mut rig = client_non_invite(Transport::Udp);
        assert_eq!(rig.respond(100, 100), Verdict::Deliver);
        assert_eq!(rig.pass(100_000), Some((32_000, Verdict::TimedOut)));
        assert_eq!(rig.sent()[..4], [0, 500, 4_500, 8_500]);
    }

    #[test]
    fn absorbs_what_comes_after_the_final_response_until_timer_k() {
        let mut rig = client_non_invite(Transport::Udp);
        assert_eq!(rig.respond(100, 200), Verdict::Deliver);
        assert_eq!(rig.respond(200, 200), Verdict::Absorbed);
        assert_eq!((rig.pass(5_099), rig.machine.is_terminated()), (None, false));
        assert_eq!((rig.pass(5_100), rig.machine.is_terminated()), (None, true));
        assert_eq!(rig.sent(), [0]);
    }

    #[test]
    fn is_over_with_the_final_response_on_tcp() {
        let mut rig = client_non_invite(Transport::Tcp);
        assert_eq!(rig.respond(100, 481), Verdict::Deliver);
        assert!(rig.machine.is_terminated());
    }

    #[test]
    fn fails_with_its_transport() {
        let mut rig = client_non_invite(Transport::Udp);
        let failed = client_non_invite::Input::TransportFailed;
        assert_eq!(rig.at(10, |machine, now, out| machine.handle(now, failed, out)), Verdict::Unsent);
        assert!(rig.machine.is_terminated());
    }
}

fn server_invite(transport: Transport) -> Rig<ServerInvite> {
    Rig::new(|_, _| ServerInvite::new(flow(transport), Timing::RFC))
}

impl Rig<ServerInvite> {
    fn take(&mut self, at_ms: u64, input: server_invite::Input) -> server_invite::Verdict {
        self.at(at_ms, |machine, now, out| machine.handle(now, input, out))
    }

    fn respond(&mut self, at_ms: u64, status: u16) {
        let response = server_invite::Input::Response(status, Bytes::from(status.to_string()));
        assert_eq!(self.take(at_ms, response), server_invite::Verdict::Absorbed);
    }

    fn pass(&mut self, until_ms: u64) -> Option<(u128, server_invite::Verdict)> {
        self.run(until_ms, ServerInvite::deadline, server_invite::Verdict::Absorbed, |machine, now, out| {
            machine.handle(now, server_invite::Input::Timeout, out)
        })
    }
}

mod an_invite_we_received {
    use super::server_invite::{Input, Verdict};
    use super::*;

    #[test]
    fn gets_the_last_provisional_response_each_time_it_comes() {
        let mut rig = server_invite(Transport::Udp);
        assert_eq!(rig.take(1, Input::Request), Verdict::Absorbed);
        rig.respond(2, 100);
        rig.respond(3, 180);
        assert_eq!(rig.take(500, Input::Request), Verdict::Absorbed);
        assert_eq!((rig.sent(), &rig.last[..]), (vec![2, 3, 500], &b"180"[..]));
        assert_eq!(rig.pass(1_000_000), None);
        assert!(rig.machine.is_proceeding());
    }

    #[test]
    fn gets_its_refusal_repeated_until_timer_h_on_udp() {
        let mut rig = server_invite(Transport::Udp);
        rig.respond(0, 486);
        assert_eq!(rig.pass(100_000), Some((32_000, Verdict::TimedOut)));
        assert_eq!(rig.sent(), [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
        assert!(rig.machine.is_terminated());
    }

    #[test]
    fn gets_its_refusal_once_and_waits_for_the_ack_on_tcp() {
        let mut rig = server_invite(Transport::Tcp);
        rig.respond(0, 486);
        assert_eq!((rig.pass(100_000), rig.sent()), (Some((32_000, Verdict::TimedOut)), vec![0]));
    }

    #[test]
    fn absorbs_further_acks_until_timer_i() {
        let mut rig = server_invite(Transport::Udp);
        rig.respond(0, 486);
        assert_eq!(rig.take(100, Input::Request), Verdict::Absorbed);
        assert_eq!(rig.take(200, Input::Ack), Verdict::Absorbed);
        assert_eq!(rig.take(300, Input::Ack), Verdict::Absorbed);
        assert_eq!(rig.take(400, Input::Request), Verdict::Absorbed);
        assert_eq!(rig.sent(), [0, 100]);
        assert_eq!((rig.pass(5_199), rig.machine.is_terminated()), (None, false));
        assert_eq!((rig.pass(5_200), rig.machine.is_terminated()), (None, true));
    }

    #[test]
    fn is_over_with_the_ack_on_tcp() {
        let mut rig = server_invite(Transport::Tcp);
        rig.respond(0, 486);
        assert_eq!(rig.take(200, Input::Ack), Verdict::Absorbed);
        assert!(rig.machine.is_terminated());
    }

    #[test]
    fn is_absorbed_after_a_2xx_until_timer_l_and_the_ack_goes_up() {
        for transport in [Transport::Udp, Transport::Tcp] {
            let mut rig = server_invite(transport);
            rig.respond(0, 200);
            assert_eq!(rig.take(100, Input::Request), Verdict::Absorbed);
            assert_eq!(rig.take(200, Input::Ack), Verdict::Deliver);
            assert_eq!(rig.sent(), [0]);
            assert_eq!((rig.pass(31_999), rig.machine.is_terminated()), (None, false));
            assert_eq!((rig.pass(32_000), rig.machine.is_terminated()), (None, true));
        }
    }

    #[test]
    fn takes_one_final_response_only() {
        let mut rig = server_invite(Transport::Udp);
        rig.respond(0, 487);
        rig.respond(10, 200);
        assert_eq!((rig.sent(), &rig.last[..]), (vec![0], &b"487"[..]));
    }
}

fn server_non_invite(transport: Transport) -> Rig<ServerNonInvite> {
    Rig::new(|_, _| ServerNonInvite::new(flow(transport), Timing::RFC))
}

impl Rig<ServerNonInvite> {
    fn take(&mut self, at_ms: u64, input: server_non_invite::Input) {
        self.at(at_ms, |machine, now, out| machine.handle(now, input, out));
    }

    fn respond(&mut self, at_ms: u64, status: u16) {
        self.take(at_ms, server_non_invite::Input::Response(status, Bytes::from(status.to_string())));
    }

    fn pass(&mut self, until_ms: u64) {
        self.run(until_ms, ServerNonInvite::deadline, (), |machine, now, out| {
            machine.handle(now, server_non_invite::Input::Timeout, out);
        });
    }
}

mod a_request_we_received {
    use super::server_non_invite::Input;
    use super::*;

    #[test]
    fn is_absorbed_until_there_is_something_to_say() {
        let mut rig = server_non_invite(Transport::Udp);
        rig.take(500, Input::Request);
        rig.pass(1_000_000);
        assert_eq!(rig.sent(), [0; 0]);
        rig.respond(600, 100);
        rig.take(700, Input::Request);
        assert_eq!((rig.sent(), rig.machine.is_open()), (vec![600, 700], true));
    }

    #[test]
    fn gets_its_answer_each_time_it_comes_until_timer_j() {
        let mut rig = server_non_invite(Transport::Udp);
        rig.respond(0, 200);
        rig.take(500, Input::Request);
        rig.respond(600, 500);
        assert_eq!((rig.sent(), &rig.last[..]), (vec![0, 500], &b"200"[..]));
        rig.pass(31_999);
        assert!(!rig.machine.is_terminated());
        rig.pass(32_000);
        assert!(rig.machine.is_terminated());
    }

    #[test]
    fn is_over_with_the_answer_on_tcp() {
        let mut rig = server_non_invite(Transport::Tcp);
        rig.respond(0, 200);
        assert!(rig.machine.is_terminated());
    }
}
