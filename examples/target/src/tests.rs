//! The design's target test.

use mainspring::test::{TestApp, days, timestamp};

use super::*;

#[mainspring::test(start = "2026-03-28T00:00:00Z")] // virtual time
async fn a_week(app: TestApp) {
    let stores = Stores::default();
    let analytics = stores.analytics.clone();
    let app = app.start(accounts(stores)).await;
    app.call::<Register>(RegisterInput {
        email: "ada@example.com".into(),
    })
    .await
    .unwrap();
    app.advance(days(7)).await; // cron, follow-ups, timeouts: all of it
    assert_eq!(analytics.recorded(), [1]);
    // British summer time.
    assert_eq!(
        app.runs_of("nightly-report"),
        [timestamp("2026-03-31T02:00:00Z")]
    );
}
