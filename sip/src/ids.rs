//! Identities: plain strings are never passed where one of these is meant.

use std::fmt;

/// One SIP leg: a dialog, or the attempt to make one, between the engine and one party.
///
/// The upper 16 bits name the worker that owns the leg, so that a command finds its agent without a map. Of the
/// serial, the agent sets bit 47 for legs that call in; whoever makes a leg by a command leaves it clear, so the two
/// never meet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LegId(pub u64);

impl LegId {
    /// The leg with this serial number on this worker. Serials wrap after 2^48 legs.
    pub const fn new(worker: u16, serial: u64) -> Self {
        Self(((worker as u64) << 48) | (serial & 0xffff_ffff_ffff))
    }

    /// The worker (and its agent) that owns the leg.
    pub const fn worker(self) -> u16 {
        (self.0 >> 48) as u16
    }
}

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// A REFER, a subscription, a registration of ours or a MESSAGE. Numbered as legs are, so that a command finds its agent without a map.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UsageId(pub u64);

impl UsageId {
    /// The usage with this serial number on this worker.
    pub const fn new(worker: u16, serial: u64) -> Self {
        Self(LegId::new(worker, serial).0)
    }

    /// The worker (and its agent) that owns the usage.
    pub const fn worker(self) -> u16 {
        LegId(self.0).worker()
    }
}

impl fmt::Display for UsageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// One connection of a stream transport, numbered by the driver. Zero where there is none (UDP).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ConnectionId(pub u64);
