//! What every connection of one server shares.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mainspring_core::cause::{Cause, CauseKind};
use mainspring_core::identity::User;
use mainspring_core::spawn::{BoxFuture, Scope};
use mainspring_runtime::endpoint::Site;
use mainspring_runtime::metrics::Counted;

use super::state::ConnState;
use super::{HttpEndpoint, HttpLimits, Registered, route};
use crate::action::Entry;
use crate::context::RequestHead;
use crate::error::{ActionError, ErrorMap};
use crate::limit::Proxies;
use crate::trigger::Trigger;

/// Finds out who asks.
pub(crate) type Authenticate =
    Arc<dyn Fn(RequestHead) -> BoxFuture<'static, Result<Option<User>, ActionError>> + Send + Sync>;

/// What every connection of one server shares.
pub(crate) struct Server {
    pub(crate) site: Site,
    pub(super) limits: HttpLimits,
    /// The path of actions, with its last slash.
    pub(super) prefix: String,
    pub(super) actions: BTreeMap<&'static str, Arc<Entry>>,
    pub(super) triggers: BTreeMap<&'static str, Arc<Trigger>>,
    pub(super) router: Option<axum::Router>,
    pub(super) errors: ErrorMap,
    pub(super) proxies: Proxies,
    /// Handlers whose client has gone.
    pub(super) left_behind: Scope,
    /// Why a request's context is cancelled once it is answered; one for all of them.
    pub(super) finished: Cause,
    authenticate: Option<Authenticate>,
    connections: Mutex<Connections>,
    cutting: AtomicBool,
}

#[derive(Default)]
struct Connections {
    next: u64,
    open: BTreeMap<u64, Arc<ConnState>>,
}

impl Server {
    pub(super) fn new(endpoint: HttpEndpoint, site: Site) -> Arc<Self> {
        let prefix = endpoint.prefix().to_owned();
        let entry = |prefix: &str, registered: Registered| {
            let Registered {
                name,
                limits,
                action,
            } = registered;
            (name, Arc::new(Entry::new(prefix, name, limits, action)))
        };
        let actions = endpoint.actions.into_iter();
        let actions = actions.map(|action| entry(&prefix, action)).collect();
        let triggers = endpoint.triggers.into_iter().map(|(action, keys)| {
            let (name, entry) = entry(TRIGGERS.trim_end_matches('/'), action);
            (name, Arc::new(Trigger::new(entry, keys)))
        });
        let blocks = endpoint.proxies.iter();
        let blocks = blocks.filter_map(|block| block.parse().ok()).collect();
        let router = endpoint.routers.into_iter().reduce(axum::Router::merge);
        Arc::new(Self {
            site,
            limits: endpoint.limits,
            prefix: format!("{prefix}/"),
            actions,
            triggers: triggers.collect(),
            router: router.map(route::layered),
            errors: endpoint.errors,
            proxies: Proxies::new(blocks),
            left_behind: Scope::new(),
            finished: Cause::new(CauseKind::Finished, "the response has been sent"),
            authenticate: endpoint.authenticate,
            connections: Mutex::default(),
            cutting: AtomicBool::new(false),
        })
    }

    /// Lets the app's authenticator say who asks; the user is a value of the context from then on.
    pub(crate) async fn authenticate(
        &self,
        head: RequestHead,
        limit: Duration,
    ) -> Result<RequestHead, ActionError> {
        let Some(authenticate) = &self.authenticate else {
            return Ok(head);
        };
        let clock = head.context().clock().clone();
        let asked = clock.timeout(limit, authenticate(head.clone())).await;
        let user =
            asked.map_err(|_| ActionError::timeout("finding out who asks took too long"))??;
        let Some(user) = user else {
            return Ok(head);
        };
        let ctx = head.context().with_value(user);
        Ok(head.under(ctx))
    }

    pub(super) fn has_authenticator(&self) -> bool {
        self.authenticate.is_some()
    }

    /// An id of our own, for requests, errors and runs.
    pub(crate) fn new_id(&self) -> String {
        let env = self.site.ctx.env();
        env.random.uuid_v7(env.clock.now()).to_string()
    }

    /// Counts a connection as open until the guard is dropped.
    pub(super) fn opened(self: &Arc<Self>, state: Arc<ConnState>) -> Open {
        let mut connections = self.connections();
        let id = connections.next;
        connections.next += 1;
        connections.open.insert(id, state);
        Open {
            server: Arc::clone(self),
            id,
            _counted: self.site.metrics.http_connection(),
        }
    }

    /// The tasks that requests have spawned through their contexts.
    pub(super) fn spawned(&self) -> &Scope {
        self.site.ctx.scope()
    }

    /// The requests under way, as reports name them.
    pub(super) fn under_way(&self) -> Vec<String> {
        let connections = self.connections();
        let routes = connections.open.values().filter_map(|conn| conn.route());
        let mut names: Vec<_> = routes.map(|route| route.to_string()).collect();
        let left = self.left_behind.names();
        names.extend(left.iter().map(ToString::to_string));
        names
    }

    /// From now on handlers are dropped with their connections.
    pub(super) fn begin_cutting(&self) {
        self.cutting.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_cutting(&self) -> bool {
        self.cutting.load(Ordering::SeqCst)
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The path of triggers, with its last slash.
pub(super) const TRIGGERS: &str = "/triggers/";

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("actions", &self.actions.keys())
            .finish_non_exhaustive()
    }
}

/// Counts one connection as open while it exists.
pub(super) struct Open {
    server: Arc<Server>,
    id: u64,
    _counted: Counted,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.server.connections().open.remove(&self.id);
    }
}
