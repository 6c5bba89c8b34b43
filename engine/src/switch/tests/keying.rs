//! Legs with SRTP: what their far ends are told, and what the relay is.

use trunkline_media::{Protection, SrtpKeys};
use trunkline_sip::LegId;
use trunkline_sip::outbox::{Command, Event, Party, Peer};
use trunkline_sip::sdp::SessionDescription;

use crate::switch::rig::{Rig, USUAL, sdp, sdp_at, setup};
use crate::switch::*;

const KEYS: &str = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n";

/// A description of a far end with keys, under this protocol.
fn sealed(protocol: &str) -> Box<SessionDescription> {
    let mut described = sdp_at("198.51.100.7", 4000, USUAL, KEYS);
    described.media[0].protocol = protocol.to_owned().into();
    described
}

/// 1001 is a phone with this policy, the carrier a trunk with that one.
fn rig(phone: SrtpPolicy, trunk: SrtpPolicy) -> Rig {
    let mut setup = setup();
    setup.lines[0].srtp = phone;
    setup.trunks[0].srtp = trunk;
    let mut rig = Rig::with(setup);
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    rig
}

/// 1001 calls the carrier with this offer.
fn call_out(rig: &mut Rig, offer: Box<SessionDescription>) -> LegId {
    let mut call = rig.incoming(Peer::Line("1001".into()), "030", Some(USUAL));
    call.offer = Some(offer);
    let leg = LegId::new(1, 1 << 47);
    rig.tell(Event::Incoming(leg, call));
    leg
}

fn answer(rig: &mut Rig, leg: LegId, sdp: Box<SessionDescription>) {
    rig.tell(Event::Answered { leg, sdp: Some(sdp), is_offer: false, connected: Party::default() });
}

/// What a leg was described last, and taken off the list.
#[expect(clippy::wildcard_enum_match_arm, reason = "only what describes is asked for")]
fn described(rig: &mut Rig, leg: LegId) -> Box<SessionDescription> {
    let found = rig.sip.iter().enumerate().rev().find_map(|(at, command)| match command {
        Command::Answer(one, Some(sdp)) | Command::Progress(one, _, Some(sdp)) if *one == leg => {
            Some((at, sdp.clone()))
        }
        Command::Offer(one, sdp) | Command::AnswerOffer(one, sdp) if *one == leg => Some((at, sdp.clone())),
        _ => None,
    });
    let (at, sdp) = found.expect("a description");
    rig.sip.remove(at);
    sdp
}

fn protocol(sdp: &SessionDescription) -> String {
    String::from_utf8(sdp.media[0].protocol.to_vec()).unwrap()
}

fn suites(sdp: &SessionDescription) -> Vec<String> {
    sdp.media[0].crypto().map(|crypto| crypto.suite).collect()
}

fn keys(rig: &Rig, leg: LegId) -> SrtpKeys {
    match rig.remotes[&leg].protection {
        Protection::Srtp(keys) => keys,
        Protection::Plain | Protection::Dtls(_) => panic!("no keys"),
    }
}

#[test]
fn a_secured_phone_talks_with_a_plain_network() {
    let mut rig = rig(SrtpPolicy::Accept, SrtpPolicy::Accept);
    let caller = call_out(&mut rig, sealed("RTP/SAVP"));
    let (station, invite) = rig.invited();
    let offer = invite.offer.unwrap();
    assert_eq!((protocol(&offer).as_str(), suites(&offer).len()), ("RTP/AVP", 0));
    answer(&mut rig, station, sdp(USUAL));
    let answered = described(&mut rig, caller);
    assert_eq!(
        (protocol(&answered).as_str(), suites(&answered)),
        ("RTP/SAVP", vec!["AES_CM_128_HMAC_SHA1_80".to_owned()])
    );
    let wire = answered.media[0].crypto().next().unwrap();
    let ours = trunkline_media::SrtpKey::new(keys(&rig, caller).send.suite(), &wire.key);
    assert_eq!(Some(keys(&rig, caller).send), ours, "what is said on the wire is what the relay seals with");
    assert_eq!(rig.remotes[&station].protection, Protection::Plain);
    assert!(rig.remotes[&caller].codecs.preferred().is_some(), "it hears music as any leg");
}

#[test]
fn a_network_that_requires_it_is_offered_savp_and_nothing_else_will_do() {
    let mut rig = rig(SrtpPolicy::Accept, SrtpPolicy::Required);
    let caller = call_out(&mut rig, sdp(USUAL));
    let (station, invite) = rig.invited();
    let offer = invite.offer.unwrap();
    assert_eq!((protocol(&offer).as_str(), suites(&offer).len()), ("RTP/SAVP", 4));
    let mut theirs = sealed("RTP/SAVP");
    theirs.media[0].lines.retain(|line| !line.starts_with(b"a=crypto"));
    theirs.media[0].lines.push(KEYS.trim_end().replace("crypto:1", "crypto:3").into());
    answer(&mut rig, station, theirs);
    assert_eq!(keys(&rig, station).receive.suite().name(), "AES_CM_128_HMAC_SHA1_80");
    assert_eq!(rig.remotes[&caller].protection, Protection::Plain);

    let mut rig = self::rig(SrtpPolicy::Accept, SrtpPolicy::Required);
    call_out(&mut rig, sdp(USUAL));
    let (station, _) = rig.invited();
    answer(&mut rig, station, sdp(USUAL));
    assert!(rig.commands().iter().any(|command| command.contains("488")), "downgraded");
}

#[test]
fn what_the_policy_forbids_is_488() {
    for (policy, offer) in [(SrtpPolicy::Off, sealed("RTP/SAVP")), (SrtpPolicy::Required, sdp(USUAL))] {
        let mut rig = rig(policy, SrtpPolicy::Accept);
        let caller = call_out(&mut rig, offer);
        assert_eq!(rig.commands(), [format!("reject 488 {caller}")]);
        rig.assert_quiet();
    }
}

#[test]
fn best_effort_is_plain_until_it_is_answered_with_keys() {
    for (answered, sealed_leg) in [(sdp(USUAL), false), (sealed("RTP/AVP"), true)] {
        let mut rig = rig(SrtpPolicy::Accept, SrtpPolicy::Optional);
        call_out(&mut rig, sdp(USUAL));
        let (station, invite) = rig.invited();
        let offer = invite.offer.unwrap();
        assert_eq!((protocol(&offer).as_str(), suites(&offer).len()), ("RTP/AVP", 4));
        answer(&mut rig, station, answered);
        assert_eq!(rig.remotes[&station].protection != Protection::Plain, sealed_leg);
    }
}

#[test]
fn hold_keeps_the_keys_and_another_key_gets_another() {
    let mut rig = rig(SrtpPolicy::Accept, SrtpPolicy::Accept);
    let caller = call_out(&mut rig, sealed("RTP/SAVP"));
    let (station, _) = rig.invited();
    answer(&mut rig, station, sdp(USUAL));
    rig.tell(Event::Established { leg: caller, answer: None });
    let first = keys(&rig, caller);
    let before = described(&mut rig, caller);
    let mut hold = sealed("RTP/SAVP");
    hold.media[0].direction = Some(trunkline_sip::sdp::Direction::SendOnly);
    rig.tell(Event::Offer { leg: caller, sdp: Some(hold) });
    let held = described(&mut rig, caller);
    assert_eq!(held.media[0].crypto().next(), before.media[0].crypto().next());
    assert_eq!(keys(&rig, caller), first);
    let mut other = sealed("RTP/SAVP");
    other.media[0].lines.retain(|line| !line.starts_with(b"a=crypto"));
    other.media[0].lines.push(KEYS.trim_end().replace("inline:d", "inline:e").into());
    rig.tell(Event::Offer { leg: caller, sdp: Some(other) });
    let second = keys(&rig, caller);
    assert!(first.receive != second.receive && first.send != second.send);
}

#[test]
fn a_re_invite_that_would_end_the_protection_is_refused_and_changes_nothing() {
    let mut rig = rig(SrtpPolicy::Required, SrtpPolicy::Accept);
    let caller = call_out(&mut rig, sealed("RTP/SAVP"));
    let (station, _) = rig.invited();
    answer(&mut rig, station, sdp(USUAL));
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.commands();
    let first = keys(&rig, caller);
    rig.tell(Event::Offer { leg: caller, sdp: Some(sdp(USUAL)) });
    assert_eq!(rig.commands(), [format!("refuse offer 488 {caller}")]);
    assert_eq!(keys(&rig, caller), first);
}

#[test]
fn a_call_that_the_engine_makes_to_a_required_line_is_sealed_from_the_first_offer() {
    let mut rig = rig(SrtpPolicy::Required, SrtpPolicy::Accept);
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "1001", None);
    let (station, invite) = rig.invited();
    assert_eq!(suites(&invite.offer.unwrap()).len(), 4);
    answer(&mut rig, station, {
        let mut sealed = sealed("RTP/SAVP");
        sealed.media[0].lines.retain(|line| !line.starts_with(b"a=crypto"));
        sealed.media[0].lines.push(KEYS.trim_end().replace("crypto:1", "crypto:3").into());
        sealed
    });
    let offered = described(&mut rig, caller);
    assert_eq!((protocol(&offered).as_str(), suites(&offered).len()), ("RTP/AVP", 0), "the offer in the 200");
    rig.tell(Event::Established { leg: caller, answer: Some(sdp(USUAL)) });
    assert_ne!(rig.remotes[&station].protection, Protection::Plain);
    assert_eq!(rig.remotes[&caller].protection, Protection::Plain);
}

#[test]
fn a_phone_with_dtls_is_answered_with_the_fingerprint_of_the_relay() {
    let mut rig = rig(SrtpPolicy::Accept, SrtpPolicy::Accept);
    rig.switch.set_fingerprint([9; 32]);
    let mut offer = sdp_at("198.51.100.7", 4000, USUAL, "a=setup:actpass\r\n");
    offer.media[0].protocol = "UDP/TLS/RTP/SAVPF".into();
    offer.lines.push(format!("a=fingerprint:sha-256 {}", ["07"; 32].join(":")).into());
    let caller = call_out(&mut rig, offer);
    let (station, invite) = rig.invited();
    let offer = invite.offer.unwrap();
    assert_eq!((protocol(&offer).as_str(), offer.dtls(0)), ("RTP/AVP", None));
    answer(&mut rig, station, sdp(USUAL));
    let answered = described(&mut rig, caller);
    assert_eq!(protocol(&answered), "UDP/TLS/RTP/SAVPF");
    let ours = answered.dtls(0).unwrap();
    assert_eq!((ours.fingerprint, ours.setup.name()), ([9; 32], "passive"));
    let Protection::Dtls(peer) = rig.remotes[&caller].protection else { panic!("no handshake") };
    assert_eq!(peer.fingerprint, [7; 32]);
}
