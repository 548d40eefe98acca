//! Every transition of the machine as a snapshot, the illegal ones too, and its promises.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::periodic::{Cron, Every, RunOutcome};
use crate::time::{Monotonic, wall_after};

const OVERLAPS: [Overlap; 4] = [
    Overlap::Skip,
    Overlap::QueueOne,
    Overlap::Allow,
    Overlap::CancelRunning,
];

/// The instant so many seconds after the start, with both clocks at zero then.
fn at(seconds: u64) -> Moment {
    let since = Duration::from_secs(seconds);
    Moment {
        wall: wall_after(Timestamp::UNIX_EPOCH, since),
        monotonic: Monotonic::from_origin(since),
    }
}

/// An instant whose wall clock is off.
fn at_wall(seconds: u64, wall: u64) -> Moment {
    Moment {
        wall: at(wall).wall,
        monotonic: at(seconds).monotonic,
    }
}

fn run(scheduled_for: u64, outcome: RunOutcome) -> Event {
    Event::Finished(Run {
        scheduled_for: at(scheduled_for).wall,
        started: at(scheduled_for).wall,
        took: Duration::from_secs(1),
        outcome,
    })
}

/// A machine with a fire each ten seconds.
fn every(overlap: Overlap, missed: Missed) -> Machine {
    let plan = Every::seconds(10).on_overlap(overlap).on_missed(missed);
    Machine::new("test", plan.into()).expect("the plan is valid")
}

/// A machine with a fire each minute, for the tables: late there is later than `LATE_AFTER`.
fn each_minute(overlap: Overlap, missed: Missed) -> Machine {
    let plan = Every::minutes(1).on_overlap(overlap).on_missed(missed);
    Machine::new("test", plan.into()).expect("the plan is valid")
}

/// The same by the wall clock.
fn each_minute_by_wall(overlap: Overlap, missed: Missed) -> Machine {
    let plan = Cron::new("* * * * *").on_overlap(overlap).on_missed(missed);
    Machine::new("test", plan.into()).expect("the plan is valid")
}

/// A machine with a fire each ten seconds of the wall clock.
fn cron(overlap: Overlap, missed: Missed) -> Machine {
    let plan = Cron::new("*/10 * * * * *")
        .on_overlap(overlap)
        .on_missed(missed);
    Machine::new("test", plan.into()).expect("the plan is valid")
}

fn after(mut machine: Machine, events: &[(u64, Event)]) -> Machine {
    for (now, event) in events {
        machine.handle(*event, at(*now), &mut Vec::new());
    }
    machine
}

fn commands(machine: &mut Machine, event: Event, now: Moment) -> Vec<Command> {
    let mut commands = Vec::new();
    machine.handle(event, now, &mut commands);
    commands
}

/// The state in one line.
fn state(machine: &Machine) -> String {
    let waiting: Vec<_> = machine
        .waiting
        .iter()
        .map(|it| it.scheduled_for.as_second())
        .collect();
    let record = machine.record();
    let phase = match machine.phase {
        Phase::New { .. } => "new",
        Phase::Active => "active",
        Phase::Stopping => "stopping",
    };
    let mut text = format!("{phase} running {}", record.running);
    if !waiting.is_empty() {
        write!(text, " waiting {waiting:?}").expect("a string takes all");
    }
    if machine.cancelling {
        text.push_str(" cancelling");
    }
    write!(text, " skipped {} missed {}", record.skipped, record.missed).expect("takes all");
    text
}

fn command(command: &Command) -> String {
    match command {
        Command::Start {
            scheduled_for,
            missed,
        } => {
            format!("start {} missed {missed}", scheduled_for.as_second())
        }
        Command::CancelRunning => "cancel running".to_owned(),
        Command::Arm(Deadline::Monotonic(at)) => {
            format!("arm monotonic {}", at.since_origin().as_secs())
        }
        Command::Arm(Deadline::Wall(at)) => format!("arm wall {}", at.as_second()),
        Command::TellSkipped { scheduled_for } => {
            format!("tell skipped {}", scheduled_for.as_second())
        }
        Command::TellMissed { fires } => format!("tell missed {fires}"),
    }
}

/// Adds the line of one transition.
fn transition(text: &mut String, machine: &Machine, name: &str, event: Event, now: Moment) {
    let mut next = machine.clone();
    let commands: Vec<_> = commands(&mut next, event, now)
        .iter()
        .map(command)
        .collect();
    let commands = if commands.is_empty() {
        "-".to_owned()
    } else {
        commands.join(", ")
    };
    let changed = if state(&next) == state(machine) {
        "(same)".to_owned()
    } else {
        state(&next)
    };
    writeln!(text, "  {name:<16} {changed:<58} {commands}").expect("a string takes all");
}

/// Every state that the machine can be in, reached by events.
fn states(make: impl Fn() -> Machine) -> Vec<(&'static str, Machine)> {
    let started = (0, Event::Started);
    let due = |now| (now, Event::Due);
    let idle = after(make(), &[started]);
    let running = after(make(), &[started, due(60)]);
    let two_due = after(make(), &[started, due(60), due(120)]);
    let stopping = (125, Event::Shutdown);
    vec![
        ("new", make()),
        ("stopped before the start", after(make(), &[stopping])),
        ("stopped idle", after(idle.clone(), &[stopping])),
        ("stopping", after(two_due.clone(), &[stopping])),
        ("idle", idle),
        ("running", running),
        ("due while running", two_due),
    ]
}

fn table(make: impl Fn(Overlap, Missed) -> Machine, missed: Missed) -> String {
    let mut text = String::new();
    for overlap in OVERLAPS {
        writeln!(text, "{overlap:?}, {missed:?}").expect("a string takes all");
        for (name, machine) in states(|| make(overlap, missed)) {
            writeln!(text, " {name}: {}", state(&machine)).expect("a string takes all");
            let next = machine.next_fire(at(0)).map_or(0, |next| next.as_second());
            let next = u64::try_from(next).expect("times are after the epoch");
            for (event, offset, label) in [
                (Event::Started, 0, "started"),
                (Event::Due, 0, "due"),
                (Event::Due, -1, "due early"),
                (Event::Due, 9, "due 9 s late"),
                (Event::Due, 31, "due 31 s late"),
                (Event::Due, 185, "due 185 s late"),
                (Event::Due, 200, "due 200 s late"),
                (run(60, RunOutcome::Succeeded), 0, "finished"),
                (Event::Shutdown, 0, "shutdown"),
            ] {
                let now = at(next.saturating_add_signed(offset));
                transition(&mut text, &machine, label, event, now);
            }
        }
    }
    text
}

#[test]
fn transitions_of_every() {
    insta::assert_snapshot!("every_once", table(each_minute, Missed::Once));
    insta::assert_snapshot!("every_skip", table(each_minute, Missed::Skip));
    insta::assert_snapshot!("every_all", table(each_minute, Missed::All(2)));
}

#[test]
fn transitions_of_cron() {
    insta::assert_snapshot!("cron_once", table(each_minute_by_wall, Missed::Once));
}

#[test]
fn transitions_when_the_wall_is_set() {
    let mut text = String::new();
    for (name, make) in [
        ("every", each_minute as fn(_, _) -> _),
        ("cron", each_minute_by_wall),
    ] {
        // Two hours of fires, so that there is a past to go back to.
        let machine: Machine = make(Overlap::Skip, Missed::Once);
        let idle = after(machine, &[(0, Event::Started), (7_200, Event::Due)]);
        let idle = after(idle, &[(7_201, run(7_200, RunOutcome::Succeeded))]);
        writeln!(text, "{name}: {}", state(&idle)).expect("a string takes all");
        let mut set = |label, wall| {
            transition(
                &mut text,
                &idle,
                label,
                Event::WallSet,
                at_wall(7_202, wall),
            );
        };
        set("same", 7_202);
        set("forward 5 s", 7_207);
        set("forward 1 h", 10_802);
        set("back 5 s", 7_197);
        set("back 59 min", 3_662);
        set("back 2 h", 2);
        transition(
            &mut text,
            &idle,
            "due, back 5 s",
            Event::Due,
            at_wall(7_202, 7_197),
        );
    }
    insta::assert_snapshot!("wall_set", text);
}

#[test]
fn state_stays_small() {
    let size = std::mem::size_of::<Machine>();
    println!("a machine has {size} bytes");
    assert!(
        size <= 300,
        "100,000 periodics must cost at most 1 KiB each; this part is {size}"
    );
}

#[test]
fn a_fault_of_the_plan_refuses_the_machine() {
    assert!(Machine::new("test", Every::seconds(0).into()).is_err());
    assert!(Machine::new("test", Cron::new("x").into()).is_err());
    assert!(Machine::new("test", Every::seconds(1).on_missed(Missed::All(0)).into()).is_err());
}

#[test]
fn record_tells_the_last_run_and_counts_outcomes() {
    let mut machine = every(Overlap::Allow, Missed::Once);
    machine.handle(Event::Started, at(0), &mut Vec::new());
    let outcomes = [
        RunOutcome::Succeeded,
        RunOutcome::Failed,
        RunOutcome::Panicked,
        RunOutcome::TimedOut,
        RunOutcome::Cancelled,
    ];
    for (now, outcome) in (10..).step_by(10).zip(outcomes) {
        machine.handle(Event::Due, at(now), &mut Vec::new());
        machine.handle(run(now, outcome), at(now + 1), &mut Vec::new());
    }
    let record = machine.record();
    assert_eq!((record.runs, record.running), (5, 0));
    assert_eq!(
        (record.failures, record.panics, record.cancelled),
        (2, 1, 1)
    );
    let last = record.last.expect("a run has ended");
    assert_eq!(
        (last.scheduled_for, last.outcome),
        (at(50).wall, RunOutcome::Cancelled)
    );
}

#[test]
fn a_panicking_or_failing_run_never_ends_the_periodic() {
    let mut machine = every(Overlap::Skip, Missed::Once);
    machine.handle(Event::Started, at(0), &mut Vec::new());
    for now in (10..1_000).step_by(10) {
        let commands = commands(&mut machine, Event::Due, at(now));
        assert!(matches!(commands.first(), Some(Command::Start { .. })));
        machine.handle(run(now, RunOutcome::Panicked), at(now + 1), &mut Vec::new());
    }
    assert_eq!(machine.next_fire(at(995)), Some(at(1_000).wall));
}

#[test]
fn a_grid_does_not_drift_when_it_is_noticed_late() {
    let mut machine = every(Overlap::Skip, Missed::Once);
    machine.handle(Event::Started, at(3), &mut Vec::new());
    machine.handle(Event::Due, at(17), &mut Vec::new());
    machine.handle(Event::Due, at(38), &mut Vec::new());
    assert_eq!(machine.next_fire(at(38)), Some(at(43).wall));
}

/// The instants that an `Every` of ten seconds gives its runs, with the wall clock read so many
/// nanoseconds off at each fire.
fn instants(off_by: &[i64]) -> Vec<i128> {
    let mut machine = every(Overlap::Allow, Missed::Once);
    machine.handle(Event::Started, at(0), &mut Vec::new());
    let fires = (1..).zip(off_by).filter_map(|(fire, off_by)| {
        let mut now = at(fire * 10);
        now.wall += jiff::SignedDuration::from_nanos(*off_by);
        let due = commands(&mut machine, Event::Due, now);
        due.iter().find_map(|command| match command {
            Command::Start { scheduled_for, .. } => Some(scheduled_for.as_nanosecond()),
            _ => None,
        })
    });
    fires.collect()
}

#[test]
fn instants_of_a_grid_do_not_depend_on_when_the_clocks_are_read() {
    const S: i64 = 1_000_000_000;
    let grid = |seconds: &[i64]| -> Vec<_> {
        let seconds = seconds.iter();
        seconds.map(|at| i128::from(at * S)).collect()
    };
    assert_eq!(instants(&[0, 70, -130, S - 1]), grid(&[10, 20, 30, 40]));
    // A wall clock that was set moves the grid, once.
    assert_eq!(instants(&[0, S, S + 50, S - 50]), grid(&[10, 21, 31, 41]));
    assert_eq!(instants(&[0, -60 * S, 5 - 60 * S]), grid(&[10, -40, -30]));
}

#[test]
fn allow_is_bounded() {
    let mut machine = every(Overlap::Allow, Missed::Once);
    machine.handle(Event::Started, at(0), &mut Vec::new());
    for fire in 1..=u64::from(Overlap::ALLOW_MAX) + 5 {
        machine.handle(Event::Due, at(fire * 10), &mut Vec::new());
    }
    assert_eq!(machine.record().running, Overlap::ALLOW_MAX);
    assert_eq!(machine.record().skipped, 5);
}

#[test]
fn years_of_missed_seconds_cost_little_and_run_the_newest() {
    let year = 366 * 86_400;
    for (missed, first, runs) in [(Missed::Once, year, 1), (Missed::All(3), year - 2, 3)] {
        let plan = Cron::new("* * * * * *")
            .on_missed(missed)
            .on_overlap(Overlap::Allow);
        let mut machine = Machine::new("test", plan.into()).expect("the plan is valid");
        machine.handle(Event::Started, at(0), &mut Vec::new());
        let commands = commands(&mut machine, Event::Due, at(year));
        let started: Vec<_> = commands
            .iter()
            .filter_map(|command| match command {
                Command::Start { scheduled_for, .. } => Some(*scheduled_for),
                _ => None,
            })
            .collect();
        assert_eq!(started.len(), runs);
        assert_eq!(started.first(), Some(&at(first).wall));
        assert_eq!(machine.next_fire(at(year)), Some(at(year + 1).wall));
        assert!(
            machine.record().missed <= Missed::COUNT_MAX.into(),
            "the count did not stop"
        );
    }
}

#[test]
fn newest_of_a_burst_long_past_is_found() {
    // Each second of the first of January: 86,400 fires, the newest of them half a year ago.
    let mut machine =
        Machine::new("test", Cron::new("* * * 1 1 *").into()).expect("the plan is valid");
    machine.handle(Event::Started, at(0), &mut Vec::new());
    let commands = commands(&mut machine, Event::Due, at(180 * 86_400));
    let expected = at(86_399).wall;
    assert!(
        commands.iter().any(|command| {
            matches!(command, Command::Start { scheduled_for, .. } if *scheduled_for == expected)
        }),
        "{commands:?}"
    );
}

fn overlap() -> impl Strategy<Value = Overlap> {
    proptest::sample::select(&OVERLAPS)
}

fn missed() -> impl Strategy<Value = Missed> {
    prop_oneof![
        Just(Missed::Once),
        Just(Missed::Skip),
        (1..5_u32).prop_map(Missed::All)
    ]
}

/// Steps of a run: the event by its number, and how long after the one before.
fn steps() -> impl Strategy<Value = Vec<(u8, u64)>> {
    proptest::collection::vec((0..12_u8, 0..25_u64), 0..80)
}

proptest! {
    #[test]
    fn at_most_one_runs_unless_allowed(
        overlap in overlap(),
        missed in missed(),
        by_wall in any::<bool>(),
        steps in steps(),
    ) {
        let mut machine = if by_wall { cron(overlap, missed) } else { every(overlap, missed) };
        let (mut now, mut running, mut stopped) = (0, 0_u32, false);
        let mut newest = None;
        for (event, wait) in steps {
            now += wait;
            let event = match event {
                0 => Event::Shutdown,
                1 | 2 => Event::Started,
                3..=6 => run(now, RunOutcome::Succeeded),
                7 => Event::WallSet,
                _ => Event::Due,
            };
            stopped |= event == Event::Shutdown;
            if matches!(event, Event::Finished(_)) {
                running = running.saturating_sub(1);
            }
            for command in commands(&mut machine, event, at(now)) {
                if let Command::Start { scheduled_for, .. } = command {
                    running += 1;
                    prop_assert!(!stopped, "a run starts after the shutdown");
                    prop_assert!(scheduled_for <= at(now).wall, "a run starts too early");
                    prop_assert!(Some(scheduled_for) > newest, "runs go back in time");
                    newest = Some(scheduled_for);
                }
                if let Command::Arm(Deadline::Wall(next)) = command {
                    prop_assert!(next > at(now).wall, "a timer in the past");
                }
            }
            prop_assert!(running <= 1 || overlap == Overlap::Allow, "two runs at once");
            prop_assert_eq!(running, machine.record().running);
            prop_assert!(machine.waiting() == 0 || running > 0, "a fire waits for nothing");
        }
    }

    #[test]
    fn every_fire_is_accounted_for(
        overlap in overlap(),
        missed in missed(),
        steps in steps(),
    ) {
        let mut machine = every(overlap, missed);
        machine.handle(Event::Started, at(0), &mut Vec::new());
        let mut now = 0;
        for (event, wait) in steps {
            now += wait;
            let event = if event < 6 { Event::Due } else { run(now, RunOutcome::Succeeded) };
            machine.handle(event, at(now), &mut Vec::new());
        }
        machine.handle(Event::Due, at(now), &mut Vec::new());
        let record = *machine.record();
        let waiting = u64::try_from(machine.waiting()).expect("a short queue");
        prop_assert_eq!(record.runs + record.skipped + record.missed + waiting, now / 10);
    }
}
