//! What an application may ask of the switch, and how it is answered.

use std::sync::Arc;

use super::call_state::CallState;
use super::error::LineError;
use super::ids::CallId;

/// A TAPI function with its arguments. Handles are resolved by the switch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operation {
    /// `lineMakeCall`: call this address from this line.
    MakeCall {
        /// The line.
        line: Arc<str>,
        /// The destination in dialable format.
        to: String,
    },
    /// `lineAccept`.
    Accept(CallId),
    /// `lineAnswer`.
    Answer(CallId),
    /// `lineDrop`.
    Drop(CallId),
    /// `lineDeallocateCall`.
    DeallocateCall(CallId),
    /// `lineHold`.
    Hold(CallId),
    /// `lineUnhold`.
    Unhold(CallId),
}

/// An operation on a call, without its arguments: what privileges, states and capability bits speak of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(missing_docs, reason = "each variant is the TAPI function of its name")]
pub enum CallOperation {
    Accept,
    Answer,
    DeallocateCall,
    Drop,
    Hold,
    Unhold,
}

impl CallOperation {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 6] =
        [Self::Accept, Self::Answer, Self::DeallocateCall, Self::Drop, Self::Hold, Self::Unhold];

    /// The name in the API: the TAPI function's suffix in kebab case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Answer => "answer",
            Self::DeallocateCall => "deallocate-call",
            Self::Drop => "drop",
            Self::Hold => "hold",
            Self::Unhold => "unhold",
        }
    }
}

/// What a successful reply carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Nothing but success.
    Done,
    /// The call that came into being.
    Call(CallId),
}

/// Why an operation was refused, and what would have been allowed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{error}")]
pub struct Refusal {
    /// The LINEERR_ code.
    pub error: LineError,
    /// The state of the call, where there is one.
    pub state: Option<CallState>,
    /// What this application could do with the call at that moment.
    pub allowed: Vec<CallOperation>,
}

impl From<LineError> for Refusal {
    fn from(error: LineError) -> Self {
        Self { error, state: None, allowed: Vec::new() }
    }
}

/// How a request ends.
pub type Reply = Result<Outcome, Refusal>;
