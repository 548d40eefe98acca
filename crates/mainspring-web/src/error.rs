//! What an action answers when it does not succeed.

#[cfg(feature = "garde")]
mod garde;
mod invalid;
mod map;
mod problem;
mod validate;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use mainspring_core::error::BoxError;

pub use invalid::{FIELDS_MAX, FieldError, Invalid};
pub(crate) use map::ErrorMap;
pub(crate) use problem::{Problem, render};
pub use validate::Validate;

/// Why an action refused or failed, as its client will see it.
///
/// The constructors make answers that are meant for the client: the text is shown, its sources are
/// not. Any other error becomes one by `?`: an opaque 500 whose text is only logged, and shown in
/// development. `App::map_error` gives domain errors a status by their type.
///
/// ```
/// use mainspring_web::error::ActionError;
///
/// fn port(text: &str) -> Result<u16, ActionError> {
///     if text.is_empty() {
///         return Err(ActionError::bad_input("a port is needed"));
///     }
///     Ok(text.parse()?)
/// }
/// assert_eq!(port("").unwrap_err().status(), 400);
/// assert_eq!(port("x").unwrap_err().status(), 500);
/// ```
pub struct ActionError(Box<Inner>);

struct Inner {
    status: StatusCode,
    /// Whether the error's text is for the client.
    shown: bool,
    fields: Vec<FieldError>,
    retry_after: Option<Duration>,
    allow: Option<&'static str>,
    challenge: Option<&'static str>,
    source: Option<BoxError>,
}

impl ActionError {
    /// 400: the input cannot be understood.
    pub fn bad_input(error: impl Into<BoxError>) -> Self {
        Self::shown(StatusCode::BAD_REQUEST, error)
    }

    /// 401: the caller must say who they are.
    pub fn unauthenticated(error: impl Into<BoxError>) -> Self {
        Self::shown(StatusCode::UNAUTHORIZED, error)
    }

    /// 403: the caller may not do this.
    pub fn forbidden(error: impl Into<BoxError>) -> Self {
        Self::shown(StatusCode::FORBIDDEN, error)
    }

    /// 404: what the input names does not exist.
    pub fn not_found(error: impl Into<BoxError>) -> Self {
        Self::shown(StatusCode::NOT_FOUND, error)
    }

    /// 409: the state of things does not allow it.
    pub fn conflict(error: impl Into<BoxError>) -> Self {
        Self::shown(StatusCode::CONFLICT, error)
    }

    /// 413: the input is too large.
    pub fn too_large(error: impl Into<BoxError>) -> Self {
        Self::shown(StatusCode::PAYLOAD_TOO_LARGE, error)
    }

    /// 422: the input was understood, but some of its fields are not acceptable.
    ///
    /// ```
    /// use mainspring_web::error::ActionError;
    ///
    /// let error = ActionError::validation([("email", "is not an e-mail address")]);
    /// assert_eq!(error.status(), 422);
    /// ```
    pub fn validation<F, M>(fields: impl IntoIterator<Item = (F, M)>) -> Self
    where
        F: Into<String>,
        M: Into<String>,
    {
        let fields = fields
            .into_iter()
            .map(|(field, message)| FieldError::new(field, message));
        Self::shown(
            StatusCode::UNPROCESSABLE_ENTITY,
            "some fields are not valid",
        )
        .with_fields(fields.collect())
    }

    /// 429: the caller asks too often, and may ask again after a while.
    pub fn too_many(retry_after: Duration) -> Self {
        let error = Self::shown(StatusCode::TOO_MANY_REQUESTS, "too many requests");
        error.with_retry_after(retry_after)
    }

    /// 503: the service is busy, and may be asked again after a while.
    pub fn unavailable(retry_after: Duration) -> Self {
        let error = Self::shown(StatusCode::SERVICE_UNAVAILABLE, "the service is busy");
        error.with_retry_after(retry_after)
    }

    /// 504: it took too long.
    pub fn timeout(error: impl Into<BoxError>) -> Self {
        Self::shown(StatusCode::GATEWAY_TIMEOUT, error)
    }

    /// The HTTP status of the answer.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// What is wrong with which field; empty unless the input was at fault.
    pub fn fields(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// When to ask again, if the answer says so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The error this was made from.
    pub fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.0.source.as_deref()?;
        Some(source as &(dyn std::error::Error + 'static))
    }

    /// Whether the client is only told an opaque id.
    pub fn is_opaque(&self) -> bool {
        !self.0.shown
    }

    pub(crate) fn shown(status: StatusCode, error: impl Into<BoxError>) -> Self {
        Self(Box::new(Inner {
            status,
            shown: true,
            fields: Vec::new(),
            retry_after: None,
            allow: None,
            challenge: None,
            source: Some(error.into()),
        }))
    }

    pub(crate) fn opaque(error: BoxError) -> Self {
        let mut failed = Self::shown(StatusCode::INTERNAL_SERVER_ERROR, error);
        failed.0.shown = false;
        failed
    }

    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        let text = format!("only {allow} is allowed here");
        let mut error = Self::shown(StatusCode::METHOD_NOT_ALLOWED, text);
        error.0.allow = Some(allow);
        error
    }

    pub(crate) fn with_fields(mut self, fields: Vec<FieldError>) -> Self {
        self.0.fields = fields;
        self
    }

    /// The scheme of a 401, where it is known.
    pub(crate) fn with_challenge(mut self, challenge: &'static str) -> Self {
        self.0.challenge = Some(challenge);
        self
    }

    pub(crate) fn challenge(&self) -> Option<&'static str> {
        self.0.challenge
    }

    pub(crate) fn allow(&self) -> Option<&'static str> {
        self.0.allow
    }

    fn with_retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }
}

/// Any error is an opaque 500, except [`Invalid`], which is a 422.
impl<E: Into<BoxError>> From<E> for ActionError {
    fn from(error: E) -> Self {
        match error.into().downcast::<Invalid>() {
            Ok(invalid) => invalid.into_error(),
            Err(error) => Self::opaque(error),
        }
    }
}

/// The text and its sources, for logs.
impl fmt::Display for ActionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut error = self.source();
        if error.is_none() {
            return write!(f, "{}", self.0.status);
        }
        let mut separator = "";
        while let Some(part) = error {
            write!(f, "{separator}{part}")?;
            separator = ": ";
            error = part.source();
        }
        Ok(())
    }
}

impl fmt::Debug for ActionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActionError")
            .field("status", &self.0.status)
            .field("error", &self.to_string())
            .field("fields", &self.0.fields)
            .finish_non_exhaustive()
    }
}

/// For plain routes: the app's own layer writes the same problem details as for an action.
impl IntoResponse for ActionError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Carried(Arc::new(self)));
        response
    }
}

/// Carries an error out of a plain route, to where it is written.
#[derive(Clone)]
pub(crate) struct Carried(pub(crate) Arc<ActionError>);
