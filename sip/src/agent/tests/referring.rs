//! REFER inside a dialog and outside, and the NOTIFYs that follow it.

use super::bench::{Bench, invite, request, response, word};
use super::*;
use crate::agent::refer::{PER_AGENT_MAX, PER_LEG_MAX};
use crate::ids::UsageId;
use crate::message::{HeaderName, Message};
use crate::outbox::{Peer, Refer, ReferMethod};

/// A call from the peer of a bench that is established: the leg, our tag.
fn established(bench: &mut Bench) -> (LegId, String) {
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let tag = bench.sent()[1].1.to_tag().to_owned();
    bench.say(request("ACK", 1, &tag, "", ""));
    bench.events();
    (leg, tag)
}

fn refer(cseq: u32, tag: &str, headers: &str) -> String {
    request("REFER", cseq, tag, headers, "")
}

const TO: &str = "Refer-To: <sip:1003@192.0.2.1>\r\n";

fn told(bench: &mut Bench) -> (UsageId, Refer) {
    match &bench.events()[..] {
        [Event::Refer(usage, refer)] => (*usage, (**refer).clone()),
        other => panic!("expected one REFER, got {other:?}"),
    }
}

/// An established call whose peer referred it, accepted: 202 and the first NOTIFY, which is returned.
fn accepted() -> (Bench, LegId, String, UsageId, Message) {
    let mut bench = Bench::new();
    let (leg, tag) = established(&mut bench);
    bench.say(refer(2, &tag, TO));
    let (usage, _) = told(&mut bench);
    bench.command(Command::AnswerRefer(usage, 200));
    let mut sent = bench.sent();
    assert_eq!(sent.iter().map(|(_, message)| word(message)).collect::<Vec<_>>(), ["202", "NOTIFY"]);
    let notify = sent.remove(1).1;
    (bench, leg, tag, usage, notify)
}

fn state(notify: &Message) -> (String, String) {
    let state = notify.value(HeaderName::SubscriptionState).unwrap().to_owned();
    (state, String::from_utf8_lossy(notify.body()).trim_end().to_owned())
}

fn terminated(body: &str) -> (String, String) {
    ("terminated;reason=noresource".to_owned(), body.to_owned())
}

#[test]
fn a_refer_is_told_accepted_and_followed_to_its_end() {
    let mut bench = Bench::new();
    let (leg, tag) = established(&mut bench);
    bench.say(refer(2, &tag, "r: \"C\" <sip:1003@pbx;method=INVITE>\r\nReferred-By: <sip:alice@pbx>\r\n"));
    assert!(bench.heard().is_empty(), "the owner answers");
    let (usage, refer) = told(&mut bench);
    assert_eq!((refer.leg, refer.peer, refer.notifies), (Some(leg), Peer::Trunk("trunk".into()), true));
    assert_eq!((&*refer.to.user, &*refer.to.host, refer.to.method), ("1003", "pbx", ReferMethod::Invite));
    assert_eq!((&*refer.dialled, refer.referred_by.unwrap().user), ("bob", "alice".to_owned()));

    bench.command(Command::AnswerRefer(usage, 202));
    let sent = bench.sent();
    assert_eq!(sent[0].1.status(), 202);
    assert!(sent[0].1.contacts().next().is_some());
    let notify = &sent[1].1;
    assert_eq!((notify.to_tag(), notify.from_tag(), notify.call_id()), ("peer", &*tag, "call"));
    assert_eq!(notify.value(HeaderName::Event), Some("refer;id=2"));
    assert_eq!(notify.content_type(), Some("message/sipfrag;version=2.0"));
    assert_eq!(state(notify), ("active;expires=240".to_owned(), "SIP/2.0 100 Trying".to_owned()));
    bench.say(response(notify, 200, "", "", ""));

    bench.command(Command::ReferProgress(usage, 180));
    let ringing = bench.only();
    assert_eq!(state(&ringing).1, "SIP/2.0 180 Ringing");
    assert!(ringing.cseq().number > notify.cseq().number);
    bench.command(Command::ReferProgress(usage, 183));
    bench.command(Command::ReferProgress(usage, 200));
    bench.command(Command::ReferProgress(usage, 486));
    assert!(bench.heard().is_empty(), "one NOTIFY at a time");
    bench.say(response(&ringing, 200, "", "", ""));
    let last = bench.only();
    assert_eq!(state(&last), terminated("SIP/2.0 200 OK"));
    bench.say(response(&last, 200, "", "", ""));
    bench.command(Command::ReferProgress(usage, 200));
    assert_eq!((bench.heard(), bench.told(), bench.agent.gauges().referrals), (vec![], vec![], 0));
    bench.command(Command::End(leg, None));
    bench.expect_nothing_left();
}

#[test]
fn a_refused_refer_is_over() {
    for (status, expected) in [(603, "603"), (403, "403"), (100, "500"), (999, "500")] {
        let mut bench = Bench::new();
        let (_, tag) = established(&mut bench);
        bench.say(refer(2, &tag, TO));
        let (usage, _) = told(&mut bench);
        bench.command(Command::AnswerRefer(usage, status));
        bench.command(Command::AnswerRefer(usage, 202));
        bench.command(Command::ReferProgress(usage, 200));
        assert_eq!((bench.heard(), bench.agent.gauges().referrals), (vec![expected.to_owned()], 0));
    }
}

#[test]
fn a_refer_that_there_is_no_room_for_may_come_again() {
    let mut bench = Bench::new();
    let (_, tag) = established(&mut bench);
    bench.say(refer(2, &tag, TO));
    let (usage, _) = told(&mut bench);
    bench.command(Command::AnswerRefer(usage, 503));
    let refused = bench.only();
    assert!(refused.status() == 503 && refused.value(HeaderName::RetryAfter).is_some());
}

#[test]
fn without_a_subscription_nothing_is_notified() {
    let mut bench = Bench::new();
    let (_, tag) = established(&mut bench);
    bench.say(refer(2, &tag, &format!("{TO}Refer-Sub: false\r\nRequire: norefersub\r\n")));
    let (usage, refer) = told(&mut bench);
    assert!(!refer.notifies);
    bench.command(Command::AnswerRefer(usage, 202));
    let answer = bench.only();
    assert_eq!((answer.status(), answer.other("Refer-Sub")), (200, Some("false")));
    bench.command(Command::ReferProgress(usage, 200));
    assert_eq!((bench.heard(), bench.agent.gauges().referrals), (vec![], 0));
}

#[test]
fn what_cannot_be_read_is_400_and_an_owner_who_is_silent_500() {
    let mut bench = Bench::new();
    let (_, tag) = established(&mut bench);
    bench.say(refer(2, &tag, ""));
    bench.say(refer(3, &tag, &format!("{TO}{TO}")));
    bench.say(refer(4, &tag, "Refer-To: <http://x>\r\n"));
    assert_eq!((bench.heard(), bench.told()), (vec!["400".to_owned(); 3], vec![]));
    bench.say(refer(5, &tag, TO));
    bench.say(refer(5, &tag, TO));
    told(&mut bench);
    bench.pass(seconds(20));
    assert_eq!((bench.heard(), bench.agent.gauges().referrals), (vec!["500".to_owned()], 0));
}

#[test]
fn a_notify_that_is_refused_or_not_answered_ends_the_subscription_silently() {
    for status in [481, 489, 500, 0] {
        let (mut bench, leg, _, usage, notify) = accepted();
        if status == 0 {
            bench.pass(seconds(33));
            bench.sent();
        } else {
            bench.say(response(&notify, status, "", "", ""));
        }
        bench.command(Command::ReferProgress(usage, 200));
        assert_eq!(
            (bench.heard(), bench.told(), bench.agent.gauges().referrals),
            (vec![], vec![], 0),
            "{status}"
        );
        bench.command(Command::Offer(leg, sdp(7000)));
        assert_eq!(bench.heard(), ["INVITE"], "the session goes on");
    }
}

#[test]
fn a_phone_that_hangs_up_hears_no_more_of_it() {
    let (mut bench, _, tag, usage, notify) = accepted();
    bench.say(response(&notify, 200, "", "", ""));
    bench.say(request("BYE", 3, &tag, "", ""));
    assert_eq!((bench.heard(), bench.told()), (vec!["200".to_owned()], vec!["Ended Bye".to_owned()]));
    bench.command(Command::ReferProgress(usage, 200));
    assert!(bench.heard().is_empty());
    bench.expect_nothing_left();
}

#[test]
fn a_phone_that_hangs_up_at_once_still_has_its_refer_answered() {
    let mut bench = Bench::new();
    let (_, tag) = established(&mut bench);
    bench.say(refer(2, &tag, TO));
    bench.say(request("BYE", 3, &tag, "", ""));
    let events = bench.events();
    let Event::Refer(usage, _) = events[0] else { panic!("{events:?}") };
    bench.command(Command::AnswerRefer(usage, 202));
    bench.command(Command::ReferProgress(usage, 200));
    let sent = bench.sent();
    assert_eq!(sent.iter().map(|(_, message)| word(message)).collect::<Vec<_>>(), ["200", "202"]);
    assert_eq!(sent[1].1.to_tag(), tag);
    bench.expect_nothing_left();
}

#[test]
fn we_tell_the_end_before_we_hang_up() {
    let (mut bench, leg, _, usage, notify) = accepted();
    bench.say(response(&notify, 200, "", "", ""));
    bench.command(Command::ReferProgress(usage, 200));
    bench.command(Command::End(leg, None));
    let notify = bench.only();
    assert_eq!(word(&notify), "NOTIFY");
    bench.say(response(&notify, 481, "", "", ""));
    let bye = bench.only();
    assert_eq!(word(&bye), "BYE");
    bench.say(response(&bye, 200, "", "", ""));
    assert_eq!(bench.told(), ["Ended Local"]);
    bench.expect_nothing_left();
}

#[test]
fn a_refer_and_our_offer_do_not_hinder_each_other() {
    let mut bench = Bench::new();
    let (leg, tag) = established(&mut bench);
    bench.command(Command::Offer(leg, sdp(7000)));
    let offer = bench.only();
    bench.say(refer(2, &tag, TO));
    let (usage, _) = told(&mut bench);
    bench.command(Command::AnswerRefer(usage, 202));
    assert_eq!(bench.heard(), ["202", "NOTIFY"]);
    bench.say(response(&offer, 491, "", "", ""));
    bench.pass(seconds(3));
    assert!(bench.heard().contains(&"INVITE".to_owned()), "the offer is made again");
}

#[test]
fn a_subscription_is_refreshed_and_ended_by_subscribe() {
    let (mut bench, _, tag, usage, notify) = accepted();
    bench.say(response(&notify, 200, "", "", ""));
    bench.say(request("SUBSCRIBE", 3, &tag, "Event: refer;id=2\r\nExpires: 90\r\n", ""));
    let sent = bench.sent();
    assert_eq!((sent[0].1.status(), sent[0].1.expires()), (200, Some(90)));
    assert_eq!(state(&sent[1].1), ("active;expires=90".to_owned(), "SIP/2.0 100 Trying".to_owned()));
    bench.say(response(&sent[1].1, 200, "", "", ""));
    bench.say(request("SUBSCRIBE", 4, &tag, "Event: refer;id=7\r\n", ""));
    assert_eq!(bench.heard(), ["481"]);
    bench.say(request("SUBSCRIBE", 5, &tag, "o: refer\r\nExpires: 0\r\n", ""));
    let sent = bench.sent();
    assert_eq!((sent[0].1.status(), &*state(&sent[1].1).0), (200, "terminated;reason=timeout"));
    bench.say(response(&sent[1].1, 200, "", "", ""));
    bench.command(Command::ReferProgress(usage, 200));
    assert_eq!((bench.heard(), bench.agent.gauges().referrals), (vec![], 0));
}

#[test]
fn a_subscription_that_nobody_refreshes_expires() {
    let (mut bench, _, _, _, notify) = accepted();
    bench.say(response(&notify, 200, "", "", ""));
    bench.pass(seconds(239));
    bench.sent();
    bench.pass(seconds(1));
    assert_eq!(state(&bench.only()).0, "terminated;reason=timeout");
    bench.pass(seconds(40));
    assert_eq!(bench.agent.gauges().referrals, 0);
}

#[test]
fn only_so_many_refers_of_one_leg_are_followed() {
    let mut bench = Bench::new();
    let (_, tag) = established(&mut bench);
    for number in 0..=PER_LEG_MAX {
        bench.say(refer(2 + u32::try_from(number).unwrap(), &tag, TO));
    }
    assert_eq!((bench.heard(), bench.told().len()), (vec!["503".to_owned()], PER_LEG_MAX));
    bench.say(request("BYE", 50, &tag, "", ""));
    bench.expect_nothing_left();
}

#[test]
fn only_so_many_refers_are_followed_at_all() {
    let mut bench = Bench::new();
    let outside = |number: usize| {
        let text = refer(1, "", TO).replace("Call-ID: call", &format!("Call-ID: {number}"));
        text.replace("branch=", &format!("branch={number}"))
    };
    for number in 0..PER_AGENT_MAX {
        bench.say(outside(number));
    }
    assert_eq!((bench.heard(), bench.told().len()), (vec![], PER_AGENT_MAX));
    bench.say(outside(PER_AGENT_MAX));
    let refused = bench.only();
    assert!(refused.status() == 503 && refused.value(HeaderName::RetryAfter).is_some());
    bench.expect_nothing_left();
}

#[test]
fn a_leg_that_cannot_be_referred_says_so() {
    let mut bench = Bench::new();
    let leg = LegId::new(0, 1);
    bench.command(Command::Invite(leg, invite_to(bench.flow.local, bench.flow.remote)));
    let sent = bench.only();
    bench.say(response(&sent, 180, "callee", "", ""));
    let early = format!(
        "REFER sip:alice@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKr\r\nMax-Forwards: 70\r\n\
         From: <sip:bob@example.com>;tag=callee\r\nTo: <sip:alice@example.com>;tag={}\r\nCall-ID: {}\r\nCSeq: 1 REFER\r\n\
         {TO}Content-Length: 0\r\n\r\n",
        sent.from_tag(),
        sent.call_id()
    );
    bench.say(early);
    assert_eq!(bench.heard(), ["500"]);
}

#[test]
fn outside_a_dialog_only_a_known_peer_may_refer() {
    let strangers = Directory { realm: "test".into(), ..Directory::default() };
    let mut bench = Bench::with(strangers, "192.0.2.2:5070");
    bench.say(refer(1, "", TO));
    assert_eq!((bench.heard(), bench.told()), (vec!["401".to_owned()], vec![]));
    bench.expect_nothing_left();

    let mut bench = Bench::new();
    let (leg, tag) = established(&mut bench);
    let outside = |headers: &str, call: &str| {
        refer(1, "", headers)
            .replace("Call-ID: call", &format!("Call-ID: {call}"))
            .replace("branch=", &format!("branch={call}"))
    };
    bench.say(outside(
        &format!("{TO}Target-Dialog: call;local-tag=peer;remote-tag={tag}\r\nRequire: tdialog\r\n"),
        "one",
    ));
    let (usage, refer) = told(&mut bench);
    assert_eq!((refer.leg, refer.peer), (Some(leg), Peer::Trunk("trunk".into())));
    bench.command(Command::AnswerRefer(usage, 202));
    let sent = bench.sent();
    let (accepted, notify) = (&sent[0].1, &sent[1].1);
    assert_eq!((accepted.status(), notify.from_tag(), notify.to_tag()), (202, accepted.to_tag(), "peer"));
    assert_eq!((notify.call_id(), notify.request_uri()), ("one", "sip:alice@192.0.2.2:5070"));
    bench.say(response(notify, 200, "", "", ""));
    let refresh = request("SUBSCRIBE", 2, accepted.to_tag(), "Event: refer\r\n", "")
        .replace("Call-ID: call", "Call-ID: one");
    bench.say(refresh.clone());
    let sent = bench.sent();
    assert_eq!((sent[0].1.status(), word(&sent[1].1)), (200, "NOTIFY".to_owned()));
    bench.say(response(&sent[1].1, 200, "", "", ""));
    bench.say(refresh.replace("SUBSCRIBE", "MESSAGE").replace("CSeq: 2", "CSeq: 3"));
    assert_eq!(bench.heard(), ["481"]);
    bench.command(Command::ReferProgress(usage, 503));
    let last = bench.only();
    assert_eq!(state(&last), terminated("SIP/2.0 503 Service Unavailable"));
    bench.say(response(&last, 200, "", "", ""));

    bench.say(outside(TO, "two"));
    assert_eq!(told(&mut bench).1.leg, None);
    bench.command(Command::End(leg, None));
    bench.expect_nothing_left();
}

#[test]
fn refer_to_may_name_a_dialog_of_another_worker() {
    let mut benches = [0, 1].map(|number| Bench::of_worker((number, 2), trusting(), "192.0.2.2:5070"));
    let (leg, tag) = established(&mut benches[0]);
    benches[1].say(invite("").replace("Call-ID: call", "Call-ID: other"));
    let own = benches[1].incoming();
    benches[1].command(Command::Answer(own, Some(sdp(5000))));
    let own_tag = benches[1].sent().last().unwrap().1.to_tag().to_owned();
    let text = refer(
        2,
        &own_tag,
        &format!("Refer-To: <sip:1@h?Replaces=call%3Bto-tag%3D{tag}%3Bfrom-tag%3Dpeer>\r\n"),
    );
    benches[1].say(text.replace("Call-ID: call", "Call-ID: other"));
    assert!(benches[1].told().is_empty());
    for (from, to) in [(1, 0), (0, 1)] {
        let (worker, unresolved) = benches[from].unresolved.remove(0);
        assert_eq!(usize::from(worker), to);
        benches[to].act(|agent, now, out| agent.resolve(now, unresolved, out));
    }
    let (usage, found) = told(&mut benches[1]);
    assert_eq!(found.to.replaces.unwrap().leg, Some(leg));
    benches[1].command(Command::AnswerRefer(usage, 603));
    assert_eq!(benches[1].heard(), ["603"]);

    benches[1].say(
        refer(
            3,
            &own_tag,
            &format!("Refer-To: <sip:1@h?Replaces=call%3Bto-tag%3D{tag}%3Bfrom-tag%3Dpeer>\r\n"),
        )
        .replace("Call-ID: call", "Call-ID: other"),
    );
    benches[1].pass(milliseconds(500));
    let lost = benches[1].events().into_iter().find_map(|event| {
        if let Event::Refer(_, refer) = event { Some(refer.to.replaces.unwrap().leg) } else { None }
    });
    assert_eq!(lost, Some(None), "a worker that does not answer has no such dialog");
}

#[test]
fn a_leg_that_is_to_end_tells_first_what_became_of_its_refer() {
    let (mut bench, leg, _, usage, first) = accepted();
    bench.command(Command::ReferProgress(usage, 200));
    bench.command(Command::End(leg, Some("Q.850;cause=16".to_owned())));
    assert!(bench.heard().is_empty(), "the first NOTIFY is not answered");
    bench.say(response(&first, 200, "", "", ""));
    let last = bench.only();
    assert_eq!(state(&last), terminated("SIP/2.0 200 OK"));
    bench.say(response(&last, 200, "", "", ""));
    let bye = bench.only();
    assert_eq!((word(&bye), bye.value(HeaderName::Reason)), ("BYE".to_owned(), Some("Q.850;cause=16")));
    assert!(bye.cseq().number > last.cseq().number);
    bench.say(response(&bye, 200, "", "", ""));
    bench.expect_nothing_left();
}

#[test]
fn a_peer_that_answers_no_notify_is_hung_up_all_the_same() {
    let (mut bench, leg, _, usage, _) = accepted();
    bench.command(Command::ReferProgress(usage, 486));
    bench.command(Command::End(leg, None));
    bench.pass(Duration::from_millis(3_900));
    assert!(!bench.heard().contains(&"BYE".to_owned()));
    bench.pass(Duration::from_millis(200));
    assert!(bench.heard().contains(&"BYE".to_owned()));
}

#[test]
fn a_leg_whose_refer_is_still_on_its_way_ends_at_once() {
    let (mut bench, leg, ..) = accepted();
    bench.command(Command::End(leg, None));
    assert_eq!(bench.heard(), ["BYE"]);
    assert_eq!(bench.agent.gauges().referrals, 0);
}
