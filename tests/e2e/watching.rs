//! SIPp as a phone that watches something, and every NOTIFY that it was told.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::brands::received::received;
use crate::sipp::{Sipp, scenario};

/// What is watched, by whom, and what it is to see: patterns of bodies.
pub(crate) struct Watching {
    pub(crate) name: &'static str,
    pub(crate) line: &'static str,
    pub(crate) to: &'static str,
    pub(crate) event: &'static str,
    pub(crate) accept: &'static str,
    pub(crate) supported: &'static str,
    /// Something has begun.
    pub(crate) begun: &'static str,
    /// It is over; then the subscription is refreshed, and ended.
    pub(crate) over: &'static str,
    /// All that there is, as the refresh is told it.
    pub(crate) whole: &'static str,
    pub(crate) port: &'static str,
    /// As SIPp writes it: `u1`, `t1`.
    pub(crate) transport: &'static str,
}

impl Watching {
    /// Begins to watch.
    pub(crate) fn start(&self, directory: &Path, host: &str, password: &str) -> Sipp {
        let escaped = |text: &str| text.replace('<', "&lt;").replace('>', "&gt;");
        let patterns = [self.begun, self.over, self.whole].map(escaped);
        let replace = [
            ("LINE", self.line),
            ("EVENT", self.event),
            ("ACCEPT", self.accept),
            ("SUPPORTED", self.supported),
            ("BEGUN", &patterns[0]),
            ("OVER", &patterns[1]),
            ("WHOLE", &patterns[2]),
        ];
        let own = directory.join(format!("{}.xml", self.name));
        fs::rename(scenario(directory, "watch.xml", &replace), &own).expect("a directory of ours");
        let (server, messages) = (format!("{host}:5060"), format!("{}.messages", self.name));
        let arguments = [
            &[&*server, "-i", host, "-p", self.port, "-t", self.transport, "-m", "1", "-s", self.to][..],
            &["-sf", own.to_str().expect("paths here are UTF-8"), "-au", self.line, "-ap", password],
            &["-trace_msg", "-message_file", &messages],
        ];
        Sipp::start(directory, self.name, &arguments.concat())
    }

    /// Waits until it has seen all: each NOTIFY once, its head and its body.
    pub(crate) fn told(&self, mut phone: Sipp, directory: &Path, within: Duration) -> Vec<(String, String)> {
        phone.process.wait_exit(within);
        let text =
            fs::read_to_string(directory.join(format!("{}.messages", self.name))).expect("SIPp wrote it");
        let counted = phone.finish(within);
        assert_eq!((counted.successful(), counted.failed()), (1, 0), "{}: {text}", self.name);
        let mut told: Vec<(String, String)> = Vec::new();
        for message in received(&text).filter(|message| message.starts_with("NOTIFY ")) {
            let (head, body) = message.split_once("\r\n\r\n").expect("a message has a body");
            if told.last().is_none_or(|(last, _)| last != head) {
                told.push((head.to_owned(), body.to_owned()));
            }
        }
        told
    }
}

/// The value of a header.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let mut values = head.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    values.next().unwrap_or_default()
}
