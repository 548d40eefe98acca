//! The rows, and how a subject is brought through one: sweep, then repeat with the best.

use std::path::Path;
use std::time::Duration;

use super::entry::{Entry, quantile};
use super::subject::{Body, Group, Place, Subject, Synchronous, Unmeasured, Work};
use crate::options::Options;
use crate::report::{median, shown};

/// The unit of every speed.
pub const SPEED: &str = "jobs/s";

/// How often a setting that may be the best is run before it is chosen.
const SWEEPS: usize = 3;

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its letter on the command line.
    pub letter: char,
    /// Its words, by which everyone's figures are found.
    pub name: &'static str,
    /// What is done.
    pub work: Work,
}

const fn row(letter: char, name: &'static str, work: Work) -> Row {
    Row { letter, name, work }
}

/// Every row.
pub const ROWS: [Row; 7] = [
    row('a', "enqueue, 1 caller", Work::Enqueue(1)),
    row('a', "enqueue, 10 callers", Work::Enqueue(10)),
    row('a', "enqueue, 100 callers", Work::Enqueue(100)),
    row('b', "bulk enqueue", Work::EnqueueMany),
    row('c', "drain", Work::Drain(Body::Nothing)),
    row('d', "steady 1 ms jobs", Work::Drain(Body::OneMillisecond)),
    row('e', "pick-up", Work::PickUp),
];

/// How much is done in each run.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// How often a row is repeated for its median.
    pub runs: usize,
    /// What every size is divided by.
    divisor: u32,
    /// How many pick-ups are timed in a run.
    pub samples: u32,
    /// How long the workers are idle before each.
    pub pause: Duration,
}

impl Sizes {
    /// The long or the short form.
    #[must_use]
    pub fn of(options: &Options) -> Self {
        Self {
            runs: options.runs(),
            divisor: if options.quick { 10 } else { 1 },
            samples: if options.quick { 30 } else { 300 },
            pause: Duration::from_millis(250),
        }
    }

    /// How many jobs a run of this work takes.
    fn jobs(&self, work: Work) -> u32 {
        let jobs = match work {
            Work::Enqueue(callers) => match callers {
                0..10 => 5_000,
                10..100 => 20_000,
                _ => 100_000,
            },
            Work::EnqueueMany | Work::Drain(Body::Nothing) => 200_000,
            Work::Drain(Body::OneMillisecond) => 50_000,
            Work::PickUp => return self.samples,
        };
        jobs / self.divisor
    }

    /// How many jobs show that a setting is slow.
    fn look(&self, work: Work) -> u32 {
        self.jobs(work).min(20_000)
    }
}

/// Brings a subject through a row: one entry for each of its groups of settings (two for pick-ups).
///
/// # Errors
/// What went wrong. What the subject does not have is an entry that says so.
pub fn measure<S: Subject>(
    row: &Row,
    synchronous: Synchronous,
    sizes: &Sizes,
    folder: &Path,
) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    for group in S::groups(row.work) {
        let bench = Bench {
            row,
            synchronous,
            sizes,
            folder,
        };
        match bench.group::<S>(&group) {
            Ok(measured) => entries.extend(measured),
            Err(Unmeasured::Failed(why)) => {
                return Err(format!("{}, {}: {why}", S::NAME, row.name));
            }
            Err(Unmeasured::Skipped(why)) => {
                entries.push(Entry::skipped(S::NAME, row.name, unit(row.work), why).with(
                    group.name,
                    synchronous.to_string(),
                    "",
                ))
            }
        }
    }
    Ok(entries)
}

/// One row at one safety.
struct Bench<'a> {
    row: &'a Row,
    synchronous: Synchronous,
    sizes: &'a Sizes,
    folder: &'a Path,
}

impl Bench<'_> {
    fn group<S: Subject>(&self, group: &Group<S::Setting>) -> Result<Vec<Entry>, Unmeasured> {
        if self.row.work == Work::PickUp {
            return self.pick_ups::<S>(group);
        }
        let (setting, swept) = self.best::<S>(group)?;
        let jobs = self.sizes.jobs(self.row.work);
        let (mut rates, mut costs) = (Vec::new(), Vec::new());
        for _ in 0..self.sizes.runs {
            let (rate, cost) = self.once::<S>(setting, jobs)?;
            rates.push(rate);
            costs.push(cost);
        }
        let cost = median(&costs);
        let note = format!(
            "{jobs} jobs, {} µs of processor time each{swept}",
            shown(cost)
        );
        let entry = Entry::measured(S::NAME, self.row.name, SPEED, rates);
        Ok(vec![self.with(entry, group.name, &setting, note)])
    }

    /// The best setting of a group, and what the others did.
    fn best<S: Subject>(
        &self,
        group: &Group<S::Setting>,
    ) -> Result<(S::Setting, String), Unmeasured> {
        if let [only] = *group.settings {
            return Ok((only, String::new()));
        }
        let mut swept = Vec::new();
        for &setting in &group.settings {
            let (rate, _) = self.once::<S>(setting, self.sizes.look(self.row.work))?;
            swept.push((setting, rate));
        }
        // One look rules out what is far behind; the others are told apart by whole runs.
        let first = swept.iter().map(|(_, rate)| *rate);
        let near = first.reduce(f64::max).unwrap_or_default() / 2.0;
        for (setting, rate) in swept.iter_mut().filter(|(_, rate)| *rate > near) {
            let jobs = self.sizes.jobs(self.row.work);
            let runs: Result<Vec<_>, _> = (0..SWEEPS)
                .map(|_| self.once::<S>(*setting, jobs))
                .collect();
            let rates: Vec<_> = runs?.into_iter().map(|(rate, _)| rate).collect();
            *rate = median(&rates);
        }
        let best = swept.iter().max_by(|one, other| one.1.total_cmp(&other.1));
        let (best, _) = best.ok_or("there is no setting".to_owned())?;
        let told: Vec<_> = swept
            .iter()
            .map(|(setting, rate)| format!("{setting} {}", shown(*rate)))
            .collect();
        Ok((*best, format!("; swept: {}", told.join(", "))))
    }

    /// The jobs a second, and the microseconds of processor time for each.
    fn once<S: Subject>(&self, setting: S::Setting, jobs: u32) -> Result<(f64, f64), Unmeasured> {
        let (_folder, mut subject) = self.open::<S>(setting)?;
        let took = match self.row.work {
            Work::Enqueue(callers) => subject.enqueue(callers, jobs)?,
            Work::EnqueueMany => subject.enqueue_many(jobs)?,
            Work::Drain(body) => {
                subject.fill(jobs)?;
                subject.drain(jobs, body)?
            }
            Work::PickUp => return Err("a pick-up has no speed".to_owned().into()),
        };
        let jobs = f64::from(jobs);
        Ok((
            jobs / took.real.as_secs_f64(),
            took.processor.as_secs_f64() * 1e6 / jobs,
        ))
    }

    fn pick_ups<S: Subject>(&self, group: &Group<S::Setting>) -> Result<Vec<Entry>, Unmeasured> {
        let Sizes { samples, pause, .. } = *self.sizes;
        let setting = group.settings.first();
        let setting = *setting.ok_or("there is no setting".to_owned())?;
        let (_folder, mut subject) = self.open::<S>(setting)?;
        let took = subject.pick_ups(samples, pause)?;
        let took: Vec<f64> = took.iter().map(|took| took.as_secs_f64() * 1e3).collect();
        let entry = |share: f64, name: &str| {
            let name = format!("{} {name}", self.row.name);
            let entry = Entry::measured(S::NAME, &name, "ms", vec![quantile(&took, share)]);
            let note = format!("{} samples, {pause:?} idle before each", took.len());
            self.with(entry, group.name, &setting, note)
        };
        Ok(vec![entry(0.50, "p50"), entry(0.99, "p99")])
    }

    /// A subject on a file of its own, in a folder that goes with it.
    fn open<S: Subject>(&self, setting: S::Setting) -> Result<(tempfile::TempDir, S), String> {
        let folder = tempfile::tempdir_in(self.folder);
        let folder = folder.map_err(|why| format!("cannot make a folder: {why}"))?;
        let place = Place {
            file: folder.path().join("jobs.db"),
            synchronous: self.synchronous,
        };
        let subject = S::open(&place, setting)?;
        Ok((folder, subject))
    }

    fn with(
        &self,
        entry: Entry,
        group: &str,
        setting: &impl std::fmt::Display,
        note: String,
    ) -> Entry {
        let settings = format!("{group} ({setting})");
        entry.with(settings, self.synchronous.to_string(), note)
    }
}

fn unit(work: Work) -> &'static str {
    match work {
        Work::PickUp => "ms",
        Work::Enqueue(_) | Work::EnqueueMany | Work::Drain(_) => SPEED,
    }
}
