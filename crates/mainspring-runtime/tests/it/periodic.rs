//! Periodics through the real engine: when they run, what their runs do to them, how they stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mainspring_core::error::BoxError;
use mainspring_core::event::{Event, WorkOutcome};
use mainspring_core::lifecycle::{Phase, PhaseOutcome};
use mainspring_core::periodic::{Cron, Every, RunOutcome};
use mainspring_runtime::periodic::Tick;

use crate::rig::{HOUR, Log, Rig, SECOND, YEAR};

const DAY: Duration = Duration::from_secs(86_400);

/// A body that notes the instant it stands for, and that it runs at that instant.
fn note(
    log: &Log,
    name: &'static str,
) -> impl Fn(Tick) -> std::future::Ready<Result<(), BoxError>> + use<> {
    let log = log.clone();
    move |tick| {
        assert_eq!(tick.clock().now(), tick.scheduled_for(), "on time");
        assert_eq!(tick.missed(), 0);
        log.add(format!("{name} {}", tick.scheduled_for()));
        std::future::ready(Ok(()))
    }
}

#[tokio::test]
async fn a_week_of_everything() {
    let rig = Rig::new();
    let app = rig
        .app()
        .periodic("every", Every::hours(6), note(&rig.log, "every"))
        .periodic("weekly", Cron::new("0 9 * * MON"), note(&rig.log, "weekly"))
        .periodic(
            "report",
            Cron::new("0 3 * * TUE").in_zone("Europe/London"),
            note(&rig.log, "report"),
        );
    let running = rig.ready(app).await;
    rig.clock.advance(7 * DAY).await;
    let lines = rig.log.lines();
    let every: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("every"))
        .collect();
    assert_eq!(every.len(), 28);
    assert_eq!(*every[0], "every 2026-03-28T06:00:00Z");
    assert_eq!(*every[27], "every 2026-04-04T00:00:00Z");
    let others: Vec<_> = lines
        .iter()
        .filter(|line| !line.starts_with("every"))
        .collect();
    assert_eq!(
        others,
        ["weekly 2026-03-30T09:00:00Z", "report 2026-03-31T02:00:00Z"]
    );
    let _ = rig.stopped(running).await;
    rig.clock.advance(DAY).await;
    assert_eq!(
        rig.log.lines().len(),
        lines.len(),
        "nothing runs after the stop"
    );
}

#[tokio::test]
async fn the_nights_on_which_clocks_change() {
    let rig = Rig::new();
    let london = |pattern| Cron::new(pattern).in_zone("Europe/London");
    let app = rig
        .app()
        .periodic("fixed", london("30 1 * * *"), note(&rig.log, "fixed"))
        .periodic("real", london("*/30 1 * * *"), note(&rig.log, "real"));
    let running = rig.ready(app).await;
    rig.clock.advance(3 * DAY).await;
    let fixed = |log: &Log| -> Vec<String> {
        let lines = log.lines();
        lines
            .into_iter()
            .filter(|line| line.starts_with("fixed"))
            .collect()
    };
    assert_eq!(
        fixed(&rig.log),
        [
            "fixed 2026-03-28T01:30:00Z",
            "fixed 2026-03-29T01:00:00Z",
            "fixed 2026-03-30T00:30:00Z",
        ],
        "01:30 does not exist on the 29th; it runs at the end of the gap"
    );
    let _ = rig.stopped(running).await;

    let rig = Rig::at("2026-10-24T12:00:00Z");
    let app = rig
        .app()
        .periodic("fixed", london("30 1 * * *"), note(&rig.log, "fixed"))
        .periodic("real", london("*/30 * * * *"), note(&rig.log, "real"));
    let running = rig.ready(app).await;
    rig.clock.advance(DAY).await;
    assert_eq!(
        fixed(&rig.log),
        ["fixed 2026-10-25T00:30:00Z"],
        "once, the first time"
    );
    let real = rig
        .log
        .lines()
        .iter()
        .filter(|line| line.starts_with("real"))
        .count();
    assert_eq!(real, 48, "real time knows no such night");
    let _ = rig.stopped(running).await;
}

#[tokio::test]
async fn runs_that_fail_or_panic_never_end_a_periodic() {
    let rig = Rig::new();
    let count = Arc::new(AtomicUsize::new(0));
    let runs = Arc::clone(&count);
    let body = move |_tick: Tick| {
        let run = runs.fetch_add(1, Ordering::SeqCst) % 4;
        assert!(run != 3, "panics before there is a future");
        async move {
            match run {
                1 => Err("the disk is full".into()),
                2 => panic!("out of cheese"),
                _ => Ok(()),
            }
        }
    };
    let app = rig.app().periodic("shaky", Every::seconds(10), body);
    let running = rig.ready(app).await;
    rig.clock.advance(Duration::from_secs(125)).await;
    assert_eq!(count.load(Ordering::SeqCst), 12);
    let state = &running.handle.periodics()[0];
    let record = &state.record;
    assert_eq!(
        (&*state.name, record.runs, record.running),
        ("shaky", 12, 0)
    );
    assert_eq!((record.failures, record.panics, record.skipped), (3, 6, 0));
    let last = record.last.unwrap();
    assert_eq!(last.outcome, RunOutcome::Panicked);
    assert_eq!(last.scheduled_for.to_string(), "2026-03-28T00:02:00Z");
    assert_eq!(state.next_fire.unwrap().to_string(), "2026-03-28T00:02:10Z");
    let page = rig.get(&running, "/metrics").await.body;
    for line in [
        r#"mainspring_periodic_runs_total{periodic="shaky",outcome="succeeded"} 3"#,
        r#"mainspring_periodic_runs_total{periodic="shaky",outcome="failed"} 3"#,
        r#"mainspring_periodic_runs_total{periodic="shaky",outcome="panicked"} 6"#,
        r#"mainspring_periodic_running{periodic="shaky"} 0"#,
        r#"mainspring_periodic_next_fire_timestamp_seconds{periodic="shaky"} 1774656130"#,
        r#"mainspring_periodic_last_run_timestamp_seconds{periodic="shaky"} 1774656120"#,
    ] {
        assert!(page.contains(line), "{line} is in {page}");
    }
    let told = rig
        .events
        .lock()
        .unwrap()
        .iter()
        .fold([0; 3], |mut told, event| {
            if let Event::PeriodicRun { outcome, .. } = event {
                match outcome {
                    WorkOutcome::Succeeded => told[0] += 1,
                    WorkOutcome::Failed(text) if text == "the disk is full" => told[1] += 1,
                    WorkOutcome::Panicked(_) => told[2] += 1,
                    _ => panic!("{outcome:?}"),
                }
            }
            told
        });
    assert_eq!(told, [3, 3, 6]);
    let report = rig.stopped(running).await;
    assert_eq!(report.exit_code(), 0, "a failed run is no failed stop");
}

#[tokio::test]
async fn the_state_shows_what_runs_and_what_comes() {
    let rig = Rig::new();
    let app = rig
        .app()
        .periodic("slow", Every::minutes(1), |tick| async move {
            tick.sleep(90 * SECOND).await?;
            Ok(())
        });
    let handle = app.handle();
    assert!(handle.periodics().is_empty(), "before the boot");
    let running = rig.ready(app).await;
    rig.clock.advance(60 * SECOND).await;
    let slow = &handle.periodics()[0];
    assert_eq!((slow.record.running, slow.record.last), (1, None));
    rig.clock.advance(120 * SECOND).await;
    let slow = &handle.periodics()[0];
    let last = slow.record.last.unwrap();
    assert_eq!(
        (last.took, last.outcome),
        (90 * SECOND, RunOutcome::Succeeded)
    );
    assert_eq!((slow.record.runs, slow.record.skipped), (2, 1));
    let _ = rig.stopped(running).await;
    assert_eq!(handle.periodics()[0].next_fire, None, "after the stop");
}

#[tokio::test]
async fn the_stop_waits_for_runs() {
    let rig = Rig::new();
    let log = rig.log.clone();
    let body = move |tick: Tick| {
        let log = log.clone();
        async move {
            log.add("begin");
            tick.clock().sleep(4 * SECOND).await;
            log.add("end");
            Ok(())
        }
    };
    let app = rig
        .app()
        .component(rig.part("a"))
        .periodic("slow", Every::seconds(1), body);
    let running = rig.ready(app).await;
    rig.clock.advance(SECOND).await;
    let report = rig.stopped(running).await;
    assert_eq!(rig.log.lines(), ["start a", "begin", "end", "stop a"]);
    let workers = report.phase(Phase::Workers).unwrap();
    assert_eq!(
        (workers.outcome, workers.took),
        (PhaseOutcome::Finished, 4 * SECOND)
    );
    assert_eq!(report.exit_code(), 0);
}

/// Notes when the future that holds it is dropped.
struct Dropped(Log);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.add("hangs is dropped");
    }
}

#[tokio::test]
async fn runs_that_hang_are_cut_and_named() {
    let rig = Rig::new();
    let log = rig.log.clone();
    let hangs = move |tick: Tick| {
        let dropped = Dropped(log.clone());
        async move {
            tick.clock().sleep(YEAR).await;
            drop(dropped);
            Ok(())
        }
    };
    let log = rig.log.clone();
    let listens = move |tick: Tick| {
        let log = log.clone();
        async move {
            log.add(format!("listens saw: {}", tick.cancelled().await));
            Ok(())
        }
    };
    let app = rig
        .app()
        .component(rig.part("a"))
        .periodic("hangs", Every::seconds(1), hangs)
        .periodic("listens", Every::seconds(1), listens);
    let running = rig.ready(app).await;
    rig.clock.advance(SECOND).await;
    let handle = running.handle.clone();
    let report = rig.stopped(running).await;
    let workers = report.phase(Phase::Workers).unwrap();
    assert_eq!(workers.outcome, PhaseOutcome::Cut);
    assert_eq!(workers.cut, ["hangs", "listens"]);
    assert!(workers.took <= 20 * SECOND + SECOND / 10, "{report}");
    assert_eq!(report.exit_code(), 3);
    let saw = "listens saw: the app is stopping";
    assert_eq!(
        rig.log.lines(),
        ["start a", saw, "hangs is dropped", "stop a"],
        "it may still say so, and none goes on while its component stops"
    );
    let record = handle.periodics()[0].record;
    assert_eq!((record.running, record.cancelled), (0, 1));
}

#[tokio::test]
async fn a_hundred_thousand_periodics() {
    let rig = Rig::new();
    let ran = Arc::new(AtomicUsize::new(0));
    let mut app = rig.app();
    for at in 0..100_000 {
        let ran = Arc::clone(&ran);
        let plan = Every::seconds(60).with_jitter(60 * SECOND);
        app = app.periodic(&format!("periodic {at}"), plan, move |_tick| {
            ran.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok(()))
        });
    }
    let running = rig.ready(app).await;
    rig.clock.advance(120 * SECOND).await;
    assert_eq!(ran.load(Ordering::Relaxed), 100_000);
    let states = running.handle.periodics();
    assert!(states.iter().all(|state| state.record.runs == 1));
    let page = rig.get(&running, "/metrics").await.body;
    let lines = page
        .lines()
        .filter(|line| line.starts_with("mainspring_periodic_running{"));
    assert_eq!(lines.count(), mainspring_runtime::metrics::NAMES_MAX);
    assert_eq!(rig.stopped(running).await.exit_code(), 0);
}

#[tokio::test]
async fn a_wall_set_forward_counts_as_missed() {
    let rig = Rig::new();
    let log = rig.log.clone();
    let app = rig
        .app()
        .periodic("hourly", Cron::new("0 * * * *"), move |tick| {
            log.add(format!("{} missed {}", tick.scheduled_for(), tick.missed()));
            async { Ok(()) }
        });
    let running = rig.ready(app).await;
    rig.clock.advance(HOUR).await;
    rig.clock.set_wall("2026-03-28T12:30:00Z".parse().unwrap());
    rig.clock.settle().await;
    rig.clock.advance(HOUR / 2).await;
    assert_eq!(
        rig.log.lines(),
        [
            "2026-03-28T01:00:00Z missed 0",
            "2026-03-28T12:00:00Z missed 10",
            "2026-03-28T13:00:00Z missed 0",
        ]
    );
    assert_eq!(running.handle.periodics()[0].record.missed, 10);
    let _ = rig.stopped(running).await;
}

#[tokio::test]
async fn a_wall_set_back_by_a_little_repeats_nothing() {
    let rig = Rig::new();
    let app = rig
        .app()
        .periodic("hourly", Cron::new("0 * * * *"), note(&rig.log, "hourly"));
    let running = rig.ready(app).await;
    rig.clock.advance(HOUR).await;
    rig.clock.set_wall("2026-03-28T00:30:00Z".parse().unwrap());
    rig.clock.advance(HOUR).await;
    assert_eq!(rig.log.lines(), ["hourly 2026-03-28T01:00:00Z"]);
    rig.clock.advance(HOUR / 2).await;
    assert_eq!(rig.log.lines()[1..], ["hourly 2026-03-28T02:00:00Z"]);
    let _ = rig.stopped(running).await;
}

#[tokio::test]
async fn a_wall_that_was_wrong_by_years_is_followed() {
    for (wrong, runs) in [("2051-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00Z", 1)] {
        let rig = Rig::at(wrong);
        let log = rig.log.clone();
        let app = rig
            .app()
            .periodic("nightly", Cron::new("0 3 * * *"), move |tick| {
                log.add(tick.scheduled_for().to_string());
                async { Ok(()) }
            });
        let running = rig.ready(app).await;
        rig.clock.advance(SECOND).await;
        rig.clock.set_wall("2026-03-28T12:00:00Z".parse().unwrap());
        rig.clock.settle().await;
        let next = running.handle.periodics()[0].next_fire.unwrap();
        assert_eq!(next.to_string(), "2026-03-29T03:00:00Z", "from {wrong}");
        rig.clock.advance(2 * DAY).await;
        let lines = rig.log.lines();
        assert_eq!(
            lines[runs..],
            ["2026-03-29T03:00:00Z", "2026-03-30T03:00:00Z"]
        );
        let _ = rig.stopped(running).await;
    }
}

#[tokio::test]
async fn an_interval_does_not_care_about_the_wall() {
    let rig = Rig::new();
    let ran = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ran);
    let app = rig
        .app()
        .periodic("every", Every::minutes(1), move |_tick| {
            count.fetch_add(1, Ordering::SeqCst);
            async { Ok(()) }
        });
    let running = rig.ready(app).await;
    for wall in [
        "2050-01-01T00:00:00Z",
        "1980-01-01T00:00:00Z",
        "2026-03-28T00:00:00Z",
    ] {
        rig.clock.set_wall(wall.parse().unwrap());
        rig.clock.advance(60 * SECOND).await;
    }
    assert_eq!(ran.load(Ordering::SeqCst), 3);
    let _ = rig.stopped(running).await;
}
