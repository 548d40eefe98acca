//! Spawning: every task is named, owned by a scope, counted, and its panic caught.

mod owned;
mod scope;
mod supervise;
mod task;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use tracing::{Instrument, Span};

pub use scope::Scope;
pub(crate) use supervise::supervise;
pub use supervise::{Backoff, OnPanic, RESTART_WAIT_MIN};
pub use task::Task;

use crate::activity::{Activity, TaskKind};
use crate::context::Context;
use crate::error::{Error, ErrorKind};
use crate::event::{Event, Events};
use crate::telemetry::event;
use owned::Owned;
use scope::Live;

/// A future on the heap that any thread may run.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs futures: the seam to the runtime.
pub trait Executor: fmt::Debug + Send + Sync + 'static {
    /// Runs `future` in the background until it is done.
    fn execute(&self, future: BoxFuture<'static, ()>);
}

/// Starts tasks; cheap to clone. Users spawn through their context, which knows the owner.
#[derive(Clone, Debug)]
pub struct Spawner(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    executor: Arc<dyn Executor>,
    activity: Option<Activity>,
    events: Events,
    alive: Arc<AtomicUsize>,
}

impl Spawner {
    /// A spawner on `executor`; with an `activity`, tasks count there.
    pub fn new(executor: Arc<dyn Executor>, activity: Option<Activity>, events: Events) -> Self {
        Self(Arc::new(Shared {
            executor,
            activity,
            events,
            alive: Arc::default(),
        }))
    }

    /// How many tasks of this spawner and its clones are alive; shared, for a metric.
    pub fn alive(&self) -> &Arc<AtomicUsize> {
        &self.0.alive
    }

    /// Where this spawner's tasks tell what happened to them.
    pub fn events(&self) -> &Events {
        &self.0.events
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
        self.spawn_under(None, owner, kind, name, future, |ended| ended)
    }

    /// Like [`spawn`](Spawner::spawn); the task and what is logged about it are inside the span of
    /// its context, and its panic tells why that was cancelled.
    ///
    /// The task's handle says what `told` makes of its end.
    pub(crate) fn spawn_under<F, T>(
        &self,
        ctx: Option<Context>,
        owner: &Scope,
        kind: TaskKind,
        name: &Arc<str>,
        future: F,
        told: fn(Result<F::Output, Error>) -> Result<T, Error>,
    ) -> Task<T>
    where
        F: Future<Output: Send> + Send + 'static,
        T: Send + 'static,
    {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // Nobody may be waiting for the result; that is not an error.
        let told = move |ended| drop(sender.send(told(ended)));
        let live = self.enter(owner, name);
        let abort = live.abort_handle();
        let span = ctx
            .as_ref()
            .map_or_else(Span::none, |ctx| ctx.span().clone());
        let whole = Owned::new(future, live, told).under(ctx);
        match span.is_none() {
            true => self.execute(kind, name, whole),
            false => self.execute(kind, name, whole.instrument(span)),
        }
        Task::new(Arc::clone(name), receiver, abort)
    }

    /// Makes a task that `owner` owns from now on and whose result nobody asks for; otherwise like
    /// [`spawn`](Spawner::spawn), and cheaper. Whoever asks for it gives it to
    /// [`execute`](Spawner::execute).
    pub fn owned<F>(
        &self,
        owner: &Scope,
        name: &Arc<str>,
        future: F,
    ) -> impl Future<Output = ()> + Send + use<F>
    where
        F: Future<Output = ()> + Send,
    {
        Owned::new(future, self.enter(owner, name), drop)
    }

    /// Runs a future in the background without an owner, named for the account of what is busy.
    pub fn execute(
        &self,
        kind: TaskKind,
        name: &Arc<str>,
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        match &self.0.activity {
            Some(activity) => {
                let tracked = activity.track(kind, Arc::clone(name), future);
                self.0.executor.execute(Box::pin(tracked));
            }
            None => self.0.executor.execute(Box::pin(future)),
        }
    }

    /// Like [`execute`](Spawner::execute), for a future that is on the heap already.
    pub fn execute_boxed(&self, kind: TaskKind, name: &Arc<str>, future: BoxFuture<'static, ()>) {
        match &self.0.activity {
            Some(_) => self.execute(kind, name, future),
            None => self.0.executor.execute(future),
        }
    }

    /// Counts `future`, which the caller runs itself, as a body.
    pub fn body<F: Future + Send + 'static>(
        &self,
        name: &Arc<str>,
        future: F,
    ) -> BoxFuture<'static, F::Output> {
        match &self.0.activity {
            Some(activity) => Box::pin(activity.track(TaskKind::Body, Arc::clone(name), future)),
            None => Box::pin(future),
        }
    }

    fn enter(&self, owner: &Scope, name: &Arc<str>) -> Live {
        owner.enter(Arc::clone(name), self.clone())
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

/// Tells of a panic in the task `name`, whose context this is.
fn panicked(
    events: &Events,
    name: &Arc<str>,
    ctx: Option<&Context>,
    payload: &(dyn Any + Send),
) -> Error {
    let message = panic_message(payload);
    let task = &**name;
    let cause = ctx.and_then(Context::cause_text);
    tracing::error!(
        name: event::TASK_PANICKED, task, error = message, cause, "a task panicked"
    );
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
