//! The running engine and the applications that use it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};
use trunkline_media::kernel::KernelStatus;
use trunkline_sip::location::Location;

use super::{Call, Line};
use crate::driver::call_quality::CallQuality;
use crate::driver::event_log::{EventLog, Subscription};
use crate::driver::metrics::{Metrics, MetricsSnapshot};
use crate::driver::records::RecordsFile;
use crate::driver::stream::Connections;
use crate::driver::switch::{SwitchInput, Waiting};
use crate::driver::trace::{Trace, Writer};
use crate::provision::Provisioner;
use crate::switch::Switch;
use crate::switch::error::LineError;
use crate::switch::ids::{AppId, CallId, RequestId};
use crate::switch::operation::{Operation, Refusal, Reply};
use crate::switch::privilege::CallPrivilege;
use crate::switch::view::{CallView, LineView, MediaMode};
use crate::webhook::Board;

/// A running engine. Clones are the same engine.
#[derive(Clone, Debug)]
pub struct Engine {
    shared: Arc<Shared>,
}

/// What the handles of one engine share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) switch: mpsc::Sender<SwitchInput>,
    pub(crate) waiting: Arc<Waiting>,
    pub(crate) events: Arc<EventLog>,
    pub(crate) location: Arc<Location>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) connections: Connections,
    pub(crate) apps: ArcSwap<Vec<AppIdentity>>,
    pub(crate) provisioner: Arc<Provisioner>,
    pub(crate) webhooks: Board,
    pub(crate) next_request: AtomicU32,
    pub(crate) ready: AtomicBool,
    pub(crate) trace: Arc<Trace>,
    /// Where the API writes what applications asked for.
    pub(crate) operations: Writer,
    /// The records of calls, where any are kept.
    pub(crate) records: Option<RecordsFile>,
}

/// One TAPI application as the API knows it.
#[derive(Clone)]
pub struct AppIdentity {
    /// Its number.
    pub id: AppId,
    /// Its name.
    pub name: Arc<str>,
    /// Its bearer token.
    pub token: Arc<str>,
    /// Its privilege on calls that it did not make.
    pub privilege: CallPrivilege,
    /// Lines it opens by the configuration; `*` for all.
    pub lines: Arc<[String]>,
    /// Whether it opens every line as owner: then it may have the configuration read again.
    pub is_operator: bool,
}

impl std::fmt::Debug for AppIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AppIdentity({}, {}, masked)", self.id.0, self.name)
    }
}

impl Engine {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The application of this name.
    ///
    /// # Errors
    /// [`LineError::Uninitialized`] when the configuration names no such application.
    pub fn app(&self, name: &str) -> Result<App, LineError> {
        let apps = self.apps();
        let app = apps.iter().find(|app| &*app.name == name).ok_or(LineError::Uninitialized)?;
        Ok(App { engine: self.clone(), id: app.id })
    }

    /// Sends an operation and waits for its LINE_REPLY.
    ///
    /// # Errors
    /// What the switch refuses it with; [`LineError::ResourceUnavail`] when too many requests wait already,
    /// [`LineError::Uninitialized`] when the engine has stopped.
    pub async fn request(&self, app: AppId, operation: Operation) -> Reply {
        self.request_as(app, operation, drop).await
    }

    /// As [`Engine::request`]; `named` learns the number of the request before anything can happen because of it.
    pub(crate) async fn request_as(
        &self,
        app: AppId,
        operation: Operation,
        named: impl FnOnce(RequestId) + Send,
    ) -> Reply {
        let request = self.next_request();
        let (sender, reply) = oneshot::channel();
        named(request);
        self.shared.waiting.insert(request, sender);
        if let Err(error) = self.send(SwitchInput::Request(app, request, operation)) {
            self.shared.waiting.remove(&request);
            return Err(error.into());
        }
        reply.await.unwrap_or_else(|_| Err(LineError::Uninitialized.into()))
    }

    /// Sends an operation without waiting: the LINE_REPLY comes as an event.
    ///
    /// # Errors
    /// [`LineError::ResourceUnavail`] when too many requests wait already, [`LineError::Uninitialized`] when the engine
    /// has stopped.
    pub fn submit(&self, app: AppId, operation: Operation) -> Result<RequestId, LineError> {
        let request = self.next_request();
        self.send(SwitchInput::Request(app, request, operation))?;
        Ok(request)
    }

    /// Reads the switch's state on its own thread, between two inputs.
    ///
    /// # Errors
    /// [`LineError::ResourceUnavail`] when the switch is overloaded, [`LineError::Uninitialized`] when it has stopped or `read`
    /// panics.
    pub async fn view<R: Send + 'static>(
        &self,
        read: impl FnOnce(&Switch) -> R + Send + 'static,
    ) -> Result<R, LineError> {
        let (sender, result) = oneshot::channel();
        let reader = Box::new(move |switch: &Switch| drop(sender.send(read(switch))));
        self.send(SwitchInput::View(reader))?;
        result.await.map_err(|_| LineError::Uninitialized)
    }

    /// The messages of an application after a sequence number; `None`: from here on. An application that does not exist
    /// has none.
    pub fn events(&self, app: AppId, after: Option<u64>) -> Option<Subscription> {
        self.shared.events.subscribe(app, after)
    }

    /// The number before that of the first message of this engine: who reads behind it reads all that is kept.
    pub(crate) fn events_before_all(&self) -> u64 {
        self.shared.events.before_all()
    }

    /// How many events an application was told behind this one.
    pub(crate) fn events_behind(&self, app: AppId, position: u64) -> u64 {
        self.shared.events.behind(app, position)
    }

    /// How each webhook does.
    pub(crate) fn webhooks(&self) -> &Board {
        &self.shared.webhooks
    }

    /// What happened lately.
    pub(crate) fn trace(&self) -> &Arc<Trace> {
        &self.shared.trace
    }

    /// Where to take down what applications asked for.
    pub(crate) fn operations(&self) -> &Writer {
        &self.shared.operations
    }

    /// Who is registered where.
    pub fn location(&self) -> &Arc<Location> {
        &self.shared.location
    }

    /// The records of calls, where any are kept.
    pub(crate) fn records(&self) -> Option<&RecordsFile> {
        self.shared.records.as_ref()
    }

    /// Gauges and counters.
    pub fn metrics(&self) -> MetricsSnapshot {
        let registrations = self.shared.location.len() as u64;
        self.shared.metrics.snapshot(registrations, self.shared.connections.len() as u64)
    }

    /// How calls sounded.
    pub(crate) fn call_quality(&self) -> &CallQuality {
        &self.shared.metrics.call_quality
    }

    /// The relay in the kernel, where there is one.
    pub(crate) fn kernel_relay(&self) -> Option<&KernelStatus> {
        self.shared.metrics.kernel.get()
    }

    /// The applications of the configuration.
    pub fn apps(&self) -> Arc<Vec<AppIdentity>> {
        self.shared.apps.load_full()
    }

    /// The configurations of phones.
    pub fn provisioner(&self) -> &Arc<Provisioner> {
        &self.shared.provisioner
    }

    /// Whether the engine takes calls: all sockets are bound, and it does not drain.
    pub fn is_ready(&self) -> bool {
        self.shared.ready.load(Ordering::Acquire)
    }

    fn next_request(&self) -> RequestId {
        // TAPI's request ids are positive and below 2^31.
        let number = self.shared.next_request.fetch_add(1, Ordering::Relaxed);
        RequestId(number % 0x7fff_ffff + 1)
    }

    fn send(&self, input: SwitchInput) -> Result<(), LineError> {
        self.shared.switch.try_send(input).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => LineError::ResourceUnavail,
            mpsc::error::TrySendError::Closed(_) => LineError::Uninitialized,
        })
    }
}

/// One application: the holder of handles and privileges.
#[derive(Clone, Debug)]
pub struct App {
    engine: Engine,
    id: AppId,
}

impl App {
    /// A line by its address. Whether it exists, and is this application's, shows when it is used.
    pub fn line(&self, address: &str) -> Line {
        Line::new(self.clone(), address.into())
    }

    /// A call by its identity. Whether the application has a handle to it shows when it is used.
    pub fn call(&self, call: CallId) -> Call {
        Call::new(self.clone(), call)
    }

    /// The calls that the application has a handle to, oldest first.
    ///
    /// # Errors
    /// Those of [`Engine::view`].
    pub async fn calls(&self) -> Result<Vec<CallView>, LineError> {
        let app = self.id;
        self.engine.view(move |switch| switch.calls(app)).await
    }

    /// The lines that the application opened, trunks last.
    ///
    /// # Errors
    /// Those of [`Engine::view`].
    pub async fn lines(&self) -> Result<Vec<LineView>, LineError> {
        let app = self.id;
        self.engine.view(move |switch| switch.lines(app)).await
    }

    /// Puts an application at the top of those who are asked to own calls of a media mode (1), or takes it off (0).
    ///
    /// TAPI `lineSetAppPriority`.
    ///
    /// # Errors
    /// [`LineError::InvalAppName`] if there is no such application, [`LineError::InvalParam`] for another priority.
    pub async fn set_app_priority(
        &self,
        app: &str,
        media_mode: MediaMode,
        priority: u32,
    ) -> Result<(), Refusal> {
        let app = app.to_owned();
        self.request(Operation::SetAppPriority { app, media_mode, priority }).await.map(drop)
    }

    /// What the application is told, from here on.
    pub fn events(&self) -> Option<Subscription> {
        self.engine.events(self.id, None)
    }

    pub(crate) async fn request(&self, operation: Operation) -> Reply {
        self.engine.request(self.id, operation).await
    }

    pub(crate) fn id(&self) -> AppId {
        self.id
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }
}
