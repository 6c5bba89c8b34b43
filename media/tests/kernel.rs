//! One worker above the real kernel, between two far ends in networks of their own: flows move to the kernel and back while both
//! speak, and each hears one unbroken sequence. Loading a program needs root; without it the test says so and passes.
//!
//! ```text
//!   Alice 10.77.1.2 ── eth0 ═ tl1 10.77.1.1 ─ worker, kernel ─ 10.77.2.1 tl2 ═ eth0 ── Bob 10.77.2.2
//! ```
#![expect(clippy::unwrap_used, reason = "a test fails by panic")]
#![expect(clippy::print_stdout, reason = "how a far end tells what it heard")]
#![expect(clippy::disallowed_methods, reason = "the kernel has no virtual time")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command as Program, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use trunkline_media::io::kernel::KernelIo;
use trunkline_media::kernel::{KernelPath, KernelPathConfig};
use trunkline_media::{
    Command, Detection, Event, Feed, LegId, LegStats, PortPair, RelayConfig, RelayHandle, RelayThread,
};

use common::{A, B, far_end};

const NAME: &str = "nothing_is_lost_doubled_or_overtaken_between_worker_and_kernel";
/// Which part of the test a process plays: none at first, then the relay, or a far end at this address.
const PART: &str = "TRUNKLINE_MEDIA_TEST_PART";
const RELAY: &str = "relay";
const PATIENCE: Duration = Duration::from_secs(10);
const PACKET_EVERY: Duration = Duration::from_millis(4);
const ROUNDS: u32 = 20;

#[test]
fn nothing_is_lost_doubled_or_overtaken_between_worker_and_kernel() {
    match env::var(PART).ok().as_deref() {
        None => alone(),
        Some(RELAY) => moves(),
        Some(host) => speak_and_listen(host.parse().unwrap()),
    }
}

/// This test again in a network of its own.
fn alone() {
    let may = |program: &str, arguments: &[&str]| {
        let status =
            Program::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if !is_root || !may("unshare", &["--net", "--pid", "--fork", "true"]) || !may("ip", &["link"]) {
        eprintln!("no root, unshare or ip: nothing is moved into the kernel");
        return;
    }
    let status =
        this_test(Program::new("unshare").args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]))
            .env(PART, RELAY)
            .stdout(Stdio::null())
            .status();
    assert!(status.unwrap().success(), "see above");
}

fn this_test(program: &mut Program) -> &mut Program {
    program.arg(env::current_exe().unwrap()).args([NAME, "--exact", "--nocapture", "--test-threads=1"])
}

fn moves() {
    run("ip link set lo up");
    let mut alice = FarEnd::spawn(1);
    let mut bob = FarEnd::spawn(2);
    let config = KernelPathConfig { flows_max: 16, interfaces: Vec::new(), hook: None, dscp: 46 };
    let path = match KernelPath::start(config, Box::new(|_| ())) {
        Ok(path) => path,
        Err(missing) => {
            eprintln!("nothing is moved into the kernel: {missing}");
            return;
        }
    };
    let (events, told) = channel();
    let on_event = Box::new(move |event| events.send(event).err().map(|refused| refused.0));
    let mut io = KernelIo::open().unwrap();
    io.set_flows(path.flows().unwrap());
    let relay = RelayThread::spawn_over(io, 0, RelayConfig::default(), on_event).unwrap();
    let handle = relay.handle();
    for (leg, place) in [(A, 1), (B, 2)] {
        let (address, ports) = (IpAddr::V4(gateway(place)), PortPair(relay_port(place)));
        handle.send(Command::Open { leg, ports, address, silent_after: None }).unwrap();
        handle.send(Command::Remote(leg, far_end((host(place), 4_000).into()).into())).unwrap();
    }
    handle.send(Command::Feed(A, Feed::Leg(B))).unwrap();
    handle.send(Command::Feed(B, Feed::Leg(A))).unwrap();
    // What was said before the legs were there would be lost.
    stats(&handle, &told, B);
    alice.says("speak");
    bob.says("speak");
    let music: Arc<[i16]> = Arc::new([8_000; 50]);
    let inband = Detection { inband: true, ..Detection::default() };
    for round in 0..ROUNDS {
        wait_for_flows(&handle, 2);
        thread::sleep(Duration::from_millis(50));
        let (there, back) = if round % 2 == 0 {
            (Command::Feed(B, Feed::Music(Arc::clone(&music))), Command::Feed(B, Feed::Leg(A)))
        } else {
            (Command::Detect(A, inband), Command::Detect(A, Detection::default()))
        };
        handle.send(there).unwrap();
        thread::sleep(Duration::from_millis(47));
        wait_for_flows(&handle, 1);
        handle.send(back).unwrap();
    }
    wait_for_flows(&handle, 2);
    thread::sleep(Duration::from_millis(200));
    alice.says("be quiet");
    bob.says("be quiet");
    let (said_by_alice, heard_by_alice) = alice.ends();
    let (said_by_bob, heard_by_bob) = bob.ends();
    for (who, heard) in [("Alice", &heard_by_alice), ("Bob", &heard_by_bob)] {
        let breaks: Vec<_> = heard.windows(2).filter(|pair| pair[0].wrapping_add(1) != pair[1]).collect();
        assert!(breaks.is_empty() && heard.len() > 200, "{who} heard {} packets: {breaks:?}", heard.len());
    }
    let ends = (heard_by_alice.first().copied(), heard_by_alice.len());
    assert_eq!(ends, (Some(65_000), said_by_bob), "nothing was done to what Alice hears");
    let (a, b) = (stats(&handle, &told, A), stats(&handle, &told, B));
    assert_eq!((a.packets_received, a.lost, a.duplicates, a.late), (said_by_alice as u64, 0, 0, 0));
    assert_eq!((b.packets_received, b.packets_sent), (said_by_bob as u64, heard_by_bob.len() as u64));
    assert!(a.kernel_packets > 100 && b.kernel_packets > 200, "{a:?}, {b:?}");
    drop(handle);
    relay.join();
}

fn wait_for_flows(handle: &RelayHandle, flows: usize) {
    let begun = Instant::now();
    while handle.flows_in_kernel() != flows {
        assert!(begun.elapsed() < PATIENCE, "{} flows are in the kernel", handle.flows_in_kernel());
        thread::sleep(Duration::from_millis(1));
    }
}

fn stats(handle: &RelayHandle, told: &Receiver<Event>, leg: LegId) -> LegStats {
    handle.send(Command::Stats(leg)).unwrap();
    loop {
        if let Event::Stats { stats, .. } = told.recv_timeout(PATIENCE).unwrap() {
            return stats;
        }
    }
}

const fn gateway(place: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, place, 1)
}

const fn host(place: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, place, 2)
}

fn relay_port(place: u8) -> u16 {
    20_000 + 2 * u16::from(place)
}

fn run(command: &str) {
    let mut words = command.split(' ');
    let status = Program::new(words.next().unwrap()).args(words).status();
    assert!(status.unwrap().success(), "{command}");
}

/// A host with one process.
struct FarEnd {
    process: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl FarEnd {
    fn spawn(place: u8) -> Self {
        let script = format!(
            "echo host; read -r linked; ip link set lo up && ip link set eth0 up \
             && ip addr add {}/24 dev eth0 && ip route add default via {} && exec \"$@\"",
            host(place),
            gateway(place)
        );
        let mut program = Program::new("unshare");
        program.args(["--net", "sh", "-c", &script, "sh"]).env(PART, place.to_string());
        let mut process =
            this_test(&mut program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let id = process.id();
        let mut far = Self { process, lines };
        far.reads("host");
        run(&format!("ip link add tl{place} type veth peer name eth0 netns {id}"));
        run(&format!("ip addr add {}/24 dev tl{place}", gateway(place)));
        run(&format!("ip link set tl{place} up"));
        far.says("linked");
        far.reads("ready");
        far
    }

    fn says(&mut self, line: &str) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Reads up to a line that ends so; what is before that in the line.
    fn reads(&mut self, end: &str) -> String {
        loop {
            let line = self.lines.next().unwrap().unwrap();
            if let Some(before) = line.strip_suffix(end) {
                return before.to_owned();
            }
        }
    }

    /// How many packets it said, and the sequence numbers that it heard.
    fn ends(mut self) -> (usize, Vec<u16>) {
        let said = self.reads(" said");
        let heard = self.reads(" heard");
        self.process.wait().unwrap();
        (said.parse().unwrap(), heard.split(' ').map(|number| number.parse().unwrap()).collect())
    }
}

/// The far end's process: speaks from "speak" to "be quiet" and tells what it said and heard.
fn speak_and_listen(place: u8) {
    let socket = UdpSocket::bind((host(place), 4_000)).unwrap();
    socket.connect((gateway(place), relay_port(place))).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    println!("\nready");
    let quiet = Arc::new(AtomicBool::new(false));
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let speaker = {
        let (socket, quiet) = (socket.try_clone().unwrap(), Arc::clone(&quiet));
        thread::spawn(move || {
            let mut said = 0_u16;
            while !quiet.load(Ordering::Relaxed) {
                let mut packet = vec![0x80, 0];
                packet.extend(said.wrapping_add(65_000).to_be_bytes());
                packet.extend((u32::from(said) * 32).to_be_bytes());
                packet.extend([0, 0, 0, place]);
                packet.resize(44, 0xff);
                // While nobody listens yet the network says so.
                let _unreachable = socket.send(&packet).is_err();
                said += 1;
                thread::sleep(PACKET_EVERY);
            }
            said
        })
    };
    let listener = {
        let quiet = Arc::clone(&quiet);
        thread::spawn(move || {
            let (mut packet, mut heard) = ([0; 2_048], Vec::new());
            let mut last = Instant::now();
            while !quiet.load(Ordering::Relaxed) || last.elapsed() < Duration::from_millis(500) {
                if socket.recv(&mut packet).is_ok_and(|length| length >= 12) {
                    heard.push(u16::from_be_bytes([packet[2], packet[3]]).to_string());
                    last = Instant::now();
                }
            }
            heard
        })
    };
    line.clear();
    std::io::stdin().read_line(&mut line).unwrap();
    quiet.store(true, Ordering::Relaxed);
    println!("\n{} said", speaker.join().unwrap());
    println!("\n{} heard", listener.join().unwrap().join(" "));
}
