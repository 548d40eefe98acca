//! Every seam of an app in one place: the machine in production, virtual parts in tests.

use std::sync::Arc;

use mainspring_core::clock::Clock;
use mainspring_core::event::Events;
use mainspring_core::random::Random;
use mainspring_core::spawn::Executor;

pub use mainspring_core::lifecycle::Mode;

use crate::environment::Environment;
use crate::executor::TokioExecutor;
use crate::network::{Network, TcpNetwork};
use crate::system_clock::system_clock;

/// Everything an app reaches the machine through.
#[derive(Clone, Debug)]
pub struct Platform {
    /// Time.
    pub clock: Clock,
    /// Where tasks run.
    pub executor: Arc<dyn Executor>,
    /// Where sockets come from.
    pub network: Arc<dyn Network>,
    /// The settings from outside.
    pub environment: Environment,
    /// Ids and jitter.
    pub random: Random,
    /// Who else hears what happens.
    pub events: Events,
    /// Whether the app may take the process's signals and end the process: not in a test.
    pub owns_process: bool,
}

impl Platform {
    /// The machine itself.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn process() -> Self {
        Self {
            clock: system_clock(),
            executor: Arc::new(TokioExecutor::current()),
            network: Arc::new(TcpNetwork),
            environment: Environment::process(),
            random: Random::seeded(entropy()),
            events: Events::nowhere(),
            owns_process: true,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the seam to the machine's randomness"
)]
fn entropy() -> u64 {
    fastrand::Rng::new().u64(..)
}
