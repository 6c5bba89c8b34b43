//! The non-INVITE client transaction (RFC 3261 §17.1.2, Figure 6).
//!
//! ```text
//!  Trying ──1xx──▶ Proceeding ──200-699──▶ Completed ──K──▶ Terminated
//!     │ E: send again  │ E: every T2
//!     └────────────────┴ F: timed out ────────────────────▶
//! ```

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::outbox::{Outbox, Transmit};
use crate::timing::Timing;
use crate::transport::Flow;

pub use super::client_invite::Verdict;

/// One request other than INVITE and ACK that we sent.
#[derive(Debug)]
pub struct ClientNonInvite {
    timing: Timing,
    state: State,
    flow: Flow,
    request: Bytes,
    interval: Duration,
    retransmit_at: Option<Instant>,
    expires_at: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Trying,
    Proceeding,
    Completed,
    Terminated,
}

/// What can happen to the transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// A response with this status.
    Response(u16),
    /// The deadline passed.
    Timeout,
    /// The transport could not deliver (RFC 3261 §17.1.4).
    TransportFailed,
}

impl ClientNonInvite {
    /// Sends the request and starts timers E (on an unreliable transport) and F.
    pub fn new(now: Instant, request: Bytes, flow: Flow, timing: Timing, out: &mut Outbox) -> Self {
        out.transmits.push(Transmit { flow, bytes: request.clone() });
        let reliable = flow.transport.is_reliable();
        Self {
            timing,
            state: State::Trying,
            flow,
            request,
            interval: timing.t1,
            retransmit_at: (!reliable).then(|| now + timing.t1),
            expires_at: Some(now + timing.timeout()),
        }
    }

    /// Takes one input; what it asks to send is appended to `out`.
    pub fn handle(&mut self, now: Instant, input: Input, out: &mut Outbox) -> Verdict {
        match (self.state, input) {
            (State::Completed, Input::Timeout) => {
                if self.expires_at.is_some_and(|at| at <= now) {
                    self.terminate();
                }
                Verdict::Absorbed
            }
            (State::Completed | State::Terminated, _) => Verdict::Absorbed,
            (State::Trying | State::Proceeding, Input::Response(0..200)) => {
                self.state = State::Proceeding;
                self.interval = self.timing.t2;
                Verdict::Deliver
            }
            (State::Trying | State::Proceeding, Input::Response(_)) => {
                self.state = State::Completed;
                self.request = Bytes::new();
                self.retransmit_at = None;
                self.expires_at = Some(now + self.timing.timer_k(self.flow.transport));
                if self.flow.transport.is_reliable() {
                    self.terminate();
                }
                Verdict::Deliver
            }
            (State::Trying | State::Proceeding, Input::Timeout) => self.timeout(now, out),
            (State::Trying | State::Proceeding, Input::TransportFailed) => {
                self.terminate();
                Verdict::Unsent
            }
        }
    }

    fn timeout(&mut self, now: Instant, out: &mut Outbox) -> Verdict {
        if self.expires_at.is_some_and(|at| at <= now) {
            self.terminate();
            return Verdict::TimedOut;
        }
        if self.retransmit_at.is_some_and(|at| at <= now) {
            out.transmits.push(Transmit { flow: self.flow, bytes: self.request.clone() });
            self.interval = self.timing.backed_off(self.interval);
            self.retransmit_at = Some(now + self.interval);
        }
        Verdict::Absorbed
    }

    /// Whether it only waits for copies of what it has done with, until its deadline.
    pub const fn lingers(&self) -> bool {
        matches!(self.state, State::Completed)
    }

    /// When to call again if nothing arrives.
    pub fn deadline(&self) -> Option<Instant> {
        self.retransmit_at.into_iter().chain(self.expires_at).min()
    }

    /// The hop it was sent to.
    pub const fn flow(&self) -> Flow {
        self.flow
    }

    /// Whether it can be forgotten.
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    fn terminate(&mut self) {
        self.state = State::Terminated;
        (self.retransmit_at, self.expires_at) = (None, None);
        self.request = Bytes::new();
    }
}
