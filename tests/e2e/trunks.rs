//! Trunks as carriers have them: one that registers, at a second daemon, which is the carrier.

use std::process::Command;
use std::time::Duration;

use crate::daemon::{Daemon, Directory, executable};
use crate::http;
use crate::network::alone;
use crate::process::{Process, Stream, wait_until};
use crate::sipp::Sipp;

/// The daemon registers at the carrier, which asks for its password; five calls come by that, five leave by it. The daemon that ends
/// leaves it.
#[test]
fn a_carrier_where_one_registers() {
    alone(|| {
        let (home, away) = (Directory::create_named("-home"), Directory::create_named("-carrier"));
        let mut carrier = serve_carrier(&away);
        let mut daemon = Daemon::start(home.path(), CONFIG);
        let registered = |wanted: bool| {
            move || match http::get("/v1/trunks", Some(OWNER)).json()[0].clone() {
                trunk if trunk["registration"]["registered"] == wanted => Ok(()),
                trunk => Err(trunk.to_string()),
            }
        };
        wait_until(&mut daemon.process, SOON, registered(true));
        assert_eq!(
            [daemon.metric("trunkline_trunk_registered"), daemon.metric("trunkline_panics_total")],
            [1.0, 0.0]
        );

        let path = home.path();
        let phone = Sipp::callee(path, "phone", "127.0.0.5:5091", &["-sn", "uas"]);
        calls(path, "in", "127.0.0.3:5060", "127.0.0.4", "sipp");
        assert_eq!(phone.close().successful(), 5, "calls of the carrier");
        let world = Sipp::callee(path, "world", "127.0.0.4:5092", &["-sn", "uas"]);
        calls(path, "out", "127.0.0.1:5060", "127.0.0.5", "0301234");
        assert_eq!(world.close().successful(), 5, "calls by the carrier");

        daemon.process.signal("TERM");
        carrier.wait_for(SOON, |_, line| line.contains("registration") && line.contains("Unregistered"));
        assert!(daemon.process.wait_exit(SOON).success());
    });
}

/// Five calls from this host that go as they should.
fn calls(path: &std::path::Path, name: &'static str, to: &str, from: &str, number: &str) {
    let arguments = [to, "-i", from, "-p", "5080", "-m", "5", "-r", "5", "-sn", "uac", "-s", number];
    let counted = Sipp::start(path, name, &arguments).finish(Duration::from_secs(30));
    assert_eq!((counted.successful(), counted.failed()), (5, 0), "{name}");
}

fn serve_carrier(directory: &Directory) -> Process {
    std::fs::write(directory.path().join("trunkline.toml"), CARRIER).expect("a directory of ours");
    let mut command = Command::new(executable());
    let arguments = ["serve", "--config", "trunkline.toml", "--state-dir", "state"];
    command.current_dir(directory.path()).args(arguments);
    let mut process = Process::spawn("carrier", &mut command);
    process.wait_for(READY_WITHIN, |stream, line| stream == Stream::Stdout && line == "ready");
    process
}

const OWNER: &str = "token-of-the-owner-0123456789abcdef";

/// The phone is a trunk, too: SIPp's stock callee registers nowhere. Its stock caller is always called `sipp`, and a carrier wants to see
/// its own account in From.
const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060"]
domains = ["pbx.example"]
[media]
listen = "127.0.0.1"
kernel = "off"
[[app]]
name = "owner"
token = "token-of-the-owner-0123456789abcdef"
lines = ["*"]
[[trunk]]
name = "carrier"
peer = "udp:127.0.0.3:5060"
username = "sipp"
password = "a long word that both know"
register = true
contact_user = "4930"
register_expires_s = 60
[[trunk]]
name = "phones"
peer = "udp:127.0.0.5:5091"
allow_from = ["127.0.0.5/32"]
[[route]]
from = "trunk:carrier"
match = "^sipp$"
to = "trunk:phones"
[[route]]
from = "trunk:phones"
match = "^0(\\d+)$"
to = "trunk:carrier"
number = "$1"
"#;

const CARRIER: &str = r#"
[sip]
listen = ["udp:127.0.0.3:5060"]
domains = ["127.0.0.3"]
[media]
listen = "127.0.0.3"
ports = "30000-30999"
kernel = "off"
[api]
listen = "off"
[[line]]
address = "sipp"
password = "a long word that both know"
[[trunk]]
name = "world"
peer = "udp:127.0.0.4:5092"
allow_from = ["127.0.0.4/32"]
[[route]]
from = "line"
match = "^30\\d+$"
to = "trunk:world"
"#;

const SOON: Duration = Duration::from_secs(10);
const READY_WITHIN: Duration = Duration::from_secs(20);
