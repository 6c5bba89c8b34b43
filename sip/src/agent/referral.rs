//! The REFERs that are followed: each is a small subscription of the one who sent it (RFC 3515 §2.4.4).

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use foldhash::quality::RandomState;

use crate::dialog::Dialog;
use crate::ids::{LegId, UsageId};
use crate::outbox::Refer;
use crate::token::Token;
use crate::transaction::{ClientKey, ServerId};

/// One REFER.
#[derive(Debug)]
pub(super) struct Referral {
    /// The leg whose dialog it came in, as long as that lives.
    pub(super) leg: Option<LegId>,
    /// The dialog that it made, if it came in none.
    pub(super) own: Option<Box<OwnDialog>>,
    /// The REFER, until it is answered.
    pub(super) server: Option<ServerId>,
    /// What the owner is to be told, until it is, and how many workers are still to say which leg is meant.
    pub(super) untold: Option<(Box<Refer>, u8)>,
    /// The number of the REFER: the `id` of its event.
    pub(super) cseq: u32,
    pub(super) notifies: bool,
    /// The NOTIFY that is not answered.
    pub(super) in_flight: Option<ClientKey>,
    /// The status that was told last, or is to be told.
    pub(super) status: u16,
    /// Whether `status` is to be told when the NOTIFY before it is answered.
    pub(super) is_due: bool,
    /// Why the subscription is over, once the last NOTIFY is due.
    pub(super) over: Option<&'static str>,
    /// When the owner has not answered, or the subscription expires.
    pub(super) until: Instant,
}

/// The dialog that a REFER made.
#[derive(Debug)]
pub(super) struct OwnDialog {
    pub(super) dialog: Dialog,
    pub(super) tag: Token,
    /// The user part of our Contact, escaped.
    pub(super) user: Box<str>,
}

/// The REFERs of one agent.
#[derive(Debug, Default)]
pub(super) struct Referrals {
    all: HashMap<UsageId, Referral, RandomState>,
    deadlines: BTreeSet<(Instant, UsageId)>,
    /// Those with a dialog of their own, by our tag.
    tags: HashMap<Token, UsageId, RandomState>,
}

impl Referrals {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn insert(&mut self, id: UsageId, referral: Referral) {
        self.deadlines.insert((referral.until, id));
        if let Some(own) = &referral.own {
            self.tags.insert(own.tag, id);
        }
        self.all.insert(id, referral);
    }

    pub(super) fn get(&self, id: UsageId) -> Option<&Referral> {
        self.all.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: UsageId) -> Option<&mut Referral> {
        self.all.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: UsageId) -> Option<Referral> {
        let referral = self.all.remove(&id)?;
        self.deadlines.remove(&(referral.until, id));
        if let Some(own) = &referral.own {
            self.tags.remove(&own.tag);
        }
        Some(referral)
    }

    /// Moves the deadline of one.
    pub(super) fn extend(&mut self, id: UsageId, until: Instant) {
        if let Some(referral) = self.all.get_mut(&id) {
            self.deadlines.remove(&(referral.until, id));
            referral.until = until;
            self.deadlines.insert((until, id));
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// One whose deadline has come.
    pub(super) fn due(&self, now: Instant) -> Option<UsageId> {
        self.deadlines.first().filter(|(at, _)| *at <= now).map(|(_, id)| *id)
    }

    /// The one whose own dialog has this tag.
    pub(super) fn by_tag(&self, tag: Token) -> Option<UsageId> {
        self.tags.get(&tag).copied()
    }

    /// Of these, the one that `Event: refer;id=…` names; without `id` the only one.
    pub(super) fn named(&self, of: &[UsageId], id: Option<&str>) -> Option<UsageId> {
        match id {
            Some(id) => {
                let cseq: u32 = id.parse().ok()?;
                of.iter().copied().find(|of| self.all.get(of).is_some_and(|referral| referral.cseq == cseq))
            }
            None => of.first().copied().filter(|_| of.len() == 1),
        }
    }
}
