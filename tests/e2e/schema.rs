//! The documents of the API against the daemon: schemathesis plays with each operation that OpenAPI names, and the AsyncAPI document is one.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::json;

use crate::baresip::{Answer, Baresip};
use crate::daemon::{API, Daemon, Directory};
use crate::http;
use crate::network::alone;

/// Every phase, every check: no answer is other than the document says, nothing that it describes is refused for its form, and nothing
/// that it rules out is taken. A phone is registered, and two calls are up when it begins.
#[test]
fn schemathesis() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let _phone = Baresip::start(directory.path(), 1, "1001", PASSWORD, "", Answer::Manual);
        daemon.expect_metric("trunkline_registrations", 1.0, SOON);
        for to in ["1003", "1004"] {
            let made = http::post("/v1/lines/1002/make-call", OWNER, &json!({"to": to}));
            assert_eq!(made.status, 200, "{}", made.text);
        }
        let rules = rules();
        fs::copy(rules.join("hooks.py"), directory.path().join("hooks.py")).expect("the hooks");
        let ran = Command::new(tool("TRUNKLINE_SCHEMATHESIS").join("bin/schemathesis"))
            .current_dir(directory.path())
            .env("PYTHONPATH", directory.path())
            .env("NO_COLOR", "1")
            .arg("--config-file")
            .arg(rules.join("schemathesis.toml"))
            .args(["run", &format!("http://{API}/v1/openapi.json"), "--wait-for-schema", "25"])
            .output()
            .expect("schemathesis");
        let text = told(&ran);
        let cases = text
            .lines()
            .find(|line| line.contains(" generated, ") || line.trim_end().ends_with(" generated"))
            .unwrap_or_default();
        eprintln!("schema: {}", cases.trim());
        assert!(ran.status.success(), "{text}");
        assert!(!cases.is_empty(), "{text}");
        assert_eq!(http::get("/livez", None).status, 200);
        assert_eq!(daemon.metric("trunkline_panics_total"), 0.0);
    });
}

/// The AsyncAPI document is what the schema of AsyncAPI 3.0 takes.
#[test]
fn asyncapi() {
    alone(|| {
        let directory = Directory::create();
        let _daemon = Daemon::start(directory.path(), CONFIG);
        let document = directory.path().join("asyncapi.json");
        fs::write(&document, http::get("/v1/asyncapi.json", None).text).expect("room for the document");
        let schema = tool("TRUNKLINE_SCHEMATHESIS").join("node_modules/@asyncapi/specs/schemas/3.0.0.json");
        let checked = Command::new(tool("TRUNKLINE_SCHEMATHESIS").join("bin/python"))
            .arg(rules().join("asyncapi.py"))
            .args([schema, document])
            .output()
            .expect("python");
        assert!(checked.status.success(), "{}", told(&checked));
    });
}

/// How they are to look.
fn rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/schema")
}

fn tool(variable: &str) -> PathBuf {
    env::var_os(variable)
        .map(PathBuf::from)
        .unwrap_or_else(|| panic!("{variable} is not set: run tests/run.sh e2e"))
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

const SOON: Duration = Duration::from_secs(25);
const PASSWORD: &str = "correct-horse-battery";
const OWNER: &str = "a-token-for-the-owner";
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"]
[[app]]
name = "owner"
token = "a-token-for-the-owner"
lines = ["*"]
[[line]]
address = "1001"
password = "correct-horse-battery"
[[line]]
address = "1002"
kind = "local"
[[line]]
address = "1003"
kind = "local"
[[line]]
address = "1004"
kind = "local"
"#;
