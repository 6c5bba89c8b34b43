//! Lines that applications open and close, for which calls, and what they want to hear of them (`lineOpen`, `lineClose`,
//! `lineSetAppPriority`, `lineSetStatusMessages`).
//!
//! The configuration opens its lines for an application at the start, with the most that it may have; the application may
//! close them and open them with less.

use std::time::Instant;

use super::Switch;
use super::call_state::CallState;
use super::error::LineError;
use super::ids::AppId;
use super::line::Line;
use super::message::Message;
use super::outbox::Outbox;
use super::privilege::CallPrivilege;
use super::request::Asker;
use super::view::MediaMode;

/// LINEDEVSTATE_ that are told, to who asks for them.
pub(crate) const LINE_STATES: [&str; 11] = [
    "ringing",
    "numcalls",
    "numcompletions",
    "complcancel",
    "open",
    "close",
    "inservice",
    "outofservice",
    "translatechange",
    "msgwaiton",
    "msgwaitoff",
];

/// LINEADDRESSSTATE_ that are told.
pub(crate) const ADDRESS_STATES: [&str; 2] = ["numcalls", "forward"];

/// What an application wants to hear of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Interest {
    /// What it takes as owner.
    pub(super) media_modes: Vec<MediaMode>,
    /// LINEDEVSTATE_.
    pub(super) line_states: Vec<&'static str>,
    /// LINEADDRESSSTATE_.
    pub(super) address_states: Vec<&'static str>,
}

impl Default for Interest {
    fn default() -> Self {
        Self {
            media_modes: vec![MediaMode::InteractiveVoice],
            line_states: Vec::new(),
            address_states: ADDRESS_STATES.to_vec(),
        }
    }
}

impl Switch {
    /// `lineOpen`.
    pub(super) fn open_line(
        &mut self,
        asker: Asker,
        line: &str,
        privilege: CallPrivilege,
        media_modes: Vec<MediaMode>,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let app = asker.app;
        let index = usize::try_from(app.0).map_err(|_| LineError::Uninitialized)?;
        let setup = self.setup.apps.get(index).ok_or(LineError::Uninitialized)?;
        let allowed = setup.lines.iter().any(|allowed| allowed == "*" || allowed == line);
        let most = setup.privilege;
        let known = self.lines.get(line).filter(|_| allowed).ok_or(LineError::InvalLineHandle)?;
        if privilege > most {
            return Err(LineError::InvalPrivSelect);
        }
        let address = std::sync::Arc::clone(&known.address);
        asker.done(out);
        let order = self.setup.apps.len();
        let Some(line) = self.lines.get_mut(&address) else { return Ok(()) };
        match line.watchers.iter_mut().find(|(watcher, _)| *watcher == app) {
            Some(watcher) => watcher.1 = privilege,
            None => {
                debug_assert!(line.watchers.len() < order, "an application opens a line once");
                line.watchers.push((app, privilege));
            }
        }
        let interest = line.interests.entry(app).or_default();
        if !media_modes.is_empty() {
            interest.media_modes = media_modes;
        }
        self.tell_line_state(&address, "open", 0, 0, Some(app), out);
        Ok(())
    }

    /// `lineClose`: handles are gone; calls of which the application was the sole owner are dropped.
    pub(super) fn close_line(
        &mut self,
        now: Instant,
        asker: Asker,
        line: &str,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let line = self.opened(asker.app, line)?;
        let address = std::sync::Arc::clone(&line.address);
        asker.done(out);
        let of_line = |id: &super::ids::CallId| self.calls.get(id).is_some_and(|call| call.line == address);
        let index = usize::try_from(asker.app.0).unwrap_or(usize::MAX);
        let held: Vec<_> = self
            .apps
            .get(index)
            .into_iter()
            .flat_map(|app| app.handles.iter().copied())
            .filter(of_line)
            .collect();
        for id in held {
            let owned =
                self.calls.get(&id).is_some_and(|call| call.privilege(asker.app) == CallPrivilege::Owner);
            self.release_handle(id, asker.app, out);
            let Some(call) = self.calls.get(&id) else { continue };
            if owned && !call.is_owned() && call.state != CallState::Idle {
                self.drop_call(now, id, out);
            }
        }
        if let Some(line) = self.lines.get_mut(&address) {
            line.watchers.retain(|(watcher, _)| *watcher != asker.app);
            line.interests.remove(&asker.app);
        }
        self.tell_line_state(&address, "close", 0, 0, None, out);
        Ok(())
    }

    /// `lineSetStatusMessages`.
    pub(super) fn set_status_messages(
        &mut self,
        asker: Asker,
        line: &str,
        line_states: &[String],
        address_states: &[String],
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let address = std::sync::Arc::clone(&self.opened(asker.app, line)?.address);
        let line_states = known(line_states, &LINE_STATES).ok_or(LineError::InvalLineState)?;
        let address_states = known(address_states, &ADDRESS_STATES).ok_or(LineError::InvalAddressState)?;
        asker.done(out);
        if let Some(line) = self.lines.get_mut(&address) {
            let interest = line.interests.entry(asker.app).or_default();
            interest.line_states = line_states;
            interest.address_states = address_states;
        }
        Ok(())
    }

    /// `lineSetAppPriority`: who is asked first to own calls of this media mode.
    pub(super) fn set_app_priority(
        &mut self,
        asker: Asker,
        name: &str,
        media_mode: MediaMode,
        priority: u32,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let named = self.apps.iter().position(|app| *app.name == *name);
        let app = named.and_then(|index| u32::try_from(index).ok()).map(AppId);
        let app = app.ok_or(LineError::InvalAppName)?;
        if priority > 1 {
            return Err(LineError::InvalParam);
        }
        asker.done(out);
        let order = self.priorities.entry(media_mode).or_default();
        order.retain(|(listed, _)| *listed != app);
        order.insert(0, (app, priority == 1));
        Ok(())
    }

    /// The applications that own calls of this mode on a line, the first first.
    pub(super) fn owners_for(&self, line: &str, mode: MediaMode) -> impl Iterator<Item = AppId> {
        let mut owners: Vec<AppId> =
            self.lines.of_call(line).map(|line| line.owners(mode).collect()).unwrap_or_default();
        if let Some(order) = self.priorities.get(&mode) {
            let rank = |app: &AppId| order.iter().position(|(listed, _)| listed == app);
            owners.retain(|app| rank(app).is_none_or(|at| order[at].1));
            owners.sort_by_key(|app| rank(app).unwrap_or(usize::MAX));
        }
        owners.into_iter()
    }

    pub(super) fn opened_as_owner(&self, app: AppId, line: &str) -> bool {
        let line = self.lines.of_call(line);
        line.is_some_and(|line| line.watchers.contains(&(app, CallPrivilege::Owner)))
    }

    /// The most that the configuration lets an application have.
    pub(super) fn most_of(&self, app: AppId) -> CallPrivilege {
        let setup = usize::try_from(app.0).ok().and_then(|index| self.setup.apps.get(index));
        setup.map_or(CallPrivilege::None, |setup| setup.privilege)
    }

    /// LINE_LINEDEVSTATE, to who asked for it.
    pub(super) fn tell_line_state(
        &self,
        address: &str,
        state: &'static str,
        detail: u32,
        count: u32,
        but: Option<AppId>,
        out: &mut Outbox,
    ) {
        let Some(line) = self.lines.get(address) else { return };
        for (app, interest) in line.interests.iter().filter(|(app, _)| Some(**app) != but) {
            if interest.line_states.contains(&state) {
                let line = std::sync::Arc::clone(&line.address);
                out.messages.push((*app, Message::LineState { line, state, detail, count }));
            }
        }
    }
}

impl Line {
    /// Who opened the line as owner for this mode, in the order of the configuration.
    fn owners(&self, mode: MediaMode) -> impl Iterator<Item = AppId> {
        let takes = move |app: &AppId| match self.interests.get(app) {
            Some(interest) => interest.media_modes.contains(&mode),
            None => mode == MediaMode::InteractiveVoice,
        };
        let owners = self.watchers.iter().filter(|(_, privilege)| *privilege == CallPrivilege::Owner);
        owners.map(|(app, _)| *app).filter(takes)
    }

    /// Who wants to hear of a LINEADDRESSSTATE_.
    pub(super) fn listeners(&self, state: &'static str) -> impl Iterator<Item = AppId> {
        let wants = move |app: &AppId| {
            self.interests.get(app).is_none_or(|interest| interest.address_states.contains(&state))
        };
        let watching = self.watchers.iter().filter(|(_, privilege)| *privilege != CallPrivilege::None);
        watching.map(|(app, _)| *app).filter(wants)
    }
}

fn known(named: &[String], all: &[&'static str]) -> Option<Vec<&'static str>> {
    named.iter().map(|name| all.iter().find(|known| *known == name).copied()).collect()
}
