//! The suite that every store passes.

use std::sync::Arc;

use mainspring_core::error::Error;
use mainspring_core::job::SessionId;
use mainspring_core::spawn::BoxFuture;
use mainspring_core::store::{Enqueued, Finish, NewJob, Reply, Store};
use mainspring_core::time::Timestamp;
use mainspring_sim::conformance::{Fixture, Subject, Transaction};
use mainspring_sqlite::{RusqliteTx, SqliteSource, SqliteStore, Synchronous};
use rusqlite::Connection;

use crate::support::{Place, at};

/// Files in folders of their own.
pub(crate) struct Files;

/// One of them.
pub(crate) struct File {
    pub(crate) place: Place,
    store: Arc<SqliteStore>,
}

impl Files {
    pub(crate) fn file(&self) -> File {
        let place = Place::new();
        let source = SqliteSource::new(place.path()).synchronous(Synchronous::Off);
        let store = Arc::new(source.open_blocking(at(0)).unwrap());
        File { place, store }
    }
}

impl Fixture for Files {
    fn open(&self) -> BoxFuture<'_, Box<dyn Subject>> {
        let file = self.file();
        Box::pin(async { Box::new(file) as Box<dyn Subject> })
    }
}

impl Subject for File {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    fn second(&self) -> BoxFuture<'_, Arc<dyn Store>> {
        Box::pin(self.place.source())
    }

    fn kill(&self, session: SessionId) -> BoxFuture<'_, ()> {
        self.store.forsake(session);
        Box::pin(async {})
    }

    fn begin(&self) -> BoxFuture<'_, Box<dyn Transaction>> {
        let connection = self.place.user();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        Box::pin(async { Box::new(User(connection)) as Box<dyn Transaction> })
    }
}

/// A user's transaction on a driver that waits for nobody.
struct User(Connection);

impl Transaction for User {
    fn enqueue<'a>(
        &'a mut self,
        store: &'a dyn Store,
        now: Timestamp,
        jobs: Vec<NewJob>,
    ) -> Reply<'a, Vec<Enqueued>> {
        let told = store.enqueue_in_blocking(&mut RusqliteTx::new(&self.0), now, jobs);
        Box::pin(async { told })
    }

    fn complete<'a>(
        &'a mut self,
        store: &'a dyn Store,
        now: Timestamp,
        attempt: Finish,
    ) -> Reply<'a, ()> {
        let told = store.complete_in_blocking(&mut RusqliteTx::new(&self.0), now, attempt);
        Box::pin(async { told })
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        self.0.execute_batch("COMMIT").unwrap();
        Box::pin(async { Ok(()) })
    }
}

mainspring_sim::conformance!(Files);
