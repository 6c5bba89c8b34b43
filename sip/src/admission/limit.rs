//! What can be refused for being too much: the names, the rates, the counts of refusals.

/// What a refusal was for. Each but the last three has a key of its name in `[limits]`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Limit {
    /// Calls at once.
    Calls,
    /// Calls at once of the lines at one address.
    CallsPerSource,
    /// Calls at once of one line.
    CallsPerLine,
    /// Calls that begin within a second.
    CallsPerSecond,
    /// The same of the lines at one address.
    CallsPerSecondPerSource,
    /// The same of one line.
    CallsPerSecondPerLine,
    /// Contacts of all lines.
    Registrations,
    /// Contacts at one address.
    RegistrationsPerSource,
    /// Contacts that are new within a second.
    RegistrationsPerSecond,
    /// The same from one address.
    RegistrationsPerSecondPerSource,
    /// Subscriptions of all peers.
    Subscriptions,
    /// Subscriptions of one line or trunk.
    SubscriptionsPerLine,
    /// Subscriptions that begin within a second.
    SubscriptionsPerSecond,
    /// The same of one line or trunk.
    SubscriptionsPerSecondPerLine,
    /// Stream connections.
    Connections,
    /// Stream connections with one address.
    ConnectionsPerSource,
    /// TLS handshakes at once of those who came.
    Handshakes,
    /// TLS handshakes that begin within a second from one address.
    HandshakesPerSecondPerSource,
    /// Port pairs for media: all are in use, or at rest after a call.
    MediaPorts,
    /// Calls at once whose ends share no codec.
    TranscodedCalls,
    /// Transactions and legs of one worker ([`Capacity`](crate::agent::Capacity)).
    State,
    /// A worker that does not keep up ([`Load`](super::Load)).
    Overload,
}

impl Limit {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 22] = [
        Self::Calls,
        Self::CallsPerSource,
        Self::CallsPerLine,
        Self::CallsPerSecond,
        Self::CallsPerSecondPerSource,
        Self::CallsPerSecondPerLine,
        Self::Registrations,
        Self::RegistrationsPerSource,
        Self::RegistrationsPerSecond,
        Self::RegistrationsPerSecondPerSource,
        Self::Subscriptions,
        Self::SubscriptionsPerLine,
        Self::SubscriptionsPerSecond,
        Self::SubscriptionsPerSecondPerLine,
        Self::Connections,
        Self::ConnectionsPerSource,
        Self::Handshakes,
        Self::HandshakesPerSecondPerSource,
        Self::MediaPorts,
        Self::TranscodedCalls,
        Self::State,
        Self::Overload,
    ];

    /// Its name in the configuration and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::CallsPerSource => "calls_per_source",
            Self::CallsPerLine => "calls_per_line",
            Self::CallsPerSecond => "calls_per_second",
            Self::CallsPerSecondPerSource => "calls_per_second_per_source",
            Self::CallsPerSecondPerLine => "calls_per_second_per_line",
            Self::Registrations => "registrations",
            Self::RegistrationsPerSource => "registrations_per_source",
            Self::RegistrationsPerSecond => "registrations_per_second",
            Self::RegistrationsPerSecondPerSource => "registrations_per_second_per_source",
            Self::Subscriptions => "subscriptions",
            Self::SubscriptionsPerLine => "subscriptions_per_line",
            Self::SubscriptionsPerSecond => "subscriptions_per_second",
            Self::SubscriptionsPerSecondPerLine => "subscriptions_per_second_per_line",
            Self::Connections => "connections",
            Self::ConnectionsPerSource => "connections_per_source",
            Self::Handshakes => "handshakes",
            Self::HandshakesPerSecondPerSource => "handshakes_per_second_per_source",
            Self::MediaPorts => "media_ports",
            Self::TranscodedCalls => "transcoded_calls",
            Self::State => "state",
            Self::Overload => "overload",
        }
    }
}

/// How often each limit refused something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Refusals([u64; Limit::COUNT]);

impl Refusals {
    /// Counts one.
    pub const fn count(&mut self, limit: Limit) {
        self.0[limit as usize] = self.0[limit as usize].saturating_add(1);
    }

    /// Counts as many as another has.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(count);
        }
    }

    /// As many of each limit as this says.
    pub fn of_counts(count: impl Fn(Limit) -> u64) -> Self {
        Self(Limit::ALL.map(count))
    }

    /// How often this limit refused something.
    pub const fn of(&self, limit: Limit) -> u64 {
        self.0[limit as usize]
    }
}

/// How many calls, registrations and subscriptions are let in. [`u32::MAX`] is no limit. The rates allow a second's worth at once.
///
/// Trunks prove themselves by their address and have limits of their own: to them only those over all sources apply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AdmissionLimits {
    /// Calls at once that lines at one address made: 503.
    pub calls_per_source: u32,
    /// Calls at once that one line made: 503.
    pub calls_per_line: u32,
    /// INVITEs that begin a call, a second: 503.
    pub calls_per_second: u32,
    /// The same of lines at one address: 503.
    pub calls_per_second_per_source: u32,
    /// The same of one line: 503.
    pub calls_per_second_per_line: u32,
    /// REGISTERs a second, without those from where the line is registered already: 503.
    pub registrations_per_second: u32,
    /// The same from one address: 503.
    pub registrations_per_second_per_source: u32,
    /// SUBSCRIBEs that begin a subscription, a second: 503.
    pub subscriptions_per_second: u32,
    /// The same of one line or trunk: 503.
    pub subscriptions_per_second_per_line: u32,
}

impl AdmissionLimits {
    /// Generous: an office of thousands behind one address, a line that a machine dials by, a phone that shows all lamps of its
    /// keys at once.
    pub const DEFAULT: Self = Self {
        calls_per_source: 5_000,
        calls_per_line: 1_000,
        calls_per_second: 10_000,
        calls_per_second_per_source: 1_000,
        calls_per_second_per_line: 250,
        registrations_per_second: 10_000,
        registrations_per_second_per_source: 2_000,
        subscriptions_per_second: 10_000,
        subscriptions_per_second_per_line: 500,
    };
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_counted_under_its_own_name() {
        let mut names: Vec<_> = Limit::ALL.iter().map(|limit| limit.name()).collect();
        for (place, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, place);
            let mut refusals = Refusals::default();
            refusals.count(limit);
            assert!(Limit::ALL.iter().all(|other| refusals.of(*other) == u64::from(*other == limit)));
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Limit::COUNT);
    }

    #[test]
    fn counts_add_up_and_do_not_wrap() {
        let mut sum = Refusals([u64::MAX - 1; Limit::COUNT]);
        let mut one = Refusals::default();
        one.count(Limit::State);
        sum.add(&one);
        sum.add(&one);
        sum.count(Limit::State);
        assert_eq!((sum.of(Limit::State), sum.of(Limit::Calls)), (u64::MAX, u64::MAX - 1));
    }
}
