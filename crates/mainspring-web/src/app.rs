//! What this crate adds to the app: `use mainspring::prelude::*` brings it in.

use std::future::Future;
use std::sync::Arc;

use mainspring_core::error::Error;
use mainspring_core::identity::User;
use mainspring_core::lifecycle::ShutdownReport;
use mainspring_runtime::app::App;

use crate::action::Action;
use crate::context::RequestHead;
use crate::error::ActionError;
use crate::http::{HttpEndpoint, HttpLimits, Registered};
use crate::trigger::{Runs, TriggerKeys};

/// Actions, plain routes and triggers on an [`App`], and [`serve`](Web::serve) to run it.
///
/// Nothing here can fail: every mistake (two actions of one name, a bad key, a bad address) is a
/// configuration error, and the boot lists all of them together.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an app",
    note = "make one with `App::new(\"name\")`"
)]
pub trait Web: Sized + Send + 'static {
    /// The HTTP server of this app, added if there was none.
    #[doc(hidden)]
    fn http_mut(&mut self) -> &mut HttpEndpoint;

    /// Lets the app's engine, if it has one, run what triggers enqueue.
    #[doc(hidden)]
    fn run_triggers(&mut self, runs: Runs) {
        drop(runs);
    }

    /// Runs the app; [`serve`](Web::serve) gives it an address first.
    #[doc(hidden)]
    fn run_app(self) -> impl Future<Output = Result<ShutdownReport, Error>> + Send;

    /// Adds an action: `POST /actions/<name>`.
    #[must_use]
    fn action<A: Action>(mut self, action: A) -> Self {
        self.http_mut().actions.push(Registered::new(action));
        self
    }

    /// Adds plain axum routes, which serve what no action or trigger does.
    #[must_use]
    fn routes(mut self, router: axum::Router) -> Self {
        self.http_mut().routers.push(router);
        self
    }

    /// Lets outside systems start an action: `POST /triggers/<name>`, see
    /// [`trigger`](crate::trigger).
    ///
    /// The action is not reachable under `/actions` by this.
    #[must_use]
    fn trigger<A: Action>(mut self, action: A, keys: impl Into<TriggerKeys>) -> Self {
        let registered = Registered::new(action);
        let http = self.http_mut();
        let first = http.triggers.is_empty();
        http.runs.add(registered.clone());
        http.triggers.push((registered, keys.into()));
        if first {
            let runs = http.runs.clone();
            self.run_triggers(runs);
        }
        self
    }

    /// Sets who finds out who asks, for actions and plain routes; triggers have their keys.
    ///
    /// `None` is an anonymous request, an error refuses it.
    ///
    /// ```
    /// use mainspring_core::identity::User;
    /// use mainspring_runtime::app::App;
    /// use mainspring_web::app::Web;
    /// use mainspring_web::error::ActionError;
    ///
    /// let app = App::new("accounts").authenticate(|request| async move {
    ///     match request.header("authorization") {
    ///         None => Ok(None),
    ///         Some("Bearer of-ada") => Ok(Some(User::new("ada"))),
    ///         Some(_) => Err(ActionError::unauthenticated("the token is not valid")),
    ///     }
    /// });
    /// # let _ = app;
    /// ```
    #[must_use]
    fn authenticate<F, Fut>(mut self, authenticate: F) -> Self
    where
        F: Fn(RequestHead) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<User>, ActionError>> + Send + 'static,
    {
        let boxed = Arc::new(move |head| Box::pin(authenticate(head)) as _);
        self.http_mut().authenticate = Some(boxed);
        self
    }

    /// Gives a domain error its answer wherever it is in the chain of an opaque error; the first
    /// function for a type holds.
    ///
    /// ```
    /// use mainspring_runtime::app::App;
    /// use mainspring_web::app::Web;
    /// use mainspring_web::error::ActionError;
    ///
    /// let app = App::new("accounts").map_error(|error: &std::num::ParseIntError| {
    ///     ActionError::bad_input(error.to_string())
    /// });
    /// # let _ = app;
    /// ```
    #[must_use]
    fn map_error<E: std::error::Error + 'static>(
        mut self,
        map: impl Fn(&E) -> ActionError + Send + Sync + 'static,
    ) -> Self {
        self.http_mut().errors.add(map);
        self
    }

    /// Sets what one connection may use.
    #[must_use]
    fn http_limits(mut self, limits: HttpLimits) -> Self {
        self.http_mut().limits = limits;
        self
    }

    /// Declares the proxies before this app, as addresses or blocks (`10.0.0.0/8`): their
    /// `x-forwarded-for` is believed.
    #[must_use]
    fn trusted_proxies<P: Into<String>>(mut self, proxies: impl IntoIterator<Item = P>) -> Self {
        let proxies = proxies.into_iter().map(Into::into);
        self.http_mut().proxies.extend(proxies);
        self
    }

    /// Sets the path of actions; `/actions` unless set.
    #[must_use]
    fn action_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.http_mut().prefix = Some(prefix.into());
        self
    }

    /// Runs the app with its HTTP server on `address`, until it is told to stop.
    ///
    /// `MAINSPRING_HTTP_ADDR` wins over `address`; port 0 takes a free port.
    ///
    /// # Errors
    /// As [`App::run`].
    fn serve(
        mut self,
        address: impl Into<String> + Send,
    ) -> impl Future<Output = Result<ShutdownReport, Error>> + Send {
        self.http_mut().address = Some(address.into());
        self.run_app()
    }
}

impl Web for App {
    fn http_mut(&mut self) -> &mut HttpEndpoint {
        self.endpoint_mut()
    }

    fn run_triggers(&mut self, runs: Runs) {
        self.builtin_worker(move |follow_ups| runs.worker(follow_ups));
    }

    async fn run_app(self) -> Result<ShutdownReport, Error> {
        self.run().await
    }
}
