//! One line of the output.

use std::io::Write;

use serde::Serialize;

use crate::peer::Synchronous;

/// A figure, or the reason why there is none.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    system: &'static str,
    row: String,
    settings: String,
    synchronous: String,
    value: Option<f64>,
    unit: &'static str,
    runs: Vec<f64>,
    median: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
    note: String,
}

impl Entry {
    /// A figure that has no runs yet.
    pub(crate) fn new(system: &'static str, row: &str, unit: &'static str) -> Self {
        Self {
            system,
            row: row.to_owned(),
            settings: String::new(),
            synchronous: String::new(),
            value: None,
            unit,
            runs: Vec::new(),
            median: None,
            min: None,
            max: None,
            skipped: None,
            note: String::new(),
        }
    }

    pub(crate) fn runs(mut self, runs: Vec<f64>) -> Self {
        self.median = median(&runs);
        self.value = self.median;
        self.min = runs.iter().copied().reduce(f64::min);
        self.max = runs.iter().copied().reduce(f64::max);
        self.runs = runs;
        self
    }

    pub(crate) fn skipped(mut self, why: impl Into<String>) -> Self {
        self.skipped = Some(why.into());
        self
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    pub(crate) fn with(mut self, settings: &str, synchronous: Synchronous, caveat: &str) -> Self {
        settings.clone_into(&mut self.settings);
        self.synchronous = synchronous.to_string();
        if !self.note.is_empty() {
            self.note.push_str("; ");
        }
        self.note.push_str(caveat);
        self
    }

    pub(crate) fn print(&self) -> std::io::Result<()> {
        let line = serde_json::to_string(self)?;
        writeln!(std::io::stdout().lock(), "{line}")
    }
}

/// The middle value, or the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2)?;
    match sorted.len() % 2 {
        0 => Some(f64::midpoint(*sorted.get(sorted.len() / 2 - 1)?, *upper)),
        _ => Some(*upper),
    }
}

/// The smallest value that is not below so many hundredths of all of them.
pub(crate) fn percentile(values: &[f64], hundredths: usize) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * hundredths).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&values, 50), Some(50.0));
        assert_eq!(percentile(&values, 99), Some(99.0));
        assert_eq!(percentile(&[7.0], 99), Some(7.0));
        assert_eq!(percentile(&[], 50), None);
    }
}
