//! The offer/answer state of one leg (RFC 3264, RFC 6337).
//!
//! ```text
//!            offer ──▶ LocalOffer  ── answered ──▶
//!  Stable                                           Stable
//!            offered ▶ RemoteOffer ── answer ────▶
//!                          └──── refused: back to what was agreed before ────▶ Stable
//! ```

use std::mem;
use std::sync::Arc;

use super::SessionDescription;

/// Both halves of a completed exchange.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Agreed {
    /// What we described.
    pub local: Arc<SessionDescription>,
    /// What the peer described.
    pub remote: Arc<SessionDescription>,
}

/// The offer/answer state of one leg. A pending offer holds what to go back to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OfferAnswer {
    /// Nothing is pending.
    Stable(Option<Agreed>),
    /// Our offer waits for the peer's answer.
    LocalOffer {
        /// What holds if it is refused.
        before: Option<Agreed>,
        /// What we offered.
        offered: Arc<SessionDescription>,
    },
    /// The peer's offer waits for our answer.
    RemoteOffer {
        /// What holds if we refuse.
        before: Option<Agreed>,
        /// What the peer offered.
        offered: Arc<SessionDescription>,
    },
}

/// An offer while another is pending: 491, or our own has to wait (RFC 3261 §14, RFC 6337 §3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("another offer is pending")]
pub struct Glare;

/// An answer to no offer: ignored where the peer sent it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no offer to answer")]
pub struct NoOffer;

impl Default for OfferAnswer {
    fn default() -> Self {
        Self::Stable(None)
    }
}

impl OfferAnswer {
    /// What is in force: while an offer is pending, what was agreed before it.
    pub const fn agreed(&self) -> Option<&Agreed> {
        match self {
            Self::Stable(agreed)
            | Self::LocalOffer { before: agreed, .. }
            | Self::RemoteOffer { before: agreed, .. } => agreed.as_ref(),
        }
    }

    /// Whether no offer is pending.
    pub const fn is_stable(&self) -> bool {
        matches!(self, Self::Stable(_))
    }

    /// We send an offer.
    ///
    /// # Errors
    /// [`Glare`] while an offer is pending: ours has to wait.
    pub fn offer(&mut self, offered: Arc<SessionDescription>) -> Result<(), Glare> {
        let before = self.take_stable()?;
        *self = Self::LocalOffer { before, offered };
        Ok(())
    }

    /// The peer sent an offer.
    ///
    /// # Errors
    /// [`Glare`] while an offer is pending: answer 491.
    pub fn offered(&mut self, offered: Arc<SessionDescription>) -> Result<(), Glare> {
        let before = self.take_stable()?;
        *self = Self::RemoteOffer { before, offered };
        Ok(())
    }

    /// The peer answered our offer.
    ///
    /// # Errors
    /// [`NoOffer`] unless ours is pending.
    pub fn answered(&mut self, remote: Arc<SessionDescription>) -> Result<(), NoOffer> {
        let Self::LocalOffer { offered, .. } = self else { return Err(NoOffer) };
        let local = Arc::clone(offered);
        *self = Self::Stable(Some(Agreed { local, remote }));
        Ok(())
    }

    /// We answer the peer's offer.
    ///
    /// # Errors
    /// [`NoOffer`] unless the peer's is pending.
    pub fn answer(&mut self, local: Arc<SessionDescription>) -> Result<(), NoOffer> {
        let Self::RemoteOffer { offered, .. } = self else { return Err(NoOffer) };
        let remote = Arc::clone(offered);
        *self = Self::Stable(Some(Agreed { local, remote }));
        Ok(())
    }

    /// The pending offer, whosever it is, was refused or withdrawn: what was agreed before holds (RFC 3261 §14.1).
    pub fn refused(&mut self) {
        *self = match mem::take(self) {
            Self::Stable(agreed)
            | Self::LocalOffer { before: agreed, .. }
            | Self::RemoteOffer { before: agreed, .. } => Self::Stable(agreed),
        };
    }

    fn take_stable(&mut self) -> Result<Option<Agreed>, Glare> {
        match self {
            Self::Stable(agreed) => Ok(agreed.take()),
            Self::LocalOffer { .. } | Self::RemoteOffer { .. } => Err(Glare),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn described(port: u16) -> Arc<SessionDescription> {
        let text = format!("v=0\r\nm=audio {port} RTP/AVP 0\r\n");
        Arc::new(SessionDescription::parse(&Bytes::from(text)).unwrap())
    }

    #[test]
    fn a_refused_offer_restores_what_was_agreed() {
        let [one, two, three] = [1, 2, 3].map(described);
        let mut state = OfferAnswer::default();
        state.offered(Arc::clone(&one)).unwrap();
        state.answer(Arc::clone(&two)).unwrap();
        let agreed = Agreed { local: two, remote: one };
        state.offer(Arc::clone(&three)).unwrap();
        assert_eq!(state.agreed(), Some(&agreed));
        state.refused();
        assert_eq!(state, OfferAnswer::Stable(Some(agreed.clone())));
        state.offered(three).unwrap();
        state.refused();
        assert_eq!(state, OfferAnswer::Stable(Some(agreed)));
    }

    #[test]
    fn a_second_offer_is_glare_and_changes_nothing() {
        let offered = described(1);
        let mut state = OfferAnswer::default();
        state.offer(Arc::clone(&offered)).unwrap();
        let pending = state.clone();
        assert_eq!(state.offered(Arc::clone(&offered)), Err(Glare));
        assert_eq!(state.offer(Arc::clone(&offered)), Err(Glare));
        assert_eq!(state.answer(Arc::clone(&offered)), Err(NoOffer));
        assert_eq!(state, pending);
        state.answered(offered.clone()).unwrap();
        assert_eq!(state.answered(offered), Err(NoOffer));
        assert!(state.is_stable());
    }

    proptest! {
        #[test]
        fn every_state_returns_to_stable(steps in prop::collection::vec(0u8..5, 0..40)) {
            let description = described(1);
            let mut state = OfferAnswer::default();
            for step in steps {
                let before = state.clone();
                let description = Arc::clone(&description);
                let accepted = match step {
                    0 => state.offer(description).is_ok(),
                    1 => state.offered(description).is_ok(),
                    2 => state.answer(description).is_ok(),
                    3 => state.answered(description).is_ok(),
                    _ => { state.refused(); true }
                };
                prop_assert!(accepted || state == before);
            }
            let agreed = state.agreed().cloned();
            state.refused();
            prop_assert_eq!(state, OfferAnswer::Stable(agreed));
        }
    }
}
