//! Forks of calls' audio, each to a WebSocket of its own, for whoever listens at once: speech applications.
//!
//! ```text
//!  start-fork ─▶ Begin ─▶ driver: connects ─▶ Began ─▶ LINE_REPLY, `fork` event; the tap is open
//!  what the call's station says and hears ─▶ Command::Record(leg) ─▶ relay ─▶ driver     (the switch sees none of it)
//!  stop-fork, the call is over ─▶ End ─▶ driver ─▶ Ended ─▶ `fork` event
//! ```
//!
//! TAPI has no such functions. A fork belongs to a call and follows its station as a [recording](super::recording) does, and hears
//! what that would take down. Where calls of a line are never recorded they are not forked either.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use trunkline_media::{ForkId, TapId};

use super::Switch;
use super::call::Call;
use super::error::LineError;
use super::fork_url::{Authorization, ForkUrl};
use super::ids::{AppId, CallId};
use super::message::Message;
use super::operation::{CallOperation, Outcome};
use super::outbox::Outbox;
use super::request::Asker;
use super::view::PartyView;

/// Forking as the engine is set up for it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ForkSetup {
    /// Where audio may go; none: nowhere.
    pub allow: Vec<ForkUrl>,
    /// Forks at once.
    pub forks_max: usize,
    /// Forks of one call at once.
    pub per_call_max: usize,
}

/// A fork that is to begin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForkBegin {
    /// The fork.
    pub fork: ForkId,
    /// Its call.
    pub call: CallId,
    /// The line of that call.
    pub line: Arc<str>,
    /// The number of who calls; empty where it is not known, or hidden.
    pub caller: String,
    /// The number that is called.
    pub called: String,
    /// Where to.
    pub url: ForkUrl,
    /// What the application proves itself with.
    pub authorization: Option<Authorization>,
    /// Whether it has 16,000 samples a second, else 8,000.
    pub is_wide: bool,
}

/// What is to be done with connections.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ForkCommand {
    /// A fork begins; answered by [`ForkEvent::Began`] or [`ForkEvent::Ended`].
    Begin(Box<ForkBegin>),
    /// It is over; answered by [`ForkEvent::Ended`].
    End(ForkId, ForkEnd),
}

impl ForkCommand {
    /// The fork.
    pub fn fork(&self) -> ForkId {
        match self {
            Self::Begin(begin) => begin.fork,
            Self::End(fork, _) => *fork,
        }
    }
}

/// What is told of connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ForkEvent {
    /// The server listens.
    Began(ForkId),
    /// The connection is gone, or was not made. Said once, and last.
    Ended {
        /// The fork.
        fork: ForkId,
        /// Why.
        end: ForkEnd,
        /// Pieces of 20 ms that found no room on their way to the server.
        pieces_lost: u64,
    },
}

/// Why a fork is over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ForkEnd {
    /// It was stopped.
    Stopped,
    /// Its call ended.
    CallOver,
    /// The engine stops.
    Shutdown,
    /// The server closed the connection, with this code (RFC 6455 §7.4) if it named one.
    Closed(Option<u16>),
    /// The name of the server is not known.
    NoSuchHost,
    /// Nobody is there, or the network does not lead there.
    Unreachable,
    /// The connection was not made in time.
    Timeout,
    /// The TLS handshake failed: most often the certificate.
    Tls,
    /// The server answered with this status instead of 101; redirections are not followed.
    Refused(u16),
    /// The server does not speak the protocol, or says too much.
    Protocol,
    /// The connection broke.
    Lost,
    /// The server did not read.
    Stalled,
}

impl ForkEnd {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::CallOver => "callover",
            Self::Shutdown => "shutdown",
            Self::Closed(_) => "closed",
            Self::NoSuchHost => "nosuchhost",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Refused(_) => "refused",
            Self::Protocol => "protocol",
            Self::Lost => "lost",
            Self::Stalled => "stalled",
        }
    }

    /// Whether somebody wanted it so.
    pub const fn is_wanted(self) -> bool {
        matches!(self, Self::Stopped | Self::CallOver | Self::Shutdown | Self::Closed(_))
    }

    /// What the server answered, or closed with.
    pub const fn status(self) -> Option<u16> {
        match self {
            Self::Refused(status) => Some(status),
            Self::Closed(code) => code,
            Self::Stopped
            | Self::CallOver
            | Self::Shutdown
            | Self::NoSuchHost
            | Self::Unreachable
            | Self::Timeout
            | Self::Tls
            | Self::Protocol
            | Self::Lost
            | Self::Stalled => None,
        }
    }
}

/// A fork as an application reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForkView {
    /// Its number.
    pub fork: ForkId,
    /// Whether the server listens; else the connection is being made.
    pub is_up: bool,
    /// Where to, without the query.
    pub url: String,
    /// When it was asked for.
    pub since: Instant,
}

/// One fork.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Fork {
    call: CallId,
    line: Arc<str>,
    url: String,
    since: Instant,
    is_wide: bool,
    is_up: bool,
    is_ending: bool,
    /// Who waits for its beginning.
    asker: Option<Asker>,
    /// Who hears of it: who holds, or held last, a handle of the call.
    apps: Vec<AppId>,
}

/// All forks.
#[derive(Default, Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Forks {
    last: u64,
    all: BTreeMap<ForkId, Fork>,
    of_call: BTreeMap<CallId, Vec<ForkId>>,
}

impl Forks {
    /// How many there are, those included whose connection is not made yet, or not gone.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    fn of(&self, call: CallId) -> impl Iterator<Item = (ForkId, &Fork)> {
        let ids = self.of_call.get(&call).into_iter().flatten();
        ids.filter_map(|id| Some((*id, self.all.get(id)?)))
    }

    /// Those of a call that nobody has ended.
    fn going_on(&self, call: CallId) -> Vec<ForkId> {
        self.of(call).filter(|(_, fork)| !fork.is_ending).map(|(id, _)| id).collect()
    }

    fn remove(&mut self, id: ForkId) -> Option<Fork> {
        let fork = self.all.remove(&id)?;
        if let Some(ids) = self.of_call.get_mut(&fork.call) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.of_call.remove(&fork.call);
            }
        }
        Some(fork)
    }
}

impl Switch {
    /// Whether an application may do this with forks of a call.
    pub(super) fn can_fork(&self, call: &Call, operation: CallOperation) -> Result<(), LineError> {
        let setup = &self.setup.fork;
        if operation == CallOperation::StopFork {
            let is_there = !self.forks.going_on(call.id).is_empty();
            return if is_there { Ok(()) } else { Err(LineError::OperationUnavail) };
        }
        if setup.allow.is_empty() || !self.may_be_tapped(call) {
            return Err(LineError::OperationUnavail);
        }
        // One that is over has its server still to tell so: it holds up no other, and no more than as many again.
        let going_on = self.forks.all.values().filter(|fork| !fork.is_ending).count();
        let of_call = self.forks.of(call.id).count();
        let is_full = going_on >= setup.forks_max || self.forks.len() >= 2 * setup.forks_max;
        let is_full_of_call = self.forks.going_on(call.id).len() >= setup.per_call_max;
        let is_full_of_call = is_full_of_call || of_call >= 2 * setup.per_call_max;
        if is_full || is_full_of_call || self.has_taps_enough(call, true) {
            return Err(LineError::ResourceUnavail);
        }
        Ok(())
    }

    /// `start-fork`: replied when the server listens.
    ///
    /// # Errors
    /// [`LineError::AddressBlocked`] for a URL that is not allowed.
    pub(super) fn start_fork(
        &mut self,
        asker: Asker,
        id: CallId,
        url: ForkUrl,
        authorization: Option<Authorization>,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        if !self.setup.fork.allow.iter().any(|entry| entry.allows(&url)) {
            return Err(LineError::AddressBlocked);
        }
        let call = self.calls.get(&id).ok_or(LineError::InvalCallHandle)?;
        let shown = |party: PartyView| if party.is_blocked { String::new() } else { party.number };
        let (caller, called) = (shown(call.caller_as_seen()), shown(call.called.clone()));
        let (line, is_wide) = (Arc::clone(&call.line), self.is_wide_call(call));
        self.forks.last += 1;
        let fork = ForkId(self.forks.last);
        let entry = Fork {
            call: id,
            line: Arc::clone(&line),
            url: url.to_string(),
            since: self.now,
            is_wide,
            is_up: false,
            is_ending: false,
            asker: Some(asker),
            apps: self.holders(id).unwrap_or_default(),
        };
        self.forks.all.insert(fork, entry);
        self.forks.of_call.entry(id).or_default().push(fork);
        let begin = ForkBegin { fork, call: id, line, caller, called, url, authorization, is_wide };
        out.forks.push(ForkCommand::Begin(Box::new(begin)));
        Ok(())
    }

    /// `stop-fork`: one, or all of the call.
    ///
    /// # Errors
    /// [`LineError::InvalParam`] if the call has no such fork.
    pub(super) fn stop_fork(
        &mut self,
        asker: Asker,
        call: CallId,
        fork: Option<ForkId>,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let mut ending = self.forks.going_on(call);
        if let Some(fork) = fork {
            ending.retain(|other| *other == fork);
        }
        if ending.is_empty() {
            return Err(LineError::InvalParam);
        }
        asker.done(out);
        for fork in ending {
            self.end_fork(fork, ForkEnd::Stopped, out);
        }
        Ok(())
    }

    /// The forks of a call, as an application reads them.
    pub(super) fn fork_views(&self, call: CallId) -> Vec<ForkView> {
        let views = self.forks.of(call).filter(|(_, fork)| !fork.is_ending).map(|(id, fork)| ForkView {
            fork: id,
            is_up: fork.is_up,
            url: fork.url.clone(),
            since: fork.since,
        });
        views.collect()
    }

    /// Takes what is told of connections.
    pub fn forked(&mut self, now: Instant, event: ForkEvent, out: &mut Outbox) {
        self.now = now;
        match event {
            ForkEvent::Began(fork) => self.fork_began(fork, out),
            ForkEvent::Ended { fork, end, pieces_lost } => self.fork_ended(fork, end, pieces_lost, out),
        }
        self.settle(now, out);
    }

    fn fork_began(&mut self, id: ForkId, out: &mut Outbox) {
        let Some(fork) = self.forks.all.get_mut(&id) else { return };
        // It was stopped meanwhile, which the driver is told already.
        if fork.is_ending {
            return;
        }
        fork.is_up = true;
        let (call, is_wide) = (fork.call, fork.is_wide);
        if let Some(asker) = fork.asker.take() {
            asker.reply(Ok(Outcome::Fork(id)), out);
        }
        self.open_tap(TapId::Fork(id), call, is_wide, false, out);
        self.tell_of_fork(id, "started", None, 0, out);
    }

    fn fork_ended(&mut self, id: ForkId, end: ForkEnd, pieces_lost: u64, out: &mut Outbox) {
        let change = if end.is_wanted() { "stopped" } else { "failed" };
        self.tell_of_fork(id, change, Some(end), pieces_lost, out);
        let Some(fork) = self.forks.remove(id) else { return };
        if let Some(asker) = fork.asker {
            let (on, failed) = (CallOperation::StartFork, LineError::OperationFailed.into());
            asker.reply(Err(self.told_of_call(asker.app, on, fork.call, failed)), out);
        }
        self.close_tap(TapId::Fork(id), out);
        self.dirty.insert(fork.call);
    }

    /// Forks end with their call.
    pub(super) fn settle_forks(&mut self, id: CallId, out: &mut Outbox) {
        if self.forks.all.is_empty() {
            return;
        }
        let end = match self.calls.get(&id).filter(|call| call.is_alive()) {
            None => ForkEnd::CallOver,
            Some(call) if self.is_never_recorded(call) => ForkEnd::Stopped,
            Some(_) => return,
        };
        for fork in self.forks.going_on(id) {
            self.end_fork(fork, end, out);
        }
    }

    fn end_fork(&mut self, id: ForkId, end: ForkEnd, out: &mut Outbox) {
        self.note_fork_holders(id);
        let Some(fork) = self.forks.all.get_mut(&id) else { return };
        fork.is_ending = true;
        self.close_tap(TapId::Fork(id), out);
        out.forks.push(ForkCommand::End(id, end));
    }

    /// Notes who holds handles of the call, for what is told once they are gone.
    fn note_fork_holders(&mut self, id: ForkId) {
        let holders = self.forks.all.get(&id).and_then(|fork| self.holders(fork.call));
        if let (Some(holders), Some(fork)) = (holders, self.forks.all.get_mut(&id)) {
            fork.apps = holders;
        }
    }

    fn tell_of_fork(
        &mut self,
        id: ForkId,
        change: &'static str,
        end: Option<ForkEnd>,
        pieces_lost: u64,
        out: &mut Outbox,
    ) {
        self.note_fork_holders(id);
        let Some(Fork { call, line, apps, .. }) = self.forks.all.get(&id) else { return };
        for app in apps {
            let (call, line) = (*call, Arc::clone(line));
            let message = Message::Fork { call, line, fork: id, change, end, pieces_lost };
            out.messages.push((*app, message));
        }
    }
}
