//! Records of calls: as many as there were calls, whatever becomes of the daemon.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;

use crate::daemon::{Daemon, Directory, executable};
use crate::http;
use crate::network::alone;
use crate::process::wait_until;
use crate::sipp::{Sipp, scenario};

#[test]
fn one_for_each_of_200_calls() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let mut daemon = Daemon::start(path, CONFIG);
        let callee = Sipp::untraced_callee(path, "uas", "127.0.0.1:5070", &["-sn", "uas"]);
        let caller = Sipp::untraced(path, "uac", &caller("200", "100", "200"));
        let counted = caller.finish(Duration::from_secs(20));
        assert_eq!((counted.successful(), counted.failed()), (200, 0));
        drop(callee.close());
        // One whom no route takes.
        let refused = Sipp::untraced(
            path,
            "none",
            &["127.0.0.1:5060", "-i", "127.0.0.1", "-p", "5081", "-s", "nowhere", "-m", "1", "-sn", "uac"],
        );
        assert_eq!(refused.finish(Duration::from_secs(10)).failed(), 1);
        daemon.expect_metric("trunkline_call_records_total", 201.0, Duration::from_secs(5));
        daemon.expect_nothing_left();

        let [answered, failed] = ["ANSWERED", "FAILED"].map(|disposition| {
            count(path, &format!("SELECT count(*) FROM cdr WHERE disposition = '{disposition}'"))
        });
        assert_eq!((answered, failed, count(path, "SELECT count(*) FROM kept")), (200, 1, 0));
        let plain = "src = 'sipp' AND dst = 'service' AND channel LIKE 'SIP/sipp-c%' AND dstchannel LIKE 'SIP/sipp-c%' \
                     AND dcontext = 'trunk:sipp' AND lastapp = 'Dial' AND endedby = 'caller' AND sipstatus = 200 AND hangupcause = 16 \
                     AND disconnectmode = 'normal' AND duration - billsec IN (0, 1) AND linkedid = uniqueid AND sequence = 0";
        assert_eq!(count(path, &format!("SELECT count(*) FROM cdr WHERE {plain}")), 200);
        assert_eq!(
            count(
                path,
                "SELECT count(*) FROM cdr WHERE sipstatus = 404 AND hangupcause = 1 AND dst = 'nowhere'"
            ),
            1
        );
        assert_once(path, 201);
        // Both sides of each call: they begin, answer and hang up; one of them enters the conversation and leaves it.
        for (event, expected) in [
            ("CHAN_START", 401),
            ("ANSWER", 400),
            ("BRIDGE_ENTER", 200),
            ("CHAN_END", 401),
            ("LINKEDID_END", 201),
        ] {
            assert_eq!(
                count(path, &format!("SELECT count(*) FROM cel WHERE eventtype = '{event}'")),
                expected,
                "{event}"
            );
        }
        let events = fs::read_to_string(path.join("state/cel.csv")).expect("it is there").lines().count();
        assert_eq!(events as i64, count(path, "SELECT count(*) FROM cel"));
        assert_read(path);
    });
}

/// What the API and `ctl` say of 201 records.
fn assert_read(path: &Path) {
    let mut next = Some("/v1/records?limit=90&disposition=ANSWERED&line=sipp".to_owned());
    let mut ids = Vec::new();
    while let Some(page) = next {
        let answer = http::get(&page, Some(OWNER));
        assert_eq!(answer.status, 200, "{page}: {}", answer.text);
        let records = answer.json();
        ids.extend(records.as_array().expect("a list").iter().filter_map(|record| record["id"].as_i64()));
        next = answer.next();
    }
    let newest_first = ids.windows(2).all(|pair| pair[0] > pair[1]);
    assert_eq!((ids.len(), newest_first), (200, true));
    let csv = http::get("/v1/records?format=csv&limit=1000", Some(OWNER)).text;
    let text = fs::read_to_string(path.join("state/Master.csv")).expect("it is there");
    let file: BTreeSet<&str> = text.lines().collect();
    let asked: BTreeSet<&str> =
        csv.lines().skip(1).filter_map(|line| Some(line.split_once(',')?.1)).collect();
    assert_eq!(asked, file, "the same as in the file, behind their numbers");
    let ctl = |arguments: &[&str]| {
        let output = Command::new(executable()).args(["ctl", "--token", OWNER]).args(arguments).output();
        let output = output.expect("the program that is tested");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let table = ctl(&["records", "--disposition", "failed"]);
    let lines: Vec<_> = table.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("START") && lines[1].contains("nowhere"), "{table}");
    assert!(lines[1].contains("FAILED") && lines[1].contains(" 404"), "{table}");
    let json: serde_json::Value =
        serde_json::from_str(&ctl(&["--json", "records", "--limit", "3", "--from", "2026-01-01"]))
            .expect("JSON");
    assert_eq!(json.as_array().map(Vec::len), Some(3), "{json}");
    assert_eq!(ctl(&["records", "--to", "2001-01-01"]), "none\n");
}

/// Ten calls with audio are up and go on; their records tell of them from the beginning, over the crash, to the end.
#[test]
fn one_for_each_call_over_a_crash() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let mut daemon = Daemon::start(path, CONFIG);
        let callee =
            Sipp::untraced_callee(path, "uas", "127.0.0.1:5070", &["-sn", "uas", "-rtp_echo", "-mp", "7000"]);
        let brief = Sipp::untraced(path, "brief", &caller("20", "100", "50"));
        assert_eq!(brief.finish(Duration::from_secs(10)).successful(), 20);
        let caller = Sipp::untraced(
            path,
            "uac",
            &["127.0.0.1:5060", "-i", "127.0.0.1", "-p", "5081", "-m", "10", "-r", "40", "-sn", "uac_pcap"],
        );
        daemon.expect_metric("trunkline_calls", 20.0, Duration::from_secs(5));
        // What is newer than a second may be missing of the calls, and a tenth of that of their records.
        daemon.process.runs_for(Duration::from_millis(1_500));
        daemon.power_cut();
        let counted = caller.finish(Duration::from_secs(20));
        assert_eq!((counted.successful(), counted.failed()), (10, 0), "the caller's calls");
        drop(callee.close());
        expect_rows(&mut daemon, path, 30);
        let answered = "SELECT count(*) FROM cdr WHERE disposition = 'ANSWERED' AND endedby = 'caller'";
        assert_eq!(count(path, answered), 30);
        let with_figures = "billsec BETWEEN 7 AND 15 AND lastdata = 'sipp/service' AND dst_codec = 'PCMA' AND src_rx_mos > 4 AND dst_rx_mos > 4 AND dst_rx_jitter < 20";
        assert_eq!(count(path, &format!("SELECT count(*) FROM cdr WHERE {with_figures}")), 10);
        assert_once(path, 30);

        // Calls on their way are not taken back: their records say so, once.
        let silent = Sipp::untraced_callee(
            path,
            "silent",
            "127.0.0.1:5070",
            &["-sf", &scenario(path, "rings.xml", &[])],
        );
        let rings = Sipp::untraced(
            path,
            "rings",
            &["127.0.0.1:5060", "-i", "127.0.0.1", "-p", "5082", "-m", "5", "-sn", "uac"],
        );
        daemon.expect_metric("trunkline_calls", 10.0, Duration::from_secs(5));
        daemon.process.runs_for(Duration::from_millis(500));
        daemon.power_cut();
        expect_rows(&mut daemon, path, 35);
        assert_eq!(
            count(path, "SELECT count(*) FROM cdr WHERE disposition = 'FAILED' AND endedby = 'crash'"),
            5
        );
        drop((silent, rings));
        daemon.power_cut();
        assert_once(path, 35);
    });
}

/// Killed again and again while calls come, talk and go: each that began has one record, and nobody has two.
#[test]
fn one_for_each_over_many_crashes() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let mut daemon = Daemon::start(path, CONFIG);
        let callee = Sipp::untraced_callee(path, "uas", "127.0.0.1:5070", &["-sn", "uas"]);
        let numbered = scenario(path, "numbered.xml", &[]);
        let place = ["127.0.0.1:5060", "-i", "127.0.0.1", "-p", "5080", "-m", "400", "-r", "40"];
        let noted = ["-sf", &numbered, "-trace_logs", "-log_file", "numbered.log"];
        let caller = Sipp::untraced(path, "numbered", &[&place[..], &noted].concat());
        let went_well = || fs::read_to_string(path.join("numbered.log")).unwrap_or_default();
        for kill in 1..=4 {
            // Calls end all the time: some just did.
            wait_until(&mut daemon.process, Duration::from_secs(30), || {
                let ended = went_well().lines().count();
                if ended >= kill * 15 { Ok(()) } else { Err(format!("{ended} calls went well")) }
            });
            daemon.power_cut();
        }
        // Some calls are up, and some lost their daemon on their way: they wait for longer than a test may.
        drop(caller);
        // Without its state nothing is taken back, so whatever was taken for a call that is up has its record at once.
        daemon.process.kill();
        for file in ["state.db", "state.db-wal", "state.db-shm"] {
            drop(fs::remove_file(path.join("state").join(file)));
        }
        drop(daemon.start_again());
        wait_until(&mut daemon.process, Duration::from_secs(25), || {
            match count(path, "SELECT count(*) FROM kept") {
                0 => Ok(()),
                kept => Err(format!("{kept} calls are taken for up")),
            }
        });
        let twice = "SELECT count(*) FROM (SELECT src FROM cdr WHERE disposition = 'ANSWERED' GROUP BY src HAVING count(*) > 1)";
        assert_eq!(count(path, twice), 0, "calls with two records");
        // What began within a tenth of a second before a crash may be unknown; whatever was known to begin has one record.
        let begun = "FROM cel WHERE eventtype = 'CHAN_START' AND cid_num LIKE 'n%'";
        let not_once = format!(
            "SELECT count(*) {begun} AND (SELECT count(*) FROM cdr WHERE cdr.uniqueid = cel.uniqueid) <> 1"
        );
        assert_eq!(count(path, &not_once), 0, "calls that began and have no record, or several");
        assert_eq!(count(path, &format!("SELECT count(*) {begun}")), count(path, "SELECT count(*) FROM cdr"));
        let all = count(path, "SELECT count(*) FROM cdr");
        assert_once(path, usize::try_from(all).expect("not negative"));
        drop(callee);
    });
}

fn caller<'a>(calls: &'a str, rate: &'a str, lasts_ms: &'a str) -> Vec<&'a str> {
    vec![
        "127.0.0.1:5060",
        "-i",
        "127.0.0.1",
        "-p",
        "5080",
        "-m",
        calls,
        "-r",
        rate,
        "-d",
        lasts_ms,
        "-sn",
        "uac",
    ]
}

fn expect_rows(daemon: &mut Daemon, path: &Path, expected: i64) {
    wait_until(&mut daemon.process, Duration::from_secs(5), || {
        match count(path, "SELECT count(*) FROM cdr") {
            found if found == expected => Ok(()),
            found => Err(format!("{found} records, not {expected}")),
        }
    });
}

fn count(path: &Path, query: &str) -> i64 {
    let database = Connection::open(path.join("state/records.db")).expect("it is there");
    database.query_row(query, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// The database, the CSV file and the JSON lines have the same records, each once.
fn assert_once(path: &Path, expected: usize) {
    let text = |file| fs::read_to_string(path.join("state").join(file)).expect("it is there");
    let csv = text("Master.csv");
    let lines: Vec<_> =
        csv.lines().map(|line| line.split(',').nth(16).expect("uniqueid").trim_matches('"')).collect();
    let json = text("records.jsonl");
    let objects = json.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line));
    let objects: Vec<_> = objects
        .filter(|object| object["record"] == "cdr")
        .map(|object| object["uniqueid"].to_string())
        .collect();
    let each = |all: &[&str]| (all.len(), all.iter().collect::<BTreeSet<_>>().len());
    assert_eq!(each(&lines), (expected, expected), "{csv}");
    let objects: Vec<_> = objects.iter().map(|text| text.trim_matches('"')).collect();
    assert_eq!(each(&objects), (expected, expected));
    assert_eq!(count(path, "SELECT count(*) FROM cdr"), expected as i64);
    assert_eq!(lines.iter().collect::<BTreeSet<_>>(), objects.iter().collect::<BTreeSet<_>>());
}

const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060"]
[media]
listen = "127.0.0.1"
ports = "20000-29999"
kernel = "off"
[records]
sqlite = "records.db"
csv = "Master.csv"
csv_events = "cel.csv"
json_lines = "records.jsonl"
events = true
[[trunk]]
name = "sipp"
peer = "udp:127.0.0.1:5070"
allow_from = ["127.0.0.1/32"]
max_calls = 1000
[[route]]
from = "any"
match = "service"
to = "trunk:sipp"
[[app]]
name = "crm"
token = "crm-token"
lines = ["*"]
"#;

/// Of the application in it.
const OWNER: &str = "crm-token";
