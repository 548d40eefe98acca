//! Spawning: every task is named, owned by a scope, counted, and its panic caught.

mod caught;
mod scope;
mod supervise;
mod task;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use futures_util::future::{AbortHandle, Abortable};
use tracing::{Instrument, Span};

pub use scope::Scope;
pub(crate) use supervise::supervise;
pub use supervise::{Backoff, OnPanic, RESTART_WAIT_MIN};
pub use task::Task;

use crate::activity::{Activity, TaskKind};
use crate::error::{Error, ErrorKind};
use crate::event::{Event, Events};
use crate::telemetry::event;
use caught::Caught;

/// A future on the heap that any thread may run.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs futures: the seam to the runtime.
pub trait Executor: fmt::Debug + Send + Sync + 'static {
    /// Runs `future` in the background until it is done.
    fn execute(&self, future: BoxFuture<'static, ()>);
}

/// Starts tasks; cheap to clone. Users spawn through their context, which knows the owner.
#[derive(Clone, Debug)]
pub struct Spawner {
    executor: Arc<dyn Executor>,
    activity: Option<Activity>,
    events: Events,
    alive: Arc<AtomicUsize>,
}

impl Spawner {
    /// A spawner on `executor`; with an `activity`, tasks count there.
    pub fn new(executor: Arc<dyn Executor>, activity: Option<Activity>, events: Events) -> Self {
        Self {
            executor,
            activity,
            events,
            alive: Arc::default(),
        }
    }

    /// How many tasks of this spawner and its clones are alive; shared, for a metric.
    pub fn alive(&self) -> &Arc<AtomicUsize> {
        &self.alive
    }

    /// Where this spawner's tasks tell what happened to them.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Starts a task that `owner` owns.
    ///
    /// A panic in it ends only the task: it is caught, logged and counted under the task's name.
    /// Dropping the returned [`Task`] lets the task run on; the owner still waits for it.
    pub fn spawn<F>(
        &self,
        owner: &Scope,
        kind: TaskKind,
        name: &Arc<str>,
        future: F,
    ) -> Task<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.spawn_in(&Span::none(), owner, kind, name, future)
    }

    /// Like [`spawn`](Spawner::spawn); the task and what is logged about it are inside `span`.
    pub(crate) fn spawn_in<F>(
        &self,
        span: &Span,
        owner: &Scope,
        kind: TaskKind,
        name: &Arc<str>,
        future: F,
    ) -> Task<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // Nobody may be waiting for the result; that is not an error.
        let told = move |ended| drop(sender.send(ended));
        let abort = self.run_owned(span, owner, kind, name, future, told);
        Task::new(Arc::clone(name), receiver, abort)
    }

    /// Starts a task that `owner` owns and whose result nobody asks for; otherwise like
    /// [`spawn`](Spawner::spawn), and cheaper.
    pub fn start<F>(&self, owner: &Scope, kind: TaskKind, name: &Arc<str>, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let _ = self.run_owned(&Span::none(), owner, kind, name, future, drop);
    }

    fn run_owned<F>(
        &self,
        span: &Span,
        owner: &Scope,
        kind: TaskKind,
        name: &Arc<str>,
        future: F,
        told: impl FnOnce(Result<F::Output, Error>) + Send + 'static,
    ) -> AbortHandle
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (abort, registration) = AbortHandle::new_pair();
        let live = owner.enter(Arc::clone(name), abort.clone());
        let alive = Alive::new(&self.alive);
        let events = self.events.clone();
        let task_name = Arc::clone(name);
        let caught = Caught::new(Abortable::new(future, registration));
        let whole = caught.map(move |ended| {
            let ended = match ended {
                Ok(Ok(output)) => Ok(output),
                Ok(Err(_)) => Err(aborted(&task_name)),
                Err(payload) => Err(panicked(&events, &task_name, &*payload)),
            };
            drop((live, alive));
            told(ended);
        });
        match span.is_none() {
            true => self.execute(kind, name, whole),
            false => self.execute(kind, name, whole.instrument(span.clone())),
        }
        abort
    }

    /// Runs a future in the background without an owner, named for the account of what is busy.
    pub fn execute(
        &self,
        kind: TaskKind,
        name: &Arc<str>,
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        match &self.activity {
            Some(activity) => {
                let tracked = activity.track(kind, Arc::clone(name), future);
                self.executor.execute(Box::pin(tracked));
            }
            None => self.executor.execute(Box::pin(future)),
        }
    }

    /// Counts `future`, which the caller runs itself, as a body.
    pub fn body<F: Future + Send + 'static>(
        &self,
        name: &Arc<str>,
        future: F,
    ) -> BoxFuture<'static, F::Output> {
        match &self.activity {
            Some(activity) => Box::pin(activity.track(TaskKind::Body, Arc::clone(name), future)),
            None => Box::pin(future),
        }
    }
}

/// Counts one task as alive while it exists.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(alive))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The message of a caught panic.
pub fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without a text".to_owned())
}

fn panicked(events: &Events, name: &Arc<str>, payload: &(dyn Any + Send)) -> Error {
    let message = panic_message(payload);
    let task = &**name;
    tracing::error!(name: event::TASK_PANICKED, task, error = message, "a task panicked");
    let error = Error::new(
        ErrorKind::Panicked,
        format!("task `{name}` panicked: {message}"),
    );
    events.emit(Event::TaskPanicked {
        task: Arc::clone(name),
        message,
    });
    error
}

fn aborted(name: &str) -> Error {
    Error::new(ErrorKind::Aborted, format!("task `{name}` was aborted"))
}
