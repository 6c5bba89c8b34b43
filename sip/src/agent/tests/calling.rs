//! As UAC: forks, races, challenges, failures.

use super::bench::{Bench, SDP_BODY, response, word};
use super::*;
use crate::auth::Credentials;
use crate::message::{HeaderName, Message};
use crate::outbox::CauseKind;

const LEG: LegId = LegId::new(0, 1);
const CONTACT: &str = "Contact: <sip:bob@192.0.2.2:5071>\r\n";

/// Calls the peer of a bench. What was sent: the INVITE.
pub(super) fn calling(bench: &mut Bench, change: impl FnOnce(&mut Invite)) -> Message {
    let mut invite = invite_to(bench.flow.local, bench.flow.remote);
    invite.target.flow = bench.flow;
    change(&mut invite);
    bench.command(Command::Invite(LEG, invite));
    bench.only()
}

fn call() -> (Bench, Message) {
    let mut bench = Bench::new();
    let invite = calling(&mut bench, |_| {});
    (bench, invite)
}

/// A call that the peer answered with tag `b`: the bench and the ACK.
fn answered(headers: &str) -> (Bench, Message, Flow) {
    let (mut bench, invite) = call();
    bench.say(response(&invite, 200, "b", headers, SDP_BODY));
    let (flow, ack) = bench.sent().remove(0);
    assert_eq!((word(&ack), bench.told()), ("ACK".to_owned(), vec!["Answered".to_owned()]));
    (bench, ack, flow)
}

/// A request of the callee inside the dialog of our call.
fn from_callee(ack: &Message, method: &str, cseq: u32, body: &str) -> String {
    let (from, to) = (ack.value(HeaderName::From).unwrap(), ack.value(HeaderName::To).unwrap());
    let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:alice@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bK-{cseq}-{method}\r\n\
         Max-Forwards: 70\r\nFrom: {to}\r\nTo: {from}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:bob@192.0.2.2:5070>\r\n{content}Content-Length: {}\r\n\r\n{body}",
        ack.call_id(),
        body.len()
    )
}

#[test]
fn an_invite_says_who_calls_whom_and_what_we_can() {
    let mut bench = Bench::new();
    let invite = calling(&mut bench, |invite| {
        invite.from.name = "Al \"x\"".to_owned();
        invite.headers = vec![("Alert-Info", "<x>;info=a\r\nEvil: 1".to_owned())];
        invite.target.route = vec!["<sip:192.0.2.9;lr>".to_owned()];
    });
    assert_eq!(invite.request_uri(), "sip:bob@192.0.2.2:5070");
    let via = invite.via().unwrap();
    assert!(via.branch().starts_with("z9hG4bK0000") && via.rport() == Some(None));
    assert_eq!((via.host, via.port), ("192.0.2.1", Some(5060)));
    assert_eq!(invite.value(HeaderName::To), Some("<sip:bob@example.com>"));
    let from = invite.from().unwrap();
    assert_eq!(
        (&*from.display_name(), from.uri, from.tag().len()),
        ("Al \"x\"", "sip:alice@example.com", 20)
    );
    assert_eq!(invite.value(HeaderName::Contact), Some("<sip:alice@192.0.2.1:5060>"));
    assert_eq!(
        (invite.max_forwards(), invite.value(HeaderName::Route)),
        (Some(69), Some("<sip:192.0.2.9;lr>"))
    );
    assert_eq!(
        (invite.other("evil"), invite.value(HeaderName::AlertInfo)),
        (None, Some("<x>;info=a  Evil: 1"))
    );
    assert!(invite.value(HeaderName::Allow).is_some() && invite.value(HeaderName::Supported).is_some());
    assert!(String::from_utf8_lossy(invite.body()).contains("c=IN IP4 192.0.2.1"));
}

#[test]
fn the_callee_answers_and_hangs_up() {
    let (mut bench, invite) = call();
    bench.say(response(&invite, 100, "", "", ""));
    bench.say(response(&invite, 180, "b", "Allow-Events: talk, hold\r\n", ""));
    let [Event::Announced { talk: true, hold: true, .. }, Event::Progress { status: 180, sdp: None, .. }] =
        &bench.events()[..]
    else {
        panic!("expected ringing")
    };
    bench.say(response(&invite, 200, "b", CONTACT, SDP_BODY));
    let ack = bench.only();
    assert_eq!((ack.request_uri(), ack.to_tag()), ("sip:bob@192.0.2.2:5071", "b"));
    assert_eq!((ack.cseq().number, ack.cseq().method_text), (invite.cseq().number, "ACK"));
    assert_ne!(ack.via().unwrap().branch(), invite.via().unwrap().branch());
    let [Event::Answered { sdp: Some(sdp), is_offer: false, connected, .. }] = &bench.events()[..] else {
        panic!("expected the answer")
    };
    assert_eq!((sdp.media[0].port, &*connected.user), (6000, "bob"));
    bench.say(from_callee(&ack, "BYE", 1, ""));
    assert_eq!((bench.heard(), bench.told()), (vec!["200".to_owned()], vec!["Ended Bye".to_owned()]));
    bench.expect_nothing_left();
}

#[test]
fn the_ack_comes_again_with_each_200_byte_for_byte() {
    let (mut bench, invite) = call();
    bench.say(response(&invite, 200, "b", CONTACT, SDP_BODY));
    bench.say(response(&invite, 200, "b", CONTACT, SDP_BODY));
    bench.pass(seconds(31));
    bench.say(response(&invite, 200, "b", CONTACT, SDP_BODY));
    let sent = bench.sent();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|(flow, ack)| (*flow, ack.bytes()) == (sent[0].0, sent[0].1.bytes())));
    assert_eq!(bench.told(), ["Answered"]);
}

#[test]
fn of_several_forks_the_first_200_wins_and_the_others_are_released() {
    let (mut bench, invite) = call();
    bench.say(response(&invite, 180, "b1", "Contact: <sip:b1@192.0.2.2:5071>\r\n", ""));
    bench.say(response(&invite, 183, "b2", "Contact: <sip:b2@192.0.2.2:5072>\r\n", SDP_BODY));
    bench.say(response(&invite, 183, "", "", SDP_BODY));
    assert_eq!(bench.told(), ["Progress 180", "Progress 183", "Progress 183"]);
    bench.say(response(&invite, 200, "b2", "Contact: <sip:b2@192.0.2.2:5072>\r\n", SDP_BODY));
    assert_eq!((bench.only().to_tag(), bench.told()), ("b2", vec!["Answered".to_owned()]));
    bench.say(response(&invite, 200, "b1", "Contact: <sip:b1@192.0.2.2:5071>\r\n", SDP_BODY));
    let sent = bench.sent();
    let [(_, ack), (_, bye)] = &sent[..] else { panic!("expected ACK and BYE") };
    assert_eq!(
        (word(ack), ack.to_tag(), ack.request_uri()),
        ("ACK".to_owned(), "b1", "sip:b1@192.0.2.2:5071")
    );
    assert_eq!((word(bye), bye.to_tag(), bye.cseq().number), ("BYE".to_owned(), "b1", ack.cseq().number + 1));
    bench.say(response(&invite, 200, "b1", "", SDP_BODY));
    assert_eq!(bench.heard(), ["ACK"], "one BYE is enough");
    bench.say(response(&invite, 180, "b3", "", ""));
    assert_eq!(bench.told(), [""; 0]);
}

#[test]
fn a_200_without_description_takes_the_one_of_its_own_183() {
    let (mut bench, invite) = call();
    bench.say(response(&invite, 183, "b", "", SDP_BODY));
    bench.say(response(&invite, 200, "b", "", ""));
    let events = bench.events();
    let Some(Event::Answered { sdp: Some(sdp), .. }) = events.last() else { panic!("expected the answer") };
    assert_eq!(sdp.media[0].port, 6000);
}

#[test]
fn a_cancel_waits_for_a_provisional_response() {
    let (mut bench, invite) = call();
    bench.command(Command::End(LEG, Some("SIP;cause=200;text=\"Call completed elsewhere\"".to_owned())));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec!["Ended Local".to_owned()]));
    bench.say(response(&invite, 180, "b", "Contact: <sip:bob@192.0.2.2:9999>\r\n", ""));
    let (flow, cancel) = bench.sent().remove(0);
    assert_eq!((word(&cancel), cancel.request_uri()), ("CANCEL".to_owned(), invite.request_uri()));
    assert_eq!(cancel.via().unwrap().branch(), invite.via().unwrap().branch());
    assert_eq!((cancel.to_tag(), cancel.from_tag()), ("", invite.from_tag()));
    assert_eq!(cancel.cseq().number, invite.cseq().number);
    assert_eq!((cancel.body().len(), flow), (0, bench.flow));
    assert!(cancel.value(HeaderName::Reason).unwrap().starts_with("SIP;cause=200"));
    bench.say(response(&cancel, 200, "b", "", ""));
    bench.say(response(&invite, 487, "b", "", ""));
    let ack = bench.only();
    assert_eq!((word(&ack), ack.via().unwrap().branch()), ("ACK".to_owned(), invite.via().unwrap().branch()));
    assert_eq!(bench.told(), [""; 0]);
    bench.expect_nothing_left();
}

#[test]
fn a_200_that_crosses_the_cancel_meets_ack_and_bye() {
    let (mut bench, invite) = call();
    bench.say(response(&invite, 180, "b", "", ""));
    bench.command(Command::End(LEG, None));
    assert_eq!(bench.heard(), ["CANCEL"]);
    bench.say(response(&invite, 200, "b", CONTACT, SDP_BODY));
    assert_eq!(bench.heard(), ["ACK", "BYE"]);
    bench.say(response(&invite, 200, "b", CONTACT, SDP_BODY));
    assert_eq!(bench.heard(), ["ACK"]);
    assert_eq!(bench.told(), ["Progress 180", "Ended Local"]);
    bench.expect_nothing_left();
}

#[test]
fn a_cancel_that_nobody_answers_is_given_up_after_64_t1() {
    let (mut bench, invite) = call();
    bench.say(response(&invite, 180, "b", "", ""));
    bench.pass(seconds(100));
    bench.command(Command::End(LEG, None));
    bench.pass(milliseconds(31_900));
    assert_eq!(bench.agent.gauges().transactions, 2);
    bench.pass(milliseconds(100));
    assert_eq!(bench.agent.gauges(), Gauges::default());
}

#[test]
fn an_invite_that_nobody_answers_fails_with_timer_b() {
    let (mut bench, _) = call();
    bench.pass(seconds(32));
    assert_eq!(bench.heard().len(), 6);
    let [Event::Failed { cause, .. }] = &bench.events()[..] else { panic!("expected failure") };
    assert_eq!((cause.kind, cause.status), (CauseKind::Unreachable, 408));
    assert_eq!(bench.agent.gauges(), Gauges::default());
}

#[test]
fn an_invite_that_rings_too_long_is_cancelled() {
    let (mut bench, invite) = call();
    bench.say(response(&invite, 180, "b", "", ""));
    bench.pass(seconds(120));
    assert_eq!(bench.heard()[0], "CANCEL");
    assert_eq!(bench.told(), ["Progress 180", "Failed Status 408"]);
    bench.expect_nothing_left();
}

#[test]
fn a_refusal_tells_why_and_where_else() {
    let (mut bench, invite) = call();
    let headers = "Retry-After: 30 (busy);duration=9\r\nReason: Q.850 ;cause=17 , SIP; cause=486\r\n";
    bench.say(response(&invite, 486, "b", headers, ""));
    assert_eq!(bench.heard(), ["ACK"]);
    let [Event::Failed { cause, retry_after_s, redirect, .. }] = &bench.events()[..] else {
        panic!("expected it")
    };
    assert_eq!(
        (cause.kind, cause.status, cause.q850, cause.sip),
        (CauseKind::Status, 486, Some(17), Some(486))
    );
    assert_eq!((*retry_after_s, redirect.len()), (Some(30), 0));

    let (mut bench, invite) = call();
    bench.say(response(
        &invite,
        302,
        "b",
        "Contact: <sip:a@x>;q=0.9, \"B\" <sip:b@y;z=1>, <sip:c@x>;q=.95, <sip:d@x>\r\n",
        "",
    ));
    let [Event::Failed { redirect, .. }] = &bench.events()[..] else { panic!("expected failure") };
    assert_eq!(redirect[..], ["sip:b@y;z=1", "sip:d@x", "sip:c@x", "sip:a@x"]);
    bench.expect_nothing_left();
}

#[test]
fn a_callee_offers_to_tell_when_the_call_can_be_completed() {
    let (mut bench, invite) = call();
    let offer = "Call-Info: <sip:cc@192.0.2.2>;purpose=call-completion;m=BS\r\n";
    bench.say(response(&invite, 180, "b", &offer.replace("BS", "NR"), ""));
    assert_eq!(bench.told(), ["Completable sip:cc@192.0.2.2", "Progress 180"]);
    bench.say(response(&invite, 486, "b", offer, ""));
    assert_eq!(bench.told(), ["Completable sip:cc@192.0.2.2", "Failed Status 486"]);
}

#[test]
fn a_challenge_is_answered_in_the_same_call() {
    let mut bench = Bench::new();
    let credentials =
        Credentials { username: "me".into(), password: "secret".into(), realm: Some("carrier".into()) };
    let invite = calling(&mut bench, |invite| invite.credentials = Some(Arc::new(credentials)));
    let challenge =
        "Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"n\", algorithm=MD5, qop=\"auth\"\r\n";
    bench.say(response(&invite, 407, "x", challenge, ""));
    let sent = bench.sent();
    let [(_, ack), (_, again)] = &sent[..] else { panic!("expected ACK and INVITE") };
    assert_eq!(word(ack), "ACK");
    assert_eq!(
        (again.call_id(), again.from_tag(), again.to_tag()),
        (invite.call_id(), invite.from_tag(), "")
    );
    assert_eq!(again.cseq().number, invite.cseq().number + 1);
    assert_ne!(again.via().unwrap().branch(), invite.via().unwrap().branch());
    assert_eq!(again.body(), invite.body());
    assert!(again.value(HeaderName::ProxyAuthorization).unwrap().contains("uri=\"sip:bob@192.0.2.2:5070\""));
    // The same nonce again: the password is wrong.
    bench.say(response(again, 407, "x", challenge, ""));
    assert_eq!((bench.heard(), bench.told()), (vec!["ACK".to_owned()], vec!["Failed Status 407".to_owned()]));
    bench.expect_nothing_left();
}

#[test]
fn who_is_silent_once_he_has_the_password_is_given_up_as_soon_as_who_was_silent_before() {
    let mut bench = Bench::new();
    let credentials =
        Credentials { username: "me".into(), password: "secret".into(), realm: Some("carrier".into()) };
    let invite = calling(&mut bench, |invite| {
        invite.credentials = Some(Arc::new(credentials));
        invite.patience = Some(seconds(4));
    });
    bench.pass(seconds(3));
    bench.say(response(&invite, 401, "x", CHALLENGE, ""));
    bench.pass(milliseconds(3_990));
    assert_eq!(bench.told(), [""; 0], "it has its time once more");
    bench.pass(milliseconds(20));
    assert_eq!(bench.told(), ["Failed Unreachable 408"]);
}

#[test]
fn who_says_100_and_nothing_more_is_given_up_in_time_and_told_so() {
    let asks = |invite: &mut Invite| {
        (invite.patience, invite.progress) = (Some(seconds(4)), Some(seconds(15)));
    };
    let mut bench = Bench::new();
    let invite = calling(&mut bench, asks);
    bench.pass(seconds(1));
    bench.say(response(&invite, 100, "", "", ""));
    bench.pass(seconds(14));
    bench.say(response(&invite, 100, "", "", ""));
    assert_eq!(bench.told(), [""; 0], "100 is an answer, which is not to be heard twice");
    bench.sent();
    bench.pass(milliseconds(1_010));
    assert_eq!(
        (bench.heard(), bench.told()),
        (vec!["CANCEL".to_owned()], vec!["Failed Status 408".to_owned()])
    );
    // Who has said where the call is may take his time.
    let mut bench = Bench::new();
    let invite = calling(&mut bench, asks);
    for status in [100, 181, 100] {
        bench.say(response(&invite, status, if status > 100 { "b" } else { "" }, "", ""));
        bench.told();
    }
    bench.pass(seconds(100));
    assert_eq!(bench.told(), [""; 0]);
}

#[test]
fn credentials_are_for_their_own_realm() {
    let mut bench = Bench::new();
    let credentials =
        Credentials { username: "me".into(), password: "secret".into(), realm: Some("carrier".into()) };
    let invite = calling(&mut bench, |invite| invite.credentials = Some(Arc::new(credentials)));
    bench.say(response(&invite, 401, "x", "WWW-Authenticate: Digest realm=\"thief\", nonce=\"n\"\r\n", ""));
    assert_eq!((bench.heard(), bench.told()), (vec!["ACK".to_owned()], vec!["Failed Status 401".to_owned()]));
}

/// A call that the carrier answered after a challenge, with this Contact; then we hang up: the BYE and where it went.
fn hung_up_at(contact: &str) -> (Bench, Flow, Message) {
    let mut bench = Bench::new();
    let credentials =
        Credentials { username: "me".into(), password: "secret".into(), realm: Some("carrier".into()) };
    let invite = calling(&mut bench, |invite| invite.credentials = Some(Arc::new(credentials)));
    bench.say(response(&invite, 401, "x", CHALLENGE, ""));
    let (_, again) = bench.sent().remove(1);
    assert!(again.value(HeaderName::Authorization).is_some());
    bench.say(response(&again, 200, "b", &format!("Contact: <sip:bob@{contact}>\r\n"), SDP_BODY));
    bench.sent();
    bench.command(Command::End(LEG, None));
    let (flow, bye) = bench.sent().remove(0);
    assert_eq!(word(&bye), "BYE");
    (bench, flow, bye)
}

const CHALLENGE: &str =
    "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n\", algorithm=MD5, qop=\"auth\"\r\n";

#[test]
fn credentials_go_to_every_host_of_their_peer() {
    let (mut bench, flow, bye) = hung_up_at("192.0.2.77:5060");
    assert_eq!(flow.remote, "192.0.2.77:5060".parse().unwrap());
    assert!(bye.value(HeaderName::Authorization).unwrap().contains("nc=00000002"));
    bench.say(response(&bye, 401, "", &CHALLENGE.replace("\"n\"", "\"m\""), ""));
    let again = bench.only();
    assert!(again.value(HeaderName::Authorization).unwrap().contains("nonce=\"m\""));
    bench.say(response(&again, 200, "", "", ""));
    bench.expect_nothing_left();
}

/// CVE-2021-41158: whoever is called names where the BYE goes, and asks there for the password of the trunk.
#[test]
fn credentials_do_not_follow_a_contact_to_another_host() {
    let (mut bench, flow, bye) = hung_up_at("198.51.100.66:5060");
    assert_eq!(flow.remote, "198.51.100.66:5060".parse().unwrap());
    assert!(bye.value(HeaderName::Authorization).is_none());
    bench.say(response(&bye, 401, "", &CHALLENGE.replace("\"n\"", "\"m\""), ""));
    assert_eq!(bench.heard(), [""; 0]);
    bench.expect_nothing_left();
}

#[test]
fn a_long_invite_goes_by_tcp_and_by_udp_if_that_fails() {
    let mut bench = Bench::new();
    let mut invite = invite_to(bench.flow.local, bench.flow.remote);
    invite.headers = vec![("Subject", "x".repeat(1_000))];
    bench.command(Command::Invite(LEG, invite));
    let (flow, by_tcp) = bench.sent().remove(0);
    assert_eq!(
        (flow.transport, flow.connection, flow.remote),
        (Transport::Tcp, ConnectionId(0), bench.flow.remote)
    );
    assert_eq!(by_tcp.via().unwrap().transport, "TCP");
    assert_eq!(by_tcp.value(HeaderName::Contact), Some("<sip:alice@192.0.2.1:5060;transport=tcp>"));
    bench.act(|agent, now, out| agent.transport_failed(now, flow, out));
    let (flow, by_udp) = bench.sent().remove(0);
    assert_eq!((flow.transport, by_udp.via().unwrap().transport), (Transport::Udp, "UDP"));
    assert_eq!((by_udp.call_id(), by_udp.from_tag()), (by_tcp.call_id(), by_tcp.from_tag()));
    assert_eq!(bench.told(), [""; 0]);
    bench.act(|agent, now, out| agent.transport_failed(now, flow, out));
    assert_eq!(bench.told(), ["Failed Unreachable 503"]);
    assert_eq!(bench.agent.gauges(), Gauges::default());
}

#[test]
fn a_long_invite_to_a_phone_behind_a_translator_stays_on_udp() {
    let mut bench = Bench::new();
    let invite = calling(&mut bench, |invite| {
        invite.headers = vec![("Subject", "x".repeat(1_000))];
        invite.target.uri = "sip:bob@10.0.0.7".to_owned();
    });
    assert_eq!(invite.via().unwrap().transport, "UDP");
}

#[test]
fn a_late_offer_is_answered_in_the_ack() {
    let mut bench = Bench::new();
    let invite = calling(&mut bench, |invite| invite.offer = None);
    assert_eq!(invite.body().len(), 0);
    bench.say(response(&invite, 200, "b", CONTACT, SDP_BODY));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec!["Answered with offer".to_owned()]));
    bench.command(Command::AnswerOffer(LEG, sdp(5000)));
    let ack = bench.only();
    assert!(word(&ack) == "ACK" && String::from_utf8_lossy(ack.body()).contains("m=audio 5000"));
    bench.say(response(&invite, 200, "b", CONTACT, SDP_BODY));
    assert_eq!(bench.only().bytes(), ack.bytes());
}

#[test]
fn a_late_offer_that_suits_nobody_is_rejected_in_the_ack() {
    let mut bench = Bench::new();
    let invite = calling(&mut bench, |invite| invite.offer = None);
    bench.say(response(&invite, 200, "b", CONTACT, SDP_BODY));
    bench.command(Command::End(LEG, None));
    let sent = bench.sent();
    assert_eq!((word(&sent[0].1), word(&sent[1].1)), ("ACK".to_owned(), "BYE".to_owned()));
    assert!(String::from_utf8_lossy(sent[0].1.body()).contains("m=audio 0 RTP/AVP 0"));
    bench.expect_nothing_left();
}

#[test]
fn an_answer_that_cannot_be_read_is_acknowledged_and_released() {
    let (mut bench, invite) = call();
    bench.say(response(&invite, 200, "b", CONTACT, "v=0\r\nm=audio nobody\r\n"));
    assert_eq!(
        (bench.heard(), bench.told()),
        (vec!["ACK".to_owned(), "BYE".to_owned()], vec!["Failed Status 488".to_owned()])
    );
    bench.expect_nothing_left();
}

#[test]
fn requests_follow_the_route_set_of_the_200_in_reverse() {
    let routes = "Record-Route: <sip:192.0.2.7;lr=on>, <sip:192.0.2.8:5082;lr>\r\nRecord-Route: <sip:192.0.2.9:5099;lr>\r\n";
    let (mut bench, ack, flow) = answered(&format!("{CONTACT}{routes}"));
    let expected = ["<sip:192.0.2.9:5099;lr>", "<sip:192.0.2.8:5082;lr>", "<sip:192.0.2.7;lr=on>"];
    assert_eq!(ack.values(HeaderName::Route).collect::<Vec<_>>(), expected);
    assert_eq!(
        (ack.request_uri(), flow.remote),
        ("sip:bob@192.0.2.2:5071", "192.0.2.9:5099".parse().unwrap())
    );
    bench.command(Command::End(LEG, None));
    let (flow, bye) = bench.sent().remove(0);
    assert_eq!(bye.values(HeaderName::Route).collect::<Vec<_>>(), expected);
    assert_eq!((bye.cseq().number, flow.remote.port()), (ack.cseq().number + 1, 5099));
}

#[test]
fn a_strict_router_takes_the_place_of_the_target() {
    let (_, ack, flow) =
        answered(&format!("{CONTACT}Record-Route: <sip:192.0.2.7;lr>, <sip:192.0.2.9:5099>\r\n"));
    assert_eq!(ack.request_uri(), "sip:192.0.2.9:5099");
    assert_eq!(
        ack.values(HeaderName::Route).collect::<Vec<_>>(),
        ["<sip:192.0.2.7;lr>", "<sip:bob@192.0.2.2:5071>"]
    );
    assert_eq!(flow.remote.port(), 5099);
}

#[test]
fn a_phone_behind_a_translator_is_reached_where_it_speaks_from() {
    for (contact, port) in [
        ("<sip:bob@10.0.0.7:5071>", 5070),
        ("<sip:bob@phone.invalid;transport=ws>", 5070),
        ("<sip:bob@127.0.0.1:5071>", 5070),
        ("<sip:bob@192.0.2.2:5071>", 5071),
    ] {
        let (_, ack, flow) = answered(&format!("Contact: {contact}\r\n"));
        assert_eq!(flow.remote, format!("192.0.2.2:{port}").parse().unwrap(), "{contact}");
        assert!(contact.contains(ack.request_uri()));
    }
    let (_, _, flow) = answered("Contact: <sip:bob@198.51.100.4>\r\n");
    assert_eq!(flow.remote, "198.51.100.4:5060".parse().unwrap(), "a public address is meant");
}

#[test]
fn an_open_stream_is_used_for_everything() {
    let mut bench = Bench::new().by_tcp();
    let invite = calling(&mut bench, |_| {});
    bench.say(response(&invite, 200, "b", "Contact: <sip:bob@192.0.2.2:5071;transport=tcp>\r\n", SDP_BODY));
    let (flow, ack) = bench.sent().remove(0);
    assert_eq!((word(&ack), flow), ("ACK".to_owned(), bench.flow));
}

#[test]
fn a_notify_makes_the_phone_talk() {
    let (mut bench, invite) = call();
    bench.command(Command::Notify(LEG, "talk"));
    assert_eq!(bench.told(), ["Notified 481"], "there is no dialog yet");
    bench.say(response(&invite, 180, "b", "Contact: <sip:bob@192.0.2.2:5071>\r\nAllow-Events: talk\r\n", ""));
    bench.command(Command::Notify(LEG, "talk"));
    let notify = bench.only();
    assert_eq!((notify.request_uri(), notify.to_tag()), ("sip:bob@192.0.2.2:5071", "b"));
    assert_eq!(notify.value(HeaderName::Event), Some("talk"));
    assert_eq!(notify.cseq().number, invite.cseq().number + 1);
    bench.say(response(&notify, 200, "", "", ""));
    assert_eq!(bench.told(), ["Announced talk true hold false", "Progress 180", "Notified 200"]);
    let changed = format!("{CONTACT}Allow-Events: hold, talk\r\n");
    bench.say(response(&invite, 200, "b", &changed, SDP_BODY));
    assert_eq!(bench.told(), ["Announced talk true hold true", "Answered"]);
    assert_eq!(bench.only().cseq().number, invite.cseq().number, "the ACK has the number of the INVITE");
    bench.command(Command::End(LEG, None));
    assert_eq!(bench.only().cseq().number, invite.cseq().number + 2);
}

#[test]
fn a_bye_that_overtakes_the_200_ends_the_call() {
    let (mut bench, invite) = call();
    bench.say(response(&invite, 180, "b", "", ""));
    let sent = format!("{};tag=b", invite.value(HeaderName::To).unwrap());
    let bye = format!(
        "BYE sip:alice@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKbye\r\nMax-Forwards: 70\r\n\
         From: {sent}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
        invite.value(HeaderName::From).unwrap(),
        invite.call_id()
    );
    bench.say(bye);
    assert_eq!(bench.told(), ["Progress 180", "Failed Bye 0"]);
    assert_eq!(bench.heard(), ["200", "CANCEL"]);
    bench.say(response(&invite, 200, "b", CONTACT, SDP_BODY));
    assert_eq!(bench.heard(), ["ACK", "BYE"]);
    bench.expect_nothing_left();
}

#[test]
fn a_bye_that_crosses_ours_is_answered_and_so_is_a_481() {
    let (mut bench, ack, _) = answered(CONTACT);
    bench.command(Command::End(LEG, None));
    let bye = bench.only();
    bench.say(from_callee(&ack, "BYE", 1, ""));
    assert_eq!(bench.heard(), ["200"]);
    bench.say(response(&bye, 481, "", "", ""));
    assert_eq!(bench.told(), ["Ended Local"]);
    bench.expect_nothing_left();
}

#[test]
fn responses_that_nobody_asked_for_are_dropped() {
    let (mut bench, invite) = call();
    let stranger = response(&invite, 200, "b", "", "").replace("branch=z9hG4bK0000", "branch=z9hG4bK0001");
    bench.say(stranger);
    bench.say(response(&invite, 200, "b", "", "").replace(invite.via().unwrap().branch(), "z9hG4bKnone"));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec![]));
}

#[test]
fn an_offer_in_a_200_that_the_switch_never_answers_ends_the_call() {
    let mut bench = Bench::new();
    let invite = calling(&mut bench, |invite| invite.offer = None);
    bench.say(response(&invite, 200, "b", CONTACT, SDP_BODY));
    bench.pass(seconds(32));
    assert_eq!(bench.heard()[..2], ["ACK", "BYE"]);
    assert_eq!(bench.told(), ["Answered with offer", "Ended Lost"]);
    bench.expect_nothing_left();
}

#[test]
fn parties_without_a_host_are_at_the_ends_of_the_path() {
    let mut bench = Bench::new();
    bench.flow.local = "[2001:db8::1]:5060".parse().unwrap();
    bench.flow.remote = "[2001:db8::2]:5060".parse().unwrap();
    let invite = calling(&mut bench, |invite| {
        (invite.from.host, invite.to.host) = (String::new(), String::new());
    });
    assert_eq!(invite.from().unwrap().uri, "sip:alice@[2001:db8::1]");
    assert_eq!(invite.to().unwrap().uri, "sip:bob@[2001:db8::2]");
    assert_eq!(invite.value(HeaderName::Contact), Some("<sip:alice@[2001:db8::1]:5060>"));
    assert!(String::from_utf8_lossy(invite.body()).contains("c=IN IP6 2001:db8::1"));
}

#[test]
fn what_is_lost_with_a_stream_goes_once_more_by_another() {
    let mut bench = Bench::new().by_tcp();
    let first = calling(&mut bench, |_| {});
    bench.act(|agent, now, out| agent.connection_closed(now, ConnectionId(1), out));
    let (flow, again) = bench.sent().remove(0);
    assert_eq!((flow.connection, again.call_id()), (ConnectionId::default(), first.call_id()));
    assert_ne!(again.via().unwrap().branch(), first.via().unwrap().branch());
    bench.act(|agent, now, out| agent.transport_failed(now, flow, out));
    assert_eq!(bench.told(), ["Failed Unreachable 503"]);

    let mut bench = Bench::new().by_tcp();
    let invite = calling(&mut bench, |_| {});
    bench.say(response(&invite, 200, "b", "Contact: <sip:bob@192.0.2.2:5071;transport=tcp>\r\n", SDP_BODY));
    bench.command(Command::Offer(LEG, sdp(7000)));
    assert_eq!(bench.heard(), ["ACK", "INVITE"]);
    bench.act(|agent, now, out| agent.connection_closed(now, ConnectionId(1), out));
    let (flow, offer) = bench.sent().remove(0);
    assert_eq!(
        (word(&offer), flow.remote.port(), flow.connection),
        ("INVITE".to_owned(), 5071, ConnectionId::default())
    );
    bench.command(Command::End(LEG, None));
    let (flow, _) = bench.sent().remove(0);
    bench.act(|agent, now, out| agent.transport_failed(now, flow, out));
    assert_eq!(
        (bench.heard(), bench.told()),
        (vec![], vec!["Answered".to_owned(), "Ended Local".to_owned()])
    );
    bench.expect_nothing_left();
}

#[test]
fn a_phone_that_rings_is_gone_with_its_stream() {
    let mut bench = Bench::new().by_tcp();
    let invite = calling(&mut bench, |_| {});
    bench.say(response(&invite, 180, "b", "", ""));
    bench.act(|agent, now, out| agent.connection_closed(now, ConnectionId(1), out));
    assert_eq!(
        (bench.heard(), bench.told()),
        (vec![], vec!["Progress 180".to_owned(), "Failed Lost 503".to_owned()])
    );
    bench.expect_nothing_left();
}

#[test]
fn who_has_said_100_alone_is_not_known_to_be_calling_anybody() {
    let mut bench = Bench::new().by_tcp();
    let invite = calling(&mut bench, |_| {});
    bench.say(response(&invite, 100, "", "", ""));
    bench.act(|agent, now, out| agent.connection_closed(now, ConnectionId(1), out));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec!["Failed Unreachable 503".to_owned()]));
    bench.expect_nothing_left();
}

#[test]
fn that_there_is_no_room_for_a_call_says_nothing_of_who_was_to_be_called() {
    let mut bench = Bench::new();
    bench.agent.endpoint.config.capacity = Capacity { transactions: 0, legs: 1, subscriptions: 0 };
    let invite = invite_to(bench.flow.local, bench.flow.remote);
    bench.command(Command::Invite(LEG, invite));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec!["Failed Lost 503".to_owned()]));
    bench.expect_nothing_left();
}
