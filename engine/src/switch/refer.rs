//! What a phone asks by REFER (RFC 3515).

use std::time::Instant;

use trunkline_sip::UsageId;
use trunkline_sip::outbox::{Command, Refer};

use super::Switch;
use super::outbox::Outbox;

impl Switch {
    pub(super) fn referred(&mut self, _now: Instant, usage: UsageId, _refer: &Refer, out: &mut Outbox) {
        out.sip.push(Command::AnswerRefer(usage, 603));
    }
}
