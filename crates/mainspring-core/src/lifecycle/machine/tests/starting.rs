//! Every path on which a boot does not end well.

use super::shell::{Acts, Shell, ms, secs};
use crate::lifecycle::{
    BindConflict, Event, Failure, Part, Phase, Plan, Problem, ShutdownCause, StartOutcome,
    StopOutcome,
};

fn start_outcome(shell: &Shell, name: &str) -> StartOutcome {
    shell.report().part(name).unwrap().start.outcome.clone()
}

/// Three components of which the second does not start as it should.
fn three(acts: Acts) -> Shell {
    Shell::with_components(&["a", "b", "c"]).start_of("b", acts)
}

#[test]
fn an_error_stops_what_started_and_names_the_component() {
    let shell = three(Acts::Error("no cache")).run();
    assert_eq!(shell.calls(), ["start a", "start b", "stop a"]);
    let report = shell.report();
    assert_eq!(report.exit_code(), 1);
    assert_eq!(report.cause.to_string(), "component \"b\" did not start");
    assert_eq!(
        report.problems[0].to_string(),
        "component \"b\": failed to start: no cache"
    );
    assert_eq!(
        start_outcome(&shell, "b"),
        StartOutcome::Failed(Failure::error("no cache"))
    );
    assert_eq!(start_outcome(&shell, "c"), StartOutcome::None);
    assert_eq!(report.part("a").unwrap().stop.outcome, StopOutcome::Stopped);
    assert_eq!(report.part("b").unwrap().stop.outcome, StopOutcome::None);
}

#[test]
fn a_panic_is_an_error_with_the_name_of_the_component() {
    let shell = three(Acts::Panic("index out of bounds")).run();
    assert_eq!(shell.calls(), ["start a", "start b", "stop a"]);
    assert_eq!(shell.report().exit_code(), 1);
    let problem = shell.report().problems[0].to_string();
    assert_eq!(
        problem,
        "component \"b\": failed to start: panicked: index out of bounds"
    );
}

#[test]
fn a_limit_cancels_with_a_cause_that_names_it() {
    let shell = three(Acts::UntilCancelled).run();
    let cancelled = "cancel b: component \"b\" did not start within 30s";
    assert_eq!(shell.time_of(cancelled), secs(30));
    assert_eq!(shell.calls(), ["start a", "start b", "stop a"]);
    assert_eq!(start_outcome(&shell, "b"), StartOutcome::LimitExceeded);
    assert_eq!(shell.report().part("b").unwrap().start.took, secs(30));
    assert_eq!(shell.report().exit_code(), 1);
    assert!(shell.report().problems[0].hint.is_some());
}

#[test]
fn a_component_may_set_its_own_limit() {
    let part = Part::component("slow").with_start_limit(secs(90));
    let shell = Shell::new(Plan::new("app").with_part(part))
        .start_of("slow", Acts::Hangs)
        .run();
    assert_eq!(
        shell.time_of("cancel slow: component \"slow\" did not start within 90s"),
        secs(90)
    );
}

#[test]
fn a_start_that_ignores_its_context_is_abandoned_and_not_stopped() {
    let shell = three(Acts::Hangs).run();
    assert_eq!(shell.time_of("abandon start of b"), secs(32));
    assert_eq!(shell.calls(), ["start a", "start b", "stop a"]);
    assert_eq!(start_outcome(&shell, "b"), StartOutcome::Abandoned);
    assert_eq!(
        shell.report().part("b").unwrap().stop.outcome,
        StopOutcome::None
    );
    assert_eq!(shell.report().exit_code(), 1);
}

#[test]
fn a_start_that_succeeds_after_its_limit_is_stopped_too() {
    let shell = three(Acts::OkWhenCancelled).run();
    assert_eq!(shell.calls(), ["start a", "start b", "stop b", "stop a"]);
    assert_eq!(start_outcome(&shell, "b"), StartOutcome::StartedLate);
    assert_eq!(shell.report().exit_code(), 1);
}

#[test]
fn a_signal_cancels_the_running_start() {
    let shell = three(Acts::UntilCancelled).signal_at(secs(5)).run();
    assert_eq!(
        shell.time_of("cancel b: the app is stopping: SIGTERM"),
        secs(5)
    );
    assert_eq!(shell.calls(), ["start a", "start b", "stop a"]);
    assert_eq!(start_outcome(&shell, "b"), StartOutcome::Cancelled);
    assert_eq!(shell.report().exit_code(), 1);
    assert_eq!(shell.report().problems, []);
    assert_eq!(
        shell.time_of("phase http"),
        secs(5),
        "nobody was told ready: no drain delay"
    );
}

#[test]
fn a_signal_does_not_wait_for_a_start_that_ignores_it() {
    let shell = three(Acts::Hangs).signal_at(secs(5)).run();
    assert_eq!(shell.time_of("abandon start of b"), secs(7));
    assert_eq!(shell.calls(), ["start a", "start b", "stop a"]);
    assert_eq!(shell.report().exit_code(), 1);
}

#[test]
fn a_start_that_succeeds_during_the_grace_is_stopped_once() {
    let shell = three(Acts::Ok(secs(6))).signal_at(secs(5)).run();
    assert_eq!(shell.calls(), ["start a", "start b", "stop b", "stop a"]);
    assert_eq!(shell.report().exit_code(), 1);
}

#[test]
fn a_second_signal_during_the_start_forces_the_exit() {
    let shell = three(Acts::Hangs)
        .signal_at(secs(5))
        .signal_at(secs(6))
        .run();
    assert_eq!(shell.time_of("force exit 4"), secs(6));
    assert_eq!(start_outcome(&shell, "b"), StartOutcome::Unfinished);
    assert_eq!(shell.report().not_stopped().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn a_handle_stops_a_running_start() {
    let cause = ShutdownCause::Requested("deploy".to_owned());
    let shell = three(Acts::UntilCancelled)
        .at(ms(1), Event::ShutdownRequested(cause))
        .run();
    assert_eq!(shell.calls(), ["start a", "start b", "stop a"]);
    assert_eq!(shell.report().exit_code(), 1);
    assert_eq!(shell.report().cause.to_string(), "deploy");
}

#[test]
fn a_stop_before_the_start_ends_at_once() {
    let mut shell = Shell::with_components(&["a"]);
    shell.feed(Event::Signal(crate::lifecycle::Signal::Interrupt));
    let shell = shell.run();
    assert!(shell.calls().is_empty());
    assert_eq!(shell.report().exit_code(), 1);
}

#[test]
fn all_listener_conflicts_are_reported_together() {
    let conflict = |listener: &str, address: &str, setting: &str| BindConflict {
        listener: listener.to_owned(),
        address: address.to_owned(),
        error: "address in use".to_owned(),
        hint: format!("set {setting} to a free address"),
    };
    let conflicts = vec![
        conflict("main", "127.0.0.1:8080", "MAINSPRING_HTTP_ADDR"),
        conflict("health", "127.0.0.1:9090", "MAINSPRING_HEALTH_ADDR"),
    ];
    let shell = Shell::with_components(&["a"])
        .start_of("bind", Acts::Hangs)
        .at(ms(1), Event::BindFailed(conflicts))
        .run();
    assert!(
        shell.calls().is_empty(),
        "nothing starts before all sockets are bound"
    );
    assert!(!shell.has("phase http") && !shell.has("step health"));
    let report = shell.report();
    assert_eq!(report.exit_code(), 1);
    let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "listener \"main\" on 127.0.0.1:8080: cannot bind: address in use \
             (hint: set MAINSPRING_HTTP_ADDR to a free address)",
            "listener \"health\" on 127.0.0.1:9090: cannot bind: address in use \
             (hint: set MAINSPRING_HEALTH_ADDR to a free address)",
        ]
    );
}

#[test]
fn steps_of_ours_have_limits_and_fail_the_boot() {
    let cases = [
        ("bind", 10, vec!["telemetry"]),
        ("health", 10, vec!["http", "telemetry", "health"]),
        ("stores", 300, vec!["http", "telemetry", "health"]),
        (
            "work",
            10,
            vec![
                "http",
                "workers",
                "components",
                "stores",
                "telemetry",
                "health",
            ],
        ),
        (
            "accept",
            10,
            vec![
                "http",
                "follow-ups",
                "workers",
                "components",
                "stores",
                "telemetry",
                "health",
            ],
        ),
    ];
    for (step, limit, phases) in cases {
        for acts in [
            Acts::Error("no"),
            Acts::Panic("no"),
            Acts::UntilCancelled,
            Acts::Hangs,
        ] {
            let hangs = matches!(acts, Acts::Hangs);
            let shell = Shell::with_components(&["a"]).start_of(step, acts).run();
            assert_eq!(shell.report().exit_code(), 1, "{step}");
            if hangs {
                assert_eq!(
                    shell.time_of(&format!("abandon start of {step}")),
                    secs(limit + 2)
                );
            }
            let ran: Vec<&str> = shell
                .report()
                .phases
                .iter()
                .map(|p| p.phase.as_str())
                .collect();
            assert_eq!(ran, phases, "{step}");
            assert!(!shell.report().problems.is_empty());
        }
    }
}

#[test]
fn configuration_errors_are_listed_together_before_anything_starts() {
    let plan = Plan::new("app")
        .with_problem(Problem::new("MAINSPRING_HTTP_ADDR", "not an address"))
        .with_part(Part::component("twice"))
        .with_part(Part::hook("twice"))
        .with_part(Part::component("twice"))
        .with_part(Part::component(" "))
        .with_part(Part::component("never").with_start_limit(secs(0)));
    let shell = Shell::new(plan).run();
    assert!(shell.calls().is_empty() && !shell.has("step bind"));
    let whats: Vec<&str> = shell
        .report()
        .problems
        .iter()
        .map(|p| p.what.as_str())
        .collect();
    assert_eq!(
        whats,
        [
            "MAINSPRING_HTTP_ADDR",
            "hook \"twice\"",
            "component",
            "component \"never\""
        ]
    );
    assert_eq!(shell.report().exit_code(), 1);
}

#[test]
fn a_hook_of_a_failing_start_runs() {
    let shell = three(Acts::Error("no"))
        .hook_in_start_of("b", "close b1")
        .hook_in_start_of("b", "close b2")
        .run();
    let calls = [
        "start a",
        "start b",
        "stop close b2",
        "stop close b1",
        "stop a",
    ];
    assert_eq!(shell.calls(), calls);
}

#[test]
fn a_hook_of_an_abandoned_start_runs_and_later_ones_are_refused() {
    let late = Event::HookRegistered {
        name: "too late".to_owned(),
    };
    let shell = three(Acts::Hangs)
        .hook_in_start_of("b", "close b")
        .at(secs(31), late)
        .run();
    assert_eq!(
        shell.calls(),
        ["start a", "start b", "stop close b", "stop a"]
    );
    assert!(shell.has("refused: the app is stopping; release the resource here instead"));
}

#[test]
fn a_failing_stop_after_a_failed_start_is_reported_but_keeps_its_code() {
    let shell = three(Acts::Error("no")).stop_of("a", Acts::Hangs).run();
    assert_eq!(shell.report().exit_code(), 1);
    assert_eq!(shell.report().phase(Phase::Components).unwrap().cut, ["a"]);
}
