//! Transfers between accounts, each with its receipt, in one SQLite file and through rusqlite.
//!
//! What it shows:
//!
//! - `in_tx_blocking`: the transfer's row and its job are written together or not at all;
//! - `complete_in_tx_blocking`: what the job books and its end happen together, so that a transfer
//!   is booked exactly once however often its process dies (`tests.rs` lets it die everywhere);
//! - transactions that begin with `BEGIN IMMEDIATE`, in a thread that may block.
//!
//! ```sh
//! cargo run &
//! curl -H 'content-type: application/json' -d '{"to":"ada","cents":300}' \
//!     http://127.0.0.1:8080/actions/transfer.order
//! ```

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use mainspring::prelude::*;
use rusqlite::{Connection, TransactionBehavior};
use serde::{Deserialize, Serialize};

const SCHEMA: &str = "\
    create table if not exists transfers (id integer primary key, receiver text not null,
        cents integer not null) strict;
    create table if not exists accounts (name text primary key, cents integer not null) strict;";

/// How long a transaction waits for its turn to write.
const TURN_LIMIT: Duration = Duration::from_secs(5);

/// The file that has the accounts and the jobs.
#[derive(Clone, Debug)]
struct Bank {
    file: PathBuf,
}

impl Bank {
    /// Runs something that blocks in a transaction of its own, on a connection of its own.
    async fn transact<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut rusqlite::Transaction<'_>) -> Result<T, BoxError> + Send + 'static,
    ) -> Result<T, BoxError> {
        let file = self.file.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut db = Connection::open(file)?;
            db.busy_timeout(TURN_LIMIT)?;
            let mut tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&mut tx)?;
            tx.commit()?;
            Ok::<T, BoxError>(done)
        });
        done.await?
    }
}

impl Component for Bank {
    fn name(&self) -> &str {
        "bank"
    }

    async fn start(&self, _ctx: Context) -> Result<(), BoxError> {
        self.transact(|tx| Ok(tx.execute_batch(SCHEMA)?)).await
    }
}

#[derive(Serialize, Deserialize, Job)]
#[job(kind = "book-transfer", timeout = "30s")]
struct BookTransfer {
    transfer: i64,
}

struct Booker {
    bank: Bank,
}

impl Worker for Booker {
    type Job = BookTransfer;

    async fn work(&self, ctx: JobContext, job: BookTransfer) -> Result<Outcome, BoxError> {
        let book = move |tx: &mut rusqlite::Transaction<'_>| {
            tx.execute(
                "insert into accounts (name, cents) \
                 select receiver, cents from transfers where id = ?1 \
                 on conflict (name) do update set cents = cents + excluded.cents",
                [job.transfer],
            )?;
            Ok(ctx.complete_in_tx_blocking(tx)?) // refused if somebody else owns the job by now
        };
        self.bank.transact(book).await?;
        Ok(Done)
    }
}

struct OrderTransfer {
    bank: Bank,
    jobs: Jobs,
}

#[derive(Debug, Serialize, Deserialize)]
struct Transfer {
    to: String,
    cents: i64,
}

impl Validate for Transfer {}

impl Action for OrderTransfer {
    const NAME: &'static str = "transfer.order";
    type Input = Transfer;
    type Output = i64;

    async fn call(&self, _ctx: ActionContext, input: Transfer) -> Result<i64, ActionError> {
        let jobs = self.jobs.clone();
        let order = move |tx: &mut rusqlite::Transaction<'_>| {
            tx.execute(
                "insert into transfers (receiver, cents) values (?1, ?2)",
                (&input.to, input.cents),
            )?;
            let transfer = tx.last_insert_rowid();
            jobs.enqueue(BookTransfer { transfer }).in_tx_blocking(tx)?;
            Ok(transfer)
        };
        let transfer = self.bank.transact(order).await?;
        self.jobs.wake(); // it starts now, and not at the next look
        Ok(transfer)
    }
}

fn app(jobs: Jobs, bank: Bank) -> App {
    App::new("bank")
        .jobs(jobs.clone())
        .component(bank.clone())
        .worker(Booker { bank: bank.clone() })
        .action(OrderTransfer { bank, jobs })
}

#[tokio::main]
async fn main() -> Result<ShutdownReport, mainspring::Error> {
    let file = std::env::temp_dir().join("mainspring-bank.sqlite");
    let jobs = mainspring::jobs(format!("sqlite:{}", file.display()));
    app(jobs, Bank { file }).serve("127.0.0.1:8080").await
}
