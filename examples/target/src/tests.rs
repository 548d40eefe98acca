//! The design's target test, and what it promises about transactions and crashes.

use mainspring::test::{Point, TestApp, days, minutes, timestamp};

use super::*;

fn ada() -> RegisterInput {
    RegisterInput {
        email: "ada@example.com".into(),
    }
}

#[mainspring::test(start = "2026-03-28T00:00:00Z")] // virtual time; a private SQLite file
async fn a_week(app: TestApp) {
    let stores = Stores::on(&app.database_path());
    let (analytics, mailer) = (stores.analytics.clone(), stores.mailer.clone());
    let app = app.start(accounts(app.jobs(), stores)).await;
    app.call::<Register>(ada()).await.unwrap();
    app.assert_enqueued::<WelcomeMail>(|job| job.user_id == 1)
        .await;
    app.advance(days(7)).await; // cron, delays, retries, timeouts: all of it
    assert_eq!(analytics.recorded(), [1]);
    assert_eq!(mailer.sent(), [1]);
    // British summer time.
    assert_eq!(
        app.runs_of("nightly-report"),
        [timestamp("2026-03-31T02:00:00Z")]
    );
}

#[mainspring::test]
async fn a_registration_that_is_rolled_back_has_no_mail(app: TestApp) {
    let stores = Stores::on(&app.database_path());
    let (users, jobs) = (stores.users.clone(), app.jobs());
    let app = app.start(accounts(jobs.clone(), stores)).await;
    let mut tx = users.begin_immediate().await.unwrap();
    let user_id = users.create(&mut tx, &ada()).await.unwrap();
    let mail = jobs.enqueue(WelcomeMail { user_id });
    mail.in_tx(&mut tx).await.unwrap();
    app.assert_enqueued_in(&mut tx, |mail: &WelcomeMail| mail.user_id == user_id)
        .await;
    tx.rollback().await.unwrap();
    app.run_due().await;
    app.assert_not_enqueued::<WelcomeMail>(|_| true).await;
}

#[mainspring::test]
async fn a_mail_is_sent_once_although_its_worker_dies(app: TestApp) {
    let stores = Stores::on(&app.database_path());
    let mailer = stores.mailer.clone();
    let dies = app.start(accounts(app.jobs(), stores)).await;
    dies.crash_worker_at(Point::BodyEnded);
    dies.call::<Register>(ada()).await.unwrap();
    dies.run_due().await;
    assert!(dies.has_crashed());

    let mut stores = Stores::on(&app.database_path());
    stores.mailer = mailer.clone();
    let app = app.start(accounts(app.jobs(), stores)).await;
    app.advance(minutes(1)).await;
    app.assert_ran::<WelcomeMail>(|job| job.user_id == 1).await;
    assert_eq!(mailer.sent(), [1]);
}
