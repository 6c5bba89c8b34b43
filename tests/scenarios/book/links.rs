//! The pages of the book: each is in its contents, and each link leads somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::docs;

/// All pages, as `SUMMARY.md` names them.
fn pages() -> BTreeSet<String> {
    let (root, mut rooms, mut pages) = (docs(), vec![docs()], BTreeSet::new());
    while let Some(room) = rooms.pop() {
        for entry in fs::read_dir(room).expect("a directory").flatten() {
            let path = entry.path();
            if path.is_dir() {
                rooms.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let name = path.strip_prefix(&root).expect("it is below");
                pages.insert(name.display().to_string());
            }
        }
    }
    assert!(pages.remove("SUMMARY.md"), "the book has contents");
    pages
}

/// Where the links of a text lead: those in it, and those defined below it. What stands in a block of code is none.
fn links(text: &str) -> Vec<&str> {
    let (mut found, mut is_code) = (Vec::new(), false);
    for line in text.lines() {
        is_code ^= line.trim_start().starts_with("```");
        if is_code {
            continue;
        }
        let definition = line.strip_prefix('[').and_then(|line| line.split_once("]: "));
        // What stands between backticks is code.
        let prose = line.split('`').step_by(2);
        let parts = prose.flat_map(|part| part.split("](").skip(1));
        // A link whose text ends with code begins behind it.
        let inline = parts.filter_map(|rest| rest.split(')').next());
        found.extend(inline.chain(definition.map(|(_, target)| target.trim())));
    }
    found
}

/// What leads to a heading, as forges and mdBook have it.
fn anchors(text: &str) -> BTreeSet<String> {
    let (mut found, mut is_code) = (BTreeSet::new(), false);
    for line in text.lines() {
        is_code ^= line.starts_with("```");
        let Some(heading) = line.strip_prefix('#').filter(|_| !is_code) else { continue };
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|sign| sign.is_alphanumeric() || " -_".contains(*sign));
        let anchor: String = kept.map(|sign| if sign == ' ' { '-' } else { sign }).collect();
        let again = (1..).map(|number| format!("{anchor}-{number}"));
        let free = std::iter::once(anchor.clone()).chain(again).find(|name| !found.contains(name));
        found.extend(free);
    }
    found
}

#[test]
fn the_contents_name_each_page_once() {
    let summary = fs::read_to_string(docs().join("SUMMARY.md")).unwrap();
    let mut named = BTreeSet::new();
    for target in links(&summary) {
        assert!(named.insert(target.to_owned()), "docs/SUMMARY.md names {target} twice");
    }
    for page in pages() {
        let path = docs().join(&page);
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("# "),
            "docs/{page} begins with no heading: write # and what the page is of"
        );
        assert!(
            named.remove(&page),
            "docs/{page} is in no chapter: add `- [its title]({page})` to docs/SUMMARY.md"
        );
    }
    assert!(named.is_empty(), "docs/SUMMARY.md names what is not there: {named:?}");
}

#[test]
fn links_of_pages_lead_somewhere() {
    let root = docs().canonicalize().unwrap();
    let repository = root.parent().unwrap().to_owned();
    let beside =
        ["README.md", "SECURITY.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md", "bench/README.md"];
    let paths = pages().into_iter().map(|page| root.join(page));
    let paths: Vec<PathBuf> = paths.chain(beside.map(|page| repository.join(page))).collect();
    let (mut lost, mut followed) = (Vec::new(), 0);
    for path in &paths {
        let text = fs::read_to_string(path).unwrap();
        for target in links(&text).into_iter().filter(|target| !target.contains("://")) {
            followed += 1;
            if let Err(wrong) = follow(path, target, &repository) {
                lost.push(format!("{}: {target} {wrong}", path.strip_prefix(&repository).unwrap().display()));
            }
        }
    }
    assert!(followed > 200, "{followed} links");
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

fn follow(page: &Path, target: &str, repository: &Path) -> Result<(), String> {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let place = if file.is_empty() { page.to_owned() } else { page.with_file_name(file) };
    let place = place.canonicalize().map_err(|_| "is not there".to_owned())?;
    if !place.starts_with(repository) {
        return Err("is outside of the repository".to_owned());
    }
    if anchor.is_empty() {
        return Ok(());
    }
    let text = fs::read_to_string(&place).map_err(|error| error.to_string())?;
    if place.extension().is_some_and(|extension| extension == "rs") {
        let has = text.contains(&format!("fn {anchor}("));
        return has.then_some(()).ok_or_else(|| "is no function there".to_owned());
    }
    let headings = anchors(&text);
    if headings.contains(anchor) {
        Ok(())
    } else {
        Err(format!("is no heading there; there are {headings:?}"))
    }
}

#[test]
fn links_are_found_in_prose_and_not_in_code() {
    let text = "see [a](x.md), [`b`](y.md#z)\n```\n[c](no.md)\n```\nand `[d](no.md)`\n[e]: w.md\n";
    assert_eq!(links(text), ["x.md", "y.md#z", "w.md"]);
    let text = "# One, two\n## One two\n```\n# no\n```\n### `[sip]`\n";
    let wanted = ["one-two", "one-two-1", "sip"].map(str::to_owned);
    assert_eq!(anchors(text), BTreeSet::from(wanted));
}
