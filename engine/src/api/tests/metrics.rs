//! Every number of `/metrics` is in `docs/watching.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::stage::Stage;

/// The table, of what a daemon tells that has just started.
fn table(metrics: &str) -> String {
    let mut known: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for line in metrics.lines() {
        let Some((keyword, (name, text))) = line
            .strip_prefix("# ")
            .and_then(|rest| rest.split_once(' '))
            .and_then(|(keyword, rest)| Some((keyword, rest.split_once(' ')?)))
        else {
            continue;
        };
        let entry = known.entry(name).or_default();
        match keyword {
            "HELP" => entry.0 = text,
            "TYPE" => entry.1 = text,
            _ => {}
        }
    }
    let mut table = "| metric | type | what |\n|---|---|---|\n".to_owned();
    for (name, (help, kind)) in known {
        let suffix = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        writeln!(table, "| `{name}{suffix}` | {kind} | {help} |").unwrap();
    }
    table
}

#[tokio::test]
async fn the_document_has_every_metric() {
    let stage = Stage::new().await;
    let table = table(&stage.ask("GET", "/metrics", &[], "").await.body);
    assert!(table.lines().count() > 25 && !table.contains(".. |"), "{table}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/watching.md");
    let read = || std::fs::read_to_string(&path).unwrap();
    let text = read();
    let head = table.lines().next().unwrap();
    let (before, rest) = text.split_once(head).expect("the document has the table");
    let after = rest.split_once("\n\n").map_or("", |(_, after)| after);
    let wanted = format!("{before}{table}\n{after}");
    if std::env::var_os("TRUNKLINE_BLESS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    assert_eq!(read(), wanted, "docs/watching.md differs; look, then run with TRUNKLINE_BLESS=1");
}
