//! Quality figures: the call shows what the network did to its media, and tells it at the end.

use std::time::Duration;

use trunkline::switch::{CallView, Grade, MediaView};
use trunkline_tests::network::Quality;
use trunkline_tests::{Lab, Plan};

/// The media of the latest call on a line.
fn media(lab: &Lab, line: &str) -> MediaView {
    let calls: Vec<CallView> = lab.calls("crm").into_iter().filter(|call| &*call.line == line).collect();
    calls.last().and_then(|call| call.media.clone()).expect("the call has media")
}

/// A minute of speech over a network that loses 4 %, doubles 2 % and lets 3 % be overtaken: the figures of both calls.
fn a_bad_minute(plan: Plan) -> [MediaView; 2] {
    let mut lab = plan.build().with_registered(&["alice", "bob"]);
    lab.connected_call("alice", "bob");
    // What is forwarded past the worker is so after a moment.
    lab.run_ms(1_000);
    lab.set_quality(Quality {
        loss_ppm: 40_000,
        duplicate_ppm: 20_000,
        reorder_ppm: 30_000,
        delay: Duration::from_millis(20),
        ..Quality::GOOD
    });
    lab.run(Duration::from_secs(60));
    let medias = ["1001", "1002"].map(|line| media(&lab, line));
    lab.set_quality(Quality::GOOD);
    lab.hang_up("alice");
    lab.nothing_left();
    for media in &medias {
        let received = media.received;
        // Of some 3,000 packets those since the relay was asked last are missing; the rates are those of the network.
        let known = |count: Option<u64>| count.expect("packets came");
        let spoken = received.packets - known(received.duplicates) + known(received.lost);
        assert!((2_750..=3_200).contains(&spoken), "{media:?}");
        assert!(received.loss_ppm.is_some_and(|ppm| (25_000..=50_000).contains(&ppm)), "{media:?}");
        assert!(received.jitter_us.is_some_and(|us| (1..30_000).contains(&us)), "{media:?}");
        assert!(received.mos_x100.is_some_and(|mos| (350..=425).contains(&mos)), "{media:?}");
        assert_eq!(media.codec, Some("PCMU"));
        // The phones of the lab send no reports: what became of what they were sent nobody knows.
        assert!(media.sent.packets >= 2_500 && media.sent.lost.is_none(), "{media:?}");
        assert_eq!((media.sent.mos_x100, media.round_trip_us), (None, None));
    }
    medias
}

#[test]
fn the_call_shows_what_the_network_lost_doubled_and_delayed() {
    for media in a_bad_minute(Plan::seeded(1).without_kernel()) {
        let received = media.received;
        assert!(!media.in_kernel);
        assert!((30..=80).contains(&received.duplicates.unwrap()), "{media:?}");
        assert!(received.late.is_some_and(|late| (40..=130).contains(&late)), "{media:?}");
    }
}

#[test]
fn the_call_shows_it_where_the_kernel_forwards_too() {
    for media in a_bad_minute(Plan::seeded(1)) {
        let received = media.received;
        assert!(media.in_kernel);
        // The kernel knows a duplicate only of its newest packet, others are late.
        let late_or_double = received.late.unwrap() + received.duplicates.unwrap();
        assert!((70..=210).contains(&late_or_double), "{media:?}");
    }
}

#[test]
fn figures_are_told_when_the_call_is_over_and_stay_with_it() {
    let mut lab = Lab::registered(2, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.run_ms(2_000);
    lab.expect_messages("crm", "");
    lab.hang_up("bob");
    lab.run_ms(500);
    lab.expect_messages(
        "crm",
        "1002 idle
         1001 disconnected normal
         1001 idle
         1002 call-quality 4.40
         1001 call-quality 4.40",
    );
    for line in ["1001", "1002"] {
        let received = media(&lab, line).received;
        assert!((145..=155).contains(&received.packets), "{line}: {received:?}");
        assert_eq!((received.lost, received.late, received.duplicates), (Some(0), Some(0), Some(0)));
    }
    lab.nothing_left();
}

#[test]
fn a_network_that_becomes_bad_and_good_again_is_told() {
    let mut lab = Lab::registered(3, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.run(Duration::from_secs(10));
    assert_eq!(media(&lab, "1001").grade, Some(Grade::Good));
    lab.set_quality(Quality { loss_ppm: 250_000, ..Quality::GOOD });
    lab.run(Duration::from_secs(11));
    assert_eq!(media(&lab, "1001").grade, Some(Grade::Poor));
    lab.set_quality(Quality::GOOD);
    lab.run(Duration::from_secs(11));
    assert_eq!(media(&lab, "1001").grade, Some(Grade::Good));
    let told = lab.told("wall", "call-info");
    assert!(told.iter().any(|told| told == "1001 call-info qos"), "{told:?}");
    assert!(told.iter().any(|told| told == "1002 call-info qos"), "{told:?}");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn the_round_trip_to_each_phone_is_its_own() {
    let mut lab = Lab::registered(4, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.phone("bob").listen();
    lab.run_ms(100);
    let source = lab.phone("bob").heard().sources[0];
    let ports = lab.media_ports();
    let (alice, bob) = ("10.0.1.1:4001", "10.0.1.2:4001");
    let [caller, callee] = [ports[1], ports[3]];
    // Alice's sender report is passed on to bob, who kept it for a second and answers.
    lab.sends_media(alice, caller, rtcp(0, 200, &[source, 0x0000_1234, 0x5678_0000, 0, 0, 0]));
    lab.run_ms(1_015);
    lab.sends_media(bob, callee, rtcp(1, 201, &[99, source, 0, 0, 80, 0x1234_5678, 65_536]));
    lab.run(Duration::from_secs(6));
    let (near, far) = (media(&lab, "1001"), media(&lab, "1002"));
    // It came to the relay after 5 ms, and the answer 1,015 + 5 ms later.
    assert_eq!((near.round_trip_us, far.round_trip_us), (None, Some(15_000)));
    assert_eq!((far.sent.lost, far.sent.jitter_us), (Some(0), Some(10_000)));
    assert!(far.sent.mos_x100.is_some_and(|mos| mos >= 435), "{far:?}");
    lab.hang_up("alice");
    lab.nothing_left();
}

/// An RTCP packet of 32-bit words.
fn rtcp(count: u8, kind: u8, words: &[u32]) -> Vec<u8> {
    let mut packet = vec![0x80 | count, kind, 0, u8::try_from(words.len()).expect("it is short")];
    packet.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    packet
}
