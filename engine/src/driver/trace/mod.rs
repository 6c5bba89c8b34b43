//! What went over the wire and what calls did lately, so that a call can be looked at after the fact.
//!
//! ```text
//!  worker ── message in, out; leg = Call-ID ──▶ its ring ─┐
//!  worker …                                   ──▶ its ring ├─▶ Reading ─▶ API, ctl, captures, HEP
//!  switch ── state, leg, media of a call       ──▶ its ring ├
//!  API    ── operation and how it ended       ──▶ its ring ┤
//!  relays ── report (RTCP), for HEP             ──▶ a ring  ┤
//!  relays ── packet of a call that is captured ──▶ a ring  ─┘
//! ```
//!
//! To take something down costs a reference to bytes that are there already and a lock that nobody else wants; whoever reads does the
//! work: which message belongs to which call is found then, by Call-ID.

mod reading;
mod ring;
mod tail;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_sip::LegId;
use trunkline_sip::transport::Flow;

use self::ring::Ring;
use super::clock;
use crate::switch::ids::CallId;
use crate::switch::quality::EndedMedia;
use crate::switch::{MediaNote, StateNote};

pub(crate) use self::reading::{Entry, Scope, Shown, Tracing};
pub(crate) use self::tail::Tail;

/// One thing that happened.
#[derive(Clone, Debug)]
pub(crate) enum Happened {
    /// A message came.
    Received(Flow, Bytes),
    /// A message was sent.
    Sent(Flow, Bytes),
    /// The leg has this Call-ID.
    Leg(LegId, Box<str>),
    /// A call is in another state.
    State(StateNote),
    /// The media of a call changed.
    MediaChange(Box<MediaNote>),
    /// The leg serves this call.
    LegOf(LegId, CallId),
    /// The media of a call is over.
    Ended(Box<EndedMedia>),
    /// A packet of media came.
    Media(Box<MediaPacket>),
    /// The far end of a leg reported by RTCP.
    Report(Box<Report>),
    /// An application asked for something by HTTP; the code of the refusal, where it was refused.
    Operation {
        app: Arc<str>,
        operation: Box<str>,
        call: Option<CallId>,
        line: Option<Arc<str>>,
        code: Option<Box<str>>,
    },
}

/// A packet of media that was captured for a call, in clear.
#[derive(Clone, Debug)]
pub(crate) struct MediaPacket {
    pub(crate) call: CallId,
    pub(crate) leg: LegId,
    pub(crate) from: SocketAddr,
    /// The port that it came to.
    pub(crate) port: u16,
    pub(crate) is_opened: bool,
    pub(crate) is_masked: bool,
    pub(crate) packet: Bytes,
}

/// What a far end reported, in clear.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) leg: LegId,
    pub(crate) from: SocketAddr,
    /// The port that it came to.
    pub(crate) port: u16,
    pub(crate) compound: Bytes,
}

impl Happened {
    /// About how many bytes it holds.
    fn size(&self) -> usize {
        let held = match self {
            Self::Received(_, bytes) | Self::Sent(_, bytes) => bytes.len(),
            Self::Leg(_, call_id) => call_id.len(),
            Self::Operation { app, operation, line, code, .. } => {
                let lengths =
                    [line.as_ref().map_or(0, |line| line.len()), code.as_ref().map_or(0, |code| code.len())];
                app.len() + operation.len() + lengths.iter().sum::<usize>()
            }
            Self::Ended(_) => size_of::<EndedMedia>(),
            Self::Media(media) => size_of::<MediaPacket>() + media.packet.len(),
            Self::Report(report) => size_of::<Report>() + report.compound.len(),
            Self::MediaChange(_) => size_of::<MediaNote>(),
            Self::State(_) | Self::LegOf(..) => 0,
        };
        size_of::<Noted>() + held
    }
}

/// When it happened, and what.
#[derive(Clone, Debug)]
pub(crate) struct Noted {
    pub(crate) at: Instant,
    pub(crate) what: Happened,
}

/// What is kept of reports until HEP has told of them: what four thousand calls report while it looks ten times.
pub(crate) const REPORT_BYTES_MAX: u32 = 1 << 20;

/// The rings of all workers, that of the switch, that of the API, that of reports, and that of media.
#[derive(Debug)]
pub(crate) struct Trace {
    rings: Box<[Mutex<Ring>]>,
    /// One moment on both clocks.
    anchor: (Instant, Duration),
}

impl Trace {
    /// For so many workers, of so many bytes in all; 0: nothing is taken down. Reports and packets of media have rings beside them.
    pub(crate) fn new(
        workers: u16,
        bytes_max: u32,
        (report_bytes_max, media_bytes_max): (u32, u32),
    ) -> Arc<Self> {
        // What says whose a message is is to last as long as the messages: a quarter, of which the API has a quarter.
        let (all, count) = (bytes_max as usize, usize::from(workers).max(1));
        let others = [all / 16 * 3, all / 16, report_bytes_max as usize, media_bytes_max as usize];
        let shares = (0..count).map(|_| all / 4 * 3 / count).chain(others);
        let rings = shares.map(|share| Mutex::new(Ring::new(share))).collect();
        Arc::new(Self { rings, anchor: (clock::now(), clock::unix_now()) })
    }

    /// Where a worker writes.
    pub(crate) fn of_worker(self: &Arc<Self>, worker: u16) -> Writer {
        self.writer(usize::from(worker))
    }

    /// Where the switch writes.
    pub(crate) fn of_switch(self: &Arc<Self>) -> Writer {
        self.writer(self.rings.len() - 4)
    }

    /// Where the API writes.
    pub(crate) fn of_api(self: &Arc<Self>) -> Writer {
        self.writer(self.rings.len() - 3)
    }

    /// Where what far ends report is written.
    pub(crate) fn of_reports(self: &Arc<Self>) -> Writer {
        self.writer(self.rings.len() - 2)
    }

    /// Where what is captured of media is written.
    pub(crate) fn of_media(self: &Arc<Self>) -> Writer {
        self.writer(self.rings.len() - 1)
    }

    fn writer(self: &Arc<Self>, ring: usize) -> Writer {
        Writer { is_on: self.ring(ring).is_on(), trace: Arc::clone(self), ring }
    }

    fn ring(&self, index: usize) -> MutexGuard<'_, Ring> {
        self.rings[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A moment since the Unix epoch.
    fn unix(&self, at: Instant) -> Duration {
        let (instant, unix) = self.anchor;
        match at.checked_duration_since(instant) {
            Some(later) => unix + later,
            None => unix.saturating_sub(instant.duration_since(at)),
        }
    }
}

/// One who writes.
#[derive(Debug)]
pub(crate) struct Writer {
    is_on: bool,
    trace: Arc<Trace>,
    ring: usize,
}

impl Writer {
    /// Whether anything is taken down.
    pub(crate) const fn is_on(&self) -> bool {
        self.is_on
    }

    /// Takes it down, if anything is.
    pub(crate) fn note(&self, what: impl FnOnce() -> Happened) {
        self.note_at(clock::now, what);
    }

    /// The same of what happened before.
    pub(crate) fn note_at(&self, at: impl FnOnce() -> Instant, what: impl FnOnce() -> Happened) {
        if self.is_on {
            let noted = Noted { at: at(), what: what() };
            let size = noted.what.size();
            self.trace.ring(self.ring).push(noted, size);
        }
    }
}
