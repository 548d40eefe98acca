//! The file that all processes share, its folder, and what must hold of it in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use mainspring::job::State;
use mainspring::prelude::*;
use mainspring::sqlite::rusqlite::Connection;
use mainspring::store::{Filter, PAGE_MAX, Page};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::child::{DATABASE, JOURNAL, Settings};
use crate::journal::{self, Journal, Line};
use crate::process::{Process, until};
use crate::work::EFFECTS;

pub(crate) struct Place {
    folder: Option<TempDir>,
    pub(crate) runtime: Runtime,
    pub(crate) jobs: Jobs,
    pub(crate) journal: Journal,
    /// The kinds of the jobs whose enqueue was acknowledged.
    pub(crate) acked: Arc<Mutex<BTreeMap<JobId, &'static str>>>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("chaos-").tempdir().unwrap();
        let database = folder.path().join(DATABASE);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let jobs = mainspring::jobs(format!("sqlite:{}", database.display()));
        runtime.block_on(jobs.connect()).unwrap();
        let user = Connection::open(&database).unwrap();
        user.execute_batch(EFFECTS).unwrap();
        Self {
            journal: Journal::open(&folder.path().join(JOURNAL)),
            folder: Some(folder),
            runtime,
            jobs,
            acked: Arc::default(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.as_ref().unwrap().path().join(name)
    }

    pub(crate) fn settings(&self, name: &str, max_deaths: u32) -> Settings {
        Settings {
            folder: self.path("").display().to_string(),
            name: name.to_owned(),
            max_deaths,
            lease_ms: 18_000,
        }
    }

    pub(crate) fn start(&self, name: &str, max_deaths: u32) -> Process {
        Process::start(&self.settings(name, max_deaths))
    }

    pub(crate) fn user(&self) -> Connection {
        Connection::open(self.path(DATABASE)).unwrap()
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        journal::read(&self.path(JOURNAL))
    }

    /// Enqueues jobs and notes that they were acknowledged.
    pub(crate) fn enqueue<J: Job>(&self, jobs: impl IntoIterator<Item = J>) -> Vec<JobId> {
        let handles = self
            .runtime
            .block_on(self.jobs.enqueue_all(jobs).into_future());
        let ids: Vec<_> = handles.unwrap().iter().map(|handle| handle.id()).collect();
        let mut acked = self.acked.lock().unwrap();
        acked.extend(ids.iter().map(|id| (*id, J::KIND)));
        ids
    }

    /// How many jobs are in one of these states.
    pub(crate) fn count(&self, states: &[State]) -> u64 {
        let counts = self.runtime.block_on(self.jobs.counts()).unwrap();
        let counts = counts.iter().filter(|count| states.contains(&count.state));
        counts.map(|count| count.jobs).sum()
    }

    /// All jobs in this state.
    pub(crate) fn all(&self, state: State) -> BTreeSet<JobId> {
        let filter = Filter {
            state: Some(state),
            ..Filter::default()
        };
        let (mut all, mut before) = (BTreeSet::new(), None);
        loop {
            let page = Page {
                before,
                limit: PAGE_MAX,
            };
            let page = self.runtime.block_on(self.jobs.list(filter.clone(), page));
            let page = page.unwrap();
            all.extend(page.iter().map(|job| job.id));
            match page.last() {
                Some(last) => before = Some(last.id),
                None => return all,
            }
        }
    }

    pub(crate) fn until_all_over(&self) {
        until("end of all jobs", || {
            self.count(&[State::Scheduled, State::Ready, State::Running]) == 0
        });
    }

    /// Nothing is lost, nothing is finished twice, and the effects are those of the finished jobs.
    pub(crate) fn check(&self) {
        let acked = self.acked.lock().unwrap().clone();
        let ids: BTreeSet<_> = acked.keys().copied().collect();
        let done = self.all(State::Succeeded);
        let lost: Vec<_> = ids.difference(&done).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        let strange: Vec<_> = done.difference(&ids).collect();
        assert!(strange.is_empty(), "never acknowledged: {strange:?}");
        for id in &ids {
            let history = self.runtime.block_on(self.jobs.history(*id)).unwrap();
            let ends = history
                .iter()
                .filter(|attempt| &*attempt.outcome == "succeeded");
            assert_eq!(ends.count(), 1, "{id} was finished once: {history:?}");
        }
        let effects = acked.iter().filter(|(_, kind)| **kind == "effect");
        let expected: BTreeMap<_, _> = effects.map(|(id, _)| (id.to_string(), 1)).collect();
        assert_eq!(self.effects(), expected, "each effect happened once");
        let user = self.user();
        let sound = user.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
        assert_eq!(sound.as_deref(), Ok("ok"));
    }

    /// All processes have ended in good order: none of them has left anything.
    pub(crate) fn check_empty(&self) {
        let left = self.sessions();
        assert!(left.is_empty(), "sessions that were never closed: {left:?}");
    }

    /// The files of sessions.
    pub(crate) fn sessions(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.path(&format!("{DATABASE}-mainspring")));
        files.unwrap().map(|file| file.unwrap().path()).collect()
    }

    fn effects(&self) -> BTreeMap<String, i64> {
        let user = self.user();
        let query = "SELECT job, count(*) FROM effect GROUP BY job";
        let mut query = user.prepare(query).unwrap();
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().map(Result::unwrap).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let folder = self.folder.take().unwrap();
        if std::thread::panicking() {
            println!("what happened is kept in {}", folder.keep().display());
        }
    }
}
