//! Calling an action as a client does, with its types.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, header};
use mainspring_web::action::Action;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http::NoAnswer;
use crate::started::StartedApp;

/// An action did not answer with its output.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError {
    /// The answer is an error; its problem details say which.
    Refused(Refused),
    /// The answer is a success whose body is not the action's output.
    Unreadable(serde_json::Error),
    /// There was no answer.
    NoAnswer(NoAnswer),
}

/// An answer that is an error.
#[derive(Clone, Debug)]
pub struct Refused {
    answer: Response<Bytes>,
    problem: Value,
}

impl CallError {
    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refused) => Some(refused.answer.status().as_u16()),
            Self::Unreadable(_) => Some(200),
            Self::NoAnswer(_) => None,
        }
    }

    /// What the answer says in words; empty if it says nothing.
    pub fn detail(&self) -> &str {
        let detail = self.problem().get("detail");
        detail.and_then(Value::as_str).unwrap_or_default()
    }

    /// What the answer says is wrong with a field of the input, such as `items[2].name`.
    pub fn field(&self, path: &str) -> Option<&str> {
        let fields = self.problem().get("errors")?.as_array()?;
        let field = fields
            .iter()
            .find(|field| field.get("field").and_then(Value::as_str) == Some(path));
        field?.get("message")?.as_str()
    }

    /// When the answer says to ask again.
    pub fn retry_after(&self) -> Option<Duration> {
        let Self::Refused(refused) = self else {
            return None;
        };
        let after = refused.answer.headers().get(header::RETRY_AFTER)?;
        Some(Duration::from_secs(after.to_str().ok()?.parse().ok()?))
    }

    /// The problem details (RFC 9457) of the answer; null if it has none.
    pub fn problem(&self) -> &Value {
        match self {
            Self::Refused(refused) => &refused.problem,
            _ => &Value::Null,
        }
    }

    /// The answer itself, if it is an error.
    pub fn answer(&self) -> Option<&Response<Bytes>> {
        match self {
            Self::Refused(refused) => Some(&refused.answer),
            _ => None,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => {
                let body = String::from_utf8_lossy(refused.answer.body());
                write!(f, "the action answered {}: {body}", refused.answer.status())
            }
            Self::Unreadable(_) => f.write_str("the action's answer is not its output"),
            Self::NoAnswer(_) => f.write_str("the action did not answer"),
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(_) => None,
            Self::Unreadable(error) => Some(error),
            Self::NoAnswer(error) => Some(error),
        }
    }
}

impl StartedApp {
    /// Calls an action as a client does: real HTTP over an in-memory connection of its own.
    ///
    /// Time does not move meanwhile; for an action that waits for time, write
    /// `app.run_until(app.call::<A>(…))`. Its follow-ups start once the answer has been taken:
    /// [`settle`](crate::TestApp::settle) before asking for them.
    ///
    /// # Errors
    /// Whatever is not the action's output, as a client would see it.
    ///
    /// # Panics
    /// When the app serves no HTTP, the input has no JSON form, or the answer waits for time that
    /// nobody moves.
    pub async fn call<A>(&self, input: A::Input) -> Result<A::Output, CallError>
    where
        A: Action<Input: Serialize, Output: DeserializeOwned>,
    {
        self.call_with::<A>(input, &[]).await
    }

    /// Calls an action like [`call`](StartedApp::call), with headers, such as `authorization`.
    ///
    /// # Errors
    /// As [`call`](StartedApp::call).
    ///
    /// # Panics
    /// As [`call`](StartedApp::call), and when a header cannot be written.
    pub async fn call_with<A>(
        &self,
        input: A::Input,
        headers: &[(&str, &str)],
    ) -> Result<A::Output, CallError>
    where
        A: Action<Input: Serialize, Output: DeserializeOwned>,
    {
        let body = serde_json::to_vec(&input);
        let body = body.unwrap_or_else(|error| panic!("the input has no JSON form: {error}"));
        let answer = self.post(A::NAME, body, headers).await;
        let answer = answer.map_err(CallError::NoAnswer)?;
        if answer.status().is_success() {
            return serde_json::from_slice(answer.body()).map_err(CallError::Unreadable);
        }
        let problem = serde_json::from_slice(answer.body()).unwrap_or_default();
        Err(CallError::Refused(Refused { answer, problem }))
    }

    async fn post(
        &self,
        action: &str,
        body: Vec<u8>,
        headers: &[(&str, &str)],
    ) -> Result<Response<Bytes>, NoAnswer> {
        let path = format!("{}/{action}", self.action_prefix());
        let json = HeaderValue::from_static("application/json");
        let request = Request::post(path).header(header::CONTENT_TYPE, json);
        let request = request.body(Bytes::from(body));
        let mut request =
            request.expect("an app that has started has actions whose names make a path");
        for (name, value) in headers {
            let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value))
            else {
                panic!("the header `{name}: {value}` cannot be written");
            };
            request.headers_mut().append(name, value);
        }
        self.try_request(request).await
    }
}
