//! What jobs cost beside their speed: noticing, fetching, idling, writing, memory, and the user's
//! own transactions.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mainspring_core::job::{Job, QUEUE_DEFAULT, SessionId, Token, Verdict};
use mainspring_core::random::Random;
use mainspring_core::store::{ClaimRequest, Finish, QueueClaim, Store};
use mainspring_runtime::jobs::JobContext;
use mainspring_runtime::{io_time, system_clock};
use mainspring_sqlite::SqliteSource;
use rusqlite::{Connection, TransactionBehavior};

use super::compare::OURS;
use super::entry::{Entry, quantile};
use super::ours::{Mail, Ours, Setting, told};
use super::rows::Sizes;
use super::subject::{Body, Place, Subject, Synchronous};
use super::worker::Worker;
use crate::options::Options;
use crate::report::{median, shown};
use crate::seam::{Begun, now};

/// How many jobs a claim takes whose cost is measured.
const CLAIM: usize = 10;

/// How many such claims there are: fewer jobs than the smallest backlog has.
const CLAIMS: usize = 90;

/// How long an idle app is watched.
const IDLE: Duration = Duration::from_secs(10);

/// Where the wal-index keeps the number of commits since the log began, and how long it is.
const COMMITS_AT: std::ops::Range<usize> = 8..12;

/// Measures what is wanted.
///
/// # Errors
/// What could not be measured.
pub fn measure(options: &Options, folder: &Path) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    for synchronous in Synchronous::ALL {
        let costs = Costs {
            sizes: Sizes::of(options),
            quick: options.quick,
            folder,
            synchronous,
        };
        if options.wants('e') {
            entries.extend(costs.pick_up_elsewhere()?);
        }
        if options.wants('i') {
            entries.extend(costs.written()?);
        }
        if options.wants('u') {
            entries.extend(costs.neighbour()?);
        }
        // What follows waits for no disk.
        if synchronous == Synchronous::Full {
            continue;
        }
        if options.wants('g') {
            entries.extend(costs.fetches()?);
        }
        if options.wants('h') {
            entries.push(costs.idle()?);
        }
        if options.wants('m') {
            entries.push(costs.memory()?);
        }
    }
    Ok(entries)
}

struct Costs<'a> {
    sizes: Sizes,
    quick: bool,
    folder: &'a Path,
    synchronous: Synchronous,
}

impl Costs<'_> {
    /// (e) From the acknowledgement here to the body in another process.
    fn pick_up_elsewhere(&self) -> Result<[Entry; 2], String> {
        let (_folder, place, ours) = self.open()?;
        let client = ours.client()?;
        let mut worker = Worker::start(&place)?;
        let mail = Mail::new()?;
        let Sizes { samples, pause, .. } = self.sizes;
        let mut took = Vec::new();
        for sample in 0..=samples {
            ours.runtime.block_on(io_time::pause(pause));
            let enqueued = ours
                .runtime
                .block_on(client.enqueue(mail.clone()).into_future());
            enqueued.map_err(told)?;
            let acknowledged = now();
            let late = worker.began()?.saturating_sub(acknowledged);
            // The first one also waits for the other process to start.
            if sample > 0 {
                took.push(late.as_secs_f64() * 1e3);
            }
        }
        ours.runtime.block_on(client.close()).map_err(told)?;
        let note = format!("{samples} samples, {pause:?} idle before each");
        Ok([(0.50, "p50"), (0.99, "p99")].map(|(share, name)| {
            let name = format!("pick-up, other process {name}");
            self.entry(&name, "ms", vec![quantile(&took, share)], note.clone())
        }))
    }

    /// (g) What a claim takes, by what waits.
    fn fetches(&self) -> Result<Vec<Entry>, String> {
        let backlogs = match self.quick {
            true => [1_000, 10_000, 100_000],
            false => [1_000, 100_000, 1_000_000],
        };
        let one = |backlog: u32| {
            let took = self.fetch(backlog)?;
            let note = format!("a claim of {CLAIM}, median of {CLAIMS}");
            let name = format!("fetch, {backlog} waiting");
            Ok(self.entry(&name, "µs", vec![median(&took)], note))
        };
        backlogs.into_iter().map(one).collect()
    }

    fn fetch(&self, backlog: u32) -> Result<Vec<f64>, String> {
        let (_folder, place, mut ours) = self.open()?;
        ours.fill(backlog)?;
        let clock = system_clock::system_clock();
        let source =
            SqliteSource::new(&place.file).synchronous(mainspring_sqlite::Synchronous::Normal);
        let store = source.open_blocking(clock.now()).map_err(told)?;
        let random = Random::seeded(1);
        let session = SessionId::new(&random, clock.now());
        let kinds: Arc<[Arc<str>]> = Arc::from([Arc::from(Mail::KIND)]);
        ours.runtime.block_on(async {
            let opened = store.open_session(clock.now(), session, "bench").await;
            opened.map_err(told)?;
            let mut took = Vec::new();
            for _ in 0..CLAIMS {
                let queue = QueueClaim::new(Arc::from(QUEUE_DEFAULT), Arc::clone(&kinds), CLAIM);
                let request = ClaimRequest::new(session, Token::new(&random), vec![queue]);
                let begun = Begun::now();
                let claimed = store.claim(clock.now(), request).await.map_err(told)?;
                took.push(begun.took().real.as_secs_f64() * 1e6);
                let ends = claimed.jobs.iter().map(|job| {
                    let verdict = Verdict::Succeed { output: None };
                    Finish::new(job.claim, verdict, Some(clock.now()))
                });
                let ends: Vec<_> = ends.collect();
                if ends.len() != CLAIM {
                    return Err(format!("{} jobs were claimed", ends.len()));
                }
                store.finish(clock.now(), ends).await.map_err(told)?;
            }
            store
                .close_session(clock.now(), session)
                .await
                .map_err(told)?;
            store.close().await.map_err(told)?;
            Ok(took)
        })
    }

    /// (h) What an app costs that has nothing to do.
    fn idle(&self) -> Result<Entry, String> {
        let (_folder, _, ours) = self.open()?;
        let running = ours.start(&ours.jobs(), |_: JobContext, _: Mail| async { Ok(()) });
        running.ready(&ours.runtime)?;
        ours.runtime
            .block_on(io_time::pause(Duration::from_secs(2)));
        let begun = Begun::now();
        ours.runtime.block_on(io_time::pause(IDLE));
        let took = begun.took();
        running.stop(&ours.runtime)?;
        let used = took.processor.as_secs_f64() / took.real.as_secs_f64() * 100.0;
        let note = format!("{IDLE:?}, a worker and no job");
        Ok(self.entry("idle", "% of a core", vec![used], note))
    }

    /// (i) What is written for each job, from the enqueue to the end.
    fn written(&self) -> Result<Vec<Entry>, String> {
        let jobs = if self.quick { 2_000 } else { 20_000 };
        let mut entries = Vec::new();
        for callers in [1, 100] {
            let (_folder, place, mut ours) = self.open()?;
            let jobs = if callers == 1 { jobs / 4 } else { jobs };
            let watch = Watch::begin(&place.file, &ours)?;
            ours.enqueue(callers, jobs)
                .map_err(|why| format!("{why:?}"))?;
            entries.extend(self.each(&format!("enqueue, {callers} callers"), jobs, watch)?);
        }
        let (_folder, place, mut ours) = self.open()?;
        ours.fill(jobs * 5)?;
        let watch = Watch::begin(&place.file, &ours)?;
        ours.drain(jobs * 5, Body::Nothing)
            .map_err(|why| format!("{why:?}"))?;
        entries.extend(self.each("drain", jobs * 5, watch)?);
        Ok(entries)
    }

    fn each(&self, what: &str, jobs: u32, watch: Watch) -> Result<[Entry; 2], String> {
        let (bytes, commits) = watch.end()?;
        let each = |all: f64| vec![all / f64::from(jobs)];
        let note = format!("{jobs} jobs");
        Ok([
            self.entry(
                &format!("bytes written, {what}"),
                "B/job",
                each(bytes),
                note.clone(),
            ),
            self.entry(&format!("commits, {what}"), "1/job", each(commits), note),
        ])
    }

    /// (m) What a waiting job holds in the memory of a process that works on others.
    fn memory(&self) -> Result<Entry, String> {
        let jobs = if self.quick { 20_000 } else { 200_000 };
        let (_folder, _, ours) = self.open()?;
        let client = ours.jobs();
        let running = ours.start(&client, |ctx: JobContext, _: Mail| async move {
            ctx.cancelled().await;
            Err("stopped".into())
        });
        running.ready(&ours.runtime)?;
        // These are running or claimed ahead, and fill what is filled once.
        ours.insert(&client, 20_000, 10_000)?;
        let before = anonymous()?;
        ours.insert(&client, jobs, 10_000)?;
        let grown = (anonymous()? - before) / f64::from(jobs);
        running.stop(&ours.runtime)?;
        let note = format!(
            "growth of the anonymous memory over {jobs} jobs, pages of SQLite's cache included"
        );
        Ok(self.entry("memory of a waiting job", "B", vec![grown], note))
    }

    /// (u) The user's own transactions on the same file while jobs are drained.
    fn neighbour(&self) -> Result<[Entry; 2], String> {
        let jobs = if self.quick { 20_000 } else { 200_000 };
        let (_folder, place, mut ours) = self.open()?;
        ours.fill(jobs)?;
        let mut user = Connection::open(&place.file).map_err(|why| why.to_string())?;
        let set = format!(
            "pragma synchronous = {}; create table own (n integer)",
            self.synchronous
        );
        user.execute_batch(&set).map_err(|why| why.to_string())?;
        user.busy_timeout(Duration::from_secs(5))
            .map_err(|why| why.to_string())?;
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let neighbour = beside(&ours, move || insert_until(&mut user, &seen));
        let drained = ours
            .drain(jobs, Body::Nothing)
            .map_err(|why| format!("{why:?}"))?;
        over.store(true, Ordering::Relaxed);
        let (took, errors) = ours
            .runtime
            .block_on(neighbour)
            .map_err(|why| why.to_string())?;
        let rate = f64::from(jobs) / drained.real.as_secs_f64();
        let note = format!(
            "{} one-row immediate transactions, 5 ms apart, {errors} errors; drained at {} jobs/s",
            took.len(),
            shown(rate)
        );
        Ok([(0.50, "p50"), (0.99, "p99")].map(|(share, name)| {
            let name = format!("user's transaction {name}");
            self.entry(&name, "ms", vec![quantile(&took, share)], note.clone())
        }))
    }

    fn open(&self) -> Result<(tempfile::TempDir, Place, Ours), String> {
        let folder = tempfile::tempdir_in(self.folder);
        let folder = folder.map_err(|why| format!("cannot make a folder: {why}"))?;
        let place = Place {
            file: folder.path().join("jobs.db"),
            synchronous: self.synchronous,
        };
        let ours = Ours::open(&place, Setting::Defaults)?;
        Ok((folder, place, ours))
    }

    fn entry(&self, row: &str, unit: &str, runs: Vec<f64>, note: String) -> Entry {
        let entry = Entry::measured(OURS, row, unit, runs);
        entry.with("defaults", self.synchronous.to_string(), note)
    }
}

/// Runs what blocks beside the app.
#[expect(clippy::disallowed_methods, reason = "the user's own thread")]
fn beside<T: Send + 'static>(
    ours: &Ours,
    work: impl FnOnce() -> T + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    ours.runtime.spawn_blocking(work)
}

/// The milliseconds of each transaction, and how many failed.
fn insert_until(user: &mut Connection, over: &AtomicBool) -> (Vec<f64>, u32) {
    let (mut took, mut errors) = (Vec::new(), 0);
    while !over.load(Ordering::Relaxed) {
        let begun = now();
        match insert_own(user) {
            Ok(()) => took.push((now() - begun).as_secs_f64() * 1e3),
            Err(_) => errors += 1,
        }
        rest(Duration::from_millis(5));
    }
    (took, errors)
}

fn insert_own(user: &mut Connection) -> rusqlite::Result<()> {
    let transaction = user.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute("insert into own values (1)", [])?;
    transaction.commit()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the user's own thread, which has no clock of ours"
)]
fn rest(pause: Duration) {
    std::thread::sleep(pause);
}

/// What is written to a database, and how often it is committed.
struct Watch {
    bytes: f64,
    commits: u32,
    index: std::path::PathBuf,
    /// Keeps the files of the log while nobody else has them open.
    _open: Connection,
}

impl Watch {
    fn begin(file: &Path, ours: &Ours) -> Result<Self, String> {
        // The schema is made before.
        let client = ours.client()?;
        ours.runtime.block_on(client.close()).map_err(told)?;
        let open = Connection::open(file).map_err(|why| why.to_string())?;
        let read = open.query_row("select count(*) from sqlite_schema", [], |_| Ok(()));
        read.map_err(|why| why.to_string())?;
        let index = file.with_extension("db-shm");
        Ok(Self {
            bytes: written()?,
            commits: commits(&index)?,
            index,
            _open: open,
        })
    }

    fn end(self) -> Result<(f64, f64), String> {
        let commits = commits(&self.index)?.wrapping_sub(self.commits);
        Ok((written()? - self.bytes, f64::from(commits)))
    }
}

/// The commits that the wal-index has counted.
fn commits(index: &Path) -> Result<u32, String> {
    let bytes = fs::read(index).map_err(|why| format!("{}: {why}", index.display()))?;
    let counted = bytes
        .get(COMMITS_AT)
        .and_then(|bytes| bytes.try_into().ok());
    counted
        .map(u32::from_ne_bytes)
        .ok_or_else(|| "the wal-index is short".to_owned())
}

/// The bytes that this process has given to the disk.
fn written() -> Result<f64, String> {
    number("/proc/self/io", "write_bytes:")
}

/// The bytes of memory that no file stands behind.
fn anonymous() -> Result<f64, String> {
    Ok(number("/proc/self/status", "RssAnon:")? * 1024.0)
}

fn number(path: &str, name: &str) -> Result<f64, String> {
    let text = fs::read_to_string(path).map_err(|why| format!("{path}: {why}"))?;
    let found = text.lines().find_map(|line| line.strip_prefix(name));
    let number = found.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| format!("{path} has no {name}"))
}
