//! Stretches of a task that the idle rule treats differently: parked in a wait, or busy with I/O.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::tracked::TaskState;

/// Marks `future` as a wait that depends on the clock: a body that awaits it is idle meanwhile.
///
/// Use it around a body's own wait for something that another task does on the clock, such as a
/// channel fed by a loop.
#[track_caller]
pub fn park<F: Future>(future: F) -> Park<F> {
    Park {
        future,
        guard: ParkGuard::here(),
    }
}

/// Marks `future` as work that must hold virtual time still: a loop that awaits it is busy
/// meanwhile.
///
/// Use it in a spawned loop around sockets, pools and blocking calls; bodies need it only beside a
/// Mainspring wait.
pub fn io<F: Future>(future: F) -> Io<F> {
    Io {
        future,
        guard: IoGuard { task: None },
    }
}

pin_project_lite::pin_project! {
    /// The future of [`park`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct Park<F> {
        #[pin]
        future: F,
        guard: ParkGuard,
    }
}

impl<F: Future> Future for Park<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        parked(this.guard, |cx| this.future.poll(cx), cx)
    }
}

impl<F> fmt::Debug for Park<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Park")
    }
}

pin_project_lite::pin_project! {
    /// The future of [`io`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct Io<F> {
        #[pin]
        future: F,
        guard: IoGuard,
    }
}

impl<F: Future> Future for Io<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let polled = this.future.poll(cx);
        if polled.is_ready() {
            this.guard.release()
        } else {
            this.guard.mark()
        }
        polled
    }
}

impl<F> fmt::Debug for Io<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Io")
    }
}

/// Polls a wait and keeps the current task marked as parked while the wait is pending.
pub(crate) fn parked<T>(
    guard: &mut ParkGuard,
    poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    cx: &mut Context<'_>,
) -> Poll<T> {
    let polled = poll(cx);
    if polled.is_ready() {
        guard.release()
    } else {
        guard.mark()
    }
    polled
}

/// Marks the task that polled a pending wait as parked, until the wait is over or dropped.
pub(crate) struct ParkGuard {
    task: Option<Arc<TaskState>>,
    place: &'static Location<'static>,
}

impl ParkGuard {
    #[track_caller]
    pub(crate) fn here() -> Self {
        Self {
            task: None,
            place: Location::caller(),
        }
    }

    fn mark(&mut self) {
        let current = TaskState::current();
        if same(&self.task, &current) {
            return;
        }
        self.release();
        if let Some(task) = &current {
            task.park(self.place);
        }
        self.task = current;
    }

    pub(crate) fn release(&mut self) {
        if let Some(task) = self.task.take() {
            task.unpark();
        }
    }
}

impl Drop for ParkGuard {
    fn drop(&mut self) {
        self.release();
    }
}

struct IoGuard {
    task: Option<Arc<TaskState>>,
}

impl IoGuard {
    fn mark(&mut self) {
        let current = TaskState::current();
        if same(&self.task, &current) {
            return;
        }
        self.release();
        if let Some(task) = &current {
            task.enter_io();
        }
        self.task = current;
    }

    fn release(&mut self) {
        if let Some(task) = self.task.take() {
            task.leave_io();
        }
    }
}

impl Drop for IoGuard {
    fn drop(&mut self) {
        self.release();
    }
}

/// A wait may move between tasks, so it remembers which one it marked.
fn same(marked: &Option<Arc<TaskState>>, current: &Option<Arc<TaskState>>) -> bool {
    match (marked, current) {
        (Some(marked), Some(current)) => Arc::ptr_eq(marked, current),
        (None, None) => true,
        _ => false,
    }
}
