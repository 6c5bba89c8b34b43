//! Callers' numbers as applications are to see them: canonical.

use super::CanonicalAddress;
use super::country::code_digits;
use super::location::Location;

/// A number as the network gives it, in canonical form: in North America, `4258828080` is `+1 (425) 8828080`.
///
/// Read are: `+` and an E.164 number; the location's international prefix and such a number; a national number of the
/// location's country as people there write it. Anything else is `None` and stays as it is: extensions, names, short codes,
/// and numbers of the own area without its code, which might be extensions.
///
/// The area is set off where the number is of the location's own country and has one.
pub fn canonical(location: &Location, number: &str) -> Option<CanonicalAddress> {
    let country = &location.country;
    if let Some(international) = number.strip_prefix('+') {
        return international_number(location, international);
    }
    if number.len() > E164_DIGITS_MAX + PREFIX_DIGITS_MAX || !is_digits(number) {
        return None;
    }
    let prefix = country.international_prefix.as_deref().filter(|prefix| !prefix.is_empty());
    if let Some(found) =
        prefix.and_then(|prefix| international_number(location, number.strip_prefix(prefix)?))
    {
        return Some(found);
    }
    country.national_number(number).map(|national| national_address(location, national))
}

fn international_number(location: &Location, digits: &str) -> Option<CanonicalAddress> {
    if !(E164_DIGITS_MIN..=E164_DIGITS_MAX).contains(&digits.len()) || !is_digits(digits) {
        return None;
    }
    let (code, national) = digits.split_at_checked(code_digits(digits)?)?;
    let country_code = code.parse().ok()?;
    if country_code == location.country.code {
        return Some(national_address(location, national));
    }
    Some(address(country_code, "", national))
}

fn national_address(location: &Location, national: &str) -> CanonicalAddress {
    let (area, subscriber) = national.split_at(location.country.area_digits(national));
    address(location.country.code, area, subscriber)
}

fn address(country_code: u32, area: &str, subscriber: &str) -> CanonicalAddress {
    CanonicalAddress {
        country_code,
        area: area.to_owned(),
        subscriber: subscriber.to_owned(),
        subaddress: None,
        name: None,
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The longest number with its country code (E.164 §6.2).
const E164_DIGITS_MAX: usize = 15;

/// The shortest number with its country code that is taken for one.
const E164_DIGITS_MIN: usize = 5;

/// The longest prefix that a number may have before its country or area.
const PREFIX_DIGITS_MAX: usize = super::country::PREFIX_DIGITS_MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::Country;

    fn at(code: u32, area: &str, number: &str) -> Option<String> {
        let location = Location::new(Country::of_code(code).unwrap(), area);
        canonical(&location, number).map(|address| address.to_string())
    }

    #[test]
    fn a_national_number_gets_its_country_and_area() {
        let numbers = [
            (1, "4258828080", "+1 (425) 8828080"),
            (1, "14258828080", "+1 (425) 8828080"),
            (1, "4165550100", "+1 (416) 5550100"),
            (49, "030123456", "+49 (30) 123456"),
            (49, "01711234567", "+49 (171) 1234567"),
            (44, "02079460018", "+44 (20) 79460018"),
            (33, "0123456789", "+33 (1) 23456789"),
            (39, "0236618300", "+39 (02) 36618300"),
            (34, "911234567", "+34 911234567"),
            (65, "65123456", "+65 65123456"),
        ];
        for (country, number, canonical) in numbers {
            assert_eq!(at(country, "", number).as_deref(), Some(canonical), "{number}");
        }
    }

    #[test]
    fn an_international_number_is_read_with_plus_and_with_the_prefix() {
        for number in ["+14258828080", "0014258828080"] {
            assert_eq!(at(49, "30", number).as_deref(), Some("+1 4258828080"), "{number}");
        }
        assert_eq!(at(49, "30", "+493012345678").as_deref(), Some("+49 (30) 12345678"));
        assert_eq!(at(1, "425", "0114930123456").as_deref(), Some("+49 30123456"));
    }

    #[test]
    fn what_is_no_whole_number_stays_as_it_is() {
        let stays = [
            "",
            "1001",
            "+",
            "+1",
            "+999123456",
            "+1425555010012345",
            "5550100",
            "anonymous",
            "*21#",
            "+1 (425) 1",
            "４２５",
        ];
        for number in stays {
            assert_eq!(at(1, "425", number), None, "{number}");
        }
        // Germans write the 0: without it, this is an extension.
        assert_eq!(at(49, "30", "30123456"), None);
        assert_eq!(at(49, "30", "1001"), None);
    }

    #[test]
    fn what_is_canonical_reads_as_canonical() {
        for number in ["4258828080", "+493012345678", "0114930123456"] {
            let text = at(1, "425", number).unwrap();
            assert_eq!(CanonicalAddress::parse(&text).unwrap().to_string(), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_number_breaks_it(number in r"\+?[0-9]{0,40}|.{0,20}") {
            for code in [1, 49, 39] {
                if let Some(text) = at(code, "", &number) {
                    assert!(CanonicalAddress::parse(&text).is_ok(), "{text}");
                }
            }
        }
    }
}
