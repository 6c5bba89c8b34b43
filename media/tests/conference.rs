//! Conferences, transcoding and digits through whole workers in virtual time: who hears whom, and in what form.
#![expect(clippy::unwrap_used, reason = "a test fails by panic")]

use std::f64::consts::TAU;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use trunkline_media::g711::Law;
use trunkline_media::io::simulated::{Sent, Simulated};
use trunkline_media::rtp::Header;
use trunkline_media::{
    CallProgress, Codec, Codecs, Command, ConferenceId, Detection, DigitSource, DigitVia, Event, Feed, LegId,
    MediaKind, PayloadTypes, PortPair, Protection, RelayConfig, RelayWorker, Remote, SourcePolicy, g711,
    g722,
};

const ROOM: ConferenceId = ConferenceId(1);

/// A phone that says a tone of its own and measures what it hears.
struct Phone {
    leg: LegId,
    port: u16,
    address: SocketAddr,
    number: u8,
    codec: Codec,
    hz: f64,
    speaks: bool,
    packets: u64,
    encoder: g722::Encoder,
    decoder: g722::Decoder,
    heard: Vec<i16>,
    headers: Vec<Header>,
    reports: Vec<Vec<u8>>,
}

struct Lab {
    worker: RelayWorker<Simulated>,
    now: Instant,
    phones: Vec<Phone>,
    events: Vec<Event>,
    /// Steps of 10 ms so far.
    turn: usize,
}

impl Phone {
    fn rate_hz(&self) -> f64 {
        if self.codec == Codec::G722 { 16_000.0 } else { 8_000.0 }
    }

    fn packet(&mut self) -> Vec<u8> {
        let n = self.packets;
        self.packets += 1;
        let mut packet = vec![0x80, self.number];
        packet.extend(u16::try_from(n & 0xffff).unwrap().to_be_bytes());
        packet.extend(u32::try_from(n * 160).unwrap().to_be_bytes());
        packet.extend(u32::try_from(self.leg.0).unwrap().to_be_bytes());
        let rate_hz = self.rate_hz();
        let count = if self.codec == Codec::G722 { 320 } else { 160 };
        #[expect(clippy::cast_possible_truncation, reason = "the amplitude is below 2^15")]
        let samples: Vec<i16> = (0..count)
            .map(|i| (5_000.0 * (TAU * self.hz * (n * count + i) as f64 / rate_hz).sin()) as i16)
            .collect();
        let mut payload = [0; 160];
        match self.codec {
            Codec::Pcmu => g711::compress(Law::Mu, &samples, &mut payload),
            Codec::Pcma => g711::compress(Law::A, &samples, &mut payload),
            Codec::G722 => self.encoder.encode(&samples, &mut payload),
        }
        packet.extend(payload);
        packet
    }

    fn hear(&mut self, sent: &Sent) {
        if (192..=223).contains(&sent.packet[1]) {
            self.reports.push(sent.packet.clone());
            return;
        }
        let header = Header::read(&sent.packet).unwrap();
        self.headers.push(header);
        if header.payload_type != self.number {
            return;
        }
        let mut samples = [0; 320];
        let payload = &sent.packet[12..];
        let count = match self.codec {
            Codec::Pcmu => {
                g711::expand(Law::Mu, payload, &mut samples);
                160
            }
            Codec::Pcma => {
                g711::expand(Law::A, payload, &mut samples);
                160
            }
            Codec::G722 => {
                self.decoder.decode(payload, &mut samples);
                320
            }
        };
        self.heard.extend(&samples[..count]);
    }

    /// Goertzel: the amplitude of a tone in what was heard.
    fn level(&self, hz: f64) -> f64 {
        let turn = 2.0 * (TAU * hz / self.rate_hz()).cos();
        let (mut last, mut before) = (0.0, 0.0);
        for sample in &self.heard {
            (last, before) = (f64::from(*sample) + turn * last - before, last);
        }
        let energy: f64 = last * last + before * before - last * before * turn;
        2.0 * energy.max(0.0).sqrt() / self.heard.len().max(1) as f64
    }
}

impl Lab {
    #[expect(clippy::disallowed_methods, reason = "where virtual time begins")]
    fn new() -> Self {
        let now = Instant::now();
        let worker = RelayWorker::new(now, Simulated::new(), RelayConfig { seed: 3, ..Default::default() });
        Self { worker, now, phones: Vec::new(), events: Vec::new(), turn: 0 }
    }

    /// A phone with a codec, under a number that is not the static one where `shifted`.
    fn phone(&mut self, codec: Codec, shifted: bool) -> usize {
        let n = self.phones.len();
        let usual = match codec {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
            Codec::G722 => 9,
        };
        let number = if shifted { 120 } else { usual };
        let address: SocketAddr = format!("192.0.2.{}:4000", n + 1).parse().unwrap();
        let port = 20_000 + 2 * u16::try_from(n).unwrap();
        let leg = LegId(n as u64);
        let codecs = Codecs::default().with(number, codec).with_events(if shifted { 97 } else { 101 });
        let any = "0.0.0.0".parse().unwrap();
        self.tell(Command::Open { leg, ports: PortPair(port), address: any, silent_after: None });
        let remote = Remote {
            rtp: Some(address),
            rtcp: Some(SocketAddr::new(address.ip(), 4_001)),
            source: SourcePolicy::Signalled,
            payload_types: PayloadTypes::default().with(number).with(101).with(97),
            codecs,
            speaks: codecs,
            send: true,
            receive: true,
            sealed: false,
            opaque: false,
            protection: Protection::Plain,
            ice: None,
        };
        self.tell(Command::Remote(leg, remote.into()));
        self.phones.push(Phone {
            leg,
            port,
            address,
            number,
            codec,
            hz: 400.0 + 150.0 * n as f64,
            speaks: true,
            packets: 0,
            encoder: g722::Encoder::default(),
            decoder: g722::Decoder::default(),
            heard: Vec::new(),
            headers: Vec::new(),
            reports: Vec::new(),
        });
        n
    }

    fn tell(&mut self, command: Command) {
        self.worker.command(self.now, command, &mut self.events);
    }

    fn feed(&mut self, phone: usize, feed: Feed) {
        self.tell(Command::Feed(self.phones[phone].leg, feed));
    }

    fn send(&mut self, phone: usize, packet: &mut [u8]) {
        let Phone { port, address, .. } = self.phones[phone];
        self.worker.receive(self.now, port, address, packet, &mut self.events);
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms / 10 {
            for n in 0..self.phones.len() {
                // Every second phone is 10 ms behind the others.
                if self.phones[n].speaks && (self.turn + n).is_multiple_of(2) {
                    let mut packet = self.phones[n].packet();
                    self.send(n, &mut packet);
                }
            }
            self.now += Duration::from_millis(10);
            self.worker.handle_timeout(self.now, &mut self.events);
            for sent in self.worker.io_mut().take_sent() {
                let phone = self.phones.iter_mut().find(|it| it.address.ip() == sent.to.ip()).unwrap();
                phone.hear(&sent);
            }
            self.turn += 1;
        }
    }

    fn forget(&mut self) {
        for phone in &mut self.phones {
            phone.heard.clear();
            phone.headers.clear();
        }
        self.events.clear();
    }

    /// Runs a while until what was before has died away, then measures for half a second.
    fn listen(&mut self) {
        self.run(400);
        self.forget();
        self.run(500);
    }

    fn hears(&self, one: usize, other: usize) -> bool {
        let level = self.phones[one].level(self.phones[other].hz);
        assert!(!(300.0..1_500.0).contains(&level), "{one} of {other}: {level}");
        level > 1_000.0
    }

    fn assert_circle(&self, members: &[usize]) {
        for one in 0..self.phones.len() {
            for other in 0..self.phones.len() {
                let both = members.contains(&one) && members.contains(&other) && one != other;
                if members.contains(&one) || self.phones[one].heard.is_empty() {
                    assert_eq!(
                        !self.phones[one].heard.is_empty() && self.hears(one, other),
                        both,
                        "{one} {other}"
                    );
                }
            }
        }
    }

    fn digits(&self, leg: usize) -> String {
        let leg = self.phones[leg].leg;
        self.events
            .iter()
            .filter_map(|event| {
                let Event::Digit { leg: of, digit, is_end: true, .. } = event else { return None };
                (*of == leg).then(|| char::from(*digit))
            })
            .collect()
    }
}

#[test]
fn members_hear_all_others_in_their_own_codecs_as_they_come_and_go() {
    let mut lab = Lab::new();
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Pcmu, Codec::G722, Codec::Pcma] {
        lab.phone(codec, false);
    }
    for n in 0..4 {
        lab.feed(n, Feed::Conference(ROOM));
    }
    lab.listen();
    lab.assert_circle(&[0, 1, 2, 3]);
    lab.feed(4, Feed::Conference(ROOM));
    lab.feed(5, Feed::Conference(ROOM));
    lab.feed(1, Feed::Nothing);
    lab.listen();
    lab.assert_circle(&[0, 2, 3, 4, 5]);
    // Held: music instead of the others, and not heard any more.
    lab.feed(0, Feed::Music(vec![0; 160].into()));
    lab.tell(Command::Close(LegId(3)));
    lab.phones[3].speaks = false;
    lab.listen();
    assert!(lab.hears(2, 4) && lab.hears(4, 5) && !lab.hears(2, 0) && !lab.hears(0, 2) && !lab.hears(5, 3));
    lab.feed(0, Feed::Conference(ROOM));
    lab.listen();
    lab.assert_circle(&[0, 2, 4, 5]);
}

#[test]
fn two_conferences_do_not_hear_each_other() {
    let mut lab = Lab::new();
    for _ in 0..4 {
        lab.phone(Codec::Pcmu, false);
    }
    for n in 0..4 {
        lab.feed(n, Feed::Conference(ConferenceId(n as u64 % 2)));
    }
    lab.listen();
    assert!(lab.hears(0, 2) && lab.hears(1, 3) && !lab.hears(0, 1) && !lab.hears(3, 2));
}

#[test]
fn a_stream_into_a_conference_goes_on_in_its_numbers_with_reports_of_its_own() {
    let mut lab = Lab::new();
    for _ in 0..3 {
        lab.phone(Codec::Pcma, false);
    }
    lab.feed(0, Feed::Leg(LegId(1)));
    lab.feed(1, Feed::Leg(LegId(0)));
    lab.run(100);
    for n in 0..3 {
        lab.feed(n, Feed::Conference(ROOM));
    }
    lab.run(6_000);
    let headers = &lab.phones[0].headers;
    for pair in headers.windows(2) {
        assert_eq!(pair[1].ssrc, headers[0].ssrc);
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
        assert!((80..=320).contains(&step), "{step}");
    }
    let report = lab.phones[0].reports.last().unwrap();
    assert_eq!((report[1], &report[4..8]), (200, &headers[0].ssrc.to_be_bytes()[..]));
    assert_eq!(&report[28..32], &0_u32.to_be_bytes(), "the block is about what the phone says");
    // A member's own report is nobody's business.
    let before: usize = lab.phones.iter().map(|phone| phone.reports.len()).sum();
    let mut sender_report = vec![0x80, 200, 0, 6, 0, 0, 0, 1];
    sender_report.resize(28, 0);
    lab.worker.receive(
        lab.now,
        20_003,
        "192.0.2.2:4001".parse().unwrap(),
        &mut sender_report,
        &mut lab.events,
    );
    assert!(lab.worker.io_mut().take_sent().is_empty());
    assert_eq!(before, lab.phones.iter().map(|phone| phone.reports.len()).sum::<usize>());
}

#[test]
fn legs_that_agreed_to_other_codecs_or_numbers_hear_each_other() {
    for (one, other, shifted) in [
        (Codec::Pcmu, Codec::Pcma, false),
        (Codec::Pcma, Codec::G722, false),
        (Codec::G722, Codec::G722, true),
        (Codec::Pcmu, Codec::G722, true),
    ] {
        let mut lab = Lab::new();
        lab.phone(one, false);
        lab.phone(other, shifted);
        lab.feed(0, Feed::Leg(LegId(1)));
        lab.feed(1, Feed::Leg(LegId(0)));
        lab.listen();
        assert!(lab.hears(0, 1) && lab.hears(1, 0), "{one:?} {other:?}");
        assert!(lab.phones[1].headers.iter().all(|header| header.payload_type == lab.phones[1].number));
        // Digits pass under the other's number.
        let mut event = vec![0x80, 101 | 0x80, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0, 5, 10, 0, 160];
        lab.send(0, &mut event);
        let sent = lab.worker.io_mut().take_sent();
        assert_eq!(Header::read(&sent[0].packet).unwrap().payload_type, if shifted { 97 } else { 101 });
    }
}

#[test]
fn transcoded_speech_is_reported_on_by_the_relay_and_other_speech_by_its_sender() {
    for (other, by_relay) in [(Codec::Pcma, true), (Codec::Pcmu, false)] {
        let mut lab = Lab::new();
        lab.phone(Codec::Pcmu, false);
        lab.phone(other, false);
        lab.feed(0, Feed::Leg(LegId(1)));
        lab.feed(1, Feed::Leg(LegId(0)));
        lab.run(6_000);
        assert_eq!(!lab.phones[1].reports.is_empty(), by_relay);
        let mut report = vec![0x80, 200, 0, 6, 0, 0, 0, 0];
        report.resize(28, 0);
        lab.worker.receive(lab.now, 20_001, "192.0.2.1:4001".parse().unwrap(), &mut report, &mut lab.events);
        assert_eq!(lab.worker.io_mut().take_sent().is_empty(), by_relay);
    }
}

#[test]
fn speech_that_cannot_be_understood_is_dropped_and_counted() {
    let mut lab = Lab::new();
    lab.phone(Codec::Pcmu, false);
    lab.phone(Codec::Pcmu, false);
    let codecs =
        Codecs::default().with_foreign(96, trunkline_media::ForeignCodec { name: 5, clock_hz: 48_000 });
    let remote = Remote {
        rtp: Some(lab.phones[1].address),
        rtcp: None,
        source: SourcePolicy::Signalled,
        payload_types: PayloadTypes::default(),
        codecs,
        speaks: codecs,
        send: true,
        receive: true,
        sealed: false,
        opaque: false,
        protection: Protection::Plain,
        ice: None,
    };
    lab.tell(Command::Remote(LegId(1), remote.into()));
    lab.feed(1, Feed::Leg(LegId(0)));
    lab.run(200);
    lab.tell(Command::Stats(LegId(0)));
    let Some(Event::Stats { stats, .. }) = lab.events.pop() else { panic!() };
    assert_eq!((stats.unheard, stats.packets_received), (10, 10));
}

#[test]
fn digits_interrupt_what_is_heard_and_are_heard_once() {
    for (via, source) in [(DigitVia::Event, DigitSource::Event), (DigitVia::Inband, DigitSource::Inband)] {
        let mut lab = Lab::new();
        // What is said to the second phone comes back as the speech of the third.
        for _ in 0..2 {
            lab.phone(Codec::Pcma, false);
        }
        lab.feed(1, Feed::Leg(LegId(0)));
        lab.run(200);
        lab.forget();
        lab.phones[1].speaks = false;
        let detection = Detection { events: true, inband: true, media: true };
        lab.tell(Command::Detect(LegId(1), detection));
        let digits: Box<[u8]> = (*b"159D#").into();
        lab.tell(Command::Digits { leg: LegId(1), generation: 7, digits, via, tone_ms: 100, gap_ms: 80 });
        for _ in 0..110 {
            lab.now += Duration::from_millis(10);
            lab.worker.handle_timeout(lab.now, &mut lab.events);
            let mut said = lab.phones[0].packet();
            lab.send(0, &mut said);
            for sent in lab.worker.io_mut().take_sent() {
                lab.phones[1].hear(&sent);
                let mut echo = sent.packet.clone();
                lab.send(1, &mut echo);
            }
        }
        assert_eq!(lab.digits(1), "159D#", "{via:?}");
        let is_done = |event: &Event| {
            matches!(event, Event::Generated { leg: LegId(1), generation: 7, cancelled: false })
        };
        assert!(lab.events.iter().any(is_done));
        let is_other = |event: &Event| matches!(event, Event::Digit { source: of, .. } if *of != source);
        assert!(!lab.events.iter().any(is_other));
        // The speech of the first phone comes back after the digits, in the same stream.
        let headers = &lab.phones[1].headers;
        assert!(headers.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)));
        assert!(headers.windows(2).all(|pair| pair[1].ssrc == pair[0].ssrc));
        assert_eq!(headers.last().unwrap().payload_type, 8);
    }
}

#[test]
fn digits_that_are_replaced_closed_or_too_many_are_cancelled() {
    let mut lab = Lab::new();
    lab.phone(Codec::Pcma, false);
    let digits = |generation, count| Command::Digits {
        leg: LegId(0),
        generation,
        digits: vec![b'1'; count].into(),
        via: DigitVia::Event,
        tone_ms: 0,
        gap_ms: 0,
    };
    lab.tell(digits(1, 5));
    lab.run(50);
    lab.tell(digits(2, 5));
    lab.tell(Command::CancelDigits(LegId(0)));
    lab.tell(digits(3, trunkline_media::limits::DIGITS_MAX + 1));
    lab.tell(digits(4, 5));
    lab.tell(Command::Close(LegId(0)));
    lab.tell(digits(5, 5));
    let generated: Vec<_> = lab
        .events
        .iter()
        .filter_map(|event| {
            let Event::Generated { generation, cancelled, .. } = event else { return None };
            Some((*generation, *cancelled))
        })
        .collect();
    assert_eq!(generated, [(1, true), (2, true), (3, true), (4, true), (5, true)]);
    assert!(lab.worker.deadline().is_none_or(|_| lab.worker.legs_open() == 0));
}

#[test]
fn voice_and_fax_are_told_once() {
    let mut lab = Lab::new();
    lab.phone(Codec::Pcmu, false);
    lab.tell(Command::Detect(LegId(0), Detection { media: true, ..Detection::default() }));
    lab.run(300);
    lab.phones[0].hz = 1_100.0;
    lab.run(2_000);
    let kinds: Vec<_> = lab
        .events
        .iter()
        .filter_map(|event| {
            let Event::MediaDetected { kind, .. } = event else { return None };
            Some(*kind)
        })
        .collect();
    assert_eq!(kinds, [MediaKind::Voice, MediaKind::Fax]);
}

#[test]
fn an_event_whose_end_is_lost_ends_by_itself() {
    let mut lab = Lab::new();
    lab.phone(Codec::Pcmu, false);
    lab.phones[0].speaks = false;
    lab.tell(Command::Detect(LegId(0), Detection { events: true, ..Detection::default() }));
    lab.send(0, &mut [0x80, 101 | 0x80, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 5, 10, 0, 160]);
    assert!(lab.digits(0).is_empty() && lab.events.len() == 2, "{:?}", lab.events);
    lab.run(300);
    assert_eq!(lab.digits(0), "5");
    lab.run(100);
    assert!(lab.worker.deadline().is_none(), "the clock stands still again");
}

#[test]
fn tones_are_heard_in_wide_band_too() {
    let mut lab = Lab::new();
    lab.phone(Codec::G722, false);
    lab.feed(0, Feed::Tone(CallProgress::Dial.cadence("de")));
    lab.listen();
    assert!(lab.phones[0].level(425.0) > 3_500.0);
}
