//! Middleware: what runs around every attempt.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use mainspring_core::error::BoxError;
use mainspring_core::job::Outcome;
use mainspring_core::spawn::BoxFuture;

use super::JobContext;
use super::worker::DynWorker;

/// Runs around every attempt of every job: error reporters, tenants, timing.
///
/// The first one registered is the outermost. Panics and limits of the attempt pass through it as
/// the drop of its future.
///
/// ```
/// use mainspring_core::error::BoxError;
/// use mainspring_core::job::Outcome;
/// use mainspring_runtime::jobs::{JobContext, Middleware, Next};
///
/// struct Report;
///
/// impl Middleware for Report {
///     async fn work(&self, ctx: JobContext, next: Next) -> Result<Outcome, BoxError> {
///         let result = next.run(ctx.clone()).await;
///         if let Err(error) = &result {
///             tracing::warn!(kind = ctx.kind(), %error, "reported");
///         }
///         result
///     }
/// }
/// ```
pub trait Middleware: Send + Sync + 'static {
    /// Does something before and after `next.run(ctx)`, or instead of it.
    fn work(
        &self,
        ctx: JobContext,
        next: Next,
    ) -> impl Future<Output = Result<Outcome, BoxError>> + Send;
}

/// The twin of [`Middleware`] that can be put in a list.
pub(crate) trait DynMiddleware: Send + Sync {
    fn work(&self, ctx: JobContext, next: Next) -> BoxFuture<'_, Result<Outcome, BoxError>>;
}

impl<T: Middleware> DynMiddleware for T {
    fn work(&self, ctx: JobContext, next: Next) -> BoxFuture<'_, Result<Outcome, BoxError>> {
        Box::pin(Middleware::work(self, ctx, next))
    }
}

/// All middleware of an app, outermost first.
pub(crate) type Middlewares = Arc<[Arc<dyn DynMiddleware>]>;

/// What comes after a middleware: the next one, or the worker.
#[derive(Clone)]
pub struct Next {
    all: Middlewares,
    at: usize,
    worker: Arc<dyn DynWorker>,
}

impl Next {
    pub(super) fn first(all: Middlewares, worker: Arc<dyn DynWorker>) -> Self {
        Self { all, at: 0, worker }
    }

    /// Goes on with the attempt.
    ///
    /// # Errors
    /// What the worker or a middleware returns.
    pub async fn run(mut self, ctx: JobContext) -> Result<Outcome, BoxError> {
        let here = self.all.get(self.at).cloned();
        self.at += 1;
        match here {
            Some(middleware) => middleware.work(ctx, self).await,
            None => self.worker.work(ctx).await,
        }
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next")
            .field("left", &self.all.len().saturating_sub(self.at))
            .finish_non_exhaustive()
    }
}
