//! The recipe on virtual time.

use mainspring::test::TestApp;

use super::*;

#[mainspring::test]
async fn the_cache_is_warm_before_the_app_is_ready(app: TestApp) {
    let store = CacheStore::default();
    app.start(super::app(store.clone())).await;
    assert_eq!(store.len(), 2);
}

#[mainspring::test]
async fn a_cache_that_cannot_be_filled_aborts_the_boot(app: TestApp) {
    let report = app
        .try_start(super::app(CacheStore::broken()))
        .await
        .unwrap_err();
    assert_eq!(report.exit_code(), 1);
    assert!(report.to_string().contains("warm-cache"), "{report}");
}
