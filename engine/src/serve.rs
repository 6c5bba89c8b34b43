//! The daemon: configuration, engine, HTTP, signals.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use trunkline_media::io::{HeapTrim, resident_bytes, trim_heaps};
use trunkline_sip::servers::Host;

use crate::api;
use crate::config::{self, Config, ConfigError, LogFormat};
use crate::driver::{
    Checked, Loaded, Located, LogTail, ReloadError, ReloadRequest, Reloader, Running, clock, keep_watchdog,
    notify_reloading, notify_service_manager, probe_kernel, watchdog_limit,
};
use crate::handle::Engine;
use crate::provision::{self, pnp};
use crate::webhook::Webhooks;

/// How long calls that are up may go on after SIGTERM. A second SIGTERM or SIGINT ends them at once.
const DRAIN_AT_MOST: Duration = Duration::from_secs(3_600);

/// How long name servers may take at a start, and when a configuration is checked.
const NAMES_AT_MOST: Duration = Duration::from_secs(1);

/// How often it is looked whether memory can be given back to the system.
const MEMORY_LOOK_EVERY: Duration = Duration::from_secs(5);

/// Serves until a signal says otherwise.
pub(crate) async fn serve(named: Option<&Path>, state_directory: Option<&Path>) -> ExitCode {
    let state_directory = config::state_dir(state_directory);
    let config = match Config::search(named, &state_directory) {
        Ok(config) => config,
        Err(errors) => return refuse(&errors),
    };
    let log = start_log(&config);
    let table = config::phone_table(&config, &state_directory);
    match run(config, named.map(Path::to_owned), &state_directory, table, log).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Says whether a configuration is good, and what the relay in the kernel would do here. Exit code 0 or 2.
pub(crate) async fn check(named: Option<&Path>) -> ExitCode {
    match config::check(named) {
        Ok(checked) => {
            say(&checked.text);
            if let Some(config) = checked.config {
                if let Some(line) = probe_kernel(&config.media) {
                    say(&format!("{line}\n"));
                }
                say(&unknown_hosts(config).await);
            }
            ExitCode::SUCCESS
        }
        Err(text) => {
            complain(&text);
            ExitCode::from(2)
        }
    }
}

/// The hosts of trunks that name servers know no server of, a line each.
async fn unknown_hosts(config: Config) -> String {
    let located = Located::ask(config, NAMES_AT_MOST * 5).await;
    located.missing().map(|host| unknown(host) + "\n").collect()
}

async fn run(
    config: Config,
    named: Option<PathBuf>,
    state_directory: &Path,
    table: String,
    log: LogTail,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut hand_over = signal(SignalKind::user_defined1())?;
    let (api_listen, access) = (config.api.listen, api::Access::from(&config.api));
    let (provisioning, answers_multicast) = (config.provisioning.listen, config.provisioning.pnp);
    let mut running = Running::start_located(Located::ask(config, NAMES_AT_MOST).await, state_directory)?;
    let (reloader, mut reloads) = Reloader::new();
    let (stop_api, mut stopped) = watch::channel(());
    let api = match api_listen {
        Some(address) => {
            let listener = TcpListener::bind(address)
                .await
                .map_err(|error| format!("cannot listen on HTTP {address}: {error}"))?;
            let stopped = async move { drop(stopped.changed().await) };
            Some(tokio::spawn(api::serve(
                listener,
                running.engine().clone(),
                access,
                api::Operator { reloader: Some(reloader), log: Some(log) },
                stopped,
            )))
        }
        None => None,
    };
    let phones = match provisioning {
        Some(config::Listener { is_secure, address }) => {
            let listener = TcpListener::bind(address)
                .await
                .map_err(|error| format!("cannot listen on HTTP {address} for phones: {error}"))?;
            let mut stopped = stop_api.subscribe();
            let stopped = async move { drop(stopped.changed().await) };
            let provisioner = Arc::clone(running.engine().provisioner());
            Some(tokio::spawn(provision::serve(listener, provisioner, is_secure, stopped)))
        }
        None => None,
    };
    let asked = match provisioning {
        Some(_) if answers_multicast => {
            let socket = pnp::join()
                .map_err(|error| format!("cannot listen on UDP {} for phones: {error}", pnp::GROUP))?;
            Some(tokio::spawn(pnp::answer(socket, Arc::clone(running.engine().provisioner()))))
        }
        Some(_) | None => None,
    };
    let mut webhooks = Webhooks::start(running.engine(), running.config())?;
    let memory = tokio::spawn(give_memory_back(running.engine().clone()));
    let watchdog = watchdog_limit().map(|limit| tokio::spawn(keep_watchdog(running.pulse(), limit)));
    say(&table);
    say("ready\n");
    notify_service_manager("READY=1");

    let waits = loop {
        tokio::select! {
            _ = terminate.recv() => break true,
            _ = interrupt.recv() => break true,
            _ = hand_over.recv() => break false,
            () = running.failed() => return Err("a thread ended by a defect; its panic stands above".into()),
            _ = hang_up.recv() => {
                drop(reload(&mut running, &mut webhooks, named.as_deref(), state_directory).await);
            }
            Some(asked) = reloads.recv() => match asked {
                ReloadRequest::Reload(answer) => {
                    // Whoever asked may be gone; the log has it too.
                    drop(answer.send(reload(&mut running, &mut webhooks, named.as_deref(), state_directory).await));
                }
                ReloadRequest::Check(answer) => {
                    let read = read_again(named.as_deref(), state_directory).await;
                    let restart = read.as_ref().map_or_else(|_| Vec::new(), |config| running.needs_restart(config));
                    // Name servers may take their time: signals wait for none of them.
                    tokio::spawn(async move { drop(answer.send(judge(read, restart).await)) });
                }
            },
        }
    };
    drop(reloads);
    memory.abort();
    notify_service_manager("STOPPING=1");
    if waits {
        tracing::info!("no calls are taken any more; waiting for those that are up");
        tokio::select! {
            () = running.drain(DRAIN_AT_MOST) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hand_over.recv() => {}
        }
    } else {
        // Neither a far end nor a registrar of a trunk is told anything: the next process begins where this one stops.
        tracing::info!("calls are left to the next process");
    }
    // What stops turns no longer; the service manager has a limit of its own for it.
    for task in [asked, watchdog].into_iter().flatten() {
        task.abort();
    }
    drop((stop_api, webhooks));
    for server in [api, phones].into_iter().flatten() {
        server.await??;
    }
    running.stop().await;
    Ok(())
}

/// Gives back to the system what a flood or a busy hour needed and nobody needs any more.
async fn give_memory_back(engine: Engine) {
    let mut trim = HeapTrim::default();
    let mut look = tokio::time::interval(MEMORY_LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = look.tick().await.into_std();
        let held = engine.metrics();
        let things = held.calls + held.legs + held.sip_transactions + held.subscriptions + held.connections;
        if resident_bytes().is_some_and(|resident| trim.is_due(resident, things, now)) {
            // It takes milliseconds, and has no answer that would matter.
            drop(tokio::task::spawn_blocking(trim_heaps).await);
        }
    }
}

/// Reads the configuration again; says in the log what came of it.
async fn reload(
    running: &mut Running,
    webhooks: &mut Webhooks,
    named: Option<&Path>,
    state_directory: &Path,
) -> Result<Loaded, ReloadError> {
    notify_reloading();
    let loaded = match read_again(named, state_directory).await {
        Ok(config) => running.reload(config).await,
        Err(errors) => Err(ReloadError::Wrong(errors)),
    };
    match &loaded {
        Ok(_) => {
            tracing::info!("the configuration was loaded again");
            if let Err(error) = webhooks.set(running.config()) {
                tracing::error!(%error, "webhooks are as they were");
            }
        }
        Err(refused) => {
            for error in refused.errors() {
                tracing::error!("nothing was changed: {error}");
            }
        }
    }
    notify_service_manager("READY=1");
    loaded
}

/// What there is to say of a configuration that was read.
async fn judge(read: Result<Config, Vec<ConfigError>>, restart: Vec<ConfigError>) -> Checked {
    let config = match read {
        Ok(config) => config,
        Err(errors) => return Checked { errors, ..Checked::default() },
    };
    let (mut errors, mut notes) = (Vec::new(), Vec::new());
    for ending in config.tls.endings(clock::unix_now()) {
        if ending.is_over {
            errors.push(config.refuse("sip.tls", &ending.text, "write one that holds"));
        } else {
            notes.push(format!("sip.tls: {}", ending.text));
        }
    }
    let loaded = Some(Loaded::from(&config)).filter(|_| errors.is_empty());
    let located = Located::ask(config, NAMES_AT_MOST * 5).await;
    notes.extend(located.missing().map(unknown));
    Checked { loaded, errors, restart, notes }
}

fn unknown(host: Host) -> String {
    format!("{}: no name server knows a server of this host", host.name)
}

/// A file may be on a disk that takes its time.
async fn read_again(named: Option<&Path>, state_directory: &Path) -> Result<Config, Vec<ConfigError>> {
    let (path, directory) = (named.map(Path::to_owned), state_directory.to_owned());
    let search = tokio::task::spawn_blocking(move || Config::search(path.as_deref(), &directory));
    search.await.unwrap_or_else(|_| {
        Err(vec![ConfigError {
            file: named.map(Path::to_owned).unwrap_or_default(),
            line: 0,
            key: String::new(),
            wrong: "cannot be read by a defect".to_owned(),
            right: "its panic stands in the log".to_owned(),
        }])
    })
}

fn refuse(errors: &[ConfigError]) -> ExitCode {
    for error in errors {
        complain(&format!("{error}\n"));
    }
    ExitCode::from(2)
}

/// Logs go to standard error: standard output holds the phone table and `ready`. The last lines are kept, for whoever reads them by the API.
fn start_log(config: &Config) -> LogTail {
    // It warns of each extension in a handshake that it does not know, as often as a far end likes.
    let level = format!("rtc_dtls=error,{}", config.log.level);
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    // It would write the tokens that forks of calls carry.
    let filter = match "tungstenite=info".parse() {
        Ok(quiet) => filter.add_directive(quiet),
        Err(_) => filter,
    };
    // A log that cannot be written (a full disk, a reader that went away) would be complained of where it cannot be written, by
    // a panic in whatever was logged.
    let lines = tracing_subscriber::fmt::layer().log_internal_errors(false).with_writer(std::io::stderr);
    let lines = match config.log.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let tail = LogTail::new();
    tracing_subscriber::registry().with(filter).with(lines).with(tail.layer()).init();
    tail
}

/// Writes to standard output, at once. A reader that went away is no reason to stop.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Writes to standard error.
pub(crate) fn complain(text: &str) {
    drop(std::io::stderr().lock().write_all(text.as_bytes()));
}
