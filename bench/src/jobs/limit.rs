//! The limit: what a loop over rusqlite does that has nothing but rows to write.
//!
//! No retries, no history, no fences, no schedule, one worker whose bodies are calls of nothing: a
//! ceiling for a real store on the same pragmas, not a target that one could reach.

use std::fmt::{self, Display, Formatter};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::subject::{BULK, Body, Group, Place, Subject, Synchronous, Unmeasured, Work, payload};
use crate::seam::{Begun, Took};

mod writer;

/// The settings of the drain that does even less than a queue must.
pub const RANGE: &str = "ranges";

/// The most that one commit of the writer takes, so that 100 callers wait for one commit each.
const GROUP_MAX: usize = 100;

const SCHEMA: &str = "create table jobs (
    id integer primary key,
    state integer not null default 0,
    payload text not null
)";

const INSERT: &str = "insert into jobs (payload) values (?1)";

// First come, first served, without an index: what was taken before is deleted.
const CLAIM: &str = "update jobs set state = 1
    where id in (select id from jobs where state = 0 order by id limit ?1)
    returning id, payload";

// Nothing waits before what was claimed last.
const CLAIM_RANGE: &str = "update jobs set state = 1
    where id in (select id from jobs where id > ?1 and state = 0 order by id limit ?2)
    returning id, payload";

const FINISH: &str = "delete from jobs where id = ?1 and state = 1";

// One batch is one range of ids, since there is one worker and nothing else is claimed meanwhile.
const FINISH_RANGE: &str = "delete from jobs where id > ?1 and id <= ?2 and state = 1";

/// One connection and the setting that is tried.
#[derive(Debug)]
pub struct Limit {
    connection: Connection,
    file: PathBuf,
    synchronous: Synchronous,
    setting: Setting,
}

/// What the limit sweeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// How many jobs one transaction takes.
    Batch(u32),
    /// The same, and a batch ends as one range of ids: less than a queue can do, which has retries,
    /// priorities and more than one worker.
    Range(u32),
    /// How many threads the callers run on, beside the writer's.
    Threads(usize),
}

impl Display for Setting {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batch(jobs) => write!(out, "batch {jobs}"),
            Self::Range(jobs) => write!(out, "range of {jobs}"),
            Self::Threads(threads) => write!(out, "callers on {threads} threads"),
        }
    }
}

impl Subject for Limit {
    const NAME: &'static str = "limit";

    type Setting = Setting;

    fn groups(work: Work) -> Vec<Group<Setting>> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let settings = match work {
            Work::Enqueue(_) => vec![Setting::Threads(1), Setting::Threads(cores)],
            Work::EnqueueMany => [BULK, 10_000, 100_000].map(Setting::Batch).to_vec(),
            Work::Drain(Body::Nothing) => {
                let batches = [1, 10, 100, 1_000, 10_000];
                batches.map(Setting::Batch).to_vec()
            }
            Work::Drain(Body::OneMillisecond) | Work::PickUp => vec![Setting::Batch(1)],
        };
        let group = |name, settings| Group { name, settings };
        let mut groups = vec![group("best", settings)];
        if work == Work::Drain(Body::Nothing) {
            let ranges = [1_000, 10_000].map(Setting::Range);
            groups.push(group(RANGE, ranges.to_vec()));
        }
        groups
    }

    fn open(place: &Place, setting: Setting) -> Result<Self, String> {
        let connection = connect(&place.file, place.synchronous).map_err(told)?;
        connection.execute_batch(SCHEMA).map_err(told)?;
        Ok(Self {
            connection,
            file: place.file.clone(),
            synchronous: place.synchronous,
            setting,
        })
    }

    fn enqueue(&mut self, callers: u32, jobs: u32) -> Result<Took, Unmeasured> {
        let threads = match self.setting {
            Setting::Threads(threads) => threads,
            Setting::Batch(_) | Setting::Range(_) => 1,
        };
        let connection = connect(&self.file, self.synchronous).map_err(told)?;
        Ok(writer::enqueue(connection, threads, callers, jobs)?)
    }

    fn enqueue_many(&mut self, jobs: u32) -> Result<Took, Unmeasured> {
        let batch = self.batch();
        let begun = Begun::now();
        self.insert(jobs, batch).map_err(told)?;
        Ok(begun.took())
    }

    fn fill(&mut self, jobs: u32) -> Result<(), String> {
        self.insert(jobs, BULK * 10).map_err(told)?;
        let checkpoint = "pragma wal_checkpoint(truncate)";
        let done = self.connection.query_row(checkpoint, [], |_| Ok(()));
        done.map_err(told)
    }

    fn drain(&mut self, jobs: u32, body: Body) -> Result<Took, Unmeasured> {
        if body != Body::Nothing {
            return Err(Unmeasured::Skipped("the loop has no bodies to wait for"));
        }
        let begun = Begun::now();
        let ran = self.run_all().map_err(told)?;
        let took = begun.took();
        match ran {
            ran if ran == jobs => Ok(took),
            ran => Err(format!("{ran} of {jobs} jobs have run").into()),
        }
    }

    fn pick_ups(&mut self, _: u32, _: Duration) -> Result<Vec<Duration>, Unmeasured> {
        Err(Unmeasured::Skipped("the loop never waits for a job"))
    }
}

impl Limit {
    fn batch(&self) -> u32 {
        match self.setting {
            Setting::Batch(batch) | Setting::Range(batch) => batch,
            Setting::Threads(_) => BULK,
        }
    }

    /// Inserts so many jobs, `batch` of them in each transaction.
    fn insert(&mut self, jobs: u32, batch: u32) -> rusqlite::Result<()> {
        let mut left = jobs;
        while left > 0 {
            let now = left.min(batch);
            let transaction = immediate(&mut self.connection)?;
            let mut insert = transaction.prepare(INSERT)?;
            for _ in 0..now {
                insert.execute([payload()])?;
            }
            drop(insert);
            transaction.commit()?;
            left -= now;
        }
        Ok(())
    }

    /// Claims the next batch and deletes the last one in one transaction, until nothing is left;
    /// how many have run.
    fn run_all(&mut self) -> rusqlite::Result<u32> {
        let batch = self.batch();
        let in_ranges = matches!(self.setting, Setting::Range(_));
        // The statements outlive the transactions, which are opened and closed by hand.
        let mut begin = self.connection.prepare("begin immediate")?;
        let mut commit = self.connection.prepare("commit")?;
        let mut claim = self.connection.prepare(CLAIM)?;
        let mut finish = self.connection.prepare(FINISH)?;
        let mut claim_range = self.connection.prepare(CLAIM_RANGE)?;
        let mut finish_range = self.connection.prepare(FINISH_RANGE)?;
        let mut claimed: Vec<(i64, String)> = Vec::new();
        let mut done: Vec<i64> = Vec::new();
        let (mut ran, mut first, mut last) = (0, 0_i64, 0_i64);
        loop {
            begin.execute([])?;
            let mut rows = if in_ranges {
                finish_range.execute([first, last])?;
                claim_range.query(params![last, batch])?
            } else {
                for id in done.drain(..) {
                    finish.execute([id])?;
                }
                claim.query([batch])?
            };
            while let Some(row) = rows.next()? {
                claimed.push((row.get(0)?, row.get(1)?));
            }
            drop(rows);
            commit.execute([])?;
            if claimed.is_empty() {
                return Ok(ran);
            }
            first = last;
            for (id, payload) in claimed.drain(..) {
                black_box(payload);
                last = last.max(id);
                if !in_ranges {
                    done.push(id);
                }
                ran += 1;
            }
        }
    }
}

/// A connection as every store here has it: WAL, and nothing else that differs from the defaults.
fn connect(file: &Path, synchronous: Synchronous) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    let mode: String = connection.query_row("pragma journal_mode = wal", [], |row| row.get(0))?;
    debug_assert_eq!(mode, "wal");
    connection.execute_batch(&format!("pragma synchronous = {synchronous}"))?;
    Ok(connection)
}

fn immediate(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

fn told(why: rusqlite::Error) -> String {
    format!("the limit's database: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(setting: Setting) -> (tempfile::TempDir, Limit) {
        let folder = tempfile::tempdir().unwrap();
        let place = Place {
            file: folder.path().join("limit.db"),
            synchronous: Synchronous::Normal,
        };
        let limit = Limit::open(&place, setting).unwrap();
        (folder, limit)
    }

    fn left(limit: &Limit) -> u32 {
        let count = "select count(*) from jobs";
        let count = limit.connection.query_row(count, [], |row| row.get(0));
        count.unwrap()
    }

    #[test]
    fn every_job_of_every_way_in_is_there_and_drained() {
        let (_folder, mut limit) = limit(Setting::Batch(10));
        limit.enqueue(3, 20).unwrap();
        limit.enqueue_many(25).unwrap();
        limit.fill(5).unwrap();
        assert_eq!(left(&limit), 50);
        limit.drain(50, Body::Nothing).unwrap();
        assert_eq!(left(&limit), 0);
        assert!(matches!(
            limit.drain(1, Body::Nothing),
            Err(Unmeasured::Failed(_))
        ));
    }

    #[test]
    fn the_pragmas_are_set() {
        for (synchronous, expected) in [(Synchronous::Full, 2), (Synchronous::Normal, 1)] {
            let folder = tempfile::tempdir().unwrap();
            let connection = connect(&folder.path().join("x.db"), synchronous).unwrap();
            let set: u32 = connection
                .query_row("pragma synchronous", [], |row| row.get(0))
                .unwrap();
            assert_eq!(set, expected);
        }
    }
}
