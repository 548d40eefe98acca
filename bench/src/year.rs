//! (d) A year of minute ticks through an app on a manual clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mainspring_core::clock::ManualClock;
use mainspring_core::periodic::Every;
use tokio::runtime::Runtime;

use crate::options::Options;
use crate::platform::{app, ended, manual, many_threads, one_thread, start};
use crate::report::Number;
use crate::seam::Begun;

/// Measures on both kinds of runtime.
///
/// # Errors
/// When the app does not run every tick.
pub fn measure(options: &Options) -> Result<Vec<Number>, String> {
    let days = if options.quick { 30 } else { 365 };
    let repeat = |runtime: &Runtime| {
        let runs = (0..options.runs()).map(|_| runtime.block_on(live(days)));
        runs.collect::<Result<Vec<_>, String>>()
    };
    let one = repeat(&one_thread())?;
    let many = repeat(&many_threads())?;
    let note = format!("{days} days, one periodic every minute with an empty body");
    Ok(vec![
        Number::plain("d", "a year of minute ticks", "s", one, &note).against(2.0, 8.0),
        Number::plain("d", "the same on many threads", "s", many, note),
    ])
}

async fn live(days: u32) -> Result<f64, String> {
    let clock = ManualClock::new("2026-03-28T00:00:00Z".parse().expect("a valid instant"));
    let ran = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&ran);
    let app = app().periodic("minute", Every::minutes(1), move |_tick| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Ok(()) }
    });
    let (handle, report) = start(app, manual(&clock));
    clock.settle().await;
    let begun = Begun::now();
    clock.advance(Duration::from_secs(86_400) * days).await;
    let took = begun.took().real.as_secs_f64();
    let (ran, expected) = (ran.load(Ordering::Relaxed), u64::from(days) * 24 * 60);
    if ran != expected {
        return Err(format!("{ran} of {expected} ticks ran"));
    }
    handle.shutdown("measured");
    ended(clock.run_until(report).await)?;
    Ok(took)
}
