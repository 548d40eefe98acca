//! Errors, panics and causes in the words of the lifecycle.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use mainspring_core::cause::Cause;
use mainspring_core::error::{BoxError, Error, ErrorKind};
use mainspring_core::lifecycle::{CancelCause, Failure, ShutdownReport};
use mainspring_core::spawn::panic_message;

use crate::failure::with_sources;

/// How a start or a stop failed.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    text: String,
    panicked: bool,
}

/// Runs a start or a stop and catches its panic.
pub(super) async fn caught(body: impl Future<Output = Result<(), BoxError>>) -> Result<(), Failed> {
    match AssertUnwindSafe(body).catch_unwind().await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Failed {
            text: with_sources(&*error),
            panicked: false,
        }),
        Err(payload) => Err(Failed {
            text: panic_message(&*payload),
            panicked: true,
        }),
    }
}

impl Failed {
    /// The outcome, when these tasks besides had to be dropped.
    pub(super) fn also(outcome: Result<(), Self>, tasks: Vec<Arc<str>>) -> Result<(), Self> {
        match (outcome, tasks.is_empty()) {
            (outcome, true) => outcome,
            (Ok(()), false) => Err(Self {
                text: unended(&tasks),
                panicked: false,
            }),
            (Err(mut failed), false) => {
                failed.left(tasks);
                Err(failed)
            }
        }
    }

    /// Tells of tasks that had to be dropped, if there are any.
    pub(super) fn left(&mut self, tasks: Vec<Arc<str>>) {
        if !tasks.is_empty() {
            self.text.push_str("; ");
            self.text.push_str(&unended(&tasks));
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = if self.panicked { "panicked: " } else { "" };
        write!(f, "{before}{}", self.text)
    }
}

impl From<Failed> for Failure {
    fn from(failed: Failed) -> Self {
        match failed.panicked {
            true => Self::panic(failed.text),
            false => Self::error(failed.text),
        }
    }
}

/// What the context of a cancelled start says.
pub(super) fn cause(cancel: &CancelCause) -> Cause {
    match cancel {
        CancelCause::LimitExceeded { .. } => Cause::limit(cancel.to_string()),
        _ => Cause::shutdown(cancel.to_string()),
    }
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

fn unended(tasks: &[Arc<str>]) -> String {
    let names: Vec<_> = tasks.iter().map(|name| format!("`{name}`")).collect();
    format!("its tasks did not end: {}", names.join(", "))
}
