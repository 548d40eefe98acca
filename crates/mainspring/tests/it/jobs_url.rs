//! The handle of jobs that a URL gives.

use mainspring::environment::DATABASE_URL;
use mainspring::error::ErrorKind;
use mainspring::prelude::*;
use mainspring::sqlite::SqliteSource;
use mainspring::test::TestApp;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Job)]
#[job(kind = "mail")]
struct Mail(u8);

#[tokio::test]
async fn jobs_in_memory_belong_to_their_handle() {
    let (one, other) = (mainspring::jobs("memory:"), mainspring::jobs("memory:"));
    one.connect().await.unwrap();
    other.connect().await.unwrap();
    let id = one.enqueue(Mail(1)).await.unwrap().id();
    assert!(one.clone().get(id).await.unwrap().is_some());
    assert!(other.get(id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_file_keeps_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("jobs.db").display());
    let jobs = mainspring::jobs(&url);
    jobs.connect().await.unwrap();
    let id = jobs.enqueue(Mail(1)).await.unwrap().id();
    jobs.close().await.unwrap();
    let again = mainspring::jobs(&url);
    again.connect().await.unwrap();
    assert!(again.get(id).await.unwrap().is_some());
    again.close().await.unwrap();
}

#[mainspring::test]
async fn the_environment_wins_over_the_url_of_the_code(app: TestApp) {
    let folder = tempfile::tempdir().unwrap();
    let (code, named) = (
        folder.path().join("code.db"),
        folder.path().join("named.db"),
    );
    let url = |path: &std::path::Path| format!("sqlite:{}", path.display());
    let moved = app.clone().with_env(DATABASE_URL, url(&named));
    let jobs = mainspring::jobs(url(&code));
    let started = moved.start(App::new("moved").jobs(jobs.clone())).await;
    let id = jobs.enqueue(Mail(1)).await.unwrap().id();
    started.shutdown("done");
    assert_eq!(started.stopped().await.exit_code(), 0);
    assert!(named.exists() && !code.exists());

    // An empty one counts as none, and a handle made of a store stays where it is.
    for (value, jobs) in [
        (String::new(), mainspring::jobs(url(&named))),
        (url(&code), Jobs::new(SqliteSource::new(&named))),
    ] {
        let app = app.clone().with_env(DATABASE_URL, value);
        let started = app.start(App::new("stays").jobs(jobs.clone())).await;
        assert!(jobs.get(id).await.unwrap().is_some());
        started.shutdown("done");
        assert_eq!(started.stopped().await.exit_code(), 0);
    }
    assert!(!code.exists());
}

#[mainspring::test]
async fn a_wrong_url_of_the_environment_is_named_with_its_variable(app: TestApp) {
    let app = app
        .with_env(DATABASE_URL, "mysql://ada:lovelace@db/app")
        .with_env("MAINSPRING_ENV", "prod");
    let wrong = App::new("wrong").jobs(mainspring::jobs("memory:"));
    let report = app.try_start(wrong).await.unwrap_err().to_string();
    for text in [DATABASE_URL, "`mysql:`", "MAINSPRING_ENV"] {
        assert!(report.contains(text), "{text} is in {report}");
    }
    assert!(!report.contains("lovelace"), "{report}");
}

#[tokio::test]
async fn a_url_of_no_database_is_a_configuration_error_without_its_secrets() {
    for url in [
        "mysql://ada:lovelace@db/app",
        "lovelace",
        "",
        "ada/lovelace:db",
        "memory:lovelace",
        "sqlite:",
        "://lovelace",
    ] {
        let jobs = mainspring::jobs(url);
        let error = jobs.connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        let refused = jobs.enqueue(Mail(1)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Closed, "{url}");
        let shown = format!("{error:?} {refused:?} {jobs:?}");
        assert!(!shown.contains("lovelace"), "{shown}");
        assert!(error.hint().is_some(), "{url}");
    }
}
