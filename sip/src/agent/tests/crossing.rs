//! Requests that cross on the wire (RFC 5407), and peers that refuse what they do not know.

use super::bench::{Bench, SDP_BODY, invite, request, response, word};
use super::*;
use crate::message::{HeaderName, Message};

fn established(headers: &str) -> (Bench, LegId, String) {
    let mut bench = Bench::new();
    bench.say(invite(headers));
    let leg = bench.incoming();
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let tag = bench.sent()[1].1.to_tag().to_owned();
    bench.say(request("ACK", 1, &tag, "", ""));
    bench.events();
    (bench, leg, tag)
}

/// A request of the callee in a call of ours.
fn from_callee(invite: &Message, method: &str, cseq: u32, headers: &str, body: &str) -> String {
    let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:alice@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bK-{method}{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: {};tag=callee\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:bob@192.0.2.2:5070>\r\n{headers}{content}Content-Length: {}\r\n\r\n{body}",
        invite.value(HeaderName::To).unwrap(),
        invite.value(HeaderName::From).unwrap(),
        invite.call_id(),
        body.len()
    )
}

const HOLD: &str = "v=0\r\no=peer 1 2 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n\
    m=audio 6000 RTP/AVP 0\r\na=sendonly\r\n";

#[test]
fn a_hold_by_update_is_an_offer_once_there_is_a_session() {
    let (mut bench, leg, tag) = established("");
    bench.say(request("UPDATE", 2, &tag, "", HOLD));
    let [Event::Offer { sdp: Some(offer), .. }] = &bench.events()[..] else { panic!("expected an offer") };
    assert_eq!(offer.media[0].port, 6000);
    bench.command(Command::AnswerOffer(leg, sdp(5000)));
    let answer = bench.only();
    assert_eq!(
        (answer.status(), answer.cseq().number, answer.content_type()),
        (200, 2, Some("application/sdp"))
    );
    bench.pass(seconds(40));
    assert!(bench.heard().is_empty(), "a 200 to UPDATE waits for no ACK");
}

#[test]
fn an_offer_by_update_before_the_answer_has_to_wait() {
    let mut bench = Bench::new();
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.command(Command::Progress(leg, 183, Some(sdp(5000))));
    let tag = bench.sent().last().unwrap().1.to_tag().to_owned();
    bench.say(request("UPDATE", 2, &tag, "", HOLD));
    let refused = bench.only();
    assert!(refused.status() == 500 && refused.value(HeaderName::RetryAfter).is_some());
    bench.say(request("UPDATE", 3, &tag, "", ""));
    assert_eq!(
        (bench.heard(), bench.told()),
        (vec!["200".to_owned()], vec![]),
        "one without an offer need not"
    );

    let mut bench = Bench::new();
    bench.command(Command::Invite(LegId::new(0, 1), invite_to(bench.flow.local, bench.flow.remote)));
    let sent = bench.only();
    bench.say(response(&sent, 183, "callee", "", SDP_BODY));
    bench.say(from_callee(&sent, "UPDATE", 1, "", HOLD));
    assert_eq!((bench.heard(), bench.told()), (vec!["491".to_owned()], vec!["Progress 183".to_owned()]));
}

#[test]
fn a_hold_by_update_meets_our_offer() {
    let (mut bench, leg, tag) = established("");
    bench.command(Command::Offer(leg, sdp(7000)));
    bench.sent();
    bench.say(request("UPDATE", 2, &tag, "", HOLD));
    assert_eq!((bench.heard(), bench.told()), (vec!["491".to_owned()], vec![]));
}

#[test]
fn holds_that_cross_are_both_made_in_the_end() {
    let (mut bench, leg, tag) = established("");
    bench.command(Command::Offer(leg, sdp(7000)));
    let ours = bench.only();
    bench.say(request("INVITE", 2, &tag, "", HOLD));
    assert_eq!(bench.heard(), ["491"]);
    bench.say(response(&ours, 491, "", "", ""));
    // The one who made the Call-ID waits 2.1 s or more; we try before.
    bench.pass(milliseconds(2_050));
    let again = bench.sent().into_iter().find(|(_, message)| word(message) == "INVITE").unwrap().1;
    bench.say(response(&again, 200, "", "Contact: <sip:alice@192.0.2.2:5070>\r\n", SDP_BODY));
    bench.say(request("INVITE", 3, &tag, "", HOLD));
    assert_eq!(bench.told(), ["OfferAnswered", "Offer"]);
    bench.command(Command::AnswerOffer(leg, sdp(7000)));
    bench.say(request("ACK", 3, &tag, "", ""));
    bench.say(request("BYE", 4, &tag, "", ""));
    bench.expect_nothing_left();
}

#[test]
fn a_refer_that_crosses_our_bye_finds_no_dialog() {
    let (mut bench, leg, tag) = established("");
    bench.command(Command::End(leg, None));
    let bye = bench.only();
    bench.say(request("REFER", 2, &tag, "Refer-To: <sip:1@h>\r\n", ""));
    assert_eq!((bench.heard(), bench.told()), (vec!["481".to_owned()], vec!["Ended Local".to_owned()]));
    bench.say(response(&bye, 200, "", "", ""));
    bench.expect_nothing_left();
}

#[test]
fn a_refer_in_the_midst_of_their_own_re_invite_is_taken() {
    let (mut bench, leg, tag) = established("");
    bench.say(request("INVITE", 2, &tag, "", HOLD));
    bench.say(request("REFER", 3, &tag, "Refer-To: <sip:1@h>\r\n", ""));
    let events = bench.events();
    let [Event::Offer { .. }, Event::Refer(usage, _)] = &events[..] else { panic!("{events:?}") };
    bench.command(Command::AnswerRefer(*usage, 202));
    bench.command(Command::AnswerOffer(leg, sdp(5000)));
    assert_eq!(bench.heard(), ["100", "202", "NOTIFY", "200"]);
}

#[test]
fn a_notify_and_our_bye_do_not_wait_for_each_other() {
    let (mut bench, leg, tag) = established("");
    bench.say(request("REFER", 2, &tag, "Refer-To: <sip:1@h>\r\n", ""));
    let events = bench.events();
    let [Event::Refer(usage, _)] = &events[..] else { panic!("{events:?}") };
    bench.command(Command::AnswerRefer(*usage, 202));
    bench.command(Command::End(leg, None));
    bench.command(Command::ReferProgress(*usage, 200));
    assert_eq!(bench.heard(), ["202", "NOTIFY", "BYE"]);
    bench.say(request("SUBSCRIBE", 3, &tag, "Event: refer\r\n", ""));
    assert_eq!(bench.heard(), ["481"]);
    bench.expect_nothing_left();
}

#[test]
fn a_cancel_that_crosses_our_200_changes_nothing() {
    let mut bench = Bench::new();
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let tag = bench.sent()[1].1.to_tag().to_owned();
    bench.say(request("CANCEL", 1, "", "", ""));
    bench.say(request("ACK", 1, &tag, "", ""));
    bench.say(request("BYE", 2, &tag, "", ""));
    assert_eq!(bench.heard(), ["200", "200"]);
    assert_eq!(bench.told(), ["Established", "Ended Bye"]);
    bench.expect_nothing_left();
}

#[test]
fn a_re_invite_that_shows_somebody_and_meets_theirs_is_made_again() {
    let (mut bench, leg, tag) = established("");
    bench.command(Command::Identify(leg, party("1002")));
    let ours = bench.only();
    bench.say(request("INVITE", 2, &tag, "", HOLD));
    assert_eq!(bench.heard(), ["491"]);
    bench.say(response(&ours, 491, "", "", ""));
    bench.say(request("INVITE", 3, &tag, "", HOLD));
    bench.command(Command::AnswerOffer(leg, sdp(5000)));
    bench.say(request("ACK", 3, &tag, "", ""));
    bench.sent();
    bench.pass(seconds(2));
    let again = bench.sent().into_iter().find(|(_, message)| word(message) == "INVITE").unwrap().1;
    assert_eq!(
        (word(&again), again.value(HeaderName::PAssertedIdentity)),
        ("INVITE".to_owned(), Some("<sip:1002@example.com>"))
    );
    assert_eq!(bench.told(), ["Offer"]);
}

#[test]
fn what_was_to_be_shown_is_lost_with_the_stream_and_goes_by_another() {
    for (allow, method) in [("Allow: UPDATE\r\n", "UPDATE"), ("", "INVITE")] {
        let mut bench = Bench::new().by_tcp();
        bench.say(invite(allow));
        let leg = bench.incoming();
        bench.command(Command::Answer(leg, Some(sdp(5000))));
        let tag = bench.sent()[1].1.to_tag().to_owned();
        bench.say(request("ACK", 1, &tag, "", ""));
        bench.command(Command::Identify(leg, party("1002")));
        bench.command(Command::Digit(leg, b'1', 100));
        assert_eq!(bench.heard(), [method, "INFO"]);
        bench.act(|agent, now, out| agent.connection_closed(now, ConnectionId(1), out));
        let mut again = bench.heard();
        again.sort();
        assert_eq!(again, ["INFO", if method == "INVITE" { "INVITE" } else { "UPDATE" }]);
        bench.pass(seconds(300));
        bench.command(Command::End(leg, None));
        bench.expect_nothing_left();
    }
}

#[test]
fn a_notify_that_is_lost_with_its_stream_goes_by_another() {
    let mut bench = Bench::new().by_tcp();
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let tag = bench.sent()[1].1.to_tag().to_owned();
    bench.say(request("ACK", 1, &tag, "", ""));
    bench.events();
    bench.say(request("REFER", 2, &tag, "Refer-To: <sip:1@h>\r\n", ""));
    let events = bench.events();
    let [Event::Refer(usage, _)] = &events[..] else { panic!("{events:?}") };
    bench.command(Command::AnswerRefer(*usage, 202));
    assert_eq!(bench.heard(), ["202", "NOTIFY"]);
    bench.act(|agent, now, out| agent.connection_closed(now, ConnectionId(1), out));
    assert_eq!(bench.heard(), ["NOTIFY"]);
    bench.flow.connection = ConnectionId::default();
    let flow = bench.flow;
    bench.act(|agent, now, out| {
        let lost = Flow { remote: "192.0.2.2:5070".parse().unwrap(), ..flow };
        agent.transport_failed(now, lost, out);
    });
    assert_eq!((bench.heard(), bench.agent.gauges().referrals), (vec![], 0), "once");
}

#[test]
fn both_ends_tell_each_other_over_a_bad_network() {
    for seed in 0..24_u64 {
        let mut dice = seed;
        let (mut network, caller, callee) = Network::connected();
        network.lose = Box::new(move |_, _| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % 100 < 25
        });
        for round in 0..6_u8 {
            for (agent, leg) in [(0, caller), (1, callee)] {
                network.command(agent, Command::Identify(leg, party(&format!("{round}"))));
                network.command(agent, Command::Digit(leg, b'0' + round, 100));
                if round % 3 == u8::try_from(agent).unwrap() {
                    network.command(agent, Command::Offer(leg, sdp(7000 + u16::from(round))));
                }
            }
            network.run(milliseconds(300));
        }
        network.run(seconds(5));
        network.command(0, Command::End(caller, None));
        network.command(1, Command::End(callee, None));
        network.expect_nothing_left();
        for (agent, leg) in [(0, caller), (1, callee)] {
            let digits: Vec<u8> = network
                .events
                .iter()
                .filter_map(|(of, event)| {
                    let Event::Digit { leg: told, digit, .. } = event else { return None };
                    ((*of, *told) == (agent, leg)).then_some(*digit)
                })
                .collect();
            assert!(digits.is_sorted() && !digits.is_empty(), "digits stay in order: {digits:?}");
        }
    }
}
