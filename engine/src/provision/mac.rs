//! Hardware addresses (IEEE 802 EUI-48).

use std::fmt;

/// A phone's hardware address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Mac([u8; 6]);

impl Mac {
    /// Reads `00:15:65:ab:cd:ef`, the same with `-`, or the twelve digits alone, in letters of either case.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = match text.len() {
            12 => text.bytes().collect(),
            17 => {
                let separator = text.as_bytes()[2];
                let is_separated =
                    text.bytes().enumerate().all(|(place, byte)| (place % 3 == 2) == (byte == separator));
                if !is_separated || !matches!(separator, b':' | b'-') {
                    return None;
                }
                text.bytes().filter(|byte| *byte != separator).collect()
            }
            _ => return None,
        };
        let mut octets = [0; 6];
        for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = [pair[0], pair[1]].map(|digit| char::from(digit).to_digit(16));
            *octet = u8::try_from(high? << 4 | low?).expect("two hexadecimal digits");
        }
        Some(Self(octets))
    }

    /// The twelve digits, letters in lower case.
    pub fn digits(self) -> String {
        self.0.iter().map(|octet| format!("{octet:02x}")).collect()
    }
}

/// `00:15:65:ab:cd:ef`.
impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_in_its_three_forms() {
        let mac = Mac::parse("00:15:65:ab:cd:ef").unwrap();
        for same in ["00-15-65-AB-CD-EF", "001565ABCDEF", "001565abcdef", "00:15:65:AB:cd:ef"] {
            assert_eq!(Mac::parse(same), Some(mac), "{same}");
        }
        assert_eq!((mac.digits().as_str(), mac.to_string().as_str()), ("001565abcdef", "00:15:65:ab:cd:ef"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in [
            "",
            "001565abcde",
            "001565abcdeg",
            "00:15-65:ab:cd:ef",
            "00.15.65.ab.cd.ef",
            ":015:65:ab:cd:eff",
            "00:15:65:ab:cd:e:",
            "+01565abcdef",
            "00:15:65:ab:cd:ef:",
            "0015\u{e4}5abcde",
        ] {
            assert_eq!(Mac::parse(wrong), None, "{wrong}");
        }
    }
}
