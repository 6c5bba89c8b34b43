//! The INVITE server transaction (RFC 3261 §17.2.1, Figure 7, with the Accepted state of RFC 6026 §7.1).
//!
//! ```text
//!  Proceeding ──300-699──▶ Completed ──ACK──▶ Confirmed ──I──▶ Terminated
//!      │ INVITE: repeat       │ G: repeat, H: no ACK ────────▶
//!      └──2xx──▶ Accepted ──L──────────────────────────────▶   (the 2xx itself is repeated by the session)
//! ```

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::outbox::{Outbox, Transmit};
use crate::timing::Timing;
use crate::transport::Flow;

/// One INVITE that we received.
#[derive(Debug)]
pub struct ServerInvite {
    timing: Timing,
    state: State,
    flow: Flow,
    response: Bytes,
    interval: Duration,
    retransmit_at: Option<Instant>,
    expires_at: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Proceeding,
    Completed,
    Confirmed,
    Accepted,
    Terminated,
}

/// What can happen to the transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// The INVITE again.
    Request,
    /// An ACK with the branch of the INVITE.
    Ack,
    /// The session answers with this status and message.
    Response(u16, Bytes),
    /// The deadline passed.
    Timeout,
}

/// What the transaction user has to do about an input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Verdict {
    /// Nothing.
    Absorbed,
    /// The ACK is for a 2xx: it belongs to the session.
    Deliver,
    /// No ACK came for a final response of 300 or more: Timer H.
    TimedOut,
}

impl ServerInvite {
    /// Waits for the first response. `flow` is where responses go.
    pub const fn new(flow: Flow, timing: Timing) -> Self {
        Self {
            timing,
            state: State::Proceeding,
            flow,
            response: Bytes::new(),
            interval: timing.t1,
            retransmit_at: None,
            expires_at: None,
        }
    }

    /// Takes one input; what it asks to send is appended to `out`.
    pub fn handle(&mut self, now: Instant, input: Input, out: &mut Outbox) -> Verdict {
        match (self.state, input) {
            (State::Proceeding | State::Completed, Input::Request) => self.send(out),
            (State::Proceeding, Input::Response(status, response)) => {
                self.respond(now, status, response, out)
            }
            (State::Completed, Input::Ack) => {
                self.state = State::Confirmed;
                self.response = Bytes::new();
                self.retransmit_at = None;
                self.expires_at = Some(now + self.timing.timer_i(self.flow.transport));
                if self.flow.transport.is_reliable() {
                    self.terminate();
                }
            }
            (State::Accepted, Input::Ack) => return Verdict::Deliver,
            (_, Input::Timeout) => return self.timeout(now, out),
            (_, Input::Request | Input::Ack | Input::Response(..)) => {}
        }
        Verdict::Absorbed
    }

    fn respond(&mut self, now: Instant, status: u16, response: Bytes, out: &mut Outbox) {
        self.response = response;
        self.send(out);
        match status {
            0..200 => {}
            200..300 => {
                self.state = State::Accepted;
                self.response = Bytes::new();
                self.expires_at = Some(now + self.timing.timeout());
            }
            300.. => {
                self.state = State::Completed;
                self.retransmit_at = (!self.flow.transport.is_reliable()).then(|| now + self.timing.t1);
                self.expires_at = Some(now + self.timing.timeout());
            }
        }
    }

    fn timeout(&mut self, now: Instant, out: &mut Outbox) -> Verdict {
        if self.expires_at.is_some_and(|at| at <= now) {
            let unacknowledged = self.state == State::Completed;
            self.terminate();
            return if unacknowledged { Verdict::TimedOut } else { Verdict::Absorbed };
        }
        if self.retransmit_at.is_some_and(|at| at <= now) {
            self.send(out);
            self.interval = self.timing.backed_off(self.interval);
            self.retransmit_at = Some(now + self.interval);
        }
        Verdict::Absorbed
    }

    fn send(&self, out: &mut Outbox) {
        if !self.response.is_empty() {
            out.transmits.push(Transmit { flow: self.flow, bytes: self.response.clone() });
        }
    }

    /// Whether it only waits for copies of what it has done with, until its deadline.
    pub const fn lingers(&self) -> bool {
        matches!(self.state, State::Confirmed | State::Accepted)
    }

    /// When to call again if nothing arrives.
    pub fn deadline(&self) -> Option<Instant> {
        self.retransmit_at.into_iter().chain(self.expires_at).min()
    }

    /// Where responses go.
    pub const fn flow(&self) -> Flow {
        self.flow
    }

    /// Whether no final response was sent.
    pub fn is_proceeding(&self) -> bool {
        self.state == State::Proceeding
    }

    /// Whether it can be forgotten.
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    fn terminate(&mut self) {
        self.state = State::Terminated;
        (self.retransmit_at, self.expires_at) = (None, None);
        self.response = Bytes::new();
    }
}
