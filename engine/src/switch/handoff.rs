//! Ownership that changes hands: `lineHandoff`, `lineSetCallPrivilege`, `lineGetNewCalls`, and an application that is gone.
//!
//! Nothing of it is seen on the network. An application that is gone leaves its calls to the next owner; a call that nobody
//! is left to control is dropped after a while, unless a handset takes part in it.

use std::sync::Arc;
use std::time::Instant;

use super::Switch;
use super::call::Call;
use super::call_state::CallState;
use super::error::LineError;
use super::ids::{AppId, CallId};
use super::message::Message;
use super::operation::{HandoffTarget, Outcome};
use super::outbox::Outbox;
use super::privilege::CallPrivilege;
use super::request::Asker;
use super::setup::LineKind;
use super::timers::Timer;
use super::view::MediaMode;

impl Switch {
    /// `lineHandoff`: the target gets, or keeps, a handle as owner; the caller stays an owner until it lets go.
    pub(super) fn handoff(
        &mut self,
        asker: Asker,
        id: CallId,
        to: &HandoffTarget,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let call = self.calls.get(&id).ok_or(LineError::InvalCallHandle)?;
        let target = match to {
            HandoffTarget::App(name) => {
                let named = self.apps.iter().position(|app| *app.name == **name);
                let app = named.and_then(|index| u32::try_from(index).ok()).map(AppId);
                let opened = app.filter(|app| self.opened_as_owner(*app, &call.line));
                opened.ok_or(LineError::TargetNotFound)?
            }
            HandoffTarget::Media(mode) => {
                let first = self.owners_for(&call.line, *mode).next().ok_or(LineError::TargetNotFound)?;
                if first == asker.app {
                    return Err(LineError::TargetSelf);
                }
                first
            }
        };
        asker.done(out);
        if target != asker.app {
            self.give_ownership(id, target, out);
        }
        Ok(())
    }

    /// `lineSetCallPrivilege`.
    pub(super) fn set_call_privilege(
        &mut self,
        asker: Asker,
        id: CallId,
        privilege: CallPrivilege,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let call = self.calls.get(&id).ok_or(LineError::InvalCallHandle)?;
        let held = call.privilege(asker.app);
        let owners = call.handles.iter().filter(|(_, privilege)| *privilege == CallPrivilege::Owner).count();
        match privilege {
            CallPrivilege::None => return Err(LineError::InvalCallPrivilege),
            // The configuration says who may control at all.
            CallPrivilege::Owner if self.most_of(asker.app) != CallPrivilege::Owner && held != privilege => {
                return Err(LineError::InvalCallPrivilege);
            }
            // Nobody would be left to end the call.
            CallPrivilege::Monitor
                if held == CallPrivilege::Owner && owners == 1 && call.state != CallState::Idle =>
            {
                return Err(LineError::InvalCallState);
            }
            CallPrivilege::Monitor | CallPrivilege::Owner => {}
        }
        asker.done(out);
        if held != privilege {
            self.set_privilege(id, asker.app, privilege);
            let changed = if privilege == CallPrivilege::Owner { "numownerincr" } else { "numownerdecr" };
            self.tell_info(id, changed, Some(asker.app), out);
            self.tell_info(id, "nummonitors", Some(asker.app), out);
        }
        Ok(())
    }

    /// `lineGetNewCalls`: monitor handles for the calls of a line that the application has none to.
    pub(super) fn get_new_calls(
        &mut self,
        asker: Asker,
        line: &str,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let line = self.opened(asker.app, line)?;
        let unknown = |id: &CallId| {
            self.calls.get(id).is_some_and(|call| call.privilege(asker.app) == CallPrivilege::None)
        };
        let found: Vec<_> = line.calls.iter().copied().filter(unknown).collect();
        asker.reply(Ok(Outcome::Calls(found.clone())), out);
        for id in found {
            self.give_monitor(id, asker.app, out);
        }
        Ok(())
    }

    /// Gives an application a monitor's handle that it asked for; the others hear of one more.
    pub(super) fn give_monitor(&mut self, id: CallId, app: AppId, out: &mut Outbox) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if call.privilege(app) != CallPrivilege::None {
            return;
        }
        call.handles.push((app, CallPrivilege::Monitor));
        if let Some(app) = self.app_mut(app) {
            app.handles.insert(id);
        }
        self.tell_info(id, "nummonitors", Some(app), out);
    }

    /// An application is gone: its calls go to the next owner, or to nobody.
    pub(super) fn vanish(&mut self, now: Instant, app: AppId, out: &mut Outbox) {
        let handles = usize::try_from(app.0).ok().and_then(|index| self.apps.get(index));
        let held: Vec<_> = handles.map(|app| app.handles.iter().copied().collect()).unwrap_or_default();
        for id in held {
            self.release_handle(id, app, out);
            let Some(call) = self.calls.get(&id) else { continue };
            if call.is_owned() || call.state == CallState::Idle {
                continue;
            }
            let mode = call.media_modes.first().copied().unwrap_or(MediaMode::InteractiveVoice);
            let next = self.owners_for(&call.line, mode).find(|next| *next != app);
            match next {
                Some(next) => self.give_ownership(id, next, out),
                None if self.is_controlled_elsewhere(id) => {}
                None => self.timers.start(id, Timer::Orphan, now + self.setup.orphans_after),
            }
        }
    }

    /// Nobody took the call over in time.
    pub(super) fn drop_orphan(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        if self.calls.get(&id).is_some_and(|call| !call.is_owned()) {
            self.drop_call(now, id, out);
        }
    }

    /// Whether a person, or the network, ends the call without any application: a handset takes part in it, or it merely
    /// passes through.
    pub(super) fn is_controlled_elsewhere(&self, id: CallId) -> bool {
        self.calls.get(&id).is_some_and(|call| match call.kind {
            LineKind::Phone => !call.made || call.leg.is_some(),
            LineKind::Local => false,
            LineKind::Trunk => !call.made,
        })
    }

    /// Makes an application an owner: LINE_APPNEWCALL if it had no handle, then LINE_CALLSTATE with the privilege.
    fn give_ownership(&mut self, id: CallId, target: AppId, out: &mut Outbox) {
        let Some(call) = self.calls.get(&id) else { return };
        let (line, state, before) = (Arc::clone(&call.line), call.state, call.privilege(target));
        self.timers.stop(id, Timer::Orphan);
        self.set_privilege(id, target, CallPrivilege::Owner);
        let privilege = CallPrivilege::Owner;
        if before == CallPrivilege::None {
            out.messages.push((target, Message::NewCall { call: id, line: Arc::clone(&line), privilege }));
        }
        let privilege = Some(privilege);
        out.messages.push((target, Message::CallState { call: id, line, state, privilege }));
        if before != CallPrivilege::Owner {
            self.tell_info(id, "numownerincr", Some(target), out);
        }
        if before == CallPrivilege::Monitor {
            self.tell_info(id, "nummonitors", Some(target), out);
        }
    }

    fn set_privilege(&mut self, id: CallId, app: AppId, privilege: CallPrivilege) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        match call.handles.iter_mut().find(|(holder, _)| *holder == app) {
            Some(handle) => handle.1 = privilege,
            None => call.handles.push((app, privilege)),
        }
        if let Some(app) = self.app_mut(app) {
            app.handles.insert(id);
        }
    }

    pub(super) fn can_handoff(&self, _call: &Call) -> Result<(), LineError> {
        Ok(())
    }

    pub(super) fn can_set_call_privilege(&self, _call: &Call) -> Result<(), LineError> {
        Ok(())
    }
}
