//! Runs of triggers as jobs.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use http::{HeaderMap, Method, StatusCode, Uri};
use mainspring_core::error::{BoxError, ErrorKind};
use mainspring_core::job::{Job, JobOptions, KEY_BYTES_MAX, Outcome, Scope, Unique, key_of};
use mainspring_core::telemetry::event;
use mainspring_runtime::follow_up::FollowUps as Pool;
use mainspring_runtime::jobs::{JobContext, Jobs, Worker};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BUSY_RETRY, KEPT};
use crate::action::Entry;
use crate::context::{ActionContext, Answer, FollowUps, Parts, RequestHead};
use crate::error::ActionError;
use crate::http::Registered;

/// How long an id is remembered: for a call signed as far ahead of our clock as is allowed, until
/// its last second is over.
const REMEMBERED: Duration = KEPT.saturating_add(Duration::from_secs(1));

/// A call that was taken.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Run {
    action: String,
    /// The JSON as it was signed.
    body: String,
    client: IpAddr,
}

impl Job for Run {
    const KIND: &'static str = "mainspring.trigger";

    fn options() -> JobOptions {
        let mut options = JobOptions::default();
        // The action has a limit of its own, which does not count while it waits for its turn.
        options.timeout = None;
        options
    }
}

/// Enqueues a call, unless its id is known; answers with the id of its job.
pub(super) async fn enqueue(
    jobs: &Jobs,
    entry: &Entry,
    head: &RequestHead,
    id: Option<&str>,
    body: &[u8],
) -> Result<(StatusCode, String), ActionError> {
    let run = Run {
        action: entry.name.to_owned(),
        body: String::from_utf8_lossy(body).into_owned(),
        client: head.client(),
    };
    let mut enqueue = jobs.enqueue(run).caused_by(head.context());
    if let Some(id) = id {
        let unique = Unique::new(key(entry.name, id)).within(Scope::For(REMEMBERED));
        enqueue = enqueue.unique(unique);
    }
    match enqueue.await {
        Ok(handle) if handle.is_new() => Ok((StatusCode::ACCEPTED, handle.id().to_string())),
        Ok(handle) => Ok((StatusCode::OK, handle.id().to_string())),
        Err(error) if error.kind() == ErrorKind::Limit => Err(ActionError::too_large(error)),
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(
                name: event::TRIGGER_REFUSED,
                action = entry.name, error, "a trigger's run could not be enqueued"
            );
            Err(ActionError::unavailable(BUSY_RETRY))
        }
    }
}

/// The key under which a call is remembered.
fn key(action: &str, id: &str) -> String {
    let key = key_of(&[&action, &id]);
    match key.len() <= KEY_BYTES_MAX {
        true => key,
        false => {
            let digest = Sha256::digest(key);
            digest.iter().map(|byte| format!("{byte:02x}")).collect()
        }
    }
}

/// The actions that triggers start, shared by whoever answers calls and whoever runs them.
#[derive(Clone, Default)]
#[doc(hidden)]
pub struct Runs(Arc<Mutex<Vec<Registered>>>);

impl Runs {
    pub(crate) fn add(&self, action: Registered) {
        let mut actions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        actions.push(action);
    }

    /// Whoever runs what was enqueued, also in a process that answers no calls.
    pub(crate) fn worker(&self, follow_ups: Pool) -> impl Worker + use<> {
        let actions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = actions.iter().map(|registered| {
            let Registered {
                name,
                limits,
                action,
            } = registered.clone();
            let entry = Entry::new("/triggers", name, limits, action);
            (name, Arc::new(entry))
        });
        RunTriggers {
            entries: entries.collect(),
            follow_ups,
        }
    }
}

impl fmt::Debug for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runs")
    }
}

struct RunTriggers {
    entries: BTreeMap<&'static str, Arc<Entry>>,
    follow_ups: Pool,
}

impl Worker for RunTriggers {
    type Job = Run;

    async fn work(&self, ctx: JobContext, run: Run) -> Result<Outcome, BoxError> {
        let Some(entry) = self.entries.get(&*run.action) else {
            // A newer process may know it.
            return Err(format!("there is no trigger `{}` in this program", run.action).into());
        };
        let action = Arc::clone(&entry.action);
        let prepared = match action.prepare(Arc::clone(entry), run.body.as_bytes()) {
            Ok(prepared) => prepared,
            Err(error) => return Ok(Outcome::Fail(error.to_string())),
        };
        let head = RequestHead::new(ctx.context().clone(), parts(entry, run.client));
        let batch = self.follow_ups.batch(ctx.context());
        let ctx = ActionContext::new(head, FollowUps::new(batch.clone()));
        let ended = AssertUnwindSafe(prepared(ctx)).catch_unwind().await;
        batch.release(!matches!(ended, Ok(Ok(()))));
        match ended {
            Ok(Ok(())) => Ok(Outcome::Done),
            Ok(Err(error)) => failed(&error),
            Err(panic) => resume_unwind(panic),
        }
    }
}

/// An action that refuses its input refuses it again; anything else may pass.
fn failed(error: &ActionError) -> Result<Outcome, BoxError> {
    let passing = [
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::CONFLICT,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    let status = error.status();
    match status.is_client_error() && !passing.contains(&status) {
        true => Ok(Outcome::Fail(error.to_string())),
        false => Err(error.to_string().into()),
    }
}

fn parts(entry: &Entry, client: IpAddr) -> Parts {
    let path = format!("/triggers/{}", entry.name);
    Parts {
        method: Method::POST,
        uri: path.parse().unwrap_or_else(|_| Uri::from_static("/")),
        headers: HeaderMap::new(),
        client,
        answer: Answer::of_action(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_bounded_and_differ() {
        let long = "x".repeat(200);
        assert_eq!(key("report.run", "7"), "report.run/7");
        assert_ne!(key(&long, &long), key(&long, &format!("{long}y")));
        assert!(key(&long, &long).len() <= KEY_BYTES_MAX);
    }
}
