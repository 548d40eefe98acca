//! The integration tests of mainspring-runtime, in one binary.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod fake_store;
mod fast_clock;
mod flaky_store;
mod follow_ups;
mod follow_ups_random;
mod health;
mod jobs_client;
mod jobs_completion;
mod jobs_deaths;
mod jobs_engine;
mod jobs_faults;
mod jobs_limits;
mod jobs_memory;
mod jobs_outcome;
mod jobs_rig;
mod jobs_schedules;
mod lifecycle_start;
mod lifecycle_stop;
mod periodic;
mod periodic_policies;
mod rig;
mod smoke;
mod stall_clock;
mod system_clock;
mod telemetry;
