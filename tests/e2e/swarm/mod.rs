//! Many far ends in this process: a network that calls phones, phones that register and answer, and what both say and hear.
//! They go on whatever happens to the daemon, and repeat what is not answered, as real ones do.
//!
//! ```text
//!   network 127.0.0.1:5070 ──INVITE──▶ daemon ──INVITE──▶ phones 127.0.0.2:5070 ──REGISTER──▶ daemon
//!           127.0.0.1:7000 ◀──RTP────▶  relay ◀──RTP────▶        127.0.0.2:7000
//! ```

mod ends;
mod media;
mod message;
mod strangers;

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub(crate) use ends::{Call, Ends, Load, Stage};
pub(crate) use media::Media;

/// Where the daemon listens.
const DAEMON: &str = "127.0.0.1:5060";
/// Where the network and the phones are.
const HOSTS: [&str; 2] = ["127.0.0.1", "127.0.0.2"];
/// Of all of them.
const SIP_PORT: u16 = 5070;
/// Of all of them.
const RTP_PORT: u16 = 7000;
/// The relay's, where a test needs no others.
pub(crate) const PORTS: &str = "20000-29999";
/// How often it is looked at what is due.
const TICK: Duration = Duration::from_millis(10);
/// The password of every phone.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Which side of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    Network = 0,
    Phone = 1,
}

/// Both.
pub(crate) const SIDES: [Side; 2] = [Side::Network, Side::Phone];

/// The far ends, which live in threads of their own until this is dropped.
pub(crate) struct Swarm {
    ends: Arc<Mutex<Ends>>,
    /// What is said and heard.
    pub(crate) media: Arc<Media>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// What the daemon is told of the network, of the lines of the users and of the relay's ports.
pub(crate) fn config(users: usize, ports: &str) -> String {
    let phone = |user| format!("[[line]]\naddress = \"{}\"\npassword = \"{PASSWORD}\"\n", line(user));
    CONFIG.replace("PORTS", ports) + &(0..users).map(phone).collect::<String>()
}

/// The line of a user.
pub(crate) fn line(user: usize) -> String {
    format!("{}", 100_000 + user)
}

impl Swarm {
    /// This many phones; in each call a packet each way this often.
    pub(crate) fn start(users: usize, packet_every: Duration) -> Self {
        let socket = |host, port| {
            let socket = UdpSocket::bind((host, port)).expect("a port of ours");
            socket.set_read_timeout(Some(TICK)).expect("a timeout can be set");
            Arc::new(socket)
        };
        let sockets = HOSTS.map(|host| socket(host, SIP_PORT));
        let media = Arc::new(Media::new(HOSTS.map(|host| socket(host, RTP_PORT))));
        let ends = Arc::new(Mutex::new(Ends::new(users, sockets.clone(), Arc::clone(&media))));
        let stop = Arc::new(AtomicBool::new(false));
        let mut swarm = Self { ends, media, stop, threads: Vec::new() };
        for (side, socket) in SIDES.into_iter().zip(sockets) {
            let ends = Arc::clone(&swarm.ends);
            swarm.thread(move || {
                let mut message = [0; 65_536];
                if let Ok(length) = socket.recv(&mut message) {
                    lock(&ends).receive(side, &String::from_utf8_lossy(&message[..length]));
                }
            });
            let media = Arc::clone(&swarm.media);
            swarm.thread(move || media.receive(side));
        }
        let ends = Arc::clone(&swarm.ends);
        swarm.thread(move || {
            thread::sleep(TICK);
            lock(&ends).tick();
        });
        let media = Arc::clone(&swarm.media);
        swarm.thread(move || media.send_all(packet_every));
        swarm
    }

    fn thread(&mut self, mut turn: impl FnMut() + Send + 'static) {
        let stop = Arc::clone(&self.stop);
        self.threads.push(thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                turn();
            }
        }));
    }

    /// A look at them, or a word to them.
    pub(crate) fn ends(&self) -> MutexGuard<'_, Ends> {
        lock(&self.ends)
    }

    /// Waits for something; whether it came.
    pub(crate) fn wait(&self, within: Duration, mut is_so: impl FnMut(&mut Ends) -> bool) -> bool {
        let deadline = Instant::now() + within;
        loop {
            if is_so(&mut self.ends()) {
                return true;
            }
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(TICK);
        }
    }

    /// Registers these users; panics where one of them cannot within the time.
    pub(crate) fn register(&self, users: usize, within: Duration) {
        let deadline = Instant::now() + within;
        loop {
            let mut ends = self.ends();
            let registered = ends.registered_before(Instant::now()).len();
            if registered >= users {
                return;
            }
            assert!(Instant::now() < deadline, "{registered} of {users} are registered within {within:?}");
            ends.register_some(users);
            drop(ends);
            thread::sleep(TICK);
        }
    }

    /// Calls these users, this many a second, and waits until all of them talk.
    pub(crate) fn call_all(&self, users: impl IntoIterator<Item = usize>, per_second: f64) -> Vec<usize> {
        let calls: Vec<usize> = users
            .into_iter()
            .map(|user| {
                thread::sleep(Duration::from_secs_f64(1.0 / per_second));
                self.ends().call(user, None)
            })
            .collect();
        let is_up = |ends: &mut Ends| calls.iter().all(|call| ends.calls[*call].stage == Stage::Up);
        if !self.wait(Duration::from_secs(10), is_up) {
            let ends = self.ends();
            let others = calls.iter().filter(|call| ends.calls[**call].stage != Stage::Up);
            panic!("calls are not answered: {:?}", others.map(|call| &ends.calls[*call]).next());
        }
        calls
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            assert!(thread.join().is_ok() || thread::panicking(), "a far end panicked");
        }
    }
}

fn lock(ends: &Mutex<Ends>) -> MutexGuard<'_, Ends> {
    ends.lock().expect("no far end panicked")
}

const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060"]
[media]
listen = "127.0.0.1"
ports = "PORTS"
kernel = "off"
[[trunk]]
name = "network"
peer = "udp:127.0.0.1:5070"
allow_from = ["127.0.0.1/32"]
max_calls = 2000
[[route]]
from = "trunk:network"
match = "^\\d{6}$"
to = "line"
"#;
