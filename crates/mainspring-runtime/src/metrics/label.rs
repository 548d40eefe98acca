//! The fixed words of labels. A label is one of these or the name of something registered.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use mainspring_core::event::WorkOutcome;

/// One of a fixed set of words.
pub(super) trait Label: Copy + 'static {
    const ALL: &'static [Self];
    fn word(self) -> &'static str;
    fn position(self) -> usize;
}

macro_rules! labels {
    ($(
        $(#[$doc:meta])*
        $name:ident { $($(#[$word_doc:meta])* $variant:ident = $word:literal,)+ }
    )+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name { $($(#[$word_doc])* $variant,)+ }

        impl $name {
            /// The word in the metric's label.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }
        }

        impl Label for $name {
            const ALL: &'static [Self] = &[$($name::$variant,)+];
            fn word(self) -> &'static str { self.as_str() }
            fn position(self) -> usize { self as usize }
        }
    )+};
}

labels! {
    /// How an action call ended.
    ActionOutcome {
        /// It answered.
        Succeeded = "succeeded",
        /// The input could not be read.
        BadInput = "bad_input",
        /// Nobody was signed in.
        Unauthenticated = "unauthenticated",
        /// The caller may not do this.
        Forbidden = "forbidden",
        /// There was nothing by that name.
        NotFound = "not_found",
        /// It contradicts what is there.
        Conflict = "conflict",
        /// The body was too large.
        TooLarge = "too_large",
        /// The input was read and refused.
        Invalid = "invalid",
        /// Over a rate or concurrency limit.
        TooMany = "too_many",
        /// Cut off by its own limit.
        TimedOut = "timed_out",
        /// It ended in an error that is ours.
        Failed = "failed",
        /// It panicked.
        Panicked = "panicked",
        /// The app could not take it, because it starts or stops.
        Unavailable = "unavailable",
    }

    /// How a follow-up, or a run of a periodic, ended: the words of [`WorkOutcome`].
    RunOutcome {
        /// It returned without an error.
        Succeeded = "succeeded",
        /// It returned an error.
        Failed = "failed",
        /// It panicked.
        Panicked = "panicked",
        /// Cut off by its own limit.
        TimedOut = "timed_out",
        /// Cut off because the app was stopping or an overlap policy said so.
        Cancelled = "cancelled",
        /// It never ran.
        Dropped = "dropped",
    }

    /// How an attempt of a job ended: the words of
    /// [`Verdict::as_str`](mainspring_core::job::Verdict::as_str).
    JobOutcome {
        /// The job has succeeded.
        Succeeded = "succeeded",
        /// Another attempt follows.
        Retried = "retried",
        /// It goes on later.
        Snoozed = "snoozed",
        /// The job is cancelled.
        Cancelled = "cancelled",
        /// The job has failed for good.
        Failed = "failed",
        /// It was given back.
        Released = "released",
    }

    /// What became of a trigger call.
    TriggerOutcome {
        /// Its work was accepted.
        Accepted = "accepted",
        /// It was accepted before; nothing runs again.
        Replayed = "replayed",
        /// Its signature or token was wrong.
        Refused = "refused",
        /// The memory of ids, or the queue, was full.
        Full = "full",
    }

    /// The result of a health probe.
    ProbeOutcome {
        /// All well.
        Healthy = "healthy",
        /// Impaired, yet able to serve.
        Degraded = "degraded",
        /// Not able to serve.
        Unhealthy = "unhealthy",
        /// It went over its limit.
        TimedOut = "timed_out",
        /// It panicked.
        Panicked = "panicked",
    }

    /// Where a component is in its life.
    ComponentState {
        /// Its start runs.
        Starting = "starting",
        /// It has started.
        Started = "started",
        /// Its start or stop failed.
        Failed = "failed",
        /// Its stop runs.
        Stopping = "stopping",
        /// It has stopped.
        Stopped = "stopped",
        /// It ignored its limit and was left behind.
        Abandoned = "abandoned",
    }
}

impl From<&WorkOutcome> for RunOutcome {
    fn from(outcome: &WorkOutcome) -> Self {
        match outcome {
            WorkOutcome::Succeeded => RunOutcome::Succeeded,
            WorkOutcome::Panicked(_) => RunOutcome::Panicked,
            WorkOutcome::TimedOut => RunOutcome::TimedOut,
            WorkOutcome::Cancelled => RunOutcome::Cancelled,
            WorkOutcome::Dropped => RunOutcome::Dropped,
            // Also what has no word of its own yet.
            _ => RunOutcome::Failed,
        }
    }
}

impl JobOutcome {
    /// The outcome of this word, if there is one.
    pub fn from_word(word: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|outcome| outcome.as_str() == word)
    }
}

impl ComponentState {
    /// The state of this word, if there is one.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|state| state.as_str() == word)
    }
}

impl ActionOutcome {
    /// The outcome that an HTTP status stands for.
    pub const fn from_status(status: u16) -> Self {
        match status {
            0..400 => ActionOutcome::Succeeded,
            401 => ActionOutcome::Unauthenticated,
            403 => ActionOutcome::Forbidden,
            404 => ActionOutcome::NotFound,
            409 => ActionOutcome::Conflict,
            413 => ActionOutcome::TooLarge,
            422 => ActionOutcome::Invalid,
            429 => ActionOutcome::TooMany,
            503 => ActionOutcome::Unavailable,
            504 => ActionOutcome::TimedOut,
            400..500 => ActionOutcome::BadInput,
            _ => ActionOutcome::Failed,
        }
    }
}

/// A count for each word of a label.
pub(super) struct Tally<L> {
    counts: Box<[AtomicU64]>,
    label: PhantomData<L>,
}

impl<L: Label> Tally<L> {
    pub(super) fn add(&self, label: L) {
        if let Some(count) = self.counts.get(label.position()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The words that were counted at least once.
    pub(super) fn counted(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        L::ALL
            .iter()
            .map(|label| label.word())
            .zip(counts)
            .filter(|(_, count)| *count > 0)
    }
}

impl<L: Label> Default for Tally<L> {
    fn default() -> Self {
        Tally {
            counts: L::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            label: PhantomData,
        }
    }
}

impl<L: Label> fmt::Debug for Tally<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.counted()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_its_own_count() {
        let tally = Tally::<ActionOutcome>::default();
        ActionOutcome::ALL
            .iter()
            .for_each(|outcome| tally.add(*outcome));
        tally.add(ActionOutcome::Panicked);
        let counted: Vec<_> = tally.counted().collect();
        assert_eq!(counted.len(), ActionOutcome::ALL.len());
        assert_eq!(counted.iter().filter(|(_, n)| *n == 2).count(), 1);
        assert!(counted.contains(&("panicked", 2)));
    }

    #[test]
    fn outcomes_of_work_keep_their_words() {
        for outcome in [
            WorkOutcome::Succeeded,
            WorkOutcome::Failed(String::new()),
            WorkOutcome::Panicked(String::new()),
            WorkOutcome::TimedOut,
            WorkOutcome::Cancelled,
            WorkOutcome::Dropped,
        ] {
            assert_eq!(RunOutcome::from(&outcome).as_str(), outcome.label());
        }
    }

    #[test]
    fn statuses_have_their_outcome() {
        let outcomes = |statuses: &[u16]| {
            let words = statuses
                .iter()
                .map(|status| ActionOutcome::from_status(*status).as_str());
            words.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            outcomes(&[200, 302, 500, 999]),
            "succeeded succeeded failed failed"
        );
        assert_eq!(
            outcomes(&[400, 405, 401, 403]),
            "bad_input bad_input unauthenticated forbidden"
        );
        assert_eq!(
            outcomes(&[404, 409, 413, 422]),
            "not_found conflict too_large invalid"
        );
        assert_eq!(outcomes(&[429, 503, 504]), "too_many unavailable timed_out");
    }
}
