//! The context of one unit of work: cancellation and deadline with causes, values, span, clock and
//! spawner.

mod cancel;
mod current;
mod env;
mod span;
mod values;

use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use tracing::Span;

pub use current::Entered;
pub use env::{AppControl, Env, StopHook};
pub use span::SpanKind;

use crate::activity::{self, Io, Park, TaskKind, park};
use crate::cause::Cause;
use crate::clock::{Clock, Deadline};
use crate::error::{BoxError, Error};
use crate::identity::WorkName;
use crate::spawn::{OnPanic, Scope, Task, supervise};
use crate::time::Monotonic;
use cancel::Node;
use values::Values;

/// What a unit of work knows about itself and its surroundings; cheap to clone, passed by value.
///
/// It carries cancellation with a cause, a deadline with a cause, typed immutable values (request
/// id, user, trace), a tracing span, the clock and the spawner. A clone is the same context;
/// [`child`](Context::child), [`with_timeout`](Context::with_timeout) and
/// [`with_value`](Context::with_value) derive; [`detached`](Context::detached) keeps the values and
/// drops the cancellation, for work that outlives its request.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    node: Arc<Node>,
    values: Values,
    span: Span,
    scope: Scope,
    env: Arc<Env>,
}

impl Context {
    /// A context that inherits nothing; what it spawns is owned by `scope`. Apps make these; tests
    /// get theirs from the kit.
    pub fn root(env: Arc<Env>, scope: Scope) -> Self {
        let node = Arc::new(Node::root());
        Self(Arc::new(Inner {
            node,
            values: Values::default(),
            span: Span::none(),
            scope,
            env,
        }))
    }

    /// A context that is cancelled with this one and can be cancelled alone.
    pub fn child(&self) -> Self {
        self.derive(|inner| inner.node = Node::child(&inner.node, None))
    }

    /// A child that counts as cancelled, with `cause`, once `limit` has passed. An earlier deadline
    /// stays in force.
    ///
    /// ```
    /// # use mainspring_core::context::Context;
    /// # use std::time::Duration;
    /// fn for_one_mail(ctx: &Context) -> Context {
    ///     ctx.with_timeout(Duration::from_secs(30), "the mail server was too slow")
    /// }
    /// ```
    #[must_use = "the limit holds only for the returned context"]
    pub fn with_timeout(&self, limit: Duration, cause: impl Into<Cause>) -> Self {
        let at = self.clock().monotonic() + limit;
        let cause = cause.into();
        // Whatever the words were, a deadline's cause is a limit.
        let cause = if cause.is_limit() {
            cause
        } else {
            Cause::limit(cause.to_string())
        };
        self.derive(|inner| inner.node = Node::child(&inner.node, Some((at, cause))))
    }

    /// The same context with a typed value; a second value of the same type hides the first from
    /// this context on.
    #[must_use = "the value is only in the returned context"]
    pub fn with_value<T: Any + Send + Sync>(&self, value: T) -> Self {
        self.derive(|inner| inner.values = inner.values.with(value))
    }

    /// A context that keeps values and trace and drops cancellation and deadline, for work that
    /// outlives this one.
    ///
    /// It owns its values: nothing is pooled or shared with another request. Prefer `ctx.follow_up`
    /// on an action, which also gives the work a limit and drains it at shutdown.
    pub fn detached(&self) -> Self {
        let name = self
            .get::<WorkName>()
            .map_or("detached", |name| name.as_str());
        let span = span::work(SpanKind::Detached, name, self);
        self.derive(|inner| {
            inner.node = Arc::new(Node::root());
            inner.span = span;
        })
    }

    /// A detached context for a new unit of work of its own name, owned by `scope`.
    pub fn for_work(&self, kind: SpanKind, name: &Arc<str>, scope: &Scope) -> Self {
        let name = Arc::new(WorkName::new(Arc::clone(name)));
        self.work(kind, name, scope, None)
    }

    /// Like [`for_work`](Context::for_work), for work that counts as cancelled, with `cause`, at
    /// the deadline.
    pub fn for_limited_work(
        &self,
        kind: SpanKind,
        name: Arc<WorkName>,
        scope: &Scope,
        deadline: Monotonic,
        cause: Cause,
    ) -> Self {
        self.work(kind, name, scope, Some((deadline, cause)))
    }

    /// Like [`for_limited_work`](Context::for_limited_work), for one attempt of a job, which may
    /// have no limit.
    pub fn for_job(
        &self,
        name: Arc<WorkName>,
        scope: &Scope,
        limit: Option<(Monotonic, Cause)>,
    ) -> Self {
        self.work(SpanKind::Job, name, scope, limit)
    }

    /// The value of this type, if there is one.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.0.values.find()
    }

    /// Cancels this context and everything derived from it; the first cause stays.
    pub fn cancel(&self, cause: impl Into<Cause>) {
        self.0.node.cancel(self.clock().monotonic(), cause.into());
    }

    /// Whether this context is cancelled or its deadline has passed.
    pub fn is_cancelled(&self) -> bool {
        self.cause().is_some()
    }

    /// Why this context is cancelled: the earliest of all cancellations and deadlines on its path.
    pub fn cause(&self) -> Option<Cause> {
        self.0.node.cause(self.clock().monotonic())
    }

    /// The text of the cause, for a log line: a field without a value is left out.
    ///
    /// Its name there is [`CAUSE`](crate::telemetry::field::CAUSE).
    pub fn cause_text(&self) -> Option<String> {
        self.cause().map(|cause| cause.to_string())
    }

    /// The earliest deadline on this context's path.
    pub fn deadline(&self) -> Option<Monotonic> {
        self.0.node.deadline()
    }

    /// The time left until the deadline, if there is one.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline().map(|at| at.since(self.clock().monotonic()))
    }

    /// Waits until this context is cancelled, and says why. A Mainspring wait: a body that awaits
    /// it is parked.
    ///
    /// Cancel safe.
    #[track_caller]
    pub fn cancelled(&self) -> impl Future<Output = Cause> + Send + use<> {
        let ctx = self.clone();
        park(async move { ctx.cancelled_unparked().await })
    }

    /// Waits for a duration, or less if the context is cancelled.
    ///
    /// # Errors
    /// The cause, when the context was cancelled first.
    #[track_caller]
    pub fn sleep(
        &self,
        duration: Duration,
    ) -> impl Future<Output = Result<(), Cause>> + Send + use<> {
        self.run_until_cancelled(self.clock().sleep(duration))
    }

    /// Runs `future` until it is done or the context is cancelled, whichever comes first.
    ///
    /// # Errors
    /// The cause, when the context was cancelled first; the future is dropped then.
    #[track_caller]
    pub fn run_until_cancelled<F: Future>(
        &self,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Cause>> + use<F> {
        let ctx = self.clone();
        async move {
            let future = std::pin::pin!(future);
            let cancelled = std::pin::pin!(ctx.cancelled_unparked());
            match select(future, cancelled).await {
                Either::Left((output, _)) => Ok(output),
                Either::Right((cause, _)) => Err(cause),
            }
        }
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.0.env.clock
    }

    /// The span that logs of this work belong to.
    pub fn span(&self) -> &Span {
        &self.0.span
    }

    /// The surroundings that the app gave this context.
    pub fn env(&self) -> &Arc<Env> {
        &self.0.env
    }

    /// Who owns the tasks that this context spawns.
    pub fn scope(&self) -> &Scope {
        &self.0.scope
    }

    /// Starts a task that the component (or other owner) of this context owns: it is cancelled and
    /// awaited at its stop.
    ///
    /// The task gets a context of its own: with this one's values, cancelled with this one, without
    /// this one's deadline. `work` is called at once, its future runs in the background. A panic
    /// ends only the task; it is logged and counted under the name. Use
    /// [`supervise`](Context::supervise) for a loop that should be restarted or stop the app.
    ///
    /// A request's context is cancelled once its response has been sent, with the cause
    /// [`Finished`](crate::cause::CauseKind::Finished), and so is what it spawned: work after the
    /// response is a follow-up. The HTTP server owns such tasks, and its drain waits for them.
    pub fn spawn<F, Fut>(&self, name: &str, work: F) -> Task<Fut::Output>
    where
        F: FnOnce(Context) -> Fut,
        Fut: Future<Output: Send> + Send + 'static,
    {
        self.start(&Arc::from(name), work, |ended| ended)
    }

    /// Starts a task that follows a policy when it panics; otherwise like
    /// [`spawn`](Context::spawn).
    ///
    /// Awaiting it tells how its last run ended: an error that names the panic if that was one,
    /// because the policy does not restart it or because it was cancelled before its restart.
    pub fn supervise<F, Fut>(&self, name: &str, on_panic: OnPanic, work: F) -> Task<()>
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let owned: Arc<str> = Arc::from(name);
        let task_name = Arc::clone(&owned);
        let make =
            move |ctx: Context| async move { supervise(ctx, &task_name, on_panic, work).await };
        self.start(&owned, make, |ended| ended?)
    }

    /// Registers work to be done at shutdown, last in first out with the components.
    ///
    /// Registered inside a component's `start`, it runs after that component's `stop`, also when
    /// the start failed.
    ///
    /// # Errors
    /// Refused once shutdown has begun, where there is no app, and when the name is empty or longer
    /// than the 128 bytes that the app's other names may have.
    pub fn on_stop<F, Fut>(&self, name: &str, hook: F) -> Result<(), Error>
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let hook: StopHook = Box::new(move |ctx| Box::pin(hook(ctx)));
        self.0.env.control.on_stop(name, hook)
    }

    /// Asks the app to shut down; returns at once.
    pub fn shutdown(&self, cause: impl Into<Cause>) {
        self.0
            .env
            .control
            .shutdown(self.work_name(), cause.into(), false);
    }

    /// Marks a stretch as busy: virtual time stands still while `future` is pending. For loops
    /// around sockets and pools.
    pub fn io<F: Future>(&self, future: F) -> Io<F> {
        activity::io(future)
    }

    /// Marks a body's own wait that depends on the clock: virtual time may move while `future` is
    /// pending.
    #[track_caller]
    pub fn park<F: Future>(&self, future: F) -> Park<F> {
        activity::park(future)
    }

    /// Lifts the deadline that [`with_timeout`](Context::with_timeout) gave exactly this context,
    /// for all its clones and children.
    ///
    /// It also lifts a deadline that has passed: work that was done in time, but looked at late, is
    /// not cut off afterwards.
    pub fn lift_deadline(&self) {
        self.0.node.lift();
    }

    /// Shuts the app down because something failed: it exits with code 3.
    pub(crate) fn fail_app(&self, cause: Cause) {
        self.0.env.control.shutdown(self.work_name(), cause, true);
    }

    /// What the work of this context is called.
    fn work_name(&self) -> &str {
        self.get::<WorkName>()
            .map_or("unnamed", |name| name.as_str())
    }

    /// Waits for the cancellation without parking, for guards: what they guard decides whether a
    /// body is idle.
    async fn cancelled_unparked(&self) -> Cause {
        loop {
            if let Some(cause) = self.cause() {
                return cause;
            }
            let cancelled = std::pin::pin!(self.0.node.token().cancelled());
            let Some(at) = self.deadline() else {
                cancelled.await;
                continue;
            };
            let mut alarm = self.clock().alarm(Deadline::Monotonic(at));
            let _ = select(cancelled, poll_fn(|cx| alarm.poll(cx))).await;
        }
    }

    /// Starts a task whose handle says what `told` makes of its end.
    fn start<F, Fut, T>(
        &self,
        name: &Arc<str>,
        work: F,
        told: fn(Result<Fut::Output, Error>) -> Result<T, Error>,
    ) -> Task<T>
    where
        F: FnOnce(Context) -> Fut,
        Fut: Future<Output: Send> + Send + 'static,
        T: Send + 'static,
    {
        let ctx = self.for_task(name);
        let own = ctx.clone();
        // A panic before there is a future belongs to the task, too.
        let made = own
            .span()
            .in_scope(|| catch_unwind(AssertUnwindSafe(|| work(ctx))));
        let future = own.enter(async move {
            match made {
                Ok(future) => future.await,
                Err(payload) => resume_unwind(payload),
            }
        });
        let Inner { scope, env, .. } = &*self.0;
        env.spawner
            .spawn_under(Some(own), scope, TaskKind::Loop, name, future, told)
    }

    fn for_task(&self, name: &Arc<str>) -> Self {
        let named = self.with_value(WorkName::new(Arc::clone(name)));
        let span = span::work(SpanKind::Task, name, &named);
        named.derive(|inner| {
            inner.node = Node::task(&inner.node);
            inner.span = span;
        })
    }

    /// One context made at once instead of derived step by step: every follow-up and run pays for
    /// it.
    fn work(
        &self,
        kind: SpanKind,
        name: Arc<WorkName>,
        scope: &Scope,
        limit: Option<(Monotonic, Cause)>,
    ) -> Self {
        Self(Arc::new(Inner {
            node: Arc::new(Node::limited_root(limit)),
            span: span::work(kind, name.as_str(), self),
            values: self.0.values.named(name),
            scope: scope.clone(),
            env: Arc::clone(&self.0.env),
        }))
    }

    fn derive(&self, edit: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = (*self.0).clone();
        edit(&mut inner);
        Self(Arc::new(inner))
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("cause", &self.cause())
            .field("deadline", &self.deadline())
            .finish_non_exhaustive()
    }
}
