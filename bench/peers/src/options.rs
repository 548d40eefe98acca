//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::peer::{Body, Work};

pub(crate) const USAGE: &str = "usage: peers [--quick] [--only LETTERS] [--runs N] [--jobs N] \
[--samples N] [--pause-ms N] [--dir PATH]
  --quick         small sizes, for a look
  --only LETTERS  only these rows: a enqueue, b bulk enqueue, c drain, d steady 1 ms jobs, e pick-up
  --runs N        runs of each row (5)
  --jobs N        jobs of a fast drain; the other sizes follow (50000)
  --samples N     pick-ups that are timed (200)
  --pause-ms N    how long the workers are idle before each (250)
  --dir PATH      where the databases are made: a real disk (target/bench)";

/// How to measure.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    quick: bool,
    only: String,
    pub(crate) runs: u32,
    jobs: u32,
    pub(crate) samples: u32,
    pub(crate) pause: Duration,
    pub(crate) folder: PathBuf,
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let quick = arguments.iter().any(|word| word == "--quick");
        let (runs, jobs, samples) = if quick {
            (3, 5_000, 20)
        } else {
            (5, 50_000, 200)
        };
        let mut options = Self {
            quick,
            only: String::new(),
            runs,
            jobs,
            samples,
            pause: Duration::from_millis(250),
            folder: PathBuf::from("target/bench"),
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("`{word}` needs a value"));
            match word.as_str() {
                "--quick" => {}
                "--only" => value()?.clone_into(&mut options.only),
                "--runs" => options.runs = number(value()?)?,
                "--jobs" => options.jobs = number(value()?)?,
                "--samples" => options.samples = number(value()?)?,
                "--pause-ms" => options.pause = Duration::from_millis(number(value()?)?.into()),
                "--dir" => options.folder = PathBuf::from(value()?),
                other => return Err(format!("there is no option `{other}`")),
            }
        }
        Ok(options)
    }

    /// Whether this row is wanted.
    pub(crate) fn wants(&self, letter: char) -> bool {
        self.only.is_empty() || self.only.contains(letter)
    }

    /// How many jobs a run takes, of a peer that does this work fast.
    pub(crate) fn jobs(&self, work: Work) -> u32 {
        match work {
            Work::Enqueue(_) => self.jobs / 10,
            Work::EnqueueMany | Work::Drain(Body::Nothing) => self.jobs,
            Work::Drain(Body::OneMillisecond) => self.jobs / 5,
            Work::PickUp => self.samples,
        }
    }

    /// How long one run of pick-ups may take: one heartbeat of 30 s has to fit.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(if self.quick { 35 } else { 100 })
    }
}

fn number(word: &str) -> Result<u32, String> {
    match word.parse() {
        Ok(0) | Err(_) => Err(format!("`{word}` is not a number above 0")),
        Ok(number) => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words)
    }

    #[test]
    fn options_are_read_or_refused() {
        let options = parse("--runs 2 --quick --only be --jobs 100 --pause-ms 7").unwrap();
        assert!(options.wants('b') && !options.wants('a'));
        assert_eq!((options.runs, options.samples), (2, 20));
        assert_eq!(options.jobs(Work::Enqueue(10)), 10);
        assert_eq!(options.pause, Duration::from_millis(7));
        for wrong in ["--runs", "--runs x", "--runs 0", "--slow", "quick"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
