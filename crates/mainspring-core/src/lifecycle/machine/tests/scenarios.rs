//! The whole way, and what the report of it looks like.

use std::process::{ExitCode, Termination as _};

use super::shell::{Acts, Shell, ms, secs};
use crate::lifecycle::{
    ERRORS_MAX, Event, Failure, HOOKS_MAX, Part, Phase, Plan, ShutdownCause, Stage,
};

#[test]
fn from_start_to_a_clean_exit() {
    let shell = Shell::with_components(&["a", "b"])
        .start_of("a", Acts::Ok(ms(20)))
        .stop_of("b", Acts::Ok(ms(5)))
        .phase(Phase::Http, Acts::Ok(ms(400)))
        .signal_at(secs(60))
        .run();
    assert_eq!(
        shell.log,
        [
            "0 starting",
            "0 step bind",
            "0 step health",
            "0 step stores",
            "0 start a",
            "20 start b",
            "20 step work",
            "20 step accept",
            "20 ready",
            "60000 draining",
            "60000 watchdog 89000",
            "63000 phase http",
            "63400 phase follow-ups",
            "63400 phase workers",
            "63400 stop b",
            "63405 stop a",
            "63405 phase stores",
            "63405 phase telemetry",
            "63405 phase health",
            "63405 exit 0",
        ]
    );
    assert_eq!(shell.machine.stage(), Stage::Exited);
    assert_eq!(shell.machine.next_deadline(), None);
}

#[test]
fn what_the_plan_does_not_have_is_neither_started_nor_stopped() {
    let mut plan = Plan::new("app");
    (plan.http, plan.health, plan.stores) = (false, false, false);
    let shell = Shell::new(plan).signal_at(secs(60)).run();
    let steps: Vec<&String> = shell
        .log
        .iter()
        .filter(|line| line.contains(" step "))
        .collect();
    assert_eq!(steps, ["0 step bind", "0 step work"]);
    let phases: Vec<&str> = shell
        .report()
        .phases
        .iter()
        .map(|p| p.phase.as_str())
        .collect();
    assert_eq!(phases, ["drain", "workers", "telemetry"]);
}

#[test]
fn two_apps_in_one_process_do_not_see_each_other() {
    let mut one = Shell::with_components(&["a"]).signal_at(secs(1));
    let mut two = Shell::with_components(&["a"]);
    one.feed(Event::Start);
    two.feed(Event::Start);
    while one.report.is_none() {
        assert!(one.step());
        two.step();
    }
    assert_eq!(one.report().exit_code(), 0);
    assert_eq!(two.machine.stage(), Stage::Ready);
    assert_eq!(two.calls(), ["start a"]);
}

#[test]
fn the_report_is_readable_and_cannot_be_forged() {
    let plan = Plan::new("shop\n0 problems")
        .with_part(Part::component("a\u{1b}[2J"))
        .with_part(Part::hook("flush"))
        .with_part(Part::component("db"));
    let shell = Shell::new(plan)
        .start_of("db", Acts::Ok(ms(1500)))
        .stop_of("db", Acts::Error("postgres://ada:s3cret@db/shop:\nclosed"))
        .phase(Phase::Http, Acts::UntilCancelled)
        .at(
            secs(60),
            Event::ShutdownRequested(ShutdownCause::Failed {
                name: "db".to_owned(),
                failure: Failure::panic("boom"),
            }),
        )
        .run();
    let expected = r#"
shop\n0 problems stopped: db failed: panicked: boom; exit code 3 (something failed); took 13.0 s
  component a\u{1b}[2J: started in 0 ms, stopped in 0 ms
  hook flush: started, stopped in 0 ms
  component db: started in 1.5 s, failed to stop (postgres://ada:***@db/shop:\nclosed) in 0 ms
  phase drain: finished in 3.0 s
  phase http: cut in 10.0 s; cut: some http
  phase follow-ups: finished in 0 ms
  phase workers: finished in 0 ms
  phase components: failed in 0 ms
  phase stores: finished in 0 ms
  phase telemetry: finished in 0 ms
  phase health: finished in 0 ms
  problem: db: failed: panicked: boom
  problem: component "db": failed to stop: postgres://ada:***@db/shop:\nclosed"#;
    assert_eq!(format!("\n{}", shell.report()), expected);
    let code = shell.report().clone().report();
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(3)));
}

#[test]
fn hooks_and_problems_are_bounded() {
    let mut shell = Shell::with_components(&[]).signal_at(secs(60));
    shell.feed(Event::Start);
    while shell.machine.stage() != Stage::Ready {
        assert!(shell.step());
    }
    for _ in 0..=HOOKS_MAX {
        shell.feed(Event::HookRegistered {
            name: "leak".to_owned(),
        });
    }
    assert!(shell.has("refused: too many hooks are registered; register one for many resources"));
    let shell = shell.stop_of("leak", Acts::Error("no"));
    let mut shell = shell;
    while shell.report.is_none() {
        assert!(shell.step());
    }
    assert_eq!(shell.report().parts.len(), HOOKS_MAX);
    assert_eq!(shell.report().problems.len(), ERRORS_MAX);
    assert_eq!(shell.report().problems_left_out, HOOKS_MAX - ERRORS_MAX);
}

#[test]
fn the_same_events_give_the_same_log() {
    let run = || {
        Shell::with_components(&["a", "b"])
            .start_of("b", Acts::Hangs)
            .hook_in_start_of("a", "hook")
            .signal_at(secs(3))
            .run()
    };
    assert_eq!(run().log, run().log);
}
