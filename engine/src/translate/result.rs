//! LINETRANSLATERESULT_: what a translation found out.

use std::ops::{BitOr, BitOrAssign};

/// A set of LINETRANSLATERESULT_ bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct TranslateResults(u32);

impl TranslateResults {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The address was in canonical form.
    pub const CANONICAL: Self = Self(0x001);
    /// The destination's country code is not the location's.
    pub const INTERNATIONAL: Self = Self(0x002);
    /// The same country code, another area; or treated so.
    pub const LONG_DISTANCE: Self = Self(0x004);
    /// The same country code and area; or treated so.
    pub const LOCAL: Self = Self(0x008);
    /// The prefix is in the toll list: dialled as long distance.
    pub const IN_TOLL_LIST: Self = Self(0x010);
    /// The country has toll lists, and the prefix is not in this one.
    pub const NOT_IN_TOLL_LIST: Self = Self(0x020);
    /// The string has a `$`.
    pub const DIAL_BILLING: Self = Self(0x040);
    /// The string has an `@`.
    pub const DIAL_QUIET: Self = Self(0x080);
    /// The string has a `W`.
    pub const DIAL_DIALTONE: Self = Self(0x100);
    /// The string has a `?`.
    pub const DIAL_PROMPT: Self = Self(0x200);
    /// The string has a `:`.
    pub const VOICE_DETECT: Self = Self(0x400);
    /// The line has no location: nothing was translated.
    pub const NO_TRANSLATION: Self = Self(0x800);

    /// All of them with their names in the API, in the order of their values.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::CANONICAL, "canonical"),
        (Self::INTERNATIONAL, "international"),
        (Self::LONG_DISTANCE, "longdistance"),
        (Self::LOCAL, "local"),
        (Self::IN_TOLL_LIST, "intolllist"),
        (Self::NOT_IN_TOLL_LIST, "notintolllist"),
        (Self::DIAL_BILLING, "dialbilling"),
        (Self::DIAL_QUIET, "dialquiet"),
        (Self::DIAL_DIALTONE, "dialdialtone"),
        (Self::DIAL_PROMPT, "dialprompt"),
        (Self::VOICE_DETECT, "voicedetect"),
        (Self::NO_TRANSLATION, "notranslation"),
    ];

    /// dwTranslateResults.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether all of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names of the bits that are set, in the order of their values.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().filter(move |(bit, _)| self.contains(*bit)).map(|(_, name)| name)
    }

    /// The bits of the control characters in a string to dial. A subaddress or name has none.
    pub fn of_controls(dialable: &str) -> Self {
        let (number, ..) = super::split_ancillary(dialable);
        number.chars().fold(Self::NONE, |found, letter| found | Self::of_control(letter))
    }

    fn of_control(letter: char) -> Self {
        match letter {
            '$' => Self::DIAL_BILLING,
            '@' => Self::DIAL_QUIET,
            'W' | 'w' => Self::DIAL_DIALTONE,
            '?' => Self::DIAL_PROMPT,
            ':' => Self::VOICE_DETECT,
            _ => Self::NONE,
        }
    }
}

impl BitOr for TranslateResults {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for TranslateResults {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_are_those_of_tapi() {
        for (index, (bit, name)) in TranslateResults::ALL.into_iter().enumerate() {
            assert_eq!(bit.bits(), 1 << index, "{name}");
        }
    }

    #[test]
    fn every_control_character_has_its_bit() {
        let controls = [("$", 0x40), ("@", 0x80), ("W", 0x100), ("w", 0x100), ("?", 0x200), (":", 0x400)];
        for (control, bits) in controls {
            assert_eq!(TranslateResults::of_controls(&format!("9{control}1")).bits(), bits, "{control}");
        }
        assert_eq!(TranslateResults::of_controls("0-9*#ABCDTP,!;|W$^?:").bits(), 0);
    }

    #[test]
    fn names_come_in_the_order_of_the_values() {
        let set = TranslateResults::LOCAL | TranslateResults::DIAL_QUIET | TranslateResults::CANONICAL;
        assert_eq!(set.names().collect::<Vec<_>>(), ["canonical", "local", "dialquiet"]);
    }
}
