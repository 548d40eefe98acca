//! One row of one peer: its defaults, and the best of its candidates.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::entry::{Entry, median, percentile};
use crate::file::{copy, settle};
use crate::handler;
use crate::options::Options;
use crate::peer::{Failure, Peer, Row, Samples, Synchronous, Work};

/// How many jobs one bulk call takes.
const BULK: u32 = 1_000;

const SPEED: &str = "jobs/s";

/// How often a candidate that may be the best is run before it is chosen.
const SWEEPS: usize = 3;

const LEFT: &str = "jobs were left unfinished 35 s after the last body";

/// Every entry of a row; what fails is an entry that says so.
pub(crate) async fn row<P: Peer>(
    row: &Row,
    synchronous: Synchronous,
    options: &Options,
) -> Vec<Entry> {
    let bench = Bench {
        row,
        synchronous,
        options,
    };
    let mut entries = Vec::new();
    eprintln!(
        "({}) {}, {synchronous}, {} …",
        row.letter,
        row.name,
        P::NAME
    );
    let defaults = P::defaults(row.work);
    entries.extend(bench.settled::<P>("defaults", Ok(defaults)).await);
    let best = bench.best::<P>().await;
    entries.extend(bench.settled::<P>("best", best).await);
    entries
}

struct Bench<'a> {
    row: &'a Row,
    synchronous: Synchronous,
    options: &'a Options,
}

/// What one run has shown.
enum Run {
    Speed(f64),
    /// By the bodies, and by the database if it got there.
    Drain(f64, Option<f64>),
    /// In milliseconds.
    PickUps(Vec<f64>),
}

/// What all runs have shown.
#[derive(Default)]
struct Runs {
    speeds: Vec<f64>,
    finished: Vec<f64>,
    pick_ups: Vec<f64>,
}

impl Bench<'_> {
    /// The entries of one setting, or of the failure to find it.
    async fn settled<P: Peer>(
        &self,
        name: &str,
        setting: Result<P::Setting, Failure>,
    ) -> Vec<Entry> {
        let (entries, settings) = match setting {
            Ok(setting) => {
                let settings = format!("{name} ({setting})");
                (self.repeat::<P>(&setting).await, settings)
            }
            Err(why) => (Err(why), name.to_owned()),
        };
        let failed = |why: Failure| {
            let entry = Entry::new(P::NAME, self.row.name, unit(self.row.work));
            vec![entry.skipped(format!("failed: {why}"))]
        };
        let entries = entries.unwrap_or_else(failed).into_iter();
        entries
            .map(|entry| entry.with(&settings, self.synchronous, P::CAVEAT))
            .collect()
    }

    /// The candidate that does best, the defaults among them.
    async fn best<P: Peer>(&self) -> Result<P::Setting, Failure> {
        let work = self.row.work;
        let mut candidates = P::candidates(work);
        if candidates.len() == 1 {
            return candidates.pop().ok_or_else(|| "there is no setting".into());
        }
        candidates.push(P::defaults(work));
        let mut best: Option<(f64, P::Setting)> = None;
        for setting in candidates {
            let jobs = self.options.jobs(work).min(P::most(&setting, work));
            let template = self.template::<P>(jobs).await?;
            let mut rates = Vec::new();
            // What is far behind after one run does not catch up.
            let near = |rates: &[f64]| match (&best, rates) {
                (Some((before, _)), [rate, ..]) => rate * 2.0 > *before,
                _ => true,
            };
            while rates.len() < SWEEPS && near(&rates) {
                rates.push(match self.once::<P>(&template, &setting, jobs).await? {
                    Run::Speed(rate) => rate,
                    // What is handled and not finished runs again after a crash.
                    Run::Drain(_, finished) => finished.unwrap_or_default(),
                    Run::PickUps(_) => return Err("pick-ups are not swept".into()),
                });
            }
            let rate = median(&rates).unwrap_or_default();
            eprintln!("    {setting}: {rate:.0}");
            if best.as_ref().is_none_or(|(before, _)| rate > *before) {
                best = Some((rate, setting));
            }
        }
        best.map(|(_, setting)| setting)
            .ok_or_else(|| "there is no setting".into())
    }

    async fn repeat<P: Peer>(&self, setting: &P::Setting) -> Result<Vec<Entry>, Failure> {
        let work = self.row.work;
        let jobs = self.options.jobs(work).min(P::most(setting, work));
        let template = self.template::<P>(jobs).await?;
        let mut all = Runs::default();
        // Pick-ups have their repetition in them.
        let runs = match work {
            Work::PickUp => 1,
            Work::Enqueue(_) | Work::EnqueueMany | Work::Drain(_) => self.options.runs,
        };
        for _ in 0..runs {
            match self.once::<P>(&template, setting, jobs).await? {
                Run::Speed(rate) => all.speeds.push(rate),
                Run::Drain(handled, finished) => {
                    all.speeds.push(handled);
                    all.finished.extend(finished);
                }
                Run::PickUps(took) => all.pick_ups.extend(took),
            }
        }
        Ok(self.entries(P::NAME, jobs, all))
    }

    fn entries(&self, system: &'static str, jobs: u32, all: Runs) -> Vec<Entry> {
        let name = self.row.name;
        match self.row.work {
            Work::Enqueue(_) | Work::EnqueueMany => {
                let entry = Entry::new(system, name, SPEED).runs(all.speeds);
                vec![entry.note(format!("{jobs} jobs"))]
            }
            Work::Drain(_) => {
                let handled = Entry::new(system, &format!("{name}, bodies"), SPEED);
                let missed = all.speeds.len() - all.finished.len();
                let finished = Entry::new(system, name, SPEED);
                let note = format!("{jobs} jobs, until none is unfinished in the database");
                let finished = match missed {
                    0 => finished.note(note),
                    _ if all.finished.is_empty() => finished.skipped(LEFT),
                    _ => finished.note(format!("{note}; {missed} runs did not: {LEFT}")),
                };
                let note = format!("{jobs} jobs, until the last body has run");
                vec![
                    finished.runs(all.finished),
                    handled.runs(all.speeds).note(note),
                ]
            }
            Work::PickUp => [50, 99]
                .map(|hundredths| self.pick_up(system, hundredths, &all.pick_ups))
                .to_vec(),
        }
    }

    fn pick_up(&self, system: &'static str, hundredths: usize, took: &[f64]) -> Entry {
        let name = format!("{} p{hundredths}", self.row.name);
        let entry = Entry::new(system, &name, unit(Work::PickUp));
        match percentile(took, hundredths) {
            None => entry.skipped(format!("no body within {:?}", self.options.patience())),
            Some(value) => entry.runs(vec![value]).note(format!(
                "{} samples, {:?} idle before each",
                took.len(),
                self.options.pause
            )),
        }
    }

    /// One run on a copy of the template.
    async fn once<P: Peer>(
        &self,
        template: &Template,
        setting: &P::Setting,
        jobs: u32,
    ) -> Result<Run, Failure> {
        let folder = tempfile::tempdir_in(&self.options.folder)?;
        let file = folder.path().join("jobs.db");
        copy(&template.file, &file)?;
        let peer = P::open(&file, self.synchronous, setting).await?;
        let rate = |took: std::time::Duration| f64::from(jobs) / took.as_secs_f64();
        let run = match self.row.work {
            Work::Enqueue(callers) => Run::Speed(rate(peer.enqueue(callers, jobs).await?)),
            Work::EnqueueMany => Run::Speed(rate(peer.enqueue_many(jobs, BULK).await?)),
            Work::Drain(body) => {
                handler::expect(jobs, body);
                let drained = peer.drain(jobs).await?;
                Run::Drain(rate(drained.handled), drained.finished.map(rate))
            }
            Work::PickUp => {
                let samples = Samples {
                    count: self.options.samples,
                    pause: self.options.pause,
                    limit: self.options.patience(),
                };
                let took = peer.pick_ups(samples).await?;
                Run::PickUps(took.iter().map(|took| took.as_secs_f64() * 1e3).collect())
            }
        };
        peer.close().await;
        Ok(run)
    }

    /// A file with the schema and, for a drain, its backlog.
    async fn template<P: Peer>(&self, jobs: u32) -> Result<Template, Failure> {
        let folder = tempfile::tempdir_in(&self.options.folder)?;
        let file = folder.path().join("template.db");
        P::migrate(&file).await?;
        if let Work::Drain(_) = self.row.work {
            let setting = P::defaults(Work::EnqueueMany);
            let peer = P::open(&file, Synchronous::Normal, &setting).await?;
            peer.enqueue_many(jobs, BULK).await?;
            peer.close().await;
        }
        settle(&file).await?;
        Ok(Template {
            file,
            _folder: folder,
        })
    }
}

struct Template {
    file: PathBuf,
    _folder: TempDir,
}

fn unit(work: Work) -> &'static str {
    match work {
        Work::PickUp => "ms",
        Work::Enqueue(_) | Work::EnqueueMany | Work::Drain(_) => SPEED,
    }
}
