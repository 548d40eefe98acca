//! One follow-up running: its context, its limit, what becomes of it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use mainspring_core::activity::TaskKind;
use mainspring_core::context::{Context, SpanKind};
use mainspring_core::error::BoxError;
use mainspring_core::event::{Event, WorkOutcome};
use mainspring_core::spawn::panic_message;
use mainspring_core::telemetry::event;
use mainspring_core::time::Monotonic;
use tracing::Instrument;

use super::{FollowUps, Kind, Work};
use crate::failure::with_sources;

/// What a follow-up begins with.
pub(super) struct Start<'a> {
    pub(super) follow_ups: &'a FollowUps,
    pub(super) kind: &'a Arc<Kind>,
    pub(super) began: Monotonic,
    /// The context of this follow-up.
    pub(super) ctx: &'a Context,
}

/// Starts a follow-up; a panic on the way, such as one in the drop of a body that the runtime no
/// longer takes, ends only that follow-up.
pub(super) fn start(follow_ups: &FollowUps, work: Work) {
    let Work { kind, origin, task } = work;
    let mut own = None;
    let started = catch_unwind(AssertUnwindSafe(|| {
        let began = origin.clock().monotonic();
        let start = Start {
            follow_ups,
            kind: &kind,
            began,
            ctx: own.insert(context(follow_ups, &kind, &origin, began)),
        };
        let spawner = &origin.env().spawner;
        spawner.execute_boxed(TaskKind::Body, &kind.name, task.begin(start));
    }));
    if let Err(payload) = started {
        let (follow_up, error) = (&*kind.name, panic_message(&*payload));
        let cause = own.as_ref().and_then(Context::cause_text);
        let took = 0.0;
        tracing::error!(
            name: event::FOLLOW_UP_PANICKED, follow_up, error, cause, took,
            "a follow-up panicked as it began"
        );
    }
}

/// The context of a follow-up: detached from its request, with a limit of its own.
fn context(follow_ups: &FollowUps, kind: &Kind, origin: &Context, began: Monotonic) -> Context {
    let (deadline, cause) = (began + kind.limit, kind.cause.clone());
    let name = Arc::clone(&kind.work_name);
    let scope = &follow_ups.0.scope;
    origin.for_limited_work(SpanKind::FollowUp, name, scope, deadline, cause)
}

/// The whole of a follow-up: its body with its limit, and what becomes of it.
pub(super) fn whole<F, Fut>(
    start: Start<'_>,
    body: F,
) -> impl Future<Output = ()> + Send + use<F, Fut>
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let Start {
        follow_ups,
        kind,
        began,
        ctx,
    } = start;
    let limit = kind.limit;
    let mut running = Running {
        follow_ups: follow_ups.clone(),
        began,
        outcome: WorkOutcome::Cancelled,
        kind: Arc::clone(kind),
        ctx: ctx.clone(),
    };
    let (own, span) = (ctx.clone(), ctx.span().clone());
    let future = async move {
        let clock = own.clock().clone();
        // The body is made inside, so that a panic in the closure itself is caught as well.
        let body = AssertUnwindSafe(async move { body(own).await }).catch_unwind();
        running.outcome = match clock.timeout_from(began, limit, body).await {
            Ok(Ok(Ok(()))) => WorkOutcome::Succeeded,
            Ok(Ok(Err(error))) => WorkOutcome::Failed(with_sources(&*error)),
            Ok(Err(payload)) => WorkOutcome::Panicked(panic_message(&*payload)),
            Err(_) => WorkOutcome::TimedOut,
        };
        running.log();
    };
    let spawner = &ctx.env().spawner;
    spawner.owned(
        &follow_ups.0.scope,
        &kind.name,
        ctx.enter(future).instrument(span),
    )
}

/// Tells what became of a follow-up, however its future ends.
struct Running {
    follow_ups: FollowUps,
    began: Monotonic,
    outcome: WorkOutcome,
    kind: Arc<Kind>,
    ctx: Context,
}

impl Running {
    fn log(&self) {
        if self.outcome == WorkOutcome::Succeeded {
            return;
        }
        let follow_up = &*self.kind.name;
        let took = self.took().as_secs_f64();
        let cause = self.ctx.cause_text();
        match &self.outcome {
            WorkOutcome::Failed(error) => tracing::error!(
                name: event::FOLLOW_UP_FAILED, follow_up, error, cause, took,
                "a follow-up failed"
            ),
            WorkOutcome::Panicked(error) => tracing::error!(
                name: event::FOLLOW_UP_PANICKED, follow_up, error, cause, took,
                "a follow-up panicked"
            ),
            WorkOutcome::TimedOut => tracing::warn!(
                name: event::FOLLOW_UP_TIMED_OUT, follow_up, cause, took,
                "a follow-up ran into its limit"
            ),
            WorkOutcome::Cancelled => tracing::warn!(
                name: event::FOLLOW_UP_CANCELLED, follow_up, cause, "a follow-up was cut off"
            ),
            _ => {}
        }
    }

    fn took(&self) -> Duration {
        self.ctx.clock().monotonic().since(self.began)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.outcome == WorkOutcome::Cancelled {
            self.ctx.span().in_scope(|| self.log());
        }
        let took = self.took();
        self.kind.metrics.finished((&self.outcome).into(), took);
        let event = Event::FollowUp {
            name: Arc::clone(&self.kind.name),
            outcome: self.outcome.clone(),
            took,
        };
        self.ctx.env().spawner.events().emit(event);
        self.follow_ups.ended();
    }
}
