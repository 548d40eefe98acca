//! A year of minutes; without optimisation a fortnight, which shows as much and takes a second.

use mainspring::prelude::*;
use mainspring::test::{TestApp, days};

const DAYS: u64 = if cfg!(debug_assertions) { 14 } else { 365 };

#[mainspring::test(start = "2026-01-01T00:00:00Z")]
async fn a_year_of_minutes_is_lived_through(app: TestApp) {
    let minutely = App::new("test").periodic("minute", Every::minutes(1), |_tick| async { Ok(()) });
    let app = app.start(minutely).await;
    let began = app.now();
    app.advance(days(DAYS)).await;
    let runs = app.runs_of("minute");
    assert_eq!(runs.len() as u64, DAYS * 24 * 60);
    assert_eq!(runs.last(), Some(&(began + days(DAYS))));
}
