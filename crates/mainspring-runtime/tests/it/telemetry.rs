//! Every event of the app's life is emitted, at the level and with the fields that the table names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mainspring_core::context::Context;
use mainspring_core::error::BoxError;
use mainspring_core::health::Health;
use mainspring_core::lifecycle::Signal;
use mainspring_core::periodic::{Cron, Every};
use mainspring_core::spawn::OnPanic;
use mainspring_runtime::component::Component;
use mainspring_runtime::follow_up::{FollowUpLimits, FollowUps};
use mainspring_runtime::logger::capture::Captured;
use tokio::sync::Notify;

use crate::rig::{Does, HOUR, Rig, SECOND, YEAR};

const TABLE: &str = include_str!("../../../../docs/telemetry.md");

/// What the table says of the events: level and fields.
fn table() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let ticked = |cell: &str| -> BTreeSet<String> {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    let rows = TABLE.lines().filter_map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let level = cells.get(2)?.strip_prefix("event, ")?;
        let name = cells[1].trim_matches('`').to_owned();
        Some((name, (level.to_owned(), ticked(cells[3]))))
    });
    rows.collect()
}

struct Pump;

impl Component for Pump {
    fn name(&self) -> &str {
        "pump"
    }

    async fn start(&self, ctx: Context) -> Result<(), BoxError> {
        ctx.supervise("piston", OnPanic::restart(), |ctx| async move {
            ctx.clock().sleep(HOUR).await;
            panic!("broken");
        });
        Ok(())
    }
}

async fn a_bad_day() {
    let rig = Rig::new();
    let app = rig
        .app()
        .component(rig.part("well"))
        .component(Pump)
        .component(rig.part("fails").stop(Does::Fail))
        .component(rig.part("hangs").stop(Does::Hang))
        .probe("probe", |_ctx| async { Health::unhealthy("gone") })
        .periodic("fails", Every::minutes(1), |_tick| async {
            Err("no".into())
        })
        .periodic("panics", Every::minutes(1), |_tick| async { panic!("no") })
        .periodic("cron", Cron::new("* * * * *"), |tick| async move {
            tick.clock().sleep(90 * SECOND).await;
            Ok(())
        });
    let running = rig.ready(app).await;
    rig.clock.advance(2 * HOUR).await;
    rig.clock.set_wall("2026-03-29T00:00:00Z".parse().unwrap());
    rig.clock.settle().await;
    let _ = rig.get(&running, "/ready").await;
    let _ = rig.stopped(running).await;

    let bad = rig.part("bad").start(Does::Fail);
    let _ = rig.run(rig.app().component(bad)).await;
    let running = rig.ready(rig.app()).await;
    running.handle.signal(Signal::Interrupt);
    running.handle.signal(Signal::Interrupt);
    let _ = rig.ended(running).await;
}

async fn bad_follow_ups() {
    let rig = Rig::new();
    let limits = FollowUpLimits {
        running: 9,
        waiting: 4,
    };
    let all = FollowUps::new(limits);
    let batch = all.batch(&rig.ctx());
    let hang = |ctx: Context| async move {
        ctx.clock().sleep(YEAR).await;
        Ok(())
    };
    let _ = batch.add("fails", SECOND, |_ctx| async { Err("no".into()) });
    let _ = batch.add("panics", SECOND, |_ctx| async { panic!("no") });
    let _ = batch.add("slow", SECOND, hang);
    let _ = batch.add("cut", HOUR, hang);
    let _ = batch.add("too many", SECOND, hang);
    batch.release(false);
    rig.clock.advance(SECOND).await;
    all.cut();
    rig.clock.settle().await;
}

/// The cause that the first event of this kind and name told, if any.
fn cause(logs: &Captured, event: &str, field: &str, name: &str) -> Option<String> {
    let lines = logs.lines();
    let mut of = lines.iter().filter(|line| {
        let told = line.fields.get(field);
        line.event == Some(event) && told.is_some_and(|it| it.as_str() == Some(name))
    });
    let line = of.next().unwrap_or_else(|| panic!("{event} of {name}"));
    line.fields.get("cause").map(ToString::to_string)
}

#[tokio::test]
async fn errors_tell_why_their_work_was_cancelled() {
    let logs = Captured::new();
    let _guard = tracing::dispatcher::set_default(&logs.dispatch());
    let rig = Rig::new();
    let app = rig
        .app()
        .component(rig.part("fails").stop(Does::Fail))
        .periodic("panics", Every::minutes(1), |tick| async move {
            tick.context().cancel("the tide is out");
            panic!("no")
        });
    let running = rig.ready(app).await;
    rig.clock.advance(60 * SECOND).await;
    let _ = rig.stopped(running).await;

    let all = FollowUps::new(FollowUpLimits {
        running: 9,
        waiting: 9,
    });
    let batch = all.batch(&rig.ctx());
    let _ = batch.add("cancelled", SECOND, |ctx| async move {
        ctx.cancel("the mail was withdrawn");
        Err("no".into())
    });
    let _ = batch.add("plain", SECOND, |_ctx| async { Err("no".into()) });
    let _ = batch.add("slow", SECOND, |ctx| async move {
        ctx.clock().sleep(YEAR).await;
        Ok(())
    });
    batch.release(false);
    rig.clock.advance(SECOND).await;
    rig.clock.settle().await;

    let told = cause(&logs, "periodic.panicked", "periodic", "panics");
    assert_eq!(told.as_deref(), Some("the tide is out"));
    let told = cause(&logs, "follow_up.failed", "follow_up", "cancelled");
    assert_eq!(told.as_deref(), Some("the mail was withdrawn"));
    assert_eq!(cause(&logs, "follow_up.failed", "follow_up", "plain"), None);
    let told = cause(&logs, "follow_up.timed_out", "follow_up", "slow").expect("a cause");
    assert!(told.contains("slow"), "{told}");
    assert_eq!(
        cause(&logs, "component.stop_failed", "component", "fails"),
        None
    );
}

#[tokio::test]
async fn components_tell_why_their_start_and_stop_were_cancelled() {
    let logs = Captured::new();
    let _guard = tracing::dispatcher::set_default(&logs.dispatch());
    let rig = Rig::new();
    let obeys = rig.part("obeys").start(Does::Take(HOUR));
    let _ = rig.run(rig.app().component(obeys)).await;
    let deaf = rig.part("deaf").start(Does::Hang);
    let _ = rig.run(rig.app().component(deaf)).await;
    let app = rig
        .app()
        .component(rig.part("late").stop(Does::Take(HOUR)))
        .component(rig.part("hangs").stop(Does::Hang));
    let running = rig.ready(app).await;
    let _ = rig.stopped(running).await;

    let told = |event, name| cause(&logs, event, "component", name).expect("a cause");
    let limit = |name| format!("component \"{name}\" did not start within 30s");
    assert_eq!(told("component.start_failed", "obeys"), limit("obeys"));
    assert_eq!(
        told("component.abandoned", "deaf"),
        "its start was abandoned"
    );
    let late = told("component.stop_failed", "late");
    assert!(late.starts_with("\"late\" did not stop within "), "{late}");
    let hangs = told("component.abandoned", "hangs");
    assert!(
        hangs.starts_with("\"hangs\" did not stop within "),
        "{hangs}"
    );
}

#[tokio::test]
async fn a_failed_start_names_the_component_at_fault() {
    for does in [Does::Fail, Does::Take(HOUR), Does::Hang, Does::FinishLate] {
        let logs = Captured::new();
        let _guard = tracing::dispatcher::set_default(&logs.dispatch());
        let rig = Rig::new();
        let app = rig.app().component(rig.part("well"));
        let _ = rig.run(app.component(rig.part("bad").start(does))).await;
        assert_eq!(at_fault(&logs).as_deref(), Some("bad"));
    }
    let logs = Captured::new();
    let _guard = tracing::dispatcher::set_default(&logs.dispatch());
    let rig = Rig::new();
    let twice = rig.app().component(rig.part("a")).component(rig.part("a"));
    let _ = rig.run(twice).await;
    assert_eq!(at_fault(&logs), None);
}

fn at_fault(logs: &Captured) -> Option<String> {
    let lines = logs.lines();
    let failed = lines
        .iter()
        .find(|line| line.event == Some("app.start_failed"));
    let component = failed.expect("the failure is told").fields.get("component");
    component.map(ToString::to_string)
}

#[tokio::test]
async fn probes_tell_why_they_were_cancelled() {
    let logs = Captured::new();
    let _guard = tracing::dispatcher::set_default(&logs.dispatch());
    let rig = Rig::new();
    let begun = Arc::new(Notify::new());
    let asked = Arc::clone(&begun);
    let app = rig
        .app()
        .probe("cancels", |ctx| async move {
            ctx.cancel("the pool is closed");
            Health::unhealthy("gone")
        })
        .probe("slow", move |ctx| {
            asked.notify_one();
            async move {
                ctx.clock().sleep(YEAR).await;
                Health::healthy()
            }
        })
        .probe("gone", |_ctx| async { Health::unhealthy("gone") });
    let running = rig.ready(app).await;
    let _ = tokio::join!(rig.get(&running, "/ready"), async {
        begun.notified().await;
        rig.clock.advance(5 * SECOND).await;
    });
    running.handle.shutdown("done");
    let _ = rig.clock.run_until(running.report).await;
    let probe = |name| cause(&logs, "probe.failed", "probe", name);
    assert_eq!(probe("cancels").as_deref(), Some("the pool is closed"));
    let slow = "probe \"slow\" ran into its limit of 5s";
    assert_eq!(probe("slow").as_deref(), Some(slow));
    assert_eq!(probe("gone"), None);
}

#[tokio::test]
async fn tasks_tell_why_they_were_cancelled_when_they_panic() {
    let logs = Captured::new();
    let _guard = tracing::dispatcher::set_default(&logs.dispatch());
    let rig = Rig::new();
    let ctx = rig.ctx();
    let breaks = |ctx: Context| async move {
        ctx.cancelled().await;
        panic!("broken")
    };
    let tasks = [
        ctx.spawn("cancelled", breaks),
        ctx.supervise("supervised", OnPanic::Ignore, breaks),
        ctx.spawn("early", |ctx| -> std::future::Ready<()> {
            ctx.cancel("of its own");
            panic!("broken")
        }),
        ctx.spawn("plain", |_ctx| async { panic!("broken") }),
    ];
    rig.clock.settle().await;
    ctx.cancel("the tide is out");
    for task in tasks {
        let _ = task.await;
    }

    let task = |name| cause(&logs, "task.panicked", "task", name);
    assert_eq!(task("cancelled").as_deref(), Some("the tide is out"));
    assert_eq!(task("supervised").as_deref(), Some("the tide is out"));
    assert_eq!(task("early").as_deref(), Some("of its own"));
    assert_eq!(task("plain"), None);
}

#[tokio::test]
async fn events_are_emitted_as_the_table_says() {
    let logs = Captured::new();
    let _guard = tracing::dispatcher::set_default(&logs.dispatch());
    a_bad_day().await;
    bad_follow_ups().await;
    let table = table();
    let mut seen = BTreeSet::new();
    for line in logs.lines() {
        let Some(event) = line.event else { continue };
        let (level, fields) = table
            .get(event)
            .unwrap_or_else(|| panic!("{event} is listed"));
        assert_eq!(line.level.as_str().to_lowercase(), *level, "{event}");
        let of_spans = ["work", "request_id", "trace_id"];
        // Warnings and errors add the cause of work that was cancelled.
        let adds = |field: &str| field == "cause" && !fields.contains(field) && level != "info";
        let told = line
            .fields
            .keys()
            .filter(|field| !of_spans.contains(&field.as_str()) && !adds(field));
        assert_eq!(told.cloned().collect::<BTreeSet<_>>(), *fields, "{event}");
        seen.insert(event.to_owned());
    }
    let ours = [
        "app.",
        "component.",
        "task.",
        "periodic.",
        "probe.",
        "follow_up.",
    ];
    let ours = |name: &&String| ours.iter().any(|prefix| name.starts_with(prefix));
    let expected: BTreeSet<_> = table.keys().filter(ours).cloned().collect();
    assert_eq!(seen, expected);
}
