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
    for _ in 0..JOBS / 1_000 {
        let jobs = (0..1_000).map(|_| {
            let id = JobId::new(&random, now);
            NewJob::new(id, "noop", now, payload.clone())
        });
        store.enqueue(now, jobs.collect()).await?;
    }
    tell("enqueue(1000)", JOBS, started);
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
    store.close().await
}

#[expect(clippy::disallowed_methods, reason = "a measurement takes real time")]
fn tell(what: &str, jobs: usize, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    println!("{what}: {:.0} jobs/s", jobs as f64 / seconds);
}
