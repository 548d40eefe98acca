//! What is measured: something that stores jobs in one database file and runs them.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::time::Duration;

use crate::seam::Took;

/// The size of a job's payload in bytes, for everyone.
pub const PAYLOAD_BYTES: usize = 100;

/// How many jobs one call of a bulk enqueue takes, where its size is not swept.
pub const BULK: u32 = 1_000;

/// A store with the workers on it, opened on a file of its own for each measurement.
///
/// Each method is one measurement and says how long it took, without what comes before it. What a
/// subject does not have is skipped with the reason, never left out.
pub trait Subject: Sized {
    /// As the table calls it.
    const NAME: &'static str;

    /// What can be set: a batch size, a number of workers, a configuration.
    type Setting: Copy + Display;

    /// The settings to measure this work with: a group is one row, of its best setting.
    fn groups(work: Work) -> Vec<Group<Self::Setting>>;

    /// Makes the database and whatever else has to be there before anything is measured.
    ///
    /// # Errors
    /// What could not be made.
    fn open(place: &Place, setting: Self::Setting) -> Result<Self, String>;

    /// Enqueues so many jobs one by one from so many callers at once, each of which waits for its
    /// acknowledgement before it goes on: from the first call to the last acknowledgement.
    ///
    /// # Errors
    /// Why it was not measured.
    fn enqueue(&mut self, callers: u32, jobs: u32) -> Result<Took, Unmeasured>;

    /// Enqueues so many jobs by bulk calls, one after the other.
    ///
    /// # Errors
    /// Why it was not measured.
    fn enqueue_many(&mut self, jobs: u32) -> Result<Took, Unmeasured>;

    /// Leaves so many waiting jobs in the file, as fast as it likes: the backlog of a drain.
    ///
    /// # Errors
    /// What went wrong.
    fn fill(&mut self, jobs: u32) -> Result<(), String>;

    /// Runs the backlog: from the first look until every job is finished in the database.
    ///
    /// # Errors
    /// Why it was not measured.
    fn drain(&mut self, jobs: u32, body: Body) -> Result<Took, Unmeasured>;

    /// Enqueues jobs into idle workers, one after each pause: the time from each acknowledgement
    /// to the start of the body.
    ///
    /// # Errors
    /// Why it was not measured.
    fn pick_ups(&mut self, samples: u32, pause: Duration) -> Result<Vec<Duration>, Unmeasured>;
}

/// Where a subject keeps its jobs, and how safely.
#[derive(Clone, Debug)]
pub struct Place {
    /// The database file, which does not exist yet.
    pub file: PathBuf,
    /// What a commit waits for.
    pub synchronous: Synchronous,
}

/// SQLite's `synchronous`; the journal is always a WAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// Every commit is on the disk when it is acknowledged.
    Full,
    /// A power failure may take the last commits.
    Normal,
}

/// A kind of work, as far as settings depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// One by one, from so many callers.
    Enqueue(u32),
    /// By bulk calls.
    EnqueueMany,
    /// Running a backlog.
    Drain(Body),
    /// Noticing a job while idle.
    PickUp,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    Nothing,
    /// Waits for a millisecond, without using a processor.
    OneMillisecond,
}

/// Settings of which the best one counts.
#[derive(Clone, Debug)]
pub struct Group<S> {
    /// `defaults`, or what the settings have in common.
    pub name: &'static str,
    /// What is tried; the sweep is left out where there is one only.
    pub settings: Vec<S>,
}

/// Why there is no number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmeasured {
    /// There is nothing to measure, for this reason.
    Skipped(&'static str),
    /// Something went wrong.
    Failed(String),
}

impl From<String> for Unmeasured {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

impl Synchronous {
    /// Both, the safe one first.
    pub const ALL: [Self; 2] = [Self::Full, Self::Normal];

    /// The one of this name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|synchronous| synchronous.to_string() == name)
    }
}

impl Display for Synchronous {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Full => "FULL",
            Self::Normal => "NORMAL",
        })
    }
}

/// The payload of every job, [`PAYLOAD_BYTES`] of JSON.
#[must_use]
pub fn payload() -> &'static str {
    r#"{"user":"u-00001815","to":"ada@example.com","template":"welcome-mail-v2","note":"nothing to see!!!"}"#
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_is_json_of_the_promised_size() {
        assert_eq!(payload().len(), PAYLOAD_BYTES);
        serde_json::from_str::<serde_json::Value>(payload()).unwrap();
    }
}
