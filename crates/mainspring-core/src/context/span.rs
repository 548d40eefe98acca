//! The span of one unit of work: its name and the ids that every log line under it carries.

use tracing::Span;
use tracing::field::{Empty, display};

use super::Context;
use crate::identity::{RequestId, TraceContext};
use crate::telemetry::span;

/// The kinds of work that have a span; the names are in the telemetry table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpanKind {
    /// A component's start.
    ComponentStart,
    /// A component's stop, or a stop hook.
    ComponentStop,
    /// An action or a plain route.
    Action,
    /// A follow-up.
    FollowUp,
    /// A run of a periodic.
    Periodic,
    /// An attempt of a job.
    Job,
    /// A health probe.
    Probe,
    /// A supervised task.
    Task,
    /// A detached context.
    Detached,
}

/// A root span with the ids of `ctx`; it follows from the span of `ctx` instead of living inside
/// it, which may end first.
pub(super) fn work(kind: SpanKind, name: &str, ctx: &Context) -> Span {
    macro_rules! root {
        ($span:expr) => {
            tracing::info_span!(
                parent: None, $span, work = name, request_id = Empty, trace_id = Empty
            )
        };
    }
    let made = match kind {
        SpanKind::ComponentStart => root!(span::COMPONENT_START),
        SpanKind::ComponentStop => root!(span::COMPONENT_STOP),
        SpanKind::Action => root!(span::ACTION),
        SpanKind::FollowUp => root!(span::FOLLOW_UP),
        SpanKind::Periodic => root!(span::PERIODIC),
        SpanKind::Job => root!(span::JOB),
        SpanKind::Probe => root!(span::PROBE),
        SpanKind::Task => root!(span::TASK),
        SpanKind::Detached => root!(span::DETACHED),
    };
    if made.is_disabled() {
        return made;
    }
    if let Some(id) = ctx.get::<RequestId>() {
        made.record("request_id", display(id));
    }
    if let Some(trace) = ctx.get::<TraceContext>() {
        made.record("trace_id", display(trace.trace_id()));
    }
    made.follows_from(ctx.span());
    made
}
