//! Session timers (RFC 4028) on both sides of a call.

use super::bench::{Bench, SDP_BODY, invite, request, response};
use super::*;
use crate::auth::Credentials;
use crate::message::{HeaderName, Message};

/// A call of ours that the peer answered with these headers: the bench and the INVITE.
fn called(headers: &str) -> (Bench, Message) {
    let mut bench = Bench::new();
    let target = invite_to(bench.flow.local, bench.flow.remote);
    bench.command(Command::Invite(LegId::new(0, 1), target));
    let invite = bench.only();
    bench.say(response(&invite, 200, "b", headers, SDP_BODY));
    assert_eq!((bench.heard(), bench.told()), (vec!["ACK".to_owned()], vec!["Answered".to_owned()]));
    (bench, invite)
}

/// A call of the peer that is established: the bench, our tag, our 200.
fn answered(headers: &str) -> (Bench, String, Message) {
    let mut bench = Bench::new();
    bench.say(invite(headers));
    let leg = bench.incoming();
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let ok = bench.sent().remove(1).1;
    let tag = ok.to_tag().to_owned();
    bench.say(request("ACK", 1, &tag, "", ""));
    assert_eq!(bench.told(), ["Established"]);
    (bench, tag, ok)
}

#[test]
fn an_invite_asks_for_a_timer_and_a_peer_without_one_has_none() {
    let (mut bench, invite) = called("");
    assert!(invite.has_option(HeaderName::Supported, "timer"));
    assert_eq!(invite.value(HeaderName::SessionExpires), Some("1800"));
    assert_eq!(invite.value(HeaderName::MinSe), Some("90"));
    bench.pass(seconds(100_000));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec![]));
    let (mut bench, _, ok) = answered("Session-Expires: 1800\r\n");
    assert_eq!(ok.value(HeaderName::SessionExpires), None);
    bench.pass(seconds(100_000));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec![]));
}

#[test]
fn we_refresh_by_update_where_the_peer_takes_it() {
    let (mut bench, _) = called("Allow: INVITE, UPDATE\r\nSession-Expires: 600;refresher=uac\r\n");
    bench.pass(seconds(300));
    let update = bench.only();
    assert_eq!((update.method_text(), update.body().len()), ("UPDATE", 0));
    assert_eq!(update.value(HeaderName::SessionExpires), Some("600;refresher=uac"));
    bench.say(response(&update, 200, "", "Session-Expires: 600;refresher=uac\r\n", ""));
    bench.pass(seconds(299));
    assert_eq!(bench.heard(), [""; 0]);
    bench.pass(seconds(1));
    assert_eq!(bench.heard(), ["UPDATE"]);
    assert_eq!(bench.told(), [""; 0]);
}

#[test]
fn a_refresh_that_is_challenged_again_is_answered_and_so_is_what_shows_somebody() {
    let challenge = |nonce: &str, stale: &str| {
        format!(
            "Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"{nonce}\", algorithm=MD5, qop=\"auth\"{stale}\r\n"
        )
    };
    let credentials = Credentials { username: "me".into(), password: "secret".into(), realm: None };
    for allow in ["", "Allow: UPDATE\r\n"] {
        let mut bench = Bench::new();
        let mut target = invite_to(bench.flow.local, bench.flow.remote);
        target.credentials = Some(Arc::new(credentials.clone()));
        let leg = LegId::new(0, 1);
        bench.command(Command::Invite(leg, target));
        let invite = bench.only();
        bench.say(response(&invite, 407, "b", &challenge("one", ""), ""));
        let again = bench.sent().remove(1).1;
        let headers =
            format!("{allow}Contact: <sip:b@192.0.2.2:5070>\r\nSession-Expires: 600;refresher=uac\r\n");
        bench.say(response(&again, 200, "b", &headers, SDP_BODY));
        bench.sent();
        for (round, asks) in [false, true, false].into_iter().enumerate() {
            if asks {
                bench.command(Command::Identify(leg, party("somebody")));
            } else {
                bench.pass(seconds(300));
            }
            let refresh = bench.only();
            let nonce = format!("{round}-{allow}");
            bench.say(response(&refresh, 407, "", &challenge(nonce.trim(), ",stale=true"), ""));
            let answer = bench.sent().pop().unwrap().1;
            let value = answer.value(HeaderName::ProxyAuthorization).unwrap();
            assert!(value.contains(nonce.trim()), "{value}");
            assert_eq!(answer.value(HeaderName::PAssertedIdentity).is_some(), asks);
            let body = if allow.is_empty() { SDP_BODY } else { "" };
            bench.say(response(&answer, 200, "", "Session-Expires: 600;refresher=uac\r\n", body));
            bench.sent();
        }
        assert_eq!(bench.told(), ["Answered"]);
        // The password is wrong from some time on: the call goes on until the timer ends it.
        bench.pass(seconds(300));
        for _ in 0..10 {
            let Some((_, refresh)) = bench.sent().pop().filter(|(_, message)| message.is_request()) else {
                break;
            };
            bench.say(response(&refresh, 407, "", &challenge("x", ""), ""));
        }
        assert!(bench.told().is_empty());
        bench.command(Command::End(leg, None));
        bench.expect_nothing_left();
    }
}

#[test]
fn we_refresh_by_re_invite_where_it_does_not() {
    for headers in
        ["Session-Expires: 600;refresher=uac\r\n", "Allow: UPDATE\r\nSession-Expires: 600;refresher=uac\r\n"]
    {
        let (mut bench, invite) = called(headers);
        bench.pass(seconds(300));
        let mut refresh = bench.only();
        if refresh.method_text() == "UPDATE" {
            bench.say(response(&refresh, 501, "", "", ""));
            refresh = bench.only();
        }
        assert_eq!(
            (refresh.method_text(), refresh.body()),
            ("INVITE", invite.body()),
            "not even the version changes"
        );
        bench.say(response(&refresh, 200, "", "Session-Expires: 600;refresher=uas\r\n", SDP_BODY));
        assert_eq!((bench.heard(), bench.told()), (vec!["ACK".to_owned()], vec![]));
        bench.pass(seconds(567));
        assert_eq!(bench.told(), [""; 0]);
        bench.pass(seconds(1));
        assert_eq!((bench.heard(), bench.told()), (vec!["BYE".to_owned()], vec!["Ended Lost".to_owned()]));
    }
}

#[test]
fn a_refresh_that_nobody_answers_ends_the_call_and_another_failure_does_not() {
    let (mut bench, _) = called("Allow: UPDATE\r\nSession-Expires: 600;refresher=uac\r\n");
    bench.pass(seconds(332));
    assert_eq!(bench.told(), ["Ended Lost"]);
    bench.expect_nothing_left();
    let (mut bench, _) = called("Allow: UPDATE\r\nSession-Expires: 600;refresher=uac\r\n");
    bench.pass(seconds(300));
    let update = bench.only();
    bench.say(response(&update, 500, "", "", ""));
    bench.pass(seconds(10));
    let update = bench.only();
    bench.say(response(&update, 200, "", "Session-Expires: 600;refresher=uac\r\n", ""));
    bench.pass(seconds(299));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec![]));
}

#[test]
fn a_peer_that_knows_timers_refreshes_or_is_lost() {
    let (mut bench, tag, ok) = answered("Supported: timer\r\nSession-Expires: 600\r\n");
    assert_eq!(ok.value(HeaderName::SessionExpires), Some("600;refresher=uac"));
    assert!(ok.has_option(HeaderName::Require, "timer"));
    bench.pass(seconds(500));
    bench.say(request("UPDATE", 2, &tag, "Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n", ""));
    assert_eq!(bench.only().value(HeaderName::SessionExpires), Some("600;refresher=uac"));
    bench.pass(seconds(500));
    bench.say(request(
        "INVITE",
        3,
        &tag,
        "Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n",
        SDP_BODY,
    ));
    assert_eq!(bench.only().value(HeaderName::SessionExpires), Some("600;refresher=uac"));
    bench.say(request("ACK", 3, &tag, "", ""));
    bench.pass(seconds(567));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec![]));
    bench.pass(seconds(1));
    assert_eq!((bench.heard(), bench.told()), (vec!["BYE".to_owned()], vec!["Ended Lost".to_owned()]));
    bench.expect_nothing_left();
}

#[test]
fn we_refresh_for_a_caller_that_wants_it() {
    let (mut bench, _, ok) =
        answered("Supported: timer\r\nAllow: UPDATE\r\nSession-Expires: 600;refresher=uas\r\n");
    assert_eq!(ok.value(HeaderName::SessionExpires), Some("600;refresher=uas"));
    assert!(!ok.has_option(HeaderName::Require, "timer"));
    bench.pass(seconds(300));
    assert_eq!(bench.heard(), ["UPDATE"]);
}

#[test]
fn an_interval_that_is_too_brief_is_named_on_both_sides() {
    let mut bench = Bench::new();
    bench.say(invite("Supported: timer\r\nSession-Expires: 60\r\n"));
    let refused = bench.only();
    assert_eq!((refused.status(), refused.value(HeaderName::MinSe)), (422, Some("90")));

    let mut bench = Bench::new();
    let target = invite_to(bench.flow.local, bench.flow.remote);
    bench.command(Command::Invite(LegId::new(0, 1), target));
    let first = bench.only();
    bench.say(response(&first, 422, "x", "Min-SE: 3600\r\n", ""));
    let again = bench.sent().remove(1).1;
    assert_eq!((again.call_id(), again.cseq().number), (first.call_id(), first.cseq().number + 1));
    assert_eq!(
        (again.value(HeaderName::SessionExpires), again.value(HeaderName::MinSe)),
        (Some("3600"), Some("3600"))
    );
    bench.say(response(&again, 422, "x", "Min-SE: 3600\r\n", ""));
    assert_eq!(bench.told(), ["Failed Status 422"]);
    bench.expect_nothing_left();
}

#[test]
fn a_refresh_meets_their_offer_as_an_offer_does() {
    let (mut bench, tag, _) = answered("Supported: timer\r\nSession-Expires: 600;refresher=uas\r\n");
    bench.pass(seconds(300));
    let refresh = bench.only();
    bench.say(request("INVITE", 2, &tag, "", SDP_BODY));
    assert_eq!(bench.heard(), ["491"]);
    bench.say(request("ACK", 2, &tag, "", "").replace("-2-ACK", "-2-INVITE"));
    bench.say(response(&refresh, 491, "", "", ""));
    assert_eq!(bench.heard(), ["ACK"]);
    bench.pass(seconds(10));
    assert_eq!(bench.heard(), ["INVITE"]);
    bench.say(request("BYE", 3, &tag, "", ""));
    assert_eq!(bench.told(), ["Ended Bye"]);
    bench.expect_nothing_left();
}
