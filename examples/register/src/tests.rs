//! The recipe on virtual time.

use mainspring::test::{TestApp, seconds};

use super::*;

fn ada() -> RegisterInput {
    RegisterInput {
        email: "ada@example.com".to_owned(),
        user_id: "u-1".to_owned(),
    }
}

#[mainspring::test]
async fn the_answer_does_not_wait_for_the_analytics(app: TestApp) {
    let analytics = Analytics::default();
    let app = app
        .start(super::app(UserStore::default(), analytics.clone()))
        .await;

    let answer = app.call::<Register>(ada()).await.unwrap();
    assert!(answer.ok);
    assert!(analytics.recorded().is_empty());

    app.advance(seconds(2)).await;
    let recorded = analytics.recorded();
    assert!(
        recorded.len() == 1 && recorded[0].starts_with("registered u-1 "),
        "{recorded:?}"
    );
}

#[mainspring::test]
async fn a_registration_that_fails_has_no_analytics(app: TestApp) {
    let analytics = Analytics::default();
    let app = app
        .start(super::app(UserStore::default(), analytics.clone()))
        .await;
    app.call::<Register>(ada()).await.unwrap();
    let refused = app.call::<Register>(ada()).await.unwrap_err();
    assert_eq!(refused.status(), Some(409));

    app.advance(seconds(60)).await;
    assert_eq!(analytics.recorded().len(), 1);
}
