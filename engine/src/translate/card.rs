//! Calling cards, whose numbers are dialled and never shown.

use std::fmt;

use super::DialingRule;

/// A calling card (TAPI LINECARDENTRY).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Card {
    /// The permanent id.
    pub id: u32,
    /// What is shown instead of the number, in brackets.
    pub name: String,
    /// Digits.
    number: CardNumber,
    /// Rule within the own area; empty: the country's.
    pub same_area: DialingRule,
    /// Rule to other areas; empty: the country's.
    pub long_distance: DialingRule,
    /// Rule to other countries; empty: the country's.
    pub international: DialingRule,
}

/// Its `Debug` shows how many digits there are, as TAPI's `dwCardNumberDigits` does.
#[derive(Clone, PartialEq, Eq)]
struct CardNumber(String);

impl fmt::Debug for CardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} digits, masked)", self.0.len())
    }
}

/// Why something is no card.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CardError {
    /// Empty, longer than [`NAME_BYTES_MAX`], or with a bracket or control character.
    #[error("is no name of a card")]
    Name,
    /// The name shows the number.
    #[error("holds the card's number")]
    NameShowsNumber,
    /// Not of [`NUMBER_DIGITS_MIN`] to [`NUMBER_DIGITS_MAX`] digits.
    #[error("is no card number")]
    Number,
    /// A rule, by its index, spells the number instead of `H`.
    #[error("holds the card's number")]
    RuleShowsNumber(usize),
}

impl Card {
    /// A card with these rules: same area, long distance, international.
    ///
    /// # Errors
    /// [`CardError`]. No error holds a digit of the number.
    pub fn new(id: u32, name: &str, number: &str, rules: [DialingRule; 3]) -> Result<Self, CardError> {
        let named = (1..=NAME_BYTES_MAX).contains(&name.len())
            && !name.contains(|letter: char| letter.is_control() || "[]".contains(letter));
        if !named {
            return Err(CardError::Name);
        }
        let is_number = (NUMBER_DIGITS_MIN..=NUMBER_DIGITS_MAX).contains(&number.len())
            && number.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number {
            return Err(CardError::Number);
        }
        if digits(name).contains(number) {
            return Err(CardError::NameShowsNumber);
        }
        if let Some(index) = rules.iter().position(|rule| digits(&rule.to_string()).contains(number)) {
            return Err(CardError::RuleShowsNumber(index));
        }
        let [same_area, long_distance, international] = rules;
        Ok(Self {
            id,
            name: name.to_owned(),
            number: CardNumber(number.to_owned()),
            same_area,
            long_distance,
            international,
        })
    }

    /// How many digits the number has.
    pub fn number_digits(&self) -> usize {
        self.number.0.len()
    }

    /// The number, for the string to dial alone.
    pub(super) fn number(&self) -> &str {
        &self.number.0
    }

    /// What is shown in the number's place.
    pub(super) fn label(&self) -> String {
        format!("[{}]", self.name)
    }
}

/// A text with every card's number replaced by the card's name: a string that was translated before may hold one. Formatting
/// between the digits does not hide them.
pub(super) fn mask(cards: &[Card], text: String) -> String {
    cards.iter().fold(text, |text, card| match mask_one(card, &text) {
        Some(masked) => masked,
        None => text,
    })
}

fn mask_one(card: &Card, text: &str) -> Option<String> {
    let mut masked = String::new();
    let mut rest = text;
    while let Some((start, end)) = find(card.number(), rest) {
        masked.push_str(&rest[..start]);
        // A name that shows another card's number would undo that card's masking.
        masked.push_str("[card]");
        rest = &rest[end..];
    }
    (!masked.is_empty()).then(|| masked + rest)
}

/// Where the digits stand in a text, formatting between them allowed.
fn find(number: &str, text: &str) -> Option<(usize, usize)> {
    let starts = text.char_indices().filter(|(_, letter)| letter.is_ascii_digit());
    starts.map(|(start, _)| start).find_map(|start| {
        let mut wanted = number.chars();
        let mut expected = wanted.next();
        for (offset, letter) in text[start..].char_indices() {
            if Some(letter) == expected {
                expected = wanted.next();
                if expected.is_none() {
                    return Some((start, start + offset + letter.len_utf8()));
                }
            } else if !super::is_formatting(letter) && !"()".contains(letter) {
                return None;
            }
        }
        None
    })
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The shortest number of a card: shorter ones stand in ordinary telephone numbers.
pub const NUMBER_DIGITS_MIN: usize = 6;

/// The longest number of a card.
pub const NUMBER_DIGITS_MAX: usize = 32;

/// The longest name of a card.
pub const NAME_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(long_distance: &str) -> [DialingRule; 3] {
        [DialingRule::default(), DialingRule::parse(long_distance).unwrap(), DialingRule::default()]
    }

    fn card() -> Card {
        Card::new(1, "Example Card", "1234567890", rules("H,FG")).unwrap()
    }

    #[test]
    fn the_number_is_in_no_debug_output() {
        let text = format!("{:?}", card());
        assert!(!text.contains("1234567890") && text.contains("10 digits, masked"), "{text}");
        assert_eq!(card().number_digits(), 10);
    }

    #[test]
    fn what_shows_the_number_is_no_card() {
        let refused =
            |name: &str, number: &str, rule: &str| Card::new(1, name, number, rules(rule)).unwrap_err();
        assert_eq!(refused("", "123456", "H"), CardError::Name);
        assert_eq!(refused("a]", "123456", "H"), CardError::Name);
        assert_eq!(refused("Card", "12345", "H"), CardError::Number);
        assert_eq!(refused("Card", "12345a", "H"), CardError::Number);
        assert_eq!(refused("Card", &"1".repeat(NUMBER_DIGITS_MAX + 1), "H"), CardError::Number);
        assert_eq!(refused("Card 123-456", "123456", "H"), CardError::NameShowsNumber);
        assert_eq!(refused("Card", "123456", "0,123456FG"), CardError::RuleShowsNumber(1));
    }

    #[test]
    fn a_number_is_masked_whatever_stands_between_its_digits() {
        let cards = [card()];
        assert_eq!(mask(&cards, "T1,1234567890,2".into()), "T1,[card],2");
        assert_eq!(mask(&cards, "12-34 (56) 78.9/0 1234567890".into()), "[card] [card]");
        assert_eq!(mask(&cards, "1123456789012345678901".into()), "1[card][card]1");
        assert_eq!(mask(&cards, "123456789,0".into()), "123456789,0");
    }
}
