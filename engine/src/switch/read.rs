//! The read side: copies of what is, as one application may see it.

use std::sync::Arc;

use super::Switch;
use super::call::Call;
use super::forward::RINGS_DEFAULT;
use super::ids::{AppId, CallId};
use super::line::Line;
use super::operation::LineOperation;
use super::pickup::picks_up_from;
use super::setup::LineKind;
use super::view::{CallView, Gauges, LineView, TrunkView};

impl Switch {
    /// The lines that the application opens, in the order of the configuration, trunks last.
    pub fn lines(&self, app: AppId) -> Vec<LineView> {
        let alerting = self.stations_to_pick_up_from();
        self.lines.iter().filter_map(|line| self.line_view(app, line, &alerting)).collect()
    }

    /// One line that the application opens.
    pub fn line(&self, app: AppId, address: &str) -> Option<LineView> {
        self.line_view(app, self.lines.get(address)?, &self.stations_to_pick_up_from())
    }

    /// The calls that the application holds a handle to, oldest first.
    pub fn calls(&self, app: AppId) -> Vec<CallView> {
        let handles = usize::try_from(app.0).ok().and_then(|index| self.apps.get(index));
        let handles = handles.into_iter().flat_map(|app| app.handles.iter());
        handles.filter_map(|id| self.call(app, *id)).collect()
    }

    /// One call that the application holds a handle to.
    pub fn call(&self, app: AppId, call: CallId) -> Option<CallView> {
        let call = self.calls.get(&call)?;
        call.handles.iter().any(|(holder, _)| *holder == app).then(|| self.call_view(app, call))
    }

    /// The trunks, in the order of the configuration.
    pub fn trunks(&self) -> Vec<TrunkView> {
        let trunks = self.setup.trunks.iter();
        trunks
            .map(|trunk| TrunkView {
                name: Arc::clone(&trunk.name),
                domain: trunk.domain.clone(),
                calls: self.lines.get(&trunk.name).map_or(0, |line| line.occupied),
                calls_max: trunk.calls_max,
                is_in_service: self.is_in_service(trunk),
                registration: self.registration_view(trunk),
                calls_per_second: trunk.calls_per_second,
                places: self.places_view(trunk),
            })
            .collect()
    }

    /// RTP port pairs that there are for calls.
    pub fn media_ports_max(&self) -> usize {
        self.media.ports_max()
    }

    /// What the switch holds. Read after every input, so nothing is counted here.
    pub fn gauges(&self) -> Gauges {
        Gauges {
            calls: self.calls.len() - self.idle_calls,
            calls_idle: self.idle_calls,
            legs: self.legs.len(),
            media_legs: self.media.legs(),
            media_ports_in_use: self.media.ports_in_use(),
            conferences: self.conferences.len(),
            parked: self.slots.len(),
            completions: self.completions.len(),
            watches: self.watches.len(),
            recordings: self.recordings.len(),
            forks: self.forks.len(),
            csta_sessions: self.csta.open(),
        }
    }

    fn line_view(&self, app: AppId, line: &Line, alerting: &[&Line]) -> Option<LineView> {
        line.watchers.iter().find(|(watcher, _)| *watcher == app)?;
        let contacts = match line.kind {
            LineKind::Phone => self.location.bindings(&line.address, self.now).len(),
            LineKind::Local | LineKind::Trunk => 0,
        };
        let registered = match line.kind {
            LineKind::Phone => contacts > 0,
            LineKind::Local => true,
            LineKind::Trunk => self.trunk(&line.address).is_some_and(|trunk| self.is_in_service(trunk)),
        };
        let held = |id: &&CallId| {
            self.calls.get(id).is_some_and(|call| call.handles.iter().any(|(holder, _)| *holder == app))
        };
        let can_call = self.can_make_call(line, registered);
        let forwarding = self.forwarding(&line.address);
        Some(LineView {
            address: Arc::clone(&line.address),
            name: line.name.clone(),
            kind: line.kind,
            registered,
            contacts,
            calls: line.calls.iter().filter(held).copied().collect(),
            forwarding: forwarding.map(|forwarding| forwarding.entries.clone()).unwrap_or_default(),
            rings: forwarding.map_or(RINGS_DEFAULT, |forwarding| forwarding.rings),
            completions: self.completions.of_line(&line.address).collect(),
            messages: self.messages_of(&line.address),
            features: self.line_features(line, can_call, alerting),
        })
    }

    fn line_features(&self, line: &Line, can_call: bool, alerting: &[&Line]) -> Vec<&'static str> {
        let is_fetching = self.can_fetch(self.now, &line.address, line.kind).is_ok();
        let waits = is_fetching && self.somebody_waits();
        let uncompletes = self.completions.of_line(&line.address).next().is_some();
        let features = [
            (LineOperation::Forward, line.kind != LineKind::Trunk),
            (LineOperation::GetNewCalls, true),
            (LineOperation::MakeCall, can_call),
            (LineOperation::Pickup, waits || (is_fetching && picks_up_from(line, alerting))),
            (LineOperation::SetupConference, can_call),
            (LineOperation::TranslateAddress, true),
            (LineOperation::UncompleteCall, uncompletes),
            (LineOperation::Unpark, waits),
        ];
        features.into_iter().filter(|(_, can)| *can).map(|(operation, _)| operation.name()).collect()
    }

    fn can_make_call(&self, line: &Line, registered: bool) -> bool {
        let full = self.trunk(&line.address).is_some_and(|trunk| !self.has_room(trunk));
        // Many carriers take calls of who is not registered, too.
        let reachable = registered || line.kind == LineKind::Trunk;
        reachable && !full && !self.draining && self.conversations < self.setup.calls_max
    }

    fn call_view(&self, app: AppId, call: &Call) -> CallView {
        CallView {
            id: call.id,
            line: Arc::clone(&call.line),
            address: Arc::clone(&call.line),
            state: call.state,
            privilege: call.privilege(app),
            features: self.features(app, call),
            origin: call.origin,
            reason: call.reason,
            caller: call.caller_as_seen(),
            called: call.called.clone(),
            connected: call.connected.clone(),
            redirecting: call.redirecting.clone(),
            redirection: call.redirection.clone(),
            completion: call.completion,
            related: self.related_calls(call),
            since: call.since,
            media_modes: call.media_modes.clone(),
            data: call.data.clone(),
            user_user: call.user_user.clone(),
            verstat: call.verstat.clone(),
            recording: self.recording_view(call.id),
            forks: self.fork_views(call.id),
            media: call.leg.and_then(|leg| self.media.view(leg)).or_else(|| call.media.as_deref().cloned()),
        }
    }
}
