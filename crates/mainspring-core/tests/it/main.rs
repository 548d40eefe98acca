//! The integration tests of mainspring-core, in one binary.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod clock_c1_c17;
mod context;
mod cron_properties;
mod cron_tables;
mod fuzz_corpora;
mod idle_rule;
mod idle_stress;
mod looks;
mod oracle;
mod rig;
mod spans;
mod spawn;
mod supervise;
