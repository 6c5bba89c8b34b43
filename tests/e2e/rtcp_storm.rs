//! Forged RTCP in a call: from the very address of a phone, as who can spoof it sends, and from a stranger. Attacks on real peers
//! were a BYE that ended a stream, reports with absurd counters, feedback in storms, compounds of one byte and of 64 kB.

use std::fs;
use std::io::{self, BufRead};
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, thread};

use serde_json::Value;

use crate::capture::{Datagram, since_epoch};
use crate::conversation::{Conversation, Direction, TOKEN};
use crate::http::{self, Events};
use crate::network::{alone, daemon_address, interface, phone_address, run_on_host};
use crate::process::{Process, Stream};

#[test]
fn in_user_space() {
    alone(|| storm("off"));
}

#[test]
fn in_the_kernel() {
    alone(|| storm("require"));
}

/// No stream ends or stumbles, nothing comes back to a stranger, no more goes on than came, and figures stay figures.
fn storm(kernel: &str) {
    let mut conversation = Conversation::start(kernel);
    let [call, _] = conversation.talk();
    let mut events = Events::open(TOKEN);
    let host = conversation.phones[0].process.id();
    let rtp_port = rtp_port(host);
    let spoofing = conversation.directory().join("spoofing.nft");
    fs::write(&spoofing, spoofing_rules(rtp_port)).expect("a directory of ours");
    run_on_host(&conversation.phones[0].process, "nft", &["-f".as_ref(), spoofing.as_os_str()]);
    let [(heard, _), (said, port)] = streams(rtp_port);
    conversation.daemon.process.runs_for(Duration::from_millis(500));

    let stormed_at = since_epoch();
    let came_to_stranger = attack(host, port, heard, said);
    conversation.daemon.process.runs_for(Duration::from_secs(1));
    let over_at = since_epoch();
    assert_eq!(came_to_stranger, 0, "bytes that came to the stranger");
    assert_eq!(http::get(&format!("/v1/calls/{call}"), Some(TOKEN)).json()["state"], "connected");
    let in_kernel = conversation.daemon.metric("trunkline_media_kernel_flows");
    assert_eq!(in_kernel, if kernel == "off" { 0.0 } else { 2.0 });
    assert_eq!(conversation.daemon.metric("trunkline_panics_total"), 0.0);

    let (wires, _) = conversation.finish();
    let over = |event: &Value| event["type"] == "call-quality" && event["line"] == "1001";
    let told = events.until(Duration::from_secs(5), over);
    let media = &told.last().expect("it came")["media"];
    eprintln!("rtcp_storm: kernel = {kernel:?}: {media}");
    assert!(media["foreign"].as_u64() > Some(1_000), "the stranger was refused: {media}");
    for (path, most) in [
        ("/received/loss_percent", 1.0),
        ("/received/mos", 4.5),
        // The phone says so, or who poses as it: as bad as figures can be.
        ("/sent/loss_percent", 100.0),
        ("/sent/mos", 4.5),
    ] {
        let found = media.pointer(path).and_then(Value::as_f64);
        assert!(found.is_none_or(|found| (0.0..=most).contains(&found)), "{path} is {found:?}");
    }
    for (speaker, hearer) in [(1, 2), (2, 1)] {
        let direction = Direction::of(&wires, speaker, hearer);
        direction.is_one_stream();
        let carried = direction.carries(std::slice::from_ref(&(stormed_at..over_at)));
        assert_eq!(carried.gaps, 0, "{carried:?}");
    }
    let bytes = |packets: &[Datagram], fits: &dyn Fn(&Datagram) -> bool| -> usize {
        let not_speech = packets.iter().filter(|packet| packet.rtp_payload_type() != Some(0));
        not_speech.filter(|packet| fits(packet)).map(|packet| packet.payload.len()).sum()
    };
    let came = bytes(&wires[0], &|packet| packet.source.0 == phone_address(1));
    let went_on = bytes(&wires[1], &|packet| packet.destination.0 == phone_address(2));
    let went_back = bytes(&wires[0], &|packet| packet.destination.0 == phone_address(1));
    eprintln!("rtcp_storm: {came} bytes came, {went_on} went on, {went_back} went back");
    assert!(came > 500_000 && went_on > 10_000, "the storm was on the wire, and what is valid in it goes on");
    assert!(went_on < came && went_back < 10_000);
}

/// The port of RTP of a phone: with the one for RTCP behind it, the only sockets of UDP beside SIP's.
fn rtp_port(phone: u32) -> u16 {
    let table = fs::read_to_string(format!("/proc/{phone}/net/udp")).expect("the phone runs");
    let local = table.lines().filter_map(|line| line.split_whitespace().nth(1)?.rsplit_once(':'));
    let ports: Vec<u16> = local.filter_map(|(_, port)| u16::from_str_radix(port, 16).ok()).collect();
    let is_pair = |port: &&u16| port.is_multiple_of(2) && ports.contains(&(**port + 1));
    *ports.iter().find(is_pair).unwrap_or_else(|| panic!("no pair among {ports:?}"))
}

/// What leaves the phone's host by these ports bears those of its audio. Packets are changed without tracking connections.
fn spoofing_rules(rtp_port: u16) -> String {
    format!(
        "table ip spoofing {{
            chain output {{
                type filter hook output priority -300;
                udp sport {AS_RTP} udp sport set {rtp_port}
                udp sport {AS_RTCP} udp sport set {}
            }}
        }}\n",
        rtp_port + 1
    )
}

/// The SSRCs that the phone is sent, and that it says, each with the port that it goes to.
fn streams(rtp_port: u16) -> [(u32, u16); 2] {
    ["dst", "src"].map(|side| {
        let filter = format!("udp {side} port {rtp_port} and len > 200");
        let mut command = Command::new("tshark");
        command.args(["-n", "-l", "-i", &interface(1), "-c", "1", "-f", &filter, "-T", "fields"]);
        let output = command.args(["-e", "udp.dstport", "-e", "udp.payload"]).output();
        let output = output.expect("tshark is installed");
        let line = String::from_utf8_lossy(&output.stdout);
        let (port, packet) = line.trim().split_once('\t').expect("two fields");
        let ssrc = u32::from_str_radix(&packet[16..24], 16).expect("the header of RTP, in hexadecimal");
        (ssrc, port.parse().expect("a number"))
    })
}

/// Storms from the phone's host; how many bytes came to the stranger there.
fn attack(host: u32, port: u16, heard: u32, said: u32) -> usize {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/proc/{host}/ns/net"));
    command.arg(env::current_exe().expect("this program has a path"));
    command.args(["rtcp_storm::attacker", "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    let mut process = Process::spawn("attacker", &mut command);
    process.type_line(&format!("{port} {heard} {said}"));
    let prefix = "came to the stranger: ";
    let line = process.wait_for(Duration::from_secs(20), |stream, line| {
        stream == Stream::Stderr && line.starts_with(prefix)
    });
    line[prefix.len()..].parse().expect("a number")
}

/// Run by [`attack`].
#[test]
#[ignore = "it is no test but a program on a host of one"]
fn attacker() {
    let line = io::stdin().lock().lines().next().expect("a line is typed").expect("it is text");
    let numbers: Vec<u32> = line.split(' ').map(|word| word.parse().expect("a number")).collect();
    let [port, heard, said] = numbers[..] else { panic!("{line}") };
    let port = u16::try_from(port).expect("a port");
    let compounds = compounds(heard, said);
    let bind = |port| UdpSocket::bind((phone_address(1), port)).expect("the port is free");
    let (spoofing, stranger) = ([bind(AS_RTP), bind(AS_RTCP)], bind(STRANGER));
    let begun = Instant::now();
    for round in 0..ROUNDS {
        for port in [port, port + 1] {
            let to = SocketAddr::from((daemon_address(1), port));
            for socket in spoofing.iter().chain([&stranger]) {
                // Where a port is closed, and where a buffer is full, the packet is lost.
                let send = |compound: &[u8]| drop(socket.send_to(compound, to));
                compounds.iter().for_each(|compound| send(compound));
                if round % 50 == 0 {
                    send(&receiver_reports(65_507 / 32));
                }
            }
        }
        thread::sleep((ROUND_EVERY * (round + 1)).saturating_sub(begun.elapsed()));
    }
    stranger.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout can be set");
    let mut buffer = [0; 2_048];
    let mut came = 0;
    // Errors tell that ports are closed.
    for _ in 0..100_000 {
        match stranger.recv(&mut buffer) {
            Ok(length) => came += length,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(_) => break,
        }
    }
    eprintln!("came to the stranger: {came}");
}

/// What is sent of each kind: about the stream that the phone hears, in the name of the one that it says.
fn compounds(heard: u32, said: u32) -> Vec<Vec<u8>> {
    let all = u32::MAX;
    let block = [heard, 0xff7f_ffff, all, all, all, all];
    let absurd = [&[said, all, all, all, all, all][..], &block].concat();
    let never_lost = [said, heard, 0x0080_0000, 0, 0, 1, 0];
    vec![
        vec![0x81],
        vec![0x80, 203, 0, 0],
        rtcp(1, 203, &[said]),
        rtcp(2, 203, &[said, heard]),
        rtcp(1, 200, &absurd),
        rtcp(1, 201, &never_lost),
        // Of more blocks than there are bytes.
        rtcp(31, 200, &absurd),
        // A length beyond the datagram.
        vec![0x81, 201, 0xff, 0xff, 0, 0, 0, 1],
        // Generic NACK (RFC 4585 §6.2.1), 17 packets a line.
        rtcp(1, 205, &[&[said, heard][..], &[0x0001_ffff; 60]].concat()),
        // REMB: one bit a second.
        rtcp(15, 206, &[said, 0, u32::from_be_bytes(*b"REMB"), 0x0100_0001, heard]),
        // Full intra request and picture loss.
        rtcp(4, 206, &[said, 0, heard, 0x0100_0000]),
        rtcp(1, 206, &[said, heard]),
    ]
}

/// A compound of so many reports without blocks, of 32 bytes each with what follows them.
fn receiver_reports(reports: usize) -> Vec<u8> {
    rtcp(0, 201, &[1, 2, 3, 4, 5, 6, 7]).repeat(reports)
}

fn rtcp(count: u8, kind: u8, words: &[u32]) -> Vec<u8> {
    let length = u16::try_from(words.len()).expect("it is short").to_be_bytes();
    let mut packet = vec![0x80 | count, kind, length[0], length[1]];
    packet.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    packet
}

const AS_RTP: u16 = 6_666;
const AS_RTCP: u16 = 6_667;
const STRANGER: u16 = 6_668;
const ROUNDS: u32 = 300;
const ROUND_EVERY: Duration = Duration::from_millis(8);
