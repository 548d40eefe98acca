//! A long drain, and who else wants the file meanwhile.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mainspring_core::store::Store;
use mainspring_sqlite::SqliteStore;

use crate::support::{Place, Stopwatch, at, done, pause, thread};

/// How long the log may become: what is written between two times of writing it back, twice, for
/// pages change more than once.
const LOG_MAX: u64 = 64 * 1024 * 1024;

const JOBS: usize = 50_000;

async fn fill(place: &Place, store: &SqliteStore) {
    for _ in 0..JOBS / 1_000 {
        let jobs = std::iter::repeat_with(|| place.job("a")).take(1_000);
        store.enqueue(at(0), jobs.collect()).await.unwrap();
    }
}

/// Does all that waits, as an engine does, claiming and finishing at once.
async fn drain(place: &Place, store: &SqliteStore) -> usize {
    let session = place.session(store).await;
    let (mut ended, mut finished) = (Vec::new(), 0);
    loop {
        let finish = store.finish(at(2), std::mem::take(&mut ended));
        let claim = store.claim(at(2), place.request(session, &["a"], 500));
        let (told, claimed) = tokio::join!(finish, claim);
        finished += told.unwrap().len();
        ended.extend(claimed.unwrap().jobs.iter().map(|job| done(job.claim)));
        if ended.is_empty() {
            return finished;
        }
    }
}

#[tokio::test]
async fn a_user_writes_beside_a_full_drain() {
    let place = Place::new();
    let store = place.open();
    fill(&place, &store).await;
    let user = place.user();
    user.execute_batch("CREATE TABLE orders (one INTEGER)")
        .unwrap();
    // Whoever waits longer than a user usually does gets an error, which ends the test.
    user.busy_timeout(Duration::from_secs(5)).unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let end = Arc::clone(&over);
    let writing = thread(move || {
        let mut took = Vec::new();
        while !end.load(Ordering::Acquire) {
            let watch = Stopwatch::start();
            user.execute_batch("BEGIN IMMEDIATE; INSERT INTO orders VALUES (1); COMMIT")
                .unwrap();
            took.push(watch.seconds());
        }
        took
    });
    let watch = Stopwatch::start();
    assert_eq!(drain(&place, &store).await, JOBS);
    let drained = watch.seconds();
    over.store(true, Ordering::Release);
    let mut took = writing.join().unwrap();
    took.sort_by(f64::total_cmp);
    let at_part = |percent: usize| took[(took.len() - 1) * percent / 100];
    println!(
        "{JOBS} jobs drained in {drained:.1} s beside {} transactions of a user, no error: \
         p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms",
        took.len(),
        at_part(50) * 1e3,
        at_part(99) * 1e3,
        at_part(100) * 1e3
    );
}

#[tokio::test]
async fn the_log_stays_short_in_a_long_drain_and_a_reader_holds_it_only_while_it_reads() {
    let place = Place::new();
    let store = place.open();
    let log = || {
        fs::metadata(place.folder.path().join("app.db-wal"))
            .unwrap()
            .len()
    };
    fill(&place, &store).await;
    assert_eq!(drain(&place, &store).await, JOBS);
    let drained = log();
    println!("the log after {JOBS} jobs: {drained} bytes");
    assert!(drained < LOG_MAX, "{drained}");
    let reader = place.user();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM mainspring_job")
        .unwrap();
    fill(&place, &store).await;
    let held = log();
    assert!(held > drained, "{held}");
    reader.execute_batch("COMMIT").unwrap();
    fill(&place, &store).await;
    let after = log();
    println!("the log beside a reader: {held} bytes, after it {after}");
    let grown = || log() > 0;
    let emptied = std::iter::repeat_with(|| pause(Duration::from_millis(100)));
    let emptied = emptied.take(100).any(|()| !grown());
    assert!(emptied, "an idle store empties its log");
}
