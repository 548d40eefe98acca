//! A periodic task: every Tuesday at 03:00 in London, summer and winter.

use mainspring::prelude::*;

async fn write_report(tick: Tick) -> Result<(), BoxError> {
    println!("the report for {}", tick.scheduled_for());
    Ok(())
}

fn app() -> App {
    let tuesdays = Cron::new("0 3 * * TUE").in_zone("Europe/London");
    App::new("nightly-report").periodic("nightly-report", tuesdays, write_report)
}

#[tokio::main]
async fn main() -> Result<ShutdownReport, mainspring::Error> {
    app().run().await
}

#[cfg(test)]
mod tests;
