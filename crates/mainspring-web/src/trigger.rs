//! Triggers: an outside cron calls an action through a signed endpoint.
//!
//! `POST /triggers/<name>` follows Standard Webhooks: `webhook-id`, `webhook-timestamp` and
//! `webhook-signature`, an HMAC-SHA256 over `id.timestamp.body`. A good call is answered 202 with
//! `{"runId"}`, and the action runs later, never inside the request. The same id again is
//! answered 200 with the same run id; anything wrong 401 without a reason. The action's rate holds
//! here, too, for each address that calls with a good proof: 429 with `retry-after` above it. The
//! same id again is not counted.
//!
//! In an app with jobs the run is a job of the kind `mainspring.trigger`: it survives a crash, any
//! process of the app may run it, an action that fails is tried again, and an id is remembered in
//! the store, where asking for it counts against the rate. Its request has the client's address
//! and none of the call's headers. Without jobs the run is a follow-up and the memory is this
//! process's.

mod key;
mod replay;
mod run;
pub mod signature;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::AUTHORIZATION;
use http::{Response, StatusCode};
use mainspring_core::context::Context;
use mainspring_core::error::BoxError;
use mainspring_core::spawn::BoxFuture;
use mainspring_core::telemetry::event;
use mainspring_runtime::follow_up::Batch;
use mainspring_runtime::jobs::Jobs;
use mainspring_runtime::metrics::TriggerOutcome;
use tracing::Instrument;

pub use key::{TriggerKey, TriggerKeys};
pub use replay::{KEPT, REPLAYS_MAX};
use replay::{Replays, Seen};
pub use run::Runs;

use crate::action::{Entry, Prepared, catch};
use crate::context::{ActionContext, FollowUps, RequestHead};
use crate::error::ActionError;
use crate::http::{Call, Ended, OutBody, Server};
use crate::limit::Quota;
use signature::Signed;

/// The longest id of a call, in bytes.
const ID_BYTES_MAX: usize = 128;

/// An action that outside systems may start.
pub(crate) struct Trigger {
    pub(crate) entry: Arc<Entry>,
    keys: TriggerKeys,
    replays: Replays,
}

impl Trigger {
    pub(crate) fn new(entry: Arc<Entry>, keys: TriggerKeys) -> Self {
        Self {
            entry,
            replays: Replays::new(keys.remembered()),
            keys,
        }
    }

    /// Answers a call.
    pub(crate) fn answer(self: Arc<Self>, call: Call) -> BoxFuture<'static, Response<OutBody>> {
        let mut finish = call.finish();
        // The action's own count is about its runs, not about who asked for them.
        finish.name = None;
        let metrics = call.server.site.metrics.clone();
        let own = call.head.context().clone();
        let spawner = call.server.site.ctx.env().spawner.clone();
        let route = Arc::clone(&self.entry.route);
        let work = async move {
            let mut batch = None;
            let ended = catch(self.accept(call, &mut batch, &mut finish.quota)).await;
            if let Some(outcome) = outcome(&ended) {
                metrics.trigger(self.entry.name, outcome);
            }
            finish.json(ended, batch)
        };
        spawner.body(&route, own.enter(work).instrument(own.span().clone()))
    }

    async fn accept(
        &self,
        call: Call,
        batch: &mut Option<Batch>,
        quota: &mut Option<Quota>,
    ) -> Result<(StatusCode, Bytes), ActionError> {
        let Call {
            server, head, body, ..
        } = call;
        let claim = self.claim(&head).map_err(|why| self.refused(why))?;
        let body = body.read(self.entry.limits.body).await?;
        let proof = self.prove(&head, claim, &body);
        let (id, expires) = proof.map_err(|why| self.refused(why))?;
        // Before the rate: who asks again whether a call has arrived starts nothing.
        if let Some(run) = id.and_then(|id| self.replays.before(id)) {
            return Ok((StatusCode::OK, answer(&run)));
        }
        // After the proof: a forger cannot use up the allowance of who has the key.
        self.entry.check_rate(&head, quota)?;
        let action = Arc::clone(&self.entry.action);
        let prepared = action.prepare(Arc::clone(&self.entry), &body)?;
        if let Some(jobs) = head.context().get::<Jobs>() {
            drop(prepared);
            let (status, run) = run::enqueue(jobs, &self.entry, &head, id, &body).await?;
            return Ok((status, answer(&run)));
        }
        let registered = server.site.follow_ups.batch(head.context());
        *batch = Some(registered.clone());
        let run = server.new_id();
        let start = || self.start(&server, &head, &registered, prepared, &run);
        let clock = head.context().clock();
        let seen = match id {
            Some(id) => {
                let now = (clock.monotonic(), clock.now().as_second());
                self.replays.first(id, &run, expires, now, start)
            }
            None => start().map(|()| Seen::First),
        };
        match seen? {
            Seen::First => Ok((StatusCode::ACCEPTED, answer(&run))),
            Seen::Before(run) => Ok((StatusCode::OK, answer(&run))),
        }
    }

    /// What a call says of itself, before its body is read.
    fn claim<'a>(&self, head: &'a RequestHead) -> Result<Claim<'a>, &'static str> {
        let id = match head.headers().get("webhook-id") {
            Some(id) => Some(usable_id(id).ok_or("the webhook-id cannot be used")?),
            None => None,
        };
        if let Some(header) = head.header("webhook-signature") {
            let id = id.ok_or("there is no webhook-id")?;
            let timestamp = head.header("webhook-timestamp");
            let timestamp = timestamp.ok_or("there is no webhook-timestamp")?;
            let now = head.context().clock().now().as_second();
            let signed = Signed::new(id, timestamp, header, now)?;
            return Ok(Claim::Signed(signed));
        }
        let bearer = head.headers().get(AUTHORIZATION);
        let bearer = bearer.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let token = bearer.ok_or("there is no signature")?;
        match self.keys.accepts_bearer(token) {
            true => Ok(Claim::Bearer(id)),
            false => Err("the bearer token is wrong, or bearer tokens are not enabled"),
        }
    }

    /// Checks the claim against the body; returns the call's id and until when the call would be
    /// taken again.
    fn prove<'a>(
        &self,
        head: &RequestHead,
        claim: Claim<'a>,
        body: &[u8],
    ) -> Result<(Option<&'a str>, i64), &'static str> {
        match claim {
            Claim::Signed(signed) => match signed.verify(self.keys.secrets(), body) {
                true => Ok((Some(signed.id()), signed.expires())),
                false => Err("no signature matches"),
            },
            // The id of an unsigned call has no expiry of its own.
            Claim::Bearer(id) => Ok((id, head.context().clock().now().as_second())),
        }
    }

    /// Registers the run, which starts after the answer was sent.
    fn start(
        &self,
        server: &Arc<Server>,
        head: &RequestHead,
        batch: &Batch,
        prepared: Prepared,
        run: &str,
    ) -> Result<(), ActionError> {
        let head = head.clone();
        let follow_ups = server.site.follow_ups.clone();
        let run: Arc<str> = Arc::from(run);
        let work = move |ctx: Context| async move {
            tracing::info!(run_id = &*run, "a trigger started the work");
            let batch = follow_ups.batch(&ctx);
            let ctx = ActionContext::new(head.under(ctx), FollowUps::new(batch.clone()));
            let ended = std::panic::AssertUnwindSafe(prepared(ctx))
                .catch_unwind()
                .await;
            batch.release(!matches!(ended, Ok(Ok(()))));
            match ended {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(BoxError::from(error.to_string())),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        };
        let limit = self.entry.limits.timeout;
        let taken = batch.add(self.entry.name, limit, work);
        taken.map(drop).map_err(|error| {
            tracing::warn!(
                name: event::FOLLOW_UP_DROPPED,
                follow_up = self.entry.name, cause = %error, "a trigger's run was not taken"
            );
            ActionError::unavailable(BUSY_RETRY)
        })
    }

    /// The client is not told why; the log is.
    fn refused(&self, why: &'static str) -> ActionError {
        tracing::warn!(
            name: event::TRIGGER_REFUSED,
            action = self.entry.name, error = why, "a trigger call was refused"
        );
        ActionError::unauthenticated("the call is not authenticated")
            .with_challenge(self.keys.challenge())
    }
}

/// When to ask again after the follow-ups or the memory for replays were full.
const BUSY_RETRY: std::time::Duration = std::time::Duration::from_secs(5);

/// Who a caller claims to be.
enum Claim<'a> {
    Signed(Signed<'a>),
    Bearer(Option<&'a str>),
}

/// What became of a call, as the metrics count it.
fn outcome(ended: &Ended<(StatusCode, Bytes)>) -> Option<TriggerOutcome> {
    let status = match ended {
        Ok(Ok((status, _))) => *status,
        Ok(Err(error)) => error.status(),
        Err(_) => return None,
    };
    match status {
        StatusCode::ACCEPTED => Some(TriggerOutcome::Accepted),
        StatusCode::OK => Some(TriggerOutcome::Replayed),
        StatusCode::SERVICE_UNAVAILABLE => Some(TriggerOutcome::Full),
        _ => Some(TriggerOutcome::Refused),
    }
}

fn usable_id(id: &http::HeaderValue) -> Option<&str> {
    let id = id.to_str().ok()?;
    let good = (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    good.then_some(id)
}

fn answer(run: &str) -> Bytes {
    format!("{{\"runId\":\"{run}\"}}").into()
}
