//! The relay in the kernel, packet by packet: a client's network, the relay's, and a server's.
//!
//! Loading a program takes capabilities of the machine, not of a user namespace: these tests need root.

use std::io::{self, BufRead, ErrorKind, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;
use std::{env, fs, thread};

use trunkline_media::PayloadTypes;
use trunkline_media::kernel::{Hook, KernelFlows, KernelPath, KernelPathConfig};
use trunkline_media::offload::{FlowCount, KernelFlow};

use crate::daemon::Directory;
use crate::network::{alone, interface, run, spawn_on_host};
use crate::process::{Process, Stream, wait_until};

#[test]
fn tc_forwards() {
    alone(|| Rig::new(Hook::Tc, Checksums::Complete, &IPV4).forwards());
}

/// A sender on the same machine leaves its checksums to hardware; between virtual interfaces nobody completes them.
#[test]
fn tc_forwards_what_has_no_checksum_yet() {
    alone(|| Rig::new(Hook::Tc, Checksums::LeftToHardware, &IPV4).forwards());
}

#[test]
fn generic_xdp_forwards() {
    alone(|| Rig::new(Hook::XdpGeneric, Checksums::Complete, &IPV4).forwards());
}

#[test]
fn native_xdp_forwards() {
    alone(|| Rig::new(Hook::XdpNative, Checksums::Complete, &IPV4).forwards());
}

#[test]
fn tc_forwards_ipv6() {
    alone(|| Rig::new(Hook::Tc, Checksums::Complete, &IPV6).forwards());
}

#[test]
fn native_xdp_forwards_ipv6() {
    alone(|| Rig::new(Hook::XdpNative, Checksums::Complete, &IPV6).forwards());
}

#[test]
fn tc_forwards_between_the_families() {
    alone(|| Rig::new(Hook::Tc, Checksums::Complete, &IPV4_TO_IPV6).forwards());
}

#[test]
fn tc_forwards_between_the_families_what_has_no_checksum_yet() {
    alone(|| Rig::new(Hook::Tc, Checksums::LeftToHardware, &IPV6_TO_IPV4).forwards());
}

#[test]
fn native_xdp_forwards_to_the_wider_family() {
    alone(|| Rig::new(Hook::XdpNative, Checksums::Complete, &IPV4_TO_IPV6).forwards());
}

#[test]
fn native_xdp_forwards_to_the_narrower_family() {
    alone(|| Rig::new(Hook::XdpNative, Checksums::Complete, &IPV6_TO_IPV4).forwards());
}

/// A driver that takes no frames of programs elsewhere would lose them without a word.
#[test]
fn native_xdp_lets_up_what_the_way_out_does_not_take() {
    alone(|| {
        let mut rig = Rig::reaching(Hook::XdpNative, Checksums::Complete, &IPV4, [1]);
        assert!(rig.offload(), "it may go back to where it came from");
        let speech = packet(SSRC, 1_000, 0);
        rig.client.send(rig.ends.to_client, &speech);
        rig.expect_up(rig.ends.client, &speech);
        assert_eq!(rig.recall().packets, 0);
    });
}

/// Hosts with VLAN devices are not to be had in every test kernel: the program is given a tagged frame by itself.
#[test]
fn xdp_takes_the_tag_of_a_vlan_off() {
    alone(|| {
        let mut rig = Rig::new(Hook::XdpGeneric, Checksums::Complete, &IPV4);
        assert!(rig.offload());
        let directory = Directory::create();
        let file = |name: &str| directory.path().join(name);
        let untagged = frame(&packet(SSRC, 1_000, 0));
        let tagged = [&untagged[..12], &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 5], &untagged[12..]].concat();
        fs::write(file("in"), &tagged).expect("a directory of ours");
        let pins =
            fs::read_dir("/sys/fs/bpf/trunkline").expect("it is mounted").next().expect("this process's");
        let program = pins.expect("a directory").path().join("relay_xdp");
        let output = Command::new("bpftool")
            .args(["prog", "run", "pinned"])
            .arg(program)
            .arg("data_in")
            .arg(file("in"))
            .arg("data_out")
            .arg(file("out"))
            .output()
            .expect("bpftool is installed");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("Return value: 4"), "not redirected: {said}");
        let out = fs::read(file("out")).expect("bpftool wrote it");
        assert_eq!((out.len(), &out[12..14]), (untagged.len(), &[8, 0][..]));
        assert_eq!(out[26..34], [10, 77, 2, 1, 10, 77, 2, 2]);
        assert_eq!(out[42..], packet(SSRC_OUT, 1_005, 7));
        assert_eq!(sum(&out[14..34]), 0xffff, "the sum of the IPv4 header");
        assert_eq!(sum(&[&out[26..42], &out[42..], &[0, 17], &out[38..40]].concat()), 0xffff, "that of UDP");
    });
}

/// One program at a time has a driver: the second one runs behind it.
#[test]
fn two_instances_work_side_by_side() {
    alone(|| {
        let mut rig = Rig::new(Hook::XdpNative, Checksums::Complete, &IPV4);
        let second = start(Some(Hook::XdpNative));
        assert_eq!(second.attached(), [(interface(1), Hook::Tc), (interface(2), Hook::Tc)]);
        let mut flows = second.flows().expect("descriptors are left");
        let source = "10.77.1.2:4002";
        let flow = KernelFlow { source: source.parse().expect("an address"), ..rig.flow() };
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        assert!(flows.offload(address("0.0.0.0:20004"), address("0.0.0.0:20006"), &flow));
        assert!(rig.offload());
        rig.client.bind(source);
        for n in 0..20 {
            rig.client.send_from(source, "10.77.1.1:20004", &packet(SSRC, 1_000 + n, 0));
            rig.server.expect("10.77.2.1:20006", &packet(SSRC_OUT, 1_005 + n, 7));
            rig.client.send("10.77.1.1:20000", &packet(SSRC, 1_000 + n, 0));
            rig.server.expect("10.77.2.1:20002", &packet(SSRC_OUT, 1_005 + n, 7));
        }
        assert_eq!(flows.recall(address("0.0.0.0:20004")).map(|count| count.packets), Some(20));
        assert_eq!(rig.recall().packets, 20);
    });
}

#[test]
fn an_interface_that_comes_later_is_run_on() {
    alone(|| {
        let mut rig = Rig::new(Hook::Tc, Checksums::Complete, &IPV4);
        let mut third = FarEnd::start(3);
        let Rig { client, path, .. } = &mut rig;
        let later = (interface(3), Hook::Tc);
        wait_until(&mut client.process, PATIENCE, || match path.attached() {
            attached if attached.contains(&later) => Ok(()),
            attached => Err(format!("{attached:?}")),
        });
        third.bind("10.77.3.2:5000");
        let socket = UdpSocket::bind("0.0.0.0:0").expect("ports are left");
        socket.send_to(b"hello", "10.77.3.2:5000").expect("it is a neighbour");
        third.expect(&format!("10.77.3.1:{}", socket.local_addr().expect("it is bound").port()), b"hello");
        let flow = KernelFlow { to: "10.77.3.2:5000".parse().expect("an address"), ..rig.flow() };
        assert!(rig.offload_as(&flow));
        rig.client.send("10.77.1.1:20000", &packet(SSRC, 1_000, 0));
        third.expect("10.77.3.1:20002", &packet(SSRC_OUT, 1_005, 7));

        run("ip", &["link", "del", &interface(3)]);
        let Rig { client, path, .. } = &mut rig;
        wait_until(&mut client.process, PATIENCE, || match path.attached() {
            attached if !attached.contains(&later) => Ok(()),
            attached => Err(format!("{attached:?}")),
        });
        // Where it went is not to be reached any more: it comes up.
        rig.client.send("10.77.1.1:20000", &packet(SSRC, 1_001, 0));
        rig.expect_up(IPV4.client, &packet(SSRC, 1_001, 0));
    });
}

#[test]
fn a_neighbour_that_is_another_is_found_again() {
    alone(|| {
        let mut rig = Rig::new(Hook::Tc, Checksums::Complete, &IPV4);
        assert!(rig.offload());
        rig.client.send("10.77.1.1:20000", &packet(SSRC, 1_000, 0));
        rig.server.expect("10.77.2.1:20002", &packet(SSRC_OUT, 1_005, 7));

        rig.server.run("ip", &["link", "set", "eth0", "address", "02:00:00:00:77:02"]);
        // Whoever takes over an address says so, and hosts believe it after a second (locktime of arp(7)). Until the news has
        // come packets go astray, as in any router.
        let found = (0..200).any(|n| {
            rig.server.run("ip", &["neigh", "flush", "dev", "eth0"]);
            rig.server.send("10.77.2.1:20002", b"here I am");
            rig.client.send("10.77.1.1:20000", &packet(SSRC, 1_001 + n, 0));
            rig.server.process.runs_for(Duration::from_millis(50));
            let got = rig
                .server
                .process
                .seen()
                .filter(|line| line.starts_with("got 10.77.2.2:5000 10.77.2.1:20002 8000"));
            got.count() > 1
        });
        assert!(found, "it is not found again");
    });
}

#[test]
fn this_machine_itself_is_no_far_end() {
    alone(|| {
        let mut rig = Rig::new(Hook::Tc, Checksums::Complete, &IPV4);
        let flow = rig.flow();
        for here in ["127.0.0.1:5000", "10.77.1.1:5000"] {
            let here = here.parse().expect("an address");
            assert!(!rig.offload_as(&KernelFlow { to: here, ..flow }));
            assert!(!rig.offload_as(&KernelFlow { source: here, ..flow }));
        }
        // Nor is one that nothing was ever sent to, or that no route leads to.
        assert!(!rig.offload_as(&KernelFlow { to: "10.77.2.77:5000".parse().expect("an address"), ..flow }));
        assert!(!rig.offload_as(&KernelFlow { to: "203.0.113.1:5000".parse().expect("an address"), ..flow }));
        assert_eq!(rig.path.live(), 0);
    });
}

#[test]
fn no_more_flows_than_there_is_room_for() {
    alone(|| {
        let mut rig = Rig::new(Hook::Tc, Checksums::Complete, &IPV4);
        let flow = rig.flow();
        let by = SocketAddr::from(([0, 0, 0, 0], 20_002));
        let from = |port: u16| SocketAddr::from(([0, 0, 0, 0], 30_000 + port));
        let taken = (0..100).filter(|port| rig.flows.offload(from(*port), by, &flow)).count();
        assert_eq!((taken, rig.path.live()), (64, 64));
        assert!(rig.flows.recall(from(0)).is_some());
        assert!(rig.flows.offload(from(99), by, &flow));
        // Replaced, its count goes on.
        assert!(rig.flows.offload(from(99), by, &KernelFlow { sequence_shift: 9, ..flow }));
        assert_eq!(rig.path.live(), 64);
    });
}

/// What the client's packets bear when they arrive.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Checksums {
    Complete,
    LeftToHardware,
}

/// Who speaks with whom, by which addresses of the relay.
struct Ends {
    client: &'static str,
    to_client: &'static str,
    server: &'static str,
    to_server: &'static str,
}

/// A client, a relay in the kernel with its two sockets, and a server.
struct Rig {
    ends: &'static Ends,
    client: FarEnd,
    server: FarEnd,
    path: KernelPath,
    flows: KernelFlows,
    to_client: UdpSocket,
    to_server: UdpSocket,
}

fn start(hook: Option<Hook>) -> KernelPath {
    let config = KernelPathConfig { flows_max: 64, interfaces: Vec::new(), hook, dscp: 46 };
    KernelPath::start(config, Box::new(|notice| eprintln!("{notice:?}"))).expect("it starts")
}

impl Rig {
    fn new(hook: Hook, checksums: Checksums, ends: &'static Ends) -> Self {
        Self::reaching(hook, checksums, ends, [1, 2])
    }

    /// With a way out by XDP to these hosts alone.
    fn reaching<const N: usize>(
        hook: Hook,
        checksums: Checksums,
        ends: &'static Ends,
        reached: [u8; N],
    ) -> Self {
        // The mounts of a test are its own.
        run("mount", &["-t", "bpf", "bpf", "/sys/fs/bpf"]);
        let mut client = FarEnd::start(1);
        let mut server = FarEnd::start(2);
        for (host, far_end) in [(1, &client), (2, &server)] {
            let link = interface(host);
            // With sending offloads off, checksums are made in software on the way out, and checked by who receives.
            run("ethtool", &["-K", &link, "tx", "off"]);
            let wide = |end| format!("fd77:{host}::{end}/64");
            run("ip", &["addr", "add", &wide(1), "dev", &link, "nodad"]);
            far_end.run("ip", &["addr", "add", &wide(2), "dev", "eth0", "nodad"]);
            if checksums == Checksums::Complete {
                far_end.run("ethtool", &["-K", "eth0", "tx", "off"]);
            }
            // A virtual interface takes frames of a program only where the other end polls for them.
            if reached.contains(&host) {
                far_end.run("ethtool", &["-K", "eth0", "gro", "on"]);
            }
        }
        client.bind(ends.client);
        server.bind(ends.server);
        let path = start(Some(hook));
        let attached = path.attached();
        assert!(
            attached.contains(&(interface(1), hook)) && attached.contains(&(interface(2), hook)),
            "{attached:?}"
        );
        let flows = path.flows().expect("descriptors are left");
        let socket = |port, far: &str| {
            let any = if far.starts_with('[') { "[::]" } else { "0.0.0.0" };
            let socket = UdpSocket::bind(format!("{any}:{port}")).expect("the network is new");
            socket.set_read_timeout(Some(PATIENCE)).expect("a live socket");
            // The kernel learns who the neighbours are from what is sent to them.
            socket.send_to(b"hello", far).expect("it is a neighbour");
            socket
        };
        let (to_client, to_server) = (socket(20_000, ends.client), socket(20_002, ends.server));
        client.expect(ends.to_client, b"hello");
        server.expect(ends.to_server, b"hello");
        Self { ends, client, server, path, flows, to_client, to_server }
    }

    fn flow(&self) -> KernelFlow {
        KernelFlow {
            source: self.ends.client.parse().expect("an address"),
            ssrc: SSRC,
            payload_types: PayloadTypes::default().with(0).with(96),
            to: self.ends.server.parse().expect("an address"),
            ssrc_out: SSRC_OUT,
            sequence_shift: 5,
            timestamp_shift: 7,
            sealed: false,
            clock_hz: 8_000,
            highest: 999,
        }
    }

    fn offload(&mut self) -> bool {
        let flow = self.flow();
        self.offload_as(&flow)
    }

    fn offload_as(&mut self, flow: &KernelFlow) -> bool {
        let local = |socket: &UdpSocket| socket.local_addr().expect("it is bound");
        self.flows.offload(local(&self.to_client), local(&self.to_server), flow)
    }

    fn recall(&mut self) -> FlowCount {
        self.flows.recall(self.to_client.local_addr().expect("it is bound")).expect("it was in the kernel")
    }

    fn forwards(mut self) {
        assert!(self.offload(), "the neighbour is known");
        assert_eq!(self.path.live(), 1);
        for n in 0..100 {
            self.client.send(self.ends.to_client, &packet(SSRC, 1_000 + n, u32::from(n) * 160));
            self.server.expect(self.ends.to_server, &packet(SSRC_OUT, 1_005 + n, u32::from(n) * 160 + 7));
        }
        self.expect_nothing_came_up();
        let count =
            self.flows.count(self.to_client.local_addr().expect("it is bound")).expect("it is in the kernel");
        assert_eq!((count.packets, count.bytes, count.highest), (100, 100 * 172, 1_099));
        assert_eq!((count.late, count.duplicates, count.cycles, count.timestamp), (0, 0, 0, 99 * 160));
        assert!(count.idle.is_some_and(|idle| idle < PATIENCE));
        self.forwards_odd_numbers();
        self.lets_up_what_it_does_not_know();

        let count = self.recall();
        assert_eq!((count.packets, count.late, count.duplicates, self.path.live()), (103, 1, 1, 0));
        let back = packet(SSRC, 1_102, 16_000);
        self.client.send(self.ends.to_client, &back);
        self.expect_up(self.ends.client, &back);
    }

    /// A lost packet, one that is late, and one that comes twice, with a header extension and a high payload type.
    fn forwards_odd_numbers(&mut self) {
        let odd = |ssrc, sequence, timestamp| {
            let mut packet = packet(ssrc, sequence, timestamp);
            packet[0] = 0x90;
            packet[1] = 0x80 | 96;
            packet[12..16].copy_from_slice(&[0xbe, 0xde, 0, 1]);
            packet
        };
        for n in [101, 100, 101] {
            self.client.send(self.ends.to_client, &odd(SSRC, 1_000 + n, 5));
            self.server.expect(self.ends.to_server, &odd(SSRC_OUT, 1_005 + n, 12));
        }
    }

    fn lets_up_what_it_does_not_know(&mut self) {
        let mut receiver_report = packet(SSRC, 1_102, 0);
        receiver_report[1] = 201;
        let mut event = packet(SSRC, 1_102, 0);
        event[1] = 101;
        let mut version_1 = packet(SSRC, 1_102, 0);
        version_1[0] = 0x40;
        let mut sources_missing = packet(SSRC, 1_102, 0)[..16].to_vec();
        sources_missing[0] = 0x8f;
        let foreign_stream = packet(SSRC + 1, 1_102, 0);
        let far_ahead = packet(SSRC, 10_000, 0);
        let odd = [&receiver_report, &event, &version_1, &sources_missing, &foreign_stream, &far_ahead];
        for packet in odd {
            self.client.send(self.ends.to_client, packet);
            self.expect_up(self.ends.client, packet);
        }
        let (host, _) = self.ends.client.rsplit_once(':').expect("a port");
        let stranger = format!("{host}:4444");
        self.client.bind(&stranger);
        let injected = packet(SSRC, 1_102, 0);
        self.client.send_from(&stranger, self.ends.to_client, &injected);
        self.expect_up(&stranger, &injected);
    }

    fn expect_up(&self, from: &str, packet: &[u8]) {
        let mut buffer = [0; 2_048];
        let (length, source) = self.to_client.recv_from(&mut buffer).expect("it comes up");
        assert_eq!((source, &buffer[..length]), (from.parse().expect("an address"), packet));
    }

    fn expect_nothing_came_up(&self) {
        self.to_client.set_nonblocking(true).expect("a live socket");
        let mut buffer = [0; 2_048];
        let came = self.to_client.recv_from(&mut buffer);
        assert_eq!(came.expect_err("all of it was forwarded").kind(), ErrorKind::WouldBlock);
        self.to_client.set_nonblocking(false).expect("a live socket");
    }
}

/// A program in a network of its own that sends and receives as it is told: [`far_end`].
struct FarEnd {
    process: Process,
    bound: Vec<String>,
}

impl FarEnd {
    fn start(host: u8) -> Self {
        let mut command = Command::new(env::current_exe().expect("this program has a path"));
        command.args(["kernel::far_end", "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
        let mut process = spawn_on_host(host, "far end", &command);
        process.wait_for(PATIENCE, |stream, line| stream == Stream::Stdout && line == "far end");
        Self { process, bound: Vec::new() }
    }

    /// Runs a command in its network.
    fn run(&self, program: &str, arguments: &[&str]) {
        let id = self.process.id().to_string();
        run("nsenter", &[&["-t", &id, "-n", program], arguments].concat());
    }

    fn bind(&mut self, address: &str) {
        self.process.type_line(&format!("bind {address}"));
        let bound = format!("bound {address}");
        self.process.wait_for(PATIENCE, |_, line| line == bound);
        self.bound.push(address.to_owned());
    }

    fn send(&mut self, to: &str, packet: &[u8]) {
        let from = self.bound[0].clone();
        self.send_from(&from, to, packet);
    }

    fn send_from(&mut self, from: &str, to: &str, packet: &[u8]) {
        self.process.type_line(&format!("send {from} {to} {}", hex(packet)));
    }

    /// The next packet that arrives at the first address is this one.
    fn expect(&mut self, from: &str, packet: &[u8]) {
        let line = self.process.wait_for(PATIENCE, |_, line| line.starts_with("got "));
        assert_eq!(line, format!("got {} {from} {}", self.bound[0], hex(packet)));
    }
}

/// The program of a [`FarEnd`].
#[test]
#[ignore = "the far end of the others, not a test"]
#[expect(clippy::print_stdout, reason = "the test reads its output")]
fn far_end() {
    println!("\nfar end");
    let mut sockets: Vec<(String, UdpSocket)> = Vec::new();
    for line in io::stdin().lock().lines() {
        let line = line.expect("text is typed");
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["bind", address] => {
                let socket = UdpSocket::bind(address).expect("the host has this address");
                let (heard, local) = (socket.try_clone().expect("descriptors are left"), address.to_owned());
                thread::spawn(move || {
                    let mut buffer = [0; 2_048];
                    while let Ok((length, from)) = heard.recv_from(&mut buffer) {
                        println!("got {local} {from} {}", hex(&buffer[..length]));
                    }
                });
                sockets.push((address.to_owned(), socket));
                println!("bound {address}");
            }
            ["send", from, to, packet] => {
                let (_, socket) = sockets.iter().find(|(bound, _)| bound == from).expect("it is bound");
                let to: SocketAddr = to.parse().expect("an address");
                socket.send_to(&unhex(packet), to).expect("the network is up");
            }
            _ => panic!("{line} is no command"),
        }
        io::stdout().flush().expect("somebody listens");
    }
}

/// A frame from the client to the relay, with its checksums.
fn frame(packet: &[u8]) -> Vec<u8> {
    let length = |header: usize| u16::try_from(header + packet.len()).expect("it is short").to_be_bytes();
    let mut ip =
        [&[0x45, 0][..], &length(28), &[0, 0, 0x40, 0, 64, 17, 0, 0, 10, 77, 1, 2, 10, 77, 1, 1]].concat();
    let checksum = !sum(&ip);
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    let mut udp =
        [&4_000_u16.to_be_bytes(), &20_000_u16.to_be_bytes(), &length(8)[..], &[0, 0], packet].concat();
    let checksum = !sum(&[&ip[12..20], &[0, 17], &length(8), &udp].concat());
    udp[6..8].copy_from_slice(&checksum.to_be_bytes());
    [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0], &ip[..], &udp].concat()
}

/// RFC 1071.
fn sum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|word| u64::from(u16::from_be_bytes([word[0], word[1]])));
    let sum = words.sum::<u64>();
    u16::try_from((sum & 0xffff) + (sum >> 16)).expect("short packets overflow once")
}

fn packet(ssrc: u32, sequence: u16, timestamp: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(0..160);
    packet
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).expect("digits")).collect()
}

const IPV4: Ends = Ends {
    client: "10.77.1.2:4000",
    to_client: "10.77.1.1:20000",
    server: "10.77.2.2:5000",
    to_server: "10.77.2.1:20002",
};
const IPV6: Ends = Ends {
    client: "[fd77:1::2]:4000",
    to_client: "[fd77:1::1]:20000",
    server: "[fd77:2::2]:5000",
    to_server: "[fd77:2::1]:20002",
};
const IPV4_TO_IPV6: Ends = Ends { server: IPV6.server, to_server: IPV6.to_server, ..IPV4 };
const IPV6_TO_IPV4: Ends = Ends { server: IPV4.server, to_server: IPV4.to_server, ..IPV6 };
const SSRC: u32 = 0x0102_0304;
const SSRC_OUT: u32 = 0xfefd_fcfb;
const PATIENCE: Duration = Duration::from_secs(5);
