//! Every path from ready to the exit.

use super::shell::{Acts, Shell, ms, secs};
use crate::lifecycle::{
    Event, Failure, Forced, Mode, Part, Phase, PhaseOutcome, Plan, ShutdownCause, Signal,
    StopOutcome,
};

fn three() -> Shell {
    Shell::with_components(&["a", "b", "c"]).signal_at(secs(60))
}

fn stop_outcome(shell: &Shell, name: &str) -> StopOutcome {
    shell.report().part(name).unwrap().stop.outcome.clone()
}

const ALL_STOPPED: [&str; 6] = [
    "start a", "start b", "start c", "stop c", "stop b", "stop a",
];

#[test]
fn an_error_or_a_panic_is_recorded_and_the_next_goes_on() {
    for (acts, failure) in [
        (Acts::Error("lost"), Failure::error("lost")),
        (Acts::Panic("boom"), Failure::panic("boom")),
    ] {
        let shell = three().stop_of("b", acts).run();
        assert_eq!(shell.calls(), ALL_STOPPED);
        assert_eq!(stop_outcome(&shell, "b"), StopOutcome::Failed(failure));
        assert_eq!(stop_outcome(&shell, "a"), StopOutcome::Stopped);
        assert_eq!(shell.report().exit_code(), 3);
        let phase = shell.report().phase(Phase::Components).unwrap();
        assert_eq!(phase.outcome, PhaseOutcome::Failed);
    }
}

#[test]
fn a_stop_that_hangs_is_abandoned_after_its_share() {
    let shell = three().stop_of("c", Acts::Hangs).run();
    assert_eq!(shell.calls(), ALL_STOPPED);
    // 25 s less 1 s for telemetry, shared by three.
    assert_eq!(shell.time_of("abandon stop of c"), secs(60 + 3 + 8));
    assert_eq!(stop_outcome(&shell, "c"), StopOutcome::Abandoned);
    assert_eq!(shell.report().phase(Phase::Components).unwrap().cut, ["c"]);
    assert_eq!(shell.report().exit_code(), 3);
}

#[test]
fn a_stop_that_watches_its_deadline_returns_before_it_is_abandoned() {
    let shell = three().stop_of("c", Acts::OkWhenCancelled).run();
    assert_eq!(stop_outcome(&shell, "c"), StopOutcome::Stopped);
    assert_eq!(shell.report().part("c").unwrap().stop.took, ms(7900));
    assert_eq!(shell.report().exit_code(), 0);
}

#[test]
fn time_that_nobody_needed_goes_to_the_next() {
    let shell = three().stop_of("a", Acts::Hangs).run();
    assert_eq!(shell.time_of("abandon stop of a"), secs(60 + 3 + 24));
}

#[test]
fn phases_are_cut_where_the_reserves_of_the_later_ones_begin() {
    let mut shell = three();
    for phase in [
        Phase::Http,
        Phase::FollowUps,
        Phase::Workers,
        Phase::Telemetry,
    ] {
        shell = shell.phase(phase, Acts::UntilCancelled);
    }
    let shell = shell.stop_of("a", Acts::Hangs).run();
    let begin = 60 + 3;
    assert_eq!(shell.time_of("phase http"), secs(begin));
    assert_eq!(shell.time_of("cut http"), secs(begin + 10));
    assert_eq!(shell.time_of("cut follow-ups"), secs(begin + 15));
    assert_eq!(shell.time_of("cut workers"), secs(begin + 20));
    assert_eq!(shell.time_of("abandon stop of a"), secs(begin + 24));
    assert_eq!(shell.time_of("cut telemetry"), secs(begin + 25));
    assert_eq!(shell.calls(), ALL_STOPPED);
    assert_eq!(
        shell.report().phase(Phase::Http).unwrap().cut,
        ["some http"]
    );
    assert_eq!(shell.report().exit_code(), 3);
}

#[test]
fn a_phase_that_ignores_its_cut_is_abandoned() {
    let shell = three().phase(Phase::FollowUps, Acts::Hangs).run();
    let phase = shell.report().phase(Phase::FollowUps).unwrap();
    assert_eq!(phase.outcome, PhaseOutcome::Abandoned);
    assert_eq!(shell.calls(), ALL_STOPPED);
    assert_eq!(shell.report().exit_code(), 3);
}

#[test]
fn a_phase_that_fails_is_recorded() {
    let shell = three().phase(Phase::Stores, Acts::Error("disk full")).run();
    assert_eq!(
        shell.report().phase(Phase::Stores).unwrap().outcome,
        PhaseOutcome::Failed
    );
    assert_eq!(
        shell.report().problems[0].to_string(),
        "phase stores: disk full"
    );
    assert_eq!(shell.report().exit_code(), 3);
}

#[test]
fn everything_hanging_still_exits_before_the_watchdog_and_everyone_is_told() {
    for count in [1, 3, 100, 3_000] {
        let names: Vec<String> = (0..count).map(|n| format!("p{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut shell = Shell::with_components(&names).signal_at(secs(60));
        for phase in Phase::ALL {
            shell = shell.phase(phase, Acts::Hangs);
        }
        for name in &names {
            shell = shell.stop_of(name, Acts::Hangs);
        }
        let after = shell.machine.forced_exit_after();
        assert_eq!(after, secs(3 + 25 + 1));
        let shell = shell.run();
        assert!(shell.now < secs(60) + after, "{count}: {:?}", shell.now);
        assert!(shell.has("watchdog 89000"));
        assert_eq!(shell.report().exit_code(), 3);
        let told = shell
            .calls()
            .iter()
            .filter(|call| call.starts_with("stop "))
            .count();
        assert_eq!(told, count);
    }
}

#[test]
fn those_whose_time_is_out_are_told_with_an_expired_deadline() {
    // The timer comes a minute late, as after a suspended machine.
    let mut shell = three();
    shell.feed(Event::Start);
    while !shell.has("phase http") {
        assert!(shell.step());
    }
    shell.now += secs(60);
    while shell.report.is_none() {
        assert!(shell.step());
    }
    assert_eq!(shell.calls(), ALL_STOPPED);
}

#[test]
fn a_second_signal_forces_the_exit_and_the_report_says_what_had_not_stopped() {
    let shell = three().stop_of("b", Acts::Hangs).signal_at(secs(64)).run();
    assert_eq!(shell.time_of("force exit 4"), secs(64));
    let report = shell.report();
    assert_eq!(report.forced, Some(Forced::SecondSignal));
    assert_eq!(report.not_stopped().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(stop_outcome(&shell, "c"), StopOutcome::Stopped);
    assert_eq!(stop_outcome(&shell, "b"), StopOutcome::Unfinished);
    assert_eq!(report.part("b").unwrap().stop.took, secs(1));
    assert_eq!(
        report.phases.last().unwrap().outcome,
        PhaseOutcome::Unfinished
    );
    assert_eq!(report.phases.last().unwrap().took, secs(1));
}

#[test]
fn the_first_signal_after_another_request_does_not_force() {
    let cause = ShutdownCause::Requested("deploy".to_owned());
    let shell = three().at(secs(59), Event::ShutdownRequested(cause)).run();
    assert_eq!(shell.report().exit_code(), 0);
    assert_eq!(shell.report().cause.to_string(), "deploy");
}

#[test]
fn the_watchdog_forces_the_exit_and_its_report_is_there_before() {
    let mut shell = three().stop_of("c", Acts::Hangs);
    shell.feed(Event::Start);
    while !shell.has("stop c") {
        assert!(shell.step());
    }
    let blocked = shell.machine.forced_report(secs(89), Forced::Watchdog);
    assert_eq!(blocked.exit_code(), 4);
    assert_eq!(blocked.not_stopped().collect::<Vec<_>>(), ["a", "b", "c"]);
    shell.now = secs(89);
    shell.feed(Event::WatchdogFired);
    assert_eq!(*shell.report(), blocked);
}

#[test]
fn a_component_asks_to_stop() {
    let cause = ShutdownCause::Component {
        name: "b".to_owned(),
        reason: "done".to_owned(),
    };
    let shell = Shell::with_components(&["a", "b", "c"])
        .at(secs(1), Event::ShutdownRequested(cause))
        .run();
    assert_eq!(shell.calls(), ALL_STOPPED);
    assert_eq!(shell.report().exit_code(), 0);
    assert_eq!(shell.report().cause.to_string(), "asked by b: done");
}

#[test]
fn a_failed_component_stops_the_app_with_its_own_code() {
    let failed = |name: &str| ShutdownCause::Failed {
        name: name.to_owned(),
        failure: Failure::panic("boom"),
    };
    let shell = Shell::with_components(&["a", "b", "c"])
        .at(secs(1), Event::ShutdownRequested(failed("b")))
        .run();
    assert_eq!(shell.calls(), ALL_STOPPED);
    assert_eq!(shell.report().exit_code(), 3);
    assert_eq!(
        shell.report().problems[0].to_string(),
        "b: failed: panicked: boom"
    );

    let shell = three()
        .at(secs(61), Event::ShutdownRequested(failed("a")))
        .run();
    assert_eq!(
        shell.report().exit_code(),
        3,
        "a failure while stopping counts"
    );
    assert_eq!(
        shell.report().cause,
        ShutdownCause::Signal(Signal::Terminate)
    );
}

#[test]
fn development_does_not_drain() {
    let plan = Plan::new("app").with_mode(Mode::Development);
    let shell = Shell::new(plan).signal_at(secs(60)).run();
    assert_eq!(shell.time_of("phase http"), secs(60));
    assert_eq!(shell.machine.forced_exit_after(), secs(26));
}

#[test]
fn hooks_stop_in_the_reverse_order_of_completion() {
    let plan = Plan::new("app")
        .with_part(Part::component("a"))
        .with_part(Part::hook("planned"))
        .with_part(Part::component("b"));
    let shell = Shell::new(plan)
        .hook_in_start_of("a", "of a")
        .hook_in_start_of("b", "of b")
        .at(
            secs(1),
            Event::HookRegistered {
                name: "running".to_owned(),
            },
        )
        .hook_in_stop_of("b", "too late")
        .signal_at(secs(2))
        .run();
    let calls = [
        "start a",
        "start b",
        "stop running",
        "stop b",
        "stop of b",
        "stop planned",
        "stop a",
        "stop of a",
    ];
    assert_eq!(shell.calls(), calls);
    assert!(shell.has("refused: the app is stopping; release the resource here instead"));
    assert_eq!(shell.report().exit_code(), 0);
}
