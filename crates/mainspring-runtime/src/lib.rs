//! Internal to `mainspring`: the tokio shell around the core.
//!
//! This crate follows no semantic versioning of its own; use the `mainspring` crate.

pub mod app;
mod boot;
pub mod component;
pub mod endpoint;
pub mod environment;
pub mod executor;
mod failure;
pub mod follow_up;
pub mod health;
pub mod io_time;
pub mod jobs;
pub mod logger;
pub mod metrics;
pub mod network;
pub mod periodic;
pub mod platform;
pub mod system_clock;
mod thread;
mod watchdog;
