//! Changing a session: re-INVITE and UPDATE, glare, refusal, refresh.

use super::bench::{Bench, SDP_BODY, invite, request, response};
use super::*;
use crate::message::HeaderName;

/// A call from the peer of a bench that is established: the leg, our tag.
fn established() -> (Bench, LegId, String) {
    let mut bench = Bench::new();
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let tag = bench.sent()[1].1.to_tag().to_owned();
    bench.say(request("ACK", 1, &tag, "", ""));
    assert_eq!(bench.told(), ["Established"]);
    (bench, leg, tag)
}

const HOLD: &str = "v=0\r\no=peer 1 2 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n\
    m=audio 6000 RTP/AVP 0\r\na=sendonly\r\n";

fn version(body: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(body).into_owned();
    let origin = text.lines().find(|line| line.starts_with("o=")).unwrap();
    origin.split(' ').nth(2).unwrap().parse().unwrap()
}

#[test]
fn an_offer_is_answered_by_the_other_side() {
    for (from, to) in [(0, 1), (1, 0)] {
        let (mut network, caller, callee) = Network::connected();
        let legs = [caller, callee];
        network.command(from, Command::Offer(legs[from], sdp(7000)));
        network.run(milliseconds(10));
        assert_eq!(network.events(), [format!("{to} Offer")]);
        network.command(to, Command::AnswerOffer(legs[to], sdp(7001)));
        network.run(milliseconds(10));
        assert_eq!(network.events(), [format!("{from} OfferAnswered")]);
        let expected = [(from, "INVITE"), (to, "100"), (to, "200"), (from, "ACK")];
        assert_eq!(network.ladder(), expected.map(|(agent, word)| format!("{agent} {word}")));
        network.command(from, Command::End(legs[from], None));
        network.expect_nothing_left();
    }
}

#[test]
fn a_refused_offer_leaves_the_session_as_it_was() {
    let (mut network, caller, callee) = Network::connected();
    network.command(0, Command::Offer(caller, sdp(7000)));
    network.run(milliseconds(10));
    network.command(1, Command::RefuseOffer(callee, 488));
    network.run(milliseconds(10));
    assert_eq!(network.events(), ["1 Offer", "0 OfferRefused 488"]);
    network.command(1, Command::Offer(callee, sdp(7000)));
    network.run(milliseconds(10));
    assert_eq!(network.events(), ["0 Offer"], "the dialog lives");
    network.command(0, Command::AnswerOffer(caller, sdp(1)));
    network.run(seconds(1));
    network.command(0, Command::End(caller, None));
    network.expect_nothing_left();
}

#[test]
fn offers_that_meet_are_made_again_one_after_the_other() {
    let (mut network, caller, callee) = Network::connected();
    network.command(0, Command::Offer(caller, sdp(7000)));
    network.command(1, Command::Offer(callee, sdp(7001)));
    network.run(milliseconds(10));
    assert_eq!(
        network.ladder(),
        ["0 INVITE", "1 INVITE", "1 491", "0 491", "0 ACK", "1 ACK"].map(str::to_owned).to_vec()
    );
    // The one who did not make the Call-ID tries within 2 s, the other after 2.1 s at the earliest.
    network.run(milliseconds(2_050));
    assert_eq!(network.events(), ["0 Offer"]);
    network.command(0, Command::AnswerOffer(caller, sdp(7002)));
    network.run(milliseconds(20));
    assert_eq!(network.events()[0], "1 OfferAnswered");
    network.run(seconds(4));
    network.command(1, Command::AnswerOffer(callee, sdp(7003)));
    network.run(seconds(4));
    let events = network.events();
    assert!(events.ends_with(&["0 OfferAnswered".to_owned()]), "{events:?}");
    network.command(0, Command::End(caller, None));
    network.expect_nothing_left();
}

#[test]
fn a_retry_ends_with_the_call() {
    let (mut bench, leg, tag) = established();
    bench.command(Command::Offer(leg, sdp(7000)));
    let offer = bench.only();
    bench.say(response(&offer, 491, "", "", ""));
    assert_eq!(bench.heard(), ["ACK"]);
    bench.say(request("BYE", 2, &tag, "", ""));
    assert_eq!(bench.heard(), ["200"]);
    bench.expect_nothing_left();
    assert_eq!((bench.heard(), bench.told()), (vec![], vec!["Ended Bye".to_owned()]));
}

#[test]
fn an_offer_meets_ours_491_and_their_own_500() {
    let (mut bench, leg, tag) = established();
    bench.command(Command::Offer(leg, sdp(7000)));
    bench.sent();
    bench.say(request("INVITE", 2, &tag, "", HOLD));
    assert_eq!(bench.heard(), ["491"]);
    let (mut bench, _, tag) = established();
    bench.say(request("INVITE", 2, &tag, "", HOLD));
    assert_eq!(bench.heard(), ["100"]);
    bench.say(request("INVITE", 3, &tag, "", HOLD));
    let refused = bench.only();
    let seconds: u32 = refused.value(HeaderName::RetryAfter).unwrap().parse().unwrap();
    assert!(refused.status() == 500 && seconds <= 10);
    bench.say(request("UPDATE", 4, &tag, "", HOLD));
    assert_eq!(bench.heard(), ["500"]);
    assert_eq!(bench.told(), ["Offer"]);
}

#[test]
fn an_offer_of_ours_waits_for_the_ack_and_for_theirs() {
    let mut bench = Bench::new();
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let tag = bench.sent()[1].1.to_tag().to_owned();
    bench.command(Command::Offer(leg, sdp(7000)));
    bench.command(Command::Offer(leg, sdp(7001)));
    assert_eq!(bench.heard(), [""; 0]);
    bench.say(request("ACK", 1, &tag, "", ""));
    let offer = bench.only();
    assert!(String::from_utf8_lossy(offer.body()).contains("m=audio 7001"), "the last one counts");
    bench.say(response(&offer, 200, "", "", SDP_BODY));
    assert_eq!(
        (bench.heard(), bench.told()),
        (vec!["ACK".to_owned()], vec!["Established".to_owned(), "OfferAnswered".to_owned()])
    );
    bench.say(request("INVITE", 2, &tag, "", HOLD));
    bench.command(Command::Offer(leg, sdp(7002)));
    assert_eq!(bench.heard(), ["100"]);
    bench.command(Command::AnswerOffer(leg, sdp(7001)));
    assert_eq!(bench.heard(), ["200"]);
    bench.say(request("ACK", 2, &tag, "", ""));
    assert_eq!(bench.heard(), ["INVITE"]);
}

#[test]
fn only_481_and_408_and_silence_end_the_call() {
    for (status, ends) in [(481, true), (408, true), (488, false), (500, false), (415, false), (503, false)] {
        let (mut bench, leg, _) = established();
        bench.command(Command::Offer(leg, sdp(7000)));
        let offer = bench.only();
        bench.say(response(&offer, 183, "", "", ""));
        bench.say(response(&offer, status, "", "", ""));
        let heard = bench.heard();
        assert_eq!(heard, if ends { vec!["ACK", "BYE"] } else { vec!["ACK"] }, "{status}");
        let expected = if ends { "Ended Lost".to_owned() } else { format!("OfferRefused {status}") };
        assert_eq!(bench.told(), [expected]);
    }
    let (mut bench, leg, _) = established();
    bench.command(Command::Offer(leg, sdp(7000)));
    bench.pass(seconds(32));
    assert_eq!(bench.told(), ["Ended Lost"]);
    bench.expect_nothing_left();
}

#[test]
fn a_re_invite_without_description_asks_for_an_offer() {
    let (mut bench, leg, tag) = established();
    bench.say(request("INVITE", 2, &tag, "", ""));
    assert_eq!((bench.heard(), bench.told()), (vec!["100".to_owned()], vec!["Offer wanted".to_owned()]));
    bench.command(Command::AnswerOffer(leg, sdp(7000)));
    assert_eq!(bench.heard(), ["200"]);
    bench.say(request("ACK", 2, &tag, "", SDP_BODY));
    let [Event::OfferAnswered { sdp: Some(answer), .. }] = &bench.events()[..] else {
        panic!("expected answer")
    };
    assert_eq!(answer.media[0].port, 6000);
}

#[test]
fn the_version_rises_only_when_the_description_changes() {
    let mut bench = Bench::new();
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let first = bench.sent().remove(1).1;
    let tag = first.to_tag().to_owned();
    bench.say(request("ACK", 1, &tag, "", ""));
    let mut answer = |cseq: u32, port: u16| {
        bench.say(request("INVITE", cseq, &tag, "", &HOLD.replace("peer 1 2", &format!("peer 1 {cseq}"))));
        bench.command(Command::AnswerOffer(leg, sdp(port)));
        bench.say(request("ACK", cseq, &tag, "", ""));
        bench.sent().pop().unwrap().1
    };
    assert_eq!(answer(2, 5000).body(), first.body());
    let changed = answer(3, 5002);
    assert_eq!(version(changed.body()), version(first.body()) + 1);
    let id = |body: &[u8]| {
        String::from_utf8_lossy(body).lines().nth(1).unwrap().split(' ').nth(1).map(str::to_owned)
    };
    assert_eq!(id(changed.body()), id(first.body()));
}

#[test]
fn a_refresh_is_answered_at_once_with_the_last_answer() {
    let (mut bench, _, tag) = established();
    bench.say(request("INVITE", 2, &tag, "", SDP_BODY));
    let ok = bench.only();
    assert_eq!(ok.status(), 200);
    assert!(String::from_utf8_lossy(ok.body()).contains("m=audio 5000"));
    bench.say(request("ACK", 2, &tag, "", ""));
    bench.say(request("UPDATE", 3, &tag, "", SDP_BODY));
    assert_eq!(bench.only().body(), ok.body());
    bench.pass(seconds(60));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec![]));
}

#[test]
fn an_update_with_an_offer_is_one() {
    let (mut bench, leg, tag) = established();
    bench.say(request("UPDATE", 2, &tag, "", HOLD));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec!["Offer".to_owned()]));
    bench.command(Command::AnswerOffer(leg, sdp(7000)));
    let ok = bench.only();
    assert_eq!((ok.status(), ok.cseq().method_text), (200, "UPDATE"));
    bench.pass(seconds(60));
    assert_eq!(bench.heard(), [""; 0], "no ACK is expected");
    bench.say(request("UPDATE", 3, &tag, "", SDP_BODY));
    bench.command(Command::RefuseOffer(leg, 488));
    assert_eq!(bench.heard(), ["488"]);
}

#[test]
fn only_a_request_that_is_accepted_moves_the_target() {
    let (mut bench, leg, tag) = established();
    let moved = |method: &str, cseq: u32, body: &str, port: u16| {
        request(method, cseq, &tag, "", body)
            .replace("alice@192.0.2.2:5070>", &format!("alice@192.0.2.2:{port}>"))
    };
    bench.say(moved("INVITE", 2, HOLD, 5097));
    bench.command(Command::RefuseOffer(leg, 488));
    bench.sent();
    bench.command(Command::Notify(leg, "hold"));
    assert_eq!(bench.only().request_uri(), "sip:alice@192.0.2.2:5070");
    bench.say(moved("INVITE", 3, HOLD, 5098));
    bench.command(Command::AnswerOffer(leg, sdp(7000)));
    bench.say(request("ACK", 3, &tag, "", ""));
    bench.sent();
    bench.command(Command::Notify(leg, "hold"));
    assert_eq!(bench.only().request_uri(), "sip:alice@192.0.2.2:5098");
    bench.say(moved("UPDATE", 4, "", 5099));
    bench.sent();
    bench.command(Command::End(leg, None));
    let (flow, bye) = bench.sent().remove(0);
    assert_eq!((bye.request_uri(), flow.remote.port()), ("sip:alice@192.0.2.2:5099", 5099));
}

#[test]
fn a_re_invite_that_is_cancelled_or_overtaken_by_bye_is_refused() {
    let (mut bench, leg, tag) = established();
    bench.say(request("INVITE", 2, &tag, "", HOLD));
    bench.say(request("CANCEL", 2, &tag, "", ""));
    assert_eq!(bench.heard(), ["100", "200", "487"]);
    assert_eq!(bench.told(), ["Offer", "OfferWithdrawn"]);
    bench.command(Command::AnswerOffer(leg, sdp(7000)));
    assert_eq!(bench.heard(), [""; 0]);
    bench.say(request("INVITE", 3, &tag, "", HOLD));
    bench.say(request("BYE", 4, &tag, "", ""));
    assert_eq!(bench.heard(), ["100", "200", "487"]);
    bench.expect_nothing_left();
}

#[test]
fn a_200_to_our_offer_after_our_bye_is_acknowledged() {
    let (mut bench, leg, _) = established();
    bench.command(Command::Offer(leg, sdp(7000)));
    let offer = bench.only();
    bench.command(Command::End(leg, None));
    let bye = bench.only();
    bench.say(response(&offer, 200, "", "", SDP_BODY));
    assert_eq!(bench.heard(), ["ACK"]);
    bench.say(response(&bye, 200, "", "", ""));
    bench.say(response(&offer, 200, "", "", SDP_BODY));
    assert_eq!(bench.heard(), ["ACK"]);
    assert_eq!(bench.told(), ["Ended Local"]);
    bench.expect_nothing_left();
}

#[test]
fn an_offer_whose_ack_never_comes_ends_the_call() {
    let (mut bench, leg, tag) = established();
    bench.say(request("INVITE", 2, &tag, "", HOLD));
    bench.command(Command::AnswerOffer(leg, sdp(7000)));
    bench.pass(seconds(32));
    assert_eq!(bench.told(), ["Offer", "Ended NoAck"]);
    assert_eq!(bench.heard().last().map(String::as_str), Some("BYE"));
    bench.expect_nothing_left();
}

#[test]
fn an_offer_that_is_answered_provisionally_only_is_cancelled() {
    let (mut bench, leg, tag) = established();
    bench.command(Command::Offer(leg, sdp(7000)));
    let offer = bench.only();
    bench.say(response(&offer, 100, "", "", ""));
    bench.pass(seconds(60));
    let cancel = bench.only();
    assert_eq!((cancel.method_text(), cancel.to_tag()), ("CANCEL", offer.to_tag()));
    bench.say(response(&cancel, 200, "", "", ""));
    bench.say(response(&offer, 487, "", "", ""));
    assert_eq!((bench.heard(), bench.told()), (vec!["ACK".to_owned()], vec!["OfferRefused 487".to_owned()]));
    bench.command(Command::Offer(leg, sdp(7001)));
    let offer = bench.only();
    bench.say(response(&offer, 100, "", "", ""));
    bench.say(request("BYE", 2, &tag, "", ""));
    assert_eq!(bench.told(), ["Ended Bye"]);
    bench.expect_nothing_left();
}

#[test]
fn an_offer_that_the_switch_never_answers_is_refused() {
    let (mut bench, _, tag) = established();
    bench.say(request("UPDATE", 2, &tag, "", HOLD));
    bench.pass(seconds(32));
    assert_eq!(bench.heard(), ["500"]);
    assert_eq!(bench.told(), ["Offer", "OfferWithdrawn"]);
}
