//! A call by TLS and SRTP, looked at afterwards with tshark: what was said is there in clear, as it was and without secrets.

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::audio::{Audio, from_ulaw};
use crate::baresip::{Answer, Baresip, TONE_HZ};
use crate::daemon::{Daemon, Directory, executable};
use crate::http;
use crate::network::{alone, daemon_address, phone_address};
use crate::process::wait_until;
use crate::tls::Authority;

/// An application has phone 1 call phone 2, both by TLS and SRTP, and hangs up.
#[test]
fn a_call_by_tls_is_in_clear() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let authority = Authority::new(path);
        let names = [1, 2].map(|phone| daemon_address(phone).to_string());
        authority.sign("pbx", "pbx", &names);
        let mut daemon = Daemon::start(path, CONFIG);
        let start =
            |phone: u8| Baresip::start_by_tls(path, phone, &format!("100{phone}"), PASSWORD, Answer::Auto);
        let mut phones = [start(1), start(2)];
        daemon.expect_metric("trunkline_registrations", 2.0, WITHIN);
        let made = http::post("/v1/lines/1001/make-call", TOKEN, &json!({"to": "1002"}));
        let call = made.json()["call"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned();
        for phone in &mut phones {
            phone.expect("CALL_ESTABLISHED", WITHIN);
        }
        let state = || http::get(&format!("/v1/calls/{call}"), Some(TOKEN)).json()["state"].clone();
        wait_until(&mut daemon.process, WITHIN, || match state() {
            up if up == "connected" => Ok(()),
            other => Err(format!("the call is {other}")),
        });
        wait_until(&mut daemon.process, WITHIN, || {
            let media = http::get(&format!("/v1/calls/{call}"), Some(TOKEN)).json()["media"].clone();
            let count = media["received"]["packets"].as_u64().unwrap_or(0);
            if count >= 3 * PACKETS_A_SECOND { Ok(()) } else { Err(media.to_string()) }
        });
        assert_eq!(http::post(&format!("/v1/calls/{call}/drop"), TOKEN, &json!({})).status, 200);
        daemon.expect_metric("trunkline_legs", 0.0, WITHIN);

        let file = path.join("call.pcapng");
        let mut ctl = Command::new(executable());
        ctl.args(["ctl", "--token", TOKEN, "trace", &call, "--pcapng"]).arg(&file);
        let output = ctl.output().expect("the daemon's program is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        says_what_was_said(&file);
        let counted = tshark(&file, &["-q", "-z", "sip,stat"]);
        eprintln!("pcapng: {counted}");
        for method in ["INVITE", "BYE"] {
            let line = counted.lines().find(|line| line.trim().starts_with(method)).unwrap_or_default();
            assert!(line.contains("2 Packets"), "one at each end: {counted}");
        }
        sounds_as_it_was_said(&file);
        let bytes = std::fs::read(&file).expect("it was written");
        let text = String::from_utf8_lossy(&bytes);
        let keys: Vec<&str> = text.split("inline:").skip(1).collect();
        assert!(keys.len() >= 4, "both descriptions of both: {}", keys.len());
        assert!(keys.iter().all(|key| key.starts_with("********")), "{keys:?}");
        assert_eq!(http::get("/v1/calls/c999/trace?format=pcapng", Some(TOKEN)).status, 404);
        phones.into_iter().for_each(Baresip::quit);
    });
}

/// INVITE, 200, ACK, BYE, 200 of both ends, between the addresses that said so, each packet whole; in the order of time.
fn says_what_was_said(file: &Path) {
    let fields = ["ip.src", "udp.srcport", "ip.dst", "udp.dstport", "sip.Call-ID", "sip.CSeq.method"];
    let more = ["sip.Method", "sip.Status-Code", "frame.comment", "frame.time_epoch"];
    let mut arguments = vec!["-Y", "sip", "-T", "fields", "-E", "occurrence=f"];
    arguments.extend(fields.iter().chain(&more).flat_map(|field| ["-e", field]));
    let said = tshark(file, &arguments);
    let rows: Vec<Vec<&str>> = said.lines().map(|line| line.split('\t').collect()).collect();
    let ids: HashSet<&str> = rows.iter().map(|row| row[4]).collect();
    assert_eq!(ids.len(), 2, "{said}");
    for phone in [1, 2] {
        let [near, far] = [daemon_address(phone), phone_address(phone)].map(|end| end.to_string());
        let of_phone = |row: &&Vec<&str>| [row[0], row[2]].contains(&&*far);
        let rows: Vec<&Vec<&str>> = rows.iter().filter(of_phone).collect();
        for row in &rows {
            let (daemon, way) = if row[0] == near { (row[1], "sent") } else { (row[3], "received") };
            let comment = format!("{way} by TLS, shown in clear as a datagram");
            assert!(daemon == "5061" && row[8].starts_with(&comment), "{row:?}");
        }
        let has = |from: &str, method: &str, status: &str| {
            rows.iter().any(|row| row[0] == from && row[5] == method && row[7] == status)
        };
        let ends = [&near, &far];
        let answered = |method: &str| {
            let asked = |from: &&&String, to: &String| has(from, method, "") && has(to, method, "200");
            ends.iter().zip(ends.iter().rev()).any(|(from, to)| asked(&from, to))
        };
        assert!(answered("INVITE") && answered("BYE"), "phone {phone}: {said}");
        assert!(ends.iter().any(|from| has(from, "ACK", "")), "phone {phone}: {said}");
    }
    let times: Vec<f64> = rows.iter().map(|row| row[9].parse().expect("seconds")).collect();
    assert!(times.is_sorted(), "{times:?}");
    let checks = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-Y"];
    let wrong =
        "_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0 || !(sip || rtp || rtcp)";
    assert_eq!(tshark(file, &[&checks[..], &[wrong]].concat()), "");
}

/// A stream of each phone is found by its description, and its payload is the tone.
fn sounds_as_it_was_said(file: &Path) {
    let streams = tshark(file, &["-q", "-z", "rtp,streams"]);
    eprintln!("pcapng: {streams}");
    for phone in [1, 2] {
        let (near, far) = (daemon_address(phone).to_string(), phone_address(phone).to_string());
        let begins = |line: &&str| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            fields.get(2) == Some(&&*far) && fields.get(4) == Some(&&*near) && line.contains("g711U")
        };
        assert_eq!(streams.lines().filter(begins).count(), 1, "phone {phone}: {streams}");
        let filter = format!("rtp && ip.src == {far} && rtp.p_type == 0");
        let fields = ["-Y", &filter, "-T", "fields", "-e", "rtp.payload", "-e", "frame.comment"];
        let packets = tshark(file, &fields);
        let mut samples = Vec::new();
        for line in packets.lines() {
            let (payload, comment) = line.split_once('\t').expect("two fields");
            assert_eq!(comment, "received by SRTP, shown in clear");
            let octets = (0..payload.len() / 2)
                .filter_map(|n| u8::from_str_radix(&payload[2 * n..2 * n + 2], 16).ok());
            samples.extend(octets.map(from_ulaw));
        }
        let audio = Audio { rate_hz: 8000, samples };
        let (seconds, tone_s) = (audio.seconds(), audio.seconds_of_tone(TONE_HZ));
        eprintln!("pcapng: phone {phone} said {tone_s:.1} s of tone in {seconds:.1} s");
        assert!(seconds > 2.0 && tone_s > 0.8 * seconds, "phone {phone}: {tone_s:.1} s of {seconds:.1} s");
    }
}

/// What tshark says of a file.
fn tshark(file: &Path, arguments: &[&str]) -> String {
    let output = Command::new("tshark").arg("-r").arg(file).arg("-n").args(arguments).output();
    let output = output.expect("tshark is installed");
    assert!(output.status.success(), "tshark: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const PACKETS_A_SECOND: u64 = 50;
const PASSWORD: &str = "correct-horse-battery";
const TOKEN: &str = "an-application-of-the-test-0123456789";
const WITHIN: Duration = Duration::from_secs(25);
const CONFIG: &str = r#"
[sip]
listen = ["tls:0.0.0.0:5061"]
[sip.tls]
certificate = "pbx.pem"
key = "pbx.key"
[media]
listen = "0.0.0.0"
[[app]]
name = "crm"
token = "an-application-of-the-test-0123456789"
lines = ["*"]
privilege = "owner"
[[line]]
address = "1001"
password = "correct-horse-battery"
srtp = "required"
capture = true
[[line]]
address = "1002"
password = "correct-horse-battery"
srtp = "required"
"#;
