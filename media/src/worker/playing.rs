//! The worker's clock of 20 ms, and what it plays to legs by it.

use rand::Rng;

use super::{Hears, RelayWorker};
use crate::command::{Event, Feed};
use crate::io::DatagramIo;
use crate::limits::LAG_MAX;
use crate::playout::{Numbers, PACKET, PACKET_BYTES, Player};

/// The clock's step, in microseconds.
pub(super) const TICK_US: u64 = PACKET.as_micros() as u64;

impl<I: DatagramIo> RelayWorker<I> {
    /// Lets a leg hear what the relay makes.
    pub(super) fn play(&mut self, now_us: u64, slot: u32, feed: &Feed) {
        let Some(player) = Player::of(feed, self.draw_numbers()) else { return };
        self.playing.push(slot);
        self.start_clock(now_us);
        self.set_hears(slot, Hears::Player(Box::new(player)));
    }

    /// Random numbers for a source of the relay's own.
    pub(super) fn draw_numbers(&mut self) -> Numbers {
        let (ssrc, sequence, timestamp): (u32, u16, u32) = self.chance.random();
        Numbers::at(ssrc, sequence, timestamp)
    }

    /// Lets the clock run, at once if it stood still.
    pub(super) fn start_clock(&mut self, now_us: u64) {
        self.tick_at_us.get_or_insert(now_us);
    }

    /// Does what is due by the clock; it stands still while there is nothing to be played.
    pub(super) fn tick_due(&mut self, now_us: u64, out: &mut Vec<Event>) {
        while let Some(tick_us) = self.tick_at_us.filter(|tick_us| *tick_us <= now_us) {
            if self.is_idle() {
                self.tick_at_us = None;
                return;
            }
            // Before the work: a panic in it costs a leg, and must not bring this tick again.
            let next_us = tick_us + TICK_US;
            let lags = now_us.saturating_sub(next_us) > LAG_MAX.as_micros() as u64;
            self.tick_at_us = Some(if lags { now_us + 1 } else { next_us });
            self.ticks += 1;
            self.record_all(tick_us, out);
            self.play_all(now_us);
            self.mix_all(now_us);
            self.say_all(now_us, out);
            self.watch_events(now_us, out);
            self.report_all(now_us);
            self.shake_all(now_us);
        }
    }

    /// Whether there is nothing for the clock to do.
    fn is_idle(&self) -> bool {
        self.playing.is_empty()
            && self.saying.is_empty()
            && self.open_events.is_empty()
            && self.transcoding.is_empty()
            && self.shaking.is_empty()
            && self.recording.is_empty()
            && self.conferences.iter().all(Option::is_none)
    }

    fn play_all(&mut self, now_us: u64) {
        let mut packet = [0; PACKET_BYTES];
        for &slot in &self.playing {
            self.in_hand = Some(slot);
            let Some(leg) = &mut self.slots[slot as usize].leg else { continue };
            let Hears::Player(player) = &mut leg.hears else { continue };
            if leg.saying.is_some() {
                player.pass();
                continue;
            }
            let Some((payload_type, codec)) = leg.flow.own_codec() else { continue };
            let header = player.play(payload_type, codec, &mut packet);
            let Some(to) = leg.flow.address(now_us, &header, &mut packet) else { continue };
            leg.send(&mut self.io, &packet, to);
        }
    }
}
