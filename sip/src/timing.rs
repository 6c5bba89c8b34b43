//! T1, T2, T4 and the timers A to M that follow from them (RFC 3261 Table 4, RFC 6026).

use std::time::Duration;

use crate::transport::Transport;

/// The three base times. Everything else is computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// Round-trip estimate.
    pub t1: Duration,
    /// Longest interval between retransmissions of non-INVITE requests and of INVITE responses.
    pub t2: Duration,
    /// How long a message stays in the network.
    pub t4: Duration,
}

impl Timing {
    /// The defaults of RFC 3261 §17.1.1.1: 500 ms, 4 s, 5 s.
    pub const RFC: Self =
        Self { t1: Duration::from_millis(500), t2: Duration::from_secs(4), t4: Duration::from_secs(5) };

    /// 64·T1: timers B, F, H, L, M and the wait for an ACK or after a CANCEL.
    pub const fn timeout(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// Timer D: absorbs repeated final responses to an INVITE (RFC 3261 §17.1.1.2). At least 32 s on UDP.
    pub const fn timer_d(&self, transport: Transport) -> Duration {
        Self::unreliable_only(transport, self.timeout())
    }

    /// Timer I: absorbs repeated ACKs (RFC 3261 §17.2.1).
    pub const fn timer_i(&self, transport: Transport) -> Duration {
        Self::unreliable_only(transport, self.t4)
    }

    /// Timer J: absorbs repeated requests (RFC 3261 §17.2.2).
    pub const fn timer_j(&self, transport: Transport) -> Duration {
        Self::unreliable_only(transport, self.timeout())
    }

    /// Timer K: absorbs repeated responses (RFC 3261 §17.1.2.2).
    pub const fn timer_k(&self, transport: Transport) -> Duration {
        Self::unreliable_only(transport, self.t4)
    }

    /// The interval after `interval`: doubled, at most T2 (timers E and G, and the 2xx of a UAS).
    pub fn backed_off(&self, interval: Duration) -> Duration {
        interval.saturating_mul(2).min(self.t2)
    }

    const fn unreliable_only(transport: Transport, time: Duration) -> Duration {
        if transport.is_reliable() { Duration::ZERO } else { time }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self::RFC
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_standard() {
        let timing = Timing::RFC;
        assert_eq!(timing.timeout(), Duration::from_secs(32));
        assert_eq!(timing.timer_d(Transport::Udp), Duration::from_secs(32));
        assert_eq!(timing.timer_i(Transport::Udp), Duration::from_secs(5));
        assert_eq!(timing.timer_j(Transport::Udp), Duration::from_secs(32));
        assert_eq!(timing.timer_k(Transport::Udp), Duration::from_secs(5));
    }

    #[test]
    fn reliable_transports_absorb_nothing() {
        let timing = Timing::RFC;
        for timer in [Timing::timer_d, Timing::timer_i, Timing::timer_j, Timing::timer_k] {
            for transport in [Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss] {
                assert_eq!(timer(&timing, transport), Duration::ZERO);
            }
        }
    }

    #[test]
    fn the_interval_doubles_up_to_t2() {
        let timing = Timing::RFC;
        let mut interval = timing.t1;
        let mut seen = Vec::new();
        for _ in 0..5 {
            seen.push(interval.as_millis());
            interval = timing.backed_off(interval);
        }
        assert_eq!(seen, [500, 1_000, 2_000, 4_000, 4_000]);
    }
}
