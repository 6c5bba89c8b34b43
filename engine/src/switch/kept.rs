//! What outlives the process: the switch says what changed, a driver writes it and gives it back at start.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use trunkline_media::PortPair;
use trunkline_sip::outbox::{CompletionOffer, MessageCounts};

use super::Switch;
use super::forward::{ForwardEntry, Forwarding};
use super::ids::{CallId, CompletionId};
use super::keeping::KeptCall;

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
    /// A call is to be completed.
    Completion(KeptCompletion),
    /// This one no longer is.
    CompletionOver(CompletionId),
    /// A call that goes on after a crash, in place of what was kept of it before.
    Call(Box<KeptCall>),
    /// This one does not.
    CallOver(CallId),
    /// Calls may have been given numbers up to this one.
    Numbers(u64),
    /// Far ends may speak to these ports, or soon will, in the order in which they give way: in place of those that were kept before.
    Ports(Vec<PortPair>),
    /// How many messages a line has, in place of what was kept before.
    Messages {
        /// The line.
        line: Arc<str>,
        /// How many.
        counts: MessageCounts,
    },
}

/// A call that is to be completed when its destination is free.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptCompletion {
    /// `dwCompletionID`.
    pub id: CompletionId,
    /// Who called.
    pub line: Arc<str>,
    /// The line that was busy or did not answer; for a number of another system a name of both.
    pub called: Arc<str>,
    /// What is dialled when it is free.
    pub number: String,
    /// Whether somebody must use the called line first: nobody answered there.
    pub awaits_use: bool,
    /// When it is given up.
    pub expires: Instant,
    /// The number of another system, which is asked again after the start.
    pub elsewhere: Option<KeptElsewhere>,
}

/// A number of another system for which a call is to be completed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptElsewhere {
    /// The trunk that leads there.
    pub trunk: Arc<str>,
    /// The number there.
    pub number: String,
    /// What the peer at this address offered (RFC 6910); without it the dialogs of the number are watched.
    pub offer: Option<(CompletionOffer, IpAddr)>,
}

impl Switch {
    /// Takes back what was kept, before the first input. What speaks of lines that are gone is left out.
    pub fn restore(&mut self, kept: impl IntoIterator<Item = Kept>) {
        let mut resumed = 0;
        for kept in kept {
            match kept {
                Kept::Forwarding { line, entries, rings } => {
                    if self.lines.get(&line).is_some() && !entries.is_empty() {
                        self.forwarding.insert(line, Forwarding { entries, rings });
                    }
                }
                Kept::Completion(completion) => self.restore_completion(completion, &mut resumed),
                Kept::Numbers(last) => self.last_call = self.last_call.max(last),
                Kept::Ports(ports) => self.media.rest_noted(self.now, &ports),
                Kept::Messages { line, counts } => self.restore_messages(line, counts),
                // Calls need the legs of the agents: `recover` takes them back.
                Kept::CompletionOver(_) | Kept::Call(_) | Kept::CallOver(_) => {}
            }
        }
    }
}
