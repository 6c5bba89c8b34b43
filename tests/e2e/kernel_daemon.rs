//! The daemon and the relay in the kernel: what is there, what is missing, what stays behind.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::daemon::{Daemon, Directory, executable};
use crate::http;
use crate::network::{alone, run};
use crate::process::{Process, Stream};

/// Programs hang on descriptors of the process: the kernel removes them, and the next start what is pinned.
#[test]
fn a_power_cut_leaves_nothing_behind() {
    alone(|| {
        run("mount", &["-t", "bpf", "bpf", "/sys/fs/bpf"]);
        make_interface();
        let directory = Directory::create();
        // `ip` shows programs of XDP.
        let mut daemon = Daemon::start(directory.path(), &config("require", "kernel_hook = \"xdp-generic\""));
        assert!(daemon.process.seen().any(|line| line.contains("in-kernel relay: XDP generic on tl1")));
        assert!(runs_on_interface());
        let attached = "trunkline_media_kernel_attached{interface=\"tl1\",hook=\"XDP generic\"} 1\n";
        assert!(http::get("/metrics", None).text.contains(attached));
        assert_eq!(daemon.metric("trunkline_media_kernel_flows_max"), 5_000.0);
        let before = pinned();
        assert_eq!(before.len(), 1);
        daemon.process.kill();
        assert!(!runs_on_interface(), "nothing runs on");

        daemon.power_cut();
        assert!(runs_on_interface());
        let after = pinned();
        assert!(after.len() == 1 && after != before, "{before:?}, then {after:?}");
        daemon.process.signal("TERM");
        assert!(daemon.process.wait_exit(Duration::from_secs(10)).success());
        assert!(!runs_on_interface() && pinned().is_empty());
    });
}

#[test]
fn a_missing_capability_is_named() {
    alone(|| {
        make_interface();
        let directory = Directory::create();
        let serve = |kernel: &str, lost: &str| {
            fs::write(directory.path().join("trunkline.toml"), config(kernel, ""))
                .expect("a directory of ours");
            let mut command = Command::new("setpriv");
            command.arg(format!("--bounding-set={lost}")).arg(executable()).current_dir(directory.path());
            command.args(["serve", "--config", "trunkline.toml", "--state-dir", "state"]);
            Process::spawn("trunkline", &mut command)
        };
        for (lost, capability) in [("-bpf,-sys_admin", "CAP_BPF"), ("-net_admin", "CAP_NET_ADMIN")] {
            let mut daemon = serve("auto", lost);
            let said = daemon.wait_for(READY_WITHIN, |_, line| line.contains("in-kernel relay"));
            assert!(said.contains("user space") && said.contains(capability), "{said}");
            daemon.wait_for(READY_WITHIN, |stream, line| stream == Stream::Stdout && line == "ready");
            daemon.kill();

            let mut daemon = serve("require", lost);
            let said = daemon.wait_for(READY_WITHIN, |_, line| line.contains("media.kernel"));
            assert!(said.contains(capability), "{said}");
            assert!(!daemon.wait_exit(READY_WITHIN).success());
        }
    });
}

/// It loads the program, which tells most of what may be missing, and touches no interface.
#[test]
fn check_says_what_would_be_done_in_the_kernel() {
    alone(|| {
        run("mount", &["-t", "bpf", "bpf", "/sys/fs/bpf"]);
        make_interface();
        let directory = Directory::create();
        let check = |kernel: &str, more: &str, capabilities: &str| {
            fs::write(directory.path().join("trunkline.toml"), config(kernel, more))
                .expect("a directory of ours");
            let mut command = Command::new("setpriv");
            command.arg(format!("--bounding-set={capabilities}")).arg(executable());
            command.current_dir(directory.path()).args(["check", "--config", "trunkline.toml"]);
            let output = command.output().expect("it starts");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let said = check("require", "kernel_hook = \"xdp-generic\"", "+all");
        assert!(said.ends_with("\nin-kernel relay: would run: XDP generic on tl1\n"), "{said}");
        assert!(!runs_on_interface() && !fs::exists("/sys/fs/bpf/trunkline").expect("it is mounted"));
        let said = check("auto", "kernel_interfaces = [\"tl1\", \"tl9\"]", "+all");
        assert!(said.contains("would run: tc on tl1; tl9 is not there"), "{said}");
        for (kernel, would) in [("auto", "relayed in user space"), ("require", "would not start")] {
            let said = check(kernel, "", "-bpf,-sys_admin");
            assert!(said.contains(would) && said.contains("CAP_BPF"), "{said}");
            let said = check(kernel, "kernel_interfaces = [\"tl9\"]", "+all");
            assert!(said.contains(would) && said.contains("no interface"), "{said}");
        }
        assert_eq!(check("off", "", "+all").lines().count(), 1);
    });
}

/// Without root, with the two capabilities that the README names.
#[test]
fn two_capabilities_are_enough() {
    alone(|| {
        make_interface();
        let directory = Directory::create();
        fs::write(directory.path().join("trunkline.toml"), config("require", ""))
            .expect("a directory of ours");
        run("chown", &["-R", "65534:65534", directory.path().to_str().expect("a path of ours")]);
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--bounding-set=-all,+bpf,+net_admin",
        ]);
        command.args(["--inh-caps=+bpf,+net_admin", "--ambient-caps=+bpf,+net_admin"]);
        command.arg(executable()).current_dir(directory.path());
        command.args(["serve", "--config", "trunkline.toml", "--state-dir", "state"]);
        let mut daemon = Process::spawn("trunkline", &mut command);
        daemon.wait_for(READY_WITHIN, |_, line| line.contains("in-kernel relay: tc on tl1"));
        daemon.wait_for(READY_WITHIN, |stream, line| stream == Stream::Stdout && line == "ready");
    });
}

fn make_interface() {
    run("ip", &["link", "add", "tl1", "type", "veth", "peer", "name", "tl2"]);
    run("ip", &["addr", "add", "10.77.1.1/24", "dev", "tl1"]);
    run("ip", &["link", "set", "tl1", "up"]);
}

fn runs_on_interface() -> bool {
    let output = Command::new("ip").args(["link", "show", "tl1"]).output().expect("ip is installed");
    String::from_utf8_lossy(&output.stdout).contains("xdpgeneric")
}

fn pinned() -> Vec<String> {
    let entries = fs::read_dir("/sys/fs/bpf/trunkline").expect("the daemon has made it");
    entries.map(|entry| entry.expect("a directory").file_name().to_string_lossy().into_owned()).collect()
}

fn config(kernel: &str, more: &str) -> String {
    format!("[sip]\nlisten = [\"udp:10.77.1.1:5060\"]\n[media]\nkernel = \"{kernel}\"\n{more}\n")
}

const READY_WITHIN: Duration = Duration::from_secs(20);
