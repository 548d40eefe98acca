//! Every event of the app's life is emitted, at the level and with the fields that the table names.

use std::collections::{BTreeMap, BTreeSet};

use mainspring_core::context::Context;
use mainspring_core::error::BoxError;
use mainspring_core::health::Health;
use mainspring_core::lifecycle::Signal;
use mainspring_core::periodic::{Cron, Every};
use mainspring_core::spawn::OnPanic;
use mainspring_runtime::component::Component;
use mainspring_runtime::follow_up::{FollowUpLimits, FollowUps};
use mainspring_runtime::logger::capture::Captured;

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

    let told = |event: &str, field: &str, name: &str| {
        let lines = logs.lines();
        let mut of = lines.iter().filter(|line| {
            line.event == Some(event)
                && line
                    .fields
                    .get(field)
                    .is_some_and(|it| it.as_str() == Some(name))
        });
        let line = of.next().unwrap_or_else(|| panic!("{event} of {name}"));
        line.fields.get("cause").map(ToString::to_string)
    };
    let cause = told("periodic.panicked", "periodic", "panics");
    assert_eq!(cause.as_deref(), Some("the tide is out"));
    let cause = told("follow_up.failed", "follow_up", "cancelled");
    assert_eq!(cause.as_deref(), Some("the mail was withdrawn"));
    assert_eq!(told("follow_up.failed", "follow_up", "plain"), None);
    let cause = told("follow_up.timed_out", "follow_up", "slow").expect("a cause");
    assert!(cause.contains("slow"), "{cause}");
    assert_eq!(told("component.stop_failed", "component", "fails"), None);
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
