//! Dialling rules: `N1FG` is the long-distance carrier if there is one, a 1, the area, the subscriber.

use std::fmt;

/// A dialling rule string of TAPI: of a country, or of a calling card.
///
/// | code | stands for |
/// |---|---|
/// | digits, `*`, `#`, `A` to `D`, and the controls `T P , ! W @ $ ? :` | themselves |
/// | `E`, `F`, `G` | country code, area code, subscriber's number of the destination |
/// | `H` | the card's number |
/// | `L`, `M` | the carrier for long distance, for other countries; must be there |
/// | `N`, `S` | the same; nothing where there is none |
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct DialingRule(Vec<Token>);

/// Why a text is no dialling rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RuleError {
    /// A character that no rule has.
    #[error("{0:?} is no code of a dialling rule")]
    Unknown(char),
    /// More than [`RULE_CODES_MAX`].
    #[error("has more than {RULE_CODES_MAX} codes")]
    TooLong,
}

/// One code of a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Token {
    Itself(char),
    Country,
    Area,
    Subscriber,
    CardNumber,
    Carrier(Carrier),
    CarrierIfAny(Carrier),
}

/// Which carrier code is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Carrier {
    LongDistance,
    International,
}

impl DialingRule {
    /// Reads a rule; the empty text is the empty rule.
    ///
    /// # Errors
    /// [`RuleError`] at the first thing wrong.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let tokens: Vec<_> = text.chars().take(RULE_CODES_MAX + 1).map(token).collect::<Result<_, _>>()?;
        if tokens.len() > RULE_CODES_MAX { Err(RuleError::TooLong) } else { Ok(Self(tokens)) }
    }

    /// Whether the rule says nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the rule needs a carrier code for long distance.
    pub fn needs_long_distance_carrier(&self) -> bool {
        self.0.contains(&Token::Carrier(Carrier::LongDistance))
    }

    /// Whether the rule needs a carrier code for other countries.
    pub fn needs_international_carrier(&self) -> bool {
        self.0.contains(&Token::Carrier(Carrier::International))
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = Token> + '_ {
        self.0.iter().copied()
    }
}

impl fmt::Display for DialingRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|token| write!(f, "{}", code(*token)))
    }
}

fn token(code: char) -> Result<Token, RuleError> {
    Ok(match code {
        'E' => Token::Country,
        'F' => Token::Area,
        'G' => Token::Subscriber,
        'H' => Token::CardNumber,
        'L' => Token::Carrier(Carrier::LongDistance),
        'M' => Token::Carrier(Carrier::International),
        'N' => Token::CarrierIfAny(Carrier::LongDistance),
        'S' => Token::CarrierIfAny(Carrier::International),
        '0'..='9' | 'A'..='D' => Token::Itself(code),
        code if "*#,!@$?:TPWtpw".contains(code) => Token::Itself(code),
        unknown => return Err(RuleError::Unknown(unknown)),
    })
}

fn code(token: Token) -> char {
    match token {
        Token::Itself(code) => code,
        Token::Country => 'E',
        Token::Area => 'F',
        Token::Subscriber => 'G',
        Token::CardNumber => 'H',
        Token::Carrier(Carrier::LongDistance) => 'L',
        Token::Carrier(Carrier::International) => 'M',
        Token::CarrierIfAny(Carrier::LongDistance) => 'N',
        Token::CarrierIfAny(Carrier::International) => 'S',
    }
}

/// The longest rule.
pub const RULE_CODES_MAX: usize = 96;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_and_prints() {
        let all = "0123456789ABCD*#TP,!W@$?:EFGHLMNStpw";
        assert_eq!(DialingRule::parse(all).unwrap().to_string(), all);
        assert!(DialingRule::parse("").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_code_is_named() {
        assert_eq!(DialingRule::parse("1FX"), Err(RuleError::Unknown('X')));
        assert_eq!(DialingRule::parse("1 FG"), Err(RuleError::Unknown(' ')));
        assert_eq!(DialingRule::parse(&"1".repeat(RULE_CODES_MAX + 1)), Err(RuleError::TooLong));
    }

    #[test]
    fn only_the_mandatory_carriers_are_needed() {
        let needs = |text: &str| {
            let rule = DialingRule::parse(text).unwrap();
            (rule.needs_long_distance_carrier(), rule.needs_international_carrier())
        };
        assert_eq!(
            (needs("0LFG"), needs("00MEFG"), needs("NS1FG")),
            ((true, false), (false, true), (false, false))
        );
    }
}
