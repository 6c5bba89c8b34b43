//! SIP status codes and Q.850 causes in the words of TAPI, and what a caller is told of a failure behind the engine.
//!
//! The whole of it is printed in `tests/tables/disconnect_modes.md`.

use trunkline_sip::outbox::{Cause, CauseKind};

use super::call_state::{BusyMode, DisconnectMode};
use super::report::CallReport;

/// Why the attempt to reach a station failed, or why a leg ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Failure {
    /// What the agent said.
    pub(super) cause: Cause,
    /// Whether the station was alerted before.
    pub(super) rang: bool,
    /// When to try again, as the refusal said, in seconds (Retry-After).
    pub(super) retry_after_s: Option<u32>,
    /// Whether the engine itself decided so: then the caller is told the status as it is.
    pub(super) ours: bool,
}

impl Failure {
    /// A failure that the engine itself decided on.
    pub(super) fn local(status: u16) -> Self {
        let cause = Cause { status, kind: CauseKind::Status, ..Cause::default() };
        Self { cause, rang: false, retry_after_s: None, ours: true }
    }

    /// What the agent said of a leg.
    pub(super) const fn of(cause: Cause, rang: bool) -> Self {
        Self { cause, rang, retry_after_s: None, ours: false }
    }

    /// Nobody answered in time.
    pub(super) fn no_answer() -> Self {
        Self { rang: true, ..Self::local(480) }
    }

    /// A trunk has no free channel.
    pub(super) fn no_channel() -> Self {
        let mut failure = Self::local(503);
        failure.cause.q850 = Some(34);
        failure
    }

    /// What the calling side's call hears: busy is a state of its own while a call is set up, everything else disconnects.
    pub(super) fn report(&self) -> CallReport {
        let circuit = matches!(self.cause.q850, Some(34 | 42));
        match (self.cause.kind, self.cause.status) {
            (CauseKind::Status, 486 | 600) => CallReport::Busy(BusyMode::Station),
            (CauseKind::Status, 503) if circuit => CallReport::Busy(BusyMode::Trunk),
            _ if self.cause.q850 == Some(17) && self.cause.kind == CauseKind::Status => {
                CallReport::Busy(BusyMode::Station)
            }
            _ => CallReport::Disconnected(self.mode()),
        }
    }

    /// The disconnect mode. A Q.850 cause wins over the status code.
    pub(super) fn mode(&self) -> DisconnectMode {
        if let Some(cause) = self.cause.q850 {
            return of_q850(cause);
        }
        match self.cause.kind {
            CauseKind::Bye => DisconnectMode::Normal,
            CauseKind::Cancel if self.cause.sip == Some(200) => DisconnectMode::Pickup,
            CauseKind::Cancel | CauseKind::Local => DisconnectMode::Cancelled,
            CauseKind::Status => of_status(self.cause.status, self.rang, self.retry_after_s.is_some()),
            CauseKind::Unreachable | CauseKind::Lost => DisconnectMode::Unreachable,
            CauseKind::NoAck => DisconnectMode::TempFailure,
        }
    }

    /// The final response for the caller.
    pub(super) fn status_for_caller(&self) -> u16 {
        match self.cause.kind {
            CauseKind::Status if self.ours => self.cause.status,
            CauseKind::Status => relayed_status(self.cause.status),
            CauseKind::Bye
            | CauseKind::Cancel
            | CauseKind::Local
            | CauseKind::NoAck
            | CauseKind::Unreachable
            | CauseKind::Lost => 480,
        }
    }

    /// The Reason header (RFC 3326) for the other leg.
    pub(super) fn reason(&self) -> String {
        match (self.cause.q850, self.cause.sip, self.cause.kind) {
            (Some(cause), ..) => format!("Q.850;cause={cause}"),
            (None, Some(cause), _) => format!("SIP;cause={cause}"),
            (None, None, CauseKind::Status) => format!("SIP;cause={}", self.cause.status),
            (None, None, CauseKind::Bye) => NORMAL_CLEARING.to_owned(),
            (None, None, CauseKind::Cancel | CauseKind::Local) => "SIP;cause=487".to_owned(),
            (None, None, CauseKind::Unreachable | CauseKind::Lost | CauseKind::NoAck) => {
                "Q.850;cause=41".to_owned()
            }
        }
    }

    /// How much better than other failures this one describes why nobody of a fork answered; higher is better.
    /// A user wants to know "busy" before "not there" before "unknown" (RFC 3261 §16.7 as phones do it).
    pub(super) const fn weight(&self) -> u8 {
        match self.cause.status {
            _ if matches!(self.cause.kind, CauseKind::Unreachable | CauseKind::Lost) => 0,
            600..=699 => 7,
            486 => 6,
            480 => 5,
            408 => 4,
            404 | 410 | 484 => 3,
            400..=499 => 2,
            300..=399 | 500..=599 => 1,
            _ => 0,
        }
    }

    /// Whether another place in the network may take the call: nobody answered here, or the answer is one of these and does not speak
    /// of who was called.
    pub(super) fn is_of_the_place(&self, statuses: &[u16]) -> bool {
        match self.cause.kind {
            CauseKind::Unreachable => true,
            CauseKind::Status => {
                !self.ours && !self.is_of_the_callee() && statuses.contains(&self.cause.status)
            }
            CauseKind::Bye | CauseKind::Cancel | CauseKind::NoAck | CauseKind::Local | CauseKind::Lost => {
                false
            }
        }
    }

    /// Whether the way to a phone leads nowhere, and not the phone refused (RFC 5626 §7): another way may lead to it.
    pub(super) fn is_of_the_flow(&self) -> bool {
        let is_unheard = match self.cause.kind {
            CauseKind::Unreachable => true,
            CauseKind::Status => matches!(self.cause.status, 408 | 430),
            CauseKind::Bye | CauseKind::Cancel | CauseKind::NoAck | CauseKind::Local | CauseKind::Lost => {
                false
            }
        };
        is_unheard && !self.ours && !self.rang
    }

    /// Whether a network refused the call and said nothing of who was called: that he is busy, did not answer or does not want it.
    pub(super) fn is_of_the_network(&self) -> bool {
        let is_word = self.is_of_the_callee() || matches!(self.cause.status, 486 | 487 | 600..=699);
        self.cause.kind == CauseKind::Status && !self.ours && !is_word
    }

    fn is_of_the_callee(&self) -> bool {
        self.cause.q850.is_some_and(|cause| OF_THE_CALLEE.contains(&cause))
    }
}

/// Q.850: the callee is busy, did not answer, refused; whatever the status is, he was reached.
const OF_THE_CALLEE: [u8; 4] = [17, 18, 19, 21];

/// RFC 3326: the phone's part in the call is done.
pub(super) const TRANSFERRED: &str = "SIP;cause=200;text=\"Call transferred\"";

/// RFC 3326: who was called sent the caller elsewhere.
pub(super) const DEFLECTED: &str = "SIP;cause=302;text=\"Call deflected\"";

/// Q.850 cause 16: the usual end.
pub(super) const NORMAL_CLEARING: &str = "Q.850;cause=16;text=\"Terminated\"";

/// RFC 3326: the phone then does not log a missed call.
pub(super) const COMPLETED_ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

/// Seconds after which a caller may try again, for a refusal by the engine's own limits.
pub(super) const RETRY_AFTER_S: std::ops::RangeInclusive<u32> = 1..=10;

/// The mode of a final response. `rang`: whether the station was alerted before; `retry_after`: whether it said when to
/// try again.
pub(super) const fn of_status(status: u16, rang: bool, retry_after: bool) -> DisconnectMode {
    match status {
        301 | 410 => DisconnectMode::NumberChanged,
        300..=399 => DisconnectMode::Forwarded,
        400 | 422 | 481 | 491 => DisconnectMode::TempFailure,
        401 | 402 | 407 => DisconnectMode::Reject,
        403 | 433 | 608 => DisconnectMode::Blocked,
        404 | 414 | 416 | 484 | 485 | 604 => DisconnectMode::BadAddress,
        405 | 406 | 413 | 415 | 420 | 421 | 488 | 501 | 505 | 513 | 606 => DisconnectMode::Incompatible,
        408 | 480 if rang => DisconnectMode::NoAnswer,
        408 | 430 | 480 | 482 | 483 | 502 | 504 => DisconnectMode::Unreachable,
        486 | 600 => DisconnectMode::Busy,
        487 => DisconnectMode::Cancelled,
        503 if retry_after => DisconnectMode::Congestion,
        580 => DisconnectMode::QosUnavail,
        400..=499 => DisconnectMode::Unavail,
        500..=599 => DisconnectMode::TempFailure,
        600..=699 => DisconnectMode::Reject,
        _ => DisconnectMode::Unknown,
    }
}

/// The mode of a Q.850 cause.
pub(super) const fn of_q850(cause: u8) -> DisconnectMode {
    match cause {
        1 | 28 => DisconnectMode::BadAddress,
        2 | 3 | 20 | 25 | 38 | 102 => DisconnectMode::Unreachable,
        16 | 31 => DisconnectMode::Normal,
        17 => DisconnectMode::Busy,
        18 | 19 => DisconnectMode::NoAnswer,
        21 => DisconnectMode::Reject,
        22 => DisconnectMode::NumberChanged,
        23 => DisconnectMode::Forwarded,
        26 => DisconnectMode::Pickup,
        27 => DisconnectMode::OutOfOrder,
        29 | 63 | 65 | 66 | 69 | 70 | 79 | 88 => DisconnectMode::Incompatible,
        34 | 42 | 44 | 47 => DisconnectMode::Congestion,
        41 | 43 => DisconnectMode::TempFailure,
        49 | 58 => DisconnectMode::QosUnavail,
        50 | 55 | 57 | 87 => DisconnectMode::Blocked,
        _ => DisconnectMode::Unavail,
    }
}

/// What a caller is told when the called side answered with this final status.
///
/// A challenge is never passed on: it is between the engine and its trunk. 503 would take the whole engine out of the
/// caller's use, so it becomes 500 (RFC 3261 §16.7). A redirection that was not followed is "not there".
pub(super) const fn relayed_status(status: u16) -> u16 {
    match status {
        300..=399 | 430 | 481 | 487 | 491 => 480,
        401 | 407 => 403,
        // These speak of what our own request listed, and come with a header that would not be true of the caller's.
        405 | 420 | 421 | 422 | 423 => 488,
        503 => 500,
        400..=699 => status,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(cause: Cause) -> Failure {
        Failure::of(cause, false)
    }

    #[test]
    fn a_way_that_leads_nowhere_is_not_a_phone_that_refuses() {
        let of = |kind, status, rang| {
            Failure::of(Cause { status, kind, ..Cause::default() }, rang).is_of_the_flow()
        };
        assert!(of(CauseKind::Status, 430, false) && of(CauseKind::Status, 408, false));
        assert!(of(CauseKind::Unreachable, 408, false));
        assert!(!of(CauseKind::Status, 408, true), "it rang");
        assert!(!of(CauseKind::Status, 486, false) && !of(CauseKind::Lost, 503, false));
        assert!(!Failure::local(408).is_of_the_flow());
        assert_eq!(failure(Cause { status: 430, ..Cause::default() }).status_for_caller(), 480);
    }

    #[test]
    fn a_cause_of_the_network_wins_over_the_status() {
        let cause = Cause { status: 404, q850: Some(22), sip: None, kind: CauseKind::Status };
        assert_eq!(failure(cause).mode(), DisconnectMode::NumberChanged);
    }

    #[test]
    fn no_answer_and_not_there_differ_by_whether_it_rang() {
        assert_eq!(of_status(480, true, false), DisconnectMode::NoAnswer);
        assert_eq!(of_status(480, false, false), DisconnectMode::Unreachable);
    }

    #[test]
    fn a_circuit_cause_makes_503_a_busy_trunk() {
        let cause = Cause { status: 503, q850: Some(34), sip: None, kind: CauseKind::Status };
        assert_eq!(failure(cause).report(), CallReport::Busy(BusyMode::Trunk));
    }

    #[test]
    fn another_place_is_tried_where_this_one_failed_and_not_where_the_callee_was_reached() {
        let said = |status, q850| Cause { status, q850, sip: None, kind: CauseKind::Status };
        let is_of_the_place = |cause| failure(cause).is_of_the_place(&[503]);
        assert!(is_of_the_place(said(503, None)) && is_of_the_place(said(503, Some(34))));
        assert!(!is_of_the_place(said(500, None)), "it is not listed");
        for reached in OF_THE_CALLEE {
            assert!(!is_of_the_place(said(503, Some(reached))), "{reached}");
        }
        let silent = |kind| Cause { status: 408, kind, ..Cause::default() };
        assert!(is_of_the_place(silent(CauseKind::Unreachable)) && !is_of_the_place(silent(CauseKind::Bye)));
        assert!(!Failure::local(503).is_of_the_place(&[503]), "that was the engine itself");
    }

    #[test]
    fn a_challenge_or_an_overload_is_not_relayed() {
        for status in 300..700 {
            assert!(!matches!(relayed_status(status), 300..=399 | 401 | 407 | 503), "{status}");
        }
    }

    #[test]
    fn a_cancel_because_of_an_answer_elsewhere_is_a_pickup() {
        let cause = Cause { status: 0, q850: None, sip: Some(200), kind: CauseKind::Cancel };
        assert_eq!(failure(cause).mode(), DisconnectMode::Pickup);
    }
}
