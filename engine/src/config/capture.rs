//! `[capture]`: who is told by HEP what SIP says and how calls sound; how much of captured media is kept.

use super::secret::SecretKeys;
use super::section::Section;
use super::{Hep, HepServer, Log};

/// `key`, `key_file`.
const KEY: SecretKeys = SecretKeys { plain: "key", file: "key_file" };

/// Reads the table: the collector, and the bytes of media. Nobody is told anything where it names no collector.
pub(super) fn read(section: Section<'_>, log: &Log) -> (Option<Hep>, u32) {
    let right = "write udp: or tcp:, an address and a port, as in \"udp:192.0.2.10:9060\"";
    let named = section.string("hep");
    let server = named.as_ref().and_then(|value| {
        let parsed = value.get_ref().split_once(':').and_then(|(transport, address)| {
            let address = address.parse().ok().filter(|address: &std::net::SocketAddr| {
                !address.ip().is_unspecified() && !address.ip().is_multicast() && address.port() != 0
            })?;
            match transport {
                "udp" => Some(HepServer::Udp(address)),
                "tcp" => Some(HepServer::Tcp(address)),
                _ => None,
            }
        });
        if parsed.is_none() {
            section.refuse("hep", value, format!("{:?} is no collector", value.get_ref()), right);
        }
        parsed
    });
    if let Some(value) = &named
        && log.trace_bytes == 0
    {
        let right = "keep messages for as long as it takes to tell them: write [log] trace_mib = 16";
        section.refuse("hep", value, "is told what [log] trace_mib keeps, which is 0", right);
    }
    let agent_id = section.integer("agent_id", 1..=u32::MAX).unwrap_or(AGENT_ID);
    let key = KEY.read(&section);
    for key in ["agent_id", KEY.written(&section)] {
        if named.is_none() && section.has(key) {
            section.missing("hep", format!("{key} stands without a collector: {right}"));
        }
    }
    let media_mib = section.integer("media_mib", 1..=1_024).unwrap_or(MEDIA_MIB);
    section.close();
    let hep = server.map(|server| Hep { server, agent_id, key });
    (hep, media_mib.saturating_mul(1_048_576))
}

/// How much of captured media is kept, in MiB, where nobody says how much: some ten minutes of a call.
const MEDIA_MIB: u32 = 16;

/// The number of the capture agent where nobody says which: what sipcapture's own agents begin with.
const AGENT_ID: u32 = 2001;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::*;

    fn parse(text: &str) -> Result<Option<Hep>, Vec<String>> {
        let errors =
            |errors: Vec<super::super::ConfigError>| errors.iter().map(ToString::to_string).collect();
        Config::parse(Path::new("t.toml"), text).map(|config| config.hep).map_err(errors)
    }

    #[test]
    fn nobody_is_told_anything_unless_a_collector_is_named() {
        assert_eq!(parse(""), Ok(None));
        assert_eq!(parse("[capture]\n"), Ok(None));
    }

    #[test]
    fn what_is_written_is_what_holds() {
        let at = |text: &str| text.parse().expect("an address");
        let hep = Hep { server: HepServer::Udp(at("192.0.2.10:9060")), agent_id: 2001, key: None };
        assert_eq!(parse("[capture]\nhep = \"udp:192.0.2.10:9060\"\n"), Ok(Some(hep)));
        let text = "[capture]\nhep = \"tcp:[2001:db8::1]:9061\"\nagent_id = 7\nkey = \"myHep\"\n";
        let hep = parse(text).expect("it is good").expect("there is one");
        assert_eq!((hep.server, hep.agent_id), (HepServer::Tcp(at("[2001:db8::1]:9061")), 7));
        assert_eq!(hep.key.as_ref().map(|key| &*key.0), Some("myHep"));
        assert!(!format!("{hep:?}").contains("myHep"), "it is a secret");
    }

    #[test]
    fn media_have_room_for_minutes_unless_there_is_to_be_more() {
        let bytes = |text: &str| Config::parse(Path::new("t.toml"), text).map(|config| config.capture_bytes);
        assert_eq!(bytes("").ok(), Some(16 * 1_048_576));
        assert_eq!(bytes("[capture]\nmedia_mib = 64\n").ok(), Some(64 * 1_048_576));
        assert!(bytes("[capture]\nmedia_mib = 0\n").is_err());
        let line = |text: &str| {
            let text = format!("[[line]]\naddress = \"1001\"\nkind = \"local\"\n{text}");
            Config::parse(Path::new("t.toml"), &text).map(|config| config.setup().lines[0].is_captured)
        };
        assert_eq!((line("").ok(), line("capture = true\n").ok()), (Some(false), Some(true)));
    }

    #[test]
    fn what_cannot_be_is_named_with_what_to_write() {
        let right = "write udp: or tcp:, an address and a port, as in \"udp:192.0.2.10:9060\"";
        for (text, expected) in [
            ("hep = \"homer\"", format!("t.toml:2: capture.hep: \"homer\" is no collector; {right}")),
            (
                "hep = \"udp:0.0.0.0:9060\"",
                format!("t.toml:2: capture.hep: \"udp:0.0.0.0:9060\" is no collector; {right}"),
            ),
            (
                "agent_id = 7",
                format!("t.toml:1: capture.hep: is missing; agent_id stands without a collector: {right}"),
            ),
            (
                "key = \"k\"",
                format!("t.toml:1: capture.hep: is missing; key stands without a collector: {right}"),
            ),
            (
                "hep = \"udp:192.0.2.10:9060\"\n[log]\ntrace_mib = 0",
                "t.toml:2: capture.hep: is told what [log] trace_mib keeps, which is 0; \
                 keep messages for as long as it takes to tell them: write [log] trace_mib = 16"
                    .to_owned(),
            ),
        ] {
            assert_eq!(parse(&format!("[capture]\n{text}\n")), Err(vec![expected]), "{text}");
        }
    }
}
