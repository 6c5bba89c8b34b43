//! ITTAPI: the object that everything else comes from.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::timeout;

use super::address::Address;
use super::call::{Call, CallObject};
use super::error::Error;
use super::event::EventFilter;
use super::events::Events;
use crate::handle::{App, Line};
use crate::switch::{
    AppId, CallId, CallPrivilege, CallView, MediaMode, Operation, Outcome, RequestId, Switch,
};

/// How long a method waits at most.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(120);

/// The TAPI object of one application. Clones are the same object.
#[derive(Clone, Debug)]
pub struct Tapi {
    shared: Arc<Shared>,
}

/// For which calls of an address an application is notified (the two flags of `RegisterCallNotifications`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notifications {
    /// Those that it is to own.
    Owner,
    /// Those that it may watch.
    Monitor,
    /// Both.
    Both,
}

impl Notifications {
    /// Whether a call that came with this privilege is told.
    pub(super) const fn include(self, privilege: CallPrivilege) -> bool {
        match privilege {
            CallPrivilege::None => false,
            CallPrivilege::Monitor => matches!(self, Self::Monitor | Self::Both),
            CallPrivilege::Owner => matches!(self, Self::Owner | Self::Both),
        }
    }

    const fn privilege(self) -> CallPrivilege {
        match self {
            Self::Owner | Self::Both => CallPrivilege::Owner,
            Self::Monitor => CallPrivilege::Monitor,
        }
    }
}

impl Tapi {
    /// `Initialize`: begins with no event and no incoming call. The lines of the application are opened for outgoing
    /// calls alone, until [`Tapi::register_call_notifications`].
    ///
    /// # Errors
    /// [`Error::NotInitialized`] when the engine has stopped, [`Error::ResourceUnavail`] when it is overloaded.
    pub async fn initialize(app: App) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            app,
            filter: AtomicU32::new(EventFilter::NONE.0),
            registered: Mutex::default(),
            calls: Mutex::default(),
        });
        for line in shared.app.lines().await? {
            shared.app.line(&line.address).open(CallPrivilege::None, &[]).await?;
        }
        Ok(Self { shared })
    }

    /// `get_Addresses`.
    ///
    /// # Errors
    /// As [`Tapi::initialize`].
    pub async fn addresses(&self) -> Result<Vec<Address>, Error> {
        let lines = self.shared.app.lines().await?;
        Ok(lines.into_iter().map(|line| Address::new(Arc::clone(&self.shared), line.address)).collect())
    }

    /// The address of this name.
    ///
    /// # Errors
    /// [`Error::InvalidArg`] if the application has no such line.
    pub async fn address(&self, name: &str) -> Result<Address, Error> {
        let line = self.shared.app.line(name).status().await?;
        Ok(Address::new(Arc::clone(&self.shared), line.address))
    }

    /// `RegisterCallNotifications`: incoming calls of these media types are told from here on.
    ///
    /// # Errors
    /// [`Error::InvalPrivilege`] for more than the configuration gives the application.
    pub async fn register_call_notifications(
        &self,
        address: &Address,
        notifications: Notifications,
        media_types: &[MediaMode],
    ) -> Result<(), Error> {
        let line = address.line();
        self.shared.in_time(line.open(notifications.privilege(), media_types)).await?;
        let (line_states, address_states) =
            (["ringing", "open", "close", "translatechange"], ["numcalls", "forward"]);
        self.shared.in_time(line.set_status_messages(&line_states, &address_states)).await?;
        lock(&self.shared.registered).insert(line.address().into(), notifications);
        Ok(())
    }

    /// `UnregisterNotifications`: incoming calls of the address are told no more; those that are known stay.
    ///
    /// # Errors
    /// As [`Tapi::initialize`].
    pub async fn unregister_notifications(&self, address: &Address) -> Result<(), Error> {
        let line = address.line();
        self.shared.in_time(line.open(CallPrivilege::None, &[])).await?;
        lock(&self.shared.registered).remove(line.address());
        Ok(())
    }

    /// `put_EventFilter`: which types of events are told, from here on.
    pub fn put_event_filter(&self, filter: EventFilter) {
        self.shared.filter.store(filter.0, Ordering::Release);
    }

    /// `get_EventFilter`.
    pub fn event_filter(&self) -> EventFilter {
        self.shared.filter()
    }

    /// What happens, from here on. Ask before the operation whose events are wanted.
    ///
    /// # Errors
    /// [`Error::NotInitialized`] if the application is gone.
    pub fn events(&self) -> Result<Events, Error> {
        let told = self.shared.app.events().ok_or(Error::NotInitialized)?;
        Ok(Events::new(Arc::clone(&self.shared), told))
    }
}

/// What the objects of one application share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) app: App,
    filter: AtomicU32,
    registered: Mutex<BTreeMap<Arc<str>, Notifications>>,
    calls: Mutex<Calls>,
}

/// Which object is which call: each call has one object at most.
#[derive(Debug, Default)]
struct Calls {
    by_id: BTreeMap<CallId, Weak<CallObject>>,
    /// Objects that wait for the reply that tells what call they are.
    pending: BTreeMap<RequestId, Arc<CallObject>>,
}

impl Shared {
    pub(super) fn filter(&self) -> EventFilter {
        EventFilter(self.filter.load(Ordering::Acquire))
    }

    pub(super) fn line(&self, address: &str) -> Line {
        self.app.line(address)
    }

    pub(super) fn notifications(&self, address: &str) -> Option<Notifications> {
        lock(&self.registered).get(address).copied()
    }

    /// Asks, and waits two minutes at most.
    pub(super) async fn ask(&self, operation: Operation) -> Result<Outcome, Error> {
        self.in_time(self.app.request(operation)).await
    }

    /// Asks for what makes this object a call.
    pub(super) async fn ask_for(
        &self,
        object: &Arc<CallObject>,
        operation: Operation,
    ) -> Result<Outcome, Error> {
        let mut request = None;
        let named = |id| {
            request = Some(id);
            lock(&self.calls).pending.insert(id, Arc::clone(object));
        };
        let reply = self.in_time(self.app.engine().request_as(self.app.id(), operation, named)).await;
        if let Some(request) = request {
            self.replied(request, reply.as_ref().ok());
        }
        reply
    }

    /// A reply has come, which may tell what call an object is. Whoever sees it first says so: the method that asked, or
    /// the event stream, whose next message may be about that call.
    pub(super) fn replied(&self, request: RequestId, outcome: Option<&Outcome>) {
        let object = lock(&self.calls).pending.remove(&request);
        let (Some(object), Some(outcome)) = (object, outcome) else { return };
        let id = match outcome {
            Outcome::Call(call) | Outcome::Consult(call) => Some(*call),
            Outcome::Conference { consult, .. } => *consult,
            Outcome::Done
            | Outcome::Parked(_)
            | Outcome::Completion(_)
            | Outcome::Calls(_)
            | Outcome::Recording(_)
            | Outcome::Fork(_)
            | Outcome::Translated(_) => None,
        };
        if let Some(id) = id {
            object.becomes(id);
            lock(&self.calls).by_id.insert(id, Arc::downgrade(&object));
        }
    }

    pub(super) async fn in_time<T, E: Into<Error>>(
        &self,
        asked: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error> {
        timeout(WAIT_MAX, asked).await.map_err(|_| Error::Timeout)?.map_err(Into::into)
    }

    /// Reads the switch's state.
    pub(super) async fn view<R: Send + 'static>(
        &self,
        read: impl FnOnce(&Switch, AppId) -> R + Send + 'static,
    ) -> Result<R, Error> {
        let app = self.app.id();
        Ok(self.app.engine().view(move |switch| read(switch, app)).await?)
    }

    /// The object of a call, if there is one.
    pub(super) fn known(&self, id: CallId) -> Option<Call> {
        lock(&self.calls).by_id.get(&id)?.upgrade().map(Call)
    }

    /// The object of a call that the application has a handle to.
    pub(super) fn call(self: &Arc<Self>, id: CallId, address: &Arc<str>) -> Call {
        let mut calls = lock(&self.calls);
        if let Some(object) = calls.by_id.get(&id).and_then(Weak::upgrade) {
            return Call(object);
        }
        let object = Arc::new(CallObject::existing(Arc::clone(self), Arc::clone(address), id));
        calls.by_id.insert(id, Arc::downgrade(&object));
        Call(object)
    }

    /// The object of a call is gone, and so is the handle.
    pub(super) fn forget(&self, id: CallId) {
        let mut calls = lock(&self.calls);
        if calls.by_id.get(&id).is_some_and(|object| object.strong_count() == 0) {
            calls.by_id.remove(&id);
        }
    }

    /// The calls that are joined with this one, itself among them, as far as the application has handles to them.
    pub(super) async fn joined(&self, id: CallId) -> Result<Vec<CallView>, Error> {
        self.view(move |switch, app| {
            let mut found: Vec<CallView> = switch.call(app, id).into_iter().collect();
            let mut at = 0;
            while let Some(call) = found.get(at) {
                let further: Vec<_> = call
                    .related
                    .iter()
                    .filter(|related| found.iter().all(|known| known.id != **related))
                    .filter_map(|related| switch.call(app, *related))
                    .collect();
                found.extend(further);
                at += 1;
            }
            found
        })
        .await
    }
}

/// A panic elsewhere leaves these maps whole: each change is one call.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
