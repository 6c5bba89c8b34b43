//! The phone's transactions (RFC 3261 §17), as far as a phone needs them: what is sent again, and until when.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_sip::message::Method;

pub(super) const T1: Duration = Duration::from_millis(500);
pub(super) const T2: Duration = Duration::from_secs(4);
pub(super) const T1_64: Duration = Duration::from_secs(32);

/// Why a request was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    Bye,
    Cancel,
    Invite,
    Question,
    Refer,
    Register,
    Reinvite,
}

/// A request of ours that waits for its final response, or absorbs copies of it.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) branch: String,
    pub(super) method: Method,
    pub(super) purpose: Purpose,
    /// The call it belongs to; 0 for REGISTER.
    pub(super) call: u32,
    pub(super) request: Bytes,
    pub(super) to: SocketAddr,
    /// The ACK of a failed INVITE, repeated for each copy of the final response.
    pub(super) ack: Option<Bytes>,
    pub(super) is_proceeding: bool,
    pub(super) is_final: bool,
    interval: Duration,
    resend_at: Option<Instant>,
    ends_at: Option<Instant>,
}

/// What a due timer asks for.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Due {
    Nothing,
    Resend,
    /// Over: without a final response, if there was none.
    End,
}

impl Client {
    pub(super) fn new(
        now: Instant,
        (branch, method): (String, Method),
        (purpose, call): (Purpose, u32),
        (request, to): (Bytes, SocketAddr),
        is_reliable: bool,
    ) -> Self {
        Self {
            branch,
            method,
            purpose,
            call,
            request,
            to,
            ack: None,
            is_proceeding: false,
            is_final: false,
            interval: T1,
            resend_at: (!is_reliable).then(|| now + T1),
            ends_at: Some(now + T1_64),
        }
    }

    /// A provisional response: an INVITE is sent no more, another request each T2.
    pub(super) fn proceed(&mut self) {
        self.is_proceeding = true;
        if self.method == Method::Invite {
            self.resend_at = None;
            self.ends_at = None;
        } else {
            self.interval = T2;
        }
    }

    /// A final response: copies of it are absorbed for 32 s.
    pub(super) fn complete(&mut self, now: Instant, ack: Option<Bytes>) {
        self.is_final = true;
        self.ack = ack;
        self.resend_at = None;
        self.ends_at = Some(now + T1_64);
    }

    /// Gives up 64·T1 from here (RFC 3261 §9.1).
    pub(super) fn give_up(&mut self, now: Instant) {
        self.ends_at = Some(now + T1_64);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.resend_at, self.ends_at].into_iter().flatten().min()
    }

    pub(super) fn due(&mut self, now: Instant) -> Due {
        if self.ends_at.is_some_and(|at| at <= now) {
            return Due::End;
        }
        if self.resend_at.is_some_and(|at| at <= now) {
            self.interval *= 2;
            if self.method != Method::Invite {
                self.interval = self.interval.min(T2);
            }
            self.resend_at = Some(now + self.interval);
            return Due::Resend;
        }
        Due::Nothing
    }
}

/// A request from the other side and our last response to it.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) branch: String,
    pub(super) method: Method,
    pub(super) cseq: u32,
    /// The call it belongs to; 0 outside of one.
    pub(super) call: u32,
    pub(super) status: u16,
    pub(super) response: Bytes,
    pub(super) to: SocketAddr,
    interval: Duration,
    resend_at: Option<Instant>,
    ends_at: Option<Instant>,
}

impl Served {
    pub(super) fn new(
        (branch, method): (String, Method),
        cseq: u32,
        call: u32,
        status: u16,
        response: Bytes,
        to: SocketAddr,
    ) -> Self {
        Self {
            branch,
            method,
            cseq,
            call,
            status,
            response,
            to,
            interval: T1,
            resend_at: None,
            ends_at: None,
        }
    }

    /// Puts the response just sent in place, and starts the timers that its status asks for.
    pub(super) fn respond(&mut self, now: Instant, status: u16, response: Bytes, is_reliable: bool) {
        self.status = status;
        self.response = response;
        if status < 200 {
            return;
        }
        self.ends_at = Some(now + T1_64);
        let is_success = status < 300;
        if self.method == Method::Invite && (is_success || !is_reliable) {
            self.resend_at = Some(now + T1);
        }
    }

    /// Whether a final response to INVITE waits for its ACK.
    pub(super) const fn awaits_ack(&self) -> bool {
        self.resend_at.is_some()
    }

    /// The ACK came.
    pub(super) const fn acknowledge(&mut self) {
        self.resend_at = None;
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.resend_at, self.ends_at].into_iter().flatten().min()
    }

    pub(super) fn due(&mut self, now: Instant) -> Due {
        if self.ends_at.is_some_and(|at| at <= now) {
            return Due::End;
        }
        if self.resend_at.is_some_and(|at| at <= now) {
            self.interval = (self.interval * 2).min(T2);
            self.resend_at = Some(now + self.interval);
            return Due::Resend;
        }
        Due::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::phone::tests::epoch;

    fn sends(method: Method) -> Vec<u128> {
        let now = epoch();
        let to = "192.0.2.1:5060".parse().unwrap();
        let key = (String::new(), method);
        let mut client = Client::new(now, key, (Purpose::Invite, 1), (Bytes::new(), to), false);
        let mut sends = Vec::new();
        while let Some(at) = client.deadline() {
            match client.due(at) {
                Due::Resend => sends.push((at - now).as_millis()),
                Due::End => break,
                Due::Nothing => unreachable!("a deadline is due"),
            }
        }
        sends
    }

    #[test]
    fn an_invite_is_sent_seven_times_by_timer_a() {
        assert_eq!(sends(Method::Invite), [500, 1500, 3500, 7500, 15_500, 31_500]);
    }

    #[test]
    fn another_request_is_sent_each_t2_at_last_by_timer_e() {
        assert_eq!(sends(Method::Bye)[..5], [500, 1500, 3500, 7500, 11_500]);
        assert_eq!(sends(Method::Bye).len(), 10);
    }
}
