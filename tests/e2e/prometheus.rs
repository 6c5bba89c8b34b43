//! What `deploy/` has for those who watch a daemon, at a real Prometheus that scrapes a real daemon with calls.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use crate::daemon::{Daemon, Directory};
use crate::http::{self, Response};
use crate::network::alone;
use crate::process::{Process, wait_until};
use crate::sipp::Sipp;

/// Every alert has a case, which Prometheus' own tool finds true.
#[test]
fn rules() {
    let directory = deploy().join("prometheus");
    let (alerts, cases) = (read("prometheus/alerts.yml"), read("prometheus/alerts_test.yml"));
    let named = |text: &str, before: &str| -> BTreeSet<String> {
        let names = text.lines().filter_map(|line| line.trim().strip_prefix(before));
        names.map(|name| name.trim().to_owned()).collect()
    };
    let alerts = named(&alerts, "- alert: ");
    assert!(alerts.len() > 15, "{alerts:?}");
    assert_eq!(named(&cases, "alertname: "), alerts, "a case for each alert, and none beside");
    for arguments in [["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]] {
        let output = Command::new("promtool").current_dir(&directory).args(arguments).output();
        let output = output.expect("promtool is installed");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
    }
}

/// Prometheus takes what the daemon tells, in the form of its conventions, and finds in it whatever the dashboard and the rules ask
/// for. A trunk whose carrier is silent is an alert.
#[test]
fn scrape() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        // It takes five seconds before it looks for the first time.
        let mut prometheus = start_prometheus(path);
        let mut daemon = Daemon::start(path, CONFIG);
        let callee = Sipp::callee(path, "uas", "127.0.0.1:5070", &["-sn", "uas", "-rtp_echo", "-mp", "7000"]);
        let spoken = brief_audio(path);
        wait_until(&mut prometheus, SOON, || match number("up{job=\"trunkline\"}") {
            Some(1.0) => Ok(()),
            up => Err(format!("{up:?}")),
        });
        let arguments =
            ["127.0.0.1:5060", "-i", "127.0.0.5", "-p", "5080", "-sf", &spoken, "-m", "4", "-r", "4"];
        let counted = Sipp::start(path, "uac", &arguments).finish(SOON);
        assert_eq!((counted.successful(), counted.failed()), (4, 0), "calls with audio");
        drop(callee);

        wait_until(&mut prometheus, SOON, || match alerts() {
            firing if firing.contains("TrunklineTrunkOutOfService dark") => Ok(()),
            firing => Err(format!("{firing:?} are firing")),
        });
        assert!(!alerts().contains("TrunklineTrunkOutOfService sipp"), "that one is in service");
        // Its media is over when the relay has said so, and told when it has been scraped.
        wait_until(&mut prometheus, SOON, || {
            match number("sum(trunkline_call_mos_count{direction=\"received\"})") {
                Some(8.0) => Ok(()),
                calls => Err(format!("{calls:?} calls with audio")),
            }
        });
        assert_eq!(number("max(trunkline_build_info)"), Some(1.0));
        // It looks once a second; each call is up for longer.
        let seen = number("max_over_time(sum(trunkline_calls)[1m:1s])");
        assert!(seen >= Some(2.0), "both sides of a call: {seen:?}");

        let known: BTreeSet<String> = strings(&ask("/api/v1/label/__name__/values")["data"]);
        let expressions = expressions();
        assert!(expressions.len() > 80, "{} expressions", expressions.len());
        for expression in &expressions {
            for name in metrics_of(expression) {
                assert!(known.contains(&name), "{name}, of {expression}, is not told by the daemon");
            }
            // An error would be one of the query language: the tool has checked the rules alone.
            let asked = expression.replace("$instance", ".*").replace("$__rate_interval", "1m");
            assert_eq!(query(&asked)["status"], "success", "{asked}");
        }
        check_metrics();
        assert_eq!(daemon.metric("trunkline_panics_total"), 0.0);
        daemon.process.signal("TERM");
        assert!(daemon.process.wait_exit(SOON).success());
        wait_until(&mut prometheus, SOON, || match alerts() {
            firing if firing.contains("TrunklineDown ") => Ok(()),
            firing => Err(format!("{firing:?} are firing")),
        });
        eprintln!("prometheus: {} expressions, {} series names", expressions.len(), known.len());
    });
}

/// The panels of the dashboard lie beside each other, and ask the data source that is chosen.
#[test]
fn dashboard() {
    let dashboard: Value = serde_json::from_str(&read("grafana/trunkline.json")).expect("it is JSON");
    let panels = dashboard["panels"].as_array().expect("it has panels");
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in panels {
        let place = |side: &str| panel["gridPos"][side].as_u64().unwrap_or_else(|| panic!("{panel}"));
        assert!(place("x") + place("w") <= 24, "{}", panel["title"]);
        for cell in (place("x")..place("x") + place("w")).flat_map(|x| (0..place("h")).map(move |y| (x, y))) {
            assert!(taken.insert((cell.0, place("y") + cell.1)), "{} covers another", panel["title"]);
        }
        assert!(ids.insert(panel["id"].as_u64()), "{} has the id of another", panel["title"]);
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
            assert!(target["expr"].as_str().is_some_and(|expr| expr.contains("$instance")), "{target}");
        }
    }
    assert!(panels.len() > 25, "{} panels", panels.len());
}

/// Prometheus, with the file of `deploy/prometheus`, in a second instead of a minute.
fn start_prometheus(directory: &Path) -> Process {
    fs::write(directory.join("prometheus.yml"), read("prometheus/prometheus.yml").replace("15s", "1s"))
        .expect("a directory of ours");
    let waits = Regex::new(r"for: \d+m").expect("a pattern");
    let alerts = read("prometheus/alerts.yml");
    assert!(waits.is_match(&alerts));
    fs::write(directory.join("alerts.yml"), &*waits.replace_all(&alerts, "for: 1s"))
        .expect("a directory of ours");
    let mut command = Command::new("prometheus");
    command.current_dir(directory).args(["--config.file=prometheus.yml", "--storage.tsdb.path=tsdb"]);
    command.arg(format!("--web.listen-address={PROMETHEUS}"));
    let mut process = Process::spawn("prometheus", &mut command);
    wait_until(&mut process, SOON, || match TcpStream::connect(PROMETHEUS) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    });
    process
}

/// SIPp's stock caller with audio, which speaks for eight seconds: here for half of one.
fn brief_audio(directory: &Path) -> String {
    let output = Command::new("sipp").args(["-sd", "uac_pcap"]).output().expect("SIPp is installed");
    let stock = String::from_utf8(output.stdout).expect("SIPp speaks UTF-8");
    assert!(stock.contains("<pause milliseconds=\"8000\"/>"), "{stock}");
    let path = directory.join("brief.xml");
    fs::write(&path, stock.replace("\"8000\"", "\"500\"")).expect("a directory of ours");
    path.to_str().expect("paths here are UTF-8").to_owned()
}

/// `promtool check metrics` reads the older form of the text alone, where a counter's whole name is described.
fn check_metrics() {
    let text = http::get("/metrics", None).text;
    let mut counters = BTreeSet::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_suffix(" counter")) {
            counters.insert(name.to_owned());
        }
    }
    let mut older = String::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "TYPE", name, "info"] => older.push_str(&format!("# TYPE {name}_info gauge\n")),
            ["#", keyword, name, rest] if counters.contains(name) => {
                older.push_str(&format!("# {keyword} {name}_total {rest}\n"));
            }
            ["#", "HELP", "trunkline_build", rest] => {
                older.push_str(&format!("# HELP trunkline_build_info {rest}\n"))
            }
            _ => older.push_str(&format!("{line}\n")),
        }
    }
    let mut tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed");
    let mut stdin = tool.stdin.take().expect("it is a pipe");
    stdin.write_all(older.as_bytes()).expect("it reads");
    drop(stdin);
    let output = tool.wait_with_output().expect("it is our child");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.trim().is_empty(), "promtool check metrics: {said}\n{older}");
}

/// What is firing: alert and trunk.
fn alerts() -> BTreeSet<String> {
    let answer = ask("/api/v1/alerts");
    let alerts = answer["data"]["alerts"].as_array().expect("a list");
    let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
    let name = |alert: &Value| {
        let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
        format!("{} {}", label("alertname"), label("trunk"))
    };
    firing.map(name).collect()
}

/// Whatever dashboard and rules ask for.
fn expressions() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&read("grafana/trunkline.json")).expect("it is JSON");
    let mut expressions = Vec::new();
    collect(&dashboard, &mut expressions);
    let answer = ask("/api/v1/rules");
    for rule in answer["data"]["groups"][0]["rules"].as_array().expect("a list") {
        expressions.push(rule["query"].as_str().expect("a text").to_owned());
    }
    expressions
}

fn collect(value: &Value, expressions: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            expressions.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect(value, expressions));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, expressions)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn metrics_of(expression: &str) -> Vec<String> {
    let names = Regex::new(r"\b(?:up|(?:trunkline|process)_[a-z_]+)\b").expect("a pattern");
    // What is quoted is a label.
    let bare = Regex::new("\"[^\"]*\"").expect("a pattern").replace_all(expression, "").into_owned();
    let found: Vec<String> = names.find_iter(&bare).map(|name| name.as_str().to_owned()).collect();
    assert!(!found.is_empty(), "{expression} names no metric");
    found
}

fn number(expression: &str) -> Option<f64> {
    query(expression)["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

fn query(expression: &str) -> Value {
    let escaped: String = expression.bytes().map(|octet| format!("%{octet:02X}")).collect();
    ask(&format!("/api/v1/query?query={escaped}"))
}

fn strings(values: &Value) -> BTreeSet<String> {
    let values = values.as_array().expect("a list");
    values.iter().map(|value| value.as_str().expect("a text").to_owned()).collect()
}

/// By HTTP/1.0: one piece.
fn ask(path: &str) -> Value {
    let mut stream = TcpStream::connect(PROMETHEUS).expect("it listens");
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    Response::read(answer).json()
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

fn read(file: &str) -> String {
    fs::read_to_string(deploy().join(file)).unwrap_or_else(|error| panic!("deploy/{file}: {error}"))
}

const PROMETHEUS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9090);
const SOON: Duration = Duration::from_secs(20);

/// Nobody is at the carrier's address.
const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060"]
[media]
listen = "127.0.0.1"
kernel = "off"
[[trunk]]
name = "sipp"
peer = "udp:127.0.0.1:5070"
[[trunk]]
name = "callers"
peer = "udp:127.0.0.5:5080"
allow_from = ["127.0.0.5/32"]
[[trunk]]
name = "dark"
peer = "udp:127.0.0.9:5060"
username = "4930"
password = "change-me"
register = true
[[route]]
from = "trunk:callers"
match = ".*"
to = "trunk:sipp"
"#;
