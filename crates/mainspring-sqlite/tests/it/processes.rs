//! Processes that are killed.
//!
//! A child is this same program, told by a variable to run one of the tests below as its body.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use mainspring_core::job::{JobId, Payload};
use mainspring_core::random::Random;
use mainspring_core::store::{NewJob, PeerLock, Store};
use mainspring_sqlite::{SqliteSource, SqliteStore};

use crate::support::{Place, at, pause};

/// Names the database of a child, which is no child without it.
const DATABASE: &str = "MAINSPRING_SQLITE_TEST_DATABASE";

/// How many jobs a child writes at once: all of them are kept, or none.
const BATCH: usize = 50;

struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(body: &str, place: &Place) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", body, "--nocapture", "--test-threads=1"])
            .env(DATABASE, place.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Reads lines until one begins so; answers what follows.
    fn until(&mut self, start: &str) -> String {
        let line = self.lines.find_map(|line| {
            let line = line.unwrap();
            line.split_once(start).map(|(_, rest)| rest.to_owned())
        });
        line.unwrap_or_else(|| panic!("the child ended before it said {start:?}"))
    }

    /// `kill -9`; answers what it had still said.
    fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.lines.map_while(Result::ok).collect()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how a child learns that it is one"
)]
fn database() -> Option<SqliteSource> {
    std::env::var_os(DATABASE).map(SqliteSource::new)
}

fn open() -> Option<SqliteStore> {
    database().map(|source| source.open_blocking(at(0)).unwrap())
}

fn batch(number: u64) -> Vec<NewJob> {
    let random = Random::seeded(number);
    let payload = Payload::from_json(vec![b'7'; 500], 1).unwrap();
    let job = || NewJob::new(JobId::new(&random, at(0)), "a", at(0), payload.clone());
    std::iter::repeat_with(job).take(BATCH).collect()
}

/// Opens a new database; the parent kills it somewhere in between.
#[test]
fn child_that_migrates() {
    let Some(source) = database() else {
        return;
    };
    println!("child: opens");
    let store = source.open_blocking(at(0)).unwrap();
    println!("child: open");
    pause(Duration::from_secs(60));
    drop(store);
}

/// Writes batches for ever and tells which are acknowledged.
#[tokio::test]
async fn child_that_writes() {
    let Some(store) = open() else {
        return;
    };
    let session = mainspring_core::job::SessionId::new(&Random::seeded(99), at(0));
    store.open_session(at(0), session, "child").await.unwrap();
    for number in 0.. {
        store.enqueue(at(0), batch(number)).await.unwrap();
        println!("child: wrote {number}");
    }
}

#[tokio::test]
async fn a_migration_that_is_killed_anywhere_is_done_again() {
    for micros in (0..6_000).step_by(400) {
        let place = Place::new();
        let mut child = Process::start("processes::child_that_migrates", &place);
        child.until("child: opens");
        pause(Duration::from_micros(micros));
        child.kill();
        let store = place.open();
        store.enqueue(at(0), batch(0)).await.unwrap();
        store.close().await.unwrap();
        place.check_integrity();
    }
}

#[tokio::test]
async fn what_a_killed_process_was_told_is_kept_and_its_batches_are_whole() {
    for round in 0..6 {
        let place = Place::new();
        let mut child = Process::start("processes::child_that_writes", &place);
        child.until("child: wrote 2");
        pause(Duration::from_micros(1_300 * round));
        let rest = child.kill();
        let mut told = rest
            .iter()
            .filter_map(|line| line.split_once("child: wrote "));
        let last: u64 = told
            .next_back()
            .map_or(2, |(_, number)| number.parse().unwrap_or(2));
        let store = place.open();
        let mut written = 0;
        for number in 0..last + 3 {
            let ids = batch(number).iter().map(|job| job.id).collect();
            let found = store.get_many(ids).await.unwrap();
            let kept = found.iter().filter(|job| job.is_some()).count();
            assert!([0, BATCH].contains(&kept), "half of batch {number}: {kept}");
            assert!(
                kept > 0 || number > last,
                "batch {number} of {last} is lost"
            );
            written += kept;
        }
        let counts = store.counts().await.unwrap();
        let jobs: u64 = counts.iter().map(|count| count.jobs).sum();
        assert_eq!(jobs, written as u64);
        let peers = store.peers().await.unwrap();
        assert_eq!(
            peers[0].lock,
            PeerLock::Free,
            "its lock is free with its end"
        );
        store.close().await.unwrap();
        place.check_integrity();
    }
}
