//! Several apps in one test: one clock, one network, everything else their own.

use mainspring::prelude::*;
use mainspring::test::{TestApp, minutes, timestamp};

fn ticking(name: &str, every: u64) -> App {
    App::new(name).periodic("tick", Every::minutes(every), |_tick| async { Ok(()) })
}

#[mainspring::test(start = "2026-03-28T00:00:00Z")]
async fn two_apps_share_time_and_nothing_else(app: TestApp) {
    let one = app.start(ticking("one", 1)).await;
    let other = app.start(ticking("other", 2)).await;
    app.advance(minutes(4)).await;
    assert_eq!(one.runs_of("tick").len(), 4);
    assert_eq!(other.runs_of("tick").len(), 2);
    assert_ne!(one.addresses(), other.addresses());

    one.shutdown("done");
    let report = one.stopped().await;
    assert_eq!(report.app, "one");
    other.advance_to(timestamp("2026-03-28T00:10:00Z")).await;
    assert_eq!(one.runs_of("tick").len(), 4);
    assert_eq!(other.runs_of("tick").len(), 5);
    assert_eq!(other.health("/ready").await.0, 200);
}

#[mainspring::test]
async fn a_taken_address_is_a_conflict(app: TestApp) {
    let app = app.with_env("MAINSPRING_HEALTH_ADDR", "127.0.0.1:9090");
    let _one = app.start(App::new("one")).await;
    let report = app.try_start(App::new("other")).await.unwrap_err();
    let text = report.to_string();
    assert!(text.contains("MAINSPRING_HEALTH_ADDR"), "{text}");
}

#[mainspring::test]
async fn a_hundred_apps_live_side_by_side(app: TestApp) {
    let mut apps = Vec::new();
    for _ in 0..100 {
        apps.push(app.start(ticking("one of many", 1)).await);
    }
    app.advance(minutes(3)).await;
    assert!(apps.iter().all(|app| app.runs_of("tick").len() == 3));
}
