//! Durable schedules: a plan, and the job of each of its fires.

use std::fmt;
use std::sync::Arc;

use mainspring_core::error::Error;
use mainspring_core::job::{Job, JobId, Payload, Scope, Unique};
use mainspring_core::periodic::{AnyPlan, Overlap, Plan};
use mainspring_core::store::{NewJob, rules};
use mainspring_core::time::Timestamp;

use crate::periodic::Tick;

/// Makes the job of a fire.
type Make = Arc<dyn Fn(Tick, JobId, Timestamp) -> Result<NewJob, Error> + Send + Sync>;

/// A schedule as it was registered.
#[derive(Clone)]
pub(crate) struct Schedule {
    pub(crate) name: Arc<str>,
    pub(crate) plan: AnyPlan,
    make: Make,
}

impl Schedule {
    pub(crate) fn new<J: Job>(
        name: &str,
        plan: AnyPlan,
        job: impl Fn(Tick) -> J + Send + Sync + 'static,
    ) -> Self {
        let unique = unique(name, plan.overlap());
        let make = move |tick: Tick, id, now| new_job(&job(tick), id, now, &unique);
        Self {
            name: Arc::from(name),
            plan,
            make: Arc::new(make),
        }
    }

    /// The job of one fire, due at once.
    pub(super) fn job(&self, tick: Tick, id: JobId, now: Timestamp) -> Result<NewJob, Error> {
        (self.make)(tick, id, now)
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What keeps the jobs of a schedule apart. While the job before is not over, a fire that may not
/// overlap it adds none; one that may wait adds one that waits.
fn unique(name: &str, overlap: Overlap) -> Option<Unique> {
    let key = format!("schedule:{name}");
    match overlap {
        Overlap::Allow => None,
        Overlap::QueueOne => Some(Unique::new(key).within(Scope::UntilStarted)),
        _ => Some(Unique::new(key)),
    }
}

fn new_job<J: Job>(
    job: &J,
    id: JobId,
    now: Timestamp,
    unique: &Option<Unique>,
) -> Result<NewJob, Error> {
    let options = J::options();
    let mut new = NewJob::new(id, J::KIND, rules::past(now), Payload::of(job)?);
    new.queue = Arc::from(options.queue);
    new.priority = options.priority;
    new.max_attempts = options.retry.max_attempts;
    // A key of the job's own says more than that of its schedule.
    new.unique = job.unique().or_else(|| unique.clone());
    new.gate = job.gate();
    if let Some(unique) = &new.unique {
        unique.check()?;
    }
    if let Some(gate) = &new.gate {
        gate.check()?;
    }
    Ok(new)
}
