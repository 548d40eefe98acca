//! Every state against every event, in one snapshot.

use std::fmt::Write as _;

use super::super::State;
use super::shell::{ms, secs};
use crate::lifecycle::{
    Command, Event, Failure, Machine, Part, PartId, Phase, Plan, ShutdownCause, Signal,
};

const ORIGIN: std::time::Duration = std::time::Duration::ZERO;

fn part(position: usize) -> PartId {
    PartId::planned(position)
}

fn ended(phase: Phase) -> Event {
    Event::PhaseEnded {
        phase,
        cut: Vec::new(),
        failure: None,
    }
}

/// Every kind of event; those about one part or phase for the one that matters in some state.
fn events() -> Vec<(&'static str, Event)> {
    let error = || Failure::error("broken");
    let requested = |cause| Event::ShutdownRequested(cause);
    let failed = ShutdownCause::Failed {
        name: "task".to_owned(),
        failure: error(),
    };
    let ask = ShutdownCause::Component {
        name: "a".to_owned(),
        reason: "done".to_owned(),
    };
    let cut = vec!["one".to_owned()];
    vec![
        ("Start", Event::Start),
        ("SocketsBound", Event::SocketsBound),
        ("BindFailed", Event::BindFailed(Vec::new())),
        ("HealthServing", Event::HealthServing),
        ("HealthFailed", Event::HealthFailed(error())),
        ("StoresOpened", Event::StoresOpened),
        ("StoresFailed", Event::StoresFailed(error())),
        ("PartStarted(a)", Event::PartStarted(part(0))),
        ("PartStarted(unknown)", Event::PartStarted(part(99))),
        ("PartFailed(a)", Event::PartFailed(part(0), error())),
        (
            "PartFailed(a, panic)",
            Event::PartFailed(part(0), Failure::panic("boom")),
        ),
        ("WorkStarted", Event::WorkStarted),
        ("WorkFailed", Event::WorkFailed(error())),
        ("Accepting", Event::Accepting),
        ("AcceptFailed", Event::AcceptFailed(error())),
        (
            "HookRegistered",
            Event::HookRegistered {
                name: "late".to_owned(),
            },
        ),
        ("Signal", Event::Signal(Signal::Terminate)),
        (
            "ShutdownRequested(handle)",
            requested(ShutdownCause::Requested("deploy".to_owned())),
        ),
        ("ShutdownRequested(component)", requested(ask)),
        ("ShutdownRequested(failure)", requested(failed)),
        ("PhaseEnded(http)", ended(Phase::Http)),
        (
            "PhaseEnded(http, cut)",
            Event::PhaseEnded {
                phase: Phase::Http,
                cut,
                failure: Some(error()),
            },
        ),
        ("PhaseEnded(health)", ended(Phase::Health)),
        ("PartStopped(a)", Event::PartStopped(part(0))),
        ("PartStopped(hook)", Event::PartStopped(part(1))),
        (
            "PartStopFailed(hook)",
            Event::PartStopFailed(part(1), error()),
        ),
        ("TimerFired early", Event::TimerFired),
        ("TimerFired", Event::TimerFired),
        ("WatchdogFired", Event::WatchdogFired),
    ]
}

/// One machine in each state, by the shortest way there.
fn states() -> Vec<(&'static str, Machine)> {
    let plan = Plan::new("app")
        .with_part(Part::component("a"))
        .with_part(Part::hook("h"));
    let mut machine = Machine::new(plan);
    let mut states = vec![("Idle", machine.clone())];
    for (name, event) in [
        ("Starting(bind)", Event::Start),
        ("Starting(health)", Event::SocketsBound),
        ("Starting(stores)", Event::HealthServing),
        ("Starting(a)", Event::StoresOpened),
        ("Starting(work)", Event::PartStarted(part(0))),
        ("Starting(accept)", Event::WorkStarted),
        ("Ready", Event::Accepting),
    ] {
        machine.handle(ORIGIN, event);
        states.push((name, machine.clone()));
    }
    let of = |name: &str| states.iter().find(|(n, _)| *n == name).unwrap().1.clone();
    let after = |name: &str, event: Event| {
        let mut machine = of(name);
        let at = machine.next_deadline().unwrap_or(ORIGIN);
        machine.handle(
            if event == Event::TimerFired {
                at
            } else {
                ORIGIN
            },
            event,
        );
        machine
    };
    let handle = || Event::ShutdownRequested(ShutdownCause::Requested("handle".to_owned()));
    let mut more = vec![
        ("Cancelling(bind, asked)", after("Starting(bind)", handle())),
        (
            "Cancelling(stores, limit)",
            after("Starting(stores)", Event::TimerFired),
        ),
        ("Cancelling(a, asked)", after("Starting(a)", handle())),
        (
            "Cancelling(a, signal)",
            after("Starting(a)", Event::Signal(Signal::Interrupt)),
        ),
        (
            "Cancelling(a, limit)",
            after("Starting(a)", Event::TimerFired),
        ),
    ];
    more.push((
        "Draining after a signal",
        after("Ready", Event::Signal(Signal::Terminate)),
    ));
    more.extend(stopping(after("Ready", handle())));
    states.extend(more);
    states
}

/// The states of the stop, from the drain of `machine` on.
fn stopping(mut machine: Machine) -> Vec<(&'static str, Machine)> {
    let mut more = vec![("Draining", machine.clone())];
    machine.handle(secs(3), Event::TimerFired);
    more.push(("Phase(http)", machine.clone()));
    let mut cutting = machine.clone();
    cutting.handle(secs(60), Event::TimerFired);
    more.push(("Cutting(http), time is out", cutting));
    machine.handle(secs(3), ended(Phase::Http));
    machine.handle(secs(3), ended(Phase::FollowUps));
    machine.handle(secs(3), ended(Phase::Workers));
    more.push(("StoppingPart(hook)", machine.clone()));
    machine.handle(secs(3), Event::PartStopped(part(1)));
    more.push(("StoppingPart(a)", machine.clone()));
    machine.handle(secs(3), Event::PartStopped(part(0)));
    machine.handle(secs(3), ended(Phase::Stores));
    machine.handle(secs(3), ended(Phase::Telemetry));
    more.push(("Phase(health)", machine.clone()));
    machine.handle(secs(3), ended(Phase::Health));
    assert_eq!(machine.state, State::Exited);
    more.push(("Exited", machine));
    more
}

fn shown(command: &Command) -> String {
    match command {
        Command::Exit(report) => format!("Exit({}, {})", report.exit_code(), report.cause),
        Command::ForceExit(report) => {
            let left: Vec<&str> = report.not_stopped().collect();
            format!("ForceExit({}, not stopped: {left:?})", report.exit_code())
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn every_transition() {
    let mut text = String::new();
    for (name, machine) in states() {
        writeln!(text, "{name}  [{:?}]", machine.state).unwrap();
        for (event_name, event) in events() {
            let mut machine = machine.clone();
            let before = machine.state;
            let due = machine.next_deadline().unwrap_or(machine.now);
            let now = match event_name {
                "TimerFired" => due,
                "TimerFired early" => due.saturating_sub(ms(1)),
                _ => machine.now,
            };
            let commands = machine.handle(now, event);
            if commands.is_empty() && machine.state == before {
                writeln!(text, "  {event_name} -> ignored").unwrap();
                continue;
            }
            writeln!(text, "  {event_name} -> {:?}", machine.state).unwrap();
            for command in &commands {
                writeln!(text, "      {}", shown(command)).unwrap();
            }
        }
        text.push('\n');
    }
    insta::assert_snapshot!(text);
}
