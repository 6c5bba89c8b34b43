//! What the relay is told, and what it tells.

use trunkline_media::{Event as MediaEvent, LegId as MediaLegId, LegStats, OpusFormat, SourcePolicy};
use trunkline_sip::LegId;
use trunkline_sip::admission::Limit;
use trunkline_sip::outbox::{Command, Event, Party, Peer};
use trunkline_sip::sdp::SessionDescription;

use crate::switch::rig::{CRM, Rig, USUAL, sdp_at, setup};
use crate::switch::setup::{MediaSetup, Setup};
use crate::switch::*;

fn media(leg: LegId) -> MediaLegId {
    MediaLegId(leg.0)
}

fn bridged(rig: &mut Rig) -> (LegId, LegId) {
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "030", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.commands();
    (caller, station)
}

#[test]
fn the_source_that_sdp_names_may_speak_where_it_is_that_of_the_signalling() {
    let mut rig = Rig::new();
    let (caller, _) = bridged(&mut rig);
    assert_eq!(rig.remotes[&caller].source, SourcePolicy::Signalled);
}

#[test]
fn a_private_address_behind_another_is_learnt() {
    let mut rig = Rig::new();
    rig.call_in(Peer::Trunk("carrier".into()), "030", Some(USUAL));
    let (station, _) = rig.invited();
    let sdp = Some(sdp_at("192.168.1.5", 4000, USUAL, ""));
    rig.tell(Event::Answered { leg: station, sdp, is_offer: false, connected: Party::default() });
    let SourcePolicy::Learn { signalling, .. } = rig.remotes[&station].source else { panic!() };
    assert_eq!(signalling.to_string(), "198.51.100.7");
}

#[test]
fn the_relay_may_speak_the_first_codec_it_knows_under_the_far_ends_number() {
    let mut rig = Rig::new();
    rig.call_in(Peer::Trunk("carrier".into()), "030", Some("9 8 0 101"));
    let (station, _) = rig.invited();
    rig.answer(station, "9 8 101");
    let remote = rig.remotes[&station];
    assert_eq!(remote.codecs.preferred(), Some((9, trunkline_media::Codec::G722)));
    assert_eq!(remote.codecs.codec(8), Some(trunkline_media::Codec::Pcma));
    assert_eq!(remote.codecs.events, Some(101));
    assert!(remote.payload_types.contains(9) && remote.payload_types.contains(101));
}

#[test]
fn the_relay_speaks_to_the_caller_only_what_the_answer_agreed_to() {
    let mut rig = Rig::new();
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "030", Some("9 8 0 101"));
    let (station, _) = rig.invited();
    rig.answer(station, "8 101");
    rig.tell(Event::Established { leg: caller, answer: None });
    let remote = rig.remotes[&caller];
    assert_eq!(remote.codecs.preferred(), Some((8, trunkline_media::Codec::Pcma)));
    assert_eq!((remote.codecs.codec(9), remote.codecs.events), (None, Some(101)));
}

#[test]
fn a_caller_whose_digits_are_not_taken_still_hears_those_of_the_callee() {
    let mut rig = Rig::new();
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "030", Some("8 101"));
    let (station, _) = rig.invited();
    rig.answer(station, "0");
    rig.tell(Event::Established { leg: caller, answer: None });
    let remote = rig.remotes[&caller];
    assert_eq!((remote.codecs.events, remote.codecs.events_known), (None, Some(101)));
    assert_eq!(rig.remotes[&station].codecs.events_known, None);
}

#[test]
fn the_relay_may_transcode_opus_where_it_is_said_so() {
    let described = |parameters: &str| {
        let text = format!(
            "v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP 96 97\r\na=rtpmap:96 opus/48000/2\r\n\
             a=fmtp:96 {parameters}\r\na=rtpmap:97 telephone-event/48000\r\n"
        );
        SessionDescription::parse(&text.into()).unwrap()
    };
    let ours = described("useinbandfec=1");
    for (parameters, limit) in [
        ("useinbandfec=1; maxaveragebitrate=20000", 20_000),
        ("MaxAverageBitrate=1", 6_000),
        ("maxaveragebitrate=4000000000", 510_000),
        ("maxaveragebitrate=-1;stereo=1", 510_000),
        ("maxaveragebitrate", 510_000),
    ] {
        for opus in [false, true] {
            let theirs = described(parameters);
            let remote = session::remote(&theirs, &ours, "192.0.2.9".parse().unwrap(), opus);
            let format = OpusFormat { payload_type: 96, bits_per_second_max: limit };
            assert_eq!(remote.codecs.opus, opus.then_some(format), "{parameters}");
            assert_eq!(remote.speaks.opus.is_some(), opus);
            assert_eq!((remote.codecs.events_48k, remote.codecs.foreign().count()), (Some(97), 1));
        }
    }
}

#[test]
fn a_far_end_that_fell_silent_ends_the_call() {
    let mut rig = Rig::new();
    let (caller, station) = bridged(&mut rig);
    rig.states(CRM);
    rig.tell_media(MediaEvent::Silent { leg: media(station) });
    assert_eq!(rig.commands(), [format!("end {station}"), format!("end {caller}")]);
    assert_eq!(rig.states(CRM)[..2], ["c2 disconnected/qosunavail", "c1 disconnected/qosunavail"]);
    rig.assert_quiet();
}

#[test]
fn an_own_phone_that_dies_while_the_destination_rings_ends_the_call() {
    let mut rig = Rig::new();
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    rig.request(CRM, Operation::MakeCall { line: "1001".into(), to: "030".into(), params: None }).unwrap();
    let (own, _) = rig.invited();
    rig.answer(own, USUAL);
    let (station, _) = rig.invited();
    rig.tell_media(MediaEvent::Silent { leg: media(own) });
    assert_eq!(rig.commands(), [format!("end {own}"), format!("end {station}")]);
    assert_eq!(rig.state(1), CallState::Disconnected(DisconnectMode::QosUnavail));
    rig.pass(std::time::Duration::from_secs(60));
    rig.assert_quiet();
}

#[test]
fn a_port_that_cannot_be_bound_is_replaced_once_and_described_anew() {
    let mut rig = Rig::new();
    let (_, station) = bridged(&mut rig);
    let (_, before) = rig.open[&station];
    rig.tell_media(MediaEvent::OpenFailed { leg: media(station), ports: before });
    let (_, after) = rig.open[&station];
    assert_ne!(before, after);
    let Some(Command::Offer(leg, offer)) = rig.sip.first() else { panic!("{:?}", rig.sip) };
    assert_eq!((*leg, offer.media[0].port), (station, after.rtp()));
    rig.commands();
    rig.open.remove(&station);
    rig.tell_media(MediaEvent::OpenFailed { leg: media(station), ports: after });
    assert!(rig.commands().contains(&format!("end {station}")));
    rig.assert_quiet();
}

#[test]
fn a_ringing_leg_whose_port_moved_is_described_when_it_answers() {
    let mut rig = Rig::new();
    rig.call_in(Peer::Trunk("carrier".into()), "030", Some(USUAL));
    let (station, _) = rig.invited();
    let (_, before) = rig.open[&station];
    rig.tell_media(MediaEvent::OpenFailed { leg: media(station), ports: before });
    assert!(rig.commands().is_empty());
    rig.answer(station, USUAL);
    assert!(rig.commands().contains(&format!("offer {station}")));
}

#[test]
fn a_leg_that_failed_in_the_relay_ends_the_call() {
    let mut rig = Rig::new();
    let (caller, station) = bridged(&mut rig);
    let (_, ports) = rig.open.remove(&station).unwrap();
    rig.tell_media(MediaEvent::Closed { leg: media(station), ports, stats: LegStats::default() });
    let told = rig.commands();
    assert!(told.contains(&format!("end {station}")) && told.contains(&format!("end {caller}")), "{told:?}");
    assert_eq!(rig.switch.gauges().media_ports_in_use, 0);
    rig.assert_quiet();
}

#[test]
fn a_call_that_finds_no_ports_is_refused_and_counted() {
    let media = MediaSetup { ports: 20_000..=20_001, ..setup().media };
    let mut rig = Rig::with(Setup { media, ..setup() });
    let first = rig.call_in(Peer::Trunk("carrier".into()), "030", Some(USUAL));
    // The caller's leg has the only pair.
    assert_eq!(rig.commands().last(), Some(&format!("reject 503 {first}")));
    let second = rig.call_in(Peer::Trunk("carrier".into()), "030", Some(USUAL));
    assert_eq!(rig.commands(), [format!("reject 503 {second}")]);
    // For both contacts of the line, and for the second caller.
    assert_eq!(rig.switch.refusals().of(Limit::MediaPorts), 3);
}

#[test]
fn ports_come_back_when_the_relay_has_closed_them() {
    let mut rig = Rig::new();
    let (caller, _) = bridged(&mut rig);
    assert_eq!(rig.switch.gauges().media_ports_in_use, 2);
    rig.hang_up(caller);
    rig.commands();
    assert_eq!(rig.switch.gauges(), Gauges { calls_idle: 2, ..Gauges::default() });
}

#[test]
fn nobody_is_expected_to_speak_before_the_answer() {
    let mut rig = Rig::new();
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "030", Some(USUAL));
    let (station, _) = rig.invited();
    rig.progress(station, 183, Some(USUAL));
    assert!(!rig.remotes[&caller].receive && !rig.remotes[&station].receive);
    rig.answer(station, USUAL);
    assert!(rig.remotes[&caller].receive && rig.remotes[&station].receive);
}

#[test]
fn silence_before_the_answer_means_nothing() {
    let mut rig = Rig::new();
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "030", Some(USUAL));
    rig.invited();
    rig.tell_media(MediaEvent::Silent { leg: media(caller) });
    assert!(rig.commands().is_empty());
}
