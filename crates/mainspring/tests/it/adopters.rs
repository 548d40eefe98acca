//! What made somebody who looked for a durable queue on SQLite turn others down: one test for each
//! complaint, on a real file.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use mainspring::error::ErrorKind;
use mainspring::job::{SessionId, State, Token, Verdict};
use mainspring::prelude::*;
use mainspring::random::Random;
use mainspring::sqlite::rusqlite::{Connection, TransactionBehavior};
use mainspring::sqlite::{RusqliteTx, SqliteSource, SqliteStore};
use mainspring::store::{
    ClaimRequest, ClaimedJob, Finish, Finished, Progress, QueueClaim, RescueRules, Store,
};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

#[derive(Debug, Serialize, Deserialize, Job)]
#[job(kind = "work", backoff = "fixed 10ms", jitter = false)]
struct Work(u32);

/// A file that several processes work on; in these tests they are several stores in one.
struct Shared {
    folder: TempDir,
    random: Random,
}

impl Shared {
    fn new() -> Self {
        let (folder, random) = (tempfile::tempdir().unwrap(), Random::seeded(7));
        Self { folder, random }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("app.db")
    }

    fn jobs(&self) -> Jobs {
        mainspring::jobs(format!("sqlite:{}", self.path().display()))
    }

    async fn connected(&self) -> Jobs {
        let jobs = self.jobs();
        jobs.connect().await.unwrap();
        jobs
    }

    fn user(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    /// A process with nothing but a session; it claims when it is told to.
    async fn process(&self, name: &str) -> (SqliteStore, SessionId) {
        let store = SqliteSource::new(self.path()).open_blocking(now()).unwrap();
        let session = SessionId::new(&self.random, now());
        store.open_session(now(), session, name).await.unwrap();
        (store, session)
    }

    async fn claim(&self, (store, session): &(SqliteStore, SessionId)) -> ClaimedJob {
        let kinds = vec![Arc::from("work")].into();
        let queues = vec![QueueClaim::new("default".into(), kinds, 1)];
        let request = ClaimRequest::new(*session, Token::new(&self.random), queues);
        let mut claimed = store.claim(now(), request).await.unwrap().jobs;
        assert_eq!(claimed.len(), 1);
        claimed.remove(0)
    }
}

fn now() -> Timestamp {
    mainspring::clock::system().now()
}

fn finish(job: &ClaimedJob, verdict: Verdict) -> Finish {
    Finish::new(job.claim, verdict, Some(now()))
}

fn success(job: &ClaimedJob) -> Finish {
    finish(job, Verdict::Succeed { output: None })
}

/// What a worker that comes too late may say about its job.
fn all_verdicts() -> Vec<Verdict> {
    let error = || "too late".to_owned();
    vec![
        Verdict::Succeed { output: None },
        Verdict::Retry {
            at: now(),
            error: error(),
        },
        Verdict::Fail { error: error() },
        Verdict::Cancel { reason: error() },
        Verdict::Release,
    ]
}

/// Runs an app until the work beside it is done.
async fn beside(app: App, work: impl Future<Output = ()>) {
    let app = app.without_health().without_signals();
    let app = app.drain_delay(Duration::ZERO);
    let handle = app.handle();
    let (ended, ()) = tokio::join!(app.run(), async {
        assert!(handle.ready().await);
        work.await;
        handle.shutdown("the test is done");
    });
    assert_eq!(ended.unwrap().exit_code(), 0);
}

fn app(jobs: &Jobs, runs: &Arc<AtomicU32>) -> App {
    let runs = Arc::clone(runs);
    let app = App::new("worker").jobs(jobs.clone());
    app.worker_fn(move |_ctx: JobContext, _job: Work| {
        runs.fetch_add(1, Ordering::SeqCst);
        async { Ok(()) }
    })
}

#[tokio::test]
async fn an_enqueue_joins_the_transaction_of_its_caller() {
    let shared = Shared::new();
    let jobs = shared.connected().await;
    let mut user = shared.user();
    user.execute_batch("CREATE TABLE account (name TEXT)")
        .unwrap();
    for (commits, behavior) in [
        (true, TransactionBehavior::Immediate),
        (false, TransactionBehavior::Immediate),
        (true, TransactionBehavior::Deferred),
    ] {
        let tx = user.transaction_with_behavior(behavior).unwrap();
        tx.execute("INSERT INTO account VALUES ('ada')", ())
            .unwrap();
        let job = jobs
            .enqueue(Work(1))
            .in_tx_blocking(&mut RusqliteTx::new(&tx));
        let id = job.unwrap().id();
        assert!(jobs.get(id).await.unwrap().is_none(), "nobody sees it yet");
        match commits {
            true => tx.commit().unwrap(),
            false => tx.rollback().unwrap(),
        }
        assert_eq!(jobs.get(id).await.unwrap().is_some(), commits);
    }
}

#[tokio::test]
async fn a_stale_completion_does_not_overwrite_the_successor() {
    for verdict in all_verdicts() {
        let shared = Shared::new();
        let jobs = shared.connected().await;
        let id = jobs.enqueue(Work(1)).await.unwrap().id();
        let (stale, next) = (shared.process("stale").await, shared.process("next").await);
        let first = shared.claim(&stale).await;
        next.0
            .rescue(now(), stale.1, RescueRules::default())
            .await
            .unwrap();
        let second = shared.claim(&next).await;
        let late = stale.0.finish(now(), vec![finish(&first, verdict)]).await;
        assert_eq!(late.unwrap(), [Finished::Fenced]);
        let record = jobs.get(id).await.unwrap().unwrap();
        assert_eq!(
            (record.state, record.session),
            (State::Running, Some(next.1))
        );
        let own = next.0.finish(now(), vec![success(&second)]).await;
        assert_eq!(own.unwrap(), [Finished::Now(State::Succeeded)]);
    }
}

#[tokio::test]
async fn a_worker_that_takes_the_name_of_another_cannot_complete_its_job() {
    let shared = Shared::new();
    let jobs = shared.connected().await;
    let id = jobs.enqueue(Work(1)).await.unwrap().id();
    let before = shared.process("worker-1").await;
    let stale = shared.claim(&before).await;
    let judge = shared.process("judge").await;
    judge
        .0
        .rescue(now(), before.1, RescueRules::default())
        .await
        .unwrap();
    // The very same session, name and store: only the claim is another.
    before
        .0
        .open_session(now(), before.1, "worker-1")
        .await
        .unwrap();
    let current = shared.claim(&before).await;
    let late = before.0.finish(now(), vec![success(&stale)]).await;
    assert_eq!(late.unwrap(), [Finished::Fenced]);
    assert_eq!(jobs.get(id).await.unwrap().unwrap().state, State::Running);
    let own = before.0.finish(now(), vec![success(&current)]).await;
    assert_eq!(own.unwrap(), [Finished::Now(State::Succeeded)]);
}

#[tokio::test]
async fn after_its_lease_nobody_completes_or_goes_on() {
    let shared = Shared::new();
    let jobs = shared.connected().await;
    let id = jobs.enqueue(Work(1)).await.unwrap().id();
    let (expired, judge) = (
        shared.process("expired").await,
        shared.process("judge").await,
    );
    let job = shared.claim(&expired).await;
    judge
        .0
        .rescue(now(), expired.1, RescueRules::default())
        .await
        .unwrap();
    // Nobody has taken the job yet, and still it is not theirs any more.
    let late = expired.0.finish(now(), vec![success(&job)]).await;
    assert_eq!(late.unwrap(), [Finished::Fenced]);
    let progress = Progress::new(job.claim, None, Some("1".into()));
    assert_eq!(
        expired.0.save(now(), vec![progress]).await.unwrap(),
        [false]
    );
    let mut user = shared.user();
    let tx = user
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .unwrap();
    let mut enlisted = RusqliteTx::new(&tx);
    let late = expired
        .0
        .complete_in_blocking(&mut enlisted, now(), success(&job));
    assert_eq!(late.unwrap_err().kind(), ErrorKind::Fenced);
    tx.commit().unwrap();
    let record = jobs.get(id).await.unwrap().unwrap();
    assert_eq!((record.state, record.cursor), (State::Ready, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_job_runs_once_however_many_processes_there_are() {
    for count in [16, 400] {
        let (shared, runs) = (Shared::new(), Arc::new(AtomicU32::new(0)));
        let (left, right, client) = (shared.jobs(), shared.jobs(), shared.connected().await);
        let work = async {
            let jobs = client.enqueue_all((0..count).map(Work)).await.unwrap();
            for job in &jobs {
                assert!(job.outcome().await.unwrap().is_success());
            }
        };
        let other = app(&right, &runs);
        let other = beside(other, async {
            beside(app(&left, &runs), work).await;
        });
        other.await;
        assert_eq!(runs.load(Ordering::SeqCst), count);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_database_is_no_business_of_callers() {
    let (shared, runs) = (Shared::new(), Arc::new(AtomicU32::new(0)));
    let jobs = shared.jobs();
    drop(shared.connected().await);
    let user = shared.user();
    user.busy_timeout(Duration::from_secs(5)).unwrap();
    user.execute_batch("CREATE TABLE account (name TEXT)")
        .unwrap();
    let enough = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&enough);
    // Somebody else writes all the time, and each transaction takes a while.
    let neighbour = std::thread::spawn(move || {
        while !ends.load(Ordering::SeqCst) {
            let rows = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
                INSERT INTO account SELECT 'ada' || i FROM n; DELETE FROM account";
            user.execute_batch(&format!("BEGIN IMMEDIATE; {rows}; COMMIT"))
                .unwrap();
        }
    });
    let app = app(&jobs, &runs);
    let metrics = app.metrics().clone();
    beside(app, async {
        let enqueue = |caller: u32| {
            let jobs = jobs.clone();
            async move {
                for job in 0..20 {
                    let handle = jobs.enqueue(Work(caller * 100 + job)).await.unwrap();
                    assert!(handle.outcome().await.unwrap().is_success());
                }
            }
        };
        tokio::join!(enqueue(0), enqueue(1), enqueue(2), enqueue(3));
    })
    .await;
    enough.store(true, Ordering::SeqCst);
    neighbour.join().unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 80);
    let page = metrics.encode();
    assert!(page.contains("mainspring_store_failures_total 0"), "{page}");
}

/// What has become of a job after its first attempt has failed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Waits,
    TakenByOneThatDied,
    TakenByOneThatEnded,
}

#[tokio::test]
async fn a_job_that_is_to_be_retried_is_never_stranded() {
    use Fate::{TakenByOneThatDied, TakenByOneThatEnded, Waits};
    for fate in [Waits, TakenByOneThatDied, TakenByOneThatEnded] {
        let shared = Shared::new();
        let jobs = shared.connected().await;
        let job = jobs.enqueue(Work(1)).await.unwrap();
        let process = shared.process("first").await;
        let (at, error) = (now(), "no route".to_owned());
        let first = shared.claim(&process).await;
        let retry = finish(&first, Verdict::Retry { at, error });
        process.0.finish(now(), vec![retry]).await.unwrap();
        if fate != Waits {
            process.0.promote(now(), 10).await.unwrap();
            assert_eq!(shared.claim(&process).await.attempt, 2);
        }
        match fate {
            TakenByOneThatEnded => process.0.close_session(now(), process.1).await.unwrap(),
            _ => process.0.forsake(process.1),
        }
        let (own, runs) = (shared.jobs(), Arc::new(AtomicU32::new(0)));
        beside(app(&own, &runs), async {
            let end = job.outcome().await.unwrap();
            assert!(end.is_success() && end.attempts == 2, "{fate:?}: {end:?}");
        })
        .await;
        assert_eq!(runs.load(Ordering::SeqCst), 1, "{fate:?}");
    }
}
