//! Ours: an app with a worker, used as its users do.

use std::fmt::{self, Display, Formatter};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mainspring_core::error::{BoxError, Error};
use mainspring_core::job::{Job, QUEUE_DEFAULT};
use mainspring_core::lifecycle::ShutdownReport;
use mainspring_core::spawn::Task;
use mainspring_runtime::app::AppHandle;
use mainspring_runtime::io_time;
use mainspring_runtime::jobs::{JobContext, Jobs};
use mainspring_runtime::platform::Platform;
use mainspring_sqlite::{SqliteSource, Synchronous as Safety};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;
use tokio::sync::{Notify, mpsc};

use super::compare::OURS;
use super::subject::{BULK, Body, Group, Place, Subject, Synchronous, Unmeasured, Work, payload};
use crate::platform::{app, ended, many_threads, start};
use crate::seam::{Begun, Took, now};

/// The job: the payload of everyone, as a type.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Mail {
    user: String,
    to: String,
    template: String,
    note: String,
}

impl Job for Mail {
    const KIND: &'static str = "welcome-mail";
}

impl Mail {
    /// The payload that everyone enqueues.
    pub(super) fn new() -> Result<Self, String> {
        serde_json::from_str(payload()).map_err(|why| why.to_string())
    }
}

/// What a user may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Nothing.
    Defaults,
    /// How many jobs of the queue run at once.
    Slots(usize),
    /// How many jobs one bulk call takes.
    Bulk(u32),
}

impl Display for Setting {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => out.write_str("20 slots"),
            Self::Slots(slots) => write!(out, "{slots} slots"),
            Self::Bulk(jobs) => write!(out, "calls of {jobs}"),
        }
    }
}

/// A database of ours and what its user has set.
#[derive(Debug)]
pub struct Ours {
    pub(super) runtime: Runtime,
    source: SqliteSource,
    setting: Setting,
}

impl Subject for Ours {
    const NAME: &'static str = OURS;

    type Setting = Setting;

    fn groups(work: Work) -> Vec<Group<Setting>> {
        let (defaults, best) = match work {
            Work::Enqueue(_) | Work::PickUp => (Setting::Defaults, vec![]),
            Work::EnqueueMany => {
                let best = [BULK * 5, BULK * 10].map(Setting::Bulk);
                (Setting::Bulk(BULK), best.to_vec())
            }
            Work::Drain(_) => {
                let best = [1, 5, 20, 100, 1_000].map(Setting::Slots);
                (Setting::Defaults, best.to_vec())
            }
        };
        let group = |name, settings| Group { name, settings };
        let mut groups = vec![group("defaults", vec![defaults])];
        if !best.is_empty() {
            groups.push(group("best", best));
        }
        groups
    }

    fn open(place: &Place, setting: Setting) -> Result<Self, String> {
        let safety = match place.synchronous {
            Synchronous::Full => Safety::Full,
            Synchronous::Normal => Safety::Normal,
        };
        Ok(Self {
            runtime: many_threads(),
            source: SqliteSource::new(&place.file).synchronous(safety),
            setting,
        })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "callers are tasks of the user's own"
    )]
    fn enqueue(&mut self, callers: u32, jobs: u32) -> Result<Took, Unmeasured> {
        let client = self.client()?;
        let mail = Mail::new()?;
        let begun = Begun::now();
        let all: Vec<_> = (0..callers)
            .map(|caller| {
                let own = jobs / callers + u32::from(caller < jobs % callers);
                self.runtime.spawn(call(client.clone(), mail.clone(), own))
            })
            .collect();
        for caller in all {
            let called = self.runtime.block_on(caller);
            let called = called.map_err(|why| why.to_string())?;
            called.map_err(told)?;
        }
        let took = begun.took();
        self.runtime.block_on(client.close()).map_err(told)?;
        Ok(took)
    }

    fn enqueue_many(&mut self, jobs: u32) -> Result<Took, Unmeasured> {
        let batch = match self.setting {
            Setting::Bulk(batch) => batch,
            Setting::Defaults | Setting::Slots(_) => BULK,
        };
        let client = self.client()?;
        let begun = Begun::now();
        self.insert(&client, jobs, batch)?;
        let took = begun.took();
        self.runtime.block_on(client.close()).map_err(told)?;
        Ok(took)
    }

    fn fill(&mut self, jobs: u32) -> Result<(), String> {
        let client = self.client()?;
        self.insert(&client, jobs, BULK * 10)?;
        self.runtime.block_on(client.close()).map_err(told)
    }

    fn drain(&mut self, jobs: u32, body: Body) -> Result<Took, Unmeasured> {
        let left = Arc::new(AtomicU32::new(jobs));
        let over = Arc::new(Notify::new());
        let all_ran = Arc::clone(&over);
        let work = move |ctx: JobContext, _mail: Mail| {
            let (left, over) = (Arc::clone(&left), Arc::clone(&over));
            async move {
                if body == Body::OneMillisecond {
                    ctx.sleep(Duration::from_millis(1)).await?;
                }
                if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                    over.notify_one();
                }
                Ok(())
            }
        };
        let begun = Begun::now();
        let running = self.start(&self.jobs(), work);
        self.runtime.block_on(all_ran.notified());
        // An app ends when everything that has run is written.
        running.stop(&self.runtime)?;
        Ok(begun.took())
    }

    fn pick_ups(&mut self, samples: u32, pause: Duration) -> Result<Vec<Duration>, Unmeasured> {
        let (tell, mut begins) = mpsc::unbounded_channel();
        let work = move |_ctx: JobContext, _mail: Mail| {
            // Whoever listens no longer has heard enough.
            let _ = tell.send(now());
            async { Ok(()) }
        };
        let client = self.jobs();
        let running = self.start(&client, work);
        running.ready(&self.runtime)?;
        let took = self.runtime.block_on(async {
            let mail = Mail::new()?;
            let mut took = Vec::new();
            for _ in 0..samples {
                io_time::pause(pause).await;
                client.enqueue(mail.clone()).await.map_err(told)?;
                let acknowledged = now();
                let began = begins.recv().await.ok_or("the worker has gone")?;
                took.push(began.saturating_sub(acknowledged));
            }
            Ok::<_, String>(took)
        })?;
        running.stop(&self.runtime)?;
        Ok(took)
    }
}

impl Ours {
    /// A handle that is not connected yet.
    pub(super) fn jobs(&self) -> Jobs {
        Jobs::new(self.source.clone())
    }

    /// A handle of a program without workers.
    pub(super) fn client(&self) -> Result<Jobs, String> {
        let client = self.jobs();
        self.runtime.block_on(client.connect()).map_err(told)?;
        Ok(client)
    }

    /// Enqueues by calls of so many jobs, one after the other.
    pub(super) fn insert(&self, client: &Jobs, jobs: u32, batch: u32) -> Result<(), String> {
        let mail = Mail::new()?;
        self.runtime.block_on(async {
            let mut left = jobs;
            while left > 0 {
                let now = left.min(batch);
                let mails = (0..now).map(|_| mail.clone());
                client.enqueue_all(mails).await.map_err(told)?;
                left -= now;
            }
            Ok(())
        })
    }

    /// Starts an app with this worker.
    pub(super) fn start<F, Fut>(&self, jobs: &Jobs, work: F) -> Running
    where
        F: Fn(JobContext, Mail) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let _inside = self.runtime.enter();
        let app = app().jobs(jobs.clone()).worker_fn(work);
        let app = match self.setting {
            Setting::Slots(slots) => app.queue(QUEUE_DEFAULT, slots),
            Setting::Defaults | Setting::Bulk(_) => app,
        };
        let (handle, report) = start(app, Platform::process());
        Running { handle, report }
    }
}

/// An app that runs.
pub(super) struct Running {
    handle: AppHandle,
    report: Task<ShutdownReport>,
}

impl Running {
    pub(super) fn ready(&self, runtime: &Runtime) -> Result<(), String> {
        match runtime.block_on(self.handle.ready()) {
            true => Ok(()),
            false => Err("the app did not get ready".to_owned()),
        }
    }

    /// Stops it and waits for its end.
    pub(super) fn stop(self, runtime: &Runtime) -> Result<(), String> {
        self.handle.shutdown("measured");
        ended(runtime.block_on(self.report))
    }
}

async fn call(client: Jobs, mail: Mail, jobs: u32) -> Result<(), Error> {
    for _ in 0..jobs {
        client.enqueue(mail.clone()).await?;
    }
    Ok(())
}

pub(super) fn told(why: Error) -> String {
    format!("our jobs: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_in_and_the_drain_take_all_jobs() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place {
            file: folder.path().join("ours.db"),
            synchronous: Synchronous::Normal,
        };
        let mut ours = Ours::open(&place, Setting::Defaults).unwrap();
        ours.enqueue(3, 20).unwrap();
        ours.enqueue_many(25).unwrap();
        ours.fill(5).unwrap();
        ours.drain(50, Body::Nothing).unwrap();
        let client = ours.client().unwrap();
        let counts = ours.runtime.block_on(client.counts()).unwrap();
        let ended: u64 = counts.iter().map(|count| count.jobs).sum();
        assert_eq!(ended, 50);
        assert!(counts.iter().all(|count| count.state.is_over()));
    }
}
