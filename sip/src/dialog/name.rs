//! A dialog as somebody else names it: Replaces, Join and Target-Dialog (RFC 3891 §6.1, RFC 3911 §7.1, RFC 4538 §7).

use crate::token::Token;

/// A dialog by its Call-ID and both tags. Whose tag is whose is to be found out: some phones swap them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DialogName {
    call_id: String,
    tags: [String; 2],
}

/// What a header says about the dialog it names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Named {
    pub(crate) dialog: DialogName,
    /// `early-only` (RFC 3891 §3).
    pub(crate) early_only: bool,
}

/// The parameters of Replaces and Join: the tag of who receives the header, and of the other side.
pub(crate) const REPLACES_TAGS: [&str; 2] = ["to-tag", "from-tag"];

/// The parameters of Target-Dialog.
pub(crate) const TARGET_DIALOG_TAGS: [&str; 2] = ["local-tag", "remote-tag"];

/// How many ways there are to read a name: as the RFC has it, and with the tags swapped.
pub(crate) const READINGS: u8 = 2;

/// What a peer without a tag is named by (RFC 3891 §6.1).
const NO_TAG: &str = "0";

/// The longest Call-ID or tag that is told on, in bytes.
const TOLD_BYTES_MAX: usize = 256;

impl Named {
    /// The value of a Replaces header that names it. `None`: Call-ID or a tag holds what RFC 3261 §25.1 does not allow there, or
    /// is longer than [`TOLD_BYTES_MAX`].
    pub(crate) fn replaces(&self) -> Option<String> {
        let DialogName { call_id, tags: [to, from] } = &self.dialog;
        let is_token = |text: &str, others: &str| {
            let is_allowed =
                |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c) || others.contains(c);
            text.len() <= TOLD_BYTES_MAX && text.chars().all(is_allowed)
        };
        let is_fit = is_token(call_id, "()<>:\\\"/[]?{}@") && is_token(to, "") && is_token(from, "");
        let early_only = if self.early_only { ";early-only" } else { "" };
        is_fit.then(|| format!("{call_id};to-tag={to};from-tag={from}{early_only}"))
    }
}

impl DialogName {
    /// Reads `call-id;tag=…;tag=…`. `None`: a tag is missing, empty or there twice, or it is a list.
    pub(crate) fn parse(text: &str, tags: [&str; 2]) -> Option<Named> {
        if text.contains(',') {
            return None;
        }
        let mut parts = text.split(';').map(str::trim);
        let call_id = parts.next().filter(|id| !id.is_empty() && !id.contains(char::is_whitespace))?;
        let (mut found, mut early_only) = ([None, None], false);
        for part in parts {
            let (name, value) = part.split_once('=').map_or((part, ""), |(name, value)| (name.trim(), value));
            let place = tags.iter().position(|tag| name.eq_ignore_ascii_case(tag));
            match place.and_then(|place| found.get_mut(place)) {
                Some(Some(_)) => return None,
                Some(slot) => *slot = Some(value.trim()).filter(|tag| !tag.is_empty()),
                None => early_only |= name.eq_ignore_ascii_case("early-only"),
            }
        }
        let [first, second] = found;
        let dialog = Self { call_id: call_id.to_owned(), tags: [first?.to_owned(), second?.to_owned()] };
        Some(Named { dialog, early_only })
    }

    /// The Call-ID.
    pub(crate) fn call_id(&self) -> &str {
        &self.call_id
    }

    /// In this reading: our tag, if it is one of ours, and the peer's.
    pub(crate) fn reading(&self, reading: u8) -> Option<(Token, &str)> {
        let [first, second] = &self.tags;
        let (ours, theirs) = if reading == 0 { (first, second) } else { (second, first) };
        Some((Token::parse(ours)?, if theirs == NO_TAG { "" } else { theirs }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Token = Token { worker: 3, bits: 7 };

    fn read(text: &str) -> Option<Named> {
        DialogName::parse(text, REPLACES_TAGS)
    }

    #[test]
    fn the_order_of_the_parameters_and_unknown_ones_do_not_matter() {
        for text in [
            format!("98732@sip.example.com;from-tag=r33th4x0r;to-tag={OURS}"),
            format!("98732@sip.example.com ; To-Tag = {OURS} ; FROM-TAG=r33th4x0r;x=1;y"),
        ] {
            let named = read(&text).unwrap();
            assert_eq!((named.dialog.call_id(), named.early_only), ("98732@sip.example.com", false));
            assert_eq!(named.dialog.reading(0), Some((OURS, "r33th4x0r")));
            assert_eq!(named.dialog.reading(1), None, "a tag that is not of our making");
        }
        assert!(read("a;to-tag=b;from-tag=c;Early-Only").unwrap().early_only);
    }

    #[test]
    fn swapped_tags_are_the_second_reading_and_zero_is_no_tag() {
        let swapped = read(&format!("c;to-tag=0;from-tag={OURS}")).unwrap();
        assert_eq!((swapped.dialog.reading(0), swapped.dialog.reading(1)), (None, Some((OURS, ""))));
    }

    #[test]
    fn what_names_no_dialog_or_two_is_refused() {
        for text in [
            "",
            ";to-tag=a;from-tag=b",
            "c",
            "c;to-tag=a",
            "c;to-tag=a;from-tag=",
            "c;to-tag=a;to-tag=a;from-tag=b",
            "c d;to-tag=a;from-tag=b",
            "c;to-tag=a;from-tag=b,d;to-tag=a;from-tag=b",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
