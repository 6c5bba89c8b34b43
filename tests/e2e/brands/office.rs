//! The phones of one brand in an office of its own, and how they are played.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use super::brand::Brand;
use super::script::{Phone, SERVER, Script};
use super::{CALLEE, CONFIG, FINISHED_WITHIN, PASSWORD, SOON, TOKEN};
use crate::daemon::{Daemon, Directory};
use crate::http;
use crate::place;
use crate::process::wait_until;
use crate::sipp::Sipp;

/// Four phones of one brand, and the daemon.
pub(super) struct Office {
    /// What its phones say.
    pub(super) brand: Brand,
    /// What they speak to.
    pub(super) daemon: Daemon,
    /// Where scenarios and what was said are written.
    pub(super) directory: Directory,
}

impl Office {
    pub(super) fn open(brand: &str) -> Self {
        let directory = Directory::create();
        let daemon = Daemon::start(directory.path(), CONFIG);
        // Phones wait for each other far longer than they work.
        place::leave();
        Self { brand: Brand::read(brand), daemon, directory }
    }

    pub(super) fn has_lamps(&self) -> bool {
        !self.brand.setting("pickup").is_empty()
    }

    /// Whether its keys for do not disturb and forwarding can show what the line does.
    pub(super) fn keeps_in_step(&self) -> bool {
        self.brand.says("SetDoNotDisturb")
    }

    pub(super) fn script(&self, phone: Phone) -> Script<'_> {
        Script::of(&self.brand, phone)
    }

    pub(super) fn is_called(&self, name: &'static str, phone: Phone) -> Sipp {
        let mut script = self.script(phone);
        script.be_called(100, &[]);
        self.waits(name, phone, &script)
    }

    /// Lets a phone do what the script says, once.
    pub(super) fn plays(&self, name: &'static str, phone: Phone, script: &Script<'_>) -> Sipp {
        self.plays_more(name, phone, script, 1, &[])
    }

    /// The same so many times, and with more arguments.
    pub(super) fn plays_more(
        &self,
        name: &'static str,
        phone: Phone,
        script: &Script<'_>,
        times: u64,
        more: &[&str],
    ) -> Sipp {
        let directory = self.directory.path();
        let file = script.write(directory, name);
        let (port, times, messages) = (phone.port.to_string(), times.to_string(), format!("{name}.messages"));
        // No @ in a Call-ID, which would have to be written otherwise in a Refer-To.
        let arguments = [
            &["127.0.0.1:5060", "-i", phone.host, "-p", &port, "-m", &times, "-sf", &file][..],
            &["-au", phone.line, "-ap", PASSWORD, "-cid_str", "%u-%p-%s"],
            &["-trace_msg", "-message_file", &messages],
            more,
        ];
        Sipp::start(directory, name, &arguments.concat())
    }

    /// The same for one that waits to be called. It has its port when this returns.
    pub(super) fn waits(&self, name: &'static str, phone: Phone, script: &Script<'_>) -> Sipp {
        self.waits_for(1, name, phone, script)
    }

    pub(super) fn waits_for(
        &self,
        calls: u64,
        name: &'static str,
        phone: Phone,
        script: &Script<'_>,
    ) -> Sipp {
        let calls = calls.to_string();
        let directory = self.directory.path();
        let (file, messages) = (script.write(directory, name), format!("{name}.messages"));
        let address = format!("{}:{}", phone.host, phone.port);
        let arguments = ["-m", &calls, "-sf", &file, "-trace_msg", "-message_file", &messages];
        Sipp::callee(directory, name, &address, &arguments)
    }

    /// Waits until a phone has been told so many times.
    pub(super) fn is_told(phone: &mut Sipp, times: usize) {
        let mut read = String::new();
        for _ in 0..200 {
            read = phone.messages();
            if read.matches("\tNOTIFY ").count() >= times {
                return;
            }
            phone.process.runs_for(Duration::from_millis(50));
        }
        panic!("not {times} NOTIFY in {read}");
    }

    /// Versions count up by one from the first, and what is told is of the line that was asked for.
    pub(super) fn lamp_told_each_state(&self) {
        let text = fs::read_to_string(self.directory.path().join("watcher.messages")).expect("SIPp wrote it");
        let told: Vec<&str> = text.split("<dialog-info").skip(1).collect();
        let mut versions: Vec<u32> = told
            .iter()
            .map(|document| attribute(document, "version").parse().expect("a version is a number"))
            .collect();
        versions.dedup();
        let expected: Vec<u32> = (0..).take(versions.len()).collect();
        assert_eq!(versions, expected, "{text}");
        for document in told {
            let entity = attribute(document, "entity");
            assert!(entity.starts_with(&format!("sip:{}@{SERVER}", CALLEE.line)), "{entity}");
            assert!(document.contains("</dialog-info>"), "{document}");
        }
    }

    pub(super) fn ask(&self, path: &str, body: &Value) {
        let answer = http::post(&format!("/v1/{path}"), TOKEN, body);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    }

    /// Waits until a line has a call in this state. The call.
    pub(super) fn reaches(&mut self, phone: Phone, state: &str) -> String {
        let mut found = String::new();
        wait_until(&mut self.daemon.process, SOON, || {
            let calls = http::get("/v1/calls", Some(TOKEN)).json();
            let mut all = calls.as_array().into_iter().flatten();
            let call = all.find(|call| call["line"] == phone.line && call["state"] == state);
            match call.and_then(|call| call["id"].as_str()) {
                Some(id) => found = id.to_owned(),
                None => return Err(format!("{} has none that is {state}: {calls}", phone.line)),
            }
            Ok(())
        });
        found
    }

    /// Waits until the line of a phone is so.
    pub(super) fn line_becomes(&mut self, phone: Phone, what: &str, state: &Value) {
        wait_until(&mut self.daemon.process, SOON, || {
            let line = http::get(&format!("/v1/lines/{}", phone.line), Some(TOKEN)).json();
            if line[what] == *state { Ok(()) } else { Err(format!("{what} is {}", line[what])) }
        });
    }

    pub(super) fn drop_calls_of(&mut self, phone: Phone) {
        let call = self.reaches(phone, "connected");
        self.ask(&format!("calls/{call}/drop"), &json!({}));
    }
}

impl Brand {
    /// Whether the phone says in this message that it does what it is told by this event.
    pub(super) fn announces(&self, message: &str, event: &str) -> bool {
        let mut lines = self.template(message).lines();
        lines.any(|line| line.starts_with("Allow-Events:") && line.contains(event))
    }
}

pub(super) fn went_well(phone: Sipp) {
    went_well_each(1, phone);
}

pub(super) fn went_well_each(times: u64, mut phone: Sipp) {
    phone.process.wait_exit(FINISHED_WITHIN);
    let messages = phone.messages();
    let counted = phone.finish(FINISHED_WITHIN);
    assert_eq!((counted.successful(), counted.failed()), (times, 0), "{messages}");
}

fn attribute<'a>(document: &'a str, name: &str) -> &'a str {
    let (_, rest) =
        document.split_once(&format!("{name}=\"")).unwrap_or_else(|| panic!("no {name}: {document}"));
    rest.split('"').next().unwrap_or_default()
}
