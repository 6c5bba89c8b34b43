//! A browser phone: Chromium on a host of its own, which runs JsSIP in a page that this test serves and steers.
//!
//! ```text
//!   Chromium ── GET /, /phone.js, /modules/… ──▶ test
//!            ── GET /next ────────────────────▶       a command, as soon as there is one
//!            ── POST /said, /heard ───────────▶       what happened, what came out of the speaker
//! ```

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::{Value, json};

use crate::audio::Audio;
use crate::network::{daemon_address, spawn_on_host};
use crate::process::Process;

/// A browser with one page.
pub(crate) struct Chromium {
    /// The process.
    pub(crate) process: Process,
    commands: Sender<Value>,
    reports: Receiver<Report>,
}

/// What the page tells.
enum Report {
    Said(Value),
    Heard(Vec<u8>),
}

/// What the page is served from.
struct Site {
    /// The modules of `tests/e2e/browser/package-lock.json`.
    modules: PathBuf,
    commands: Mutex<Receiver<Value>>,
    reports: Sender<Report>,
}

/// Where the page is from, as the daemon is told it.
pub(crate) fn origin(phone: u8) -> String {
    format!("http://{}:{}", daemon_address(phone), page_port(phone))
}

impl Chromium {
    /// Starts it on host number `phone`, with a page that registers this account at the daemon by WebSocket over TLS, and says a tone
    /// into each call.
    pub(crate) fn start(directory: &Path, phone: u8, account: &str, password: &str, tone_hz: f64) -> Self {
        let modules = env::var_os("TRUNKLINE_BROWSER").expect("tests/run.sh installs JsSIP");
        let directory = directory.join(format!("chromium-{account}"));
        fs::create_dir_all(&directory).expect("a directory of ours");
        let tone = directory.join("spoken.wav");
        Audio::write_tone(&tone, tone_hz, 5);
        let (commands, given) = mpsc::channel();
        let (told, reports) = mpsc::channel();
        let site = Site { modules: modules.into(), commands: Mutex::new(given), reports: told };
        serve(page_port(phone), site);
        let (origin, pbx) = (origin(phone), daemon_address(phone));
        let page = format!(
            "{origin}/?server=wss://{pbx}:{SIP_PORT}&uri=sip:{account}@{pbx}&password={password}&bundle=max-bundle"
        );
        let mut command = Command::new("chromium");
        command.args(FLAGS).env("HOME", &directory);
        command.arg(format!("--user-data-dir={}", directory.join("profile").display()));
        command.arg(format!("--use-file-for-fake-audio-capture={}", tone.display()));
        // A microphone is for pages from a place that is known for sure.
        command.arg(format!("--unsafely-treat-insecure-origin-as-secure={origin}")).arg(page);
        let process = spawn_on_host(phone, "chromium", &command);
        Self { process, commands, reports }
    }

    /// Gives a command: `call`, `answer`, `hold`, `unhold`, `hangup`, `codec`, `unregister`.
    pub(crate) fn command(&mut self, command: &str, parameter: &str) {
        let command = json!({"command": command, "parameter": parameter});
        self.commands.send(command).expect("the site is served");
    }

    /// Blocks until the page says that this happened: `registered`, `incoming`, `confirmed`, `connected` (keys are agreed), `ended`.
    ///
    /// # Panics
    /// At the deadline, and when it says that something failed.
    pub(crate) fn expect(&mut self, event: &str, within: Duration) -> Value {
        let deadline = Instant::now() + within;
        loop {
            let Report::Said(said) = self.next_report(event, deadline) else { continue };
            match said["type"].as_str() {
                Some(found) if found == event => return said,
                Some("failed" | "error" | "registrationFailed") => panic!("the browser says {said}"),
                _ => {}
            }
        }
    }

    /// What came out of its speaker since the last time.
    pub(crate) fn heard(&mut self) -> Audio {
        self.command("heard", "");
        let deadline = Instant::now() + HEARD_WITHIN;
        loop {
            if let Report::Heard(bytes) = self.next_report("heard", deadline) {
                let samples = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
                return Audio { rate_hz: RATE_HZ, samples: samples.collect() };
            }
        }
    }

    fn next_report(&mut self, event: &str, deadline: Instant) -> Report {
        let left = deadline.saturating_duration_since(Instant::now());
        self.reports
            .recv_timeout(left)
            .unwrap_or_else(|_| panic!("the browser did not say {event:?} in time"))
    }
}

/// Serves the page until the test ends.
fn serve(port: u16, site: Site) {
    let listener = TcpListener::bind(("0.0.0.0", port)).expect("the port is free");
    let site = Arc::new(site);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let site = Arc::clone(&site);
            // A browser that goes away in the midst of an answer misses nothing.
            thread::spawn(move || site.answer(stream));
        }
    });
}

impl Site {
    fn answer(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut request = String::new();
        reader.read_line(&mut request).ok()?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let path = request.split(' ').nth(1)?.split('?').next()?;
        let (kind, found) = match path {
            "/" => ("text/html", Some(PAGE.as_bytes().to_vec())),
            "/phone.js" => ("text/javascript", Some(SCRIPT.as_bytes().to_vec())),
            "/next" => {
                let command = self.commands.lock().ok()?.recv_timeout(NEXT_WITHIN).ok();
                (
                    "application/json",
                    Some(command.map_or_else(Vec::new, |command| command.to_string().into())),
                )
            }
            "/said" => {
                self.reports.send(Report::Said(serde_json::from_slice(&body).ok()?)).ok()?;
                ("text/plain", Some(Vec::new()))
            }
            "/heard" => {
                self.reports.send(Report::Heard(body)).ok()?;
                ("text/plain", Some(Vec::new()))
            }
            _ => ("text/javascript", path.strip_prefix("/modules/").and_then(|path| self.module(path))),
        };
        let status = match &found {
            None => "404 Not Found",
            Some(text) if text.is_empty() => "204 No Content",
            Some(_) => "200 OK",
        };
        let found = found.unwrap_or_default();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            found.len()
        );
        let mut stream = stream;
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(&found).ok()
    }

    fn module(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(self.modules.join(path)).ok()
    }
}

const PAGE: &str = include_str!("browser/phone.html");
const SCRIPT: &str = include_str!("browser/phone.js");
/// Where the page of each phone is served.
fn page_port(phone: u8) -> u16 {
    8090 + u16::from(phone)
}

/// Where the daemon listens for WebSockets.
const SIP_PORT: u16 = 5063;
/// Of the page's recording.
const RATE_HZ: u32 = 8_000;
const NEXT_WITHIN: Duration = Duration::from_secs(30);
const HEARD_WITHIN: Duration = Duration::from_secs(20);
/// Nothing of it looks for anybody but the test and the daemon, whose certificate is signed by nobody that it knows.
pub(crate) const FLAGS: [&str; 13] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--ignore-certificate-errors",
];
