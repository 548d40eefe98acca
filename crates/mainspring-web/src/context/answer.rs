//! What an action adds to its answer: headers, cookies, and another status of success.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::header::{
    CONNECTION, CONTENT_LENGTH, DATE, HeaderName, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, HeaderValue, StatusCode};

/// How many headers and cookies an action may add: far more than answers have.
pub const ANSWER_HEADERS_MAX: usize = 32;

/// How many bytes the names and values that an action adds may have together: what common proxies
/// take as the head of an answer.
pub const ANSWER_HEADER_BYTES_MAX: usize = 8 * 1024;

/// What the server writes itself, and what frames the answer.
const RESERVED: [HeaderName; 9] = [
    CONNECTION,
    CONTENT_LENGTH,
    DATE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("x-request-id"),
];

/// Where an action leaves what it adds; takes no memory of its own until it does.
pub(crate) struct Answer(Mutex<State>);

enum State {
    Open(Option<Box<Added>>),
    /// The answer was written.
    Written,
    /// A plain route, whose handler writes the response itself.
    OfRoute,
}

/// What was added.
#[derive(Default)]
pub(crate) struct Added {
    status: Option<StatusCode>,
    headers: HeaderMap,
    bytes: usize,
}

impl Answer {
    pub(crate) fn of_action() -> Self {
        Self(Mutex::new(State::Open(None)))
    }

    pub(crate) fn of_route() -> Self {
        Self(Mutex::new(State::OfRoute))
    }

    /// Takes what was added; from now on nothing can be.
    pub(crate) fn take(&self) -> Option<Box<Added>> {
        match std::mem::replace(&mut *self.state(), State::Written) {
            State::Open(added) => added,
            State::Written | State::OfRoute => None,
        }
    }

    pub(super) fn header(&self, name: &str, value: &str) -> Result<(), AnswerError> {
        let bad = || AnswerError::BadHeader;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let value = HeaderValue::from_str(value).map_err(|_| bad())?;
        match RESERVED.contains(&name) {
            true => Err(AnswerError::Reserved),
            false => self.add(|added| added.header(name, value)),
        }
    }

    pub(super) fn status(&self, status: u16) -> Result<(), AnswerError> {
        let status = StatusCode::from_u16(status).ok();
        let status = status.filter(StatusCode::is_success);
        let status = status.ok_or(AnswerError::NoSuccess)?;
        self.add(|added| {
            added.status = Some(status);
            Ok(())
        })
    }

    fn add(
        &self,
        edit: impl FnOnce(&mut Added) -> Result<(), AnswerError>,
    ) -> Result<(), AnswerError> {
        match &mut *self.state() {
            State::Open(added) => edit(added.get_or_insert_default()),
            State::Written => Err(AnswerError::Written),
            State::OfRoute => Err(AnswerError::OfRoute),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Added {
    /// The status of success, if the action chose one.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// The headers, cookies among them.
    pub(crate) fn headers(self) -> HeaderMap {
        self.headers
    }

    /// A cookie is one more; any other header replaces what had its name.
    fn header(&mut self, name: HeaderName, value: HeaderValue) -> Result<(), AnswerError> {
        let bytes = name.as_str().len() + value.len() + self.bytes;
        // Also counted where one is replaced: a bound on the work as well.
        if self.headers.len() >= ANSWER_HEADERS_MAX || bytes > ANSWER_HEADER_BYTES_MAX {
            return Err(AnswerError::TooMuch);
        }
        self.bytes = bytes;
        if name == SET_COOKIE {
            self.headers.append(name, value);
        } else {
            self.headers.insert(name, value);
        }
        Ok(())
    }
}

/// Why something could not be added to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerError {
    /// The name or the value is not one that HTTP allows.
    BadHeader,
    /// The server writes this header itself.
    Reserved,
    /// The status is not one of success.
    NoSuccess,
    /// More than [`ANSWER_HEADERS_MAX`] or [`ANSWER_HEADER_BYTES_MAX`].
    TooMuch,
    /// The answer was written already.
    Written,
    /// The request is for a plain route.
    OfRoute,
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadHeader => "the header cannot be written; use visible ASCII in its value",
            Self::Reserved => "the server writes this header itself; leave it out",
            Self::NoSuccess => "the status is not 200 to 299; return an `ActionError` for others",
            Self::TooMuch => "the answer has too many headers; at most 32 with 8 KiB together",
            Self::Written => "the answer was written already; add to it before the action returns",
            Self::OfRoute => "a plain route writes its response itself; return the header from it",
        })
    }
}

impl std::error::Error for AnswerError {}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_a_typed_error() {
        let answer = Answer::of_action();
        for (name, value) in [
            ("", "a"),
            ("a b", "a"),
            ("x-a", "a\r\nx-b: 1"),
            ("x-ä", "a"),
        ] {
            let error = answer.header(name, value);
            assert_eq!(error, Err(AnswerError::BadHeader), "{name} {value}");
        }
        for name in [
            "Content-Length",
            "transfer-encoding",
            "Connection",
            "X-Request-Id",
        ] {
            assert_eq!(
                answer.header(name, "1"),
                Err(AnswerError::Reserved),
                "{name}"
            );
        }
        for status in [0, 99, 100, 199, 300, 404, 500, 1000, u16::MAX] {
            assert_eq!(
                answer.status(status),
                Err(AnswerError::NoSuccess),
                "{status}"
            );
        }
        assert!(answer.take().is_none(), "nothing was added");
        assert_eq!(answer.header("x-a", "a"), Err(AnswerError::Written));
        assert_eq!(Answer::of_route().status(201), Err(AnswerError::OfRoute));
    }

    #[test]
    fn what_is_added_is_bounded() {
        let many = Answer::of_action();
        for _ in 0..ANSWER_HEADERS_MAX {
            assert_eq!(many.header("set-cookie", "a=b"), Ok(()));
        }
        assert_eq!(many.header("x-a", "a"), Err(AnswerError::TooMuch));
        let large = Answer::of_action();
        let room = "x".repeat(ANSWER_HEADER_BYTES_MAX - 3);
        assert_eq!(large.header("x-ab", &room), Err(AnswerError::TooMuch));
        assert_eq!(large.header("x-a", &room), Ok(()));
        assert_eq!(large.header("x-b", ""), Err(AnswerError::TooMuch));
    }
}
