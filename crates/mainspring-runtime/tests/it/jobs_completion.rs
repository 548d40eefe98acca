//! Jobs that are completed in a transaction of their own; progress, cursors, middleware, payloads.

use std::sync::{Arc, Mutex};

use mainspring_core::error::{BoxError, ErrorKind};
use mainspring_core::identity::RequestId;
use mainspring_core::job::{ErrorClass, Job, JobId, Outcome, Payload, State};
use mainspring_core::store::{NewJob, Store};
use mainspring_runtime::jobs::{JobContext, Middleware, Next, Worker};
use serde::{Deserialize, Serialize};

use crate::jobs_rig::{Shelf, Work, with_jobs};
use crate::rig::{HOUR, Log, Rig, SECOND};

#[tokio::test]
async fn a_job_completed_in_a_transaction_is_over_with_it_or_has_failed() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, jobs) = with_jobs(&rig, &shelf);
    let store = shelf.store.clone();
    let app = app.worker_fn(move |ctx: JobContext, job: Work| {
        let store = store.clone();
        async move {
            let mut tx = store.begin();
            ctx.complete_in_tx(&mut tx).await?;
            match (&*job.0, ctx.attempt()) {
                ("forgets", 1) => drop(tx),
                ("fails late", _) => {
                    tx.commit()?;
                    return Err::<(), BoxError>("after the commit".into());
                }
                _ => tx.commit()?,
            }
            Ok(())
        }
    });
    let running = rig.ready(app).await;
    let mut ids = Vec::new();
    for name in ["commits", "forgets", "fails late"] {
        ids.push(jobs.enqueue(Work(name.into())).await.unwrap().id());
    }
    rig.clock.advance(HOUR).await;
    let mut ends = Vec::new();
    for id in &ids {
        let job = shelf.get(*id).await;
        ends.push((job.state, job.attempts));
    }
    let succeeded = State::Succeeded;
    assert_eq!(ends, [(succeeded, 1), (succeeded, 2), (succeeded, 1)]);
    assert_eq!(shelf.history(ids[1]).await, ["retried", "succeeded"]);
    let first = &shelf.store.history(ids[1]).await.unwrap()[0];
    let error = first.error.as_deref();
    assert_eq!(
        error,
        Some("the transaction that completes it was not committed")
    );
    let page = rig.get(&running, "/metrics").await.body;
    for line in [
        r#"mainspring_jobs_total{kind="work",outcome="succeeded"} 2"#,
        r#"mainspring_jobs_total{kind="work",outcome="retried"} 2"#,
    ] {
        assert!(page.contains(line), "{line} is in {page}");
    }
    let _ = rig.stopped(running).await;
}

#[tokio::test]
async fn the_next_attempt_goes_on_at_the_cursor() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, jobs) = with_jobs(&rig, &shelf);
    let log = rig.log.clone();
    let app = app.worker_fn(move |ctx: JobContext, _: Work| {
        let log = log.clone();
        async move {
            let at = ctx.cursor::<u32>()?.unwrap_or(0);
            log.add(format!("from {at}"));
            ctx.save_cursor(&(at + 100)).await?;
            ctx.progress("half way").await?;
            match ctx.attempt() {
                1 => Err("the network is down".into()),
                _ => Ok(()),
            }
        }
    });
    let running = rig.ready(app).await;
    let id = jobs.enqueue(Work("a".into())).await.unwrap().id();
    rig.clock.advance(HOUR).await;
    assert_eq!(rig.log.lines(), ["from 0", "from 100"]);
    let progress = shelf.get(id).await.progress.unwrap();
    assert_eq!(&*progress, br#""half way""#);
    let _ = rig.stopped(running).await;
}

struct Tenant(Log, &'static str);

impl Middleware for Tenant {
    async fn work(&self, ctx: JobContext, next: Next) -> Result<Outcome, BoxError> {
        self.0.add(format!("{} before", self.1));
        let result = next.run(ctx).await;
        self.0.add(format!("{} after {}", self.1, result.is_ok()));
        result
    }
}

#[tokio::test]
async fn middleware_runs_around_the_worker_the_first_one_outermost() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, jobs) = with_jobs(&rig, &shelf);
    let log = rig.log.clone();
    let app = app
        .middleware(Tenant(rig.log.clone(), "outer"))
        .middleware(Tenant(rig.log.clone(), "inner"))
        .worker_fn(move |ctx: JobContext, _: Work| {
            let request = ctx.get::<RequestId>().map(ToString::to_string);
            log.add(format!(
                "works for {request:?} as {}",
                ctx.idempotency_key() == ctx.id().to_string()
            ));
            async { Ok(()) }
        });
    let running = rig.ready(app).await;
    let ctx = rig.ctx().with_value(RequestId::new("r-7"));
    jobs.enqueue(Work("a".into()))
        .caused_by(&ctx)
        .await
        .unwrap();
    rig.clock.settle().await;
    assert_eq!(
        rig.log.lines(),
        [
            "outer before",
            "inner before",
            r#"works for Some("r-7") as true"#,
            "inner after true",
            "outer after true",
        ]
    );
    let _ = rig.stopped(running).await;
}

#[derive(Serialize, Deserialize)]
struct Count {
    number: u32,
}

impl Job for Count {
    const KIND: &'static str = "count";
    const ALIASES: &'static [&'static str] = &["tally"];
    const VERSION: u16 = 2;

    fn upgrade(version: u16, payload: serde_json::Value) -> Result<Self, BoxError> {
        assert_eq!(version, 1);
        let number = u32::try_from(payload.as_u64().ok_or("no number")?)?;
        Ok(Self { number })
    }
}

struct Counter(Arc<Mutex<Vec<String>>>);

impl Worker for Counter {
    type Job = Count;

    async fn work(&self, ctx: JobContext, job: Count) -> Result<Outcome, BoxError> {
        let line = format!("{} {}", ctx.kind(), job.number);
        self.0.lock().unwrap().push(line);
        match job.number {
            404 => Err("gone".into()),
            429 => Err("slow down".into()),
            _ => Ok(Outcome::Done),
        }
    }

    fn classify(&self, error: &BoxError) -> ErrorClass {
        match &*error.to_string() {
            "gone" => ErrorClass::Permanent,
            "slow down" => ErrorClass::RetryAfter(SECOND * 30),
            _ => ErrorClass::Retry,
        }
    }
}

#[tokio::test]
async fn payloads_of_other_versions_aliases_and_classes_of_errors() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, _jobs) = with_jobs(&rig, &shelf);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let running = rig.ready(app.worker(Counter(Arc::clone(&seen)))).await;
    let now = rig.clock.now();
    let new = |number: u8, kind: &str, payload: Payload| {
        NewJob::new(JobId::from_bytes([number; 16]), kind, now, payload)
    };
    let json = |text: &'static str, version| Payload::from_json(text.as_bytes(), version).unwrap();
    let flipped = Payload::stored(&b"{\"number\":2}"[..], 2, 7);
    let jobs = vec![
        new(1, "count", json("{\"number\":1}", 2)),
        new(2, "tally", json("2", 1)),
        new(3, "count", json("\"three\"", 1)),
        new(4, "count", json("{}", 2)),
        new(5, "count", flipped),
        new(6, "count", json("{\"number\":6}", 3)),
        new(7, "count", json("{\"number\":404}", 2)),
        new(8, "count", json("{\"number\":429}", 2)),
    ];
    shelf.store.enqueue(now, jobs).await.unwrap();
    rig.clock.advance(SECOND * 29).await;
    let expected = ["count 1", "tally 2", "count 404", "count 429"];
    assert_eq!(*seen.lock().unwrap(), expected);
    let mut states = Vec::new();
    for number in 1..=8 {
        let job = shelf.get(JobId::from_bytes([number; 16])).await;
        let error = job
            .error
            .map(|error| error.chars().take(30).collect::<String>());
        states.push(format!("{number} {} {error:?}", job.state));
    }
    insta::assert_snapshot!(states.join("\n"));
    rig.clock.advance(SECOND).await;
    assert_eq!(seen.lock().unwrap().len(), 5, "slow down was for 30 s");
    let _ = rig.stopped(running).await;
}

#[tokio::test]
async fn configuration_errors_are_told_together() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let nothing = |_: JobContext, _: Work| async { Ok(()) };
    let app = rig
        .app()
        .queue("default", 0)
        .queue("a queue", 1)
        .worker_fn(nothing)
        .worker_fn(nothing)
        .schedule("", mainspring_core::periodic::Cron::new("nonsense"), |_| {
            Work("a".into())
        });
    let report = rig.run(app).await;
    let text = report.to_string();
    for part in [
        "the app has workers but no jobs",
        "the app has schedules but no jobs",
        "queue \"default\": 0 slots",
        "\"a queue\" cannot name a queue",
        "kind \"work\": more than one worker takes it",
        "cannot name a schedule",
    ] {
        assert!(text.contains(part), "{part} is in {text}");
    }
    let twice = rig.app().jobs(shelf.jobs()).jobs(shelf.jobs());
    let text = rig.run(twice).await.to_string();
    assert!(text.contains("more than one store of jobs"), "{text}");
}

#[tokio::test]
async fn an_app_without_workers_only_enqueues() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, jobs) = with_jobs(&rig, &shelf);
    let app = app.worker_fn(|_: JobContext, _: Work| async { Ok(()) });
    let running = rig.ready(app.without_workers()).await;
    let id = jobs.enqueue(Work("a".into())).await.unwrap().id();
    rig.clock.advance(HOUR).await;
    assert_eq!(shelf.state(id).await, State::Ready);
    assert!(
        shelf.store.peers().await.unwrap().is_empty(),
        "it has no session"
    );
    let _ = rig.stopped(running).await;
    let refused = jobs.enqueue(Work("b".into())).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Closed);
}
