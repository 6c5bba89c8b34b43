//! The switch: lines, calls, routes and applications with the semantics of TAPI, as one value on one thread.

pub mod call_state;
pub mod error;
pub mod ids;
pub mod message;
pub mod operation;
pub mod outbox;
pub mod privilege;
pub mod setup;
pub mod view;

use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::location::Location;
use trunkline_sip::outbox::Event as SipEvent;

pub use call_state::{BusyMode, CallState, ConnectedMode, DisconnectMode, OfferingMode, SpecialInfo};
pub use error::LineError;
pub use ids::{AppId, CallId, RequestId};
pub use message::Message;
pub use operation::{CallOperation, Operation, Outcome, Refusal, Reply};
pub use outbox::Outbox;
pub use privilege::CallPrivilege;
pub use setup::{LineKind, Setup};
pub use view::{CallOrigin, CallReason, CallView, Gauges, LineView, PartyView, TrunkView};

/// The switch. It computes and nothing else: time comes in as `now`, everything to be done goes into the [`Outbox`].
#[derive(Debug)]
pub struct Switch {
    setup: Setup,
    location: Arc<Location>,
}

#[expect(clippy::todo, unused_variables, reason = "signatures first")]
impl Switch {
    /// A switch without calls. `seed` feeds its random numbers, `epoch` is the first `now`.
    pub fn new(setup: Setup, location: Arc<Location>, seed: [u8; 32], epoch: Instant) -> Self {
        Self { setup, location }
    }

    /// Takes a changed set-up. Calls that are up stay as they are.
    pub fn reconfigure(&mut self, now: Instant, setup: Setup, out: &mut Outbox) {
        todo!()
    }

    /// Takes an application's request. Exactly one [`Message::Reply`] follows, at once or later.
    pub fn request(
        &mut self,
        now: Instant,
        app: AppId,
        request: RequestId,
        operation: Operation,
        out: &mut Outbox,
    ) {
        todo!()
    }

    /// Takes what a SIP agent tells.
    pub fn sip(&mut self, now: Instant, event: SipEvent, out: &mut Outbox) {
        todo!()
    }

    /// Takes what a media worker tells.
    pub fn media(&mut self, now: Instant, event: trunkline_media::Event, out: &mut Outbox) {
        todo!()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        todo!()
    }

    /// When to call [`Self::handle_timeout`] if nothing arrives before.
    pub fn deadline(&self) -> Option<Instant> {
        todo!()
    }

    /// Takes no more calls (503 with Retry-After); calls that are up go on.
    pub fn drain(&mut self, now: Instant, out: &mut Outbox) {
        todo!()
    }

    /// The lines that the application opens, in the order of the configuration, trunks last.
    pub fn lines(&self, app: AppId) -> Vec<LineView> {
        todo!()
    }

    /// One line.
    pub fn line(&self, app: AppId, address: &str) -> Option<LineView> {
        todo!()
    }

    /// The calls that the application holds a handle to.
    pub fn calls(&self, app: AppId) -> Vec<CallView> {
        todo!()
    }

    /// One call.
    pub fn call(&self, app: AppId, call: CallId) -> Option<CallView> {
        todo!()
    }

    /// The trunks, in the order of the configuration.
    pub fn trunks(&self) -> Vec<TrunkView> {
        todo!()
    }

    /// What the switch holds.
    pub fn gauges(&self) -> Gauges {
        todo!()
    }
}
