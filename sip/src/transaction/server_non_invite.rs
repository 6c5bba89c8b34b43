//! The non-INVITE server transaction (RFC 3261 §17.2.2, Figure 8; RFC 4320 forbids a 408 here).
//!
//! ```text
//!  Trying ──1xx──▶ Proceeding ──200-699──▶ Completed ──J──▶ Terminated
//!                     └ request: repeat       └ request: repeat
//! ```

use std::time::Instant;

use bytes::Bytes;

use crate::outbox::{Outbox, Transmit};
use crate::timing::Timing;
use crate::transport::Flow;

/// One request other than INVITE and ACK that we received.
#[derive(Debug)]
pub struct ServerNonInvite {
    timing: Timing,
    state: State,
    flow: Flow,
    response: Bytes,
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
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// The request again.
    Request,
    /// The user answers with this status and message.
    Response(u16, Bytes),
    /// The deadline passed.
    Timeout,
}

impl ServerNonInvite {
    /// Waits for the first response. `flow` is where responses go.
    pub const fn new(flow: Flow, timing: Timing) -> Self {
        Self { timing, state: State::Trying, flow, response: Bytes::new(), expires_at: None }
    }

    /// Takes one input; what it asks to send is appended to `out`.
    pub fn handle(&mut self, now: Instant, input: Input, out: &mut Outbox) {
        match (self.state, input) {
            (State::Proceeding | State::Completed, Input::Request) => self.send(out),
            (State::Trying | State::Proceeding, Input::Response(status, response)) => {
                self.response = response;
                self.send(out);
                if status < 200 {
                    self.state = State::Proceeding;
                } else {
                    self.state = State::Completed;
                    self.expires_at = Some(now + self.timing.timer_j(self.flow.transport));
                    if self.flow.transport.is_reliable() {
                        self.terminate();
                    }
                }
            }
            (State::Completed, Input::Timeout) if self.expires_at.is_some_and(|at| at <= now) => {
                self.terminate()
            }
            (_, Input::Request | Input::Response(..) | Input::Timeout) => {}
        }
    }

    fn send(&self, out: &mut Outbox) {
        out.transmits.push(Transmit { flow: self.flow, bytes: self.response.clone() });
    }

    /// Whether it only waits for copies of what it has done with, until its deadline.
    pub const fn lingers(&self) -> bool {
        matches!(self.state, State::Completed)
    }

    /// When to call again if nothing arrives.
    pub const fn deadline(&self) -> Option<Instant> {
        self.expires_at
    }

    /// Where responses go.
    pub const fn flow(&self) -> Flow {
        self.flow
    }

    /// Whether no final response was sent.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Trying | State::Proceeding)
    }

    /// Whether it can be forgotten.
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    fn terminate(&mut self) {
        self.state = State::Terminated;
        self.expires_at = None;
        self.response = Bytes::new();
    }
}
