//! Do not disturb and forwarding between a line and the keys of its phones (as-feature-event).
//!
//! The line knows; phones show what it knows. Whoever changes it, a phone, an application or a feature code, all phones of the
//! line are told.

use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::UsageId;
use trunkline_sip::outbox::{
    Command, Document, FeatureStates, FeatureWish, ForwardKind, ForwardState, Package,
};

use super::Switch;
use super::error::LineError;
use super::forward::{ForwardMode, Forwarding};
use super::outbox::Outbox;
use super::setup::LineKind;

/// Changes that the phones of one line may make in a minute. Further ones are not carried out.
pub(super) const WISHES_MAX: u32 = 10;

const fn mode(kind: ForwardKind) -> ForwardMode {
    match kind {
        ForwardKind::Immediate => ForwardMode::Uncond,
        ForwardKind::Busy => ForwardMode::Busy,
        ForwardKind::NoAnswer => ForwardMode::NoAnsw,
    }
}

impl Switch {
    /// What the phones of a line are to show. Entries that apply to some callers alone have no key.
    pub(super) fn feature_states(&self, line: &str) -> Option<Document> {
        let line = self.lines.get(line).filter(|line| line.kind == LineKind::Phone)?;
        let forwarding = self.forwarding(&line.address).cloned().unwrap_or_default();
        let Forwarding { entries, rings } = forwarding;
        let sent_to = |wanted: ForwardMode| {
            let entry = entries.iter().find(|entry| entry.mode == wanted && entry.destination.is_some());
            entry.and_then(|entry| entry.destination.as_deref().map(str::to_owned))
        };
        let forwards = ForwardKind::ALL.map(|kind| {
            let both = || match kind {
                ForwardKind::Immediate => None,
                ForwardKind::Busy | ForwardKind::NoAnswer => sent_to(ForwardMode::BusyNa),
            };
            ForwardState { to: sent_to(mode(kind)).or_else(both), rings }
        });
        Some(Document::Features(Box::new(FeatureStates {
            device: line.address.to_string(),
            do_not_disturb: self.does_not_disturb(&line.address),
            forwards,
        })))
    }

    /// A phone wants one of them changed. It is told in any case what holds by then.
    pub(super) fn wished(&mut self, now: Instant, usage: UsageId, wish: &FeatureWish, out: &mut Outbox) {
        let Some((Package::Features, line)) = self.watches.subject_of(usage) else { return };
        if self.wishes.admits(now, &line) {
            // What cannot be done is not done, and that is told.
            self.fulfil(&line, wish, out).ok();
        }
        if let Some(document) = self.feature_states(&line) {
            self.watches.note_told(usage, &document);
            out.sip.push(Command::NotifySubscriber(usage, Box::new(document), false));
        }
    }

    pub(super) fn fulfil(
        &mut self,
        line: &Arc<str>,
        wish: &FeatureWish,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        match wish {
            FeatureWish::DoNotDisturb(wanted) => {
                self.set_do_not_disturb(line, *wanted, out);
                Ok(())
            }
            FeatureWish::Forward { is_on: true, to, .. } if to.is_empty() => Err(LineError::InvalAddress),
            FeatureWish::Forward { kind, is_on, to, rings } => {
                let number = is_on.then_some(to.as_str());
                self.forward_by_phone(line, mode(*kind), number, *rings, out)
            }
        }
    }
}
