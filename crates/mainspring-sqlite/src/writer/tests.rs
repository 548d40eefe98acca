//! What the writer owes whoever waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mainspring_core::error::{Error, ErrorKind};
use rusqlite::Connection;
use tempfile::TempDir;

use super::work::Answer;
use super::{Class, Request, Start, Tx, Writer};
use crate::connection::{self, Synchronous};
use crate::fault::Done;
use crate::file::Watched;

/// A writer on a new file, with a table that refuses one row at the commit.
struct Desk {
    folder: TempDir,
    writer: Writer,
}

const TABLES: &str = "PRAGMA foreign_keys = ON; CREATE TABLE a (one INTEGER PRIMARY KEY); \
     CREATE TABLE b (one INTEGER REFERENCES a DEFERRABLE INITIALLY DEFERRED)";

impl Desk {
    fn new(synchronous: Synchronous) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let connection = connection::open_writer(&path).unwrap();
        connection.execute_batch(TABLES).unwrap();
        let file = Watched::new(&path);
        let start = Start { file, synchronous };
        let writer = Writer::start_on(connection, start).unwrap();
        Self { folder, writer }
    }

    /// Somebody else, who holds the lock.
    fn lock(&self) -> Connection {
        let user = self.user();
        user.execute_batch("BEGIN IMMEDIATE").unwrap();
        user
    }

    fn user(&self) -> Connection {
        Connection::open(self.folder.path().join("a.db")).unwrap()
    }

    fn send<T, F>(&self, class: Class, run: F) -> Answer<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_, '_>) -> Done<T> + Send + 'static,
    {
        let (mut request, answer) = Request::new(1, run);
        request.class = class;
        self.writer.send(request);
        answer
    }

    fn execute(&self, sql: &'static str) -> Answer<usize> {
        self.send(Class::Durable, move |tx| {
            Ok(tx.sql.connection.execute(sql, ())?)
        })
    }

    fn synchronous(&self, class: Class) -> Answer<i64> {
        self.send(class, |tx| {
            let sql = "PRAGMA synchronous";
            Ok(tx.sql.connection.query_row(sql, (), |row| row.get(0))?)
        })
    }
}

fn kinds(results: [Result<usize, Error>; 3]) -> [ErrorKind; 3] {
    results.map(|result| result.unwrap_err().kind())
}

#[tokio::test]
async fn a_failed_commit_is_unknown_to_all_who_were_in_it() {
    let desk = Desk::new(Synchronous::Full);
    let user = desk.lock();
    let first = desk.execute("INSERT INTO a VALUES (1)");
    let bad = desk.execute("INSERT INTO b VALUES (7)");
    let last = desk.execute("INSERT INTO a VALUES (2)");
    user.execute_batch("ROLLBACK").unwrap();
    let told = kinds([first.wait().await, bad.wait().await, last.wait().await]);
    assert_eq!(told, [ErrorKind::Unknown; 3]);
    let count = "SELECT count(*) FROM a";
    let kept: i64 = user.query_row(count, (), |row| row.get(0)).unwrap();
    assert_eq!(kept, 0);
    assert!(
        desk.execute("INSERT INTO a VALUES (3)")
            .wait()
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_panic_of_the_writer_wakes_everybody() {
    let desk = Desk::new(Synchronous::Full);
    let hints = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&hints);
    let hint = move || {
        count.fetch_add(1, Ordering::SeqCst);
    };
    desk.writer.shared().on_hint(Arc::new(hint));
    let user = desk.lock();
    let first = desk.execute("INSERT INTO a VALUES (1)");
    let bad = desk.send(Class::Durable, |_| -> Done<usize> { panic!("on purpose") });
    let last = desk.execute("INSERT INTO a VALUES (2)");
    user.execute_batch("ROLLBACK").unwrap();
    let told = kinds([first.wait().await, bad.wait().await, last.wait().await]);
    assert_eq!(told, [ErrorKind::Unknown; 3]);
    let late = desk.execute("INSERT INTO a VALUES (3)").wait().await;
    assert_eq!(late.unwrap_err().kind(), ErrorKind::Closed);
    assert!(desk.writer.look().await.is_err());
    assert!(hints.load(Ordering::SeqCst) > 0);
}

#[tokio::test]
async fn claims_alone_commit_without_a_flush() {
    let desk = Desk::new(Synchronous::Full);
    assert_eq!(desk.synchronous(Class::Light).wait().await.unwrap(), 1);
    assert_eq!(desk.synchronous(Class::Durable).wait().await.unwrap(), 2);
    let user = desk.lock();
    let claim = desk.synchronous(Class::Light);
    let finish = desk.synchronous(Class::Durable);
    user.execute_batch("ROLLBACK").unwrap();
    let together = (claim.wait().await.unwrap(), finish.wait().await.unwrap());
    assert_eq!(together, (2, 2));
    let normal = Desk::new(Synchronous::Normal);
    assert_eq!(normal.synchronous(Class::Durable).wait().await.unwrap(), 1);
}

#[tokio::test]
async fn a_dropped_writer_ends_its_thread_after_what_waits() {
    let Desk { folder, writer } = Desk::new(Synchronous::Full);
    let (request, answer) = Request::new(1, |tx: &mut Tx<'_, '_>| {
        Ok(tx.sql.connection.execute("INSERT INTO a VALUES (1)", ())?)
    });
    let shared = Arc::downgrade(writer.shared());
    writer.send(request);
    drop(writer);
    assert_eq!(answer.wait().await.unwrap(), 1);
    let gone = std::iter::repeat_with(|| crate::seam::rest(super::LOOK_EVERY));
    let gone = gone.take(5_000).any(|()| shared.strong_count() == 0);
    assert!(gone, "the thread has ended");
    drop(folder);
}
