//! The app: everything a service does in the background, registered in one place.

mod handle;
mod jobs;
mod settings;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mainspring_core::context::{Context, StopHook};
use mainspring_core::error::{BoxError, Error};
use mainspring_core::health::Health;
use mainspring_core::lifecycle::ShutdownReport;
use mainspring_core::periodic::{AnyPlan, Plan};

pub use handle::{Addresses, AppHandle};
pub(crate) use handle::{Inbox, Message, Shared};
pub(crate) use settings::{HealthAddress, Settings};

use crate::boot;
use crate::component::{Component, DynComponent};
use crate::endpoint::Endpoint;
use crate::follow_up::FollowUpLimits;
use crate::health::{ProbeFn, Probes};
use crate::metrics::Registry;
use crate::periodic::{Handler, Tick};
use crate::platform::Platform;

/// A service: its components, periodic work and endpoints, registered flat, run by one sequencer.
///
/// Registering cannot fail; [`run`](App::run) lists every configuration error together. Names have
/// at most [`NAME_BYTES_MAX`](crate::metrics::NAME_BYTES_MAX) bytes.
///
/// ```no_run
/// use mainspring_core::error::Error;
/// use mainspring_core::lifecycle::ShutdownReport;
/// use mainspring_core::periodic::Every;
/// use mainspring_runtime::app::App;
/// # #[tokio::main] async fn main() -> Result<ShutdownReport, Error> {
/// App::new("cleaner")
///     .periodic("purge-sessions", Every::minutes(15), |tick| async move {
///         tracing::info!(for_instant = %tick.scheduled_for(), "purging");
///         Ok(())
///     })
///     .run()
///     .await
/// # }
/// ```
pub struct App {
    pub(crate) name: String,
    pub(crate) settings: Settings,
    pub(crate) parts: Vec<Registered>,
    pub(crate) periodics: Vec<(Arc<str>, AnyPlan, Handler)>,
    pub(crate) jobs: crate::jobs::Registered,
    pub(crate) endpoints: Vec<Box<dyn Endpoint>>,
    pub(crate) probes: Probes,
    pub(crate) metrics: Registry,
    pub(crate) on_ready: Vec<OnReady>,
    pub(crate) handle: AppHandle,
    pub(crate) inbox: Inbox,
}

/// What is called once the app is ready.
pub(crate) type OnReady = Box<dyn FnOnce(&AppHandle) + Send>;

/// A component or a stop hook, in the order of registration.
pub(crate) enum Registered {
    Component(Arc<dyn DynComponent>),
    Hook(String, StopHook),
}

impl App {
    /// An app without any work.
    pub fn new(name: impl Into<String>) -> Self {
        let (handle, inbox) = AppHandle::new();
        Self {
            name: name.into(),
            settings: Settings::default(),
            parts: Vec::new(),
            periodics: Vec::new(),
            jobs: crate::jobs::Registered::default(),
            endpoints: Vec::new(),
            probes: Probes::default(),
            metrics: Registry::new(),
            on_ready: Vec::new(),
            handle,
            inbox,
        }
    }

    /// Adds a component; it starts after those added before and stops before them.
    #[must_use]
    pub fn component(mut self, component: impl Component) -> Self {
        let component: Arc<dyn DynComponent> = Arc::new(component);
        self.probes.add_component(Arc::clone(&component));
        self.parts.push(Registered::Component(component));
        self
    }

    /// Adds work to be done at shutdown, in reverse order with the components.
    #[must_use]
    pub fn on_stop<F, Fut>(mut self, name: impl Into<String>, hook: F) -> Self
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let hook: StopHook = Box::new(move |ctx| Box::pin(hook(ctx)));
        self.parts.push(Registered::Hook(name.into(), hook));
        self
    }

    /// Adds work on an interval or a cron schedule, in this process.
    ///
    /// A run that fails or panics is counted and logged, and never ends the periodic.
    #[must_use]
    pub fn periodic<F, Fut>(mut self, name: &str, plan: impl Plan, work: F) -> Self
    where
        F: Fn(Tick) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |tick| Box::pin(work(tick)));
        self.periodics.push((Arc::from(name), plan.into(), handler));
        self
    }

    /// Calls `tell` once when the app is ready, for example to print where it listens. It must be
    /// quick.
    #[must_use]
    pub fn on_ready(mut self, tell: impl FnOnce(&AppHandle) + Send + 'static) -> Self {
        self.on_ready.push(Box::new(tell));
        self
    }

    /// Adds a health probe that belongs to no component.
    #[must_use]
    pub fn probe<F, Fut>(mut self, name: &str, probe: F) -> Self
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Health> + Send + 'static,
    {
        let probe: ProbeFn = Arc::new(move |ctx| Box::pin(probe(ctx)));
        self.probes.add(name, probe);
        self
    }

    /// Where the health server listens; `127.0.0.1:9090` by default, `MAINSPRING_HEALTH_ADDR` wins.
    #[must_use]
    pub fn health(mut self, address: impl Into<String>) -> Self {
        self.settings.health = HealthAddress::At(address.into());
        self
    }

    /// Runs without a health server.
    #[must_use]
    pub fn without_health(mut self) -> Self {
        self.settings.health = HealthAddress::None;
        self
    }

    /// Leaves the process's signals alone: for an app inside a larger program, which tells it to
    /// stop by its [`handle`](App::handle).
    ///
    /// The deadline of that stop holds all the same: an app that has not ended a second after its
    /// shutdown budget, such as on a blocked thread, takes the process with it (exit code 4). Once
    /// it has ended, or its future was dropped, the program is left alone. Where even a stuck app
    /// must not end the program, use [`run_on`](App::run_on) a platform with
    /// [`owns_process`](Platform::owns_process) off.
    #[must_use]
    pub fn without_signals(mut self) -> Self {
        self.settings.signals = false;
        self
    }

    /// How long the app goes on serving after it has told load balancers that it is not ready: 3 s
    /// in production, 0 in development by default.
    #[must_use]
    pub fn drain_delay(mut self, delay: Duration) -> Self {
        self.settings.limits.drain_delay = Some(delay);
        self
    }

    /// How long the whole stop may take after the drain delay; 25 s by default, zero is refused.
    #[must_use]
    pub fn shutdown_budget(mut self, total: Duration) -> Self {
        self.settings.limits.budget.total = total;
        self
    }

    /// How many follow-ups may run and wait; zero of either is refused.
    #[must_use]
    pub fn follow_ups(mut self, limits: FollowUpLimits) -> Self {
        self.settings.follow_ups = limits;
        self
    }

    /// The app's metrics, to add one's own.
    pub fn metrics(&self) -> &Registry {
        &self.metrics
    }

    /// A handle to the app, for code that runs beside it.
    pub fn handle(&self) -> AppHandle {
        self.handle.clone()
    }

    /// The app's endpoint of this type, added if there was none; for crates that extend the app.
    pub fn endpoint_mut<E: Endpoint + Default>(&mut self) -> &mut E {
        let found = self
            .endpoints
            .iter_mut()
            .position(|e| e.as_any_mut().is::<E>());
        let index = found.unwrap_or_else(|| {
            self.endpoints.push(Box::new(E::default()));
            self.endpoints.len() - 1
        });
        let endpoint = self
            .endpoints
            .get_mut(index)
            .map(|endpoint| endpoint.as_any_mut());
        endpoint
            .and_then(<dyn std::any::Any>::downcast_mut)
            .expect("the endpoint was found by its type or has just been added")
    }

    /// The app's endpoint of this type, if it has one.
    #[doc(hidden)]
    pub fn find_endpoint_mut<E: Endpoint>(&mut self) -> Option<&mut E> {
        let mut all = self.endpoints.iter_mut();
        all.find_map(|endpoint| endpoint.as_any_mut().downcast_mut())
    }

    /// Runs the app on this machine until it is told to stop.
    ///
    /// Takes SIGTERM and SIGINT unless [`without_signals`](App::without_signals) was called; a
    /// second one forces the exit. Writes the shutdown report to stderr before it returns. The
    /// process is expected to end then: one that has signals taken and lingers beyond the shutdown
    /// budget, such as on a blocked thread, is ended, unless another app runs in it. Dropping the
    /// future abandons the app without stopping anything; ask the [`handle`](App::handle) instead.
    ///
    /// # Errors
    /// Every configuration error together, a socket that cannot be bound, a component that does not
    /// start. What had started has been stopped by then.
    pub async fn run(self) -> Result<ShutdownReport, Error> {
        boot::run_process(self, Platform::process()).await
    }

    /// Runs the app on a platform, and reports however it ends; for test kits.
    pub async fn run_on(self, platform: Platform) -> ShutdownReport {
        boot::run(self, platform).await
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
