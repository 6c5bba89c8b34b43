//! Networks of a test's own: one namespace for the test and the daemon, one for each phone.
//!
//! ```text
//!   test, daemon, SIPp            lo 127.0.0.1
//!      │ tl1 10.77.1.1      │ tl2 10.77.2.1
//!      │ veth               │ veth
//!   phone 1 10.77.1.2    phone 2 10.77.2.2     default route by the daemon's side
//! ```
//! A namespace lives as long as a process in it, and the processes of a test die with it, so there is nothing to remove.

use std::any::type_name_of_val;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use crate::place;
use crate::process::{Process, Stream};

/// Runs a test in a network and process namespace of its own: this program again, for this one test.
pub(crate) fn alone<F: FnOnce()>(test: F) {
    // The path of the closure: `e2e::load::udp::{{closure}}`.
    let path = type_name_of_val(&test);
    let name =
        path.split_once("::").and_then(|(_, rest)| rest.rsplit_once("::")).expect("a closure in a test").0;
    if env::var_os(INSIDE).is_some() {
        place::take();
        run("ip", &["link", "set", "lo", "up"]);
        return test();
    }
    let mut inside = Command::new("unshare");
    inside.args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    if fs::metadata("/proc/self").expect("/proc is mounted").uid() != 0 {
        inside.arg("--map-root-user");
    }
    let mut running = inside
        .arg(env::current_exe().expect("this program has a path"))
        .args([name, "--exact", "--nocapture", "--test-threads=1", "--include-ignored"])
        .env(INSIDE, name)
        // The harness' own report goes to standard output; the test speaks on standard error.
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("unshare is installed");
    let said = running.stderr.take().expect("it is a pipe");
    let panicked = thread::spawn(move || pass_on(said));
    let ran = running.wait_with_output().expect("it is our child");
    let panicked = panicked.join().expect("it reads and writes");
    assert!(ran.status.success(), "{name} failed, see above: {panicked}");
    // A closure in anything else than the test itself names no test.
    let report = String::from_utf8_lossy(&ran.stdout);
    assert!(report.contains(" 1 passed"), "{name} is not a test: {report}");
}

/// Says on standard error what a test says there; what it said last, from its panic on, so that the report of the run names the
/// cause and not only the test.
fn pass_on(said: impl Read) -> String {
    let mut panicked = String::new();
    for line in BufReader::new(said).lines().map_while(Result::ok) {
        // Not by `eprintln!`, which the harness would keep to itself.
        writeln!(io::stderr(), "{line}").expect("standard error is open");
        if panicked.len() < PANIC_MAX && (!panicked.is_empty() || line.contains(" panicked at ")) {
            panicked.push_str(&line);
            panicked.push('\n');
        }
    }
    panicked
}

/// The daemon's address on the link to a phone.
pub(crate) const fn daemon_address(phone: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, phone, 1)
}

/// A phone's address.
pub(crate) const fn phone_address(phone: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, phone, 2)
}

/// The daemon's interface on the link to a phone.
pub(crate) fn interface(phone: u8) -> String {
    format!("tl{phone}")
}

/// Makes a link that leads nowhere: those of the phones come later, and without any a daemon that requires the relay in the
/// kernel would refuse to start.
pub(crate) fn add_first_link() {
    run("ip", &["link", "add", "tl0", "type", "veth", "peer", "name", "tl0-far"]);
    run("ip", &["link", "set", "tl0", "up"]);
    run("ip", &["link", "set", "tl0-far", "up"]);
}

/// Starts a program on a host of its own, which knows only the daemon's side as its router.
pub(crate) fn spawn_on_host(phone: u8, name: &str, command: &Command) -> Process {
    spawn_on_new_host(phone_address(phone), daemon_address(phone), name, command, |id| {
        let link = interface(phone);
        run("ip", &["link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", id]);
        run("ip", &["addr", "add", &format!("{}/24", daemon_address(phone)), "dev", &link]);
        run("ip", &["link", "set", &link, "up"]);
    })
}

/// Starts a program on a host with this address and router. `link` makes its `eth0`, once there is a process with this id.
pub(crate) fn spawn_on_new_host(
    address: Ipv4Addr,
    router: Ipv4Addr,
    name: &str,
    command: &Command,
    link: impl FnOnce(&str),
) -> Process {
    let script = format!(
        "echo host; read -r linked; ip link set lo up && ip link set eth0 up \
         && ip addr add {address}/24 dev eth0 && ip route add default via {router} && exec \"$@\""
    );
    let mut host = Command::new("unshare");
    host.args(["--net", "sh", "-c", &script, "sh"]).arg(command.get_program()).args(command.get_args());
    host.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    if let Some(directory) = command.get_current_dir() {
        host.current_dir(directory);
    }
    let mut process = Process::spawn(name, &mut host);
    process.wait_for(HOST_WITHIN, |stream, line| stream == Stream::Stdout && line == "host");
    link(&process.id().to_string());
    process.type_line("linked");
    process
}

/// Runs a command to its end on the host of a program that [`spawn_on_host`] started.
pub(crate) fn run_on_host(host: &Process, program: &str, arguments: &[&OsStr]) {
    let status = on_host(host, program).args(arguments).status();
    assert!(status.is_ok_and(|status| status.success()), "{program} failed");
}

/// A command on such a host.
pub(crate) fn on_host(host: &Process, program: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/proc/{}/ns/net", host.id())).arg(program);
    command
}

/// Runs a command to its end.
pub(crate) fn run<A: AsRef<OsStr>>(program: &str, arguments: &[A]) {
    let status = Command::new(program).args(arguments).status();
    assert!(status.is_ok_and(|status| status.success()), "{program} failed");
}

/// A shell has started by then, however busy the machine is.
const HOST_WITHIN: Duration = Duration::from_secs(30);
/// Set in the environment of a test that is in its own network.
const INSIDE: &str = "TRUNKLINE_E2E_INSIDE";
/// Octets of what a test said last that are repeated.
const PANIC_MAX: usize = 4_000;
