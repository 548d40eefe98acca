//! The seam between the app and whatever answers requests: bind, accept, drain. The runtime knows
//! no HTTP framework.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;

use mainspring_core::context::Context;
use mainspring_core::error::Error;
use mainspring_core::spawn::BoxFuture;

use crate::environment::Environment;
use crate::follow_up::FollowUps;
use crate::metrics::AppMetrics;
use crate::network::Network;
use crate::platform::Mode;

/// A server that is part of an app. Crates that extend [`App`](crate::app::App) keep their
/// registrations in one.
pub trait Endpoint: Any + Send + 'static {
    /// The listener's name in reports and errors.
    fn name(&self) -> &'static str;

    /// Adds every configuration error to `errors`; called before anything is bound.
    fn check(&self, environment: &Environment, errors: &mut Vec<Error>);

    /// Whether it serves at all; one that has no address is left out of the app's listeners.
    fn is_wanted(&self, environment: &Environment) -> bool {
        let _ = environment;
        true
    }

    /// Binds its socket, without accepting.
    fn bind(self: Box<Self>, site: Site) -> BoxFuture<'static, Result<Box<dyn Bound>, Error>>;

    /// For finding an endpoint among an app's.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// A server whose socket is bound.
pub trait Bound: Send + 'static {
    /// Where it listens.
    fn local_addr(&self) -> SocketAddr;

    /// Begins to accept connections.
    fn accept(&mut self);

    /// Stops accepting; ready when every request under way has been answered, and what requests
    /// spawned has ended. Must be cancel safe.
    fn drain(&mut self) -> BoxFuture<'_, ()>;

    /// Cuts what is still under way, and names it.
    fn cut(&mut self) -> Vec<String>;
}

/// What an app lends to its endpoints.
#[derive(Clone, Debug)]
pub struct Site {
    /// The context that the endpoint's own work derives from. Its scope is the endpoint's: its
    /// drain waits for the tasks in it, its cut aborts and names them.
    pub ctx: Context,
    /// Where sockets come from.
    pub network: Arc<dyn Network>,
    /// The settings from outside.
    pub environment: Environment,
    /// Production or development.
    pub mode: Mode,
    /// The app's follow-ups.
    pub follow_ups: FollowUps,
    /// The app's metrics.
    pub metrics: AppMetrics,
}
