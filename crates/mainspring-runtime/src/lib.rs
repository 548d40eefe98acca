//! mainspring-runtime.
pub mod logger;
pub mod metrics;
