//! Answers: the result, an error as problem details, the request's id, the log line and the event.

use std::any::Any;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use mainspring_core::context::Context;
use mainspring_core::event::Event;
use mainspring_core::identity::RequestId;
use mainspring_core::spawn::panic_message;
use mainspring_core::telemetry::event;
use mainspring_core::time::Monotonic;
use mainspring_runtime::follow_up::Batch;

use super::request_body::too_slow;
use super::response_body::OutBody;
use super::server::Server;
use super::state::{ConnState, Serving};
use crate::context::Added;
use crate::error::{ActionError, Carried, render};
use crate::limit::Quota;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const REQUEST_ID: &str = "x-request-id";

/// What is needed to answer one request.
pub(crate) struct Finish {
    pub(super) server: Arc<Server>,
    /// The work's name; `None` where the request asks for nothing that is registered.
    pub(crate) name: Option<Arc<str>>,
    /// The innermost context of the work, once it has one of its own: its cause stands in the log.
    pub(crate) ctx: Option<Context>,
    /// What is left of the caller's allowance; `None` where calls are not counted.
    pub(crate) quota: Option<Quota>,
    pub(super) id: RequestId,
    pub(super) began: Monotonic,
    pub(super) conn: Arc<ConnState>,
}

/// How a handler ended: its answer, its error, or its panic.
pub(crate) type Ended<T> = Result<Result<T, ActionError>, Box<dyn Any + Send>>;

/// What an action answers when it succeeds.
pub(crate) struct Success {
    pub(crate) json: Bytes,
    pub(crate) added: Option<Box<Added>>,
}

impl Finish {
    /// Answers for an action: 200 and JSON, what the action added, or a problem.
    pub(crate) fn action(self, ended: Ended<Success>, batch: Option<Batch>) -> Response<OutBody> {
        self.whole(ended.map(|ended| ended.map(Success::into_response)), batch)
    }

    /// Answers with a status and JSON, or a problem.
    pub(crate) fn json(
        self,
        ended: Ended<(StatusCode, Bytes)>,
        batch: Option<Batch>,
    ) -> Response<OutBody> {
        let ended = ended.map(|ended| ended.map(|(status, bytes)| json(status, bytes)));
        self.whole(ended, batch)
    }

    fn whole(self, ended: Ended<Response<Bytes>>, batch: Option<Batch>) -> Response<OutBody> {
        let failed = !matches!(ended, Ok(Ok(_)));
        let response = match ended {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => self.problem(error),
            Err(panic) => self.panicked(&*panic),
        };
        let (parts, bytes) = response.into_parts();
        let release = batch.map(|batch| (batch, failed));
        let body = OutBody::whole(bytes, release, Serving(Arc::clone(&self.conn)));
        self.tell(Response::from_parts(parts, body))
    }

    /// Answers for a plain route.
    pub(super) fn route(
        self,
        ended: Ended<Response<Body>>,
        batch: Option<Batch>,
    ) -> Response<OutBody> {
        let response = match ended {
            Ok(Ok(response)) => self.tidy(response),
            Ok(Err(error)) => self.problem(error).map(Body::from),
            Err(panic) => self.panicked(&*panic).map(Body::from),
        };
        let (parts, body) = response.into_parts();
        let failed = parts.status.as_u16() >= 400;
        let release = batch.map(|batch| (batch, failed));
        let body = OutBody::stream(body, release, Serving(Arc::clone(&self.conn)));
        self.tell(Response::from_parts(parts, body))
    }

    /// Gives the answers of axum itself, which have no body, the shape of all others.
    fn tidy(&self, mut response: Response<Body>) -> Response<Body> {
        let status = response.status();
        if status.as_u16() < 400 {
            return response;
        }
        if let Some(Carried(error)) = response.extensions_mut().remove::<Carried>() {
            // The handler's response was the only other owner, and its body is empty.
            return match Arc::try_unwrap(error) {
                Ok(error) => self.problem(error).map(Body::from),
                Err(_) => response,
            };
        }
        if self.conn.is_slow() {
            return self.problem(too_slow()).map(Body::from);
        }
        let empty = http_body::Body::is_end_stream(response.body());
        if !empty || response.headers().contains_key(CONTENT_TYPE) {
            return response;
        }
        let text = match status {
            StatusCode::NOT_FOUND => "there is nothing here",
            StatusCode::METHOD_NOT_ALLOWED => "the method is not allowed here",
            _ => return response,
        };
        let problem = self.problem(ActionError::shown(status, text));
        let (mut parts, body) = problem.map(Body::from).into_parts();
        parts.headers.extend(std::mem::take(response.headers_mut()));
        parts.headers.remove(http::header::CONTENT_LENGTH);
        Response::from_parts(parts, body)
    }

    fn problem(&self, error: ActionError) -> Response<Bytes> {
        let error = self.server.errors.apply(error);
        let open = self.server.site.mode.is_development();
        if !error.is_opaque() {
            return render(&error, None, open);
        }
        let id = self.server.new_id();
        tracing::error!(
            name: event::ACTION_FAILED,
            action = self.name.as_deref(), cause = self.cause(), %error, error_id = %id,
            "an action failed"
        );
        render(&error, Some(&id), open)
    }

    /// Why the work was cancelled, if it was.
    fn cause(&self) -> Option<String> {
        let ctx = self.ctx.clone().or_else(|| self.conn.ctx());
        ctx.and_then(|ctx| ctx.cause_text())
    }

    fn panicked(&self, panic: &(dyn Any + Send)) -> Response<Bytes> {
        let message = panic_message(panic);
        let task = self.name.clone().unwrap_or_else(|| Arc::from("request"));
        let text = format!("a panic: {message}");
        let events = self.server.site.ctx.env().spawner.events().clone();
        events.emit(Event::TaskPanicked { task, message });
        self.problem(ActionError::opaque(text.into()))
    }

    fn tell(self, mut response: Response<OutBody>) -> Response<OutBody> {
        let clock = self.server.site.ctx.clock();
        let took = clock.monotonic().since(self.began);
        let status = response.status().as_u16();
        if let Ok(id) = HeaderValue::from_str(self.id.as_str()) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        if let Some(quota) = self.quota {
            quota.write(response.headers_mut());
        }
        let work = self.name.as_deref().unwrap_or("-");
        tracing::debug!(status, took = took.as_secs_f64(), action = work, "answered");
        if let Some(name) = self.name {
            let events = self.server.site.ctx.env().spawner.events();
            events.emit(Event::Action { name, status, took });
        }
        response
    }
}

impl Success {
    fn into_response(self) -> Response<Bytes> {
        let Some(added) = self.added else {
            return json(StatusCode::OK, self.json);
        };
        let status = added.status().unwrap_or(StatusCode::OK);
        let mut response = match status {
            // These have no body by their meaning.
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT => {
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = status;
                response
            }
            _ => json(status, self.json),
        };
        response.headers_mut().extend(added.headers());
        response
    }
}

fn json(status: StatusCode, json: Bytes) -> Response<Bytes> {
    let mut response = Response::new(json);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}
