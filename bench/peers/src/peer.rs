//! What every peer is asked to do, and with what.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::path::Path;
use std::time::Duration;

use riverqueue::JobArgs;
use serde::{Deserialize, Serialize};

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// A queue on a database file of its own.
pub(crate) trait Peer: Sized {
    const NAME: &'static str;

    /// What it does not let one set, or what was undone, for the note of every row.
    const CAVEAT: &'static str;

    type Setting: Clone + Display;

    /// Its defaults for this work, as its documentation shows them.
    fn defaults(work: Work) -> Self::Setting;

    /// The settings among which its best is looked for.
    fn candidates(work: Work) -> Vec<Self::Setting>;

    /// At most so many jobs in one run, where a setting is too slow for more.
    fn most(setting: &Self::Setting, work: Work) -> u32;

    /// Makes the schema, if it is not there yet.
    async fn migrate(file: &Path) -> Result<(), Failure>;

    async fn open(
        file: &Path,
        synchronous: Synchronous,
        setting: &Self::Setting,
    ) -> Result<Self, Failure>;

    /// Enqueues so many jobs one by one from so many callers: the time until all are acknowledged.
    async fn enqueue(&self, callers: u32, jobs: u32) -> Result<Duration, Failure>;

    /// Enqueues so many jobs by bulk calls of this size.
    async fn enqueue_many(&self, jobs: u32, call: u32) -> Result<Duration, Failure>;

    /// Runs the backlog of so many jobs.
    async fn drain(&self, jobs: u32) -> Result<Drained, Failure>;

    /// Enqueues one job after each pause: from its acknowledgement to the start of its body.
    /// Ends after its samples or its time, whichever is first.
    async fn pick_ups(&self, samples: Samples) -> Result<Vec<Duration>, Failure>;

    /// Closes every connection.
    async fn close(self);
}

/// How many pick-ups to time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Samples {
    pub(crate) count: u32,
    pub(crate) pause: Duration,
    pub(crate) limit: Duration,
}

/// How long a drain took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drained {
    /// Until the last body had run.
    pub(crate) handled: Duration,
    /// Until the database had no unfinished job; nothing if that took too long.
    pub(crate) finished: Option<Duration>,
}

/// SQLite's `synchronous`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Synchronous {
    Full,
    Normal,
}

impl Synchronous {
    pub(crate) const ALL: [Self; 2] = [Self::Full, Self::Normal];
}

impl Display for Synchronous {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Full => "FULL",
            Self::Normal => "NORMAL",
        })
    }
}

/// A kind of work; the same rows as the project's own benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Enqueue(u32),
    EnqueueMany,
    Drain(Body),
    PickUp,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Nothing,
    /// Waits for a millisecond, without using a processor.
    OneMillisecond,
}

pub(crate) struct Row {
    pub(crate) letter: char,
    pub(crate) name: &'static str,
    pub(crate) work: Work,
}

const fn row(letter: char, name: &'static str, work: Work) -> Row {
    Row { letter, name, work }
}

pub(crate) const ROWS: [Row; 7] = [
    row('a', "enqueue, 1 caller", Work::Enqueue(1)),
    row('a', "enqueue, 10 callers", Work::Enqueue(10)),
    row('a', "enqueue, 100 callers", Work::Enqueue(100)),
    row('b', "bulk enqueue", Work::EnqueueMany),
    row('c', "drain", Work::Drain(Body::Nothing)),
    row('d', "steady 1 ms jobs", Work::Drain(Body::OneMillisecond)),
    row('e', "pick-up", Work::PickUp),
];

/// The payload of every job: 100 bytes of JSON.
#[derive(Clone, Debug, Serialize, Deserialize, JobArgs)]
#[river(kind = "mail")]
pub(crate) struct Mail {
    user: String,
    to: String,
    template: String,
    note: String,
}

impl Mail {
    pub(crate) fn new() -> Self {
        Self {
            user: "u-00001815".to_owned(),
            to: "ada@example.com".to_owned(),
            template: "welcome-mail-v2".to_owned(),
            note: "nothing to see!!!".to_owned(),
        }
    }
}

/// The share of one caller.
pub(crate) fn share(jobs: u32, callers: u32, caller: u32) -> u32 {
    jobs / callers + u32::from(caller < jobs % callers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_has_the_promised_size() {
        assert_eq!(serde_json::to_string(&Mail::new()).unwrap().len(), 100);
    }

    #[test]
    fn callers_share_all_the_jobs() {
        let all: u32 = (0..7).map(|caller| share(100, 7, caller)).sum();
        assert_eq!(all, 100);
    }
}
