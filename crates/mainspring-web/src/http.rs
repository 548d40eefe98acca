//! The HTTP/1.1 server: an endpoint of the app that serves actions, triggers and plain axum routes.

mod accept;
mod call;
mod check;
mod connection;
mod finish;
mod in_flight;
mod limits;
mod refuse;
mod request_body;
mod response_body;
mod route;
mod server;
mod service;
mod state;
mod wire;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use mainspring_core::error::Error;
use mainspring_core::spawn::BoxFuture;
use mainspring_runtime::endpoint::{Bound, Endpoint, Site};
use mainspring_runtime::environment::Environment;

pub(crate) use call::Call;
pub(crate) use finish::{Ended, Finish, Success};
pub use limits::{
    BODY_TIME, CONNECTIONS_MAX, HEAD_BYTES, HEAD_TIME, HttpLimits, IDLE_TIME, LINGER_BYTES,
    LINGER_TIME, WRITE_TIME,
};
pub(crate) use request_body::InBody;
pub(crate) use response_body::OutBody;
pub(crate) use server::{Authenticate, Server};

use crate::action::{Action, DynAction, Limits};
use crate::error::ErrorMap;
use crate::trigger::{Runs, TriggerKeys};

/// The app's HTTP server and what is registered on it; made by the methods of
/// [`Web`](crate::app::Web).
#[derive(Default)]
pub struct HttpEndpoint {
    pub(crate) address: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) actions: Vec<Registered>,
    pub(crate) triggers: Vec<(Registered, TriggerKeys)>,
    pub(crate) runs: Runs,
    pub(crate) routers: Vec<axum::Router>,
    pub(crate) authenticate: Option<Authenticate>,
    pub(crate) errors: ErrorMap,
    pub(crate) limits: HttpLimits,
    pub(crate) proxies: Vec<String>,
}

/// An action as it was registered.
#[derive(Clone)]
pub(crate) struct Registered {
    pub(crate) name: &'static str,
    pub(crate) limits: Limits,
    pub(crate) action: Arc<dyn DynAction>,
}

impl Registered {
    pub(crate) fn new<A: Action>(action: A) -> Self {
        Self {
            name: A::NAME,
            limits: action.limits(),
            action: Arc::new(action),
        }
    }
}

impl Endpoint for HttpEndpoint {
    fn name(&self) -> &'static str {
        "main"
    }

    fn check(&self, environment: &Environment, errors: &mut Vec<Error>) {
        self.check_all(environment, errors);
    }

    fn is_wanted(&self, environment: &Environment) -> bool {
        self.address(environment).is_some()
    }

    fn bind(self: Box<Self>, site: Site) -> BoxFuture<'static, Result<Box<dyn Bound>, Error>> {
        Box::pin(accept::bind(*self, site))
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl fmt::Debug for HttpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |list: &[Registered]| list.iter().map(|action| action.name).collect::<Vec<_>>();
        f.debug_struct("HttpEndpoint")
            .field("address", &self.address)
            .field("actions", &names(&self.actions))
            .finish_non_exhaustive()
    }
}
