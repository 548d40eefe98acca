//! Runners: tasks that take one job after the other until none waits.

use std::collections::BTreeMap;
use std::mem::replace;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::task::AtomicWaker;
use mainspring_core::activity::TaskKind;
use mainspring_core::cause::{Cause, CauseKind};
use mainspring_core::clock::{After, Clock};
use mainspring_core::context::Context;
use mainspring_core::job::{JobId, SessionId};
use mainspring_core::store::{Claim, Store};
use mainspring_core::time::Monotonic;

use super::Shared;

/// After how many jobs in a row a runner lets others have its thread: few enough that nobody waits
/// for long, many enough that it costs nothing.
const JOBS_IN_A_ROW: u32 = 64;

/// How long a cancelled job may take to see it before it is cut off.
pub(super) const CANCEL_GRACE: Duration = Duration::from_secs(5);

/// What a runner does now, for whoever wants to cancel it.
#[derive(Debug, Default)]
pub(super) struct Slot {
    state: Mutex<Option<Busy>>,
    /// The body is to be dropped.
    cut: AtomicBool,
    waker: AtomicWaker,
    /// The body that the store was last told of: what follows it at once takes over its mark.
    marked: Mutex<Option<(SessionId, Claim)>>,
}

#[derive(Debug)]
struct Busy {
    claim: Claim,
    ctx: Context,
    kind: Arc<str>,
    began: Monotonic,
    /// Why somebody wants the job cancelled.
    cancelled: Option<Arc<str>>,
    enforcement: Option<After>,
}

impl Slot {
    pub(super) fn begin(&self, claim: Claim, ctx: Context, kind: Arc<str>, began: Monotonic) {
        self.cut.store(false, Ordering::SeqCst);
        *self.state() = Some(Busy {
            claim,
            ctx,
            kind,
            began,
            cancelled: None,
            enforcement: None,
        });
    }

    /// The body has ended; says why somebody wanted it cancelled.
    pub(super) fn end(&self) -> Option<Arc<str>> {
        let busy = self.state().take()?;
        if let Some(enforcement) = busy.enforcement {
            enforcement.stop();
        }
        busy.cancelled
    }

    pub(super) fn running(&self) -> Option<(JobId, Context, Arc<str>)> {
        let state = self.state();
        let busy = state.as_ref()?;
        Some((busy.claim.id, busy.ctx.clone(), Arc::clone(&busy.kind)))
    }

    pub(super) fn began(&self) -> Option<Monotonic> {
        self.state().as_ref().map(|busy| busy.began)
    }

    /// Cancels the body if it runs under this claim, and cuts it off when it takes too long to see
    /// it.
    pub(super) fn cancel(
        self: &Arc<Self>,
        claim: &Claim,
        reason: &Arc<str>,
        clock: &Clock,
    ) -> bool {
        let mut state = self.state();
        let Some(busy) = state.as_mut().filter(|busy| busy.claim == *claim) else {
            return false;
        };
        if busy.cancelled.is_some() {
            return true;
        }
        busy.cancelled = Some(Arc::clone(reason));
        let (ctx, slot, claim) = (busy.ctx.clone(), Arc::downgrade(self), *claim);
        let cut = move || {
            if let Some(slot) = slot.upgrade() {
                slot.cut(&claim);
            }
        };
        busy.enforcement = Some(clock.after(CANCEL_GRACE, cut));
        drop(state);
        ctx.cancel(Cause::new(CauseKind::Asked, &**reason));
        true
    }

    /// Tells the store which body runs now, instead of the one before.
    pub(super) fn mark(&self, store: &dyn Store, begins: Option<(SessionId, Claim)>) {
        let marked = self.marked.lock();
        let ended = replace(&mut *marked.unwrap_or_else(PoisonError::into_inner), begins);
        match (ended, begins) {
            (Some((session, ended)), Some((same, begins))) if session == same => {
                store.mark_next(session, &ended, &begins);
            }
            _ => {
                ended.inspect(|(session, ended)| store.mark(*session, ended, false));
                begins.inspect(|(session, begins)| store.mark(*session, begins, true));
            }
        }
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }

    pub(super) fn waker(&self) -> &AtomicWaker {
        &self.waker
    }

    fn cut(&self, claim: &Claim) {
        let state = self.state();
        if state.as_ref().is_some_and(|busy| busy.claim == *claim) {
            self.cut.store(true, Ordering::SeqCst);
            drop(state);
            self.waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, Option<Busy>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The runners that there are.
#[derive(Debug, Default)]
pub(super) struct Slots {
    next: u64,
    all: BTreeMap<u64, Arc<Slot>>,
}

impl Slots {
    pub(super) fn all(&self) -> Vec<Arc<Slot>> {
        self.all.values().cloned().collect()
    }

    fn add(&mut self, slot: &Arc<Slot>) -> u64 {
        let id = self.next;
        self.next += 1;
        self.all.insert(id, Arc::clone(slot));
        id
    }
}

/// Starts a runner for a queue.
pub(super) fn start(shared: &Arc<Shared>, queue: usize) {
    let slot = Arc::new(Slot::default());
    let id = shared.slots().add(&slot);
    let name = shared.runners.get(queue).cloned();
    let name = name.unwrap_or_else(|| Arc::from("jobs"));
    let (runner, spawner) = (Arc::clone(shared), &shared.ctx.env().spawner);
    let run = async move {
        runner.run_jobs(queue, &slot).await;
        runner.slots().all.remove(&id);
    };
    let run = spawner.owned(&shared.bodies, &name, run);
    spawner.execute(TaskKind::Body, &name, run);
}

impl Shared {
    async fn run_jobs(&self, queue: usize, slot: &Arc<Slot>) {
        let mut end = None;
        for jobs in 1_u32.. {
            let now = self.moment();
            let (job, wake) = self.machine().next(now, queue, end.take());
            if wake {
                self.wake.notify_one();
            }
            let Some(job) = job else {
                return slot.mark(&*self.bound.store, None);
            };
            end = Some(self.attempt(slot, job, now).await);
            if jobs % JOBS_IN_A_ROW == 0 {
                slot.mark(&*self.bound.store, None);
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Runs a future and catches its panic, also one in the drop of what it holds.
pub(super) async fn caught<F: Future>(future: F) -> Result<F::Output, String> {
    let caught = AssertUnwindSafe(future).catch_unwind().await;
    caught.map_err(|payload| mainspring_core::spawn::panic_message(&*payload))
}
