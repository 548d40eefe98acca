//! What the test kit offers for durable jobs.

use mainspring::job::State;
use mainspring::prelude::*;
use mainspring::sqlite::rusqlite::{Connection, TransactionBehavior};
use mainspring::test::{Point, TestApp, days, hours, minutes, timestamp};
use serde::{Deserialize, Serialize};

use crate::rig::{Notes, panic_of};

#[derive(Serialize, Deserialize, Job)]
#[job(kind = "mail", max_attempts = 5)]
struct Mail {
    to: u32,
}

#[derive(Serialize, Deserialize, Job)]
#[job(kind = "report")]
struct Report;

/// Notes each body at its start and, a minute later, at its end.
fn post(jobs: Jobs, notes: &Notes) -> App {
    let notes = notes.clone();
    App::new("post")
        .jobs(jobs)
        .worker_fn(move |ctx: JobContext, mail: Mail| {
            let notes = notes.clone();
            async move {
                notes.note(format!("begin {}", mail.to));
                ctx.sleep(minutes(1)).await?;
                notes.note(format!("end {}", mail.to));
                Ok(Done)
            }
        })
}

#[mainspring::test]
async fn what_is_due_runs_and_time_stays(app: TestApp) {
    let (jobs, start) = (app.jobs(), app.now());
    let quick = App::new("quick")
        .jobs(jobs.clone())
        .worker_fn(|_ctx: JobContext, _mail: Mail| async { Ok(()) });
    let app = app.start(quick).await;
    let now = jobs.enqueue(Mail { to: 1 }).await.unwrap();
    let later = jobs.enqueue(Mail { to: 2 }).after(hours(1)).await.unwrap();
    app.run_due().await;
    assert_eq!(app.now(), start);
    assert_eq!(app.history(now.id()).await.len(), 1);
    assert!(app.history(later.id()).await.is_empty());
    app.assert_ran::<Mail>(|mail| mail.to == 1).await;
    app.assert_enqueued::<Mail>(|mail| mail.to == 2).await;
    app.assert_not_enqueued::<Mail>(|mail| mail.to == 3).await;
    app.assert_not_enqueued::<Report>(|_| true).await;
    app.advance(hours(1)).await;
    app.assert_ran::<Mail>(|mail| mail.to == 2).await;
}

#[test]
fn a_failed_assertion_says_what_there_is() {
    let said = panic_of(|| {
        mainspring::test::run(mainspring::test::Options::new(), |app| async move {
            let jobs = app.jobs();
            let app = app.start(App::new("empty").jobs(jobs.clone())).await;
            jobs.enqueue(Mail { to: 7 }).await.unwrap();
            app.assert_enqueued::<Mail>(|mail| mail.to == 8).await;
        });
    });
    assert!(said.contains("no `mail` that fits"), "{said}");
    assert!(
        said.contains("mail ready") && said.contains(r#"{"to":7}"#),
        "{said}"
    );
    assert!(said.contains("jobs_kit.rs"), "{said}");
}

#[mainspring::test]
async fn an_open_transaction_shows_its_own_jobs(app: TestApp) {
    let jobs = app.jobs();
    let app = app.start(App::new("empty").jobs(jobs.clone())).await;
    let mut db = Connection::open(app.database_path()).unwrap();
    for commits in [false, true] {
        let immediate = TransactionBehavior::Immediate;
        let mut tx = db.transaction_with_behavior(immediate).unwrap();
        jobs.enqueue(Mail { to: 1 })
            .in_tx_blocking(&mut tx)
            .unwrap();
        app.assert_enqueued_in_blocking(&mut tx, |mail: &Mail| mail.to == 1);
        app.assert_not_enqueued::<Mail>(|_| true).await;
        match commits {
            true => tx.commit().unwrap(),
            false => tx.rollback().unwrap(),
        }
    }
    app.assert_enqueued::<Mail>(|mail| mail.to == 1).await;
}

#[mainspring::test]
async fn fires_of_a_schedule_are_runs_of_its_name(app: TestApp) {
    let weekly = Cron::new("0 3 * * TUE").in_zone("Europe/London");
    let reports = App::new("reports")
        .jobs(app.jobs())
        .schedule("weekly", weekly, |_tick| Report)
        .worker_fn(|_ctx: JobContext, _report: Report| async { Ok(()) });
    let app = app.start(reports).await;
    app.advance(days(14)).await;
    let fires = ["2026-01-06T03:00:00Z", "2026-01-13T03:00:00Z"];
    assert_eq!(app.runs_of("weekly"), fires.map(timestamp));
}

#[test]
fn the_file_goes_with_the_test() {
    let path = mainspring::test::run(mainspring::test::Options::new(), |app| async move {
        drop(app.start(App::new("empty").jobs(app.jobs())).await);
        assert!(app.database_path().exists() && app.database_url().starts_with("sqlite:/"));
        app.database_path()
    });
    assert!(!path.exists() && !path.parent().unwrap().exists());
}

/// Lets the only worker die at the point, starts the app again, and says what the bodies noted, in
/// how many claims, and in how many charged attempts.
async fn dies_at(app: &TestApp, point: Point) -> (Vec<String>, u32, u32) {
    let notes = Notes::default();
    let jobs = app.jobs();
    let first = app.start(post(jobs.clone(), &notes)).await;
    first.crash_worker_at(point);
    let id = jobs.enqueue(Mail { to: 1 }).await.unwrap().id();
    app.advance(minutes(2)).await;
    assert!(first.has_crashed(), "{point:?}");
    assert!(jobs.get(id).await.is_err(), "the dead answer nothing");

    let jobs = app.jobs();
    let second = app.start(post(jobs.clone(), &notes)).await;
    app.advance(minutes(2)).await;
    second.assert_ran::<Mail>(|mail| mail.to == 1).await;
    let job = jobs.get(id).await.unwrap().unwrap();
    assert_eq!(job.state, State::Succeeded);
    second.shutdown("done");
    assert_eq!(second.stopped().await.exit_code(), 0);
    (notes.all(), job.claims, job.attempts)
}

#[mainspring::test]
async fn a_worker_that_dies_before_its_body_costs_no_attempt(app: TestApp) {
    for point in [Point::BeforeClaimReply, Point::AfterClaim] {
        let (notes, claims, attempts) = dies_at(&app, point).await;
        assert_eq!(notes, ["begin 1", "end 1"], "{point:?}");
        assert_eq!((claims, attempts), (2, 1), "{point:?}");
    }
}

#[mainspring::test]
async fn a_worker_that_dies_in_its_body_runs_it_again(app: TestApp) {
    let (notes, claims, attempts) = dies_at(&app, Point::BodyStarted).await;
    assert_eq!(notes, ["begin 1", "begin 1", "end 1"]);
    assert_eq!((claims, attempts), (2, 2));
}

#[mainspring::test]
async fn a_worker_that_dies_before_its_finish_runs_its_body_again(app: TestApp) {
    let (notes, claims, attempts) = dies_at(&app, Point::BodyEnded).await;
    assert_eq!(notes, ["begin 1", "end 1", "begin 1", "end 1"]);
    assert_eq!((claims, attempts), (2, 2));
}

#[mainspring::test]
async fn a_worker_that_dies_after_its_finish_is_done(app: TestApp) {
    let (notes, claims, attempts) = dies_at(&app, Point::AfterFinish).await;
    assert_eq!(notes, ["begin 1", "end 1"]);
    assert_eq!((claims, attempts), (1, 1));
}

#[mainspring::test(flavor = "multi_thread")]
async fn all_deaths_are_survived_on_several_threads(app: TestApp) {
    for point in Point::ALL {
        dies_at(&app, point).await;
    }
}
