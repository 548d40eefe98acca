//! Durable schedules: each fire enqueues a job, in whichever process is first.

use std::sync::Arc;
use std::time::Duration;

use mainspring_core::activity::io;
use mainspring_core::context::SpanKind;
use mainspring_core::dispatch::{DueFire, Scheduler};
use mainspring_core::error::Error;
use mainspring_core::event::Event;
use mainspring_core::job::JobId;
use mainspring_core::store::{Fire, Fired, NewJob};
use mainspring_core::telemetry::event;
use mainspring_core::time::Timestamp;

use super::Shared;
use super::runner::caught;
use crate::failure::with_sources;
use crate::jobs::Schedule;
use crate::periodic::Tick;

/// How long schedules rest after the store has failed.
const REST: Duration = Duration::from_secs(1);

/// Each schedule with how far it has come.
type Entries = Vec<(Schedule, Scheduler)>;

impl Shared {
    pub(super) async fn schedule(self: Arc<Self>) {
        let clock = &self.bound.clock;
        let mut entries = Entries::new();
        while let Err(error) = io(self.read_cursors(&mut entries)).await {
            self.failed("schedule_cursor", &error);
            clock.sleep(REST).await;
        }
        loop {
            let next = entries.iter().filter_map(|(_, scheduler)| scheduler.next());
            let Some(next) = next.min() else {
                return;
            };
            clock.sleep_until_wall(next).await;
            if let Err(error) = io(self.fire_due(&mut entries)).await {
                self.failed("fire", &error);
                clock.sleep(REST).await;
            }
        }
    }

    async fn read_cursors(&self, entries: &mut Entries) -> Result<(), Error> {
        for schedule in self.schedules.iter().skip(entries.len()) {
            let now = self.bound.clock.now();
            let cursor = self
                .bound
                .store
                .schedule_cursor(now, &schedule.name)
                .await?;
            let scheduler = Scheduler::new(schedule.plan.clone(), cursor)?;
            entries.push((schedule.clone(), scheduler));
        }
        Ok(())
    }

    async fn fire_due(&self, entries: &mut Entries) -> Result<(), Error> {
        let now = self.bound.clock.now();
        let mut fired = false;
        for (schedule, scheduler) in entries {
            for due in scheduler.due(now) {
                fired |= self.fire(schedule, due, now).await?;
                scheduler.fired(due.scheduled_for);
            }
        }
        if fired {
            self.bound.ring();
        }
        Ok(())
    }

    async fn fire(&self, schedule: &Schedule, due: DueFire, now: Timestamp) -> Result<bool, Error> {
        let (name, scheduled_for) = (&*schedule.name, due.scheduled_for);
        let job = match due.runs {
            true => self.job_of(schedule, due, now).await,
            false => None,
        };
        let enqueues = job.is_some();
        let fire = Fire::new(Arc::clone(&schedule.name), scheduled_for, job);
        if self.bound.store.fire(now, fire).await? == Fired::Before {
            return Ok(false);
        }
        let missed = due.missed.saturating_add(u32::from(!due.runs));
        if missed > 0 {
            tracing::warn!(
                name: event::SCHEDULE_MISSED, schedule = name, missed,
                "fires passed without a job of their own"
            );
        }
        if enqueues {
            tracing::debug!(
                name: event::SCHEDULE_FIRED, schedule = name, %scheduled_for, "a schedule fired"
            );
            self.ctx.env().spawner.events().emit(Event::ScheduleFired {
                name: Arc::clone(&schedule.name),
                scheduled_for,
            });
        }
        Ok(enqueues)
    }

    /// The job of a fire; `None`, told, if the function that makes it fails or panics.
    async fn job_of(&self, schedule: &Schedule, due: DueFire, now: Timestamp) -> Option<NewJob> {
        let ctx = self
            .ctx
            .for_work(SpanKind::Detached, &schedule.name, &self.helpers);
        let tick = Tick::new(ctx, due.scheduled_for, due.missed);
        let id = JobId::new(&self.bound.random, now);
        let made = caught(async { schedule.job(tick, id, now) }).await;
        let error = match made {
            Ok(Ok(job)) => return Some(job),
            Ok(Err(error)) => with_sources(&error),
            Err(message) => format!("panicked: {message}"),
        };
        let (name, scheduled_for) = (&*schedule.name, due.scheduled_for);
        tracing::error!(
            name: event::SCHEDULE_FAILED, schedule = name, %scheduled_for, error,
            "a schedule could not make its job"
        );
        None
    }
}
