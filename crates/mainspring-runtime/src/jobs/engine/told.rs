//! What is told about an attempt: to the log, the metrics and whoever else listens.

use std::sync::Arc;
use std::time::Duration;

use mainspring_core::context::Context;
use mainspring_core::event::Event;
use mainspring_core::job::{JobId, Verdict};
use mainspring_core::store::ClaimedJob;
use mainspring_core::telemetry::event;
use mainspring_core::time::Monotonic;

use super::kind::Kind;
use crate::metrics::JobOutcome;

/// Tells of one attempt, which begins when this is made.
pub(super) struct Told {
    kind: Arc<Kind>,
    id: JobId,
    attempt: u32,
    ctx: Context,
    began: Monotonic,
    took: Duration,
}

impl Told {
    pub(super) fn new(kind: &Arc<Kind>, job: &ClaimedJob, ctx: &Context, began: Monotonic) -> Self {
        Self {
            kind: Arc::clone(kind),
            id: job.claim.id,
            attempt: job.attempt,
            ctx: ctx.clone(),
            began,
            took: Duration::ZERO,
        }
    }

    /// The body has ended; what is told belongs to its span.
    pub(super) fn ended(mut self, ctx: &Context) -> Self {
        self.took = ctx.clock().monotonic().since(self.began);
        self.ctx = ctx.clone();
        self
    }

    /// The attempt ended so.
    pub(super) fn tell(&self, verdict: &Verdict) {
        self.ctx.span().in_scope(|| self.log(verdict));
        self.count(verdict.as_str());
    }

    /// The attempt ended well, in a transaction of its own.
    pub(super) fn succeeded(&self) {
        self.count("succeeded");
    }

    fn count(&self, outcome: &'static str) {
        if let Some(outcome) = JobOutcome::from_word(outcome) {
            self.kind.metrics.finished(outcome, self.took);
        }
        let event = Event::Job {
            kind: Arc::clone(&self.kind.name),
            id: self.id,
            attempt: self.attempt,
            outcome,
            took: self.took,
        };
        self.ctx.env().spawner.events().emit(event);
    }

    fn log(&self, verdict: &Verdict) {
        let (kind, job, attempt) = (&*self.kind.name, self.id, self.attempt);
        let took = self.took.as_secs_f64();
        match verdict {
            Verdict::Fail { error } => {
                let cause = self.ctx.cause_text();
                tracing::error!(
                    name: event::JOB_FAILED, kind, %job, attempt, error, cause, took,
                    "a job failed for good"
                );
            }
            Verdict::Retry { error, .. } => {
                let cause = self.ctx.cause_text();
                tracing::warn!(
                    name: event::JOB_RETRIED, kind, %job, attempt, error, cause, took,
                    "an attempt failed, another follows"
                );
            }
            Verdict::Cancel { reason } => tracing::info!(
                name: event::JOB_CANCELLED, kind, %job, attempt, cause = reason, took,
                "a job was cancelled"
            ),
            _ => {}
        }
    }
}
