//! What one run of a periodic is told.

use std::ops::Deref;

use mainspring_core::context::Context;
use mainspring_core::time::Timestamp;

/// One run of a periodic: a [`Context`] that also knows which instant it stands for.
#[derive(Clone, Debug)]
pub struct Tick {
    ctx: Context,
    scheduled_for: Timestamp,
    missed: u32,
}

impl Tick {
    pub(crate) fn new(ctx: Context, scheduled_for: Timestamp, missed: u32) -> Self {
        Self {
            ctx,
            scheduled_for,
            missed,
        }
    }

    /// The instant the plan asked for; `now` may be later.
    pub fn scheduled_for(&self) -> Timestamp {
        self.scheduled_for
    }

    /// How many earlier fires have no run of their own, because they were noticed too late.
    pub fn missed(&self) -> u32 {
        self.missed
    }

    /// The context of this run.
    pub fn context(&self) -> &Context {
        &self.ctx
    }
}

impl Deref for Tick {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.ctx
    }
}
