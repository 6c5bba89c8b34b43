//! Until when a certificate holds (RFC 5280 §4.1.2.5), which nothing that checks certificates for us tells.

/// The end of its validity, in seconds since the Unix epoch; `None`: that is no certificate.
pub(super) fn not_after_unix_s(der: &[u8]) -> Option<i64> {
    let (_, certificate, _) = element(der).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let (_, mut fields, _) = element(certificate).filter(|(tag, ..)| *tag == SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        (_, _, fields) = element(fields)?;
    }
    for _ in ["serialNumber", "signature", "issuer"] {
        (_, _, fields) = element(fields)?;
    }
    let (_, validity, _) = element(fields).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let (_, _, not_after) = element(validity)?;
    let (tag, text, _) = element(not_after)?;
    unix_s(tag, text)
}

/// Tag and content of the first element, and what follows it (X.690 §8.1).
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, first, rest @ ..] = der else { return None };
    let (len, rest) = match *first {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (octets, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (octets.iter().fold(0, |len, octet| len << 8 | usize::from(*octet)), rest)
        }
        0x80 | 0x85..=0xff => return None,
    };
    let (content, rest) = rest.split_at_checked(len)?;
    Some((*tag, content, rest))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn unix_s(tag: u8, text: &[u8]) -> Option<i64> {
    let digits = text.strip_suffix(b"Z").filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    let (year_len, is_short) = match tag {
        UTC_TIME => (2, true),
        GENERALIZED_TIME => (4, false),
        _ => return None,
    };
    let (year, rest) = digits.split_at_checked(year_len)?;
    let number = |digits: &[u8]| digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    let year = match number(year) {
        short @ 50.. if is_short => 1900 + short,
        short if is_short => 2000 + short,
        year => year,
    };
    let [month, day, hour, minute, second] =
        <[i64; 5]>::try_from(rest.chunks(2).map(number).collect::<Vec<_>>()).ok()?;
    let days = days_since_epoch(year, month, day);
    (rest.len() == 10).then_some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Of the Gregorian calendar. The year is taken to begin in March, so that its last day is the one that may be missing.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

const SEQUENCE: u8 = 0x30;
/// `[0]`, before the version where one is written.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

#[cfg(test)]
mod tests {
    use super::*;

    /// One whose validity ends with this day.
    fn certificate(year: i32, month: u8, day: u8) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(["pbx.example".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, month, day);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_of_validity_is_read_in_both_forms() {
        for (year, month, day, unix_s) in [
            (1999, 12, 31, 946_598_400),
            (2024, 2, 29, 1_709_164_800),
            (2031, 3, 1, 1_930_089_600),
            (2049, 12, 31, 2_524_521_600),
            (2050, 1, 1, 2_524_608_000),
            (4096, 1, 1, 67_090_118_400),
        ] {
            assert_eq!(not_after_unix_s(&certificate(year, month, day)), Some(unix_s), "{year}");
        }
    }

    #[test]
    fn what_is_cut_off_or_changed_is_read_without_harm() {
        let whole = certificate(2031, 3, 1);
        for len in 0..whole.len() {
            assert_eq!(not_after_unix_s(&whole[..len]), None, "{len}");
        }
        for place in 0..whole.len() {
            for octet in [0x00, 0x30, 0x80, 0x84, 0xff] {
                let mut changed = whole.clone();
                changed[place] = octet;
                // Whatever it says: a time, or none.
                assert!(not_after_unix_s(&changed).is_none_or(|unix_s| unix_s.abs() < 1 << 40));
            }
        }
    }
}
