//! The part of the app that is about durable jobs.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mainspring_core::error::BoxError;
use mainspring_core::job::{Job, Outcome};
use mainspring_core::periodic::Plan;
use mainspring_core::store::Retention;

use super::App;
use crate::follow_up::FollowUps;
use crate::jobs::{JobContext, Jobs, Middleware, Queue, Schedule, Worker, worker_fn};
use crate::periodic::Tick;

impl App {
    /// Gives the app its durable jobs: the store is opened at boot, before any component starts,
    /// and closed after the last has stopped; all clones of the handle are bound to it meanwhile.
    /// `MAINSPRING_DATABASE_URL` wins over the URL of a handle that was made of one.
    #[must_use]
    pub fn jobs(mut self, jobs: Jobs) -> Self {
        self.jobs.handles += 1;
        self.jobs.jobs = Some(jobs);
        self
    }

    /// The handle that [`jobs`](App::jobs) was given; for test kits.
    #[doc(hidden)]
    pub fn find_jobs(&self) -> Option<&Jobs> {
        self.jobs.jobs.as_ref()
    }

    /// Adds a worker, which takes the jobs of its type and its aliases.
    #[must_use]
    pub fn worker(mut self, worker: impl Worker) -> Self {
        self.jobs.workers.push(Arc::new(worker));
        self
    }

    /// Adds a worker of the library's own; in an app without jobs it is left out.
    #[doc(hidden)]
    pub fn builtin_worker<W: Worker>(
        &mut self,
        make: impl FnOnce(FollowUps) -> W + Send + 'static,
    ) {
        let make = move |follow_ups| Arc::new(make(follow_ups)) as _;
        self.jobs.builtins.push(Box::new(make));
    }

    /// Adds a function as a worker.
    ///
    /// ```
    /// use mainspring_core::job::{Job, Outcome};
    /// use mainspring_runtime::app::App;
    /// use mainspring_runtime::jobs::JobContext;
    ///
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Report { day: u32 }
    ///
    /// impl Job for Report {
    ///     const KIND: &'static str = "report";
    /// }
    ///
    /// App::new("reports").worker_fn(|ctx: JobContext, job: Report| async move {
    ///     tracing::info!(attempt = ctx.attempt(), day = job.day, "reporting");
    ///     Ok(Outcome::Done)
    /// });
    /// ```
    #[must_use]
    pub fn worker_fn<J, F, Fut, R>(self, work: F) -> Self
    where
        J: Job,
        F: Fn(JobContext, J) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, BoxError>> + Send + 'static,
        R: Into<Outcome> + Send + 'static,
    {
        self.worker(worker_fn(work))
    }

    /// Works on a queue with so many jobs at once in this process. The default queue has
    /// [`DEFAULT_QUEUE_SLOTS`](crate::jobs::DEFAULT_QUEUE_SLOTS) unless it is registered.
    #[must_use]
    pub fn queue(self, name: &str, slots: usize) -> Self {
        self.queue_with(name, Queue::new(slots))
    }

    /// Works on a queue under limits that all processes share.
    #[must_use]
    pub fn queue_with(mut self, name: &str, queue: Queue) -> Self {
        self.jobs.queues.push((Arc::from(name), queue));
        self
    }

    /// Enqueues a job at each fire of a plan, once however many processes have this schedule, also
    /// for the fires that nobody was there for, as the plan's policy for missed fires says.
    ///
    /// A plan that skips overlaps, which is the default, adds no job while the one before is not
    /// over. Use [`periodic`](App::periodic) for work that may be lost with the process.
    #[must_use]
    pub fn schedule<J: Job>(
        mut self,
        name: &str,
        plan: impl Plan,
        job: impl Fn(Tick) -> J + Send + Sync + 'static,
    ) -> Self {
        let schedule = Schedule::new(name, plan.into(), job);
        self.jobs.schedules.push(schedule);
        self
    }

    /// Adds middleware around every attempt; the first one added is the outermost.
    #[must_use]
    pub fn middleware(mut self, middleware: impl Middleware) -> Self {
        self.jobs.middlewares.push(Arc::new(middleware));
        self
    }

    /// How long jobs that are over are kept.
    #[must_use]
    pub fn retention(mut self, keep: Retention) -> Self {
        self.jobs.retention = keep;
        self
    }

    /// How many processes a job may kill before it is quarantined: 3 by default, the last of them
    /// alone; 0 never quarantines, and never runs a job alone.
    #[must_use]
    pub fn max_deaths(mut self, deaths: u32) -> Self {
        self.jobs.max_deaths = deaths;
        self
    }

    /// How long a process must show no life before others take its jobs; for tests that stop one.
    /// What is below 3 s also hits processes that are merely slow.
    #[doc(hidden)]
    #[must_use]
    pub fn job_lease(mut self, lease: Duration) -> Self {
        self.jobs.lease = lease;
        self
    }

    /// Runs no workers and no schedules in this process: the app only enqueues.
    #[must_use]
    pub fn without_workers(mut self) -> Self {
        self.jobs.works = false;
        self
    }
}
