//! The session operations with three desk phones that each play a tone of their own: at each step the wire tells who hears
//! whom. Started by an application over HTTP, by a phone with REFER, and by dialling feature codes.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::audio::Audio;
use crate::baresip::{Answer, Baresip};
use crate::capture::{Capture, since_epoch, ulaw_audio};
use crate::daemon::{Daemon, Directory};
use crate::http;
use crate::linphonec::Linphonec;
use crate::network::{alone, daemon_address, interface, phone_address};
use crate::process::wait_until;
use crate::sipp::{Sipp, scenario};

/// Hold, consultation, swap and transfer by an application: the phones are asked nothing, and the parties are joined.
#[test]
fn an_application_consults_swaps_and_transfers() {
    alone(|| {
        let mut stage = Stage::start([Answer::Auto; 3]);
        let call = stage.talk("1001", "1002");
        stage.phase("talk");
        stage.ask(&call, "hold", &json!({}));
        stage.phase("held");
        stage.ask(&call, "unhold", &json!({}));
        let consult = stage.ask(&call, "setup-transfer", &json!({}))["consult"].as_str().unwrap().to_owned();
        assert_eq!(stage.state(&call), "onholdpendtransfer");
        assert_eq!(stage.state(&consult), "dialtone");
        stage.ask(&consult, "dial", &json!({"digits": "1003"}));
        stage.reaches(&consult, "connected");
        stage.phase("consultation");
        stage.ask(&consult, "swap-hold", &json!({"with": call}));
        assert_eq!(
            (stage.state(&call), stage.state(&consult)),
            ("connected".into(), "onholdpendtransfer".into())
        );
        stage.phase("swapped");
        stage.ask(&call, "swap-hold", &json!({"with": consult}));
        stage.ask(&call, "complete-transfer", &json!({"consult": consult, "mode": "transfer"}));
        assert_eq!((stage.state(&call), stage.state(&consult)), ("idle".into(), "idle".into()));
        stage.phones[0].expect("CALL_CLOSED", CLOSED_WITHIN);
        stage.phase("transferred");
        stage.phones[2].command("hangup", "");
        stage.phones[1].expect("CALL_CLOSED", CLOSED_WITHIN);

        let heard = stage.finish();
        heard.only("talk", 1, &[2]);
        heard.only("talk", 2, &[1]);
        heard.music("held", 2);
        heard.only("consultation", 1, &[3]);
        heard.only("consultation", 3, &[1]);
        heard.music("consultation", 2);
        heard.only("swapped", 1, &[2]);
        heard.only("swapped", 2, &[1]);
        heard.music("swapped", 3);
        heard.only("transferred", 2, &[3]);
        heard.only("transferred", 3, &[2]);
        heard.nobody("transferred", 1);
    });
}

#[test]
fn an_application_transfers_blindly() {
    alone(|| {
        let mut stage = Stage::start([Answer::Auto; 3]);
        let call = stage.talk("1001", "1002");
        stage.ask(&call, "blind-transfer", &json!({"to": "1003"}));
        stage.phones[0].expect("CALL_CLOSED", CLOSED_WITHIN);
        stage.phones[2].expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
        stage.phase("transferred");
        stage.phones[1].command("hangup", "");
        stage.phones[2].expect("CALL_CLOSED", CLOSED_WITHIN);
        let heard = stage.finish();
        heard.only("transferred", 2, &[3]);
        heard.only("transferred", 3, &[2]);
    });
}

/// Each hears both others, and not himself; who is taken out hears nobody; with two left it is a call again.
#[test]
fn three_phones_in_a_conference() {
    alone(|| {
        let mut stage = Stage::start([Answer::Auto; 3]);
        let call = stage.talk("1001", "1002");
        let made = stage.ask(&call, "setup-conference", &json!({}));
        let conference = made["conference"].as_str().unwrap().to_owned();
        let consult = made["consult"].as_str().unwrap().to_owned();
        assert_eq!(
            [stage.state(&call), stage.state(&conference), stage.state(&consult)],
            ["conferenced", "onholdpendconf", "dialtone"]
        );
        stage.ask(&consult, "dial", &json!({"digits": "1003"}));
        stage.reaches(&consult, "connected");
        stage.ask(&conference, "add-to-conference", &json!({"consult": consult}));
        assert_eq!([stage.state(&consult), stage.state(&conference)], ["conferenced", "connected"]);
        stage.phase("conference");
        let related = stage.ask(&consult, "get-conf-related-calls", &json!({}));
        assert_eq!(related["calls"], json!([conference, call, consult]));
        stage.ask(&conference, "drop", &json!({}));
        for phone in &mut stage.phones {
            phone.expect("CALL_CLOSED", CLOSED_WITHIN);
        }
        let heard = stage.finish();
        heard.only("conference", 1, &[2, 3]);
        heard.only("conference", 2, &[1, 3]);
        heard.only("conference", 3, &[1, 2]);
    });
}

#[test]
fn a_call_is_parked_and_retrieved_elsewhere() {
    alone(|| {
        let mut stage = Stage::start([Answer::Auto; 3]);
        let call = stage.talk("1001", "1002");
        let slot = stage.ask(&call, "park", &json!({"mode": "nondirected"}))["parked_at"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(slot, "701");
        stage.phones[0].expect("CALL_CLOSED", CLOSED_WITHIN);
        let parked = http::get("/v1/parked", Some(TOKEN)).json();
        assert_eq!(parked.as_array().map(Vec::len), Some(1), "{parked}");
        stage.phase("parked");
        // The third phone dials the slot.
        stage.phones[2].command("dial", &format!("sip:{slot}@{}", daemon_address(3)));
        stage.phones[2].expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
        stage.phase("retrieved");
        stage.phones[2].command("hangup", "");
        stage.phones[1].expect("CALL_CLOSED", CLOSED_WITHIN);
        let heard = stage.finish();
        heard.music("parked", 2);
        heard.nobody("parked", 1);
        heard.only("retrieved", 2, &[3]);
        heard.only("retrieved", 3, &[2]);
    });
}

/// Over HTTP: the phone of who retrieves is rung, and answers by itself.
#[test]
fn an_application_retrieves_a_parked_call() {
    alone(|| {
        let mut stage = Stage::start([Answer::Auto; 3]);
        let call = stage.talk("1001", "1002");
        stage.ask(&call, "park", &json!({"mode": "directed", "to": "705"}));
        let made = stage.ask_line("1003", "unpark", &json!({"from": "705"}));
        let taken = made["call"].as_str().unwrap().to_owned();
        stage.reaches(&taken, "connected");
        assert_eq!(stage.read(&taken)["reason"], "unpark");
        stage.phase("retrieved");
        stage.ask(&taken, "drop", &json!({}));
        stage.phones[1].expect("CALL_CLOSED", CLOSED_WITHIN);
        let heard = stage.finish();
        heard.only("retrieved", 2, &[3]);
        heard.only("retrieved", 3, &[2]);
    });
}

/// The call rings at one phone and is taken at another, which dials the code of directed pickup.
#[test]
fn a_ringing_call_is_picked_up() {
    alone(|| {
        let mut stage = Stage::start([Answer::Auto, Answer::Manual, Answer::Auto]);
        stage.phones[0].command("dial", &format!("sip:1002@{}", daemon_address(1)));
        stage.phones[1].expect("CALL_INCOMING", CONNECTED_WITHIN);
        stage.phones[2].command("dial", &format!("sip:**1002@{}", daemon_address(3)));
        stage.phones[2].expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
        stage.phones[0].expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
        stage.phones[1].expect("CALL_CLOSED", CLOSED_WITHIN);
        stage.phase("picked up");
        stage.phones[0].command("hangup", "");
        stage.phones[2].expect("CALL_CLOSED", CLOSED_WITHIN);
        let heard = stage.finish();
        heard.only("picked up", 1, &[3]);
        heard.only("picked up", 3, &[1]);
        heard.nobody("picked up", 2);
    });
}

#[test]
fn an_application_picks_a_call_up() {
    alone(|| {
        let mut stage = Stage::start([Answer::Auto, Answer::Manual, Answer::Auto]);
        stage.phones[0].command("dial", &format!("sip:1002@{}", daemon_address(1)));
        stage.phones[1].expect("CALL_INCOMING", CONNECTED_WITHIN);
        let made = stage.ask_line("1003", "pickup", &json!({"from": "1002"}));
        let taken = made["call"].as_str().unwrap().to_owned();
        stage.reaches(&taken, "connected");
        assert_eq!(stage.read(&taken)["reason"], "pickup");
        stage.phones[1].expect("CALL_CLOSED", CLOSED_WITHIN);
        stage.phase("picked up");
        stage.ask(&taken, "drop", &json!({}));
        stage.phones[0].expect("CALL_CLOSED", CLOSED_WITHIN);
        let heard = stage.finish();
        heard.only("picked up", 1, &[3]);
        heard.only("picked up", 3, &[1]);
    });
}

/// The second phone refuses as busy (486): its line forwards such calls to the third.
#[test]
fn a_busy_phone_forwards() {
    alone(|| {
        let mut stage = Stage::start([Answer::Auto, Answer::Manual, Answer::Auto]);
        let entries = json!({"entries": [{"mode": "busy", "destination": "1003"}]});
        stage.ask_line("1002", "forward", &entries);
        stage.phones[0].command("dial", &format!("sip:1002@{}", daemon_address(1)));
        stage.phones[1].expect("CALL_INCOMING", CONNECTED_WITHIN);
        stage.phones[1].command("hangup", "");
        stage.phones[2].expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
        let call = stage.call_on("1003");
        assert_eq!(stage.read(&call)["reason"], "fwdbusy");
        stage.phase("forwarded");
        stage.phones[0].command("hangup", "");
        stage.phones[2].expect("CALL_CLOSED", CLOSED_WITHIN);
        let heard = stage.finish();
        heard.only("forwarded", 1, &[3]);
        heard.only("forwarded", 3, &[1]);
    });
}

/// The phone itself sends REFER: the engine transfers, and the phone sees by NOTIFY that it did.
#[test]
fn a_phone_transfers_blindly_by_refer() {
    alone(|| {
        let mut stage = Stage::start([Answer::Auto; 3]);
        stage.phones[0].command("dial", &format!("sip:1002@{}", daemon_address(1)));
        stage.phones[0].expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
        stage.phones[1].expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
        stage.phones[0].command("transfer", &format!("sip:1003@{}", daemon_address(1)));
        stage.phones[2].expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
        stage.phones[0].expect("CALL_CLOSED", CLOSED_WITHIN);
        stage.phase("transferred");
        stage.phones[2].command("hangup", "");
        stage.phones[1].expect("CALL_CLOSED", CLOSED_WITHIN);
        let heard = stage.finish();
        heard.only("transferred", 2, &[3]);
        heard.only("transferred", 3, &[2]);
        heard.nobody("transferred", 1);
    });
}

/// linphonec consults a second party and transfers the first to it: REFER with Replaces.
#[test]
fn linphonec_transfers_attended_by_refer() {
    alone(|| {
        let directory = Directory::create();
        Audio::write_tone(&directory.path().join("music.wav"), MUSIC_HZ, 5);
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let phone = |number: u8, line: &str, tone| {
            Baresip::start_with_tone(directory.path(), number, line, PASSWORD, "", Answer::Auto, tone)
        };
        let mut second = phone(2, "1002", TONES_HZ[1]);
        let mut third = phone(3, "1003", TONES_HZ[2]);
        let mut linphonec = Linphonec::start(directory.path(), 1, "1001", PASSWORD);
        daemon.expect_metric("trunkline_registrations", 3.0, REGISTERED_WITHIN);
        let wires = [
            (2, Capture::start(directory.path(), &interface(2), "udp")),
            (3, Capture::start(directory.path(), &interface(3), "udp")),
        ];
        linphonec.command(&format!("call sip:1002@{}", daemon_address(1)));
        second.expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
        linphonec.expect("Media streams established", CONNECTED_WITHIN);
        linphonec.command("pause");
        linphonec.command(&format!("call sip:1003@{}", daemon_address(1)));
        third.expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
        linphonec.expect("Media streams established", CONNECTED_WITHIN);
        daemon.process.runs_for(Duration::from_secs(1));
        linphonec.command("transfer 1 --to-call 2");
        linphonec.expect("ended", CLOSED_WITHIN);
        let start = since_epoch();
        daemon.process.runs_for(TALK);
        let phases = vec![("transferred", start)];
        let heard = Heard::of(wires.into(), &phases);
        second.command("hangup", "");
        third.expect("CALL_CLOSED", CLOSED_WITHIN);
        heard.only("transferred", 2, &[3]);
        heard.only("transferred", 3, &[2]);
        daemon.expect_nothing_left();
    });
}

/// A carrier that refuses REFER, UPDATE and re-INVITE without a description: it is held, consulted about, transferred,
/// parked, retrieved and conferenced all the same. Its far end says what it hears, so each hears himself.
#[test]
fn a_carrier_that_refuses_everything_is_moved_all_the_same() {
    alone(|| {
        let mut stage = Stage::start([Answer::Auto; 3]);
        let path = stage.directory.path().to_owned();
        let carrier = scenario(&path, "carrier.xml", &[]);
        let sipp =
            Sipp::callee(&path, "carrier", "127.0.0.1:5070", &["-sf", &carrier, "-rtp_echo", "-m", "1"]);
        let made = stage.ask_line("1001", "make-call", &json!({"to": "030"}));
        let call = made["call"].as_str().unwrap().to_owned();
        stage.reaches(&call, "connected");
        stage.phase("talk");
        stage.ask(&call, "hold", &json!({}));
        stage.phase("held");
        stage.ask(&call, "unhold", &json!({}));
        let consult = stage.ask(&call, "setup-transfer", &json!({}))["consult"].as_str().unwrap().to_owned();
        stage.ask(&consult, "dial", &json!({"digits": "1002"}));
        stage.reaches(&consult, "connected");
        stage.ask(&call, "complete-transfer", &json!({"consult": consult, "mode": "transfer"}));
        stage.phase("transferred");
        let second = stage.call_on("1002");
        stage.ask(&second, "park", &json!({"mode": "directed", "to": "702"}));
        let taken =
            stage.ask_line("1003", "unpark", &json!({"from": "702"}))["call"].as_str().unwrap().to_owned();
        stage.reaches(&taken, "connected");
        stage.phase("retrieved");
        let made = stage.ask(&taken, "setup-conference", &json!({}));
        let conference = made["conference"].as_str().unwrap().to_owned();
        let consult = made["consult"].as_str().unwrap().to_owned();
        stage.ask(&consult, "dial", &json!({"digits": "1001"}));
        stage.reaches(&consult, "connected");
        stage.ask(&conference, "add-to-conference", &json!({"consult": consult}));
        stage.phase("conference");
        stage.ask(&conference, "drop", &json!({}));
        let counted = sipp.finish(CLOSED_WITHIN);
        assert_eq!((counted.successful(), counted.failed(), counted.unexpected()), (1, 0, 0), "{counted:?}");
        let heard = stage.finish();
        heard.only("talk", 1, &[1]);
        heard.nobody("held", 1);
        heard.only("transferred", 2, &[2]);
        heard.only("retrieved", 3, &[3]);
        // The carrier says back what it hears, so each phone hears itself by it; the other comes twice, and where the echo is half
        // a wave late hardly at all. For both phones at once that is not so: an echo that is half a wave of 1001 late is a whole
        // wave of 1003 late.
        let [own, other] = [[(1, 1), (3, 3)], [(1, 3), (3, 1)]]
            .map(|pairs| pairs.map(|(phone, other)| heard.seconds("conference", phone, other)));
        eprintln!(
            "conference: by the carrier they hear themselves for {own:.1?} s, each other for {other:.1?} s"
        );
        assert!(own.iter().all(|seconds| *seconds > HEARD_S), "{own:?}");
        assert!(other.iter().any(|seconds| *seconds > HEARD_S), "{other:?}");
    });
}

/// Three phones on hosts of their own, and the wires to them.
struct Stage {
    phones: Vec<Baresip>,
    daemon: Daemon,
    wires: Vec<(u8, Capture)>,
    phases: Vec<(&'static str, Duration)>,
    directory: Directory,
}

impl Stage {
    fn start(answers: [Answer; 3]) -> Self {
        let directory = Directory::create();
        Audio::write_tone(&directory.path().join("music.wav"), MUSIC_HZ, 5);
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let lines = ["1001", "1002", "1003"];
        let mut phones = Vec::new();
        let mut wires = Vec::new();
        for (((number, line), answer), tone_hz) in (1..).zip(lines).zip(answers).zip(TONES_HZ) {
            phones.push(Baresip::start_with_tone(
                directory.path(),
                number,
                line,
                PASSWORD,
                "",
                answer,
                tone_hz,
            ));
            wires.push((number, Capture::start(directory.path(), &interface(number), "udp")));
        }
        daemon.expect_metric("trunkline_registrations", 3.0, REGISTERED_WITHIN);
        Self { phones, daemon, wires, phases: Vec::new(), directory }
    }

    /// `lineMakeCall` between two phones that answer; the call on the first one's line.
    fn talk(&mut self, from: &'static str, to: &'static str) -> String {
        let made = thread::spawn(move || {
            http::post(&format!("/v1/lines/{from}/make-call"), TOKEN, &json!({"to": to}))
        });
        for at in [from, to] {
            let phone = usize::from(at.as_bytes()[3] - b'1');
            self.phones[phone].expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
        }
        let made = made.join().expect("the request ends");
        assert_eq!(made.status, 200, "{}", made.text);
        let call = made.json()["call"].as_str().expect("a call").to_owned();
        self.reaches(&call, "connected");
        call
    }

    fn ask(&self, call: &str, operation: &str, body: &Value) -> Value {
        let answer = http::post(&format!("/v1/calls/{call}/{operation}"), TOKEN, body);
        assert_eq!(answer.status, 200, "{operation}: {}", answer.text);
        answer.json()
    }

    fn ask_line(&self, line: &str, operation: &str, body: &Value) -> Value {
        let answer = http::post(&format!("/v1/lines/{line}/{operation}"), TOKEN, body);
        assert_eq!(answer.status, 200, "{operation}: {}", answer.text);
        answer.json()
    }

    fn read(&self, call: &str) -> Value {
        http::get(&format!("/v1/calls/{call}"), Some(TOKEN)).json()
    }

    fn state(&self, call: &str) -> String {
        self.read(call)["state"].as_str().expect("a state").to_owned()
    }

    fn reaches(&mut self, call: &str, state: &str) {
        let path = format!("/v1/calls/{call}");
        wait_until(&mut self.daemon.process, CONNECTED_WITHIN, || {
            let read = http::get(&path, Some(TOKEN)).json();
            if read["state"] == state { Ok(()) } else { Err(format!("{call} is {}", read["state"])) }
        });
    }

    /// The one call on a line that is not idle.
    fn call_on(&self, line: &str) -> String {
        let calls = http::get("/v1/calls", Some(TOKEN)).json();
        let calls = calls.as_array().expect("a list");
        let on_line: Vec<_> =
            calls.iter().filter(|call| call["line"] == line && call["state"] != "idle").collect();
        assert_eq!(on_line.len(), 1, "{calls:#?}");
        on_line[0]["id"].as_str().expect("an id").to_owned()
    }

    /// Lets everybody talk for a while, under this name.
    fn phase(&mut self, name: &'static str) {
        self.phases.push((name, since_epoch()));
        self.daemon.process.runs_for(TALK);
    }

    /// Everything is over: who heard whom.
    fn finish(mut self) -> Heard {
        let heard = Heard::of(std::mem::take(&mut self.wires), &self.phases);
        self.daemon.expect_nothing_left();
        heard
    }
}

/// What each phone was sent in each phase.
struct Heard(BTreeMap<(&'static str, u8), Audio>);

impl Heard {
    fn of(wires: Vec<(u8, Capture)>, phases: &[(&'static str, Duration)]) -> Self {
        let mut heard = BTreeMap::new();
        for (phone, wire) in wires {
            let packets = wire.finish();
            for (name, start) in phases {
                let during = (*start + SETTLE)..(*start + TALK);
                let sent = packets.iter().filter(|packet| {
                    packet.destination.0 == phone_address(phone) && during.contains(&packet.at)
                });
                heard.insert((*name, phone), ulaw_audio(sent));
            }
        }
        Self(heard)
    }

    /// The phone hears these and nobody else, and no music.
    fn only(&self, phase: &'static str, phone: u8, others: &[u8]) {
        let audio = &self.0[&(phase, phone)];
        let share = 0.6 / others.len() as f64;
        for (other, tone_hz) in (1..).zip(TONES_HZ) {
            let seconds = audio.seconds_with_tone(tone_hz, share);
            eprintln!("{phase}: phone {phone} hears phone {other} for {seconds:.1} s");
            if others.contains(&other) {
                assert!(seconds > HEARD_S, "{phase}: phone {phone} hears phone {other} for {seconds:.1} s");
            } else {
                let seconds = audio.seconds_with_tone(tone_hz, 0.1);
                assert!(seconds < 0.3, "{phase}: phone {phone} hears phone {other} for {seconds:.1} s");
            }
        }
        let music = audio.seconds_with_tone(MUSIC_HZ, 0.1);
        assert!(music < 0.3, "{phase}: phone {phone} hears music for {music:.1} s");
    }

    /// Seconds for which a phone hears another's tone among others.
    fn seconds(&self, phase: &'static str, phone: u8, other: u8) -> f64 {
        self.0[&(phase, phone)].seconds_with_tone(TONES_HZ[usize::from(other) - 1], 0.02)
    }

    fn music(&self, phase: &'static str, phone: u8) {
        let seconds = self.0[&(phase, phone)].seconds_of_tone(MUSIC_HZ);
        eprintln!("{phase}: phone {phone} hears music for {seconds:.1} s");
        assert!(seconds > HEARD_S, "{phase}: phone {phone} hears music for {seconds:.1} s");
    }

    fn nobody(&self, phase: &'static str, phone: u8) {
        let audio = &self.0[&(phase, phone)];
        for tone_hz in TONES_HZ.into_iter().chain([MUSIC_HZ]) {
            let seconds = audio.seconds_with_tone(tone_hz, 0.1);
            assert!(seconds < 0.3, "{phase}: phone {phone} hears {tone_hz} Hz for {seconds:.1} s");
        }
    }
}

const PASSWORD: &str = "correct-horse-battery";
const TOKEN: &str = "an-application-of-the-test-0123456789";
/// What the phones play: far from each other, from the music and from call-progress tones. The third is twice the first, so
/// that no echo cancels both.
const TONES_HZ: [f64; 3] = [540.0, 750.0, 1080.0];
const MUSIC_HZ: f64 = 1250.0;
const TALK: Duration = Duration::from_secs(3);
/// What plays in the first moments of a phase is nobody's claim.
const SETTLE: Duration = Duration::from_millis(700);
/// Of the rest of a phase, with room for a phone that is not let run for a while.
const HEARD_S: f64 = 1.2;
/// What is waited for comes at once where the machine is free, and in any case before a transaction would be given up (32 s).
const REGISTERED_WITHIN: Duration = Duration::from_secs(25);
const CONNECTED_WITHIN: Duration = Duration::from_secs(25);
const CLOSED_WITHIN: Duration = Duration::from_secs(25);
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060"]
[media]
listen = "0.0.0.0"
music = "music.wav"
[[app]]
name = "crm"
token = "an-application-of-the-test-0123456789"
lines = ["*"]
privilege = "owner"
[park]
slots = "701-720"
[[trunk]]
name = "carrier"
peer = "udp:127.0.0.1:5070"
allow_from = ["127.0.0.1/32"]
[[route]]
from = "line"
match = "^0"
to = "trunk:carrier"
[[line]]
address = "1001"
password = "correct-horse-battery"
groups = ["sales"]
[[line]]
address = "1002"
password = "correct-horse-battery"
groups = ["sales"]
[[line]]
address = "1003"
password = "correct-horse-battery"
groups = ["sales"]
digest = ["SHA-256", "MD5"]
"#;
