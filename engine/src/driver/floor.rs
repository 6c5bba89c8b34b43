//! Who works on what: the desks of one engine, and a thread's round through them.
//!
//! A message that arrives is followed by its thread through agent, switch, relay and agent as far as nobody else is at them: at
//! low load a call wakes one thread for each of its messages, at high load each desk has somebody and the others leave it their
//! inputs.

use trunkline_media::thread::RelayHandle;

use super::desk::Desk;
use super::switch::SwitchCore;
use super::worker::AgentCore;

/// Passes in one round: agent, switch and relay; agent and switch again; and nothing is left as a rule. What others bring in the
/// meantime does not keep a thread from its sockets.
const PASSES_MAX: usize = 3;

/// The desks of one engine.
pub(crate) struct Floor {
    /// In the order of their numbers.
    pub(crate) agents: Vec<Desk<AgentCore>>,
    pub(crate) switch: Desk<SwitchCore>,
    pub(crate) relays: Vec<RelayHandle>,
}

impl Floor {
    /// Has done what waits at any desk, and what follows from it. `own`: the agent whose thread looks at its timers right after this.
    pub(crate) fn round(&self, own: Option<u16>) {
        let events = self.switch.letterbox();
        for _ in 0..PASSES_MAX {
            // What the relay reports meanwhile is seen here.
            events.attend();
            let is_done = self.pass(own);
            events.leave();
            if !is_done && !self.switch.visit(false) {
                return;
            }
        }
        for agent in self.agents.iter().filter(|agent| agent.letterbox().has_mail()) {
            agent.letterbox().ring();
        }
        if events.has_mail() {
            events.ring();
        }
    }

    /// Wakes the threads of all agents but this for what waits there: the one who asks has enough to do.
    pub(crate) fn share(&self, own: u16) {
        for (_, agent) in (0..).zip(&self.agents).filter(|(index, _)| *index != own) {
            if agent.letterbox().has_mail() {
                agent.letterbox().ring();
            }
        }
    }

    fn count(&self) -> u16 {
        u16::try_from(self.agents.len()).unwrap_or(u16::MAX)
    }

    /// Looks at each desk once; whether anything was done.
    fn pass(&self, own: Option<u16>) -> bool {
        let mut is_done = false;
        // What is its own, then what those who were woken for theirs have not begun.
        let own_first = own.unwrap_or(0);
        for index in (own_first..self.count()).chain(0..own_first) {
            is_done |= self.agents[usize::from(index)].visit(own == Some(index));
        }
        is_done |= self.switch.visit(false);
        // Ports are bound before an answer can name them.
        for relay in &self.relays {
            relay.prompt();
        }
        is_done
    }
}
