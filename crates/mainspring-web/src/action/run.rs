//! One call of an action, from the request's head to the answer.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use http::Response;
use mainspring_core::context::Context;
use mainspring_core::telemetry::event;
use mainspring_runtime::follow_up::Batch;
use tracing::Instrument;

use super::admit::{Admitted, admit};
use super::{Action, Entry, decode};
use crate::context::ActionContext;
use crate::error::{ActionError, Validate};
use crate::http::{Call, Finish, OutBody, Success};

/// Answers a request.
pub(super) async fn answer<A: Action>(
    action: Arc<A>,
    entry: Arc<Entry>,
    call: Call,
) -> Response<OutBody> {
    let mut finish = call.finish();
    let ctx = call.head.context().clone();
    let mut batch = None;
    let work = ctx.enter(whole(&*action, &entry, call, &mut batch, &mut finish));
    let ended = catch(work.instrument(ctx.span().clone())).await;
    let _inside = ctx.span().enter();
    finish.action(ended, batch)
}

/// The same call under the action's limit.
pub(super) fn limited(entry: &Entry, ctx: ActionContext) -> ActionContext {
    let limited = ctx.with_timeout(entry.limits.timeout, entry.cause.clone());
    ctx.under(limited)
}

/// Calls the action, whose context is [`limited`], and cuts it off at its limit.
pub(super) async fn call<A: Action>(
    action: &A,
    entry: &Entry,
    ctx: ActionContext,
    input: A::Input,
) -> Result<A::Output, ActionError> {
    let limit = entry.limits.timeout;
    let (clock, watch) = (ctx.clock().clone(), ctx.context().clone());
    let began = clock.monotonic();
    let work = action.call(ctx, input);
    match clock.timeout(limit, work).await {
        // An action that obeys its context returns the limit as an error of its own.
        Ok(Err(error)) if error.is_opaque() && has_passed(&watch) => Err(timed_out(entry, &watch)),
        Ok(ended) => {
            tell_if_slow(entry, &watch, clock.monotonic().since(began));
            ended
        }
        Err(_) => Err(timed_out(entry, &watch)),
    }
}

fn tell_if_slow(entry: &Entry, ctx: &Context, took: Duration) {
    if took > entry.limits.slow {
        let cause = ctx.cause_text();
        tracing::warn!(
            name: event::ACTION_SLOW,
            action = entry.name, cause, took = took.as_secs_f64(), "an action was slow"
        );
    }
}

fn has_passed(ctx: &Context) -> bool {
    ctx.cause().is_some_and(|cause| cause.is_limit())
}

fn timed_out(entry: &Entry, ctx: &Context) -> ActionError {
    let took = entry.limits.timeout.as_secs_f64();
    let cause = ctx.cause_text();
    tracing::warn!(
        name: event::ACTION_TIMED_OUT,
        action = entry.name, cause, took, "an action ran into its limit"
    );
    ActionError::timeout("the action took too long")
}

/// Runs a future and catches its panic.
pub(crate) async fn catch<T>(
    work: impl Future<Output = Result<T, ActionError>>,
) -> Result<Result<T, ActionError>, Box<dyn Any + Send>> {
    AssertUnwindSafe(work).catch_unwind().await
}

async fn whole<A: Action>(
    action: &A,
    entry: &Entry,
    request: Call,
    batch: &mut Option<Batch>,
    finish: &mut Finish,
) -> Result<Success, ActionError> {
    let metrics = request.server.site.metrics.clone();
    let admitted = admit(entry, request, batch, &mut finish.quota).await?;
    let Admitted { ctx, body, permit } = admitted;
    let input: A::Input = decode::decode(&body)?;
    drop(body);
    input.validate()?;
    let head = ctx.head().clone();
    let ctx = limited(entry, ctx);
    finish.ctx = Some(ctx.context().clone());
    let running = metrics.action_running();
    let output = call(action, entry, ctx, input).await?;
    drop(running);
    drop(permit);
    let json = serde_json::to_vec(&output)?.into();
    Ok(Success {
        json,
        added: head.answer().take(),
    })
}
