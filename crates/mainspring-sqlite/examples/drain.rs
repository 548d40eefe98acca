//! How many jobs a second the store itself takes in and gives out.

use std::sync::Arc;
use std::time::Instant;

use mainspring_core::job::{JobId, Payload, SessionId, Token, Verdict};
use mainspring_core::random::Random;
use mainspring_core::store::{ClaimRequest, Finish, NewJob, QueueClaim, Store, StoreSource};
use mainspring_core::time::Timestamp;
use mainspring_sqlite::SqliteSource;

const JOBS: usize = 200_000;

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "a measurement takes real time")]
async fn main() -> Result<(), mainspring_core::error::Error> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let store = SqliteSource::new(folder.path().join("a.db"));
    let now = Timestamp::from_second(1_790_000_000).unwrap_or_default();
    let store: Arc<dyn Store> = store.open(now).await?;
    let random = Random::seeded(7);
    let payload = Payload::from_json(vec![b'7'; 100], 1)?;
    let started = Instant::now();
    for batch in 0..JOBS / 1_000 {
        // Ids grow with time: a thousand jobs take some milliseconds.
        let millis = i64::try_from(batch).unwrap_or(0) * 10;
        let now = Timestamp::from_millisecond(1_790_000_000_000 + millis).unwrap_or_default();
        let jobs = (0..1_000).map(|_| {
            let id = JobId::new(&random, now);
            NewJob::new(id, "noop", now, payload.clone())
        });
        store.enqueue(now, jobs.collect()).await?;
    }
    tell("enqueue(1000)", JOBS, started);
    let now = Timestamp::from_second(1_790_000_100).unwrap_or_default();
    let session = SessionId::new(&random, now);
    store.open_session(now, session, "drain").await?;
    let mut ended = Vec::new();
    let started = Instant::now();
    let mut drained = 0;
    loop {
        let queue = QueueClaim::new("default".into(), Arc::from([Arc::from("noop")]), 1_000);
        let request = ClaimRequest::new(session, Token::new(&random), vec![queue]);
        let finish = store.finish(now, std::mem::take(&mut ended));
        let claim = store.claim(now, request);
        let (finished, claimed) = tokio::join!(finish, claim);
        drained += finished?.len();
        let claimed = claimed?.jobs;
        if claimed.is_empty() && drained == JOBS {
            break;
        }
        let end = |job: mainspring_core::store::ClaimedJob| {
            Finish::new(job.claim, Verdict::Succeed { output: None }, Some(now))
        };
        ended = claimed.into_iter().map(end).collect();
    }
    tell("claim+finish(1000)", JOBS, started);
    store.close().await?;
    least(&folder.path().join("b.db")).expect("the hand-written loop runs");
    Ok(())
}

/// The least that a queue must do, by hand: insert, and claim the next while deleting the last.
#[expect(clippy::disallowed_methods, reason = "a measurement takes real time")]
fn least(path: &std::path::Path) -> mainspring_sqlite::rusqlite::Result<()> {
    let db = mainspring_sqlite::rusqlite::Connection::open(path)?;
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;
         CREATE TABLE job (id INTEGER PRIMARY KEY, state INTEGER, payload BLOB);
         CREATE INDEX ready ON job (id) WHERE state = 1;",
    )?;
    let payload = vec![b'7'; 100];
    let started = Instant::now();
    for _ in 0..JOBS / 1_000 {
        db.execute_batch("BEGIN IMMEDIATE")?;
        let mut insert = db.prepare("INSERT INTO job (state, payload) VALUES (1, ?1)")?;
        for _ in 0..1_000 {
            insert.execute((&payload,))?;
        }
        db.execute_batch("COMMIT")?;
    }
    tell("by hand: insert(1000)", JOBS, started);
    let started = Instant::now();
    let mut held: Vec<i64> = Vec::new();
    let mut select =
        db.prepare("SELECT id, payload FROM job WHERE state = 1 ORDER BY id LIMIT 1000")?;
    let mut claim = db.prepare("UPDATE job SET state = 2 WHERE id = ?1")?;
    let mut delete = db.prepare("DELETE FROM job WHERE id = ?1")?;
    loop {
        db.execute_batch("BEGIN IMMEDIATE")?;
        for id in held.drain(..) {
            delete.execute((id,))?;
        }
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)))?;
        let rows = rows.collect::<Result<Vec<(i64, _)>, _>>()?;
        for (id, _) in &rows {
            claim.execute((id,))?;
        }
        db.execute_batch("COMMIT")?;
        held.extend(rows.iter().map(|(id, _)| id));
        if held.is_empty() {
            break;
        }
    }
    tell("by hand: claim+delete(1000)", JOBS, started);
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a measurement takes real time")]
fn tell(what: &str, jobs: usize, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    println!("{what}: {:.0} jobs/s", jobs as f64 / seconds);
}
