//! Plain axum routes, with the same context and follow-ups as actions.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::MatchedPath;
use axum::response::Response;
use http::Request;
use mainspring_core::context::{Context, SpanKind};
use mainspring_core::identity::RequestId;
use mainspring_core::spawn::BoxFuture;
use mainspring_core::time::Monotonic;
use mainspring_runtime::follow_up::Batch;
use tower::ServiceExt;
use tower_service::Service;
use tracing::Instrument;

use super::finish::Finish;
use super::response_body::OutBody;
use super::server::Server;
use super::state::ConnState;
use crate::action::{TIMEOUT, catch};
use crate::context::{Answer, FollowUps, Parts, RequestHead, Scope};
use crate::error::ActionError;

/// One request for a plain route, shared by the server, which sees it first, and the layer, which
/// knows its route.
pub(super) struct RouteCall {
    server: Arc<Server>,
    conn: Arc<ConnState>,
    ctx: Context,
    client: IpAddr,
    id: RequestId,
    began: Monotonic,
    found: Mutex<Found>,
}

/// What the layer found out.
#[derive(Default)]
struct Found {
    name: Option<Arc<str>>,
    batch: Option<Batch>,
}

impl RouteCall {
    pub(super) fn new(
        server: &Arc<Server>,
        conn: &Arc<ConnState>,
        ctx: Context,
        client: IpAddr,
        id: RequestId,
    ) -> Self {
        Self {
            server: Arc::clone(server),
            conn: Arc::clone(conn),
            began: ctx.clock().monotonic(),
            ctx,
            client,
            id,
            found: Mutex::default(),
        }
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends a request through the router; counted as a body.
pub(super) fn run(
    call: Arc<RouteCall>,
    router: Router,
    mut request: Request<Body>,
) -> BoxFuture<'static, http::Response<OutBody>> {
    request.extensions_mut().insert(Arc::clone(&call));
    let spawner = call.ctx.env().spawner.clone();
    let name: Arc<str> = Arc::from("route");
    let answer = async move {
        let routed = async {
            let Ok(response) = router.oneshot(request).await;
            Ok(response)
        };
        let ended = catch(routed).await;
        let Found { name, batch } = std::mem::take(&mut *call.found());
        let finish = Finish {
            server: Arc::clone(&call.server),
            ctx: None,
            quota: None,
            name,
            id: call.id.clone(),
            began: call.began,
            conn: Arc::clone(&call.conn),
        };
        finish.route(ended, batch)
    };
    spawner.body(&name, answer)
}

/// Puts the layer around all routes and the fallback.
pub(super) fn layered(router: Router) -> Router {
    router.layer(tower_layer::layer_fn(|inner| Layered { inner }))
}

/// Makes a request's context once its route is known.
#[derive(Clone)]
struct Layered<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for Layered<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let Some(call) = request.extensions_mut().remove::<Arc<RouteCall>>() else {
            return Box::pin(self.inner.call(request));
        };
        let (name, ctx) = name(&call, &request);
        let own = ctx.clone();
        let unready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, unready);
        let head = head(&call, &ctx, &request);
        let work = async move {
            let ctx = match authenticate(&call, ctx, head).await {
                Ok(ctx) => ctx,
                Err(error) => return Ok(axum::response::IntoResponse::into_response(error)),
            };
            let batch = call.server.site.follow_ups.batch(&ctx);
            *call.found() = Found {
                name,
                batch: Some(batch.clone()),
            };
            let scope = Scope {
                ctx,
                client: call.client,
                follow_ups: FollowUps::new(batch),
            };
            request.extensions_mut().insert(scope);
            inner.call(request).await
        };
        Box::pin(own.enter(work).instrument(own.span().clone()))
    }
}

/// The work's name is the route as it was written, not the path, which has as many values as there
/// are users.
fn name(call: &RouteCall, request: &Request<Body>) -> (Option<Arc<str>>, Context) {
    let method = request.method();
    let matched = request.extensions().get::<MatchedPath>();
    let name = matched.map(|path| Arc::<str>::from(format!("{method} {}", path.as_str())));
    let shown = name.clone().unwrap_or_else(|| Arc::from("fallback"));
    let ctx = call
        .ctx
        .for_work(SpanKind::Action, &shown, call.ctx.scope());
    call.conn.name(&shown, &ctx);
    call.found().name = name.clone();
    (name, ctx)
}

/// The head for the authenticator, which costs a copy of the headers, so only if there is one.
fn head(call: &RouteCall, ctx: &Context, request: &Request<Body>) -> Option<RequestHead> {
    call.server.has_authenticator().then(|| {
        let parts = Parts {
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
            client: call.client,
            answer: Answer::of_route(),
        };
        RequestHead::new(ctx.clone(), parts)
    })
}

async fn authenticate(
    call: &RouteCall,
    ctx: Context,
    head: Option<RequestHead>,
) -> Result<Context, ActionError> {
    let Some(head) = head else {
        return Ok(ctx);
    };
    let head = call.server.authenticate(head, TIMEOUT).await?;
    Ok(head.context().clone())
}
