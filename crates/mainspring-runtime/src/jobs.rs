//! Durable jobs: the client, the workers and the engine.

mod bound;
mod bulk;
mod choices;
mod client;
mod enqueue;
#[cfg(test)]
#[path = "../tests/it/fake_store.rs"]
#[expect(dead_code, reason = "the integration tests use the rest")]
mod fake_store;
mod follow_up;
mod handle;
mod operate;
mod waiters;

pub(crate) use bound::{Bound, LocalEngine};
pub use bulk::{EnqueueAll, EnqueueAllIn};
pub use client::Jobs;
pub use enqueue::{Enqueue, EnqueueIn};
pub use follow_up::FOLLOW_UP_JOBS_MAX;
pub use handle::{JobEnd, JobHandle};
pub use waiters::AWAITED_MAX;
