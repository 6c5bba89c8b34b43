//! Legs that outlive the process.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::{Agent, INCOMING_SERIAL};
use crate::auth::Credentials;
use crate::dialog::KeptDialog;
use crate::ids::LegId;
use crate::session::Leg;

impl Agent {
    /// Takes back an answered leg that was kept, before the first input: from here on its dialog is understood, and commands
    /// for it are obeyed. Its owner is told nothing. `credentials` answer
    /// challenges of the peer whose host stands beside them. `false`: it belongs to
    /// another worker, or is here already.
    pub fn restore(
        &mut self,
        now: Instant,
        id: LegId,
        kept: &KeptDialog,
        credentials: Option<(Arc<Credentials>, IpAddr)>,
    ) -> bool {
        let worker = self.endpoint.config.worker;
        let is_ours = id.worker() == worker && kept.tag.worker == worker;
        let is_taken = self.legs.contains_key(&id) || self.tags.contains_key(&kept.tag);
        if !is_ours || is_taken || self.is_full() {
            return false;
        }
        if id.0 & INCOMING_SERIAL != 0 {
            self.serial = self.serial.max(id.0 & (INCOMING_SERIAL - 1));
        }
        let leg = Leg::restored(now, id, kept, credentials, &mut self.endpoint);
        self.admit(leg);
        true
    }
}
