//! Tags and branches of our own making: the worker first, then 64 random bits.

use std::fmt;

use rand::Rng;

use crate::message::{Text, Value};

/// The magic cookie of RFC 3261 §8.1.1.7.
pub(crate) const COOKIE: &str = "z9hG4bK";

/// What our tags are, and our branches after the magic cookie: four hexadecimal digits of the worker, sixteen of
/// randomness (RFC 3261 §19.3 asks for 32 bits).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Token {
    /// The worker that made it.
    pub worker: u16,
    /// The random part.
    pub bits: u64,
}

impl Token {
    /// How many characters it prints as.
    pub const LENGTH: usize = 20;

    /// Draws one.
    pub fn draw(worker: u16, random: &mut impl Rng) -> Self {
        Self { worker, bits: random.random() }
    }

    /// Reads a tag of ours. `None`: somebody else made it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_bytes(text.as_bytes())
    }

    /// Reads a branch of ours.
    pub fn parse_branch(branch: &str) -> Option<Self> {
        Self::parse(branch.strip_prefix(COOKIE)?)
    }

    /// Reads exactly [`Self::LENGTH`] lower-case hexadecimal digits.
    pub fn parse_bytes(text: &[u8]) -> Option<Self> {
        if text.len() != Self::LENGTH {
            return None;
        }
        let (worker, bits) = text.split_at(4);
        Some(Self { worker: u16::try_from(hexadecimal(worker)?).ok()?, bits: hexadecimal(bits)? })
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}{:016x}", self.worker, self.bits)
    }
}

impl Value for Token {
    fn write(&self, text: &mut Text<'_>) {
        text.hexadecimal(self.worker.into(), 4);
        text.hexadecimal(self.bits, 16);
    }
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_as_it_prints() {
        for token in [
            Token { worker: 0, bits: 0 },
            Token { worker: 0xffff, bits: u64::MAX },
            Token { worker: 7, bits: 1 << 60 },
        ] {
            let text = token.to_string();
            assert_eq!((text.len(), Token::parse(&text)), (Token::LENGTH, Some(token)));
            assert_eq!(Token::parse_branch(&format!("{COOKIE}{text}")), Some(token));
        }
    }

    #[test]
    fn what_others_made_is_not_ours() {
        for text in ["", "1", "0000000000000000000G", "0000000000000000000A", "000000000000000000000"] {
            assert_eq!(Token::parse(text), None);
        }
        assert_eq!(Token::parse_branch("z9hG4bKnashds8"), None);
        assert_eq!(Token::parse_branch("00000000000000000000"), None);
    }
}
