//! The forms of calls that go on after a crash, and of the dialogs of their legs.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rusqlite::Connection;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use trunkline_media::PortPair;
use trunkline_sip::dialog::KeptDialog;
use trunkline_sip::ids::{ConnectionId, LegId};
use trunkline_sip::sdp::Origin;
use trunkline_sip::token::Token;
use trunkline_sip::transport::{Flow, Transport};

use super::journal::{Forms, Journal, Key};
use crate::switch::{
    CallId, CallOrigin, CallReason, CallState, CompletionId, ConnectedMode, KeptCall, KeptLeg, KeptPark,
    KeptSeal, MediaMode, PartyView, SrtpSuite,
};

/// What calls need to go on.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    pub(crate) calls: Vec<KeptCall>,
    pub(crate) dialogs: Vec<(LegId, KeptDialog)>,
    /// How long ago the engine was last known to run.
    pub(crate) away: Duration,
}

/// The moment at which forms are written or read, and what rows call it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Instant,
    pub(super) unix_now: Duration,
}

impl Recovered {
    /// Reads everything; how long ago that was written its reader knows.
    pub(super) fn load(
        journal: &mut Journal,
        connection: &Connection,
        moment: Moment,
    ) -> rusqlite::Result<Self> {
        let mut recovered = Self::default();
        journal.load(connection, |key, value| match key {
            Key::Call(id) => {
                let form = postcard::from_bytes(value).ok();
                let call = form.and_then(|form: CallForm<'_>| form.read(id, moment));
                let is_known = call.is_some();
                recovered.calls.extend(call);
                is_known
            }
            Key::Dialog(id) => {
                let form = postcard::from_bytes(value).ok();
                let dialog = form.and_then(|form: DialogForm<'_>| form.read());
                let is_known = dialog.is_some();
                recovered.dialogs.extend(dialog.map(|dialog| (LegId(id), dialog)));
                is_known
            }
        })?;
        Ok(recovered)
    }
}

impl Forms for Moment {
    fn call(&self, call: &KeptCall) -> Option<Vec<u8>> {
        written(&CallForm::of(call, *self))
    }

    fn dialog(&self, dialog: &KeptDialog) -> Option<Vec<u8>> {
        written(&DialogForm::of(dialog))
    }
}

/// Most forms are as long or shorter.
const FORM_BYTES: usize = 768;

fn written(form: &impl Serialize) -> Option<Vec<u8>> {
    postcard::to_extend(form, Vec::with_capacity(FORM_BYTES)).ok()
}

impl Moment {
    fn unix_ms(self, at: Instant) -> u64 {
        let unix = self.unix_now.saturating_sub(self.now.saturating_duration_since(at));
        u64::try_from(unix.as_millis()).unwrap_or(u64::MAX)
    }

    fn instant(self, unix_ms: u64) -> Instant {
        let age = self.unix_now.saturating_sub(Duration::from_millis(unix_ms));
        self.now.checked_sub(age).unwrap_or(self.now)
    }
}

/// A call as it is written. The order of its parts is the form.
#[derive(Serialize, Deserialize)]
struct CallForm<'a> {
    line: &'a str,
    peer: Option<u64>,
    #[serde(borrow)]
    park: Option<ParkForm<'a>>,
    #[serde(borrow)]
    leg: Option<LegForm<'a>>,
    media_worker: u16,
    calls: bool,
    state: &'a str,
    since_unix_ms: u64,
    origin: &'a str,
    reason: &'a str,
    #[serde(borrow)]
    caller: PartyForm<'a>,
    #[serde(borrow)]
    called: PartyForm<'a>,
    #[serde(borrow)]
    connected: PartyForm<'a>,
    #[serde(borrow)]
    redirecting: PartyForm<'a>,
    #[serde(borrow)]
    redirection: PartyForm<'a>,
    completion: Option<u32>,
    made: bool,
    claimed: bool,
    held: bool,
    held_by_station: bool,
    is_secure: bool,
    #[serde(borrow)]
    data: Octets<'a>,
    #[serde(borrow)]
    user_user: Octets<'a>,
    #[serde(borrow)]
    media_modes: Vec<&'a str>,
}

#[derive(Serialize, Deserialize)]
struct LegForm<'a> {
    id: u64,
    port: u16,
    signalling: IpAddr,
    #[serde(borrow)]
    theirs: Octets<'a>,
    #[serde(borrow)]
    ours: Octets<'a>,
    #[serde(borrow)]
    seal: Option<SealForm<'a>>,
    #[serde(borrow)]
    ice: Option<[Octets<'a>; 4]>,
    talk: bool,
}

/// Slot, who parked it, and since when in milliseconds.
#[derive(Serialize, Deserialize)]
struct ParkForm<'a>(&'a str, &'a str, u64);

/// Protocol, tag and suite.
#[derive(Serialize, Deserialize)]
struct SealForm<'a>(#[serde(borrow)] Octets<'a>, u32, &'a str);

/// Number, name, and whether both are not to be shown.
#[derive(Serialize, Deserialize)]
struct PartyForm<'a>(&'a str, &'a str, bool);

/// What need not be text, written at once and not one by one.
struct Octets<'a>(&'a [u8]);

impl Serialize for Octets<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Octets<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&[u8]>::deserialize(deserializer).map(Self)
    }
}

impl Octets<'_> {
    fn read(&self) -> Bytes {
        Bytes::copy_from_slice(self.0)
    }
}

impl<'a> CallForm<'a> {
    fn of(call: &'a KeptCall, moment: Moment) -> Self {
        let party = |party: &'a PartyView| PartyForm(&party.number, &party.name, party.is_blocked);
        Self {
            line: &call.line,
            peer: call.peer.map(|peer| peer.0),
            park: call
                .park
                .as_ref()
                .map(|park| ParkForm(&park.slot, &park.parker, moment.unix_ms(park.since))),
            leg: call.leg.as_ref().map(|leg| LegForm {
                id: leg.id.0,
                port: leg.ports.rtp(),
                signalling: leg.signalling,
                theirs: Octets(&leg.theirs),
                ours: Octets(&leg.ours),
                seal: leg
                    .seal
                    .as_ref()
                    .map(|seal| SealForm(Octets(&seal.protocol), seal.tag, seal.suite.name())),
                ice: leg.ice.as_ref().map(|ice| ice.each_ref().map(|part| Octets(part))),
                talk: leg.talk,
            }),
            media_worker: call.media_worker,
            calls: call.calls,
            state: state_name(call.state),
            since_unix_ms: moment.unix_ms(call.since),
            origin: call.origin.name(),
            reason: call.reason.name(),
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
            is_secure: call.is_secure,
            data: Octets(&call.data),
            user_user: Octets(&call.user_user),
            media_modes: call.media_modes.iter().map(|mode| mode.name()).collect(),
        }
    }

    fn read(self, id: u64, moment: Moment) -> Option<KeptCall> {
        let party = |PartyForm(number, name, is_blocked): PartyForm<'_>| PartyView {
            number: number.to_owned(),
            name: name.to_owned(),
            is_blocked,
        };
        let leg = match self.leg {
            Some(leg) => Some(KeptLeg {
                id: LegId(leg.id),
                ports: PortPair(leg.port),
                signalling: leg.signalling,
                theirs: leg.theirs.read(),
                ours: leg.ours.read(),
                seal: match leg.seal {
                    Some(SealForm(protocol, tag, suite)) => {
                        Some(KeptSeal { protocol: protocol.read(), tag, suite: SrtpSuite::named(suite)? })
                    }
                    None => None,
                },
                ice: leg.ice.map(|ice| ice.map(|part| part.read())),
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
                since: moment.instant(since),
            }),
            leg,
            media_worker: self.media_worker,
            calls: self.calls,
            state: STATES.into_iter().find(|state| state_name(*state) == self.state)?,
            since: moment.instant(self.since_unix_ms),
            origin: CallOrigin::named(self.origin)?,
            reason: CallReason::named(self.reason)?,
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
            is_secure: self.is_secure,
            data: self.data.read(),
            user_user: self.user_user.read(),
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

/// A dialog as it is written. The order of its parts is the form.
#[derive(Serialize, Deserialize)]
struct DialogForm<'a> {
    is_caller: bool,
    /// Worker and bits.
    tag: (u16, u64),
    call_id: &'a str,
    local: &'a str,
    remote: &'a str,
    remote_tag: &'a str,
    target: &'a str,
    #[serde(borrow)]
    routes: Vec<&'a str>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    transport: &'a str,
    local_address: SocketAddr,
    remote_address: SocketAddr,
    user: &'a str,
    session: u64,
    session_version: u64,
    #[serde(borrow)]
    description: Octets<'a>,
    timer: Option<(u32, bool)>,
    takes_update: bool,
}

impl<'a> DialogForm<'a> {
    fn of(kept: &'a KeptDialog) -> Self {
        Self {
            is_caller: kept.is_caller,
            tag: (kept.tag.worker, kept.tag.bits),
            call_id: &kept.call_id,
            local: &kept.local,
            remote: &kept.remote,
            remote_tag: &kept.remote_tag,
            target: &kept.target,
            routes: kept.routes.iter().map(String::as_str).collect(),
            local_cseq: kept.local_cseq,
            remote_cseq: kept.remote_cseq,
            transport: kept.flow.transport.name(),
            local_address: kept.flow.local,
            remote_address: kept.flow.remote,
            user: &kept.user,
            session: kept.origin.id,
            session_version: kept.origin.version,
            description: Octets(&kept.description),
            timer: kept.timer,
            takes_update: kept.takes_update,
        }
    }

    fn read(self) -> Option<KeptDialog> {
        let transport = Transport::from_name(self.transport)?;
        let (worker, bits) = self.tag;
        Some(KeptDialog {
            is_caller: self.is_caller,
            tag: Token { worker, bits },
            call_id: self.call_id.to_owned(),
            local: self.local.to_owned(),
            remote: self.remote.to_owned(),
            remote_tag: self.remote_tag.to_owned(),
            target: self.target.to_owned(),
            routes: self.routes.into_iter().map(str::to_owned).collect(),
            local_cseq: self.local_cseq,
            remote_cseq: self.remote_cseq,
            flow: Flow {
                transport,
                local: self.local_address,
                remote: self.remote_address,
                connection: ConnectionId::default(),
            },
            user: self.user.to_owned(),
            origin: Origin { id: self.session, version: self.session_version },
            description: self.description.read(),
            timer: self.timer,
            takes_update: self.takes_update,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::clock;
    use crate::driver::store::journal;

    const WALL: Duration = Duration::from_secs(1_000_000);

    fn memory() -> Connection {
        let connection = Connection::open_in_memory().expect("SQLite is bundled");
        connection.execute_batch(journal::SCHEMA).expect("the schema is valid");
        connection
    }

    fn party(name: &str) -> PartyView {
        PartyView { number: format!("+49 {name}"), name: name.to_owned(), is_blocked: name == "caller" }
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

    const fn at(now: Instant, passed: Duration) -> Moment {
        Moment { now, unix_now: WALL.saturating_add(passed) }
    }

    fn write(journal: &mut Journal, connection: &Connection, now: Instant) {
        journal.write(connection, &at(now, Duration::ZERO)).expect("written");
        journal.written();
    }

    fn read(connection: &Connection, now: Instant) -> (Journal, Recovered) {
        let mut journal = Journal::default();
        let recovered = Recovered::load(&mut journal, connection, at(now, Duration::ZERO)).expect("read");
        (journal, recovered)
    }

    fn ids(recovered: &Recovered) -> Vec<u64> {
        recovered.calls.iter().map(|call| call.id.0).collect()
    }

    fn rows(connection: &Connection) -> u32 {
        connection.query_row("SELECT count(*) FROM call_change", [], |row| row.get(0)).expect("counted")
    }

    #[test]
    fn calls_and_dialogs_come_back_as_they_were() {
        let (connection, now) = (memory(), clock::now());
        let mut journal = Journal::default();
        let local = KeptCall { leg: None, state: CallState::OnHold, ..call(2, now) };
        let third = KeptCall { state: CallState::Connected(ConnectedMode::Active), ..call(3, now) };
        let calls = [call(1, now), local, third];
        for call in &calls {
            journal.calls.put(call.id.0, Box::new(call.clone()));
        }
        let leg = LegId::new(0xffff, 9);
        journal.dialogs.put(leg.0, Box::new(dialog(0xffff)));
        write(&mut journal, &connection, now);

        let (passed, mut journal) = (Duration::from_secs(3), Journal::default());
        let again = Recovered::load(&mut journal, &connection, at(now, passed)).expect("read");
        let earlier = now - passed;
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
        let mut journal = Journal::default();
        journal.calls.put(1, Box::new(call(1, now)));
        journal.calls.remove(1);
        assert_eq!(journal.len(), 0);
        write(&mut journal, &connection, now);
        assert_eq!(rows(&connection), 0);
        journal.calls.put(2, Box::new(call(2, now)));
        write(&mut journal, &connection, now);
        assert!(journal.has_rows());

        let (mut journal, recovered) = read(&connection, now);
        assert_eq!(ids(&recovered), [2]);
        journal.calls.remove(2);
        write(&mut journal, &connection, now);
        assert!(!journal.has_rows());
        assert_eq!(rows(&connection), 0);
    }

    #[test]
    fn the_last_that_was_written_counts() {
        let (connection, now) = (memory(), clock::now());
        let mut journal = Journal::default();
        for held in [false, true, false] {
            for id in [1, 2] {
                journal.calls.put(id, Box::new(KeptCall { held, ..call(id, now) }));
            }
            journal.dialogs.put(1, Box::new(dialog(1)));
            write(&mut journal, &connection, now);
        }
        assert_eq!(rows(&connection), 1, "nothing in the rows before it counts");
        journal.calls.remove(1);
        journal.dialogs.put(1, Box::new(dialog(2)));
        write(&mut journal, &connection, now);
        let (_, recovered) = read(&connection, now);
        assert_eq!(recovered.calls, [KeptCall { held: false, ..call(2, now) }]);
        assert_eq!(recovered.dialogs, [(LegId(1), dialog(2))]);
    }

    #[test]
    fn a_call_that_stays_goes_along_while_others_come_and_go() {
        let (connection, now) = (memory(), clock::now());
        let mut journal = Journal::default();
        journal.calls.put(1, Box::new(call(1, now)));
        journal.dialogs.put(1, Box::new(dialog(1)));
        let mut most = 0;
        for id in 2..2_000 {
            journal.calls.put(id, Box::new(call(id, now)));
            journal.dialogs.put(id, Box::new(dialog(1)));
            write(&mut journal, &connection, now);
            journal.calls.remove(id);
            journal.dialogs.remove(id);
            most = most.max(rows(&connection));
        }
        assert!((500..1_000).contains(&most), "{most}");
        let (_, recovered) = read(&connection, now);
        assert_eq!((ids(&recovered), recovered.dialogs.len()), (vec![1, 1_999], 2));
    }

    #[test]
    fn what_was_not_committed_is_written_another_time() {
        let (connection, now) = (memory(), clock::now());
        let mut journal = Journal::default();
        journal.calls.put(1, Box::new(call(1, now)));
        write(&mut journal, &connection, now);
        journal.calls.remove(1);
        journal.calls.put(2, Box::new(call(2, now)));
        connection.execute_batch("BEGIN").expect("begun");
        journal.write(&connection, &at(now, Duration::ZERO)).expect("written");
        connection.execute_batch("ROLLBACK").expect("taken back");
        assert_eq!(ids(&read(&connection, now).1), [1]);
        write(&mut journal, &connection, now);
        assert_eq!(ids(&read(&connection, now).1), [2]);
    }

    #[test]
    fn what_is_over_is_deleted_even_where_changes_are_given_up() {
        let (connection, now) = (memory(), clock::now());
        let mut journal = Journal::default();
        for id in [1, 3] {
            journal.calls.put(id, Box::new(call(id, now)));
        }
        write(&mut journal, &connection, now);
        journal.calls.remove(1);
        journal.calls.put(2, Box::new(call(2, now)));
        journal.forget();
        write(&mut journal, &connection, now);
        assert_eq!(ids(&read(&connection, now).1), [3]);
    }

    #[test]
    fn in_another_file_everything_is_written_when_it_changes() {
        let (connection, now) = (memory(), clock::now());
        let mut journal = Journal::default();
        for id in [1, 2] {
            journal.calls.put(id, Box::new(call(id, now)));
        }
        write(&mut journal, &connection, now);
        journal.calls.remove(1);
        journal.calls.put(3, Box::new(call(3, now)));
        journal.lost();
        let connection = memory();
        write(&mut journal, &connection, now);
        assert_eq!(ids(&read(&connection, now).1), [3]);
    }

    #[test]
    fn what_cannot_be_read_is_deleted() {
        let (connection, now) = (memory(), clock::now());
        let mut journal = Journal::default();
        journal.calls.put(1, Box::new(call(1, now)));
        write(&mut journal, &connection, now);
        let one: Vec<u8> =
            connection.query_row("SELECT value FROM call_change", [], |row| row.get(0)).expect("read");
        let form = postcard::to_extend(&(Key::Call(2), Some(1_u32)), one.clone()).expect("written");
        let damage = |value: &[u8]| {
            connection.execute("UPDATE call_change SET value = ?1", [value]).expect("changed");
        };
        // A value that is no call.
        damage(&[&form, &[0xff][..]].concat());
        assert_eq!(ids(&read(&connection, now).1), [1]);
        // Records that end early, wherever: nobody knows which calls were said to be over.
        for length in 1..one.len() {
            damage(&one[..length]);
            assert!(ids(&read(&connection, now).1).is_empty());
            assert_eq!(rows(&connection), 0);
            connection.execute("INSERT INTO call_change VALUES (1, 1, ?1)", [&one]).expect("put back");
        }
        connection.execute_batch("UPDATE call_change SET version = 99").expect("changed");
        for _ in 0..2 {
            assert!(ids(&read(&connection, now).1).is_empty());
            assert_eq!(rows(&connection), 0);
        }
    }
}
