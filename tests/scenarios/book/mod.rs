//! The book (`docs/`): what its pages on operations say of a run is what the run does, and no page or link is lost.
//!
//! Between `<!-- made: NAME -->` and `<!-- /made -->` stands what a run has made; `TRUNKLINE_BLESS=1` makes it anew.

mod between;
mod calls;
mod elsewhere;
mod links;
mod media;
mod parties;
mod play;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use trunkline::switch::{CallOperation, LineOperation};

use self::play::Play;

/// An operation and how it is played.
type Page = (&'static str, fn(&mut Play));

/// Operations that neither calls nor lines have in their `features`.
const OTHERS: [&str; 4] = ["close", "open", "set-app-priority", "set-status-messages"];

/// Operations that another page tells of.
const BESIDE: [(&str, &str); 4] = [
    ("pause-recording", "start-recording"),
    ("resume-recording", "start-recording"),
    ("stop-recording", "start-recording"),
    ("stop-fork", "start-fork"),
];

fn pages() -> Vec<Page> {
    [calls::PAGES, parties::PAGES, elsewhere::PAGES, between::PAGES, media::PAGES].concat()
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

#[test]
fn pages_on_operations_say_what_happens() {
    let mut wrong = Vec::new();
    for (operation, play) in pages() {
        let mut scene = Play::of(operation);
        play(&mut scene);
        let path = docs().join(format!("operations/{operation}.md"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let wanted = filled(&text, &scene.blocks(), operation);
        if wanted != text && std::env::var_os("TRUNKLINE_BLESS").is_some() {
            fs::write(&path, &wanted).unwrap();
        } else if wanted != text {
            wrong.push(format!("docs/operations/{operation}.md should have:\n{wanted}"));
        }
    }
    assert!(wrong.is_empty(), "{}\nLook, then run with TRUNKLINE_BLESS=1", wrong.join("\n"));
}

#[test]
fn every_operation_has_a_page() {
    let named = CallOperation::ALL.iter().map(|operation| operation.name());
    let named = named.chain(LineOperation::ALL.iter().map(|operation| operation.name())).chain(OTHERS);
    let page_of = |name| BESIDE.iter().find(|(known, _)| *known == name).map_or(name, |(_, page)| *page);
    let wanted: BTreeSet<&str> = named.map(page_of).collect();
    let played: BTreeSet<&str> = pages().iter().map(|(operation, _)| *operation).collect();
    assert_eq!(played, wanted);
}

/// The page with what was made between its marks.
fn filled(text: &str, blocks: &[(&str, String)], page: &str) -> String {
    let mut text = text.to_owned();
    for (name, made) in blocks {
        let (begin, end) = (format!("<!-- made: {name} -->\n"), "<!-- /made -->");
        let Some(from) = text.find(&begin).map(|at| at + begin.len()) else {
            panic!("{page}: write {begin}{end} where the page is to show it");
        };
        let to = from + text[from..].find(end).unwrap_or_else(|| panic!("{page}: {name} has no {end}"));
        text.replace_range(from..to, &format!("{made}\n"));
    }
    let known = text.matches("<!-- made: ").count();
    assert_eq!(known, blocks.len(), "{page}: a block that nothing makes");
    text
}
