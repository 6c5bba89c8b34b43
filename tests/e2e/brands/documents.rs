//! What the documents say of phones and trunks: the daemon takes their configurations.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::brand::Brand;
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

/// The matrix names each play of a day and no other; each of its columns is a brand whose day is played; what it says of a brand where
/// brands differ is what the brand's file has.
#[test]
fn the_matrix_is_what_is_played() {
    let room = Path::new(env!("CARGO_MANIFEST_DIR"));
    let matrix = fs::read_to_string(room.join("../docs/matrix.md")).expect("it is there");
    let source = fs::read_to_string(room.join("e2e/brands/mod.rs")).expect("it is there");
    // Each `[cell][name]` has one definition.
    let mut links = BTreeMap::new();
    for line in matrix.lines() {
        if let Some((name, target)) = line.strip_prefix('[').and_then(|line| line.split_once("]: ")) {
            assert!(links.insert(name, target).is_none(), "{name} leads to two places");
        }
    }
    let used: BTreeSet<&str> =
        matrix.split("][").skip(1).filter_map(|rest| rest.split_once(']')).map(|(name, _)| name).collect();
    assert_eq!(used, links.keys().copied().collect(), "what is referred to, and what there is");

    let (_, day) = source.split_once("fn a_day_of(brand: &str) {").expect("a day");
    let day = day.split("\n}\n").next().unwrap_or_default();
    let calls = |text: &str, of: &str| -> BTreeSet<String> {
        let names =
            text.split(of).skip(1).filter_map(|rest| rest.split_once('(')).map(|(name, _)| name.to_owned());
        names.filter(|name| name.chars().all(|sign| sign.is_ascii_lowercase() || sign == '_')).collect()
    };
    let described: BTreeSet<&str> =
        matrix.split('`').filter(|name| source.contains(&format!("fn {name}("))).collect();
    for play in calls(day, "office.").iter().filter(|play| play.contains("_") && *play != "has_lamps") {
        let parts = || {
            let (_, body) = source.split_once(&format!("fn {play}(")).expect("a play");
            calls(body.split("\n    }\n").next().unwrap_or_default(), "self.")
        };
        let is_described =
            described.contains(play.as_str()) || parts().iter().any(|part| described.contains(part.as_str()));
        assert!(is_described, "{play} is played, and not in the matrix");
    }
    for (name, target) in &links {
        let Some((_, play)) = target.split_once("brands/mod.rs#") else { continue };
        assert!(described.contains(play), "{name}: {play} is not described");
        let is_called = ["office.", "self."].iter().any(|of| source.contains(&format!("{of}{play}(")));
        assert!(is_called, "{name}: {play} is never played");
    }

    let row = |name: &str| -> Vec<&str> {
        let line = matrix.lines().find(|line| line.starts_with(&format!("| {name} |"))).expect("a row");
        line.trim_matches('|').split('|').skip(1).map(str::trim).collect()
    };
    let rows = [
        "hold",
        "lamp (BLF)",
        "pickup key",
        "an application answers",
        "an application holds",
        "DND, forward sync",
    ];
    let rows = rows.map(row);
    let columns = row("words of");
    for (column, words) in columns.iter().enumerate() {
        let (_, file) = words.split_once("brands/").expect("a file");
        let name = file.trim_end_matches(".txt)");
        assert!(source.contains(&format!("a_day_of(\"{name}\")")), "{name} is not played");
        let brand = Brand::read(name);
        let [hold, lamp, pickup, answers, holds, sync] = rows.each_ref().map(|row| row[column]);
        let is = |cell: &str, word: &str| cell.to_lowercase().starts_with(&format!("[{word}"));
        let form = if brand.setting("hold") == "address" { "0.0.0.0" } else { brand.setting("hold") };
        assert!(is(hold, form), "{name}: {hold}");
        let key = brand.setting("pickup");
        assert_eq!([lamp, pickup].map(|cell| cell == "has none"), [key.is_empty(); 2], "{name}");
        assert!(key.is_empty() || is(pickup, key), "{name}: {pickup}");
        assert!(
            is(answers, if brand.announces("180", "talk") { "talk" } else { "rung anew" }),
            "{name}: {answers}"
        );
        assert_eq!(is(holds, "hold"), brand.announces("INVITE", "hold"), "{name}: {holds}");
        assert_eq!(sync != "has none", brand.says("SetDoNotDisturb"), "{name}: {sync}");
    }
    assert_eq!(columns.len(), source.matches("a_day_of(\"").count(), "a column for each brand");
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
