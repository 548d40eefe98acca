//! (d) A year of minute ticks through an app in the test kit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mainspring_core::periodic::Every;
use mainspring_runtime::app::App;
use mainspring_test::{Options as Kit, TestApp, run};

use crate::options::Options;
use crate::report::Number;
use crate::seam::Begun;

/// Measures on both kinds of runtime.
///
/// # Errors
/// When the app does not run every tick.
pub fn measure(options: &Options) -> Result<Vec<Number>, String> {
    let days = if options.quick { 30 } else { 365 };
    let repeat = |kit: &dyn Fn() -> Kit| {
        let runs = (0..options.runs()).map(|_| run(kit(), move |app| live(app, days)));
        runs.collect::<Result<Vec<_>, String>>()
    };
    let one = repeat(&Kit::new)?;
    let many = repeat(&|| Kit::new().multi_thread())?;
    let note = format!("{days} days, one periodic every minute with an empty body, in a `TestApp`");
    Ok(vec![
        Number::plain("d", "a year of minute ticks", "s", one, &note).against(2.0, 8.0),
        Number::plain("d", "the same on many threads", "s", many, note),
    ])
}

async fn live(kit: TestApp, days: u32) -> Result<f64, String> {
    let ran = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&ran);
    let app = App::new("bench").periodic("minute", Every::minutes(1), move |_tick| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Ok(()) }
    });
    let app = kit.start(app).await;
    let begun = Begun::now();
    app.advance(Duration::from_secs(86_400) * days).await;
    let took = begun.took().real.as_secs_f64();
    let (ran, expected) = (ran.load(Ordering::Relaxed), u64::from(days) * 24 * 60);
    if ran != expected {
        return Err(format!("{ran} of {expected} ticks ran"));
    }
    Ok(took)
}
