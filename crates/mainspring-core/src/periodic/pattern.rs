//! From the text of a pattern to its sets of values.
//!
//! The shape of each item is checked here, because a fault must be named with its field and column,
//! and because croner reads more than we accept (`1JAN` as 11, empty items, a lone `L` weekday that
//! never matches). The values of the checked text are croner's; its own search is not used.

use croner::CronComponent;
use croner::parser::{CronParser, Seconds, Year};

use super::calendar::Fields;
use super::plan::fault;
use crate::error::Error;

/// The longest pattern that is read, in bytes.
///
/// All sixty minutes written out take 169; a longer text is no pattern, and its cost would grow.
pub(super) const PATTERN_MAX: usize = 512;

/// Parses a pattern of 5 or 6 fields, or one of the `@` names.
pub(super) fn parse(pattern: &str) -> Result<Fields, Error> {
    if pattern.len() > PATTERN_MAX {
        let start: String = pattern.chars().take(32).collect();
        return Err(fault(
            format!("the cron pattern that starts {start:?} is longer than {PATTERN_MAX} bytes"),
            "split it into several periodics",
        ));
    }
    let text = expand_nickname(pattern)?;
    let words = words(text);
    let fields = match words.len() {
        5 => FieldKind::ALL.get(1..),
        6 => FieldKind::ALL.get(..),
        _ => None,
    };
    let Some(fields) = fields else {
        return Err(wrong_count(pattern, words.len()));
    };
    let mut checked = Vec::with_capacity(6);
    if words.len() == 5 {
        checked.push(String::from("0"));
    }
    for (field, (column, word)) in fields.iter().zip(&words) {
        checked.push(check_field(*field, pattern, *column, word)?);
    }
    let fields = read(&checked).ok_or_else(|| {
        fault(
            format!("the cron pattern {pattern:?} cannot be read"),
            FIELDS_HINT,
        )
    })?;
    // A leap year that starts a cycle of leap years: what has no match from here has none.
    if fields.next_match(946_684_800).is_none() {
        return Err(fault(
            format!("the cron pattern {pattern:?} never matches: no such day exists"),
            "check the day of the month against the month, such as 30 against February",
        ));
    }
    Ok(fields)
}

const FIELDS_HINT: &str = "a pattern has 5 fields (minute hour day month weekday), or 6 with the \
                           second first";

/// The fields of a pattern, in the order in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FieldKind {
    Second,
    Minute,
    Hour,
    Day,
    Month,
    Weekday,
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl FieldKind {
    const ALL: [Self; 6] = [
        Self::Second,
        Self::Minute,
        Self::Hour,
        Self::Day,
        Self::Month,
        Self::Weekday,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day-of-month",
            Self::Month => "month",
            Self::Weekday => "day-of-week",
        }
    }

    const fn bounds(self) -> (u8, u8) {
        match self {
            Self::Second | Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::Day => (1, 31),
            Self::Month => (1, 12),
            Self::Weekday => (0, 7),
        }
    }

    const fn hint(self) -> &'static str {
        match self {
            Self::Second | Self::Minute => "it takes 0 to 59, as in 5, 0,30, 10-20 or */15",
            Self::Hour => "it takes 0 to 23, as in 3, 9-17 or */6",
            Self::Day => "it takes 1 to 31, L (last day), LW (last working day) or 15W",
            Self::Month => "it takes 1 to 12 or JAN to DEC",
            Self::Weekday => {
                "it takes 0 to 7 (0 and 7 are Sunday), SUN to SAT, MON#2 (second) or FRIL (last)"
            }
        }
    }
}

/// What is wrong with one item; the rest of the message is the same for all.
struct ItemFault {
    why: &'static str,
    hint: &'static str,
}

fn expand_nickname(pattern: &str) -> Result<&str, Error> {
    let trimmed = pattern.trim();
    if !trimmed.starts_with('@') {
        return Ok(pattern);
    }
    match trimmed.to_ascii_lowercase().as_str() {
        "@yearly" | "@annually" => Ok("0 0 1 1 *"),
        "@monthly" => Ok("0 0 1 * *"),
        "@weekly" => Ok("0 0 * * 0"),
        "@daily" | "@midnight" => Ok("0 0 * * *"),
        "@hourly" => Ok("0 * * * *"),
        _ => Err(fault(
            format!("the cron pattern {pattern:?} is no known name"),
            "the names are @yearly, @monthly, @weekly, @daily and @hourly",
        )),
    }
}

/// Splits at white space; each word with its column, counted from 1.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut column = 1;
    for part in text.split(char::is_whitespace) {
        if !part.is_empty() {
            words.push((column, part));
        }
        column += part.chars().count() + 1;
    }
    words
}

fn wrong_count(pattern: &str, count: usize) -> Error {
    let hint = match count {
        7 => "years are not supported; leave the seventh field out",
        _ => FIELDS_HINT,
    };
    fault(
        format!("the cron pattern {pattern:?} has {count} fields"),
        hint,
    )
}

/// Checks one field and returns it with every name written as a number.
fn check_field(
    field: FieldKind,
    pattern: &str,
    column: usize,
    word: &str,
) -> Result<String, Error> {
    if word == "*" || (word == "?" && matches!(field, FieldKind::Day | FieldKind::Weekday)) {
        return Ok(String::from("*"));
    }
    let mut column = column;
    let mut checked = Vec::new();
    for item in word.split(',') {
        match check_item(field, &item.to_ascii_uppercase()) {
            Ok(item) => checked.push(item),
            Err(item_fault) => {
                let name = field.name();
                return Err(fault(
                    format!(
                        "{item:?} in the {name} field (column {column}) of the cron pattern \
                         {pattern:?} {}",
                        item_fault.why
                    ),
                    item_fault.hint,
                ));
            }
        }
        column += item.chars().count() + 1;
    }
    Ok(checked.join(","))
}

fn check_item(field: FieldKind, item: &str) -> Result<String, ItemFault> {
    let not_understood = || ItemFault {
        why: "is not understood",
        hint: field.hint(),
    };
    if let Some(special) = check_special(field, item)? {
        return Ok(special);
    }
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (item, None),
    };
    let range = match (range, range.split_once('-')) {
        ("*", _) if step.is_some() => String::from("*"),
        ("*", _) => {
            return Err(ItemFault {
                why: "stands in a list",
                hint: "a field that allows everything is * alone",
            });
        }
        (_, Some((low, high))) => {
            let low = value(field, low).ok_or_else(not_understood)?;
            let high = match value(field, high).ok_or_else(not_understood)? {
                0 if field == FieldKind::Weekday => 7,
                high => high,
            };
            if low > high {
                return Err(ItemFault {
                    why: "is a range that goes down",
                    hint: "write it as two ranges, such as 22-23,0-4 or FRI-SUN,MON",
                });
            }
            format!("{low}-{high}")
        }
        (_, None) if step.is_some() => {
            return Err(ItemFault {
                why: "has a step without a range",
                hint: "write the range out, such as 5-59/15, or */15",
            });
        }
        (_, None) => value(field, range).ok_or_else(not_understood)?.to_string(),
    };
    match step {
        None => Ok(range),
        Some(step) => Ok(format!("{range}/{}", check_step(field, step)?)),
    }
}

fn check_step(field: FieldKind, step: &str) -> Result<u8, ItemFault> {
    let (low, high) = field.bounds();
    match number(step) {
        Some(0) => Err(ItemFault {
            why: "has a step of zero",
            hint: "the smallest step is 1",
        }),
        Some(step) if step <= high - low => Ok(step),
        Some(_) => Err(ItemFault {
            why: "has a step longer than the field",
            hint: "a step starts anew in each hour, day, month or week; for other periods use \
                   Every, such as Every::minutes(90)",
        }),
        None => Err(ItemFault {
            why: "is not understood",
            hint: field.hint(),
        }),
    }
}

/// Checks the items that depend on the month: `L`, `LW`, `15W`, `MON#2`, `FRIL`.
fn check_special(field: FieldKind, item: &str) -> Result<Option<String>, ItemFault> {
    let item_fault = |why| ItemFault {
        why,
        hint: field.hint(),
    };
    match field {
        FieldKind::Day if item == "L" || item == "LW" => Ok(Some(item.to_owned())),
        FieldKind::Day => match item.strip_suffix('W') {
            Some(day) => {
                let day = value(field, day).ok_or_else(|| item_fault("is not understood"))?;
                Ok(Some(format!("{day}W")))
            }
            None => Ok(None),
        },
        FieldKind::Weekday if item == "L" => Err(ItemFault {
            why: "names no weekday",
            hint: "write the weekday before the L, such as FRIL for the last Friday of the month",
        }),
        FieldKind::Weekday => {
            if let Some((day, nth)) = item.split_once('#') {
                let day = value(field, day).ok_or_else(|| item_fault("is not understood"))?;
                return match number(nth) {
                    Some(nth @ 1..=5) => Ok(Some(format!("{day}#{nth}"))),
                    _ => Err(item_fault("asks for an occurrence other than 1 to 5")),
                };
            }
            match item.strip_suffix('L') {
                Some(day) => {
                    let day = value(field, day).ok_or_else(|| item_fault("is not understood"))?;
                    Ok(Some(format!("{day}#L")))
                }
                None => Ok(None),
            }
        }
        FieldKind::Second | FieldKind::Minute | FieldKind::Hour | FieldKind::Month => Ok(None),
    }
}

/// Reads a number within the field's bounds, or one of its names.
fn value(field: FieldKind, text: &str) -> Option<u8> {
    let (low, high) = field.bounds();
    let named = |names: &[&str], first: u8| {
        let at = names.iter().position(|name| *name == text)?;
        Some(u8::try_from(at).ok()? + first)
    };
    match field {
        FieldKind::Month => named(&MONTHS, 1),
        FieldKind::Weekday => named(&WEEKDAYS, 0),
        _ => None,
    }
    .or_else(|| number(text).filter(|value| (low..=high).contains(value)))
}

/// Reads digits alone; the standard parser would take a plus sign too.
fn number(text: &str) -> Option<u8> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

/// Has croner turn the checked fields into sets of values.
fn read(checked: &[String]) -> Option<Fields> {
    let [second, minute, hour, day, _, weekday] = checked else {
        return None;
    };
    let parser = CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Disallowed)
        .build();
    let pattern = parser.parse(&checked.join(" ")).ok()?.pattern;
    let mut nth = [0; 5];
    for (occurrence, set) in (1..).zip(&mut nth) {
        *set = u8::try_from(bits(&pattern.days_of_week, 1 << occurrence)).ok()?;
    }
    Some(Fields {
        seconds: bits(&pattern.seconds, PLAIN),
        minutes: bits(&pattern.minutes, PLAIN),
        hours: u32::try_from(bits(&pattern.hours, PLAIN)).ok()?,
        days: u32::try_from(bits(&pattern.days, PLAIN)).ok()?,
        closest: u32::try_from(bits(&pattern.days, CLOSEST)).ok()?,
        months: u16::try_from(bits(&pattern.months, PLAIN)).ok()?,
        weekdays: u8::try_from(bits(&pattern.days_of_week, PLAIN)).ok()?,
        nth,
        last_weekdays: u8::try_from(bits(&pattern.days_of_week, LAST)).ok()?,
        last_day: day.split(',').any(|item| item == "L"),
        last_workday: day.split(',').any(|item| item == "LW"),
        any_day: day == "*",
        any_weekday: weekday == "*",
        fixed: [second, minute, hour]
            .iter()
            .all(|field| !field.starts_with('*')),
    })
}

/// The flags that croner keeps per value; it exports no names for them.
const PLAIN: u8 = 1;
const LAST: u8 = 1 << 6;
const CLOSEST: u8 = 1 << 7;

fn bits(component: &CronComponent, flag: u8) -> u64 {
    component
        .get_set_values(flag)
        .into_iter()
        .fold(0, |set, value| {
            set | 1_u64.checked_shl(value.into()).unwrap_or(0)
        })
}
