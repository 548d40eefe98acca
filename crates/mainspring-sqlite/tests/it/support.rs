//! A store in a private folder.

use std::sync::Arc;
use std::time::Duration;

use mainspring_core::job::{JobId, Payload, SessionId, Token, Verdict};
use mainspring_core::random::Random;
use mainspring_core::store::{
    Claim, ClaimRequest, Claimed, Finish, NewJob, QueueClaim, Store, StoreSource,
};
use mainspring_core::time::Timestamp;
use mainspring_sqlite::{SqliteSource, SqliteStore};
use tempfile::TempDir;

/// A folder with a database in it.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) random: Random,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            random: Random::seeded(1),
        }
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("app.db")
    }

    pub(crate) fn open(&self) -> SqliteStore {
        SqliteSource::new(self.path()).open_blocking(at(0)).unwrap()
    }

    pub(crate) async fn source(&self) -> Arc<dyn Store> {
        SqliteSource::new(self.path()).open(at(0)).await.unwrap()
    }

    pub(crate) fn user(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }

    /// Whether the file is whole, asked of SQLite itself.
    pub(crate) fn check_integrity(&self) {
        let sql = "PRAGMA integrity_check";
        let told: String = self.user().query_row(sql, (), |row| row.get(0)).unwrap();
        assert_eq!(told, "ok");
    }

    pub(crate) fn job(&self, kind: &str) -> NewJob {
        let id = JobId::new(&self.random, at(0));
        NewJob::new(id, kind, at(0), Payload::from_json(&b"{}"[..], 1).unwrap())
    }

    pub(crate) async fn session(&self, store: &SqliteStore) -> SessionId {
        let session = SessionId::new(&self.random, at(0));
        store.open_session(at(0), session, "test").await.unwrap();
        session
    }

    pub(crate) fn token(&self) -> Token {
        Token::new(&self.random)
    }

    pub(crate) fn request(&self, session: SessionId, kinds: &[&str], max: usize) -> ClaimRequest {
        let kinds: Vec<Arc<str>> = kinds.iter().map(|kind| Arc::from(*kind)).collect();
        let queue = QueueClaim::new("default".into(), kinds.into(), max);
        ClaimRequest::new(session, self.token(), vec![queue])
    }

    pub(crate) async fn claim(&self, store: &SqliteStore, session: SessionId) -> Claimed {
        let request = self.request(session, &["a", "b"], 100);
        store.claim(at(1), request).await.unwrap()
    }
}

/// So many seconds after the epoch of the tests.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

pub(crate) fn done(claim: Claim) -> Finish {
    Finish::new(claim, Verdict::Succeed { output: None }, Some(at(1)))
}

/// As long as a test waits for what must come.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// What a future answers within this time; `None` if it does not, and may still.
pub(crate) async fn within<F: Future + Unpin>(time: Duration, future: &mut F) -> Option<F::Output> {
    #[expect(clippy::disallowed_methods, reason = "real time: a lock is waited for")]
    tokio::time::timeout(time, future).await.ok()
}

/// Real time, for waits of the store itself.
pub(crate) struct Stopwatch(std::time::Instant);

#[expect(clippy::disallowed_methods, reason = "real time: a lock is waited for")]
impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// Real time that must pass: a child process runs meanwhile, or the store rests.
#[expect(
    clippy::disallowed_methods,
    reason = "real time: other processes run in it"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// A thread of a user.
#[expect(
    clippy::disallowed_methods,
    reason = "a user's thread is not one of ours"
)]
pub(crate) fn thread<T: Send + 'static>(
    run: impl FnOnce() -> T + Send + 'static,
) -> std::thread::JoinHandle<T> {
    std::thread::spawn(run)
}
