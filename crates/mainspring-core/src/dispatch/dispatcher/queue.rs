//! One queue in this process: its slots, the jobs claimed ahead, and how many to claim.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{AHEAD_TIME, LOCAL_WAIT_MAX};
use crate::job::Rate;
use crate::store::{BATCH_MAX, ClaimedJob, QueueClaim};
use crate::time::Monotonic;

/// How a queue is worked on in this process.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct QueueSettings {
    /// Its name.
    pub name: Arc<str>,
    /// The kinds that this process knows.
    pub kinds: Arc<[Arc<str>]>,
    /// How many of its jobs run at once in this process.
    pub slots: usize,
    /// How often its jobs may start, in all processes.
    pub rate: Option<Rate>,
    /// How many of its jobs may run at once, in all processes.
    pub limit: Option<u32>,
}

impl QueueSettings {
    /// A queue without limits over all processes.
    pub fn new(name: Arc<str>, kinds: Arc<[Arc<str>]>, slots: usize) -> Self {
        Self {
            name,
            kinds,
            slots,
            rate: None,
            limit: None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Queue {
    settings: QueueSettings,
    pub(super) local: VecDeque<Local>,
    /// How many runners there are; each has a job or is about to take one.
    pub(super) running: usize,
    /// How many of them have not asked for their first job.
    pub(super) starting: usize,
    /// Whether the store may have more.
    pub(super) more: bool,
    /// How many jobs are claimed beyond the free slots.
    ahead: usize,
    /// How many jobs have ended since the claim before.
    pub(super) ended: usize,
    since: Monotonic,
}

/// A claimed job that has not begun.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) job: ClaimedJob,
    came: Monotonic,
}

impl Queue {
    pub(super) fn new(settings: QueueSettings) -> Self {
        Self {
            settings,
            local: VecDeque::new(),
            running: 0,
            starting: 0,
            more: true,
            ahead: 0,
            ended: 0,
            since: Monotonic::ORIGIN,
        }
    }

    pub(super) fn is(&self, name: &str) -> bool {
        *self.settings.name == *name
    }

    /// Whether an end in one process makes room in all.
    pub(super) fn is_shared(&self) -> bool {
        self.settings.limit.is_some()
    }

    pub(super) fn push(&mut self, now: Monotonic, job: ClaimedJob) {
        self.local.push_back(Local { job, came: now });
    }

    pub(super) fn adopt(&mut self, now: Monotonic, job: ClaimedJob) {
        self.local.push_front(Local { job, came: now });
    }

    /// The next job for a runner; with none the runner ends.
    pub(super) fn take(&mut self) -> Option<ClaimedJob> {
        let next = self.local.pop_front();
        if next.is_none() {
            self.running = self.running.saturating_sub(1);
        }
        next.map(|local| local.job)
    }

    pub(super) fn start_runners(&mut self) -> usize {
        let unserved = self.local.len().saturating_sub(self.starting);
        let runners = self.free().min(unserved);
        self.running += runners;
        self.starting += runners;
        runners
    }

    /// How many jobs to claim, as things are.
    pub(super) fn wants(&self) -> usize {
        if !self.more || self.local.len() * 2 > self.ahead {
            return 0;
        }
        (self.free() + self.ahead).saturating_sub(self.local.len())
    }

    /// How many jobs to claim now: as many as are done in [`AHEAD_TIME`] go ahead of the slots,
    /// but never more than four times what was done since the claim before.
    pub(super) fn wants_now(&mut self, now: Monotonic) -> usize {
        if self.wants() == 0 {
            return 0;
        }
        let passed = now.since(self.since).as_nanos().max(1);
        let ended = self.ended as u128;
        let doable = ended.saturating_mul(AHEAD_TIME.as_nanos()) / passed;
        let doable = usize::try_from(doable).unwrap_or(usize::MAX);
        self.ahead = doable.min(self.ended * 4).min(BATCH_MAX);
        self.ended = 0;
        self.since = now;
        (self.free() + self.ahead).saturating_sub(self.local.len())
    }

    pub(super) fn request(&self, max: usize) -> QueueClaim {
        let settings = &self.settings;
        let (name, kinds) = (Arc::clone(&settings.name), Arc::clone(&settings.kinds));
        let mut request = QueueClaim::new(name, kinds, max);
        request.rate = settings.rate;
        request.limit = settings.limit;
        request
    }

    /// When the job that comes next has waited too long; those behind it came later.
    pub(super) fn stale_at(&self) -> Option<Monotonic> {
        self.local.front().map(|local| local.came + LOCAL_WAIT_MAX)
    }

    /// A job that has waited too long, if there is one.
    pub(super) fn give_back(&mut self, now: Monotonic) -> Option<ClaimedJob> {
        self.stale_at().filter(|at| *at <= now)?;
        let local = self.local.pop_front()?;
        // The slots are busy for longer than was thought.
        self.ahead = 0;
        Some(local.job)
    }

    fn free(&self) -> usize {
        self.settings.slots.saturating_sub(self.running)
    }
}
