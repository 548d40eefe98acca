//! The integration tests of mainspring-core, in one binary.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod cron_properties;
mod cron_tables;
mod oracle;
