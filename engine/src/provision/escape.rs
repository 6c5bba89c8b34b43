//! Values as the files of phones can hold them.

/// A value between tags or in an attribute (XML 1.0 §2.4). What XML cannot hold at all (§2.2) becomes U+FFFD.
pub(super) fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            // Else a reader would make a blank of them (§3.3.3).
            '\t' | '\n' | '\r' => escaped += &format!("&#{};", u32::from(letter)),
            _ if is_xml(letter) => escaped.push(letter),
            _ => escaped.push('\u{fffd}'),
        }
    }
    escaped
}

/// Whether XML 1.0 can hold a character (§2.2).
pub(super) const fn is_xml(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// A value behind a key on one line: nothing in it ends the line, and no blank at its ends is lost without our knowing.
pub(super) fn line(text: &str) -> String {
    let one: String = text.chars().map(|letter| if ends_a_line(letter) { ' ' } else { letter }).collect();
    one.trim().to_owned()
}

/// Control characters, and what else somebody may take for the end of a line (Unicode UAX #14).
pub(super) fn ends_a_line(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_xml_is_escaped() {
        assert_eq!(xml("a<b>&\"c'\t\u{0}\u{fffe}ü"), "a&lt;b&gt;&amp;&quot;c&apos;&#9;\u{fffd}\u{fffd}ü");
    }

    #[test]
    fn a_line_stays_one() {
        assert_eq!(line(" a\r\naccount.1.enable = 0\u{2028}b\u{85} "), "a  account.1.enable = 0 b");
    }
}
