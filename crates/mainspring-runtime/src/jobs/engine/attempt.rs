//! One attempt: its context, its limits, and how it ended.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use mainspring_core::cause::CauseKind;
use mainspring_core::context::Context;
use mainspring_core::dispatch::{Ended, Policy, verdict};
use mainspring_core::error::BoxError;
use mainspring_core::identity::{RequestId, TraceContext};
use mainspring_core::job::{ErrorClass, Outcome, Verdict};
use mainspring_core::periodic::Moment;
use mainspring_core::store::{ClaimedJob, Finish};
use mainspring_core::time::Monotonic;
use tracing::Instrument;

use super::Shared;
use super::kind::Kind;
use super::runner::{Slot, caught};
use super::told::Told;
use crate::failure::with_sources;
use crate::jobs::JobContext;
use crate::jobs::middleware::Next;
use crate::jobs::worker::Unreadable;

impl Shared {
    /// Runs one attempt from its start to its end.
    pub(super) async fn attempt(&self, slot: &Arc<Slot>, job: ClaimedJob, now: Moment) -> Finish {
        let claim = job.claim;
        let Some(kind) = self.kinds.get(&job.kind) else {
            // Only known kinds are asked for.
            return Finish::new(claim, Verdict::Release, None);
        };
        if job.payload.version() > kind.worker.version() && job.payload.is_intact() {
            let policy = policy(&job);
            return Finish::new(claim, verdict(Ended::TooNew, policy, now.wall), None);
        }
        let policy = policy(&job);
        let told = Told::new(kind, &job, &self.ctx, now.monotonic);
        let ctx = self.context(kind, &job, now.monotonic);
        slot.begin(claim, ctx.clone(), Arc::clone(&kind.name), now.monotonic);
        let running = self.metrics.jobs().running();
        let ctx = JobContext::new(ctx, job, Arc::clone(&self.bound), now.wall);
        slot.mark(&*self.bound.store, Some((self.session(), claim)));
        let ended = self.body(slot, kind, &ctx, now.monotonic).await;
        drop(running);
        let ended = how(kind, &ctx, slot.end(), ended);
        let elsewhere = ended == Ended::CompletedElsewhere;
        let policy = match ended {
            Ended::Returned(_) => policy,
            // Drawn only when it may be needed: most attempts end well.
            _ => Policy {
                rest: kind.retry.rest(policy.attempt, &self.bound.random),
                ..policy
            },
        };
        let verdict = verdict(ended, policy, self.bound.clock.now());
        let told = told.ended(ctx.context());
        match elsewhere {
            true => drop(self.untold().insert((claim.id, claim.token), told)),
            false => told.tell(&verdict),
        }
        // What the body has spawned ends with it.
        ctx.cancel(self.over.clone());
        Finish::new(claim, verdict, Some(now.wall))
    }

    async fn body(
        &self,
        slot: &Arc<Slot>,
        kind: &Kind,
        ctx: &JobContext,
        began: Monotonic,
    ) -> Result<Cut<Result<Outcome, BoxError>>, String> {
        let limit = kind.limit.as_ref().map(|(limit, _)| *limit);
        let (own, clock) = (ctx.context(), &self.bound.clock);
        let ctx = ctx.clone();
        // The future is made inside, so that a panic in the call itself is caught as well.
        let body = async move {
            if self.middlewares.is_empty() {
                return kind.worker.work(ctx).await;
            }
            let next = Next::first(Arc::clone(&self.middlewares), Arc::clone(&kind.worker));
            next.run(ctx).await
        };
        let body = Guarded {
            body: own.enter(body).instrument(own.span().clone()),
            slot,
        };
        let guarded = async move {
            match limit {
                None => body.await,
                Some(limit) => {
                    let ended = clock.timeout_from(began, limit, body).await;
                    ended.unwrap_or(Cut::TimedOut(limit))
                }
            }
        };
        caught(guarded).await
    }

    fn context(&self, kind: &Kind, job: &ClaimedJob, now: Monotonic) -> Context {
        let request = job.meta.request_id.as_ref();
        let trace = job
            .meta
            .trace
            .as_ref()
            .and_then(|trace| TraceContext::parse(trace));
        let mut root = self.ctx.clone();
        if let Some(id) = request {
            root = root.with_value(RequestId::new(Arc::clone(id)));
        }
        if let Some(trace) = trace {
            root = root.with_value(trace);
        }
        let limit = kind.limit.as_ref();
        let limit = limit.map(|(limit, cause)| (now + *limit, cause.clone()));
        root.for_job(Arc::clone(&kind.work_name), &self.bodies, limit)
    }
}

fn policy(job: &ClaimedJob) -> Policy {
    Policy {
        attempt: job.attempt,
        max_attempts: job.max_attempts,
        rest: Duration::ZERO,
    }
}

/// How a body ended, in the words of the decision.
fn how(
    kind: &Kind,
    ctx: &JobContext,
    cancelled: Option<Arc<str>>,
    ended: Result<Cut<Result<Outcome, BoxError>>, String>,
) -> Ended {
    let cancel = |reason: Arc<str>| Ended::Cancelled(reason.as_ref().to_owned());
    match (ended, cancelled) {
        (Ok(Cut::No(Ok(outcome))), _) => match ctx.has_completed() {
            true => Ended::CompletedElsewhere,
            false => Ended::Returned(outcome),
        },
        (_, Some(reason)) => cancel(reason),
        (Ok(Cut::No(Err(error))), None) => {
            if let Some(Unreadable(error)) = error.downcast_ref() {
                return Ended::Unreadable(with_sources(error));
            }
            // Told to stop for reasons that are not its own: that is no failure.
            let cause = ctx.cause().map(|cause| cause.kind());
            if let Some(CauseKind::Shutdown | CauseKind::Replaced) = cause {
                return Ended::Stopped;
            }
            let class = caught_class(kind, &error);
            Ended::Failed(with_sources(&*error), class)
        }
        (Ok(Cut::TimedOut(limit)), None) => Ended::TimedOut(limit),
        (Ok(Cut::Cancelled), None) => Ended::Cancelled("it was cancelled".to_owned()),
        (Err(message), None) => Ended::Panicked(message),
    }
}

/// The class that the worker gives an error; one that panics over it retries.
fn caught_class(kind: &Kind, error: &BoxError) -> ErrorClass {
    let classify = std::panic::AssertUnwindSafe(|| kind.worker.classify(error));
    std::panic::catch_unwind(classify).unwrap_or(ErrorClass::Retry)
}

/// Whether a body was cut off.
enum Cut<T> {
    No(T),
    TimedOut(Duration),
    Cancelled,
}

pin_project_lite::pin_project! {
    /// A body that can be cut off. It is no wait: the body itself decides whether it is idle.
    struct Guarded<'a, F> {
        #[pin]
        body: F,
        slot: &'a Slot,
    }
}

impl<F: Future> Future for Guarded<'_, F> {
    type Output = Cut<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Poller<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.body.poll(cx) {
            return Poll::Ready(Cut::No(output));
        }
        this.slot.waker().register(cx.waker());
        match this.slot.is_cut() {
            true => Poll::Ready(Cut::Cancelled),
            false => Poll::Pending,
        }
    }
}
