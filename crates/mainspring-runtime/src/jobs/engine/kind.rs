//! The kinds that an engine knows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mainspring_core::cause::Cause;
use mainspring_core::identity::WorkName;
use mainspring_core::job::Retry;

use crate::jobs::worker::DynWorker;
use crate::metrics::{AppMetrics, JobMetrics};

/// One kind with everything that its attempts share.
pub(super) struct Kind {
    pub(super) name: Arc<str>,
    pub(super) work_name: Arc<WorkName>,
    pub(super) worker: Arc<dyn DynWorker>,
    pub(super) retry: Retry,
    pub(super) limit: Option<(Duration, Cause)>,
    pub(super) metrics: Arc<JobMetrics>,
}

/// Kinds by their names and aliases.
pub(super) fn by_name(
    workers: &[Arc<dyn DynWorker>],
    metrics: &AppMetrics,
) -> BTreeMap<Arc<str>, Arc<Kind>> {
    let mut kinds = BTreeMap::new();
    for worker in workers {
        let (name, options) = (worker.kind(), worker.options());
        let limit = options.timeout.map(|limit| {
            let cause = Cause::limit(format!("job \"{name}\" ran longer than {limit:?}"));
            (limit, cause)
        });
        let kind = Arc::new(Kind {
            name: Arc::from(name),
            work_name: Arc::new(WorkName::new(name)),
            worker: Arc::clone(worker),
            retry: options.retry,
            limit,
            metrics: metrics.jobs().kind(name),
        });
        for name in std::iter::once(&name).chain(worker.aliases()) {
            kinds.insert(Arc::from(*name), Arc::clone(&kind));
        }
    }
    kinds
}
