//! `kill -9` at random points, while jobs are enqueued and run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mainspring::job::State;
use mainspring::prelude::*;
use mainspring::random::Random;
use mainspring::store::RescueRules;

use crate::file::Place;
use crate::journal::{Line, now};
use crate::process::{Process, until};
use crate::real_time::{pause, sleep};
use crate::work::{Effect, Nap, Noop};
use crate::{Options, seconds};

/// A body that few processes live to see the end of.
const LONG_NAP_MS: u64 = 400;

/// How soon the jobs of a killed process run again.
const AFTER_RESTART: Duration = Duration::from_secs(1);
const ELSEWHERE: Duration = Duration::from_secs(2);

pub(crate) fn run(options: Options) {
    let cycles = options.cycles.unwrap_or(20);
    // A kill from outside looks like a job that kills its process; nobody is blamed here.
    Run::new(options.seed, 0).cycles(cycles);
    // And here somebody may be, if chance kills it three times: what was quarantined is held, not
    // lost. That a job which kills its process is quarantined is what `pill` shows.
    Run::new(options.seed, RescueRules::MAX_DEATHS).cycles(cycles.div_ceil(4).max(10));
}

struct Run {
    place: Place,
    random: Random,
    max_deaths: u32,
    lives: Vec<Life>,
}

/// From when to when a process was there; both in microseconds.
#[derive(Clone, Copy, Debug)]
struct Life {
    pid: u32,
    spawned: u64,
    killed: u64,
}

impl Run {
    fn new(seed: u64, max_deaths: u32) -> Self {
        Self {
            place: Place::new(),
            random: Random::seeded(seed),
            max_deaths,
            lives: Vec::new(),
        }
    }

    fn cycles(mut self, cycles: u32) {
        if self.max_deaths != 0 {
            // Some that are hit again and again.
            self.place.enqueue((0..4).map(|_| Nap(LONG_NAP_MS)));
        }
        let enough = Arc::new(AtomicBool::new(false));
        let enqueues = self.enqueues(Arc::clone(&enough));
        let enqueues = self.place.runtime.spawn(enqueues);
        let (mut first, mut second) = (self.start("first"), None);
        for _ in 0..cycles {
            if second.is_none() && self.random.below(5) < 2 {
                second = Some(self.start("second"));
            }
            // Mostly while it boots and rescues, at times long after that.
            let most = [250, 250, 250, 250, 1_500][self.below(5)];
            pause(Duration::from_millis(self.random.below(most)));
            if second.is_some() && self.random.below(2) == 0 {
                self.kill(second.take().unwrap());
            } else {
                self.kill(first);
                if self.random.below(4) == 0 {
                    pause(Duration::from_millis(self.random.below(100)));
                }
                first = self.start("first");
            }
        }
        enough.store(true, Ordering::Relaxed);
        self.place.runtime.block_on(enqueues).unwrap();
        let held = self.until_done();
        for process in std::iter::once(first).chain(second) {
            process.until_ready();
            self.lives.push(Life {
                pid: process.pid(),
                spawned: process.spawned,
                killed: u64::MAX,
            });
            process.end();
        }
        self.place.check();
        // What the killed have left beside the file goes with the next that opens it.
        let last = self.start("last");
        last.until_ready();
        until("sweep", || self.place.sessions().len() == 1);
        last.end();
        self.place.check_empty();
        self.report(held);
    }

    fn below(&self, limit: u64) -> usize {
        usize::try_from(self.random.below(limit)).unwrap()
    }

    fn start(&self, name: &str) -> Process {
        let process = self.place.start(name, self.max_deaths);
        self.place.journal.note_for(process.pid(), "spawned", name);
        process
    }

    fn kill(&mut self, process: Process) {
        let (pid, spawned) = (process.pid(), process.spawned);
        let killed = now();
        process.kill();
        self.place.journal.note_for(pid, "killed", "");
        self.lives.push(Life {
            pid,
            spawned,
            killed,
        });
    }

    /// Enqueues without a rest, one by one and in bulk, and notes what was acknowledged.
    fn enqueues(&self, enough: Arc<AtomicBool>) -> impl Future<Output = ()> + use<> {
        let (jobs, random) = (self.place.jobs.clone(), Random::seeded(self.random.u64()));
        let (acked, journal) = (Arc::clone(&self.place.acked), self.place.journal.clone());
        async move {
            while !enough.load(Ordering::Relaxed) {
                let nap = random.below(21);
                let new = match random.below(6) {
                    0 => {
                        let naps = (0..16).map(|_| Nap(random.below(21)));
                        let naps = jobs.enqueue_all(naps.collect::<Vec<_>>()).await.unwrap();
                        naps.iter().map(|job| (job.id(), Nap::KIND)).collect()
                    }
                    1 | 2 => vec![(jobs.enqueue(Nap(nap)).await.unwrap().id(), Nap::KIND)],
                    3 | 4 => vec![(jobs.enqueue(Effect(0)).await.unwrap().id(), Effect::KIND)],
                    _ => vec![(jobs.enqueue(Noop(0)).await.unwrap().id(), Noop::KIND)],
                };
                new.iter()
                    .for_each(|(id, kind)| journal.note(&format!("enqueued {kind}"), id));
                acked.lock().unwrap().extend(new);
                sleep(Duration::from_millis(random.below(6))).await;
            }
        }
    }

    /// Waits for all jobs, and lets those run that were quarantined: as many as are returned.
    fn until_done(&self) -> usize {
        let place = &self.place;
        let mut held = BTreeSet::new();
        until("end of all jobs", || {
            for id in place.all(State::Quarantined) {
                place.journal.note("freed", id);
                place.runtime.block_on(place.jobs.free(id)).unwrap();
                held.insert(id);
            }
            place.count(&[
                State::Scheduled,
                State::Ready,
                State::Running,
                State::Quarantined,
            ]) == 0
        });
        assert!(self.max_deaths != 0 || held.is_empty(), "held: {held:?}");
        held.len()
    }

    /// How long the jobs that a process ran waited for another, by whether it came after the kill.
    fn report(&self, held: usize) {
        let (mut after_restart, mut elsewhere) = (Vec::new(), Vec::new());
        for (killed, again) in orphans(&self.place.lines(), &self.lives) {
            // No process that was there all that time may have left it alone.
            for life in &self.lives {
                let from = life.spawned.max(killed);
                let Some(waited) = life.killed.min(again).checked_sub(from) else {
                    continue;
                };
                match life.spawned < killed {
                    true if life.killed > killed => elsewhere.push(waited),
                    true => {}
                    false => after_restart.push(waited),
                }
            }
        }
        let jobs = self.place.acked.lock().unwrap().len();
        let kills = self.lives.iter().filter(|life| life.killed != u64::MAX);
        println!(
            "  max_deaths {}: {} kills, {jobs} jobs, {held} held; running again {} after the \
             restart, {} in another process",
            self.max_deaths,
            kills.count(),
            shown(&mut after_restart),
            shown(&mut elsewhere),
        );
        // A suspect waits until it can run alone.
        if self.max_deaths == 0 {
            let most = |waits: &[u64]| Duration::from_micros(waits.last().copied().unwrap_or(0));
            assert!(most(&after_restart) <= AFTER_RESTART, "after a restart");
            assert!(most(&elsewhere) <= ELSEWHERE, "in another process");
        }
    }
}

/// For each body that a kill has cut off: when that was, and when the job began again.
fn orphans(lines: &[Line], lives: &[Life]) -> Vec<(u64, u64)> {
    let mut starts: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
    let of_jobs = |line: &&Line| line.what == "start" || line.what == "end";
    for line in lines.iter().filter(of_jobs) {
        starts.entry(&line.of).or_default().push(line);
    }
    let pairs = starts.values().flat_map(|lines| lines.windows(2));
    let cut = pairs.filter(|pair| pair[0].what == "start" && pair[1].what == "start");
    let orphans = cut.filter_map(|pair| {
        let life = lives.iter().find(|life| life.pid == pair[0].pid)?;
        (life.killed < pair[1].at).then_some((life.killed, pair[1].at))
    });
    orphans.collect()
}

/// Median and most.
fn shown(waits: &mut [u64]) -> String {
    waits.sort_unstable();
    let (median, most) = (waits.get(waits.len() / 2), waits.last());
    let text = |micros: Option<&u64>| micros.map_or(f64::NAN, |micros| seconds(*micros));
    let (median, most) = (text(median), text(most));
    format!("p50 {median:.3} s, max {most:.3} s (n={})", waits.len())
}
