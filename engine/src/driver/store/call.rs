//! Calls that go on after a crash, and the dialogs of their legs: each is one value in JSON with the version of its form.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rusqlite::{Connection, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use trunkline_media::PortPair;
use trunkline_sip::dialog::KeptDialog;
use trunkline_sip::ids::{ConnectionId, LegId};
use trunkline_sip::sdp::Origin;
use trunkline_sip::token::Token;
use trunkline_sip::transport::{Flow, Transport};

use crate::switch::{
    CallId, CallOrigin, CallReason, CallState, CompletionId, ConnectedMode, KeptCall, KeptLeg, KeptPark,
    KeptSeal, MediaMode, PartyView, SrtpSuite,
};

/// The version of both forms. Rows of another one are not read: their calls are over.
const VERSION: u32 = 1;

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS call (
    id INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    value TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS dialog (
    id INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    value TEXT NOT NULL
);
";

/// What calls need to go on.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    pub(crate) calls: Vec<KeptCall>,
    pub(crate) dialogs: Vec<(LegId, KeptDialog)>,
    /// How long ago the engine was last known to run.
    pub(crate) away: Duration,
}

/// What is to be written of calls and dialogs.
#[derive(Debug)]
pub(super) struct Calls {
    pub(super) calls: Rows<KeptCall>,
    pub(super) dialogs: Rows<KeptDialog>,
}

/// What is to be written of one table, and which rows it has.
#[derive(Debug)]
pub(super) struct Rows<V> {
    table: &'static str,
    /// `None`: the row is to be deleted.
    waiting: HashMap<i64, Option<Box<V>>>,
    written: HashSet<i64>,
}

impl<V> Rows<V> {
    fn new(table: &'static str) -> Self {
        Self { table, waiting: HashMap::new(), written: HashSet::new() }
    }

    /// The row is to be this.
    pub(super) fn put(&mut self, id: u64, value: Box<V>) {
        self.waiting.insert(id.cast_signed(), Some(value));
    }

    /// The row is not to be there. One that was never written costs nothing.
    pub(super) fn remove(&mut self, id: u64) {
        let id = id.cast_signed();
        if self.written.contains(&id) {
            self.waiting.insert(id, None);
        } else {
            self.waiting.remove(&id);
        }
    }

    /// How many rows wait to be written. Deletions are not counted: there are no more than rows.
    pub(super) fn len(&self) -> usize {
        self.waiting.values().flatten().count()
    }

    /// What waited was written.
    fn written(&mut self) {
        for (id, value) in self.waiting.drain() {
            match value {
                Some(_) => self.written.insert(id),
                None => self.written.remove(&id),
            };
        }
    }

    /// Gives up what waits, but for rows that are to be deleted: what is over must not come back.
    fn forget(&mut self) {
        self.waiting.retain(|_, value| value.is_none());
    }

    /// The table is empty.
    fn lost(&mut self) {
        self.written.clear();
        self.waiting.retain(|_, value| value.is_some());
    }

    fn write(&self, connection: &Connection, form: impl Fn(&V) -> Option<String>) -> rusqlite::Result<()> {
        let table = self.table;
        let mut put =
            connection.prepare_cached(&format!("INSERT OR REPLACE INTO {table} VALUES (?1, ?2, ?3)"))?;
        let mut remove = connection.prepare_cached(&format!("DELETE FROM {table} WHERE id = ?1"))?;
        for (id, value) in &self.waiting {
            match value.as_deref().and_then(&form) {
                Some(value) => put.execute(params![id, VERSION, value])?,
                None => remove.execute(params![id])?,
            };
        }
        Ok(())
    }

    /// Every row in a form that is known; the others are deleted. Which there are is remembered.
    fn load<F: DeserializeOwned, R>(
        &mut self,
        connection: &Connection,
        read: impl Fn(u64, F) -> Option<R>,
    ) -> rusqlite::Result<Vec<R>> {
        let table = self.table;
        let mut statement =
            connection.prepare(&format!("SELECT id, version, value FROM {table} ORDER BY id"))?;
        let mut rows = statement.query([])?;
        let (mut found, mut unknown) = (Vec::new(), Vec::new());
        while let Some(row) = rows.next()? {
            let (id, version, value): (i64, u32, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let form: Option<F> = (version == VERSION).then(|| serde_json::from_str(&value).ok()).flatten();
            match form.and_then(|form| read(id.cast_unsigned(), form)) {
                Some(value) => {
                    self.written.insert(id);
                    found.push(value);
                }
                None => unknown.push(id),
            }
        }
        for id in &unknown {
            // Where the disk is full they are left, and not read another time either.
            drop(connection.execute(&format!("DELETE FROM {table} WHERE id = ?1"), params![id]));
        }
        if !unknown.is_empty() {
            tracing::warn!(table, rows = unknown.len(), "what an earlier version kept cannot be read");
        }
        Ok(found)
    }
}

impl Calls {
    /// Nothing is to be written, and nothing was.
    pub(super) fn new() -> Self {
        Self { calls: Rows::new("call"), dialogs: Rows::new("dialog") }
    }

    /// Whether there are rows that only count where the engine was known to run not long ago.
    pub(super) fn has_rows(&self) -> bool {
        !self.calls.written.is_empty() || !self.dialogs.written.is_empty()
    }

    /// Writes what waits, inside of a transaction; [`Self::written`] when that has succeeded.
    pub(super) fn write(
        &self,
        connection: &Connection,
        now: Instant,
        unix_now: Duration,
    ) -> rusqlite::Result<()> {
        self.calls
            .write(connection, |call| serde_json::to_string(&CallForm::of(call, now, unix_now)).ok())?;
        self.dialogs.write(connection, |dialog| serde_json::to_string(&DialogForm::of(dialog)).ok())
    }

    /// What waited was written.
    pub(super) fn written(&mut self) {
        self.calls.written();
        self.dialogs.written();
    }

    /// Gives up what waits.
    pub(super) fn forget(&mut self) {
        self.calls.forget();
        self.dialogs.forget();
    }

    /// Another file was begun, which holds nothing.
    pub(super) fn lost(&mut self) {
        self.calls.lost();
        self.dialogs.lost();
    }

    /// Reads everything; how long ago that was its reader knows.
    pub(super) fn load(
        &mut self,
        connection: &Connection,
        now: Instant,
        unix_now: Duration,
    ) -> rusqlite::Result<Recovered> {
        let calls = self.calls.load(connection, |id, form: CallForm| form.read(id, now, unix_now))?;
        let dialogs =
            self.dialogs.load(connection, |id, form: DialogForm| Some((LegId(id), form.read()?)))?;
        Ok(Recovered { calls, dialogs, away: Duration::ZERO })
    }
}

/// A call as it is written.
#[derive(Serialize, Deserialize)]
struct CallForm {
    line: String,
    peer: Option<u64>,
    park: Option<ParkForm>,
    leg: Option<LegForm>,
    media_worker: u16,
    calls: bool,
    state: String,
    since_unix_ms: u64,
    origin: String,
    reason: String,
    caller: PartyForm,
    called: PartyForm,
    connected: PartyForm,
    redirecting: PartyForm,
    redirection: PartyForm,
    completion: Option<u32>,
    made: bool,
    claimed: bool,
    held: bool,
    held_by_station: bool,
    is_private: bool,
    is_secure: bool,
    data: Vec<u8>,
    user_user: Vec<u8>,
    media_modes: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct LegForm {
    id: u64,
    port: u16,
    signalling: String,
    theirs: String,
    ours: String,
    seal: Option<SealForm>,
    ice: Option<[Vec<u8>; 4]>,
    talk: bool,
}

/// Slot, who parked it, and since when in milliseconds.
#[derive(Serialize, Deserialize)]
struct ParkForm(String, String, u64);

/// Protocol, tag and suite.
#[derive(Serialize, Deserialize)]
struct SealForm(String, u32, String);

/// Number and name.
#[derive(Serialize, Deserialize)]
struct PartyForm(String, String);

impl CallForm {
    fn of(call: &KeptCall, now: Instant, unix_now: Duration) -> Self {
        let party = |party: &PartyView| PartyForm(party.number.clone(), party.name.clone());
        let unix_ms = |at: Instant| {
            let unix = unix_now.saturating_sub(now.saturating_duration_since(at));
            u64::try_from(unix.as_millis()).unwrap_or(u64::MAX)
        };
        Self {
            line: call.line.to_string(),
            peer: call.peer.map(|peer| peer.0),
            park: call
                .park
                .as_ref()
                .map(|park| ParkForm(park.slot.to_string(), park.parker.to_string(), unix_ms(park.since))),
            leg: call.leg.as_ref().map(|leg| LegForm {
                id: leg.id.0,
                port: leg.ports.rtp(),
                signalling: leg.signalling.to_string(),
                theirs: text(&leg.theirs),
                ours: text(&leg.ours),
                seal: leg
                    .seal
                    .as_ref()
                    .map(|seal| SealForm(text(&seal.protocol), seal.tag, seal.suite.name().to_owned())),
                ice: leg.ice.as_ref().map(|ice| ice.each_ref().map(|part| part.to_vec())),
                talk: leg.talk,
            }),
            media_worker: call.media_worker,
            calls: call.calls,
            state: state_name(call.state).to_owned(),
            since_unix_ms: unix_ms(call.since),
            origin: call.origin.name().to_owned(),
            reason: call.reason.name().to_owned(),
            caller: party(&call.caller),
            called: party(&call.called),
            connected: party(&call.connected),
            redirecting: party(&call.redirecting),
            redirection: party(&call.redirection),
            completion: call.completion.map(|id| id.0),
            made: call.made,
            claimed: call.claimed,
            held: call.held,
            held_by_station: call.held_by_station,
            is_private: call.is_private,
            is_secure: call.is_secure,
            data: call.data.to_vec(),
            user_user: call.user_user.to_vec(),
            media_modes: call.media_modes.iter().map(|mode| mode.name().to_owned()).collect(),
        }
    }

    fn read(self, id: u64, now: Instant, unix_now: Duration) -> Option<KeptCall> {
        let party = |PartyForm(number, name): PartyForm| PartyView { number, name };
        let instant = |unix_ms: u64| {
            let age = unix_now.saturating_sub(Duration::from_millis(unix_ms));
            now.checked_sub(age).unwrap_or(now)
        };
        let leg = match self.leg {
            Some(leg) => Some(KeptLeg {
                id: LegId(leg.id),
                ports: PortPair(leg.port),
                signalling: leg.signalling.parse().ok()?,
                theirs: leg.theirs.into(),
                ours: leg.ours.into(),
                seal: match leg.seal {
                    Some(SealForm(protocol, tag, suite)) => {
                        Some(KeptSeal { protocol: protocol.into(), tag, suite: SrtpSuite::named(&suite)? })
                    }
                    None => None,
                },
                ice: leg.ice.map(|ice| ice.map(Bytes::from)),
                talk: leg.talk,
            }),
            None => None,
        };
        Some(KeptCall {
            id: CallId(id),
            line: self.line.into(),
            peer: self.peer.map(CallId),
            park: self.park.map(|ParkForm(slot, parker, since)| KeptPark {
                slot: slot.into(),
                parker: parker.into(),
                since: instant(since),
            }),
            leg,
            media_worker: self.media_worker,
            calls: self.calls,
            state: STATES.into_iter().find(|state| state_name(*state) == self.state)?,
            since: instant(self.since_unix_ms),
            origin: CallOrigin::named(&self.origin)?,
            reason: CallReason::named(&self.reason)?,
            caller: party(self.caller),
            called: party(self.called),
            connected: party(self.connected),
            redirecting: party(self.redirecting),
            redirection: party(self.redirection),
            completion: self.completion.map(CompletionId),
            made: self.made,
            claimed: self.claimed,
            held: self.held,
            held_by_station: self.held_by_station,
            is_private: self.is_private,
            is_secure: self.is_secure,
            data: self.data.into(),
            user_user: self.user_user.into(),
            media_modes: self.media_modes.iter().filter_map(|name| MediaMode::named(name)).collect(),
        })
    }
}

/// The states in which a call can go on.
const STATES: [CallState; 3] = [
    CallState::Connected(ConnectedMode::Active),
    CallState::Connected(ConnectedMode::ActiveHeld),
    CallState::OnHold,
];

fn state_name(state: CallState) -> &'static str {
    match state.mode_name() {
        Some("active") | None => state.name(),
        Some(mode) => mode,
    }
}

/// Names of codecs may be in any encoding; what is not UTF-8 in them means nothing to the engine.
fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A dialog as it is written.
#[derive(Serialize, Deserialize)]
struct DialogForm {
    is_caller: bool,
    tag: String,
    call_id: String,
    local: String,
    remote: String,
    remote_tag: String,
    target: String,
    routes: Vec<String>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    transport: String,
    local_address: String,
    remote_address: String,
    user: String,
    session: u64,
    session_version: u64,
    description: DescriptionForm,
    timer: Option<(u32, bool)>,
    takes_update: bool,
}

/// A description exactly as it was: numbers are four times as long, and read and written as much more slowly.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum DescriptionForm {
    Text(String),
    /// What is not UTF-8.
    Other(Vec<u8>),
}

impl DescriptionForm {
    fn of(description: &[u8]) -> Self {
        str::from_utf8(description)
            .map_or_else(|_| Self::Other(description.to_vec()), |text| Self::Text(text.to_owned()))
    }
}

impl DialogForm {
    fn of(kept: &KeptDialog) -> Self {
        let kept = kept.clone();
        Self {
            is_caller: kept.is_caller,
            tag: kept.tag.to_string(),
            call_id: kept.call_id,
            local: kept.local,
            remote: kept.remote,
            remote_tag: kept.remote_tag,
            target: kept.target,
            routes: kept.routes,
            local_cseq: kept.local_cseq,
            remote_cseq: kept.remote_cseq,
            transport: kept.flow.transport.param_name().to_owned(),
            local_address: kept.flow.local.to_string(),
            remote_address: kept.flow.remote.to_string(),
            user: kept.user,
            session: kept.origin.id,
            session_version: kept.origin.version,
            description: DescriptionForm::of(&kept.description),
            timer: kept.timer,
            takes_update: kept.takes_update,
        }
    }

    fn read(self) -> Option<KeptDialog> {
        let transports = [Transport::Udp, Transport::Tcp];
        let transport = transports.into_iter().find(|known| known.param_name() == self.transport)?;
        Some(KeptDialog {
            is_caller: self.is_caller,
            tag: Token::parse(&self.tag)?,
            call_id: self.call_id,
            local: self.local,
            remote: self.remote,
            remote_tag: self.remote_tag,
            target: self.target,
            routes: self.routes,
            local_cseq: self.local_cseq,
            remote_cseq: self.remote_cseq,
            flow: Flow {
                transport,
                local: self.local_address.parse().ok()?,
                remote: self.remote_address.parse().ok()?,
                connection: ConnectionId::default(),
            },
            user: self.user,
            origin: Origin { id: self.session, version: self.session_version },
            description: match self.description {
                DescriptionForm::Text(text) => text.into(),
                DescriptionForm::Other(bytes) => bytes.into(),
            },
            timer: self.timer,
            takes_update: self.takes_update,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::driver::clock;

    const WALL: Duration = Duration::from_secs(1_000_000);

    fn memory() -> Connection {
        let connection = Connection::open_in_memory().expect("SQLite is bundled");
        connection.execute_batch(SCHEMA).expect("the schema is valid");
        connection
    }

    fn party(name: &str) -> PartyView {
        PartyView { number: format!("+49 {name}"), name: name.to_owned() }
    }

    fn call(id: u64, now: Instant) -> KeptCall {
        KeptCall {
            id: CallId(id),
            line: "1001".into(),
            peer: Some(CallId(id + 1)),
            park: Some(KeptPark { slot: "701".into(), parker: "1002".into(), since: now }),
            leg: Some(KeptLeg {
                id: LegId::new(0xffff, 1 << 47),
                ports: PortPair(20_002),
                signalling: "2001:db8::7".parse().expect("an address"),
                theirs: Bytes::from_static(b"v=0\r\n"),
                ours: Bytes::from_static(b"v=0\r\nm=audio 1 RTP/AVP 0\r\n"),
                seal: Some(KeptSeal {
                    protocol: Bytes::from_static(b"RTP/SAVP"),
                    tag: 3,
                    suite: SrtpSuite::Aes256Gcm,
                }),
                ice: Some(["their", "password", "our", "\u{0}"].map(Bytes::from)),
                talk: true,
            }),
            media_worker: 3,
            calls: true,
            state: CallState::Connected(ConnectedMode::ActiveHeld),
            since: now,
            origin: CallOrigin::External,
            reason: CallReason::FwdBusy,
            caller: party("caller"),
            called: party("called"),
            connected: party("connected"),
            redirecting: party("redirecting"),
            redirection: party("redirection"),
            completion: Some(CompletionId(7)),
            made: true,
            claimed: false,
            held: true,
            held_by_station: false,
            is_private: true,
            is_secure: false,
            data: Bytes::from_static(b"\0\xff"),
            user_user: Bytes::from_static(b"hello"),
            media_modes: vec![MediaMode::G3Fax, MediaMode::Unknown],
        }
    }

    fn dialog(worker: u16) -> KeptDialog {
        KeptDialog {
            is_caller: true,
            tag: Token { worker, bits: u64::MAX },
            call_id: "call@host".to_owned(),
            local: "<sip:us@x>;tag=1".to_owned(),
            remote: "\"B\" <sip:b@x>;tag=b".to_owned(),
            remote_tag: "b".to_owned(),
            target: "sip:b@192.0.2.7".to_owned(),
            routes: vec!["<sip:one;lr>".to_owned(), "<sip:two;lr>".to_owned()],
            local_cseq: 7,
            remote_cseq: None,
            flow: Flow {
                transport: Transport::Tcp,
                local: SocketAddr::from(([192, 0, 2, 1], 5060)),
                remote: SocketAddr::from(([192, 0, 2, 7], 40_000)),
                connection: ConnectionId::default(),
            },
            user: "1002".to_owned(),
            origin: Origin { id: 5, version: 6 },
            description: Bytes::from_static(b"v=0\r\ns=\xff\r\n"),
            timer: Some((1800, true)),
            takes_update: true,
        }
    }

    fn write(rows: &mut Calls, connection: &Connection, now: Instant) {
        rows.write(connection, now, WALL).expect("written");
        rows.written();
    }

    #[test]
    fn calls_and_dialogs_come_back_as_they_were() {
        let (connection, now) = (memory(), clock::now());
        let mut rows = Calls::new();
        let local = KeptCall { leg: None, state: CallState::OnHold, ..call(2, now) };
        let third = KeptCall { state: CallState::Connected(ConnectedMode::Active), ..call(3, now) };
        let calls = [call(1, now), local, third];
        for call in &calls {
            rows.calls.put(call.id.0, Box::new(call.clone()));
        }
        let leg = LegId::new(0xffff, 9);
        rows.dialogs.put(leg.0, Box::new(dialog(0xffff)));
        write(&mut rows, &connection, now);

        let again = Calls::new().load(&connection, now, WALL + Duration::from_secs(3)).expect("read");
        let earlier = now - Duration::from_secs(3);
        let age = |call: &KeptCall| {
            let park = call.park.clone().map(|park| KeptPark { since: earlier, ..park });
            KeptCall { since: earlier, park, ..call.clone() }
        };
        assert_eq!(again.calls, [age(&calls[0]), age(&calls[1]), age(&calls[2])]);
        assert_eq!(again.dialogs, [(leg, dialog(0xffff))]);
    }

    #[test]
    fn what_is_over_is_deleted_and_what_was_never_written_costs_nothing() {
        let (connection, now) = (memory(), clock::now());
        let mut rows = Calls::new();
        rows.calls.put(1, Box::new(call(1, now)));
        rows.calls.remove(1);
        assert_eq!(rows.calls.len(), 0);
        rows.calls.put(2, Box::new(call(2, now)));
        write(&mut rows, &connection, now);
        assert!(rows.has_rows());

        let mut rows = Calls::new();
        assert_eq!(rows.load(&connection, now, WALL).expect("read").calls.len(), 1);
        rows.calls.remove(2);
        write(&mut rows, &connection, now);
        assert!(!rows.has_rows());
        assert_eq!(Calls::new().load(&connection, now, WALL).expect("read").calls, []);
    }

    #[test]
    fn what_is_over_is_deleted_even_where_changes_are_given_up() {
        let (connection, now) = (memory(), clock::now());
        let mut rows = Calls::new();
        rows.calls.put(1, Box::new(call(1, now)));
        write(&mut rows, &connection, now);
        rows.calls.remove(1);
        rows.calls.put(2, Box::new(call(2, now)));
        rows.forget();
        write(&mut rows, &connection, now);
        assert_eq!(Calls::new().load(&connection, now, WALL).expect("read").calls, []);
    }

    #[test]
    fn what_cannot_be_read_is_deleted() {
        let (connection, now) = (memory(), clock::now());
        let mut rows = Calls::new();
        for id in 1..=3 {
            rows.calls.put(id, Box::new(call(id, now)));
        }
        write(&mut rows, &connection, now);
        connection
            .execute_batch(
                "UPDATE call SET version = 99 WHERE id = 1; UPDATE call SET value = '{' WHERE id = 2;",
            )
            .expect("changed");
        for _ in 0..2 {
            let read = Calls::new().load(&connection, now, WALL).expect("read");
            assert_eq!(read.calls.iter().map(|call| call.id).collect::<Vec<_>>(), [CallId(3)]);
        }
        let left: u32 =
            connection.query_row("SELECT count(*) FROM call", [], |row| row.get(0)).expect("counted");
        assert_eq!(left, 1);
    }
}
