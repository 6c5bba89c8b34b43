//! A browser phone (JsSIP in Chromium, SIP over a secure WebSocket) and a desk phone, who call each other through the daemon.

use std::time::{Duration, Instant};

use crate::audio::Audio;
use crate::baresip::{Answer, Baresip, TONE_HZ};
use crate::capture::{Capture, ulaw_audio};
use crate::chromium::{Chromium, origin};
use crate::daemon::{Daemon, Directory};
use crate::network::{alone, daemon_address, interface, phone_address};
use crate::tls::Authority;

/// The browser offers ICE, DTLS and a bundle, and is offered them; the desk phone knows nothing of them. In the second call the
/// browser holds: the desk phone hears music, then the browser again.
#[test]
fn a_browser_and_a_desk_phone() {
    alone(|| {
        let directory = Directory::create();
        let authority = Authority::new(directory.path());
        authority.sign("pbx", "pbx", &[daemon_address(1).to_string()]);
        Audio::write_tone(&directory.path().join("music.wav"), MUSIC_HZ, 5);
        let mut daemon = Daemon::start(directory.path(), &config());
        let mut browser = Chromium::start(directory.path(), 1, "1001", PASSWORD, SPOKEN_HZ);
        let mut phone = Baresip::start(directory.path(), 2, "1002", PASSWORD, "", Answer::Auto);
        let registered = browser.expect("registered", STARTS_WITHIN);
        let gruu = format!("sip:1001@{};gr=urn:uuid:", daemon_address(1));
        assert!(registered["gruu"].as_str().is_some_and(|given| given.starts_with(&gruu)), "{registered}");
        daemon.expect_metric("trunkline_registrations", 2.0, WITHIN);

        browser.command("call", &format!("sip:1002@{}", daemon_address(1)));
        phone.expect("CALL_ESTABLISHED", WITHIN);
        browser.expect("connected", WITHIN);
        daemon.process.runs_for(TALK);
        let first = (browser.heard().seconds_of_tone(TONE_HZ), phone.heard_tone(SPOKEN_HZ));
        browser.command("hangup", "");
        phone.expect("CALL_CLOSED", WITHIN);
        eprintln!("browser: it calls, and hears {:.1} s of tone, the desk phone {:.1} s", first.0, first.1);
        assert!(first.0 > HEARD_S && first.1 > HEARD_S, "not both heard the other: {first:?}");

        let wire = Capture::start(directory.path(), &interface(2), "udp");
        phone.command("dial", &format!("sip:1001@{}", daemon_address(2)));
        let call = browser.expect("incoming", WITHIN);
        assert_eq!(call["from"], "1002");
        browser.command("answer", "");
        phone.expect("CALL_ESTABLISHED", WITHIN);
        let answered = Instant::now();
        browser.expect("connected", WITHIN);
        let connected = answered.elapsed();
        daemon.process.runs_for(TALK);
        let second = browser.heard().seconds_of_tone(TONE_HZ);
        browser.command("hold", "");
        browser.expect("hold", WITHIN);
        browser.process.runs_for(HOLD);
        browser.command("unhold", "");
        browser.expect("unhold", WITHIN);
        browser.heard();
        daemon.process.runs_for(TALK);
        let again = browser.heard().seconds_of_tone(TONE_HZ);
        phone.command("hangup", "");
        browser.expect("ended", WITHIN);

        let packets = wire.finish();
        let to_phone = packets.iter().filter(|packet| packet.destination.0 == phone_address(2));
        let heard = ulaw_audio(to_phone).tones_in_order(&[SPOKEN_HZ, MUSIC_HZ]);
        eprintln!(
            "browser: it is called, has keys after {connected:.1?}, and hears {second:.1} s of tone, after its hold {again:.1} s; the desk phone hears, in Hz and \
             seconds, {heard:.1?}"
        );
        assert!(second > HEARD_S && again > HEARD_S, "the browser heard {second} and {again}");
        let order: Vec<f64> = heard.iter().map(|(tone_hz, _)| *tone_hz).collect();
        assert_eq!(order, [SPOKEN_HZ, MUSIC_HZ, SPOKEN_HZ], "voice, music in the hold, voice: {heard:.1?}");

        browser.command("unregister", "");
        browser.expect("unregistered", WITHIN);
        for (gauge, left) in [
            ("trunkline_registrations", 1.0),
            ("trunkline_calls", 0.0),
            ("trunkline_media_ports_in_use", 0.0),
        ] {
            daemon.expect_metric(gauge, left, WITHIN);
        }
    });
}

/// Both speak Opus, which the relay passes on between two handshakes.
#[test]
fn two_browsers() {
    alone(|| {
        let directory = Directory::create();
        let authority = Authority::new(directory.path());
        authority.sign("pbx", "pbx", &[daemon_address(1).to_string(), daemon_address(2).to_string()]);
        Audio::write_tone(&directory.path().join("music.wav"), MUSIC_HZ, 5);
        let mut daemon = Daemon::start(directory.path(), &config());
        let start = |phone, line, tone_hz| Chromium::start(directory.path(), phone, line, PASSWORD, tone_hz);
        let (mut caller, mut callee) = (start(1, "1001", SPOKEN_HZ), start(2, "1002", OTHER_SPOKEN_HZ));
        caller.expect("registered", STARTS_WITHIN);
        callee.expect("registered", STARTS_WITHIN);
        caller.command("call", &format!("sip:1002@{}", daemon_address(1)));
        callee.expect("incoming", WITHIN);
        callee.command("answer", "");
        callee.expect("connected", WITHIN);
        caller.expect("connected", WITHIN);
        daemon.process.runs_for(TALK);
        let heard = [(&mut caller, OTHER_SPOKEN_HZ), (&mut callee, SPOKEN_HZ)].map(|(browser, tone_hz)| {
            browser.command("codec", "");
            let codec = browser.expect("codec", WITHIN)["name"].as_str().unwrap_or_default().to_owned();
            (codec, browser.heard().seconds_of_tone(tone_hz))
        });
        eprintln!("browser: two of them hear, in seconds, {heard:.1?}");
        assert!(
            heard.iter().all(|(codec, seconds)| codec == "audio/opus" && *seconds > HEARD_S),
            "{heard:?}"
        );
        callee.command("hangup", "");
        caller.expect("ended", WITHIN);
        daemon.expect_metric("trunkline_media_ports_in_use", 0.0, WITHIN);
    });
}

fn config() -> String {
    CONFIG.replace("{origins}", &[origin(1), origin(2)].map(|origin| format!("{origin:?}")).join(", "))
}

const PASSWORD: &str = "correct-horse-battery";
/// What the browser says.
const SPOKEN_HZ: f64 = 600.0;
const OTHER_SPOKEN_HZ: f64 = 1_000.0;
const MUSIC_HZ: f64 = 800.0;
const TALK: Duration = Duration::from_secs(3);
const HOLD: Duration = Duration::from_secs(2);
/// Of each three seconds of talk, with room for checks, handshake and jitter buffers.
const HEARD_S: f64 = 1.5;
/// A browser starts slowly where others work.
const STARTS_WITHIN: Duration = Duration::from_secs(60);
const WITHIN: Duration = Duration::from_secs(25);
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060", "wss:0.0.0.0:5063"]
websocket_origins = [{origins}]
[sip.tls]
certificate = "pbx.pem"
key = "pbx.key"
[media]
listen = "0.0.0.0"
kernel = "off"
music = "music.wav"
[[line]]
address = "1001"
password = "correct-horse-battery"
[[line]]
address = "1002"
password = "correct-horse-battery"
"#;
