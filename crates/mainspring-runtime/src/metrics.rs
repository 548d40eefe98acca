//! Metrics: one registry per app, nothing global.
//!
//! A [`Registry`] holds what Mainspring counts about its app ([`AppMetrics`]) and what the user
//! adds, and writes all of it as OpenMetrics text. Every name is listed in `docs/telemetry.md`.
//!
//! ```
//! use mainspring_runtime::metrics::{Registry, prometheus::metrics::counter::Counter};
//!
//! let registry = Registry::new();
//! let orders: Counter = Counter::default();
//! registry.register("orders", "Orders placed", orders.clone())?;
//! orders.inc();
//! assert!(registry.encode().contains("orders_total 1"));
//! # Ok::<(), mainspring_runtime::metrics::MetricsError>(())
//! ```

mod app;
mod describe;
mod jobs;
mod label;
mod named;
mod page;
mod registry;
#[cfg(test)]
mod tests;

pub use app::{ActionMetrics, AppMetrics, Counted, FollowUpMetrics};
pub use describe::describe;
pub use jobs::JobMetrics;
pub use label::{
    ActionOutcome, ComponentState, JobOutcome, ProbeOutcome, RunOutcome, TriggerOutcome,
};
pub(crate) use named::shown;
pub use named::{NAME_BYTES_MAX, NAMES_MAX, OTHER};
pub use prometheus_client as prometheus;
pub use registry::{METRICS_MAX, MetricsError, Registry};

/// The content type of [`Registry::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
