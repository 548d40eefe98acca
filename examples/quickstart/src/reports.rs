//! Reports: written on a clock, or when somebody outside triggers one.

use mainspring::prelude::*;
use serde::Serialize;

use crate::accounts::Users;
use crate::journal::Journal;

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
    registered: usize,
}

impl Reports {
    pub(crate) fn new(journal: Journal, users: Users) -> Self {
        Self { journal, users }
    }

    pub(crate) fn write(
        &self,
        scheduled_for: Timestamp,
        ran_at: Timestamp,
    ) -> Result<(), BoxError> {
        self.journal.append(&ReportLine {
            scheduled_for: scheduled_for.to_string(),
            ran_at: ran_at.to_string(),
            registered: self.users.count(),
        })
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
        self.reports.write(now, now)?;
        Ok(())
    }
}
