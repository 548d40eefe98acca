//! Jobs on the memory store, for the tests of the engine.

use std::sync::{Arc, Mutex};

use mainspring_core::job::{Backoff, Job, JobId, JobOptions, JobRecord, Retry, State};
use mainspring_core::store::Store;
use mainspring_core::store::memory::{MemorySource, MemoryStore};
use mainspring_runtime::app::App;
use mainspring_runtime::jobs::Jobs;
use serde::{Deserialize, Serialize};

use crate::rig::{Rig, Running};

/// A job that says what it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Work(pub(crate) String);

pub(crate) const RETRY: Retry = Retry {
    max_attempts: 4,
    backoff: Backoff::Exponential(crate::rig::SECOND),
    cap: crate::rig::HOUR,
    jitter: false,
};

impl Job for Work {
    const KIND: &'static str = "work";

    fn options() -> JobOptions {
        let mut options = JobOptions::default();
        options.retry = RETRY;
        options
    }
}

/// One store, and handles on it for several apps.
#[derive(Clone, Default)]
pub(crate) struct Shelf {
    pub(crate) store: MemoryStore,
}

impl Shelf {
    pub(crate) fn jobs(&self) -> Jobs {
        Jobs::new(MemorySource::new(self.store.clone()))
    }

    pub(crate) async fn get(&self, id: JobId) -> JobRecord {
        self.store.get(id).await.unwrap().expect("the job is kept")
    }

    pub(crate) async fn state(&self, id: JobId) -> State {
        self.get(id).await.state
    }

    /// The outcomes in a job's history.
    pub(crate) async fn history(&self, id: JobId) -> Vec<String> {
        let history = self.store.history(id).await.unwrap();
        history.iter().map(|at| at.outcome.to_string()).collect()
    }
}

/// An app with jobs, and both.
pub(crate) fn with_jobs(rig: &Rig, shelf: &Shelf) -> (App, Jobs) {
    let jobs = shelf.jobs();
    (rig.app().jobs(jobs.clone()), jobs)
}

/// Stops several apps that share a clock.
pub(crate) async fn stop_all(rig: &Rig, apps: impl IntoIterator<Item = Running>) {
    let apps: Vec<_> = apps.into_iter().collect();
    for app in &apps {
        app.handle.shutdown("the test is over");
    }
    for app in apps {
        let _ = rig.clock.run_until(app.report).await.unwrap();
    }
    rig.clock.settle().await;
    let left = rig.clock.activity().live_tasks();
    assert!(left.is_empty(), "no task outlives its app: {left:?}");
}

/// The most that was ever in use at once.
#[derive(Clone, Default)]
pub(crate) struct Gauge(Arc<Mutex<(usize, usize)>>);

impl Gauge {
    pub(crate) fn enter(&self) -> impl Drop + Send + use<> {
        let mut now = self.0.lock().unwrap();
        now.0 += 1;
        now.1 = now.1.max(now.0);
        Inside(self.clone())
    }

    pub(crate) fn most(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

struct Inside(Gauge);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().0 -= 1;
    }
}
