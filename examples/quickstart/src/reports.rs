//! Reports: written on a clock, on a durable schedule, or when somebody outside triggers one.

use mainspring::prelude::*;
use serde::{Deserialize, Serialize};

use crate::journal::Journal;
use crate::users::Users;

/// Writes report lines; clones write to the same file.
#[derive(Debug, Clone)]
pub(crate) struct Reports {
    journal: Journal,
    users: Users,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportLine {
    scheduled_for: String,
    ran_at: String,
    registered: i64,
}

impl Reports {
    pub(crate) fn new(journal: Journal, users: Users) -> Self {
        Self { journal, users }
    }

    pub(crate) async fn write(
        &self,
        scheduled_for: Timestamp,
        ran_at: Timestamp,
    ) -> Result<(), BoxError> {
        let registered = self.users.count().await?;
        self.journal.append(&ReportLine {
            scheduled_for: scheduled_for.to_string(),
            ran_at: ran_at.to_string(),
            registered,
        })
    }
}

/// The job of the durable schedule: a line in a file of its own, also for a fire that came while
/// no process was there.
#[derive(Debug, Serialize, Deserialize, Job)]
#[job(kind = "digest")]
pub(crate) struct Digest {}

/// Writes the lines of the digest.
pub(crate) struct WriteDigest {
    pub(crate) reports: Reports,
}

impl Worker for WriteDigest {
    type Job = Digest;

    async fn work(&self, ctx: JobContext, _digest: Digest) -> Result<Outcome, BoxError> {
        let (due, now) = (ctx.scheduled_for(), ctx.clock().now());
        self.reports.write(due, now).await?;
        Ok(Done)
    }
}

/// `report.run`: the trigger for a clock outside, such as a system cron.
pub(crate) struct ReportRun {
    pub(crate) reports: Reports,
}

impl Action for ReportRun {
    const NAME: &'static str = "report.run";
    type Input = ();
    type Output = ();

    async fn call(&self, ctx: ActionContext, (): ()) -> Result<(), ActionError> {
        let now = ctx.clock().now();
        self.reports.write(now, now).await?;
        Ok(())
    }
}
