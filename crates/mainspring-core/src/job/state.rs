//! The states of a job and every way from one to another. This file is the whole truth of it.
//!
//! ```text
//!            promote              claim
//! scheduled ─────────▶  ready  ─────────▶  running ─┬─ succeed ───▶ succeeded
//!   ▲   ▲  ◀──────────   ▲  ▲                │ │    ├─ fail ──────▶ failed
//!   │   │   reschedule   │  └─ rescue, ──────┘ │    ├─ cancel ────▶ cancelled
//!   │   │                │     release         │    └─ quarantine ▶ quarantined
//!   │   └────────────────┼─ retry later, ──────┘
//!   │                    │  snooze
//!   └─ reschedule        └─ retry (failed, cancelled), free (quarantined)
//!
//! scheduled, ready, quarantined ── cancel ──▶ cancelled
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It waits for its time.
    Scheduled,
    /// It is due and waits for a worker.
    Ready,
    /// A worker holds a claim on it.
    Running,
    /// It is done.
    Succeeded,
    /// Its last attempt failed, or it was told to fail.
    Failed,
    /// Somebody or its worker cancelled it.
    Cancelled,
    /// It has killed its process, alone, and waits for an operator.
    Quarantined,
}

/// What may happen to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// Its time has come.
    Promote,
    /// A worker takes it.
    Claim,
    /// Its attempt ended well.
    Succeed,
    /// Its attempt failed, and another follows.
    RetryLater,
    /// Its attempt asked to go on later; no attempt is used up.
    Snooze,
    /// Its attempt failed, and none follows.
    Fail,
    /// Its worker or somebody else cancels it.
    Cancel,
    /// Its worker gives it back unstarted; no attempt is used up.
    Release,
    /// Its process died.
    Rescue,
    /// Its process died of it, once too often.
    Quarantine,
    /// An operator lets it run again after it failed or was cancelled.
    Retry,
    /// Somebody moves its time; to the future or to now.
    Reschedule {
        /// Whether the new time is still to come.
        later: bool,
    },
    /// An operator lets a quarantined job run again.
    Free,
}

/// The change makes no sense in the job's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Illegal {
    /// Where the job is.
    pub state: State,
    /// What was asked of it.
    pub change: Change,
}

impl State {
    /// All states, in the order of a job's life.
    pub const ALL: [Self; 7] = [
        Self::Scheduled,
        Self::Ready,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Quarantined,
    ];

    /// The state after a change.
    ///
    /// ```
    /// use mainspring_core::job::{Change, State};
    ///
    /// assert_eq!(State::Ready.after(Change::Claim), Ok(State::Running));
    /// assert!(State::Succeeded.after(Change::Claim).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Illegal`] for a change that makes no sense here.
    pub const fn after(self, change: Change) -> Result<Self, Illegal> {
        use Change as C;
        let next = match (self, change) {
            (Self::Scheduled, C::Promote) => Self::Ready,
            (Self::Ready, C::Claim) => Self::Running,
            (Self::Running, C::Succeed) => Self::Succeeded,
            (Self::Running, C::RetryLater | C::Snooze) => Self::Scheduled,
            (Self::Running, C::Fail) => Self::Failed,
            (Self::Running, C::Release | C::Rescue) => Self::Ready,
            (Self::Running, C::Quarantine) => Self::Quarantined,
            (Self::Scheduled | Self::Ready | Self::Running | Self::Quarantined, C::Cancel) => {
                Self::Cancelled
            }
            (Self::Failed | Self::Cancelled, C::Retry) => Self::Ready,
            (Self::Scheduled | Self::Ready, C::Reschedule { later: true }) => Self::Scheduled,
            (Self::Scheduled | Self::Ready, C::Reschedule { later: false }) => Self::Ready,
            (Self::Quarantined, C::Free) => Self::Ready,
            _ => {
                return Err(Illegal {
                    state: self,
                    change,
                });
            }
        };
        Ok(next)
    }

    /// Whether nothing happens to the job any more by itself, and retention may remove it.
    ///
    /// A quarantined job is not over: an operator decides.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// Whether the job waits to be claimed, now or later.
    pub const fn is_waiting(self) -> bool {
        matches!(self, Self::Scheduled | Self::Ready)
    }

    /// The state's number in a store; it never changes its meaning.
    pub const fn code(self) -> u8 {
        match self {
            Self::Scheduled => 0,
            Self::Ready => 1,
            Self::Running => 2,
            Self::Succeeded => 3,
            Self::Failed => 4,
            Self::Cancelled => 5,
            Self::Quarantined => 6,
        }
    }

    /// The state with this number.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Scheduled,
            1 => Self::Ready,
            2 => Self::Running,
            3 => Self::Succeeded,
            4 => Self::Failed,
            5 => Self::Cancelled,
            6 => Self::Quarantined,
            _ => return None,
        })
    }

    /// The state as a word, for labels and listings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Quarantined => "quarantined",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Illegal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} job cannot {:?}", self.state, self.change)
    }
}

impl std::error::Error for Illegal {}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGES: [Change; 14] = [
        Change::Promote,
        Change::Claim,
        Change::Succeed,
        Change::RetryLater,
        Change::Snooze,
        Change::Fail,
        Change::Cancel,
        Change::Release,
        Change::Rescue,
        Change::Quarantine,
        Change::Retry,
        Change::Reschedule { later: true },
        Change::Reschedule { later: false },
        Change::Free,
    ];

    #[test]
    fn every_transition() {
        let mut table = String::new();
        for state in State::ALL {
            for change in CHANGES {
                let next = match state.after(change) {
                    Ok(next) => next.as_str(),
                    Err(_) => "-",
                };
                table.push_str(&format!("{:<12} {change:?} → {next}\n", state.as_str()));
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn codes_are_stable() {
        for state in State::ALL {
            assert_eq!(State::from_code(state.code()), Some(state));
        }
        assert_eq!(State::from_code(7), None);
    }
}
