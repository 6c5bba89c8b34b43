//! Secured legs of the relay in virtual time: what is on their wire, who is believed, and what they hear.
#![expect(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use trunkline_media::io::simulated::{Sent, Simulated};
use trunkline_media::srtp::{Srtp, SrtpKey, SrtpKeys, SrtpSuite};
use trunkline_media::{
    CallProgress, Command, DtlsIdentity, DtlsPeer, DtlsRole, Event, FarReport, Feed, PortPair, Protection,
    RelayConfig, Remote, Secured, SourcePolicy,
};

use common::{A, ALICE, B, BOB, RELAY, Relay, at, far_end, rtp};

fn remote(rtp: &str, protection: Protection) -> Remote {
    Remote { protection, ..far_end(at(rtp)) }
}

/// The relay's keys with a far end whose key is of these bytes.
fn keys(suite: SrtpSuite, theirs: u8) -> SrtpKeys {
    let key = |byte| SrtpKey::new(suite, &vec![byte; suite.master_bytes()]).unwrap();
    SrtpKeys { receive: key(theirs), send: key(theirs + 100) }
}

/// The same as the far end has them.
fn far(keys: SrtpKeys) -> Srtp {
    Srtp::new(SrtpKeys { receive: keys.send, send: keys.receive })
}

fn open(srtp: &mut Srtp, packet: &[u8]) -> Option<Vec<u8>> {
    let mut packet = packet.to_vec();
    let length = srtp.open_rtp(&mut packet)?;
    packet.truncate(length);
    Some(packet)
}

/// Alice on leg A and Bob on leg B, each hearing the other.
fn call(alice: Protection, bob: Protection) -> Relay {
    call_as(None, alice, bob)
}

/// The same with a certificate.
fn call_as(identity: Option<Arc<DtlsIdentity>>, alice: Protection, bob: Protection) -> Relay {
    let mut relay = offered(identity);
    relay.tell(Command::Remote(A, remote(ALICE, alice).into()));
    relay.tell(Command::Remote(B, remote(BOB, bob).into()));
    relay
}

/// The same while neither has answered.
fn offered(identity: Option<Arc<DtlsIdentity>>) -> Relay {
    let mut relay = Relay::with(Simulated::new(), RelayConfig { identity, ..RelayConfig::default() });
    for (leg, ports) in [(A, PortPair(20_000)), (B, PortPair(20_002))] {
        let address = RELAY.parse().unwrap();
        relay.tell(Command::Open { leg, ports, address, silent_after: None });
    }
    relay.tell(Command::Feed(A, Feed::Leg(B)));
    relay.tell(Command::Feed(B, Feed::Leg(A)));
    relay
}

#[test]
fn a_secured_leg_talks_with_a_plain_one_both_ways() {
    for suite in SrtpSuite::ALL {
        let keys = keys(suite, 1);
        let mut alice = far(keys);
        let mut relay = call(Protection::Srtp(keys), Protection::Plain);
        for n in 0..100 {
            let sealed = alice.seal_rtp(&rtp(7, n)).unwrap().to_vec();
            let sent = relay.arrives(20_000, ALICE, &sealed);
            assert_eq!(sent, [Sent { local_port: 20_002, to: at(BOB), packet: rtp(7, n) }]);
            let sent = relay.arrives(20_002, BOB, &rtp(9, n));
            assert_ne!(sent[0].packet[12..172], rtp(9, n)[12..]);
            assert_eq!(open(&mut alice, &sent[0].packet), Some(rtp(9, n)));
        }
        let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
        let sealed = alice.seal_rtcp(&report).unwrap().to_vec();
        assert_eq!(relay.arrives(20_001, "192.0.2.1:4001", &sealed)[0].packet, report);
        let mut sent =
            relay.arrives(20_003, "192.0.2.2:5001", &[0x80, 201, 0, 1, 0, 0, 0, 9]).remove(0).packet;
        let length = alice.open_rtcp(&mut sent).unwrap();
        assert_eq!(sent[..length], [0x80, 201, 0, 1, 0, 0, 0, 9]);
        let stats = relay.stats(A);
        assert_eq!((stats.packets_received, stats.packets_sent, stats.unauthentic), (100, 100, 0));
        assert_eq!((stats.secured, relay.stats(B).secured), (Secured::Sdes(suite), Secured::Not));
    }
}

/// A compound of one report, of 32-bit words behind its header.
fn report(count: u8, kind: u8, words: &[u32]) -> Vec<u8> {
    let mut packet = vec![0x80 | count, kind, 0, u8::try_from(words.len()).unwrap()];
    packet.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    packet
}

#[test]
fn what_a_secured_far_end_reports_is_known_as_of_a_plain_one() {
    let keys = keys(SrtpSuite::Aes128CmSha1_80, 1);
    for protection in [Protection::Srtp(keys), Protection::Plain] {
        let is_secured = protection != Protection::Plain;
        let mut alice = far(keys);
        let mut relay = call(protection, Protection::Plain);
        for n in 0..10 {
            relay.arrives(20_002, BOB, &rtp(9, n));
        }
        // Bob's sender report goes on to Alice, who kept it for a second: of ten packets she misses two.
        let of_bob = report(0, 200, &[9, 0x1234, 0x5678_0000, 0, 10, 1_600]);
        let on_the_way = relay.arrives(20_003, "192.0.2.2:5001", &of_bob).remove(0);
        assert_eq!((on_the_way.local_port, on_the_way.packet != of_bob), (20_001, is_secured));
        relay.now += Duration::from_millis(1_040);
        let mut answer = report(1, 201, &[7, 9, 0x4000_0002, 9, 80, 0x1234_5678, 65_536]);
        if is_secured {
            answer = alice.seal_rtcp(&answer).unwrap().to_vec();
        }
        assert_eq!(relay.arrives(20_001, "192.0.2.1:4001", &answer).len(), 1);
        let stats = relay.stats(A);
        let reported = FarReport { packets: 10, lost: 2, fraction_lost: 64, jitter_us: 10_000 };
        assert_eq!((stats.reported, stats.round_trip_us), (Some(reported), Some(40_000)), "{protection:?}");
        // What is not authentic reports nothing.
        if is_secured {
            answer[20] ^= 1;
            assert!(relay.arrives(20_001, "192.0.2.1:4001", &answer).is_empty());
            assert_eq!((relay.stats(A).reported, relay.stats(A).unauthentic), (Some(reported), 1));
        }
    }
}

#[test]
fn what_the_relay_reports_to_a_secured_far_end_is_sealed_and_its_answer_measured() {
    let keys = keys(SrtpSuite::Aes256Gcm, 1);
    let mut alice = far(keys);
    let mut relay = call(Protection::Srtp(keys), Protection::Plain);
    relay.tell(Command::Feed(A, Feed::Tone(CallProgress::Ringback.cadence("us"))));
    let sent = relay.wait(Duration::from_secs(6));
    let mut own = sent.into_iter().find(|sent| sent.local_port == 20_001).unwrap().packet;
    let length = alice.open_rtcp(&mut own).expect("sealed");
    own.truncate(length);
    let word = |at: usize| u32::from_be_bytes(own[at..at + 4].try_into().unwrap());
    let (ssrc, middle) = (word(4), word(8) << 16 | word(12) >> 16);
    let answer = report(1, 201, &[7, ssrc, 0, 9, 0, middle, 0]);
    let sealed = alice.seal_rtcp(&answer).unwrap().to_vec();
    relay.arrives(20_001, "192.0.2.1:4001", &sealed);
    let stats = relay.stats(A);
    assert!(stats.round_trip_us.is_some_and(|us| us < 6_000_000), "{stats:?}");
    assert_eq!(stats.reported.map(|reported| reported.lost), Some(0));
}

#[test]
fn two_secured_legs_have_keys_and_suites_of_their_own() {
    let (with_alice, with_bob) = (keys(SrtpSuite::Aes128CmSha1_32, 1), keys(SrtpSuite::Aes256Gcm, 2));
    let (mut alice, mut bob) = (far(with_alice), far(with_bob));
    let mut relay = call(Protection::Srtp(with_alice), Protection::Srtp(with_bob));
    let sealed = alice.seal_rtp(&rtp(7, 1)).unwrap().to_vec();
    let sent = relay.arrives(20_000, ALICE, &sealed);
    assert_eq!(open(&mut bob, &sent[0].packet), Some(rtp(7, 1)));
    let sealed = bob.seal_rtp(&rtp(9, 1)).unwrap().to_vec();
    let sent = relay.arrives(20_002, BOB, &sealed);
    assert_eq!(open(&mut alice, &sent[0].packet), Some(rtp(9, 1)));
}

#[test]
fn ten_thousand_forged_packets_are_counted_and_change_nothing() {
    let keys = keys(SrtpSuite::Aes128CmSha1_80, 1);
    let mut alice = far(keys);
    let mut relay = call(Protection::Srtp(keys), Protection::Plain);
    for n in 0..10_000_u16 {
        let mut forged = rtp(7, n);
        forged.extend([0; 10]);
        assert!(relay.arrives(20_000, ALICE, &forged).is_empty());
        assert!(relay.arrives(20_000, ALICE, &rtp(u32::from(n), n)).is_empty(), "nor plain ones");
    }
    let stats = relay.stats(A);
    assert_eq!((stats.unauthentic, stats.packets_received, stats.lost), (20_000, 0, 0));
    assert!(relay.events.is_empty(), "nothing was latched: {:?}", relay.events);
    let sealed = alice.seal_rtp(&rtp(7, 1)).unwrap().to_vec();
    assert_eq!(relay.arrives(20_000, ALICE, &sealed).len(), 1);
}

#[test]
fn only_authentic_packets_latch_their_source() {
    let keys = keys(SrtpSuite::Aes128Gcm, 1);
    let mut alice = far(keys);
    let source = SourcePolicy::Learn { signalling: at(ALICE).ip(), window: Duration::from_secs(3) };
    let mut relay = call(Protection::Srtp(keys), Protection::Plain);
    relay.tell(Command::Remote(
        A,
        Remote { source, ..remote("10.0.0.5:4000", Protection::Srtp(keys)) }.into(),
    ));
    for n in 0..100 {
        let mut forged = rtp(7, n);
        forged.extend([0; 16]);
        assert!(relay.arrives(20_000, "203.0.113.66:9999", &forged).is_empty());
        assert!(relay.arrives(20_000, ALICE, &forged).is_empty());
    }
    assert!(relay.events.is_empty());
    let sealed = alice.seal_rtp(&rtp(7, 1)).unwrap().to_vec();
    assert_eq!(relay.arrives(20_000, "192.0.2.1:4444", &sealed).len(), 1);
    assert!(
        matches!(relay.events[..], [Event::Latched { leg: A, source }] if source == at("192.0.2.1:4444"))
    );
}

#[test]
fn a_replayed_packet_is_not_heard_again() {
    let keys = keys(SrtpSuite::Aes128CmSha1_80, 1);
    let mut alice = far(keys);
    let mut relay = call(Protection::Srtp(keys), Protection::Plain);
    let captured: Vec<_> = (0..200).map(|n| alice.seal_rtp(&rtp(7, n)).unwrap().to_vec()).collect();
    let heard = |relay: &mut Relay| {
        captured.iter().filter(|packet| !relay.arrives(20_000, ALICE, packet).is_empty()).count()
    };
    assert_eq!((heard(&mut relay), heard(&mut relay)), (200, 0));
    assert_eq!(relay.stats(A).unauthentic, 200);
}

#[test]
fn both_directions_go_on_over_the_wrap_of_sequence_numbers() {
    let keys = keys(SrtpSuite::Aes128CmSha1_80, 1);
    let mut alice = far(keys);
    let mut relay = call(Protection::Srtp(keys), Protection::Plain);
    for n in (65_000..=65_535).chain(10..100_u16) {
        let sealed = alice.seal_rtp(&rtp(7, n)).unwrap().to_vec();
        assert_eq!(relay.arrives(20_000, ALICE, &sealed).len(), 1, "{n}");
        let sent = relay.arrives(20_002, BOB, &rtp(9, n));
        assert!(open(&mut alice, &sent[0].packet).is_some(), "{n}");
    }
}

#[test]
fn who_begins_its_numbers_anew_is_heard_by_who_is_sealed_for() {
    let keys = keys(SrtpSuite::Aes128CmSha1_80, 1);
    let mut alice = far(keys);
    let mut relay = call(Protection::Srtp(keys), Protection::Plain);
    let mut heard = 0;
    for n in (40_000..40_100).chain(10_000..10_100_u16) {
        for sent in relay.arrives(20_002, BOB, &rtp(9, n)) {
            heard += usize::from(open(&mut alice, &sent.packet).is_some());
        }
    }
    assert_eq!(heard, 199, "all but the one that may have been a stray");
}

#[test]
fn what_the_relay_plays_is_sealed_as_one_stream_with_what_was_said_before() {
    let keys = keys(SrtpSuite::Aes128CmSha1_80, 1);
    let mut alice = far(keys);
    let mut relay = call(Protection::Srtp(keys), Protection::Plain);
    let mut last = 0;
    let mut hears = |sent: Vec<Sent>, at_least: usize| {
        let rtp: Vec<_> = sent.iter().filter(|sent| sent.local_port == 20_000).collect();
        assert!(rtp.len() >= at_least, "{}", rtp.len());
        for sent in rtp {
            let packet = open(&mut alice, &sent.packet).expect("sealed, and once");
            assert_eq!(packet[8..12], [0, 0, 0, 9], "one source for the call");
            let sequence = u16::from_be_bytes([packet[2], packet[3]]);
            assert!(sequence == last + 1, "{sequence} after {last}");
            last = sequence;
        }
    };
    hears(relay.arrives(20_002, BOB, &rtp(9, 1)), 1);
    relay.tell(Command::Feed(A, Feed::Tone(CallProgress::Ringback.cadence("us"))));
    hears(relay.wait(Duration::from_secs(1)), 50);
    relay.tell(Command::Feed(A, Feed::Leg(B)));
    hears(relay.arrives(20_002, BOB, &rtp(9, 60)), 1);
}

#[test]
fn a_key_that_changes_is_followed_and_one_that_stays_goes_on() {
    let before = keys(SrtpSuite::Aes128CmSha1_80, 1);
    let after = keys(SrtpSuite::Aes128Gcm, 2);
    let mut alice = far(before);
    let mut relay = call(Protection::Srtp(before), Protection::Plain);
    for n in [65_534, 65_535, 0, 1] {
        let sealed = alice.seal_rtp(&rtp(7, n)).unwrap().to_vec();
        assert_eq!(relay.arrives(20_000, ALICE, &sealed).len(), 1);
    }
    relay.tell(Command::Remote(A, Remote { send: false, ..remote(ALICE, Protection::Srtp(before)) }.into()));
    relay.tell(Command::Remote(A, remote(ALICE, Protection::Srtp(before)).into()));
    let sealed = alice.seal_rtp(&rtp(7, 2)).unwrap().to_vec();
    assert_eq!(relay.arrives(20_000, ALICE, &sealed).len(), 1, "held and back under the same key");
    let under_way = alice.seal_rtp(&rtp(7, 3)).unwrap().to_vec();
    relay.tell(Command::Remote(A, remote(ALICE, Protection::Srtp(after)).into()));
    assert_eq!(relay.arrives(20_000, ALICE, &under_way).len(), 1);
    let mut alice = far(after);
    let sealed = alice.seal_rtp(&rtp(7, 4)).unwrap().to_vec();
    assert_eq!(relay.arrives(20_000, ALICE, &sealed).len(), 1);
    let sent = relay.arrives(20_002, BOB, &rtp(9, 1));
    assert_eq!(open(&mut alice, &sent[0].packet), Some(rtp(9, 1)));
}

#[test]
fn a_packet_of_any_length_under_the_limit_is_sealed() {
    let keys = keys(SrtpSuite::Aes256Gcm, 1);
    let mut alice = far(keys);
    let mut relay = call(Protection::Srtp(keys), Protection::Plain);
    for (n, length) in (1..).zip([12, 13, 1_500, trunkline_media::DATAGRAM_BYTES_MAX]) {
        let mut packet = rtp(9, n);
        packet.resize(length, 0xaa);
        let sent = relay.arrives(20_002, BOB, &packet);
        assert_eq!(open(&mut alice, &sent[0].packet), Some(packet));
    }
}

/// A relay that plays Alice: its leg A is her phone, keyed by DTLS with the other relay's leg A.
struct Phone {
    relay: Relay,
    near: Relay,
}

/// Where what her phone sends by this port comes from.
fn alice_at(port: u16) -> &'static str {
    match port {
        20_000 => ALICE,
        20_001 => "192.0.2.1:4001",
        other => panic!("{other} is no port of Alice"),
    }
}

impl Phone {
    fn calling(expected: Option<[u8; 32]>) -> Self {
        Self::calling_as(DtlsRole::Client, false, expected)
    }

    /// Alice is this side of the handshake, and shares a port with her reports or not.
    fn calling_as(role: DtlsRole, muxed: bool, expected: Option<[u8; 32]>) -> Self {
        let identity = || Arc::new(DtlsIdentity::generate().unwrap());
        let (ours, hers) = (identity(), identity());
        let other = if role == DtlsRole::Client { DtlsRole::Server } else { DtlsRole::Client };
        let described = |at: &str, fingerprint, role| {
            let described = remote(at, Protection::Dtls(DtlsPeer { fingerprint, role }));
            Remote { rtcp: if muxed { described.rtp } else { described.rtcp }, ..described }
        };
        let mut near = call_as(Some(Arc::clone(&ours)), Protection::Plain, Protection::Plain);
        let expected = expected.unwrap_or_else(|| hers.fingerprint());
        near.tell(Command::Remote(A, described(ALICE, expected, other).into()));
        let mut relay = call_as(Some(Arc::clone(&hers)), Protection::Plain, Protection::Plain);
        relay.tell(Command::Remote(A, described("192.0.2.100:20000", ours.fingerprint(), role).into()));
        Self { relay, near }
    }

    /// Carries what both send over leg A to and fro, for two seconds; how many datagrams came from each of Alice's ports.
    fn carry(&mut self) -> [usize; 2] {
        self.carry_up_to(20_001)
    }

    /// The same of her ports up to this one.
    fn carry_up_to(&mut self, last_port: u16) -> [usize; 2] {
        let mut counts = [0; 2];
        for _ in 0..20 {
            let hers = self.relay.wait(Duration::from_millis(100));
            let ours = self.near.wait(Duration::from_millis(100));
            for (count, more) in counts.iter_mut().zip(self.exchange(last_port, hers, ours)) {
                *count += more;
            }
        }
        counts
    }

    /// Carries this and what is answered to it, at once.
    fn exchange(&mut self, last_port: u16, mut hers: Vec<Sent>, mut ours: Vec<Sent>) -> [usize; 2] {
        let mut counts = [0; 2];
        let of_leg = |sent: &Sent| sent.local_port <= last_port;
        while !hers.is_empty() || !ours.is_empty() {
            for sent in std::mem::take(&mut hers).into_iter().filter(of_leg) {
                counts[usize::from(sent.local_port - 20_000)] += 1;
                ours.extend(self.near.arrives(sent.local_port, alice_at(sent.local_port), &sent.packet));
            }
            for sent in std::mem::take(&mut ours).into_iter().filter(of_leg) {
                assert_eq!(sent.to, at(alice_at(sent.local_port)));
                let from = format!("192.0.2.100:{}", sent.local_port);
                hers.extend(self.relay.arrives(sent.local_port, &from, &sent.packet));
            }
        }
        counts
    }
}

#[test]
fn a_leg_that_is_keyed_by_a_handshake_talks_with_a_plain_one() {
    for role in [DtlsRole::Client, DtlsRole::Server] {
        let mut phone = Phone::calling_as(role, false, None);
        assert_eq!(phone.near.stats(A).secured, Secured::Dtls(None));
        phone.carry();
        assert_eq!(phone.near.stats(A).secured, Secured::Dtls(Some(SrtpSuite::Aes256Gcm)));
        for n in 1..50 {
            let sealed = phone.relay.arrives(20_002, BOB, &rtp(7, n)).remove(0);
            assert_ne!(sealed.packet[12..172], rtp(7, n)[12..]);
            let sent = phone.near.arrives(20_000, ALICE, &sealed.packet);
            assert_eq!(sent, [Sent { local_port: 20_002, to: at(BOB), packet: rtp(7, n) }]);
        }
    }
}

#[test]
fn reports_have_keys_of_their_own_where_they_have_a_port_of_their_own() {
    for role in [DtlsRole::Client, DtlsRole::Server] {
        let mut phone = Phone::calling_as(role, false, None);
        let [rtp, rtcp] = phone.carry();
        assert!(rtp > 0 && rtcp > 0);
        let said = report(0, 201, &[9]);
        let sealed = phone.relay.arrives(20_003, "192.0.2.2:5001", &said).remove(0);
        assert_eq!(sealed.local_port, 20_001);
        assert!(phone.near.arrives(20_000, ALICE, &sealed.packet).is_empty(), "not under the keys of RTP");
        assert_eq!(phone.near.stats(A).unauthentic, 1);
        let heard = phone.near.arrives(20_001, "192.0.2.1:4001", &sealed.packet);
        assert_eq!(heard, [Sent { local_port: 20_003, to: at("192.0.2.2:5001"), packet: said }]);
    }
}

#[test]
fn one_handshake_is_for_both_where_they_share_a_port() {
    let mut phone = Phone::calling_as(DtlsRole::Client, true, None);
    let [rtp, rtcp] = phone.carry();
    assert!(rtp > 0 && rtcp == 0);
    let said = report(0, 201, &[9]);
    let sealed = phone.relay.arrives(20_003, "192.0.2.2:5001", &said).remove(0);
    assert_eq!(sealed.local_port, 20_000);
    assert_eq!(phone.near.arrives(20_000, ALICE, &sealed.packet)[0].packet, said);
}

#[test]
fn a_far_end_that_shakes_hands_for_rtp_alone_is_heard_and_sent_no_reports() {
    let mut phone = Phone::calling(None);
    phone.carry_up_to(20_000);
    let sealed = phone.relay.arrives(20_002, BOB, &rtp(7, 1)).remove(0);
    assert_eq!(phone.near.arrives(20_000, ALICE, &sealed.packet).len(), 1);
    assert!(phone.near.arrives(20_003, "192.0.2.2:5001", &report(0, 201, &[9])).is_empty());
    let stats = phone.near.stats(A);
    assert_eq!((stats.send_failed, stats.rtcp_sent), (0, 0));
    assert_eq!(phone.near.worker.deadline(), None, "nothing to repeat to who did not begin");
}

#[test]
fn nothing_passes_without_a_handshake_with_whom_sdp_names() {
    let mut phone = Phone::calling(Some([7; 32]));
    phone.carry();
    assert!(phone.near.arrives(20_000, ALICE, &rtp(7, 1)).is_empty());
    assert!(phone.near.arrives(20_002, BOB, &rtp(9, 1)).is_empty());
    let stats = phone.near.stats(A);
    assert_eq!((stats.secured, stats.unauthentic), (Secured::Dtls(None), 1));
}

#[test]
fn a_strangers_handshake_is_not_heard() {
    let mut phone = Phone::calling(None);
    let hellos = phone.relay.wait(Duration::from_millis(100));
    let hello = |port| hellos.iter().find(|sent| sent.local_port == port).map(|sent| sent.packet.clone());
    for port in [20_000, 20_001] {
        let hello = hello(port).unwrap_or_else(|| vec![22; 100]);
        for _ in 0..1_000 {
            assert!(phone.near.arrives(port, "203.0.113.66:9999", &hello).is_empty());
        }
    }
    assert_eq!(phone.near.stats(A).foreign, 2_000);
    phone.carry();
    let sealed = phone.relay.arrives(20_002, BOB, &rtp(7, 1)).remove(0);
    assert_eq!(phone.near.arrives(20_000, ALICE, &sealed.packet).len(), 1);
}

#[test]
fn a_handshake_that_begins_before_the_answer_is_here_goes_on_at_once() {
    let mut phone = Phone::calling(None);
    let identity = Arc::new(DtlsIdentity::generate().unwrap());
    let hers = Arc::new(DtlsIdentity::generate().unwrap());
    let by = |of: &DtlsIdentity, role| Protection::Dtls(DtlsPeer { fingerprint: of.fingerprint(), role });
    phone.relay = call_as(Some(Arc::clone(&hers)), Protection::Plain, Protection::Plain);
    phone.near = offered(Some(Arc::clone(&identity)));
    let described = remote("192.0.2.100:20000", by(&identity, DtlsRole::Client));
    phone.relay.tell(Command::Remote(A, described.into()));
    let hellos = phone.relay.worker.io_mut().take_sent();
    assert_eq!(hellos.len(), 2);
    assert!(phone.near.arrives(20_000, "203.0.113.66:9999", &[22; 100]).is_empty());
    for hello in hellos {
        assert!(phone.near.arrives(hello.local_port, alice_at(hello.local_port), &hello.packet).is_empty());
    }
    phone.near.tell(Command::Remote(A, remote(ALICE, by(&hers, DtlsRole::Server)).into()));
    phone.near.tell(Command::Remote(B, remote(BOB, Protection::Plain).into()));
    let answers = phone.near.worker.io_mut().take_sent();
    assert!(!answers.is_empty());
    phone.exchange(20_001, Vec::new(), answers);
    let stats = phone.near.stats(A);
    assert_eq!((stats.secured, stats.malformed), (Secured::Dtls(Some(SrtpSuite::Aes256Gcm)), 0));
}

#[test]
fn what_was_kept_of_a_handshake_that_nobody_agreed_to_is_counted() {
    let mut relay = offered(None);
    for _ in 0..3 {
        assert!(relay.arrives(20_000, ALICE, &[22; 100]).is_empty());
    }
    assert_eq!(relay.stats(A).malformed, 0);
    relay.tell(Command::Remote(A, remote(ALICE, Protection::Plain).into()));
    assert_eq!(relay.stats(A).malformed, 1);
    relay.arrives(20_000, ALICE, &[22; 100]);
    assert_eq!(relay.stats(A).malformed, 2);
}
