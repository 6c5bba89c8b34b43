//! `trunkline.toml(5)`, made of the example file, which explains every key.

use clap_mangen::roff::{Inline, Roff, bold, roman};

/// The file that is read to learn the keys: its tests hold it to what the engine takes.
pub(super) const EXAMPLE: &str = include_str!("../../trunkline.example.toml");

/// What a line of the example is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Line<'a> {
    Blank,
    /// Says what follows.
    Prose(&'a str),
    /// Begins a table, which may be commented out.
    Table(&'a str),
    /// A key and its value, as they stand there.
    Key(&'a str),
}

impl<'a> Line<'a> {
    pub(super) fn of(line: &'a str) -> Self {
        let bare = line.trim_start_matches('#').trim();
        let is_table = bare.starts_with('[') && bare.ends_with(']');
        let key = bare.split_once(" = ").map_or("", |(key, _)| key);
        let is_key = !key.is_empty() && key.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'_');
        match bare {
            "" => Self::Blank,
            table if is_table => Self::Table(table),
            _ if is_key => Self::Key(line),
            prose => Self::Prose(prose),
        }
    }
}

/// The page, as roff.
pub(super) fn page() -> String {
    let source = concat!("trunkline ", env!("CARGO_PKG_VERSION"));
    let mut page = Roff::new();
    page.control("TH", ["trunkline.toml", "5", "", source, ""]);
    page.control("SH", ["NAME"]).text([roman("trunkline.toml - configuration of trunkline")]);
    page.control("SH", ["SYNOPSIS"]).text([roman("/etc/trunkline/trunkline.toml")]);
    page.control("SH", ["DESCRIPTION"]);
    render(&mut page, EXAMPLE);
    page.control("SH", ["SEE ALSO"]);
    page.text([bold("trunkline"), roman("(1), "), bold("trunkline-check"), roman("(1)")]);
    page.to_roff()
}

/// A section for each table, a paragraph for each text with the keys that it speaks of.
fn render(page: &mut Roff, example: &str) {
    let (mut prose, mut keys) = (Vec::new(), Vec::new());
    for line in example.lines().map(Line::of).chain([Line::Blank]) {
        if !keys.is_empty() && !matches!(line, Line::Key(_)) {
            entry(page, &keys, &prose);
            keys.clear();
            prose.clear();
        }
        match line {
            Line::Prose(text) => prose.push(text),
            Line::Key(key) => keys.push(key),
            Line::Table(table) => {
                page.control("SH", [table]);
                paragraph(page, &prose);
                prose.clear();
            }
            Line::Blank => {
                paragraph(page, &prose);
                prose.clear();
            }
        }
    }
}

fn entry(page: &mut Roff, keys: &[&str], prose: &[&str]) {
    for (nth, key) in keys.iter().enumerate() {
        page.control(if nth == 0 { "TP" } else { "TQ" }, []).text([bold(*key)]);
    }
    // A tag needs a body.
    page.text(if prose.is_empty() { vec![roman("\u{a0}")] } else { body(prose) });
}

fn paragraph(page: &mut Roff, prose: &[&str]) {
    if !prose.is_empty() {
        page.control("PP", []).text(body(prose));
    }
}

fn body(prose: &[&str]) -> Vec<Inline> {
    vec![roman(prose.join("\n"))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_known_by_their_form() {
        for (line, is) in [
            ("", Line::Blank),
            ("#", Line::Blank),
            ("# Threads; 0: one a core.", Line::Prose("Threads; 0: one a core.")),
            ("# workers = 0", Line::Key("# workers = 0")),
            ("realm = \"pbx.example\"", Line::Key("realm = \"pbx.example\"")),
            ("#   name = \"Card\"", Line::Key("#   name = \"Card\"")),
            ("# [sip.tls]", Line::Table("[sip.tls]")),
            ("[[line]]", Line::Table("[[line]]")),
            (
                "# Every password may be a file: password_file = \"x\".",
                Line::Prose("Every password may be a file: password_file = \"x\"."),
            ),
        ] {
            assert_eq!(Line::of(line), is, "{line}");
        }
    }

    #[test]
    fn a_text_belongs_to_the_keys_below_it_and_a_table_to_the_text_above_it() {
        let mut page = Roff::new();
        render(
            &mut page,
            "# All.\n\n# The park.\n[park]\n# Two\n# lines.\n# a = 1\nb = 2\nc = 3\n\n# d = 4\n",
        );
        let text = page.to_roff();
        assert_eq!(
            text,
            ".PP\nAll.\n.SH [park]\n.PP\nThe park.\n.TP\n\\fB# a = 1\\fR\n.TQ\n\\fBb = 2\\fR\n.TQ\n\\fBc = 3\\fR\nTwo\nlines.\n\
             .TP\n\\fB# d = 4\\fR\n\u{a0}\n"
        );
    }

    #[test]
    fn every_key_and_every_table_of_the_example_is_there() {
        let page = page();
        let written = |text: &str| page.contains(Roff::new().text([roman(text)]).to_roff().trim_end());
        let mut keys = 0;
        for line in EXAMPLE.lines() {
            match Line::of(line) {
                Line::Blank => {}
                Line::Key(key) => {
                    keys += 1;
                    assert!(page.contains(Roff::new().text([bold(key)]).to_roff().trim_end()), "{key}");
                }
                Line::Table(table) => assert!(page.contains(table), "{table}"),
                Line::Prose(text) => assert!(written(text), "{text}"),
            }
        }
        assert!(keys > 200, "{keys} keys");
    }
}
