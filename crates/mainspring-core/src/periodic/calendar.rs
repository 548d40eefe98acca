//! Matching of a parsed pattern against civil time, without zones.
//!
//! Civil time is counted in seconds since 1970-01-01T00:00:00 on the local wall, as if that wall
//! stood in UTC.

use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan};

/// Seconds of a civil day.
pub(super) const DAY: i64 = 86_400;

/// How far ahead a match is looked for.
///
/// The rarest day that exists is a fifth weekday in February: it comes every 28 years, and after 40
/// where a century year is no leap year. What has no match in 41 years has none ever.
pub(super) const HORIZON_DAYS: i64 = 41 * 366;

/// The sets of values that each field of a pattern allows, one bit per value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) seconds: u64,
    pub(super) minutes: u64,
    pub(super) hours: u32,
    pub(super) days: u32,
    /// Days of the month whose nearest working day is meant (`15W`).
    pub(super) closest: u32,
    pub(super) months: u16,
    /// Bit 0 is Sunday, as in the other sets of weekdays.
    pub(super) weekdays: u8,
    /// Weekdays by their occurrence in the month (`MON#2`), first to fifth.
    pub(super) nth: [u8; 5],
    /// Weekdays in their last occurrence in the month (`FRIL`).
    pub(super) last_weekdays: u8,
    /// The last day of the month (`L`).
    pub(super) last_day: bool,
    /// The last working day of the month (`LW`).
    pub(super) last_workday: bool,
    /// The day-of-month field is `*`.
    pub(super) any_day: bool,
    /// The day-of-week field is `*`.
    pub(super) any_weekday: bool,
    /// No second, minute or hour field starts with `*`.
    pub(super) fixed: bool,
}

impl Fields {
    /// Finds the first match at or after `from`, within the horizon.
    pub(super) fn next_match(&self, from: i64) -> Option<i64> {
        let mut day = from.div_euclid(DAY);
        let last = day.saturating_add(HORIZON_DAYS);
        let mut date = date_of(day)?;
        let mut second_of_day = from.rem_euclid(DAY);
        while day <= last {
            if !has_bit(self.months.into(), date.month()) {
                let skip = i64::from(date.days_in_month()) - i64::from(date.day()) + 1;
                day += skip;
                date = date.checked_add(skip.days()).ok()?;
                second_of_day = 0;
                continue;
            }
            if self.matches_day(date)
                && let Some(found) = self.next_time(second_of_day)
            {
                return Some(day * DAY + found);
            }
            day += 1;
            date = date.tomorrow().ok()?;
            second_of_day = 0;
        }
        None
    }

    /// Finds the first matching second of a day at or after `from`.
    fn next_time(&self, from: i64) -> Option<i64> {
        let (hour, minute, second) = (from / 3_600, from / 60 % 60, from % 60);
        if has_bit(self.hours.into(), hour) {
            if has_bit(self.minutes, minute)
                && let Some(second) = next_bit(self.seconds, second)
            {
                return Some(hour * 3_600 + minute * 60 + second);
            }
            if let Some(minute) = next_bit(self.minutes, minute + 1) {
                return Some(hour * 3_600 + minute * 60 + next_bit(self.seconds, 0)?);
            }
        }
        let hour = next_bit(self.hours.into(), hour + 1)?;
        Some(hour * 3_600 + next_bit(self.minutes, 0)? * 60 + next_bit(self.seconds, 0)?)
    }

    fn matches_day(&self, date: Date) -> bool {
        match (self.any_day, self.any_weekday) {
            (true, true) => true,
            (true, false) => self.matches_weekday(date),
            (false, true) => self.matches_day_of_month(date),
            (false, false) => self.matches_weekday(date) || self.matches_day_of_month(date),
        }
    }

    fn matches_weekday(&self, date: Date) -> bool {
        let weekday = date.weekday().to_sunday_zero_offset();
        let occurrence = usize::try_from((date.day() - 1) / 7).unwrap_or(0);
        has_bit(self.weekdays.into(), weekday)
            || self
                .nth
                .get(occurrence)
                .is_some_and(|set| has_bit((*set).into(), weekday))
            || (date.day() + 7 > date.days_in_month()
                && has_bit(self.last_weekdays.into(), weekday))
    }

    fn matches_day_of_month(&self, date: Date) -> bool {
        let (day, length) = (date.day(), date.days_in_month());
        if has_bit(self.days.into(), day) || (self.last_day && day == length) {
            return true;
        }
        if self.closest == 0 && !self.last_workday {
            return false;
        }
        let weekday = date.weekday().to_sunday_zero_offset();
        let weekday_of = |other: i8| (weekday + (other - day)).rem_euclid(7);
        if self.last_workday && day == last_workday(length, weekday_of(length)) {
            return true;
        }
        // The nearest working day is at most two days away and in the same month.
        (day - 2..=day + 2)
            .filter(|asked| (1..=length).contains(asked) && has_bit(self.closest.into(), *asked))
            .any(|asked| closest_workday(asked, length, weekday_of(asked)) == day)
    }
}

/// Converts a count of civil days to a date, if it is a date at all.
fn date_of(day: i64) -> Option<Date> {
    let since_epoch = SignedDuration::from_secs(day.checked_mul(DAY)?);
    Date::constant(1970, 1, 1).checked_add(since_epoch).ok()
}

/// The last working day of a month of `length` days whose last day is `weekday`.
const fn last_workday(length: i8, weekday: i8) -> i8 {
    match weekday {
        6 => length - 1,
        0 => length - 2,
        _ => length,
    }
}

/// The working day nearest to `day`, which is `weekday`, without leaving the month.
const fn closest_workday(day: i8, length: i8, weekday: i8) -> i8 {
    match weekday {
        6 if day > 1 => day - 1,
        6 => day + 2,
        0 if day < length => day + 1,
        0 => day - 2,
        _ => day,
    }
}

fn has_bit(set: u64, value: impl TryInto<u32>) -> bool {
    value
        .try_into()
        .ok()
        .and_then(|value| set.checked_shr(value))
        .is_some_and(|set| set & 1 == 1)
}

/// The lowest value of `set` that is at least `from`.
fn next_bit(set: u64, from: i64) -> Option<i64> {
    let from = u32::try_from(from).ok()?;
    let rest = set.checked_shr(from)?;
    (rest != 0).then(|| i64::from(from + rest.trailing_zeros()))
}
