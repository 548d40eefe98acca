//! mainspring-runtime.
pub mod logger;
