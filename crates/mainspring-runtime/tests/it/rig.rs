//! An app on virtual time and an in-memory network, for the tests of this crate.

use std::sync::Arc;

use mainspring_core::activity::TaskKind;
use mainspring_core::clock::ManualClock;
use mainspring_core::event::Events;
use mainspring_core::lifecycle::ShutdownReport;
use mainspring_core::random::Random;
use mainspring_core::spawn::{Scope, Spawner, Task};
use mainspring_runtime::app::{App, AppHandle};
use mainspring_runtime::environment::Environment;
use mainspring_runtime::executor::TokioExecutor;
use mainspring_runtime::network::MemoryNetwork;
use mainspring_runtime::platform::Platform;

pub(crate) struct Rig {
    pub(crate) clock: ManualClock,
    pub(crate) network: MemoryNetwork,
    pub(crate) environment: Environment,
}

pub(crate) struct Running {
    pub(crate) handle: AppHandle,
    pub(crate) report: Task<ShutdownReport>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let start = "2026-03-28T00:00:00Z".parse().expect("a valid instant");
        Self {
            clock: ManualClock::new(start),
            network: MemoryNetwork::new(),
            environment: Environment::empty(),
        }
    }

    pub(crate) fn start(&self, app: App) -> Running {
        let handle = app.handle();
        let executor = Arc::new(TokioExecutor::current());
        let platform = Platform {
            clock: self.clock.clock(),
            executor: Arc::clone(&executor) as _,
            network: Arc::new(self.network.clone()),
            environment: self.environment.clone(),
            random: Random::seeded(1),
            events: Events::nowhere(),
            owns_process: false,
        };
        let activity = Some(self.clock.activity().clone());
        let spawner = Spawner::new(executor, activity, Events::nowhere());
        let run = app.run_on(platform);
        let report = spawner.spawn(&Scope::new(), TaskKind::Loop, &Arc::from("app"), run);
        Running { handle, report }
    }
}
