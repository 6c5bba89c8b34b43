//! Starting, reloading and stopping an engine.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use trunkline_media::io::{local_addresses, raise_descriptor_limit};
use trunkline_media::kernel::{KernelPath, Missing};
use trunkline_media::thread::{RelayHandle, RelayThread};
use trunkline_media::{Destinations, DtlsIdentity, RelayConfig};
use trunkline_sip::admission::Admission;
use trunkline_sip::agent::{Agent, AgentConfig};
use trunkline_sip::auth::{Account, Algorithm, Challenger};
use trunkline_sip::directory::{Directory, TrustedTrunk};
use trunkline_sip::location::Location;
use trunkline_sip::transport::Transport;

use super::audio_fork::{Forks, Leaving};
use super::desk::{Desk, Letterbox};
use super::event_log::{EventLog, first_of_life};
use super::floor::Floor;
use super::lifeline::Lifeline;
use super::mailbox::SWITCH_MAILBOX;
use super::metrics::Metrics;
use super::names::{Located, Wish, World};
use super::pulse::Pulse;
use super::recording::{self, Recordings};
use super::records::{Records, RecordsFile};
use super::recovery::{recover, resubscribe};
use super::relay::Relays;
use super::reload::{Loaded, ReloadError, needs_restart};
use super::store::{Opened, Store, StoreError};
use super::stream::{self, Connections};
use super::switch::{self as switch_loop, SwitchCore, SwitchInput, Waiting};
use super::trace::{self, Trace};
use super::udp::Senders;
use super::worker::{self, AgentCore, Workers};
use super::{clock, hep, kernel, udp};
use crate::config::{self, Config, ConfigError};
use crate::handle::{AppIdentity, Engine, Shared};
use crate::provision::Provisioner;
use crate::switch::Switch;
use crate::switch::ids::AppId;
use crate::webhook::Board;

/// How long registrars of trunks may take to let the engine go.
const LEAVING_AT_MOST: Duration = Duration::from_secs(2);

/// How often a draining engine looks whether its last call has ended.
const DRAIN_LOOK: Duration = Duration::from_millis(50);

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address could not be bound.
    #[error("cannot listen on {transport} {address}: {error}")]
    Listen {
        /// `UDP`, `TCP`, `TLS`, `WS` or `WSS`.
        transport: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the kernel says.
        error: io::Error,
    },
    /// A thread could not be made.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// The state directory or the file in it cannot be used.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The state directory cannot be made.
    #[error("{path}: {error}")]
    StateDirectory {
        /// The directory.
        path: String,
        /// What the kernel says.
        error: io::Error,
    },
    /// The directory of recordings cannot be used.
    #[error("recording.directory: {path}: {error}")]
    Recordings {
        /// The directory.
        path: String,
        /// What the kernel says.
        error: io::Error,
    },
    /// The files of records of calls cannot be used.
    #[error("records.sqlite: {0}")]
    Records(StoreError),
    /// The in-kernel relay is required and cannot be had.
    #[error("media.kernel = \"require\": {0}")]
    Kernel(Missing),
    /// The kernel gave no random numbers.
    #[error("no random numbers: {0}")]
    Random(String),
}

/// An engine with its threads.
#[derive(Debug)]
pub struct Running {
    engine: Engine,
    shared: Arc<Shared>,
    workers: Workers,
    threads: Vec<JoinHandle<()>>,
    /// Until it is dropped a collector is told.
    telling: Option<std::sync::mpsc::Sender<()>>,
    media: Vec<RelayThread>,
    recording: Option<JoinHandle<()>>,
    leaving: Leaving,
    kernel: Option<KernelPath>,
    accepting: Vec<AbortHandle>,
    lifeline: Lifeline,
    names: mpsc::Sender<Wish>,
    config: Config,
}

impl Running {
    /// Binds the sockets, loads the registrations that were kept, and starts the threads. The caller's tokio runtime
    /// serves the streams.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub fn start(config: Config, state_directory: &Path) -> Result<Self, StartError> {
        Self::start_located(Located::nowhere(config), state_directory)
    }

    /// The same where name servers were asked already for the hosts of trunks.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub fn start_located(located: Located, state_directory: &Path) -> Result<Self, StartError> {
        let config = located.config().clone();
        let runtime = Handle::current();
        let now = clock::now();
        let count = config.sip.workers;
        let metrics = Arc::new(Metrics::new(count));
        std::fs::create_dir_all(state_directory).map_err(|error| StartError::StateDirectory {
            path: state_directory.display().to_string(),
            error,
        })?;

        // Whoever is called meanwhile waits in the sockets, so these are bound while the store is read.
        let opening = open_store(state_directory.join(&config.store.path), Arc::clone(&metrics))?;
        if let Err(error) = raise_descriptor_limit() {
            tracing::warn!("the limit of open descriptors stays as it is: {error}");
        }
        let sockets = bind_udp(&config, count)?;
        let listeners = bind_streams(&config)?;
        let (workers, mailboxes) = Workers::new(count, Arc::clone(&metrics));
        let admission = Arc::new(Admission::new(now));
        let connections = Connections::new(
            runtime.clone(),
            workers.clone(),
            config.sip.dscp,
            config.limits.connections,
            Arc::clone(&admission),
            Arc::clone(&config.tls),
            config.sip.websocket_origins.clone(),
        );
        let (switch_sender, switch_mailbox) = mpsc::channel(SWITCH_MAILBOX);
        let directory = Arc::new(directory(&config));
        let challenger = Arc::new(Challenger::new(seed()?, now, Arc::clone(&directory.realm)));
        let report_bytes = if config.hep.is_some() { trace::REPORT_BYTES_MAX } else { 0 };
        let trace = Trace::new(count, config.log.trace_bytes, (report_bytes, config.capture_bytes));
        let events = Arc::new(EventLog::new(config.apps.len(), first_of_life(clock::unix_now())));
        let waiting = Arc::new(Waiting::new());
        let location = Arc::new(Location::new(now, config.limits.registrations));
        location.set_keep_alive(config.sip.keep_alive, config.sip.keep_alive_with);
        let mut switch = Switch::new(config.setup(), Arc::clone(&location), seed()?, now);
        let lifeline = Lifeline::default();
        let kernel = kernel::start(&config.media).map_err(StartError::Kernel)?;
        if let Some(path) = &kernel {
            metrics.kernel.get_or_init(|| path.status());
        }
        let relay_config = relay_config(&config)?;
        if let Some(identity) = &relay_config.identity {
            switch.set_fingerprint(identity.fingerprint());
        }
        let agent = |index| -> Result<Agent, StartError> {
            Ok(Agent::new(
                agent_config(&config, index, count),
                Arc::clone(&directory),
                Arc::clone(&location),
                Arc::clone(&challenger),
                seed()?,
                now,
            )
            .with_admission(Arc::clone(&admission))
            .with_certificates(Arc::clone(connections.certificates())))
        };
        let mut agents = (0..count).map(agent).collect::<Result<Vec<_>, _>>()?;

        let Opened { store, bindings, kept, recovered, subscriptions, writer } =
            opening.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let mut threads = vec![writer];
        location.load(now, bindings);
        switch.restore(kept);
        switch.keep_calls();
        let records = start_records(state_directory, &config, &metrics, &mut threads)?;
        if records.is_some() {
            switch.tell_facts();
        }
        let mut out = recover(recovered, &mut agents, &mut switch, &config.setup(), &store, now);
        resubscribe(&subscriptions, &mut agents, &mut switch, &store, now, &mut out);
        let (events_for_switch, switch_events) = Letterbox::new(SWITCH_MAILBOX);
        let (recordings, recording) =
            start_recordings(state_directory, &config, &metrics, &events_for_switch)?.unzip();
        let tls = config.tls.forks.clone();
        let (forks, leaving) =
            Forks::new(runtime.clone(), tls, Arc::clone(&metrics), events_for_switch.clone());
        let (relays, media) = Relays::spawn(
            config.media.workers,
            &relay_config,
            kernel.as_ref(),
            &events_for_switch,
            (recordings.as_ref(), &forks, &trace),
        )
        .map_err(StartError::Thread)?;
        let desk = |((index, agent), (inputs, sockets)): ((u16, Agent), (_, &Vec<_>))| {
            let parts = worker::Parts {
                index,
                agent,
                sockets: Senders::share(sockets).map_err(StartError::Thread)?,
                workers: workers.clone(),
                connections: connections.clone(),
                switch: events_for_switch.sender().clone(),
                store: store.clone(),
                metrics: Arc::clone(&metrics),
                trace: trace.of_worker(index),
            };
            Ok(Desk::new(AgentCore::new(parts), workers.letterbox(index).clone(), inputs))
        };
        let desks = (0..count).zip(agents).zip(mailboxes.into_iter().zip(&sockets));
        let agents = desks.map(desk).collect::<Result<_, StartError>>()?;
        let handles = relays.handles();
        metrics.relay_panics.get_or_init(|| handles.iter().map(RelayHandle::panics).collect());
        let telling = start_hep(&config, &trace, &metrics, &mut threads)?;
        let core = SwitchCore::new(switch_loop::Parts {
            switch,
            out,
            workers: workers.clone(),
            relays,
            events: Arc::clone(&events),
            waiting: Arc::clone(&waiting),
            store,
            recordings,
            records: records.clone(),
            forks: forks.clone(),
            metrics: Arc::clone(&metrics),
            trace: trace.of_switch(),
        });
        if let Some(records) = records {
            records.recovered();
        }
        let switch = Desk::new(core, events_for_switch, switch_events);
        let floor = Arc::new(Floor { agents, switch, relays: handles });
        let switch_thread = switch_loop::spawn(Arc::clone(&floor), switch_mailbox, lifeline.hold());
        threads.push(switch_thread.map_err(StartError::Thread)?);
        for (index, sockets) in (0..count).zip(sockets) {
            let thread = worker::spawn(Arc::clone(&floor), index, sockets, workers.clone(), lifeline.hold());
            threads.push(thread.map_err(StartError::Thread)?);
        }
        tell_endings(&config);
        let accept = |(transport, listener)| {
            runtime.spawn(connections.clone().accept(transport, listener)).abort_handle()
        };
        let mut accepting: Vec<_> = listeners.into_iter().map(accept).collect();
        let (names, wishes) = mpsc::channel(1);
        let world = World {
            switch: switch_sender.clone(),
            workers: workers.clone(),
            connections: connections.clone(),
            forks,
        };
        accepting.push(runtime.spawn(located.keep_up(world, wishes)).abort_handle());

        let shared = Arc::new(Shared {
            switch: switch_sender,
            waiting,
            events,
            location,
            metrics,
            connections,
            apps: ArcSwap::from_pointee(apps(&config)),
            provisioner: Arc::new(Provisioner::new(&config)),
            webhooks: Board::default(),
            next_request: AtomicU32::new(0),
            ready: AtomicBool::new(true),
            operations: trace.of_api(),
            trace,
            records: config
                .records
                .as_ref()
                .map(|records| RecordsFile::new(state_directory.join(&records.sqlite))),
        });
        let engine = Engine::new(Arc::clone(&shared));
        Ok(Self {
            engine,
            shared,
            workers,
            threads,
            telling,
            media,
            recording,
            leaving,
            kernel,
            accepting,
            lifeline,
            names,
            config,
        })
    }

    /// The handle to the running engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The configuration that holds.
    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    /// What tells whether the engine turns.
    pub(crate) fn pulse(&self) -> Pulse {
        let media = self.media.iter().map(|thread| thread.handle().pulse()).collect();
        Pulse::new(self.workers.clone(), self.shared.switch.clone(), media)
    }

    /// Waits until a thread that the engine cannot do without has ended by itself: a defect. The process should end too,
    /// and be started again by its service manager.
    pub async fn failed(&self) {
        self.lifeline.cut().await;
    }

    /// What of a changed configuration only a restart could take.
    pub fn needs_restart(&self, config: &Config) -> Vec<ConfigError> {
        needs_restart(&self.config, config)
    }

    /// Takes a changed configuration, all or nothing. Calls, registrations and subscriptions stay as they are.
    ///
    /// # Errors
    /// [`ReloadError::NeedsRestart`] when listeners, worker counts, media ports, the set of applications or other things change
    /// that only a start can set; nothing is changed then.
    pub async fn reload(&mut self, config: Config) -> Result<Loaded, ReloadError> {
        let errors = needs_restart(&self.config, &config);
        if !errors.is_empty() {
            return Err(ReloadError::NeedsRestart(errors));
        }
        let (taken, is_taken) = oneshot::channel();
        // A closed mailbox means that the engine stops.
        drop(self.names.send((Box::new(config.clone()), taken)).await);
        let loaded = is_taken.await.unwrap_or_else(|_| Loaded::from(&config));
        self.shared.location.set_limits(config.limits.registrations);
        self.shared.location.set_keep_alive(config.sip.keep_alive, config.sip.keep_alive_with);
        self.shared.connections.set_limits(config.limits.connections);
        tell_endings(&config);
        self.shared.apps.store(Arc::new(apps(&config)));
        self.shared.provisioner.set(&config);
        self.config = config;
        Ok(loaded)
    }

    /// Refuses calls from here on and waits until the last one has ended, or for `at_most`.
    pub async fn drain(&self, at_most: Duration) {
        self.shared.ready.store(false, Ordering::Release);
        drop(self.shared.switch.send(SwitchInput::Drain).await);
        let idle = async {
            while self.engine.view(|switch| switch.gauges().calls).await.is_ok_and(|calls| calls > 0) {
                tokio::time::sleep(DRAIN_LOOK).await;
            }
        };
        // Calls that outlast the wait are left as a crash would leave them: the next start takes them back or ends them.
        drop(tokio::time::timeout(at_most, idle).await);
        let leaving = async {
            let leaving = |switch: &Switch| switch.registrations_leaving() + switch.csta_leaving();
            while self.engine.view(leaving).await.is_ok_and(|leaving| leaving > 0) {
                tokio::time::sleep(DRAIN_LOOK).await;
            }
        };
        // A carrier or a phone that does not answer keeps nobody here.
        drop(tokio::time::timeout(LEAVING_AT_MOST, leaving).await);
    }

    /// Stops the threads and waits for them; what the store gathered is written.
    pub async fn stop(self) {
        let Self {
            engine,
            shared,
            workers,
            threads,
            telling,
            media,
            recording,
            leaving,
            kernel,
            accepting,
            ..
        } = self;
        shared.ready.store(false, Ordering::Release);
        for listener in accepting {
            listener.abort();
        }
        leaving.leave().await;
        workers.stop();
        drop(shared.switch.send(SwitchInput::Stop).await);
        drop(telling);
        drop((engine, shared, workers));
        let join = move || {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a thread ended by a panic");
                }
            }
            for thread in media {
                thread.join();
            }
            drop(kernel);
        };
        drop(tokio::task::spawn_blocking(join).await);
        // Now there is nothing more to write.
        if let Some(thread) = recording {
            recording::finish(thread).await;
        }
    }
}

/// Opens and reads the store in a thread of its own: beside parsing it is most of a start after a crash.
fn open_store(
    path: PathBuf,
    metrics: Arc<Metrics>,
) -> Result<JoinHandle<Result<Opened, StoreError>>, StartError> {
    std::thread::Builder::new()
        .name("store-open".to_owned())
        .spawn(move || Store::open(&path, metrics))
        .map_err(StartError::Thread)
}

/// Starts the thread that writes recordings, where calls may be recorded.
fn start_recordings(
    state_directory: &Path,
    config: &Config,
    metrics: &Arc<Metrics>,
    switch: &Letterbox<SwitchInput>,
) -> Result<Option<(Recordings, JoinHandle<()>)>, StartError> {
    let Some(limits) = &config.recording else { return Ok(None) };
    let directory = recording::directory(state_directory, limits);
    let path = directory.display().to_string();
    let started = Recordings::start(directory, limits, Arc::clone(metrics), switch.clone());
    started.map(Some).map_err(|error| StartError::Recordings { path, error })
}

/// Opens the files of records of calls and starts the thread that writes them, where any are kept.
fn start_records(
    state_directory: &Path,
    config: &Config,
    metrics: &Arc<Metrics>,
    threads: &mut Vec<JoinHandle<()>>,
) -> Result<Option<Records>, StartError> {
    let Some(wanted) = &config.records else { return Ok(None) };
    let (records, thread) =
        Records::start(state_directory, wanted, Arc::clone(metrics)).map_err(StartError::Records)?;
    threads.push(thread);
    Ok(Some(records))
}

/// Starts the thread that tells a collector by HEP, where there is one.
fn start_hep(
    config: &Config,
    trace: &Arc<Trace>,
    metrics: &Arc<Metrics>,
    threads: &mut Vec<JoinHandle<()>>,
) -> Result<Option<std::sync::mpsc::Sender<()>>, StartError> {
    let Some(hep) = config.hep.clone() else { return Ok(None) };
    let (ends, thread) = hep::start(hep, trace, Arc::clone(metrics)).map_err(StartError::Thread)?;
    threads.push(thread);
    Ok(Some(ends))
}

fn agent_config(config: &Config, worker: u16, workers: u16) -> AgentConfig {
    AgentConfig {
        worker,
        workers,
        domains: config.sip.domains.clone(),
        listeners: config.sip.listen.clone(),
        advertise: config.sip.advertise,
        user_agent: concat!("Trunkline/", env!("CARGO_PKG_VERSION")).to_owned(),
        keeps_dialogs: true,
        ..AgentConfig::default()
    }
}

/// The sockets of every worker: one per UDP listener and worker.
fn bind_udp(config: &Config, workers: u16) -> Result<Vec<Vec<std::net::UdpSocket>>, StartError> {
    let bind = |address| {
        udp::bind(address, config.sip.dscp).map_err(|error| StartError::Listen {
            transport: "UDP",
            address,
            error,
        })
    };
    let addresses: Vec<_> = listeners(config, Transport::Udp).collect();
    // Shared ports would let a second engine steal half of the messages: only an exclusive bind tells that one runs.
    for address in addresses.iter().copied() {
        std::net::UdpSocket::bind(address).map_err(|error| StartError::Listen {
            transport: "UDP",
            address,
            error,
        })?;
    }
    (0..workers).map(|_| addresses.iter().copied().map(bind).collect()).collect()
}

/// The sockets that streams are accepted on, each with what is spoken there.
fn bind_streams(config: &Config) -> Result<Vec<(Transport, TcpListener)>, StartError> {
    let bind = |transport: Transport, address| {
        let bound = stream::bind(address).and_then(TcpListener::from_std);
        bound.map(|listener| (transport, listener)).map_err(|error| StartError::Listen {
            transport: transport.via_name(),
            address,
            error,
        })
    };
    let streams = config.sip.listen.iter().filter(|(transport, _)| transport.is_reliable());
    streams.map(|(transport, address)| bind(*transport, *address)).collect()
}

/// Tells the operator of certificates that have ended or will soon.
fn tell_endings(config: &Config) {
    for ending in config.tls.endings(clock::unix_now()) {
        if ending.is_over {
            tracing::error!("{}: every TLS handshake fails", ending.text);
        } else {
            tracing::warn!("{}", ending.text);
        }
    }
}

fn listeners(config: &Config, transport: Transport) -> impl Iterator<Item = SocketAddr> {
    config.sip.listen.iter().filter(move |(of, _)| *of == transport).map(|(_, address)| *address)
}

/// Who may register and whom calls are taken from.
pub(super) fn directory(config: &Config) -> Directory {
    let trunks = config
        .trunks
        .iter()
        .map(|trunk| TrustedTrunk { name: Arc::clone(&trunk.name), allow_from: trunk.sources() });
    let hosts = |trunk: &config::Trunk| {
        trunk.peers.iter().map(|(_, address)| address.ip().to_canonical()).collect::<Vec<_>>()
    };
    let contact = |trunk: &config::Trunk| {
        trunk.registration.as_ref().map(|registration| Arc::clone(&registration.contact))
    };
    let mut directory = Directory {
        trunks: trunks.collect(),
        certificates: config.trunks.iter().map(|trunk| trunk.certificate.clone()).collect(),
        peers: config.trunks.iter().map(hosts).collect(),
        contacts: config.trunks.iter().map(contact).collect(),
        reliable: config.trunks.iter().map(|trunk| trunk.reliable).collect(),
        voicemail: config.voicemail.trunk.clone(),
        digests: config.vendors.iter().filter_map(|row| row.digests()).collect(),
        realm: config.sip.realm.as_str().into(),
        limits: config.limits.admission,
        ..Directory::default()
    };
    for account in config.accounts() {
        directory.add_line(Account {
            line: account.line,
            password: account.password.0,
            algorithms: account.algorithms.into(),
        });
    }
    let by_password = config.trunks.iter().filter_map(|trunk| Some((trunk, trunk.inbound.as_ref()?)));
    directory.trunk_accounts = by_password
        .map(|(trunk, inbound)| {
            let account = Account {
                line: Arc::clone(&trunk.name),
                password: inbound.password.0.clone(),
                algorithms: [Algorithm::Sha256, Algorithm::Md5].into(),
            };
            (Arc::clone(&inbound.username), account)
        })
        .collect();
    directory
}

fn apps(config: &Config) -> Vec<AppIdentity> {
    let identity = |(id, app): (u32, &config::App)| AppIdentity {
        id: AppId(id),
        name: Arc::clone(&app.name),
        token: Arc::clone(&app.token.0),
        privilege: app.privilege,
        lines: app.lines.as_slice().into(),
        is_operator: app.is_operator(),
    };
    (0..).zip(&config.apps).map(identity).collect()
}

/// Media goes nowhere where the engine itself listens.
fn relay_config(config: &Config) -> Result<RelayConfig, StartError> {
    let listeners = config.sip.listen.iter().map(|(_, address)| *address).chain(config.api.listen);
    let listening = listeners.map(|address| address.port()..=address.port());
    let own_addresses = local_addresses().into_iter().chain(config.sip.advertise);
    let destinations = Destinations::of_engine(own_addresses, listening.chain([config.media.ports.clone()]));
    let [a, b, c, d, e, f, g, h, ..] = seed()?;
    let (continuity, dscp) = (config.media.continuity, config.media.dscp);
    let identity = DtlsIdentity::generate().map_err(|error| StartError::Random(error.to_string()))?;
    let identity = Some(Arc::new(identity));
    let seed = u64::from_ne_bytes([a, b, c, d, e, f, g, h]);
    let tells_reports = config.hep.is_some();
    Ok(RelayConfig { seed, destinations, continuity, identity, dscp, tells_reports })
}

fn seed() -> Result<[u8; 32], StartError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| StartError::Random(error.to_string()))?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::{CallState, CompletionMode, ForwardEntry, ForwardMode, Operation, Outcome};

    fn text() -> String {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let port = socket.local_addr().expect("it is bound").port();
        format!(
            "[sip]\nlisten = [\"udp:127.0.0.1:{port}\"]\nworkers = 1\n[media]\nlisten = \"127.0.0.1\"\nworkers = 1\n\
             [api]\nlisten = \"off\"\n[[app]]\nname = \"crm\"\ntoken = \"token-of-a-test-that-is-long-enough\"\nlines = [\"*\"]\n\
             privilege = \"owner\"\n[recording]\ndirectory = \"recordings\"\n[[line]]\naddress = \"2001\"\nkind = \"local\"\n[[line]]\naddress = \"2002\"\nkind = \"local\"\n"
        )
    }

    fn parse(text: &str) -> Config {
        Config::parse(Path::new("t.toml"), text).expect("it is good")
    }

    #[tokio::test]
    async fn a_reload_is_taken_as_a_whole_or_not_at_all() {
        let directory = std::env::temp_dir().join(format!("trunkline-reload-{}", std::process::id()));
        let app = AppId(0);
        let text = text();
        let mut running = Running::start(parse(&text), &directory).expect("it starts");
        let engine = running.engine().clone();
        let call = Operation::MakeCall { line: "2001".into(), to: "2002".to_owned(), params: None };
        let Ok(Outcome::Call(call)) = engine.request(app, call).await else { panic!("no call") };
        let lines = async || engine.view(move |switch| switch.lines(app).len()).await;

        let wanted = format!("{text}[[line]]\naddress = \"2003\"\nkind = \"local\"\n")
            .replace("-of-a-", "-of-another-");
        let too_much = wanted.replace("workers = 1", "workers = 2");
        let refused = running.reload(parse(&too_much)).await.expect_err("workers do not change");
        assert_eq!(refused.errors().len(), 2, "{refused}");
        assert_eq!((lines().await, &*engine.apps()[0].token), (Ok(2), "token-of-a-test-that-is-long-enough"));

        let loaded = running.reload(parse(&wanted)).await.expect("it is taken");
        assert_eq!((loaded.lines, loaded.apps), (3, 1));
        assert_eq!(
            (lines().await, &*engine.apps()[0].token),
            (Ok(3), "token-of-another-test-that-is-long-enough")
        );
        let view = engine.view(move |switch| switch.call(app, call)).await.expect("it runs");
        assert!(view.is_some_and(|call| call.state != CallState::Idle), "the call stays");
        running.stop().await;
        drop(std::fs::remove_dir_all(&directory));
    }

    #[tokio::test]
    async fn forwarding_and_completions_outlive_the_engine() {
        let directory = std::env::temp_dir().join(format!("trunkline-kept-{}", std::process::id()));
        let app = AppId(0);
        let entries =
            vec![ForwardEntry { mode: ForwardMode::NoAnsw, caller: None, destination: Some("2001".into()) }];

        let text = text();
        let running = Running::start(parse(&text), &directory).expect("it starts");
        let engine = running.engine();
        let forward = Operation::Forward { line: "2002".into(), entries: entries.clone(), rings: Some(7) };
        assert_eq!(engine.request(app, forward).await, Ok(Outcome::Done));
        let call = Operation::MakeCall { line: "2001".into(), to: "2002".to_owned(), params: None };
        let Ok(Outcome::Call(call)) = engine.request(app, call).await else { panic!("no call") };
        let complete = Operation::CompleteCall { call, mode: CompletionMode::Callback, message: None };
        let Ok(Outcome::Completion(id)) = engine.request(app, complete).await else { panic!("no request") };
        running.stop().await;

        let running = Running::start(parse(&text), &directory).expect("it starts again");
        let lines = running.engine().view(move |switch| switch.lines(app)).await.expect("it runs");
        assert_eq!((&lines[1].forwarding, lines[1].rings), (&entries, 7));
        assert_eq!(lines[0].completions, [id]);
        running.stop().await;
        drop(std::fs::remove_dir_all(&directory));
    }
}
