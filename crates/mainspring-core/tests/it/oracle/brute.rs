//! The slow way: walk through real time minute by minute, look at the wall, compare each field.
//!
//! Shares nothing with the library: another zone library, another parser, another day rule.

use tz::{TimeZone, UtcDateTime};

/// A pattern, kept as the values that each field allows.
pub(super) struct Pattern {
    seconds: Vec<i64>,
    minutes: [bool; 60],
    hours: [bool; 24],
    days: String,
    months: [bool; 13],
    weekdays: String,
    fixed: bool,
}

/// What happens at changes of the clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) move_out_of_gap: bool,
    pub(super) both_passes: bool,
}

/// One civil day.
#[derive(Clone, Copy)]
struct Day {
    number: i64,
    month: usize,
    day: i64,
    weekday: i64,
    /// The days of the month.
    length: i64,
}

/// One minute of real time.
struct Row {
    at: i64,
    minute: usize,
    hour: usize,
    day: usize,
    /// The wall has shown this minute before.
    repeated: bool,
    /// The civil minutes that the wall jumped over to get here: (minute, hour, day).
    skipped: Vec<(usize, usize, usize)>,
}

/// A stretch of real time in one zone, with what the wall shows in it.
pub(super) struct Window {
    pub(super) start: i64,
    pub(super) end: i64,
    days: Vec<Day>,
    rows: Vec<Row>,
}

impl Window {
    pub(super) fn new(zone: &TimeZone, start: i64, end: i64) -> Self {
        let mut window = Self {
            start,
            end,
            days: Vec::new(),
            rows: Vec::new(),
        };
        // Some hours more, so that a minute shown shortly before the start is known to be shown.
        let first = start - 6 * 3_600;
        let mut furthest = None;
        for at in (first..end).step_by(60) {
            let wall = at + offset(zone, at);
            assert_eq!(
                (wall % 60, at % 60),
                (0, 0),
                "a wall that is off by seconds"
            );
            let repeated = furthest.is_some_and(|furthest| wall <= furthest);
            let skipped = match furthest {
                Some(furthest) => (furthest + 60..wall).step_by(60).collect(),
                None => Vec::new(),
            };
            furthest = furthest.max(Some(wall));
            if at >= start {
                let skipped = skipped.into_iter().map(|wall| window.split(wall)).collect();
                let (minute, hour, day) = window.split(wall);
                window.rows.push(Row {
                    at,
                    minute,
                    hour,
                    day,
                    repeated,
                    skipped,
                });
            }
        }
        window
    }

    /// All fires within the window, by the rules of the documentation.
    pub(super) fn fires(&self, pattern: &Pattern, rules: Rules) -> Vec<i64> {
        let days: Vec<_> = self
            .days
            .iter()
            .map(|day| pattern.matches_day(day))
            .collect();
        let matches = |minute: usize, hour: usize, day: usize| {
            pattern.minutes[minute] && pattern.hours[hour] && days[day]
        };
        let mut fires = Vec::new();
        for row in &self.rows {
            let moved = rules.move_out_of_gap
                && row
                    .skipped
                    .iter()
                    .any(|&(minute, hour, day)| matches(minute, hour, day));
            if moved {
                fires.push(row.at);
            }
            if matches(row.minute, row.hour, row.day) && (rules.both_passes || !row.repeated) {
                fires.extend(pattern.seconds.iter().map(|second| row.at + second));
            }
        }
        fires.dedup();
        fires
    }

    fn split(&mut self, wall: i64) -> (usize, usize, usize) {
        let number = wall.div_euclid(86_400);
        let index = match self.days.iter().rposition(|day| day.number == number) {
            Some(index) => index,
            None => {
                self.days.push(Day::new(number));
                self.days.len() - 1
            }
        };
        let of_day = usize::try_from(wall.rem_euclid(86_400)).unwrap();
        (of_day / 60 % 60, of_day / 3_600, index)
    }
}

/// The instants from 2020 to 2035 at which the offset of a zone changes.
pub(super) fn changes(zone: &TimeZone) -> Vec<i64> {
    const FROM: i64 = 1_577_836_800;
    const UNTIL: i64 = 2_082_758_400;
    const STEP: i64 = 6 * 3_600;
    let mut changes = Vec::new();
    for start in (FROM..UNTIL).step_by(usize::try_from(STEP).unwrap()) {
        let (mut low, mut high) = (start, start + STEP);
        let before = offset(zone, low);
        if offset(zone, high) == before {
            continue;
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if offset(zone, middle) == before {
                low = middle
            } else {
                high = middle
            }
        }
        changes.push(high);
    }
    changes
}

fn offset(zone: &TimeZone, at: i64) -> i64 {
    zone.find_local_time_type(at)
        .expect("a zone covers all times")
        .ut_offset()
        .into()
}

impl Day {
    fn new(number: i64) -> Self {
        let civil = |number: i64| UtcDateTime::from_timespec(number * 86_400, 0).unwrap();
        let this = civil(number);
        let mut length = i64::from(this.month_day());
        while civil(number + length + 1 - i64::from(this.month_day())).month() == this.month() {
            length += 1;
        }
        Self {
            number,
            month: this.month().into(),
            day: this.month_day().into(),
            weekday: this.week_day().into(),
            length,
        }
    }
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        let names = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
        let months = [
            "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
        ];
        let mut text = text.to_uppercase();
        if text.split(' ').count() == 5 {
            text = format!("0 {text}");
        }
        let mut fields: Vec<_> = text.split(' ').map(str::to_owned).collect();
        for (number, name) in names.iter().enumerate() {
            fields[5] = fields[5].replace(name, &number.to_string());
        }
        // A range up to Sunday ends on day 7.
        fields[5] = fields[5].replace("-0", "-7").replace('?', "*");
        fields[3] = fields[3].replace('?', "*");
        for (number, name) in months.iter().enumerate() {
            fields[4] = fields[4].replace(name, &(number + 1).to_string());
        }
        Self {
            seconds: (0..60)
                .filter(|second| in_list(&fields[0], *second, 0, 59))
                .collect(),
            minutes: std::array::from_fn(|value| in_list(&fields[1], signed(value), 0, 59)),
            hours: std::array::from_fn(|value| in_list(&fields[2], signed(value), 0, 23)),
            days: fields[3].clone(),
            months: std::array::from_fn(|value| in_list(&fields[4], signed(value), 1, 12)),
            weekdays: fields[5].clone(),
            fixed: !fields[..3].iter().any(|field| field.starts_with('*')),
        }
    }

    /// The rules of the documentation for a pattern without a choice.
    pub(super) fn rules(&self) -> Rules {
        Rules {
            move_out_of_gap: self.fixed,
            both_passes: !self.fixed,
        }
    }

    fn matches_day(&self, day: &Day) -> bool {
        let by_day = self.days.split(',').any(|item| matches_day_item(item, day));
        let by_weekday = self
            .weekdays
            .split(',')
            .any(|item| matches_weekday_item(item, day));
        let day_matches = match (self.days.as_str(), self.weekdays.as_str()) {
            (_, "*") => by_day,
            ("*", _) => by_weekday,
            _ => by_day || by_weekday,
        };
        self.months[day.month] && day_matches
    }
}

fn matches_day_item(item: &str, day: &Day) -> bool {
    let weekday_of = |other: i64| (day.weekday + other - day.day).rem_euclid(7);
    let works =
        |other: &i64| (1..=day.length).contains(other) && (1..6).contains(&weekday_of(*other));
    if item == "L" {
        day.day == day.length
    } else if item == "LW" {
        (1..=day.length).rev().find(works) == Some(day.day)
    } else if let Some(asked) = item.strip_suffix('W') {
        let asked: i64 = asked.parse().unwrap();
        let near = [asked, asked - 1, asked + 1, asked - 2, asked + 2];
        asked <= day.length && near.into_iter().find(works) == Some(day.day)
    } else {
        in_list(item, day.day, 1, 31)
    }
}

fn matches_weekday_item(item: &str, day: &Day) -> bool {
    let is = |text: &str| text.parse::<i64>().unwrap() % 7 == day.weekday;
    if let Some((weekday, nth)) = item.split_once('#') {
        is(weekday) && (day.day + 6) / 7 == nth.parse::<i64>().unwrap()
    } else if let Some(weekday) = item.strip_suffix('L') {
        is(weekday) && day.day + 7 > day.length
    } else {
        in_list(item, day.weekday, 0, 7) || (day.weekday == 0 && in_list(item, 7, 0, 7))
    }
}

fn in_list(list: &str, value: i64, low: i64, high: i64) -> bool {
    list.split(',').any(|item| {
        let (range, step) = item.split_once('/').unwrap_or((item, "1"));
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (from.parse().unwrap(), to.parse().unwrap()),
            None if range == "*" => (low, high),
            None => (range.parse().unwrap(), range.parse().unwrap()),
        };
        (from..=to).contains(&value) && (value - from) % step.parse::<i64>().unwrap() == 0
    })
}

fn signed(value: usize) -> i64 {
    i64::try_from(value).unwrap()
}
