//! Telling phones to look whether their configuration has changed: NOTIFY `check-sync`, which nobody subscribes to. Some vendors have
//! another name for it ([`vendor`]).

use std::time::Instant;

use trunkline_sip::outbox::{Command, Content, OutgoingMessage, Party};

use super::Switch;
use super::call::MAX_FORWARDS;
use super::error::LineError;
use super::outbox::Outbox;
use super::request::Asker;
use super::ring::contact;
use super::setup::LineKind;
use super::vendor;

impl Switch {
    /// Tells every phone of a line. What becomes of it no phone says.
    pub(super) fn check_sync(
        &mut self,
        now: Instant,
        asker: Asker,
        line: &str,
        reboot: bool,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let line = self.opened(asker.app, line)?;
        let (address, kind, name) = (line.address.clone(), line.kind, line.name.clone());
        if kind != LineKind::Phone {
            return Err(LineError::OperationUnavail);
        }
        if !self.opened_as_owner(asker.app, &address) {
            return Err(LineError::NotOwner);
        }
        let bindings = self.location.lookup(&address, now);
        if bindings.is_empty() {
            return Err(LineError::InvalLineState);
        }
        asker.done(out);
        let itself = Party { user: address.to_string(), host: self.setup.domain.clone(), name };
        for binding in bindings {
            let message = OutgoingMessage {
                target: contact(&binding).target,
                from: itself.clone(),
                to: itself.clone(),
                max_forwards: MAX_FORWARDS,
                content: Content::Event(vendor::check_sync(&self.setup.vendors, &binding.user_agent, reboot)),
            };
            let usage = self.next_usage();
            out.sip.push(Command::Message(usage, Box::new(message)));
        }
        Ok(())
    }
}
