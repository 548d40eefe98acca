//! Every seam of an app in one place: the machine in production, virtual parts in tests.

use std::sync::Arc;

use mainspring_core::clock::Clock;
use mainspring_core::event::Events;
use mainspring_core::random::Random;
use mainspring_core::spawn::Executor;

use crate::environment::Environment;
use crate::executor::TokioExecutor;
use crate::network::{Network, TcpNetwork};
use crate::system_clock::system_clock;

/// Production or development: the only mode there is, chosen by `MAINSPRING_ENV`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Errors stay opaque to clients, shutdown waits for load balancers.
    #[default]
    Production,
    /// Errors show their text, shutdown does not wait.
    Development,
}

impl Mode {
    /// Whether this is development.
    pub fn is_development(self) -> bool {
        self == Self::Development
    }
}

impl std::str::FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "production" => Ok(Self::Production),
            "development" => Ok(Self::Development),
            _ => Err("it is neither `production` nor `development`".to_owned()),
        }
    }
}

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
