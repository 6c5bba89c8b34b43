//! Who holds handles to a call, and what they hear of it (TAPI: owners, monitors, LINE_APPNEWCALL, LINE_CALLSTATE).
//!
//! - An application that made the call is its sole owner; everybody else who opens the line monitors it.
//! - Any other call goes to the first application, in the order of the configuration, that opens the line as owner;
//!   everybody else who opens the line monitors it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::Switch;
use super::call::Call;
use super::call_state::CallState;
use super::ids::{AppId, CallId};
use super::line::{Line, occupies};
use super::message::Message;
use super::outbox::{Outbox, StateNote};
use super::privilege::CallPrivilege;
use super::report::{CallReport, advance};
use super::setup::LineKind;
use super::view::{CallOrigin, MediaMode};

/// Idle calls that are kept for one application until it deallocates them; beyond, the oldest handle is released.
pub(super) const IDLE_CALLS_MAX: usize = 1024;

/// One application.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct App {
    pub(super) name: Arc<str>,
    /// Calls that it holds a handle to.
    pub(super) handles: BTreeSet<CallId>,
    /// The idle ones of them, oldest first.
    idle: VecDeque<CallId>,
}

impl App {
    pub(super) const fn new(name: Arc<str>) -> Self {
        Self { name, handles: BTreeSet::new(), idle: VecDeque::new() }
    }
}

impl Switch {
    /// Puts a call in its place and gives out the handles. The maker, if an application made it, has been told by the
    /// reply to its request; everybody else is told here.
    pub(super) fn introduce(&mut self, call: Call, maker: Option<AppId>, out: &mut Outbox) -> CallId {
        let id = call.id;
        let state = call.state;
        let line = Arc::clone(&call.line);
        let owner = maker.or_else(|| self.owners_for(&line, MediaMode::InteractiveVoice).next());
        let handles = privileges(self.lines.of_call(&line), owner);
        let shown = if maker.is_some() { CallState::Unknown } else { state };
        self.conversations += u32::from(call.calls && occupies(state));
        let caller_id = self.caller_id(&call);
        self.calls.insert(id, Call { handles: handles.clone(), caller_id, ..call });
        for (app, privilege) in handles {
            if let Some(app) = self.app_mut(app) {
                app.handles.insert(id);
            }
            if Some(app) != maker {
                let line = Arc::clone(&line);
                out.messages.push((app, Message::NewCall { call: id, line: Arc::clone(&line), privilege }));
                let privilege = Some(privilege);
                out.messages.push((app, Message::CallState { call: id, line, state: shown, privilege }));
            }
        }
        if let Some(line) = self.lines.of_call_mut(&line) {
            line.calls.insert(id);
        }
        if maker.is_some() {
            self.tell_state(id, out);
        }
        self.note_state(id, out);
        self.ring_cycle(self.now, id, out);
        self.count(id, CallState::Idle, state, out);
        self.note_begin(id);
        self.dirty.insert(id);
        id
    }

    /// Moves a call by a report, and tells its holders.
    pub(super) fn report(&mut self, now: Instant, id: CallId, report: CallReport, out: &mut Outbox) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let before = call.state;
        let Some(state) = advance(before, report) else { return };
        call.state = state;
        call.since = now;
        if call.calls && occupies(before) && !occupies(state) {
            self.conversations = self.conversations.saturating_sub(1);
        }
        if call.calls && !occupies(before) && occupies(state) {
            self.conversations += 1;
        }
        self.dirty.insert(id);
        if matches!(state, CallState::Disconnected(_) | CallState::Idle) {
            self.stop_listening(id, out);
        }
        self.note_missed(id, before);
        self.tell_state(id, out);
        self.note_state(id, out);
        self.count(id, before, state, out);
        if state == CallState::Idle {
            self.retire(id);
        }
    }

    /// Tells every holder that something about the call changed; never after it is idle.
    pub(super) fn tell_info(&self, id: CallId, changed: &'static str, but: Option<AppId>, out: &mut Outbox) {
        let Some(call) = self.calls.get(&id).filter(|call| call.state != CallState::Idle) else { return };
        for (app, _) in call.handles.iter().filter(|(app, _)| Some(*app) != but) {
            out.messages.push((*app, Message::CallInfo { call: id, line: Arc::clone(&call.line), changed }));
        }
    }

    /// Takes back a handle. Whether it was there.
    pub(super) fn release_handle(&mut self, id: CallId, app: AppId, out: &mut Outbox) -> bool {
        let Some(call) = self.calls.get_mut(&id) else { return false };
        let Some(at) = call.handles.iter().position(|(holder, _)| *holder == app) else { return false };
        let (_, privilege) = call.handles.remove(at);
        if let Some(app) = self.app_mut(app) {
            app.handles.remove(&id);
            app.idle.retain(|idle| *idle != id);
        }
        self.dirty.insert(id);
        let changed = if privilege == CallPrivilege::Owner { "numownerdecr" } else { "nummonitors" };
        self.tell_info(id, changed, Some(app), out);
        true
    }

    /// Takes an idle call without holders out of the switch.
    pub(super) fn forget_if_unheld(&mut self, id: CallId) {
        let gone = |call: &Call| call.state == CallState::Idle && call.handles.is_empty();
        if self.calls.get(&id).is_some_and(gone) {
            self.calls.remove(&id);
            self.idle_calls -= 1;
        }
    }

    pub(super) fn app_mut(&mut self, app: AppId) -> Option<&mut App> {
        self.apps.get_mut(usize::try_from(app.0).ok()?)
    }

    /// What a call is at, for whoever looks at it afterwards.
    pub(super) fn note_state(&self, id: CallId, out: &mut Outbox) {
        if let Some(call) = self.calls.get(&id) {
            let (line, state) = (Arc::clone(&call.line), call.state);
            out.states.push(StateNote { call: id, line, state, leg: call.leg, peer: call.peer });
        }
    }

    fn tell_state(&self, id: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get(&id) else { return };
        for (app, _) in &call.handles {
            let line = Arc::clone(&call.line);
            out.messages
                .push((*app, Message::CallState { call: id, line, state: call.state, privilege: None }));
        }
    }

    fn count(&mut self, id: CallId, from: CallState, to: CallState, out: &mut Outbox) {
        let Some(call) = self.calls.get(&id) else { return };
        self.completions.stir(&call.line);
        let Some(line) = self.lines.of_call_mut(&call.line) else { return };
        let occupied = line.occupied;
        let changed = line.count(from, to);
        if call.kind == LineKind::Trunk && call.origin == CallOrigin::Conference {
            // The parent of a conference takes no channel: its members do.
            line.occupied = occupied;
        }
        if changed {
            for app in line.listeners("numcalls") {
                let message = Message::AddressState { line: Arc::clone(&line.address), calls: line.counts };
                out.messages.push((app, message));
            }
        }
    }

    /// The call became idle: it leaves its line, and waits for its holders to deallocate it.
    fn retire(&mut self, id: CallId) {
        self.idle_calls += 1;
        self.uncleared.remove(&id);
        self.timers.stop_all(id);
        let Some(call) = self.calls.get(&id) else { return };
        self.lines.remove_call(&call.line, id);
        let holders: Vec<_> = call.handles.iter().map(|(app, _)| *app).collect();
        for holder in holders {
            let Some(app) = self.app_mut(holder) else { continue };
            app.idle.push_back(id);
            let oldest = if app.idle.len() > IDLE_CALLS_MAX { app.idle.pop_front() } else { None };
            if let Some(oldest) = oldest {
                app.handles.remove(&oldest);
                if let Some(call) = self.calls.get_mut(&oldest) {
                    call.handles.retain(|(app, _)| *app != holder);
                }
                self.forget_if_unheld(oldest);
            }
        }
    }
}

fn privileges(line: Option<&Line>, owner: Option<AppId>) -> Vec<(AppId, CallPrivilege)> {
    let watchers = line.map_or(&[][..], |line| &line.watchers);
    watchers
        .iter()
        .filter_map(|(app, privilege)| match privilege {
            _ if Some(*app) == owner => Some((*app, CallPrivilege::Owner)),
            CallPrivilege::None => None,
            CallPrivilege::Monitor | CallPrivilege::Owner => Some((*app, CallPrivilege::Monitor)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use trunkline_sip::outbox::Peer;

    use super::*;
    use crate::switch::line::Lines;
    use crate::switch::rig;

    #[test]
    fn the_first_owner_of_the_configuration_gets_a_call_that_nobody_made() {
        let mut rig = rig::Rig::new();
        rig.call_in(Peer::Line("1001".into()), "1003", Some(rig::USUAL));
        let privilege = |app| rig.switch.call(app, CallId(1)).unwrap().privilege;
        assert_eq!(
            [privilege(rig::CRM), privilege(rig::WALLBOARD)],
            [CallPrivilege::Owner, CallPrivilege::Monitor]
        );
    }

    #[test]
    fn who_made_the_call_is_its_sole_owner() {
        let lines = Lines::new(&rig::setup());
        let handles = privileges(lines.get("1001"), Some(rig::WALLBOARD));
        assert_eq!(handles, [(rig::CRM, CallPrivilege::Monitor), (rig::WALLBOARD, CallPrivilege::Owner)]);
    }
}
