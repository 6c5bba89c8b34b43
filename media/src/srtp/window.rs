//! Which packets of a source were there: the index with its rollover counter (RFC 3711 §3.3.1), and the replay list (§3.3.2).

/// Half of the sequence numbers.
const HALF: u16 = 1 << 15;

/// Indices below the highest that are still told apart; older ones count as seen.
const SEEN_BITS: u64 = 64;

/// The indices of one source. An index is the rollover counter and, in its low 16 bits, the sequence number.
#[derive(Clone, Debug)]
pub(super) struct Window {
    highest: u64,
    /// Bit `n` is the index `highest - n`.
    seen: u64,
}

impl Window {
    /// After one packet.
    pub(super) const fn beginning_with(index: u64) -> Self {
        Self { highest: index, seen: 1 }
    }

    /// The index that a sequence number most likely stands for (RFC 3711 appendix A); `None` before the beginning, and when the
    /// rollover counter is used up.
    #[inline]
    pub(super) fn index_of(&self, sequence: u16) -> Option<u64> {
        let rollovers = self.highest >> 16;
        let highest = u16::try_from(self.highest & 0xffff).unwrap_or(0);
        let guess = if highest < HALF {
            if sequence.saturating_sub(highest) > HALF { rollovers.checked_sub(1)? } else { rollovers }
        } else if sequence < highest - HALF {
            rollovers + 1
        } else {
            rollovers
        };
        (guess <= u64::from(u32::MAX)).then_some((guess << 16) | u64::from(sequence))
    }

    /// Whether this index was not there, as far as is known.
    #[inline]
    pub(super) const fn is_fresh(&self, index: u64) -> bool {
        match self.highest.checked_sub(index) {
            None => true,
            Some(behind) => behind < SEEN_BITS && self.seen & (1 << behind) == 0,
        }
    }

    /// Notes an index.
    #[inline]
    pub(super) const fn accept(&mut self, index: u64) {
        if index > self.highest {
            let ahead = index - self.highest;
            self.seen = if ahead < SEEN_BITS { (self.seen << ahead) | 1 } else { 1 };
            self.highest = index;
        } else if self.highest - index < SEEN_BITS {
            self.seen |= 1 << (self.highest - index);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn indices_follow_appendix_a() {
        for (highest, sequence, index) in [
            (5, 6, Some(6)),
            (5, 32_773, Some(32_773)),
            (5, 32_774, None),
            (65_530, 3, Some(65_539)),
            (65_530, 32_761, Some(65_536 + 32_761)),
            (65_530, 32_762, Some(32_762)),
            (65_539, 65_535, Some(65_535)),
            (65_539, 4, Some(65_540)),
            ((1 << 48) - 1, 0, None),
        ] {
            assert_eq!(
                Window::beginning_with(highest).index_of(sequence),
                index,
                "{sequence} after {highest}"
            );
        }
    }

    #[test]
    fn what_is_seen_or_too_old_is_not_fresh() {
        let mut window = Window::beginning_with(100);
        window.accept(98);
        window.accept(163);
        for (index, fresh) in [(99, true), (98, false), (100, false), (101, true), (163, false), (164, true)]
        {
            assert_eq!(window.is_fresh(index), fresh && index + SEEN_BITS > 163, "{index}");
        }
        window.accept(1_000);
        assert!(!window.is_fresh(163) && !window.is_fresh(936) && window.is_fresh(937));
    }

    proptest! {
        #[test]
        fn each_index_is_fresh_once(steps in prop::collection::vec(0_u64..300, 1..400)) {
            let mut window = Window::beginning_with(0);
            let mut taken = std::collections::HashSet::from([0]);
            for index in steps {
                if window.is_fresh(index) {
                    window.accept(index);
                    prop_assert!(taken.insert(index));
                }
            }
        }
    }
}
