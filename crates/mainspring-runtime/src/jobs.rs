//! Durable jobs: the client, the workers and the engine.

mod bound;
mod bulk;
mod choices;
mod client;
mod enqueue;
mod handle;
mod operate;
mod waiters;

pub(crate) use bound::{Bound, LocalEngine};
pub use bulk::{EnqueueAll, EnqueueAllIn};
pub use client::Jobs;
pub use enqueue::{Enqueue, EnqueueIn};
pub use handle::{JobEnd, JobHandle};
pub use waiters::AWAITED_MAX;
