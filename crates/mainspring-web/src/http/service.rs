//! From a request to its handler.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use http::header::HeaderName;
use http::{HeaderMap, Method, Request, Response};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use mainspring_core::context::SpanKind;
use mainspring_core::identity::{ID_BYTES_MAX, RequestId, TraceContext};

use super::call::Call;
use super::finish::Finish;
use super::in_flight::InFlight;
use super::request_body::InBody;
use super::response_body::OutBody;
use super::route::{RouteCall, run};
use super::server::{Server, TRIGGERS};
use super::state::ConnState;
use crate::action::Entry;
use crate::context::{Answer, Parts, RequestHead};
use crate::error::ActionError;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The requests of one connection.
pub(super) struct Service {
    pub(super) server: Arc<Server>,
    pub(super) conn: Arc<ConnState>,
    pub(super) peer: SocketAddr,
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<OutBody>;
    type Error = Infallible;
    type Future = InFlight;

    fn call(&self, request: Request<Incoming>) -> InFlight {
        let path = request.uri().path();
        if let Some(name) = path.strip_prefix(self.server.prefix.as_str()) {
            let entry = self.server.actions.get(name).cloned();
            return match entry {
                Some(entry) => self.action(entry, request),
                None => self.refuse(&request, ActionError::not_found("there is no such action")),
            };
        }
        if let Some(name) = path.strip_prefix(TRIGGERS) {
            let trigger = self.server.triggers.get(name).cloned();
            if let Some(trigger) = trigger {
                let entry = Arc::clone(&trigger.entry);
                return self.posted(&entry, request, |call| trigger.answer(call));
            }
        }
        self.route(request)
    }
}

impl Service {
    fn action(&self, entry: Arc<Entry>, request: Request<Incoming>) -> InFlight {
        let action = Arc::clone(&entry.action);
        let known = Arc::clone(&entry);
        self.posted(&entry, request, |call| action.answer(known, call))
    }

    /// Hands a POST to an action or a trigger.
    fn posted(
        &self,
        entry: &Entry,
        request: Request<Incoming>,
        answer: impl FnOnce(Call) -> mainspring_core::spawn::BoxFuture<'static, Response<OutBody>>,
    ) -> InFlight {
        if request.method() != Method::POST {
            return self.refuse(&request, ActionError::method_not_allowed("POST"));
        }
        let server = &self.server;
        self.conn.begin();
        let (parts, incoming) = request.into_parts();
        let body = InBody::new(incoming, Arc::clone(&self.conn), server.limits.body_time);
        let (id, base) = identify(server, &parts.headers);
        let ctx = base.for_work(SpanKind::Action, &entry.work, base.scope());
        self.conn.name(&entry.route, &ctx);
        let head = Parts {
            client: server.proxies.client(self.peer.ip(), &parts.headers),
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            answer: Answer::of_action(),
        };
        let handler = answer(Call {
            server: Arc::clone(server),
            head: RequestHead::new(ctx.clone(), head),
            body,
            name: Arc::clone(&entry.work),
            id,
            began: ctx.clock().monotonic(),
            conn: Arc::clone(&self.conn),
        });
        InFlight::running(handler, Arc::clone(&self.conn), Arc::clone(server))
    }

    fn route(&self, request: Request<Incoming>) -> InFlight {
        let server = &self.server;
        let Some(router) = &server.router else {
            return self.refuse(&request, ActionError::not_found("there is nothing here"));
        };
        self.conn.begin();
        if request.extensions().get::<OnUpgrade>().is_some() {
            self.conn.speak();
        }
        let (id, base) = identify(server, request.headers());
        let client = server.proxies.client(self.peer.ip(), request.headers());
        let call = RouteCall::new(server, &self.conn, base, client, id);
        let limit = server.limits.body_time;
        let conn = Arc::clone(&self.conn);
        let request =
            request.map(|body| axum::body::Body::new(InBody::new(body, conn, limit).streamed()));
        let handler = run(Arc::new(call), router.clone(), request);
        InFlight::running(handler, Arc::clone(&self.conn), Arc::clone(server))
    }

    /// Answers without a handler; the body is dropped unread.
    fn refuse(&self, request: &Request<Incoming>, error: ActionError) -> InFlight {
        self.conn.begin();
        if !http_body::Body::is_end_stream(request.body()) {
            self.conn.left_unread();
        }
        let (id, base) = identify(&self.server, request.headers());
        let finish = Finish {
            server: Arc::clone(&self.server),
            ctx: None,
            quota: None,
            name: None,
            id,
            began: base.clock().monotonic(),
            conn: Arc::clone(&self.conn),
        };
        InFlight::ready(finish.action(Ok(Err(error)), None))
    }
}

/// The request's id and trace: the client's own, if they are usable, or new ones.
fn identify(
    server: &Server,
    headers: &HeaderMap,
) -> (RequestId, mainspring_core::context::Context) {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let id = match given.filter(|id| is_usable(id)) {
        Some(id) => RequestId::new(id),
        None => RequestId::new(server.new_id()),
    };
    let trace = headers.get(TRACEPARENT).and_then(|it| it.to_str().ok());
    let trace = trace.and_then(TraceContext::parse);
    let ctx = &server.site.ctx;
    let trace = trace.unwrap_or_else(|| TraceContext::start(&ctx.env().random));
    let ctx = ctx.with_value(id.clone()).with_value(trace);
    (id, ctx)
}

fn is_usable(id: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}
