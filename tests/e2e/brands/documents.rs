//! What the documents say of phones and trunks: the daemon takes their configurations, and what they refer to is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::daemon::{Directory, executable};
use crate::tls::Authority;

/// Each block of TOML in docs/phones and docs/trunks, as `trunkline check` reads it.
#[test]
fn configurations_pass_the_check() {
    let directory = Directory::create();
    let file = directory.path().join("trunkline.toml");
    // What pages name.
    let names = ["pbx.example".to_owned()];
    Authority::new(directory.path()).sign("pbx", "pbx", &names);
    fs::copy(directory.path().join("ca.pem"), directory.path().join("carrier-ca.pem"))
        .expect("it was written");
    let mut checked = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page is text");
        for block in text.split("```toml\n").skip(1) {
            let config = block.split("```").next().unwrap_or_default();
            fs::write(&file, config).expect("a directory of ours");
            let mut check = Command::new(executable());
            let output = check.args(["check", "--config"]).arg(&file).output().expect("the daemon is built");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{}: {said}{config}", page.display());
            checked += 1;
        }
    }
    assert!(checked > 0, "no configuration in any page");
}

/// Each link to a file of this repository, and to a heading of it.
#[test]
fn links_lead_somewhere() {
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page is text");
        let room = page.parent().expect("a page is in a room");
        let inline = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let below = text.lines().filter_map(|line| line.split_once("]: ").map(|(_, target)| target));
        for target in inline.chain(below).filter(|target| !target.starts_with("http")) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let place = if file.is_empty() { page.clone() } else { room.join(file) };
            assert!(place.exists(), "{}: {target} is not there", page.display());
            let has_heading = || {
                let text = fs::read_to_string(&place).expect("a page is text");
                text.lines().any(|line| line.starts_with('#') && anchor(line) == heading)
            };
            assert!(heading.is_empty() || has_heading(), "{}: {target} is no heading", page.display());
        }
    }
}

/// What leads to a heading.
fn anchor(line: &str) -> String {
    let text = line.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|sign| sign.is_alphanumeric() || " -_".contains(*sign));
    kept.map(|sign| if sign == ' ' { '-' } else { sign }).collect()
}

/// All pages on phones and trunks.
fn pages() -> Vec<PathBuf> {
    let documents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut pages = vec![documents.join("matrix.md")];
    for room in ["phones", "trunks"] {
        let entries = fs::read_dir(documents.join(room)).unwrap_or_else(|error| panic!("{room}: {error}"));
        pages.extend(entries.flatten().map(|entry| entry.path()));
    }
    pages
}
