//! A future whose polls and wakes are counted.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use super::ledger::{Ledger, Share};
use super::{Activity, ParkGuard, TaskKind, parked};
use crate::sync::{AtomicUsize, Mutex, Ordering, lock};

thread_local! {
    /// The tracked task being polled on this thread, so that a wait can tell it that it is parked.
    static CURRENT: RefCell<Option<Arc<TaskState>>> = const { RefCell::new(None) };
}

pin_project_lite::pin_project! {
    /// A future that counts in an [`Activity`]; made by [`Activity::track`].
    ///
    /// A body that is awaited inside another tracked task is a Mainspring wait there, since it has
    /// an account of its own. Dropping it before it is done releases whatever it holds.
    pub struct Tracked<F> {
        // Dropped before its account ends, so that what its own drop wakes is still counted.
        #[pin]
        future: Option<F>,
        guard: Done,
        waker: Waker,
        // Marks the task that polls a body in place: the body has an account of its own.
        outer: ParkGuard,
    }
}

impl<F> Tracked<F> {
    #[track_caller]
    pub(super) fn new(state: Arc<TaskState>, future: F) -> Self {
        let waker = Waker::from(Arc::clone(&state));
        Self {
            future: Some(future),
            guard: Done(state),
            waker,
            outer: ParkGuard::here(),
        }
    }
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let state = &this.guard.0;
        let future = this.future.as_mut().as_pin_mut();
        let future = future.expect("a future is not polled after it was ready");
        state.remember(cx.waker());
        state.share.poll_started(&state.ledger);
        let polled = {
            let _current = Current::enter(Arc::clone(state));
            future.poll(&mut Context::from_waker(this.waker))
        };
        match polled {
            Poll::Ready(_) => {
                this.future.set(None);
                state.finish();
            }
            Poll::Pending => state.share.poll_ended(&state.ledger, state.may_idle()),
        }
        match state.kind {
            TaskKind::Body => parked(this.outer, |_| polled, cx),
            TaskKind::Loop => polled,
        }
    }
}

impl<F> fmt::Debug for Tracked<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracked")
            .field("name", &self.guard.0.name)
            .finish_non_exhaustive()
    }
}

/// Ends the account of a task however the task ends.
struct Done(Arc<TaskState>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// What the account knows of one task.
pub(crate) struct TaskState {
    id: u64,
    kind: TaskKind,
    name: Arc<str>,
    activity: Activity,
    ledger: Arc<Ledger>,
    share: Share,
    outer: Mutex<Option<Waker>>,
    /// Mainspring waits pending in the task.
    parked: AtomicUsize,
    /// Stretches marked busy in the task.
    io: AtomicUsize,
    /// Where the task's last Mainspring wait was made.
    last_wait: Mutex<Option<&'static Location<'static>>>,
}

impl TaskState {
    pub(super) fn new(id: u64, kind: TaskKind, name: Arc<str>, activity: &Activity) -> Arc<Self> {
        let ledger = activity.ledger();
        Arc::new(Self {
            id,
            kind,
            name,
            activity: activity.clone(),
            share: Share::held(&ledger),
            ledger,
            outer: Mutex::new(None),
            parked: AtomicUsize::new(0),
            io: AtomicUsize::new(0),
            last_wait: Mutex::new(None),
        })
    }

    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    pub(super) fn is_busy(&self) -> bool {
        self.share.is_held()
    }

    pub(super) fn describe(&self) -> String {
        let kind = match self.kind {
            TaskKind::Body => "body",
            TaskKind::Loop => "loop",
        };
        let waits = match (self.io.load(Ordering::SeqCst), *lock(&self.last_wait)) {
            (1.., _) => "inside `ctx.io(…)`".to_owned(),
            (0, Some(place)) => format!(
                "running, or awaiting something that is not a Mainspring wait; its last \
                 Mainspring wait was at {place}"
            ),
            (0, None) => {
                "running, or awaiting something that is not a Mainspring wait (a socket, a \
                 channel, a lock, a blocking call)"
                    .to_owned()
            }
        };
        format!("{kind} `{}`: {waits}", self.name)
    }

    pub(super) fn park(&self, place: &'static Location<'static>) {
        self.parked.fetch_add(1, Ordering::SeqCst);
        *lock(&self.last_wait) = Some(place);
    }

    pub(super) fn unpark(&self) {
        self.parked.fetch_sub(1, Ordering::SeqCst);
    }

    pub(super) fn enter_io(&self) {
        self.io.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn leave_io(&self) {
        self.io.fetch_sub(1, Ordering::SeqCst);
    }

    /// The task being polled on this thread, if it is a tracked one.
    pub(super) fn current() -> Option<Arc<TaskState>> {
        CURRENT.with(|current| current.borrow().clone())
    }

    fn may_idle(&self) -> bool {
        if self.io.load(Ordering::SeqCst) > 0 {
            return false;
        }
        self.kind == TaskKind::Loop || self.parked.load(Ordering::SeqCst) > 0
    }

    fn remember(&self, waker: &Waker) {
        let mut outer = lock(&self.outer);
        match &mut *outer {
            Some(known) if known.will_wake(waker) => {}
            slot => *slot = Some(waker.clone()),
        }
    }

    /// Forgets the task first: whoever sees the system idle must not find it among the living.
    fn finish(&self) {
        self.activity.forget(self.id);
        self.share.done(&self.ledger);
    }
}

impl Wake for TaskState {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    /// Counts first, then forwards: the other order would let the system look idle with a wake on
    /// its way.
    fn wake_by_ref(self: &Arc<Self>) {
        self.share.woken(&self.ledger);
        let outer = lock(&self.outer).clone();
        if let Some(outer) = outer {
            outer.wake();
        }
    }
}

/// The kind of the tracked task being polled on this thread, with its name.
pub(crate) fn current_kind() -> Option<(TaskKind, Arc<str>)> {
    TaskState::current().map(|task| (task.kind, Arc::clone(&task.name)))
}

struct Current(Option<Arc<TaskState>>);

impl Current {
    fn enter(state: Arc<TaskState>) -> Self {
        Self(CURRENT.with(|current| current.replace(Some(state))))
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        let before = self.0.take();
        CURRENT.with(|current| current.replace(before));
    }
}
