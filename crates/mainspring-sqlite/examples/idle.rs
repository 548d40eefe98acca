//! What an idle store costs: the processor time of an open store with a session, in percent of one
//! core (Linux).

use std::time::{Duration, Instant};

use mainspring_core::job::SessionId;
use mainspring_core::random::Random;
use mainspring_core::store::StoreSource;
use mainspring_core::time::Timestamp;
use mainspring_sqlite::SqliteSource;

const WATCHED: Duration = Duration::from_secs(20);

/// Ticks of `/proc/self/stat` in a second, as Linux has them everywhere.
const TICKS: f64 = 100.0;

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "a measurement takes real time")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let now = Timestamp::from_second(1_790_000_000)?;
    let store = SqliteSource::new(folder.path().join("a.db"))
        .open(now)
        .await?;
    let session = SessionId::new(&Random::seeded(7), now);
    store.open_session(now, session, "idle").await?;
    // The log is emptied after a second of rest, and the writer dozes after two; what is before is
    // not counted.
    std::thread::sleep(Duration::from_secs(4));
    let (began, used) = (Instant::now(), ticks()?);
    std::thread::sleep(WATCHED);
    let used = (ticks()? - used) / TICKS;
    let percent = used / began.elapsed().as_secs_f64() * 100.0;
    let load = std::fs::read_to_string("/proc/loadavg")?;
    println!("idle: {percent:.2} % of a core; load {}", load.trim());
    store.close().await?;
    Ok(())
}

/// Processor time of this process so far, user and system.
fn ticks() -> Result<f64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || -> Result<f64, Box<dyn std::error::Error>> {
        Ok(fields.next().ok_or("a field is missing")?.parse()?)
    };
    Ok(next()? + next()?)
}
