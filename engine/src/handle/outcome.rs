//! What a reply carries, taken out of it. A reply of another kind than its operation's cannot come.

use trunkline_media::ForkId;

use crate::switch::error::LineError;
use crate::switch::ids::CallId;
use crate::switch::operation::{Outcome, Refusal};
use crate::translate::Translation;

/// The call that came into being.
pub(super) fn call(outcome: Outcome) -> Result<CallId, Refusal> {
    let Outcome::Call(call) = outcome else { return Err(foreign()) };
    Ok(call)
}

/// The consultation call that came into being.
pub(super) fn consult(outcome: Outcome) -> Result<CallId, Refusal> {
    let Outcome::Consult(consult) = outcome else { return Err(foreign()) };
    Ok(consult)
}

/// The conference that came into being, and its consultation call.
pub(super) fn conference(outcome: Outcome) -> Result<(CallId, Option<CallId>), Refusal> {
    let Outcome::Conference { conference, consult } = outcome else { return Err(foreign()) };
    Ok((conference, consult))
}

/// Where the call is parked.
pub(super) fn parked(outcome: Outcome) -> Result<String, Refusal> {
    let Outcome::Parked(address) = outcome else { return Err(foreign()) };
    Ok(address)
}

/// The file of the recording that began.
pub(super) fn recording(outcome: Outcome) -> Result<String, Refusal> {
    let Outcome::Recording(path) = outcome else { return Err(foreign()) };
    Ok(path.to_string())
}

/// The fork that began.
pub(super) fn fork(outcome: Outcome) -> Result<ForkId, Refusal> {
    let Outcome::Fork(fork) = outcome else { return Err(foreign()) };
    Ok(fork)
}

/// The calls that were asked for.
pub(super) fn calls(outcome: Outcome) -> Result<Vec<CallId>, Refusal> {
    let Outcome::Calls(calls) = outcome else { return Err(foreign()) };
    Ok(calls)
}

/// What to dial and what to show.
pub(super) fn translated(outcome: Outcome) -> Result<Translation, Refusal> {
    let Outcome::Translated(translation) = outcome else { return Err(foreign()) };
    Ok(*translation)
}

fn foreign() -> Refusal {
    LineError::OperationFailed.into()
}
