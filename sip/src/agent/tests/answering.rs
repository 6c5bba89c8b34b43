//! As UAS: what a caller may expect, line by line.

use super::bench::{Bench, SDP_BODY, invite, request};
use super::*;
use crate::admission::Limit;
use crate::message::HeaderName;
use crate::outbox::{CauseKind, Peer};
use crate::sdp::MEDIA_MAX;

/// A bench with a call that is answered and not acknowledged: the leg, our tag.
fn answered(mut bench: Bench) -> (Bench, LegId, String) {
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let sent = bench.sent();
    let tag = sent[1].1.to_tag().to_owned();
    assert_eq!((sent[0].1.status(), sent[1].1.status()), (100, 200));
    (bench, leg, tag)
}

pub(super) fn established() -> (Bench, LegId, String) {
    let (mut bench, leg, tag) = answered(Bench::new());
    bench.say(request("ACK", 1, &tag, "", ""));
    assert_eq!(bench.told(), ["Established"]);
    (bench, leg, tag)
}

#[test]
fn an_invite_is_answered_100_and_told_with_who_called_whom() {
    let mut bench = Bench::new();
    bench.say(invite("Supported: timer, 100rel\r\n"));
    assert_eq!(bench.only().status(), 100);
    let [Event::Incoming(leg, call)] = &bench.events()[..] else { panic!("expected a call") };
    assert_eq!(call.peer, Peer::Trunk("trunk".into()));
    assert_eq!((&*call.dialled, &*call.domain), ("bob", "192.0.2.1"));
    assert_eq!((&*call.from.user, &*call.to.user), ("alice", "bob"));
    assert_eq!((call.max_forwards, call.supports_100rel), (70, true));
    assert_eq!(call.offer.as_ref().unwrap().media[0].port, 6000);
    assert_eq!(leg.worker(), 0);
    let expected = Gauges { transactions: 1, dialogs: 1, legs: 1, ..Gauges::default() };
    assert_eq!(bench.agent.gauges(), expected);
}

#[test]
fn what_a_caller_can_be_asked_is_told_with_its_call() {
    let mut bench = Bench::new();
    bench.say(invite("Allow-Events: dialog\r\nu: hold\r\n"));
    let [Event::Incoming(leg, _), Event::Announced { leg: announced, talk: false, hold: true }] =
        &bench.events()[..]
    else {
        panic!("expected a call and what it can be asked")
    };
    assert_eq!(leg, announced);
}

#[test]
fn responses_go_to_sent_by_without_rport_and_to_the_source_with_it() {
    let mut bench = Bench::new();
    bench.flow.remote = "192.0.2.2:40000".parse().unwrap();
    bench.say(invite(""));
    assert_eq!(bench.sent()[0].0.remote, "192.0.2.2:5070".parse().unwrap());
    let mut bench = Bench::new();
    bench.flow.remote = "192.0.2.2:40000".parse().unwrap();
    bench.say(invite("").replace(":5070;branch", ":5070;rport;branch"));
    let (flow, trying) = bench.sent().remove(0);
    assert_eq!(flow.remote, "192.0.2.2:40000".parse().unwrap());
    assert_eq!(trying.via().unwrap().rport(), Some(Some(40_000)));
}

#[test]
fn a_200_has_what_the_caller_needs() {
    let mut bench = Bench::new();
    bench.say(invite("Record-Route: <sip:192.0.2.8;lr>, <sip:192.0.2.9;lr>\r\n"));
    let leg = bench.incoming();
    bench.command(Command::Progress(leg, 180, None));
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let sent = bench.sent();
    let [(_, trying), (_, ringing), (_, ok)] = &sent[..] else { panic!("expected three") };
    assert_eq!((trying.to_tag(), ringing.to_tag().len()), ("", 20));
    assert_eq!(ringing.to_tag(), ok.to_tag());
    assert_eq!(ok.value(HeaderName::Contact), Some("<sip:bob@192.0.2.1:5060>"));
    assert_eq!(ok.value(HeaderName::RecordRoute), Some("<sip:192.0.2.8;lr>, <sip:192.0.2.9;lr>"));
    assert!(ok.value(HeaderName::Allow).unwrap().contains("INVITE"));
    let body = String::from_utf8_lossy(ok.body()).into_owned();
    assert!(
        body.contains("o=trunkline ") && body.contains("c=IN IP4 192.0.2.1") && body.contains("m=audio 5000")
    );
}

#[test]
fn early_media_and_answer_are_the_same_bytes() {
    let mut bench = Bench::new();
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.command(Command::Progress(leg, 183, Some(sdp(5000))));
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let sent = bench.sent();
    assert_eq!((sent[1].1.status(), sent[2].1.status()), (183, 200));
    assert_eq!(sent[1].1.body(), sent[2].1.body());
    assert!(!sent[1].1.body().is_empty());
}

#[test]
fn an_answer_without_description_repeats_the_one_of_the_183() {
    let mut bench = Bench::new();
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.command(Command::Progress(leg, 183, Some(sdp(5000))));
    bench.command(Command::Answer(leg, None));
    let sent = bench.sent();
    assert_eq!(sent[1].1.body(), sent[2].1.body());
}

#[test]
fn ringing_is_repeated_every_minute_and_whenever_the_invite_is() {
    let mut bench = Bench::new();
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.command(Command::Progress(leg, 180, None));
    bench.sent();
    bench.pass(seconds(121));
    assert_eq!(bench.heard(), ["180", "180"]);
    bench.say(invite(""));
    assert_eq!(bench.heard(), ["180"]);
}

#[test]
fn a_200_is_repeated_until_the_ack_on_any_transport() {
    for bench in [Bench::new(), Bench::new().by_tcp()] {
        let (mut bench, _, tag) = answered(bench);
        bench.pass(seconds(8));
        assert_eq!(bench.heard(), ["200", "200", "200", "200"]);
        bench.say(request("ACK", 1, &tag, "", ""));
        assert_eq!(bench.told(), ["Established"]);
        bench.pass(seconds(60));
        assert_eq!(bench.heard(), [""; 0]);
    }
}

#[test]
fn a_call_without_ack_ends_with_bye() {
    let (mut bench, leg, _) = answered(Bench::new());
    bench.pass(milliseconds(32_000));
    let heard = bench.heard();
    assert_eq!((heard.len(), &*heard[9], &*heard[10]), (11, "200", "BYE"));
    let [Event::Ended { leg: ended, cause }] = &bench.events()[..] else { panic!("expected the end") };
    assert_eq!((*ended, cause.kind), (leg, CauseKind::NoAck));
    bench.expect_nothing_left();
    assert_eq!(bench.told(), [""; 0]);
}

#[test]
fn a_bye_before_the_ack_ends_the_call() {
    let (mut bench, _, tag) = answered(Bench::new());
    bench.say(request("BYE", 2, &tag, "Reason: Q.850;cause=16;text=\"x\", SIP;cause=200\r\n", ""));
    assert_eq!(bench.heard(), ["200"]);
    let [Event::Ended { cause, .. }] = &bench.events()[..] else { panic!("expected the end") };
    assert_eq!((cause.kind, cause.q850, cause.sip, cause.status), (CauseKind::Bye, Some(16), Some(200), 0));
    bench.say(request("ACK", 1, &tag, "", ""));
    bench.say(request("BYE", 2, &tag, "", ""));
    assert_eq!(bench.heard(), ["200"], "the BYE again gets its 200 again, the ACK nothing");
    bench.expect_nothing_left();
}

#[test]
fn an_invite_that_comes_again_after_the_200_is_absorbed() {
    let (mut bench, _, tag) = answered(Bench::new());
    bench.say(invite(""));
    bench.say(request("ACK", 1, &tag, "", ""));
    bench.say(invite(""));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec!["Established".to_owned()]));
}

#[test]
fn a_cancel_is_answered_and_so_is_its_invite() {
    let mut bench = Bench::new();
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.command(Command::Progress(leg, 180, None));
    bench.sent();
    bench.say(request("CANCEL", 1, "", "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n", ""));
    let sent = bench.sent();
    assert_eq!((sent[0].1.status(), sent[0].1.method().name()), (200, "CANCEL"));
    assert_eq!((sent[1].1.status(), sent[1].1.method().name()), (487, "INVITE"));
    assert_eq!(sent[0].1.to_tag(), sent[1].1.to_tag());
    let [Event::Ended { cause, .. }] = &bench.events()[..] else { panic!("expected the end") };
    assert_eq!((cause.kind, cause.sip, cause.status), (CauseKind::Cancel, Some(200), 0));
    bench.say(request("ACK", 1, sent[1].1.to_tag(), "", "").replace("-1-ACK", "-1-INVITE"));
    bench.pass(seconds(60));
    assert_eq!(bench.heard(), [""; 0], "the ACK stops the 487");
    bench.expect_nothing_left();
}

#[test]
fn a_cancel_after_the_answer_has_no_effect_and_one_for_nothing_is_481() {
    let (mut bench, leg, _) = answered(Bench::new());
    bench.say(request("CANCEL", 1, "", "", ""));
    assert_eq!((bench.heard(), bench.told()), (vec!["200".to_owned()], vec![]));
    bench.command(Command::End(leg, None));
    let mut bench = Bench::new();
    bench.say(request("CANCEL", 1, "", "", ""));
    assert_eq!(bench.heard(), ["481"]);
}

#[test]
fn an_end_before_the_ack_waits_for_it() {
    let (mut bench, leg, tag) = answered(Bench::new());
    bench.command(Command::End(leg, Some("Q.850;cause=16".to_owned())));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec!["Ended Local".to_owned()]));
    bench.pass(milliseconds(600));
    assert_eq!(bench.heard(), ["200"]);
    bench.say(request("ACK", 1, &tag, "", ""));
    let bye = bench.only();
    assert_eq!((bye.method_text(), bye.value(HeaderName::Reason)), ("BYE", Some("Q.850;cause=16")));
    bench.say(bench::response(&bye, 200, "", "", ""));
    assert_eq!(bench.told(), [""; 0]);
    assert_eq!(bench.agent.gauges().legs, 0);
}

#[test]
fn an_end_before_the_answer_refuses() {
    let mut bench = Bench::new();
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.command(Command::End(leg, None));
    assert_eq!(bench.heard(), ["100", "480"]);
    assert_eq!(bench.told(), ["Ended Local"]);
    bench.expect_nothing_left();
}

#[test]
fn a_rejection_carries_its_headers() {
    let mut bench = Bench::new();
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.sent();
    bench.command(Command::Reject(leg, 503, vec![("Retry-After", "9".to_owned())]));
    let refused = bench.only();
    assert_eq!((refused.status(), refused.value(HeaderName::RetryAfter)), (503, Some("9")));
    bench.command(Command::Answer(leg, Some(sdp(1))));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec!["Ended Local".to_owned()]));
}

#[test]
fn a_late_offer_is_made_in_the_200_and_answered_in_the_ack() {
    let mut bench = Bench::new();
    bench.say(request("INVITE", 1, "", "", ""));
    let [Event::Incoming(leg, call)] = &bench.events()[..] else { panic!("expected a call") };
    assert_eq!(call.offer, None);
    let leg = *leg;
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let sent = bench.sent();
    assert!(!sent[1].1.body().is_empty());
    // Until the answer is there, an offer of theirs collides with ours.
    bench.say(request("INVITE", 2, sent[1].1.to_tag(), "", SDP_BODY));
    assert_eq!(bench.heard(), ["491"]);
    bench.say(request("ACK", 1, sent[1].1.to_tag(), "", SDP_BODY));
    let [Event::Established { answer: Some(answer), .. }] = &bench.events()[..] else {
        panic!("expected answer")
    };
    assert_eq!(answer.media[0].port, 6000);
}

#[test]
fn what_cannot_be_served_is_refused_with_what_would_do() {
    let status = |text: String| {
        let mut bench = Bench::new();
        bench.say(text);
        let refused = bench.only();
        assert_eq!((bench.told(), bench.agent.gauges()), (vec![], Gauges::default()));
        refused
    };
    let refused = status(invite("Require: 100rel, path, foo\r\n"));
    assert_eq!((refused.status(), refused.value(HeaderName::Unsupported)), (420, Some("foo")));
    let refused = status(invite("").replace("application/sdp", "text/plain"));
    assert_eq!((refused.status(), refused.value(HeaderName::Accept)), (415, Some("application/sdp")));
    assert_eq!(status(invite("Content-Encoding: gzip\r\n")).status(), 415);
    assert_eq!(status(invite("").replace("Max-Forwards: 70", "Max-Forwards: 0")).status(), 483);
    assert_eq!(status(invite("").replace("m=audio 6000 RTP/AVP 0", "m=audio nobody RTP/  0")).status(), 400);
    assert_eq!(status(invite("").replace("INVITE sip:bob@192.0.2.1", "INVITE foo:bar")).status(), 416);
    assert_eq!(status(invite("").replace("192.0.2.1 SIP/2.0", "192.0.2.1 SIP/3.0")).status(), 505);
    for (method, expected) in [
        ("MESSAGE", 405),
        ("REFER", 400),
        ("SUBSCRIBE", 489),
        ("PUBLISH", 489),
        ("NOTIFY", 481),
        ("FOO", 501),
        ("PRACK", 481),
        ("INFO", 481),
    ] {
        let refused = status(request(method, 1, "", "", ""));
        assert_eq!(refused.status(), expected, "{method}");
        assert_eq!(refused.value(HeaderName::Allow).is_some(), matches!(expected, 405 | 501));
    }
}

#[test]
fn a_488_says_that_the_description_is_the_matter() {
    let warning = Some("305 192.0.2.1:5060 \"Incompatible media format\"");
    let many = SDP_BODY.to_owned() + &"m=audio 6000 RTP/AVP 0\r\n".repeat(MEDIA_MAX);
    let mut bench = Bench::new();
    bench.say(request("INVITE", 1, "", "", &many));
    let refused = bench.only();
    assert_eq!((refused.status(), refused.value(HeaderName::Warning)), (488, warning));
    let join = "Join: other;from-tag=1;to-tag=2\r\n";
    for (status, headers, expected) in [(488, "", warning), (488, join, None), (486, "", None)] {
        let mut bench = Bench::new();
        bench.say(invite(headers));
        let leg = bench.incoming();
        bench.sent();
        bench.command(Command::Reject(leg, status, Vec::new()));
        let refused = bench.only();
        assert_eq!((refused.status(), refused.value(HeaderName::Warning)), (status, expected), "{headers}");
    }
}

#[test]
fn an_invite_that_comes_by_two_ways_is_merged() {
    let mut bench = Bench::new();
    bench.say(invite(""));
    bench.sent();
    bench.say(invite("").replace("z9hG4bK-", "z9hG4bK-other-"));
    assert_eq!(bench.heard(), ["482"]);
}

#[test]
fn a_full_agent_turns_calls_away_but_no_request_in_a_dialog() {
    let (mut bench, _, tag) = established();
    bench.agent.endpoint.config.capacity = Capacity { transactions: 0, legs: 1, subscriptions: 0 };
    bench.say(
        request("INVITE", 1, "", "", "").replace("Call-ID: call", "Call-ID: other").replace("-1-", "-o-"),
    );
    let refused = bench.only();
    assert!(refused.status() == 503 && refused.value(HeaderName::RetryAfter).is_some());
    assert_eq!(bench.agent.refusals().of(Limit::State), 1);
    bench.say(request("BYE", 2, &tag, "", ""));
    assert_eq!(bench.heard(), ["200"]);
}

#[test]
fn requests_in_a_dialog_that_does_not_exist() {
    let mut bench = Bench::with(trusting(), "198.51.100.9:5060");
    for (method, expected) in
        [("BYE", vec!["481"]), ("INVITE", vec!["481"]), ("INFO", vec!["481"]), ("ACK", vec![])]
    {
        bench.say(request(method, 3, "00001111111111111111", "", ""));
        assert_eq!(bench.heard(), expected, "{method}");
    }
    // A trunk's BYE may be taken as done.
    let mut bench = Bench::new();
    bench.say(request("BYE", 3, "00001111111111111111", "", ""));
    assert_eq!(bench.heard(), ["200"]);
    bench.agent.endpoint.config.reply_200_to_orphan_bye = false;
    bench.say(request("BYE", 4, "00001111111111111111", "", ""));
    assert_eq!(bench.heard(), ["481"]);
}

#[test]
fn our_tag_alone_does_not_open_a_dialog() {
    let (mut bench, _, tag) = established();
    bench.agent.endpoint.config.reply_200_to_orphan_bye = false;
    bench.say(request("BYE", 2, &tag, "", "").replace("tag=peer", "tag=thief"));
    bench.say(request("BYE", 3, &tag, "", "").replace("Call-ID: call", "Call-ID: stolen"));
    assert_eq!((bench.heard(), bench.told()), (vec!["481".to_owned(); 2], vec![]));
}

#[test]
fn requests_inside_the_dialog() {
    let (mut bench, _, tag) = established();
    for (cseq, (method, expected)) in (2..).zip([
        ("INFO", 200),
        ("OPTIONS", 200),
        ("UPDATE", 200),
        ("MESSAGE", 405),
        ("REFER", 400),
        ("SUBSCRIBE", 489),
        ("NOTIFY", 481),
        ("PRACK", 481),
        ("FOO", 501),
    ]) {
        bench.say(request(method, cseq, &tag, "", ""));
        let reply = bench.only();
        assert_eq!((reply.status(), reply.to_tag()), (expected, &*tag), "{method}");
    }
    bench.say(request("INFO", 4, &tag, "", ""));
    assert_eq!(bench.only().status(), 500, "lower than the last CSeq");
    bench.say(request("INVITE", 20, &tag, "Require: foo\r\n", ""));
    let refused = bench.only();
    assert_eq!((refused.status(), refused.value(HeaderName::Unsupported)), (420, Some("foo")));
    bench.say(request("INVITE", 21, &tag, "", SDP_BODY).replace("application/sdp", "text/plain"));
    assert_eq!(bench.only().status(), 415);
    assert_eq!(bench.told(), [""; 0]);
}

#[test]
fn options_outside_a_dialog_are_answered_to_anyone_shortly() {
    let mut bench = Bench::with(trusting(), "198.51.100.9:5060");
    bench.say(request("OPTIONS", 1, "", "", ""));
    let reply = bench.only();
    assert_eq!((reply.status(), reply.value(HeaderName::Accept)), (200, Some("application/sdp")));
    assert!(reply.bytes().len() <= 600);
    assert_eq!(bench.agent.gauges(), Gauges::default());
}

#[test]
fn a_stateless_response_is_the_same_each_time() {
    let mut bench = Bench::new();
    bench.say(request("MESSAGE", 1, "", "", ""));
    bench.say(request("MESSAGE", 1, "", "", ""));
    let sent = bench.sent();
    assert_eq!(sent[0].1.bytes(), sent[1].1.bytes());
}

#[test]
fn a_call_that_rings_ends_with_its_stream_and_one_that_talks_does_not() {
    let mut bench = Bench::new().by_tcp();
    bench.say(invite(""));
    bench.incoming();
    bench.act(|agent, now, out| agent.connection_closed(now, ConnectionId(1), out));
    assert_eq!(bench.told(), ["Ended Lost"]);
    bench.expect_nothing_left();

    let (mut bench, leg, tag) = answered(Bench::new().by_tcp());
    bench.say(request("ACK", 1, &tag, "", ""));
    bench.act(|agent, now, out| agent.connection_closed(now, ConnectionId(1), out));
    assert_eq!(bench.told(), ["Established"]);
    bench.command(Command::End(leg, None));
    let (flow, bye) = bench.sent().remove(0);
    assert_eq!((bye.method_text(), flow.connection), ("BYE", ConnectionId::default()));
    assert_eq!((flow.transport, flow.remote), (Transport::Tcp, "192.0.2.2:5070".parse().unwrap()));
}

#[test]
fn keep_alives_are_swallowed_and_a_broken_stream_is_closed() {
    let mut bench = Bench::new();
    for junk in [&b"\r\n\r\n"[..], b"\r\n", b"\0\0\0\0", b"", b"ping", b"12345678", b"\r\n\r\n\r\n\r\n\r\n"] {
        bench.say(Bytes::from_static(junk));
    }
    bench.say("nothing that anyone could read, but long");
    assert_eq!((bench.heard(), bench.told(), bench.closed.len()), (vec![], vec![], 0));
    let mut bench = Bench::new().by_tcp();
    bench.say("nothing that anyone could read, but long");
    assert_eq!(bench.closed, [ConnectionId(1)]);
}

#[test]
fn a_call_that_the_switch_never_answers_ends_when_it_says_or_after_a_quarter_of_an_hour() {
    for (headers, after_s) in [("Expires: 30\r\n", 30), ("Expires: 86400\r\n", 900), ("", 900)] {
        let mut bench = Bench::new();
        bench.say(invite(headers));
        bench.incoming();
        bench.pass(seconds(after_s - 1));
        assert_eq!(bench.heard(), ["100"]);
        bench.pass(seconds(1));
        assert_eq!((bench.heard(), bench.told()), (vec!["487".to_owned()], vec!["Ended Cancel".to_owned()]));
        bench.expect_nothing_left();
    }
}
