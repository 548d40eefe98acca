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

use mainspring::error::{Error, ErrorKind};
use mainspring::prelude::*;

use accounts::Users;
use cache::WarmCache;
use journal::{Journal, Journals};
use reports::{ReportRun, Reports};

/// The whole service.
///
/// # Errors
/// When the key of the trigger cannot be used.
pub fn app(settings: &Settings) -> Result<App, Error> {
    check(settings.trigger_key.as_ref())?;
    let users = Users::default();
    let analytics = Journal::new(&settings.data, "analytics.jsonl");
    let report_lines = Journal::new(&settings.data, "reports.jsonl");
    let journals = Journals(vec![analytics.clone(), report_lines.clone()]);
    let reports = Reports::new(report_lines, users.clone());

    let mut app = App::new("quickstart")
        .component(WarmCache::new(settings.popular.clone()))
        .component(journals)
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
        app = app.trigger(ReportRun { reports }, key.clone());
    }
    Ok(app)
}

/// Mainspring would refuse a bad key as well, but it does not know where this one came from.
fn check(key: Option<&TriggerKey>) -> Result<(), Error> {
    if key.is_some_and(|key| key.to_whsec().is_none()) {
        let error = Error::new(ErrorKind::Config, "QUICKSTART_TRIGGER_KEY cannot be used");
        return Err(error.with_hint("a key is `whsec_` and 24 to 64 random bytes in base64"));
    }
    Ok(())
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
