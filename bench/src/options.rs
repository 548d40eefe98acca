//! The command line.

use std::path::PathBuf;

use crate::action::server::Kind;

/// How the program is called.
pub const USAGE: &str = "usage: bench foundations [--quick] [--json PATH] [--only LETTERS]
  --quick         a short form of every measurement, for a look
  --json PATH     where the numbers go (target/bench/foundations.json)
  --only LETTERS  only these measurements, such as `be`";

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Measure what the foundations promise.
    Foundations(Options),
    /// Be one of the servers that are measured.
    Serve(Kind),
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
}

impl Default for Options {
    fn default() -> Self {
        Self {
            quick: false,
            json: PathBuf::from("target/bench/foundations.json"),
            only: String::new(),
        }
    }
}

impl Options {
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
            Some("foundations") => {}
            Some("serve") => {
                let kind = words.next().and_then(Kind::of);
                return kind.map(Self::Serve).ok_or("which server?".to_owned());
            }
            Some(other) => return Err(format!("there is no benchmark `{other}`")),
            None => return Err("which benchmark?".to_owned()),
        }
        let mut options = Options::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("`{word}` needs a value"));
            match word {
                "--quick" => options.quick = true,
                "--json" => options.json = PathBuf::from(value()?),
                "--only" => value()?.clone_into(&mut options.only),
                other => return Err(format!("there is no option `{other}`")),
            }
        }
        Ok(Self::Foundations(options))
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
            Ok(Command::Foundations(Options::default()))
        );
        let Ok(Command::Foundations(options)) = parse("foundations --quick --json x --only be")
        else {
            panic!("these are valid");
        };
        assert!(options.quick && options.wants('b') && !options.wants('a'));
        assert_eq!(options.json, PathBuf::from("x"));
        for wrong in ["", "peers", "foundations --json", "foundations --slow"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
