//! A registered action: its type erased, its limits at work.

use std::sync::Arc;

use http::Response;
use mainspring_core::activity::park;
use mainspring_core::cause::Cause;
use mainspring_core::identity::User;
use mainspring_core::spawn::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Action, Limits, decode, run};
use crate::context::{ActionContext, RequestHead};
use crate::error::{ActionError, Validate};
use crate::http::{Call, OutBody};
use crate::limit::{Key, Quota, RateLimiter};

/// An action of any type.
pub(crate) trait DynAction: Send + Sync + 'static {
    /// Answers a request, from its head on.
    fn answer(
        self: Arc<Self>,
        entry: Arc<Entry>,
        call: Call,
    ) -> BoxFuture<'static, Response<OutBody>>;

    /// Reads and checks a trigger's input, and holds the call back for later.
    fn prepare(self: Arc<Self>, entry: Arc<Entry>, body: &[u8]) -> Result<Prepared, ActionError>;
}

/// A call whose input is known to be good.
pub(crate) type Prepared =
    Box<dyn FnOnce(ActionContext) -> BoxFuture<'static, Result<(), ActionError>> + Send>;

impl<A: Action> DynAction for A {
    fn answer(
        self: Arc<Self>,
        entry: Arc<Entry>,
        call: Call,
    ) -> BoxFuture<'static, Response<OutBody>> {
        let spawner = call.server.site.ctx.env().spawner.clone();
        let name = Arc::clone(&entry.route);
        spawner.body(&name, run::answer(self, entry, call))
    }

    fn prepare(self: Arc<Self>, entry: Arc<Entry>, body: &[u8]) -> Result<Prepared, ActionError> {
        let input: A::Input = decode::decode_or_empty(body)?;
        input.validate()?;
        Ok(Box::new(move |ctx| {
            Box::pin(async move {
                let _permit = entry.wait_for_permit().await;
                let ctx = run::limited(&entry, ctx);
                run::call(&*self, &entry, ctx, input).await.map(drop)
            })
        }))
    }
}

/// What the server knows of a registered action.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// The name as the work's name in contexts and events.
    pub(crate) work: Arc<str>,
    /// Method and path, as reports name a request under way.
    pub(crate) route: Arc<str>,
    pub(crate) limits: Limits,
    pub(crate) action: Arc<dyn DynAction>,
    /// Why a call that took too long is cancelled.
    pub(crate) cause: Cause,
    rate: Option<RateLimiter>,
    permits: Option<Arc<Semaphore>>,
}

impl Entry {
    pub(crate) fn new(
        prefix: &str,
        name: &'static str,
        limits: Limits,
        action: Arc<dyn DynAction>,
    ) -> Self {
        let cause = format!("action `{name}` ran into its limit of {:?}", limits.timeout);
        let calls = limits.concurrency.map(|n| n.min(Semaphore::MAX_PERMITS));
        Self {
            name,
            work: Arc::from(name),
            route: Arc::from(format!("POST {prefix}/{name}")),
            limits,
            action,
            cause: Cause::limit(cause),
            rate: limits.rate.map(RateLimiter::new),
            permits: calls.map(|calls| Arc::new(Semaphore::new(calls))),
        }
    }

    /// Takes the call from the caller's allowance, and leaves what the answer says of it.
    pub(crate) fn check_rate(
        &self,
        head: &RequestHead,
        quota: &mut Option<Quota>,
    ) -> Result<(), ActionError> {
        let Some(rate) = &self.rate else {
            return Ok(());
        };
        let ctx = head.context();
        let key = Key::of(ctx.get::<User>(), head.client());
        let (taken, left) = rate.take(key, ctx.clock().monotonic());
        *quota = Some(left);
        taken.map_err(ActionError::too_many)
    }

    /// Takes one of the places for concurrent calls, if there is one.
    pub(super) fn permit(&self) -> Result<Option<OwnedSemaphorePermit>, ActionError> {
        let Some(permits) = &self.permits else {
            return Ok(None);
        };
        let permit = Arc::clone(permits).try_acquire_owned();
        permit
            .map(Some)
            .map_err(|_| ActionError::unavailable(BUSY_RETRY))
    }

    async fn wait_for_permit(&self) -> Option<OwnedSemaphorePermit> {
        let permits = self.permits.clone()?;
        // What it waits for may itself wait for the clock.
        park(permits.acquire_owned()).await.ok()
    }
}

/// When to ask again after all places for concurrent calls were taken: calls are short.
const BUSY_RETRY: std::time::Duration = std::time::Duration::from_secs(1);
