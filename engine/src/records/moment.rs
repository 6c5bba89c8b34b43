//! Moments as people write them into a question: RFC 3339, a day, seconds since 1970.

/// Milliseconds since 1970; universal time where no offset is written. `None`: it is no moment.
pub fn unix_ms(text: &str) -> Option<i64> {
    if (1..=11).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse::<i64>().ok()?.checked_mul(1_000);
    }
    let (date, rest) = text.split_at_checked(10)?;
    let day_ms = days(date)? * 86_400_000;
    if rest.is_empty() {
        return Some(day_ms);
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (time, zone) = rest.split_at(rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len()));
    Some(day_ms + of_day_ms(time)? - offset_ms(zone)?)
}

/// `YYYY-MM-DD`, as days since 1970 (the Gregorian calendar, whose years begin in March here).
fn days(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let (year, month, day) =
        (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=longest).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(before + (153 * month + 2) / 5 + day - 1 - 719_468)
}

/// `HH:MM`, `HH:MM:SS`, `HH:MM:SS.250`.
fn of_day_ms(time: &str) -> Option<i64> {
    let (whole, part) = time.split_once('.').map_or((time, None), |(whole, part)| (whole, Some(part)));
    let mut parts = whole.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = match (parts.next(), part) {
        (Some(second), _) => number(second, 2)?,
        (None, None) => 0,
        (None, Some(_)) => return None,
    };
    let ms = match part {
        None => 0,
        Some(part) if (1..=9).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{part}00").get(..3)?.parse().ok()?
        }
        Some(_) => return None,
    };
    let is_right = parts.next().is_none() && hour < 24 && minute < 60 && second <= 60;
    is_right.then_some(((hour * 60 + minute) * 60 + second) * 1_000 + ms)
}

/// Empty, `Z`, `+01:00`.
fn offset_ms(zone: &str) -> Option<i64> {
    let sign = match zone.chars().next() {
        None => return Some(0),
        Some('Z' | 'z') => return (zone.len() == 1).then_some(0),
        Some('-') => -1,
        Some(_) => 1,
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000)
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let is_right = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    is_right.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::records::record::timestamp;

    proptest! {
        #[test]
        fn what_records_say_is_read(ms in 0_i64..7_258_118_400_000) {
            prop_assert_eq!(unix_ms(&timestamp(ms)), Some(ms));
        }

        #[test]
        fn nothing_panics(text in ".{0,40}") {
            let _read = unix_ms(&text);
        }
    }

    #[test]
    fn moments_have_several_forms() {
        for (text, ms) in [
            ("1763877600", 1_763_877_600_000),
            ("2025-11-23", 1_763_856_000_000),
            ("2025-11-23T06:00Z", 1_763_877_600_000),
            ("2025-11-23 06:00:00.25", 1_763_877_600_250),
            ("2025-11-23T07:00:00+01:00", 1_763_877_600_000),
            ("2025-11-22T20:30:00.123456-09:30", 1_763_877_600_123),
            ("2024-02-29", 1_709_164_800_000),
        ] {
            assert_eq!(unix_ms(text), Some(ms), "{text}");
        }
        for wrong in [
            "",
            "now",
            "2025-02-29",
            "2025-13-01",
            "2025-11-23T",
            "2025-11-23T24:00",
            "2025-11-23T06:00+1",
            "2025-11-23T06:00.5",
        ] {
            assert_eq!(unix_ms(wrong), None, "{wrong}");
        }
    }
}
