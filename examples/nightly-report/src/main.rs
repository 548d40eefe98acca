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
mod tests {
    use mainspring::test::{TestApp, days, timestamp};

    #[mainspring::test(start = "2026-03-20T00:00:00Z")]
    async fn two_tuesdays_around_the_change_of_the_clocks(app: TestApp) {
        let app = app.start(super::app()).await;
        app.advance(days(14)).await;
        let winter = timestamp("2026-03-24T03:00:00Z");
        let summer = timestamp("2026-03-31T02:00:00Z");
        assert_eq!(app.runs_of("nightly-report"), [winter, summer]);
    }
}
