//! Provisional responses that are acknowledged (RFC 3262), and UPDATE before the 200 (RFC 3311).

use super::bench::{Bench, SDP_BODY, invite, request, response, word};
use super::*;
use crate::auth::Credentials;
use crate::message::{HeaderName, Message};
use crate::outbox::CauseKind;

const LEG: LegId = LegId::new(0, 1);
const REQUIRE: &str = "Require: 100rel\r\n";

/// A bench with a call that wants reliable responses.
fn wanted() -> (Bench, LegId) {
    let mut bench = Bench::new();
    bench.say(invite(REQUIRE));
    assert_eq!(bench.only().status(), 100);
    let leg = bench.incoming();
    (bench, leg)
}

fn number(message: &Message) -> u32 {
    message.value(HeaderName::RSeq).unwrap().parse().unwrap()
}

/// A PRACK of the caller for this response of ours.
fn prack(cseq: u32, of: &Message, body: &str) -> String {
    let rack = format!("RAck: {} {} INVITE\r\n", number(of), of.cseq().number);
    request("PRACK", cseq, of.to_tag(), &rack, body)
}

#[test]
fn a_response_is_repeated_at_growing_intervals_until_its_prack() {
    for bench in [Bench::new(), Bench::new().by_tcp()] {
        let mut bench = bench;
        bench.say(invite(REQUIRE));
        let leg = bench.incoming();
        bench.sent();
        bench.command(Command::Progress(leg, 183, Some(sdp(5000))));
        let first = bench.only();
        assert_eq!((first.status(), first.value(HeaderName::Require)), (183, Some("100rel")));
        assert!((1..1 << 31).contains(&number(&first)) && !first.body().is_empty());
        assert!(first.value(HeaderName::Contact).is_some());
        for wait_ms in [500, 1_000, 2_000, 4_000] {
            bench.pass(milliseconds(wait_ms - 1));
            assert_eq!(bench.heard(), [""; 0], "{wait_ms}");
            bench.pass(milliseconds(1));
            assert_eq!(bench.only().bytes(), first.bytes(), "{wait_ms}");
        }
        bench.say(prack(2, &first, ""));
        let reply = bench.only();
        assert_eq!(
            (reply.status(), reply.cseq().method_text, reply.to_tag()),
            (200, "PRACK", first.to_tag())
        );
        bench.pass(seconds(50));
        assert_eq!((bench.heard(), bench.told()), (vec![], vec![]));
    }
}

#[test]
fn who_only_knows_them_is_answered_reliably_where_the_policy_says_so() {
    let is_reliable = |directory: Directory, headers: &str| {
        let mut bench = Bench::with(directory, "192.0.2.2:5070");
        bench.say(invite(headers));
        let leg = bench.incoming();
        bench.sent();
        bench.command(Command::Progress(leg, 180, None));
        bench.only().value(HeaderName::RSeq).is_some()
    };
    let supported = "Supported: timer, 100rel\r\n";
    assert!(!is_reliable(trusting(), "") && !is_reliable(trusting(), supported));
    assert!(!is_reliable(relying(), "") && is_reliable(relying(), supported));
    assert!(is_reliable(trusting(), REQUIRE) && is_reliable(relying(), REQUIRE));
}

#[test]
fn a_200_waits_for_the_prack_of_the_answer_and_does_not_repeat_it() {
    let (mut bench, leg) = wanted();
    bench.command(Command::Progress(leg, 183, Some(sdp(5000))));
    let early = bench.only();
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    assert_eq!(bench.heard(), [""; 0]);
    bench.pass(milliseconds(500));
    assert_eq!(bench.heard(), ["183"]);
    bench.say(prack(2, &early, ""));
    let sent = bench.sent();
    let [(_, reply), (_, ok)] = &sent[..] else { panic!("expected the answers to PRACK and INVITE") };
    assert_eq!((reply.cseq().method_text, ok.cseq().method_text), ("PRACK", "INVITE"));
    assert_eq!((ok.status(), ok.body().len(), ok.value(HeaderName::Require)), (200, 0, None));
    bench.say(request("ACK", 1, ok.to_tag(), "", ""));
    assert_eq!(bench.told(), ["Established"]);
    bench.command(Command::Offer(leg, sdp(5000)));
    let offer = bench.only();
    assert_eq!(offer.body(), early.body(), "the session is the one that was answered");
}

#[test]
fn a_200_overtakes_a_response_that_described_nothing() {
    let (mut bench, leg) = wanted();
    bench.command(Command::Progress(leg, 180, None));
    let ringing = bench.only();
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let ok = bench.only();
    assert!(ok.status() == 200 && !ok.body().is_empty());
    bench.say(prack(2, &ringing, ""));
    assert_eq!(bench.heard(), ["200"], "its PRACK was on the way");
    bench.say(prack(3, &ringing, ""));
    assert_eq!(bench.heard(), ["481"]);
    bench.say(request("ACK", 1, ok.to_tag(), "", ""));
    assert_eq!(bench.told(), ["Established"]);
}

#[test]
fn one_is_under_way_at_a_time_and_the_newest_comes_next() {
    let (mut bench, leg) = wanted();
    bench.command(Command::Progress(leg, 180, None));
    let first = bench.only();
    for (status, description) in [(182, None), (183, Some(sdp(5000))), (181, None)] {
        bench.command(Command::Progress(leg, status, description));
    }
    assert_eq!(bench.heard(), [""; 0]);
    bench.say(prack(2, &first, ""));
    let sent = bench.sent();
    let [(_, reply), (_, next)] = &sent[..] else { panic!("expected two") };
    assert_eq!((reply.status(), next.status(), number(next)), (200, 181, number(&first) + 1));
    assert!(!next.body().is_empty(), "what was described is not lost");
    bench.say(prack(3, next, ""));
    assert_eq!(bench.heard(), ["200"]);
    bench.command(Command::Progress(leg, 180, Some(sdp(5000))));
    let last = bench.only();
    assert_eq!((number(&last), last.body().len()), (number(&first) + 2, 0), "it is answered already");
}

#[test]
fn a_response_that_nobody_acknowledges_ends_the_call() {
    let (mut bench, leg) = wanted();
    bench.command(Command::Progress(leg, 183, Some(sdp(5000))));
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    bench.pass(milliseconds(32_000));
    let heard = bench.heard();
    assert_eq!(heard[..7], ["183", "183", "183", "183", "183", "183", "183"]);
    assert_eq!(heard[7..], ["504"]);
    let [Event::Ended { leg: ended, cause }] = &bench.events()[..] else { panic!("expected the end") };
    assert_eq!((*ended, cause.kind), (leg, CauseKind::NoAck));
    bench.expect_nothing_left();
}

#[test]
fn a_prack_that_names_nothing_we_wait_for_is_refused() {
    let (mut bench, leg) = wanted();
    bench.command(Command::Progress(leg, 180, None));
    let ringing = bench.only();
    let (rseq, tag) = (number(&ringing), ringing.to_tag().to_owned());
    let racks = [
        String::new(),
        "RAck: nothing\r\n".to_owned(),
        format!("RAck: {} 1 INVITE\r\n", rseq.wrapping_add(1)),
        format!("RAck: {rseq} 2 INVITE\r\n"),
        format!("RAck: {rseq} 1 UPDATE\r\n"),
    ];
    for (cseq, rack) in (2..).zip(&racks) {
        bench.say(request("PRACK", cseq, &tag, rack, ""));
        assert_eq!(bench.heard(), ["481"], "{rack}");
    }
    bench.say(prack(20, &ringing, ""));
    bench.say(prack(20, &ringing, ""));
    bench.say(prack(21, &ringing, ""));
    assert_eq!(bench.heard(), ["200", "200", "481"], "the same again, and another for the same");
    bench.say(prack(19, &ringing, ""));
    assert_eq!(bench.heard(), ["500"], "out of order");
}

#[test]
fn an_offer_in_a_prack_is_answered_in_its_200() {
    let (mut bench, leg) = wanted();
    bench.command(Command::Progress(leg, 183, Some(sdp(5000))));
    let early = bench.only();
    let offer = SDP_BODY.replace("6000", "6002");
    bench.say(prack(2, &early, &offer).replace("5070>", "5099>"));
    let [Event::Offer { sdp: Some(offered), .. }] = &bench.events()[..] else { panic!("expected an offer") };
    assert_eq!(offered.media[0].port, 6002);
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    bench.command(Command::Progress(leg, 180, None));
    assert_eq!(bench.heard(), [""; 0], "the 200 comes after it");
    bench.command(Command::AnswerOffer(leg, sdp(5000)));
    let sent = bench.sent();
    let [(_, reply), (_, ok)] = &sent[..] else { panic!("expected two") };
    assert_eq!((reply.cseq().method_text, reply.body(), reply.status()), ("PRACK", early.body(), 200));
    assert_eq!(reply.value(HeaderName::SessionExpires), None);
    assert_eq!((ok.cseq().method_text, ok.body().len()), ("INVITE", 0));
    bench.say(request("ACK", 1, ok.to_tag(), "", ""));
    bench.command(Command::End(leg, None));
    assert_eq!(bench.only().request_uri(), "sip:alice@192.0.2.2:5070", "PRACK moves no target");
}

#[test]
fn an_offer_in_a_prack_goes_with_the_call_and_comes_not_before_the_answer() {
    let (mut bench, leg) = wanted();
    bench.command(Command::Progress(leg, 180, None));
    let ringing = bench.only();
    bench.say(prack(2, &ringing, SDP_BODY));
    let refused = bench.only();
    assert_eq!((refused.status(), refused.value(HeaderName::RetryAfter).is_some()), (500, true));
    bench.command(Command::Progress(leg, 183, Some(sdp(5000))));
    let early = bench.only();
    bench.say(prack(3, &early, SDP_BODY));
    assert_eq!(bench.told(), ["Offer"]);
    bench.say(request("CANCEL", 1, "", "", ""));
    assert_eq!(bench.heard(), ["200", "487", "487"]);
    assert_eq!(bench.told(), ["Ended Cancel"]);
    bench.expect_nothing_left();
}

#[test]
fn an_offer_that_nobody_answers_or_that_does_not_fit_holds_nothing_up() {
    for refuse in [true, false] {
        let (mut bench, leg) = wanted();
        bench.command(Command::Progress(leg, 183, Some(sdp(5000))));
        let early = bench.only();
        bench.say(prack(2, &early, &SDP_BODY.replace("6000", "6002")));
        bench.command(Command::Answer(leg, Some(sdp(5000))));
        if refuse {
            bench.command(Command::RefuseOffer(leg, 488));
        } else {
            bench.pass(seconds(32));
        }
        let sent = bench.sent();
        let [(_, reply), (_, ok)] = &sent[..] else { panic!("expected two") };
        assert_eq!((reply.status(), ok.status()), (if refuse { 488 } else { 500 }, 200));
        let warning = reply.value(HeaderName::Warning);
        assert_eq!(warning, refuse.then_some("305 192.0.2.1:5060 \"Incompatible media format\""));
    }
}

#[test]
fn an_invite_without_offer_is_told_nothing_that_would_have_to_bring_ours() {
    for (headers, heard) in [(REQUIRE, vec!["200"]), ("Supported: 100rel\r\n", vec!["180", "200"])] {
        let mut bench = Bench::with(relying(), "192.0.2.2:5070");
        bench.say(request("INVITE", 1, "", headers, ""));
        let leg = bench.incoming();
        bench.sent();
        bench.command(Command::Progress(leg, 180, None));
        bench.command(Command::Answer(leg, Some(sdp(5000))));
        let sent = bench.sent();
        assert_eq!(sent.iter().map(|(_, message)| word(message)).collect::<Vec<_>>(), heard);
        let (_, ok) = sent.last().unwrap();
        assert!(!ok.body().is_empty());
        assert!(sent.iter().all(|(_, message)| message.value(HeaderName::RSeq).is_none()));
        bench.say(request("ACK", 1, ok.to_tag(), "", SDP_BODY));
        assert_eq!(bench.told(), ["Established with answer"]);
    }
}

#[test]
fn long_ringing_is_said_again_under_the_next_number() {
    let (mut bench, leg) = wanted();
    bench.command(Command::Progress(leg, 183, Some(sdp(5000))));
    let mut last = bench.only();
    for cseq in 2..5 {
        bench.say(prack(cseq, &last, ""));
        assert_eq!(bench.heard(), ["200"]);
        bench.pass(seconds(60));
        let again = bench.only();
        assert_eq!((again.status(), number(&again), again.body().len()), (183, number(&last) + 1, 0));
        last = again;
    }
}

/// Calls the peer of a bench. What was sent: the INVITE.
fn calling(bench: &mut Bench, change: impl FnOnce(&mut Invite)) -> Message {
    let mut invite = invite_to(bench.flow.local, bench.flow.remote);
    change(&mut invite);
    bench.command(Command::Invite(LEG, invite));
    bench.only()
}

fn called() -> (Bench, Message) {
    let mut bench = Bench::with(relying(), "192.0.2.2:5070");
    let invite = calling(&mut bench, |_| {});
    (bench, invite)
}

/// The head of a reliable response from a fork that is at this port.
fn reliably(rseq: u32, port: u16) -> String {
    format!("Contact: <sip:bob@192.0.2.2:{port}>\r\nRequire: 100rel\r\nRSeq: {rseq}\r\n")
}

#[test]
fn what_is_listed_is_a_matter_of_the_policy() {
    let is_listed = |directory: Directory, change: fn(&mut Invite)| {
        let mut bench = Bench::with(directory, "192.0.2.2:5070");
        calling(&mut bench, change).has_option(HeaderName::Supported, "100rel")
    };
    assert!(is_listed(relying(), |_| {}));
    assert!(!is_listed(relying(), |invite| invite.offer = None), "the answer would be due in a PRACK");
    assert!(!is_listed(trusting(), |_| {}));
}

#[test]
fn who_refuses_calls_without_it_is_called_again_with_it() {
    let mut bench = Bench::new();
    let first = calling(&mut bench, |_| {});
    bench.say(response(&first, 421, "b", REQUIRE, ""));
    let sent = bench.sent();
    let [(_, ack), (_, again)] = &sent[..] else { panic!("expected two") };
    assert_eq!((word(ack), word(again)), ("ACK".to_owned(), "INVITE".to_owned()));
    assert!(again.has_option(HeaderName::Supported, "100rel"));
    assert_eq!((again.call_id(), again.cseq().number), (first.call_id(), first.cseq().number + 1));
    bench.say(response(again, 421, "b", REQUIRE, ""));
    assert_eq!((bench.heard(), bench.told()), (vec!["ACK".to_owned()], vec!["Failed Status 421".to_owned()]));
}

#[test]
fn each_fork_has_its_own_pracks() {
    let (mut bench, invite) = called();
    let cseq = invite.cseq().number;
    let expect_prack = |bench: &mut Bench, tag: &str, rseq: u32, port: u16, number: u32| {
        let prack = bench.only();
        assert_eq!((word(&prack), prack.to_tag()), ("PRACK".to_owned(), tag));
        assert_eq!(prack.value(HeaderName::RAck), Some(&*format!("{rseq} {cseq} INVITE")));
        assert_eq!(prack.request_uri(), format!("sip:bob@192.0.2.2:{port}"));
        assert_eq!((prack.cseq().number, prack.from_tag()), (number, invite.from_tag()));
        bench.say(response(&prack, 200, "", "", ""));
    };
    bench.say(response(&invite, 180, "b1", &reliably(776, 5071), ""));
    expect_prack(&mut bench, "b1", 776, 5071, cseq + 1);
    bench.say(response(&invite, 183, "b2", &reliably(12, 5072), SDP_BODY));
    expect_prack(&mut bench, "b2", 12, 5072, cseq + 1);
    bench.say(response(&invite, 183, "b1", &reliably(777, 5071), SDP_BODY));
    expect_prack(&mut bench, "b1", 777, 5071, cseq + 2);
    assert_eq!(bench.told(), ["Progress 180", "Progress 183", "Progress 183"]);
    for (rseq, what) in [(777, "a copy"), (776, "an older one"), (779, "one before which another is missing")]
    {
        bench.say(response(&invite, 183, "b1", &reliably(rseq, 5071), SDP_BODY));
        assert_eq!((bench.heard(), bench.told()), (vec![], vec![]), "{what}");
    }
    bench.say(response(&invite, 180, "b1", "", ""));
    bench.say(response(&invite, 180, "", &reliably(1, 5073), ""));
    bench.say(response(&invite, 180, "b3", "Require: 100rel\r\nRSeq: 0\r\n", ""));
    assert_eq!(bench.heard(), [""; 0], "not reliable");
    assert_eq!(bench.told(), ["Progress 180", "Progress 180", "Progress 180"]);
}

/// Hostile input: each costs a transaction of ours.
#[test]
fn so_many_are_acknowledged_and_no_more() {
    let (mut bench, invite) = called();
    for rseq in 1..=200 {
        bench.say(response(&invite, 183, "b1", &reliably(rseq, 5071), ""));
    }
    let pracks = bench.sent();
    assert!(pracks.iter().all(|(_, prack)| word(prack) == "PRACK"));
    assert_eq!((pracks.len(), bench.told().len()), (128, 200));
}

#[test]
fn a_reliable_description_is_the_answer_whatever_the_200_says() {
    let (mut bench, invite) = called();
    bench.say(response(&invite, 183, "b", &reliably(1, 5071), SDP_BODY));
    let prack = bench.only();
    bench.say(response(&prack, 200, "", "", ""));
    bench.say(response(&invite, 180, "b", &reliably(2, 5071), &SDP_BODY.replace("6000", "6004")));
    bench.sent();
    let events = bench.events();
    let [Event::Progress { sdp: Some(_), .. }, Event::Progress { sdp: None, status: 180, .. }] = &events[..]
    else {
        panic!("expected one description")
    };
    bench.say(response(
        &invite,
        200,
        "b",
        "Contact: <sip:bob@192.0.2.2:5071>\r\n",
        &SDP_BODY.replace("6000", "6006"),
    ));
    let ack = bench.only();
    assert_eq!((word(&ack), ack.cseq().number), ("ACK".to_owned(), invite.cseq().number));
    let [Event::Answered { sdp: Some(sdp), .. }] = &bench.events()[..] else { panic!("expected the answer") };
    assert_eq!(sdp.media[0].port, 6000);
    bench.command(Command::End(LEG, None));
    assert_eq!(bench.only().cseq().number, invite.cseq().number + 3, "after INVITE and two PRACKs");
}

#[test]
fn another_fork_answers_for_itself() {
    let (mut bench, invite) = called();
    bench.say(response(&invite, 183, "b1", &reliably(1, 5071), SDP_BODY));
    bench.say(response(&invite, 200, "b2", "", &SDP_BODY.replace("6000", "6006")));
    let events = bench.events();
    let Some(Event::Answered { sdp: Some(sdp), .. }) = events.last() else { panic!("expected the answer") };
    assert_eq!(sdp.media[0].port, 6006);
}

#[test]
fn nothing_is_acknowledged_after_a_cancel() {
    let (mut bench, invite) = called();
    bench.say(response(&invite, 180, "b", &reliably(1, 5071), ""));
    assert_eq!(bench.heard(), ["PRACK"]);
    bench.command(Command::End(LEG, None));
    assert_eq!(bench.heard(), ["CANCEL"]);
    bench.say(response(&invite, 183, "b", &reliably(2, 5071), SDP_BODY));
    assert_eq!(bench.heard(), [""; 0]);
    bench.say(response(&invite, 487, "b", "", ""));
    assert_eq!(bench.heard(), ["ACK"]);
    bench.expect_nothing_left();
}

#[test]
fn a_prack_that_is_lost_is_repeated_and_one_that_fails_ends_nothing() {
    let (mut bench, invite) = called();
    bench.say(response(&invite, 180, "b", &reliably(1, 5071), ""));
    bench.pass(milliseconds(1_500));
    assert_eq!(bench.heard(), ["PRACK", "PRACK", "PRACK"]);
    bench.pass(seconds(40));
    bench.sent();
    bench.say(response(&invite, 183, "b", &reliably(2, 5071), SDP_BODY));
    let prack = bench.only();
    bench.say(response(&prack, 481, "", "", ""));
    bench.say(response(&invite, 200, "b", "", ""));
    assert_eq!(bench.told(), ["Progress 180", "Progress 183", "Answered"]);
}

#[test]
fn a_prack_that_is_challenged_is_sent_again() {
    let mut bench = Bench::with(relying(), "192.0.2.2:5070");
    let credentials = Credentials { username: "me".into(), password: "secret".into(), realm: None };
    let invite = calling(&mut bench, |invite| invite.credentials = Some(Arc::new(credentials)));
    bench.say(response(&invite, 180, "b", &reliably(5, 5071), ""));
    let prack = bench.only();
    let challenge =
        "Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"n\", algorithm=MD5, qop=\"auth\"\r\n";
    bench.say(response(&prack, 407, "", challenge, ""));
    let again = bench.only();
    assert!(again.value(HeaderName::ProxyAuthorization).unwrap().contains("username=\"me\""));
    assert_eq!(again.value(HeaderName::RAck), prack.value(HeaderName::RAck));
    assert_eq!(again.cseq().number, prack.cseq().number + 1);
    bench.say(response(&again, 407, "", challenge, ""));
    assert_eq!(bench.heard(), [""; 0], "the password is wrong");
    bench.say(response(&invite, 183, "b", &reliably(6, 5071), ""));
    assert!(bench.only().value(HeaderName::ProxyAuthorization).is_some(), "it is known by now");
}

/// A request of the callee in the early dialog of this fork.
fn from_fork(invite: &Message, tag: &str, method: &str, cseq: u32, body: &str) -> String {
    let (from, to) = (invite.value(HeaderName::From).unwrap(), invite.value(HeaderName::To).unwrap());
    let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:alice@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bK-{tag}-{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: {to};tag={tag}\r\nTo: {from}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:bob@192.0.2.2:5075>\r\n{content}Content-Length: {}\r\n\r\n{body}",
        invite.call_id(),
        body.len()
    )
}

#[test]
fn a_callee_changes_early_media_once_its_answer_is_acknowledged() {
    let (mut bench, invite) = called();
    let moved = SDP_BODY.replace("6000", "6008");
    bench.say(response(&invite, 183, "b1", "Contact: <sip:b@192.0.2.2:5071>\r\n", SDP_BODY));
    bench.say(from_fork(&invite, "b1", "UPDATE", 1, &moved));
    assert_eq!(bench.heard(), ["491"], "our offer is not answered for good");
    bench.say(response(&invite, 183, "b2", &reliably(1, 5071), SDP_BODY));
    assert_eq!(bench.heard(), ["PRACK"]);
    bench.say(from_fork(&invite, "b1", "UPDATE", 2, &moved));
    assert_eq!(bench.heard(), ["491"], "nor by this fork");
    bench.events();
    bench.say(from_fork(&invite, "b2", "UPDATE", 1, &moved));
    assert_eq!(bench.told(), ["Offer"]);
    bench.say(from_fork(&invite, "b2", "UPDATE", 2, &moved));
    assert_eq!(bench.heard(), ["500"], "one after the other");
    bench.command(Command::AnswerOffer(LEG, sdp(4000)));
    let reply = bench.only();
    assert_eq!((reply.status(), reply.body()), (200, invite.body()));
    bench.say(from_fork(&invite, "b2", "UPDATE", 1, "").replace("-b2-1", "-late"));
    assert_eq!(bench.heard(), ["500"], "out of order");
    bench.say(from_fork(&invite, "b2", "UPDATE", 3, ""));
    assert_eq!(bench.heard(), ["200"]);
    bench.say(response(&invite, 200, "b2", "", ""));
    let ack = bench.only();
    assert_eq!(ack.request_uri(), "sip:bob@192.0.2.2:5075", "it moved the target");
    let [Event::Answered { sdp: Some(sdp), .. }] = &bench.events()[..] else { panic!("expected the answer") };
    assert_eq!(sdp.media[0].port, 6008, "what it described last");
}

#[test]
fn what_one_fork_offers_is_not_for_the_one_that_answers() {
    let (mut bench, invite) = called();
    for fork in ["b1", "b2"] {
        bench.say(response(&invite, 183, fork, &reliably(1, 5071), SDP_BODY));
        assert_eq!(bench.heard(), ["PRACK"]);
    }
    bench.say(from_fork(&invite, "b1", "UPDATE", 1, &SDP_BODY.replace("6000", "6008")));
    bench.events();
    bench.say(response(&invite, 200, "b2", "Contact: <sip:bob@192.0.2.2:5071>\r\n", ""));
    assert_eq!(bench.heard(), ["481", "ACK"]);
    let [Event::Answered { sdp: Some(answer), .. }] = &bench.events()[..] else {
        panic!("expected the answer")
    };
    assert_eq!(answer.media[0].port, 6000, "its own");
    bench.command(Command::AnswerOffer(LEG, sdp(4000)));
    assert_eq!(bench.heard(), [""; 0], "it comes too late");
    bench.say(from_fork(&invite, "b2", "UPDATE", 1, &SDP_BODY.replace("6000", "6010")));
    assert_eq!(bench.told(), ["Offer"], "the dialog is that of who answered");
}

#[test]
fn an_update_that_nobody_answered_goes_with_the_call() {
    let (mut bench, invite) = called();
    bench.say(response(&invite, 183, "b", &reliably(1, 5071), SDP_BODY));
    bench.say(from_fork(&invite, "b", "UPDATE", 1, &SDP_BODY.replace("6000", "6008")));
    bench.sent();
    bench.say(response(&invite, 486, "b", "", ""));
    assert_eq!(bench.heard(), ["ACK", "487"]);
    bench.expect_nothing_left();
}

#[test]
fn a_caller_changes_early_media_once_it_has_acknowledged_the_answer() {
    let (mut bench, leg) = wanted();
    bench.command(Command::Progress(leg, 183, Some(sdp(5000))));
    let early = bench.only();
    let moved = SDP_BODY.replace("6000", "6008");
    bench.say(request("UPDATE", 2, early.to_tag(), "", &moved));
    assert_eq!(bench.heard(), ["500"]);
    bench.say(prack(3, &early, ""));
    assert_eq!(bench.heard(), ["200"]);
    bench.say(request("INVITE", 4, early.to_tag(), "", &moved));
    assert_eq!(bench.heard(), ["500"], "not by INVITE");
    bench.say(request("UPDATE", 5, early.to_tag(), "", &moved));
    assert_eq!(bench.told(), ["Offer"]);
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    assert_eq!(bench.heard(), [""; 0]);
    bench.command(Command::AnswerOffer(leg, sdp(5000)));
    let sent = bench.sent();
    let [(_, reply), (_, ok)] = &sent[..] else { panic!("expected two") };
    assert_eq!((reply.cseq().method_text, reply.body()), ("UPDATE", early.body()));
    assert_eq!((ok.cseq().method_text, ok.status(), ok.body().len()), ("INVITE", 200, 0));
}
