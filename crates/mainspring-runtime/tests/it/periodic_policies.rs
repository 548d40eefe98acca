//! Overlap and missed policies through the real engine.

use std::time::Duration;

use mainspring_core::event::{Event, WorkOutcome};
use mainspring_core::periodic::{Every, Missed, Overlap, Record};
use mainspring_runtime::app::App;
use mainspring_runtime::periodic::Tick;

use crate::rig::{Log, Rig, SECOND};
use crate::stall_clock::StallClock;

/// A body of 25 s that notes when it begins, for when, and how it ends.
fn app(rig: &Rig, plan: Every) -> App {
    let log = rig.log.clone();
    rig.app()
        .periodic("work", plan, move |tick| body(tick, log.clone()))
}

async fn body(tick: Tick, log: Log) -> Result<(), mainspring_core::error::BoxError> {
    let origin: mainspring_core::time::Timestamp = "2026-03-28T00:00:00Z".parse()?;
    let scheduled = tick.scheduled_for().duration_since(origin).as_secs();
    let now = || tick.clock().monotonic().since_origin().as_secs();
    let missed = match tick.missed() {
        0 => String::new(),
        missed => format!(", missed {missed}"),
    };
    log.add(format!("{scheduled} at {}{missed}", now()));
    if let Err(cause) = tick.sleep(25 * SECOND).await {
        log.add(format!("cancelled at {}: {cause}", now()));
        return Err(cause.to_string().into());
    }
    Ok(())
}

async fn overlapped(overlap: Overlap, seconds: u64) -> (Vec<String>, Record) {
    let rig = Rig::new();
    let running = rig
        .ready(app(&rig, Every::seconds(10).on_overlap(overlap)))
        .await;
    rig.clock.advance(Duration::from_secs(seconds)).await;
    let seen = (rig.log.lines(), running.handle.periodics()[0].record);
    let _ = rig.stopped(running).await;
    seen
}

#[tokio::test]
async fn skip_drops_what_comes_due_meanwhile() {
    let (lines, record) = overlapped(Overlap::Skip, 75).await;
    assert_eq!(lines, ["10 at 10", "40 at 40", "70 at 70"]);
    assert_eq!((record.runs, record.skipped, record.running), (3, 4, 1));
}

#[tokio::test]
async fn what_was_skipped_or_missed_is_told_and_counted() {
    let rig = Rig::new();
    let stall = StallClock::over(rig.clock.clock());
    let running = rig.start_on(stall.clock(), app(&rig, Every::seconds(10)));
    rig.clock.advance(35 * SECOND).await;
    stall.stall(60 * SECOND);
    rig.clock.advance(10 * SECOND).await;
    let events = rig.events.lock().unwrap().clone();
    let dropped = events.iter().filter_map(|event| match event {
        Event::PeriodicRun {
            scheduled_for,
            outcome: WorkOutcome::Dropped,
            took: Duration::ZERO,
            ..
        } => Some(scheduled_for.to_string()),
        _ => None,
    });
    let record = running.handle.periodics()[0].record;
    let page = rig.get(&running, "/metrics").await.body;
    assert_eq!(
        dropped.collect::<Vec<_>>(),
        ["2026-03-28T00:00:20Z", "2026-03-28T00:00:30Z"]
    );
    assert_eq!(record.skipped, 2, "{record:?}");
    assert!(record.missed > 0, "{record:?}");
    let missed = record.missed;
    for line in [
        r#"mainspring_periodic_runs_total{periodic="work",outcome="dropped"} 2"#.to_owned(),
        format!(r#"mainspring_periodic_missed_total{{periodic="work"}} {missed}"#),
    ] {
        assert!(page.contains(&line), "{line} is in {page}");
    }
    let _ = rig.stopped(running).await;
}

#[tokio::test]
async fn queue_one_keeps_the_newest() {
    let (lines, record) = overlapped(Overlap::QueueOne, 59).await;
    assert_eq!(lines, ["10 at 10", "30 at 35"]);
    assert_eq!((record.runs, record.skipped, record.running), (2, 2, 1));
}

#[tokio::test]
async fn allow_runs_side_by_side() {
    let (lines, record) = overlapped(Overlap::Allow, 34).await;
    assert_eq!(lines, ["10 at 10", "20 at 20", "30 at 30"]);
    assert_eq!((record.runs, record.skipped, record.running), (3, 0, 3));
}

#[tokio::test]
async fn cancel_running_gives_way_to_the_next() {
    let (lines, record) = overlapped(Overlap::CancelRunning, 21).await;
    let cancelled = "cancelled at 20: the next run of `work` is due";
    assert_eq!(lines, ["10 at 10", cancelled, "20 at 20"]);
    assert_eq!((record.runs, record.cancelled, record.failures), (2, 1, 0));
}

/// The runs around a stall.
async fn stalled(missed: Missed, period: u64, by: u64) -> (Vec<String>, Record) {
    let rig = Rig::new();
    let stall = StallClock::over(rig.clock.clock());
    let log = rig.log.clone();
    let plan = Every::seconds(period).on_missed(missed);
    let app = rig.app().periodic("work", plan, move |tick| {
        let log = log.clone();
        async move {
            let origin: mainspring_core::time::Timestamp = "2026-03-28T00:00:00Z".parse()?;
            let scheduled = tick.scheduled_for().duration_since(origin).as_secs();
            log.add(format!("{scheduled} missed {}", tick.missed()));
            Ok(())
        }
    });
    let running = rig.start_on(stall.clock(), app);
    rig.clock.advance(15 * SECOND).await;
    stall.stall(Duration::from_secs(by));
    rig.clock.advance(15 * SECOND).await;
    let seen = (rig.log.lines(), running.handle.periodics()[0].record);
    let _ = rig.stopped(running).await;
    seen
}

#[tokio::test]
async fn once_stands_for_all_that_were_missed() {
    let (lines, record) = stalled(Missed::Once, 10, 65).await;
    assert_eq!(lines, ["10 missed 0", "80 missed 6", "90 missed 0"]);
    assert_eq!((record.runs, record.missed), (3, 6));
}

#[tokio::test]
async fn skip_does_not_run_what_is_too_late() {
    let (lines, record) = stalled(Missed::Skip, 10, 65).await;
    // The newest was due five seconds ago, which counts as on time.
    assert_eq!(lines, ["10 missed 0", "80 missed 6", "90 missed 0"]);
    assert_eq!(record.missed, 6);
    let (lines, record) = stalled(Missed::Skip, 30, 75).await;
    assert!(
        lines.is_empty(),
        "the newest was due fifteen seconds ago: {lines:?}"
    );
    assert_eq!((record.runs, record.missed), (0, 3));
}

#[tokio::test]
async fn all_runs_the_newest_one_after_the_other() {
    let (lines, record) = stalled(Missed::All(3), 10, 65).await;
    assert_eq!(
        lines,
        [
            "10 missed 0",
            "60 missed 4",
            "70 missed 0",
            "80 missed 0",
            "90 missed 0"
        ]
    );
    assert_eq!((record.runs, record.missed), (5, 4));
}

#[tokio::test]
async fn the_grid_stays_after_a_stall() {
    let rig = Rig::new();
    let stall = StallClock::over(rig.clock.clock());
    let log = rig.log.clone();
    let app = rig.app().periodic("work", Every::seconds(10), move |tick| {
        log.add(tick.scheduled_for().to_string());
        async { Ok(()) }
    });
    let running = rig.start_on(stall.clock(), app);
    rig.clock.settle().await;
    stall.stall(Duration::from_secs(3));
    rig.clock.advance(17 * SECOND).await;
    assert_eq!(
        rig.log.lines(),
        ["2026-03-28T00:00:10Z", "2026-03-28T00:00:20Z"]
    );
    let _ = rig.stopped(running).await;
}
