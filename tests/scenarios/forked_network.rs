//! A network that forks: several of its phones describe early media, each at an address of its own, and one answers.

use trunkline::demo::Status;
use trunkline_media::g711::{self, Law};
use trunkline_sip::message::{Framing, HeaderName, Limits, Message};
use trunkline_tests::Lab;

const TRUNK: &str = "10.0.1.6:5060";
const ULAW: u8 = 0;
const ALAW: u8 = 8;

/// A phone of the network: its tag, which is its name in the lab, too, where its media is, and the sine that it speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Fork {
    tag: &'static str,
    host: &'static str,
    hz: u16,
}

const ONE: Fork = Fork { tag: "one", host: "10.0.9.6", hz: 400 };
const TWO: Fork = Fork { tag: "two", host: "10.0.9.7", hz: 700 };

/// What is spoken in half a second, in packets.
const SPOKEN: u8 = 25;

/// Alice calls the network, and speaks as soon as media is described to her.
fn calling(seed: u64) -> (Lab, Message) {
    let mut lab = Lab::registered(seed, &["alice"]);
    lab.phone("alice").script.early_media = true;
    lab.stranger("carrier", TRUNK);
    for fork in [ONE, TWO] {
        lab.stranger(fork.tag, &format!("{}:4000", fork.host));
    }
    lab.call("alice", "0301234");
    lab.run_ms(300);
    let invite = asked(&mut lab, "INVITE");
    (lab, invite)
}

/// The last request of this method that the network was sent.
fn asked(lab: &mut Lab, method: &str) -> Message {
    let text = lab.ladder().last("engine", "carrier", method).expect("it was sent").to_owned();
    Message::scan(text.into(), Framing::Datagram, &Limits::DEFAULT)
        .expect("the engine's own messages are whole")
}

/// What the engine described last by this word, and to whom.
fn described(lab: &mut Lab, to: &str, word: &str) -> String {
    let text = lab.ladder().last("engine", to, word).expect("it was sent").to_owned();
    text.split("\r\n\r\n").nth(1).expect("it describes media").to_owned()
}

/// A phone of the network answers a request, with media where a format is given.
fn answers(lab: &mut Lab, request: &Message, status: &str, fork: Fork, format: Option<u8>) {
    let value = |name| request.value(name).expect("the engine's requests have it");
    let to = value(HeaderName::To);
    let tag = if to.contains(";tag=") { String::new() } else { format!(";tag={}", fork.tag) };
    let Fork { host, tag: user, .. } = fork;
    let body = format.map(|format| {
        format!(
            "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 4000 RTP/AVP {format}\r\n"
        )
    });
    let body = body.unwrap_or_default();
    let media_type = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let text = format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         Contact: <sip:{user}@{TRUNK}>\r\n{media_type}Content-Length: {}\r\n\r\n{body}",
        value(HeaderName::Via),
        value(HeaderName::From),
        value(HeaderName::CallId),
        value(HeaderName::CSeq),
        body.len()
    );
    lab.forges(TRUNK, text.into());
    lab.run_ms(300);
}

/// Both phones of the network speak for half a second, each in its format, and Alice does: `fork` hears all of it in its format and
/// is heard, and the other neither.
#[track_caller]
fn expect_talk(lab: &mut Lab, fork: Fork, formats: [u8; 2]) {
    let port = port(&described(lab, "carrier", "INVITE"));
    for fork in [ONE, TWO] {
        lab.received_bytes(fork.tag);
    }
    lab.phone("alice").listen();
    for number in 0..SPOKEN {
        for (fork, format) in [ONE, TWO].into_iter().zip(formats) {
            lab.sends_media(&format!("{}:4000", fork.host), port, packet(fork, format, number));
        }
        lab.run_ms(20);
    }
    let alice = lab.phone("alice").heard().clone();
    assert_eq!((alice.total(), alice.foreign), (u64::from(SPOKEN), 0), "{fork:?}: {alice:?}");
    for (other, format) in [ONE, TWO].into_iter().zip(formats) {
        let level = alice.level(other.hz);
        assert_eq!(level > 3_000.0, other == fork, "of {other:?} Alice hears {level}");
        let heard = lab.received_bytes(other.tag);
        let expected = if other == fork { usize::from(SPOKEN) } else { 0 };
        assert_eq!(heard.len(), expected, "{other:?} is spoken to");
        assert!(heard.iter().all(|packet| packet[1] & 0x7f == format), "{other:?} speaks {format} alone");
    }
}

/// A packet of what a phone of the network speaks.
fn packet(fork: Fork, format: u8, number: u8) -> Vec<u8> {
    let law = if format == ALAW { Law::A } else { Law::Mu };
    let turn = std::f64::consts::TAU * f64::from(fork.hz) / 8_000.0;
    let mut packet = vec![0x80, format, 0, number];
    packet.extend_from_slice(&(u32::from(number) * 160).to_be_bytes());
    packet.extend_from_slice(&u32::from(fork.hz).to_be_bytes());
    packet.extend((0_u32..160).map(|sample| {
        #[expect(clippy::cast_possible_truncation, reason = "an amplitude is a sample")]
        let level = (4_000.0 * (turn * f64::from(sample)).sin()) as i16;
        g711::encode(law, level)
    }));
    packet
}

fn port(description: &str) -> u16 {
    let line = description.lines().find_map(|line| line.strip_prefix("m=audio "));
    line.and_then(|line| line.split(' ').next()?.parse().ok()).expect("a port")
}

/// Alice hangs up: the phone that answered is told so by its dialog.
fn end(mut lab: Lab, fork: Fork) {
    lab.hang_up("alice");
    lab.run_ms(100);
    let bye = asked(&mut lab, "BYE");
    assert_eq!((bye.to_tag(), bye.request_uri()), (fork.tag, format!("sip:{}@{TRUNK}", fork.tag).as_str()));
    answers(&mut lab, &bye, "200 OK", fork, None);
    assert_eq!(lab.ladder().count("engine", "carrier", "BYE"), 1);
    lab.nothing_left();
}

/// Whoever described media last is heard and spoken to, whatever he speaks: to the caller one codec was named, and the relay
/// transcodes until the phone that answered is asked for it.
#[test]
fn the_latest_early_media_is_heard_and_who_answers_is_asked_for_the_codec_of_the_first() {
    let (mut lab, invite) = calling(1);
    answers(&mut lab, &invite, "183 Session Progress", ONE, Some(ALAW));
    expect_talk(&mut lab, ONE, [ALAW, ULAW]);
    let told = described(&mut lab, "alice", "183");
    assert!(told.contains("RTP/AVP 8\r\n"), "{told}");
    answers(&mut lab, &invite, "183 Session Progress", TWO, Some(ULAW));
    expect_talk(&mut lab, TWO, [ALAW, ULAW]);
    answers(&mut lab, &invite, "200 OK", TWO, Some(ULAW));
    assert_eq!(asked(&mut lab, "ACK").to_tag(), TWO.tag);
    let again = asked(&mut lab, "INVITE");
    assert_eq!((again.to_tag(), again.request_uri()), (TWO.tag, format!("sip:two@{TRUNK}").as_str()));
    let offered = described(&mut lab, "carrier", "INVITE");
    assert!(offered.contains("RTP/AVP 8\r\n"), "{offered}");
    expect_talk(&mut lab, TWO, [ALAW, ULAW]);
    answers(&mut lab, &again, "200 OK", TWO, Some(ALAW));
    expect_talk(&mut lab, TWO, [ALAW, ALAW]);
    // Who answers an offer twice answers the same (RFC 3261 §13.2.1).
    assert_eq!((told, lab.status("alice")), (described(&mut lab, "alice", "200"), Status::Connected));
    end(lab, TWO);
}

#[test]
fn phones_of_one_codec_follow_each_other_and_nobody_is_asked_again() {
    let (mut lab, invite) = calling(2);
    for fork in [ONE, TWO, ONE, TWO] {
        answers(&mut lab, &invite, "183 Session Progress", fork, Some(ALAW));
        expect_talk(&mut lab, fork, [ALAW, ALAW]);
    }
    answers(&mut lab, &invite, "200 OK", TWO, Some(ALAW));
    expect_talk(&mut lab, TWO, [ALAW, ALAW]);
    assert_eq!(lab.ladder().count("engine", "carrier", "INVITE"), 1);
    assert_eq!(lab.ladder().count("engine", "alice", "183"), 1);
    end(lab, TWO);
}

#[test]
fn the_one_that_answers_is_heard_though_the_other_described_media_last() {
    let (mut lab, invite) = calling(3);
    for fork in [ONE, TWO] {
        answers(&mut lab, &invite, "183 Session Progress", fork, Some(ALAW));
    }
    expect_talk(&mut lab, TWO, [ALAW, ALAW]);
    answers(&mut lab, &invite, "200 OK", ONE, Some(ALAW));
    expect_talk(&mut lab, ONE, [ALAW, ALAW]);
    // The other one answered in the same moment: it is acknowledged and hears that it is over.
    answers(&mut lab, &invite, "200 OK", TWO, Some(ALAW));
    assert_eq!(asked(&mut lab, "ACK").to_tag(), TWO.tag);
    let bye = asked(&mut lab, "BYE");
    assert_eq!(bye.to_tag(), TWO.tag);
    answers(&mut lab, &bye, "200 OK", TWO, None);
    expect_talk(&mut lab, ONE, [ALAW, ALAW]);
    lab.ladder().forget();
    end(lab, ONE);
}

#[test]
fn a_caller_who_gives_up_is_rid_of_both() {
    let (mut lab, invite) = calling(4);
    for (fork, format) in [(ONE, ALAW), (TWO, ULAW)] {
        answers(&mut lab, &invite, "183 Session Progress", fork, Some(format));
    }
    lab.hang_up("alice");
    lab.run_ms(100);
    let cancel = asked(&mut lab, "CANCEL");
    answers(&mut lab, &cancel, "200 OK", TWO, None);
    answers(&mut lab, &invite, "487 Request Terminated", TWO, None);
    assert_eq!(lab.status("alice"), Status::Over(487));
    lab.nothing_left();
}
