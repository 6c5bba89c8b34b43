//! Texts between lines (MESSAGE, RFC 3428): passed to every contact of who is written to, and nothing is kept.
//!
//! ```text
//!  phone ── MESSAGE ──▶│ Text ──▶ Message × contacts │── MESSAGE ──▶ phones
//!        ◀── 200 ──────│◀─ MessageDone, the first 2xx │◀── 200 ────
//! ```
//!
//! - The sender is told what the first phone that took it said; where all refuse, the friendliest refusal.
//! - A phone that says nothing for [`PATIENCE`] may have it or not: 202.
//! - Texts go to lines alone: neither to trunks, where they may cost money, nor to groups. No forwarding is followed.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use trunkline_sip::UsageId;
use trunkline_sip::outbox::{Command, Content, IncomingText, OutgoingMessage, Party};

use super::Switch;
use super::allowance::Allowance;
use super::outbox::Outbox;
use super::ring::{BRANCHES_MAX, contact};
use super::route::{Destination, Source, resolve};
use super::status::relayed_status;

/// How long a phone may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// Texts that the phones of one line may send in a minute: 503 beyond.
pub(super) const TEXTS_MAX: u32 = 60;

/// Texts under way, and how many each line may send.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Texts {
    waiting: BTreeMap<UsageId, Waiting>,
    /// What was sent on, each with the text that it is of.
    sent: BTreeMap<UsageId, UsageId>,
    /// When they have waited long enough, the first first.
    due: VecDeque<(Instant, UsageId)>,
    allowance: Allowance,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            waiting: BTreeMap::new(),
            sent: BTreeMap::new(),
            due: VecDeque::new(),
            allowance: Allowance::new(TEXTS_MAX),
        }
    }
}

/// A text whose sender waits.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Waiting {
    /// Phones that said nothing yet.
    phones: usize,
    /// The friendliest refusal.
    refusal: u16,
}

impl Texts {
    /// When a sender has waited long enough.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.front().map(|(at, _)| *at)
    }

    /// The sender waits no more.
    fn end(&mut self, id: UsageId) {
        self.waiting.remove(&id);
        while self.due.front().is_some_and(|(_, id)| !self.waiting.contains_key(id)) {
            self.due.pop_front();
        }
    }

    /// Forgets how much lines wrote that are no more.
    pub(super) fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        self.allowance.retain(is_there);
    }

    /// Of how many lines it is known how much they wrote.
    #[cfg(test)]
    pub(super) fn writers(&self) -> usize {
        self.allowance.len()
    }

    /// How many are under way.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.sent.len()
    }
}

impl Switch {
    /// A line's phone sent a text.
    pub(super) fn texted(&mut self, now: Instant, id: UsageId, text: IncomingText, out: &mut Outbox) {
        if let Err(status) = self.pass_text(now, id, text, out) {
            out.sip.push(Command::AnswerText(id, status));
        }
    }

    fn pass_text(
        &mut self,
        now: Instant,
        id: UsageId,
        text: IncomingText,
        out: &mut Outbox,
    ) -> Result<(), u16> {
        let name = self.lines.get(&text.line).map(|line| line.name.clone()).ok_or(403_u16)?;
        let to = match resolve(&self.setup.routes, &self.lines, Source::Line, &text.dialled)? {
            Destination::Line(line) => line,
            Destination::Group(_) | Destination::Page(_) | Destination::Trunk(..) => return Err(403),
        };
        // Not 503, which has a phone leave this server (RFC 3261 §21.5.4).
        if !self.texts.allowance.admits(now, &text.line) {
            return Err(480);
        }
        let bindings = self.location.lookup(&to, now);
        if bindings.is_empty() {
            return Err(480);
        }
        let host = self.setup.domain.clone();
        let from = if text.is_hidden {
            Party::anonymous()
        } else {
            Party { user: text.line.to_string(), host: host.clone(), name }
        };
        let to = Party { user: to.to_string(), host, name: self.lines.name(&to) };
        let phones = bindings.len().min(BRANCHES_MAX);
        for binding in bindings.iter().take(phones) {
            let message = OutgoingMessage {
                target: contact(binding).target,
                from: from.clone(),
                to: to.clone(),
                max_forwards: text.max_forwards,
                content: Content::Text(text.content_type.clone(), text.body.clone()),
            };
            let usage = self.next_usage();
            self.texts.sent.insert(usage, id);
            out.sip.push(Command::Message(usage, Box::new(message)));
        }
        self.texts.waiting.insert(id, Waiting { phones, refusal: 0 });
        self.texts.due.push_back((now + PATIENCE, id));
        Ok(())
    }

    /// A phone took a text, or refused it.
    pub(super) fn text_done(&mut self, usage: UsageId, status: u16, out: &mut Outbox) {
        let Some(id) = self.texts.sent.remove(&usage) else { return };
        let Some(waiting) = self.texts.waiting.get_mut(&id) else { return };
        waiting.phones -= 1;
        let answer = if (200..300).contains(&status) {
            Some(status)
        } else {
            waiting.refusal = if waiting.refusal == 0 { status } else { friendlier(waiting.refusal, status) };
            // Nobody is told that a phone was not reached in time (RFC 4320 §4.2).
            let refusal = if waiting.refusal == 408 { 480 } else { relayed_status(waiting.refusal) };
            (waiting.phones == 0).then_some(refusal)
        };
        if let Some(status) = answer {
            self.texts.end(id);
            out.sip.push(Command::AnswerText(id, status));
        }
    }

    /// Phones took too long.
    pub(super) fn texts_due(&mut self, now: Instant, out: &mut Outbox) {
        while let Some((_, id)) = self.texts.due.front().copied().filter(|(at, _)| *at <= now) {
            self.texts.end(id);
            out.sip.push(Command::AnswerText(id, 202));
        }
    }
}

/// The one that says more to a person.
fn friendlier(one: u16, other: u16) -> u16 {
    let weight = |status: u16| match status {
        600..=699 => 5,
        486 => 4,
        480 => 3,
        408 => 1,
        400..=499 => 2,
        _ => 0,
    };
    if weight(other) > weight(one) { other } else { one }
}
