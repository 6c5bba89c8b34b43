//! Whatever happens to a conversation, its far ends hear the same whichever way their packets take: two workers are told the same
//! and hear the same, one above a network that forwards flows by itself, one above a network that does not.
#![expect(clippy::unwrap_used, reason = "a test fails by panic")]

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use trunkline_media::io::simulated::{Sent, Simulated};
use trunkline_media::{
    Codec, Codecs, Command, ConferenceId, Destinations, Detection, DigitVia, Event, Feed, LegId, LegStats,
    PayloadTypes, PortPair, Protection, RelayConfig, RelayWorker, Remote, SourcePolicy,
};

const LEGS: usize = 3;
const EVENTS: u8 = 101;

#[derive(Clone, Debug)]
enum Step {
    /// So many packets, one every 20 ms.
    Talk(usize, u8),
    /// So many of its packets never arrive.
    Lose(usize, u8),
    /// Two packets change places.
    Swap(usize),
    /// A packet arrives twice.
    Double(usize),
    /// Sequence numbers begin elsewhere.
    Restart(usize),
    /// Another synchronisation source.
    Turn(usize),
    /// From here on in this payload type.
    Speak(usize, u8),
    /// A key is pressed.
    Key(usize),
    /// The far end goes on from its other port.
    Move(usize),
    Stranger(usize),
    /// A stranger speaks as if it were the far end.
    Intrude(usize),
    Report(usize),
    Wait(u16),
    Feed(usize, Hears),
    Remote(usize, Agrees),
    Detect(usize, Detection),
    Digits(usize, DigitVia),
    Cancel(usize),
    Reopen(usize),
    Stats(usize),
    /// The usual call again, both speak.
    Settle,
    /// The network has room for so many flows.
    Room(usize),
    /// Packets pass the program by, or meet it again.
    PassBy(bool),
    /// The network loses its flows.
    Lost,
}

#[derive(Clone, Copy, Debug)]
enum Hears {
    Leg(usize),
    Nothing,
    Silence,
    Music,
    Conference,
}

#[derive(Clone, Copy, Debug)]
enum Agrees {
    Usual,
    NotSent,
    NotExpected,
    EventsElsewhere,
    OnlyPcmu,
    Sealed,
    /// It is behind NAT: whoever proves itself first may speak, until it does.
    Translated,
}

fn steps(vanishes: bool) -> impl Strategy<Value = Vec<Step>> {
    let leg = || 0..LEGS;
    let hears = prop_oneof![
        6 => leg().prop_map(Hears::Leg),
        1 => Just(Hears::Nothing),
        1 => Just(Hears::Silence),
        2 => Just(Hears::Music),
        1 => Just(Hears::Conference),
    ];
    let agrees = prop_oneof![
        4 => Just(Agrees::Usual),
        1 => Just(Agrees::NotSent),
        1 => Just(Agrees::NotExpected),
        1 => Just(Agrees::EventsElsewhere),
        1 => Just(Agrees::OnlyPcmu),
        1 => Just(Agrees::Sealed),
        1 => Just(if vanishes { Agrees::Usual } else { Agrees::Translated }),
    ];
    let detection = (any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(events, inband, media)| Detection { events, inband, media });
    let via = prop_oneof![Just(DigitVia::Event), Just(DigitVia::Inband)];
    let often = prop_oneof![
        4 => Just(Step::Settle),
        24 => (leg(), 1..40_u8).prop_map(|(leg, count)| Step::Talk(leg, count)),
        3 => (leg(), 1..60_u8).prop_map(|(leg, count)| Step::Lose(leg, count)),
        3 => leg().prop_map(Step::Swap),
        3 => leg().prop_map(Step::Double),
        2 => leg().prop_map(Step::Restart),
        2 => leg().prop_map(Step::Turn),
        2 => (leg(), prop_oneof![Just(0_u8), Just(8), Just(13)]).prop_map(|(leg, kind)| Step::Speak(leg, kind)),
        3 => leg().prop_map(Step::Key),
        2 => leg().prop_map(if vanishes { Step::Report } else { Step::Stranger }),
        2 => leg().prop_map(if vanishes { Step::Report } else { Step::Intrude }),
        3 => leg().prop_map(Step::Report),
        4 => (0..7_000_u16).prop_map(Step::Wait),
        6 => (leg(), hears).prop_map(|(leg, hears)| Step::Feed(leg, hears)),
        3 => (leg(), agrees).prop_map(|(leg, agrees)| Step::Remote(leg, agrees)),
    ];
    let rarely = prop_oneof![
        // When it was last heard is lost, too: so another source has to wait longer.
        2 => leg().prop_map(if vanishes { Step::Report } else { Step::Move }),
        2 => (leg(), detection).prop_map(|(leg, detection)| Step::Detect(leg, detection)),
        2 => leg().prop_map(|leg| Step::Detect(leg, Detection::default())),
        2 => (leg(), via).prop_map(|(leg, via)| Step::Digits(leg, via)),
        1 => leg().prop_map(Step::Cancel),
        2 => leg().prop_map(Step::Reopen),
        4 => leg().prop_map(Step::Stats),
        2 => (0..6_usize).prop_map(Step::Room),
        2 => any::<bool>().prop_map(Step::PassBy),
        2 => Just(if vanishes { Step::Lost } else { Step::PassBy(false) }),
    ];
    prop::collection::vec(prop_oneof![4 => often, 1 => rarely], 1..80)
}

fn remote(leg: usize, agrees: Agrees) -> Remote {
    let both = Codecs::default().with(0, Codec::Pcmu).with(8, Codec::Pcma).with_events(EVENTS);
    let elsewhere = Codecs::default().with(0, Codec::Pcmu).with(8, Codec::Pcma).with_events(96);
    let usual = Remote {
        rtp: Some(far(leg, 4_000)),
        rtcp: Some(far(leg, 4_001)),
        source: SourcePolicy::Signalled,
        payload_types: PayloadTypes::default().with(0).with(8).with(13).with(EVENTS),
        codecs: both,
        speaks: both,
        send: true,
        receive: true,
        sealed: false,
        opaque: false,
        protection: Protection::Plain,
        ice: None,
    };
    match agrees {
        Agrees::Usual => usual,
        Agrees::NotSent => Remote { send: false, ..usual },
        Agrees::NotExpected => Remote { receive: false, ..usual },
        Agrees::EventsElsewhere => Remote { codecs: elsewhere, ..usual },
        Agrees::OnlyPcmu => Remote { codecs: Codecs::default().with(0, Codec::Pcmu), ..usual },
        Agrees::Sealed => Remote { sealed: true, ..usual },
        Agrees::Translated => {
            let window = Duration::from_secs(3);
            let source = SourcePolicy::Learn { signalling: far(leg, 5_060).ip(), window };
            Remote { rtp: Some("10.0.0.5:4000".parse().unwrap()), source, ..usual }
        }
    }
}

fn far(leg: usize, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, u8::try_from(leg).unwrap() + 1], port))
}

fn port(leg: usize) -> u16 {
    20_000 + 2 * u16::try_from(leg).unwrap()
}

fn id(leg: usize) -> LegId {
    LegId(u64::try_from(leg).unwrap())
}

/// What a far end says.
#[derive(Clone, Copy)]
struct Voice {
    ssrc: u32,
    sequence: u16,
    payload_type: u8,
    port: u16,
}

struct Worlds {
    /// Above a kernel, and above none.
    workers: [RelayWorker<Simulated>; 2],
    voices: [Voice; LEGS],
    began: Instant,
    now: Instant,
    events: [Vec<Event>; 2],
    /// Whether the kernel may have lost what it counted: then numbers are others.
    forgetful: bool,
}

impl Worlds {
    #[expect(clippy::disallowed_methods, reason = "where virtual time begins")]
    fn new() -> Self {
        let now = Instant::now();
        let worker = |io| {
            let destinations = Destinations::of_engine([], []);
            let config = RelayConfig { seed: 7, destinations, ..RelayConfig::default() };
            RelayWorker::new(now, io, config)
        };
        let voice = |n: u32| Voice { ssrc: 100 * (n + 1), sequence: 65_500, payload_type: 0, port: 4_000 };
        let mut worlds = Self {
            workers: [worker(Simulated::with_kernel()), worker(Simulated::new())],
            voices: [voice(0), voice(1), voice(2)],
            began: now,
            now,
            events: [Vec::new(), Vec::new()],
            forgetful: false,
        };
        for leg in 0..LEGS {
            worlds.open(leg);
        }
        worlds.tell(&Command::Feed(id(0), Feed::Leg(id(1))));
        worlds.tell(&Command::Feed(id(1), Feed::Leg(id(0))));
        worlds
    }

    fn open(&mut self, leg: usize) {
        let address = "192.0.2.100".parse().unwrap();
        let silent_after = Some(Duration::from_secs(4));
        let ports = PortPair(port(leg));
        self.tell(&Command::Open { leg: id(leg), ports, address, silent_after });
        self.tell(&Command::Remote(id(leg), remote(leg, Agrees::Usual).into()));
    }

    fn tell(&mut self, command: &Command) {
        for (worker, events) in self.workers.iter_mut().zip(&mut self.events) {
            worker.io_mut().set_now(self.now);
            worker.command(self.now, command.clone(), events);
        }
        self.compare();
    }

    fn arrives(&mut self, port: u16, from: SocketAddr, packet: &[u8]) {
        for (worker, events) in self.workers.iter_mut().zip(&mut self.events) {
            worker.receive(self.now, port, from, &mut packet.to_vec(), events);
        }
        self.compare();
    }

    fn wait_ms(&mut self, time_ms: u64) {
        let end = self.now + Duration::from_millis(time_ms);
        for (worker, events) in self.workers.iter_mut().zip(&mut self.events) {
            let mut now = self.now;
            while let Some(due) = worker.deadline().filter(|due| *due <= end) {
                now = now.max(due);
                worker.io_mut().set_now(now);
                worker.handle_timeout(now, events);
            }
        }
        self.now = end;
        self.compare();
    }

    /// The same was sent, and the same was told.
    fn compare(&mut self) {
        let [past, through] = self.workers.each_mut().map(|worker| worker.io_mut().take_sent());
        let [told_past, told_through] = self.events.each_mut().map(std::mem::take);
        if self.forgetful {
            let heard = |sent: &[Sent]| -> Vec<_> {
                sent.iter().filter(|sent| !is_report(sent)).map(without_numbers).collect()
            };
            assert_eq!(heard(&past), heard(&through));
            return;
        }
        assert_eq!(past, through);
        let told =
            |events: Vec<Event>| format!("{:?}", events.into_iter().map(of_either_path).collect::<Vec<_>>());
        assert_eq!(told(told_past), told(told_through));
    }

    /// Timestamps follow the clock, so that there is no jitter.
    fn packet(&self, leg: usize, sequence: u16, payload_type: u8) -> Vec<u8> {
        let timestamp = u32::try_from((self.now - self.began).as_millis()).unwrap() * 8;
        let voice = self.voices[leg];
        let mut packet = vec![0x80, payload_type];
        packet.extend(sequence.to_be_bytes());
        packet.extend(timestamp.wrapping_add(u32::MAX - 100_000).to_be_bytes());
        packet.extend(voice.ssrc.to_be_bytes());
        packet.resize(172, 0xd5);
        packet
    }

    fn says(&mut self, leg: usize, sequence: u16) {
        let voice = self.voices[leg];
        let packet = self.packet(leg, sequence, voice.payload_type);
        self.arrives(port(leg), far(leg, voice.port), &packet);
    }

    fn does(&mut self, step: &Step) {
        match *step {
            Step::Talk(leg, count) => {
                for _ in 0..count {
                    self.says(leg, self.voices[leg].sequence);
                    self.voices[leg].sequence = self.voices[leg].sequence.wrapping_add(1);
                    self.wait_ms(20);
                }
            }
            Step::Lose(leg, count) => {
                self.voices[leg].sequence = self.voices[leg].sequence.wrapping_add(u16::from(count));
            }
            Step::Swap(leg) => {
                let sequence = self.voices[leg].sequence;
                self.says(leg, sequence.wrapping_add(1));
                self.says(leg, sequence);
                self.voices[leg].sequence = sequence.wrapping_add(2);
                self.wait_ms(20);
            }
            Step::Double(leg) => {
                let sequence = self.voices[leg].sequence;
                self.says(leg, sequence);
                self.says(leg, sequence);
                self.voices[leg].sequence = sequence.wrapping_add(1);
                self.wait_ms(20);
            }
            Step::Restart(leg) => self.voices[leg].sequence = self.voices[leg].sequence.wrapping_add(20_000),
            Step::Turn(leg) => self.voices[leg].ssrc += 1,
            Step::Speak(leg, payload_type) => self.voices[leg].payload_type = payload_type,
            Step::Key(leg) => {
                let voice = self.voices[leg];
                let mut packet = self.packet(leg, voice.sequence, EVENTS);
                packet.truncate(12);
                packet.extend([5, 10, 0, 160]);
                for end in [0, 0, 0x80, 0x80] {
                    packet[2..4].copy_from_slice(&self.voices[leg].sequence.to_be_bytes());
                    packet[13] = end | 10;
                    self.arrives(port(leg), far(leg, voice.port), &packet);
                    self.voices[leg].sequence = self.voices[leg].sequence.wrapping_add(1);
                    self.wait_ms(20);
                }
            }
            Step::Move(leg) => self.voices[leg].port ^= 4,
            Step::Stranger(leg) => {
                let packet = self.packet(leg, self.voices[leg].sequence, 0);
                self.arrives(port(leg), "203.0.113.66:9999".parse().unwrap(), &packet);
                self.arrives(port(leg), far(leg, 4_444), &packet);
            }
            Step::Intrude(leg) => {
                self.does(&Step::Remote(leg, Agrees::Translated));
                for sequence in 0..12 {
                    let mut packet = self.packet(leg, sequence, 0);
                    packet[8] = 0x66;
                    self.arrives(port(leg), "198.51.100.66:9999".parse().unwrap(), &packet);
                    self.wait_ms(20);
                }
            }
            Step::Report(leg) => {
                let mut report = vec![0x81, 201, 0, 7];
                report.extend(self.voices[leg].ssrc.to_be_bytes());
                report.extend(self.voices[(leg + 1) % LEGS].ssrc.to_be_bytes());
                report.extend([0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                self.arrives(port(leg) + 1, far(leg, 4_001), &report);
            }
            Step::Wait(time_ms) => self.wait_ms(u64::from(time_ms)),
            Step::Feed(leg, hears) => {
                let feed = match hears {
                    Hears::Leg(source) => Feed::Leg(id(source)),
                    Hears::Nothing => Feed::Nothing,
                    Hears::Silence => Feed::Silence,
                    Hears::Music => Feed::Music(Arc::new([8_000; 50])),
                    Hears::Conference => Feed::Conference(ConferenceId(1)),
                };
                self.tell(&Command::Feed(id(leg), feed));
            }
            Step::Remote(leg, agrees) => self.tell(&Command::Remote(id(leg), remote(leg, agrees).into())),
            Step::Detect(leg, detection) => self.tell(&Command::Detect(id(leg), detection)),
            Step::Digits(leg, via) => {
                let digits = Box::new(*b"1#");
                let leg = id(leg);
                self.tell(&Command::Digits { leg, generation: 1, digits, via, tone_ms: 0, gap_ms: 0 });
            }
            Step::Cancel(leg) => self.tell(&Command::CancelDigits(id(leg))),
            Step::Reopen(leg) => {
                self.tell(&Command::Close(id(leg)));
                self.open(leg);
            }
            Step::Stats(leg) => self.tell(&Command::Stats(id(leg))),
            Step::Settle => {
                for leg in 0..2 {
                    self.does(&Step::Detect(leg, Detection::default()));
                    self.does(&Step::Remote(leg, Agrees::Usual));
                    self.does(&Step::Feed(leg, Hears::Leg(1 - leg)));
                }
                self.does(&Step::Feed(2, Hears::Nothing));
                self.does(&Step::Talk(0, 12));
                self.does(&Step::Talk(1, 12));
            }
            Step::Room(flows) => self.workers[0].io_mut().set_room(flows),
            Step::PassBy(passes) => self.workers[0].io_mut().set_passed_by(passes),
            Step::Lost => {
                self.forgetful = true;
                self.workers[0].io_mut().lose_flows();
            }
        }
    }

    /// Closes every leg; how many flows the kernel was given.
    fn end(mut self) -> u64 {
        for leg in 0..LEGS {
            self.tell(&Command::Stats(id(leg)));
        }
        for leg in 0..LEGS {
            self.tell(&Command::Close(id(leg)));
        }
        let worker = &self.workers[0];
        assert_eq!((worker.flows_in_kernel(), worker.io().flows(), worker.io().bound()), (0, 0, 0));
        worker.io().flows_taken()
    }
}

/// What is the same on either path.
fn of_either_path(mut event: Event) -> Event {
    if let Event::Stats { stats, .. } | Event::Closed { stats, .. } = &mut event {
        *stats = LegStats { kernel_packets: 0, kernel_missed: 0, in_kernel: false, ..*stats };
    }
    event
}

fn is_report(sent: &Sent) -> bool {
    (192..=223).contains(&sent.packet[1])
}

fn without_numbers(sent: &Sent) -> (u16, SocketAddr, Vec<u8>) {
    let mut packet = sent.packet.clone();
    packet[2..12].fill(0);
    (sent.local_port, sent.to, packet)
}

fn play(vanishes: bool, cases: u32) -> u64 {
    let taken = Cell::new(0);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&steps(vanishes), |steps| {
        let mut worlds = Worlds::new();
        for step in &steps {
            worlds.does(step);
        }
        taken.set(taken.get() + worlds.end());
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    taken.get()
}

#[test]
fn far_ends_hear_the_same_whichever_way_their_packets_take() {
    let taken = play(false, 150);
    assert!(taken > 500, "{taken} flows were given away");
}

#[test]
fn no_packet_is_lost_doubled_or_overtaken_when_the_kernel_loses_its_flows() {
    let taken = play(true, 75);
    assert!(taken > 250, "{taken} flows were given away");
}
