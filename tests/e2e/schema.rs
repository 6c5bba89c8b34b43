//! The AsyncAPI document of the daemon is one.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::daemon::{Daemon, Directory};
use crate::http;
use crate::network::alone;

/// The AsyncAPI document is what the schema of AsyncAPI 3.0 takes.
#[test]
fn asyncapi() {
    alone(|| {
        let directory = Directory::create();
        let _daemon = Daemon::start(directory.path(), CONFIG);
        let document = directory.path().join("asyncapi.json");
        fs::write(&document, http::get("/v1/asyncapi.json", None).text).expect("room for the document");
        let schema = tool("TRUNKLINE_SCHEMA").join("node_modules/@asyncapi/specs/schemas/3.0.0.json");
        let checked = Command::new(tool("TRUNKLINE_SCHEMA").join("bin/python"))
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
