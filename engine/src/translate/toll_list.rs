//! Toll lists: prefixes of the own area that are dialled as long distance, as in North America.

use super::CanonicalAddress;
use crate::switch::error::LineError;

/// A list of prefixes (TAPI lineSetTollList).
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TollList(Vec<String>);

impl TollList {
    /// A list of these prefixes.
    ///
    /// # Errors
    /// [`LineError::InvalParam`] for a prefix that is not of 1 to [`PREFIX_DIGITS_MAX`] digits, and for more than
    /// [`PREFIXES_MAX`] of them.
    pub fn new(prefixes: impl IntoIterator<Item = String>) -> Result<Self, LineError> {
        let prefixes: Vec<_> = prefixes.into_iter().take(PREFIXES_MAX + 1).collect();
        if prefixes.len() > PREFIXES_MAX || !prefixes.iter().all(|prefix| is_prefix(prefix)) {
            return Err(LineError::InvalParam);
        }
        Ok(Self(prefixes))
    }

    /// Adds the prefix of a canonical address (LINETOLLLISTOPTION_ADD).
    ///
    /// # Errors
    /// [`LineError::InvalAddress`] if the address is not canonical or too short; [`LineError::ResourceUnavail`] if the
    /// list is full.
    pub fn add(&mut self, address: &str) -> Result<(), LineError> {
        let prefix = prefix(address)?;
        if self.0.contains(&prefix) {
            return Ok(());
        }
        if self.0.len() >= PREFIXES_MAX {
            return Err(LineError::ResourceUnavail);
        }
        self.0.push(prefix);
        Ok(())
    }

    /// Takes the prefix of a canonical address from the list (LINETOLLLISTOPTION_REMOVE).
    ///
    /// # Errors
    /// [`LineError::InvalAddress`] if the address is not canonical or too short.
    pub fn remove(&mut self, address: &str) -> Result<(), LineError> {
        let prefix = prefix(address)?;
        self.0.retain(|kept| *kept != prefix);
        Ok(())
    }

    /// Whether a subscriber's number, as dialled, begins with one of the prefixes.
    pub fn contains(&self, subscriber: &str) -> bool {
        self.0.iter().any(|prefix| subscriber.starts_with(&**prefix))
    }
}

/// Whether a text can be a prefix of a toll list or an area-code rule.
pub(crate) fn is_prefix(text: &str) -> bool {
    (1..=PREFIX_DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The exchange: the first three digits of the subscriber's number (NANP).
fn prefix(address: &str) -> Result<String, LineError> {
    let subscriber = CanonicalAddress::parse(address)?.subscriber_dialled();
    let prefix: String = subscriber.chars().take(EXCHANGE_DIGITS).collect();
    let whole = prefix.len() == EXCHANGE_DIGITS && is_prefix(&prefix);
    if whole { Ok(prefix) } else { Err(LineError::InvalAddress) }
}

/// Prefixes of one list: a North American area has 800 exchanges.
pub const PREFIXES_MAX: usize = 1000;

/// The longest prefix.
pub const PREFIX_DIGITS_MAX: usize = 15;

/// Digits of an exchange.
const EXCHANGE_DIGITS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_taken_from_a_canonical_address() {
        let mut list = TollList::default();
        list.add("+1 (425) 555-0100").unwrap();
        list.add("+1 (425) 55-51234").unwrap();
        assert!(list.contains("5550199") && !list.contains("5500199"));
        list.remove("+1 (425) 555-9999").unwrap();
        assert_eq!(list, TollList::default());
    }

    #[test]
    fn what_has_no_prefix_is_an_invalid_address() {
        for address in ["555-0100", "+14255550100", "+1 (425) 55", "+1 (425) 5*5"] {
            assert_eq!(TollList::default().add(address), Err(LineError::InvalAddress), "{address}");
        }
    }

    #[test]
    fn the_list_has_an_end() {
        let full: Vec<_> = (0..PREFIXES_MAX).map(|number| format!("{}", number + 1000)).collect();
        let mut list = TollList::new(full.clone()).unwrap();
        assert_eq!(list.add("+1 (425) 555-0100"), Err(LineError::ResourceUnavail));
        assert_eq!(TollList::new(full.into_iter().chain(["1".to_owned()])), Err(LineError::InvalParam));
        assert_eq!(TollList::new(["5a".to_owned()]), Err(LineError::InvalParam));
    }
}
