//! Durable jobs: the client, the workers and the engine.

mod bound;
mod bulk;
mod choices;
mod client;
mod context;
mod engine;
mod enqueue;
#[cfg(test)]
#[path = "../tests/it/fake_store.rs"]
#[expect(dead_code, reason = "the integration tests use the rest")]
mod fake_store;
mod follow_up;
mod handle;
mod middleware;
mod operate;
mod queue;
mod registered;
mod schedule;
mod waiters;
mod worker;

pub(crate) use bound::{Bound, LocalEngine};
pub use bulk::{EnqueueAll, EnqueueAllIn};
pub use client::Jobs;
pub use context::JobContext;
pub(crate) use engine::Engine;
pub use enqueue::{Enqueue, EnqueueIn};
pub use follow_up::FOLLOW_UP_JOBS_MAX;
pub use handle::{JobEnd, JobHandle};
pub use middleware::{Middleware, Next};
pub use queue::{DEFAULT_QUEUE_SLOTS, Queue, SLOTS_MAX};
pub(crate) use registered::Registered;
pub(crate) use schedule::Schedule;
pub use waiters::AWAITED_MAX;
pub use worker::{Worker, worker_fn};
