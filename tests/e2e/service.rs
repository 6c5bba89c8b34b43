//! The daemon as a service of systemd: what it says by `sd_notify`, and when.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;
use std::time::Duration;

use crate::daemon::{Directory, executable};
use crate::network::alone;
use crate::process::Process;

/// Ready, alive three times a watchdog, reloading since when, stopping; nothing while it stands still.
#[test]
fn notify() {
    alone(|| {
        let directory = Directory::create();
        // Names without a file belong to the network of this test.
        let address = SocketAddr::from_abstract_name("trunkline-notify").expect("a short name");
        let manager = UnixDatagram::bind_addr(&address).expect("nobody has this name");
        std::fs::write(directory.path().join("trunkline.toml"), CONFIG).expect("a directory of ours");
        let mut command = Command::new(executable());
        command.current_dir(directory.path()).args([
            "serve",
            "--config",
            "trunkline.toml",
            "--state-dir",
            "state",
        ]);
        command.envs([("NOTIFY_SOCKET", "@trunkline-notify"), ("WATCHDOG_USEC", "900000")]);
        let mut process = Process::spawn("trunkline", &mut command);

        until(&manager, "READY=1");
        for _ in 0..4 {
            assert_eq!(heard(&manager, SOON).as_deref(), Some("WATCHDOG=1"));
        }
        process.signal("HUP");
        let reloading = until(&manager, "RELOADING=1\nMONOTONIC_USEC=");
        let since: u64 = reloading.rsplit('=').next().expect("it has one").parse().expect("a number");
        assert!(since > 0 && since.abs_diff(uptime_us()) < 10_000_000, "{since} is not now");
        until(&manager, "READY=1");

        process.signal("STOP");
        // What it has said by then.
        while heard(&manager, Duration::from_millis(10)).is_some() {}
        assert_eq!(heard(&manager, Duration::from_millis(1_200)), None, "it does not turn");
        process.signal("CONT");
        until(&manager, "WATCHDOG=1");
        process.signal("TERM");
        until(&manager, "STOPPING=1");
        assert!(process.wait_exit(SOON).success());
    });
}

/// Waits for what begins so; what lies before it says that the daemon lives.
fn until(manager: &UnixDatagram, wanted: &str) -> String {
    loop {
        let state = heard(manager, SOON).unwrap_or_else(|| panic!("no {wanted} within {SOON:?}"));
        if state.starts_with(wanted) {
            return state;
        }
        assert_eq!(state, "WATCHDOG=1", "waiting for {wanted}");
    }
}

fn heard(manager: &UnixDatagram, within: Duration) -> Option<String> {
    let mut state = [0; 256];
    manager.set_read_timeout(Some(within)).expect("a timeout can be set");
    let read = manager.recv(&mut state).ok()?;
    Some(String::from_utf8_lossy(&state[..read]).into_owned())
}

/// The monotonic clock, on a machine that was not suspended.
fn uptime_us() -> u64 {
    let text = std::fs::read_to_string("/proc/uptime").expect("it is there");
    let seconds: f64 = text.split(' ').next().and_then(|seconds| seconds.parse().ok()).expect("a number");
    Duration::from_secs_f64(seconds).as_micros().try_into().expect("some years")
}

const SOON: Duration = Duration::from_secs(20);

const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060"]
[media]
listen = "127.0.0.1"
kernel = "off"
"#;
