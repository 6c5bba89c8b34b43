//! The relay in the kernel, packet by packet: a client's network, the relay's, and a server's.
//!
//! Loading a program takes capabilities of the machine, not of a user namespace: these tests need root.

use std::io::{self, BufRead, ErrorKind, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;
use std::{env, thread};

use trunkline_media::PayloadTypes;
use trunkline_media::kernel::{Hook, KernelFlows, KernelPath, KernelPathConfig};
use trunkline_media::offload::KernelFlow;

use crate::network::{alone, interface, run, spawn_on_host};
use crate::process::{Process, Stream};

#[test]
fn tc_forwards() {
    alone(|| Rig::new(Hook::Tc, Checksums::Complete).forwards());
}

/// A sender on the same machine leaves its checksums to hardware; between virtual interfaces nobody completes them.
#[test]
fn tc_forwards_what_has_no_checksum_yet() {
    alone(|| Rig::new(Hook::Tc, Checksums::LeftToHardware).forwards());
}

#[test]
fn generic_xdp_forwards() {
    alone(|| Rig::new(Hook::XdpGeneric, Checksums::Complete).forwards());
}

#[test]
fn native_xdp_forwards() {
    alone(|| Rig::new(Hook::XdpNative, Checksums::Complete).forwards());
}

/// What the client's packets bear when they arrive.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Checksums {
    Complete,
    LeftToHardware,
}

/// A client, a relay in the kernel with its two sockets, and a server.
struct Rig {
    client: FarEnd,
    server: FarEnd,
    path: KernelPath,
    flows: KernelFlows,
    to_client: UdpSocket,
    to_server: UdpSocket,
}

impl Rig {
    fn new(hook: Hook, checksums: Checksums) -> Self {
        let mut client = FarEnd::start(1);
        let mut server = FarEnd::start(2);
        // With sending offloads off, checksums are made in software on the way out, and checked by who receives.
        for host in [1, 2] {
            run("ethtool", &["-K", &interface(host), "tx", "off"]);
        }
        if checksums == Checksums::Complete {
            client.run("ethtool", &["-K", "eth0", "tx", "off"]);
        }
        if hook == Hook::XdpNative {
            // A virtual interface takes frames of a program only where the other end polls for them.
            for host in [&client, &server] {
                host.run("ethtool", &["-K", "eth0", "gro", "on"]);
            }
        }
        client.bind(CLIENT);
        server.bind(SERVER);
        let config = KernelPathConfig { flows_max: 64, interfaces: Vec::new(), hook: Some(hook), dscp: 46 };
        let path = KernelPath::start(config, Box::new(|notice| eprintln!("{notice:?}"))).expect("it starts");
        assert_eq!(path.attached(), [(interface(1), hook), (interface(2), hook)]);
        let flows = path.flows().expect("descriptors are left");
        let [to_client, to_server] = [20_000, 20_002].map(|port| {
            let socket = UdpSocket::bind(("0.0.0.0", port)).expect("the network is new");
            socket.set_read_timeout(Some(PATIENCE)).expect("a live socket");
            socket
        });
        // The kernel learns who the neighbours are from what is sent to them.
        to_client.send_to(b"hello", CLIENT).expect("it is a neighbour");
        to_server.send_to(b"hello", SERVER).expect("it is a neighbour");
        client.expect(TO_CLIENT, b"hello");
        server.expect(TO_SERVER, b"hello");
        Self { client, server, path, flows, to_client, to_server }
    }

    fn offload(&mut self, flow: &KernelFlow) -> bool {
        let local = |socket: &UdpSocket| socket.local_addr().expect("it is bound");
        self.flows.offload(local(&self.to_client), local(&self.to_server), flow)
    }

    fn forwards(mut self) {
        assert!(self.offload(&FLOW), "the neighbour is known");
        assert_eq!(self.path.live(), 1);
        for n in 0..100 {
            self.client.send(TO_CLIENT, &packet(SSRC, 1_000 + n, u32::from(n) * 160));
            self.server.expect(TO_SERVER, &packet(SSRC_OUT, 1_005 + n, u32::from(n) * 160 + 7));
        }
        self.expect_nothing_came_up();
        let count = self.flows.count(self.to_client.local_addr().unwrap()).expect("it is in the kernel");
        assert_eq!((count.packets, count.bytes, count.highest), (100, 100 * 172, 1_099));
        assert_eq!((count.late, count.duplicates, count.cycles, count.timestamp), (0, 0, 0, 99 * 160));
        assert!(count.idle.is_some_and(|idle| idle < PATIENCE));
        self.lets_up_what_it_does_not_know();

        let count = self.flows.recall(self.to_client.local_addr().unwrap()).expect("it was in the kernel");
        assert_eq!((count.packets, self.path.live()), (100, 0));
        let back = packet(SSRC, 1_100, 16_000);
        self.client.send(TO_CLIENT, &back);
        self.expect_up(CLIENT, &back);
    }

    fn lets_up_what_it_does_not_know(&mut self) {
        let mut receiver_report = packet(SSRC, 1_100, 0);
        receiver_report[1] = 201;
        let mut event = packet(SSRC, 1_100, 0);
        event[1] = 101;
        let mut version_1 = packet(SSRC, 1_100, 0);
        version_1[0] = 0x40;
        let mut sources_missing = packet(SSRC, 1_100, 0)[..16].to_vec();
        sources_missing[0] = 0x8f;
        let foreign_stream = packet(SSRC + 1, 1_100, 0);
        let far_ahead = packet(SSRC, 10_000, 0);
        let odd = [&receiver_report, &event, &version_1, &sources_missing, &foreign_stream, &far_ahead];
        for packet in odd {
            self.client.send(TO_CLIENT, packet);
            self.expect_up(CLIENT, packet);
        }
        let stranger = "10.77.1.2:4444";
        self.client.bind(stranger);
        let injected = packet(SSRC, 1_100, 0);
        self.client.send_from(stranger, TO_CLIENT, &injected);
        self.expect_up(stranger, &injected);
    }

    fn expect_up(&self, from: &str, packet: &[u8]) {
        let mut buffer = [0; 2_048];
        let (length, source) = self.to_client.recv_from(&mut buffer).expect("it comes up");
        assert_eq!((source, &buffer[..length]), (from.parse().unwrap(), packet));
    }

    fn expect_nothing_came_up(&self) {
        self.to_client.set_nonblocking(true).unwrap();
        let mut buffer = [0; 2_048];
        let came = self.to_client.recv_from(&mut buffer);
        assert_eq!(came.expect_err("all of it was forwarded").kind(), ErrorKind::WouldBlock);
        self.to_client.set_nonblocking(false).unwrap();
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

const CLIENT: &str = "10.77.1.2:4000";
const SERVER: &str = "10.77.2.2:5000";
const TO_CLIENT: &str = "10.77.1.1:20000";
const TO_SERVER: &str = "10.77.2.1:20002";
const SSRC: u32 = 0x0102_0304;
const SSRC_OUT: u32 = 0xfefd_fcfb;
const FLOW: KernelFlow = KernelFlow {
    source: SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 77, 1, 2)), 4_000),
    ssrc: SSRC,
    payload_types: PayloadTypes(1),
    to: SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 77, 2, 2)), 5_000),
    ssrc_out: SSRC_OUT,
    sequence_shift: 5,
    timestamp_shift: 7,
    sealed: false,
    clock_hz: 8_000,
    highest: 999,
};
const PATIENCE: Duration = Duration::from_secs(5);
