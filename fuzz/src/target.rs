//! What is checked, and what its edited inputs begin from.

use std::path::{Path, PathBuf};

use crate::{agent, config, digest, header, http, message, relay, sdp, stream, switch, uri};

/// One thing that is checked on any octets.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name on the command line of `mutate`; where there is a folder `seeds/NAME`, its seeds.
    pub name: &'static str,
    /// Panics if a rule is broken.
    pub check: fn(&[u8]),
    /// Beside those of its folder.
    seeds: Seeds,
}

#[derive(Clone, Copy, Debug)]
enum Seeds {
    /// None.
    Own,
    /// The torture messages of RFC 4475 and RFC 5118, agent scripts and session descriptions.
    Messages,
    /// Scripts of datagrams.
    Datagrams,
}

/// All of them. What finds most stands first.
pub const TARGETS: [Target; 13] = [
    Target { name: "switch", check: switch::check, seeds: Seeds::Own },
    Target { name: "agent", check: agent::check, seeds: Seeds::Messages },
    Target { name: "header", check: header::check, seeds: Seeds::Own },
    Target { name: "relay", check: relay::check, seeds: Seeds::Datagrams },
    Target { name: "message", check: message::check, seeds: Seeds::Messages },
    Target { name: "http", check: http::check, seeds: Seeds::Own },
    Target { name: "config", check: config::check, seeds: Seeds::Own },
    Target { name: "sdp", check: body, seeds: Seeds::Messages },
    Target { name: "stream", check: stream::check, seeds: Seeds::Messages },
    Target { name: "scan", check: message::scan, seeds: Seeds::Messages },
    Target { name: "uri", check: uri::check, seeds: Seeds::Messages },
    Target { name: "values", check: values, seeds: Seeds::Messages },
    Target { name: "digest", check: digest::check, seeds: Seeds::Own },
];

impl Target {
    /// Inputs to begin from.
    ///
    /// # Panics
    /// If the seeds of the repository cannot be read.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folders = vec![here.join("seeds").join(self.name)];
        if matches!(self.seeds, Seeds::Messages) {
            folders.extend(["rfc4475", "rfc5118"].map(|name| here.join("../sip/corpus").join(name)));
            folders.extend(["agent", "sdp"].map(|name| here.join("seeds").join(name)));
        }
        let mut paths: Vec<_> =
            folders.iter().filter(|folder| folder.is_dir()).flat_map(|folder| files(folder)).collect();
        paths.sort();
        paths.dedup();
        let read = paths.into_iter().map(|path| std::fs::read(path).expect("the seeds can be read"));
        let datagrams = if matches!(self.seeds, Seeds::Datagrams) { relay::scripts() } else { Vec::new() };
        read.chain(datagrams).collect()
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the seeds are part of the repository");
    entries.map(|entry| entry.expect("the seeds can be listed").path()).collect()
}

/// The value parsers on each header value of an edited message.
fn values(input: &[u8]) {
    for line in input.split(|&b| b == b'\n') {
        let value = line.iter().position(|&b| b == b':').map_or(line, |colon| &line[colon + 1..]);
        uri::check(value.trim_ascii());
    }
}

/// The session description in an edited message, or the edited session description.
fn body(input: &[u8]) {
    let blank_line = input.windows(4).position(|octets| octets == b"\r\n\r\n");
    sdp::check(blank_line.map_or(input, |at| &input[at + 4..]));
}
