//! Lamps: a key that shows whether a colleague is on the phone (RFC 4235), by a phone that is written out as text.

use std::sync::Arc;

use trunkline::demo::Status;
use trunkline::switch::setup::GroupSetup;
use trunkline_sip::auth::{ClientAuth, Credentials};
use trunkline_sip::message::{Framing, HeaderName, Limits, Message};
use trunkline_sip::outbox::DialogPhase;
use trunkline_sip::package::dialog_info::DialogInfo;
use trunkline_tests::{Lab, Plan, dialog_info};

/// The phone with the lamp is another one of line 1004.
const LAMP: &str = "10.0.66.7:5060";

pub(crate) fn read(text: &str) -> Message {
    Message::scan(text.to_owned().into(), Framing::Datagram, &Limits::DEFAULT).expect("the engine writes SIP")
}

fn subscribe(to: &str, cseq: u32, to_tag: &str, expires: u32, authorization: &str) -> String {
    format!(
        "SUBSCRIBE sip:{to}@pbx.example SIP/2.0\nVia: SIP/2.0/UDP {LAMP};branch=z9hG4bKlamp{cseq}\nMax-Forwards: 70\n\
         From: <sip:1004@pbx.example>;tag=lamp\nTo: <sip:{to}@pbx.example>{to_tag}\nCall-ID: lamp\n\
         CSeq: {cseq} SUBSCRIBE\nContact: <sip:1004@{LAMP}>\nEvent: dialog\nAccept: application/dialog-info+xml\n\
         Expires: {expires}\n{authorization}Content-Length: 0\n\n"
    )
}

/// The header that answers a challenge for line 1004.
pub(crate) fn answer(challenge: &Message, method: &str, uri: &str) -> String {
    let password = trunkline_tests::password_of("1004");
    let credentials = Credentials { username: "1004".into(), password: password.into(), realm: None };
    let (_, value) = ClientAuth::new(Arc::new(credentials))
        .answer(401, challenge.lines(HeaderName::WwwAuthenticate), method, uri, "c")
        .expect("the challenge can be answered");
    format!("Authorization: {value}\n")
}

/// What the lamp was told since the last look: each NOTIFY is answered.
fn told(lab: &mut Lab) -> Vec<(DialogInfo, String)> {
    let mut told = Vec::new();
    for text in lab.received("lamp") {
        let message = read(&text);
        if !message.is_request() {
            continue;
        }
        let line = |name| message.value(name).unwrap_or_default().to_owned();
        lab.sends(
            "lamp",
            &format!(
                "SIP/2.0 200 OK\nVia: {}\nFrom: {}\nTo: {}\nCall-ID: lamp\nCSeq: {}\nContent-Length: 0\n\n",
                line(HeaderName::Via),
                line(HeaderName::From),
                line(HeaderName::To),
                line(HeaderName::CSeq)
            ),
        );
        dialog_info::judge(&String::from_utf8_lossy(message.body())).expect("as RFC 4235 says");
        let info = DialogInfo::parse(message.body()).expect("it was judged");
        told.push((info, text));
    }
    told
}

/// A lab whose lamp watches Bob, who is idle and of its pickup group: our tag with it.
fn watched(workers: u16) -> (Lab, String) {
    let plan = Plan::seeded(5).workers(workers).with(|setup| {
        for line in &mut setup.lines {
            line.groups = vec!["desk".into()];
        }
    });
    let mut lab = plan.build().with_registered(&["alice", "bob"]);
    let tag = watch(&mut lab, "1002");
    (lab, tag)
}

/// The lamp watches this address, where nothing is: our tag.
fn watch(lab: &mut Lab, address: &str) -> String {
    let uri = format!("sip:{address}@pbx.example");
    lab.stranger("lamp", LAMP);
    lab.sends("lamp", &subscribe(address, 1, "", 600, ""));
    lab.run_ms(50);
    let challenge = read(&lab.received("lamp")[0]);
    assert_eq!(challenge.status(), 401);
    let value = answer(&challenge, "SUBSCRIBE", &uri);
    lab.sends("lamp", &subscribe(address, 2, "", 600, &value));
    lab.run_ms(50);
    let received = lab.received("lamp");
    let [ok, notify] = &received[..] else { panic!("expected 200 and NOTIFY, got {received:?}") };
    let tag = format!(";tag={}", read(ok).to_tag());
    let notify_read = read(notify);
    let info = DialogInfo::parse(notify_read.body()).expect("the engine writes XML");
    assert!(info.is_idle() && info.version == 0 && info.is_full, "{notify}");
    assert!(notify.contains(&format!("entity=\"{uri}\"")), "{notify}");
    let line = |name| notify_read.value(name).unwrap_or_default().to_owned();
    lab.sends(
        "lamp",
        &format!(
            "SIP/2.0 200 OK\nVia: {}\nFrom: {}\nTo: {}\nCall-ID: lamp\nCSeq: {}\nContent-Length: 0\n\n",
            line(HeaderName::Via),
            line(HeaderName::From),
            line(HeaderName::To),
            line(HeaderName::CSeq)
        ),
    );
    tag
}

#[test]
fn a_lamp_blinks_shines_and_goes_out() {
    for workers in [1, 4] {
        let (mut lab, tag) = watched(workers);
        lab.run_ms(1_000);
        lab.call("alice", "1002");
        lab.run_ms(500);
        let seen = told(&mut lab);
        assert_eq!(seen[0].0.dialogs[0].phase, DialogPhase::Early, "told before it rings");
        lab.run_ms(1_500);
        let seen = told(&mut lab);
        let (info, text) = seen.last().expect("a lamp is told how to pick up what rings");
        assert_eq!(
            info.dialogs.iter().map(|dialog| (dialog.phase, dialog.is_initiator)).collect::<Vec<_>>(),
            [(DialogPhase::Early, false)]
        );
        for name in ["call-id=\"", "local-tag=\"", "remote-tag=\""] {
            assert!(text.contains(name), "it can be picked up: {text}");
        }
        let id = info.dialogs[0].id.clone();
        lab.answer("bob");
        lab.run_ms(1_500);
        let seen = told(&mut lab);
        let (info, _) = seen.last().expect("a lamp is told that he talks");
        assert_eq!((info.dialogs[0].phase, &info.dialogs[0].id), (DialogPhase::Confirmed, &id));
        lab.hang_up("alice");
        lab.run_ms(1_500);
        let seen = told(&mut lab);
        let (last, text) = seen.last().expect("a lamp is told that he is idle");
        assert!(last.is_idle() && last.version > info.version, "{text}");
        assert_eq!(last.dialogs[0].id, id, "the same dialog, terminated");
        lab.sends("lamp", &subscribe("1002", 3, &tag, 0, ""));
        lab.run_ms(50);
        let seen = told(&mut lab);
        assert!(seen[0].1.contains("Subscription-State: terminated;reason=timeout"), "{}", seen[0].1);
        lab.nothing_left();
    }
}

/// A trunk is a line: its lamp shines while it has calls, whosever they are.
#[test]
fn a_lamp_shows_whether_a_trunk_is_used() {
    let mut lab = Plan::seeded(8).build().with_registered(&["alice"]);
    let tag = watch(&mut lab, "carrier");
    lab.call("alice", "0301234");
    lab.run_ms(500);
    lab.answer("carrier");
    lab.run_ms(1_500);
    let seen = told(&mut lab);
    let (info, text) = seen.last().expect("it is told of a call");
    let [dialog] = &info.dialogs[..] else { panic!("one call: {text}") };
    assert_eq!((dialog.phase, dialog.is_initiator), (DialogPhase::Confirmed, true), "{text}");
    assert!(!text.contains("301234") && !text.contains("1001"), "who talks to whom is not told: {text}");
    lab.hang_up("alice");
    lab.run_ms(1_500);
    assert!(told(&mut lab).last().is_some_and(|(info, _)| info.is_idle()));
    lab.sends("lamp", &subscribe("carrier", 3, &tag, 0, ""));
    lab.run_ms(50);
    told(&mut lab);
    lab.nothing_left();
}

#[test]
fn a_lamp_goes_on_through_reloads() {
    let (mut lab, tag) = watched(4);
    lab.run_ms(1_000);
    for calls_max in 10..20 {
        lab.reload(|setup| setup.calls_max = calls_max);
        lab.run_ms(200);
        told(&mut lab);
    }
    let phase = |lab: &mut Lab| {
        let mut seen = Vec::new();
        for _ in 0..5 {
            lab.run_ms(400);
            seen.extend(told(lab));
        }
        seen.last().map(|(info, _)| info.dialogs[0].phase)
    };
    lab.call("alice", "1002");
    assert_eq!(phase(&mut lab), Some(DialogPhase::Early));
    lab.reload(|setup| setup.calls_max = 20);
    lab.answer("bob");
    assert_eq!(phase(&mut lab), Some(DialogPhase::Confirmed));
    lab.hang_up("alice");
    assert_eq!(phase(&mut lab), Some(DialogPhase::Terminated));
    lab.sends("lamp", &subscribe("1002", 3, &tag, 0, ""));
    lab.run_ms(50);
    told(&mut lab);
    lab.nothing_left();
}

/// What the lamp is told within this time, each NOTIFY answered at once.
fn listens(lab: &mut Lab, time_ms: u64) -> Vec<(DialogInfo, String)> {
    let turns = 0..time_ms / 50;
    let told = turns.flat_map(|_| {
        lab.run_ms(50);
        told(lab)
    });
    told.collect()
}

/// Killed in the middle of a call: the lamp is right again by itself, its numbers only rise, and its refresh is served.
#[test]
fn a_lamp_goes_on_after_the_engine_was_killed() {
    for workers in [1, 4] {
        let (mut lab, tag) = watched(workers);
        lab.run_ms(1_000);
        lab.call("alice", "1002");
        listens(&mut lab, 1_000);
        lab.answer("bob");
        let seen = listens(&mut lab, 2_000);
        let (info, _) = seen.last().expect("it is told that he talks");
        let before = info.version;
        lab.restart();
        let seen = listens(&mut lab, 1_500);
        let (info, text) = seen.last().expect("it is told how it is");
        assert_eq!(info.dialogs[0].phase, DialogPhase::Confirmed, "{text}");
        assert!(info.version > before && info.is_full, "{text}");
        let before = info.version;
        lab.hang_up("alice");
        let seen = listens(&mut lab, 1_500);
        let (info, text) = seen.last().expect("it is told that he is idle");
        assert!(info.is_idle() && info.version > before, "{text}");
        for (cseq, expires, state) in [(3, 600, "active;expires=600"), (4, 0, "terminated;reason=timeout")] {
            lab.sends("lamp", &subscribe("1002", cseq, &tag, expires, ""));
            let seen = listens(&mut lab, 1_500);
            let (_, text) = seen.last().expect("a refresh is served");
            assert!(text.contains(&format!("Subscription-State: {state}")), "{text}");
        }
        lab.nothing_left();
    }
}

/// The value of an attribute of the first dialog.
fn attribute<'a>(notify: &'a str, name: &str) -> &'a str {
    let (_, rest) = notify.split_once(&format!(" {name}=\"")).expect("the dialog is named");
    rest.split('"').next().expect("the value ends")
}

#[test]
fn what_a_lamp_is_told_picks_the_call_up() {
    for workers in [1, 4] {
        let (mut lab, _) = watched(workers);
        lab.run_ms(1_000);
        lab.call("alice", "1002");
        lab.run_ms(500);
        told(&mut lab);
        lab.run_ms(1_500);
        let seen = told(&mut lab);
        let (_, notify) = seen.last().expect("a lamp is told how to pick up what rings");
        let replaces = format!(
            "{};to-tag={};from-tag={};early-only",
            attribute(notify, "call-id"),
            attribute(notify, "remote-tag"),
            attribute(notify, "local-tag")
        );
        let uri = "sip:1001@pbx.example";
        let body = "v=0\no=- 1 1 IN IP4 10.0.66.7\ns=-\nc=IN IP4 10.0.66.7\nt=0 0\nm=audio 4000 RTP/AVP 0\n";
        let invite = |cseq: u32, authorization: &str| {
            format!(
                "INVITE {uri} SIP/2.0\nVia: SIP/2.0/UDP {LAMP};branch=z9hG4bKpick{cseq}\nMax-Forwards: 70\n\
                 From: <sip:1004@pbx.example>;tag=pick\nTo: <{uri}>\nCall-ID: pick\nCSeq: {cseq} INVITE\n\
                 Contact: <sip:1004@{LAMP}>\nRequire: replaces\nReplaces: {replaces}\n{authorization}\
                 Content-Type: application/sdp\nContent-Length: {}\n\n{body}",
                body.len() + body.lines().count()
            )
        };
        lab.sends("lamp", &invite(1, ""));
        lab.run_ms(50);
        let received = lab.received("lamp");
        let challenge = read(received.last().expect("a challenge"));
        lab.sends("lamp", &invite(2, &answer(&challenge, "INVITE", uri)));
        lab.run_ms(100);
        let statuses: Vec<u16> = lab.received("lamp").iter().map(|text| read(text).status()).collect();
        assert!(statuses.contains(&200), "{statuses:?}");
        assert_eq!(lab.status("bob"), Status::Over(487), "the lamp has taken the call");
        assert_eq!(lab.status("alice"), Status::Connected);
    }
}

#[test]
fn a_lamp_of_a_group_blinks_while_it_rings_and_its_number_takes_the_call() {
    let plan = Plan::seeded(9).with(|setup| {
        setup.groups = vec![GroupSetup::new("600", &["1002", "1003"])];
        setup.lines[3].picks_up = vec!["1002".to_owned()];
    });
    let mut lab = plan.build().with_registered(&["alice", "bob", "carol", "dave"]);
    let tag = watch(&mut lab, "600");
    lab.run_ms(1_000);
    lab.call("alice", "600");
    lab.run_ms(1_500);
    let seen = told(&mut lab);
    let dialogs = &seen.last().expect("a NOTIFY").0.dialogs;
    assert_eq!(dialogs.iter().map(|dialog| dialog.phase).collect::<Vec<_>>(), [DialogPhase::Early]);
    lab.call("dave", "**600");
    lab.run_ms(1_500);
    lab.expect_talk("alice", "dave");
    assert_eq!((lab.status("bob"), lab.status("carol")), (Status::Over(487), Status::Over(487)));
    assert!(told(&mut lab).last().expect("a NOTIFY").0.is_idle());
    lab.hang_up("alice");
    lab.run_ms(1_000);
    lab.sends("lamp", &subscribe("600", 3, &tag, 0, ""));
    lab.run_ms(50);
    told(&mut lab);
    lab.nothing_left();
}
