//! A year of minutes.

use mainspring::prelude::*;
use mainspring::test::{TestApp, days, timestamp};

const MINUTES: usize = 365 * 24 * 60;

#[mainspring::test(start = "2026-01-01T00:00:00Z")]
async fn a_year_of_minutes_is_lived_through(app: TestApp) {
    let minutely = App::new("test").periodic("minute", Every::minutes(1), |_tick| async { Ok(()) });
    let app = app.start(minutely).await;
    app.advance(days(365)).await;
    let runs = app.runs_of("minute");
    assert_eq!(runs.len(), MINUTES);
    assert_eq!(runs.last(), Some(&timestamp("2027-01-01T00:00:00Z")));
}
