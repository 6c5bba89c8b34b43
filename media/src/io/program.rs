//! The program that forwards flows in the kernel, as a value: the same checks, the same rewriting and the same counting, so that
//! every race between it and a worker can be played in virtual time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use crate::flow::Channel;
use crate::limits::DATAGRAM_BYTES_MAX;
use crate::offload::{FlowCount, KernelFlow};
use crate::rtcp;
use crate::rtp::Header;
use crate::stats::{MAX_DROPOUT, is_jump};

/// The flows of a program, by the local port at which they arrive.
#[derive(Debug, Default)]
pub(super) struct Program {
    flows: BTreeMap<u16, Forwarding>,
    /// How many flows it has room for.
    pub(super) room: usize,
    /// Whether packets pass it by: it sits on another interface.
    pub(super) is_passed_by: bool,
    /// What is it for the program.
    pub(super) now: Option<Instant>,
    accepted: u64,
}

#[derive(Debug)]
struct Forwarding {
    by: u16,
    flow: KernelFlow,
    count: FlowCount,
    arrived_at: Option<Instant>,
    transit: Option<u32>,
}

impl Program {
    /// A program without flows, and with room for so many.
    pub(super) fn with_room(room: usize) -> Self {
        Self { room, ..Self::default() }
    }

    /// Takes a flow if there is room.
    pub(super) fn insert(&mut self, from: u16, by: u16, flow: &KernelFlow) -> bool {
        let is_known = self.flows.contains_key(&from);
        if !is_known && self.flows.len() >= self.room {
            return false;
        }
        let count = FlowCount { highest: flow.highest, ..FlowCount::default() };
        let known = self.flows.remove(&from).map(|known| known.count);
        let forwarding =
            Forwarding { by, flow: *flow, count: known.unwrap_or(count), arrived_at: None, transit: None };
        self.flows.insert(from, forwarding);
        self.accepted += 1;
        true
    }

    /// What was counted of a flow.
    pub(super) fn count(&self, from: u16) -> Option<FlowCount> {
        let forwarding = self.flows.get(&from)?;
        let idle = forwarding
            .arrived_at
            .map(|at| self.now.map_or_else(Default::default, |now| now.saturating_duration_since(at)));
        Some(FlowCount { idle, ..forwarding.count })
    }

    /// Gives a flow back.
    pub(super) fn remove(&mut self, from: u16) -> Option<FlowCount> {
        let count = self.count(from);
        self.flows.remove(&from);
        count
    }

    /// Loses every flow, as when the interface goes.
    pub(super) fn clear(&mut self) {
        self.flows.clear();
    }

    /// How many flows it has.
    pub(super) fn len(&self) -> usize {
        self.flows.len()
    }

    /// How many it took in all.
    pub(super) const fn accepted(&self) -> u64 {
        self.accepted
    }

    /// The ports of each flow: where it arrives, and where it leaves.
    pub(super) fn ports(&self) -> impl Iterator<Item = (u16, u16)> {
        self.flows.iter().map(|(from, forwarding)| (*from, forwarding.by))
    }

    /// A packet arrives at a port: forwarded in place, by which port and to where; `None` where it goes up.
    pub(super) fn forward(
        &mut self,
        port: u16,
        channel: Channel,
        from: SocketAddr,
        packet: &mut [u8],
    ) -> Option<(u16, SocketAddr)> {
        if self.is_passed_by || channel == Channel::Rtcp || packet.len() > DATAGRAM_BYTES_MAX {
            return None;
        }
        let forwarding = self.flows.get_mut(&port)?;
        let flow = &forwarding.flow;
        if rtcp::is_rtcp(packet) || from != flow.source {
            return None;
        }
        let header = if flow.sealed { Header::read_sealed(packet) } else { Header::read(packet) }.ok()?;
        if header.ssrc != flow.ssrc || !flow.payload_types.contains(header.payload_type) {
            return None;
        }
        let count = &mut forwarding.count;
        let ahead = header.sequence.wrapping_sub(count.highest);
        if is_jump(ahead) {
            return None;
        }
        if ahead == 0 {
            count.duplicates += 1;
        } else if ahead >= MAX_DROPOUT {
            count.late += 1;
        } else {
            count.cycles += u32::from(header.sequence < count.highest);
            count.highest = header.sequence;
            count.timestamp = header.timestamp;
        }
        count.packets += 1;
        count.bytes += packet.len() as u64;
        forwarding.measure_jitter(self.now, header.timestamp);
        forwarding.arrived_at = self.now;
        let flow = &forwarding.flow;
        if !flow.sealed {
            let sequence = header.sequence.wrapping_add(flow.sequence_shift);
            let timestamp = header.timestamp.wrapping_add(flow.timestamp_shift);
            Header { sequence, timestamp, ssrc: flow.ssrc_out, ..header }.write(packet);
        }
        Some((forwarding.by, flow.to))
    }
}

impl Forwarding {
    fn measure_jitter(&mut self, now: Option<Instant>, timestamp: u32) {
        let hz = self.flow.clock_hz;
        let Some((now, before)) = now.zip(self.arrived_at.or(now)) else { return };
        if hz == 0 {
            return;
        }
        // Times are only ever compared, so it may begin anywhere.
        let elapsed_us = now.saturating_duration_since(before).as_micros();
        #[expect(clippy::cast_possible_truncation, reason = "timestamps are modulo 2^32 by RFC 3550 §5.1")]
        let elapsed = (elapsed_us * u128::from(hz) / 1_000_000) as u32;
        if let Some(before) = self.transit.replace(timestamp) {
            let difference =
                elapsed.wrapping_sub(timestamp.wrapping_sub(before)).cast_signed().unsigned_abs();
            if difference < hz {
                let jitter = &mut self.count.jitter_x16;
                *jitter = *jitter + difference - ((*jitter + 8) >> 4);
            }
        }
    }
}
