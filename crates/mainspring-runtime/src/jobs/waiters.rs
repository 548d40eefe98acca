//! Waiting for outcomes: one look at the store serves everybody in the process who waits.
//!
//! Whoever waits enters its job's id and parks. While anybody does, one task listens to the bell
//! and looks up all of them together; it ends with the last one. It is a task of its own and not
//! whichever waiter comes first, because a waiter that nobody polls would then hold up the others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mainspring_core::activity::{TaskKind, io, park};
use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::{JobId, JobRecord};
use mainspring_core::spawn::Scope;
use mainspring_core::store::BATCH_MAX;
use tokio::sync::{Notify, watch};

use super::{Bound, JobEnd};

/// How many jobs one process may await at once; more would make each look slow for all.
pub const AWAITED_MAX: usize = 10_000;

/// When to look although nobody rang: a bell is only a hint. Doubled from look to look, so that
/// one who waits for a year costs little.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The longest time between two looks.
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(3600);

type Answer = Result<JobEnd, Error>;

/// Everybody who awaits an outcome, by the job.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    state: Mutex<State>,
    /// Somebody has come whose job has not been looked up yet, or all were sent away.
    news: Notify,
    scope: Scope,
}

#[derive(Debug, Default)]
struct State {
    awaited: BTreeMap<JobId, Awaited>,
    /// Those not looked up yet.
    fresh: Vec<JobId>,
    /// Whether the task that looks is there.
    looking: bool,
    closed: bool,
}

#[derive(Debug)]
struct Awaited {
    waiters: usize,
    answer: watch::Sender<Option<Answer>>,
}

impl Waiters {
    /// Sends everybody away: the store is about to close.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.answer_all(&closed());
        drop(state);
        self.news.notify_one();
    }

    fn enter(&self, id: JobId) -> Result<watch::Receiver<Option<Answer>>, Error> {
        let mut state = self.state();
        if state.closed {
            return Err(closed());
        }
        let full = state.awaited.len() >= AWAITED_MAX;
        if let Some(awaited) = state.awaited.get_mut(&id) {
            awaited.waiters += 1;
            return Ok(awaited.answer.subscribe());
        }
        if full {
            let message = format!("more than {AWAITED_MAX} jobs are awaited in this process");
            return Err(Error::new(ErrorKind::Limit, message)
                .with_hint("await fewer at a time, or let a job of its own follow each"));
        }
        let (answer, answered) = watch::channel(None);
        state.awaited.insert(id, Awaited { waiters: 1, answer });
        state.fresh.push(id);
        drop(state);
        self.news.notify_one();
        Ok(answered)
    }

    fn leave(&self, id: JobId) {
        let mut state = self.state();
        if let Some(awaited) = state.awaited.get_mut(&id) {
            awaited.waiters -= 1;
            if awaited.waiters == 0 {
                state.awaited.remove(&id);
            }
        }
        if state.awaited.is_empty() {
            // The task that looks ends now, and not at its next look.
            self.news.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn answer(&mut self, id: JobId, answer: Answer) {
        // The entry goes with its last waiter; until then a newcomer reads the answer.
        if let Some(awaited) = self.awaited.get(&id) {
            awaited.answer.send_replace(Some(answer));
        }
    }

    fn answer_all(&mut self, error: &Error) {
        let unanswered = self.awaited.values();
        for awaited in unanswered.filter(|awaited| awaited.answer.borrow().is_none()) {
            awaited.answer.send_replace(Some(Err(error.clone())));
        }
    }
}

/// Waits until a job is over. A Mainspring wait: a body that awaits it is parked.
///
/// Cancel safe.
#[track_caller]
pub(super) fn outcome(
    bound: Arc<Bound>,
    id: JobId,
) -> impl Future<Output = Result<JobEnd, Error>> + Send + use<> {
    park(async move {
        let mut answered = bound.waiters.enter(id)?;
        let _waiting = Waiting { bound: &bound, id };
        look_out(&bound);
        match answered.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone().unwrap_or_else(|| Err(closed())),
            Err(_) => Err(closed()),
        }
    })
}

/// One who waits; leaves when it is answered or dropped.
struct Waiting<'a> {
    bound: &'a Arc<Bound>,
    id: JobId,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.bound.waiters.leave(self.id);
    }
}

/// Starts the task that looks, unless it is there.
fn look_out(bound: &Arc<Bound>) {
    let waiters = &bound.waiters;
    if std::mem::replace(&mut waiters.state().looking, true) {
        return;
    }
    let looking = Looking {
        bound: Arc::clone(bound),
        ended: false,
    };
    let name = Arc::from("job outcomes");
    let looks = async move { looking.run().await };
    let spawner = &bound.spawner;
    drop(spawner.spawn(&waiters.scope, TaskKind::Loop, &name, looks));
}

/// The task that looks, for as long as anybody waits.
struct Looking {
    bound: Arc<Bound>,
    /// Whether it has ended in good order, and another one may be there.
    ended: bool,
}

impl Looking {
    async fn run(mut self) {
        let bound = Arc::clone(&self.bound);
        let Bound { clock, waiters, .. } = &*bound;
        let mut changed = bound.changed.subscribe();
        let mut ended = bound.ended.subscribe();
        let (mut again, mut all) = (LOOK_AGAIN, false);
        loop {
            let Some(ids) = self.ids(all) else { return };
            io(self.look(ids)).await;
            tokio::select! {
                biased;
                // Whoever rings is in the same `Bound`, so the bell is never gone.
                _ = changed.changed() => (again, all) = (LOOK_AGAIN, true),
                _ = ended.changed() => (again, all) = (LOOK_AGAIN, true),
                () = waiters.news.notified() => all = false,
                () = clock.sleep(again) => {
                    (again, all) = ((again * 2).min(LOOK_AGAIN_MAX), true);
                }
            }
        }
    }

    /// Whom to look up: all, or those not looked up yet. `None` ends the task.
    fn ids(&mut self, all: bool) -> Option<Vec<JobId>> {
        let mut state = self.bound.waiters.state();
        if state.awaited.is_empty() || state.closed {
            // Under the lock: whoever comes now starts another task.
            state.looking = false;
            state.fresh.clear();
            self.ended = true;
            return None;
        }
        let fresh = std::mem::take(&mut state.fresh);
        if !all {
            return Some(fresh);
        }
        let awaited = state.awaited.iter();
        let unanswered = awaited.filter(|(_, awaited)| awaited.answer.borrow().is_none());
        Some(unanswered.map(|(id, _)| *id).collect())
    }

    async fn look(&self, ids: Vec<JobId>) {
        let Bound { store, waiters, .. } = &*self.bound;
        for ids in ids.chunks(BATCH_MAX) {
            match store.get_many(ids.to_vec()).await {
                Ok(jobs) => {
                    let mut state = waiters.state();
                    for (id, job) in ids.iter().zip(jobs) {
                        if let Some(answer) = answer(job) {
                            state.answer(*id, answer);
                        }
                    }
                }
                Err(error) if is_final(&error) => return waiters.state().answer_all(&error),
                // The next look may succeed; whoever waits has a limit of its own.
                Err(_) => return,
            }
        }
    }
}

impl Drop for Looking {
    /// Its runtime has ended, or it panicked: nobody looks any more.
    fn drop(&mut self) {
        if !self.ended {
            let mut state = self.bound.waiters.state();
            state.looking = false;
            state.answer_all(&closed());
        }
    }
}

fn answer(job: Option<JobRecord>) -> Option<Answer> {
    let Some(job) = job else {
        let hint = "a job of a transaction exists once that is committed; one that was discarded, \
                    or is over for longer than its retention, is gone";
        return Some(Err(
            Error::new(ErrorKind::NotFound, "there is no such job").with_hint(hint)
        ));
    };
    job.state.is_over().then(|| Ok(JobEnd::of(job)))
}

/// Whether no later look can succeed.
fn is_final(error: &Error) -> bool {
    use ErrorKind as K;
    matches!(
        error.kind(),
        K::Closed | K::StoreGone | K::Schema | K::Corrupt
    )
}

fn closed() -> Error {
    let message = "the jobs' store was closed while a job was awaited";
    Error::new(ErrorKind::Closed, message)
        .with_hint("the job goes on in another process or after the next start; ask for its state")
}
