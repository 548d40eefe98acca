//! The health server: live, ready, startup and metrics, on a socket of its own.

mod probes;
mod server;

pub(crate) use probes::{BoundProbes, ProbeFn, Probes};
pub use probes::{PROBE_LIMIT, PROBES_MAX};
pub(crate) use server::HealthServer;
