//! The table of parcels.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use mainspring::prelude::*;
// The rusqlite that Mainspring was built with, so that its transactions fit.
use mainspring::sqlite::rusqlite::{Connection, TransactionBehavior, params};

use crate::Deliver;

const SCHEMA: &str = "\
    create table if not exists parcels (
        id integer primary key, address text not null, delivered integer not null default 0
    ) strict;";

/// A transaction that writes asks for the lock when it begins. One that is begun otherwise has read
/// before it asks, and fails when somebody else has written meanwhile.
const WRITES: TransactionBehavior = TransactionBehavior::Immediate;

/// The parcels; clones share one connection.
#[derive(Debug, Clone)]
pub(crate) struct Parcels {
    file: PathBuf,
    jobs: Jobs,
    connection: Arc<Mutex<Option<Connection>>>,
}

impl Parcels {
    pub(crate) fn new(file: &Path, jobs: Jobs) -> Self {
        Self {
            file: file.to_owned(),
            jobs,
            connection: Arc::default(),
        }
    }

    /// Writes a parcel and has it delivered: both or neither.
    pub(crate) async fn add(&self, address: String) -> Result<i64, BoxError> {
        let jobs = self.jobs.clone();
        self.blocking(move |connection| {
            let mut tx = connection.transaction_with_behavior(WRITES)?;
            tx.execute("insert into parcels (address) values (?1)", [address])?;
            let parcel = tx.last_insert_rowid();
            jobs.enqueue(Deliver { parcel }).in_tx_blocking(&mut tx)?;
            tx.commit()?;
            Ok(parcel)
        })
        .await
    }

    /// Delivers a parcel, and with that the job is done: both or neither.
    pub(crate) async fn deliver(&self, ctx: JobContext, parcel: i64) -> Result<(), BoxError> {
        self.blocking(move |connection| {
            let mut tx = connection.transaction_with_behavior(WRITES)?;
            let update = "update parcels set delivered = delivered + 1 where id = ?1";
            tx.execute(update, params![parcel])?;
            ctx.complete_in_tx_blocking(&mut tx)?;
            tx.commit()?;
            Ok(())
        })
        .await
    }

    /// Does work that waits for the disk where it holds up nobody else.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place where the service blocks"
    )]
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, BoxError> + Send + 'static,
    ) -> Result<T, BoxError> {
        let parcels = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            // What panicked while it held the connection has rolled back its transaction.
            let connection = parcels.connection.lock();
            let mut connection = connection.unwrap_or_else(PoisonError::into_inner);
            match &mut *connection {
                Some(connection) => work(connection),
                none => work(none.insert(Connection::open(&parcels.file)?)),
            }
        });
        done.await?
    }
}

impl Component for Parcels {
    fn name(&self) -> &str {
        "parcels"
    }

    async fn start(&self, _ctx: Context) -> Result<(), BoxError> {
        self.blocking(|connection| Ok(connection.execute_batch(SCHEMA)?))
            .await
    }
}
