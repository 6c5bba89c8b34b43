//! Video and text beside audio: what is passed on, what is refused, and what ends it.

use bytes::Bytes;
use trunkline_media::{Event as MediaEvent, LegStats};
use trunkline_sip::LegId;
use trunkline_sip::outbox::{Command, Event, Party, Peer};
use trunkline_sip::sdp::{Origin, SessionDescription};

use crate::switch::keeping::KEEP_AFTER;
use crate::switch::passing::PASSING;
use crate::switch::rig::{CRM, Rig, setup};
use crate::switch::streams::StreamKind::{self, Text, Video};
use crate::switch::*;

const AUDIO: &str = "m=audio 4000 RTP/AVP 0\r\n";
const VIDEO: &str = "m=video 4002 RTP/AVP 97\r\nb=AS:512\r\na=rtpmap:97 H264/90000\r\n\
                     a=fmtp:97 profile-level-id=42e01f\r\na=rtcp-fb:97 nack pli\r\n";
const TEXT: &str =
    "m=text 4004 RTP/AVP 98 100\r\na=rtpmap:98 t140/1000\r\na=rtpmap:100 red/1000\r\na=fmtp:100 98/98/98\r\n";
const NO_VIDEO: &str = "m=video 0 RTP/AVP 97\r\n";

fn described(sections: &[&str]) -> Box<SessionDescription> {
    let head = "v=0\r\no=- 1 2 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n";
    let text = [&[head], sections].concat().concat();
    Box::new(SessionDescription::parse(&Bytes::from(text)).unwrap())
}

/// Everything from the first media line on, the numbers of ports as `PORT`.
fn text(sdp: &SessionDescription) -> String {
    let printed = sdp.print(Origin { id: 1, version: 1 }, "192.0.2.1".parse().unwrap());
    let text = String::from_utf8(printed.to_vec()).unwrap();
    let lines = text.lines().skip_while(|line| !line.starts_with("m="));
    let lines = lines.map(|line| {
        let mut words: Vec<_> = line.split(' ').collect();
        if line.starts_with("m=") && words[1] != "0" {
            words[1] = "PORT";
        }
        words.join(" ")
    });
    lines.collect::<Vec<_>>().join("|")
}

/// Only its media lines, and directions.
fn lines(sdp: &SessionDescription) -> String {
    let text = text(sdp);
    let kept = text.split('|').filter(|line| {
        line.starts_with("m=") || ["a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"].contains(line)
    });
    kept.collect::<Vec<_>>().join("|")
}

/// What a leg was told last in answer or offer, taken off the list.
#[expect(clippy::wildcard_enum_match_arm, reason = "only what describes is asked for")]
fn told(rig: &mut Rig, leg: LegId) -> Box<SessionDescription> {
    let found = rig.sip.iter().position(|command| match command {
        Command::Offer(one, _) | Command::AnswerOffer(one, _) | Command::Answer(one, Some(_)) => *one == leg,
        _ => false,
    });
    match rig.sip.remove(found.expect("a description")) {
        Command::Offer(_, sdp) | Command::AnswerOffer(_, sdp) | Command::Answer(_, Some(sdp)) => sdp,
        other => panic!("{other:?}"),
    }
}

fn offer(rig: &mut Rig, leg: LegId, sections: &[&str]) {
    rig.tell(Event::Offer { leg, sdp: Some(described(sections)) });
}

fn answer(rig: &mut Rig, leg: LegId, sections: &[&str]) {
    rig.tell(Event::OfferAnswered { leg, sdp: Some(described(sections)) });
}

/// 1001 calls the carrier with these sections; what the carrier is offered.
fn calling(rig: &mut Rig, sections: &[&str]) -> (LegId, LegId, Box<SessionDescription>) {
    let mut call = rig.incoming(Peer::Line("1001".into()), "030", None);
    call.offer = Some(described(sections));
    let phone = LegId::new(1, 1 << 47);
    rig.tell(Event::Incoming(phone, call));
    let (carrier, invite) = rig.invited();
    (phone, carrier, invite.offer.unwrap())
}

/// The carrier answers with these sections; what 1001 is answered.
fn answered(rig: &mut Rig, (phone, carrier): (LegId, LegId), sections: &[&str]) -> Box<SessionDescription> {
    let (sdp, connected) = (Some(described(sections)), Party::default());
    rig.tell(Event::Answered { leg: carrier, sdp, is_offer: false, connected });
    let said = told(rig, phone);
    rig.tell(Event::Established { leg: phone, answer: None });
    said
}

/// 1001 (call 1) and the carrier (call 2) talk, and have these sections beside audio.
fn talking_with(rig: &mut Rig, beside: &[&str]) -> (LegId, LegId) {
    let sections = [&[AUDIO], beside].concat();
    let (phone, carrier, _) = calling(rig, &sections);
    answered(rig, (phone, carrier), &sections);
    rig.commands();
    (phone, carrier)
}

fn has(rig: &Rig, legs: [LegId; 2], kind: StreamKind) -> [bool; 2] {
    legs.map(|leg| rig.open.contains_key(&kind.media_leg(leg)))
}

/// What is seen on the two legs.
fn seen(rig: &Rig, legs: [LegId; 2], kind: StreamKind) -> [String; 2] {
    legs.map(|leg| rig.feeds.get(&kind.media_leg(leg)).cloned().unwrap_or_default())
}

fn each_other((phone, carrier): (LegId, LegId), kind: StreamKind) -> [String; 2] {
    [carrier, phone].map(|leg| format!("leg {:?}", kind.media_leg(leg)))
}

#[test]
fn video_and_text_are_offered_to_the_other_side_and_come_back_as_it_answers() {
    let mut rig = Rig::new();
    let (phone, carrier, offered) = calling(&mut rig, &[AUDIO, VIDEO, "a=recvonly\r\n", TEXT]);
    assert_eq!(
        text(&offered),
        "m=audio PORT RTP/AVP 0|m=video PORT RTP/AVP 97|b=AS:512|a=rtpmap:97 H264/90000|\
         a=fmtp:97 profile-level-id=42e01f|a=rtcp-fb:97 nack pli|a=recvonly|\
         m=text PORT RTP/AVP 98 100|a=rtpmap:98 t140/1000|a=rtpmap:100 red/1000|a=fmtp:100 98/98/98"
    );
    let theirs = [
        "m=audio 5000 RTP/AVP 0\r\n",
        "m=video 5002 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n",
        "a=sendrecv\r\n",
        "m=text 5004 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\n",
    ];
    let said = answered(&mut rig, (phone, carrier), &theirs);
    assert_eq!(
        text(&said),
        "m=audio PORT RTP/AVP 0|a=sendrecv|m=video PORT RTP/AVP 97|a=rtpmap:97 H264/90000|a=sendonly|\
         m=text PORT RTP/AVP 98|a=rtpmap:98 t140/1000|a=sendrecv"
    );
    let ports: BTreeSet<u16> = said.media.iter().chain(&offered.media).map(|section| section.port).collect();
    assert_eq!((ports.len(), rig.open.len()), (6, 6), "each section of each leg has its own");
    for (kind, port) in [(Video, 5002), (Text, 5004)] {
        let remote = rig.remotes[&kind.media_leg(carrier)];
        assert_eq!(remote.rtp, Some(([198, 51, 100, 7], port).into()));
        assert_eq!(remote.rtcp, Some(([198, 51, 100, 7], port + 1).into()));
        assert!(remote.sealed && remote.send && !remote.receive && !remote.opaque);
        assert_eq!(seen(&rig, [phone, carrier], kind), each_other((phone, carrier), kind));
    }
    assert!(rig.remotes[&Video.media_leg(carrier)].payload_types.contains(97));
    assert!(!rig.remotes[&phone].sealed, "speech is as ever");
    assert!(rig.remotes[&Video.media_leg(phone)].send);
    rig.hang_up(phone);
    rig.commands();
    rig.assert_quiet();
}

#[test]
fn what_the_far_end_refuses_is_refused_and_its_ports_come_back() {
    let mut rig = Rig::new();
    let (phone, carrier, _) = calling(&mut rig, &[AUDIO, VIDEO, TEXT]);
    assert_eq!(rig.open.len(), 4, "those of who calls are opened with the answer");
    let said = answered(&mut rig, (phone, carrier), &[AUDIO, NO_VIDEO, TEXT]);
    assert_eq!(
        lines(&said),
        "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97|m=text PORT RTP/AVP 98 100|a=sendrecv"
    );
    assert_eq!(has(&rig, [phone, carrier], Video), [false, false]);
    assert_eq!(has(&rig, [phone, carrier], Text), [true, true]);
    assert!(rig.commands().is_empty());
    let mut rig = Rig::new();
    let (phone, carrier, _) = calling(&mut rig, &[AUDIO, VIDEO]);
    answered(&mut rig, (phone, carrier), &[AUDIO]);
    assert_eq!(rig.open.len(), 2);
}

#[test]
fn of_each_kind_one_section_is_relayed_and_no_other_kind() {
    let mut rig = Rig::new();
    let more = "m=application 4008 UDP/BFCP *\r\n";
    let sealed = "m=video 4010 RTP/SAVP 97\r\na=rtpmap:97 H264/90000\r\n";
    let (_, _, offered) = calling(&mut rig, &[AUDIO, sealed, VIDEO, VIDEO, more]);
    assert_eq!(
        lines(&offered),
        "m=audio PORT RTP/AVP 0|m=video 0 RTP/AVP 97|m=video PORT RTP/AVP 97|m=video 0 RTP/AVP 97|m=application 0 UDP/BFCP *"
    );
    assert_eq!(rig.open.len(), 3);
}

#[test]
fn video_that_is_added_is_asked_of_the_other_side_first() {
    for adds in [0, 1] {
        let mut rig = Rig::new();
        let (phone, carrier) = talking_with(&mut rig, &[]);
        let (from, to) = if adds == 0 { (phone, carrier) } else { (carrier, phone) };
        offer(&mut rig, from, &[AUDIO, VIDEO]);
        assert_eq!(
            lines(&told(&mut rig, to)),
            "m=audio PORT RTP/AVP 0|a=sendrecv|m=video PORT RTP/AVP 97|a=sendrecv"
        );
        assert!(rig.commands().is_empty(), "who asked waits");
        answer(&mut rig, to, &[AUDIO, VIDEO, "a=sendonly\r\n"]);
        assert_eq!(
            lines(&told(&mut rig, from)),
            "m=audio PORT RTP/AVP 0|a=sendrecv|m=video PORT RTP/AVP 97|a=sendonly"
        );
        assert!(rig.commands().is_empty());
        assert_eq!(seen(&rig, [phone, carrier], Video), each_other((phone, carrier), Video));
        // It is refreshed without the other side, and taken away again with it.
        offer(&mut rig, from, &[AUDIO, VIDEO]);
        assert_eq!(rig.commands(), [format!("answer offer {from}")]);
        offer(&mut rig, from, &[AUDIO, NO_VIDEO]);
        assert_eq!(lines(&told(&mut rig, from)), "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97");
        assert_eq!(lines(&told(&mut rig, to)), "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97");
        answer(&mut rig, to, &[AUDIO, NO_VIDEO]);
        assert_eq!((rig.open.len(), rig.commands().len()), (2, 0));
        rig.hang_up(to);
        rig.commands();
        rig.assert_quiet();
    }
}

#[test]
fn video_that_the_other_side_does_not_take_is_not_added() {
    for silent in [false, true] {
        let mut rig = Rig::new();
        let (phone, carrier) = talking_with(&mut rig, &[]);
        offer(&mut rig, phone, &[AUDIO, VIDEO]);
        rig.commands();
        if silent {
            rig.pass(PASSING);
        } else {
            rig.tell(Event::OfferRefused { leg: carrier, status: 488 });
        }
        assert_eq!(lines(&told(&mut rig, phone)), "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97");
        if silent {
            answer(&mut rig, carrier, &[AUDIO, VIDEO]);
            assert_eq!(
                lines(&told(&mut rig, carrier)),
                "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97",
                "too late"
            );
            rig.tell(Event::OfferRefused { leg: carrier, status: 488 });
        }
        assert!(rig.commands().is_empty());
        assert_eq!(rig.open.len(), 2);
        // A refresh says the same again.
        offer(&mut rig, phone, &[AUDIO, VIDEO]);
        assert_eq!(lines(&told(&mut rig, phone)), "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97");
        // Who has taken it away may ask again.
        offer(&mut rig, phone, &[AUDIO, NO_VIDEO]);
        assert_eq!(rig.commands(), [format!("answer offer {phone}")]);
        offer(&mut rig, phone, &[AUDIO, VIDEO]);
        assert_eq!(rig.commands(), [format!("offer {carrier}")]);
        answer(&mut rig, carrier, &[AUDIO, NO_VIDEO]);
        assert_eq!(lines(&told(&mut rig, phone)), "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97");
        assert_eq!((rig.open.len(), rig.commands().len()), (2, 0));
    }
}

#[test]
fn a_direction_of_video_is_said_to_the_other_side() {
    let mut rig = Rig::new();
    let (phone, carrier) = talking_with(&mut rig, &[VIDEO]);
    offer(&mut rig, phone, &[AUDIO, VIDEO, "a=recvonly\r\n"]);
    assert_eq!(
        lines(&told(&mut rig, carrier)),
        "m=audio PORT RTP/AVP 0|a=sendrecv|m=video PORT RTP/AVP 97|a=recvonly"
    );
    answer(&mut rig, carrier, &[AUDIO, VIDEO, "a=sendonly\r\n"]);
    assert_eq!(
        lines(&told(&mut rig, phone)),
        "m=audio PORT RTP/AVP 0|a=sendrecv|m=video PORT RTP/AVP 97|a=sendonly"
    );
    assert!(!rig.remotes[&Video.media_leg(carrier)].send, "it is not shown anything");
    assert!(rig.remotes[&Video.media_leg(phone)].send);
    offer(&mut rig, phone, &[AUDIO, VIDEO]);
    assert_eq!(
        lines(&told(&mut rig, carrier)),
        "m=audio PORT RTP/AVP 0|a=sendrecv|m=video PORT RTP/AVP 97|a=sendrecv"
    );
    answer(&mut rig, carrier, &[AUDIO, VIDEO]);
    rig.commands();
    assert!(rig.remotes[&Video.media_leg(carrier)].send);
}

#[test]
fn a_phone_that_holds_holds_all_and_nobody_is_asked() {
    let mut rig = Rig::new();
    let (phone, carrier) = talking_with(&mut rig, &[VIDEO]);
    offer(&mut rig, phone, &[AUDIO, "a=sendonly\r\n", VIDEO, "a=inactive\r\n"]);
    assert_eq!(
        lines(&told(&mut rig, phone)),
        "m=audio PORT RTP/AVP 0|a=recvonly|m=video PORT RTP/AVP 97|a=inactive"
    );
    assert!(rig.commands().is_empty());
    assert_eq!(seen(&rig, [phone, carrier], Video), ["nothing", "nothing"]);
    assert_eq!(rig.feeds[&carrier], "music");
    offer(&mut rig, phone, &[AUDIO, VIDEO]);
    assert_eq!(
        lines(&told(&mut rig, phone)),
        "m=audio PORT RTP/AVP 0|a=sendrecv|m=video PORT RTP/AVP 97|a=sendrecv"
    );
    assert!(rig.commands().is_empty());
    assert_eq!(seen(&rig, [phone, carrier], Video), each_other((phone, carrier), Video));
    rig.request(CRM, Operation::Hold(CallId(1))).unwrap();
    assert_eq!(seen(&rig, [phone, carrier], Video), ["nothing", "nothing"]);
    rig.request(CRM, Operation::Unhold(CallId(1))).unwrap();
    assert_eq!(seen(&rig, [phone, carrier], Video), each_other((phone, carrier), Video));
    assert!(rig.commands().is_empty());
}

#[test]
fn offers_that_cross_are_made_again() {
    let mut rig = Rig::new();
    let (phone, carrier) = talking_with(&mut rig, &[]);
    offer(&mut rig, phone, &[AUDIO, VIDEO]);
    rig.commands();
    offer(&mut rig, carrier, &[AUDIO, VIDEO]);
    assert_eq!(rig.commands(), [format!("refuse offer 491 {carrier}")]);
    offer(&mut rig, phone, &[AUDIO, VIDEO]);
    assert_eq!(rig.commands(), [format!("refuse offer 491 {phone}")], "one at a time");
    answer(&mut rig, carrier, &[AUDIO, VIDEO]);
    assert_eq!(rig.commands(), [format!("answer offer {phone}")]);
}

#[test]
fn who_asks_and_is_parted_meanwhile_goes_on_with_audio() {
    let mut rig = Rig::new();
    let (phone, carrier) = talking_with(&mut rig, &[]);
    offer(&mut rig, phone, &[AUDIO, VIDEO]);
    rig.commands();
    rig.request(CRM, Operation::Hold(CallId(1))).unwrap();
    assert_eq!(lines(&told(&mut rig, phone)), "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97");
    answer(&mut rig, carrier, &[AUDIO, VIDEO]);
    assert_eq!(lines(&told(&mut rig, carrier)), "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97");
    answer(&mut rig, carrier, &[AUDIO, NO_VIDEO]);
    assert_eq!((rig.open.len(), rig.commands().len()), (2, 0));
}

#[test]
fn either_may_hang_up_while_video_is_asked_for() {
    for hangs_up in [0, 1] {
        let mut rig = Rig::new();
        let (phone, carrier) = talking_with(&mut rig, &[TEXT]);
        let legs = [phone, carrier];
        offer(&mut rig, phone, &[AUDIO, TEXT, VIDEO]);
        rig.commands();
        rig.hang_up(legs[hangs_up]);
        rig.commands();
        rig.assert_quiet();
    }
}

#[test]
fn a_transfer_to_somebody_without_video_ends_it() {
    for takes in [false, true] {
        let mut rig = Rig::new();
        rig.register("1002", "sip:1002@10.0.0.9", 1000);
        let (_, carrier) = talking_with(&mut rig, &[VIDEO]);
        rig.request(CRM, Operation::BlindTransfer { call: CallId(1), to: "1002".to_owned() }).unwrap();
        let (third, invite) = rig.invited();
        assert_eq!(lines(&invite.offer.unwrap()), "m=audio PORT RTP/AVP 0|m=video PORT RTP/AVP 97");
        rig.commands();
        assert_eq!(has(&rig, [carrier, third], Video), [true, true], "it is not known yet");
        let theirs = if takes { described(&[AUDIO, VIDEO]) } else { described(&[AUDIO, NO_VIDEO]) };
        let connected = Party::default();
        rig.tell(Event::Answered { leg: third, sdp: Some(theirs), is_offer: false, connected });
        if takes {
            assert_eq!(seen(&rig, [carrier, third], Video), each_other((carrier, third), Video));
        } else {
            assert_eq!(
                lines(&told(&mut rig, carrier)),
                "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97"
            );
            answer(&mut rig, carrier, &[AUDIO, NO_VIDEO]);
            assert_eq!(has(&rig, [carrier, third], Video), [false, false]);
        }
        assert!(!rig.commands().iter().any(|command| command.starts_with("offer")), "{takes}");
    }
}

#[test]
fn two_who_number_their_video_differently_have_none() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let (_, carrier) = talking_with(&mut rig, &[VIDEO]);
    rig.request(CRM, Operation::BlindTransfer { call: CallId(1), to: "1002".to_owned() }).unwrap();
    let (third, _) = rig.invited();
    rig.commands();
    let sdp = Some(described(&[AUDIO, "m=video 5002 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n"]));
    rig.tell(Event::Answered { leg: third, sdp, is_offer: false, connected: Party::default() });
    // One after the other.
    for _ in 0..2 {
        let offered =
            |leg| rig.sip.iter().any(|command| matches!(command, Command::Offer(one, _) if *one == leg));
        let leg = [third, carrier].into_iter().find(|leg| offered(*leg)).expect("one of them is asked");
        assert_eq!(lines(&told(&mut rig, leg)), "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97");
        answer(&mut rig, leg, &[AUDIO, NO_VIDEO]);
    }
    assert_eq!((has(&rig, [carrier, third], Video), rig.commands().len()), ([false, false], 1));
}

#[test]
fn a_park_ends_it() {
    let mut rig = Rig::new();
    let (_, carrier) = talking_with(&mut rig, &[VIDEO, TEXT]);
    rig.request(CRM, Operation::Park { call: CallId(1), to: None }).unwrap();
    let none = "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97|m=text 0 RTP/AVP 98 100";
    assert_eq!(lines(&told(&mut rig, carrier)), none);
    // Who refuses that has nothing for us all the same, and is not asked again.
    rig.tell(Event::OfferRefused { leg: carrier, status: 488 });
    rig.commands();
    assert_eq!(rig.open.len(), 1);
}

#[test]
fn a_fax_ends_it() {
    let mut rig = Rig::new();
    let (phone, carrier) = talking_with(&mut rig, &[VIDEO]);
    let fax = ["m=audio 0 RTP/AVP 0\r\n", NO_VIDEO, "m=image 6004 udptl t38\r\n"];
    offer(&mut rig, carrier, &fax);
    assert_eq!(
        lines(&told(&mut rig, phone)),
        "m=audio 0 RTP/AVP 0|m=video 0 RTP/AVP 97|m=image PORT udptl t38"
    );
    answer(&mut rig, phone, &fax);
    assert_eq!((rig.commands().len(), rig.open.len()), (1, 2));
    assert!(rig.remotes[&phone].opaque && rig.remotes[&carrier].opaque);
}

#[test]
fn who_has_no_video_by_configuration_or_has_or_wants_keys_has_none() {
    let policies: [fn(&mut Setup); 6] = [
        |setup| setup.lines[0].video = false,
        |setup| setup.trunks[0].video = false,
        |setup| setup.lines[0].srtp = SrtpPolicy::Required,
        |setup| setup.trunks[0].srtp = SrtpPolicy::Dtls,
        |setup| setup.lines[0].srtp = SrtpPolicy::Accept,
        // Keys are offered to it.
        |setup| setup.trunks[0].srtp = SrtpPolicy::Optional,
    ];
    for (number, policy) in policies.into_iter().enumerate() {
        let mut setup = setup();
        policy(&mut setup);
        let mut rig = Rig::with(setup);
        rig.switch.set_fingerprint([9; 32]);
        let sealed = "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 \
                      inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n";
        let audio = if [2, 4].contains(&number) { sealed } else { AUDIO };
        let (_, _, offered) = calling(&mut rig, &[audio, VIDEO]);
        assert!(lines(&offered).ends_with("|m=video 0 RTP/AVP 97"), "{number}: {}", lines(&offered));
        assert_eq!(rig.open.len(), 2);
    }
}

#[test]
fn a_carrier_that_may_have_none_is_not_asked_for_it() {
    let mut setup = setup();
    setup.trunks[0].video = false;
    let mut rig = Rig::with(setup);
    let (phone, _) = talking_with(&mut rig, &[]);
    offer(&mut rig, phone, &[AUDIO, VIDEO]);
    assert_eq!(lines(&told(&mut rig, phone)), "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97");
    assert_eq!((rig.commands().len(), rig.open.len()), (0, 2));
}

#[test]
fn a_call_for_which_ports_are_short_is_one_of_audio() {
    let mut setup = setup();
    setup.media.ports = 20_000..=20_005;
    let mut rig = Rig::with(setup);
    let (phone, carrier, offered) = calling(&mut rig, &[AUDIO, VIDEO, TEXT]);
    assert_eq!(lines(&offered), "m=audio PORT RTP/AVP 0|m=video PORT RTP/AVP 97|m=text 0 RTP/AVP 98 100");
    let said = answered(&mut rig, (phone, carrier), &[AUDIO, VIDEO, "m=text 0 RTP/AVP 98\r\n"]);
    assert_eq!(
        lines(&said),
        "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97|m=text 0 RTP/AVP 98 100"
    );
    // The carrier has some and nobody to send it to.
    assert_eq!(
        lines(&told(&mut rig, carrier)),
        "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97|m=text 0 RTP/AVP 98 100"
    );
    answer(&mut rig, carrier, &[AUDIO, NO_VIDEO]);
    assert_eq!(rig.open.len(), 2);
}

#[test]
fn ports_that_cannot_be_bound_are_described_anew_or_given_up() {
    let mut rig = Rig::new();
    let (phone, carrier) = talking_with(&mut rig, &[VIDEO]);
    let stream = Video.media_leg(phone);
    let failed = |rig: &mut Rig| {
        let (_, ports) = rig.open[&stream];
        rig.tell_media(MediaEvent::OpenFailed { leg: trunkline_media::LegId(stream.0), ports });
        ports.rtp()
    };
    let before = failed(&mut rig);
    let moved = told(&mut rig, phone);
    assert_eq!(lines(&moved), "m=audio PORT RTP/AVP 0|a=sendrecv|m=video PORT RTP/AVP 97|a=sendrecv");
    assert!(moved.media[1].port != before);
    answer(&mut rig, phone, &[AUDIO, VIDEO]);
    assert!(rig.commands().is_empty());
    failed(&mut rig);
    rig.open.remove(&stream);
    assert_eq!(lines(&told(&mut rig, phone)), "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97");
    answer(&mut rig, phone, &[AUDIO, NO_VIDEO]);
    assert_eq!(lines(&told(&mut rig, carrier)), "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97");
    answer(&mut rig, carrier, &[AUDIO, NO_VIDEO]);
    assert_eq!((rig.open.len(), rig.commands().len()), (2, 0));
    rig.hang_up(phone);
    rig.commands();
    rig.assert_quiet();
}

#[test]
fn after_a_restart_the_call_goes_on_without_it() {
    let mut rig = Rig::new();
    rig.switch.keep_calls();
    let (phone, carrier) = talking_with(&mut rig, &[VIDEO]);
    rig.pass(KEEP_AFTER);
    rig.restart(&[phone, carrier]);
    for leg in [phone, carrier] {
        assert_eq!(lines(&told(&mut rig, leg)), "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97");
        answer(&mut rig, leg, &[AUDIO, NO_VIDEO]);
    }
    assert_eq!((rig.open.len(), rig.commands().len()), (2, 0));
}

#[test]
fn what_nobody_was_offered_is_not_passed_on() {
    let mut rig = Rig::new();
    let phone = rig.call_in(Peer::Line("1001".into()), "030", None);
    let (carrier, _) = rig.invited();
    let (sdp, connected) = (Some(described(&[AUDIO, VIDEO])), Party::default());
    // The carrier answers more than it was offered.
    rig.tell(Event::Answered { leg: carrier, sdp, is_offer: false, connected });
    assert_eq!(lines(&told(&mut rig, phone)), "m=audio PORT RTP/AVP 0 8|m=video 0 RTP/AVP 97");
    assert_eq!(rig.open.len(), 2);
}

/// H.264 in two modes, and VP8.
const MANY: &str = "m=video 4002 RTP/AVP 97 98 99\r\na=rtpmap:97 H264/90000\r\na=fmtp:97 packetization-mode=1\r\n\
                    a=rtpmap:98 H264/90000\r\na=rtpmap:99 VP8/90000\r\n";
/// The first of them.
const FIRST: &str = "m=video 4002 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\na=fmtp:97 packetization-mode=1\r\n";
/// The two codecs.
const BOTH: &str = "m=video 4002 RTP/AVP 97 99\r\na=rtpmap:97 H264/90000\r\na=rtpmap:99 VP8/90000\r\n";

const HELD: &str = "a=sendonly\r\n";

#[test]
fn who_offers_less_than_before_keeps_video() {
    let mut rig = Rig::new();
    let (phone, carrier, _) = calling(&mut rig, &[AUDIO, MANY]);
    answered(&mut rig, (phone, carrier), &[AUDIO, FIRST]);
    rig.commands();
    for _ in 0..2 {
        offer(&mut rig, phone, &[AUDIO, FIRST]);
        assert_eq!(
            lines(&told(&mut rig, phone)),
            "m=audio PORT RTP/AVP 0|a=sendrecv|m=video PORT RTP/AVP 97|a=sendrecv"
        );
        assert!(rig.commands().is_empty(), "the carrier says nothing else");
        assert_eq!(seen(&rig, [phone, carrier], Video), each_other((phone, carrier), Video));
    }
}

#[test]
fn what_is_not_known_any_more_is_taken_from_who_may_say_it() {
    let mut rig = Rig::new();
    let (phone, carrier, _) = calling(&mut rig, &[AUDIO, MANY]);
    answered(&mut rig, (phone, carrier), &[AUDIO, BOTH]);
    rig.commands();
    offer(&mut rig, phone, &[AUDIO, FIRST]);
    assert_eq!(
        lines(&told(&mut rig, carrier)),
        "m=audio PORT RTP/AVP 0|a=sendrecv|m=video PORT RTP/AVP 97|a=sendrecv"
    );
    answer(&mut rig, carrier, &[AUDIO, FIRST]);
    assert_eq!(rig.commands(), [format!("answer offer {phone}")]);
    assert_eq!(seen(&rig, [phone, carrier], Video), each_other((phone, carrier), Video));
    offer(&mut rig, phone, &[AUDIO, FIRST]);
    assert_eq!(rig.commands(), [format!("answer offer {phone}")], "it is settled");
}

#[test]
fn a_call_that_is_refused_for_its_video_is_tried_once_more_without() {
    for status in [406, 415, 488, 500, 513, 606] {
        let mut rig = Rig::new();
        let (phone, first, offered) = calling(&mut rig, &[AUDIO, VIDEO, TEXT]);
        assert_eq!(
            lines(&offered),
            "m=audio PORT RTP/AVP 0|m=video PORT RTP/AVP 97|m=text PORT RTP/AVP 98 100"
        );
        rig.refuse(first, status);
        let (second, again) = rig.invited();
        assert_eq!(
            lines(again.offer.as_ref().unwrap()),
            "m=audio PORT RTP/AVP 0|m=video 0 RTP/AVP 97|m=text 0 RTP/AVP 98 100"
        );
        assert_eq!(rig.open.len(), 2);
        // Only then is anything added to its codecs, by who says that he knows none.
        rig.refuse(second, 488);
        let (third, last) = rig.invited();
        assert_eq!(
            lines(last.offer.as_ref().unwrap()),
            "m=audio PORT RTP/AVP 0 8 9|m=video 0 RTP/AVP 97|m=text 0 RTP/AVP 98 100"
        );
        rig.commands();
        rig.answer(third, "8");
        assert_eq!(rig.commands(), [format!("answer {phone}")], "{status}");
        rig.hang_up(phone);
        rig.assert_quiet();
    }
}

#[test]
fn a_call_that_is_refused_for_another_reason_or_after_it_rang_is_not_tried_again() {
    for (status, rings) in [(486, false), (488, true)] {
        let mut rig = Rig::new();
        let (_, carrier, _) = calling(&mut rig, &[AUDIO, VIDEO]);
        if rings {
            rig.progress(carrier, 180, None);
        }
        rig.refuse(carrier, status);
        assert!(!rig.commands().iter().any(|command| command.starts_with("invite")), "{status}");
    }
}

#[test]
fn who_asks_for_an_offer_to_end_his_hold_is_offered_video_too() {
    let mut rig = Rig::new();
    let (phone, carrier) = talking_with(&mut rig, &[VIDEO]);
    offer(&mut rig, phone, &[AUDIO, HELD, VIDEO, "a=inactive\r\n"]);
    rig.commands();
    rig.tell(Event::Offer { leg: phone, sdp: None });
    assert_eq!(
        lines(&told(&mut rig, phone)),
        "m=audio PORT RTP/AVP 0|a=sendrecv|m=video PORT RTP/AVP 97|a=sendrecv"
    );
    answer(&mut rig, phone, &[AUDIO, VIDEO]);
    assert!(rig.commands().is_empty());
    assert_eq!(seen(&rig, [phone, carrier], Video), each_other((phone, carrier), Video));
    assert!(rig.remotes[&Video.media_leg(phone)].send);
}

#[test]
fn video_that_a_hold_took_away_comes_back_with_speech() {
    for held in [NO_VIDEO, ""] {
        let mut rig = Rig::new();
        let (phone, carrier) = talking_with(&mut rig, &[VIDEO]);
        offer(&mut rig, phone, &[AUDIO, HELD, NO_VIDEO]);
        assert_eq!(lines(&told(&mut rig, phone)), "m=audio PORT RTP/AVP 0|a=recvonly|m=video 0 RTP/AVP 97");
        assert!(rig.commands().is_empty(), "it waits at the other side");
        assert_eq!(has(&rig, [phone, carrier], Video), [false, true]);
        assert_eq!(seen(&rig, [phone, carrier], Video)[1], "nothing");
        // The other side refreshes its session.
        offer(&mut rig, carrier, &[AUDIO, VIDEO]);
        assert_eq!(rig.commands(), [format!("answer offer {carrier}")]);
        if held.is_empty() {
            offer(&mut rig, phone, &[AUDIO, VIDEO]);
            assert_eq!(
                lines(&told(&mut rig, phone)),
                "m=audio PORT RTP/AVP 0|a=sendrecv|m=video PORT RTP/AVP 97|a=sendrecv"
            );
            assert_eq!(seen(&rig, [phone, carrier], Video), each_other((phone, carrier), Video));
        } else {
            offer(&mut rig, phone, &[AUDIO, NO_VIDEO]);
            assert_eq!(
                lines(&told(&mut rig, phone)),
                "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97"
            );
            assert_eq!(
                lines(&told(&mut rig, carrier)),
                "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97"
            );
            answer(&mut rig, carrier, &[AUDIO, NO_VIDEO]);
            assert_eq!(rig.open.len(), 2);
        }
        assert!(rig.commands().is_empty());
        rig.hang_up(carrier);
        rig.assert_quiet();
    }
}

#[test]
fn only_one_section_of_a_kind_has_the_port() {
    let sealed = "m=video 4010 RTP/SAVP 97\r\na=rtpmap:97 H264/90000\r\n";
    let mut rig = Rig::new();
    let (phone, carrier, _) = calling(&mut rig, &[AUDIO, sealed, VIDEO]);
    answered(&mut rig, (phone, carrier), &[AUDIO, NO_VIDEO, VIDEO]);
    rig.commands();
    offer(&mut rig, phone, &[AUDIO, sealed, VIDEO, "a=recvonly\r\n"]);
    assert_eq!(
        lines(&told(&mut rig, carrier)),
        "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97|m=video PORT RTP/AVP 97|a=recvonly"
    );
    answer(&mut rig, carrier, &[AUDIO, NO_VIDEO, VIDEO, "a=sendonly\r\n"]);
    assert_eq!(
        lines(&told(&mut rig, phone)),
        "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/SAVP 97|m=video PORT RTP/AVP 97|a=sendonly"
    );
    // The same video in another place.
    offer(&mut rig, phone, &[AUDIO, VIDEO, NO_VIDEO]);
    assert_eq!(
        lines(&told(&mut rig, carrier)),
        "m=audio PORT RTP/AVP 0|a=sendrecv|m=video 0 RTP/AVP 97|m=video PORT RTP/AVP 97|a=sendrecv"
    );
    answer(&mut rig, carrier, &[AUDIO, NO_VIDEO, VIDEO]);
    assert_eq!(
        lines(&told(&mut rig, phone)),
        "m=audio PORT RTP/AVP 0|a=sendrecv|m=video PORT RTP/AVP 97|a=sendrecv|m=video 0 RTP/AVP 97"
    );
    assert_eq!(seen(&rig, [phone, carrier], Video), each_other((phone, carrier), Video));
}

#[test]
fn video_that_the_callee_refused_is_not_asked_of_him_at_each_refresh() {
    let mut rig = Rig::new();
    let (phone, carrier, _) = calling(&mut rig, &[AUDIO, VIDEO]);
    answered(&mut rig, (phone, carrier), &[AUDIO, NO_VIDEO]);
    rig.commands();
    for _ in 0..3 {
        offer(&mut rig, phone, &[AUDIO, VIDEO]);
        assert_eq!(rig.commands(), [format!("answer offer {phone}")]);
        assert_eq!(rig.open.len(), 2);
    }
    // He may offer it himself.
    offer(&mut rig, carrier, &[AUDIO, VIDEO]);
    assert_eq!(rig.commands(), [format!("offer {phone}")]);
    answer(&mut rig, phone, &[AUDIO, VIDEO]);
    assert_eq!(seen(&rig, [phone, carrier], Video), each_other((phone, carrier), Video));
}

#[test]
fn who_has_none_is_not_handed_on_with_it() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let (phone, carrier, _) = calling(&mut rig, &[AUDIO]);
    // The carrier says what it was not offered.
    answered(&mut rig, (phone, carrier), &[AUDIO, VIDEO]);
    rig.request(CRM, Operation::BlindTransfer { call: CallId(1), to: "1002".to_owned() }).unwrap();
    let (_, invite) = rig.invited();
    assert_eq!(lines(&invite.offer.unwrap()), "m=audio PORT RTP/AVP 0|m=video 0 RTP/AVP 97");
    // And who offered it in vain.
    let mut rig = Rig::new();
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let mut call = rig.incoming(Peer::Trunk("carrier".into()), "1001", None);
    call.offer = Some(described(&[AUDIO, VIDEO]));
    let caller = LegId::new(1, 1 << 47);
    rig.tell(Event::Incoming(caller, call));
    let (phone, _) = rig.invited();
    answered(&mut rig, (caller, phone), &[AUDIO, NO_VIDEO]);
    let called = rig.switch.legs[&phone].call;
    rig.request(CRM, Operation::BlindTransfer { call: called, to: "1002".to_owned() }).unwrap();
    let (_, invite) = rig.invited();
    assert_eq!(lines(&invite.offer.unwrap()), "m=audio PORT RTP/AVP 0|m=video 0 RTP/AVP 97");
}

#[test]
fn video_leaves_a_quarter_of_the_ports_to_calls() {
    let mut setup = setup();
    setup.media.ports = 20_000..=20_023;
    let mut rig = Rig::with(setup);
    for (number, wanted) in [(0, "m=video PORT"), (1, "m=video PORT"), (2, "m=video 0")] {
        let mut call = rig.incoming(Peer::Line("1001".into()), "030", None);
        call.offer = Some(described(&[AUDIO, VIDEO]));
        let phone = LegId::new(1, (1 << 47) + number);
        rig.tell(Event::Incoming(phone, call));
        let (carrier, invite) = rig.invited();
        let offered = lines(&invite.offer.unwrap());
        assert_eq!(offered, format!("m=audio PORT RTP/AVP 0|{wanted} RTP/AVP 97"), "{number}");
        let video = if number == 2 { NO_VIDEO } else { VIDEO };
        answered(&mut rig, (phone, carrier), &[AUDIO, video]);
        rig.commands();
    }
    assert_eq!(rig.open.len(), 10, "of 12");
}

#[test]
fn an_answer_names_codecs_that_were_offered() {
    let mut rig = Rig::new();
    let (phone, carrier) = talking_with(&mut rig, &[]);
    offer(&mut rig, phone, &["m=audio 4000 RTP/AVP 8\r\n", VIDEO]);
    assert_eq!(
        lines(&told(&mut rig, carrier)),
        "m=audio PORT RTP/AVP 0|a=sendrecv|m=video PORT RTP/AVP 97|a=sendrecv"
    );
    answer(&mut rig, carrier, &[AUDIO, VIDEO]);
    assert_eq!(
        lines(&told(&mut rig, phone)),
        "m=audio PORT RTP/AVP 8|a=sendrecv|m=video PORT RTP/AVP 97|a=sendrecv"
    );
}

#[test]
fn video_passes_beside_speech_that_is_transcoded() {
    let mut setup = setup();
    setup.trunks[0].codecs = CodecList::new(["PCMA".to_owned()]);
    let mut rig = Rig::with(setup);
    let (phone, carrier, offered) = calling(&mut rig, &[AUDIO, VIDEO]);
    assert_eq!(lines(&offered), "m=audio PORT RTP/AVP 8|m=video PORT RTP/AVP 97");
    let said = answered(&mut rig, (phone, carrier), &["m=audio 4000 RTP/AVP 8\r\n", VIDEO]);
    assert_eq!(lines(&said), "m=audio PORT RTP/AVP 0|a=sendrecv|m=video PORT RTP/AVP 97|a=sendrecv");
    assert!(rig.commands().is_empty());
    assert_eq!(seen(&rig, [phone, carrier], Video), each_other((phone, carrier), Video));
}

#[test]
fn video_comes_with_keys_that_were_not_taken_when_it_is_added() {
    let mut setup = setup();
    setup.trunks[0].srtp = SrtpPolicy::Optional;
    let mut rig = Rig::with(setup);
    let (phone, carrier) = talking_with(&mut rig, &[]);
    offer(&mut rig, phone, &[AUDIO, VIDEO]);
    assert_eq!(
        lines(&told(&mut rig, carrier)),
        "m=audio PORT RTP/AVP 0|a=sendrecv|m=video PORT RTP/AVP 97|a=sendrecv"
    );
    // A caller on such a line who has none may have it at once.
    let mut setup = self::setup();
    setup.lines[0].srtp = SrtpPolicy::Optional;
    let mut rig = Rig::with(setup);
    let (phone, carrier) = talking_with(&mut rig, &[VIDEO]);
    assert_eq!(seen(&rig, [phone, carrier], Video), each_other((phone, carrier), Video));
}

#[test]
fn video_is_no_speech_in_the_totals_nor_in_the_figures_of_a_call() {
    let mut rig = Rig::new();
    let (phone, _) = talking_with(&mut rig, &[VIDEO]);
    let stats = LegStats {
        packets_received: 9_000,
        packets_sent: 8_000,
        lost: 4_000,
        late: 3,
        duplicates: 2,
        unheard: 1,
        foreign: 5,
        ..LegStats::default()
    };
    rig.tell_media(MediaEvent::Stats { leg: trunkline_media::LegId(Video.media_leg(phone).0), stats });
    let wanted = MediaTotals { foreign: 5, ..MediaTotals::default() };
    assert_eq!(rig.switch.media_totals(), wanted, "what is wrong with packets is counted");
    assert_eq!(rig.switch.call(CRM, CallId(1)).unwrap().media, None);
    rig.counts.insert(Video.media_leg(phone), stats);
    rig.hang_up(phone);
    rig.assert_quiet();
    assert_eq!(rig.switch.media_totals(), wanted);
    assert!(rig.ended.is_empty(), "nothing was said");
}
