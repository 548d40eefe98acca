//! The shortest life of an app in the kit.

use mainspring::prelude::*;
use mainspring::test::{Signal, TestApp, days, timestamp};

fn accounts() -> App {
    App::new("accounts")
        .periodic("purge-sessions", Every::minutes(15), |_tick| async {
            Ok(())
        })
        .periodic(
            "nightly-report",
            Cron::new("0 3 * * TUE").in_zone("Europe/London"),
            |_tick| async { Ok(()) },
        )
}

#[mainspring::test(start = "2026-03-28T00:00:00Z")]
async fn a_week(app: TestApp) {
    let app = app.start(accounts()).await;
    app.advance(days(7)).await;
    assert_eq!(
        app.runs_of("nightly-report"),
        [timestamp("2026-03-31T02:00:00Z")]
    );
    assert_eq!(app.runs_of("purge-sessions").len(), 7 * 24 * 4);
    app.signal(Signal::Terminate);
    let report = app.stopped().await;
    assert_eq!(report.exit_code(), 0, "{report}");
}
