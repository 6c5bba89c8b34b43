//! The API on a loopback socket before a switch that replies by a script.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::StreamExt;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use trunkline_sip::location::{Location, LocationLimits};

use crate::api::{Access, Operator, serve};
use crate::config::{Config, ConfigError, ConnectionLimits};
use crate::driver::clock;
use crate::driver::event_log::EventLog;
use crate::driver::metrics::Metrics;
use crate::driver::records::RecordsFile;
use crate::driver::stream::Connections;
use crate::driver::switch::{SwitchInput, Waiting};
use crate::driver::worker::Workers;
use crate::driver::{Checked, Loaded, LogTail, ReloadError, ReloadRequest, Reloader};
use crate::handle::{AppIdentity, Engine, Shared};
use crate::provision::Provisioner;
use crate::switch::{
    AppId, CallId, CallOperation, CallPrivilege, CallState, Circumstances, LineError, Message, MessageCounts,
    Operation, Outcome, Refusal, Reply, Requested, Switch,
};
use crate::translate::{Locations, TranslateOptions};
use crate::webhook::{Board, Entry};

pub(super) const OWNER: &str = "owner-token";
pub(super) const MONITOR: &str = "monitor-token";

const CONFIG: &str = r#"
[sip]
workers = 1
[location]
country_code = 49
area_code = "30"
[[line]]
address = "1001"
name = "Reception"
password = "a"
[[line]]
address = "1002"
kind = "local"
[[trunk]]
name = "carrier"
peer = "udp:192.0.2.1:5060"
max_calls = 60
[provisioning]
listen = "http:127.0.0.1:8090"
server = "pbx.example"
[[phone]]
mac = "00:15:65:ab:cd:ef"
brand = "yealink"
lines = ["1001"]
[[app]]
name = "crm"
token = "owner-token"
lines = ["*"]
[[app]]
name = "wallboard"
token = "monitor-token"
lines = ["1001"]
privilege = "monitor"
[[webhook]]
name = "crm-events"
app = "crm"
url = "http://crm.example/hooks/hidden-path?hidden=query"
secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
[[webhook]]
name = "wall"
app = "wallboard"
url = "http://127.0.0.1:9000/"
secret = "whsec_FxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA"
events = ["call-state"]
lines = ["1001"]
"#;

pub(super) struct Stage {
    pub(super) address: SocketAddr,
    pub(super) location: Arc<Location>,
    pub(super) log: LogTail,
    events: Arc<EventLog>,
    records: RecordsPlace,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    /// Status and code of a problem.
    pub(super) fn problem(&self) -> (u16, String) {
        assert!(self.head.contains("content-type: application/problem+json"), "{}", self.head);
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert!(problem["detail"].as_str().unwrap().ends_with('.'), "{problem}");
        assert!(problem["explain"]["missing"].is_string(), "{problem}");
        assert!(problem["explain"]["sentence"].as_str().unwrap().ends_with('.'), "{problem}");
        (self.status, problem["code"].as_str().unwrap().to_owned())
    }
}

/// Where records of calls are kept, until the stage is gone.
struct RecordsPlace(PathBuf);

impl RecordsPlace {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("trunkline-stage-{}-{number}.db", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for RecordsPlace {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = self.0.as_os_str().to_owned();
            name.push(suffix);
            drop(std::fs::remove_file(name));
        }
    }
}

impl Stage {
    pub(super) async fn new() -> Self {
        let stage = Self::set(true).await;
        RecordsFile::create(&stage.records.0);
        stage
    }

    /// One whose configuration has no `[records]`.
    pub(super) async fn without_records() -> Self {
        Self::set(false).await
    }

    /// A record, the next second after 2026-11-23 05:00:00.
    pub(super) fn record(&self, from: &str, to: &str, disposition: &str) {
        RecordsFile::add(&self.records.0, from, to, disposition);
    }

    async fn set(has_records: bool) -> Self {
        let records = RecordsPlace::new();
        let config = Config::parse(Path::new("stage.toml"), CONFIG).unwrap();
        let now = clock::now();
        let location = Arc::new(Location::new(now, LocationLimits::DEFAULT));
        let (events, waiting) = (Arc::new(EventLog::new(2, 1)), Arc::new(Waiting::new()));
        let metrics = Arc::new(Metrics::new(1));
        let (workers, _) = Workers::new(1, Arc::clone(&metrics));
        let (switch, mailbox) = mpsc::channel(16);
        let setup = config.setup();
        let translation = Arc::clone(&setup.translation);
        let state = Switch::new(setup, Arc::clone(&location), [1; 32], now);
        tokio::spawn(play(state, translation, mailbox, Arc::clone(&events), Arc::clone(&waiting)));
        let apps = (0..).zip(&config.apps).map(|(id, app)| AppIdentity {
            id: AppId(id),
            name: app.name.clone(),
            token: app.token.0.clone(),
            privilege: app.privilege,
            lines: app.lines.as_slice().into(),
            is_operator: app.is_operator(),
        });
        let trace = crate::driver::trace::Trace::new(1, 0, (0, 0));
        let engine = Engine::new(Arc::new(Shared {
            switch,
            waiting,
            events: Arc::clone(&events),
            location: Arc::clone(&location),
            metrics,
            connections: Connections::of_test(workers, ConnectionLimits::DEFAULT),
            apps: ArcSwap::from_pointee(apps.collect()),
            provisioner: Arc::new(Provisioner::new(&config)),
            webhooks: Board::default(),
            next_request: AtomicU32::new(0),
            ready: AtomicBool::new(true),
            operations: trace.of_api(),
            trace,
            records: has_records.then(|| RecordsFile::new(records.0.clone())),
        }));
        let entry = |(app, hook)| Arc::new(Entry::new(AppId(app), Arc::clone(hook), 0, Duration::ZERO));
        engine.webhooks().set((0..).zip(&config.webhooks).map(entry).collect());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (reloader, requests) = Reloader::new();
        tokio::spawn(reload(requests));
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        let log = LogTail::new();
        let operator = Operator { reloader: Some(reloader), log: Some(log.clone()) };
        let served = tokio::spawn(serve(listener, engine, Access::from(&config.api), operator, stopped));
        Self { address, location, log, events, records, stop, served }
    }

    /// Tells the application of [`OWNER`] something.
    pub(super) fn tell(&self, message: Message) {
        self.events.append(AppId(0), message);
    }

    /// Stops the server and waits for its end.
    pub(super) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.served.await.unwrap().unwrap();
    }

    pub(super) async fn get(&self, path: &str, token: &str) -> Answer {
        self.ask("GET", path, &[("Authorization", &format!("Bearer {token}"))], "").await
    }

    pub(super) async fn post(&self, path: &str, token: &str, body: &str) -> Answer {
        self.ask("POST", path, &[("Authorization", &format!("Bearer {token}"))], body).await
    }

    pub(super) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            request += &format!("Host: {}\r\n", self.address);
        }
        if !headers.iter().any(|(name, _)| *name == "Content-Length") {
            request += &format!("Content-Length: {}\r\n", body.len());
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        self.raw(&format!("{request}\r\n{body}")).await
    }

    /// Writes bytes and reads until the server closes.
    pub(super) async fn raw(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A server that has answered already may reset what it will not read.
        drop(stream.write_all(request.as_bytes()).await);
        let mut bytes = Vec::new();
        drop(stream.read_to_end(&mut bytes).await);
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    /// Opens the event stream; `headers` beside those of the handshake.
    pub(super) async fn listen(
        &self,
        query: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Listener, u16> {
        self.listen_to(&format!("/v1/events{query}"), headers).await
    }

    /// A WebSocket of the API; the status where there is none.
    pub(super) async fn listen_to(
        &self,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Listener, u16> {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(self.address).await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, _)) => Ok(Listener(socket)),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }
}

pub(super) struct Listener(pub(super) WebSocketStream<TcpStream>);

impl Listener {
    /// The next event.
    pub(super) async fn next(&mut self) -> Value {
        loop {
            let frame = self.0.next().await.unwrap().unwrap();
            if let Frame::Text(text) = &frame {
                return serde_json::from_str(text).unwrap();
            }
            assert!(frame.is_ping(), "{frame:?}");
        }
    }

    /// The code that the server closes with; `None` where it just ends.
    pub(super) async fn closed(&mut self) -> Option<u16> {
        loop {
            match self.0.next().await {
                Some(Ok(Frame::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }
}

async fn play(
    state: Switch,
    translation: Arc<Locations>,
    mut mailbox: mpsc::Receiver<SwitchInput>,
    events: Arc<EventLog>,
    waiting: Arc<Waiting>,
) {
    while let Some(input) = mailbox.recv().await {
        match input {
            SwitchInput::Request(app, request, operation) => {
                if operation == Operation::Hold(NEVER) {
                    continue;
                }
                let reply = script(&translation, &operation);
                if let Some((_, sender)) = waiting.remove(&request) {
                    drop(sender.send(reply.clone()));
                }
                events.append(app, Message::Reply { request, reply });
            }
            SwitchInput::View(reader) => reader(&state),
            SwitchInput::Drain
            | SwitchInput::Media(_)
            | SwitchInput::Fork(_)
            | SwitchInput::Recording(_)
            | SwitchInput::Reconfigure(_)
            | SwitchInput::Relocate(_)
            | SwitchInput::Sip(_)
            | SwitchInput::Stop => panic!("{input:?}"),
        }
    }
}

/// What is checked is wrong and would need a restart. The first reload is taken, the second finds two mistakes, the third needs a restart; then the engine stops.
async fn reload(mut requests: mpsc::Receiver<ReloadRequest>) {
    let error = |line| ConfigError {
        file: "t.toml".into(),
        line,
        key: "sip.listen".to_owned(),
        wrong: "is wrong".to_owned(),
        right: "write it right".to_owned(),
    };
    let loaded = Loaded { file: Some("t.toml".into()), lines: 2, trunks: 1, routes: 0, apps: 2 };
    let wrong = ReloadError::Wrong(vec![error(3), error(7)]);
    let mut outcomes =
        [Ok(loaded.clone()), Err(wrong), Err(ReloadError::NeedsRestart(vec![error(2)]))].into_iter();
    while let Some(request) = requests.recv().await {
        match request {
            ReloadRequest::Reload(answer) => match outcomes.next() {
                Some(outcome) => drop(answer.send(outcome)),
                None => return,
            },
            ReloadRequest::Check(answer) => {
                let (errors, restart, notes) = (vec![error(3)], vec![error(7)], vec!["a note".to_owned()]);
                drop(answer.send(Checked { loaded: Some(loaded.clone()), errors, restart, notes }));
            }
        }
    }
}

/// Holding this call is never answered.
const NEVER: CallId = CallId(5);

/// Addresses are translated; 1001 has two new messages, and eight old ones, one of them urgent; call 1 obeys, call 2 is on hold, call 3 is another's, there is no other; only 1001 makes calls.
fn script(locations: &Locations, operation: &Operation) -> Reply {
    if let Operation::TranslateAddress { line, address, card, options } = operation {
        let options = TranslateOptions::from_bits(*options)?;
        let found = locations.translate(line, address, *card, options)?;
        return Ok(Outcome::Translated(Box::new(found)));
    }
    if let Operation::MakeCall { line, .. } = operation {
        return if &**line == "1001" {
            Ok(Outcome::Call(CallId(9)))
        } else {
            Err(LineError::InvalLineHandle.into())
        };
    }
    if let Operation::SetMessages { line, counts } = operation {
        let expected = MessageCounts { is_waiting: true, new: 2, old: 8, urgent_new: 0, urgent_old: 1 };
        assert_eq!(*counts, expected);
        return if &**line == "1001" { Ok(Outcome::Done) } else { Err(LineError::InvalLineHandle.into()) };
    }
    if let Operation::CheckSync { line, reboot: true } = operation {
        return if &**line == "1001" { Ok(Outcome::Done) } else { Err(LineError::InvalLineHandle.into()) };
    }
    let (Operation::Accept(call, _)
    | Operation::Answer(call, _)
    | Operation::Drop(call, _)
    | Operation::DeallocateCall(call)
    | Operation::Hold(call)
    | Operation::Unhold(call)) = operation
    else {
        panic!("{operation:?}")
    };
    match call.0 {
        1 => Ok(Outcome::Done),
        2 => Err(Refusal {
            error: LineError::InvalCallState,
            state: Some(CallState::OnHold),
            allowed: vec![CallOperation::Drop, CallOperation::Unhold],
            circumstances: Some(Box::new(Circumstances {
                requested: Requested::OnCall(CallOperation::Hold),
                state: Some(CallState::OnHold),
                privilege: Some(CallPrivilege::Owner),
                allowed: Some(vec!["drop", "unhold"]),
            })),
        }),
        3 => Err(Refusal {
            error: LineError::NotOwner,
            state: Some(CallState::OnHold),
            allowed: vec![CallOperation::DeallocateCall],
            circumstances: Some(Box::new(Circumstances {
                requested: Requested::OnCall(CallOperation::Drop),
                state: Some(CallState::OnHold),
                privilege: Some(CallPrivilege::Monitor),
                allowed: Some(vec!["deallocate-call"]),
            })),
        }),
        _ => Err(LineError::InvalCallHandle.into()),
    }
}
