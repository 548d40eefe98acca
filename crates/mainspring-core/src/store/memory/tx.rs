//! A transaction of somebody else's, as far as the model needs one.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::{Dialect, Enlist, EnlistBlocking, Enqueued, Finish, NewJob, SqlRow, SqlValue};
use super::tables::Tables;
use super::{MemoryStore, lock};
use crate::error::{Error, ErrorKind};
use crate::spawn::BoxFuture;
use crate::time::Timestamp;

/// A transaction on a [`MemoryStore`]: what is done in it happens at [`MemoryTx::commit`], or not
/// at all when it is dropped.
///
/// It sees its own changes, and no one else does. If what was answered in it is not true any more
/// when it commits, it changes nothing and says so.
#[derive(Debug)]
pub struct MemoryTx {
    store: MemoryStore,
    done: Vec<(Ask, Answer)>,
}

/// What is asked inside a transaction.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    Enqueue(Timestamp, Vec<NewJob>),
    Complete(Timestamp, Finish),
}

/// What was answered.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    Enqueued(Vec<Enqueued>),
    Completed,
}

/// Something on its way through a transaction that is known by its trait alone.
#[derive(Debug)]
pub(super) enum Parked {
    Ask(Ask),
    Answer(Answer),
}

impl MemoryTx {
    pub(super) fn new(store: MemoryStore) -> Self {
        Self {
            store,
            done: Vec::new(),
        }
    }

    /// Makes everything happen that was done in this transaction.
    ///
    /// # Errors
    /// [`Contended`](ErrorKind::Contended) when somebody else has changed meanwhile what it relied
    /// on; nothing happened.
    pub fn commit(self) -> Result<(), Error> {
        if self.done.is_empty() {
            return Ok(());
        }
        self.store
            .write(|tables| tables.attempt(true, |tables| repeat(tables, &self.done)))
    }

    fn ask(&mut self, values: &[SqlValue]) -> Result<Vec<SqlRow>, Error> {
        let [SqlValue::Blob(id), SqlValue::Integer(ticket)] = values else {
            return Err(wrong_store());
        };
        let shared = Arc::clone(&self.store.shared);
        if id.as_slice() != shared.id.as_slice() {
            return Err(wrong_store());
        }
        let Some(Parked::Ask(ask)) = lock(&shared.parked).remove(ticket) else {
            return Err(wrong_store());
        };
        let answer = self.store.write(|tables| {
            tables.attempt(false, |tables| {
                repeat(tables, &self.done)?;
                apply(tables, &ask)
            })
        })?;
        self.done.push((ask, answer.clone()));
        lock(&shared.parked).insert(*ticket, Parked::Answer(answer));
        Ok(Vec::new())
    }
}

impl MemoryStore {
    pub(super) async fn enlist(&self, tx: &mut dyn Enlist, ask: Ask) -> Result<Answer, Error> {
        let (ticket, values) = self.park(tx.dialect(), ask)?;
        let told = tx.execute("memory", values).await;
        self.unpark(ticket, told)
    }

    pub(super) fn enlist_blocking(
        &self,
        tx: &mut dyn EnlistBlocking,
        ask: Ask,
    ) -> Result<Answer, Error> {
        let (ticket, values) = self.park(tx.dialect(), ask)?;
        let told = tx.execute("memory", values);
        self.unpark(ticket, told)
    }

    fn park(&self, dialect: Dialect, ask: Ask) -> Result<(i64, Vec<SqlValue>), Error> {
        if dialect != Dialect::Memory {
            return Err(wrong_store());
        }
        let ticket = self.shared.tickets.fetch_add(1, Ordering::Relaxed);
        lock(&self.shared.parked).insert(ticket, Parked::Ask(ask));
        let id = SqlValue::Blob(self.shared.id.to_vec());
        Ok((ticket, vec![id, SqlValue::Integer(ticket)]))
    }

    fn unpark(&self, ticket: i64, told: Result<Vec<SqlRow>, Error>) -> Result<Answer, Error> {
        let parked = lock(&self.shared.parked).remove(&ticket);
        told?;
        match parked {
            Some(Parked::Answer(answer)) => Ok(answer),
            _ => Err(wrong_store()),
        }
    }
}

impl Enlist for MemoryTx {
    fn dialect(&self) -> Dialect {
        Dialect::Memory
    }

    fn execute<'a>(
        &'a mut self,
        _sql: &'a str,
        values: Vec<SqlValue>,
    ) -> BoxFuture<'a, Result<Vec<SqlRow>, Error>> {
        Box::pin(async move { self.ask(&values) })
    }
}

impl EnlistBlocking for MemoryTx {
    fn dialect(&self) -> Dialect {
        Dialect::Memory
    }

    fn execute(&mut self, _sql: &str, values: Vec<SqlValue>) -> Result<Vec<SqlRow>, Error> {
        self.ask(&values)
    }
}

/// Does again what was done, and sees whether it is answered as before.
fn repeat(tables: &mut Tables, done: &[(Ask, Answer)]) -> Result<(), Error> {
    for (ask, before) in done {
        if apply(tables, ask).ok().as_ref() != Some(before) {
            let message = "somebody else changed what the transaction relied on";
            return Err(Error::new(ErrorKind::Contended, message)
                .with_hint("nothing was written; begin again"));
        }
    }
    Ok(())
}

fn apply(tables: &mut Tables, ask: &Ask) -> Result<Answer, Error> {
    match ask {
        Ask::Enqueue(now, jobs) => tables
            .enqueue(*now, jobs.clone(), &None)
            .map(Answer::Enqueued),
        Ask::Complete(now, attempt) => tables.complete(*now, attempt).map(|()| Answer::Completed),
    }
}

fn wrong_store() -> Error {
    Error::new(
        ErrorKind::WrongStore,
        "the transaction belongs to another store",
    )
    .with_hint("use a transaction that this store has begun")
}
