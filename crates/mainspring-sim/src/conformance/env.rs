//! What a case has at hand: a store, instants, names, and one short word for each request.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bytes::Bytes;
use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::{Attempt, JobId, JobRecord, Payload, SessionId, State, Token, Verdict};
use mainspring_core::spawn::BoxFuture;
use mainspring_core::store::{
    Claim, ClaimRequest, Claimed, ClaimedJob, Enqueued, Filter, Finish, Finished, NewJob, Operated,
    Operation, Page, Promoted, QueueClaim, RescueRules, Rescued, Store, Was,
};
use mainspring_core::time::{Timestamp, wall_after};

use super::{Subject, Transaction};

/// A store under test, with session 1 open.
pub struct Env {
    /// The store.
    pub store: Arc<dyn Store>,
    subject: Box<dyn Subject>,
    tokens: AtomicU8,
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").finish_non_exhaustive()
    }
}

/// So many milliseconds after the beginning of the case.
pub(super) fn t(millis: u64) -> Timestamp {
    let base = Timestamp::UNIX_EPOCH;
    wall_after(base, Duration::from_secs(1_767_225_600) + ms(millis))
}

pub(super) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) fn id(number: u8) -> JobId {
    let mut bytes = [1; 16];
    bytes[15] = number;
    JobId::from_bytes(bytes)
}

pub(super) fn session(number: u8) -> SessionId {
    SessionId::from_bytes([number; 16])
}

pub(super) fn name(name: &str) -> Arc<str> {
    Arc::from(name)
}

/// A job of kind `k` in queue `default`, due when the case begins.
pub(super) fn job(number: u8) -> NewJob {
    NewJob::new(id(number), "k", t(0), payload(&number.to_string()))
}

pub(super) fn due(number: u8, millis: u64) -> NewJob {
    NewJob::new(id(number), "k", t(millis), payload("0"))
}

pub(super) fn payload(json: &str) -> Payload {
    Payload::from_json(Bytes::from(json.to_owned()), 1).expect("a short payload fits")
}

pub(super) fn queue(queue: &str, kinds: &[&str], max: usize) -> QueueClaim {
    QueueClaim::new(
        name(queue),
        kinds.iter().map(|kind| name(kind)).collect(),
        max,
    )
}

pub(super) fn succeed() -> Verdict {
    Verdict::Succeed { output: None }
}

pub(super) fn retry(millis: u64) -> Verdict {
    Verdict::Retry {
        at: t(millis),
        error: String::from("broken"),
    }
}

pub(super) fn snooze(millis: u64) -> Verdict {
    Verdict::Snooze { at: t(millis) }
}

pub(super) fn fail() -> Verdict {
    Verdict::Fail {
        error: String::from("for good"),
    }
}

pub(super) fn cancel() -> Operation {
    Operation::Cancel {
        reason: name("not wanted"),
    }
}

pub(super) fn kind_of<T: fmt::Debug>(result: Result<T, Error>) -> ErrorKind {
    result.expect_err("it must be refused").kind()
}

pub(super) fn ids(jobs: &[ClaimedJob]) -> Vec<JobId> {
    jobs.iter().map(|job| job.claim.id).collect()
}

impl Env {
    pub(super) fn new(subject: Box<dyn Subject>) -> Self {
        Self {
            store: subject.store(),
            subject,
            tokens: AtomicU8::new(1),
        }
    }

    pub(super) fn token(&self) -> Token {
        Token::from_bytes([self.tokens.fetch_add(1, Ordering::Relaxed); 16])
    }

    pub(super) async fn open(&self, number: u8) {
        let opened = self.store.open_session(t(0), session(number), "app").await;
        opened.expect("a session can be opened");
    }

    pub(super) async fn kill(&self, number: u8) {
        self.subject.kill(session(number)).await;
    }

    pub(super) fn second(&self) -> BoxFuture<'_, Arc<dyn Store>> {
        self.subject.second()
    }

    pub(super) fn begin(&self) -> BoxFuture<'_, Box<dyn Transaction>> {
        self.subject.begin()
    }

    pub(super) async fn enqueue(&self, now: u64, jobs: Vec<NewJob>) -> Vec<Enqueued> {
        let enqueued = self.store.enqueue(t(now), jobs).await;
        enqueued.expect("the jobs can be enqueued")
    }

    pub(super) async fn add(&self, now: u64, job: NewJob) -> Was {
        let enqueued = self.enqueue(now, vec![job]).await;
        enqueued.first().expect("one answer for one job").was
    }

    pub(super) fn request(&self, queues: Vec<QueueClaim>) -> ClaimRequest {
        ClaimRequest::new(session(1), self.token(), queues)
    }

    pub(super) async fn ask(&self, now: u64, request: ClaimRequest) -> Claimed {
        let claimed = self.store.claim(t(now), request).await;
        claimed.expect("jobs can be claimed")
    }

    /// Claims jobs of kind `k` in queue `default` for session 1, which it opens.
    pub(super) async fn claim(&self, now: u64, max: usize) -> Vec<ClaimedJob> {
        self.claim_of(now, queue("default", &["k"], max)).await.jobs
    }

    pub(super) async fn claim_of(&self, now: u64, queue: QueueClaim) -> Claimed {
        self.open(1).await;
        self.ask(now, self.request(vec![queue])).await
    }

    /// Claims the one job that is ready.
    pub(super) async fn one(&self, now: u64) -> ClaimedJob {
        let jobs = self.claim(now, 1).await;
        jobs.into_iter().next().expect("a job is ready")
    }

    pub(super) async fn finish(&self, now: u64, claim: Claim, verdict: Verdict) -> Finished {
        let attempt = Finish::new(claim, verdict, Some(t(now)));
        let finished = self.store.finish(t(now), vec![attempt]).await;
        let finished = finished.expect("attempts can be finished");
        *finished.first().expect("one answer for one attempt")
    }

    pub(super) async fn promote(&self, now: u64) -> Promoted {
        let promoted = self.store.promote(t(now), 100).await;
        promoted.expect("jobs can be promoted")
    }

    pub(super) async fn try_operate(
        &self,
        now: u64,
        number: u8,
        operation: Operation,
    ) -> Result<Operated, Error> {
        self.store.operate(t(now), id(number), operation).await
    }

    pub(super) async fn operate(&self, now: u64, number: u8, operation: Operation) -> Operated {
        let operated = self.try_operate(now, number, operation).await;
        operated.expect("the operation fits the state")
    }

    pub(super) async fn rescue(&self, now: u64, number: u8, rules: RescueRules) -> Rescued {
        let rescued = self.store.rescue(t(now), session(number), rules).await;
        rescued.expect("a session can be rescued")
    }

    pub(super) fn mark(&self, claim: &Claim) {
        self.store.mark(session(1), claim, true);
    }

    pub(super) async fn find(&self, number: u8) -> Option<JobRecord> {
        self.store.get(id(number)).await.expect("jobs can be read")
    }

    pub(super) async fn record(&self, number: u8) -> JobRecord {
        self.find(number).await.expect("the job is kept")
    }

    pub(super) async fn state(&self, number: u8) -> State {
        self.record(number).await.state
    }

    pub(super) async fn history(&self, number: u8) -> Vec<Attempt> {
        let history = self.store.history(id(number)).await;
        history.expect("the history can be read")
    }

    /// The words of a job's history.
    pub(super) async fn past(&self, number: u8) -> Vec<(u32, u32, String)> {
        let history = self.history(number).await;
        let words = history.iter();
        words
            .map(|it| (it.claim, it.attempt, it.outcome.to_string()))
            .collect()
    }

    pub(super) async fn list(&self, filter: Filter, page: Page) -> Vec<JobId> {
        let page = self.store.list(filter, page).await;
        let page = page.expect("jobs can be listed");
        page.iter().map(|job| job.id).collect()
    }
}
