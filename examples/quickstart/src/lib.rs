//! A service that does three kinds of background work: at start-up, on a clock, after the response.

mod accounts;
mod cache;
mod demo;
mod journal;
mod reports;
mod settings;

pub use accounts::{Register, RegisterInput, RegisterOutput};
pub use demo::{DemoSleep, SleepInput, SleepOutput};
pub use settings::Settings;

use mainspring::error::Error;
use mainspring::prelude::*;

use accounts::Users;
use cache::WarmCache;
use journal::Journal;
use reports::{ReportRun, Reports};

/// The whole service.
///
/// # Errors
/// When the data folder cannot be used.
pub fn app(settings: &Settings) -> Result<App, Error> {
    let users = Users::default();
    let analytics = Journal::open(&settings.data, "analytics.jsonl")?;
    let reports = Reports::new(
        Journal::open(&settings.data, "reports.jsonl")?,
        users.clone(),
    );

    let mut app = App::new("quickstart")
        .component(WarmCache::new(settings.popular.clone()))
        .action(Register { users, analytics })
        .action(DemoSleep)
        // Each Tuesday night it would be: Cron::new("0 3 * * TUE").in_zone("Europe/London")
        .periodic("report", Every::seconds(5), {
            let reports = reports.clone();
            move |tick| {
                let reports = reports.clone();
                async move { reports.write(tick.scheduled_for(), tick.clock().now()) }
            }
        })
        .on_ready(print_addresses);
    if let Some(key) = &settings.trigger_key {
        app = app.trigger(ReportRun { reports }, TriggerKey::from_whsec(key));
    }
    Ok(app)
}

fn print_addresses(handle: &AppHandle) {
    let addresses = handle.addresses();
    if let Some(main) = addresses.get("main") {
        println!("listening on http://{main}");
    }
    if let Some(health) = addresses.get("health") {
        println!("health on http://{health}");
    }
}
