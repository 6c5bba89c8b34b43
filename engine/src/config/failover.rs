//! When calls of a `[[trunk]]` go on elsewhere, and how many may begin in a second.

use std::time::Duration;

use super::section::Section;
use crate::switch::setup::{FAILOVER_ON, PATIENCE, PROGRESS, REST};

/// When calls of a trunk go on elsewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failover {
    /// How long a place may be silent.
    pub patience: Duration,
    /// How long it may say nothing but 100.
    pub progress: Duration,
    /// How long a place rests that was silent or overloaded.
    pub rest: Duration,
    /// The final statuses after which another place is tried.
    pub statuses: Vec<u16>,
    /// Calls out that may begin within a second.
    pub calls_per_second: Option<u32>,
    /// How often its peers are asked whether they live; `None`: never.
    pub qualify_every: Option<Duration>,
}

/// Reads it.
pub(super) fn read(section: &Section<'_>) -> Failover {
    let seconds = |key, allowed, default: Duration| {
        section.integer(key, allowed).map_or(default, |seconds| Duration::from_secs(seconds.into()))
    };
    let patience = seconds("failover_s", 1..=PATIENCE_S_MAX, PATIENCE);
    let progress = seconds("progress_s", PROGRESS_S_MIN..=PROGRESS_S_MAX, PROGRESS);
    let rest = seconds("rest_s", 1..=REST_S_MAX, REST);
    let statuses = section.integers("failover_on", 400..=599).map(|statuses| {
        if let Some(status) = statuses.iter().find(|status| OF_THE_CALL.contains(status)) {
            section.refuse_key(
                "failover_on",
                &format!("names {status}, which says that who was called has been reached, or that the caller gave up"),
                "write statuses that speak of the carrier, as in [408, 500, 502, 503, 504]",
            );
        }
        statuses.into_iter().filter_map(|status| status.try_into().ok()).collect()
    });
    let qualify_s = section.integer("qualify_s", 0..=REST_S_MAX);
    if qualify_s.is_some_and(|seconds| (1..QUALIFY_S_MIN).contains(&seconds)) {
        let right = format!("write {QUALIFY_S_MIN} or more, or 0 for never");
        section.refuse_key(
            "qualify_s",
            "asks too often: two questions without an answer take eight seconds",
            &right,
        );
    }
    Failover {
        patience,
        progress,
        rest,
        statuses: statuses.unwrap_or_else(|| FAILOVER_ON.to_vec()),
        calls_per_second: section.integer("calls_per_second", 1..=CALLS_PER_SECOND_MAX),
        qualify_every: qualify_s
            .filter(|seconds| *seconds > 0)
            .map(|seconds| Duration::from_secs(seconds.into())),
    }
}

/// Busy, cancelled, met by another request: the next carrier would ring the same phone again.
const OF_THE_CALL: [u32; 3] = [486, 487, 491];

/// An INVITE is given up after so long anyway (RFC 3261 §17.1.1.2, Timer B).
const PATIENCE_S_MAX: u32 = 32;

/// Calls of some seconds' way to the callee are usual.
const PROGRESS_S_MIN: u32 = 5;

/// No destination rings for longer.
const PROGRESS_S_MAX: u32 = 120;

/// No place rests for longer.
const REST_S_MAX: u32 = 3_600;

/// Peers are asked no more often.
const QUALIFY_S_MIN: u32 = 10;

/// Beyond, no limit is needed.
const CALLS_PER_SECOND_MAX: u32 = 10_000;
