//! The extractors for plain axum routes.

use std::fmt;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request;
use mainspring_core::context::Context;

use super::head::Parts;
use super::{ActionContext, Answer, FollowUps, RequestHead};
use crate::error::ActionError;

/// The name of [`ActionContext`] in a plain axum route, where it is an extractor.
///
/// The core's `Context` cannot be an extractor itself (it belongs to a crate that knows no axum);
/// this derefs to it.
///
/// ```
/// use mainspring_web::context::RequestContext;
///
/// async fn hello(ctx: RequestContext) -> String {
///     format!("hello {}", ctx.user().map_or("stranger", |user| user.as_str()))
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(hello));
/// ```
pub type RequestContext = ActionContext;

/// What the app's layer leaves in a plain route's request for the extractors.
#[derive(Clone)]
pub(crate) struct Scope {
    pub(crate) ctx: Context,
    pub(crate) client: IpAddr,
    pub(crate) follow_ups: FollowUps,
}

impl<S: Sync> FromRequestParts<S> for ActionContext {
    type Rejection = NotInAnApp;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, NotInAnApp> {
        let scope = parts.extensions.get::<Scope>().ok_or(NotInAnApp)?;
        let head = Parts {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            client: scope.client,
            answer: Answer::of_route(),
        };
        let head = RequestHead::new(scope.ctx.clone(), head);
        Ok(Self::new(head, scope.follow_ups.clone()))
    }
}

impl<S: Sync> FromRequestParts<S> for FollowUps {
    type Rejection = NotInAnApp;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, NotInAnApp> {
        let scope = parts.extensions.get::<Scope>().ok_or(NotInAnApp)?;
        Ok(scope.follow_ups.clone())
    }
}

/// The route is not served by an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotInAnApp;

impl fmt::Display for NotInAnApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this route needs an app; add its router with `App::routes`")
    }
}

impl std::error::Error for NotInAnApp {}

impl IntoResponse for NotInAnApp {
    fn into_response(self) -> Response {
        ActionError::from(self).into_response()
    }
}
