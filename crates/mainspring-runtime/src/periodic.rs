//! The periodic engine: one loop that waits for the earliest fire of all, and a body per run.

mod collect;
mod engine;
mod queue;
mod run;
mod state;
mod tick;

pub(crate) use engine::Engine;
pub use state::PeriodicState;
pub use tick::Tick;

use std::sync::Arc;

use mainspring_core::error::BoxError;
use mainspring_core::spawn::BoxFuture;

/// What a periodic does at each tick.
pub(crate) type Handler =
    Arc<dyn Fn(Tick) -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync>;
