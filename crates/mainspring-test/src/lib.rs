//! Internal to `mainspring`: the test kit.
//!
//! This crate follows no semantic versioning of its own; use `mainspring::test` with the feature
//! `test`.

mod asserts;
mod call;
mod executor;
mod http;
#[cfg(feature = "sqlite")]
mod jobs;
mod kit;
mod leak;
mod options;
mod record;
mod run;
mod started;
mod time;
mod unit;

pub use call::{CallError, Refused};
pub use http::NoAnswer;
#[cfg(feature = "sqlite")]
pub use jobs::Point;
pub use kit::TestApp;
pub use options::{Options, START};
pub use record::{FollowUpRun, PanicRecord, PeriodicRun, RECORDS_MAX};
pub use run::run;
pub use started::StartedApp;
pub use time::{days, hours, minutes, seconds, timestamp};
pub use unit::context;

pub use mainspring_core::clock::ManualClock;
pub use mainspring_core::event::WorkOutcome;
pub use mainspring_core::lifecycle::Signal;
pub use mainspring_runtime::logger::capture::{Captured, Line};
pub use mainspring_runtime::network::MemoryNetwork;
