//! What follows a panic: nothing, a restart after a growing wait, or the end of the app.

use std::time::Duration;

use mainspring_core::error::ErrorKind;
use mainspring_core::spawn::{Backoff, OnPanic, RESTART_WAIT_MIN, Task};

use crate::rig::{Log, Rig, millis, secs};

/// Starts a task that notes when it begins and panics after each of `runs`, then returns.
fn breaks(rig: &Rig, on_panic: OnPanic, runs: Vec<Duration>) -> (Task<()>, Log<Duration>) {
    let began = Log::new();
    let entry = began.clone();
    let task = rig.ctx.supervise("fragile", on_panic, move |ctx| {
        let number = entry.all().len();
        entry.push(ctx.clock().monotonic().since_origin());
        let run = runs.get(number).copied();
        async move {
            if let Some(run) = run {
                ctx.clock().sleep(run).await;
                panic!("run {number} broke");
            }
        }
    });
    (task, began)
}

#[tokio::test]
async fn restarts_wait_twice_as_long_each_time_up_to_the_cap() {
    let rig = Rig::new();
    let (task, began) = breaks(&rig, OnPanic::restart(), vec![Duration::ZERO; 12]);
    rig.manual.advance(secs(600)).await;
    let began = began.all();
    let waits: Vec<_> = began.windows(2).map(|two| two[1] - two[0]).collect();
    let expected = [
        100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000, 30_000,
    ];
    assert_eq!(waits, expected.map(millis));
    task.await.expect("the last run returned");
    assert_eq!(rig.panics().len(), 12);
    assert_eq!(
        rig.panics()[3],
        ("fragile".to_owned(), "run 3 broke".to_owned())
    );
    assert_eq!(rig.shutdowns().len(), 0);
}

#[tokio::test]
async fn a_long_run_makes_the_next_wait_short_again() {
    let rig = Rig::new();
    let runs = [0, 0, 29, 0, 30, 0].map(secs).to_vec();
    let (_task, began) = breaks(&rig, OnPanic::restart(), runs.clone());
    rig.manual.advance(secs(600)).await;
    let began = began.all();
    let waits = began
        .windows(2)
        .zip(runs)
        .map(|(two, run)| two[1] - two[0] - run);
    let waits: Vec<_> = waits.collect();
    assert_eq!(waits, [100, 200, 400, 800, 100, 200].map(millis));
}

#[tokio::test]
async fn a_wait_of_zero_is_lengthened_and_none_is_longer_than_the_cap() {
    let rig = Rig::new();
    let zero = Backoff {
        first: Duration::ZERO,
        cap: secs(30),
    };
    let (_task, began) = breaks(&rig, OnPanic::Restart(zero), vec![Duration::ZERO; 3]);
    let late = Backoff {
        first: secs(9),
        cap: secs(2),
    };
    let (_task, capped) = breaks(&rig, OnPanic::Restart(late), vec![Duration::ZERO; 2]);
    rig.manual.advance(secs(60)).await;
    let min = RESTART_WAIT_MIN;
    assert_eq!(began.all(), [Duration::ZERO, min, min * 3, min * 7]);
    assert_eq!(capped.all(), [0, 2, 4].map(secs));
}

#[tokio::test]
async fn an_ignored_panic_is_counted_and_ends_the_task() {
    let rig = Rig::new();
    let (task, began) = breaks(&rig, OnPanic::Ignore, vec![secs(1); 3]);
    rig.manual.advance(secs(600)).await;
    let error = task.await.expect_err("its last run panicked");
    assert_eq!(error.kind(), ErrorKind::Panicked);
    assert_eq!(error.to_string(), "task `fragile` panicked: run 0 broke");
    assert_eq!((began.all().len(), rig.panics().len()), (1, 1));
    assert_eq!(rig.shutdowns().len(), 0);
}

#[tokio::test]
async fn a_panic_stops_the_app_as_failed_with_the_tasks_name() {
    let rig = Rig::new();
    let (task, began) = breaks(&rig, OnPanic::StopApp, vec![secs(1); 3]);
    rig.manual.advance(secs(600)).await;
    let shutdowns = rig.shutdowns();
    let [(who, cause, true)] = &shutdowns[..] else {
        panic!("{shutdowns:?}");
    };
    assert_eq!(who, "fragile");
    assert_eq!(cause.to_string(), "task `fragile` panicked: run 0 broke");
    let error = task.await.expect_err("its run panicked");
    assert_eq!(error.to_string(), cause.to_string());
    assert_eq!((began.all().len(), rig.panics().len()), (1, 1));
}

#[tokio::test]
async fn cancelling_ends_the_wait_for_a_restart() {
    let rig = Rig::new();
    let (task, began) = breaks(&rig, OnPanic::restart(), vec![Duration::ZERO; 99]);
    rig.manual.advance(millis(150)).await;
    rig.ctx.cancel("the component stops");
    rig.manual.settle().await;
    assert!(rig.scope.is_empty());
    rig.manual.advance(secs(60)).await;
    assert_eq!(began.all().len(), 2);
    let error = task.await.expect_err("no run follows its last panic");
    assert_eq!(error.to_string(), "task `fragile` panicked: run 1 broke");
}
