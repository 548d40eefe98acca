//! The idle rule: who is busy, so that virtual time moves only when everybody waits for it.
//!
//! *Bodies* (component start and stop, actions, follow-ups, periodic runs, jobs) are busy from
//! their start to their return, except while parked in a Mainspring wait: a clock sleep or tick, a
//! context cancellation, a task or job handle. `clock.timeout` and the engine's limits are guards;
//! they never park. *Loops* (`ctx.spawn`) are idle unless woken; [`io`] marks a stretch as busy,
//! [`park`] marks a body's own wait that depends on the clock. A plain `tokio::spawn` is invisible
//! unless a body awaits it.
//!
//! A Mainspring wait counts from its first poll until it is over or dropped. A body that keeps one
//! alive (a pinned `ctx.cancelled()` beside a `select!` loop) and awaits something else meanwhile
//! marks that with [`io`].

mod ledger;
mod stretch;
mod tracked;

#[cfg(loom)]
mod loom_tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

pub use stretch::{Io, Park, io, park};
pub(crate) use stretch::{ParkGuard, parked};
pub use tracked::Tracked;
pub(crate) use tracked::current_kind;

use crate::spawn::BoxFuture;
use crate::sync::{Mutex, lock};
use ledger::Ledger;
use tracked::TaskState;

/// How the idle rule treats a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskKind {
    /// Busy from start to return, except while parked in a Mainspring wait.
    Body,
    /// Idle unless woken.
    Loop,
}

/// The account of everything that is busy under one manual clock.
#[derive(Clone)]
pub struct Activity(Arc<Shared>);

struct Shared {
    ledger: Arc<Ledger>,
    tasks: Mutex<Tasks>,
    looks: Mutex<Looks>,
}

/// Looks whether something outside has changed; true if so, and everybody concerned is woken then.
pub type Look = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

#[derive(Default)]
struct Looks {
    next: u64,
    all: BTreeMap<u64, Look>,
}

#[derive(Default)]
struct Tasks {
    next: u64,
    live: BTreeMap<u64, Weak<TaskState>>,
}

impl Activity {
    /// An account in which nothing is busy.
    #[expect(
        clippy::new_without_default,
        reason = "an account is made by a clock, on purpose"
    )]
    pub fn new() -> Self {
        let ledger = Arc::new(Ledger::new());
        Self(Arc::new(Shared {
            ledger,
            tasks: Mutex::new(Tasks::default()),
            looks: Mutex::new(Looks::default()),
        }))
    }

    /// Wraps a future so that its work counts here; it counts as busy from now on.
    #[track_caller]
    pub fn track<F>(&self, kind: TaskKind, name: impl Into<Arc<str>>, future: F) -> Tracked<F> {
        let mut tasks = lock(&self.0.tasks);
        let id = tasks.next;
        tasks.next += 1;
        let state = TaskState::new(id, kind, name.into(), self);
        tasks.live.insert(id, Arc::downgrade(&state));
        drop(tasks);
        Tracked::new(state, future)
    }

    /// Marks the system busy until the token is dropped: for a request under way to a thread or a
    /// store, held until its reply has woken the caller.
    pub fn token(&self) -> Token {
        self.0.ledger.take();
        Token(Arc::clone(&self.0.ledger))
    }

    /// Whether nothing is busy.
    pub fn is_idle(&self) -> bool {
        self.0.ledger.busy() == 0
    }

    /// Ready while nothing is busy.
    pub fn poll_idle(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.ledger.poll_idle(cx)
    }

    /// Looks at something outside, such as a file that others write, before virtual time moves and
    /// whenever it has settled: until the guard is dropped.
    ///
    /// A look must answer by itself, without waiting for a tracked task or for the clock.
    pub fn look_at(&self, look: Look) -> Looking {
        let mut looks = lock(&self.0.looks);
        let id = looks.next;
        looks.next += 1;
        looks.all.insert(id, look);
        let activity = self.clone();
        Looking { activity, id }
    }

    /// One round of all looks, if there are any; true if any of them saw something new.
    pub fn look(&self) -> Option<BoxFuture<'static, bool>> {
        let looks: Vec<_> = lock(&self.0.looks).all.values().cloned().collect();
        if looks.is_empty() {
            return None;
        }
        Some(Box::pin(async move {
            let mut new = false;
            for look in looks {
                new |= look().await;
            }
            new
        }))
    }

    /// Every busy task in words: its name and where it waits.
    pub fn busy_tasks(&self) -> Vec<String> {
        let tasks: Vec<_> = lock(&self.0.tasks)
            .live
            .values()
            .filter_map(Weak::upgrade)
            .collect();
        tasks
            .iter()
            .filter(|task| task.is_busy())
            .map(|task| task.describe())
            .collect()
    }

    /// The names of all live tracked tasks, in the order they were made.
    pub fn live_tasks(&self) -> Vec<Arc<str>> {
        let tasks = lock(&self.0.tasks);
        tasks
            .live
            .values()
            .filter_map(Weak::upgrade)
            .map(|task| task.name())
            .collect()
    }

    fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.0.ledger)
    }

    fn forget(&self, id: u64) {
        lock(&self.0.tasks).live.remove(&id);
    }
}

impl fmt::Debug for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Activity")
            .field("busy", &self.0.ledger.busy())
            .finish_non_exhaustive()
    }
}

/// Keeps a look going; see [`Activity::look_at`].
#[must_use = "the look is taken only while this lives"]
pub struct Looking {
    activity: Activity,
    id: u64,
}

impl fmt::Debug for Looking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Looking")
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        lock(&self.activity.0.looks).all.remove(&self.id);
    }
}

/// Keeps the system busy while it lives; see [`Activity::token`].
#[must_use = "the system is busy only while the token lives"]
pub struct Token(Arc<Ledger>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.give();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::Waker;

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_body_is_busy_while_it_waits_for_something_unknown() {
        let activity = Activity::new();
        let mut body = pin!(activity.track(TaskKind::Body, "body", std::future::pending::<()>()));
        assert!(poll(body.as_mut()).is_pending());
        assert!(!activity.is_idle());
        let busy = activity.busy_tasks();
        assert!(busy.len() == 1 && busy[0].contains("body"), "{busy:?}");
    }

    #[test]
    fn a_loop_is_idle_while_it_waits_and_busy_inside_io() {
        let activity = Activity::new();
        let mut idle = pin!(activity.track(TaskKind::Loop, "loop", std::future::pending::<()>()));
        assert!(!activity.is_idle(), "scheduled, but not yet polled");
        assert!(poll(idle.as_mut()).is_pending());
        assert!(activity.is_idle());

        let waits = io(std::future::pending::<()>());
        let mut busy = Box::pin(activity.track(TaskKind::Loop, "io", waits));
        assert!(poll(busy.as_mut()).is_pending());
        assert!(!activity.is_idle());
        drop(busy);
        assert!(activity.is_idle());
    }

    #[test]
    fn a_parked_body_is_idle_unless_it_also_does_io() {
        let activity = Activity::new();
        let waits = park(std::future::pending::<()>());
        let mut parked = Box::pin(activity.track(TaskKind::Body, "parked", waits));
        assert!(poll(parked.as_mut()).is_pending());
        assert!(activity.is_idle());
        drop(parked);

        let both = futures_util::future::join(
            park(std::future::pending::<()>()),
            io(std::future::pending::<()>()),
        );
        let mut both = pin!(activity.track(TaskKind::Body, "both", both));
        assert!(poll(both.as_mut()).is_pending());
        assert!(!activity.is_idle());
    }

    #[test]
    fn a_token_keeps_the_system_busy_and_live_tasks_are_forgotten() {
        let activity = Activity::new();
        let token = activity.token();
        assert!(!activity.is_idle());
        drop(token);
        assert!(activity.is_idle());
        let task = activity.track(TaskKind::Loop, "short", async {});
        assert_eq!(activity.live_tasks().len(), 1);
        drop(task);
        assert_eq!(activity.live_tasks().len(), 0);
        assert!(activity.is_idle());
    }
}
