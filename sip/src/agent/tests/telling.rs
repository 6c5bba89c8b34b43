//! What a leg is told beside the session: enclosed header lines, the connected line, digits, user-to-user information.

use super::bench::{Bench, SDP_BODY, invite, request, response, word};
use super::*;
use crate::message::{HeaderName, Message};
use crate::session::{ENCLOSED_MAX, INFOS_WAITING_MAX};

/// A call from the peer of a bench that is established: the leg, our tag. `headers` go into its INVITE.
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

/// Whose peer takes UPDATE.
const UPDATE: &str = "Allow: INVITE, UPDATE\r\n";

fn somebody(user: &str, name: &str) -> Party {
    Party { user: user.to_owned(), host: "pbx".to_owned(), name: name.to_owned() }
}

fn accept(to: &Message) -> String {
    let body = if to.cseq().method == crate::message::Method::Invite { SDP_BODY } else { "" };
    response(to, 200, "", "Contact: <sip:alice@192.0.2.2:5070>\r\n", body)
}

/// Whom a message shows.
fn shown(message: &Message) -> (Option<&str>, Option<&str>) {
    (message.value(HeaderName::PAssertedIdentity), message.value(HeaderName::RemotePartyId))
}

#[test]
fn header_lines_are_enclosed_in_the_next_message_and_no_other() {
    let alert = || vec![("Alert-Info", "<urn:x>".to_owned()), ("User-to-User", "31;encoding=hex".to_owned())];
    let has =
        |message: &Message| (message.other("alert-info").is_some(), message.other("user-to-user").is_some());
    let mut bench = Bench::new();
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.command(Command::Enclose(leg, alert()));
    bench.command(Command::Progress(leg, 180, None));
    bench.command(Command::Progress(leg, 180, None));
    let sent = bench.sent();
    assert_eq!((has(&sent[1].1), has(&sent[2].1)), ((true, true), (false, false)));
    bench.command(Command::Enclose(leg, alert()));
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let answer = bench.only();
    assert_eq!((answer.status(), has(&answer)), (200, (true, true)));
    bench.say(request("ACK", 1, answer.to_tag(), "", ""));
    bench.command(Command::Enclose(leg, alert()));
    bench.command(Command::Offer(leg, sdp(7000)));
    let offer = bench.only();
    assert_eq!(has(&offer), (false, false));
    bench.command(Command::End(leg, Some("Q.850;cause=16".to_owned())));
    let bye = bench.only();
    assert_eq!(
        (word(&bye), has(&bye), bye.value(HeaderName::Reason)),
        ("BYE".to_owned(), (true, true), Some("Q.850;cause=16"))
    );

    let mut bench = Bench::new();
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.sent();
    bench.command(Command::Enclose(leg, alert()));
    bench.command(Command::Reject(leg, 486, vec![("Retry-After", "5".to_owned())]));
    let refused = bench.only();
    assert_eq!(
        (refused.status(), has(&refused), refused.value(HeaderName::RetryAfter)),
        (486, (true, true), Some("5"))
    );

    let mut bench = Bench::new();
    let leg = LegId::new(0, 1);
    bench.command(Command::Invite(leg, invite_to(bench.flow.local, bench.flow.remote)));
    let sent = bench.only();
    bench.say(response(&sent, 180, "b", "", ""));
    bench.command(Command::Enclose(leg, alert()));
    bench.command(Command::End(leg, None));
    let cancel = bench.only();
    assert_eq!((word(&cancel), has(&cancel)), ("CANCEL".to_owned(), (true, true)));
}

#[test]
fn only_so_many_header_lines_are_enclosed_and_none_breaks_out() {
    let mut bench = Bench::new();
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.sent();
    for _ in 0..3 {
        bench.command(Command::Enclose(leg, vec![("X-Line", "a\r\nEvil: b".to_owned()); ENCLOSED_MAX - 1]));
    }
    bench.command(Command::Progress(leg, 180, None));
    let ringing = bench.only();
    let lines = ringing.headers().filter(|(_, name, _)| *name == b"X-Line").count();
    assert_eq!((lines, ringing.other("Evil")), (ENCLOSED_MAX, None));
}

#[test]
fn the_connected_line_of_a_call_that_is_not_answered_is_in_its_responses() {
    let mut bench = Bench::new();
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.sent();
    bench.command(Command::Progress(leg, 180, None));
    assert_eq!(shown(&bench.only()), (None, None));
    bench.command(Command::Identify(leg, somebody("1002", "B")));
    assert!(bench.heard().is_empty());
    bench.command(Command::Progress(leg, 180, None));
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    for (_, message) in bench.sent() {
        let remote = "\"B\" <sip:1002@pbx>;party=called;privacy=off;screen=yes";
        assert_eq!(shown(&message), (Some("\"B\" <sip:1002@pbx>"), Some(remote)));
    }
}

#[test]
fn the_connected_line_is_shown_by_update_and_once() {
    let (mut bench, leg, _) = established(UPDATE);
    bench.command(Command::Identify(leg, Party { user: "bob".to_owned(), ..Party::default() }));
    assert!(bench.heard().is_empty(), "whom the caller has dialled");
    bench.command(Command::Identify(leg, somebody("1002", "B")));
    bench.command(Command::Identify(leg, somebody("1002", "B")));
    let update = bench.only();
    assert_eq!(
        (word(&update), update.body(), shown(&update).0),
        ("UPDATE".to_owned(), &b""[..], Some("\"B\" <sip:1002@pbx>"))
    );
    bench.command(Command::Identify(leg, somebody("1003", "")));
    bench.command(Command::Identify(leg, somebody("1004", "")));
    assert!(bench.heard().is_empty(), "one at a time");
    bench.say(accept(&update));
    let next = bench.only();
    assert_eq!(shown(&next).0, Some("<sip:1004@pbx>"), "the last one");
    bench.say(accept(&next));
    bench.command(Command::Identify(leg, somebody("1004", "")));
    bench.command(Command::Identify(leg, somebody("1002", "B")));
    assert_eq!(shown(&bench.only()).0, Some("\"B\" <sip:1002@pbx>"));
    assert!(bench.told().is_empty());
    bench.command(Command::End(leg, None));
    bench.expect_nothing_left();
}

#[test]
fn a_caller_of_ours_is_shown_to_be_calling() {
    let mut bench = Bench::new();
    let leg = LegId::new(0, 1);
    bench.command(Command::Invite(leg, invite_to(bench.flow.local, bench.flow.remote)));
    let sent = bench.only();
    bench.command(Command::Identify(leg, party("alice")));
    bench.say(response(&sent, 200, "b", "Contact: <sip:b@192.0.2.2:5070>\r\nAllow: UPDATE\r\n", SDP_BODY));
    assert_eq!(bench.heard(), ["ACK"], "the callee sees her already");
    bench.command(Command::Identify(leg, somebody("9", "")));
    assert_eq!(shown(&bench.only()).1, Some("<sip:9@pbx>;party=calling;privacy=off;screen=yes"));
}

#[test]
fn without_update_a_re_invite_shows_the_connected_line() {
    let (mut bench, leg, tag) = established("");
    bench.command(Command::Identify(leg, somebody("1002", "")));
    let first = bench.only();
    assert_eq!((word(&first), shown(&first).0), ("INVITE".to_owned(), Some("<sip:1002@pbx>")));
    let body = String::from_utf8_lossy(first.body()).into_owned();
    assert!(body.contains("m=audio 5000 "), "the same description: {body}");
    bench.say(accept(&first));
    assert_eq!((bench.heard(), bench.told()), (vec!["ACK".to_owned()], vec![]));
    bench.say(request("BYE", 2, &tag, "", ""));
    bench.expect_nothing_left();
}

#[test]
fn a_peer_that_refuses_both_is_left_alone_and_the_call_goes_on() {
    for silent in [false, true] {
        let (mut bench, leg, tag) = established(UPDATE);
        bench.command(Command::Identify(leg, somebody("1002", "")));
        let update = bench.only();
        if silent {
            bench.pass(seconds(33));
        } else {
            bench.say(response(&update, 405, "", "", ""));
        }
        let again = bench.sent().pop().unwrap().1;
        assert_eq!((word(&again), shown(&again).0), ("INVITE".to_owned(), Some("<sip:1002@pbx>")));
        bench.say(response(&again, 488, "", "", ""));
        assert_eq!(bench.heard(), ["ACK"]);
        bench.command(Command::Identify(leg, somebody("1003", "")));
        bench.command(Command::Identify(leg, somebody("1004", "")));
        assert_eq!((bench.heard(), bench.told()), (vec![], vec![]));
        bench.command(Command::Offer(leg, sdp(7000)));
        assert_eq!(bench.heard(), ["INVITE"]);
        bench.say(request("BYE", 2, &tag, "", ""));
        bench.expect_nothing_left();
    }
}

#[test]
fn the_connected_line_waits_for_the_offers_before_it() {
    let (mut bench, leg, tag) = established(UPDATE);
    bench.command(Command::Offer(leg, sdp(7000)));
    let offer = bench.only();
    bench.command(Command::Identify(leg, somebody("1002", "")));
    assert!(bench.heard().is_empty());
    bench.say(accept(&offer));
    assert_eq!(bench.heard(), ["ACK", "UPDATE"]);

    let (mut bench, leg, _) = (established(UPDATE).0, leg, tag);
    let tag = {
        bench.say(invite(UPDATE).replace("Call-ID: call", "Call-ID: two").replace("branch=", "branch=two"));
        let leg = bench.incoming();
        bench.command(Command::Identify(leg, somebody("1002", "")));
        bench.command(Command::Answer(leg, Some(sdp(5000))));
        let tag = bench.sent().last().unwrap().1.to_tag().to_owned();
        bench.command(Command::Identify(leg, somebody("1003", "")));
        assert!(bench.heard().is_empty(), "our 200 is not acknowledged");
        tag
    };
    bench.say(request("ACK", 1, &tag, "", "").replace("Call-ID: call", "Call-ID: two"));
    assert_eq!(shown(&bench.only()).0, Some("<sip:1003@pbx>"));
    bench.command(Command::End(leg, None));
}

#[test]
fn an_update_that_meets_a_request_is_sent_again_and_one_for_no_dialog_is_the_end() {
    let (mut bench, leg, _) = established(UPDATE);
    bench.command(Command::Identify(leg, somebody("1002", "")));
    let update = bench.only();
    bench.say(response(&update, 491, "", "", ""));
    assert!(bench.heard().is_empty());
    bench.pass(seconds(2));
    let again = bench.sent().remove(0).1;
    assert_eq!((word(&again), shown(&again).0), ("UPDATE".to_owned(), Some("<sip:1002@pbx>")));
    bench.say(response(&again, 481, "", "", ""));
    assert_eq!(bench.told(), ["Ended Lost"]);
    bench.expect_nothing_left();
}

#[test]
fn showing_somebody_keeps_the_session_timer_and_who_refreshes() {
    for (refresher, expected) in [("uac", "uas"), ("uas", "uac")] {
        let timer = format!("Supported: timer\r\nSession-Expires: 600;refresher={refresher}\r\n{UPDATE}");
        let (mut bench, leg, tag) = established(&timer);
        bench.command(Command::Identify(leg, somebody("1002", "")));
        let update = bench.only();
        let value = format!("600;refresher={expected}");
        assert_eq!(update.value(HeaderName::SessionExpires), Some(&*value));
        bench.say(response(&update, 200, "", &format!("Session-Expires: {value}\r\nRequire: timer\r\n"), ""));
        bench.pass(seconds(301));
        let refreshes = bench.heard().first().map(String::as_str) == Some("UPDATE");
        assert_eq!(refreshes, expected == "uac");
        bench.say(request("BYE", 9, &tag, "", ""));
    }
}

#[test]
fn a_focus_says_so_in_its_contact() {
    let (mut bench, leg, tag) = established(UPDATE);
    let contact = |message: &Message| message.value(HeaderName::Contact).unwrap().to_owned();
    bench.command(Command::Focus(leg, Some("conf-7".to_owned())));
    bench.command(Command::Offer(leg, sdp(7000)));
    let offer = bench.only();
    assert_eq!(contact(&offer), "<sip:conf-7@192.0.2.1:5060>;isfocus");
    bench.say(accept(&offer));
    bench.sent();
    bench.say(request("INVITE", 2, &tag, "", SDP_BODY));
    bench.command(Command::AnswerOffer(leg, sdp(7000)));
    assert!(contact(&bench.sent().last().unwrap().1).ends_with(";isfocus"));
    bench.say(request("ACK", 2, &tag, "", ""));
    bench.command(Command::Focus(leg, None));
    bench.command(Command::Identify(leg, somebody("1", "")));
    assert_eq!(contact(&bench.only()), "<sip:bob@192.0.2.1:5060>");
}

#[test]
fn digits_are_sent_one_after_the_other() {
    let (mut bench, leg, _) = established("");
    for digit in *b"5#!x" {
        bench.command(Command::Digit(leg, digit, 160));
    }
    bench.command(Command::UserToUser(leg, Bytes::from_static(b"hi")));
    let expected = [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"),
        ("application/dtmf-relay", "Signal=#\r\nDuration=160\r\n"),
        ("application/hook-flash", "Signal=hf\r\n"),
    ];
    for (media_type, body) in expected {
        let info = bench.only();
        assert_eq!((info.content_type(), info.body()), (Some(media_type), body.as_bytes()));
        bench.say(response(&info, 200, "", "", ""));
    }
    let info = bench.only();
    assert_eq!((info.value(HeaderName::UserToUser), info.body()), (Some("6869;encoding=hex"), &b""[..]));
    bench.say(response(&info, 200, "", "", ""));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec![]));
    bench.command(Command::End(leg, None));
    bench.expect_nothing_left();
}

#[test]
fn a_peer_that_takes_no_info_is_spared_the_rest() {
    for status in [405, 415, 481, 501, 0] {
        let (mut bench, leg, _) = established("");
        for _ in 0..3 {
            bench.command(Command::Digit(leg, b'1', 100));
        }
        let info = bench.only();
        if status == 0 {
            bench.pass(seconds(33));
            bench.sent();
        } else {
            bench.say(response(&info, status, "", "", ""));
        }
        assert_eq!((bench.heard(), bench.told()), (vec![], vec![]), "{status}");
    }
}

#[test]
fn digits_before_the_answer_wait_and_not_too_many_of_them() {
    let mut bench = Bench::new();
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.sent();
    for _ in 0..2 * INFOS_WAITING_MAX {
        bench.command(Command::Digit(leg, b'1', 100));
    }
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let answer = bench.only();
    bench.say(request("ACK", 1, answer.to_tag(), "", ""));
    let mut count = 0;
    while let Some((_, info)) = bench.sent().pop() {
        count += 1;
        bench.say(response(&info, 200, "", "", ""));
    }
    assert_eq!(count, INFOS_WAITING_MAX);
}

#[test]
fn digits_and_octets_come_by_info() {
    let (mut bench, leg, tag) = established("");
    let info = |cseq: u32, headers: &str, body: &str| {
        let end = format!("{headers}Content-Length: {}\r\n\r\n{body}", body.len());
        request("INFO", cseq, &tag, "", "").replace("Content-Length: 0\r\n\r\n", &end)
    };
    bench.say(info(2, "Content-Type: application/dtmf-relay\r\n", "Signal=5\r\nDuration=160\r\n"));
    bench.say(info(3, "Content-Type: application/hook-flash\r\n", "\r\n"));
    bench.say(info(4, "User-to-User: 6869;encoding=hex\r\n", ""));
    bench.say(info(5, "", ""));
    assert_eq!(bench.heard(), ["200"; 4]);
    assert_eq!(bench.told(), ["Digit 5 160", "Digit ! 100", "UserToUser hi"]);
    bench.say(info(6, "Content-Type: text/plain\r\n", "5"));
    let refused = bench.only();
    assert_eq!(refused.status(), 415);
    assert!(refused.value(HeaderName::Accept).unwrap().contains("application/dtmf-relay"));
    bench.say(info(7, "Content-Type: application/dtmf-relay\r\n", "Signal=x\r\n"));
    assert_eq!(bench.heard(), ["400"]);
    bench.say(info(8, "Info-Package: x\r\n", ""));
    let refused = bench.only();
    assert_eq!((refused.status(), refused.other("Recv-Info")), (469, Some("")));
    bench.command(Command::End(leg, None));
    bench.sent();
    bench.events();
    bench.say(info(9, "Content-Type: application/dtmf-relay\r\n", "Signal=5\r\n"));
    assert_eq!((bench.heard(), bench.told()), (vec!["481".to_owned()], vec![]));
}
