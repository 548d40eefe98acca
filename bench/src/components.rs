//! (e) Starting and stopping an app of a hundred components.

use mainspring_core::context::Context;
use mainspring_core::error::BoxError;
use mainspring_runtime::component::Component;

use crate::options::Options;
use crate::platform::{app, ended, many_threads, real, start};
use crate::report::Number;
use crate::seam::Begun;

const COMPONENTS: usize = 100;

struct Empty(String);

impl Component for Empty {
    fn name(&self) -> &str {
        &self.0
    }

    async fn start(&self, _ctx: Context) -> Result<(), BoxError> {
        Ok(())
    }
}

/// Measures on the machine's clock.
///
/// # Errors
/// When the app does not start or stop.
pub fn measure(options: &Options) -> Result<Vec<Number>, String> {
    let runs = if options.quick { 20 } else { 200 };
    let runtime = many_threads();
    let (mut starts, mut stops, mut both) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        let (start, stop) = runtime.block_on(live())?;
        starts.push(start);
        stops.push(stop);
        both.push(start + stop);
    }
    let note = format!("{COMPONENTS} empty components one after the other, drain delay 0");
    Ok(vec![
        Number::plain("e", "start", "ms", starts, &note),
        Number::plain("e", "stop", "ms", stops, &note),
        Number::plain("e", "start and stop", "ms", both, note).against(10.0, 50.0),
    ])
}

async fn live() -> Result<(f64, f64), String> {
    let components = (0..COMPONENTS).map(|number| Empty(format!("component-{number}")));
    let app = components.fold(app(), |app, component| app.component(component));
    let begun = Begun::now();
    let (handle, report) = start(app, real());
    if !handle.ready().await {
        return Err("the app did not get ready".to_owned());
    }
    let started = begun.took().real;
    let begun = Begun::now();
    handle.shutdown("measured");
    let report = report.await;
    let stop = begun.took().real;
    ended(report)?;
    Ok((started.as_secs_f64() * 1e3, stop.as_secs_f64() * 1e3))
}
