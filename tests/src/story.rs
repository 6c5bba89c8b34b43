//! A story: what applications ask and are told, and what goes over the wire, as one ladder that people read.
//!
//! ```text
//!  crm              engine           alice        bob
//!   │─ hold c2 ───────>│               │            │
//!   │<─ 200 {} ────────│               │            │
//!   │<─ c2 onhold ─────│               │            │
//! ```

use std::time::{Duration, Instant};

use trunkline::api::answer;
use trunkline::switch::Message;

use crate::app;
use crate::plan::{APPS, PHONES, TRUNKS};

/// The lane of the engine.
const ENGINE: &str = "engine";

/// A silence that is worth telling.
const PAUSE: Duration = Duration::from_millis(700);

/// The narrowest gap between two lanes.
const GAP_MIN: usize = 12;

/// What happened, while somebody listens.
#[derive(Debug, Default)]
pub struct Story {
    is_told: bool,
    /// The applications that are listened to.
    apps: Vec<&'static str>,
    /// Kinds of messages that are left out otherwise.
    also: Vec<&'static str>,
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    at: Instant,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Arrow { from: String, to: String, what: String },
    Note(String),
}

impl Story {
    /// Begins to tell what these applications hear: replies, new calls and their states, and these kinds of messages beside.
    pub fn begin(&mut self, apps: &[&'static str], also: &[&'static str]) {
        *self = Self { is_told: true, apps: apps.to_vec(), also: also.to_vec(), steps: Vec::new() };
    }

    /// What follows is not told.
    pub const fn end(&mut self) {
        self.is_told = false;
    }

    /// Somebody says something to somebody.
    pub fn step(&mut self, at: Instant, from: &str, to: &str, what: &str) {
        // 100 says nothing to anybody but a transaction.
        if !what.starts_with("100 ") {
            let arrow = Kind::Arrow { from: from.to_owned(), to: to.to_owned(), what: what.to_owned() };
            self.add(at, arrow);
        }
    }

    /// An application is told something. A reply is the answer that HTTP gives.
    pub(crate) fn told(&mut self, at: Instant, app: &str, message: &Message) {
        if !self.is_told || !self.apps.contains(&app) {
            return;
        }
        let (kind, mut what) = app::label(message);
        if let Message::Reply { reply, .. } = message {
            let (status, body) = answer(reply.clone());
            what = format!("{status} {body}");
        }
        if ["reply", "new-call", "call-state"].contains(&kind) || self.also.contains(&kind) {
            self.step(at, ENGINE, app, &what);
        }
    }

    /// Something that is neither said nor told.
    pub fn note(&mut self, at: Instant, text: &str) {
        self.add(at, Kind::Note(text.to_owned()));
    }

    fn add(&mut self, at: Instant, kind: Kind) {
        if self.is_told {
            self.steps.push(Step { at, kind });
        }
    }

    /// The ladder as text.
    pub fn text(&self) -> String {
        let lanes = Lanes::of(&self.steps);
        let mut lines = vec![lanes.header()];
        let mut last = self.steps.first().map(|step| step.at);
        for step in &self.steps {
            let silent = last.map_or(Duration::ZERO, |last| step.at - last);
            if silent >= PAUSE {
                lines.push(lanes.note(&format!("{:.1} s", silent.as_secs_f64())));
            }
            last = Some(step.at);
            lines.push(match &step.kind {
                Kind::Arrow { from, to, what } => lanes.arrow(from, to, what),
                Kind::Note(text) => lanes.note(text),
            });
        }
        lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
    }
}

/// Who stands where.
struct Lanes<'a> {
    lanes: Vec<(&'a str, usize)>,
}

impl<'a> Lanes<'a> {
    fn of(steps: &'a [Step]) -> Self {
        let arrows: Vec<(&str, &str, &str)> = steps
            .iter()
            .filter_map(|step| match &step.kind {
                Kind::Arrow { from, to, what } => Some((from.as_str(), to.as_str(), what.as_str())),
                Kind::Note(_) => None,
            })
            .collect();
        let phones = PHONES.iter().map(|(name, _)| *name);
        let order = APPS.into_iter().chain([ENGINE]).chain(phones).chain(TRUNKS);
        let is_there =
            |name: &&str| *name == ENGINE || arrows.iter().any(|(from, to, _)| from == name || to == name);
        let names: Vec<&str> = order.filter(is_there).collect();
        let mut lanes = Vec::new();
        let mut at = 3;
        for (place, name) in names.iter().enumerate() {
            lanes.push((*name, at));
            let place_of = |name: &str| names.iter().position(|known| *known == name);
            let left = |from: &str, to: &str| place_of(from).min(place_of(to));
            let widest = arrows.iter().filter(|(from, to, _)| left(from, to) == Some(place));
            let widest = widest.map(|(.., what)| what.chars().count() + 7).max();
            let next = names.get(place + 1).map_or(0, |name| name.len());
            at += widest.unwrap_or(0).max(GAP_MIN).max(next + 2);
        }
        Self { lanes }
    }

    fn header(&self) -> String {
        let mut line = Row::default();
        for (name, at) in &self.lanes {
            line.write(at.saturating_sub(name.len() / 2), name);
        }
        line.text()
    }

    fn row(&self) -> Row {
        let mut row = Row::default();
        self.lanes.iter().for_each(|(_, at)| row.write(*at, "│"));
        row
    }

    fn arrow(&self, from: &str, to: &str, what: &str) -> String {
        let place = |name: &str| self.lanes.iter().find(|(lane, _)| *lane == name).map(|(_, at)| *at);
        let (Some(from), Some(to)) = (place(from), place(to)) else {
            return self.note(&format!("{from} to {to}: {what}"));
        };
        let mut row = self.row();
        let (left, right) = (from.min(to), from.max(to));
        for at in left + 1..right {
            let is_lane = self.lanes.iter().any(|(_, lane)| *lane == at);
            row.write(at, if is_lane { "┼" } else { "─" });
        }
        if from < to {
            row.write(right - 1, ">")
        } else {
            row.write(left + 1, "<")
        }
        row.write(left + 3, &format!(" {what} "));
        row.text()
    }

    fn note(&self, text: &str) -> String {
        let mut row = self.row();
        let end = self.lanes.last().map_or(0, |(_, at)| *at);
        row.write(end + 2, &format!("· {text}"));
        row.text()
    }
}

#[derive(Default)]
struct Row(Vec<char>);

impl Row {
    fn write(&mut self, at: usize, text: &str) {
        for (place, sign) in text.chars().enumerate() {
            if self.0.len() <= at + place {
                self.0.resize(at + place + 1, ' ');
            }
            self.0[at + place] = sign;
        }
    }

    fn text(&self) -> String {
        self.0.iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_arrows_between_lanes_that_are_as_far_apart_as_their_words_need() {
        let (mut story, at) = (Story::default(), crate::epoch());
        story.step(at, "crm", "engine", "not told yet");
        story.begin(&[], &[]);
        story.step(at, "crm", "engine", "hold c2");
        story.step(at, "engine", "bob", "INVITE");
        story.step(at, "bob", "engine", "100 INVITE");
        story.note(at, "alice hears music");
        story.step(at + Duration::from_secs(2), "alice", "engine", "BYE");
        story.end();
        story.step(at, "engine", "alice", "200 BYE");
        let wanted = concat!(
            "  crm         engine        alice        bob\n",
            "   │── hold c2 ─>│            │           │\n",
            "   │             │── INVITE ──┼──────────>│\n",
            "   │             │            │           │ · alice hears music\n",
            "   │             │            │           │ · 2.0 s\n",
            "   │             │<─ BYE ─────│           │\n",
        );
        assert_eq!(story.text(), wanted, "\n{}", story.text());
    }
}
