//! The numbers: medians beside their aims, as a table and as JSON.

use std::fmt::{self, Display, Formatter, Write as _};
use std::path::Path;

use serde::Serialize;

/// One measured number.
#[derive(Clone, Debug, Serialize)]
pub struct Number {
    /// The measurement it belongs to, by its letter.
    pub id: &'static str,
    /// What was measured.
    pub name: String,
    /// The unit of every value.
    pub unit: &'static str,
    /// The median of the runs.
    pub median: f64,
    /// Every run.
    pub runs: Vec<f64>,
    /// What we want, at most or at least.
    pub aim: Option<f64>,
    /// What is not good enough.
    pub floor: Option<f64>,
    /// How it stands: `aim`, `floor`, `below floor`, or nothing where there is no aim.
    pub verdict: &'static str,
    /// The settings that matter.
    pub note: String,
}

/// Everything that one call has measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where it was measured.
    pub machine: Machine,
    /// Whether this was the short form.
    pub quick: bool,
    /// The numbers, in the order they were measured.
    pub numbers: Vec<Number>,
}

/// The machine, as far as it matters.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// How many threads run at once.
    pub cores: usize,
    /// The operating system's release.
    pub kernel: String,
    /// What else was running: the load averages when the benchmark began.
    pub load: String,
}

impl Number {
    /// A number without an aim, for comparison.
    #[must_use]
    pub fn plain(
        id: &'static str,
        name: impl Into<String>,
        unit: &'static str,
        runs: Vec<f64>,
        note: impl Into<String>,
    ) -> Self {
        Self {
            id,
            name: name.into(),
            unit,
            median: median(&runs),
            runs,
            aim: None,
            floor: None,
            verdict: "",
            note: note.into(),
        }
    }

    /// Says what the number should be at most.
    #[must_use]
    pub fn against(mut self, aim: f64, floor: f64) -> Self {
        self.aim = Some(aim);
        self.floor = Some(floor);
        self.verdict = match self.median {
            median if median <= aim => "aim",
            median if median <= floor => "floor",
            _ => "below floor",
        };
        self
    }

    /// Says what the number should be at least.
    #[must_use]
    pub fn at_least(mut self, aim: f64, floor: f64) -> Self {
        self.aim = Some(aim);
        self.floor = Some(floor);
        self.verdict = match self.median {
            median if median >= aim => "aim",
            median if median >= floor => "floor",
            _ => "below floor",
        };
        self
    }
}

impl Machine {
    /// This machine, now.
    #[must_use]
    pub fn here() -> Self {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let information = text("/proc/cpuinfo");
        let model = information
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        Self {
            processor: model.map_or("unknown", |(_, name)| name.trim()).to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: text("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: text("/proc/loadavg").trim().to_owned(),
        }
    }
}

impl Report {
    /// The numbers as a Markdown table.
    #[must_use]
    pub fn table(&self) -> String {
        let form = if self.quick { ", short form" } else { "" };
        let mut table = format!(
            "machine: {}{form}\n\n\
             | | measured | median | unit | aim | floor | stands at | runs | settings |\n\
             | --- | --- | ---: | --- | ---: | ---: | --- | ---: | --- |\n",
            self.machine
        );
        for number in &self.numbers {
            let limit = |limit: Option<f64>| limit.map(shown).unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = writeln!(
                table,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                number.id,
                number.name,
                shown(number.median),
                number.unit,
                limit(number.aim),
                limit(number.floor),
                number.verdict,
                number.runs.len(),
                number.note,
            );
        }
        table
    }

    /// Writes the numbers as JSON.
    ///
    /// # Errors
    /// Why the file could not be written.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        write(self, path)
    }
}

impl Display for Machine {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            processor,
            cores,
            kernel,
            load,
        } = self;
        write!(
            out,
            "{processor}, {cores} cores, Linux {kernel}, load {load}"
        )
    }
}

/// Writes what was measured as JSON, with the folders on the way.
///
/// # Errors
/// Why the file could not be written.
pub fn write(measured: &impl Serialize, path: &Path) -> Result<(), String> {
    let failed = |why: &dyn Display| format!("cannot write {}: {why}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|why| failed(&why))?;
    }
    let json = serde_json::to_string_pretty(measured).map_err(|why| failed(&why))?;
    std::fs::write(path, json + "\n").map_err(|why| failed(&why))
}

/// The middle value, or the mean of the two in the middle.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    if sorted.len() % 2 == 1 {
        at(middle)
    } else {
        at(middle.wrapping_sub(1)).midpoint(at(middle))
    }
}

/// A value with about three digits.
pub(crate) fn shown(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_verdict() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
        let verdict = |value: f64| {
            let number = Number::plain("x", "x", "s", vec![value], "");
            number.against(1.0, 2.0).verdict
        };
        assert_eq!(verdict(1.0), "aim");
        assert_eq!(verdict(2.0), "floor");
        assert_eq!(verdict(2.1), "below floor");
        assert_eq!(verdict(f64::NAN), "below floor");
        let verdict = |value: f64| {
            let number = Number::plain("x", "x", "×", vec![value], "");
            number.at_least(0.5, 0.3).verdict
        };
        assert_eq!(verdict(0.5), "aim");
        assert_eq!(verdict(0.3), "floor");
        assert_eq!(verdict(0.2), "below floor");
        assert_eq!(verdict(f64::NAN), "below floor");
    }
}
