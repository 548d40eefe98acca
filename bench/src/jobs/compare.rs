//! What the store promises, as ratios of the figures that stand side by side.

use super::entry::Entry;
use super::rows::{ROWS, SPEED};
use super::subject::{Body, Synchronous, Work};
use crate::report::Number;

/// The store under test, as its entries call it.
pub const OURS: &str = "mainspring";

const LIMIT: &str = "limit";
const DRAIN: &str = "drain";
const CALLERS_100: &str = "enqueue, 100 callers";

/// Every ratio that has both of its sides, for each safety. Without figures of ours there is none.
#[must_use]
pub fn ratios(entries: &[Entry]) -> Vec<Number> {
    let mut numbers = Vec::new();
    for synchronous in Synchronous::ALL {
        let side = Side {
            entries,
            synchronous: synchronous.to_string(),
        };
        numbers.extend(side.to_limit("c", DRAIN, 0.5, 0.3));
        numbers.extend(side.to_limit("a", CALLERS_100, 0.7, 0.5));
        numbers.extend(side.defaults_to_best());
        numbers.extend(
            ROWS.iter()
                .filter_map(|row| side.to_rivals(row.name, row.work)),
        );
        numbers.extend(side.pick_up("pick-up p50", 1.0, 3.0));
        numbers.extend(side.pick_up("pick-up, other process p50", 5.0, 15.0));
    }
    numbers.extend(backlog(entries));
    numbers.extend(idle(entries));
    numbers
}

/// The dearest fetch against the cheapest, whatever waits.
fn backlog(entries: &[Entry]) -> Option<Number> {
    let fetches = entries
        .iter()
        .filter(|entry| entry.row.starts_with("fetch, "));
    let took: Vec<f64> = fetches.filter_map(|entry| entry.median).collect();
    let least = took.iter().copied().reduce(f64::min)?;
    let most = took.iter().copied().reduce(f64::max)?;
    let note = "the dearest backlog / the cheapest";
    let number = Number::plain("g", "fetch: by backlog", "×", vec![most / least], note);
    Some(number.against(1.2, 1.2))
}

fn idle(entries: &[Entry]) -> Option<Number> {
    let idle = entries.iter().find(|entry| entry.row == "idle")?;
    let number = Number::plain("h", "idle", "% of a core", vec![idle.median?], "");
    Some(number.against(0.5, 0.5))
}

/// The figures at one safety.
struct Side<'a> {
    entries: &'a [Entry],
    synchronous: String,
}

impl Side<'_> {
    fn to_limit(&self, id: &'static str, row: &str, aim: f64, floor: f64) -> Option<Number> {
        let is_limit = |entry: &Entry| entry.system == LIMIT && entry.settings.starts_with("best");
        let ratio = self.best(row, is_ours)? / self.best(row, is_limit)?;
        let what = format!("{row}: ours / limit");
        Some(self.ratio(id, what, ratio).at_least(aim, floor))
    }

    fn defaults_to_best(&self) -> Option<Number> {
        let set = |entry: &Entry, to: &str| is_ours(entry) && entry.settings.starts_with(to);
        let defaults = self.best(DRAIN, |entry| set(entry, "defaults"))?;
        let best = self.best(DRAIN, |entry| set(entry, "best"))?;
        let what = format!("{DRAIN}: our defaults / our best settings");
        let ratio = self.ratio("c", what, defaults / best);
        Some(ratio.at_least(0.9, 0.7))
    }

    /// Our best against the best of the rivals, whatever its settings.
    fn to_rivals(&self, row: &str, work: Work) -> Option<Number> {
        let (id, aim) = match work {
            Work::Enqueue(1) => ("a", 0.95),
            Work::Enqueue(_) => ("a", 5.0),
            Work::EnqueueMany => ("b", 0.95),
            Work::Drain(Body::Nothing) => ("c", 5.0),
            Work::Drain(Body::OneMillisecond) => ("d", 0.95),
            Work::PickUp => return None,
        };
        let rival = self.best(row, |entry| !is_ours(entry) && entry.system != LIMIT)?;
        let what = format!("{row}: ours / best rival");
        let ratio = self.ratio(id, what, self.best(row, is_ours)? / rival);
        Some(ratio.at_least(aim, 0.95))
    }

    fn pick_up(&self, row: &str, aim: f64, floor: f64) -> Option<Number> {
        let found = self.entries.iter().filter(|entry| {
            is_ours(entry) && entry.row == row && entry.synchronous == self.synchronous
        });
        let least = found.filter_map(|entry| entry.median).reduce(f64::min)?;
        let name = format!("{row}, {}", self.synchronous);
        Some(Number::plain("e", name, "ms", vec![least], "").against(aim, floor))
    }

    /// The highest speed in a row of those that are asked for.
    fn best(&self, row: &str, asked: impl Fn(&Entry) -> bool) -> Option<f64> {
        let here = self.entries.iter().filter(|entry| {
            entry.row == row && entry.synchronous == self.synchronous && entry.unit == SPEED
        });
        let medians = here
            .filter(|entry| asked(entry))
            .filter_map(|entry| entry.median);
        medians.reduce(f64::max)
    }

    fn ratio(&self, id: &'static str, what: String, ratio: f64) -> Number {
        let name = format!("{what}, {}", self.synchronous);
        Number::plain(id, name, "×", vec![ratio], "of the medians")
    }
}

fn is_ours(entry: &Entry) -> bool {
    entry.system == OURS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speed(system: &str, row: &str, settings: &str, rate: f64) -> Entry {
        Entry::measured(system, row, SPEED, vec![rate]).with(settings, "FULL", "")
    }

    #[track_caller]
    fn check(entries: &[Entry], expected: &[(&str, f64, &str)]) {
        let found = ratios(entries);
        let found: Vec<_> = found
            .iter()
            .map(|number| (number.name.as_str(), number.median, number.verdict))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_promise_is_a_ratio_of_what_was_measured_at_the_same_safety() {
        let pick_up = Entry::measured(OURS, "pick-up p50", "ms", vec![2.0]);
        check(
            &[
                speed(LIMIT, DRAIN, "best (batch 100)", 100.0),
                speed(OURS, DRAIN, "defaults", 32.0),
                speed(OURS, DRAIN, "best", 40.0),
                speed("one", DRAIN, "defaults", 5.0),
                speed("other", DRAIN, "best", 8.0),
                speed(LIMIT, CALLERS_100, "best", 100.0).with("", "NORMAL", ""),
                speed(OURS, CALLERS_100, "defaults", 90.0),
                pick_up.with("defaults", "FULL", ""),
            ],
            &[
                ("drain: ours / limit, FULL", 0.4, "floor"),
                (
                    "drain: our defaults / our best settings, FULL",
                    0.8,
                    "floor",
                ),
                ("drain: ours / best rival, FULL", 5.0, "aim"),
                ("pick-up p50, FULL", 2.0, "floor"),
            ],
        );
    }

    #[test]
    fn without_ours_or_without_the_other_side_there_is_nothing_to_compare() {
        check(&[speed(LIMIT, DRAIN, "best", 100.0)], &[]);
        check(&[speed(OURS, DRAIN, "defaults", 100.0)], &[]);
        let skipped = Entry::skipped("one", DRAIN, SPEED, "it cannot").with("", "FULL", "");
        check(&[skipped, speed(OURS, DRAIN, "defaults", 100.0)], &[]);
    }
}
