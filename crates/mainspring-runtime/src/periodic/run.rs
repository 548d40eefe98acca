//! One run of a periodic.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

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

pub(super) fn context(root: &Context, name: &Arc<str>, scope: &Scope) -> Context {
    root.for_work(SpanKind::Periodic, name, scope)
}

pub(super) fn replaced(name: &str) -> Cause {
    Cause::new(
        CauseKind::Replaced,
        format!("the next run of `{name}` is due"),
    )
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
            Ok(Err(error)) => WorkOutcome::Failed(error.to_string()),
            Err(payload) => WorkOutcome::Panicked(panic_message(&*payload)),
        };
        running.log();
    };
    let span = ctx.span().clone();
    drop(
        ctx.env()
            .spawner
            .spawn(scope, TaskKind::Body, name, body.instrument(span)),
    );
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
        match &self.outcome {
            WorkOutcome::Failed(error) => {
                tracing::warn!(name: event::PERIODIC_FAILED, %error, "a periodic run failed");
            }
            WorkOutcome::Panicked(error) => {
                tracing::error!(name: event::PERIODIC_PANICKED, %error, "a periodic run panicked");
            }
            _ => {}
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let took = self.ctx.clock().monotonic().since(self.began);
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
