//! Jobs and the service's own transactions, on virtual time.

use mainspring::error::ErrorKind;
use mainspring::job::State;
use mainspring::sqlite::rusqlite::{self, Connection, TransactionBehavior};
use mainspring::test::{StartedApp, TestApp, seconds};
use tempfile::TempDir;

use super::*;

/// The service, and a connection of somebody else on its file.
struct Started {
    app: StartedApp,
    jobs: Jobs,
    other: Connection,
    _folder: TempDir,
}

async fn start(app: TestApp) -> Started {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("parcels.sqlite");
    let jobs = jobs(&file);
    Started {
        app: app.start(super::app(&file, &jobs)).await,
        jobs,
        other: Connection::open(file).unwrap(),
        _folder: folder,
    }
}

impl Started {
    async fn send(&self) -> ParcelOutput {
        let address = "Reykjavik".to_owned();
        let input = ParcelInput { address };
        self.app.call::<SendParcel>(input).await.unwrap()
    }

    /// How many jobs there are in this state.
    async fn count(&self, state: State) -> u64 {
        let counts = self.jobs.counts().await.unwrap();
        let of_state = counts.iter().filter(|count| count.state == state);
        of_state.map(|count| count.jobs).sum()
    }

    fn number(&self, query: &str) -> i64 {
        self.other.query_row(query, [], |row| row.get(0)).unwrap()
    }
}

#[test]
fn it_is_built_with_the_newest_sqlite_of_the_range() {
    assert!(rusqlite::version_number() >= 3_054_000);
}

#[mainspring::test]
async fn a_commit_runs_the_job_which_completes_with_its_effect(app: TestApp) {
    let started = start(app).await;
    let parcel = started.send().await;
    assert_eq!(parcel, ParcelOutput { id: 1 });
    started.app.advance(seconds(1)).await;
    assert_eq!(started.count(State::Succeeded).await, 1);
    let delivered = "select delivered from parcels where id = 1";
    assert_eq!(started.number(delivered), 1);
}

#[mainspring::test]
async fn a_rollback_leaves_no_job(app: TestApp) {
    let mut started = start(app).await;
    let behavior = TransactionBehavior::Immediate;
    let mut tx = started.other.transaction_with_behavior(behavior).unwrap();
    let many = (1..=3).map(|parcel| Deliver { parcel });
    let many = started.jobs.enqueue_all(many);
    many.in_tx_blocking(&mut tx).unwrap();
    tx.rollback().unwrap();
    started.app.advance(seconds(1)).await;
    assert!(started.jobs.counts().await.unwrap().is_empty());
}

#[mainspring::test]
async fn a_deferred_transaction_is_told_how_to_begin(app: TestApp) {
    let started = start(app).await;
    let tx = started.other.unchecked_transaction().unwrap();
    assert_eq!(started.number("select count(*) from parcels"), 0);
    drop(started.send().await);
    let job = started.jobs.enqueue(Deliver { parcel: 1 });
    let mut tx = tx;
    let error = job.in_tx_blocking(&mut tx).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Contended);
    let hint = error.hint().unwrap();
    assert!(hint.contains("BEGIN IMMEDIATE"), "{hint}");
}

#[mainspring::test]
async fn a_connection_without_a_transaction_is_refused(app: TestApp) {
    let mut started = start(app).await;
    let job = started.jobs.enqueue(Deliver { parcel: 1 });
    let error = job.in_tx_blocking(&mut started.other).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(started.jobs.counts().await.unwrap().is_empty());
}

#[mainspring::test]
async fn an_enqueue_past_ones_own_transaction_fails_instead_of_waiting(app: TestApp) {
    let mut started = start(app).await;
    let behavior = TransactionBehavior::Immediate;
    let mut tx = started.other.transaction_with_behavior(behavior).unwrap();
    let inside = started.jobs.enqueue(Deliver { parcel: 1 });
    inside.in_tx_blocking(&mut tx).unwrap();
    // It wants the lock that this very task holds.
    let past = started.jobs.enqueue(Deliver { parcel: 2 }).await;
    let error = past.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Contended);
    let hint = error.hint().unwrap();
    assert!(hint.contains("in_tx"), "{hint}");
    tx.commit().unwrap();
    started.app.advance(seconds(1)).await;
    assert_eq!(started.count(State::Succeeded).await, 1);
}
