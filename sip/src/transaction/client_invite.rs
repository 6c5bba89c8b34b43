//! The INVITE client transaction (RFC 3261 §17.1.1, Figure 5, with the Accepted state of RFC 6026 §7.2).
//!
//! ```text
//!  Calling ──1xx──▶ Proceeding ──300-699──▶ Completed ──D──▶ Terminated
//!     │ A: send again     └──2xx──▶ Accepted ──M──────────────▶
//!     └ B: timed out ─────────────────────────────────────────▶
//! ```

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::acknowledge;
use crate::message::Message;
use crate::outbox::{Outbox, Transmit};
use crate::timing::Timing;
use crate::transport::Flow;

/// One INVITE that we sent.
#[derive(Debug)]
pub struct ClientInvite {
    timing: Timing,
    state: State,
    flow: Flow,
    request: Bytes,
    ack: Bytes,
    interval: Duration,
    retransmit_at: Option<Instant>,
    expires_at: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Calling,
    Proceeding,
    Completed,
    Accepted,
    Terminated,
}

/// What can happen to the transaction.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A response with the branch of the request.
    Response(&'a Message),
    /// The deadline passed.
    Timeout,
    /// The transport could not deliver (RFC 3261 §17.1.4).
    TransportFailed,
}

/// What the transaction user has to do about an input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Verdict {
    /// Nothing.
    Absorbed,
    /// Take the response.
    Deliver,
    /// No response came: Timer B.
    TimedOut,
    /// The request could not be sent.
    Unsent,
}

impl ClientInvite {
    /// Sends the request and starts timers A (on an unreliable transport) and B.
    pub fn new(now: Instant, request: Bytes, flow: Flow, timing: Timing, out: &mut Outbox) -> Self {
        out.transmits.push(Transmit { flow, bytes: request.clone() });
        Self {
            timing,
            state: State::Calling,
            flow,
            request,
            ack: Bytes::new(),
            interval: timing.t1,
            retransmit_at: (!flow.transport.is_reliable()).then(|| now + timing.t1),
            expires_at: Some(now + timing.timeout()),
        }
    }

    /// Takes one input; what it asks to send is appended to `out`.
    pub fn handle(&mut self, now: Instant, input: Input<'_>, out: &mut Outbox) -> Verdict {
        match input {
            Input::Response(response) => self.response(now, response, out),
            Input::Timeout => self.timeout(now, out),
            Input::TransportFailed => match self.state {
                // Somebody answered: an ICMP error is a passing trouble, or forged.
                State::Proceeding if !self.flow.transport.is_reliable() => Verdict::Absorbed,
                State::Calling | State::Proceeding => {
                    self.terminate();
                    Verdict::Unsent
                }
                State::Completed | State::Accepted | State::Terminated => Verdict::Absorbed,
            },
        }
    }

    fn response(&mut self, now: Instant, response: &Message, out: &mut Outbox) -> Verdict {
        match (self.state, response.status()) {
            (State::Calling, 0..200) => {
                self.state = State::Proceeding;
                (self.retransmit_at, self.expires_at) = (None, None);
                Verdict::Deliver
            }
            (State::Proceeding, 0..200) => Verdict::Deliver,
            (State::Calling | State::Proceeding, 200..300) => {
                self.state = State::Accepted;
                self.request = Bytes::new();
                self.retransmit_at = None;
                self.expires_at = Some(now + self.timing.timeout());
                Verdict::Deliver
            }
            (State::Accepted, 200..300) => Verdict::Deliver,
            (State::Calling | State::Proceeding, _) => {
                self.ack = acknowledge::non_2xx(&self.request, response);
                self.request = Bytes::new();
                out.transmits.push(Transmit { flow: self.flow, bytes: self.ack.clone() });
                self.state = State::Completed;
                self.retransmit_at = None;
                self.expires_at = Some(now + self.timing.timer_d(self.flow.transport));
                if self.flow.transport.is_reliable() {
                    self.terminate();
                }
                Verdict::Deliver
            }
            (State::Completed, 300..) => {
                out.transmits.push(Transmit { flow: self.flow, bytes: self.ack.clone() });
                Verdict::Absorbed
            }
            (State::Completed | State::Accepted | State::Terminated, _) => Verdict::Absorbed,
        }
    }

    fn timeout(&mut self, now: Instant, out: &mut Outbox) -> Verdict {
        if self.expires_at.is_some_and(|at| at <= now) {
            let timed_out = matches!(self.state, State::Calling | State::Proceeding);
            self.terminate();
            return if timed_out { Verdict::TimedOut } else { Verdict::Absorbed };
        }
        if self.retransmit_at.is_some_and(|at| at <= now) {
            out.transmits.push(Transmit { flow: self.flow, bytes: self.request.clone() });
            self.interval = self.interval.saturating_mul(2);
            self.retransmit_at = Some(now + self.interval);
        }
        Verdict::Absorbed
    }

    /// Whether it only waits for copies of what it has done with, until its deadline.
    pub const fn lingers(&self) -> bool {
        matches!(self.state, State::Completed | State::Accepted)
    }

    /// When to call again if nothing arrives.
    pub fn deadline(&self) -> Option<Instant> {
        self.retransmit_at.into_iter().chain(self.expires_at).min()
    }

    /// A CANCEL was sent: without a final response the transaction ends after 64·T1 (RFC 3261 §9.1).
    pub fn cancelled(&mut self, now: Instant) {
        if matches!(self.state, State::Calling | State::Proceeding) {
            self.expires_at = Some(now + self.timing.timeout());
        }
    }

    /// The request as sent, until a final response came.
    pub const fn request(&self) -> &Bytes {
        &self.request
    }

    /// The hop it was sent to.
    pub const fn flow(&self) -> Flow {
        self.flow
    }

    /// Whether a response has come and no final one: the time at which a CANCEL is allowed.
    pub fn is_proceeding(&self) -> bool {
        self.state == State::Proceeding
    }

    /// Whether a 2xx came.
    pub fn is_accepted(&self) -> bool {
        self.state == State::Accepted
    }

    /// Whether it can be forgotten.
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    fn terminate(&mut self) {
        self.state = State::Terminated;
        (self.retransmit_at, self.expires_at) = (None, None);
        (self.request, self.ack) = (Bytes::new(), Bytes::new());
    }
}
