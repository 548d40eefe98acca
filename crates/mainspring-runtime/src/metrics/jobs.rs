//! What Mainspring counts about jobs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mainspring_core::telemetry::{field, metric};
use prometheus_client::metrics::gauge::Gauge;

use super::app::Counted;
use super::label::{JobOutcome, Tally};
use super::named::Named;
use super::page::{Page, Times};

/// The metrics of the jobs of one kind.
#[derive(Debug, Default)]
pub struct JobMetrics {
    outcomes: Tally<JobOutcome>,
    times: Times,
}

impl JobMetrics {
    /// An attempt's body ran and ended so.
    pub fn finished(&self, outcome: JobOutcome, took: Duration) {
        self.outcomes.add(outcome);
        self.times.observe(took);
    }
}

/// The metrics of all jobs of an app.
#[derive(Debug, Default)]
pub(crate) struct JobsMetrics {
    kinds: Named<JobMetrics>,
    running: Gauge,
    pub(crate) rescued: AtomicU64,
    pub(crate) quarantined: AtomicU64,
    pub(crate) fenced: AtomicU64,
    pub(crate) store_failures: AtomicU64,
}

impl JobsMetrics {
    /// The metrics of one kind, to keep beside it.
    pub(crate) fn kind(&self, kind: &str) -> Arc<JobMetrics> {
        self.kinds.of(kind)
    }

    /// A body runs until the guard is dropped.
    pub(crate) fn running(&self) -> Counted {
        Counted::new(&self.running)
    }

    pub(super) fn encode(&self, page: &mut Page<'_>) -> fmt::Result {
        let kinds = self.kinds.all();
        if kinds.is_empty() {
            // An app without workers has nothing to tell.
            return Ok(());
        }
        let name = metric::JOBS;
        page.tallies(name, "Attempts of jobs ended.", field::KIND, &kinds, |of| {
            &of.outcomes
        })?;
        let name = metric::JOB_DURATION;
        page.times(name, "Time of attempts.", field::KIND, &kinds, |of| {
            &of.times
        })?;
        page.gauge(metric::JOBS_RUNNING, "Job bodies running.", &self.running)?;
        for (name, help, count) in [
            (metric::JOBS_RESCUED, "Jobs rescued.", &self.rescued),
            (
                metric::JOBS_QUARANTINED,
                "Jobs quarantined.",
                &self.quarantined,
            ),
            (metric::JOBS_FENCED, "Attempts fenced.", &self.fenced),
            (
                metric::STORE_FAILURES,
                "Store calls failed.",
                &self.store_failures,
            ),
        ] {
            page.count(name, help, count.load(Ordering::Relaxed))?;
        }
        Ok(())
    }
}
