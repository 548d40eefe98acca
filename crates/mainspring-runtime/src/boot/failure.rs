//! Errors, panics and causes in the words of the lifecycle.

use mainspring_core::cause::Cause;
use mainspring_core::error::{BoxError, Error, ErrorKind};
use mainspring_core::lifecycle::{CancelCause, Failure, ShutdownReport};

/// What the context of a cancelled start says.
pub(super) fn cause(cancel: &CancelCause) -> Cause {
    match cancel {
        CancelCause::LimitExceeded { .. } => Cause::limit(cancel.to_string()),
        _ => Cause::shutdown(cancel.to_string()),
    }
}

/// An error with all its causes.
pub(super) fn of_error(error: &BoxError) -> Failure {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    Failure::error(text)
}

/// The report of a failed start as an error.
pub(super) fn start_error(report: &ShutdownReport) -> Error {
    let errors = report.problems.iter().map(|problem| {
        let error = Error::new(
            ErrorKind::Start,
            format!("{} {}", problem.what, problem.message),
        );
        match &problem.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    });
    let joined = Error::join(
        ErrorKind::Start,
        "problems while starting",
        errors.collect(),
    );
    joined.unwrap_or_else(|| Error::new(ErrorKind::Start, report.cause.to_string()))
}
