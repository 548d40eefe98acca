//! The kit of one test: time, network, environment and log, and the apps started on them.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mainspring_core::clock::{Clock, ManualClock};
use mainspring_core::context::Context;
use mainspring_core::event::Events;
use mainspring_core::lifecycle::ShutdownReport;
use mainspring_core::random::Random;
use mainspring_core::spawn::Scope;
use mainspring_core::time::Timestamp;
use mainspring_runtime::app::App;
use mainspring_runtime::environment::{Environment, HEALTH_ADDR, HTTP_ADDR};
use mainspring_runtime::logger::capture::Captured;
use mainspring_runtime::network::MemoryNetwork;
use mainspring_runtime::platform::Platform;

use crate::executor::AppExecutor;
use crate::leak;
use crate::options::Options;
use crate::started::{Running, StartedApp};
use crate::unit::context_on;

/// Where listeners are bound unless the test says otherwise: on any free port of the test's own
/// network.
const ANYWHERE: &str = "127.0.0.1:0";

/// The world of one test: a clock that the test moves, a network in memory, an environment, a log.
///
/// `#[mainspring::test]` hands one to the test. [`start`](TestApp::start) runs an app in it and
/// returns a [`StartedApp`], which can do all that this can. Clones are the same world, so several
/// apps started in it share clock and network; the worlds of two tests share nothing.
///
/// Time stands still until the test moves it with [`advance`](TestApp::advance) and its relatives,
/// and moves only while nobody is busy.
#[derive(Clone)]
pub struct TestApp {
    kit: Arc<Kit>,
    environment: Environment,
}

struct Kit {
    clock: ManualClock,
    network: MemoryNetwork,
    random: Random,
    logs: Captured,
    /// Owns what the test spawns through its own contexts.
    scope: Scope,
    settle_limit: Duration,
    started: Mutex<Vec<Arc<Running>>>,
    leaks_allowed: AtomicBool,
    #[cfg(feature = "sqlite")]
    handles: Mutex<crate::jobs::Handles>,
}

impl TestApp {
    pub(crate) fn new(options: &Options, logs: Captured) -> Self {
        let clock = ManualClock::new(options.start).with_settle_limit(options.settle_limit);
        let kit = Kit {
            clock,
            network: MemoryNetwork::new(),
            random: Random::seeded(options.seed),
            logs,
            scope: Scope::new(),
            settle_limit: options.settle_limit,
            started: Mutex::new(Vec::new()),
            leaks_allowed: AtomicBool::new(false),
            #[cfg(feature = "sqlite")]
            handles: Mutex::default(),
        };
        let environment = Environment::empty()
            .with(HTTP_ADDR, ANYWHERE)
            .with(HEALTH_ADDR, ANYWHERE);
        Self {
            kit: Arc::new(kit),
            environment,
        }
    }

    /// Starts an app and waits until it is ready, moving time as far as that needs.
    ///
    /// The app sees only this test's [environment](TestApp::with_env); its listeners get free
    /// ports.
    ///
    /// # Panics
    /// With the report when the app does not start; [`try_start`](TestApp::try_start) returns it.
    pub async fn start(&self, app: App) -> StartedApp {
        match self.try_start(app).await {
            Ok(started) => started,
            Err(report) => panic!("the app did not start\n{report}"),
        }
    }

    /// Starts an app and waits until it is ready or has failed, moving time as far as that needs.
    ///
    /// # Errors
    /// The report of an app that did not start.
    pub async fn try_start(&self, app: App) -> Result<StartedApp, ShutdownReport> {
        let started = self.launch(app);
        if started.ready().await {
            return Ok(started);
        }
        Err(started.stopped().await)
    }

    /// Starts an app without waiting for anything: for a test of the boot itself.
    pub fn launch(&self, app: App) -> StartedApp {
        let running = Arc::new(Running::new(app, self));
        self.started().push(Arc::clone(&running));
        StartedApp::new(self.clone(), running)
    }

    /// The same world with an environment variable set for the apps that will be started from it.
    ///
    /// ```
    /// # use mainspring_runtime::app::App;
    /// # use mainspring_test::{Options, run};
    /// run(Options::new(), |app| async move {
    ///     let app = app.with_env("MAINSPRING_HEALTH_ADDR", "127.0.0.1:9999");
    ///     let app = app.start(App::new("empty")).await;
    ///     assert_eq!(app.addresses()["health"].port(), 9999);
    /// });
    /// ```
    #[must_use]
    pub fn with_env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment = self.environment.with(name, value);
        self
    }

    /// The same world, in which the test may leave tasks and timers behind.
    #[must_use]
    pub fn without_leak_check(self) -> Self {
        self.kit.leaks_allowed.store(true, Ordering::SeqCst);
        self
    }

    /// The wall time.
    pub fn now(&self) -> Timestamp {
        self.kit.clock.now()
    }

    /// Moves time on by `duration`, firing everything due on the way, each at its instant.
    ///
    /// Returns when nobody is busy any more. Cancel safe: time stays where it got to.
    ///
    /// # Panics
    /// As [`ManualClock::advance`]: most of all when something is busy for 10 s of real time,
    /// naming it.
    pub async fn advance(&self, duration: Duration) {
        self.kit.clock.advance(duration).await;
    }

    /// Moves time on until the wall shows `at`.
    ///
    /// # Panics
    /// As [`ManualClock::advance`], and when `at` has passed; [`set_wall`](TestApp::set_wall) steps
    /// back.
    pub async fn advance_to(&self, at: Timestamp) {
        let now = self.now();
        assert!(at >= now, "advance_to: it is {now}, and {at} has passed");
        self.kit.clock.advance_to(at).await;
    }

    /// Steps the wall clock alone, as NTP or an operator does, and waits for what that sets off.
    ///
    /// # Panics
    /// As [`ManualClock::set_wall`].
    pub async fn set_wall(&self, at: Timestamp) {
        self.kit.clock.set_wall(at);
        self.settle().await;
    }

    /// Waits until nobody is busy, without moving time.
    ///
    /// # Panics
    /// As [`ManualClock::advance`].
    pub async fn settle(&self) {
        self.kit.clock.settle().await;
    }

    /// Runs the jobs that are due now, and what follows from them, without moving time.
    ///
    /// A job that waits for time waits on; so does one whose retry is due later.
    ///
    /// # Panics
    /// As [`ManualClock::advance`].
    pub async fn run_due(&self) {
        self.settle().await;
    }

    /// Drives a future that needs time: moves to the next instant whenever nobody is busy and it is
    /// not done.
    ///
    /// # Panics
    /// As [`ManualClock::run_until`]: also when nothing is left that could make the future ready.
    pub async fn run_until<F: Future>(&self, future: F) -> F::Output {
        self.kit.clock.run_until(future).await
    }

    /// The clock behind it all, for what has no shortcut here.
    pub fn manual_clock(&self) -> &ManualClock {
        &self.kit.clock
    }

    /// The clock as the app sees it.
    pub fn clock(&self) -> Clock {
        self.kit.clock.clock()
    }

    /// The network, to connect to a listener byte by byte.
    pub fn network(&self) -> &MemoryNetwork {
        &self.kit.network
    }

    /// What this test has logged: its own lines and those of all its apps.
    pub fn logs(&self) -> &Captured {
        &self.kit.logs
    }

    /// A context on this test's clock that belongs to no app, for code that takes one.
    pub fn context(&self) -> Context {
        context_on(
            &self.kit.clock,
            self.kit.scope.clone(),
            self.kit.random.clone(),
        )
    }

    /// Stops what the test has left running and says what is still there.
    pub(crate) async fn end(&self) {
        let started = self.started().clone();
        for running in &started {
            running.handle.shutdown("the test has ended");
        }
        for running in &started {
            let Some(report) = running.report(&self.kit.clock).await else {
                continue;
            };
            if report.exit_code() != 0 {
                // Not a fault of the test, which did not ask; good to know when it fails all the
                // same.
                eprintln!("{report}");
            }
        }
        self.settle().await;
        #[cfg(feature = "sqlite")]
        drop(std::mem::take(&mut *self.handles()));
        if self.kit.leaks_allowed.load(Ordering::SeqCst) {
            return;
        }
        if let Some(found) = leak::found(&self.kit.clock).await {
            panic!("{found}");
        }
    }

    /// How long the clock waits in real time for the system to settle.
    pub(crate) fn settle_limit(&self) -> Duration {
        self.kit.settle_limit
    }

    /// What one app runs on; its tasks and events are its own.
    pub(crate) fn platform(&self, executor: AppExecutor, events: Events) -> Platform {
        Platform {
            clock: self.clock(),
            executor: Arc::new(executor),
            network: Arc::new(self.kit.network.clone()),
            environment: self.environment.clone(),
            random: self.kit.random.clone(),
            events,
            owns_process: false,
        }
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn handles(&self) -> MutexGuard<'_, crate::jobs::Handles> {
        let handles = self.kit.handles.lock();
        handles.unwrap_or_else(PoisonError::into_inner)
    }

    fn started(&self) -> MutexGuard<'_, Vec<Arc<Running>>> {
        let started = self.kit.started.lock();
        started.unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TestApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestApp")
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}
