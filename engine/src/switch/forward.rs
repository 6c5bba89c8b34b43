//! `lineForward`: where the calls of a line go instead.

use std::sync::Arc;
use std::time::Instant;

use super::Switch;
use super::error::LineError;
use super::outbox::Outbox;
use super::request::Asker;

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

impl Switch {
    pub(super) fn forward(
        &mut self,
        _now: Instant,
        _asker: Asker,
        _line: &str,
        _entries: Vec<ForwardEntry>,
        _rings: Option<u32>,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }
}
