//! `lineForward`: where the calls of a line go instead, and whom it does not want to be disturbed by.
//!
//! Unconditional entries win before any other; among the entries that fit, one for this caller wins before one for
//! internal or external callers, and that before one for all; of equals the first wins.

use std::sync::Arc;

use super::Switch;
use super::error::LineError;
use super::kept::Kept;
use super::message::Message;
use super::outbox::Outbox;
use super::request::Asker;
use super::route::DIALLED_BYTES_MAX;
use super::setup::LineKind;
use crate::translate::dialable::Dialable;

/// Entries of one list (`dwMaxForwardEntries`, `dwMaxSpecificEntries`).
pub const FORWARD_ENTRIES_MAX: usize = 32;

/// `dwMinFwdNumRings`.
pub const RINGS_MIN: u32 = 1;

/// `dwMaxFwdNumRings`.
pub const RINGS_MAX: u32 = 20;

/// Rings before nobody answers, where none are named.
pub const RINGS_DEFAULT: u32 = 4;

/// LINEFORWARDMODE_.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(missing_docs, reason = "each variant is the LINEFORWARDMODE_ constant of its name")]
pub enum ForwardMode {
    Uncond,
    UncondInternal,
    UncondExternal,
    UncondSpecific,
    Busy,
    BusyInternal,
    BusyExternal,
    BusySpecific,
    NoAnsw,
    NoAnswInternal,
    NoAnswExternal,
    NoAnswSpecific,
    BusyNa,
    BusyNaInternal,
    BusyNaExternal,
    BusyNaSpecific,
}

/// When an entry applies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum When {
    Always,
    Busy,
    NoAnswer,
    BusyOrNoAnswer,
}

/// To whom it applies; the later, the more it says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Whom {
    All,
    Internal,
    External,
    Specific,
}

impl ForwardMode {
    /// All of them, in the order of their values.
    pub const ALL: [Self; 16] = [
        Self::Uncond,
        Self::UncondInternal,
        Self::UncondExternal,
        Self::UncondSpecific,
        Self::Busy,
        Self::BusyInternal,
        Self::BusyExternal,
        Self::BusySpecific,
        Self::NoAnsw,
        Self::NoAnswInternal,
        Self::NoAnswExternal,
        Self::NoAnswSpecific,
        Self::BusyNa,
        Self::BusyNaInternal,
        Self::BusyNaExternal,
        Self::BusyNaSpecific,
    ];

    /// The suffix of the constant in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uncond => "uncond",
            Self::UncondInternal => "uncondinternal",
            Self::UncondExternal => "uncondexternal",
            Self::UncondSpecific => "uncondspecific",
            Self::Busy => "busy",
            Self::BusyInternal => "busyinternal",
            Self::BusyExternal => "busyexternal",
            Self::BusySpecific => "busyspecific",
            Self::NoAnsw => "noansw",
            Self::NoAnswInternal => "noanswinternal",
            Self::NoAnswExternal => "noanswexternal",
            Self::NoAnswSpecific => "noanswspecific",
            Self::BusyNa => "busyna",
            Self::BusyNaInternal => "busynainternal",
            Self::BusyNaExternal => "busynaexternal",
            Self::BusyNaSpecific => "busynaspecific",
        }
    }

    /// The mode of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    /// Whether an entry of this mode names a caller.
    pub const fn is_specific(self) -> bool {
        matches!(self.parts().1, Whom::Specific)
    }

    const fn parts(self) -> (When, Whom) {
        match self {
            Self::Uncond => (When::Always, Whom::All),
            Self::UncondInternal => (When::Always, Whom::Internal),
            Self::UncondExternal => (When::Always, Whom::External),
            Self::UncondSpecific => (When::Always, Whom::Specific),
            Self::Busy => (When::Busy, Whom::All),
            Self::BusyInternal => (When::Busy, Whom::Internal),
            Self::BusyExternal => (When::Busy, Whom::External),
            Self::BusySpecific => (When::Busy, Whom::Specific),
            Self::NoAnsw => (When::NoAnswer, Whom::All),
            Self::NoAnswInternal => (When::NoAnswer, Whom::Internal),
            Self::NoAnswExternal => (When::NoAnswer, Whom::External),
            Self::NoAnswSpecific => (When::NoAnswer, Whom::Specific),
            Self::BusyNa => (When::BusyOrNoAnswer, Whom::All),
            Self::BusyNaInternal => (When::BusyOrNoAnswer, Whom::Internal),
            Self::BusyNaExternal => (When::BusyOrNoAnswer, Whom::External),
            Self::BusyNaSpecific => (When::BusyOrNoAnswer, Whom::Specific),
        }
    }
}

/// LINEFORWARD: one entry of the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForwardEntry {
    /// When it applies.
    pub mode: ForwardMode,
    /// The caller that it applies to, with the `Specific` modes.
    pub caller: Option<Arc<str>>,
    /// Where the call goes; `None`: do not disturb.
    pub destination: Option<Arc<str>>,
}

/// What happened to a call at a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Condition {
    /// It is about to begin.
    Always,
    /// The line is busy.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// There is no phone.
    Unavailable,
}

/// Who calls a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Calling<'a> {
    pub(super) number: &'a str,
    /// His number as applications see it.
    pub(super) seen: &'a str,
    /// Whether he calls from a line of the engine.
    pub(super) is_internal: bool,
}

/// The list of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Forwarding {
    pub(super) entries: Vec<ForwardEntry>,
    pub(super) rings: u32,
}

impl Default for Forwarding {
    fn default() -> Self {
        Self { entries: Vec::new(), rings: RINGS_DEFAULT }
    }
}

impl Forwarding {
    /// The entry that applies to this caller under this condition. A phone that is not there is busy or does not answer,
    /// whichever the list says something of.
    pub(super) fn entry(&self, calling: Calling<'_>, condition: Condition) -> Option<&ForwardEntry> {
        let applies = |when| match condition {
            Condition::Always => when == When::Always,
            Condition::Busy => matches!(when, When::Busy | When::BusyOrNoAnswer),
            Condition::NoAnswer => matches!(when, When::NoAnswer | When::BusyOrNoAnswer),
            Condition::Unavailable => when != When::Always,
        };
        let fits = |entry: &ForwardEntry, whom| match whom {
            Whom::All => true,
            Whom::Internal => calling.is_internal,
            Whom::External => !calling.is_internal,
            Whom::Specific => {
                let named =
                    |caller: &Arc<str>| **caller == bare(calling.number) || **caller == bare(calling.seen);
                entry.caller.as_ref().is_some_and(named)
            }
        };
        let mut best: Option<(Whom, &ForwardEntry)> = None;
        for entry in &self.entries {
            let (when, whom) = entry.mode.parts();
            if applies(when) && fits(entry, whom) && best.is_none_or(|(before, _)| before < whom) {
                best = Some((whom, entry));
            }
        }
        best.map(|(_, entry)| entry)
    }
}

/// A number without what is for the eye: two ways to write it are one number.
fn bare(number: &str) -> String {
    number.chars().filter(|c| !c.is_whitespace() && !c.is_control() && !"()-./".contains(*c)).collect()
}

impl Switch {
    /// `lineForward`.
    pub(super) fn forward(
        &mut self,
        asker: Asker,
        line: &str,
        entries: Vec<ForwardEntry>,
        rings: Option<u32>,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let line = Arc::clone(&self.opened(asker.app, line)?.address);
        let entries = self.check_forwarding(&line, entries)?;
        asker.done(out);
        let rings = rings.unwrap_or(RINGS_DEFAULT).clamp(RINGS_MIN, RINGS_MAX);
        self.set_forwarding(&line, Forwarding { entries, rings }, out);
        Ok(())
    }

    /// From the handset: entries of this mode are replaced by one that sends calls to `number`, or are taken out.
    ///
    /// # Errors
    /// [`LineError::InvalAddress`] or [`LineError::AddressBlocked`] for the number, [`LineError::InvalParam`] for a mode
    /// that names a caller or a list that is too long.
    pub(super) fn forward_by_code(
        &mut self,
        line: &Arc<str>,
        mode: ForwardMode,
        number: Option<&str>,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let Forwarding { mut entries, rings } = self.forwarding(line).cloned().unwrap_or_default();
        // Do not disturb is another key.
        entries.retain(|entry| entry.mode != mode || entry.destination.is_none());
        entries.extend(number.map(|number| ForwardEntry {
            mode,
            caller: None,
            destination: Some(number.into()),
        }));
        let entries = self.check_forwarding(line, entries)?;
        self.set_forwarding(line, Forwarding { entries, rings }, out);
        Ok(())
    }

    /// From a key of the phone, which knows busy and no answer apart: an entry for both is taken apart. As
    /// [`Self::forward_by_code`], with the rings before nobody answers.
    ///
    /// # Errors
    /// Those of [`Self::forward_by_code`].
    pub(super) fn forward_by_phone(
        &mut self,
        line: &Arc<str>,
        mode: ForwardMode,
        number: Option<&str>,
        rings: Option<u32>,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let Forwarding { mut entries, rings: before } = self.forwarding(line).cloned().unwrap_or_default();
        let is_half = matches!(mode, ForwardMode::Busy | ForwardMode::NoAnsw);
        let both = |entry: &ForwardEntry| {
            is_half && entry.mode == ForwardMode::BusyNa && entry.destination.is_some()
        };
        while let Some(place) = entries.iter().position(both) {
            let entry = entries.remove(place);
            for half in [ForwardMode::Busy, ForwardMode::NoAnsw] {
                entries.push(ForwardEntry { mode: half, ..entry.clone() });
            }
        }
        // Do not disturb is another key.
        entries.retain(|entry| entry.mode != mode || entry.destination.is_none());
        entries.extend(number.map(|number| ForwardEntry {
            mode,
            caller: None,
            destination: Some(number.into()),
        }));
        let entries = self.check_forwarding(line, entries)?;
        let rings = rings.map_or(before, |rings| rings.clamp(RINGS_MIN, RINGS_MAX));
        self.set_forwarding(line, Forwarding { entries, rings }, out);
        Ok(())
    }

    /// From the handset: nobody, or again everybody, may disturb.
    pub(super) fn set_do_not_disturb(&mut self, line: &Arc<str>, wanted: bool, out: &mut Outbox) {
        let Forwarding { mut entries, rings } = self.forwarding(line).cloned().unwrap_or_default();
        entries.retain(|entry| entry.mode != ForwardMode::Uncond || entry.destination.is_some());
        if wanted {
            entries.insert(0, ForwardEntry { mode: ForwardMode::Uncond, caller: None, destination: None });
            entries.truncate(FORWARD_ENTRIES_MAX);
        }
        self.set_forwarding(line, Forwarding { entries, rings }, out);
    }

    /// Whether nobody may disturb: calls of everybody are refused.
    pub(super) fn does_not_disturb(&self, line: &str) -> bool {
        let is_quiet =
            |entry: &ForwardEntry| entry.mode == ForwardMode::Uncond && entry.destination.is_none();
        self.forwarding(line).is_some_and(|forwarding| forwarding.entries.iter().any(is_quiet))
    }

    /// The list of a line, if there is one.
    pub(super) fn forwarding(&self, line: &str) -> Option<&Forwarding> {
        self.forwarding.get(line)
    }

    /// Replaces the list, tells everybody, and has it kept.
    fn set_forwarding(&mut self, line: &Arc<str>, forwarding: Forwarding, out: &mut Outbox) {
        out.store.push(Kept::Forwarding {
            line: Arc::clone(line),
            entries: forwarding.entries.clone(),
            rings: forwarding.rings,
        });
        if forwarding.entries.is_empty() {
            self.forwarding.remove(line);
        } else {
            self.forwarding.insert(Arc::clone(line), forwarding);
        }
        self.watches.touch(line);
        self.stir_features(line);
        for app in self.lines.get(line).into_iter().flat_map(|known| known.listeners("forward")) {
            out.messages.push((app, Message::Forwarded { line: Arc::clone(line) }));
        }
    }

    /// The list with its numbers as they are dialled; an error where an entry is none, or leads nowhere.
    fn check_forwarding(
        &self,
        line: &str,
        mut entries: Vec<ForwardEntry>,
    ) -> Result<Vec<ForwardEntry>, LineError> {
        if entries.len() > FORWARD_ENTRIES_MAX {
            return Err(LineError::InvalParam);
        }
        for entry in &mut entries {
            if entry.mode.is_specific() != entry.caller.is_some() {
                return Err(LineError::InvalParam);
            }
            if let Some(caller) = &mut entry.caller {
                *caller = bare(caller).into();
                if !(1..=DIALLED_BYTES_MAX).contains(&caller.len()) {
                    return Err(LineError::InvalParam);
                }
            }
            if let Some(to) = &mut entry.destination {
                let Dialable { number, is_partial, .. } = self.dialable(to)?;
                if is_partial {
                    return Err(LineError::InvalAddress);
                }
                *to = number.into();
                self.check_sent_to(to)?;
                if self.leads_to(to, line) {
                    return Err(LineError::InvalAddress);
                }
            }
        }
        // A network is no station whose calls could go elsewhere.
        let is_trunk = self.lines.get(line).is_none_or(|line| line.kind == LineKind::Trunk);
        if is_trunk { Err(LineError::OperationUnavail) } else { Ok(entries) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(mode: ForwardMode, to: &str) -> ForwardEntry {
        let caller = mode.is_specific().then(|| "1001".into());
        ForwardEntry { mode, caller, destination: Some(to.into()) }
    }

    fn chosen(
        modes: &[ForwardMode],
        number: &str,
        is_internal: bool,
        condition: Condition,
    ) -> Option<String> {
        let entries = (0..).zip(modes).map(|(place, mode)| entry(*mode, &format!("{place}"))).collect();
        let forwarding = Forwarding { entries, rings: RINGS_DEFAULT };
        let entry = forwarding.entry(Calling { number, seen: number, is_internal }, condition)?;
        entry.destination.as_deref().map(str::to_owned)
    }

    #[test]
    fn every_mode_applies_to_its_callers_under_its_conditions() {
        const CONDITIONS: [(Condition, [&str; 2]); 3] = [
            (Condition::Always, ["uncond", "uncond"]),
            (Condition::Busy, ["busy", "busyna"]),
            (Condition::NoAnswer, ["noansw", "busyna"]),
        ];
        for mode in ForwardMode::ALL {
            for (condition, stems) in CONDITIONS {
                for (number, is_internal) in [("1001", true), ("1002", true), ("030", false)] {
                    let fitting =
                        ["", "internal", "external", "specific"].into_iter().filter(|whom| match *whom {
                            "internal" => is_internal,
                            "external" => !is_internal,
                            "specific" => number == "1001",
                            _ => true,
                        });
                    let expected = fitting
                        .flat_map(|whom| stems.map(|stem| format!("{stem}{whom}")))
                        .any(|name| name == mode.name());
                    let found = chosen(&[mode], number, is_internal, condition).is_some();
                    assert_eq!(found, expected, "{mode:?} {condition:?} {number}");
                }
            }
        }
    }

    #[test]
    fn who_is_named_wins_before_a_kind_of_caller_and_that_before_all() {
        use ForwardMode as Mode;
        let modes = [Mode::Busy, Mode::BusyNaInternal, Mode::BusySpecific];
        assert_eq!(chosen(&modes, "1001", true, Condition::Busy).as_deref(), Some("2"));
        assert_eq!(chosen(&modes, "1002", true, Condition::Busy).as_deref(), Some("1"));
        assert_eq!(chosen(&modes, "030", false, Condition::Busy).as_deref(), Some("0"));
    }

    #[test]
    fn of_equals_the_first_wins() {
        let modes = [ForwardMode::BusyNa, ForwardMode::Busy];
        assert_eq!(chosen(&modes, "1001", true, Condition::Busy).as_deref(), Some("0"));
    }

    #[test]
    fn a_phone_that_is_not_there_is_busy_or_does_not_answer() {
        for mode in [ForwardMode::Busy, ForwardMode::NoAnsw, ForwardMode::BusyNa] {
            assert!(chosen(&[mode], "1001", true, Condition::Unavailable).is_some(), "{mode:?}");
        }
        assert_eq!(chosen(&[ForwardMode::Uncond], "1001", true, Condition::Unavailable), None);
    }

    #[test]
    fn names_come_back() {
        for mode in ForwardMode::ALL {
            assert_eq!(ForwardMode::named(mode.name()), Some(mode));
        }
    }
}
