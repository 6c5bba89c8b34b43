//! LINETRANSLATEOPTION_: how one address is to be translated.

use std::ops::BitOr;

use crate::switch::error::LineError;

/// A set of LINETRANSLATEOPTION_ bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct TranslateOptions(u32);

impl TranslateOptions {
    /// None.
    pub const NONE: Self = Self(0);
    /// Use the card of the request instead of the location's, for this translation only.
    pub const CARD_OVERRIDE: Self = Self(1);
    /// Put the location's cancel-call-waiting string before the number.
    pub const CANCEL_CALL_WAITING: Self = Self(2);
    /// Dial a number of the same country as local.
    pub const FORCE_LOCAL: Self = Self(4);
    /// Dial a number of the same country as long distance.
    pub const FORCE_LONG_DISTANCE: Self = Self(8);

    /// All of them with their names in the API, in the order of their values.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::CARD_OVERRIDE, "cardoverride"),
        (Self::CANCEL_CALL_WAITING, "cancelcallwaiting"),
        (Self::FORCE_LOCAL, "forcelocal"),
        (Self::FORCE_LONG_DISTANCE, "forceld"),
    ];

    /// The options of a dwTranslateOptions.
    ///
    /// # Errors
    /// [`LineError::InvalParam`] for a bit that is no option.
    pub const fn from_bits(bits: u32) -> Result<Self, LineError> {
        if bits <= 15 { Ok(Self(bits)) } else { Err(LineError::InvalParam) }
    }

    /// The option of this name in the API.
    ///
    /// # Errors
    /// [`LineError::InvalParam`] for any other name.
    pub fn from_name(name: &str) -> Result<Self, LineError> {
        let known = Self::ALL.iter().find(|(_, known)| *known == name);
        known.map(|(option, _)| *option).ok_or(LineError::InvalParam)
    }

    /// dwTranslateOptions.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether all of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Refuses what contradicts itself.
    pub(super) fn check(self) -> Result<(), LineError> {
        let both = Self::FORCE_LOCAL | Self::FORCE_LONG_DISTANCE;
        if self.contains(both) { Err(LineError::InvalParam) } else { Ok(()) }
    }
}

impl BitOr for TranslateOptions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_are_those_of_tapi() {
        assert_eq!(TranslateOptions::ALL.map(|(option, _)| option.bits()), [1, 2, 4, 8]);
    }

    #[test]
    fn an_unknown_bit_or_name_is_an_invalid_parameter() {
        assert_eq!(TranslateOptions::from_bits(16), Err(LineError::InvalParam));
        assert_eq!(TranslateOptions::from_name("local"), Err(LineError::InvalParam));
        assert_eq!(TranslateOptions::from_bits(9).map(TranslateOptions::bits), Ok(9));
        assert_eq!(TranslateOptions::from_name("forceld"), Ok(TranslateOptions::FORCE_LONG_DISTANCE));
    }

    #[test]
    fn local_and_long_distance_at_once_is_refused() {
        let both = TranslateOptions::FORCE_LOCAL | TranslateOptions::FORCE_LONG_DISTANCE;
        assert_eq!(both.check(), Err(LineError::InvalParam));
        assert_eq!(TranslateOptions::FORCE_LOCAL.check(), Ok(()));
    }
}
