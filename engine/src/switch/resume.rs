//! Calls that are to be completed, after a restart.
//!
//! - What was asked of another system ended with the dialog of its subscription. It is asked afresh, the requests one
//!   [`APART`] from the other so that a start does not flood a trunk; there the later takes the place of the earlier.
//! - No answer, or one that speaks of a fault over there, leaves the request outstanding: who shares our power or our network
//!   comes back with us. It is asked again every [`AGAIN`] until the request expires.
//! - A refusal cancels the request (LINEDEVSTATE_COMPLCANCEL).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Switch;
use super::callback::{Completable, Elsewhere};
use super::completion::{Completion, Phase};
use super::ids::CompletionId;
use super::kept::{KeptCompletion, KeptElsewhere};
use super::outbox::Outbox;
use super::setup::LineKind;

/// Between one request and the next at a start.
const APART: Duration = Duration::from_millis(50);

/// When another system is asked again that did not answer.
const AGAIN: Duration = Duration::from_secs(60);

impl Switch {
    /// Takes back a request that was kept over a restart; `resumed` are those before it that ask another system.
    pub(super) fn restore_completion(&mut self, kept: KeptCompletion, resumed: &mut u32) {
        let KeptCompletion { id, line, called, number, awaits_use, expires, elsewhere } = kept;
        if !self.is_station(&line) || self.completions.get(id).is_some() {
            return;
        }
        let awaits = if awaits_use { Phase::AwaitsUse } else { Phase::Waits };
        let (called, phase, due, elsewhere) = match elsewhere {
            Some(kept) => {
                let Some(elsewhere) = self.restore_elsewhere(kept, awaits) else { return };
                let due = self.now + APART * *resumed;
                *resumed += 1;
                (called, Phase::Resumes, due, Some(elsewhere))
            }
            None if !self.is_station(&called) => return,
            // Whoever used the called line when the engine stopped does no more.
            None => (called, awaits, if awaits_use { expires } else { self.now }, None),
        };
        let due = due.min(expires);
        self.completions.put_back(id, Completion { line, called, number, phase, due, expires, elsewhere });
    }

    fn restore_elsewhere(&self, kept: KeptElsewhere, awaits: Phase) -> Option<Elsewhere> {
        let KeptElsewhere { trunk, number, offer } = kept;
        self.trunk(&trunk).filter(|trunk| !trunk.peers.is_empty())?;
        let offer = offer.map(|(offer, peer)| Completable { offer, peer });
        Some(Elsewhere::new((trunk, number), offer, None, awaits))
    }

    fn is_station(&self, address: &str) -> bool {
        self.lines.get(address).is_some_and(|line| line.kind != LineKind::Trunk)
    }

    /// Asks another system again for what it was asked before the restart.
    pub(super) fn resume_completion(&mut self, now: Instant, id: CompletionId, out: &mut Outbox) {
        let Some(completion) = self.completions.get(id) else { return };
        let Some(elsewhere) = completion.elsewhere.clone() else { return };
        let (line, left) = (Arc::clone(&completion.line), completion.expires.saturating_duration_since(now));
        match self.subscribe_elsewhere(&line, &elsewhere, left, out) {
            Some(usage) => {
                self.completions.set(id, Phase::Resumes, None);
                self.completions.set_usage(id, Some(usage));
            }
            // The trunk was taken out of the configuration meanwhile.
            None => self.cancel_completion(now, id, out),
        }
    }

    /// Another system did not answer.
    pub(super) fn resume_later(&mut self, now: Instant, id: CompletionId) {
        self.completions.set(id, Phase::Resumes, Some(now + AGAIN));
    }
}

/// Whether who answered so may answer otherwise later: nobody was there, or a fault.
pub(super) const fn may_come_back(status: u16) -> bool {
    matches!(status, 408 | 500..=599)
}
