//! Every table and key of a configuration: what the reader asks for, with the words and values of the example file.

use std::path::Path;

use super::configuration::{EXAMPLE, Line};
use crate::config::{self, Config, Kind, Shape};
use crate::driver::is_fixed;

/// A table, as it stands in the example.
#[derive(Debug)]
pub(super) struct Table {
    /// `sip.tls`, `line`.
    pub(super) name: String,
    /// `[sip.tls]`, `[[line]]`.
    pub(super) header: String,
    /// What the example says of it.
    pub(super) prose: String,
    /// Whether a file may have one of them, or a list.
    pub(super) is_one_or_more: bool,
    pub(super) keys: Vec<Key>,
    pub(super) either: Vec<Either>,
}

/// A secret and the file that has it: a table has one of the two keys.
#[derive(Debug)]
pub(super) struct Either {
    pub(super) keys: [&'static str; 2],
    /// Where it needs none: a key, and what stands there.
    pub(super) unless: Option<(&'static str, String)>,
}

/// A key, as it stands in the example.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// What the example says of it, or of the keys that it stands among.
    pub(super) prose: String,
    /// The value of the example, as TOML.
    pub(super) example: String,
    /// Whether that is what holds where the key is left out.
    pub(super) is_default: bool,
    /// What `trunkline check` says is to be written in place of a text that cannot be; empty where any can.
    pub(super) right: String,
    /// Whether the table cannot do without it.
    pub(super) is_required: bool,
    /// Whether a reload changes it; else only a restart does.
    pub(super) is_reloaded: bool,
    /// The keys of the tables that it holds.
    pub(super) inner: Vec<Inner>,
}

/// A key of the tables that stand under another key.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) is_required: bool,
}

/// All tables in the order of the example.
pub(super) fn tables() -> Vec<Table> {
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    let all: Vec<&str> = lines.iter().map(|line| shown(line)).collect();
    let shape = config::shape(&all.join("\n"));
    let standard = config_of(&lines);
    let mut tables: Vec<Table> = Vec::new();
    let mut prose: Vec<&str> = Vec::new();
    let mut was_key = false;
    for (at, line) in lines.iter().enumerate() {
        let line_is = Line::of(line);
        if was_key && !matches!(line_is, Line::Key(_)) {
            prose.clear();
        }
        was_key = matches!(line_is, Line::Key(_));
        match line_is {
            Line::Blank => prose.clear(),
            Line::Prose(text) => prose.push(text),
            Line::Table(header) => {
                let name = header.trim_matches(['[', ']']).to_owned();
                let prose = std::mem::take(&mut prose).join(" ");
                // The second of a kind is another example.
                let keys = Vec::new();
                let kind = shape.get("").and_then(|root| root.get(&*name));
                let is_one_or_more = kind == Some(&Kind::TableOrTables);
                let header = header.to_owned();
                tables.push(Table { name, header, prose, is_one_or_more, keys, either: Vec::new() });
            }
            Line::Key(_) => {
                let Some(table) = tables.last() else { continue };
                let (name, first) =
                    (table.name.clone(), tables.iter().position(|known| known.name == table.name));
                let Some((key, example)) = all[at].trim().split_once(" = ") else { continue };
                let Some((key, kind)) = shape.get(&name).and_then(|keys| keys.get_key_value(key)) else {
                    continue;
                };
                let table = &mut tables[first.unwrap_or_default()];
                if table.keys.iter().any(|known| known.name == *key) {
                    continue;
                }
                let path = format!("{name}.{key}");
                let prose = prose.join(" ");
                let is_default = standard.is_some() && with_the_other(&lines, at) == standard
                    || is_default_alone(&all, at);
                table.keys.push(Key {
                    name: key,
                    kind: kind.clone(),
                    example: example.to_owned(),
                    // What the example has may be what follows from its other keys.
                    is_default: is_default && !prose.to_lowercase().contains("default: "),
                    prose,
                    right: right(&all, at, &path, kind),
                    is_required: is_required(&table.header, &path),
                    is_reloaded: !is_fixed(&path),
                    inner: inner(&shape, &all, at, &path),
                });
            }
        }
    }
    let mut seen = Vec::new();
    tables.retain(|table| {
        let is_first = !seen.contains(&table.name);
        seen.push(table.name.clone());
        is_first
    });
    for table in &mut tables {
        add_files(table, shape.get(&table.name).into_iter().flatten());
    }
    tables
}

/// Either of two keys will do for a secret: the other one, which the example does not have.
fn add_files<'s>(table: &mut Table, asked: impl Iterator<Item = (&'s &'static str, &'s Kind)>) {
    for (name, kind) in asked {
        if table.keys.iter().any(|key| key.name == *name) {
            continue;
        }
        let is_pair = |key: &Key| {
            name.strip_suffix("_file") == Some(key.name) || key.name.strip_suffix("_file") == Some(*name)
        };
        let Some(at) = table.keys.iter().position(is_pair) else { continue };
        let unless = without(table, at);
        let told = &mut table.keys[at];
        let needed = match (told.is_required, &unless) {
            (true, None) => "; one of the two must be there".to_owned(),
            (true, Some((key, word))) => {
                format!("; one of the two must be there, but where {key} is \"{word}\"")
            }
            (false, _) => String::new(),
        };
        if told.is_required {
            table.either.push(Either { keys: [told.name, *name], unless });
        }
        told.is_required = false;
        let prose = if name.ends_with("_file") {
            format!("The file that has it, in place of {}{needed}.", told.name)
        } else {
            format!("In place of {}{needed}.", told.name)
        };
        let key = Key {
            name,
            kind: kind.clone(),
            prose,
            example: String::new(),
            is_default: false,
            right: String::new(),
            is_required: false,
            is_reloaded: !is_fixed(&format!("{}.{name}", table.name)),
            inner: Vec::new(),
        };
        table.keys.insert(at + 1, key);
    }
}

/// By which word under another key a table does without the one at `at`.
fn without(table: &Table, at: usize) -> Option<(&'static str, String)> {
    let path = format!("{}.{}", table.name, table.keys[at].name);
    let words = |key: &Key| key.right.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let of_key = |key: &Key| words(key).into_iter().map(|word| (key.name, word)).collect::<Vec<_>>();
    let mut all = table.keys.iter().filter(|key| key.kind == Kind::String).flat_map(of_key);
    all.find(|(key, word)| !is_required(&format!("{}\n{key} = \"{word}\"", table.header), &path))
}

/// What the reader asks for and the example does not have.
#[cfg(test)]
pub(super) fn differences() -> Vec<String> {
    let all: Vec<&str> = EXAMPLE.lines().map(shown).collect();
    let shape = config::shape(&all.join("\n"));
    let tables = tables();
    let told = |table: &str, key: &str| {
        let in_line = || {
            table.rsplit_once('.').is_some_and(|(outer, name)| {
                tables
                    .iter()
                    .any(|known| known.name == outer && known.keys.iter().any(|known| known.name == name))
            })
        };
        let is_table = tables.iter().any(|known| {
            known.name == if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") }
        });
        is_table
            || in_line()
            || tables
                .iter()
                .any(|known| known.name == table && known.keys.iter().any(|known| known.name == key))
    };
    let asked = shape.iter().flat_map(|(table, keys)| keys.keys().map(move |key| (table, key)));
    asked.filter(|(table, key)| !told(table, key)).map(|(table, key)| format!("[{table}] {key}")).collect()
}

/// The line as it stands in a file that uses it.
fn shown(line: &str) -> &str {
    match Line::of(line) {
        Line::Key(_) | Line::Table(_) => line.trim_start_matches(['#', ' ']),
        Line::Blank | Line::Prose(_) => line,
    }
}

/// What a text means, without the lines on which keys stand; none where it is wrong.
fn config_of(lines: &[&str]) -> Option<String> {
    Config::parse_alone(Path::new(""), &lines.join("\n")).ok().map(|config| format!("{config:?}"))
}

/// The example without a key that it uses, or with one that it leaves out.
fn with_the_other(lines: &[&str], at: usize) -> Option<String> {
    let mut lines = lines.to_vec();
    lines[at] = if lines[at].starts_with('#') { shown(lines[at]) } else { "" };
    // A key of a table that the example leaves out stands in another one there.
    let header = lines[..at].iter().rev().find(|line| matches!(Line::of(line), Line::Table(_)));
    header.filter(|header| !header.starts_with('#')).and_then(|_| config_of(&lines))
}

/// Whether a table that has every key of the example means the same without this one: what holds by default in a table that the example leaves
/// out, or whose keys count only where another one is written.
fn is_default_alone(all: &[&str], at: usize) -> bool {
    let is_header = |line: &&str| matches!(Line::of(line), Line::Table(_));
    let begin = all[..at].iter().rposition(is_header).unwrap_or_default();
    let end = all[at..].iter().position(is_header).map_or(all.len(), |length| at + length);
    let mut table = all[begin..end].to_vec();
    let whole = config_of(&table);
    table[at - begin] = "";
    whole.is_some() && config_of(&table) == whole
}

/// The keys of the tables that stand under a key; whoever leaves one of them out that must be there is told so.
fn inner(shape: &Shape, all: &[&str], at: usize, path: &str) -> Vec<Inner> {
    let Some(keys) = shape.get(path) else { return Vec::new() };
    let line = format!("{} = [{{}}]", path.rsplit('.').next().unwrap_or(path));
    let mut lines = all.to_vec();
    lines[at] = &line;
    let errors = Config::parse_alone(Path::new(""), &lines.join("\n")).err().unwrap_or_default();
    let is_missing = |key: &str| {
        let path = format!("{path}.{key}");
        errors.iter().any(|error| error.line == at + 1 && error.key == path && error.wrong == "is missing")
    };
    let of = |(name, kind): (&&'static str, &Kind)| Inner {
        name,
        kind: kind.clone(),
        is_required: is_missing(name),
    };
    keys.iter().map(of).collect()
}

/// What is said to be right where a text stands that nobody means.
fn right(all: &[&str], at: usize, key: &str, kind: &Kind) -> String {
    let wrong = match kind {
        Kind::String | Kind::StringOrStrings => "\"?\"",
        Kind::Strings => "[\"?\"]",
        Kind::Any
        | Kind::Integer(_)
        | Kind::Integers(_)
        | Kind::Boolean
        | Kind::Table
        | Kind::Tables
        | Kind::TableOrTables => {
            return String::new();
        }
    };
    let line = format!("{} = {wrong}", key.rsplit('.').next().unwrap_or(key));
    let mut lines = all.to_vec();
    lines[at] = &line;
    let errors = Config::parse_alone(Path::new(""), &lines.join("\n")).err().unwrap_or_default();
    let told = errors.into_iter().find(|error| error.key == key && error.line == at + 1);
    told.map(|error| error.right).unwrap_or_default()
}

/// Whether a table that has nothing is told that it lacks the key.
fn is_required(table: &str, key: &str) -> bool {
    let errors = Config::parse_alone(Path::new(""), table).err().unwrap_or_default();
    errors.iter().any(|error| error.key == key && error.wrong == "is missing")
}

/// The words of `right` where it is a choice of words and nothing else. What is in capitals stands for something, as `NAME` does.
pub(super) fn choice(right: &str) -> Option<Vec<String>> {
    let words: Vec<&str> = right.strip_prefix("write ")?.split('"').collect();
    let between = words.iter().step_by(2).map(|text| text.trim().trim_matches(','));
    let is_choice =
        words.len() > 3 && between.into_iter().all(|text| ["", "or", " or"].contains(&text.trim()));
    let choices: Vec<String> = words.iter().skip(1).step_by(2).map(|word| (*word).to_owned()).collect();
    let stands_for_something =
        choices.iter().any(|word| word.contains(|letter: char| letter.is_ascii_uppercase()));
    (is_choice && !stands_for_something).then_some(choices)
}
