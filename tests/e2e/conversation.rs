//! A conversation of two phones that say noise, in which no two packets are the same: what one said can be found among what the
//! other was sent.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::audio::Audio;
use crate::baresip::{Answer, Baresip};
use crate::capture::{Capture, Datagram};
use crate::daemon::{Daemon, Directory};
use crate::http;
use crate::network::{add_first_link, daemon_address, interface, phone_address};
use crate::process::wait_until;

/// Two phones on hosts of their own, and the wires to them.
pub(crate) struct Conversation {
    /// The daemon between them.
    pub(crate) daemon: Daemon,
    /// The caller and the callee.
    pub(crate) phones: [Baresip; 2],
    wires: [Capture; 2],
    directory: Directory,
}

impl Conversation {
    /// Starts them; `kernel` is `media.kernel` of the configuration.
    pub(crate) fn start(kernel: &str) -> Self {
        add_first_link();
        let directory = Directory::create();
        let path = directory.path();
        Audio::write_tone(&path.join("music.wav"), 1_250.0, 5);
        let mut daemon = Daemon::start(path, &CONFIG.replace("{kernel}", kernel));
        let phones = [(1, "1001"), (2, "1002")].map(|(phone, line)| {
            let recording = path.join(format!("{line}.wav"));
            Audio::write_noise(&recording, u32::from(phone), 60);
            Baresip::start_with_recording(path, phone, line, PASSWORD, Answer::Auto, &recording)
        });
        daemon.expect_metric("trunkline_registrations", 2.0, SOON);
        let wires = [1, 2].map(|phone| Capture::start(path, &interface(phone), "udp portrange 20000-20015"));
        Self { daemon, phones, wires, directory }
    }

    /// Where files of the test may be.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The first phone calls the second; the call on the line of each.
    pub(crate) fn talk(&mut self) -> [String; 2] {
        let made = thread::spawn(|| http::post("/v1/lines/1001/make-call", TOKEN, &json!({"to": "1002"})));
        for phone in &mut self.phones {
            phone.expect("CALL_ESTABLISHED", SOON);
        }
        let made = made.join().expect("the request ends");
        assert_eq!(made.status, 200, "{}", made.text);
        let call = made.json()["call"].as_str().expect("a call").to_owned();
        let path = format!("/v1/calls/{call}");
        wait_until(&mut self.daemon.process, SOON, || match &http::get(&path, Some(TOKEN)).json()["state"] {
            state if state == "connected" => Ok(()),
            state => Err(format!("{call} is {state}")),
        });
        let calls = http::get("/v1/calls", Some(TOKEN)).json();
        let is_callees = |call: &&Value| call["line"] == "1002";
        let callees = calls.as_array().expect("a list").iter().find(is_callees).expect("it is up");
        [call, callees["id"].as_str().expect("an id").to_owned()]
    }

    /// The state of a call.
    pub(crate) fn state(&self, call: &str) -> Value {
        http::get(&format!("/v1/calls/{call}"), Some(TOKEN)).json()["state"].clone()
    }

    /// An operation of an application on a call.
    pub(crate) fn ask(&self, call: &str, operation: &str, body: &Value) {
        let answer = http::post(&format!("/v1/calls/{call}/{operation}"), TOKEN, body);
        assert_eq!(answer.status, 200, "{operation}: {}", answer.text);
    }

    /// Ends the call: what was on the wires, and how many packets the kernel forwarded.
    pub(crate) fn finish(mut self) -> ([Vec<Datagram>; 2], u64) {
        let [caller, callee] = &mut self.phones;
        caller.command("hangup", "");
        callee.expect("CALL_CLOSED", SOON);
        self.daemon.expect_metric("trunkline_calls", 0.0, SOON);
        self.daemon.expect_metric("trunkline_media_kernel_flows", 0.0, SOON);
        let in_kernel = self.daemon.metric("trunkline_media_kernel_packets_total");
        (self.wires.map(Capture::finish), in_kernel as u64)
    }
}

/// What one phone said and what the other was sent.
pub(crate) struct Direction<'a> {
    speaker: u8,
    /// RTP of the speaker.
    pub(crate) said: Vec<&'a Datagram>,
    /// RTP to the hearer.
    pub(crate) heard: Vec<&'a Datagram>,
}

impl<'a> Direction<'a> {
    /// The way from one phone to the other.
    pub(crate) fn of(wires: &'a [Vec<Datagram>; 2], speaker: u8, hearer: u8) -> Self {
        let is_speech = |packet: &&Datagram| packet.rtp_payload_type() == Some(0);
        let on_wire = |phone: u8| wires[usize::from(phone) - 1].iter().filter(is_speech);
        let said = on_wire(speaker).filter(|packet| packet.source.0 == phone_address(speaker));
        let heard = on_wire(hearer).filter(|packet| packet.source.0 == daemon_address(hearer));
        Self { speaker, said: said.collect(), heard: heard.collect() }
    }

    /// One source, one sequence, on both wires. What a busy machine loses of it before it comes to the daemon stays lost; nothing
    /// else is.
    pub(crate) fn is_one_stream(&self) {
        let [unsaid, unheard] = [&self.said, &self.heard].map(|stream| {
            assert!(stream.len() > 200, "only {} packets", stream.len());
            let between = |pair: &[&Datagram]| {
                let [one, next] = [pair[0], pair[1]].map(|packet| &packet.payload[..12]);
                let step = sequence(next).wrapping_sub(sequence(one));
                let follows = (1..MISSING_MAX).contains(&step) && one[8..] == next[8..];
                assert!(follows, "phone {}: {one:02x?} is followed by {next:02x?}", self.speaker);
                let ahead = timestamp(next).wrapping_sub(timestamp(one));
                assert!(ahead != 0 && ahead < 1 << 31, "phone {}: time goes back", self.speaker);
                step - 1
            };
            stream.windows(2).map(between).sum::<u16>()
        });
        assert!(unheard <= unsaid, "phone {}: {unheard} missing, of which {unsaid} never came", self.speaker);
    }

    /// What was said in these times arrived, each packet once and in order.
    pub(crate) fn carries(&self, times: &[Range<Duration>]) -> Carried {
        let numbers: HashMap<&[u8], usize> = self.said.iter().map(|packet| speech(packet)).zip(0..).collect();
        assert_eq!(numbers.len(), self.said.len(), "no two packets say the same");
        let arrived: Vec<usize> =
            self.heard.iter().filter_map(|packet| numbers.get(speech(packet)).copied()).collect();
        let expected = |number: &usize| times.iter().any(|time| time.contains(&self.said[*number].at));
        let missing: Vec<usize> =
            (0..self.said.len()).filter(expected).filter(|number| !arrived.contains(number)).collect();
        let carried = Carried {
            speech: arrived.len(),
            others: self.heard.len() - arrived.len(),
            gaps: arrived.windows(2).filter(|pair| pair[0] + 1 != pair[1]).count(),
        };
        eprintln!("conversation: phone {} said {} packets: {carried:?}", self.speaker, self.said.len());
        assert!(missing.is_empty(), "lost: {missing:?}");
        assert!(arrived.is_sorted_by(|one, next| one < next), "doubled or out of order: {arrived:?}");
        carried
    }
}

/// What the hearer was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Carried {
    /// Packets of the speaker.
    pub(crate) speech: usize,
    /// Packets of the daemon: music and tones.
    pub(crate) others: usize,
    /// How often packets of the speaker stayed out.
    pub(crate) gaps: usize,
}

fn speech(packet: &Datagram) -> &[u8] {
    &packet.payload[12..]
}

fn sequence(header: &[u8]) -> u16 {
    u16::from_be_bytes([header[2], header[3]])
}

fn timestamp(header: &[u8]) -> u32 {
    u32::from_be_bytes([header[4], header[5], header[6], header[7]])
}

/// Packets in sequence that may be lost on the way to the daemon.
const MISSING_MAX: u16 = 50;
const PASSWORD: &str = "correct-horse-battery";
/// That of the application, owner of all calls.
pub(crate) const TOKEN: &str = "a-token-of-the-owner-that-is-long-enough";
/// At once where the machine is free, and in any case before a transaction would be given up (32 s).
const SOON: Duration = Duration::from_secs(25);
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060"]
[media]
listen = "0.0.0.0"
ports = "20000-20015"
music = "music.wav"
kernel = "{kernel}"
[api]
listen = "127.0.0.1:8080"
[[app]]
name = "crm"
token = "a-token-of-the-owner-that-is-long-enough"
lines = ["*"]
privilege = "owner"
[[line]]
address = "1001"
password = "correct-horse-battery"
[[line]]
address = "1002"
password = "correct-horse-battery"
"#;
