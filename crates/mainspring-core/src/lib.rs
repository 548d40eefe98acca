//! mainspring-core.
pub mod telemetry;
