//! Audio of many calls over one socket a side: each packet says which call it belongs to, and who says it.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::strangers::{Stranger, Strangers};
use super::{DAEMON, SIDES, Side};

/// Calls that there may be in a run.
const CALLS_MAX: usize = 100_000;
/// Marks a packet of ours.
const MARK: &[u8; 4] = b"tlsw";
/// Packets go out in as many portions.
const PORTIONS: u32 = 10;

/// What is said and heard.
pub(crate) struct Media {
    sockets: [Arc<UdpSocket>; 2],
    began: Instant,
    /// By port of the relay: the call, one higher.
    ports: Vec<AtomicU32>,
    speaking: Mutex<Vec<Speaking>>,
    /// By side and call.
    heard: [Vec<Heard>; 2],
    /// Packets that were heard in another call than they were said in, or by who said them.
    pub(crate) strange: AtomicU64,
    strangers: Mutex<Strangers>,
}

/// One side of a call that says something.
struct Speaking {
    call: usize,
    side: Side,
    to: SocketAddr,
    sequence: u16,
}

/// When one side of a call heard something.
#[derive(Default)]
struct Heard {
    last_us: AtomicU64,
    gap_us: AtomicU64,
}

impl Media {
    pub(super) fn new(sockets: [Arc<UdpSocket>; 2]) -> Self {
        let silent = || (0..CALLS_MAX).map(|_| Heard::default()).collect();
        Self {
            sockets,
            began: Instant::now(),
            ports: (0..=u16::MAX).map(|_| AtomicU32::new(0)).collect(),
            speaking: Mutex::new(Vec::new()),
            heard: [silent(), silent()],
            strange: AtomicU64::new(0),
            strangers: Mutex::default(),
        }
    }

    /// A call is up: the relay's ports towards the network and the phone.
    pub(super) fn begin(&self, call: usize, relay: [u16; 2]) {
        let mut speaking = self.speaking.lock().expect("no thread panicked");
        let mut strangers = self.strangers.lock().expect("no thread panicked");
        for (side, port) in SIDES.into_iter().zip(relay) {
            strangers.note_port(call, side, port);
            self.ports[usize::from(port)].store(call as u32 + 1, Ordering::Relaxed);
            let mut to: SocketAddr = DAEMON.parse().expect("an address");
            to.set_port(port);
            speaking.push(Speaking { call, side, to, sequence: 0 });
        }
    }

    /// One side of a call says nothing more.
    pub(super) fn end(&self, call: usize, side: Side) {
        let mut speaking = self.speaking.lock().expect("no thread panicked");
        speaking.retain(|one| one.call != call || one.side != side);
    }

    /// Whether this side has heard the other one since then.
    pub(crate) fn has_heard(&self, call: usize, side: Side, since: Instant) -> bool {
        self.heard[side as usize][call].last_us.load(Ordering::Relaxed) > self.us(since)
    }

    /// The longest silence that this side heard since [`Self::forget_gaps`].
    pub(crate) fn gap(&self, call: usize, side: Side) -> Duration {
        Duration::from_micros(self.heard[side as usize][call].gap_us.load(Ordering::Relaxed))
    }

    /// Silences begin to count.
    pub(crate) fn forget_gaps(&self) {
        self.heard.iter().flatten().for_each(|heard| heard.gap_us.store(0, Ordering::Relaxed));
    }

    /// Who was heard where he should not be, the first ones first.
    pub(crate) fn strangers(&self) -> Vec<Stranger> {
        self.strangers.lock().expect("no thread panicked").all()
    }

    /// When everything began.
    pub(crate) const fn began(&self) -> Instant {
        self.began
    }

    fn us(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.began).as_micros()).unwrap_or(u64::MAX)
    }

    /// Every call says a packet each way, spread over this time.
    pub(super) fn send_all(&self, every: Duration) {
        let began = Instant::now();
        for portion in 0..PORTIONS {
            let mut speaking = self.speaking.lock().expect("no thread panicked");
            for one in speaking.iter_mut().filter(|one| one.call as u32 % PORTIONS == portion) {
                one.sequence = one.sequence.wrapping_add(1);
                let timestamp = u32::from(one.sequence) * (every.as_millis() as u32 * 8);
                let mut packet = [0xd5; 172];
                packet[..2].copy_from_slice(&[0x80, 0x00]);
                packet[2..4].copy_from_slice(&one.sequence.to_be_bytes());
                packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
                packet[8..12].copy_from_slice(&(one.call as u32 * 2 + one.side as u32).to_be_bytes());
                packet[12..16].copy_from_slice(MARK);
                packet[16..20].copy_from_slice(&(one.call as u32).to_be_bytes());
                packet[20] = one.side as u8;
                // Where the daemon is away nobody hears it.
                drop(self.sockets[one.side as usize].send_to(&packet, one.to));
            }
            drop(speaking);
            let until = began + every / PORTIONS * (portion + 1);
            thread::sleep(until.saturating_duration_since(Instant::now()));
        }
    }

    /// Hears one packet.
    pub(super) fn receive(&self, side: Side) {
        let mut packet = [0; 2048];
        let Ok((length, from)) = self.sockets[side as usize].recv_from(&mut packet) else { return };
        // Music, tones and RTCP say nothing of a call.
        if length < 21 || packet[12..16] != *MARK {
            return;
        }
        let said = u32::from_be_bytes([packet[16], packet[17], packet[18], packet[19]]);
        let call = self.ports[usize::from(from.port())].load(Ordering::Relaxed);
        if said + 1 != call || packet[20] == side as u8 {
            self.strange.fetch_add(1, Ordering::Relaxed);
            let by = if packet[20] == Side::Phone as u8 { Side::Phone } else { Side::Network };
            let mut strangers = self.strangers.lock().expect("no thread panicked");
            strangers.note(said as usize, by, side, from.port());
            return;
        }
        let heard = &self.heard[side as usize][said as usize];
        let now_us = self.us(Instant::now());
        let last_us = heard.last_us.swap(now_us, Ordering::Relaxed);
        if last_us > 0 {
            heard.gap_us.fetch_max(now_us.saturating_sub(last_us), Ordering::Relaxed);
        }
    }
}
