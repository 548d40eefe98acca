//! Why the logger could not be set up.

use std::fmt;

/// Why the logger could not be set up, with a hint what to do.
///
/// ```
/// use mainspring_runtime::logger::Logger;
///
/// let error = Logger::new().with_levels("inof").build().unwrap_err();
/// assert_eq!(error.to_string(), r#"the log directive "inof" cannot be read"#);
/// assert!(error.hint().contains("target=level"));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoggerError {
    /// A directive in `MAINSPRING_LOG`, or one given in code, is neither a level nor
    /// `target=level`.
    #[non_exhaustive]
    InvalidDirective {
        /// The directive as it was written, cut after 200 characters.
        directive: String,
    },
    /// The process has a logger already, from here or from another library.
    #[non_exhaustive]
    AlreadyInstalled,
}

/// Characters of a wrong directive that are repeated.
const SHOWN_MAX: usize = 200;

impl LoggerError {
    pub(super) fn invalid_directive(directive: &str) -> Self {
        LoggerError::InvalidDirective {
            directive: directive.chars().take(SHOWN_MAX).collect(),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            LoggerError::InvalidDirective { .. } => {
                "write a level (error, warn, info, debug, trace, off) or target=level, separated \
                 by commas, for example MAINSPRING_LOG=info,sqlx=warn"
            }
            LoggerError::AlreadyInstalled => {
                "set up the logger once, at the top of main; tests use Logger::build or \
                 logger::capture::Captured, which leave the process alone"
            }
        }
    }
}

impl fmt::Display for LoggerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoggerError::InvalidDirective { directive } => {
                write!(f, "the log directive {directive:?} cannot be read")
            }
            LoggerError::AlreadyInstalled => f.write_str("this process has a logger already"),
        }
    }
}

/// Shows the message and the hint, since `main` prints errors by `Debug`.
impl fmt::Debug for LoggerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}\nhint: {}", self.hint())
    }
}

impl std::error::Error for LoggerError {}

/// So that `mainspring::logger()?` stands in a `main` beside `serve`.
impl From<LoggerError> for mainspring_core::error::Error {
    fn from(error: LoggerError) -> Self {
        use mainspring_core::error::{Error, ErrorKind};
        let hint = error.hint();
        Error::new(ErrorKind::Config, error.to_string()).with_hint(hint)
    }
}
