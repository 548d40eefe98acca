//! Jobs of kinds that this process does not know: left alone, and told once per kind.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mainspring_core::telemetry::event;

use super::Shared;
use crate::io_time::IoInstant;

/// How often the counts are looked at, at most: they cost a store more than a claim does.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Looks now and then for kinds that nobody here knows.
pub(super) struct Unknown {
    shared: Arc<Shared>,
    told: BTreeSet<Arc<str>>,
    looked: Option<IoInstant>,
}

impl Unknown {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            told: BTreeSet::new(),
            looked: None,
        }
    }

    pub(super) async fn look(&mut self) {
        let recent = self.looked.is_some_and(|at| at.elapsed() < LOOK_EVERY);
        if recent || self.shared.kinds.is_empty() {
            return;
        }
        self.looked = Some(IoInstant::now());
        let counts = match self.shared.bound.store.counts().await {
            Ok(counts) => counts,
            Err(error) => return self.shared.failed("counts", &error),
        };
        for count in counts.iter().filter(|count| count.state.is_waiting()) {
            let known = self.shared.kinds.contains_key(&count.kind);
            if known || !self.told.insert(Arc::clone(&count.kind)) {
                continue;
            }
            let (kind, queue, jobs) = (&*count.kind, &*count.queue, count.jobs);
            tracing::warn!(
                name: event::JOB_KIND_UNKNOWN, kind, queue, jobs,
                "jobs wait for a process that knows their kind"
            );
        }
    }
}
