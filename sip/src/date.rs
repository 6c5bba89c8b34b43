//! Date (RFC 3261 §20.17), and the calendar below it.

use std::time::Duration;

/// A day of the calendar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Day {
    /// From 1970.
    pub year: u64,
    /// 1 to 12.
    pub month: u64,
    /// 1 to 31.
    pub day: u64,
}

impl Day {
    /// The day of a time since the Unix epoch, in UTC. It comes from the day number by counting 400-year eras that begin on 1 March, so
    /// that the leap day is the last of its year.
    pub const fn of(unix: Duration) -> Self {
        // Days from 0000-03-01 to 1970-01-01.
        let days = unix.as_secs() / DAY_S + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
        Self { year, month, day }
    }
}

/// A time since the Unix epoch as Date has it: `Sat, 13 Nov 2010 23:29:00 GMT`.
pub(crate) fn date(unix: Duration) -> String {
    let Day { year, month, day } = Day::of(unix);
    let (days, of_day) = (unix.as_secs() / DAY_S, unix.as_secs() % DAY_S);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    // The epoch was a Thursday.
    let weekday = name(&WEEKDAYS, days + 4);
    let month = name(&MONTHS, month - 1);
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

fn name<const N: usize>(names: &[&'static str; N], place: u64) -> &'static str {
    names[usize::try_from(place % N as u64).unwrap_or_default()]
}

const DAY_S: u64 = 86_400;
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (unix_s, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_289_690_940, "Sat, 13 Nov 2010 23:29:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] {
            assert_eq!(date(Duration::from_secs(unix_s)), text);
        }
    }
}
