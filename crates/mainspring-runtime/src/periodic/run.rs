//! One run of a periodic.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use mainspring_core::activity::TaskKind;
use mainspring_core::cause::{Cause, CauseKind};
use mainspring_core::context::{Context, SpanKind};
use mainspring_core::event::{Event, WorkOutcome};
use mainspring_core::periodic::Run;
use mainspring_core::spawn::{Scope, panic_message};
use mainspring_core::telemetry::event;
use mainspring_core::time::{Monotonic, Timestamp};
use tracing::Instrument;

use super::engine::Engine;
use super::queue::Place;
use super::{Handler, Tick};
use crate::failure::with_sources;

pub(super) fn context(root: &Context, name: &Arc<str>, scope: &Scope) -> Context {
    root.for_work(SpanKind::Periodic, name, scope)
}

pub(super) fn replaced(name: &str) -> Cause {
    Cause::new(
        CauseKind::Replaced,
        format!("the next run of `{name}` is due"),
    )
}

/// Tells that a fire did not run because of another one, or of the shutdown.
pub(super) fn skipped(root: &Context, name: &Arc<str>, scheduled_for: Timestamp) {
    let periodic = &**name;
    tracing::debug!(
        name: event::PERIODIC_SKIPPED, periodic, %scheduled_for, "a fire was skipped"
    );
    root.env().spawner.events().emit(Event::PeriodicRun {
        name: Arc::clone(name),
        scheduled_for,
        outcome: WorkOutcome::Dropped,
        took: Duration::ZERO,
    });
}

/// Tells that fires passed without a run of their own.
pub(super) fn missed(name: &str, fires: u32) {
    tracing::warn!(name: event::PERIODIC_MISSED, periodic = name, missed = fires, "fires passed");
}

pub(super) fn start(
    engine: &Engine,
    place: Place,
    name: &Arc<str>,
    handler: Handler,
    tick: Tick,
    scope: &Scope,
) {
    let ctx = tick.context().clone();
    let mut running = Running {
        engine: engine.clone(),
        place,
        name: Arc::clone(name),
        scheduled_for: tick.scheduled_for(),
        started: ctx.clock().now(),
        began: ctx.clock().monotonic(),
        outcome: WorkOutcome::Cancelled,
        ctx: ctx.clone(),
    };
    let body = async move {
        // The future is made inside, so that a panic in the closure itself is caught as well.
        let body = AssertUnwindSafe(async move { handler(tick).await }).catch_unwind();
        running.outcome = match body.await {
            Ok(Ok(())) => WorkOutcome::Succeeded,
            Ok(Err(_)) if running.ctx.is_cancelled() => WorkOutcome::Cancelled,
            Ok(Err(error)) => WorkOutcome::Failed(with_sources(&*error)),
            Err(payload) => WorkOutcome::Panicked(panic_message(&*payload)),
        };
        running.log();
    };
    let body = ctx.enter(body).instrument(ctx.span().clone());
    drop(ctx.env().spawner.spawn(scope, TaskKind::Body, name, body));
}

/// Tells what became of a run, however its future ends.
struct Running {
    engine: Engine,
    place: Place,
    name: Arc<str>,
    scheduled_for: Timestamp,
    started: Timestamp,
    began: Monotonic,
    outcome: WorkOutcome,
    ctx: Context,
}

impl Running {
    fn log(&self) {
        let (periodic, scheduled_for) = (&*self.name, self.scheduled_for);
        let took = self.took().as_secs_f64();
        let cause = self.ctx.cause_text();
        match &self.outcome {
            WorkOutcome::Failed(error) => tracing::error!(
                name: event::PERIODIC_FAILED, periodic, %scheduled_for, error, cause, took,
                "a run of a periodic failed"
            ),
            WorkOutcome::Panicked(error) => tracing::error!(
                name: event::PERIODIC_PANICKED, periodic, %scheduled_for, error, cause, took,
                "a run of a periodic panicked"
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
        let took = self.took();
        self.ctx.env().spawner.events().emit(Event::PeriodicRun {
            name: Arc::clone(&self.name),
            scheduled_for: self.scheduled_for,
            outcome: self.outcome.clone(),
            took,
        });
        let (scheduled_for, started) = (self.scheduled_for, self.started);
        let outcome = (&self.outcome).into();
        self.engine.finished(
            self.place,
            Run {
                scheduled_for,
                started,
                took,
                outcome,
            },
        );
    }
}
