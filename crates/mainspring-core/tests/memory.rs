//! What stopped timers and finished tasks hold in memory: nothing, counted by the allocator.

use std::alloc::System;
use std::time::Duration;

use mainspring_core::clock::ManualClock;
use mainspring_core::time::Timestamp;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const HOUR: Duration = Duration::from_secs(3600);

/// What the harness itself may allocate meanwhile: far less than one byte for each of a million
/// timers.
const SLACK_BYTES: isize = 64 * 1024;

/// Bytes that `work` took and did not give back.
fn held_after(work: impl FnOnce()) -> isize {
    let region = Region::new(ALLOCATOR);
    work();
    let change = region.change();
    change.bytes_allocated.cast_signed() - change.bytes_deallocated.cast_signed()
}

/// One test, since the allocator counts what every thread does.
#[test]
fn a_million_stopped_timers_hold_no_memory() {
    let manual = ManualClock::new(Timestamp::UNIX_EPOCH);
    let clock = manual.clock();
    // All live at once, so that the queue grows before it shrinks.
    let held = held_after(|| {
        let timers: Vec<_> = (0..1_000_000).map(|_| clock.timer(HOUR)).collect();
        assert_eq!(manual.pending(), 1_000_000);
        drop(timers);
    });
    assert_eq!(manual.pending(), 0);
    assert!(
        held < SLACK_BYTES,
        "{held} bytes for 1,000,000 dropped timers"
    );

    // One after the other, which is what a service that sets and stops a limit per request does.
    let mut timer = clock.timer(HOUR);
    let held = held_after(|| {
        for _ in 0..1_000_000 {
            timer.reset(HOUR);
            timer.stop();
        }
        for _ in 0..100_000 {
            clock.after(HOUR, || ()).stop();
        }
    });
    assert_eq!(manual.pending(), 0);
    assert!(
        held < SLACK_BYTES,
        "{held} bytes for 1,100,000 stopped timers"
    );
}
