//! The one shape of an error on the wire: problem details (RFC 9457).

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::{ActionError, FieldError};

const CONTENT: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Problem details as they are written.
#[derive(Serialize)]
pub(crate) struct Problem<'a> {
    /// No problem has a page of its own, so the status says what it is.
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
}

impl<'a> Problem<'a> {
    pub(crate) fn new(status: StatusCode, detail: Option<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail,
            instance: None,
            errors: &[],
        }
    }

    pub(crate) fn to_bytes(&self) -> Bytes {
        // Strings and numbers always have a JSON form.
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

/// Writes an error; `id` is what an opaque one is known by, `open` shows its text (development).
pub(crate) fn render(error: &ActionError, id: Option<&str>, open: bool) -> Response<Bytes> {
    let status = error.status();
    let detail = match error.is_opaque() {
        true => open.then(|| error.to_string()),
        false => error.source().map(ToString::to_string),
    };
    let mut problem = Problem::new(status, detail);
    problem.errors = error.fields();
    problem.instance = id.map(|id| format!("urn:uuid:{id}"));
    let mut response = Response::new(problem.to_bytes());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, CONTENT);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(after) = error.retry_after() {
        // Rounded up: asking a moment too early would be refused again.
        let seconds = after.as_millis().div_ceil(1000).max(1);
        headers.insert(
            RETRY_AFTER,
            u64::try_from(seconds).unwrap_or(u64::MAX).into(),
        );
    }
    if let Some(allow) = error.allow() {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    if status == StatusCode::UNAUTHORIZED {
        // A 401 must name a scheme (RFC 9110). Which one an authenticator takes is its own
        // business, so the general one.
        let challenge = error.challenge().unwrap_or("Bearer");
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}
