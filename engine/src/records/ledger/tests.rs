//! Ledger by ledger: what happened, and which records come of it.

use std::sync::Arc;

use super::*;
use crate::driver::clock;
use crate::switch::{
    CallDeed, CallOrigin, CallPhase, CallReason, CallWords, DirectionView, MediaView, PartyView,
};

/// Facts in a time of its own, and what was written down of the ledger.
struct Book {
    ledger: Ledger,
    epoch: Instant,
    now: Instant,
    kept: BTreeMap<KeptKey, KeptCallState>,
    ended: BTreeSet<u64>,
    records: Vec<CallRecord>,
    events: Vec<CallEvent>,
}

const EPOCH_MS: i64 = 1_763_877_600_000;

impl Book {
    fn new() -> Self {
        let now = clock::now();
        let ledger = Ledger::new(true);
        let (kept, ended) = (BTreeMap::new(), BTreeSet::new());
        Self { ledger, epoch: now, now, kept, ended, records: Vec::new(), events: Vec::new() }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.ledger.handle_timeout(self.now);
        self.write();
    }

    fn take<const N: usize>(&mut self, facts: [(u64, CallFactKind); N]) {
        let facts = facts.map(|(id, kind)| CallFact { call: CallId(id), at: self.now, kind });
        let unix_ms = EPOCH_MS + ms(self.now - self.epoch);
        self.ledger.take(Moment { now: self.now, unix_ms }, facts.into());
        self.write();
    }

    fn write(&mut self) {
        self.records.extend_from_slice(self.ledger.records());
        self.events.extend_from_slice(self.ledger.events());
        for (key, kept) in self.ledger.changes() {
            match kept {
                Some(kept) => drop(self.kept.insert(key, kept)),
                None => drop(self.kept.remove(&key)),
            }
            match key {
                KeptKey::Call(id) if !self.kept.contains_key(&key) => drop(self.ended.insert(id)),
                KeptKey::Call(_) | KeptKey::Record(_) => {}
            }
        }
        self.ledger.written();
    }

    /// The process is killed; the next one takes back what was written.
    fn crash(&mut self) {
        self.ledger = Ledger::new(true);
        for (key, kept) in std::mem::take(&mut self.kept) {
            self.ledger.restore(key, KeptCallState::from_bytes(&kept.to_bytes()).expect("it is read"));
            self.kept.insert(key, kept);
        }
        for call in &self.ended {
            self.ledger.restore_ended(*call);
        }
    }

    fn lost(&mut self) -> usize {
        let lost = self.ledger.end_lost(EPOCH_MS + ms(self.now - self.epoch));
        self.write();
        lost
    }

    /// `SRC>DST channel/dstchannel duration/billsec DISPOSITION endedby`.
    fn said(&self) -> Vec<String> {
        let say = |record: &CallRecord| {
            let seconds = |from: i64| (record.end_ms - from) / 1_000;
            format!(
                "{}>{} {}/{} {}/{} {} {}",
                record.src,
                record.dst,
                record.call,
                record.peer_call,
                seconds(record.start_ms),
                record.answer_ms.map_or(0, seconds),
                record.disposition.name(),
                record.endedby.name()
            )
        };
        self.records.iter().map(say).collect()
    }
}

fn standing(phase: CallPhase, peer: Option<u64>, calls: bool) -> CallStanding {
    CallStanding { phase, peer: peer.map(CallId), calls, conference: None }
}

fn talks(peer: u64, calls: bool) -> CallFactKind {
    CallFactKind::Stands(standing(CallPhase::Talking, Some(peer), calls))
}

fn some_words(called: &str) -> CallWords {
    CallWords {
        called: called.to_owned(),
        reached: called.to_owned(),
        application: "Dial",
        reason: CallReason::Direct,
        userfield: "case 7".to_owned(),
    }
}

fn begun(line: &str, called: &str, peer: Option<u64>, calls: bool) -> CallBegun {
    CallBegun {
        line: Arc::from(line),
        kind: LineKind::Phone,
        origin: if calls { CallOrigin::Outbound } else { CallOrigin::Internal },
        party: PartyView::new(line.to_owned(), String::new()),
        consults: None,
        redirecting: String::new(),
        words: some_words(called),
        standing: standing(CallPhase::Waiting, peer, calls),
    }
}

fn began(line: &str, called: &str, peer: Option<u64>, calls: bool) -> CallFactKind {
    CallFactKind::Began(Box::new(begun(line, called, peer, calls)))
}

fn over(called: &str, mode: DisconnectMode, has_hung_up: bool) -> CallFactKind {
    let status = if mode == DisconnectMode::Busy { 486 } else { 200 };
    let cause = EndCause { status, q850: Some(16), is_refusal: mode == DisconnectMode::Busy };
    CallFactKind::Over(Box::new(CallOver {
        words: some_words(called),
        mode,
        cause,
        has_hung_up,
        had_station: true,
    }))
}

fn media(mos_x100: u16) -> CallFactKind {
    let direction = || DirectionView {
        packets: 500,
        bytes: 86_000,
        lost: Some(5),
        loss_ppm: Some(10_000),
        jitter_us: Some(1_250),
        late: Some(0),
        duplicates: Some(0),
        mos_x100: Some(mos_x100),
    };
    CallFactKind::Media(Some(Box::new(MediaView {
        codec: Some("PCMU"),
        received: direction(),
        sent: direction(),
        round_trip_us: Some(20_000),
        grade: None,
        in_kernel: false,
        foreign: 0,
        secured: crate::switch::Secured::default(),
        unauthentic: 0,
        measured: clock::now(),
    })))
}

/// 1001 calls 1002, who answers after three seconds.
fn talking() -> Book {
    let mut book = Book::new();
    book.take([(1, began("1001", "1002", Some(2), true)), (2, began("1002", "1002", Some(1), false))]);
    book.pass(3);
    book.take([(1, talks(2, true)), (2, talks(1, false))]);
    book
}

#[test]
fn two_calls_make_one_record_with_the_figures_of_both_stations() {
    let mut book = talking();
    book.pass(10);
    book.take([
        (1, over("1002", DisconnectMode::Normal, false)),
        (2, over("1002", DisconnectMode::Normal, true)),
    ]);
    assert_eq!(book.records, []);
    book.take([(2, media(300))]);
    book.take([(1, media(441))]);
    assert_eq!(book.said(), ["1001>1002 c1/c2 13/10 ANSWERED callee"]);
    let record = &book.records[0];
    assert_eq!((record.src_quality.received[0], record.dst_quality.received[0]), (Some(4.41), Some(3.0)));
    assert_eq!(record.dst_quality.sent[1..], [Some(1.0), Some(1.25)]);
    assert_eq!(
        (&*record.uniqueid, &*record.linkedid, &*record.userfield),
        ("1763877600.1", "1763877600.1", "case 7")
    );
    assert!(book.kept.is_empty() && book.ledger.calls.is_empty() && book.ledger.awaited.is_empty());
    let events: Vec<_> = book.events.iter().map(|event| (event.eventtype, &*event.channame)).collect();
    assert_eq!(
        events,
        [
            ("CHAN_START", "SIP/1001-c1"),
            ("CHAN_START", "SIP/1002-c2"),
            ("ANSWER", "SIP/1001-c1"),
            ("ANSWER", "SIP/1002-c2"),
            ("BRIDGE_ENTER", "SIP/1001-c1"),
            ("BRIDGE_EXIT", "SIP/1001-c1"),
            ("HANGUP", "SIP/1001-c1"),
            ("CHAN_END", "SIP/1001-c1"),
            ("HANGUP", "SIP/1002-c2"),
            ("CHAN_END", "SIP/1002-c2"),
            ("LINKEDID_END", "SIP/1002-c2"),
        ]
    );
}

#[test]
fn every_column_has_its_field() {
    let mut book = talking();
    book.take([
        (1, over("1002", DisconnectMode::Normal, true)),
        (2, over("1002", DisconnectMode::Normal, false)),
    ]);
    book.pass(2);
    assert_eq!(book.records[0].fields().count(), super::super::RECORD_COLUMNS.len());
    assert_eq!(book.events[0].fields().count(), super::super::EVENT_COLUMNS.len());
}

#[test]
fn figures_that_do_not_come_are_not_waited_for_for_ever() {
    let mut book = talking();
    book.take([
        (1, over("1002", DisconnectMode::Normal, true)),
        (2, over("1002", DisconnectMode::Normal, false)),
    ]);
    book.take([(1, CallFactKind::Media(None))]);
    book.pass(1);
    assert_eq!(book.records, []);
    book.pass(1);
    assert_eq!(book.said(), ["1001>1002 c1/c2 3/0 ANSWERED caller"]);
}

#[test]
fn an_attempt_has_a_record_and_the_phones_that_rang_for_it_have_none() {
    let mut book = Book::new();
    book.take([(1, began("1001", "500", Some(2), true)), (2, began("1002", "1002", Some(1), false))]);
    book.take([(3, began("1003", "1003", Some(1), false))]);
    book.pass(5);
    book.take([
        (2, over("1002", DisconnectMode::NoAnswer, false)),
        (1, CallFactKind::Stands(standing(CallPhase::Waiting, Some(3), true))),
    ]);
    book.pass(5);
    book.take([
        (1, over("500", DisconnectMode::Busy, false)),
        (3, over("1003", DisconnectMode::Busy, false)),
    ]);
    assert_eq!(book.said(), ["1001>500 c1/c3 10/0 BUSY callee"]);
    assert_eq!((book.records[0].sipstatus, book.kept.len()), (486, 0));
}

#[test]
fn a_transfer_makes_three_records_that_are_linked() {
    let mut book = talking();
    book.pass(10);
    // 1002 consults 1003, who answers, and transfers.
    let consults = CallBegun { consults: Some(CallId(2)), ..begun("1002", "1003", Some(4), true) };
    let holds = CallFactKind::Stands(standing(CallPhase::Holding, Some(1), false));
    book.take([
        (2, holds),
        (3, CallFactKind::Began(Box::new(consults))),
        (4, began("1003", "1003", Some(3), false)),
    ]);
    book.pass(2);
    book.take([(3, talks(4, true)), (4, talks(3, false))]);
    book.pass(5);
    book.take([
        (1, talks(4, true)),
        (2, over("1002", DisconnectMode::Normal, false)),
        (3, over("1003", DisconnectMode::Normal, false)),
        (4, talks(1, false)),
    ]);
    book.pass(20);
    book.take([
        (1, over("1002", DisconnectMode::Normal, true)),
        (4, over("1003", DisconnectMode::Normal, false)),
    ]);
    book.pass(3);
    let said = [
        "1001>1002 c1/c2 20/17 ANSWERED moved",
        "1002>1003 c3/c4 7/5 ANSWERED engine",
        "1001>1003 c1/c4 20/20 ANSWERED caller",
    ];
    assert_eq!(book.said(), said);
    assert!(book.records.iter().all(|record| record.linkedid == "1763877600.1"), "{:?}", book.records);
    let numbers: Vec<_> = book.records.iter().map(|record| (&*record.uniqueid, record.sequence)).collect();
    assert_eq!(numbers, [("1763877600.1", 0), ("1763877613.3", 0), ("1763877600.1", 1)]);
}

#[test]
fn who_is_parked_has_a_record_of_it() {
    let mut book = talking();
    book.pass(10);
    let parked = CallFactKind::Stands(standing(CallPhase::Parked("701".into()), None, true));
    book.take([(1, parked), (2, over("1002", DisconnectMode::Normal, true))]);
    book.pass(30);
    book.take([(3, began("1003", "701", None, true))]);
    book.take([(1, talks(3, true)), (3, talks(1, false))]);
    book.pass(5);
    book.take([
        (1, over("1002", DisconnectMode::Normal, true)),
        (3, over("701", DisconnectMode::Normal, false)),
    ]);
    book.pass(2);
    let said = [
        "1001>701 c1/ 30/30 ANSWERED moved",
        "1001>1002 c1/c2 13/10 ANSWERED callee",
        "1001>1003 c1/c3 5/5 ANSWERED caller",
    ];
    let mut found = book.said();
    found.sort_by_key(|line| said.iter().position(|expected| expected == line));
    assert_eq!(found, said);
}

#[test]
fn a_call_that_survives_a_crash_has_one_record_when_it_ends() {
    let mut book = talking();
    book.pass(10);
    book.crash();
    book.pass(4);
    let mut back = [begun("1001", "1002", Some(2), true), begun("1002", "1002", Some(1), false)];
    back.iter_mut().for_each(|call| call.standing.phase = CallPhase::Talking);
    let [first, second] = back.map(|call| CallFactKind::Began(Box::new(call)));
    book.take([(1, first), (2, second)]);
    assert_eq!((book.lost(), book.records.len()), (0, 0));
    book.pass(6);
    book.take([
        (1, over("1002", DisconnectMode::Normal, true)),
        (2, over("1002", DisconnectMode::Normal, false)),
    ]);
    book.pass(2);
    assert_eq!(book.said(), ["1001>1002 c1/c2 23/20 ANSWERED caller"]);
    assert!(book.kept.is_empty());
}

#[test]
fn a_call_that_does_not_has_one_that_says_so() {
    let mut book = talking();
    book.take([(3, began("1005", "1006", None, true))]);
    book.pass(10);
    book.crash();
    assert_eq!(book.lost(), 2);
    assert_eq!(book.said(), ["1001>1002 c1/c2 13/10 ANSWERED crash", "1005>1006 c3/ 10/0 FAILED crash"]);
    assert!(book.kept.is_empty());
    book.crash();
    assert_eq!(book.lost(), 0, "once");
}

#[test]
fn a_record_that_waited_for_figures_is_not_lost_by_a_crash() {
    let mut book = talking();
    book.take([
        (1, over("1002", DisconnectMode::Normal, true)),
        (2, over("1002", DisconnectMode::Normal, false)),
    ]);
    assert_eq!((book.records.len(), book.kept.len()), (0, 1));
    book.crash();
    assert_eq!(book.lost(), 0);
    assert_eq!(book.said(), ["1001>1002 c1/c2 3/0 ANSWERED caller"]);
    assert!(book.kept.is_empty());
}

#[test]
fn what_waits_to_be_written_is_bounded() {
    let mut ledger = Ledger::new(true);
    let now = clock::now();
    for id in 0..10 {
        let at = |kind| CallFact { call: CallId(id), at: now, kind };
        let facts =
            vec![at(began("1001", "9", None, true)), at(over("9", DisconnectMode::BadAddress, false))];
        ledger.take(Moment { now, unix_ms: EPOCH_MS }, facts);
    }
    assert_eq!((ledger.records().len(), ledger.shed(4)), (10, 6));
    assert_eq!((ledger.records().len(), ledger.events().len(), &*ledger.records()[0].call), (4, 4, "c6"));
    assert_eq!(ledger.changes().count(), 4, "calls that came and went");
}

#[test]
fn what_was_written_of_a_call_that_is_over_is_not_given_up() {
    let mut book = talking();
    let at = |id, kind| CallFact { call: CallId(id), at: book.now, kind };
    let mut facts = Vec::new();
    for id in 10..20 {
        facts.extend([
            at(id, began("1001", "9", None, true)),
            at(id, over("9", DisconnectMode::BadAddress, false)),
        ]);
    }
    facts.push(at(1, over("1002", DisconnectMode::Normal, false)));
    facts.push(at(2, over("1002", DisconnectMode::Normal, true)));
    let moment = Moment { now: book.now, unix_ms: EPOCH_MS };
    book.ledger.take(moment, facts);
    book.ledger.shed(3);
    book.write();
    // The record of the conversation, which waits for figures.
    assert_eq!(book.kept.keys().collect::<Vec<_>>(), [&KeptKey::Record(1)]);
}

#[test]
fn a_call_of_which_something_was_not_told_has_no_record_and_neither_has_its_peer() {
    let mut book = talking();
    assert_eq!(book.ledger.lose(CallId(2)), 1);
    book.take([
        (1, over("1002", DisconnectMode::Normal, false)),
        (2, over("1002", DisconnectMode::Normal, true)),
    ]);
    book.pass(3);
    assert_eq!((book.said(), book.kept.len(), book.ledger.lose(CallId(2))), (Vec::new(), 0, 0));
}

#[test]
fn another_database_is_given_what_stands() {
    let mut book = talking();
    book.kept.clear();
    book.ledger.write_anew();
    book.write();
    assert_eq!(book.kept.keys().collect::<Vec<_>>(), [&KeptKey::Call(1), &KeptKey::Call(2)]);
}

#[test]
fn a_row_of_another_form_is_nobodys() {
    let book = talking();
    let mut bytes = book.kept[&KeptKey::Call(1)].to_bytes();
    assert!(KeptCallState::from_bytes(&bytes).is_some());
    bytes[0] += 1;
    assert_eq!(KeptCallState::from_bytes(&bytes), None);
    assert_eq!(KeptCallState::from_bytes(&[]), None);
}

/// `EVENT channel peer extra` of those that are not of every call.
fn told(book: &Book) -> Vec<String> {
    let usual = ["CHAN_START", "ANSWER", "BRIDGE_ENTER", "BRIDGE_EXIT", "HANGUP", "CHAN_END", "LINKEDID_END"];
    let events = book.events.iter().filter(|event| !usual.contains(&event.eventtype));
    events
        .map(|event| format!("{} {} {} {}", event.eventtype, event.channame, event.peer, event.extra))
        .collect()
}

fn did(deed: CallDeed) -> CallFactKind {
    CallFactKind::Did(Box::new(deed))
}

#[test]
fn transfers_and_pickups_and_forwards_are_events() {
    let mut book = talking();
    let far = CallId(1);
    book.take([
        (3, began("1002", "1003", Some(4), true)),
        (4, began("1003", "1003", Some(3), false)),
        (2, did(CallDeed::BlindTransfer { far, to: "1003".to_owned() })),
        (2, did(CallDeed::AttendedTransfer { far, consult: CallId(3), to: CallId(4) })),
        (4, did(CallDeed::Pickup { by: CallId(1) })),
        (
            1,
            did(CallDeed::Forward {
                by: "1002".to_owned(),
                to: "1003".to_owned(),
                reason: CallReason::FwdBusy,
            }),
        ),
        (9, did(CallDeed::Pickup { by: CallId(1) })),
    ]);
    let said = [
        r#"BLINDTRANSFER SIP/1002-c2 SIP/1001-c1 {"context":"line","extension":"1003","transferee_channel_name":"SIP/1001-c1","transferee_channel_uniqueid":"1763877600.1"}"#,
        r#"ATTENDEDTRANSFER SIP/1002-c2 SIP/1001-c1 {"channel2_name":"SIP/1002-c3","channel2_uniqueid":"1763877603.3","transfer_target_channel_name":"SIP/1003-c4","transfer_target_channel_uniqueid":"1763877603.4","transferee_channel_name":"SIP/1001-c1","transferee_channel_uniqueid":"1763877600.1"}"#,
        r#"PICKUP SIP/1003-c4 SIP/1001-c1 {"pickup_channel":"SIP/1001-c1","pickup_channel_uniqueid":"1763877600.1"}"#,
        r#"FORWARD SIP/1001-c1  {"by":"1002","forward":"1003@line","reason":"fwdbusy"}"#,
    ];
    assert_eq!(told(&book), said);
}

#[test]
fn hold_park_and_conference_are_events() {
    let mut book = talking();
    let stands = |phase, conference| {
        CallFactKind::Stands(CallStanding { conference, ..standing(phase, Some(2), true) })
    };
    book.take([(1, stands(CallPhase::Holding, None))]);
    book.take([(1, stands(CallPhase::Talking, None))]);
    let parent = CallBegun {
        standing: standing(CallPhase::Conference, None, false),
        ..begun("1001", "", None, false)
    };
    book.take([(5, CallFactKind::Began(Box::new(parent))), (1, stands(CallPhase::Talking, Some(CallId(5))))]);
    book.take([(1, stands(CallPhase::Talking, None))]);
    book.take([(1, stands(CallPhase::Talking, Some(CallId(5))))]);
    book.take([
        (1, over("1002", DisconnectMode::Normal, true)),
        (5, over("", DisconnectMode::Normal, false)),
    ]);
    book.take([(2, CallFactKind::Stands(standing(CallPhase::Parked("701".into()), None, false)))]);
    book.take([(6, began("1006", "701", None, true))]);
    book.take([(2, talks(6, false)), (6, talks(2, true))]);
    book.take([(2, CallFactKind::Stands(standing(CallPhase::Parked("702".into()), None, false)))]);
    book.take([(2, over("1002", DisconnectMode::Normal, true))]);
    let said = [
        "HOLD SIP/1001-c1  ",
        "UNHOLD SIP/1001-c1  ",
        r#"CONF_START SIP/1001-c5  {"conference":"c5"}"#,
        r#"CONF_ENTER SIP/1001-c1 SIP/1002-c2 {"conference":"c5"}"#,
        r#"CONF_EXIT SIP/1001-c1 SIP/1002-c2 {"conference":"c5"}"#,
        r#"CONF_ENTER SIP/1001-c1 SIP/1002-c2 {"conference":"c5"}"#,
        r#"CONF_EXIT SIP/1001-c1 SIP/1002-c2 {"conference":"c5"}"#,
        r#"CONF_END SIP/1001-c5  {"conference":"c5"}"#,
        r#"PARK_START SIP/1002-c2  {"parking_space":"701"}"#,
        r#"PARK_END SIP/1002-c2 SIP/1006-c6 {"reason":"ParkedCallUnparked","retriever":"SIP/1006-c6"}"#,
        r#"PARK_START SIP/1002-c2  {"parking_space":"702"}"#,
        r#"PARK_END SIP/1002-c2  {"reason":"ParkedCallGiveUp","retriever":""}"#,
    ];
    assert_eq!(told(&book), said);
}

mod crash;
