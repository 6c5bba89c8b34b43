//! The relay on real sockets of the loopback interface: what the simulated network cannot show.
#![expect(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use trunkline_media::io::kernel::KernelIo;
use trunkline_media::limits::REST_PACKETS_MAX;
use trunkline_media::thread::Refused;
use trunkline_media::{
    Command, Event, Feed, LegId, PortPair, RelayConfig, RelayHandle, RelayThread, RelayWorker, Remote,
};

use common::{beginning, far_end};

const PATIENCE: Duration = Duration::from_secs(5);

/// A relay thread and two phones on one address.
struct Call {
    thread: RelayThread,
    relay: RelayHandle,
    events: Receiver<Event>,
    phones: [UdpSocket; 2],
    legs: [SocketAddr; 2],
}

impl Call {
    fn on(address: IpAddr, first_port: u16) -> Self {
        let (sender, events) = channel();
        let on_event = Box::new(move |event| sender.send(event).err().map(|unheard| unheard.0));
        let thread = RelayThread::spawn(0, RelayConfig::default(), on_event).unwrap();
        let relay = thread.handle();
        let phones = [(); 2].map(|()| {
            let phone = UdpSocket::bind((address, 0)).unwrap();
            phone.set_read_timeout(Some(PATIENCE)).unwrap();
            phone
        });
        let ports = [PortPair(first_port), PortPair(first_port + 2)];
        for (n, (phone, ports)) in (0..).zip(phones.iter().zip(ports)) {
            let leg = LegId(n);
            relay.send(Command::Open { leg, ports, address, silent_after: None }).unwrap();
            let rtp = phone.local_addr().unwrap();
            relay.send(Command::Remote(leg, Remote { rtcp: Some(rtp), ..far_end(rtp) }.into())).unwrap();
        }
        relay.send(Command::Feed(LegId(0), Feed::Leg(LegId(1)))).unwrap();
        relay.send(Command::Feed(LegId(1), Feed::Leg(LegId(0)))).unwrap();
        let call = Self {
            thread,
            relay,
            events,
            phones,
            legs: ports.map(|ports| SocketAddr::new(address, ports.rtp())),
        };
        call.stats(LegId(0));
        call
    }

    /// Asks for statistics: once they come, every command before is carried out.
    fn stats(&self, leg: LegId) -> trunkline_media::LegStats {
        self.relay.send(Command::Stats(leg)).unwrap();
        loop {
            if let Event::Stats { stats, .. } = self.events.recv_timeout(PATIENCE).unwrap() {
                return stats;
            }
        }
    }

    fn end(self) -> Vec<Event> {
        let Self { thread, relay, events, .. } = self;
        drop(relay);
        thread.join();
        events.try_iter().collect()
    }
}

#[test]
fn what_arrived_before_a_leg_closes_is_relayed() {
    let address = IpAddr::from([127, 0, 0, 1]);
    let mut worker = RelayWorker::new(beginning(), KernelIo::open().unwrap(), RelayConfig::default());
    let mut tell = |command| worker.command(beginning(), command, &mut Vec::new());
    let phones = [(); 2].map(|()| UdpSocket::bind((address, 0)).unwrap());
    let ports = [PortPair(31_940), PortPair(31_942)];
    for (n, (phone, ports)) in (0..).zip(phones.iter().zip(ports)) {
        let leg = LegId(n);
        tell(Command::Open { leg, ports, address, silent_after: None });
        tell(Command::Remote(leg, far_end(phone.local_addr().unwrap()).into()));
        tell(Command::Feed(leg, Feed::Leg(LegId(n ^ 1))));
    }
    // Both speak once more, and nobody has looked when the first one's call ends.
    for (phone, ports) in phones.iter().zip(ports) {
        phone.set_read_timeout(Some(PATIENCE)).unwrap();
        phone.send_to(&rtp(1), (address, ports.rtp())).unwrap();
    }
    tell(Command::Close(LegId(0)));
    for phone in &phones {
        assert_eq!(phone.recv(&mut [0; 200]).unwrap(), rtp(1).len());
    }
}

fn rtp(sequence: u8) -> [u8; 172] {
    let mut packet = [0x55; 172];
    packet[..12].copy_from_slice(&[0x80, 0, 0, sequence, 0, 0, 0, sequence, 0, 0, 0, 7]);
    packet
}

fn heard(phone: &UdpSocket) -> io::Result<(Vec<u8>, SocketAddr)> {
    let mut buffer = [0; 2_048];
    let (length, from) = phone.recv_from(&mut buffer)?;
    Ok((buffer[..length].to_vec(), from))
}

/// How many sockets are bound to a port, by the kernel's table.
fn bound(port: u16) -> usize {
    let port = format!(":{port:04X} ");
    fs::read_to_string("/proc/net/udp").unwrap().lines().filter(|line| line.contains(&port)).count()
}

fn passes_both_ways(address: &str, first_port: u16) {
    let call = Call::on(address.parse().unwrap(), first_port);
    for n in 0..50 {
        for side in 0..2 {
            call.phones[side].send_to(&rtp(n), call.legs[side]).unwrap();
            let (packet, from) = heard(&call.phones[1 - side]).unwrap();
            assert_eq!((&packet[..], from), (&rtp(n)[..], call.legs[1 - side]));
        }
    }
    let stats = call.stats(LegId(0));
    assert_eq!((stats.packets_received, stats.packets_sent, stats.kernel_dropped), (50, 50, 0));
    let closed = call.end().into_iter().filter(|event| matches!(event, Event::Closed { .. })).count();
    assert_eq!(closed, 2);
}

#[test]
fn audio_passes_on_ipv4() {
    passes_both_ways("127.0.0.1", 31_000);
}

#[test]
fn audio_passes_on_ipv6() {
    if UdpSocket::bind("[::1]:0").is_ok() {
        passes_both_ways("::1", 31_010);
    }
}

#[test]
fn a_socket_for_both_families_speaks_ipv4() {
    let Ok(_) = UdpSocket::bind("[::]:0") else { return };
    let call = Call::on("127.0.0.1".parse().unwrap(), 31_020);
    for (leg, ports) in [(LegId(0), PortPair(31_030)), (LegId(1), PortPair(31_032))] {
        call.relay.send(Command::Close(leg)).unwrap();
        call.relay
            .send(Command::Open { leg, ports, address: "::".parse().unwrap(), silent_after: None })
            .unwrap();
        let rtp = call.phones[usize::try_from(leg.0).unwrap()].local_addr().unwrap();
        call.relay.send(Command::Remote(leg, Remote { rtcp: Some(rtp), ..far_end(rtp) }.into())).unwrap();
    }
    call.relay.send(Command::Feed(LegId(1), Feed::Leg(LegId(0)))).unwrap();
    call.stats(LegId(0));
    call.phones[0].send_to(&rtp(1), "127.0.0.1:31030").unwrap();
    assert_eq!(heard(&call.phones[1]).unwrap(), (rtp(1).to_vec(), "127.0.0.1:31032".parse().unwrap()));
    call.end();
}

/// As where the machine has better things to do than to run the worker.
#[test]
fn what_is_said_to_a_new_call_waits_until_the_worker_looks() {
    for (is_open_before, port) in [(true, 31_100), (false, 31_110)] {
        let (stop, stopped) = channel::<()>();
        let (stands, standing) = channel();
        let on_event = Box::new(move |_| {
            // Nobody wants to know of later ones.
            let _heard = stands.send(()).is_ok();
            assert!(stopped.recv().is_err());
            None
        });
        let thread = RelayThread::spawn(0, RelayConfig::default(), on_event).unwrap();
        let relay = thread.handle();
        let address = "127.0.0.1".parse().unwrap();
        let phones = [(); 2].map(|()| UdpSocket::bind((address, 0)).unwrap());
        phones[1].set_read_timeout(Some(PATIENCE)).unwrap();
        let open = |leg: u16| {
            let ports = PortPair(port + leg * 2);
            Command::Open { leg: LegId(leg.into()), ports, address, silent_after: None }
        };
        let opens = if is_open_before { vec![open(0), open(1)] } else { Vec::new() };
        let asks = relay.clone();
        let commands = opens.into_iter().chain([open(2), Command::Stats(LegId(2))]);
        let commands: Vec<Command> = commands.collect();
        let asker = std::thread::spawn(move || commands.into_iter().for_each(|c| asks.send(c).unwrap()));
        standing.recv_timeout(PATIENCE).unwrap();
        for (leg, phone) in (0..).zip(&phones) {
            if !is_open_before {
                relay.send(open(leg)).unwrap();
            }
            let remote = far_end(phone.local_addr().unwrap());
            relay.send(Command::Remote(LegId(leg.into()), remote.into())).unwrap();
        }
        relay.send(Command::Feed(LegId(1), Feed::Leg(LegId(0)))).unwrap();
        phones[0].send_to(&rtp(1), (address, port)).unwrap();
        drop(stop);
        let from = SocketAddr::new(address, port + 2);
        assert_eq!(heard(&phones[1]).unwrap(), (rtp(1).to_vec(), from), "open before: {is_open_before}");
        asker.join().unwrap();
        drop(relay);
        thread.join();
    }
}

/// A worker that had no processor for a while finds last words behind the goodbye.
#[test]
fn what_waits_when_a_call_ends_is_heard_up_to_a_limit_and_else_counted() {
    let (stop, stopped) = channel::<()>();
    let (stands, standing) = channel();
    let (sender, events) = channel();
    let on_event = Box::new(move |event| {
        // Of the later ones nobody wants to know.
        let _heard = stands.send(()).is_ok();
        assert!(stopped.recv().is_err());
        sender.send(event).err().map(|unheard| unheard.0)
    });
    let thread = RelayThread::spawn(0, RelayConfig::default(), on_event).unwrap();
    let relay = thread.handle();
    let address = "127.0.0.1".parse().unwrap();
    let phones = [(); 2].map(|()| UdpSocket::bind((address, 0)).unwrap());
    phones[1].set_read_timeout(Some(PATIENCE)).unwrap();
    let mut commands = Vec::new();
    for (leg, phone) in (0..).zip(&phones) {
        let remote = far_end(phone.local_addr().unwrap()).into();
        let (leg, ports) = (LegId(leg), PortPair(31_120 + u16::try_from(leg).unwrap() * 2));
        commands.push(Command::Open { leg, ports, address, silent_after: None });
        commands.push(Command::Remote(leg, remote));
    }
    commands.extend([Command::Feed(LegId(1), Feed::Leg(LegId(0))), Command::Stats(LegId(0))]);
    let asks = relay.clone();
    let asker = std::thread::spawn(move || commands.into_iter().for_each(|c| asks.send(c).unwrap()));
    standing.recv_timeout(PATIENCE).unwrap();
    let too_much = 10;
    for sequence in 0..u8::try_from(REST_PACKETS_MAX).unwrap() + too_much {
        phones[0].send_to(&rtp(sequence), "127.0.0.1:31120").unwrap();
    }
    relay.send(Command::Close(LegId(0))).unwrap();
    drop(stop);
    asker.join().unwrap();
    for _ in 0..REST_PACKETS_MAX {
        heard(&phones[1]).unwrap();
    }
    let is_closed = |event: Event| {
        if let Event::Closed { leg: LegId(0), stats, .. } = event { Some(stats.unheard) } else { None }
    };
    let unheard = std::iter::from_fn(|| events.recv_timeout(PATIENCE).ok()).find_map(is_closed);
    assert_eq!(unheard, Some(too_much.into()));
    drop(relay);
    thread.join();
}

#[test]
fn silence_is_played_by_the_clock() {
    let call = Call::on("127.0.0.1".parse().unwrap(), 31_040);
    call.relay.send(Command::Feed(LegId(0), Feed::Silence)).unwrap();
    let packets: Vec<_> = (0..5).map(|_| heard(&call.phones[0]).unwrap().0).collect();
    assert!(
        packets.iter().all(|packet| packet.len() == 172 && packet[12..].iter().all(|byte| *byte == 0xff))
    );
    call.end();
}

#[test]
fn a_port_that_is_taken_is_reported() {
    let taken = UdpSocket::bind("127.0.0.1:31051").unwrap();
    let call = Call::on("127.0.0.1".parse().unwrap(), 31_060);
    let open = Command::Open {
        leg: LegId(9),
        ports: PortPair(31_050),
        address: "127.0.0.1".parse().unwrap(),
        silent_after: None,
    };
    call.relay.send(open).unwrap();
    let event = call.events.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(event, Event::OpenFailed { leg: LegId(9), ports: PortPair(31_050) }), "{event:?}");
    assert!(UdpSocket::bind("127.0.0.1:31050").is_ok(), "half a pair is not kept");
    drop(taken);
    call.end();
}

#[test]
fn closed_legs_leave_no_socket() {
    let call = Call::on("127.0.0.1".parse().unwrap(), 31_070);
    assert_eq!([31_070, 31_071, 31_072, 31_073].map(bound), [1; 4]);
    call.relay.send(Command::Close(LegId(0))).unwrap();
    call.stats(LegId(1));
    assert_eq!([31_070, 31_071, 31_072, 31_073].map(bound), [0, 0, 1, 1]);
    call.end();
    assert_eq!([31_070, 31_071, 31_072, 31_073].map(bound), [0; 4]);
}

#[test]
fn an_event_that_is_given_back_is_offered_again_in_order() {
    let (sender, events) = channel();
    let mut refusals = 3;
    let on_event = Box::new(move |event| {
        if refusals > 0 {
            refusals -= 1;
            return Some(event);
        }
        sender.send(event).err().map(|unheard| unheard.0)
    });
    let thread = RelayThread::spawn(0, RelayConfig::default(), on_event).unwrap();
    let relay = thread.handle();
    let address = "127.0.0.1".parse().unwrap();
    relay
        .send(Command::Open { leg: LegId(0), ports: PortPair(31_094), address, silent_after: None })
        .unwrap();
    relay.send(Command::Stats(LegId(0))).unwrap();
    relay.send(Command::Close(LegId(0))).unwrap();
    assert!(matches!(events.recv_timeout(PATIENCE), Ok(Event::Stats { .. })));
    assert!(matches!(events.recv_timeout(PATIENCE), Ok(Event::Closed { .. })));
    drop(relay);
    thread.join();
}

#[test]
fn more_commands_than_a_turn_has_are_all_carried_out() {
    let (sender, events) = channel();
    let on_event = Box::new(move |event| sender.send(event).err().map(|unheard| unheard.0));
    let thread = RelayThread::spawn(0, RelayConfig::default(), on_event).unwrap();
    let relay = thread.handle();
    let address = "127.0.0.1".parse().unwrap();
    relay
        .send(Command::Open { leg: LegId(0), ports: PortPair(31_096), address, silent_after: None })
        .unwrap();
    let asked = trunkline_media::limits::COMMANDS_PER_TURN * 10;
    for _ in 0..asked {
        relay.send(Command::Stats(LegId(0))).unwrap();
    }
    for _ in 0..asked {
        assert!(matches!(events.recv_timeout(PATIENCE), Ok(Event::Stats { .. })));
    }
    drop(relay);
    thread.join();
}

#[test]
fn the_limit_of_descriptors_is_what_the_system_allows() {
    let allowed = trunkline_media::io::raise_descriptor_limit().unwrap();
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<&str> = line["Max open files".len()..].split_whitespace().take(2).collect();
    assert_eq!(numbers, [allowed.to_string(), allowed.to_string()]);
}

#[test]
fn a_full_queue_refuses_and_gives_the_command_back() {
    let (stop, stopped) = channel::<()>();
    let (stands, standing) = channel();
    let on_event = Box::new(move |_| {
        stands.send(()).unwrap();
        assert!(stopped.recv().is_err());
        None
    });
    let thread = RelayThread::spawn(0, RelayConfig::default(), on_event).unwrap();
    let relay = thread.handle();
    // An event that nobody takes up stops the worker; then its queue fills.
    let address = "127.0.0.1".parse().unwrap();
    let open =
        move |leg| Command::Open { leg: LegId(leg), ports: PortPair(31_080), address, silent_after: None };
    let opens = relay.clone();
    let opener = std::thread::spawn(move || [open(1), open(1)].map(|open| opens.send(open).unwrap()));
    standing.recv_timeout(PATIENCE).unwrap();
    let refused = (0..100_000).find_map(|_| relay.send(Command::Stats(LegId(2))).err());
    assert!(matches!(refused, Some(Refused::Full(command)) if matches!(*command, Command::Stats(LegId(2)))));
    drop(stop);
    opener.join().unwrap();
    drop(relay);
    thread.join();
}

#[test]
fn what_the_kernel_drops_is_counted() {
    const FLOOD: u64 = 5_000;
    let (stop, stopped) = channel::<()>();
    let (sender, events) = channel();
    let (stands, standing) = channel();
    // The first event holds the worker up until the flood is over.
    let on_event = Box::new(move |event| {
        // Of the later ones nobody wants to know.
        let _heard = stands.send(()).is_ok();
        assert!(stopped.recv().is_err());
        sender.send(event).err().map(|unheard| unheard.0)
    });
    let thread = RelayThread::spawn(0, RelayConfig::default(), on_event).unwrap();
    let relay = thread.handle();
    let address = "127.0.0.1".parse().unwrap();
    let open = Command::Open { leg: LegId(0), ports: PortPair(31_090), address, silent_after: None };
    let asks = relay.clone();
    let asker = std::thread::spawn(move || [open, Command::Stats(LegId(0))].map(|c| asks.send(c).unwrap()));
    let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
    standing.recv_timeout(PATIENCE).unwrap();
    for _ in 0..FLOOD {
        phone.send_to(&rtp(0), "127.0.0.1:31090").unwrap();
    }
    drop(stop);
    asker.join().unwrap();
    // The worker fetches what was kept, in turns of its own; then it has met every packet or knows it dropped.
    let mut asks = (0..20_000).map(|_| {
        relay.send(Command::Stats(LegId(0))).unwrap();
        let event = events.recv_timeout(PATIENCE).unwrap();
        let Event::Stats { stats, .. } = event else { panic!("{event:?}") };
        (stats.foreign, stats.kernel_dropped)
    });
    let (kept, dropped) = asks.find(|(kept, dropped)| kept + dropped >= FLOOD).unwrap();
    assert!(kept > 0 && dropped > 0, "{kept} kept, {dropped} dropped");
    assert_eq!(kept + dropped, FLOOD);
    drop(relay);
    thread.join();
}
