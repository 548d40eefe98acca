//! What a process claims, runs, finishes and promotes.
//!
//! ```text
//!             solo waits             nothing runs, claim alone       it is over, or was not there
//!   Usual ───────────────▶ RunDry ─────────────────────────▶ Alone ───────────────▶ Usual
//! ```
//!
//! The machine keeps the claimed jobs that have not begun and the ends that are not written yet.
//! Whoever feeds it asks [`decide`](Dispatcher::decide) afterwards: what it says is decided from
//! the state alone, so no event can be lost between two of them.

mod queue;
#[cfg(test)]
mod tests;
mod trip;

use std::collections::BTreeSet;
use std::mem;
use std::time::Duration;

pub use queue::QueueSettings;

use crate::job::{JobId, Verdict};
use crate::periodic::Moment;
use crate::store::{BATCH_MAX, Claim, Claimed, ClaimedJob, Finish, Finished, Promoted, QueueClaim};
use crate::time::{Monotonic, Timestamp, wall_after};
use queue::Queue;
use trip::Trip;

/// How much work a queue holds ahead, in the time it takes to do it: long enough to hide a trip to
/// the store, short enough that another process would hardly have begun it earlier.
pub const AHEAD_TIME: Duration = Duration::from_millis(50);

/// How long a claimed job may wait in this process for a slot before it is given back, uncharged:
/// what was claimed ahead of fast jobs must not wait behind slow ones.
pub const LOCAL_WAIT_MAX: Duration = Duration::from_secs(1);

/// The longest rest between two tries of a store that fails: work resumes within this time of its
/// recovery.
pub const RETRY_REST_MAX: Duration = Duration::from_secs(2);

/// How long after a promotion that promoted nothing, although something was said to be due, the
/// next one comes at the earliest.
const PROMOTE_AGAIN: Duration = Duration::from_millis(1);

/// What the shell must do now.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Command {
    /// Claim jobs, and answer with [`Dispatcher::claimed`] or [`Dispatcher::claim_failed`].
    Claim {
        /// What is wanted.
        queues: Vec<QueueClaim>,
        /// Whether to ask for one job that must run alone.
        solo: bool,
    },
    /// Write these ends, and answer with [`Dispatcher::finished`] or
    /// [`Dispatcher::finish_failed`].
    Finish(Vec<Finish>),
    /// Promote at most [`BATCH_MAX`] jobs, and answer with [`Dispatcher::promoted`] or
    /// [`Dispatcher::promote_failed`].
    Promote,
    /// Start runners, each of which calls [`Dispatcher::next`] until that gives nothing.
    Run {
        /// The queue's place in the settings.
        queue: usize,
        /// How many.
        runners: usize,
    },
}

/// When to ask [`Dispatcher::decide`] again although nothing happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wake {
    /// At this instant of the wall clock.
    pub wall: Option<Timestamp>,
    /// At this instant of monotonic time.
    pub monotonic: Option<Monotonic>,
}

/// What a process claims, runs, finishes and promotes.
///
/// It goes through three stages: usual work; what runs is left to end, because a job waits that
/// must run alone; that job alone. Whoever feeds it asks [`decide`](Dispatcher::decide) afterwards.
#[derive(Debug)]
pub struct Dispatcher {
    queues: Vec<Queue>,
    stage: Stage,
    draining: bool,
    claim: Trip,
    finish: Trip,
    promote: Trip,
    /// What the claim under way asks for, as places and numbers.
    asked: Vec<(usize, usize)>,
    /// Something may have become ready since the claim under way was sent.
    hinted: bool,
    /// Ends that wait for the next batch.
    ended: Vec<Finish>,
    /// The batch under way, kept until it is answered.
    sent: Vec<Finish>,
    /// Whether the time of the next due job is to be asked for, or has come.
    look: bool,
    next_due: Option<Timestamp>,
    opens_at: Option<Timestamp>,
    /// Which queue asks first; it moves on, so that none is always last.
    first: usize,
    /// A claim for a job that must run alone found none: wait for a hint before the next one.
    solo_missed: bool,
    /// The claimed jobs whose end may let another one through a gate.
    gated: BTreeSet<JobId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Usual,
    /// A job waits that must run alone: what runs is left to end.
    RunDry,
    /// That job runs.
    Alone,
}

impl Dispatcher {
    /// A machine for these queues; it begins by claiming and promoting.
    pub fn new(settings: Vec<QueueSettings>) -> Self {
        Self {
            queues: settings.into_iter().map(Queue::new).collect(),
            stage: Stage::Usual,
            draining: false,
            claim: Trip::default(),
            finish: Trip::default(),
            promote: Trip::default(),
            asked: Vec::new(),
            hinted: false,
            ended: Vec::new(),
            sent: Vec::new(),
            look: true,
            next_due: None,
            opens_at: None,
            first: 0,
            solo_missed: false,
            gated: BTreeSet::new(),
        }
    }

    // ---- what happened ----

    /// Something may have changed in the store.
    pub fn hint(&mut self) {
        self.look = true;
        self.solo_missed = false;
        self.more_everywhere();
    }

    /// A runner of this queue is free: it gives the end of its job, if it had one, and gets the
    /// next. With none it ends. One without an end has just been started.
    ///
    /// The second answer is whether [`decide`](Dispatcher::decide) has something to say.
    pub fn next(
        &mut self,
        now: Moment,
        place: usize,
        end: Option<Finish>,
    ) -> (Option<ClaimedJob>, bool) {
        let Some(queue) = self.queues.get_mut(place) else {
            return (None, false);
        };
        match end {
            Some(end) => {
                queue.ended += 1;
                self.ended.push(end);
            }
            None => queue.starting = queue.starting.saturating_sub(1),
        }
        let job = queue.take();
        let free = job.is_none();
        let wants = queue.wants() > 0;
        let finish = !self.ended.is_empty() && self.finish.is_open(now.monotonic);
        let claim = wants && self.may_claim(now);
        (job, finish || claim || (free && self.is_still()))
    }

    /// A job was enqueued as claimed by this process; it runs before those that wait here.
    pub fn adopt(&mut self, now: Moment, place: usize, job: ClaimedJob) {
        if job.gated {
            self.gated.insert(job.claim.id);
        }
        match self.queues.get_mut(place) {
            Some(queue) if !self.draining => queue.adopt(now.monotonic, job),
            _ => self.ended.push(released(&job)),
        }
    }

    /// The store has answered a claim.
    pub fn claimed(&mut self, now: Moment, claimed: Claimed) {
        self.claim.done();
        let asked = mem::take(&mut self.asked);
        let hinted = mem::take(&mut self.hinted);
        let mut got = vec![0_usize; self.queues.len()];
        let alone = claimed.jobs.iter().any(|job| job.solo);
        for job in claimed.jobs {
            if job.gated {
                self.gated.insert(job.claim.id);
            }
            let place = self.queues.iter().position(|queue| queue.is(&job.queue));
            let queue = place.and_then(|place| self.queues.get_mut(place));
            match (queue, place.and_then(|place| got.get_mut(place))) {
                (Some(queue), Some(got)) if !self.draining => {
                    *got += 1;
                    queue.push(now.monotonic, job);
                }
                _ => self.ended.push(released(&job)),
            }
        }
        for (place, wanted) in asked {
            let full = got.get(place).is_some_and(|got| *got >= wanted);
            if let Some(queue) = self.queues.get_mut(place) {
                queue.more = full || hinted;
            }
        }
        let opens_at = claimed.opens_at.map(|at| at.max(after(now)));
        self.opens_at = self.opens_at.into_iter().chain(opens_at).min();
        match self.stage {
            Stage::Usual if claimed.solo_waits && !self.solo_missed => {
                self.stage = Stage::RunDry;
            }
            Stage::RunDry if alone => self.stage = Stage::Alone,
            Stage::RunDry => {
                // Somebody else took it, or its queue is paused.
                self.solo_missed = true;
                self.resume();
            }
            _ => {}
        }
    }

    /// A claim has failed: nothing was claimed.
    pub fn claim_failed(&mut self, now: Moment) {
        self.claim.failed(now.monotonic);
        self.hinted = false;
        for (place, _) in mem::take(&mut self.asked) {
            if let Some(queue) = self.queues.get_mut(place) {
                queue.more = true;
            }
        }
    }

    /// The store has answered the ends under way; returns them, in the order of the answers.
    pub fn finished(&mut self, answers: &[Finished]) -> Vec<Finish> {
        self.finish.done();
        let sent = mem::take(&mut self.sent);
        for finish in sent.iter().take(answers.len()) {
            if let Verdict::Retry { at, .. } | Verdict::Snooze { at } = &finish.verdict {
                self.next_due = Some(self.next_due.map_or(*at, |due| due.min(*at)));
            }
        }
        let mut left = false;
        if !self.gated.is_empty() {
            for finish in &sent {
                left |= self.gated.remove(&finish.claim.id);
            }
        }
        if left {
            self.look = true;
            self.more_everywhere();
        }
        // Where all processes share a limit, an end makes room for the next.
        for queue in self.queues.iter_mut().filter(|queue| queue.is_shared()) {
            queue.more = true;
            self.hinted |= self.claim.is_under_way();
        }
        sent
    }

    /// Writing the ends under way has failed, or nobody knows whether it did: they are written
    /// again until they are answered.
    pub fn finish_failed(&mut self, now: Moment) {
        self.finish.failed(now.monotonic);
    }

    /// The store has answered a promotion.
    pub fn promoted(&mut self, now: Moment, promoted: Promoted) {
        self.promote.done();
        self.next_due = promoted.next_due;
        if promoted.jobs > 0 {
            self.more_everywhere();
        } else {
            self.next_due = self.next_due.map(|at| at.max(after(now)));
        }
        self.look |= promoted.jobs >= BATCH_MAX;
    }

    /// A promotion has failed.
    pub fn promote_failed(&mut self, now: Moment) {
        self.promote.failed(now.monotonic);
        self.look = true;
    }

    /// Somebody wants a job cancelled: if it has not begun here, it is given back, which the store
    /// turns into a cancellation. Answers whether that was so.
    pub fn give_up(&mut self, claim: &Claim) -> bool {
        for queue in &mut self.queues {
            let mut local = queue.local.iter();
            if let Some(at) = local.position(|local| local.job.claim == *claim) {
                let job = queue.local.remove(at).map(|local| local.job);
                self.ended.extend(job.as_ref().map(released));
                return true;
            }
        }
        false
    }

    /// The claims of this process are void: what has not begun is forgotten.
    pub fn lose_waiting(&mut self) {
        for queue in &mut self.queues {
            queue.local.clear();
        }
        self.gated.clear();
    }

    /// Nothing is claimed any more; what has not begun is given back, uncharged.
    pub fn drain(&mut self) {
        self.draining = true;
        for queue in &mut self.queues {
            let left = queue.local.drain(..);
            self.ended.extend(left.map(|local| released(&local.job)));
        }
    }

    // ---- what is to be done ----

    /// Appends everything that is to be done now.
    pub fn decide(&mut self, now: Moment, commands: &mut Vec<Command>) {
        for queue in &mut self.queues {
            while let Some(job) = queue.give_back(now.monotonic) {
                self.ended.push(released(&job));
            }
        }
        self.notice_time(now);
        if self.stage == Stage::Alone && self.is_still() {
            self.resume();
        }
        self.run(commands);
        self.write_ends(now, commands);
        if self.draining {
            return;
        }
        if self.look && self.promote.start(now.monotonic) {
            self.look = false;
            commands.push(Command::Promote);
        }
        match self.stage {
            Stage::Usual => self.claim(now, commands),
            Stage::RunDry if self.is_still() && self.claim.start(now.monotonic) => {
                let places = 0..self.queues.len();
                self.asked = places.map(|place| (place, 1)).collect();
                let queues = self.queues.iter().map(|queue| queue.request(1)).collect();
                commands.push(Command::Claim { queues, solo: true });
            }
            _ => {}
        }
    }

    /// When to decide again although nothing happens.
    pub fn wake(&self) -> Wake {
        let waits = |trip: &Trip, wanted: bool| trip.retry_at().filter(|_| wanted);
        let local = self.queues.iter().filter_map(Queue::stale_at).min();
        let claims = !self.draining;
        let monotonic = [
            waits(&self.finish, true),
            waits(&self.claim, claims),
            waits(&self.promote, claims),
            local,
        ];
        let walls = [self.next_due, self.opens_at];
        Wake {
            wall: walls.into_iter().flatten().min().filter(|_| claims),
            monotonic: monotonic.into_iter().flatten().min(),
        }
    }

    /// Whether nothing runs, waits here or is to be written any more: the end of a drain.
    pub fn is_drained(&self) -> bool {
        self.draining && self.is_still() && !self.claim.is_under_way()
    }

    /// How many runners there are.
    pub fn running(&self) -> usize {
        self.queues.iter().map(|queue| queue.running).sum()
    }

    /// How many claimed jobs have not begun.
    pub fn waiting(&self) -> usize {
        self.queues.iter().map(|queue| queue.local.len()).sum()
    }

    // ---- how ----

    fn notice_time(&mut self, now: Moment) {
        if self.opens_at.is_some_and(|at| at <= now.wall) {
            self.opens_at = None;
            self.more_everywhere();
        }
        if self.next_due.is_some_and(|at| at <= now.wall) {
            self.next_due = None;
            self.look = true;
        }
    }

    fn run(&mut self, commands: &mut Vec<Command>) {
        if self.stage == Stage::Alone {
            return self.run_alone(commands);
        }
        for (place, queue) in self.queues.iter_mut().enumerate() {
            let runners = queue.start_runners();
            if runners > 0 {
                commands.push(Command::Run {
                    queue: place,
                    runners,
                });
            }
        }
    }

    /// One job at a time: one that was adopted meanwhile waits for its turn.
    fn run_alone(&mut self, commands: &mut Vec<Command>) {
        if self.running() > 0 {
            return;
        }
        let mut queues = self.queues.iter_mut().enumerate();
        if let Some((queue, waiting)) = queues.find(|(_, queue)| !queue.local.is_empty()) {
            waiting.running = 1;
            waiting.starting = 1;
            commands.push(Command::Run { queue, runners: 1 });
        }
    }

    fn write_ends(&mut self, now: Moment, commands: &mut Vec<Command>) {
        if self.sent.is_empty() && self.ended.is_empty() {
            return;
        }
        if !self.finish.start(now.monotonic) {
            return;
        }
        // A batch that failed is repeated as it was.
        if self.sent.is_empty() {
            match self.ended.len() <= BATCH_MAX {
                true => self.sent = mem::take(&mut self.ended),
                false => self.sent = self.ended.drain(..BATCH_MAX).collect(),
            }
        }
        commands.push(Command::Finish(self.sent.clone()));
    }

    fn claim(&mut self, now: Moment, commands: &mut Vec<Command>) {
        if !self.may_claim(now) {
            return;
        }
        let places = self.queues.len();
        let (mut left, mut asked, mut queues) = (BATCH_MAX, Vec::new(), Vec::new());
        for place in (0..places).map(|step| (self.first + step) % places.max(1)) {
            let Some(queue) = self.queues.get_mut(place) else {
                continue;
            };
            let wanted = queue.wants_now(now.monotonic).min(left);
            if wanted > 0 {
                left -= wanted;
                asked.push((place, wanted));
                queues.push(queue.request(wanted));
            }
        }
        if queues.is_empty() || !self.claim.start(now.monotonic) {
            return;
        }
        self.first = (self.first + 1) % places.max(1);
        self.asked = asked;
        let solo = false;
        commands.push(Command::Claim { queues, solo });
    }

    fn may_claim(&self, now: Moment) -> bool {
        !self.draining && self.stage == Stage::Usual && self.claim.is_open(now.monotonic)
    }

    fn more_everywhere(&mut self) {
        self.hinted |= self.claim.is_under_way();
        for queue in &mut self.queues {
            queue.more = true;
        }
    }

    fn resume(&mut self) {
        self.stage = Stage::Usual;
        self.more_everywhere();
    }

    /// Nothing runs, nothing waits to run, and every end is written.
    fn is_still(&self) -> bool {
        let still = |queue: &Queue| queue.running == 0 && queue.local.is_empty();
        self.ended.is_empty() && self.sent.is_empty() && self.queues.iter().all(still)
    }
}

fn released(job: &ClaimedJob) -> Finish {
    Finish::new(job.claim, Verdict::Release, None)
}

/// A little later than now: what should have happened already is not asked for at once again.
fn after(now: Moment) -> Timestamp {
    wall_after(now.wall, PROMOTE_AGAIN)
}
