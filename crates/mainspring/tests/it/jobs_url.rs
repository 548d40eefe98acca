//! The handle of jobs that a URL gives.

use mainspring::error::ErrorKind;
use mainspring::prelude::*;
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
