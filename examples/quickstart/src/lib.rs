//! A service that does four kinds of background work: at start-up, on a clock, after the response,
//! and as durable jobs that survive the process.

mod accounts;
mod blocking;
mod cache;
mod demo;
mod journal;
mod mail;
mod reports;
mod settings;
mod users;

pub use accounts::{Register, RegisterInput, RegisterOutput};
pub use demo::{DemoSleep, SleepInput, SleepOutput};
pub use settings::Settings;

use std::path::PathBuf;

use mainspring::error::Error;
use mainspring::prelude::*;
use mainspring::sqlite::SqliteSource;

use cache::WarmCache;
use journal::{Journal, Journals};
use mail::Outbox;
use reports::{Digest, ReportRun, Reports, WriteDigest};
use users::Users;

/// The whole service.
///
/// # Errors
/// When the folder or the key of the trigger cannot be used.
pub fn app(settings: &Settings) -> Result<App, Error> {
    settings.check()?;
    let (jobs, file) = database(settings);
    let users = Users::new(jobs.clone(), file);
    let outbox = Outbox::new(settings.data.join("outbox"));
    let analytics = Journal::new(&settings.data, "analytics.jsonl");
    let report_lines = Journal::new(&settings.data, "reports.jsonl");
    let digest_lines = Journal::new(&settings.data, "digests.jsonl");
    let journals = [&analytics, &report_lines, &digest_lines].map(Journal::clone);
    let reports = Reports::new(report_lines, users.clone());
    let digests = Reports::new(digest_lines, users.clone());

    let mut app = App::new("quickstart")
        .component(WarmCache::new(settings.popular.clone()))
        .component(Journals(journals.to_vec()))
        .component(users.clone())
        .component(outbox.clone())
        .jobs(jobs)
        // An outside `kill -9` looks like a job that kills its process; here it never is one.
        .max_deaths(0)
        .worker(outbox)
        .worker(WriteDigest { reports: digests })
        .schedule("digest", Every::minutes(1), |_tick| Digest {})
        .action(Register { users, analytics })
        .action(DemoSleep)
        // Each Tuesday night it would be: Cron::new("0 3 * * TUE").in_zone("Europe/London")
        .periodic("report", Every::seconds(5), {
            let reports = reports.clone();
            move |tick| {
                let reports = reports.clone();
                async move {
                    reports
                        .write(tick.scheduled_for(), tick.clock().now())
                        .await
                }
            }
        })
        .on_ready(print_addresses);
    if let Some(key) = &settings.trigger_key {
        app = app.trigger(ReportRun { reports }, key.clone());
    }
    Ok(app)
}

/// The jobs, and the file that the users share with them, if it is one.
fn database(settings: &Settings) -> (Jobs, Option<PathBuf>) {
    match &settings.database_url {
        Some(url) => {
            // What is wrong with it the app says at its start, with whatever else is wrong.
            let source = SqliteSource::from_url(url).ok();
            let file = source.map(|source| source.path().to_owned());
            (mainspring::jobs(url), file)
        }
        None => {
            let source = SqliteSource::new(settings.data.join("app.db"));
            let file = source.path().to_owned();
            (Jobs::new(source), Some(file))
        }
    }
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
