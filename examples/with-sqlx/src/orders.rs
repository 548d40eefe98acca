//! The table of orders.

use std::time::Duration;

use mainspring::prelude::*;
use sqlx::SqlitePool;

use crate::ConfirmOrder;

/// Orders older than this are forgotten.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

const SCHEMA: &str = "\
    create table if not exists customers (name text primary key, orders integer not null) strict;
    create table if not exists orders (
        id integer primary key, customer text not null, item text not null,
        placed_at integer not null, confirmed integer not null default 0
    ) strict;";

/// A transaction that writes asks for the lock when it begins. One that is begun otherwise has read
/// before it asks, and fails when somebody else has written meanwhile.
pub(crate) const BEGIN: &str = "begin immediate";

/// The orders; clones share one pool.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    pool: SqlitePool,
    jobs: Jobs,
}

impl Orders {
    pub(crate) fn new(pool: SqlitePool, jobs: Jobs) -> Self {
        Self { pool, jobs }
    }

    /// Writes an order, counts it for its customer and has it confirmed: all or nothing.
    pub(crate) async fn place(
        &self,
        customer: &str,
        item: &str,
        now: Timestamp,
    ) -> Result<i64, BoxError> {
        let mut tx = self.pool.begin_with(BEGIN).await?;
        sqlx::query(
            "insert into customers (name, orders) values (?, 1) \
             on conflict (name) do update set orders = orders + 1",
        )
        .bind(customer)
        .execute(&mut *tx)
        .await?;
        let id = sqlx::query_scalar(
            "insert into orders (customer, item, placed_at) values (?, ?, ?) returning id",
        )
        .bind(customer)
        .bind(item)
        .bind(now.as_millisecond())
        .fetch_one(&mut *tx)
        .await?;
        let confirm = self.jobs.enqueue(ConfirmOrder { order: id });
        confirm.in_tx(&mut tx).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Confirms an order, and with that the job is done: both or neither, however often it is
    /// tried.
    pub(crate) async fn confirm(&self, ctx: &JobContext, order: i64) -> Result<(), BoxError> {
        let mut tx = self.pool.begin_with(BEGIN).await?;
        sqlx::query("update orders set confirmed = confirmed + 1 where id = ?")
            .bind(order)
            .execute(&mut *tx)
            .await?;
        ctx.complete_in_tx(&mut tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Deletes the orders that are too old; returns how many.
    pub(crate) async fn expire(&self, now: Timestamp) -> Result<u64, BoxError> {
        // The clock's time is bound to the statement: SQLite's own knows nothing of virtual time.
        let before = now.checked_sub(KEPT_FOR)?.as_millisecond();
        let deleted = sqlx::query("delete from orders where placed_at < ?")
            .bind(before)
            .execute(&self.pool)
            .await?;
        Ok(deleted.rows_affected())
    }
}

impl Component for Orders {
    fn name(&self) -> &str {
        "orders"
    }

    async fn start(&self, _ctx: Context) -> Result<(), BoxError> {
        sqlx::raw_sql(SCHEMA).execute(&self.pool).await?;
        Ok(())
    }

    async fn stop(&self, _ctx: Context) -> Result<(), BoxError> {
        self.pool.close().await;
        Ok(())
    }
}
