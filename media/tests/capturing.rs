//! Legs whose packets are captured, in virtual time: what is told of, and that nothing else changes.

mod common;

use trunkline_media::io::simulated::Simulated;
use trunkline_media::{CaptureId, Captured, Command, Event, Feed, PortPair, RelayConfig, Take, TapId};

use common::{A, ALICE, B, BOB, Relay, at, far_end, rtp};

/// Alice on leg A and Bob on leg B, each hearing the other; Alice says digits as events of number 101.
fn call() -> Relay {
    let mut relay = Relay::over(Simulated::new());
    for (leg, port, far) in [(A, 20_000, ALICE), (B, 20_002, BOB)] {
        relay.open(leg, PortPair(port));
        let mut remote = far_end(at(far));
        remote.speaks = remote.speaks.with_events(101);
        relay.tell(Command::Remote(leg, remote.into()));
    }
    relay.tell(Command::Feed(A, Feed::Leg(B)));
    relay.tell(Command::Feed(B, Feed::Leg(A)));
    relay
}

fn capture(relay: &mut Relay, captures: &[u64]) {
    let take =
        |capture: &u64| Take { tap: TapId::Capture(CaptureId(*capture)), began: relay.now, is_wide: false };
    let takes: Vec<Take> = captures.iter().map(take).collect();
    relay.tell(Command::Record(A, takes.into()));
}

fn captured(relay: &mut Relay) -> Vec<Captured> {
    let told = relay.events.drain(..);
    told.filter_map(|event| if let Event::Captured(captured) = event { Some(*captured) } else { None })
        .collect()
}

#[test]
fn what_the_far_end_says_is_told_of_as_it_came_and_only_while_it_is_to_be() {
    let mut relay = call();
    relay.arrives(20_000, ALICE, &rtp(7, 1));
    assert_eq!(captured(&mut relay), []);
    capture(&mut relay, &[5, 6]);
    relay.arrives(20_000, ALICE, &rtp(7, 2));
    relay.arrives(20_002, BOB, &rtp(9, 2));
    let told = captured(&mut relay);
    let whole = |capture| Captured {
        capture: CaptureId(capture),
        leg: A,
        at: relay.now,
        from: at(ALICE),
        port: 20_000,
        is_opened: false,
        is_masked: false,
        packet: rtp(7, 2).into(),
    };
    assert_eq!(told, [whole(5), whole(6)], "Bob's leg is not captured");
    // Nobody who is no station is.
    relay.arrives(20_000, "192.0.2.66:4000", &rtp(8, 3));
    assert_eq!(captured(&mut relay), []);
    capture(&mut relay, &[]);
    relay.arrives(20_000, ALICE, &rtp(7, 3));
    assert_eq!(captured(&mut relay), []);
}

#[test]
fn a_digit_is_heard_by_the_other_side_and_by_no_capture() {
    let mut relay = call();
    capture(&mut relay, &[5]);
    relay.arrives(20_000, ALICE, &rtp(7, 1));
    captured(&mut relay);
    let mut event = rtp(7, 2);
    event.truncate(12);
    event[1] = 101;
    event.extend([9, 0x8A, 3, 32]);
    relay.arrives(20_000, ALICE, &event);
    let told = captured(&mut relay);
    let [only] = &told[..] else { panic!("{told:?}") };
    assert!(only.is_masked);
    assert_eq!((only.packet.len(), &only.packet[12..]), (16, &[255, 0x8A, 3, 32][..]));
}

#[test]
fn reports_are_told_of() {
    let mut relay = call();
    capture(&mut relay, &[5]);
    relay.arrives(20_000, ALICE, &rtp(7, 1));
    captured(&mut relay);
    // A receiver report of nobody, and who says it.
    let report = [0x80, 201, 0, 1, 0, 0, 0, 7, 0x81, 202, 0, 2, 0, 0, 0, 7, 1, 1, b'a', 0];
    relay.arrives(20_001, "192.0.2.1:4001", &report);
    let told = captured(&mut relay);
    let [only] = &told[..] else { panic!("{told:?}") };
    assert_eq!((only.port, only.from, &only.packet[..]), (20_001, at("192.0.2.1:4001"), &report[..]));
}

#[test]
fn what_a_far_end_reports_is_told_of_where_that_is_wanted() {
    for tells_reports in [false, true] {
        let config = RelayConfig { tells_reports, ..RelayConfig::default() };
        let mut relay = Relay::with(Simulated::new(), config);
        relay.open(A, PortPair(20_000));
        relay.tell(Command::Remote(A, far_end(at(ALICE)).into()));
        relay.arrives(20_000, ALICE, &rtp(7, 1));
        relay.events.clear();
        let compound = [0x80, 201, 0, 1, 0, 0, 0, 7];
        relay.arrives(20_001, "192.0.2.1:4001", &compound);
        // What is no report, and what comes from somebody else.
        relay.arrives(20_001, "192.0.2.1:4001", &compound[..6]);
        relay.arrives(20_001, "192.0.2.66:4001", &compound);
        let reported = relay.events.iter().filter(|event| matches!(event, Event::Reported(_)));
        assert_eq!(reported.count(), usize::from(tells_reports));
    }
}
