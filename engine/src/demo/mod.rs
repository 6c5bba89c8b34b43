//! Scripted phones: a second, small SIP user agent that shares no protocol code with the engine but the reading of
//! headers, so that it can bear witness to what the engine does. `trunkline demo` and the scenarios drive it.

mod call;
mod challenge;
mod description;
mod dialog;
mod fax;
mod phone;
mod registration;
mod request;
mod run;
mod script;
mod serve;
mod stage;
mod stream;
#[cfg(test)]
mod tests;
mod transaction;
mod transfer;
mod voice;
mod wire;

pub use phone::{Notice, Phone, PhoneConfig, PhoneOutbox, RtpDatagram, Status};
pub use run::run;
pub use script::{HoldForm, OnInvite, Script};
pub use voice::{Heard, Sound};
