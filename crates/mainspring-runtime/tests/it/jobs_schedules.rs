//! Durable schedules: once per fire in however many processes, also over restarts.

use std::time::Duration;

use mainspring_core::job::{Job, State};
use mainspring_core::periodic::{AnyPlan, Cron, Every, Missed, Overlap, Plan};
use mainspring_core::store::{Filter, Page, Store};
use mainspring_core::time::Timestamp;
use mainspring_runtime::app::App;
use mainspring_runtime::jobs::JobContext;
use serde::{Deserialize, Serialize};

use crate::flaky_store::{Fault, FlakyStore};
use crate::jobs_rig::{Shelf, stop_all, with_jobs};
use crate::rig::{HOUR, Log, Rig, SECOND};

#[derive(Serialize, Deserialize)]
struct Report {
    day: Timestamp,
    missed: u32,
}

impl Job for Report {
    const KIND: &'static str = "report";
}

fn reporting(app: App, plan: impl Plan, log: &Log, takes: Duration) -> App {
    let log = log.clone();
    let plan: AnyPlan = plan.into();
    app.without_health()
        .schedule("nightly", plan, |tick| Report {
            day: tick.scheduled_for(),
            missed: tick.missed(),
        })
        .worker_fn(move |ctx: JobContext, job: Report| {
            assert_eq!(ctx.scheduled_for(), job.day);
            assert_eq!(ctx.schedule(), Some("nightly"));
            log.add(format!("{} missed {}", job.day, job.missed));
            async move {
                ctx.clock().sleep(takes).await;
                Ok(())
            }
        })
}

#[tokio::test]
async fn each_fire_happens_once_in_two_processes() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let plan = Cron::new("0 3 * * *").in_zone("Europe/London");
    let mut apps = Vec::new();
    for _ in 0..2 {
        let (app, _) = with_jobs(&rig, &shelf);
        apps.push(
            rig.ready(reporting(app, plan.clone(), &rig.log, SECOND))
                .await,
        );
    }
    rig.clock.advance(HOUR * 24 * 3).await;
    assert_eq!(
        rig.log.lines(),
        [
            "2026-03-28T03:00:00Z missed 0",
            "2026-03-29T02:00:00Z missed 0",
            "2026-03-30T02:00:00Z missed 0",
        ]
    );
    stop_all(&rig, apps).await;
}

#[tokio::test]
async fn what_was_missed_while_no_process_ran_follows_the_policy() {
    for (missed, expected) in [
        (Missed::Once, vec!["2026-03-31T03:00:00Z missed 3"]),
        (Missed::Skip, vec![]),
        (
            Missed::All(2),
            vec![
                "2026-03-30T03:00:00Z missed 2",
                "2026-03-31T03:00:00Z missed 0",
            ],
        ),
    ] {
        let (rig, shelf) = (Rig::new(), Shelf::default());
        let plan = Cron::new("0 3 * * *").on_missed(missed);
        let plan = plan.on_overlap(Overlap::Allow);
        let (app, _) = with_jobs(&rig, &shelf);
        let first = rig
            .ready(reporting(app, plan.clone(), &rig.log, SECOND))
            .await;
        stop_all(&rig, [first]).await;
        rig.clock.advance(HOUR * 24 * 3 + HOUR * 4).await;
        let (app, _) = with_jobs(&rig, &shelf);
        let second = rig.ready(reporting(app, plan, &rig.log, SECOND)).await;
        rig.clock.advance(SECOND).await;
        assert_eq!(rig.log.lines(), expected, "{missed:?}");
        stop_all(&rig, [second]).await;
    }
}

#[tokio::test]
async fn a_fire_adds_no_job_while_the_one_before_is_not_over() {
    for (overlap, expected) in [
        (Overlap::Skip, vec![10, 40, 70]),
        (Overlap::QueueOne, vec![10, 20, 40]),
        (Overlap::Allow, vec![10, 20, 30, 40, 50, 60, 70, 80]),
    ] {
        let (rig, shelf) = (Rig::new(), Shelf::default());
        let plan = Every::seconds(10).on_overlap(overlap);
        let (app, _) = with_jobs(&rig, &shelf);
        let app = app.queue("default", 1);
        let app = reporting(app, plan, &rig.log, SECOND * 25);
        let running = rig.ready(app).await;
        rig.clock.advance(SECOND * 85).await;
        let jobs = shelf.store.list(Filter::default(), Page::default());
        let jobs = jobs.await.unwrap();
        let mut fires: Vec<_> = jobs
            .iter()
            .map(|job| job.scheduled_by.as_ref().unwrap().1.as_second() % 3_600)
            .collect();
        fires.sort_unstable();
        match overlap {
            Overlap::QueueOne => assert_eq!(fires.first_chunk(), Some(&[10, 20]), "{fires:?}"),
            _ => assert_eq!(fires, expected, "{overlap:?}"),
        }
        stop_all(&rig, [running]).await;
    }
}

#[tokio::test]
async fn a_store_that_fails_at_a_fire_delays_it_and_loses_none() {
    let rig = Rig::new();
    let flaky = FlakyStore::on(Default::default());
    let io = mainspring_core::error::ErrorKind::Io;
    flaky.fail("schedule_cursor", [Fault::Before(io), Fault::After]);
    flaky.fail("fire", [Fault::Before(io), Fault::After]);
    let jobs = mainspring_runtime::jobs::Jobs::new(flaky.clone());
    let app = reporting(
        rig.app().jobs(jobs.clone()),
        Every::hours(1),
        &rig.log,
        SECOND,
    );
    let running = rig.ready(app).await;
    rig.clock.advance(HOUR * 3 + SECOND).await;
    assert_eq!(flaky.left(), 0);
    assert_eq!(rig.log.lines().len(), 3, "{:?}", rig.log.lines());
    let page = jobs.list(Filter::default(), Page::default()).await.unwrap();
    assert!(
        page.iter()
            .all(|job| job.state == State::Succeeded || job.started_at.is_some())
    );
    stop_all(&rig, [running]).await;
}

#[tokio::test]
async fn a_function_that_panics_loses_its_fire_and_no_other() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, _) = with_jobs(&rig, &shelf);
    let log = rig.log.clone();
    let app = app
        .schedule("hourly", Every::hours(1), |tick| {
            assert!(
                tick.scheduled_for().as_second() % 7_200 != 0,
                "every other one"
            );
            Report {
                day: tick.scheduled_for(),
                missed: 0,
            }
        })
        .worker_fn(move |_: JobContext, _: Report| {
            log.add("ran");
            async { Ok(()) }
        });
    let running = rig.ready(app).await;
    rig.clock.advance(HOUR * 10).await;
    assert_eq!(rig.log.count("ran"), 5);
    stop_all(&rig, [running]).await;
}

#[tokio::test]
async fn a_virtual_year_costs_what_its_events_cost() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, jobs) = with_jobs(&rig, &shelf);
    let app = reporting(app, Cron::new("0 3 1 * *"), &rig.log, SECOND);
    let running = rig.ready(app).await;
    let fired = rig.clock.armed();
    rig.clock.advance(HOUR * 24 * 365).await;
    assert_eq!(rig.log.lines().len(), 12);
    let armed = rig.clock.armed() - fired;
    assert!(armed < 1_000, "{armed} timers for 12 jobs");
    let kept = jobs.counts().await.unwrap();
    assert_eq!(
        kept.iter().map(|kind| kind.jobs).sum::<u64>(),
        0,
        "pruned: {kept:?}"
    );
    stop_all(&rig, [running]).await;
}
