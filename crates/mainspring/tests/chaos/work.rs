//! The jobs that the processes work on.

use mainspring::prelude::*;
use serde::{Deserialize, Serialize};

/// Nothing at all.
#[derive(Serialize, Deserialize, Job)]
#[job(kind = "noop", max_attempts = 1000)]
pub(crate) struct Noop(pub(crate) u64);

/// Real time passes.
#[derive(Serialize, Deserialize, Job)]
#[job(kind = "nap", max_attempts = 1000)]
pub(crate) struct Nap(pub(crate) u64);

/// Real time passes, then a row is written together with the job's success.
#[derive(Serialize, Deserialize, Job)]
#[job(
    kind = "effect",
    max_attempts = 1000,
    backoff = "fixed 10ms",
    jitter = false
)]
pub(crate) struct Effect(pub(crate) u64);

/// Ends its process as a fault of native code would.
#[derive(Serialize, Deserialize, Job)]
#[job(kind = "pill", max_attempts = 1000)]
pub(crate) struct Pill;

/// Where effects go, one row each; nothing keeps a second one of the same job out.
pub(crate) const EFFECTS: &str = "CREATE TABLE effect (job TEXT NOT NULL)";
