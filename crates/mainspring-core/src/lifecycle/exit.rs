//! How a process ends.

use std::fmt;

/// The exit code of an app, with its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// Everything that started was stopped, in time and without an error: 0.
    Clean,
    /// The app never became ready, because a start failed or was interrupted: 1.
    NotStarted,
    /// Something failed or was cut while stopping, or a failure made the app stop: 3.
    Unclean,
    /// The exit was forced before everything had stopped: 4.
    Forced,
}

impl Exit {
    /// Returns the number that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::NotStarted => 1,
            Self::Unclean => 3,
            Self::Forced => 4,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clean => "clean",
            Self::NotStarted => "failed to start",
            Self::Unclean => "something failed",
            Self::Forced => "forced",
        })
    }
}

/// Why an exit was forced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forced {
    /// A second signal arrived.
    SecondSignal,
    /// The whole time for stopping and its margin had passed.
    Watchdog,
}

impl fmt::Display for Forced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SecondSignal => "forced by a second signal",
            Self::Watchdog => "forced because the shutdown took too long",
        })
    }
}
