//! The same app on virtual time, where hours have to pass.

use std::path::Path;

use mainspring::prelude::*;
use mainspring::test::{CallError, StartedApp, TestApp, seconds, timestamp};
use quickstart::{DemoSleep, Register, RegisterInput, Settings, SleepInput, SleepOutput};
use tempfile::TempDir;

use crate::service::lines;

pub(crate) fn app_in(folder: &Path) -> App {
    let settings = Settings {
        data: folder.to_owned(),
        // What a test writes need not survive a power failure.
        database_url: Some(format!(
            "sqlite:{}/app.db?synchronous=off",
            folder.display()
        )),
        popular: None,
        trigger_key: None,
    };
    quickstart::app(&settings).unwrap()
}

async fn started(app: TestApp) -> (StartedApp, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let app = app.start(app_in(folder.path())).await;
    (app, folder)
}

#[mainspring::test(start = "2026-03-28T00:00:00Z")]
async fn two_hours_of_reports(app: TestApp) {
    let (app, folder) = started(app).await;
    let ada = RegisterInput {
        email: "ada@example.com".to_owned(),
        user_id: "u-1".to_owned(),
    };
    app.advance(seconds(12)).await;
    app.call::<Register>(ada).await.unwrap();
    app.advance_to(timestamp("2026-03-28T02:00:00Z")).await;

    let reports = lines(&folder.path().join("reports.jsonl"));
    assert_eq!(reports.len(), 1_440);
    let mut due = timestamp("2026-03-28T00:00:00Z");
    for (number, report) in reports.iter().enumerate() {
        due = due.checked_add(seconds(5)).unwrap();
        assert_eq!(report["scheduledFor"], due.to_string());
        assert_eq!(report["ranAt"], due.to_string());
        assert_eq!(report["registered"], u64::from(number >= 2));
    }
}

#[mainspring::test]
async fn a_sleep_takes_what_it_says_and_at_most_25_seconds(app: TestApp) {
    let (app, _folder) = started(app).await;
    for ms in [0, 1, 1500, 25_000] {
        let before = app.now();
        let answer = app
            .run_until(app.call::<DemoSleep>(SleepInput { ms }))
            .await;
        assert!(answer.unwrap().ok);
        let took = app.now().duration_since(before);
        assert_eq!(took.as_millis(), i128::from(ms));
    }
    for ms in [25_001, u64::MAX] {
        let refused = app.call::<DemoSleep>(SleepInput { ms }).await.unwrap_err();
        assert_eq!(refused.status(), Some(422));
        assert_eq!(refused.field("ms"), Some("must be 0 to 25000"));
    }
}

#[mainspring::test]
async fn a_stop_waits_for_a_sleep_that_fits_its_budget(app: TestApp) {
    let (app, _folder) = started(app).await;
    let (answer, report) = sleep_and_stop(&app, 9_000).await;
    assert!(answer.unwrap().ok);
    assert_eq!(report.exit_code(), 0, "{report}");
}

#[mainspring::test]
async fn a_stop_cuts_a_sleep_that_does_not_and_names_it(app: TestApp) {
    let (app, _folder) = started(app).await;
    let (answer, report) = sleep_and_stop(&app, 25_000).await;
    assert!(answer.is_err(), "{answer:?}");
    assert_eq!(report.exit_code(), 3, "{report}");
    assert!(report.to_string().contains("demo.sleep"), "{report}");
}

/// Asks for a sleep, then for the end.
async fn sleep_and_stop(
    app: &StartedApp,
    ms: u64,
) -> (Result<SleepOutput, CallError>, ShutdownReport) {
    let stopped = async {
        app.settle().await;
        app.signal(Signal::Terminate);
        app.stopped().await
    };
    tokio::join!(app.call::<DemoSleep>(SleepInput { ms }), stopped)
}
