//! Why a follow-up was not taken.

use std::fmt;

/// Why [`Batch::add`](super::Batch::add) refused a follow-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FollowUpError {
    /// As many follow-ups wait as the app allows.
    Full {
        /// The bound.
        waiting: usize,
    },
    /// The app has drained its follow-ups and is stopping.
    ShuttingDown,
}

impl fmt::Display for FollowUpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { waiting } => write!(
                f,
                "{waiting} follow-ups wait already; make them quicker, raise the bound with \
                 `App::follow_ups`, or use a durable job"
            ),
            Self::ShuttingDown => f.write_str("the app is stopping and takes no more follow-ups"),
        }
    }
}

impl std::error::Error for FollowUpError {}
