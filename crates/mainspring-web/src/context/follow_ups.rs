//! The follow-ups of one request, as handlers see them.

use std::future::Future;
use std::time::Duration;

use mainspring_core::context::Context;
use mainspring_core::error::BoxError;
use mainspring_core::telemetry::event;
use mainspring_runtime::follow_up::{Batch, Entry, FollowUpError};

/// The follow-ups of one request; an extractor in plain axum routes. Cheap to clone.
///
/// In an action, use [`ActionContext::follow_up`](super::ActionContext::follow_up).
///
/// ```
/// use mainspring_web::context::FollowUps;
/// use std::time::Duration;
///
/// async fn home(follow_ups: FollowUps) -> &'static str {
///     follow_ups.add("count-visit", Duration::from_secs(5), |_ctx| async { Ok(()) });
///     "welcome"
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(home));
/// ```
#[derive(Clone, Debug)]
pub struct FollowUps(Batch);

impl FollowUps {
    pub(crate) fn new(batch: Batch) -> Self {
        Self(batch)
    }

    pub(super) fn batch(&self) -> &Batch {
        &self.0
    }

    /// Registers work for after the response; see
    /// [`ActionContext::follow_up`](super::ActionContext::follow_up).
    pub fn add<F, Fut>(&self, name: &'static str, limit: Duration, work: F) -> FollowUp
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        match self.0.add(name, limit, work) {
            Ok(entry) => FollowUp(Some(entry)),
            Err(cause) => {
                tracing::warn!(
                    name: event::FOLLOW_UP_DROPPED,
                    follow_up = name, %cause, "a follow-up was dropped"
                );
                FollowUp(None)
            }
        }
    }

    /// Registers work for after the response, and says whether it was taken.
    ///
    /// # Errors
    /// When too many follow-ups wait, or the app no longer takes any.
    pub fn try_add<F, Fut>(
        &self,
        name: &'static str,
        limit: Duration,
        work: F,
    ) -> Result<Entry, FollowUpError>
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.0.add(name, limit, work)
    }
}

/// A follow-up just registered, to say more about it; dropping it changes nothing.
#[derive(Debug)]
pub struct FollowUp(Option<Entry>);

impl FollowUp {
    /// Runs the follow-up also when the handler fails.
    pub fn always(self) {
        if let Some(entry) = self.0 {
            entry.always();
        }
    }

    /// Whether the follow-up was taken; if not, it was over the app's bounds, and has been counted
    /// and warned about.
    pub fn is_taken(&self) -> bool {
        self.0.is_some()
    }
}
