//! The integration tests of mainspring-runtime, in one binary.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rig;
mod smoke;
