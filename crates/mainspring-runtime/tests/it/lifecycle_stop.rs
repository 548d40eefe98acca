//! Stops: order, how often, what fails, hangs or is forced.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainspring_core::context::Context;
use mainspring_core::error::BoxError;
use mainspring_core::event::Event;
use mainspring_core::health::Readiness;
use mainspring_core::lifecycle::{
    Phase, PhaseOutcome, ShutdownCause, Signal, StartOutcome, StopOutcome,
};
use mainspring_core::periodic::Every;
use mainspring_core::spawn::OnPanic;
use mainspring_runtime::app::App;
use mainspring_runtime::component::Component;

use crate::rig::{Does, Main, Rig, SECOND, YEAR, on_stop, outcome};

fn three(rig: &Rig, stop: Does) -> App {
    let bad = rig.part("bad").stop(stop);
    let app = rig.app().component(rig.part("a")).component(bad);
    app.component(rig.part("b"))
}

const STARTS: [&str; 3] = ["start a", "start bad", "start b"];
const STOPS: [&str; 3] = ["stop b", "stop bad", "stop a"];

#[tokio::test]
async fn what_started_stops_once_in_reverse() {
    let rig = Rig::new();
    let running = rig.ready(three(&rig, Does::Return)).await;
    assert_eq!(running.handle.readiness(), Readiness::Ready);
    running.handle.shutdown("first");
    running.handle.shutdown("second");
    let handle = running.handle.clone();
    let report = rig.ended(running).await;
    assert_eq!(rig.log.lines(), [STARTS, STOPS].concat());
    assert_eq!(report.cause, ShutdownCause::Requested("first".to_owned()));
    assert_eq!(
        (report.exit_code(), report.problems.len()),
        (0, 0),
        "{report}"
    );
    assert_eq!(handle.readiness(), Readiness::Draining);
    handle.shutdown("after the end");
}

#[tokio::test]
async fn a_stop_that_fails_stops_nothing_else() {
    for (does, text) in [
        (Does::Fail, "bad cannot stop"),
        (Does::Panic, "panicked: bad panics at stop"),
        (
            Does::PanicInCall,
            "panicked: stop of bad panics in the call",
        ),
    ] {
        let rig = Rig::new();
        let running = rig.ready(three(&rig, does)).await;
        let report = rig.stopped(running).await;
        assert_eq!(rig.log.lines(), [STARTS, STOPS].concat());
        assert_eq!(report.exit_code(), 3);
        assert!(report.to_string().contains(text), "{report}");
        assert!(matches!(outcome(&report, "bad").1, StopOutcome::Failed(_)));
        assert_eq!(outcome(&report, "a").1, StopOutcome::Stopped);
        assert!(rig.states().contains(&"bad failed".to_owned()));
    }
}

#[tokio::test]
async fn a_stop_that_hangs_is_abandoned_and_named() {
    let rig = Rig::new();
    let running = rig.ready(three(&rig, Does::Hang)).await;
    let report = rig.stopped(running).await;
    assert_eq!(rig.log.lines(), [STARTS, STOPS].concat());
    assert_eq!(report.exit_code(), 3);
    assert_eq!(outcome(&report, "bad").1, StopOutcome::Abandoned);
    assert_eq!(outcome(&report, "a").1, StopOutcome::Stopped);
    let components = report.phase(Phase::Components).unwrap();
    assert_eq!(
        (components.outcome, &*components.cut),
        (PhaseOutcome::Cut, &["bad".to_owned()][..])
    );
    assert!(report.took <= 25 * SECOND, "{report}");
    assert!(rig.states().contains(&"bad abandoned".to_owned()));
}

#[tokio::test]
async fn an_abandoned_stop_does_not_go_on() {
    let rig = Rig::new();
    let slow = rig.part("slow").stop(Does::Take(3 * SECOND));
    let bad = rig.part("bad").stop(Does::Oversleep(13 * SECOND));
    let running = rig.ready(rig.app().component(slow).component(bad)).await;
    let report = rig.stopped(running).await;
    assert_eq!(outcome(&report, "bad").1, StopOutcome::Abandoned);
    assert_eq!(
        report.took,
        15 * SECOND,
        "its share and the stop of the other"
    );
    assert_eq!(rig.log.count("stop bad woke"), 0);
}

#[tokio::test]
async fn a_stop_sees_its_deadline_before_it_is_abandoned() {
    let rig = Rig::new();
    let slow = rig.part("slow").stop(Does::FinishLate);
    let running = rig.ready(rig.app().component(slow)).await;
    let report = rig.stopped(running).await;
    assert_eq!(outcome(&report, "slow").1, StopOutcome::Stopped);
    let lines = rig.log.lines();
    assert!(
        lines
            .last()
            .unwrap()
            .contains("\"slow\" did not stop within"),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_second_signal_forces_the_exit() {
    let rig = Rig::new();
    let running = rig.ready(three(&rig, Does::Hang)).await;
    running.handle.signal(Signal::Terminate);
    rig.clock.advance(Duration::from_millis(10)).await;
    let before = rig.clock.monotonic();
    running.handle.signal(Signal::Interrupt);
    let report = rig.ended(running).await;
    assert_eq!(rig.clock.monotonic(), before, "at once");
    assert_eq!(report.exit_code(), 4);
    assert_eq!(outcome(&report, "bad").1, StopOutcome::Unfinished);
    assert_eq!(
        outcome(&report, "a"),
        (StartOutcome::Started, StopOutcome::None)
    );
    assert_eq!(report.not_stopped().collect::<Vec<_>>(), ["a", "bad"]);
    assert_eq!(rig.log.count("stop a"), 0);
}

#[tokio::test]
async fn a_forced_end_leaves_nothing_running() {
    let rig = Rig::new();
    let mut app = rig
        .app()
        .component(rig.part("a").start(Does::SpawnHanging("deaf")))
        .periodic("hangs", Every::seconds(1), |tick| async move {
            tick.clock().sleep(YEAR).await;
            Ok(())
        });
    let main = app.endpoint_mut::<Main>();
    main.drain = Does::Hang;
    let lent = Arc::clone(&main.site);
    let running = rig.ready(app).await;
    let site = lent.lock().unwrap().clone().unwrap();
    let batch = site.follow_ups.batch(&site.ctx);
    let _ = batch.add("hangs", YEAR, |ctx| async move {
        ctx.clock().sleep(YEAR).await;
        Ok(())
    });
    batch.release(false);
    rig.clock.advance(SECOND).await;
    running.handle.signal(Signal::Terminate);
    rig.clock.settle().await;
    running.handle.signal(Signal::Terminate);
    let report = rig.ended(running).await;
    assert_eq!(report.exit_code(), 4);
    let last = report.phases.last().map(|phase| phase.phase);
    assert_eq!(last, Some(Phase::Http), "everything else was running still");
}

#[tokio::test]
async fn a_signal_after_a_request_is_the_first() {
    let rig = Rig::new();
    let slow = rig.part("slow").stop(Does::Take(SECOND));
    let running = rig.ready(rig.app().component(slow)).await;
    running.handle.shutdown("please");
    running.handle.signal(Signal::Terminate);
    let report = rig.ended(running).await;
    assert_eq!(report.exit_code(), 0, "{report}");
}

#[tokio::test]
async fn a_component_may_ask_for_the_shutdown() {
    let rig = Rig::new();
    let app = rig.app().component(rig.part("a"));
    let app = app.periodic("quota", Every::seconds(10), |tick| async move {
        tick.shutdown("nothing left to do");
        Ok(())
    });
    let report = rig.run(app).await;
    let cause = "asked by quota: nothing left to do";
    assert_eq!((report.exit_code(), &*report.cause.to_string()), (0, cause));
    assert_eq!(rig.log.lines(), ["start a", "stop a"]);
}

struct Fragile;

impl Component for Fragile {
    fn name(&self) -> &str {
        "fragile"
    }

    async fn start(&self, ctx: Context) -> Result<(), BoxError> {
        ctx.supervise("pump", OnPanic::StopApp, |ctx| async move {
            ctx.clock().sleep(SECOND).await;
            panic!("the pump is broken");
        });
        Ok(())
    }
}

#[tokio::test]
async fn a_supervised_task_that_fails_the_app_makes_the_exit_unclean() {
    let rig = Rig::new();
    let report = rig
        .run(rig.app().component(rig.part("a")).component(Fragile))
        .await;
    assert_eq!(report.exit_code(), 3);
    let ShutdownCause::Failed { name, failure } = &report.cause else {
        panic!("{report}");
    };
    assert_eq!(name, "pump");
    assert!(
        failure.to_string().contains("the pump is broken"),
        "{failure}"
    );
    assert_eq!(outcome(&report, "fragile").1, StopOutcome::Stopped);
    assert_eq!(rig.log.lines(), ["start a", "stop a"]);
    let events = rig.events.lock().unwrap();
    let panicked = |event: &Event| match event {
        Event::TaskPanicked { task, .. } => &**task == "pump",
        _ => false,
    };
    assert_eq!(events.iter().filter(|event| panicked(event)).count(), 1);
}

#[tokio::test]
async fn the_drain_delay_keeps_serving_until_it_is_over() {
    let rig = Rig::new();
    let mut app = App::new("test").component(rig.part("a"));
    app.endpoint_mut::<Main>().log = rig.log.clone();
    let running = rig.ready(app).await;
    running.handle.shutdown("done");
    rig.clock.advance(Duration::from_millis(2_999)).await;
    assert_eq!(running.handle.readiness(), Readiness::Draining);
    assert_eq!(rig.log.count("drain main"), 0);
    assert_eq!(rig.get(&running, "/ready").await.status, 503);
    rig.clock.advance(Duration::from_millis(1)).await;
    assert_eq!(rig.log.count("drain main"), 1);
    let report = rig.ended(running).await;
    assert_eq!(
        rig.log.lines(),
        [
            "bind main",
            "start a",
            "accept main",
            "drain main",
            "stop a"
        ]
    );
    assert_eq!((report.took, report.exit_code()), (3 * SECOND, 0));
}

#[tokio::test]
async fn development_drains_at_once() {
    let mut rig = Rig::new();
    rig.environment = rig.environment.with("MAINSPRING_ENV", "development");
    let running = rig.ready(App::new("test")).await;
    assert_eq!(rig.stopped(running).await.took, Duration::ZERO);
}

#[tokio::test]
async fn phases_run_in_order_and_a_hanging_one_is_cut() {
    let rig = Rig::new();
    let mut app = rig.app().component(rig.part("a"));
    let main = app.endpoint_mut::<Main>();
    (main.log, main.drain) = (rig.log.clone(), Does::Hang);
    let running = rig.ready(app).await;
    let report = rig.stopped(running).await;
    let phases: Vec<_> = report.phases.iter().map(|phase| phase.phase).collect();
    use Phase::{Components, Drain, FollowUps, Health, Http, Telemetry, Workers};
    assert_eq!(
        phases,
        [
            Drain, Http, FollowUps, Workers, Components, Telemetry, Health
        ]
    );
    let http = report.phase(Http).unwrap();
    assert_eq!(
        (http.outcome, &*http.cut),
        (PhaseOutcome::Cut, &["GET /slow".to_owned()][..])
    );
    assert_eq!(http.took, 10 * SECOND);
    assert_eq!(report.exit_code(), 3);
    assert_eq!(rig.log.count("stop a"), 1);
}

#[tokio::test]
async fn a_phase_that_panics_ends_with_that_problem() {
    let rig = Rig::new();
    let mut app = rig.app().component(rig.part("a"));
    app.endpoint_mut::<Main>().drain = Does::Panic;
    let running = rig.ready(app).await;
    let report = rig.stopped(running).await;
    assert_eq!(report.took, Duration::ZERO, "nobody waits for it: {report}");
    assert!(
        report.to_string().contains("panicked: the drain panics"),
        "{report}"
    );
    assert_eq!(report.exit_code(), 3);
    assert_eq!(rig.log.count("stop a"), 1);
}

#[tokio::test]
async fn builder_hooks_stop_among_the_components() {
    let rig = Rig::new();
    let hook = |name: &'static str| {
        let log = rig.log.clone();
        move |_ctx| async move {
            log.add(format!("hook {name}"));
            Ok(())
        }
    };
    let app = rig
        .app()
        .on_stop("first", hook("first"))
        .component(rig.part("a"));
    let app = app.on_stop("last", hook("last"));
    let running = rig.ready(app).await;
    let report = rig.stopped(running).await;
    assert_eq!(
        rig.log.lines(),
        ["start a", "hook last", "stop a", "hook first"]
    );
    assert_eq!(report.exit_code(), 0);
}

#[tokio::test]
async fn a_hook_that_fails_panics_or_hangs_stops_nothing_else() {
    let rig = Rig::new();
    let app = rig
        .app()
        .component(rig.part("a"))
        .on_stop("hangs", |ctx| async move {
            ctx.clock().sleep(YEAR).await;
            Ok(())
        })
        .on_stop("panics in the call", |_ctx| -> std::future::Ready<_> {
            panic!("no future")
        })
        .on_stop("fails", |_ctx| async { Err("not today".into()) });
    let running = rig.ready(app).await;
    let report = rig.stopped(running).await;
    assert_eq!(report.exit_code(), 3);
    let text = report.to_string();
    assert!(
        text.contains("panicked: no future") && text.contains("not today"),
        "{text}"
    );
    assert_eq!(outcome(&report, "hangs").1, StopOutcome::Abandoned);
    assert_eq!(rig.log.lines(), ["start a", "stop a"]);
}

#[tokio::test]
async fn a_hook_of_a_start_runs_after_that_components_stop() {
    let rig = Rig::new();
    let app = rig
        .app()
        .component(rig.part("a"))
        .component(rig.part("b").start(Does::Hook("pool")))
        .component(rig.part("c"));
    let running = rig.ready(app).await;
    let _ = rig.stopped(running).await;
    let starts = ["start a", "start b", "start c"];
    assert_eq!(
        rig.log.lines(),
        [&starts[..], &["stop c", "stop b", "hook pool", "stop a"]].concat()
    );
}

struct HookAndFail(crate::rig::Log);

impl Component for HookAndFail {
    fn name(&self) -> &str {
        "half"
    }

    async fn start(&self, ctx: Context) -> Result<(), BoxError> {
        on_stop(&ctx, "half open", &self.0)?;
        Err("the second half failed".into())
    }
}

#[tokio::test]
async fn the_hook_of_a_failed_start_runs() {
    let rig = Rig::new();
    let app = rig
        .app()
        .component(rig.part("a"))
        .component(HookAndFail(rig.log.clone()));
    let report = rig.run(app).await;
    assert_eq!(report.exit_code(), 1);
    assert_eq!(rig.log.lines(), ["start a", "hook half open", "stop a"]);
}

#[tokio::test]
async fn a_hook_is_refused_once_the_shutdown_has_begun() {
    let rig = Rig::new();
    let a = rig.part("a").stop(Does::Hook("late"));
    let running = rig.ready(rig.app().component(a)).await;
    let report = rig.stopped(running).await;
    assert_eq!(rig.log.lines(), ["start a", "stop a"], "it never runs");
    assert_eq!(report.exit_code(), 3);
    assert!(
        report.to_string().contains("the app is stopping"),
        "{report}"
    );
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a thread outside the app")]
async fn hooks_from_other_threads_run_or_are_refused_but_are_never_lost() {
    use mainspring_core::context::AppControl;
    use std::sync::atomic::{AtomicUsize, Ordering};
    for _ in 0..200 {
        let rig = Rig::new();
        let running = rig.ready(rig.app()).await;
        let handle = running.handle.clone();
        let ran = std::sync::Arc::new(AtomicUsize::new(0));
        let counted = std::sync::Arc::clone(&ran);
        let register = std::thread::spawn(move || {
            let mut accepted = 0;
            loop {
                let counted = std::sync::Arc::clone(&counted);
                let hook = Box::new(move |_ctx| {
                    counted.fetch_add(1, Ordering::SeqCst);
                    Box::pin(async { Ok(()) }) as _
                });
                match handle.on_stop("hook", hook) {
                    Ok(()) => accepted += 1,
                    Err(_) => return accepted,
                }
            }
        });
        tokio::task::yield_now().await;
        let report = rig.stopped(running).await;
        assert_eq!(
            register.join().unwrap(),
            ran.load(Ordering::SeqCst),
            "{report}"
        );
    }
}

#[tokio::test]
async fn owned_tasks_are_cancelled_and_awaited() {
    let rig = Rig::new();
    let running = rig
        .ready(
            rig.app()
                .component(rig.part("a").start(Does::Spawn("loop"))),
        )
        .await;
    rig.clock.advance(Duration::from_secs(3600)).await;
    assert_eq!(
        rig.log.lines(),
        ["start a"],
        "the limit of the start is lifted"
    );
    let report = rig.stopped(running).await;
    assert_eq!(report.exit_code(), 0);
    let ended = "loop ended: component \"a\" is being stopped".to_owned();
    assert!(rig.log.lines().contains(&ended), "{:?}", rig.log.lines());
}

struct Keeper(Arc<Mutex<Option<Context>>>);

impl Component for Keeper {
    fn name(&self) -> &str {
        "keeper"
    }

    async fn start(&self, ctx: Context) -> Result<(), BoxError> {
        *self.0.lock().unwrap() = Some(ctx);
        Ok(())
    }
}

#[tokio::test]
async fn the_context_of_a_start_stays_valid_until_the_stop() {
    let rig = Rig::new();
    let kept = Arc::default();
    let running = rig
        .ready(rig.app().component(Keeper(Arc::clone(&kept))))
        .await;
    rig.clock.advance(Duration::from_secs(3600)).await;
    let ctx = kept.lock().unwrap().take().unwrap();
    assert!(!ctx.is_cancelled(), "{:?}", ctx.cause());
    assert_eq!(ctx.deadline(), None);
    let report = rig.stopped(running).await;
    assert_eq!(report.exit_code(), 0);
    let cause = ctx.cause().unwrap().to_string();
    assert_eq!(cause, "component \"keeper\" is being stopped");
}

#[tokio::test]
async fn owned_tasks_that_hang_are_named() {
    let rig = Rig::new();
    let a = rig.part("a").start(Does::SpawnHanging("deaf"));
    let running = rig
        .ready(rig.app().component(a).component(rig.part("b")))
        .await;
    let report = rig.stopped(running).await;
    assert_eq!(report.exit_code(), 3);
    assert!(
        report.to_string().contains("its tasks did not end: `deaf`"),
        "{report}"
    );
    assert_eq!(rig.log.count("stop a"), 1);
}

#[tokio::test]
async fn what_a_stop_or_hook_spawns_ends_with_it() {
    let rig = Rig::new();
    let log = rig.log.clone();
    let app = rig
        .app()
        .component(rig.part("a").stop(Does::Spawn("of the stop")))
        .on_stop("hook", move |ctx| async move {
            ctx.spawn("of the hook", move |ctx| async move {
                log.add(format!("ended: {}", ctx.cancelled().await));
            });
            Ok(())
        });
    let running = rig.ready(app).await;
    let report = rig.stopped(running).await;
    assert_eq!(
        (report.exit_code(), report.took),
        (0, Duration::ZERO),
        "{report}"
    );
    let ends = [
        "ended: \"hook\" has stopped",
        "stop a",
        "of the stop ended: \"a\" has stopped",
    ];
    assert_eq!(rig.log.lines()[1..], ends);
}

#[tokio::test]
async fn tasks_of_a_failed_start_are_ended() {
    let rig = Rig::new();
    let app = rig
        .app()
        .component(rig.part("a").start(Does::SpawnAndFail("loop")));
    let report = rig.run(app).await;
    assert_eq!(report.exit_code(), 1);
    let ended = "loop ended: component \"a\" failed to start";
    assert_eq!(rig.log.lines(), ["start a", ended]);

    let rig = Rig::new();
    let app = rig
        .app()
        .component(rig.part("a").start(Does::SpawnHangingAndFail("deaf")));
    let text = rig.run(app).await.to_string();
    assert!(
        text.contains("a cannot start; its tasks did not end: `deaf`"),
        "{text}"
    );
}

#[tokio::test]
async fn two_apps_in_one_process_do_not_see_each_other() {
    let rig = Rig::new();
    let one = rig
        .ready(rig.app().component(rig.part("one")).health("127.0.0.1:1"))
        .await;
    let two = rig
        .ready(rig.app().component(rig.part("two")).health("127.0.0.1:2"))
        .await;
    one.handle.signal(Signal::Terminate);
    let report = rig.clock.run_until(one.report).await.unwrap();
    assert_eq!(report.exit_code(), 0);
    assert_eq!(rig.log.lines(), ["start one", "start two", "stop one"]);
    assert_eq!(two.handle.readiness(), Readiness::Ready);
    assert_eq!(rig.get(&two, "/ready").await.status, 200);
    let report = rig.stopped(two).await;
    assert_eq!(
        report.cause,
        ShutdownCause::Requested("the test is over".to_owned())
    );
    assert_eq!(report.parts.len(), 1);
}
