//! An action that takes its time, to try a shutdown with.

use std::time::Duration;

use mainspring::prelude::*;
use serde::{Deserialize, Serialize};

/// The longest sleep: below the action's own limit of 30 s.
const SLEEP_MS_MAX: u64 = 25_000;

/// `demo.sleep`.
#[derive(Debug)]
pub struct DemoSleep;

/// How long to sleep.
#[derive(Debug, Serialize, Deserialize)]
pub struct SleepInput {
    /// Milliseconds, 0 to 25000.
    pub ms: u64,
}

impl Validate for SleepInput {
    fn validate(&self) -> Result<(), Invalid> {
        let in_range = self.ms <= SLEEP_MS_MAX;
        Invalid::new()
            .check("ms", in_range, "must be 0 to 25000")
            .into_result()
    }
}

/// The answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct SleepOutput {
    /// Always true.
    pub ok: bool,
}

impl Action for DemoSleep {
    const NAME: &'static str = "demo.sleep";
    type Input = SleepInput;
    type Output = SleepOutput;

    async fn call(
        &self,
        ctx: ActionContext,
        input: SleepInput,
    ) -> Result<SleepOutput, ActionError> {
        ctx.clock().sleep(Duration::from_millis(input.ms)).await;
        Ok(SleepOutput { ok: true })
    }
}
