//! In which order jobs run, and how many: priority, gates, rates, limits over all processes and
//! pauses.

use std::time::Duration;

use mainspring_core::job::{Gate, Priority, Rate, State};
use mainspring_core::store::Store;
use mainspring_runtime::app::App;
use mainspring_runtime::jobs::{JobContext, Queue};

use crate::jobs_rig::{Gauge, Shelf, Work, stop_all, with_jobs};
use crate::rig::{Log, Rig, SECOND};

/// Each job notes its name and the second at which it runs, and takes a second.
fn noting(app: App, log: &Log) -> App {
    let log = log.clone();
    app.worker_fn(move |ctx: JobContext, job: Work| {
        log.add(format!(
            "{} {}",
            job.0,
            ctx.clock().now().as_second() % 3_600
        ));
        async move {
            ctx.clock().sleep(SECOND).await;
            Ok(())
        }
    })
}

#[tokio::test]
async fn the_urgent_one_runs_first_and_the_older_one_before_the_younger() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, jobs) = with_jobs(&rig, &shelf);
    let running = rig.ready(noting(app.queue("default", 1), &rig.log)).await;
    jobs.pause("default").await.unwrap();
    for (name, priority) in [
        ("low", Priority::Low),
        ("usual", Priority::Normal),
        ("younger", Priority::Normal),
        ("urgent", Priority::Urgent),
    ] {
        let work = jobs.enqueue(Work(name.into()));
        work.priority(priority).await.unwrap();
        rig.clock.advance(Duration::from_millis(10)).await;
    }
    assert!(rig.log.lines().is_empty(), "a paused queue gives none");
    jobs.resume("default").await.unwrap();
    rig.clock.advance(SECOND * 10).await;
    assert_eq!(
        rig.log.lines(),
        ["urgent 0", "usual 1", "younger 2", "low 3"]
    );
    let _ = rig.stopped(running).await;
}

#[tokio::test]
async fn jobs_of_a_key_pass_their_gate_one_by_one_and_hold_up_no_other() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, jobs) = with_jobs(&rig, &shelf);
    let running = rig.ready(noting(app, &rig.log)).await;
    for name in ["a1", "a2", "a3"] {
        let work = jobs.enqueue(Work(name.into()));
        work.key(Gate::ordered("account-a")).await.unwrap();
    }
    let other = jobs.enqueue(Work("b".into()));
    other.key(("account-b", 1)).await.unwrap();
    rig.clock.advance(SECOND * 10).await;
    assert_eq!(rig.log.lines(), ["a1 0", "b 0", "a2 1", "a3 2"]);
    let _ = rig.stopped(running).await;
}

#[tokio::test]
async fn a_rate_on_a_key_lets_its_jobs_in_when_it_opens() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, jobs) = with_jobs(&rig, &shelf);
    let running = rig.ready(noting(app, &rig.log)).await;
    let gate = Gate::new("api", 100).at_rate(Rate::new(2, SECOND * 20));
    for name in ["a", "b", "c", "d"] {
        jobs.enqueue(Work(name.into()))
            .key(gate.clone())
            .await
            .unwrap();
    }
    rig.clock.advance(SECOND * 60).await;
    assert_eq!(rig.log.lines(), ["a 0", "b 0", "c 10", "d 20"]);
    let _ = rig.stopped(running).await;
}

#[tokio::test]
async fn a_rate_and_a_limit_of_a_queue_hold_for_all_processes_together() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let queue = Queue::new(20).rate(Rate::new(4, SECOND * 40));
    let (first, jobs) = with_jobs(&rig, &shelf);
    let (second, _) = with_jobs(&rig, &shelf);
    let first = rig
        .ready(noting(first.queue_with("default", queue), &rig.log))
        .await;
    let second = noting(
        second.without_health().queue_with("default", queue),
        &rig.log,
    );
    let second = rig.ready(second).await;
    for name in ["a", "b", "c", "d", "e", "f"] {
        jobs.enqueue(Work(name.into())).await.unwrap();
    }
    rig.clock.advance(SECOND * 60).await;
    assert_eq!(
        rig.log.lines(),
        ["a 0", "b 0", "c 0", "d 0", "e 10", "f 20"]
    );
    stop_all(&rig, [first, second]).await;
}

#[tokio::test]
async fn a_global_limit_is_never_exceeded() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (gauge, queue) = (Gauge::default(), Queue::new(20).global_limit(3));
    let (mut running, mut handle) = (Vec::new(), None);
    for _ in 0..2 {
        let (app, jobs) = with_jobs(&rig, &shelf);
        let gauge = gauge.clone();
        let app = app.without_health().queue_with("default", queue);
        let app = app.worker_fn(move |ctx: JobContext, _job: Work| {
            let inside = gauge.enter();
            async move {
                ctx.clock().sleep(SECOND).await;
                drop(inside);
                Ok(())
            }
        });
        running.push(rig.ready(app).await);
        handle = Some(jobs);
    }
    for number in 0..30 {
        let work = Work(number.to_string());
        handle.as_ref().unwrap().enqueue(work).await.unwrap();
    }
    rig.clock.advance(SECOND * 10).await;
    assert_eq!(gauge.most(), 3);
    let counts = shelf.store.counts().await.unwrap();
    assert_eq!((counts[0].state, counts[0].jobs), (State::Succeeded, 30));
    stop_all(&rig, running).await;
}

#[tokio::test]
async fn a_job_enqueued_on_a_queue_that_nobody_works_on_waits() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, jobs) = with_jobs(&rig, &shelf);
    let running = rig.ready(noting(app, &rig.log)).await;
    let work = jobs.enqueue(Work("a".into())).queue("elsewhere");
    let id = work.await.unwrap().id();
    rig.clock.advance(SECOND * 10).await;
    assert_eq!(shelf.state(id).await, State::Ready);
    let _ = rig.stopped(running).await;
}
