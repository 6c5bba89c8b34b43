//! The event stream: LINE_ messages of the switch as TE_ events.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::address::Address;
use super::call::Call;
use super::call_hub::CallHub;
use super::call_state::CallState;
use super::cause::CallStateEventCause;
use super::event::{AddressChange, CallInfoChange, Event, EventFilter};
use super::hub_table::HubTable;
use super::tapi::Shared;
use crate::handle::{Delivery, Subscription};
use crate::switch::{CallId, CallOrigin, CallPrivilege, CallState as LineCallState, Message};

/// What an application is told, in the order in which it happened.
///
/// It keeps each call that it told of until the call is disconnected: an application that keeps no object of its own
/// still hears of it.
#[derive(Debug)]
pub struct Events {
    shared: Arc<Shared>,
    told: Subscription,
    ready: VecDeque<Event>,
    calls: BTreeMap<CallId, Tracked>,
    hubs: HubTable,
    /// Calls whose hubs are to be looked at.
    touched: VecDeque<CallId>,
}

/// A call as the stream has told of it.
#[derive(Debug)]
struct Tracked {
    /// None once it is disconnected.
    call: Option<Call>,
    state: CallState,
    line: Option<LineCallState>,
}

impl Events {
    pub(super) fn new(shared: Arc<Shared>, told: Subscription) -> Self {
        Self {
            shared,
            told,
            ready: VecDeque::new(),
            calls: BTreeMap::new(),
            hubs: HubTable::default(),
            touched: VecDeque::new(),
        }
    }

    /// The next event of a type that the filter wants, waiting for it. `None` once the engine has stopped. Safe to cancel.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if let Some(call) = self.touched.front().copied() {
                let joined = self.joined(call).await;
                self.touched.pop_front();
                self.tell_hubs(call, &joined);
                continue;
            }
            match self.told.next().await? {
                Delivery::Message { message, .. } => self.take(&message),
                Delivery::Lost { .. } => self.ready.push_back(Event::Lost),
            }
        }
    }

    fn take(&mut self, message: &Message) {
        match message {
            Message::Reply { request, reply } => self.shared.replied(*request, reply.as_ref().ok()),
            Message::NewCall { call, line, privilege } => self.notify(*call, line, *privilege),
            Message::CallState { call, state, .. } => self.advance(*call, *state),
            Message::CallInfo { call, changed: "qos", .. } => self.tell(*call, |call| Event::Qos { call }),
            Message::CallInfo { call, changed, .. } => {
                let change = CallInfoChange::of(changed);
                self.tell(*call, |call| Event::CallInfoChange { call, change });
                self.touch(*call);
            }
            Message::AddressState { line, .. } | Message::Registration { line, .. } => {
                self.tell_address(line, AddressChange::State);
            }
            Message::Forwarded { line } => self.tell_address(line, AddressChange::Forward),
            Message::LineState { line, state, .. } => {
                let change = match *state {
                    "ringing" => AddressChange::Ringing,
                    "translatechange" => AddressChange::ConfigChange,
                    "msgwaiton" => AddressChange::MsgWaitOn,
                    "msgwaitoff" => AddressChange::MsgWaitOff,
                    _ => AddressChange::State,
                };
                self.tell_address(line, change);
            }
            Message::Close { line } => self.tell_address(line, AddressChange::State),
            Message::MonitorDigits { call, digit, mode, .. } => {
                self.tell(*call, |call| Event::Digit { call, digit: *digit, mode: *mode });
            }
            Message::GatherDigits { call, digits, reason, .. } => {
                self.tell(*call, |call| Event::GatherDigits { call, digits: digits.clone(), reason });
            }
            Message::Generate { call, reason, .. } => {
                self.tell(*call, |call| Event::Generate { call, reason });
            }
            Message::MonitorMedia { call, media_mode, .. } => {
                self.tell(*call, |call| Event::CallMedia { call, media_mode: *media_mode });
            }
            // TAPI 3 has no word for it.
            Message::Parked { .. }
            | Message::CallQuality { .. }
            | Message::Recording { .. }
            | Message::Fork { .. } => {}
        }
    }

    /// A handle was given: it is kept where the application asked for such calls, else it goes back.
    fn notify(&mut self, id: CallId, line: &Arc<str>, privilege: CallPrivilege) {
        let call = self.shared.call(id, line);
        if self.shared.notifications(line).is_some_and(|wanted| wanted.include(privilege)) {
            self.track(id, call.clone());
            self.push(Event::CallNotification { call, privilege });
        }
    }

    fn advance(&mut self, id: CallId, line: LineCallState) {
        if !self.calls.contains_key(&id) {
            let Some(call) = self.shared.known(id) else { return };
            self.track(id, call);
        }
        let Some(tracked) = self.calls.get_mut(&id) else { return };
        let cause = CallStateEventCause::entering(line, tracked.line);
        tracked.line = Some(line);
        let entered = CallState::of(line).filter(|state| tracked.state.may_become(*state));
        if let Some(state) = entered {
            tracked.state = state;
            let is_over = state == CallState::Disconnected;
            let call = if is_over { tracked.call.take() } else { tracked.call.clone() };
            if let Some(call) = call.filter(|call| !call.is_released()) {
                self.push(Event::CallState { call, state, cause });
            }
        }
        self.touch(id);
        if line == LineCallState::Idle {
            self.calls.remove(&id);
        }
    }

    fn track(&mut self, id: CallId, call: Call) {
        self.calls.entry(id).or_insert(Tracked { call: Some(call), state: CallState::Idle, line: None });
    }

    fn touch(&mut self, id: CallId) {
        if self.shared.filter().contains(EventFilter::CALL_HUB) {
            self.touched.push_back(id);
        }
    }

    /// The calls that are up and joined with this one; none if it is over.
    async fn joined(&self, id: CallId) -> BTreeSet<CallId> {
        let is_over = |state| CallState::of(state) == Some(CallState::Disconnected);
        let joined = self.shared.joined(id).await.unwrap_or_default();
        if joined.first().is_none_or(|call| is_over(call.state)) {
            return BTreeSet::new();
        }
        let members = joined.iter().filter(|call| call.origin != CallOrigin::Conference);
        members.filter(|call| !is_over(call.state)).map(|call| call.id).collect()
    }

    fn tell_hubs(&mut self, touched: CallId, joined: &BTreeSet<CallId>) {
        for (number, id, change) in self.hubs.update(touched, joined) {
            let hub = CallHub::new(Arc::clone(&self.shared), touched, number);
            let call = id.and_then(|id| self.shared.known(id));
            self.push(Event::CallHub { hub, call, change });
        }
    }

    fn tell(&mut self, id: CallId, event: impl FnOnce(Call) -> Event) {
        let call = self.shared.known(id).filter(|call| !call.is_released());
        if let Some(call) = call {
            self.push(event(call));
        }
    }

    fn tell_address(&mut self, line: &Arc<str>, change: AddressChange) {
        let address = Address::new(Arc::clone(&self.shared), Arc::clone(line));
        self.push(Event::Address { address, change });
    }

    fn push(&mut self, event: Event) {
        if self.shared.filter().contains(event.kind()) {
            self.ready.push_back(event);
        }
    }
}
