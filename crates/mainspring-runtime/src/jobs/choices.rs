//! What an enqueue may say about its jobs.

use std::sync::Arc;
use std::time::Duration;

use mainspring_core::context::Context;
use mainspring_core::identity::{RequestId, TraceContext};
use mainspring_core::job::{Job, Meta, Priority};
use mainspring_core::store::rules;
use mainspring_core::time::{Timestamp, wall_after};

/// What all jobs of one enqueue have in common.
#[derive(Clone, Debug)]
pub(super) struct Choices {
    pub(super) queue: Arc<str>,
    pub(super) priority: Priority,
    pub(super) due: Due,
    pub(super) max_attempts: u32,
    pub(super) meta: Meta,
}

/// When a job is due.
#[derive(Clone, Copy, Debug)]
pub(super) enum Due {
    After(Duration),
    At(Timestamp),
}

impl Choices {
    /// What the jobs' type says.
    pub(super) fn of<J: Job>() -> Self {
        let options = J::options();
        let mut choices = Self {
            queue: Arc::from(options.queue),
            priority: options.priority,
            due: Due::After(Duration::ZERO),
            max_attempts: options.retry.max_attempts,
            meta: Meta::default(),
        };
        if let Some(ctx) = Context::current() {
            choices.caused_by(&ctx);
        }
        choices
    }

    /// When the jobs are due, which are enqueued now.
    pub(super) fn due(&self, now: Timestamp) -> Timestamp {
        match self.due {
            // Stores round up what is due: the job would have to be promoted a moment later.
            Due::After(Duration::ZERO) => rules::past(now),
            Due::After(delay) => wall_after(now, delay),
            Due::At(at) => at,
        }
    }

    pub(super) fn caused_by(&mut self, ctx: &Context) {
        let trace = ctx.get::<TraceContext>().map(ToString::to_string);
        self.meta.trace = trace.map(Arc::from);
        let request = ctx.get::<RequestId>();
        self.meta.request_id = request.map(|id| Arc::from(id.as_str()));
    }
}

/// The choices as methods of a builder with a field `choices`, so that one job and many read alike.
macro_rules! choose {
    () => {
        /// Due after this time, counted from the enqueue; the later of this and
        /// [`at`](Self::at) that is called last wins.
        pub fn after(mut self, delay: Duration) -> Self {
            self.choices.due = Due::After(delay);
            self
        }

        /// Due at this instant; one that has passed means at once.
        pub fn at(mut self, instant: Timestamp) -> Self {
            self.choices.due = Due::At(instant);
            self
        }

        /// Into this queue instead of the type's.
        pub fn queue(mut self, queue: impl Into<Arc<str>>) -> Self {
            self.choices.queue = queue.into();
            self
        }

        /// With this priority instead of the type's.
        pub fn priority(mut self, priority: Priority) -> Self {
            self.choices.priority = priority;
            self
        }

        /// With so many attempts instead of the type's; zero counts as one.
        pub fn max_attempts(mut self, attempts: u32) -> Self {
            self.choices.max_attempts = attempts.max(1);
            self
        }

        /// Words to find it by; further calls add to them. At most
        /// [`TAGS_MAX`](mainspring_core::job::TAGS_MAX) of
        /// [`TAG_BYTES_MAX`](mainspring_core::job::TAG_BYTES_MAX) bytes.
        pub fn tags<T: Into<Arc<str>>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
            // One more than allowed is enough to be refused.
            let tags = tags.into_iter().map(Into::into).take(TAGS_MAX + 1);
            self.choices.meta.tags.extend(tags);
            self
        }

        /// A value that goes along beside the payload, such as the tenant: for middleware and
        /// listings. At most [`META_VALUES_MAX`](mainspring_core::job::META_VALUES_MAX).
        pub fn meta(mut self, key: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
            self.choices.meta.values.insert(key.into(), value.into());
            self
        }

        /// Carries the id and the trace of this context's request along. Within an app's work that
        /// is done by itself ([`Context::current`]); this is for code that runs outside of it.
        pub fn caused_by(mut self, ctx: &Context) -> Self {
            self.choices.caused_by(ctx);
            self
        }
    };
}

pub(super) use choose;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_at_once_is_due_for_a_store_that_rounds() {
        let now = Timestamp::UNIX_EPOCH + Duration::from_nanos(1_500);
        let choices = |delay| Choices {
            queue: Arc::from("default"),
            priority: Priority::default(),
            due: Due::After(delay),
            max_attempts: 1,
            meta: Meta::default(),
        };
        let at_once = choices(Duration::ZERO).due(now);
        assert!(rules::due(at_once) <= rules::past(now));
        let later = choices(Duration::from_nanos(1)).due(now);
        assert_eq!(later, now + Duration::from_nanos(1), "nothing starts early");
    }
}
