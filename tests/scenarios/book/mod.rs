//! The book (`docs/`): what its pages on operations say of a run is what the run does, and no page or link is lost.
//!
//! Between `<!-- made: NAME -->` and `<!-- /made -->` stands what a run has made; `TRUNKLINE_BLESS=1` makes it anew.

mod calls;
mod elsewhere;
mod links;
mod parties;
mod play;

use std::fs;
use std::path::{Path, PathBuf};

use self::play::Play;

/// An operation and how it is played.
type Page = (&'static str, fn(&mut Play));

fn pages() -> Vec<Page> {
    [calls::PAGES, parties::PAGES, elsewhere::PAGES].concat()
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
