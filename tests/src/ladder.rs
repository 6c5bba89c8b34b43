//! Ladders: what went over the wire, one line for each message, retransmissions folded.
//!
//! ```text
//! alice -> engine    INVITE
//! engine -> alice    401 INVITE
//! engine -> bob      INVITE, a=sendonly, Max-Forwards: 69
//! ```
//!
//! An expected line names both ends and the method or status; a status may be followed by the method of its CSeq, a method by
//! the Request-URI or its beginning. Whatever follows, separated by `, `, must be found in the message. A `!` before it: must not. 100 is left out unless the expectation
//! speaks of it, and so is every pair of parties that the expectation does not name.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::net::SocketAddr;

use bytes::Bytes;

use crate::spread::call_id;

/// One message as it was sent first.
#[derive(Clone, Debug)]
struct Rung {
    from: String,
    to: String,
    /// `INVITE`, `200`.
    word: String,
    /// The method of the CSeq of a response.
    method: String,
    text: String,
    copies: u32,
    at_ms: u128,
}

/// What went over the wire since the last expectation.
#[derive(Debug, Default)]
pub struct Ladder {
    names: BTreeMap<SocketAddr, String>,
    rungs: Vec<Rung>,
    /// The rung of each message, for its copies.
    places: HashMap<(String, String, Bytes), usize>,
    /// Where the next expectation begins.
    mark: usize,
    is_stopped: bool,
}

impl Ladder {
    /// Names the party at this address.
    pub fn name(&mut self, address: SocketAddr, name: &str) {
        self.names.insert(address, name.to_owned());
    }

    /// Writes down nothing from here on, and forgets everything.
    pub fn stop(&mut self) {
        *self = Self { names: std::mem::take(&mut self.names), is_stopped: true, ..Self::default() };
    }

    /// Writes down a message that was sent; returns who sent it to whom, and what it is, unless it is a copy.
    pub fn record(
        &mut self,
        at_ms: u128,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &Bytes,
    ) -> Option<(String, String, String)> {
        if self.is_stopped {
            return None;
        }
        let (from, to) = (self.party(from), self.party(to));
        let key = (from.clone(), to.clone(), bytes.clone());
        if let Some(place) = self.places.get(&key) {
            self.rungs[*place].copies += 1;
            return None;
        }
        let text = String::from_utf8_lossy(bytes).into_owned();
        let first = text.lines().next().filter(|line| !line.is_empty())?;
        let word = first.strip_prefix("SIP/2.0 ").unwrap_or(first).split(' ').next().unwrap_or("").to_owned();
        let header = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or("");
        let method = header("CSeq:").split_whitespace().nth(2).unwrap_or("").to_owned();
        self.places.insert(key, self.rungs.len());
        let rung = Rung { from, to, word, method, text, copies: 1, at_ms };
        let step = (rung.from.clone(), rung.to.clone(), rung.what());
        self.rungs.push(rung);
        Some(step)
    }

    /// Forgets what was sent so far.
    pub fn forget(&mut self) {
        self.mark = self.rungs.len();
    }

    /// How often the messages of this word between these parties were sent, copies counted.
    pub fn count(&self, from: &str, to: &str, word: &str) -> u32 {
        let fits = |rung: &&Rung| rung.from == from && rung.to == to && rung.word == word;
        self.rungs[self.mark..].iter().filter(fits).map(|rung| rung.copies).sum()
    }

    /// The texts of all that was sent from one to the other, each once.
    pub fn texts(&self, from: &str, to: &str) -> Vec<String> {
        let fits = |rung: &&Rung| rung.from == from && rung.to == to;
        self.rungs[self.mark..].iter().filter(fits).map(|rung| rung.text.clone()).collect()
    }

    /// What was said with each Call-ID, in the order of the lines.
    pub fn calls(&self) -> Vec<Vec<String>> {
        let mut calls: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for rung in &self.rungs[self.mark..] {
            calls.entry(call_id(&rung.text).unwrap_or_default()).or_default().push(rung.line());
        }
        let mut calls: Vec<_> = calls.into_values().collect();
        calls.sort();
        calls
    }

    /// The text of the last message of this word between these parties.
    pub fn last(&self, from: &str, to: &str, word: &str) -> Option<&str> {
        let fits = |rung: &&Rung| rung.from == from && rung.to == to && rung.word == word;
        self.rungs.iter().rev().find(fits).map(|rung| rung.text.as_str())
    }

    /// Compares what was sent since the last expectation, and forgets it.
    ///
    /// # Errors
    /// What was expected beside what was seen.
    pub fn expect(&mut self, expected: &str) -> Result<(), String> {
        let lines: Vec<Expected<'_>> =
            expected.lines().filter(|line| !line.trim().is_empty()).map(Expected::parse).collect();
        let pairs: BTreeSet<(&str, &str)> =
            lines.iter().flat_map(|line| [(line.from, line.to), (line.to, line.from)]).collect();
        let speaks_of_trying = lines.iter().any(|line| line.word == "100");
        let seen: Vec<&Rung> = self.rungs[self.mark..]
            .iter()
            .filter(|rung| pairs.contains(&(rung.from.as_str(), rung.to.as_str())))
            .filter(|rung| speaks_of_trying || rung.word != "100")
            .collect();
        let fault = (0..lines.len().max(seen.len())).find(|&place| {
            !matches!((lines.get(place), seen.get(place)), (Some(line), Some(rung)) if line.fits(rung))
        });
        let outcome = fault.map_or(Ok(()), |place| {
            let mut report = format!("the ladder differs at line {}\nexpected:\n", place + 1);
            lines.iter().for_each(|line| report.push_str(&format!("  {}\n", line.line)));
            report.push_str("seen:\n");
            seen.iter().for_each(|rung| report.push_str(&format!("  {}\n", rung.line())));
            if let Some(rung) = seen.get(place) {
                write!(report, "the message:\n{}", rung.text).expect("a String takes any text");
            }
            Err(report)
        });
        self.forget();
        outcome
    }

    /// The last lines, for a failure's report.
    pub fn tail(&self, lines: usize) -> String {
        let first = self.rungs.len().saturating_sub(lines);
        self.rungs[first..].iter().map(|rung| format!("{:>8} ms  {}\n", rung.at_ms, rung.line())).collect()
    }

    fn party(&self, address: SocketAddr) -> String {
        self.names.get(&address).cloned().unwrap_or_else(|| address.to_string())
    }
}

impl Rung {
    /// Method or status, and which way media goes.
    fn what(&self) -> String {
        let mut what = self.word.clone();
        if self.word.starts_with(|c: char| c.is_ascii_digit()) {
            what.push_str(&format!(" {}", self.method));
        }
        for direction in ["a=sendonly", "a=recvonly", "a=inactive"] {
            if self.text.contains(direction) {
                what.push_str(&format!(", {direction}"));
            }
        }
        what
    }

    fn line(&self) -> String {
        let mut line = format!("{} -> {}", self.from, self.to);
        while line.len() < 20 {
            line.push(' ');
        }
        line.push_str(&self.what());
        if self.copies > 1 {
            line.push_str(&format!("  ×{}", self.copies));
        }
        line
    }
}

/// One line of an expectation.
#[derive(Debug)]
struct Expected<'a> {
    line: &'a str,
    from: &'a str,
    to: &'a str,
    word: &'a str,
    method: Option<&'a str>,
    contains: Vec<&'a str>,
}

impl<'a> Expected<'a> {
    fn parse(line: &'a str) -> Self {
        let line = line.trim();
        let mut parts = line.split(", ");
        let head = parts.next().unwrap_or_default();
        let mut words = head.split_whitespace();
        let (from, _arrow, to) = (words.next(), words.next(), words.next());
        let word = words.next().unwrap_or_default();
        let is_status = word.starts_with(|c: char| c.is_ascii_digit());
        let rest = words.next();
        let uri = rest.filter(|_| !is_status);
        Self {
            line,
            from: from.unwrap_or_default(),
            to: to.unwrap_or_default(),
            word,
            method: rest.filter(|_| is_status),
            contains: uri.into_iter().chain(parts.map(str::trim)).collect(),
        }
    }

    fn fits(&self, rung: &Rung) -> bool {
        let holds = |what: &&str| match what.strip_prefix('!') {
            Some(what) => !rung.text.contains(what),
            None => rung.text.contains(*what),
        };
        self.from == rung.from
            && self.to == rung.to
            && self.word == rung.word
            && self.method.is_none_or(|method| method == rung.method)
            && self.contains.iter().all(holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder() -> Ladder {
        let mut ladder = Ladder::default();
        let (alice, engine) = ("10.0.0.2:5060".parse().unwrap(), "10.0.0.1:5060".parse().unwrap());
        ladder.name(alice, "alice");
        ladder.name(engine, "engine");
        let invite = Bytes::from_static(b"INVITE sip:1 SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\na=sendonly");
        let trying = Bytes::from_static(b"SIP/2.0 100 Trying\r\nCSeq: 1 INVITE\r\n\r\n");
        let ok = Bytes::from_static(b"SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\n");
        ladder.record(0, alice, engine, &invite);
        ladder.record(1, engine, alice, &trying);
        ladder.record(2, alice, engine, &invite);
        ladder.record(3, engine, alice, &ok);
        ladder
    }

    #[test]
    fn retransmissions_are_folded_and_100_is_left_out() {
        let mut ladder = ladder();
        assert_eq!(ladder.count("alice", "engine", "INVITE"), 2);
        assert_eq!(ladder.expect("alice -> engine INVITE, a=sendonly\n engine -> alice 200 INVITE"), Ok(()));
        assert_eq!(
            ladder.expect("alice -> engine INVITE").map_err(|report| report.contains("seen:\n")),
            Err(true)
        );
    }

    #[test]
    fn a_ladder_that_differs_is_refused() {
        for wrong in [
            "alice -> engine INVITE",
            "alice -> engine INVITE\n engine -> alice 200 BYE",
            "alice -> engine INVITE, a=inactive\n engine -> alice 200",
            "alice -> engine INVITE, !a=sendonly\n engine -> alice 200",
            "engine -> alice 200\n alice -> engine INVITE",
        ] {
            assert!(ladder().expect(wrong).is_err(), "{wrong}");
        }
    }
}
