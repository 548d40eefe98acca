//! Random plans, behaviours and events: what must hold on every path.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::shell::{Acts, Shell, ms};
use crate::lifecycle::{
    Event, Failure, OVERRUN_MAX, Part, PartId, Phase, Plan, ShutdownCause, Signal,
};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

fn acts() -> impl Strategy<Value = Acts> {
    prop_oneof![
        6 => (0_u64..3_000).prop_map(|after| Acts::Ok(ms(after))),
        1 => Just(Acts::Error("error")),
        1 => Just(Acts::Panic("panic")),
        1 => Just(Acts::UntilCancelled),
        1 => Just(Acts::OkWhenCancelled),
        1 => Just(Acts::Hangs),
    ]
}

/// Events that come from outside or out of turn, such as late answers of what was abandoned.
fn event() -> impl Strategy<Value = Event> {
    let part = (0_usize..7).prop_map(PartId::planned);
    let phase = proptest::sample::select(Phase::ALL.to_vec());
    prop_oneof![
        2 => Just(Event::HookRegistered { name: "hook".to_owned() }),
        1 => Just(Event::Signal(Signal::Interrupt)),
        1 => Just(Event::ShutdownRequested(ShutdownCause::Requested("handle".to_owned()))),
        1 => Just(Event::ShutdownRequested(ShutdownCause::Failed {
            name: "a".to_owned(),
            failure: Failure::error("gone"),
        })),
        1 => Just(Event::TimerFired),
        1 => Just(Event::WatchdogFired),
        1 => Just(Event::Start),
        1 => Just(Event::StoresOpened),
        1 => Just(Event::WorkStarted),
        1 => part.clone().prop_map(Event::PartStarted),
        1 => part.clone().prop_map(Event::PartStopped),
        1 => part.prop_map(|part| Event::PartFailed(part, Failure::error("late"))),
        1 => phase.prop_map(|phase| Event::PhaseEnded { phase, cut: Vec::new(), failure: None }),
    ]
}

prop_compose! {
    fn shell()(
        kinds in prop::collection::vec(any::<bool>(), 0..=NAMES.len()),
        starts in prop::collection::vec(acts(), NAMES.len()),
        stops in prop::collection::vec(acts(), NAMES.len()),
        steps in prop::collection::vec(acts(), 5),
        phases in prop::collection::vec(acts(), Phase::ALL.len()),
        hooks in prop::collection::vec(any::<bool>(), NAMES.len()),
        events in prop::collection::vec((0_u64..100_000, event()), 0..8),
        last in 1_000_u64..200_000,
    ) -> Shell {
        let parts = kinds.iter().zip(NAMES).map(|(hook, name)| {
            if *hook { Part::hook(name) } else { Part::component(name) }
        });
        let mut shell = Shell::new(parts.fold(Plan::new("app"), Plan::with_part));
        let steps = steps.into_iter().map(|acts| match acts {
            // Most boots should get past our own steps.
            Acts::Ok(_) | Acts::Error(_) => Acts::Ok(ms(1)),
            other => other,
        });
        for (name, acts) in ["bind", "health", "stores", "work", "accept"].iter().zip(steps) {
            shell = shell.start_of(name, acts);
        }
        for ((name, start), (stop, hook)) in
            NAMES.iter().zip(starts).zip(stops.into_iter().zip(hooks))
        {
            shell = shell.start_of(name, start).stop_of(name, stop);
            if hook {
                shell = shell.hook_in_start_of(name, "inner");
            }
        }
        for (phase, acts) in Phase::ALL.into_iter().zip(phases) {
            shell = shell.phase(phase, acts);
        }
        for (at, event) in events {
            shell = shell.at(ms(at), event);
        }
        shell.signal_at(ms(last))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn exactly_what_started_is_stopped_once_in_reverse_and_in_time(shell in shell()) {
        let after = shell.machine.forced_exit_after();
        let shell = shell.run();
        let report = shell.report();

        // The order of completion, read from outside: a hook when accepted, a part by its report.
        let stopped: Vec<usize> = shell.stopped.iter().map(|part| part.position()).collect();
        let once: BTreeSet<usize> = stopped.iter().copied().collect();
        prop_assert_eq!(once.len(), stopped.len(), "nobody is stopped twice: {:#?}", shell.log);
        for part in &stopped {
            let outcome = &report.parts[*part].start.outcome;
            prop_assert!(outcome.has_started(), "{part} was stopped and is {outcome:?}");
        }
        let planned: Vec<usize> =
            stopped.iter().copied().filter(|part| NAMES.contains(&shell.part_name(*part)))
            .collect();
        prop_assert!(planned.is_sorted_by(|a, b| a > b), "planned parts stop in reverse");
        let hooks: Vec<usize> =
            stopped.iter().copied().filter(|part| !planned.contains(part)).collect();
        prop_assert!(hooks.is_sorted_by(|a, b| a > b), "hooks stop in reverse");

        if report.forced.is_none() {
            let started = report.parts.iter().filter(|part| part.start.outcome.has_started());
            prop_assert_eq!(started.count(), stopped.len(), "everything that started is told");
            prop_assert_eq!(report.not_stopped().count(), 0);
            let margin = crate::lifecycle::WATCHDOG_MARGIN - OVERRUN_MAX;
            prop_assert!(report.took + margin <= after, "took {:?}", report.took);
        } else {
            prop_assert_eq!(report.exit_code(), 4);
        }
        prop_assert_eq!(shell.log.iter().filter(|line| line.contains("exit ")).count(), 1);
        prop_assert_eq!(shell.machine.next_deadline(), None);
    }
}
