//! Do not disturb and forwarding between a line and the keys of its phones, by CSTA: as `feature_sync.rs` does it by subscriptions.
//!
//! The line knows. A phone is told what differs from what it was told last or has said itself, when its session begins and when
//! the line changes.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::outbox::{Document, FeatureStates, FeatureWish, ForwardKind, ForwardState};
use trunkline_sip::package::csta::Service;

use super::session::Job;
use super::{CstaUse, Place};
use crate::switch::Switch;
use crate::switch::outbox::Outbox;

impl Switch {
    /// The phones of the line are to be told what it does by now.
    pub(in crate::switch) fn stir_features(&mut self, line: &Arc<str>) {
        if !self.csta.phones.is_empty() {
            self.csta.changed.insert(Arc::clone(line));
        }
    }

    /// Tells phones what has changed.
    pub(in crate::switch) fn show_changed_features(&mut self, now: Instant, out: &mut Outbox) {
        for line in mem::take(&mut self.csta.changed) {
            for place in self.csta.of_line(&line) {
                self.show_features(now, &place, out);
            }
        }
    }

    /// Tells a phone what it does not show yet.
    pub(super) fn show_features(&mut self, now: Instant, place: &Place, out: &mut Outbox) {
        if !self.csta.phones.get(place).is_some_and(|phone| phone.uses.contains(&CstaUse::Features)) {
            return;
        }
        let Some(Document::Features(states)) = self.feature_states(&place.0) else { return };
        let Some(session) = self.csta.session(place) else { return };
        let shown = session.shown.replace(states.clone());
        for service in self.differences(place, shown.as_deref(), &states) {
            if !self.serve_by_phone(now, place, service, Job::Upkeep, out) {
                // It is told all once it says something again.
                if let Some(session) = self.csta.session(place) {
                    session.shown = None;
                }
                return;
            }
        }
    }

    fn differences(
        &self,
        place: &Place,
        shown: Option<&FeatureStates>,
        states: &FeatureStates,
    ) -> Vec<Service> {
        let device = self.device(&place.0);
        let mut services = Vec::new();
        if shown.is_none_or(|shown| shown.do_not_disturb != states.do_not_disturb) {
            services.push(Service::SetDoNotDisturb(device.clone(), states.do_not_disturb));
        }
        for (at, (kind, state)) in ForwardKind::ALL.into_iter().zip(&states.forwards).enumerate() {
            let before = shown.and_then(|shown| shown.forwards.get(at));
            if !before.is_some_and(|before| is_same(kind, before, state)) {
                let to = state.to.as_ref().map(|to| self.device(to));
                let rings = rings(kind, state);
                services.push(Service::SetForwarding { device: device.clone(), kind, to, rings });
            }
        }
        services
    }

    /// A key of the phone was pressed; or the phone tells that it has done what it was told.
    pub(super) fn feature_pressed(
        &mut self,
        now: Instant,
        place: &Place,
        wish: &FeatureWish,
        out: &mut Outbox,
    ) {
        if !self.csta.phones.get(place).is_some_and(|phone| phone.uses.contains(&CstaUse::Features)) {
            return;
        }
        if let Some(shown) = self.csta.session(place).and_then(|session| session.shown.as_mut()) {
            note(shown, wish);
        }
        let Some(Document::Features(mut wanted)) = self.feature_states(&place.0) else { return };
        let states = wanted.clone();
        note(&mut wanted, wish);
        // An echo. And a phone that contradicts whatever it is told is not told for ever.
        if wanted == states || !self.wishes.admits(now, &place.0) {
            return;
        }
        // What cannot be done is not done, and the phone is told what holds.
        self.fulfil(&place.0, wish, out).ok();
        self.show_features(now, place, out);
    }
}

/// The number of rings, where it matters.
fn rings(kind: ForwardKind, state: &ForwardState) -> Option<u32> {
    (kind == ForwardKind::NoAnswer && state.to.is_some()).then_some(state.rings)
}

fn is_same(kind: ForwardKind, one: &ForwardState, other: &ForwardState) -> bool {
    one.to == other.to && rings(kind, one) == rings(kind, other)
}

/// What the phone shows by itself.
fn note(shown: &mut FeatureStates, wish: &FeatureWish) {
    match wish {
        FeatureWish::DoNotDisturb(is_on) => shown.do_not_disturb = *is_on,
        FeatureWish::Forward { kind, is_on, to, rings } => {
            let at = ForwardKind::ALL.iter().position(|known| known == kind);
            if let Some(state) = at.and_then(|at| shown.forwards.get_mut(at)) {
                state.to = is_on.then(|| to.clone());
                state.rings = rings.unwrap_or(state.rings);
            }
        }
    }
}
