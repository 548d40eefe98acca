//! A year of durable schedules, retries and a thousand jobs, in a moment.

use mainspring::prelude::*;
use mainspring::test::{TestApp, days, timestamp};
use serde::{Deserialize, Serialize};

const JOBS: u64 = 1_000;
const WEEKS: u64 = 52;

#[derive(Serialize, Deserialize, Job)]
#[job(kind = "letter", max_attempts = 5)]
struct Letter {
    number: u64,
}

#[derive(Serialize, Deserialize, Job)]
#[job(kind = "chore")]
struct Chore;

/// Every tenth letter fails twice, then arrives.
async fn deliver(ctx: JobContext, letter: Letter) -> Result<Outcome, BoxError> {
    if letter.number.is_multiple_of(10) && ctx.attempt() < 3 {
        return Err("nobody was at home".into());
    }
    Ok(Done)
}

fn office(jobs: Jobs) -> App {
    let chore = |_tick: Tick| Chore;
    App::new("office")
        .jobs(jobs)
        .schedule(
            "weekly",
            Cron::new("0 3 * * TUE").in_zone("Europe/London"),
            chore,
        )
        .schedule("monthly", Cron::new("0 0 1 * *"), chore)
        .schedule(
            "quarterly",
            Cron::new("0 9 1 1,4,7,10 *").in_zone("America/New_York"),
            chore,
        )
        .schedule(
            "fridays",
            Cron::new("30 17 * * FRI").in_zone("Asia/Kolkata"),
            chore,
        )
        .schedule("fortnight", Every::hours(14 * 24), chore)
        .worker_fn(deliver)
        .worker_fn(|_ctx: JobContext, _chore: Chore| async { Ok(()) })
}

#[mainspring::test(start = "2026-01-01T00:00:00Z")]
async fn a_year(app: TestApp) {
    let began = std::time::Instant::now();
    let jobs = app.jobs();
    let app = app.start(office(jobs.clone())).await;
    let start = app.now();
    for week in 0..WEEKS {
        let letters = (0..JOBS).filter(|number| number % WEEKS == week);
        let letters = letters.map(|number| Letter { number });
        let at = start + days(7 * week);
        jobs.enqueue_all(letters).at(at).await.unwrap();
    }
    app.advance(days(365)).await;
    let took = began.elapsed();
    println!("a year of 5 schedules and {JOBS} jobs took {took:?}");

    assert_eq!(app.runs_of("weekly").len(), 52);
    assert!(
        app.runs_of("weekly")
            .contains(&timestamp("2026-03-31T02:00:00Z"))
    );
    assert_eq!(app.runs_of("monthly").len(), 12);
    assert_eq!(app.runs_of("quarterly").len(), 4);
    assert_eq!(app.runs_of("fridays").len(), 52);
    assert_eq!(app.runs_of("fortnight").len(), 26);
    let metrics = app.metrics();
    let count = |outcome: &str| {
        let line = metrics.lines().find(|line| {
            line.starts_with("mainspring_jobs_total")
                && line.contains(r#"kind="letter""#)
                && line.contains(&format!(r#"outcome="{outcome}""#))
        });
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
    };
    assert_eq!(count("succeeded"), Some(JOBS), "{metrics}");
    assert_eq!(count("retried"), Some(JOBS / 10 * 2));
}
