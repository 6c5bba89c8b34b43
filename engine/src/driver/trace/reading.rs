//! Reading what was taken down: what belongs to a call, or to a line, as it comes.
//!
//! A message belongs to a call by its Call-ID; that is known once its leg is, a moment later. So what belongs to nothing yet is looked at
//! again for [`MOMENT`].

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use trunkline_sip::LegId;
use trunkline_sip::agent::Agent;
use trunkline_sip::transport::Transport;

use super::{Happened, MediaPacket, Noted, Tail, Trace};
use crate::driver::clock;
use crate::switch::ids::CallId;
use crate::switch::{CallState, Hearing, MediaChange, MediaNote, StateNote};

/// How long a message may come before what says whose it is.
const MOMENT: Duration = Duration::from_secs(2);

/// Calls that one who reads on knows of; then he forgets them, and knows those that move next.
const KNOWN_MAX: usize = 50_000;

/// What somebody wants to see.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Scope {
    /// One call, and the call at its other end.
    Call(CallId),
    /// All calls of a line, and those at their other ends.
    Line(Arc<str>),
    /// Everything, registrations included.
    All,
}

/// One thing that happened, for people.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Since the Unix epoch.
    pub(crate) at: Duration,
    pub(crate) what: Shown,
}

/// What is shown of it.
#[derive(Clone, Debug)]
pub(crate) enum Shown {
    Message {
        from: std::net::SocketAddr,
        to: std::net::SocketAddr,
        transport: Transport,
        is_sent: bool,
        bytes: bytes::Bytes,
    },
    State {
        call: CallId,
        line: Arc<str>,
        state: CallState,
    },
    MediaChange {
        call: CallId,
        line: Arc<str>,
        change: MediaChange,
        /// Whether a call that is heard is one that the reader may not see.
        is_hidden: bool,
    },
    /// A packet of media, to our side of its leg.
    Media {
        to: std::net::SocketAddr,
        media: MediaPacket,
    },
    Operation {
        app: Arc<str>,
        operation: Box<str>,
        call: Option<CallId>,
        line: Option<Arc<str>>,
        code: Option<Box<str>>,
    },
}

/// One who reads on.
#[derive(Debug)]
pub(crate) struct Tracing {
    tail: Tail,
    scope: Scope,
    /// The lines that the reader may see; `None`: all.
    opened: Option<HashSet<Arc<str>>>,
    /// Calls of these lines.
    visible: HashSet<CallId>,
    /// Calls in scope.
    own: HashSet<CallId>,
    /// Calls at their other ends.
    peers: HashSet<CallId>,
    legs: HashSet<LegId>,
    call_ids: HashMap<Box<[u8]>, LegId>,
    /// Our side of each leg's signalling.
    locals: HashMap<LegId, IpAddr>,
    /// What belongs to nothing yet.
    waiting: Vec<Noted>,
    /// Whether a call in scope was found.
    is_found: bool,
}

impl Trace {
    /// Reads from the oldest thing that is kept, of these lines; `None`: of all.
    pub(crate) fn read(self: &Arc<Self>, scope: Scope, opened: Option<HashSet<Arc<str>>>) -> Tracing {
        Tracing::new(self.from_oldest(false), scope, opened)
    }

    /// The same with what was captured of media, for somebody who may hear it.
    pub(crate) fn read_with_media(
        self: &Arc<Self>,
        scope: Scope,
        opened: Option<HashSet<Arc<str>>>,
    ) -> Tracing {
        Tracing::new(self.from_oldest(true), scope, opened)
    }

    /// Reads what is to come.
    pub(crate) fn follow(self: &Arc<Self>, scope: Scope, opened: Option<HashSet<Arc<str>>>) -> Tracing {
        Tracing::new(self.tail(), scope, opened)
    }
}

impl Tracing {
    fn new(tail: Tail, scope: Scope, opened: Option<HashSet<Arc<str>>>) -> Self {
        let own = if let Scope::Call(call) = &scope { HashSet::from([*call]) } else { HashSet::new() };
        Self {
            tail,
            scope,
            opened,
            visible: HashSet::new(),
            own,
            peers: HashSet::new(),
            legs: HashSet::new(),
            call_ids: HashMap::new(),
            locals: HashMap::new(),
            waiting: Vec::new(),
            is_found: false,
        }
    }

    /// Whether anything of a call in scope was found.
    pub(crate) const fn has_found(&self) -> bool {
        self.is_found
    }

    /// What has happened since the last look, in order.
    pub(crate) fn look(&mut self) -> Vec<Entry> {
        let mut found = std::mem::take(&mut self.waiting);
        // What made room before it was read is gone for who looks, too.
        let _lost = self.tail.read(&mut found);
        found.sort_by_key(|noted| noted.at);
        if self.own.len() + self.peers.len() > KNOWN_MAX {
            self.own.clear();
            self.peers.clear();
            self.visible.clear();
            self.legs.clear();
            self.call_ids.clear();
            self.locals.clear();
        }
        // Twice: a leg is named before it is known whose it is, or after.
        for _ in 0..2 {
            found.iter().for_each(|noted| self.learn(noted));
        }
        let now = clock::now();
        let mut shown = Vec::new();
        for noted in found {
            match self.shown(&noted) {
                Some(entry) => shown.push(entry),
                None if now.saturating_duration_since(noted.at) < MOMENT => self.waiting.push(noted),
                None => {}
            }
        }
        shown
    }

    /// Whose a call, a leg, a Call-ID is.
    fn learn(&mut self, noted: &Noted) {
        if self.scope == Scope::All {
            return;
        }
        match &noted.what {
            Happened::State(StateNote { call, line, leg, peer, .. }) => {
                if self.opened.as_ref().is_some_and(|opened| !opened.contains(line)) {
                    return;
                }
                if matches!(&self.scope, Scope::Line(wanted) if wanted == line) {
                    self.own.insert(*call);
                }
                if self.own.contains(call) {
                    self.is_found = true;
                    self.peers.extend(*peer);
                }
                if self.own.contains(call) || self.peers.contains(call) {
                    self.visible.insert(*call);
                    self.legs.extend(*leg);
                }
            }
            Happened::LegOf(leg, call) if self.has(*call) => {
                self.legs.insert(*leg);
            }
            Happened::Leg(leg, call_id) if self.legs.contains(leg) => {
                self.call_ids.insert(call_id.as_bytes().into(), *leg);
            }
            Happened::LegOf(..)
            | Happened::Leg(..)
            | Happened::Received(..)
            | Happened::Sent(..)
            | Happened::Ended(_)
            | Happened::Media(_)
            | Happened::Report(_)
            | Happened::MediaChange(_)
            | Happened::Operation { .. } => {}
        }
    }

    fn has(&self, call: CallId) -> bool {
        self.visible.contains(&call) && (self.own.contains(&call) || self.peers.contains(&call))
    }

    fn shown(&mut self, noted: &Noted) -> Option<Entry> {
        let is_all = self.scope == Scope::All;
        let what = match &noted.what {
            Happened::Received(flow, bytes) | Happened::Sent(flow, bytes) => {
                match self.call_ids.get(Agent::call_id_in(bytes)) {
                    Some(leg) => {
                        self.locals.insert(*leg, flow.local.ip());
                    }
                    None if is_all => {}
                    None => return None,
                }
                let is_sent = matches!(noted.what, Happened::Sent(..));
                let (from, to) = if is_sent { (flow.local, flow.remote) } else { (flow.remote, flow.local) };
                Shown::Message { from, to, transport: flow.transport, is_sent, bytes: bytes.clone() }
            }
            Happened::State(StateNote { call, line, state, .. }) if is_all || self.has(*call) => {
                Shown::State { call: *call, line: Arc::clone(line), state: *state }
            }
            Happened::MediaChange(note) if is_all || self.has(note.call) => {
                let MediaNote { call, line, change } = (**note).clone();
                let is_hidden = matches!(change, MediaChange::Hears(Hearing::Call(heard)) if !is_all && !self.visible.contains(&heard));
                Shown::MediaChange { call, line, change, is_hidden }
            }
            Happened::Operation { app, operation, call, line, code } => {
                let is_on_line =
                    matches!((&self.scope, line), (Scope::Line(wanted), Some(line)) if wanted == line);
                if !is_all && !is_on_line && !call.is_some_and(|call| self.has(call)) {
                    return None;
                }
                Shown::Operation {
                    app: Arc::clone(app),
                    operation: operation.clone(),
                    call: *call,
                    line: line.clone(),
                    code: code.clone(),
                }
            }
            Happened::Media(media) if self.has(media.call) => {
                let local = self.locals.get(&media.leg).copied();
                let local = local.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
                Shown::Media { to: (local, media.port).into(), media: (**media).clone() }
            }
            Happened::State(_)
            | Happened::Leg(..)
            | Happened::LegOf(..)
            | Happened::Ended(_)
            | Happened::Media(_)
            | Happened::Report(_)
            | Happened::MediaChange(_) => return None,
        };
        Some(Entry { at: self.tail.unix(noted.at), what })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use trunkline_sip::ids::ConnectionId;
    use trunkline_sip::transport::Flow;

    use super::*;

    fn flow() -> Flow {
        let address = |text: &str| text.parse().expect("an address");
        let (local, remote) = (address("10.0.0.1:5060"), address("10.0.0.5:5060"));
        Flow { transport: Transport::Udp, local, remote, connection: ConnectionId::default() }
    }

    fn message(method: &str, call_id: &str) -> Bytes {
        format!("{method} sip:1 SIP/2.0\r\nVia: x\r\ni: {call_id}\r\n\r\n").into()
    }

    fn state(call: u64, line: &str, state: CallState, leg: Option<u64>, peer: Option<u64>) -> Happened {
        let (call, peer) = (CallId(call), peer.map(CallId));
        Happened::State(StateNote {
            call,
            line: line.into(),
            state,
            leg: leg.map(|leg| LegId::new(0, leg)),
            peer,
        })
    }

    fn words(entries: Vec<Entry>) -> Vec<String> {
        let word = |entry: Entry| match entry.what {
            Shown::Message { from, bytes, .. } => {
                format!(
                    "{} {}",
                    from.ip(),
                    String::from_utf8_lossy(&bytes).split(' ').next().unwrap_or_default()
                )
            }
            Shown::State { line, state, .. } => format!("{line} {}", state.name()),
            Shown::MediaChange { line, change, is_hidden, .. } => format!("{line} {change:?} {is_hidden}"),
            Shown::Media { to, .. } => format!("media to {to}"),
            Shown::Operation { operation, .. } => operation.into(),
        };
        entries.into_iter().map(word).collect()
    }

    /// 1001 (call 1) calls 1002 (call 2), whose phone is invited; 1003 calls somebody else meanwhile.
    fn happens(trace: &Arc<Trace>) {
        let (worker, other, switch) = (trace.of_worker(0), trace.of_worker(1), trace.of_switch());
        worker.note(|| Happened::Received(flow(), message("INVITE", "a")));
        worker.note(|| Happened::Leg(LegId::new(0, 1), "a".into()));
        switch.note(|| state(1, "1001", CallState::Dialing, Some(1), None));
        switch.note(|| state(1, "1001", CallState::Proceeding, Some(1), Some(2)));
        switch.note(|| Happened::LegOf(LegId::new(1, 2), CallId(2)));
        switch.note(|| state(2, "1002", CallState::Accepted, None, Some(1)));
        other.note(|| Happened::Sent(flow(), message("INVITE", "b")));
        other.note(|| Happened::Leg(LegId::new(1, 2), "b".into()));
        worker.note(|| Happened::Received(flow(), message("INVITE", "c")));
        worker.note(|| Happened::Leg(LegId::new(0, 3), "c".into()));
        switch.note(|| state(3, "1003", CallState::Dialing, Some(3), None));
        let (app, operation, call) = ("crm".into(), "drop".into(), Some(CallId(1)));
        trace.of_api().note(|| Happened::Operation { app, operation, call, line: None, code: None });
        worker.note(|| Happened::Received(flow(), message("REGISTER", "d")));
    }

    #[test]
    fn a_call_has_the_messages_of_both_ends_and_nobody_elses() {
        let trace = Trace::new(2, 1 << 20, (0, 0));
        happens(&trace);
        let mut of_call = trace.read(Scope::Call(CallId(1)), None);
        let all = [
            "10.0.0.5 INVITE",
            "1001 dialing",
            "1001 proceeding",
            "1002 accepted",
            "10.0.0.1 INVITE",
            "drop",
        ];
        assert_eq!(words(of_call.look()), all);
        assert!(of_call.has_found());
        assert_eq!(
            words(trace.read(Scope::Line("1003".into()), None).look()),
            ["10.0.0.5 INVITE", "1003 dialing"]
        );
        assert_eq!(words(trace.read(Scope::All, None).look()).len(), 9, "registrations, too");
        let mut unknown = trace.read(Scope::Call(CallId(9)), None);
        assert_eq!((words(unknown.look()), unknown.has_found()), (vec![], false));
    }

    #[test]
    fn who_does_not_open_a_line_sees_nothing_of_it() {
        let trace = Trace::new(2, 1 << 20, (0, 0));
        happens(&trace);
        let of = |line: &str| Some(HashSet::from([Arc::from(line)]));
        let mut first = trace.read(Scope::Call(CallId(1)), of("1001"));
        assert_eq!(words(first.look()), ["10.0.0.5 INVITE", "1001 dialing", "1001 proceeding", "drop"]);
        let mut second = trace.read(Scope::Call(CallId(1)), of("1002"));
        assert_eq!((words(second.look()), second.has_found()), (vec![], false));
        let mut own = trace.read(Scope::Call(CallId(2)), of("1002"));
        assert_eq!(words(own.look()), ["1002 accepted", "10.0.0.1 INVITE"]);
    }

    #[test]
    fn what_becomes_of_media_is_told_to_who_sees_the_call_and_not_who_is_heard_on_a_line_of_others() {
        let trace = Trace::new(1, 1 << 20, (0, 0));
        let switch = trace.of_switch();
        let hears = |call: u64, line: &str, heard: u64| {
            let change = MediaChange::Hears(Hearing::Call(CallId(heard)));
            Happened::MediaChange(Box::new(MediaNote { call: CallId(call), line: line.into(), change }))
        };
        switch.note(|| state(1, "1001", CallState::Dialing, Some(1), Some(2)));
        switch.note(|| state(2, "1002", CallState::Accepted, Some(2), Some(1)));
        switch.note(|| hears(1, "1001", 2));
        switch.note(|| hears(2, "1002", 1));
        switch.note(|| hears(3, "1003", 4));
        let of = |lines: &[&str]| Some(lines.iter().map(|line| Arc::from(*line)).collect());
        let seen = |opened| words(trace.read(Scope::Call(CallId(1)), opened).look()).split_off(1);
        assert_eq!(seen(of(&["1001"])), ["1001 Hears(Call(CallId(2))) true"]);
        let both =
            ["1002 accepted", "1001 Hears(Call(CallId(2))) false", "1002 Hears(Call(CallId(1))) false"];
        assert_eq!(seen(of(&["1001", "1002"])), both);
        assert_eq!(words(trace.read(Scope::All, None).look()).len(), 5);
    }

    #[test]
    fn who_follows_a_line_sees_each_thing_once_though_it_is_known_later_whose_it_is() {
        let trace = Trace::new(1, 1 << 20, (0, 0));
        trace.of_switch().note(|| state(1, "1001", CallState::Dialing, Some(1), None));
        let mut live = trace.follow(Scope::Line("1001".into()), None);
        assert_eq!(words(live.look()), [""; 0], "that was before");
        let (worker, switch) = (trace.of_worker(0), trace.of_switch());
        worker.note(|| Happened::Received(flow(), message("INVITE", "a")));
        assert_eq!(words(live.look()), [""; 0]);
        worker.note(|| Happened::Leg(LegId::new(0, 1), "a".into()));
        switch.note(|| state(2, "1001", CallState::Dialing, Some(1), None));
        assert_eq!(words(live.look()), ["10.0.0.5 INVITE", "1001 dialing"]);
        worker.note(|| Happened::Sent(flow(), message("BYE", "a")));
        assert_eq!(words(live.look()), ["10.0.0.1 BYE"]);
        assert_eq!(words(live.look()), [""; 0]);
    }

    #[test]
    fn media_are_read_by_who_asks_for_them_and_opens_the_line() {
        let trace = Trace::new(2, 1 << 20, (0, 1 << 20));
        happens(&trace);
        let packet = |call: u64, leg: u64| MediaPacket {
            call: CallId(call),
            leg: LegId::new(0, leg),
            from: "10.0.0.5:4000".parse().expect("an address"),
            port: 20_000,
            is_opened: true,
            is_masked: false,
            packet: Bytes::from_static(b"rtp"),
        };
        let media = trace.of_media();
        media.note(|| Happened::Media(Box::new(packet(1, 1))));
        media.note(|| Happened::Media(Box::new(packet(3, 3))));
        let count = |mut tracing: Tracing| {
            words(tracing.look()).iter().filter(|word| *word == "media to 10.0.0.1:20000").count()
        };
        assert_eq!(count(trace.read_with_media(Scope::Call(CallId(1)), None)), 1);
        assert_eq!(count(trace.read(Scope::Call(CallId(1)), None)), 0);
        let other = Some(HashSet::from([Arc::from("1002")]));
        assert_eq!(count(trace.read_with_media(Scope::Call(CallId(1)), other)), 0);
    }

    #[test]
    fn nothing_is_kept_where_nothing_is_to_be() {
        let trace = Trace::new(1, 0, (0, 0));
        happens(&Trace::new(2, 0, (0, 0)));
        trace.of_worker(0).note(|| unreachable!("nobody asks what it was"));
        assert_eq!(words(trace.read(Scope::All, None).look()), [""; 0]);
    }
}
