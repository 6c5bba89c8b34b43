use std::path::PathBuf;

use rusqlite::Connection;

use super::*;
use crate::switch::{
    CallBegun, CallFact, CallFactKind, CallId, CallOrigin, CallOver, CallPhase, CallReason, CallStanding,
    CallWords, DisconnectMode, EndCause, LineKind, PartyView,
};

/// A directory of a test's own.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("trunkline-records-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).expect("a directory of ours");
        Self(path)
    }

    fn start(&self) -> (Records, JoinHandle<()>, Arc<Metrics>) {
        let metrics = Arc::new(Metrics::new(1));
        let (records, thread) = Records::start(&self.0, &wanted(), Arc::clone(&metrics)).expect("it starts");
        (records, thread, metrics)
    }

    /// Everything that is told is written.
    fn tell(&self, facts: Vec<CallFact>) -> Arc<Metrics> {
        let (records, thread, metrics) = self.start();
        records.recovered();
        records.tell(facts);
        drop(records);
        thread.join().expect("it ends");
        metrics
    }

    fn lines(&self, file: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.0.join(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn rows(&self, table: &str) -> i64 {
        let database = Connection::open(self.0.join("records.db")).expect("it is there");
        database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("read")
    }

    fn execute(&self, text: &str) {
        Connection::open(self.0.join("records.db"))
            .expect("it is there")
            .execute_batch(text)
            .expect("it runs");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn wanted() -> config::Records {
    config::Records {
        sqlite: "records.db".into(),
        csv: Some("Master.csv".into()),
        json_lines: Some("records.jsonl".into()),
        csv_events: Some("cel.csv".into()),
        events: true,
        keep_days: 90,
        bytes_max: 1_000_000,
    }
}

fn words() -> CallWords {
    CallWords {
        called: "1002".to_owned(),
        reached: "1002".to_owned(),
        application: "Dial",
        reason: CallReason::Direct,
        userfield: String::new(),
    }
}

/// Attempts that nobody answered.
pub(super) fn attempts(ids: std::ops::Range<u64>) -> Vec<CallFact> {
    ids.flat_map(|id| [fact(id, begun()), fact(id, over())]).collect()
}

pub(super) fn fact(id: u64, kind: CallFactKind) -> CallFact {
    CallFact { call: CallId(id), at: clock::now(), kind }
}

pub(super) fn talks() -> CallFactKind {
    CallFactKind::Stands(CallStanding {
        phase: CallPhase::Talking,
        peer: None,
        calls: true,
        conference: None,
    })
}

pub(super) fn begun() -> CallFactKind {
    CallFactKind::Began(Box::new(CallBegun {
        line: "1001".into(),
        kind: LineKind::Phone,
        origin: CallOrigin::Outbound,
        party: PartyView::new("1001".to_owned(), "Ann \"A\"".to_owned()),
        consults: None,
        redirecting: String::new(),
        words: words(),
        standing: CallStanding { phase: CallPhase::Waiting, peer: None, calls: true, conference: None },
    }))
}

pub(super) fn over() -> CallFactKind {
    let cause = EndCause { status: 480, q850: Some(18), is_refusal: true };
    let mode = DisconnectMode::NoAnswer;
    CallFactKind::Over(Box::new(CallOver {
        words: words(),
        mode,
        cause,
        has_hung_up: false,
        had_station: true,
    }))
}

#[test]
fn each_record_is_in_every_file_once() {
    let place = Place::new("once");
    let metrics = place.tell(attempts(1..4));
    let _ = place.tell(attempts(4..6));
    assert_eq!((place.rows("cdr"), metrics.snapshot(0, 0).call_records_total), (5, 3));
    let lines = place.lines("Master.csv");
    assert_eq!(lines.len(), 5);
    let head = "\"1001\",\"1001\",\"1002\",\"line\",\"\"\"Ann A\"\" <1001>\",\"SIP/1001-c1\",\"\",\"Dial\",\"1002\",\"";
    assert!(lines[0].starts_with(head), "{}", lines[0]);
    assert!(
        lines[0].contains(",\"\",\"") && lines[0].contains(",0,0,\"NO ANSWER\",\"DOCUMENTATION\","),
        "{}",
        lines[0]
    );
    let objects: Vec<serde_json::Value> =
        place.lines("records.jsonl").iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of = |kind: &str| objects.iter().filter(|object| object["record"] == kind).count();
    // CHAN_START, HANGUP, CHAN_END, LINKEDID_END.
    assert_eq!((of("cdr"), of("cel"), place.rows("cel"), place.lines("cel.csv").len()), (5, 20, 20, 20));
    let events = place.lines("cel.csv");
    assert!(
        events[0].starts_with("\"CHAN_START\",\"") && events[0].contains("\"SIP/1001-c1\""),
        "{}",
        events[0]
    );
}

#[test]
fn what_a_killed_process_appended_is_not_appended_again() {
    let place = Place::new("tail");
    let _ = place.tell(attempts(1..11));
    let (csv, json) = (place.lines("Master.csv"), place.lines("records.jsonl"));
    let text = std::fs::read(place.0.join("Master.csv")).expect("it is there");
    // Killed before how far it is was noted, with all of it, half a line, or nothing there.
    for length in [text.len(), text.len() - 40, text.len() / 2, 0] {
        std::fs::write(place.0.join("Master.csv"), &text[..length]).expect("written");
        place.execute("UPDATE appended SET bytes = 0, cdr = 0, cel = 0");
        let _ = place.tell(Vec::new());
        assert_eq!(place.lines("Master.csv"), csv, "{length}");
        assert_eq!(place.lines("records.jsonl"), json);
    }
}

#[test]
fn a_file_that_was_taken_away_is_begun_anew() {
    let place = Place::new("rotated");
    let (records, thread, _) = place.start();
    records.recovered();
    drop(records);
    thread.join().expect("it ends");
    let _ = place.tell(attempts(1..3));
    std::fs::rename(place.0.join("Master.csv"), place.0.join("Master.csv.old")).expect("renamed");
    let _ = place.tell(attempts(3..4));
    assert_eq!((place.lines("Master.csv.old").len(), place.lines("Master.csv").len()), (2, 1));
}

#[test]
fn a_file_that_is_large_is_renamed() {
    let place = Place::new("large");
    let _ = place.tell(attempts(1..3_000));
    let _ = place.tell(attempts(3_000..3_001));
    // A thousand at once: the file is looked at in between.
    assert_eq!((place.lines("Master.csv.1").len(), place.lines("Master.csv").len()), (2_000, 1_000));
}

#[test]
fn what_is_old_or_too_much_is_removed() {
    let place = Place::new("tidy");
    let _ = place.tell(attempts(1..101));
    place.execute("UPDATE cdr SET at_ms = 1 WHERE id <= 40");
    let mut database = Database::at(place.0.join("records.db"), &wanted());
    database.tidy(clock::unix_now()).expect("tidied");
    assert_eq!(place.rows("cdr"), 60);
    let mut narrow =
        Database::at(place.0.join("records.db"), &config::Records { bytes_max: 10_000, ..wanted() });
    let before = place.rows("cdr");
    narrow.tidy(clock::unix_now()).expect("tidied");
    assert!(place.rows("cdr") < before);
    for _ in 0..200 {
        narrow.tidy(clock::unix_now()).expect("tidied");
    }
    assert!(place.rows("cdr") <= 1, "the oldest go until there is room");
    let database = Connection::open(place.0.join("records.db")).expect("it is there");
    let free: i64 = database.query_row("PRAGMA freelist_count", [], |row| row.get(0)).expect("read");
    assert_eq!(free, 0, "the file is shorter");
    drop(database);
    let _ = place.tell(attempts(200..201));
    let database = Connection::open(place.0.join("records.db")).expect("it is there");
    let last: i64 = database.query_row("SELECT max(id) FROM cdr", [], |row| row.get(0)).expect("read");
    assert_eq!(last, 101, "numbers are not given out again");
}

#[test]
fn records_go_with_their_events() {
    let place = Place::new("ratio");
    let _ = place.tell(attempts(1..501));
    // Each call a second behind the one before, as if it had been so.
    place.execute("UPDATE cdr SET at_ms = id * 1000");
    place.execute("UPDATE cel SET at_ms = (id + 3) / 4 * 1000");
    assert_eq!((place.rows("cdr"), place.rows("cel")), (500, 2_000));
    let records = config::Records { bytes_max: 100_000, keep_days: 36_500, ..wanted() };
    let mut database = Database::at(place.0.join("records.db"), &records);
    let mut rounds = 0;
    while place.rows("cdr") > 200 {
        assert!(database.tidy(clock::unix_now()).expect("tidied"), "there is more");
        let (cdr, cel) = (place.rows("cdr"), place.rows("cel"));
        assert!((cel - cdr * 4).abs() <= 4, "{cdr} records, {cel} events");
        rounds += 1;
        assert!(rounds < 100);
    }
}

#[test]
fn what_a_killed_process_was_at_is_ended_before_something_new_begins() {
    let place = Place::new("torn");
    let _ = place.tell(attempts(1..4));
    let before = std::fs::read(place.0.join("records.jsonl")).expect("it is there");
    let _ = place.tell(attempts(4..5));
    // The records were noted, and half an event was written, when the disk was full. Then a call more was over.
    let lines: Vec<&[u8]> = before.split_inclusive(|octet| *octet == b'\n').collect();
    let records: usize = lines[..3].iter().map(|line| line.len()).sum();
    for torn in [1, 40, lines[3].len(), lines[3].len() + 5] {
        std::fs::write(place.0.join("records.jsonl"), &before[..records + torn]).expect("written");
        place.execute(&format!(
            "UPDATE appended SET bytes = {records}, cdr = 3, cel = 0 WHERE format = 'json_lines'"
        ));
        let _ = place.tell(Vec::new());
        let objects: Vec<serde_json::Value> = place
            .lines("records.jsonl")
            .iter()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{torn}: {line}: {error}")))
            .collect();
        let of = |kind: &str| objects.iter().filter(|object| object["record"] == kind).count();
        assert_eq!((of("cdr"), of("cel")), (4, 16), "{torn}");
    }
}

#[test]
fn a_call_that_was_up_has_one_record_after_a_crash() {
    let place = Place::new("crash");
    let (records, thread, _) = place.start();
    records.recovered();
    records.tell(vec![fact(7, begun())]);
    drop(records);
    thread.join().expect("it ends");
    assert_eq!((place.rows("cdr"), place.rows("kept")), (0, 1));
    let _ = place.tell(Vec::new());
    let _ = place.tell(Vec::new());
    assert_eq!((place.rows("cdr"), place.rows("kept")), (1, 0));
    assert!(place.lines("Master.csv")[0].contains("\"crash\""));
}

#[test]
fn a_database_that_is_damaged_is_put_aside() {
    let place = Place::new("damaged");
    std::fs::write(place.0.join("records.db"), [0x55; 8_192]).expect("written");
    let _ = place.tell(attempts(1..2));
    assert_eq!(place.rows("cdr"), 1);
    assert!(place.0.join("records.db.damaged").exists());
}

#[test]
fn what_cannot_be_written_waits_and_is_counted() {
    let place = Place::new("unwritten");
    let metrics = Arc::new(Metrics::new(1));
    let database = Database::at(place.0.join("missing").join("records.db"), &wanted());
    let mut writer = Writer::new(database, Vec::new(), Ledger::new(false), 0, Arc::clone(&metrics));
    writer.beat_at += Duration::from_secs(60);
    std::fs::write(place.0.join("missing"), "in the way").expect("written");
    writer.take(Job::Facts(attempts(1..4)), &Waiting::default());
    let now = clock::now();
    writer.write(now, false);
    assert_eq!((writer.ledger.records().len(), metrics.snapshot(0, 0).call_record_errors_total), (3, 1));
    std::fs::remove_file(place.0.join("missing")).expect("removed");
    writer.write(now + Duration::from_millis(100), false);
    assert_eq!(writer.ledger.records().len(), 3, "it is not tried again at once");
    assert_eq!(writer.pause(now + Duration::from_millis(100)), Duration::from_millis(150));
    writer.write(now + Duration::from_millis(250), false);
    assert_eq!((writer.ledger.records().len(), metrics.snapshot(0, 0).call_records_total), (0, 3));
    assert!(writer.patience.until().is_none());
}

#[test]
fn a_database_that_is_found_damaged_is_replaced_with_what_stands() {
    let place = Place::new("found");
    let database = Database::at(place.0.join("records.db"), &wanted());
    let texts = vec![TextFile::new(place.0.join("Master.csv"), TextFormat::Csv, &wanted())];
    let metrics = Arc::new(Metrics::new(1));
    let mut writer = Writer::new(database, texts, Ledger::new(true), 0, metrics);
    let waiting = Waiting::default();
    let now = clock::now();
    // A call that is up, and records of others.
    writer.take(Job::Facts([attempts(1..100), vec![fact(100, begun())]].concat()), &waiting);
    writer.write(now, false);
    assert_eq!((place.rows("cdr"), place.rows("kept"), place.lines("Master.csv").len()), (99, 1, 99));
    writer.database.close();
    std::fs::write(place.0.join("records.db"), [0x55; 8_192]).expect("written");
    drop(std::fs::remove_file(place.0.join("records.db-wal")));
    writer.take(Job::Facts(attempts(101..103)), &waiting);
    writer.write(now, false);
    assert!(place.0.join("records.db.damaged").exists());
    // The call that is up is kept there, too, and the file goes on.
    assert_eq!((place.rows("cdr"), place.rows("kept"), place.lines("Master.csv").len()), (2, 1, 101));
    writer.take(Job::Facts(vec![fact(100, over())]), &waiting);
    writer.write(now, true);
    assert_eq!((place.rows("cdr"), place.rows("kept"), place.lines("Master.csv").len()), (3, 0, 102));
}

#[test]
fn a_text_file_to_which_nothing_is_written_is_put_aside_and_then_removed() {
    let place = Place::new("aged");
    let _ = place.tell(attempts(1..3));
    let old = |days: i64| {
        let ms = i64::try_from(clock::unix_now().as_millis()).expect("a while") - days * 86_400_000;
        place.execute(&format!("UPDATE appended SET since_ms = {ms}"));
        let _ = place.tell(Vec::new());
        (place.lines("Master.csv").len(), place.lines("Master.csv.1").len())
    };
    assert_eq!(old(44), (2, 0));
    assert_eq!(old(46), (0, 2), "half of 90 days");
    assert_eq!(old(44), (0, 2));
    assert_eq!(old(46), (0, 0));
    assert!(!place.0.join("records.jsonl.1").exists() && place.0.join("records.jsonl").exists());
    let _ = place.tell(attempts(3..4));
    assert_eq!(place.lines("Master.csv").len(), 1);
}

#[test]
fn what_is_old_is_removed_without_waiting_for_the_next_beat() {
    let place = Place::new("behind");
    let _ = place.tell(attempts(1..2));
    place.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)
         INSERT INTO cel SELECT i + 100, 1, eventtype, eventtime, cid_name, cid_num, cid_ani, cid_rdnis, cid_dnid, exten, context, channame,
                appname, appdata, amaflags, accountcode, uniqueid, linkedid, peer, extra
         FROM n, (SELECT * FROM cel LIMIT 1)",
    );
    // There is room for all of it.
    let wide = config::Records { bytes_max: 1_000_000_000, ..wanted() };
    let database = Database::at(place.0.join("records.db"), &wide);
    let mut writer = Writer::new(database, Vec::new(), Ledger::new(true), 0, Arc::new(Metrics::new(1)));
    let now = clock::now();
    for (is_behind, rows) in [(true, 15_004), (true, 5_004), (false, 4)] {
        writer.write(now, false);
        assert_eq!((writer.is_behind, place.rows("cel")), (is_behind, rows));
        assert_eq!(writer.pause(now).is_zero(), is_behind);
    }
}

#[test]
fn what_ended_before_a_crash_has_no_second_record() {
    let place = Place::new("ended");
    let _ = place.tell([attempts(1..3), vec![fact(7, begun()), fact(7, over())]].concat());
    assert_eq!((place.rows("cdr"), place.rows("ended")), (3, 3));
    // The switch's store was a moment behind, in two crashes.
    for _ in 0..2 {
        let (records, thread, _) = place.start();
        records.tell(vec![fact(7, begun())]);
        records.recovered();
        records.tell(vec![fact(7, over())]);
        drop(records);
        thread.join().expect("it ends");
        assert_eq!((place.rows("cdr"), place.rows("kept")), (3, 0));
        // Long ago, but for what was just seen to be known still.
        place.execute("UPDATE ended SET at_ms = 1 WHERE id <> 7");
    }
    let _ = place.tell(Vec::new());
    assert_eq!(place.rows("ended"), 1);
}

#[test]
fn kept_rows_of_another_form_are_forgotten() {
    let place = Place::new("form");
    let (records, thread, _) = place.start();
    records.tell(vec![fact(7, begun())]);
    drop(records);
    thread.join().expect("it ends");
    place.execute("UPDATE kept SET state = x'ff00'");
    let _ = place.tell(Vec::new());
    assert_eq!((place.rows("kept"), place.rows("cdr")), (0, 0));
}
