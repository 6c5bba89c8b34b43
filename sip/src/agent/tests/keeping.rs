//! Legs that outlive the process: killed at any moment, an agent goes on with what its store holds.

use super::bench::response;
use super::*;
use crate::auth::Credentials;
use crate::message::{Framing, Limits, Message};

/// A description with a key.
fn sealed(port: u16) -> Box<SessionDescription> {
    let mut description = sdp(port);
    let key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
    description.media[0].lines.push(Bytes::from_static(key.as_bytes()));
    description
}

#[test]
fn a_call_whose_agent_was_killed_is_ended_from_either_side() {
    for killed in [0, 1] {
        for ends in [0, 1] {
            let (mut network, caller, callee) = Network::connected();
            network.restart(killed);
            let gauges = network.agents[killed].1.gauges();
            assert_eq!((gauges.legs, gauges.dialogs), (1, 1));
            network.command(ends, Command::End([caller, callee][ends], None));
            network.run(milliseconds(10));
            let other = 1 - ends;
            assert_eq!(network.ladder(), [format!("{ends} BYE"), format!("{other} 200")]);
            assert_eq!(network.events(), [format!("{ends} Ended Local"), format!("{other} Ended Bye")]);
            network.expect_nothing_left();
        }
    }
}

#[test]
fn a_session_is_changed_by_either_side_after_one_was_killed() {
    for killed in [0, 1] {
        for offers in [0, 1] {
            let (mut network, caller, callee) = Network::connected();
            let legs = [caller, callee];
            let before = network.kept[&(killed, legs[killed])].origin;
            network.restart(killed);
            let other = 1 - offers;
            network.command(offers, Command::Offer(legs[offers], sdp(7000)));
            network.run(milliseconds(10));
            network.command(other, Command::AnswerOffer(legs[other], sdp(7002)));
            network.run(milliseconds(10));
            assert_eq!(
                network.events(),
                [format!("{other} Offer"), format!("{offers} OfferAnswered")],
                "{killed} was killed, {offers} offers"
            );
            let after = network.kept[&(killed, legs[killed])].origin;
            assert_eq!((after.id, after.version), (before.id, before.version + 1));
            network.command(offers, Command::End(legs[offers], None));
            network.expect_nothing_left();
        }
    }
}

#[test]
fn what_is_kept_follows_the_session() {
    let (mut network, caller, callee) = Network::connected();
    let first = network.kept.clone();
    assert_eq!(first.keys().copied().collect::<Vec<_>>(), [(0, caller), (1, callee)]);
    network.command(0, Command::Offer(caller, sdp(7000)));
    network.run(milliseconds(10));
    network.command(1, Command::AnswerOffer(callee, sdp(7002)));
    network.run(milliseconds(10));
    for (leg, port) in [((0, caller), "7000"), ((1, callee), "7002")] {
        let text = |kept: &BTreeMap<(usize, LegId), KeptDialog>| {
            String::from_utf8(kept[&leg].description.to_vec()).expect("it is text")
        };
        assert!(text(&network.kept).contains(port) && !text(&first).contains(port));
    }
    network.command(0, Command::Offer(caller, sdp(7004)));
    network.run(milliseconds(10));
    network.command(1, Command::RefuseOffer(callee, 488));
    network.run(milliseconds(10));
    network.restart(0);
    let description = &network.kept[&(0, caller)].description;
    assert!(String::from_utf8_lossy(description).contains("7000"), "what was refused is not the session");
    network.command(0, Command::End(caller, None));
    network.expect_nothing_left();
}

#[test]
fn what_was_not_answered_is_gone() {
    let mut network = Network::of_two();
    let caller = network.call();
    network.run(milliseconds(10));
    let callee = network.incoming(1);
    network.command(1, Command::Progress(callee, 180, None));
    network.run(milliseconds(10));
    network.restart(1);
    network.ladder();
    network.command(0, Command::End(caller, None));
    network.run(milliseconds(10));
    assert_eq!(network.ladder(), ["0 CANCEL", "1 481"]);
    network.expect_nothing_left();
}

#[test]
fn a_leg_whose_bye_is_not_answered_is_kept_until_it_is() {
    let (mut network, caller, callee) = Network::connected();
    network.lose = Box::new(|_, _| true);
    network.command(0, Command::End(caller, None));
    network.run(milliseconds(10));
    assert!(network.kept.contains_key(&(0, caller)));
    network.restart(0);
    network.lose = Box::new(|_, _| false);
    network.command(0, Command::End(caller, None));
    network.run(seconds(1));
    assert_eq!(network.events().last(), Some(&"1 Ended Bye".to_owned()));
    assert!(!network.kept.contains_key(&(1, callee)));
    network.expect_nothing_left();
}

#[test]
fn keys_are_not_kept() {
    let mut network = Network::of_two();
    let leg = LegId::new(0, 1);
    let invite = invite_to(network.address(0), network.address(1));
    network.command(0, Command::Invite(leg, Box::new(Invite { offer: Some(sealed(4000)), ..*invite })));
    network.run(milliseconds(10));
    let callee = network.incoming(1);
    network.command(1, Command::Answer(callee, Some(sealed(5000))));
    network.run(milliseconds(10));
    assert_eq!(network.kept.len(), 2);
    assert!(network.kept.values().all(|kept| !format!("{kept:?}").contains("inline")));
    let before = network.kept[&(0, leg)].origin.version;
    network.restart(0);
    network.command(0, Command::Offer(leg, sdp(7000)));
    network.run(milliseconds(10));
    network.command(1, Command::AnswerOffer(callee, sdp(7002)));
    network.run(milliseconds(10));
    assert_eq!(network.kept[&(0, leg)].origin.version, before + 1, "it is another description");
    network.command(0, Command::End(leg, None));
    network.expect_nothing_left();
}

#[test]
fn a_far_end_is_asked_whether_it_has_the_session() {
    for by in ["UPDATE", "INVITE"] {
        let (mut network, caller, callee) = Network::connected();
        let kept = network.kept.get_mut(&(0, caller)).expect("it is kept");
        (kept.takes_update, kept.timer) = (by == "UPDATE", None);
        network.restart(0);
        network.command(0, Command::Probe(caller));
        network.command(0, Command::Probe(caller));
        network.run(seconds(1));
        let answered = [format!("0 {by}"), "1 200".to_owned(), "0 ACK".to_owned()];
        assert_eq!(network.ladder(), answered[..if by == "INVITE" { 3 } else { 2 }]);
        assert_eq!(network.events(), [""; 0], "nobody notices");

        // The far end hung up, and its engine was told, but had not stored that.
        network.lose = Box::new(|_, _| true);
        network.command(1, Command::End(callee, None));
        network.run(seconds(40));
        network.events();
        network.lose = Box::new(|_, _| false);
        network.ladder();
        network.command(0, Command::Probe(caller));
        network.run(seconds(1));
        let ladder = network.ladder();
        assert_eq!(network.events(), ["0 Ended Lost"], "{by}: {ladder:?}");
        assert_eq!(ladder[..2], [format!("0 {by}"), "1 481".to_owned()]);
        network.run(seconds(40));
        network.expect_nothing_left();
    }
}

#[test]
fn no_number_is_said_twice_however_often_the_process_dies() {
    let (mut network, caller, _) = Network::connected();
    let numbers = [(); 3].map(|()| {
        network.restart(0);
        network.command(0, Command::Probe(caller));
        network.run(seconds(1));
        network.kept[&(0, caller)].local_cseq
    });
    assert!(numbers.is_sorted_by(|before, after| before < after), "{numbers:?}");
}

#[test]
fn a_session_that_we_refresh_is_refreshed_soon() {
    let (mut network, caller, _) = Network::connected();
    let kept = network.kept.get_mut(&(0, caller)).expect("it is kept");
    kept.timer = Some((1800, true));
    network.restart(0);
    network.run(seconds(4));
    assert_eq!(network.ladder(), [""; 0]);
    network.run(seconds(27));
    assert_eq!(network.ladder(), ["0 UPDATE", "1 200"]);
    network.command(0, Command::End(caller, None));
    network.expect_nothing_left();
}

#[test]
fn legs_that_call_in_are_numbered_beyond_those_that_were_kept() {
    let (mut network, caller, callee) = Network::connected();
    network.restart(1);
    let again = LegId::new(0, 2);
    let invite = invite_to(network.address(0), network.address(1));
    network.command(0, Command::Invite(again, invite));
    network.run(milliseconds(10));
    assert_ne!(network.incoming(1), callee);
    network.command(0, Command::End(again, None));
    network.command(0, Command::End(caller, None));
    network.expect_nothing_left();
}

/// CVE-2021-41158 across a crash: what is kept names where requests go, and that was said by the far end.
#[test]
fn credentials_of_a_leg_that_was_taken_back_stay_with_its_peer() {
    let credentials = Arc::new(Credentials { username: "me".into(), password: "secret".into(), realm: None });
    for is_peer in [true, false] {
        let (mut network, caller, _) = Network::connected();
        let (own, far) = (network.address(0), network.address(1));
        let peer = if is_peer { far.ip() } else { "198.51.100.66".parse().unwrap() };
        let kept = network.kept[&(0, caller)].clone();
        let mut again = keeping(own, 9, network.now);
        assert!(again.restore(network.now, caller, &kept, Some((Arc::clone(&credentials), peer))));
        network.agents[0].1 = again;
        network.command(0, Command::End(caller, None));
        let (.., bye) = network.flying.pop_front().expect("a BYE");
        let bye = Message::scan(bye, Framing::Datagram, &Limits::DEFAULT).unwrap();
        let challenge = "WWW-Authenticate: Digest realm=\"far\", nonce=\"n\"\r\n";
        let mut out = Outbox::default();
        let challenge = response(&bye, 401, "b", challenge, "");
        network.agents[0].1.receive(network.now, udp(own, far), challenge.into(), &mut out);
        let sent = out.transmits.iter().map(|transmit| String::from_utf8_lossy(&transmit.bytes));
        let answered = sent.filter(|text| text.contains("\r\nAuthorization: Digest ")).count();
        assert_eq!(answered, usize::from(is_peer));
    }
}
