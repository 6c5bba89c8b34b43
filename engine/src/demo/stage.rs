//! The stage of the demonstration: a running engine, three phones on sockets of their own, an application that watches.

use std::net::{SocketAddr, UdpSocket as StdSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::UdpSocket;
use trunkline_sip::message::{Framing, Limits, Message as SipMessage, StartLine};
use trunkline_sip::transport::Transport;

use super::{Phone, PhoneConfig, PhoneOutbox, Script};
use crate::config::Config;
use crate::driver::event_log::{Delivery, Subscription};
use crate::driver::{Running, clock};
use crate::serve::say;
use crate::switch::message::Message;

/// Who takes part, in the order of their numbers on the stage.
pub(super) const USERS: [&str; 3] = ["1001", "1002", "1003"];

/// A phone with its sockets.
struct Station {
    phone: Phone,
    sip: UdpSocket,
    rtp: UdpSocket,
    sip_buffer: Vec<u8>,
    rtp_buffer: Vec<u8>,
}

/// A datagram for a phone.
enum Datagram {
    Sip(SocketAddr, Bytes),
    Rtp(SocketAddr, Bytes),
}

/// What happens next.
enum Happening {
    Arrived(usize, Datagram),
    Told(Delivery),
    Due,
}

impl Station {
    /// The next datagram; `None` where a socket has none to give.
    async fn next(&mut self) -> Option<Datagram> {
        tokio::select! {
            Ok((length, from)) = self.sip.recv_from(&mut self.sip_buffer) => {
                Some(Datagram::Sip(from, Bytes::copy_from_slice(&self.sip_buffer[..length])))
            }
            Ok((length, from)) = self.rtp.recv_from(&mut self.rtp_buffer) => {
                Some(Datagram::Rtp(from, Bytes::copy_from_slice(&self.rtp_buffer[..length])))
            }
            else => None,
        }
    }
}

/// Everything that takes part.
pub(super) struct Stage {
    running: Running,
    stations: Vec<Station>,
    events: Subscription,
    out: PhoneOutbox,
    told: Vec<&'static str>,
    begin: Instant,
}

impl Stage {
    /// Starts the engine on free ports of loopback and plugs the phones in.
    pub(super) async fn set(state_directory: &Path) -> Result<Self, String> {
        let port = free_port().map_err(|error| error.to_string())?;
        let config = configuration(port)?;
        let running = Running::start(config, state_directory).map_err(|error| error.to_string())?;
        let watcher = running.engine().app("demo").map_err(|error| error.to_string())?;
        let events = watcher.events().ok_or("the application is unknown")?;
        let mut stations = Vec::new();
        for (seed, user) in (1..).zip(USERS) {
            stations.push(station(seed, user, port).await.map_err(|error| error.to_string())?);
        }
        Ok(Self {
            running,
            stations,
            events,
            out: PhoneOutbox::default(),
            told: Vec::new(),
            begin: clock::now(),
        })
    }

    pub(super) fn phones(&self) -> impl Iterator<Item = &Phone> {
        self.stations.iter().map(|station| &station.phone)
    }

    pub(super) fn phone(&self, index: usize) -> &Phone {
        &self.stations[index].phone
    }

    pub(super) fn script(&mut self, index: usize, change: impl FnOnce(&mut Script)) {
        change(&mut self.stations[index].phone.script);
    }

    /// All phones begin to listen anew.
    pub(super) fn listen(&mut self) {
        for station in &mut self.stations {
            station.phone.listen();
        }
    }

    /// On how many calls the application was told of this state.
    pub(super) fn told(&self, state: &str) -> usize {
        self.told.iter().filter(|told| **told == state).count()
    }

    /// Presses a key of a phone.
    pub(super) async fn act(
        &mut self,
        index: usize,
        key: impl FnOnce(&mut Phone, Instant, &mut PhoneOutbox),
    ) {
        key(&mut self.stations[index].phone, clock::now(), &mut self.out);
        self.deliver(index).await;
    }

    /// Lets things happen for a while.
    pub(super) async fn pass(&mut self, time: Duration) {
        let end = clock::now() + time;
        while clock::now() < end {
            self.step(end).await;
        }
    }

    /// Lets things happen until the condition holds.
    pub(super) async fn until(
        &mut self,
        at_most: Duration,
        what: &str,
        holds: impl Fn(&Self) -> bool,
    ) -> Result<(), String> {
        let end = clock::now() + at_most;
        while !holds(self) {
            if clock::now() >= end {
                return Err(format!("not within {} s: {what}", at_most.as_secs()));
            }
            self.step(end).await;
        }
        Ok(())
    }

    /// Stops the engine. What a phone complained of is an error.
    pub(super) async fn strike(self) -> Result<(), String> {
        let complaints: Vec<_> = self.phones().flat_map(Phone::complaints).cloned().collect();
        self.running.stop().await;
        if complaints.is_empty() { Ok(()) } else { Err(complaints.join("; ")) }
    }

    /// Waits for the next thing to happen, at most until `end`, and lets it happen.
    async fn step(&mut self, end: Instant) {
        let deadline = self.phones().filter_map(Phone::deadline).fold(end, Instant::min);
        let [first, second, third] = &mut self.stations[..] else { return };
        let happening = tokio::select! {
            Some(datagram) = first.next() => Happening::Arrived(0, datagram),
            Some(datagram) = second.next() => Happening::Arrived(1, datagram),
            Some(datagram) = third.next() => Happening::Arrived(2, datagram),
            Some(delivery) = self.events.next() => Happening::Told(delivery),
            () = tokio::time::sleep_until(deadline.into()) => Happening::Due,
        };
        match happening {
            Happening::Arrived(index, Datagram::Sip(from, bytes)) => {
                self.draw(USERS[index], '◀', &bytes);
                self.stations[index].phone.receive(clock::now(), from, &bytes, &mut self.out);
                self.deliver(index).await;
            }
            Happening::Arrived(index, Datagram::Rtp(from, bytes)) => {
                self.stations[index].phone.receive_rtp(from, &bytes);
            }
            Happening::Told(delivery) => self.note(&delivery),
            Happening::Due => {
                for index in 0..self.stations.len() {
                    self.stations[index].phone.handle_timeout(clock::now(), &mut self.out);
                    self.deliver(index).await;
                }
            }
        }
    }

    async fn deliver(&mut self, index: usize) {
        let out = std::mem::take(&mut self.out);
        for (to, bytes) in out.sip {
            self.draw(USERS[index], '▶', &bytes);
            // What loopback refuses, the phone sends again.
            drop(self.stations[index].sip.send_to(&bytes, to).await);
        }
        for packet in out.rtp {
            drop(self.stations[index].rtp.send_to(&packet.bytes, packet.to).await);
        }
    }

    fn note(&mut self, delivery: &Delivery) {
        let Delivery::Message { message, .. } = delivery else { return };
        if let Message::CallState { line, state, .. } = &**message {
            self.told.push(state.name());
            let mode = state.mode_name().map(|mode| format!(" ({mode})")).unwrap_or_default();
            say(&format!("{}  TAPI    line {line}: {}{mode}\n", self.time(), state.name()));
        }
    }

    fn draw(&self, user: &str, arrow: char, bytes: &[u8]) {
        let limits = Limits::DEFAULT;
        let Ok(message) = SipMessage::scan(Bytes::copy_from_slice(bytes), Framing::Datagram, &limits) else {
            return;
        };
        let line = match message.start() {
            StartLine::Request { method_text, uri, .. } => format!("{method_text} {uri}"),
            StartLine::Response { status, reason } => {
                format!("{status} {} ({})", String::from_utf8_lossy(reason), message.method_text())
            }
        };
        let (left, right) = if arrow == '▶' { ("──", "▶") } else { ("◀──", "") };
        say(&format!("{}  {user} {left}{right} trunkline   {line}\n", self.time()));
    }

    fn time(&self) -> String {
        format!("{:7.3}", clock::now().duration_since(self.begin).as_secs_f32())
    }
}

/// A port of loopback that nobody uses, for UDP and so likely for TCP.
fn free_port() -> std::io::Result<u16> {
    Ok(StdSocket::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn configuration(port: u16) -> Result<Config, String> {
    let lines: String = USERS
        .iter()
        .map(|user| {
            format!(
                "[[line]]\naddress = \"{user}\"\nname = \"Phone {user}\"\npassword = \"secret of {user}\"\n"
            )
        })
        .collect();
    let text = format!(
        "[sip]\nlisten = [\"udp:127.0.0.1:{port}\"]\nworkers = 1\n\
         [media]\nlisten = \"127.0.0.1\"\nworkers = 1\n\
         [[app]]\nname = \"demo\"\ntoken = \"demonstration-token-of-this-process\"\nlines = [\"*\"]\nprivilege = \"monitor\"\n{lines}"
    );
    Config::parse(Path::new("demo"), &text)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

async fn station(seed: u64, user: &str, port: u16) -> std::io::Result<Station> {
    let sip = UdpSocket::bind("127.0.0.1:0").await?;
    let rtp = UdpSocket::bind("127.0.0.1:0").await?;
    let config = PhoneConfig {
        user: user.to_owned(),
        password: Some(format!("secret of {user}")),
        address: sip.local_addr()?,
        media: rtp.local_addr()?,
        server: SocketAddr::from(([127, 0, 0, 1], port)),
        domain: "127.0.0.1".to_owned(),
        transport: Transport::Udp,
        seed,
    };
    let (sip_buffer, rtp_buffer) = (vec![0; 8_192], vec![0; 2_048]);
    Ok(Station { phone: Phone::new(config), sip, rtp, sip_buffer, rtp_buffer })
}
