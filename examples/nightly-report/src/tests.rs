//! The recipe on virtual time.

use mainspring::test::{TestApp, days, timestamp};

#[mainspring::test(start = "2026-03-20T00:00:00Z")]
async fn two_tuesdays_around_the_change_of_the_clocks(app: TestApp) {
    let app = app.start(super::app()).await;
    app.advance(days(14)).await;
    let winter = timestamp("2026-03-24T03:00:00Z");
    let summer = timestamp("2026-03-31T02:00:00Z");
    assert_eq!(app.runs_of("nightly-report"), [winter, summer]);
}
