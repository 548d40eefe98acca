//! What an app lends to every context it makes.

use std::fmt;

use super::Context;
use crate::cause::Cause;
use crate::clock::Clock;
use crate::error::{BoxError, Error, ErrorKind};
use crate::random::Random;
use crate::spawn::{BoxFuture, Spawner};

/// Work to be done at shutdown.
pub type StopHook =
    Box<dyn FnOnce(Context) -> BoxFuture<'static, Result<(), BoxError>> + Send + 'static>;

/// The surroundings of a context: one per app.
pub struct Env {
    /// Time.
    pub clock: Clock,
    /// Tasks.
    pub spawner: Spawner,
    /// Ids and jitter.
    pub random: Random,
    /// The app itself, as far as work may ask something of it.
    pub control: Box<dyn AppControl>,
}

/// What work may ask of its app.
pub trait AppControl: Send + Sync + 'static {
    /// Begins the shutdown; `who` asks for it, and `failed` says that it is because something
    /// broke.
    fn shutdown(&self, who: &str, cause: Cause, failed: bool);

    /// Registers work to be done at shutdown.
    ///
    /// # Errors
    /// Refused once shutdown has begun.
    fn on_stop(&self, name: &str, hook: StopHook) -> Result<(), Error>;
}

/// For contexts outside an app: there is nothing to shut down.
impl AppControl for () {
    fn shutdown(&self, _who: &str, _cause: Cause, _failed: bool) {}

    fn on_stop(&self, name: &str, _hook: StopHook) -> Result<(), Error> {
        let message = format!("the stop hook `{name}` was registered outside an app");
        Err(Error::new(ErrorKind::Config, message)
            .with_hint("call `ctx.on_stop` inside a component's `start`, or `App::on_stop`"))
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env")
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
