//! Which applications are there: one that read its events and reads them no longer has gone.

use std::time::{Duration, Instant};

use crate::switch::ids::AppId;

/// How long an application may be without a reader of its events, to connect again.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked.
const INTERVAL: Duration = Duration::from_secs(1);

/// What was last seen of the applications.
#[derive(Debug)]
pub(crate) struct Presence {
    apps: Vec<Seen>,
    next: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Seen {
    /// It has not read its events yet, or was reported as gone.
    Never,
    Here,
    MissingSince(Instant),
}

impl Presence {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { apps: Vec::new(), next: now }
    }

    /// When to look again.
    pub(crate) const fn deadline(&self) -> Instant {
        self.next
    }

    /// Looks how many readers each application has; which of them have gone. Each is named once.
    pub(crate) fn look(&mut self, now: Instant, readers: &[usize]) -> Vec<AppId> {
        self.next = now + INTERVAL;
        self.apps.resize(readers.len(), Seen::Never);
        let mut gone = Vec::new();
        for ((seen, readers), app) in self.apps.iter_mut().zip(readers).zip(0..) {
            *seen = match *seen {
                _ if *readers > 0 => Seen::Here,
                Seen::Never => Seen::Never,
                Seen::Here => Seen::MissingSince(now),
                Seen::MissingSince(since) if now.saturating_duration_since(since) >= PATIENCE => {
                    gone.push(AppId(app));
                    Seen::Never
                }
                Seen::MissingSince(since) => Seen::MissingSince(since),
            };
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::clock;

    #[test]
    fn who_never_read_is_never_gone_and_who_comes_back_in_time_is_not() {
        let start = clock::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut presence = Presence::new(start);
        assert!(presence.look(at(0), &[0, 1]).is_empty());
        assert!(presence.look(at(1), &[0, 0]).is_empty());
        assert!(presence.look(at(4), &[0, 1]).is_empty());
        assert!(presence.look(at(5), &[0, 0]).is_empty());
        assert!(presence.look(at(9), &[0, 0]).is_empty());
        assert_eq!(presence.look(at(10), &[0, 0]), [AppId(1)]);
        assert!(presence.look(at(20), &[0, 0]).is_empty(), "it is named once");
    }
}
