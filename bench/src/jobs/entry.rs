//! One figure of one system, in the form that the rivals print as well.

use std::fmt::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::rows::ROWS;
use crate::report::{median, shown};

/// A figure, or the reason why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Who was measured: `limit`, `disk`, a store or a rival.
    pub system: String,
    /// What was measured, by the same words for everyone.
    pub row: String,
    /// The settings, beginning with `defaults` or `best`.
    pub settings: String,
    /// What a commit waited for: `FULL` or `NORMAL`, or nothing where nobody commits.
    pub synchronous: String,
    /// The median.
    pub value: Option<f64>,
    /// The unit of every value.
    pub unit: String,
    /// Every run.
    pub runs: Vec<f64>,
    /// The median again, beside the extremes.
    pub median: Option<f64>,
    /// The lowest run.
    pub min: Option<f64>,
    /// The highest run.
    pub max: Option<f64>,
    /// Why there is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// What else to know.
    #[serde(default)]
    pub note: String,
}

impl Entry {
    /// A figure of so many runs.
    #[must_use]
    pub fn measured(system: &str, row: &str, unit: &str, runs: Vec<f64>) -> Self {
        let middle = Some(median(&runs)).filter(|value| value.is_finite());
        Self {
            system: system.to_owned(),
            row: row.to_owned(),
            settings: String::new(),
            synchronous: String::new(),
            value: middle,
            unit: unit.to_owned(),
            median: middle,
            min: runs.iter().copied().reduce(f64::min),
            max: runs.iter().copied().reduce(f64::max),
            runs,
            skipped: None,
            note: String::new(),
        }
    }

    /// A figure that there is not, and the reason.
    #[must_use]
    pub fn skipped(system: &str, row: &str, unit: &str, why: &str) -> Self {
        Self {
            skipped: Some(why.to_owned()),
            ..Self::measured(system, row, unit, Vec::new())
        }
    }

    /// Says with what it was measured.
    #[must_use]
    pub fn with(
        mut self,
        settings: impl Into<String>,
        synchronous: impl Into<String>,
        note: impl Into<String>,
    ) -> Self {
        self.settings = settings.into();
        self.synchronous = synchronous.into();
        self.note = note.into();
        self
    }
}

/// Reads what the rivals have printed: one object a line.
///
/// # Errors
/// The line that is not an entry, or why the file cannot be read.
pub fn read(path: &Path) -> Result<Vec<Entry>, String> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|why| format!("cannot read {}: {why}", path.display()))?;
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            serde_json::from_str(line)
                .map_err(|why| format!("{}, line {}: {why}", path.display(), index + 1))
        })
        .collect()
}

/// Puts those side by side that can be compared: by row, then by what a commit waits for. A row may
/// say more behind its name, such as `pick-up p99`.
pub fn sort(entries: &mut [Entry]) {
    let place = |entry: &Entry| {
        let row = ROWS.iter().position(|row| entry.row.starts_with(row.name));
        (row.unwrap_or(ROWS.len()), entry.row.clone())
    };
    entries.sort_by_cached_key(|entry| (place(entry), entry.synchronous.clone()));
}

/// The entries as a Markdown table.
#[must_use]
pub fn table(entries: &[Entry]) -> String {
    let mut table = "| row | synchronous | system | settings | median | unit | min | max | runs \
                     | note |\n| --- | --- | --- | --- | ---: | --- | ---: | ---: | ---: | --- |\n"
        .to_owned();
    for entry in entries {
        let value = |value: Option<f64>| value.map(shown).unwrap_or_default();
        let note = match &entry.skipped {
            Some(why) => format!("skipped: {why}"),
            None => entry.note.clone(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {note} |",
            entry.row,
            entry.synchronous,
            entry.system,
            entry.settings,
            value(entry.median),
            entry.unit,
            value(entry.min),
            value(entry.max),
            entry.runs.len(),
        );
    }
    table
}

/// The smallest value that is not below this share of all of them.
#[must_use]
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let all = f64::from(u32::try_from(sorted.len()).unwrap_or(u32::MAX));
    let mut seen = 0.0;
    for value in sorted {
        seen += 1.0;
        if seen >= all * share {
            return value;
        }
    }
    f64::NAN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(quantile(&values, 0.50), 50.0);
        assert_eq!(quantile(&values, 0.99), 99.0);
        assert_eq!(quantile(&[7.0], 0.99), 7.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn what_is_written_is_read_and_what_is_not_an_entry_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peers.jsonl");
        let rows = [
            Entry::measured("rival", "drain", "jobs/s", vec![3.0, 1.0, 2.0])
                .with("defaults", "FULL", ""),
            Entry::skipped("rival", "steady 1 ms jobs", "jobs/s", "it cannot"),
        ];
        let lines = rows
            .each_ref()
            .map(|row| serde_json::to_string(row).unwrap());
        std::fs::write(&path, lines.join("\n\n")).unwrap();
        assert_eq!(read(&path).unwrap(), rows);
        assert_eq!(rows[0].value, Some(2.0));
        assert_eq!((rows[0].min, rows[0].max), (Some(1.0), Some(3.0)));
        assert!(table(&rows).contains("skipped: it cannot"));

        std::fs::write(&path, "{}\n").unwrap();
        assert!(read(&path).unwrap_err().contains("line 1"));
    }

    #[test]
    fn rows_stand_in_their_order_and_those_of_one_name_together() {
        let places = [
            ("fdatasync", ""),
            ("drain, bodies", "FULL"),
            ("drain", "NORMAL"),
            ("enqueue, 10 callers", "FULL"),
            ("drain", "FULL"),
            ("enqueue, 1 caller", "FULL"),
        ];
        let mut entries =
            places.map(|(row, safety)| Entry::skipped("x", row, "", "").with("", safety, ""));
        sort(&mut entries);
        let sorted = entries.map(|entry| (entry.row, entry.synchronous));
        let expected = [5, 3, 4, 2, 1, 0].map(|place: usize| places[place]);
        assert_eq!(
            sorted.each_ref().map(|(row, safety)| (&**row, &**safety)),
            expected
        );
    }
}
