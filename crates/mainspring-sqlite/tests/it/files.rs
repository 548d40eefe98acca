//! What may happen to the files.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::mpsc::channel;

use mainspring_core::error::ErrorKind;
use mainspring_core::job::{Payload, SessionId};
use mainspring_core::store::{PeerLock, RescueRules, Store};
use mainspring_sqlite::SqliteSource;

use crate::support::{Place, SOON, at};

#[tokio::test]
async fn a_deleted_or_replaced_file_is_gone_for_every_call() {
    let place = Place::new();
    let store = place.open();
    let job = place.job("a");
    store.enqueue(at(0), vec![job.clone()]).await.unwrap();
    fs::rename(place.path(), place.folder.path().join("moved")).unwrap();
    for replaced in [false, true] {
        if replaced {
            fs::write(place.path(), "something else").unwrap();
        }
        let write = store
            .enqueue(at(0), vec![place.job("a")])
            .await
            .unwrap_err();
        let read = store.get(job.id).await.unwrap_err();
        assert_eq!(
            (write.kind(), read.kind()),
            (ErrorKind::StoreGone, ErrorKind::StoreGone)
        );
    }
}

#[tokio::test]
async fn a_file_that_is_cut_is_corrupt() {
    let place = Place::new();
    let store = place.open();
    let file = fs::OpenOptions::new()
        .write(true)
        .open(place.path())
        .unwrap();
    file.set_len(0).unwrap();
    let error = store
        .enqueue(at(0), vec![place.job("a")])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_corrupt() {
    let place = Place::new();
    place.open().close().await.unwrap();
    let mut file = fs::OpenOptions::new()
        .write(true)
        .open(place.path())
        .unwrap();
    file.write_all(b"SQLite format 4\0").unwrap();
    let error = SqliteSource::new(place.path())
        .open_blocking(at(0))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
}

#[tokio::test]
async fn a_flipped_bit_of_a_payload_is_found() {
    let place = Place::new();
    let store = place.open();
    let mut job = place.job("a");
    let needle = "needle-in-the-file";
    job.payload = Payload::from_json(format!("{needle:?}"), 1).unwrap();
    store.enqueue(at(0), vec![job.clone()]).await.unwrap();
    store.close().await.unwrap();
    let bytes = fs::read(place.path()).unwrap();
    let at_byte = bytes
        .windows(needle.len())
        .position(|window| window == needle.as_bytes());
    let mut file = fs::OpenOptions::new()
        .write(true)
        .open(place.path())
        .unwrap();
    file.seek(SeekFrom::Start(at_byte.unwrap() as u64)).unwrap();
    file.write_all(b"N").unwrap();
    drop(file);
    let store = place.open();
    let session = place.session(&store).await;
    let claimed = place.claim(&store, session).await.jobs;
    assert!(!claimed[0].payload.is_intact());
}

#[tokio::test]
async fn a_newer_or_other_schema_is_refused() {
    let newer = "INSERT INTO mainspring_migration VALUES (99, 0, 0)";
    let other = "UPDATE mainspring_migration SET checksum = checksum + 1";
    for change in [newer, other] {
        let place = Place::new();
        place.open().close().await.unwrap();
        place.user().execute_batch(change).unwrap();
        let error = SqliteSource::new(place.path())
            .open_blocking(at(0))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Schema, "{change}");
    }
}

#[test]
fn a_migration_that_was_killed_half_way_is_done_again() {
    let place = Place::new();
    let user = place.user();
    user.execute_batch("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE")
        .unwrap();
    user.execute_batch("CREATE TABLE mainspring_store (one INTEGER)")
        .unwrap();
    drop(user);
    drop(place.open());
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'mainspring_job'";
    let found: i64 = place
        .user()
        .query_row(tables, [], |row| row.get(0))
        .unwrap();
    assert_eq!(found, 1);
}

#[tokio::test]
async fn two_who_open_a_new_file_at_once_open_the_same() {
    let place = Place::new();
    let (left, right) = tokio::join!(place.source(), place.source());
    assert_eq!(left.id(), right.id());
    left.enqueue(at(0), vec![place.job("a")]).await.unwrap();
    assert_eq!(right.counts().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_session_that_was_rescued_by_another_process_is_over_and_another_may_begin() {
    let place = Place::new();
    let (store, judge) = (place.open(), place.open());
    let session = place.session(&store).await;
    let peers = judge.peers().await.unwrap();
    assert_eq!((peers.len(), peers[0].lock), (1, PeerLock::Held));
    judge
        .rescue(at(5), session, RescueRules::default())
        .await
        .unwrap();
    assert!(store.peers().await.unwrap().is_empty());
    let request = place.request(session, &["a"], 1);
    let error = store.claim(at(5), request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced);
    store.close_session(at(5), session).await.unwrap();
    let job = place.job("a");
    store.enqueue(at(5), vec![job]).await.unwrap();
    let session = SessionId::new(&place.random, at(5));
    store.open_session(at(5), session, "again").await.unwrap();
    let request = place.request(session, &["a"], 1);
    assert_eq!(store.claim(at(6), request).await.unwrap().jobs.len(), 1);
}

#[tokio::test]
async fn a_session_whose_file_is_gone_is_dead_to_others_and_looks_for_itself() {
    let place = Place::new();
    let (store, other) = (place.open(), place.open());
    let session = place.session(&store).await;
    let (sender, hinted) = channel();
    store.on_hint(Arc::new(move || sender.send(()).unwrap_or_default()));
    let folder = place.folder.path().join("app.db-mainspring");
    fs::remove_file(folder.join(session.to_string())).unwrap();
    assert_eq!(other.peers().await.unwrap()[0].lock, PeerLock::Free);
    hinted.recv_timeout(SOON).unwrap();
}

#[tokio::test]
async fn large_payloads_are_what_was_written() {
    let place = Place::new();
    let store = place.open();
    let mut job = place.job("a");
    job.payload = Payload::from_json(vec![b'x'; 100_000], 3).unwrap();
    store.enqueue(at(0), vec![job.clone()]).await.unwrap();
    let session = place.session(&store).await;
    assert_eq!(
        place.claim(&store, session).await.jobs[0].payload,
        job.payload
    );
    assert_eq!(
        store.get(job.id).await.unwrap().unwrap().payload,
        job.payload
    );
}

#[tokio::test]
async fn copies_of_a_template_are_databases_of_their_own() {
    let place = Place::new();
    let template = place.folder.path().join("template.db");
    let copy = |name: &str| {
        let path = place.folder.path().join(name);
        SqliteSource::template(&template, &path, at(0))
            .unwrap()
            .open_blocking(at(0))
            .unwrap()
    };
    let (left, right) = (copy("left.db"), copy("right.db"));
    assert_ne!(left.id(), right.id());
    left.enqueue(at(0), vec![place.job("a")]).await.unwrap();
    assert!(right.counts().await.unwrap().is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn only_files_that_are_ours_lose_their_readers() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let place = Place::new();
    let store = place.open();
    assert_eq!(mode(&place.path()), 0o600);
    let session = place.session(&store).await;
    let folder = place.folder.path().join("app.db-mainspring");
    assert_eq!(mode(&folder.join(session.to_string())), 0o600);
    store.close_session(at(1), session).await.unwrap();
    assert!(
        !folder.join(session.to_string()).exists(),
        "a session takes its file along"
    );
    store.close().await.unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o644)).unwrap();
    drop(place.open());
    assert_eq!(mode(&place.path()), 0o644);
}

#[tokio::test]
async fn a_closed_store_leaves_no_log() {
    let place = Place::new();
    let store = place.open();
    store.enqueue(at(0), vec![place.job("a")]).await.unwrap();
    store.close().await.unwrap();
    let log = fs::metadata(place.folder.path().join("app.db-wal"));
    assert_eq!(log.map_or(0, |log| log.len()), 0);
    let error = store
        .enqueue(at(0), vec![place.job("a")])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn files_of_sessions_that_nobody_knows_are_swept_away_by_the_next() {
    let place = Place::new();
    let store = place.open();
    let alive = place.session(&store).await;
    let dead = SessionId::new(&place.random, at(1));
    let other = place.open();
    other.open_session(at(1), dead, "dead").await.unwrap();
    other.forsake(dead);
    let folder = place.folder.path().join("app.db-mainspring");
    let stray = folder.join(SessionId::new(&place.random, at(2)).to_string());
    fs::write(&stray, [0; 8]).unwrap();
    let next = SessionId::new(&place.random, at(3));
    store.open_session(at(3), next, "next").await.unwrap();
    assert!(!stray.exists());
    for known in [alive, dead, next] {
        assert!(folder.join(known.to_string()).exists(), "{known} is known");
    }
}

#[test]
fn a_new_database_makes_its_folder_and_an_impossible_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some/where/a.db");
    let source = SqliteSource::new(&path);
    assert_eq!(source.path(), path);
    source.open_blocking(at(0)).unwrap();
    assert!(path.exists());
    let error = SqliteSource::new(path.join("b.db"))
        .open_blocking(at(0))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    let shown = format!("the folder {} of the database", path.display());
    assert!(error.to_string().contains(&shown), "{error}");
    assert!(error.hint().is_some());
}
