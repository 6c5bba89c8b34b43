//! Fax by T.38: offers that are passed on, and what parts two who fax.

use bytes::Bytes;
use trunkline_media::{Event as MediaEvent, LegStats, Remote};
use trunkline_sip::LegId;
use trunkline_sip::outbox::{Command, Event, Party, Peer};
use trunkline_sip::sdp::{Origin, SessionDescription};

use crate::switch::codecs::CodecList;
use crate::switch::keeping::KEEP_AFTER;
use crate::switch::passing::PASSING;
use crate::switch::rig::{CRM, Rig, USUAL, sdp, sdp_at, setup};
use crate::switch::*;

const ACTIVE: CallState = CallState::Connected(ConnectedMode::Active);
const IMAGE: &str = "m=image 6004 udptl t38\r\na=T38FaxVersion:0\r\n";
/// What 101 means.
const EVENTS: &str = "a=rtpmap:101 telephone-event/8000\r\n";
const REJECTED: &str = "m=audio 0 RTP/AVP 0\r\n";

fn described(sections: &str) -> Box<SessionDescription> {
    let text =
        format!("v=0\r\no=- 1 2 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{sections}");
    Box::new(SessionDescription::parse(&Bytes::from(text)).unwrap())
}

/// 1001 (call 1) talks with the carrier (call 2).
fn talking(rig: &mut Rig) -> (LegId, LegId) {
    let phone = rig.call_in(Peer::Line("1001".into()), "030", Some(USUAL));
    let (carrier, _) = rig.invited();
    rig.answer(carrier, USUAL);
    rig.tell(Event::Established { leg: phone, answer: None });
    rig.commands();
    rig.states(CRM);
    (phone, carrier)
}

fn offer(rig: &mut Rig, leg: LegId, sections: &str) {
    rig.tell(Event::Offer { leg, sdp: Some(described(sections)) });
}

fn answer(rig: &mut Rig, leg: LegId, sections: &str) {
    rig.tell(Event::OfferAnswered { leg, sdp: Some(described(sections)) });
}

/// The two fax.
fn faxing(rig: &mut Rig) -> (LegId, LegId) {
    let (phone, carrier) = talking(rig);
    offer(rig, carrier, IMAGE);
    assert_eq!(rig.commands(), [format!("offer {phone}")]);
    answer(rig, phone, IMAGE);
    assert_eq!(rig.commands(), [format!("answer offer {carrier}")]);
    (phone, carrier)
}

/// The media lines of what a leg was described last, without numbers of ports, and taken off the list.
#[expect(clippy::wildcard_enum_match_arm, reason = "only what describes is asked for")]
fn told(rig: &mut Rig, leg: LegId) -> Vec<String> {
    let found = rig.sip.iter().position(|command| match command {
        Command::Offer(one, _) | Command::AnswerOffer(one, _) => *one == leg,
        _ => false,
    });
    match rig.sip.remove(found.expect("a description")) {
        Command::Offer(_, sdp) | Command::AnswerOffer(_, sdp) => lines(&sdp),
        other => panic!("{other:?}"),
    }
}

fn lines(sdp: &SessionDescription) -> Vec<String> {
    let printed = sdp.print(Origin { id: 1, version: 1 }, "192.0.2.1".parse().unwrap());
    let text = String::from_utf8(printed.to_vec()).unwrap();
    let media = text.lines().filter(|line| line.starts_with("m=") || line.starts_with("a=T38"));
    let without_port = |line: &str| {
        let mut words: Vec<_> = line.split(' ').collect();
        if words.get(1).is_some_and(|port| *port != "0") {
            words.remove(1);
        }
        words.join(" ")
    };
    media.map(without_port).collect()
}

fn are_opaque(rig: &Rig, legs: [LegId; 2]) -> [bool; 2] {
    legs.map(|leg| rig.remotes[&leg].opaque)
}

#[test]
fn an_offer_of_fax_is_passed_on_and_so_is_its_answer() {
    let mut rig = Rig::new();
    let (phone, carrier) = talking(&mut rig);
    offer(&mut rig, phone, &[REJECTED, IMAGE, "a=T38MaxBitRate:14400\r\na=sendrecv\r\n"].concat());
    let asked =
        ["m=audio 0 RTP/AVP 0 8 101", "m=image udptl t38", "a=T38FaxVersion:0", "a=T38MaxBitRate:14400"];
    assert_eq!(told(&mut rig, carrier), asked);
    assert!(rig.commands().is_empty(), "who asked waits");
    assert_eq!(are_opaque(&rig, [phone, carrier]), [false, false]);
    answer(&mut rig, carrier, &[REJECTED, "m=image 7000 udptl t38\r\na=T38MaxBitRate:9600\r\n"].concat());
    assert_eq!(told(&mut rig, phone), ["m=audio 0 RTP/AVP 0", "m=image udptl t38", "a=T38MaxBitRate:9600"]);
    assert_eq!(are_opaque(&rig, [phone, carrier]), [true, true]);
    let Remote { rtp, rtcp, send, receive, .. } = rig.remotes[&carrier];
    assert_eq!((rtp, rtcp), (Some("198.51.100.7:7000".parse().unwrap()), None));
    assert!(send && !receive, "silence is no fault");
    assert_eq!((rig.state(1), rig.state(2)), (ACTIVE, ACTIVE));
    assert_eq!(rig.feeds[&phone], format!("leg {carrier:?}"));
    assert_eq!(rig.feeds[&carrier], format!("leg {phone:?}"));
    rig.pass(PASSING);
    assert!(rig.commands().is_empty());
}

#[test]
fn whatever_the_other_side_refuses_with_the_answer_is_488_and_audio_goes_on() {
    for status in [415, 487, 488, 500, 606] {
        let mut rig = Rig::new();
        let (phone, carrier) = talking(&mut rig);
        let before = rig.remotes.clone();
        offer(&mut rig, phone, IMAGE);
        rig.commands();
        rig.tell(Event::OfferRefused { leg: carrier, status });
        assert_eq!(rig.commands(), [format!("refuse offer 488 {phone}")], "{status}");
        assert_eq!(rig.remotes, before);
        rig.pass(PASSING);
        assert!(rig.commands().is_empty());
        assert_eq!((rig.state(1), rig.state(2)), (ACTIVE, ACTIVE));
    }
}

#[test]
fn who_takes_the_offer_and_rejects_all_of_it_is_described_audio_again() {
    let mut rig = Rig::new();
    let (phone, carrier) = talking(&mut rig);
    offer(&mut rig, phone, &[REJECTED, IMAGE].concat());
    rig.commands();
    answer(&mut rig, carrier, &[REJECTED, "m=image 0 udptl t38\r\n"].concat());
    assert_eq!(told(&mut rig, carrier), ["m=audio RTP/AVP 0 8 101", "m=image 0 udptl t38"]);
    assert_eq!(rig.commands(), [format!("refuse offer 488 {phone}")]);
    answer(&mut rig, carrier, &["m=audio 4000 RTP/AVP 0\r\n", "m=image 0 udptl t38\r\n"].concat());
    assert!(rig.commands().is_empty());
    assert_eq!(are_opaque(&rig, [phone, carrier]), [false, false]);
}

#[test]
fn an_offer_of_both_is_one_of_audio() {
    let mut rig = Rig::new();
    let (phone, _) = talking(&mut rig);
    offer(&mut rig, phone, &["m=audio 4000 RTP/AVP 0 8 101\r\n", EVENTS, IMAGE].concat());
    assert_eq!(told(&mut rig, phone), ["m=audio RTP/AVP 0 8 101", "m=image 0 udptl t38"]);
    assert!(rig.commands().is_empty());
}

#[test]
fn audio_comes_back_by_an_offer_of_either() {
    for first in [0, 1] {
        let mut rig = Rig::new();
        let (phone, carrier) = faxing(&mut rig);
        let (from, to) = if first == 0 { (phone, carrier) } else { (carrier, phone) };
        offer(&mut rig, from, "m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n");
        assert_eq!(told(&mut rig, to), ["m=audio RTP/AVP 8 101"], "in its place");
        assert!(rig.commands().is_empty());
        assert_eq!(are_opaque(&rig, [phone, carrier]), [true, true]);
        answer(&mut rig, to, "m=audio 4000 RTP/AVP 8\r\n");
        assert_eq!(told(&mut rig, from), ["m=audio RTP/AVP 8"]);
        assert_eq!(are_opaque(&rig, [phone, carrier]), [false, false]);
        assert!(rig.remotes[&phone].receive && rig.remotes[&carrier].receive);
    }
}

#[test]
fn a_side_that_does_not_want_audio_keeps_both_in_fax() {
    let mut rig = Rig::new();
    let (phone, carrier) = faxing(&mut rig);
    offer(&mut rig, phone, "m=audio 4000 RTP/AVP 0\r\n");
    rig.commands();
    rig.tell(Event::OfferRefused { leg: carrier, status: 488 });
    assert_eq!(rig.commands(), [format!("refuse offer 488 {phone}")]);
    assert_eq!(are_opaque(&rig, [phone, carrier]), [true, true]);
}

#[test]
fn a_fax_is_refreshed_from_end_to_end() {
    let mut rig = Rig::new();
    let (phone, carrier) = faxing(&mut rig);
    offer(&mut rig, phone, "m=image 6010 udptl t38\r\n");
    assert_eq!(told(&mut rig, carrier), ["m=image udptl t38"]);
    answer(&mut rig, carrier, IMAGE);
    rig.commands();
    assert_eq!(rig.remotes[&phone].rtp, Some("198.51.100.7:6010".parse().unwrap()));
    rig.tell(Event::Offer { leg: phone, sdp: None });
    assert_eq!(
        told(&mut rig, phone),
        ["m=image udptl t38", "a=T38FaxVersion:0"],
        "asked for, it is said again"
    );
    answer(&mut rig, phone, IMAGE);
    assert!(rig.commands().is_empty());
    assert_eq!(are_opaque(&rig, [phone, carrier]), [true, true]);
}

#[test]
fn offers_that_cross_answer_each_other() {
    let mut rig = Rig::new();
    let (phone, carrier) = talking(&mut rig);
    offer(&mut rig, phone, IMAGE);
    rig.commands();
    // Ours met theirs and waits in the agent.
    offer(&mut rig, carrier, &[REJECTED, "m=image 7000 udptl t38\r\na=T38MaxBitRate:9600\r\n"].concat());
    assert_eq!(told(&mut rig, phone), ["m=image udptl t38", "a=T38MaxBitRate:9600"]);
    assert_eq!(told(&mut rig, carrier), ["m=audio 0 RTP/AVP 0", "m=image udptl t38", "a=T38FaxVersion:0"]);
    assert_eq!(are_opaque(&rig, [phone, carrier]), [true, true]);
    answer(&mut rig, carrier, &[REJECTED, IMAGE].concat());
    assert!(rig.commands().is_empty(), "ours, which waited, changes nothing");
    assert_eq!(are_opaque(&rig, [phone, carrier]), [true, true]);
}

#[test]
fn an_offer_of_fax_that_meets_one_of_our_own_is_made_again() {
    let mut rig = Rig::new();
    let (phone, carrier) = talking(&mut rig);
    // The phone knows another codec from here on, which the carrier is offered.
    rig.tell(Event::Offer { leg: phone, sdp: Some(sdp_at("198.51.100.7", 4000, "8", "")) });
    assert_eq!(rig.commands(), [format!("answer offer {phone}"), format!("offer {carrier}")]);
    offer(&mut rig, phone, IMAGE);
    assert_eq!(rig.commands(), [format!("refuse offer 491 {phone}")]);
    answer(&mut rig, carrier, "m=audio 4000 RTP/AVP 8\r\n");
    offer(&mut rig, phone, IMAGE);
    assert_eq!(rig.commands(), [format!("offer {carrier}")]);
    offer(&mut rig, phone, IMAGE);
    assert_eq!(rig.commands(), [format!("refuse offer 491 {phone}")], "one at a time");
}

#[test]
fn what_parts_the_two_brings_each_back_to_audio() {
    let mut rig = Rig::new();
    let (phone, carrier) = faxing(&mut rig);
    rig.request(CRM, Operation::Hold(CallId(1))).unwrap();
    assert_eq!(rig.state(1), CallState::OnHold);
    for leg in [carrier, phone] {
        assert_eq!(told(&mut rig, leg), ["m=audio RTP/AVP 0 8 101"]);
    }
    assert!(rig.commands().is_empty());
    for leg in [carrier, phone] {
        answer(&mut rig, leg, "m=audio 4000 RTP/AVP 0\r\n");
    }
    assert!(rig.commands().is_empty());
    assert_eq!(are_opaque(&rig, [phone, carrier]), [false, false]);
    assert_eq!(rig.feeds[&carrier], "music");
    rig.request(CRM, Operation::Unhold(CallId(1))).unwrap();
    assert_eq!((rig.state(1), rig.feeds[&carrier].clone()), (ACTIVE, format!("leg {phone:?}")));
    assert!(rig.commands().is_empty());
}

#[test]
fn who_refuses_audio_is_asked_again_when_there_is_something_else_to_hear() {
    let mut rig = Rig::new();
    let (phone, carrier) = faxing(&mut rig);
    rig.request(CRM, Operation::Hold(CallId(1))).unwrap();
    rig.commands();
    for leg in [phone, carrier] {
        rig.tell(Event::OfferRefused { leg, status: 488 });
    }
    assert!(rig.commands().is_empty(), "not for the same");
    rig.request(CRM, Operation::Unhold(CallId(1))).unwrap();
    assert!(rig.commands().is_empty(), "they fax");
    assert_eq!(are_opaque(&rig, [phone, carrier]), [true, true]);
    rig.request(CRM, Operation::Hold(CallId(1))).unwrap();
    for leg in [carrier, phone] {
        assert_eq!(told(&mut rig, leg), ["m=audio RTP/AVP 0 8 101"]);
    }
    answer(&mut rig, phone, "m=audio 4000 RTP/AVP 0\r\n");
    rig.tell(Event::OfferRefused { leg: carrier, status: 488 });
    // One of them speaks, so that the other is not left alone in fax.
    rig.request(CRM, Operation::Unhold(CallId(1))).unwrap();
    assert_eq!(told(&mut rig, carrier), ["m=audio RTP/AVP 0 8 101"]);
    answer(&mut rig, carrier, "m=audio 4000 RTP/AVP 0\r\n");
    assert_eq!((are_opaque(&rig, [phone, carrier]), rig.commands().len()), ([false, false], 0));
}

#[test]
fn a_leg_that_faxes_with_nobody_may_refresh_its_session() {
    let mut rig = Rig::new();
    let (phone, carrier) = faxing(&mut rig);
    rig.request(CRM, Operation::Hold(CallId(1))).unwrap();
    rig.commands();
    for leg in [phone, carrier] {
        rig.tell(Event::OfferRefused { leg, status: 488 });
    }
    offer(&mut rig, carrier, "m=image 6020 udptl t38\r\na=T38FaxVersion:0\r\n");
    assert_eq!(told(&mut rig, carrier), ["m=image udptl t38", "a=T38FaxVersion:0"]);
    assert_eq!(rig.remotes[&carrier].rtp, Some("198.51.100.7:6020".parse().unwrap()));
    assert!(rig.commands().is_empty(), "it concerns nobody else");
}

#[test]
fn no_offer_of_no_section_leaves_fax() {
    let mut setup = setup();
    setup.trunks[0].codecs = CodecList::new(["G729".to_owned()]);
    let mut rig = Rig::with(setup);
    let phone = call_to_fax(&mut rig, "030");
    let (carrier, _) = rig.invited();
    let (sdp, connected) = (Some(described(IMAGE)), Party::default());
    rig.tell(Event::Answered { leg: carrier, sdp, is_offer: false, connected });
    rig.tell(Event::Established { leg: phone, answer: None });
    rig.commands();
    rig.request(CRM, Operation::Hold(CallId(1))).unwrap();
    assert_eq!(rig.commands(), [format!("offer {phone}")], "the carrier could say nothing to ours");
}

#[test]
fn a_port_that_moves_while_two_fax_is_described() {
    let mut rig = Rig::new();
    let (phone, carrier) = faxing(&mut rig);
    let (_, ports) = rig.open[&phone];
    rig.tell_media(MediaEvent::OpenFailed { leg: trunkline_media::LegId(phone.0), ports });
    let said = rig.sip.iter().find_map(|command| {
        let Command::Offer(leg, sdp) = command else { return None };
        sdp.media.iter().find(|section| *leg == phone && section.port != 0)
    });
    let section = said.expect("the port is described");
    assert!(
        section.kind == "image" && section.port == rig.open[&phone].1.rtp() && section.port != ports.rtp()
    );
    rig.commands();
    answer(&mut rig, phone, IMAGE);
    assert!(rig.commands().is_empty());
    assert_eq!(are_opaque(&rig, [phone, carrier]), [true, true]);
}

#[test]
fn fax_that_is_asked_for_before_the_ack_may_be_asked_for_again() {
    let mut rig = Rig::new();
    let phone = rig.call_in(Peer::Line("1001".into()), "030", Some(USUAL));
    let (carrier, _) = rig.invited();
    rig.answer(carrier, USUAL);
    rig.commands();
    offer(&mut rig, carrier, IMAGE);
    assert_eq!(rig.commands(), [format!("refuse offer 491 {carrier}")]);
    rig.tell(Event::Established { leg: phone, answer: None });
    rig.commands();
    offer(&mut rig, carrier, IMAGE);
    assert_eq!(rig.commands(), [format!("offer {phone}")]);
}

#[test]
fn the_media_of_a_call_of_fax_say_so() {
    let mut rig = Rig::new();
    let (phone, _) = faxing(&mut rig);
    let stats = LegStats { datagrams_received: 7, datagrams_sent: 9, ..LegStats::default() };
    rig.tell_media(MediaEvent::Stats { leg: trunkline_media::LegId(phone.0), stats });
    let media = rig.switch.call(CRM, CallId(1)).unwrap().media.unwrap();
    assert_eq!(media.codec, Some("image/t38"));
    assert_eq!((media.received.packets, media.sent.packets), (7, 9));
    assert_eq!((media.received.mos_x100, media.sent.mos_x100), (None, None));
}

#[test]
fn an_offer_that_waits_is_refused_when_the_two_are_parted() {
    let mut rig = Rig::new();
    let (phone, carrier) = talking(&mut rig);
    offer(&mut rig, phone, IMAGE);
    rig.commands();
    rig.request(CRM, Operation::Hold(CallId(1))).unwrap();
    assert_eq!(rig.commands(), [format!("refuse offer 488 {phone}")]);
    answer(&mut rig, carrier, IMAGE);
    assert_eq!(told(&mut rig, carrier), ["m=audio RTP/AVP 0 8 101"]);
    answer(&mut rig, carrier, "m=audio 4000 RTP/AVP 0\r\n");
    assert_eq!(are_opaque(&rig, [phone, carrier]), [false, false]);
    offer(&mut rig, phone, IMAGE);
    assert_eq!(rig.commands(), [format!("refuse offer 488 {phone}")], "nobody is there for it");
}

#[test]
fn a_side_that_says_nothing_has_refused() {
    let mut rig = Rig::new();
    let (phone, carrier) = talking(&mut rig);
    offer(&mut rig, phone, IMAGE);
    rig.commands();
    rig.pass(PASSING);
    assert_eq!(rig.commands(), [format!("refuse offer 488 {phone}")]);
    answer(&mut rig, carrier, IMAGE);
    assert_eq!(told(&mut rig, carrier), ["m=audio RTP/AVP 0 8 101"], "too late");
    assert!(rig.commands().is_empty());
}

#[test]
fn either_may_hang_up_while_an_offer_waits() {
    for hangs_up in [0, 1] {
        let mut rig = Rig::new();
        let (phone, carrier) = talking(&mut rig);
        let legs = [phone, carrier];
        offer(&mut rig, phone, IMAGE);
        rig.commands();
        rig.hang_up(legs[hangs_up]);
        assert_eq!(rig.commands(), [format!("end {}", legs[1 - hangs_up])]);
        rig.assert_quiet();
    }
}

#[test]
fn who_is_sealed_or_is_to_be_sealed_has_no_fax() {
    let keys = "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 \
                inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n";
    for (policy, offered) in [(SrtpPolicy::Accept, keys), (SrtpPolicy::Required, keys)] {
        let mut setup = setup();
        setup.lines[0].srtp = policy;
        let mut rig = Rig::with(setup);
        let mut call = rig.incoming(Peer::Line("1001".into()), "030", Some(USUAL));
        call.offer = Some(described(offered));
        let phone = LegId::new(1, 1 << 47);
        rig.tell(Event::Incoming(phone, call));
        let (carrier, _) = rig.invited();
        rig.answer(carrier, "0");
        rig.tell(Event::Established { leg: phone, answer: None });
        rig.commands();
        for leg in [phone, carrier] {
            offer(&mut rig, leg, IMAGE);
            assert_eq!(rig.commands(), [format!("refuse offer 488 {leg}")], "{policy:?}");
        }
        let mut call = rig.incoming(Peer::Line("1001".into()), "030", Some(USUAL));
        call.offer = Some(described(IMAGE));
        let other = LegId::new(1, (1 << 47) | 5);
        rig.tell(Event::Incoming(other, call));
        let refused = rig.commands().contains(&format!("reject 488 {other}"));
        assert_eq!(refused, policy == SrtpPolicy::Required, "a call of fax from the start");
    }
}

/// 1001 calls this number with an offer of fax and nothing else.
fn call_to_fax(rig: &mut Rig, dialled: &str) -> LegId {
    let mut call = rig.incoming(Peer::Line("1001".into()), dialled, Some(USUAL));
    call.offer = Some(described(IMAGE));
    let leg = LegId::new(1, (1 << 47) | 77);
    rig.tell(Event::Incoming(leg, call));
    leg
}

#[test]
#[expect(clippy::wildcard_enum_match_arm, reason = "only the answer is looked for")]
fn a_call_of_fax_from_the_start_is_one() {
    let mut rig = Rig::new();
    let phone = call_to_fax(&mut rig, "030");
    let (carrier, invite) = rig.invited();
    assert_eq!(lines(&invite.offer.unwrap()), ["m=image udptl t38", "a=T38FaxVersion:0"]);
    let (sdp, connected) = (Some(described(IMAGE)), Party::default());
    rig.tell(Event::Answered { leg: carrier, sdp, is_offer: false, connected });
    let said = rig.sip.iter().find_map(|command| match command {
        Command::Answer(_, Some(sdp)) => Some(lines(sdp)),
        _ => None,
    });
    assert_eq!(said.unwrap(), ["m=image udptl t38", "a=T38FaxVersion:0"]);
    assert_eq!(rig.commands(), [format!("answer {phone}")], "nobody is asked for speech");
    rig.tell(Event::Established { leg: phone, answer: None });
    assert!(rig.commands().is_empty());
    assert_eq!(are_opaque(&rig, [phone, carrier]), [true, true]);
    offer(&mut rig, carrier, "m=audio 4000 RTP/AVP 0\r\n");
    assert_eq!(told(&mut rig, phone), ["m=audio RTP/AVP 0"]);
    answer(&mut rig, phone, "m=audio 4000 RTP/AVP 0\r\n");
    rig.commands();
    assert_eq!(are_opaque(&rig, [phone, carrier]), [false, false]);
    rig.hang_up(phone);
    rig.commands();
    rig.assert_quiet();
}

#[test]
fn a_call_of_fax_to_who_has_none_fails() {
    // The line's media ends in the engine; the carrier answers with audio.
    for (dialled, answers) in [("1003", false), ("030", true)] {
        let mut rig = Rig::new();
        let phone = call_to_fax(&mut rig, dialled);
        if answers {
            let (carrier, _) = rig.invited();
            rig.answer(carrier, USUAL);
        } else {
            let offered = rig.switch.calls(CRM).into_iter().find(|call| &*call.line == "1003").unwrap();
            let _ = rig.ask(CRM, Operation::Answer(offered.id, None));
        }
        let refused = format!("reject 488 {phone}");
        assert!(rig.commands().contains(&refused), "{dialled}");
    }
}

#[test]
fn who_is_sent_elsewhere_while_he_faxes_goes_there_with_speech() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let (phone, carrier) = faxing(&mut rig);
    rig.request(CRM, Operation::BlindTransfer { call: CallId(1), to: "1002".to_owned() }).unwrap();
    let (_, invite) = rig.invited();
    assert_eq!(lines(&invite.offer.unwrap()), ["m=audio RTP/AVP 0 8 101"]);
    assert_eq!(told(&mut rig, carrier), ["m=audio RTP/AVP 0 8 101"]);
    assert!(!rig.commands().contains(&format!("offer {phone}")), "it has left");
}

#[test]
fn two_who_fax_go_on_after_a_restart() {
    let mut rig = Rig::new();
    rig.switch.keep_calls();
    let (phone, carrier) = faxing(&mut rig);
    rig.pass(KEEP_AFTER);
    let before = rig.remotes.clone();
    rig.restart(&[phone, carrier]);
    assert_eq!(rig.remotes, before);
    assert!(rig.commands().is_empty());
    rig.request(CRM, Operation::Hold(CallId(1))).unwrap();
    for leg in [carrier, phone] {
        assert_eq!(
            told(&mut rig, leg).last().unwrap(),
            "m=audio RTP/AVP 0 8 101",
            "what we spoke is forgotten"
        );
    }
}

#[test]
fn an_offer_of_what_cannot_be_passed_on_is_refused() {
    let mut rig = Rig::new();
    let (phone, _) = talking(&mut rig);
    let too_much = ["m=image 6004 udptl t38\r\n".to_owned(), "a=T38FaxVersion:0\r\n".repeat(33)].concat();
    for sections in ["m=image 6004 tcp t38\r\n", "m=video 6004 RTP/AVP 99\r\n", &too_much] {
        offer(&mut rig, phone, sections);
        assert_eq!(rig.commands(), [format!("refuse offer 488 {phone}")], "{sections}");
    }
    // Nor while the other side holds.
    rig.tell(Event::Offer { leg: phone, sdp: Some(sdp(USUAL)) });
    rig.commands();
    rig.request(CRM, Operation::Hold(CallId(2))).unwrap();
    rig.commands();
    offer(&mut rig, phone, IMAGE);
    assert_eq!(rig.commands(), [format!("refuse offer 488 {phone}")]);
}

#[test]
fn an_offer_of_fax_that_is_taken_back_changes_nothing_whatever_the_other_side_says_then() {
    let mut rig = Rig::new();
    let (phone, carrier) = talking(&mut rig);
    offer(&mut rig, phone, IMAGE);
    assert_eq!(rig.commands(), [format!("offer {carrier}")]);
    rig.tell(Event::OfferWithdrawn { leg: phone });
    assert!(rig.commands().is_empty(), "the agent has answered 487");
    answer(&mut rig, carrier, IMAGE);
    assert_eq!(rig.commands(), [format!("offer {carrier}")], "it is led back to speech");
    assert!(!are_opaque(&rig, [phone, carrier])[0]);
    answer(&mut rig, carrier, "m=audio 4000 RTP/AVP 0\r\n");
    assert_eq!(are_opaque(&rig, [phone, carrier]), [false, false]);
    rig.pass(PASSING);
    assert!(rig.commands().is_empty());
    rig.switch.assert_fax();
}

#[test]
fn speech_is_no_answer_to_an_offer_of_fax() {
    let mut rig = Rig::new();
    let (phone, carrier) = talking(&mut rig);
    let before = rig.remotes.clone();
    offer(&mut rig, phone, IMAGE);
    rig.commands();
    answer(&mut rig, carrier, "m=audio 4000 RTP/AVP 0\r\n");
    let said = rig.commands();
    assert!(said.contains(&format!("refuse offer 488 {phone}")), "{said:?}");
    assert!(said.contains(&format!("offer {carrier}")), "it is told once more what holds: {said:?}");
    assert_eq!(rig.remotes, before);
}
