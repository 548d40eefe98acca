//! Durable jobs: the client, the workers and the engine.

mod bound;
mod client;

pub(crate) use bound::Bound;
pub use client::Jobs;
