//! What outlives the process: the switch says what changed, a driver writes it and gives it back at start.

use std::sync::Arc;

use super::Switch;
use super::forward::{ForwardEntry, Forwarding};

/// One thing to keep.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kept {
    /// The forwarding list of a line, in place of the one before; empty: none.
    Forwarding {
        /// The line.
        line: Arc<str>,
        /// The list.
        entries: Vec<ForwardEntry>,
        /// Rings before nobody answers.
        rings: u32,
    },
}

impl Switch {
    /// Takes back what was kept, before the first input. What speaks of lines that are gone is left out.
    pub fn restore(&mut self, kept: impl IntoIterator<Item = Kept>) {
        for kept in kept {
            match kept {
                Kept::Forwarding { line, entries, rings } => {
                    if self.lines.get(&line).is_some() && !entries.is_empty() {
                        self.forwarding.insert(line, Forwarding { entries, rings });
                    }
                }
            }
        }
    }
}
