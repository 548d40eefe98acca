//! Components: what is started before the first request and stopped after the last.

use std::future::Future;
use std::time::Duration;

use mainspring_core::context::Context;
use mainspring_core::error::BoxError;
use mainspring_core::health::Health;
use mainspring_core::lifecycle::START_LIMIT;
use mainspring_core::spawn::BoxFuture;

/// A part of the service with a start and a stop.
///
/// Components start one by one in the order they were registered, before the first request is
/// accepted, and stop in reverse after the last one is answered. Only what has started is stopped,
/// exactly once.
///
/// ```
/// use mainspring_core::context::Context;
/// use mainspring_core::error::BoxError;
/// use mainspring_runtime::component::Component;
///
/// struct WarmCache;
///
/// impl Component for WarmCache {
///     fn name(&self) -> &str { "warm-cache" }
///
///     async fn start(&self, ctx: Context) -> Result<(), BoxError> {
///         ctx.spawn("refresh", |ctx| async move {
///             while ctx.sleep(std::time::Duration::from_secs(60)).await.is_ok() { /* refresh */ }
///         });
///         Ok(())
///     }
/// }
/// ```
///
/// What `start` spawns through its context is owned by the component: it is cancelled when the
/// component stops, and awaited after its [`stop`](Component::stop).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a component",
    note = "implement `Component` for it: a `name`, and `start` or `stop` as `async fn`"
)]
pub trait Component: Send + Sync + 'static {
    /// The component's name, unique in the app; it appears in reports, logs and health.
    fn name(&self) -> &str;

    /// Makes the component ready. An error aborts the boot.
    ///
    /// The context is cancelled when the app is told to stop meanwhile, and when the limit passes;
    /// it then says why. After the start it stays valid until the component stops.
    fn start(&self, ctx: Context) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = ctx;
        async { Ok(()) }
    }

    /// Gives back what the component holds. An error or panic is reported and stops nothing else.
    ///
    /// The context's deadline says how long it may take.
    fn stop(&self, ctx: Context) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = ctx;
        async { Ok(()) }
    }

    /// How well the component works; `None` if it has nothing to say, which counts as healthy and
    /// not checked.
    fn probe(&self, ctx: Context) -> impl Future<Output = Option<Health>> + Send {
        let _ = ctx;
        async { None }
    }

    /// How long [`start`](Component::start) may take; 30 s unless overridden.
    fn start_timeout(&self) -> Duration {
        START_LIMIT
    }
}

/// The twin of [`Component`] that can be put in a list.
pub(crate) trait DynComponent: Send + Sync {
    fn name(&self) -> &str;
    fn start(&self, ctx: Context) -> BoxFuture<'_, Result<(), BoxError>>;
    fn stop(&self, ctx: Context) -> BoxFuture<'_, Result<(), BoxError>>;
    fn probe(&self, ctx: Context) -> BoxFuture<'_, Option<Health>>;
    fn start_timeout(&self) -> Duration;
}

impl<T: Component> DynComponent for T {
    fn name(&self) -> &str {
        Component::name(self)
    }

    fn start(&self, ctx: Context) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(Component::start(self, ctx))
    }

    fn stop(&self, ctx: Context) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(Component::stop(self, ctx))
    }

    fn probe(&self, ctx: Context) -> BoxFuture<'_, Option<Health>> {
        Box::pin(Component::probe(self, ctx))
    }

    fn start_timeout(&self) -> Duration {
        Component::start_timeout(self)
    }
}
