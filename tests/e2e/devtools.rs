//! Chromium as a person before a page: steered by the DevTools protocol, it clicks, types and looks.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use crate::chromium::FLAGS;
use crate::process::Process;

/// One page of a browser that runs where the test does.
pub(crate) struct Page {
    _process: Process,
    socket: WebSocket<TcpStream>,
    session: String,
    requests: u64,
    /// What the page said went wrong: exceptions, and what its policy forbade.
    complaints: Vec<String>,
}

impl Page {
    /// Starts a browser with this address.
    pub(crate) fn open(directory: &Path, address: &str) -> Self {
        let home = directory.join("browser");
        fs::create_dir_all(&home).expect("a directory of ours");
        let mut command = Command::new("chromium");
        command
            .args(FLAGS)
            .env("HOME", &home)
            .arg(format!("--user-data-dir={}", home.join("profile").display()));
        command.args(["--remote-debugging-port=0", "about:blank"]);
        let mut process = Process::spawn("chromium", &mut command);
        let line = process.wait_for(STARTS_WITHIN, |_, line| line.starts_with(LISTENS));
        let server = line.strip_prefix(LISTENS).expect("it starts so").trim().to_owned();
        let request = server.as_str().into_client_request().expect("a valid address");
        let place = request.uri().authority().expect("it names a port").to_string();
        let stream = TcpStream::connect(place).expect("the browser listens");
        let (socket, _) = tungstenite::client(request, stream).expect("the browser speaks the protocol");
        let mut page =
            Self { _process: process, socket, session: String::new(), requests: 0, complaints: Vec::new() };
        let target = page.ask("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        page.session =
            page.ask("Target.attachToTarget", attach)["sessionId"].as_str().expect("a session").to_owned();
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            page.ask(domain, json!({}));
        }
        page.ask("Page.navigate", json!({"url": address}));
        page
    }

    /// Blocks until an expression of the page is true to it, and returns it.
    pub(crate) fn until(&mut self, expression: &str) -> Value {
        // Whatever the expression throws while the page is not there yet is "not yet".
        let promise = format!(
            "new Promise(done => {{ const end = Date.now() + {}; const look = () => {{ let found = null; \
             try {{ found = ({expression}); }} catch (error) {{ }} \
             if (found || Date.now() > end) done(found || null); else setTimeout(look, 25); }}; look(); }})",
            WITHIN.as_millis()
        );
        let found = self.evaluate(&promise);
        if found.is_null() || found == false {
            let shown = self.evaluate("document.body.innerText");
            panic!(
                "the page never came to {expression}; it shows {shown}; it complains of {:?}",
                self.complaints
            );
        }
        found
    }

    /// Blocks until the page has an element.
    pub(crate) fn has(&mut self, selector: &str) {
        self.until(&format!("!!document.querySelector({})", json!(selector)));
    }

    /// Blocks until the text of an element has this in it.
    pub(crate) fn reads(&mut self, selector: &str, text: &str) {
        self.until(&format!(
            "document.querySelector({}).innerText.includes({})",
            json!(selector),
            json!(text)
        ));
    }

    /// How many elements there are.
    pub(crate) fn count(&mut self, selector: &str) -> u64 {
        let found = self.evaluate(&format!("document.querySelectorAll({}).length", json!(selector)));
        found.as_u64().expect("a number")
    }

    /// Presses the mouse on an element, once it is there, enabled, and nothing lies above it.
    pub(crate) fn click(&mut self, selector: &str) {
        let place = self.until(&format!(
            "(() => {{ const found = document.querySelector({}); if (!found || found.disabled) return null; \
             found.scrollIntoView({{block: 'center'}}); const box = found.getBoundingClientRect(); \
             const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]; \
             const above = document.elementFromPoint(x, y); \
             return found.contains(above) ? {{x, y}} : null; }})()",
            json!(selector)
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let event =
                json!({"type": kind, "x": place["x"], "y": place["y"], "button": "left", "clickCount": 1});
            self.ask("Input.dispatchMouseEvent", event);
        }
    }

    /// Types into what has the focus.
    pub(crate) fn type_text(&mut self, text: &str) {
        self.ask("Input.insertText", json!({"text": text}));
    }

    /// Presses a key that writes nothing: `Tab`, `Enter`, `Escape`.
    pub(crate) fn press(&mut self, key: &str, code: u32) {
        let text = if key == "Enter" { "\r" } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let event =
                json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
            self.ask("Input.dispatchKeyEvent", event);
        }
    }

    /// Chooses an option of a list.
    pub(crate) fn choose(&mut self, selector: &str, value: &str) {
        self.until(&format!(
            "(() => {{ const list = document.querySelector({}); \
             if (![...list.options].some(option => option.value === {value})) return false; \
             list.value = {value}; list.dispatchEvent(new Event('change', {{bubbles: true}})); return true; }})()",
            json!(selector),
            value = json!(value)
        ));
    }

    /// The width of the window, and whether it is dark.
    pub(crate) fn resize(&mut self, width: u32, height: u32, theme: &str) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        self.ask("Emulation.setDeviceMetricsOverride", size);
        let features = json!([{"name": "prefers-color-scheme", "value": theme}]);
        self.ask("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// Whether everything fits into the width of the window.
    pub(crate) fn fits(&mut self) {
        self.until("document.documentElement.scrollWidth <= window.innerWidth");
    }

    /// A picture, where somebody wants to look: in the directory that `TRUNKLINE_SCREENSHOTS` names.
    pub(crate) fn picture(&mut self, name: &str) {
        let Some(directory) = env::var_os("TRUNKLINE_SCREENSHOTS") else { return };
        let picture = self.ask("Page.captureScreenshot", json!({"format": "png"}));
        let octets = BASE64_STANDARD.decode(picture["data"].as_str().expect("a picture")).expect("base64");
        fs::write(Path::new(&directory).join(format!("{name}.png")), octets).expect("the directory is there");
    }

    /// Asserts that nothing went wrong in the page.
    pub(crate) fn is_content(&mut self) {
        self.evaluate("1");
        assert!(self.complaints.is_empty(), "the page complains of {:#?}", self.complaints);
    }

    /// The value of an expression, or of the promise that it is.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let expression = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut found = self.ask("Runtime.evaluate", expression);
        assert!(found.get("exceptionDetails").is_none(), "{found}");
        found["result"]["value"].take()
    }

    fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.requests += 1;
        let id = self.requests;
        let mut request = json!({"id": id, "method": method, "params": parameters});
        if !self.session.is_empty() {
            request["sessionId"] = json!(self.session);
        }
        self.socket.send(Message::text(request.to_string())).expect("the browser reads");
        let deadline = Instant::now() + WITHIN * 2;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the browser does not answer {method}");
            self.socket.get_ref().set_read_timeout(Some(left)).expect("a timeout can be set");
            let Message::Text(text) = self.socket.read().unwrap_or_else(|error| panic!("{method}: {error}"))
            else {
                continue;
            };
            let mut said: Value = serde_json::from_str(&text).expect("the browser speaks JSON");
            if said["id"] == id {
                assert!(said.get("error").is_none(), "{method}: {said}");
                return said["result"].take();
            }
            self.hear(&said);
        }
    }

    /// An event: what is an error is kept.
    fn hear(&mut self, said: &Value) {
        let entry = &said["params"]["entry"];
        match said["method"].as_str() {
            Some("Runtime.exceptionThrown") => {
                self.complaints.push(said["params"]["exceptionDetails"].to_string())
            }
            // Answers of the API that are refusals, and a daemon that is gone, are no fault of the page.
            Some("Log.entryAdded") if entry["level"] == "error" && entry["source"] != "network" => {
                self.complaints.push(entry.to_string());
            }
            _ => {}
        }
    }
}

/// What Chromium says of where it can be steered.
const LISTENS: &str = "DevTools listening on ";
/// A browser starts slowly where others work.
const STARTS_WITHIN: Duration = Duration::from_secs(60);
const WITHIN: Duration = Duration::from_secs(30);
