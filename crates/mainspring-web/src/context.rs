//! The context of a request: the core's context, a view of the request, the user, and its
//! follow-ups.

mod answer;
mod extract;
mod follow_ups;
mod head;

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::ops::Deref;
use std::time::Duration;

use http::{HeaderMap, Method, Uri};
use mainspring_core::context::Context;
use mainspring_core::error::{BoxError, Error, ErrorKind};
use mainspring_core::identity::{RequestId, User};
use mainspring_core::job::Job;
use mainspring_runtime::follow_up::{Entry, FollowUpError};
use mainspring_runtime::jobs::{JobHandle, Jobs};

pub use answer::{ANSWER_HEADER_BYTES_MAX, ANSWER_HEADERS_MAX, AnswerError};
pub(crate) use answer::{Added, Answer};
pub(crate) use extract::Scope;
pub use extract::{NotInAnApp, RequestContext};
pub use follow_ups::{FollowUp, FollowUps};
pub(crate) use head::Parts;
pub use head::RequestHead;

/// What an action knows of its request; derefs to [`Context`].
///
/// In a plain axum route the same type is an extractor under the name [`RequestContext`], so both
/// kinds of handlers work alike. Cheap to clone; a clone kept by background work never shows
/// another request.
///
/// It is cancelled once the response has been sent, with the cause
/// [`Finished`](mainspring_core::cause::CauseKind::Finished), and what it
/// [spawned](Context::spawn) with it: a task belongs to its request. Work after the response is a
/// [follow-up](Self::follow_up).
#[derive(Clone)]
pub struct ActionContext {
    head: RequestHead,
    follow_ups: FollowUps,
}

impl ActionContext {
    pub(crate) fn new(head: RequestHead, follow_ups: FollowUps) -> Self {
        Self { head, follow_ups }
    }

    /// The core's context, to be passed on by value.
    pub fn context(&self) -> &Context {
        self.head.context()
    }

    /// The request's method.
    pub fn method(&self) -> &Method {
        self.head.method()
    }

    /// The request's target.
    pub fn uri(&self) -> &Uri {
        self.head.uri()
    }

    /// The request's headers.
    pub fn headers(&self) -> &HeaderMap {
        self.head.headers()
    }

    /// The client's address; behind a proxy declared with `App::trusted_proxies`, the one that the
    /// proxy names.
    pub fn client(&self) -> IpAddr {
        self.head.client()
    }

    /// The request's id, which its answer, its logs and its follow-ups carry.
    pub fn request_id(&self) -> &str {
        self.get::<RequestId>().map_or("", RequestId::as_str)
    }

    /// Who asks, as `App::authenticate` found out; `None` for an anonymous request.
    pub fn user(&self) -> Option<&User> {
        self.get::<User>()
    }

    /// Adds a header to the answer, if the action succeeds; a second one of the same name replaces
    /// the first. Costs nothing where it is not used.
    ///
    /// A trigger's run has no answer; what it adds goes nowhere.
    ///
    /// ```
    /// # use mainspring_web::context::{ActionContext, AnswerError};
    /// fn created(ctx: &ActionContext, id: u64) -> Result<(), AnswerError> {
    ///     ctx.respond_status(201)?;
    ///     ctx.respond_header("location", &format!("/users/{id}"))?;
    ///     ctx.respond_cookie("seen=1; HttpOnly; SameSite=Lax")
    /// }
    /// ```
    ///
    /// # Errors
    /// See [`AnswerError`]; nothing is added then.
    pub fn respond_header(&self, name: &str, value: &str) -> Result<(), AnswerError> {
        self.head.answer().header(name, value)
    }

    /// Adds a cookie to the answer, if the action succeeds: the whole value of a `set-cookie`
    /// header.
    ///
    /// # Errors
    /// As [`respond_header`](Self::respond_header).
    pub fn respond_cookie(&self, cookie: &str) -> Result<(), AnswerError> {
        self.respond_header("set-cookie", cookie)
    }

    /// Sets the status of the answer, if the action succeeds; 200 unless set. With 204 and 205 the
    /// answer has no body.
    ///
    /// # Errors
    /// As [`respond_header`](Self::respond_header), and for a status outside 200 to 299.
    pub fn respond_status(&self, status: u16) -> Result<(), AnswerError> {
        self.head.answer().status(status)
    }

    /// Registers work for after the response, which runs for at most `limit`. It cannot fail.
    ///
    /// The work starts once the last frame of the response has been taken, or the client has gone;
    /// the request never waits for it. It gets a detached context with this one's values and trace.
    /// Over the app's bounds, or while it stops, the work is dropped, counted and warned about;
    /// [`try_follow_up`](Self::try_follow_up) tells. If the handler fails it is dropped as well,
    /// unless it is marked with [`always`](FollowUp::always).
    ///
    /// ```
    /// # use mainspring_web::context::ActionContext;
    /// # use std::time::Duration;
    /// fn audit(ctx: &ActionContext) {
    ///     ctx.follow_up("audit", Duration::from_secs(5), |ctx| async move {
    ///         tracing::info!(left = ?ctx.remaining(), "called");
    ///         Ok(())
    ///     })
    ///     .always();
    /// }
    /// ```
    pub fn follow_up<F, Fut>(&self, name: &'static str, limit: Duration, work: F) -> FollowUp
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.follow_ups.add(name, limit, work)
    }

    /// Registers work for after the response like [`follow_up`](Self::follow_up), and says whether
    /// it was taken.
    ///
    /// # Errors
    /// When too many follow-ups wait, or the app no longer takes any.
    pub fn try_follow_up<F, Fut>(
        &self,
        name: &'static str,
        limit: Duration,
        work: F,
    ) -> Result<Entry, FollowUpError>
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.follow_ups.try_add(name, limit, work)
    }

    /// Enqueues a durable job that follows from this request, and runs it here once the response
    /// has been sent.
    ///
    /// One commit writes the job, claimed by this process already, so that nothing has to be
    /// fetched later; when this returns, the job survives anything. If the process dies before the
    /// job is done, or its attempt fails, it goes on as any other job. It runs also if the handler
    /// fails afterwards. Where this process does not work on jobs of its kind or queue, or it has a
    /// concurrency key, it is enqueued as any other and may begin before the response.
    ///
    /// The request's id and trace go along. The jobs are those given to the app.
    ///
    /// # Errors
    /// [`Config`](mainspring_core::error::ErrorKind::Config) in an app without jobs; otherwise as
    /// [`Jobs::enqueue`].
    ///
    /// # Cancel safety
    /// When the future is dropped the job is enqueued or not; if it is, it runs.
    pub async fn follow_up_job<J: Job>(&self, job: J) -> Result<JobHandle<J>, Error> {
        let Some(jobs) = self.get::<Jobs>() else {
            return Err(Error::new(ErrorKind::Config, "the app has no jobs")
                .with_hint("give it some with `App::jobs`"));
        };
        let batch = self.follow_ups.batch();
        jobs.follow_up(self.context(), batch, job).await
    }

    /// This request's follow-ups, to be handed to code that should register some without seeing the
    /// request.
    pub fn follow_ups(&self) -> &FollowUps {
        &self.follow_ups
    }

    pub(crate) fn head(&self) -> &RequestHead {
        &self.head
    }

    /// The same request under another context derived from its own.
    pub(crate) fn under(mut self, ctx: Context) -> Self {
        self.head = self.head.under(ctx);
        self
    }
}

impl Deref for ActionContext {
    type Target = Context;

    fn deref(&self) -> &Context {
        self.context()
    }
}

impl fmt::Debug for ActionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActionContext")
            .field("method", self.method())
            .field("path", &self.uri().path())
            .field("request_id", &self.request_id())
            .finish_non_exhaustive()
    }
}
