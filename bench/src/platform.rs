//! Platforms for the apps under test, and the runtimes they run on.

use std::sync::Arc;

use mainspring_core::activity::TaskKind;
use mainspring_core::clock::{Clock, ManualClock};
use mainspring_core::error::Error;
use mainspring_core::event::Events;
use mainspring_core::lifecycle::ShutdownReport;
use mainspring_core::random::Random;
use mainspring_core::spawn::{Scope, Spawner, Task};
use mainspring_runtime::app::{App, AppHandle};
use mainspring_runtime::environment::Environment;
use mainspring_runtime::executor::TokioExecutor;
use mainspring_runtime::network::MemoryNetwork;
use mainspring_runtime::platform::Platform;
use mainspring_runtime::system_clock::system_clock;
use tokio::runtime::{Builder, Runtime};

/// A runtime as `#[tokio::main]` makes it: one worker for each core.
///
/// # Panics
/// When the operating system refuses a thread.
#[must_use]
pub fn many_threads() -> Runtime {
    let runtime = Builder::new_multi_thread().enable_all().build();
    runtime.expect("a benchmark has the threads it needs")
}

/// A runtime of so many workers, whatever the machine has.
///
/// # Panics
/// When the operating system refuses a thread.
#[must_use]
pub fn workers_only(workers: usize) -> Runtime {
    let mut runtime = Builder::new_multi_thread();
    let runtime = runtime.worker_threads(workers).enable_all().build();
    runtime.expect("a benchmark has the threads it needs")
}

/// A runtime as `#[tokio::test]` makes it.
///
/// # Panics
/// When the operating system refuses what a runtime needs.
#[must_use]
pub fn one_thread() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a benchmark has the files it needs")
}

/// The machine's clock, no sockets, and nothing of the process is touched.
///
/// # Panics
/// Outside a tokio runtime.
#[must_use]
pub fn real() -> Platform {
    on(system_clock())
}

/// A manual clock, as in a test.
///
/// # Panics
/// Outside a tokio runtime.
#[must_use]
pub fn manual(clock: &ManualClock) -> Platform {
    on(clock.clock())
}

/// An app without sockets and signals, which stops without a drain delay.
#[must_use]
pub fn app() -> App {
    App::new("bench")
        .without_health()
        .without_signals()
        .drain_delay(std::time::Duration::ZERO)
}

/// Runs an app beside the caller; its handle, and its report when it has ended.
#[must_use]
pub fn start(app: App, platform: Platform) -> (AppHandle, Task<ShutdownReport>) {
    let handle = app.handle();
    let activity = platform.clock.activity().cloned();
    let events = platform.events.clone();
    let spawner = Spawner::new(Arc::clone(&platform.executor), activity, events);
    let run = app.run_on(platform);
    let name = Arc::from("app");
    let report = spawner.spawn(&Scope::new(), TaskKind::Loop, &name, run);
    (handle, report)
}

/// Whether an app has ended well.
///
/// # Errors
/// Its report, when it has not.
pub fn ended(report: Result<ShutdownReport, Error>) -> Result<(), String> {
    let report = report.map_err(|why| why.to_string())?;
    match report.exit_code() {
        0 => Ok(()),
        _ => Err(report.to_string()),
    }
}

fn on(clock: Clock) -> Platform {
    Platform {
        clock,
        executor: Arc::new(TokioExecutor::current()),
        network: Arc::new(MemoryNetwork::new()),
        environment: Environment::empty(),
        random: Random::seeded(1),
        events: Events::nowhere(),
        owns_process: false,
    }
}
