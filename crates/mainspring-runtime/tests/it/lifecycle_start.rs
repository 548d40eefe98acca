//! Starts that fail or are interrupted: exactly what has started is stopped, once, in reverse.

use std::time::Duration;

use mainspring_core::health::Health;
use mainspring_core::lifecycle::{ShutdownCause, Signal, StartOutcome, StopOutcome};
use mainspring_core::periodic::{Cron, Every};
use mainspring_runtime::app::App;
use mainspring_runtime::follow_up::FollowUpLimits;
use mainspring_runtime::metrics::NAME_BYTES_MAX;

use crate::rig::{Does, HOUR, Main, Rig, SECOND, outcome};

/// `a` and `b` around something that does not start.
fn around(rig: &Rig, start: Does) -> App {
    let bad = rig.part("bad").start(start);
    let app = rig.app().component(rig.part("a")).component(bad);
    app.component(rig.part("b"))
}

#[tokio::test]
async fn a_start_that_fails_stops_what_started() {
    for (does, text, panicked) in [
        (Does::Fail, "bad cannot start", false),
        (Does::Panic, "bad panics at start", true),
        (Does::PanicInCall, "start of bad panics in the call", true),
    ] {
        let rig = Rig::new();
        let report = rig.run(around(&rig, does)).await;
        assert_eq!(rig.log.lines(), ["start a", "start bad", "stop a"]);
        assert_eq!(report.exit_code(), 1, "{report}");
        let (start, stop) = outcome(&report, "bad");
        let StartOutcome::Failed(failure) = start else {
            panic!("{report}");
        };
        assert_eq!(failure.is_panic(), panicked);
        assert!(failure.to_string().contains(text), "{failure}");
        assert_eq!(stop, StopOutcome::None);
        assert_eq!(
            outcome(&report, "a"),
            (StartOutcome::Started, StopOutcome::Stopped)
        );
        assert_eq!(
            outcome(&report, "b"),
            (StartOutcome::None, StopOutcome::None)
        );
        assert!(report.to_string().contains("component \"bad\""), "{report}");
        let states = ["a starting", "a started", "bad starting", "bad failed"];
        assert_eq!(
            rig.states(),
            [&states[..], &["a stopping", "a stopped"]].concat()
        );
    }
}

#[tokio::test]
async fn a_start_that_sees_its_limit_ends_with_it() {
    let rig = Rig::new();
    let bad = rig.part("bad").start(Does::Take(HOUR)).limit(5 * SECOND);
    let report = rig
        .run(rig.app().component(rig.part("a")).component(bad))
        .await;
    assert_eq!(rig.log.lines(), ["start a", "start bad", "stop a"]);
    assert_eq!(outcome(&report, "bad").0, StartOutcome::LimitExceeded);
    assert_eq!(report.exit_code(), 1);
    assert!(
        report.to_string().contains("did not start within 5s"),
        "{report}"
    );
    assert_eq!(rig.clock.monotonic().since_origin(), 5 * SECOND);
}

#[tokio::test]
async fn a_start_that_ignores_its_limit_is_abandoned_and_named() {
    let rig = Rig::new();
    let bad = rig.part("bad").start(Does::Hang).limit(5 * SECOND);
    let report = rig
        .run(rig.app().component(rig.part("a")).component(bad))
        .await;
    assert_eq!(rig.log.lines(), ["start a", "start bad", "stop a"]);
    assert_eq!(
        outcome(&report, "bad"),
        (StartOutcome::Abandoned, StopOutcome::None)
    );
    assert_eq!(report.exit_code(), 1);
    let text = report.to_string();
    assert!(
        text.contains("bad") && text.contains("was abandoned"),
        "{text}"
    );
    assert_eq!(
        rig.clock.monotonic().since_origin(),
        7 * SECOND,
        "limit and grace"
    );
    assert!(rig.states().contains(&"bad abandoned".to_owned()));
}

#[tokio::test]
async fn an_abandoned_start_does_not_go_on() {
    let rig = Rig::new();
    let slow = rig.part("slow").stop(Does::Take(3 * SECOND));
    let bad = rig.part("bad").start(Does::Oversleep(8 * SECOND));
    let app = rig.app().component(slow).component(bad.limit(5 * SECOND));
    let report = rig.run(app).await;
    assert_eq!(report.took, 5 * SECOND, "grace and the stop of the other");
    assert_eq!(rig.log.count("start bad woke"), 0);
}

#[tokio::test]
async fn the_default_limit_is_thirty_seconds() {
    let rig = Rig::new();
    let report = rig
        .run(rig.app().component(rig.part("bad").start(Does::Take(HOUR))))
        .await;
    assert_eq!(report.part("bad").unwrap().start.took, 30 * SECOND);
}

#[tokio::test]
async fn a_signal_cancels_the_start_that_runs() {
    let rig = Rig::new();
    let running = rig.start(around(&rig, Does::Take(HOUR)));
    rig.clock.advance(SECOND).await;
    running.handle.signal(Signal::Terminate);
    let report = rig.ended(running).await;
    assert_eq!(rig.log.lines(), ["start a", "start bad", "stop a"]);
    assert_eq!(report.cause, ShutdownCause::Signal(Signal::Terminate));
    assert_eq!(
        outcome(&report, "bad"),
        (StartOutcome::Cancelled, StopOutcome::None)
    );
    assert_eq!(report.exit_code(), 1);
    assert_eq!(rig.clock.monotonic().since_origin(), SECOND, "at once");
}

#[tokio::test]
async fn a_start_that_succeeds_although_it_was_cancelled_is_stopped() {
    let rig = Rig::new();
    let running = rig.start(around(&rig, Does::FinishLate));
    rig.clock.advance(SECOND).await;
    running.handle.signal(Signal::Interrupt);
    let report = rig.ended(running).await;
    let saw = "start bad saw: the app is stopping: SIGINT";
    assert_eq!(
        rig.log.lines(),
        ["start a", "start bad", saw, "stop bad", "stop a"]
    );
    assert_eq!(
        outcome(&report, "bad"),
        (StartOutcome::StartedLate, StopOutcome::Stopped)
    );
    assert_eq!(report.exit_code(), 1);
}

#[tokio::test]
async fn a_start_that_ignores_a_signal_is_abandoned() {
    let rig = Rig::new();
    let running = rig.start(around(&rig, Does::Hang));
    rig.clock.advance(SECOND).await;
    running.handle.signal(Signal::Terminate);
    let report = rig.ended(running).await;
    assert_eq!(rig.log.lines(), ["start a", "start bad", "stop a"]);
    assert_eq!(outcome(&report, "bad").0, StartOutcome::Abandoned);
    assert_eq!(report.exit_code(), 1);
    assert_eq!(rig.clock.monotonic().since_origin(), 3 * SECOND);
}

#[tokio::test]
async fn a_second_signal_forces_the_end_of_a_start() {
    let rig = Rig::new();
    let running = rig.start(around(&rig, Does::Hang));
    rig.clock.advance(SECOND).await;
    running.handle.signal(Signal::Terminate);
    running.handle.signal(Signal::Terminate);
    let report = rig.ended(running).await;
    assert_eq!(report.exit_code(), 4);
    assert_eq!(outcome(&report, "bad").0, StartOutcome::Unfinished);
    assert_eq!(report.not_stopped().collect::<Vec<_>>(), ["a"]);
    assert_eq!(rig.log.lines(), ["start a", "start bad"]);
    assert_eq!(rig.clock.monotonic().since_origin(), SECOND);
}

#[tokio::test]
async fn a_shutdown_before_the_boot_starts_nothing() {
    let rig = Rig::new();
    let app = rig.app().component(rig.part("a"));
    app.handle().shutdown("changed my mind");
    let report = rig.run(app).await;
    assert!(rig.log.lines().is_empty());
    assert_eq!(report.exit_code(), 1);
}

#[tokio::test]
async fn a_shutdown_asked_in_the_last_start_leaves_its_context_alone_until_its_stop() {
    let rig = Rig::new();
    let mut app = rig
        .app()
        .component(rig.part("a").start(Does::Spawn("loop")));
    app = app.component(rig.part("b").start(Does::AskToStop));
    app.endpoint_mut::<Main>().log = rig.log.clone();
    let report = rig.run(app).await;
    let lines = rig.log.lines();
    let asked = ["bind main", "start a", "start b"];
    assert_eq!(lines[..3], asked, "{lines:?}");
    let stop = lines.iter().position(|line| line == "stop a").unwrap();
    let ended = lines
        .iter()
        .position(|line| line.starts_with("loop ended"))
        .unwrap();
    assert!(
        ended > lines.iter().position(|line| line == "stop b").unwrap(),
        "{lines:?}"
    );
    assert!(ended.abs_diff(stop) == 1, "{lines:?}");
    assert!(
        matches!(&report.cause, ShutdownCause::Component { name, reason }
        if name == "b" && reason == "enough")
    );
}

#[tokio::test]
async fn a_shutdown_in_the_last_step_cancels_no_component_that_has_started() {
    let rig = Rig::new();
    let mut app = rig
        .app()
        .component(rig.part("a").start(Does::Spawn("loop")));
    let main = app.endpoint_mut::<Main>();
    (main.log, main.accept) = (rig.log.clone(), Does::AskToStop);
    let report = rig.run(app).await;
    assert_eq!(report.exit_code(), 1);
    let lines = rig.log.lines();
    let before = ["bind main", "start a", "accept main", "drain main"];
    assert_eq!(lines[..4], before, "{lines:?}");
    assert_eq!(lines.len(), 6, "{lines:?}");
}

#[tokio::test]
async fn an_on_ready_that_panics_kills_nothing() {
    let rig = Rig::new();
    let app = rig.app().on_ready(|_handle| panic!("no terminal"));
    let running = rig.ready(app.component(rig.part("a"))).await;
    assert_eq!(rig.stopped(running).await.exit_code(), 0);
}

#[tokio::test]
async fn every_listener_conflict_is_told_by_name_with_its_setting() {
    let rig = Rig::new();
    let other = rig.ready(rig.app().health("127.0.0.1:9090")).await;
    let mut app = rig.app().component(rig.part("a")).health("127.0.0.1:9090");
    app.endpoint_mut::<Main>().address = "127.0.0.1:9090".to_owned();
    let running = rig.start(app);
    let handle = running.handle.clone();
    let report = rig.clock.run_until(running.report).await.unwrap();
    assert_eq!(report.exit_code(), 1);
    assert!(rig.log.lines().is_empty(), "nothing starts");
    let text = report.to_string();
    for part in [
        "listener \"main\": cannot bind: cannot listen on 127.0.0.1:9090: ",
        "set MAINSPRING_HTTP_ADDR",
        "listener \"health\" on 127.0.0.1:9090: cannot bind",
        "set MAINSPRING_HEALTH_ADDR",
    ] {
        assert!(text.contains(part), "{part} is in {text}");
    }
    assert!(!handle.ready().await, "it will never be ready");
    let _ = rig.stopped(other).await;
}

#[tokio::test]
async fn a_conflict_of_one_listener_closes_the_others() {
    let rig = Rig::new();
    let other = rig.ready(rig.app().health("127.0.0.1:9090")).await;
    let mut app = rig.app().health("127.0.0.1:9090");
    app.endpoint_mut::<Main>().log = rig.log.clone();
    let failed = rig.clock.run_until(rig.start(app).report).await.unwrap();
    assert_eq!(failed.exit_code(), 1);
    assert_eq!(
        rig.log.lines(),
        ["bind main"],
        "neither accepted nor drained"
    );
    let mut again = rig.app().without_health();
    again.endpoint_mut::<Main>();
    let again = rig.ready(again).await;
    again.handle.shutdown("done");
    let again = rig.clock.run_until(again.report).await.unwrap();
    assert_eq!(again.exit_code(), 0, "its port was free again: {again}");
    let _ = rig.stopped(other).await;
}

#[tokio::test]
async fn every_configuration_error_is_told_at_once() {
    let mut rig = Rig::new();
    let set = rig.environment.with("MAINSPRING_ENV", "staging");
    rig.environment = set.with("MAINSPRING_HEALTH_ADDR", "everywhere");
    let nothing = |_tick| async { Ok(()) };
    let mut app = rig
        .app()
        .component(rig.part("twice"))
        .component(rig.part("twice"))
        .component(rig.part("never").limit(Duration::ZERO))
        .on_stop("", |_ctx| async { Ok(()) })
        .periodic("cron", Cron::new("61 * * * *"), nothing)
        .periodic("same", Every::minutes(1), nothing)
        .periodic("same", Every::minutes(0), nothing)
        .probe("twice", |_ctx| async {
            mainspring_core::health::Health::healthy()
        });
    app.endpoint_mut::<Main>().address = String::new();
    let report = rig.run(app).await;
    assert_eq!(report.exit_code(), 1);
    assert!(rig.log.lines().is_empty(), "nothing starts");
    let text = report.to_string();
    for part in [
        "MAINSPRING_ENV",
        "component \"twice\"",
        "start limit is zero",
        "its name is empty",
        "periodic \"cron\"",
        "periodic \"same\": its name is registered more than once",
        "probe \"twice\"",
        "no address for the main listener",
        "the health address \"everywhere\" cannot be used",
    ] {
        assert!(text.contains(part), "{part} is in {text}");
    }
    assert!(report.problems.len() >= 10, "{text}");
}

#[tokio::test]
async fn an_app_that_is_dropped_or_aborted_is_never_ready() {
    let rig = Rig::new();
    let app = rig.app();
    let handle = app.handle();
    drop(app);
    assert!(!handle.ready().await);

    let running = rig.start(rig.app().component(rig.part("a").start(Does::Take(HOUR))));
    rig.clock.settle().await;
    running.report.abort();
    assert!(!running.handle.ready().await);
}

#[tokio::test]
async fn zero_limits_and_endless_names_are_refused_together() {
    let rig = Rig::new();
    let long = |kind| format!("{kind}-{}", "x".repeat(5_000_000));
    let bad = App::new(long("app"))
        .drain_delay(Duration::ZERO)
        .shutdown_budget(Duration::ZERO)
        .follow_ups(FollowUpLimits {
            running: 0,
            waiting: 0,
        })
        .component(rig.part(String::leak(long("component"))))
        .on_stop(long("hook"), |_ctx| async { Ok(()) })
        .probe(&long("probe"), |_ctx| async { Health::healthy() })
        .periodic(&long("periodic"), Every::seconds(5), |_tick| async {
            Ok(())
        });
    let report = rig.run(bad).await;
    assert_eq!(report.exit_code(), 1);
    let lines = report.problems.iter();
    let lines: Vec<_> = lines.map(|problem| problem.message.as_str()).collect();
    let problems = lines.join("\n");
    for told in [
        "follow-ups: none may run",
        "follow-ups: none may wait",
        "the shutdown budget is zero",
        "app \"app-x",
        "component \"component-x",
        "hook \"hook-x",
        "probe \"probe-x",
        "periodic \"periodic-x",
    ] {
        assert!(problems.contains(told), "{told}: {problems:.2000}");
    }
    assert_eq!(lines.len(), 8);
    assert!(problems.len() < 2_000, "the names are not told whole");

    // The longest name that is allowed, and the smallest limits.
    let fits = App::new("x".repeat(NAME_BYTES_MAX))
        .shutdown_budget(SECOND)
        .follow_ups(FollowUpLimits {
            running: 1,
            waiting: 1,
        });
    let running = rig.ready(fits).await;
    assert_eq!(rig.stopped(running).await.exit_code(), 0);
}

#[tokio::test]
async fn hooks_of_the_run_have_the_bounds_of_other_names() {
    let longest: &'static str = String::leak("x".repeat(NAME_BYTES_MAX));
    let too_long: &'static str = String::leak("y".repeat(NAME_BYTES_MAX + 1));
    for (name, told) in [(too_long, "its name has 129 bytes"), (" ", "has no name")] {
        let rig = Rig::new();
        let part = rig.part("a").start(Does::Hook(name));
        let report = rig.run(rig.app().component(part)).await;
        assert_eq!(report.exit_code(), 1);
        assert!(report.to_string().contains(told), "{report}");
        assert_eq!(rig.log.lines(), ["start a"], "the hook is not kept");
    }
    let rig = Rig::new();
    let part = rig.part("a").start(Does::Hook(longest));
    let running = rig.ready(rig.app().component(part)).await;
    assert_eq!(rig.stopped(running).await.exit_code(), 0);
    assert_eq!(rig.log.count(&format!("hook {longest}")), 1);
}
