//! A process that is suspended for longer than its lease, and comes back.

use std::collections::BTreeSet;
use std::time::Duration;

use mainspring::job::State;
use mainspring::prelude::*;
use mainspring::random::Random;
use mainspring::sqlite::rusqlite::Connection;

use crate::Options;
use crate::file::Place;
use crate::process::{Process, counted, until};
use crate::real_time::pause;
use crate::work::{Effect, Nap, Noop};

/// A lease that a test can wait for, and still several beats.
const LEASE_MS: u64 = 4_000;

/// How long a body takes: long enough to be stopped in the midst of it.
const BODY_MS: u64 = 600;

pub(crate) fn run(options: Options) {
    let random = Random::seeded(options.seed);
    for _ in 0..options.cycles.unwrap_or(1) {
        once(&random);
    }
}

fn once(random: &Random) {
    let place = Place::new();
    let start = |name: &str| {
        let mut settings = place.settings(name, 3);
        settings.lease_ms = LEASE_MS;
        Process::start(&settings)
    };
    let stopped = start("stopped");
    stopped.until_ready();
    let other = start("other");
    other.until_ready();
    place.enqueue((0..20).map(|_| Nap(BODY_MS)));
    place.enqueue((0..20).map(|_| Effect(BODY_MS)));
    until("job in both processes", || {
        let running = |process: &Process| !bodies(&place, process).is_empty();
        running(&stopped) && running(&other)
    });
    stop(&place, random, &stopped);
    let before = bodies(&place, &stopped);
    until("end of all jobs elsewhere", || {
        place.count(&[State::Scheduled, State::Ready, State::Running]) == 0
    });
    let lines = place.lines();
    let again = lines
        .iter()
        .filter(|line| line.pid == other.pid() && line.what == "start");
    let again: BTreeSet<_> = again.map(|line| line.of.clone()).collect();
    let late = before.intersection(&again).count();
    assert!(
        late > 0,
        "it was stopped while it ran jobs that others took"
    );
    stopped.signal("-CONT");
    until("end of all that was late", || {
        bodies(&place, &stopped).is_empty()
    });
    works_on(&place);
    let fenced = counted(&stopped.end(), "mainspring_jobs_fenced_total");
    other.end();
    println!("  {late} bodies were late, {fenced} ends fenced");
    assert!(fenced >= late, "each late end is counted");
    place.check();
    place.check_empty();
}

/// Stops the process at a moment at which it does not hold the lock of the database: who is stopped
/// with it keeps everybody from writing, whatever the library does.
fn stop(place: &Place, random: &Random, process: &Process) {
    let user: Connection = place.user();
    user.busy_timeout(Duration::from_millis(500)).unwrap();
    loop {
        pause(Duration::from_millis(random.below(BODY_MS / 2)));
        process.signal("-STOP");
        let free = user.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok();
        if free && !bodies(place, process).is_empty() {
            return;
        }
        process.signal("-CONT");
    }
}

/// The jobs whose bodies run in this process.
fn bodies(place: &Place, process: &Process) -> BTreeSet<String> {
    let mut running = BTreeSet::new();
    for line in place.lines() {
        match &*line.what {
            _ if line.pid != process.pid() => {}
            "start" => drop(running.insert(line.of)),
            _ => drop(running.remove(&line.of)),
        }
    }
    running
}

/// Who was taken for dead takes jobs again, under another session.
fn works_on(place: &Place) {
    let enqueue = place.jobs.enqueue(Noop(0)).queue("stopped");
    let job = place.runtime.block_on(enqueue.into_future()).unwrap();
    place.acked.lock().unwrap().insert(job.id(), Noop::KIND);
    until("job that only the resumed process takes", || {
        let record = place.runtime.block_on(place.jobs.get(job.id()));
        record.unwrap().unwrap().state == State::Succeeded
    });
}
