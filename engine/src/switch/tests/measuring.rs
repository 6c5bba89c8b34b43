//! Quality figures: when the relay is asked, what a call shows, what applications and the log are told.

use std::time::Duration;

use trunkline_media::{
    Command as MediaCommand, Event as MediaEvent, FarReport, LegId as MediaLegId, LegStats, Secured,
    SrtpSuite,
};
use trunkline_sip::LegId;
use trunkline_sip::outbox::{Event, Peer};

use crate::switch::quality::{ASK_EARLY, ASK_EVERY};
use crate::switch::rig::{CRM, Rig, USUAL};
use crate::switch::*;

fn bridged(rig: &mut Rig) -> (LegId, LegId) {
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "030", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.commands();
    rig.messages.clear();
    (caller, station)
}

/// Seconds of speech both ways, of which so many packets were lost in all on the way here.
fn seconds(seconds: u64, lost: u64) -> LegStats {
    let packets = seconds * 50;
    LegStats {
        packets_received: packets - lost,
        bytes_received: (packets - lost) * 172,
        packets_sent: packets,
        bytes_sent: packets * 172,
        lost,
        jitter_us: 2_000,
        payload_type: Some(0),
        ..LegStats::default()
    }
}

fn says(rig: &mut Rig, leg: LegId, stats: LegStats) {
    rig.counts.insert(leg, stats);
    rig.tell_media(MediaEvent::Stats { leg: MediaLegId(leg.0), stats });
}

fn media(rig: &Rig, call: u64) -> Option<MediaView> {
    rig.switch.call(CRM, CallId(call)).expect("the call is there").media
}

fn asked(rig: &mut Rig) -> usize {
    std::mem::take(&mut rig.relayed)
        .iter()
        .filter(|command| matches!(command, MediaCommand::Stats(_)))
        .count()
}

#[test]
fn each_leg_is_asked_every_few_seconds_and_not_when_it_is_closed() {
    let mut rig = Rig::new();
    let (caller, _) = bridged(&mut rig);
    rig.pass(ASK_EVERY - Duration::from_millis(1));
    assert_eq!(asked(&mut rig), 0);
    rig.pass(Duration::from_millis(1));
    assert_eq!(asked(&mut rig), 2);
    assert_eq!(rig.switch.media.ask_at(), Some(rig.now + ASK_EVERY));
    rig.hang_up(caller);
    rig.commands();
    assert_eq!((rig.switch.media.ask_at(), rig.switch.deadline()), (None, None));
    rig.pass(ASK_EVERY);
    assert_eq!(asked(&mut rig), 0);
}

#[test]
fn legs_whose_turn_comes_soon_are_asked_with_those_whose_turn_it_is() {
    let (mut rig, moment) = (Rig::new(), Duration::from_millis(1));
    let (first, _) = bridged(&mut rig);
    rig.pass(ASK_EARLY - moment);
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    rig.commands();
    rig.pass(ASK_EVERY - ASK_EARLY);
    assert_eq!(asked(&mut rig), 0);
    rig.pass(moment);
    assert_eq!(asked(&mut rig), 4);
    rig.hang_up(first);
    rig.commands();
    rig.pass(ASK_EVERY - moment);
    assert_eq!(asked(&mut rig), 0);
    rig.pass(moment);
    assert_eq!(asked(&mut rig), 2);
}

#[test]
fn a_call_shows_the_figures_of_its_own_station() {
    let mut rig = Rig::new();
    let (caller, station) = bridged(&mut rig);
    assert_eq!((media(&rig, 1), media(&rig, 2)), (None, None));
    let reported = Some(FarReport { packets: 500, lost: 5, fraction_lost: 0, jitter_us: 4_000 });
    let stats = LegStats { reported, round_trip_us: Some(40_000), duplicates: 1, late: 2, ..seconds(10, 0) };
    says(&mut rig, caller, stats);
    says(&mut rig, station, seconds(10, 50));
    let (first, second) = (media(&rig, 1).unwrap(), media(&rig, 2).unwrap());
    assert_eq!((first.codec, first.round_trip_us, first.measured), (Some("PCMU"), Some(40_000), rig.now));
    // d = 20 + 20 + 4: Id = 1.056; R = 92.144.
    assert_eq!(
        first.received,
        DirectionView {
            packets: 500,
            bytes: 86_000,
            lost: Some(0),
            loss_ppm: Some(0),
            jitter_us: Some(2_000),
            late: Some(2),
            duplicates: Some(1),
            mos_x100: Some(439),
        }
    );
    // 1 %, d = 20 + 20 + 8: Id = 1.152, Ie,eff = 95 / 26.1 = 3.640; R = 88.408.
    assert_eq!(
        first.sent,
        DirectionView {
            packets: 500,
            bytes: 86_000,
            lost: Some(5),
            loss_ppm: Some(10_000),
            jitter_us: Some(4_000),
            late: None,
            duplicates: None,
            mos_x100: Some(430),
        }
    );
    assert_eq!((second.received.lost, second.received.loss_ppm), (Some(50), Some(100_000)));
    assert_eq!((second.sent.packets, second.sent.lost, second.sent.mos_x100), (500, None, None));
    let totals = rig.switch.media_totals();
    assert_eq!((totals.packets_received, totals.packets_sent, totals.lost, totals.late), (950, 1_000, 50, 2));
}

#[test]
fn a_call_shows_how_its_station_is_protected_and_what_was_not_authentic() {
    let mut rig = Rig::new();
    let (caller, station) = bridged(&mut rig);
    let sealed = Secured::Sdes(SrtpSuite::Aes128Gcm);
    says(&mut rig, caller, LegStats { secured: sealed, ..seconds(5, 0) });
    // Of a handshake that fails nothing is heard but what is refused.
    let refused = LegStats { secured: Secured::Dtls(None), unauthentic: 250, ..LegStats::default() };
    says(&mut rig, station, refused);
    let shown = |rig: &Rig, call| media(rig, call).map(|media| (media.secured, media.unauthentic));
    assert_eq!(shown(&rig, 1), Some((sealed, 0)));
    assert_eq!(shown(&rig, 2), Some((Secured::Dtls(None), 250)));
    assert_eq!(rig.switch.media_totals().unauthentic, 250);
    rig.hang_up(caller);
    rig.commands();
    let ended: Vec<_> = rig.ended.iter().map(|ended| (ended.call, ended.media.secured)).collect();
    assert_eq!(ended, [(CallId(1), sealed), (CallId(2), Secured::Dtls(None))]);
}

#[test]
fn applications_hear_when_a_call_becomes_worse_and_better_but_not_of_every_wave() {
    let mut rig = Rig::new();
    let (caller, _) = bridged(&mut rig);
    let mut told = |stats| {
        says(&mut rig, caller, stats);
        let told = rig.told(CRM, |message| matches!(message, Message::CallInfo { changed: "qos", .. }));
        (media(&rig, 1).and_then(|media| media.grade), told.len())
    };
    assert_eq!(told(seconds(5, 0)), (Some(Grade::Good), 0));
    // 12 % of five seconds: 3.21. Ten seconds of silence say nothing.
    assert_eq!(told(seconds(10, 30)), (Some(Grade::Fair), 1));
    assert_eq!(told(seconds(10, 30)), (Some(Grade::Fair), 0));
    // 20 %: 2.62.
    assert_eq!(told(seconds(15, 80)), (Some(Grade::Poor), 1));
    // 12 % is fair, but not by enough; 10 % is.
    assert_eq!(told(seconds(20, 110)), (Some(Grade::Poor), 0));
    assert_eq!(told(seconds(25, 135)), (Some(Grade::Fair), 1));
    assert_eq!(told(seconds(30, 135)), (Some(Grade::Good), 1));
}

#[test]
fn a_call_that_is_over_tells_how_it_was() {
    let mut rig = Rig::new();
    let (caller, station) = bridged(&mut rig);
    rig.counts.insert(caller, seconds(3, 1));
    rig.hang_up(caller);
    rig.commands();
    // Nothing came from the other side, nor went there: that is no media.
    assert_eq!(rig.ended.len(), 1);
    let ended = rig.ended.pop().unwrap();
    assert_eq!((ended.call, &*ended.line, ended.media.received.lost), (CallId(1), "carrier", Some(1)));
    let told = rig.told(CRM, |message| matches!(message, Message::CallQuality { .. }));
    let media = Box::new(ended.media.clone());
    assert_eq!(told, [Message::CallQuality { call: CallId(1), line: "carrier".into(), media }]);
    assert_eq!(super::measuring::media(&rig, 1), Some(ended.media));
    assert_eq!(super::measuring::media(&rig, 2), None);
    let totals = rig.switch.media_totals();
    assert_eq!((totals.packets_received, totals.lost), (149, 1));
    // The relay's last word about a leg is counted once.
    rig.tell_media(MediaEvent::Stats { leg: MediaLegId(station.0), stats: seconds(9, 0) });
    assert_eq!(rig.switch.media_totals(), totals);
}

#[test]
fn flows_in_the_kernel_are_counted_until_they_leave_it() {
    let mut rig = Rig::new();
    let (caller, station) = bridged(&mut rig);
    for leg in [caller, station] {
        says(&mut rig, leg, LegStats { in_kernel: true, kernel_packets: 40, ..seconds(1, 0) });
    }
    let totals = rig.switch.media_totals();
    assert_eq!((totals.flows_in_kernel, totals.kernel_packets), (2, 80));
    assert!(media(&rig, 1).unwrap().in_kernel);
    says(&mut rig, station, seconds(2, 0));
    assert_eq!(rig.switch.media_totals().flows_in_kernel, 1);
    rig.counts.insert(caller, LegStats { kernel_packets: 60, ..seconds(2, 0) });
    rig.hang_up(caller);
    rig.commands();
    assert_eq!(rig.switch.media_totals().flows_in_kernel, 0);
    let kernel: Vec<_> = rig.ended.iter().map(|ended| (ended.call, ended.media.in_kernel)).collect();
    assert_eq!(kernel, [(CallId(1), true), (CallId(2), false)]);
}

#[test]
fn codecs_are_named_as_they_were_agreed() {
    let mut rig = Rig::new();
    let (caller, _) = bridged(&mut rig);
    for (payload_type, name) in [(0, Some("PCMU")), (8, Some("PCMA")), (18, Some("G729")), (97, None)] {
        says(&mut rig, caller, LegStats { payload_type: Some(payload_type), ..seconds(1, 0) });
        assert_eq!(media(&rig, 1).unwrap().codec, name);
    }
}
