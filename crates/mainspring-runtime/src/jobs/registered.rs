//! What an app was told about jobs, and every error in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mainspring_core::dispatch::{LEASE, QueueSettings};
use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::{QUEUE_DEFAULT, check_kind, check_queue};
use mainspring_core::periodic::{Overlap, Plan};
use mainspring_core::store::{RescueRules, Retention};

use super::Jobs;
use super::middleware::DynMiddleware;
use super::queue::{DEFAULT_QUEUE_SLOTS, Queue, SLOTS_MAX};
use super::schedule::Schedule;
use super::worker::DynWorker;
use crate::environment::Environment;
use crate::follow_up::FollowUps;

/// Everything about jobs that an app was told.
pub(crate) struct Registered {
    pub(crate) jobs: Option<Jobs>,
    /// How often a handle was given.
    pub(crate) handles: usize,
    pub(crate) workers: Vec<Arc<dyn DynWorker>>,
    pub(crate) queues: Vec<(Arc<str>, Queue)>,
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) middlewares: Vec<Arc<dyn DynMiddleware>>,
    pub(crate) retention: Retention,
    pub(crate) max_deaths: u32,
    /// How long a beat must stand still before its session counts as stalled.
    pub(crate) lease: Duration,
    pub(crate) works: bool,
    /// Workers of the library's own, made only where there are jobs.
    pub(crate) builtins: Vec<Builtin>,
}

/// Makes a worker that runs something with follow-ups of its own.
pub(crate) type Builtin = Box<dyn FnOnce(FollowUps) -> Arc<dyn DynWorker> + Send>;

impl Default for Registered {
    fn default() -> Self {
        Self {
            jobs: None,
            handles: 0,
            workers: Vec::new(),
            queues: Vec::new(),
            schedules: Vec::new(),
            middlewares: Vec::new(),
            retention: Retention::default(),
            max_deaths: RescueRules::MAX_DEATHS,
            lease: LEASE,
            works: true,
            builtins: Vec::new(),
        }
    }
}

impl Registered {
    /// The same, with the workers of the library's own, if there are jobs.
    pub(crate) fn with_builtins(mut self, follow_ups: &FollowUps) -> Self {
        if self.jobs.is_some() {
            let made = self.builtins.drain(..).map(|make| make(follow_ups.clone()));
            self.workers.extend(made);
        }
        self
    }

    /// Whether this process runs an engine: it has something to do for one.
    pub(crate) fn has_engine(&self) -> bool {
        let work = !self.workers.is_empty() || !self.schedules.is_empty();
        self.jobs.is_some() && self.works && work
    }

    /// The queues that are worked on, each with all kinds: a job may be enqueued on any queue.
    pub(super) fn queue_settings(&self) -> Vec<QueueSettings> {
        let names = self.workers.iter().flat_map(|worker| {
            let aliases = worker.aliases().iter().copied();
            std::iter::once(worker.kind()).chain(aliases)
        });
        let kinds: BTreeSet<Arc<str>> = names.map(Arc::from).collect();
        let kinds: Arc<[Arc<str>]> = kinds.into_iter().collect();
        if kinds.is_empty() {
            return Vec::new();
        }
        let mut queues: BTreeMap<Arc<str>, Queue> = self.queues.iter().cloned().collect();
        queues
            .entry(Arc::from(QUEUE_DEFAULT))
            .or_insert(Queue::new(DEFAULT_QUEUE_SLOTS));
        let settings = queues.into_iter().map(|(name, queue)| {
            let mut settings = QueueSettings::new(name, Arc::clone(&kinds), queue.slots);
            settings.rate = queue.rate;
            settings.limit = queue.limit;
            settings
        });
        settings.collect()
    }

    /// Every configuration error.
    pub(crate) fn errors(&self, environment: &Environment, errors: &mut Vec<Error>) {
        self.handle_errors(environment, errors);
        self.queue_errors(errors);
        self.worker_errors(errors);
        self.schedule_errors(errors);
    }

    fn handle_errors(&self, environment: &Environment, errors: &mut Vec<Error>) {
        if self.handles > 1 {
            errors.push(config(
                "the app has more than one store of jobs",
                "call App::jobs once; run a second app for a second store",
            ));
        }
        if let Some(jobs) = &self.jobs {
            return errors.extend(jobs.check_in(environment).err());
        }
        let parts = [
            (!self.workers.is_empty(), "workers"),
            (!self.schedules.is_empty(), "schedules"),
            (!self.queues.is_empty(), "queues"),
        ];
        for (_, what) in parts.into_iter().filter(|(there, _)| *there) {
            errors.push(config(
                &format!("the app has {what} but no jobs"),
                "give it the handle: `.jobs(jobs)`",
            ));
        }
    }

    fn queue_errors(&self, errors: &mut Vec<Error>) {
        let mut names = BTreeSet::new();
        for (name, queue) in &self.queues {
            errors.extend(check_queue(name).err());
            if !names.insert(name) {
                let message = format!("queue \"{name}\": it is registered more than once");
                errors.push(config(&message, "register it once"));
            }
            if queue.slots == 0 || queue.slots > SLOTS_MAX {
                let message = format!("queue \"{name}\": {} slots", queue.slots);
                let hint = format!("use 1 to {SLOTS_MAX}");
                errors.push(config(&message, &hint));
            }
            if queue.limit == Some(0) {
                let message = format!("queue \"{name}\": a global limit of 0 lets nothing run");
                errors.push(config(&message, "pause the queue instead"));
            }
        }
    }

    fn worker_errors(&self, errors: &mut Vec<Error>) {
        let mut kinds = BTreeSet::new();
        for worker in &self.workers {
            for kind in std::iter::once(&worker.kind()).chain(worker.aliases()) {
                errors.extend(check_kind(kind).err());
                if !kinds.insert(*kind) {
                    let message = format!("kind \"{kind}\": more than one worker takes it");
                    errors.push(config(
                        &message,
                        "keep one of them, or rename a kind or alias",
                    ));
                }
            }
            let (kind, queue) = (worker.kind(), worker.options().queue);
            let known = self.queues.iter().any(|(name, _)| **name == *queue);
            if !known && queue != QUEUE_DEFAULT {
                let message = format!("kind \"{kind}\": nobody works on its queue \"{queue}\"");
                let hint = format!("add `.queue(\"{queue}\", n)`");
                errors.push(config(&message, &hint));
            }
            if worker.options().retry.max_attempts == 0 {
                let message = format!("kind \"{kind}\": it has no attempt at all");
                errors.push(config(&message, "give it 1 or more"));
            }
        }
    }

    fn schedule_errors(&self, errors: &mut Vec<Error>) {
        let mut names = BTreeSet::new();
        for schedule in &self.schedules {
            let name = &schedule.name;
            if !names.insert(name) {
                let message = format!("schedule \"{name}\": its name is registered more than once");
                errors.push(config(&message, "rename one of them"));
            }
            if check_kind(name).is_err() {
                let message = format!("{:?} cannot name a schedule", crate::metrics::shown(name));
                let hint = "use 1 to 128 ASCII letters, digits and the characters - _ . : /";
                errors.push(config(&message, hint));
            }
            for fault in schedule.plan.faults() {
                let message = format!("schedule \"{name}\": {fault}");
                errors.push(config(&message, fault.hint().unwrap_or_default()));
            }
            if schedule.plan.overlap() == Overlap::CancelRunning {
                let message = format!("schedule \"{name}\": a fire cannot cancel the job before");
                let hint = "use Overlap::Skip, QueueOne or Allow; periodic work can";
                errors.push(config(&message, hint));
            }
        }
    }
}

fn config(message: &str, hint: &str) -> Error {
    Error::new(ErrorKind::Config, message).with_hint(hint)
}
