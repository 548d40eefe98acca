//! The command line.

use std::path::{Path, PathBuf};

use crate::action::server::Kind;
use crate::jobs::subject::Synchronous;

/// How the program is called.
pub const USAGE: &str = "usage: bench foundations [--quick] [--json PATH] [--only LETTERS]
       bench jobs --store sqlite [--quick] [--json PATH] [--only LETTERS] [--peers PATH]
  --quick         a short form of every measurement, for a look
  --json PATH     where the numbers go (target/bench/foundations.json, target/bench/jobs.json);
                  databases under test are made beside it
  --only LETTERS  only these measurements, such as `be`
  --store sqlite  the store to measure
  --peers PATH    what bench/peers has printed, to stand beside";

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Measure what the foundations promise.
    Foundations(Options),
    /// Measure the store of jobs.
    Jobs(Options),
    /// Be one of the servers that are measured.
    Serve(Kind),
    /// Be the other process that works on this database.
    Work(Synchronous, PathBuf),
}

/// How to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Fewer and shorter runs.
    pub quick: bool,
    /// Where the numbers go.
    pub json: PathBuf,
    /// The letters of the measurements; all when empty.
    pub only: String,
    /// The figures of the peers, for jobs.
    pub peers: Option<PathBuf>,
}

impl Options {
    /// The long form of everything, with the numbers in this file of the usual folder.
    #[must_use]
    pub fn all(file: &str) -> Self {
        Self {
            quick: false,
            json: Path::new("target/bench").join(file),
            only: String::new(),
            peers: None,
        }
    }

    /// Whether this measurement is wanted.
    #[must_use]
    pub fn wants(&self, letter: char) -> bool {
        self.only.is_empty() || self.only.contains(letter)
    }

    /// How often a measurement is repeated for its median.
    #[must_use]
    pub fn runs(&self) -> usize {
        if self.quick { 3 } else { 7 }
    }
}

impl Command {
    /// Reads the arguments after the program's name.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut words = arguments.iter().map(String::as_str);
        match words.next() {
            Some("foundations") => {
                let options = Options::all("foundations.json");
                options.read(words, false).map(Self::Foundations)
            }
            Some("jobs") => {
                let options = Options::all("jobs.json");
                options.read(words, true).map(Self::Jobs)
            }
            Some("serve") => {
                let kind = words.next().and_then(Kind::of);
                kind.map(Self::Serve).ok_or("which server?".to_owned())
            }
            Some("work") => {
                let safety = words
                    .next()
                    .and_then(Synchronous::of)
                    .ok_or("how safely?")?;
                let file = words.next().ok_or("on which database?")?;
                Ok(Self::Work(safety, PathBuf::from(file)))
            }
            Some(other) => Err(format!("there is no benchmark `{other}`")),
            None => Err("which benchmark?".to_owned()),
        }
    }
}

impl Options {
    /// Reads the rest of the line; with `stores`, a store has to be named.
    fn read<'a>(
        mut self,
        mut words: impl Iterator<Item = &'a str>,
        stores: bool,
    ) -> Result<Self, String> {
        let mut store = None;
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("`{word}` needs a value"));
            match word {
                "--quick" => self.quick = true,
                "--json" => self.json = PathBuf::from(value()?),
                "--only" => value()?.clone_into(&mut self.only),
                "--store" if stores => store = Some(value()?),
                "--peers" if stores => self.peers = Some(PathBuf::from(value()?)),
                other => return Err(format!("there is no option `{other}`")),
            }
        }
        match store {
            None if stores => Err("which store? `--store sqlite` is the one there is".to_owned()),
            None | Some("sqlite") => Ok(self),
            Some(other) => Err(format!("there is no store `{other}`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        Command::parse(&words)
    }

    #[test]
    fn options_are_read_or_refused() {
        assert_eq!(
            parse("foundations"),
            Ok(Command::Foundations(Options::all("foundations.json")))
        );
        let Ok(Command::Foundations(options)) = parse("foundations --quick --json x --only be")
        else {
            panic!("these are valid");
        };
        assert!(options.quick && options.wants('b') && !options.wants('a'));
        assert_eq!(options.json, PathBuf::from("x"));
        let Ok(Command::Jobs(options)) = parse("jobs --store sqlite --only c --peers y") else {
            panic!("these are valid");
        };
        assert_eq!(options.json, PathBuf::from("target/bench/jobs.json"));
        assert_eq!(options.peers, Some(PathBuf::from("y")));
        for wrong in [
            "",
            "peers",
            "foundations --json",
            "foundations --slow",
            "foundations --store sqlite",
            "jobs",
            "jobs --store",
            "jobs --store paper",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
