//! A ladder in the terminal: a column for each address, an arrow for each message, and between them what calls did.

use serde_json::Value;

use super::table::cell;
use super::trace;

/// A ladder that grows downwards. An address that comes for the first time gets a column; where there is room for no more, that of the address
/// that was silent for longest.
pub(super) struct Ladder {
    /// How wide the terminal is.
    width: usize,
    columns: Vec<Column>,
    /// Entries drawn.
    drawn: u64,
}

struct Column {
    name: String,
    /// The entry that used it last.
    used: u64,
}

impl Ladder {
    pub(super) fn new(width: usize) -> Self {
        Self { width, columns: Vec::new(), drawn: 0 }
    }

    /// What an entry adds, without the last line break: the columns anew where they change, the entry, and with `full` the whole message.
    pub(super) fn add(&mut self, entry: &Value, full: bool) -> String {
        self.drawn += 1;
        let at = trace::time(entry);
        let time = at.get(..TIME).unwrap_or(&at).to_owned();
        if entry["kind"] != "sip" {
            let (who, what) = trace::said(entry);
            return self.note(&time, &format!("{who} {what}"));
        }
        let names = ["from", "to"].map(|key| entry.get(key).map(cell).unwrap_or_default());
        let places = [self.place(&names[0], &names[1]), self.place(&names[1], &names[0])];
        let head = if places.iter().any(|(_, is_new)| *is_new) { self.head() } else { String::new() };
        let text = entry["text"].as_str().unwrap_or_default();
        let row = match places.map(|(column, _)| column) {
            [from, to] if from == to => self.note(&time, &format!("to itself: {}", label(entry, text))),
            [from, to] => self.arrow(&time, from, to, &label(entry, text)),
        };
        // A line at a time: what stands in it is made harmless for the terminal.
        let whole =
            || text.lines().map(|line| format!("\n    {}", cell(&Value::from(line)))).collect::<String>();
        head + &row + &if full { whole() } else { String::new() }
    }

    /// The column of an address, and whether it is new. That of `other` is left to it.
    fn place(&mut self, name: &str, other: &str) -> (usize, bool) {
        let known = self.columns.iter().position(|column| column.name == name);
        let is_new = known.is_none();
        let place = known.unwrap_or_else(|| {
            let room = (self.width.saturating_sub(LEFT) / SPAN_MIN).max(2);
            let column = Column { name: name.to_owned(), used: 0 };
            if self.columns.len() < room {
                self.columns.push(column);
                return self.columns.len() - 1;
            }
            let others = self.columns.iter().enumerate().filter(|(_, column)| column.name != other);
            let silent = others.min_by_key(|(_, column)| column.used).map_or(0, |(place, _)| place);
            self.columns[silent] = column;
            silent
        });
        self.columns[place].used = self.drawn;
        (place, is_new)
    }

    fn span(&self) -> usize {
        (self.width.saturating_sub(LEFT) / self.columns.len().max(1)).clamp(SPAN_MIN, SPAN_MAX)
    }

    /// Where the line of a column is.
    fn at(&self, column: usize) -> usize {
        LEFT + self.span() / 2 + column * self.span()
    }

    /// The names of the columns, each above its line.
    fn head(&self) -> String {
        let span = self.span();
        let name = |column: &Column| format!("{:^span$}", middle_out(&column.name, span - 1));
        let names: String = self.columns.iter().map(name).collect();
        format!("{}{}", " ".repeat(LEFT), names).trim_end().to_owned() + "\n"
    }

    /// A row with the lines of all columns.
    fn bars(&self, time: &str) -> Vec<char> {
        let mut row: Vec<char> = format!("{time:LEFT$}").chars().collect();
        row.resize(LEFT + self.span() * self.columns.len(), ' ');
        for column in 0..self.columns.len() {
            row[self.at(column)] = '│';
        }
        row
    }

    fn arrow(&self, time: &str, from: usize, to: usize, label: &str) -> String {
        let mut row = self.bars(time);
        let (left, right) = (self.at(from.min(to)) + 1, self.at(from.max(to)));
        for place in &mut row[left..right] {
            *place = '─';
        }
        if to > from {
            row[right - 1] = '>';
        } else {
            row[left] = '<';
        }
        let room = right - left - 5;
        let label: Vec<char> = format!(" {} ", middle_out(label, room)).chars().collect();
        let begin = left + (right - left - label.len()).div_ceil(2);
        row[begin..begin + label.len()].copy_from_slice(&label);
        row.into_iter().collect::<String>().trim_end().to_owned()
    }

    /// What a call, its media or an application did, over the lines.
    fn note(&self, time: &str, said: &str) -> String {
        let mut row = self.bars(time);
        for (nth, letter) in format!("* {said} ").chars().enumerate() {
            match row.get_mut(LEFT + nth) {
                Some(place) => *place = letter,
                None => row.push(letter),
            }
        }
        row.into_iter().collect::<String>().trim_end().to_owned()
    }
}

/// A message in a word or two: method and number, or status, reason and the method it is about; whether it has a session description.
fn label(entry: &Value, text: &str) -> String {
    let summary = entry.get("summary").map(cell).unwrap_or_default();
    let header = |name: &str| {
        let is_it =
            |line: &&str| line.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
        text.lines().skip(1).take_while(|line| !line.is_empty()).find(is_it).unwrap_or_default()
    };
    let described = if header("Content-Type:").contains("application/sdp") { " (SDP)" } else { "" };
    let word = match summary.strip_prefix("SIP/2.0 ") {
        Some(status) => {
            let method = header("CSeq:").rsplit(' ').next().unwrap_or_default();
            format!("{status} {}", cell(&Value::from(method)))
        }
        None => {
            let mut words = summary.split(' ');
            let (method, uri) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let user =
                uri.split_once('@').map_or("", |(user, _)| user.rsplit(':').next().unwrap_or_default());
            format!("{method} {user}")
        }
    };
    format!("{}{described}", word.trim_end())
}

/// So many letters at most; of a longer text its two ends.
fn middle_out(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let (first, last) = ((most - 1).div_ceil(2), (most - 1) / 2);
    let letters = || text.chars();
    letters().take(first).chain(['…']).chain(letters().skip(length - last)).collect()
}

/// Letters of the time of day, with milliseconds, and where the columns begin.
const TIME: usize = 12;
const LEFT: usize = TIME + 1;

/// The narrowest and the widest distance of two columns.
const SPAN_MIN: usize = 22;
const SPAN_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sip(from: &str, to: &str, summary: &str, more: &str) -> Value {
        json!({"kind": "sip", "at": "2026-11-21T14:08:18.250417Z", "from": from, "to": to, "transport": "udp", "call_id": "c",
               "summary": summary, "text": format!("{summary}\r\n{more}\r\n\r\nv=0\r\n")})
    }

    #[test]
    fn messages_are_arrows_and_the_rest_is_between_them() {
        let mut ladder = Ladder::new(80);
        let rows = [
            sip(
                "10.0.0.5:5060",
                "10.0.0.1:5060",
                "INVITE sip:1002@pbx SIP/2.0",
                "Content-Type: application/sdp",
            ),
            json!({"kind": "state", "at": "2026-11-21T14:08:18.250417Z", "call": "c7", "line": "1001",
                   "state": "connected", "state_mode": "active"}),
            sip("10.0.0.1:5060", "10.0.0.6:5060", "INVITE sip:1002@10.0.0.6 SIP/2.0", ""),
            sip("10.0.0.6:5060", "10.0.0.1:5060", "SIP/2.0 200 OK", "CSeq: 1 INVITE"),
            sip("10.0.0.1:5060", "10.0.0.5:5060", "SIP/2.0 486 Busy Here", "CSeq: 1 INVITE"),
            sip("10.0.0.1:5060", "10.0.0.1:5060", "OPTIONS sip:10.0.0.1 SIP/2.0", ""),
        ];
        let shown: Vec<String> = rows.iter().map(|row| ladder.add(row, false)).collect();
        assert_eq!(
            shown.join("\n"),
            "                       10.0.0.5:5060                    10.0.0.1:5060\n\
             14:08:18.250                 │─────── INVITE 1002 (SDP) ─────>│\n\
             14:08:18.250 * 1001 call c7: connected active                 │\n\
             \x20                10.0.0.5:5060         10.0.0.1:5060         10.0.0.6:5060\n\
             14:08:18.250            │                     │──── INVITE 1002 ───>│\n\
             14:08:18.250            │                     │<── 200 OK INVITE ───│\n\
             14:08:18.250            │<─ 486 Busy… INVITE ─│                     │\n\
             14:08:18.250 * to itself: OPTIONS             │                     │"
        );
    }

    #[test]
    fn who_was_silent_for_longest_makes_room() {
        let mut ladder = Ladder::new(13 + 2 * 22);
        let option = |from: &str, to: &str| sip(from, to, "OPTIONS sip:a SIP/2.0", "");
        assert!(ladder.add(&option("a:1", "b:1"), false).contains("a:1"));
        let second = ladder.add(&option("b:1", "c:1"), false);
        assert!(second.contains("c:1") && !second.contains("a:1"), "{second}");
        assert_eq!(ladder.add(&option("c:1", "b:1"), false).lines().count(), 1);
        for width in [0, 13, 30, 57, 400] {
            let mut ladder = Ladder::new(width);
            for nth in 0..40 {
                let (from, to) = (format!("{nth}:1"), format!("{}:1", nth * 7 % 11));
                ladder.add(&option(&from, &to), true);
            }
            assert!(ladder.columns.len() <= 2.max(width / SPAN_MIN), "{width}");
        }
    }

    #[test]
    fn a_terminal_is_not_steered() {
        let mut ladder = Ladder::new(80);
        let hostile = sip("a:1", "b:1", "INVITE sip:\u{1b}[2J@x SIP/2.0", "CSeq: 1 \u{9b}2J");
        let shown = ladder.add(&hostile, true)
            + &ladder.add(&sip("a:1", "b:1", "SIP/2.0 200 \u{1b}", "CSeq: \u{1b}c"), false);
        assert!(!shown.contains(['\u{1b}', '\u{9b}']), "{shown}");
        assert!(ladder.add(&json!({}), true).contains('*'), "what is not known harms nobody");
        assert_eq!(
            (middle_out("abcdef", 6), middle_out("abcdefg", 6)),
            ("abcdef".to_owned(), "abc…fg".to_owned())
        );
    }
}
