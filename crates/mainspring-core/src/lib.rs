//! Internal to `mainspring`: decisions, contexts and the clock, without I/O and without a runtime.
//!
//! This crate follows no semantic versioning of its own; use the `mainspring` crate.

pub mod activity;
pub mod cause;
pub mod clock;
pub mod context;
pub mod dispatch;
pub mod duration_text;
pub mod error;
pub mod event;
#[doc(hidden)]
pub mod fuzz;
pub mod health;
pub mod identity;
pub mod job;
pub mod lifecycle;
pub mod periodic;
pub mod random;
pub mod spawn;
pub mod store;
mod sync;
pub mod telemetry;
pub mod time;
