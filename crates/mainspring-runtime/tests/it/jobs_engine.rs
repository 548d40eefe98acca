//! The job engine through an app: claims, runs, finishes, retries.

use std::time::Duration;

use mainspring_core::error::BoxError;
use mainspring_core::job::{Job, Outcome, State};
use mainspring_core::store::Store;
use mainspring_runtime::jobs::JobContext;
use serde::{Deserialize, Serialize};

use crate::jobs_rig::{Gauge, Shelf, Work, with_jobs};
use crate::rig::{HOUR, Rig, SECOND};

#[tokio::test]
async fn a_job_runs_once_and_has_succeeded() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, jobs) = with_jobs(&rig, &shelf);
    let log = rig.log.clone();
    let app = app.worker_fn(move |ctx: JobContext, job: Work| {
        let log = log.clone();
        async move {
            log.add(format!(
                "{} attempt {} of {}",
                job.0,
                ctx.attempt(),
                ctx.max_attempts()
            ));
            Ok(())
        }
    });
    let running = rig.ready(app).await;
    let id = jobs.enqueue(Work("a".into())).await.unwrap().id();
    rig.clock.settle().await;
    assert_eq!(rig.log.lines(), ["a attempt 1 of 4"]);
    assert_eq!(shelf.state(id).await, State::Succeeded);
    rig.clock.advance(HOUR * 100).await;
    assert_eq!(rig.log.lines().len(), 1);
    let page = rig.get(&running, "/metrics").await.body;
    let line = r#"mainspring_jobs_total{kind="work",outcome="succeeded"} 1"#;
    assert!(page.contains(line), "{page}");
    let report = rig.stopped(running).await;
    assert_eq!(report.exit_code(), 0, "{report}");
}

#[tokio::test]
async fn retries_follow_the_curve_to_the_microsecond_and_then_the_job_fails() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, jobs) = with_jobs(&rig, &shelf);
    let log = rig.log.clone();
    let app = app.worker_fn(move |ctx: JobContext, _job: Work| {
        log.add(ctx.clock().now().to_string());
        async move { Err::<Outcome, BoxError>("no".into()) }
    });
    let running = rig.ready(app).await;
    let id = jobs.enqueue(Work("a".into())).await.unwrap().id();
    rig.clock.advance(HOUR).await;
    let expected = ["00:00:00Z", "00:00:01Z", "00:00:03Z", "00:00:07Z"];
    let expected = expected.map(|time| format!("2026-03-28T{time}"));
    assert_eq!(rig.log.lines(), expected);
    let job = shelf.get(id).await;
    assert_eq!((job.state, job.attempts), (State::Failed, 4));
    assert_eq!(job.error.as_deref(), Some("no"));
    assert_eq!(
        shelf.history(id).await,
        ["retried", "retried", "retried", "failed"]
    );
    let _ = rig.stopped(running).await;
}

#[tokio::test]
async fn a_snooze_uses_no_attempt_and_a_panic_does() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, jobs) = with_jobs(&rig, &shelf);
    let log = rig.log.clone();
    let app = app.worker_fn(move |ctx: JobContext, _job: Work| {
        let now = ctx.clock().now().as_second() % 60;
        log.add(format!("attempt {} at {now}", ctx.attempt()));
        async move {
            match now {
                0 => Ok(Outcome::Snooze(SECOND * 10)),
                10 => panic!("out of cheese"),
                _ => Ok(Outcome::Done),
            }
        }
    });
    let running = rig.ready(app).await;
    let id = jobs.enqueue(Work("a".into())).await.unwrap().id();
    rig.clock.advance(HOUR).await;
    assert_eq!(
        rig.log.lines(),
        ["attempt 1 at 0", "attempt 1 at 10", "attempt 2 at 11"]
    );
    assert_eq!(shelf.history(id).await, ["snoozed", "retried", "succeeded"]);
    let _ = rig.stopped(running).await;
}

#[derive(Serialize, Deserialize)]
struct Slow;

impl Job for Slow {
    const KIND: &'static str = "slow";

    fn options() -> mainspring_core::job::JobOptions {
        let mut options = Work::options();
        options.timeout = Some(SECOND * 5);
        options.retry.max_attempts = 1;
        options
    }
}

#[tokio::test]
async fn a_limit_is_enforced_on_a_body_that_ignores_it() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, jobs) = with_jobs(&rig, &shelf);
    let log = rig.log.clone();
    let app = app.worker_fn(move |ctx: JobContext, _job: Slow| {
        let log = log.clone();
        async move {
            ctx.clock().sleep(HOUR).await;
            log.add("woke");
            Ok(())
        }
    });
    let running = rig.ready(app).await;
    let id = jobs.enqueue(Slow).await.unwrap().id();
    rig.clock.advance(Duration::from_millis(4_999)).await;
    assert_eq!(shelf.state(id).await, State::Running);
    rig.clock.advance(Duration::from_millis(1)).await;
    let job = shelf.get(id).await;
    assert_eq!(job.state, State::Failed);
    assert_eq!(job.error.as_deref(), Some("ran into its limit of 5s"));
    rig.clock.advance(HOUR * 2).await;
    assert_eq!(rig.log.count("woke"), 0);
    let _ = rig.stopped(running).await;
}

#[tokio::test]
async fn no_more_jobs_run_at_once_than_the_queue_has_slots() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, jobs) = with_jobs(&rig, &shelf);
    let (gauge, inside) = (Gauge::default(), Gauge::default());
    let seen = gauge.clone();
    let app = app
        .queue("default", 7)
        .worker_fn(move |ctx: JobContext, _job: Work| {
            let here = inside.enter();
            let there = gauge.enter();
            async move {
                ctx.clock().sleep(SECOND).await;
                drop((here, there));
                Ok(())
            }
        });
    let running = rig.ready(app).await;
    for number in 0..70 {
        jobs.enqueue(Work(number.to_string())).await.unwrap();
    }
    rig.clock.advance(SECOND * 10).await;
    let counts = shelf.store.counts().await.unwrap();
    assert_eq!(seen.most(), 7);
    assert_eq!(counts.len(), 1, "{counts:?}");
    assert_eq!((counts[0].state, counts[0].jobs), (State::Succeeded, 70));
    let _ = rig.stopped(running).await;
}

#[tokio::test]
async fn a_running_job_is_cancelled_and_cut_off_when_it_does_not_listen() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, jobs) = with_jobs(&rig, &shelf);
    let log = rig.log.clone();
    let app = app.worker_fn(move |ctx: JobContext, job: Work| {
        let log = log.clone();
        async move {
            if job.0 == "deaf" {
                ctx.clock().sleep(HOUR).await;
                return Ok(());
            }
            let cause = ctx.cancelled().await;
            log.add(format!("saw: {cause}"));
            Err(cause.to_string().into())
        }
    });
    let running = rig.ready(app).await;
    let polite = jobs.enqueue(Work("polite".into())).await.unwrap().id();
    let deaf = jobs.enqueue(Work("deaf".into())).await.unwrap().id();
    rig.clock.advance(SECOND).await;
    for id in [polite, deaf] {
        jobs.cancel(id, "not wanted").await.unwrap();
    }
    rig.clock.settle().await;
    assert_eq!(rig.log.lines(), ["saw: not wanted"]);
    assert_eq!(shelf.state(polite).await, State::Cancelled);
    assert_eq!(shelf.state(deaf).await, State::Running);
    rig.clock.advance(SECOND * 5).await;
    assert_eq!(shelf.state(deaf).await, State::Cancelled);
    let _ = rig.stopped(running).await;
}

#[tokio::test]
async fn a_stop_gives_back_what_it_cannot_finish_uncharged() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, jobs) = with_jobs(&rig, &shelf);
    let app = app
        .queue("default", 2)
        .worker_fn(|ctx: JobContext, job: Work| async move {
            match &*job.0 {
                "polite" => Err(ctx.cancelled().await.to_string().into()),
                _ => {
                    ctx.clock().sleep(HOUR).await;
                    Ok(())
                }
            }
        });
    let running = rig.ready(app).await;
    let mut ids = Vec::new();
    for name in ["polite", "deaf", "waiting"] {
        ids.push(jobs.enqueue(Work(name.into())).await.unwrap().id());
        rig.clock.advance(SECOND).await;
    }
    let report = rig.stopped(running).await;
    assert_eq!(report.exit_code(), 3, "two were cut: {report}");
    for id in ids {
        let job = shelf.get(id).await;
        assert_eq!((job.state, job.attempts), (State::Ready, 0), "{job:?}");
    }
    let left = shelf.store.peers().await.unwrap();
    assert!(left.is_empty(), "the session is closed: {left:?}");
}

#[tokio::test]
async fn kinds_that_nobody_knows_stay_and_waiting_jobs_run_at_the_next_start() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, jobs) = with_jobs(&rig, &shelf);
    let running = rig
        .ready(app.worker_fn(|_: JobContext, _: Slow| async { Ok(()) }))
        .await;
    let id = jobs.enqueue(Work("a".into())).await.unwrap().id();
    rig.clock.advance(HOUR).await;
    let job = shelf.get(id).await;
    assert_eq!((job.state, job.claims), (State::Ready, 0));
    let _ = rig.stopped(running).await;
    let (app, _) = with_jobs(&rig, &shelf);
    let running = rig
        .ready(app.worker_fn(|_: JobContext, _: Work| async { Ok(()) }))
        .await;
    rig.clock.settle().await;
    assert_eq!(shelf.state(id).await, State::Succeeded);
    let _ = rig.stopped(running).await;
}

#[tokio::test]
async fn what_a_body_spawns_ends_with_its_attempt() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, jobs) = with_jobs(&rig, &shelf);
    let log = rig.log.clone();
    let app = app.worker_fn(move |ctx: JobContext, _: Work| {
        let log = log.clone();
        async move {
            ctx.spawn("beside", move |ctx| async move {
                log.add(ctx.cancelled().await.to_string());
            });
            Ok(())
        }
    });
    let running = rig.ready(app).await;
    jobs.enqueue(Work("a".into())).await.unwrap();
    rig.clock.settle().await;
    assert_eq!(rig.log.lines(), ["the attempt has ended"]);
    let _ = rig.stopped(running).await;
}

#[tokio::test]
async fn a_job_that_was_claimed_ahead_is_cancelled_before_it_begins() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, jobs) = with_jobs(&rig, &shelf);
    let log = rig.log.clone();
    let app = app
        .queue("default", 1)
        .worker_fn(move |ctx: JobContext, job: Work| {
            log.add(job.0.clone());
            async move {
                if job.0 == "long" {
                    ctx.clock().sleep(Duration::from_millis(900)).await;
                }
                Ok(())
            }
        });
    let running = rig.ready(app).await;
    jobs.pause("default").await.unwrap();
    let names = ["quick", "quick", "long", "next"];
    let mut ids = Vec::new();
    for name in names {
        ids.push(jobs.enqueue(Work(name.into())).await.unwrap().id());
    }
    jobs.resume("default").await.unwrap();
    rig.clock.advance(Duration::from_millis(100)).await;
    let next = ids[3];
    assert_eq!(
        shelf.state(next).await,
        State::Running,
        "it was claimed ahead"
    );
    jobs.cancel(next, "not wanted").await.unwrap();
    rig.clock.settle().await;
    assert_eq!(shelf.state(next).await, State::Cancelled);
    rig.clock.advance(HOUR).await;
    assert_eq!(rig.log.lines(), ["quick", "quick", "long"]);
    let _ = rig.stopped(running).await;
}
