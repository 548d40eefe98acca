//! Jobs that follow from a request: committed at once, run here after the response.

use std::fmt;
use std::sync::Arc;

use mainspring_core::activity::TaskKind;
use mainspring_core::context::Context;
use mainspring_core::error::Error;
use mainspring_core::job::{Job, JobId, Token};
use mainspring_core::store::{Claim, ClaimedJob, NewJob, Was};
use mainspring_core::time::Timestamp;

use super::choices::Choices;
use super::enqueue::{Draft, commit, unanswered};
use super::{Bound, JobHandle, Jobs, LocalEngine};
use crate::follow_up::Batch;

/// How many jobs of one request are kept for its end; further ones are enqueued as any other. Few
/// requests have more than one, and each is kept in memory until its response has been sent.
pub const FOLLOW_UP_JOBS_MAX: usize = 16;

impl Jobs {
    /// Enqueues a job that this process runs after the response of `batch`'s request, without a
    /// trip to the store to claim it; for `ctx.follow_up_job`.
    ///
    /// # Errors
    /// As [`enqueue`](Jobs::enqueue).
    #[doc(hidden)]
    pub async fn follow_up<J: Job>(
        &self,
        ctx: &Context,
        batch: &Batch,
        job: J,
    ) -> Result<JobHandle<J>, Error> {
        let bound = self.bound()?;
        let (now, draft) = (bound.clock.now(), Draft::of(&job));
        let mut choices = Choices::of::<J>();
        choices.caused_by(ctx);
        let job = draft.write(&choices, &bound, now)?;
        let (jobs, batch) = (self.clone(), batch.clone());
        // In a task of its own: who is dropped between the commit and the hand-over would leave a
        // job that is claimed and that nobody runs.
        let name = Arc::from("follow-up job");
        let commits = async move { enqueue(&bound, &batch, job).await };
        let env = ctx.env();
        let task = env
            .spawner
            .spawn(ctx.scope(), TaskKind::Body, &name, commits);
        let (id, was) = task.await??;
        Ok(JobHandle::new(jobs, id, was))
    }
}

async fn enqueue(bound: &Bound, batch: &Batch, mut job: NewJob) -> Result<(JobId, Was), Error> {
    let now = bound.clock.now();
    // Who shares limits with others waits for its turn with them.
    let alone = job.gate.is_none() && job.due <= now && batch.kept() < FOLLOW_UP_JOBS_MAX;
    let engine = bound.engine().filter(|_| alone);
    let local = engine.and_then(|engine| {
        let session = engine.session_for(&job.kind, &job.queue)?;
        Some((engine, session))
    });
    let Some((engine, session)) = local else {
        let answers = commit(bound, now, vec![job], true).await?;
        let answer = answers.first().ok_or_else(unanswered)?;
        return Ok((answer.id, answer.was));
    };
    job.claim = Some((session, Token::new(&bound.random)));
    let answers = commit(bound, now, vec![job.clone()], true).await?;
    let answer = answers.first().ok_or_else(unanswered)?;
    if let Some(claim) = answer.claim {
        let job = Some(claimed(claim, job, now));
        batch.keep(Box::new(HandOver { engine, job }));
    }
    Ok((answer.id, answer.was))
}

fn claimed(claim: Claim, job: NewJob, now: Timestamp) -> ClaimedJob {
    let mut claimed = ClaimedJob::new(claim, job.kind, job.queue, job.due, job.payload);
    claimed.priority = job.priority;
    claimed.max_attempts = job.max_attempts;
    claimed.enqueued_at = now;
    claimed.meta = job.meta;
    claimed
}

/// A claimed job that the engine gets when this is dropped, for whatever reason: nobody else can
/// run it.
struct HandOver {
    engine: Arc<dyn LocalEngine>,
    job: Option<ClaimedJob>,
}

impl Drop for HandOver {
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            self.engine.run_claimed(job);
        }
    }
}

impl fmt::Debug for HandOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HandOver").field(&self.job).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, Weak};
    use std::time::Duration;

    use mainspring_core::clock::ManualClock;
    use mainspring_core::context::Env;
    use mainspring_core::error::ErrorKind;
    use mainspring_core::event::Events;
    use mainspring_core::identity::RequestId;
    use mainspring_core::job::{Gate, SessionId};
    use mainspring_core::random::Random;
    use mainspring_core::spawn::{Scope, Spawner};

    use super::super::fake_store::FakeStore;
    use super::*;
    use crate::executor::TokioExecutor;
    use crate::follow_up::{FollowUpLimits, FollowUps};

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Mail {
        tenant: Option<u8>,
    }

    impl Job for Mail {
        const KIND: &'static str = "mail";

        fn gate(&self) -> Option<Gate> {
            self.tenant.map(|_| Gate::new("tenant", 1))
        }
    }

    #[derive(Default)]
    struct Engine {
        knows: bool,
        got: Mutex<Vec<ClaimedJob>>,
    }

    impl LocalEngine for Engine {
        fn session_for(&self, kind: &str, queue: &str) -> Option<SessionId> {
            let knows = self.knows && kind == "mail" && queue == "default";
            knows.then(|| SessionId::from_bytes([7; 16]))
        }

        fn run_claimed(&self, job: ClaimedJob) {
            self.got.lock().unwrap().push(job);
        }
    }

    struct Setting {
        ctx: Context,
        jobs: Jobs,
        store: FakeStore,
        engine: Arc<Engine>,
        batch: Batch,
        _follow_ups: FollowUps,
    }

    impl Setting {
        fn new(knows: bool) -> Self {
            let clock = ManualClock::new("2026-03-28T00:00:00Z".parse().unwrap()).clock();
            let spawner = Spawner::new(Arc::new(TokioExecutor::current()), None, Events::nowhere());
            let (store, random) = (FakeStore::default(), Random::seeded(1));
            let env = Env {
                clock: clock.clone(),
                spawner: spawner.clone(),
                random: random.clone(),
                control: Box::new(()),
            };
            let ctx = Context::root(Arc::new(env), Scope::new());
            let ctx = ctx.with_value(RequestId::new("r-1"));
            let bound = Bound::new(Arc::new(store.clone()), clock, random, spawner);
            let engine = Arc::new(Engine {
                knows,
                ..Engine::default()
            });
            let weak: Weak<Engine> = Arc::downgrade(&engine);
            assert!(bound.engine.set(weak).is_ok());
            let jobs = Jobs::new(store.clone());
            jobs.bind(Arc::new(bound));
            let follow_ups = FollowUps::new(FollowUpLimits::default());
            let batch = follow_ups.batch(&ctx);
            Self {
                ctx,
                jobs,
                store,
                engine,
                batch,
                _follow_ups: follow_ups,
            }
        }

        async fn follow_up(&self, tenant: Option<u8>) -> JobHandle<Mail> {
            let mail = Mail { tenant };
            let follows = self.jobs.follow_up(&self.ctx, &self.batch, mail);
            follows.await.unwrap()
        }

        fn got(&self) -> Vec<JobId> {
            let got = self.engine.got.lock().unwrap();
            got.iter().map(|job| job.claim.id).collect()
        }
    }

    #[tokio::test]
    async fn it_is_claimed_with_its_commit_and_run_after_the_response() {
        let setting = Setting::new(true);
        let handle = setting.follow_up(None).await;
        assert!(handle.is_new() && setting.got().is_empty());
        let given = setting.store.given().remove(0);
        let (session, token) = given.claim.unwrap();
        assert_eq!(session, SessionId::from_bytes([7; 16]));
        assert_eq!(given.meta.request_id.as_deref(), Some("r-1"));
        setting.batch.release(false);
        let got = setting.engine.got.lock().unwrap().pop().unwrap();
        assert_eq!((got.claim.id, got.claim.token), (handle.id(), token));
        assert_eq!((got.meta, got.payload), (given.meta, given.payload));
    }

    #[tokio::test]
    async fn it_runs_also_when_the_handler_fails_or_the_request_is_gone() {
        let setting = Setting::new(true);
        let handle = setting.follow_up(None).await;
        setting.batch.release(true);
        assert_eq!(setting.got(), [handle.id()]);
        let late = setting.follow_up(None).await;
        assert_eq!(setting.got(), [handle.id(), late.id()]);

        let mut gone = Setting::new(true);
        let handle = gone.follow_up(None).await;
        gone.batch = FollowUps::new(FollowUpLimits::default()).batch(&gone.ctx);
        assert_eq!(gone.got(), [handle.id()]);
    }

    #[tokio::test]
    async fn what_cannot_run_here_at_once_is_enqueued_as_any_other() {
        for (knows, tenant) in [(false, None), (true, Some(1))] {
            let setting = Setting::new(knows);
            setting.follow_up(tenant).await;
            assert!(setting.store.given().remove(0).claim.is_none());
            setting.batch.release(false);
            assert!(setting.got().is_empty());
        }
        let setting = Setting::new(true);
        for _ in 0..=FOLLOW_UP_JOBS_MAX {
            setting.follow_up(None).await;
        }
        let claims = setting.store.given();
        let claims = claims.iter().filter(|job| job.claim.is_some()).count();
        assert_eq!(claims, FOLLOW_UP_JOBS_MAX);
    }

    #[tokio::test]
    async fn a_caller_that_is_dropped_leaves_no_job_that_nobody_runs() {
        let setting = Setting::new(true);
        let mut follows = Box::pin(setting.follow_up(None));
        assert!(futures_util::poll!(follows.as_mut()).is_pending());
        drop(follows);
        let limit = Duration::from_secs(10);
        let emptied = setting.ctx.scope().emptied();
        crate::io_time::timeout(limit, emptied).await.unwrap();
        setting.batch.release(false);
        assert_eq!(setting.got(), [setting.store.given()[0].id]);
    }

    #[tokio::test]
    async fn an_unknown_outcome_keeps_the_claim() {
        let setting = Setting::new(true);
        let fault = (ErrorKind::Unknown, true);
        setting.store.inner().faults.push_back(fault);
        let handle = setting.follow_up(None).await;
        assert!(handle.is_new());
        setting.batch.release(false);
        assert_eq!(setting.got(), [handle.id()]);
    }
}
