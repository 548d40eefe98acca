//! (d) A million timers of a manual clock: created, waited for, fired and received.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use mainspring_core::clock::{ManualClock, Sleep};
use mainspring_core::random::Random;

use crate::options::Options;
use crate::platform::one_thread;
use crate::report::Number;
use crate::seam::Begun;

const HOUR: Duration = Duration::from_secs(3600);

/// Measures sleeps, which somebody waits for, and callbacks.
///
/// # Errors
/// None so far.
pub fn measure(options: &Options) -> Result<Vec<Number>, String> {
    let count = if options.quick { 100_000 } else { 1_000_000 };
    let runtime = one_thread();
    let repeat = |run: &dyn Fn() -> Duration| {
        let runs = (0..options.runs()).map(|_| run().as_secs_f64());
        runs.collect::<Vec<_>>()
    };
    let sleeps = repeat(&|| runtime.block_on(sleeps(count)));
    let calls = repeat(&|| runtime.block_on(callbacks(count)));
    let note = format!("{count} at random instants of an hour, each instant settled");
    Ok(vec![
        Number::plain("d", "sleeps created, fired, received", "s", sleeps, &note).against(2.0, 8.0),
        Number::plain("d", "callbacks created and called", "s", calls, note).against(2.0, 8.0),
    ])
}

/// Counts its wakes; everyone who waits shares it.
#[derive(Default)]
struct Woken(AtomicU64);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

async fn sleeps(count: u64) -> Duration {
    let (manual, random) = (clock(), Random::seeded(1));
    let (woken, clock) = (Arc::new(Woken::default()), manual.clock());
    let waker = Waker::from(Arc::clone(&woken));
    let begun = Begun::now();
    let mut sleeps: Vec<_> = (0..count)
        .map(|_| clock.sleep(within_an_hour(&random)))
        .collect();
    let mut cx = Context::from_waker(&waker);
    let mut ready = |sleep: &mut Sleep| Pin::new(sleep).poll(&mut cx).is_ready();
    assert!(!sleeps.iter_mut().any(&mut ready), "all of them wait");
    manual.advance(HOUR).await;
    assert!(sleeps.iter_mut().all(ready), "all of them are over");
    drop(sleeps);
    let took = begun.took().real;
    assert_eq!(woken.0.load(Ordering::Relaxed), count);
    took
}

async fn callbacks(count: u64) -> Duration {
    let (manual, random) = (clock(), Random::seeded(1));
    let (called, clock) = (Arc::new(AtomicU64::new(0)), manual.clock());
    let begun = Begun::now();
    for _ in 0..count {
        let called = Arc::clone(&called);
        drop(clock.after(within_an_hour(&random), move || {
            called.fetch_add(1, Ordering::Relaxed);
        }));
    }
    manual.advance(HOUR).await;
    let took = begun.took().real;
    assert_eq!(called.load(Ordering::Relaxed), count);
    took
}

fn clock() -> ManualClock {
    ManualClock::new("2026-03-28T00:00:00Z".parse().expect("a valid instant"))
}

/// A duration from one nanosecond to an hour.
fn within_an_hour(random: &Random) -> Duration {
    Duration::from_nanos(1 + random.below(HOUR.as_secs() * 1_000_000_000))
}
