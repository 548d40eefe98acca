//! Follow-ups: bounds, order, limits, panics, and what becomes of those that never run.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use mainspring_core::context::Context;
use mainspring_core::error::BoxError;
use mainspring_core::event::{Event, WorkOutcome};
use mainspring_core::spawn::{BoxFuture, Executor};
use mainspring_runtime::follow_up::{
    Batch, FollowUpError, FollowUpLimits, FollowUpStats, FollowUps,
};
use mainspring_runtime::logger::capture::Captured;
use mainspring_runtime::metrics::Registry;

use crate::rig::{HOUR, Log, Rig, SECOND, YEAR};

const LIMIT: Duration = Duration::from_secs(30);
const NONE: (usize, usize) = (0, 0);

fn stats(all: &FollowUps) -> (usize, usize) {
    let FollowUpStats {
        running, waiting, ..
    } = all.stats();
    (running, waiting)
}

fn follow_ups(running: usize, waiting: usize) -> FollowUps {
    FollowUps::new(FollowUpLimits { running, waiting })
}

/// A body that takes a second and notes its begin and end.
fn work(
    log: &Log,
    name: &'static str,
) -> impl FnOnce(Context) -> BoxFuture<'static, Result<(), BoxError>> + use<> {
    let log = log.clone();
    move |ctx| {
        Box::pin(async move {
            log.add(format!("{name} begins"));
            ctx.clock().sleep(SECOND).await;
            log.add(format!("{name} ends"));
            Ok(())
        })
    }
}

fn add(batch: &Batch, log: &Log, name: &'static str) -> Result<(), FollowUpError> {
    batch.add(name, LIMIT, work(log, name)).map(drop)
}

fn outcomes(rig: &Rig) -> Vec<(String, WorkOutcome)> {
    let events = rig.events.lock().unwrap();
    let outcomes = events.iter().filter_map(|event| match event {
        Event::FollowUp { name, outcome, .. } => Some((name.to_string(), outcome.clone())),
        _ => None,
    });
    outcomes.collect()
}

fn ended(name: &str, outcome: WorkOutcome) -> (String, WorkOutcome) {
    (name.to_owned(), outcome)
}

#[tokio::test]
async fn they_begin_when_released_in_order_within_the_bound() {
    let rig = Rig::new();
    let all = follow_ups(2, 3);
    let (one, two) = (all.batch(&rig.ctx()), all.batch(&rig.ctx()));
    assert!(one.is_empty());
    add(&one, &rig.log, "a").unwrap();
    add(&two, &rig.log, "b").unwrap();
    add(&one, &rig.log, "c").unwrap();
    assert_eq!(
        add(&two, &rig.log, "d"),
        Err(FollowUpError::Full { waiting: 3 })
    );
    assert_eq!(outcomes(&rig), [ended("d", WorkOutcome::Dropped)]);
    rig.clock.advance(HOUR).await;
    assert!(
        rig.log.lines().is_empty(),
        "nothing begins before its response is sent"
    );
    assert_eq!(stats(&all), (0, 3));
    one.release(false);
    two.release(false);
    rig.clock.settle().await;
    assert_eq!(rig.log.lines(), ["a begins", "c begins"]);
    assert_eq!(stats(&all), (2, 1));
    assert_eq!(
        all.names().iter().map(|name| &**name).collect::<Vec<_>>(),
        ["a", "c", "b"]
    );
    add(&two, &rig.log, "e").unwrap();
    rig.clock.advance(3 * SECOND).await;
    let begins: Vec<_> = rig
        .log
        .lines()
        .into_iter()
        .filter(|line| line.ends_with("begins"))
        .collect();
    assert_eq!(begins, ["a begins", "c begins", "b begins", "e begins"]);
    assert_eq!(stats(&all), NONE);
    rig.clock.run_until(rig.ctx().park(all.drained())).await;
}

#[tokio::test]
async fn a_limit_cuts_a_body_and_says_why() {
    let rig = Rig::new();
    let all = follow_ups(2, 3);
    let batch = all.batch(&rig.ctx());
    let log = rig.log.clone();
    let hang = move |ctx: Context| async move {
        assert_eq!(ctx.remaining(), Some(5 * SECOND));
        let watched = ctx.clone();
        ctx.spawn("watches", move |_| async move {
            log.add(watched.cancelled().await.to_string());
        });
        std::future::pending::<()>().await;
        Ok(())
    };
    let parked = move |ctx: Context| async move { ctx.clone().park(hang(ctx)).await };
    let _ = batch.add("slow", 5 * SECOND, parked).unwrap();
    batch.release(false);
    rig.clock.advance(4 * SECOND).await;
    assert_eq!(stats(&all), (1, 0));
    rig.clock.advance(SECOND).await;
    assert_eq!(stats(&all), NONE);
    assert_eq!(outcomes(&rig), [ended("slow", WorkOutcome::TimedOut)]);
    assert_eq!(
        rig.log.lines(),
        ["follow-up `slow` ran into its limit of 5s"]
    );
}

#[tokio::test]
async fn errors_and_panics_are_told_and_kill_nothing() {
    let rig = Rig::new();
    let all = follow_ups(1, 9);
    let batch = all.batch(&rig.ctx());
    let _ = batch.add("fails", LIMIT, |_ctx| async { Err("no luck".into()) });
    let _ = batch.add("panics", LIMIT, |_ctx| async { panic!("inside") });
    let _ = batch.add("panics early", LIMIT, |_ctx| -> std::future::Ready<_> {
        panic!("before")
    });
    add(&batch, &rig.log, "well").unwrap();
    batch.release(false);
    rig.clock.advance(SECOND).await;
    assert_eq!(
        outcomes(&rig),
        [
            ended("fails", WorkOutcome::Failed("no luck".to_owned())),
            ended("panics", WorkOutcome::Panicked("inside".to_owned())),
            ended("panics early", WorkOutcome::Panicked("before".to_owned())),
            ended("well", WorkOutcome::Succeeded),
        ]
    );
    assert_eq!(stats(&all), NONE);
}

#[tokio::test]
async fn a_failed_handler_keeps_only_what_always_runs() {
    let rig = Rig::new();
    let all = follow_ups(9, 9);
    let batch = all.batch(&rig.ctx());
    add(&batch, &rig.log, "mail").unwrap();
    batch
        .add("audit", LIMIT, work(&rig.log, "audit"))
        .unwrap()
        .always();
    add(&batch, &rig.log, "stats").unwrap();
    batch.release(true);
    batch.release(false);
    rig.clock.advance(SECOND).await;
    assert_eq!(rig.log.lines(), ["audit begins", "audit ends"]);
    let dropped = |name| ended(name, WorkOutcome::Dropped);
    let audit = ended("audit", WorkOutcome::Succeeded);
    assert_eq!(outcomes(&rig), [dropped("mail"), dropped("stats"), audit]);
    assert_eq!(stats(&all), NONE);
}

#[tokio::test]
async fn a_batch_that_is_dropped_drops_its_follow_ups() {
    let rig = Rig::new();
    let all = follow_ups(9, 2);
    let batch = all.batch(&rig.ctx());
    add(&batch, &rig.log, "a").unwrap();
    let clone = batch.clone();
    add(&clone, &rig.log, "b").unwrap();
    drop(batch);
    assert_eq!(stats(&all), (0, 2), "a clone is the same batch");
    drop(clone);
    assert_eq!(stats(&all), NONE);
    let dropped = |name| ended(name, WorkOutcome::Dropped);
    assert_eq!(outcomes(&rig), [dropped("a"), dropped("b")]);
    let next = all.batch(&rig.ctx());
    add(&next, &rig.log, "c").unwrap();
    next.release(false);
    drop(next);
    rig.clock.advance(SECOND).await;
    assert_eq!(
        rig.log.lines(),
        ["c begins", "c ends"],
        "a released one may go"
    );
}

#[tokio::test]
async fn a_body_is_detached_from_its_request() {
    let rig = Rig::new();
    let all = follow_ups(9, 9);
    let request = rig
        .ctx()
        .with_value(7_u64)
        .with_timeout(SECOND, "the request is over");
    let batch = all.batch(&request);
    let log = rig.log.clone();
    let _ = batch.add("late", LIMIT, move |ctx| async move {
        ctx.sleep(10 * SECOND)
            .await
            .map_err(|cause| cause.to_string())?;
        log.add(format!("value {:?}", ctx.get::<u64>()));
        Ok(())
    });
    request.cancel("the client left");
    batch.release(false);
    rig.clock.advance(10 * SECOND).await;
    assert_eq!(rig.log.lines(), ["value Some(7)"]);
}

#[tokio::test]
async fn draining_waits_for_responses_that_are_on_their_way() {
    let rig = Rig::new();
    let all = follow_ups(1, 9);
    let batch = all.batch(&rig.ctx());
    add(&batch, &rig.log, "a").unwrap();
    let mut drained = std::pin::pin!(all.drained());
    assert!(drained.as_mut().now_or_never().is_none());
    batch.release(false);
    rig.clock.run_until(rig.ctx().park(drained)).await;
    assert_eq!(rig.log.lines(), ["a begins", "a ends"]);
}

#[tokio::test]
async fn each_has_its_own_limit_also_under_one_name() {
    let rig = Rig::new();
    let all = follow_ups(9, 9);
    let batch = all.batch(&rig.ctx());
    for seconds in [3, 5, 3] {
        let log = rig.log.clone();
        let _ = batch.add("slow", seconds * SECOND, move |ctx| async move {
            log.add(format!("{:?}", ctx.remaining()));
            ctx.clock().sleep(YEAR).await;
            Ok(())
        });
    }
    batch.release(false);
    let mut running = Vec::new();
    for _ in 0..5 {
        rig.clock.advance(SECOND).await;
        running.push(stats(&all).0);
    }
    assert_eq!(running, [3, 3, 1, 1, 0]);
    assert_eq!(rig.log.lines(), ["Some(3s)", "Some(5s)", "Some(3s)"]);
}

#[tokio::test]
async fn draining_waits_for_bodies_and_what_they_spawned() {
    let rig = Rig::new();
    let all = follow_ups(1, 9);
    let batch = all.batch(&rig.ctx());
    let log = rig.log.clone();
    let _ = batch.add("spawns", LIMIT, move |ctx| async move {
        ctx.spawn("rest", move |ctx| async move {
            ctx.clock().sleep(5 * SECOND).await;
            log.add("the rest is done");
        });
        Ok(())
    });
    add(&batch, &rig.log, "next").unwrap();
    batch.release(false);
    rig.clock.run_until(rig.ctx().park(all.drained())).await;
    assert_eq!(
        rig.log.lines(),
        ["next begins", "next ends", "the rest is done"]
    );
    all.close();
    assert_eq!(
        add(&all.batch(&rig.ctx()), &rig.log, "late"),
        Err(FollowUpError::ShuttingDown)
    );
}

#[tokio::test]
async fn a_cut_names_what_is_left_and_takes_no_more() {
    let rig = Rig::new();
    let all = follow_ups(2, 9);
    let (sent, unsent) = (all.batch(&rig.ctx()), all.batch(&rig.ctx()));
    let hang = |ctx: Context| async move {
        ctx.spawn(
            "of the body",
            |ctx| async move { ctx.clock().sleep(YEAR).await },
        );
        ctx.clock().sleep(YEAR).await;
        Ok(())
    };
    let _ = sent.add("hangs", 2 * YEAR, hang);
    add(&sent, &rig.log, "runs").unwrap();
    add(&sent, &rig.log, "waits").unwrap();
    add(&unsent, &rig.log, "unsent").unwrap();
    sent.release(false);
    rig.clock.settle().await;
    assert_eq!(
        all.cut(),
        ["hangs", "runs", "of the body", "waits (not begun)"]
    );
    rig.clock.settle().await;
    assert_eq!(stats(&all), (0, 1), "its response is still on the way");
    unsent.release(false);
    assert_eq!(stats(&all), NONE);
    assert_eq!(
        add(&unsent, &rig.log, "late"),
        Err(FollowUpError::ShuttingDown)
    );
    let mut told = outcomes(&rig);
    told.sort_by(|a, b| a.0.cmp(&b.0));
    let dropped = |name| ended(name, WorkOutcome::Dropped);
    let cancelled = |name| ended(name, WorkOutcome::Cancelled);
    assert_eq!(
        told,
        [
            cancelled("hangs"),
            dropped("late"),
            cancelled("runs"),
            dropped("unsent"),
            dropped("waits"),
        ]
    );
    assert!(rig.clock.activity().live_tasks().is_empty());
}

/// Keeps the first task and drops the others, as a runtime does that has ended.
#[derive(Debug, Default)]
struct Ending(Mutex<Vec<BoxFutureDebug>>);

struct BoxFutureDebug(#[expect(dead_code, reason = "held to be dropped")] BoxFuture<'static, ()>);

impl std::fmt::Debug for BoxFutureDebug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a task")
    }
}

impl Executor for Ending {
    fn execute(&self, future: BoxFuture<'static, ()>) {
        let mut first = self.0.lock().unwrap();
        if first.is_empty() {
            first.push(BoxFutureDebug(future));
        } else {
            drop(first);
            drop(future);
        }
    }
}

#[tokio::test]
async fn a_runtime_that_ends_under_many_does_not_overflow_the_stack() {
    let rig = Rig::new();
    let all = follow_ups(1, 100_000);
    let executor = Arc::new(Ending::default());
    let batch = all.batch(&rig.ctx_on(Arc::clone(&executor) as _));
    for _ in 0..100_000 {
        let _ = batch
            .add("one of many", LIMIT, |_ctx| async { Ok(()) })
            .unwrap();
    }
    batch.release(false);
    assert_eq!(stats(&all), (1, 99_999));
    let first = std::mem::take(&mut *executor.0.lock().unwrap());
    executor
        .0
        .lock()
        .unwrap()
        .push(BoxFutureDebug(Box::pin(async {})));
    drop(first);
    assert_eq!(stats(&all), NONE);
}

/// Does something special with the first task, and keeps the others.
struct First<F>(Mutex<Option<F>>, Ending);

impl<F> std::fmt::Debug for First<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("First")
    }
}

impl<F: FnOnce() + Send + 'static> Executor for First<F> {
    fn execute(&self, future: BoxFuture<'static, ()>) {
        let first = self.0.lock().unwrap().take();
        if let Some(first) = first {
            first();
        }
        self.1.0.lock().unwrap().push(BoxFutureDebug(future));
    }
}

#[tokio::test]
async fn a_panic_while_one_is_started_holds_up_no_other() {
    let rig = Rig::new();
    let all = follow_ups(1, 9);
    let broken = First(Mutex::new(Some(|| panic!("no task"))), Ending::default());
    let batch = all.batch(&rig.ctx_on(Arc::new(broken)));
    for name in ["lost", "kept"] {
        let _ = batch.add(name, LIMIT, |_ctx| async { Ok(()) }).unwrap();
    }
    batch.release(false);
    assert_eq!(stats(&all), (1, 0));
    assert_eq!(outcomes(&rig), [ended("lost", WorkOutcome::Cancelled)]);
    assert_eq!(*all.names(), ["kept".into()]);
}

#[tokio::test]
async fn a_panic_while_one_is_started_tells_its_own_cause() {
    let logs = Captured::new();
    let _guard = tracing::dispatcher::set_default(&logs.dispatch());
    let rig = Rig::new();
    for limit in [LIMIT, Duration::ZERO] {
        let broken = First(Mutex::new(Some(|| panic!("no task"))), Ending::default());
        let ctx = rig.ctx_on(Arc::new(broken));
        ctx.cancel("the client left");
        let batch = follow_ups(1, 9).batch(&ctx);
        let _ = batch.add("lost", limit, |_ctx| async { Ok(()) }).unwrap();
        batch.release(false);
    }
    let lines = logs.lines();
    let told = lines
        .iter()
        .filter(|line| line.event == Some("follow_up.panicked"));
    let causes: Vec<_> = told
        .map(|line| line.fields.get("cause").map(ToString::to_string))
        .collect();
    let limit = "follow-up `lost` ran into its limit of 0ns".to_owned();
    assert_eq!(causes, [None, Some(limit)], "not its request's");
}

#[tokio::test]
async fn one_that_is_being_started_does_not_make_others_wait() {
    let rig = Rig::new();
    let all = follow_ups(2, 1);
    let seen = Arc::new(Mutex::new(NONE));
    let other = all.batch(&rig.ctx_on(Arc::new(Ending::default())));
    let meanwhile = {
        let (all, seen) = (all.clone(), Arc::clone(&seen));
        move || {
            let _ = other.add("other", LIMIT, |_ctx| async { Ok(()) }).unwrap();
            other.release(false);
            *seen.lock().unwrap() = stats(&all);
        }
    };
    let slow = First(Mutex::new(Some(meanwhile)), Ending::default());
    let batch = all.batch(&rig.ctx_on(Arc::new(slow)));
    let _ = batch.add("slow", LIMIT, |_ctx| async { Ok(()) }).unwrap();
    batch.release(false);
    assert_eq!(*seen.lock().unwrap(), (2, 0), "there was room for both");
}

#[tokio::test]
async fn a_follow_up_holds_the_stop_until_it_is_done() {
    use crate::rig::Main;
    use mainspring_core::lifecycle::Phase;
    let rig = Rig::new();
    let mut app = rig.app().component(rig.part("a"));
    let main = app.endpoint_mut::<Main>();
    let shared = Arc::clone(&main.site);
    let running = rig.ready(app).await;
    let site = shared.lock().unwrap().clone().unwrap();
    let batch = site.follow_ups.batch(&site.ctx);
    add(&batch, &rig.log, "mail").unwrap();
    let _ = batch.add("hangs", YEAR, |ctx| async move {
        ctx.clock().sleep(YEAR).await;
        Ok(())
    });
    batch.release(false);
    let page = rig.get(&running, "/metrics").await.body;
    assert!(page.contains("mainspring_follow_ups_running 2"), "{page}");
    let report = rig.stopped(running).await;
    assert_eq!(
        rig.log.lines(),
        ["start a", "mail begins", "mail ends", "stop a"]
    );
    assert_eq!(report.phase(Phase::FollowUps).unwrap().cut, ["hangs"]);
    assert_eq!(report.exit_code(), 3);
}

#[tokio::test]
async fn none_is_taken_once_they_are_drained() {
    use crate::rig::Main;
    let rig = Rig::new();
    let mut app = rig.app();
    let lent = Arc::clone(&app.endpoint_mut::<Main>().site);
    let log = rig.log.clone();
    let app = app.on_stop("late", move |_ctx| async move {
        let site = lent.lock().unwrap().clone().unwrap();
        let added = add(&site.follow_ups.batch(&site.ctx), &log, "late");
        assert_eq!(added, Err(FollowUpError::ShuttingDown));
        log.add("refused");
        Ok(())
    });
    let running = rig.ready(app).await;
    let report = rig.stopped(running).await;
    assert_eq!((report.exit_code(), rig.log.count("refused")), (0, 1));
}

#[tokio::test]
async fn the_metrics_count_them_by_outcome() {
    let (rig, metrics) = (Rig::new(), Registry::new());
    let limits = FollowUpLimits {
        running: 2,
        waiting: 2,
    };
    let all = FollowUps::with_metrics(limits, metrics.app().clone());
    let batch = all.batch(&rig.ctx());
    let _ = batch.add("mail", LIMIT, |_ctx| async { Ok(()) }).unwrap();
    let _ = batch
        .add("mail", LIMIT, |_ctx| async { Err("no".into()) })
        .unwrap();
    let full = batch.add("mail", LIMIT, |_ctx| async { Ok(()) });
    assert_eq!(full.map(drop), Err(FollowUpError::Full { waiting: 2 }));
    batch.release(false);
    rig.clock.settle().await;
    let text = metrics.encode();
    let counted = text.lines().filter_map(|line| {
        let labels = line.strip_prefix("mainspring_follow_ups_total{")?;
        (!labels.ends_with(" 0")).then_some(labels)
    });
    let counted: std::collections::BTreeSet<_> = counted.collect();
    let outcome = |word: &str| format!("follow_up=\"mail\",outcome=\"{word}\"}} 1");
    let expected = ["dropped", "failed", "succeeded"].map(outcome);
    assert_eq!(counted, expected.iter().map(String::as_str).collect());
}
