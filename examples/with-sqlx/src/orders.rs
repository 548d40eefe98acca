//! The table of orders.

use std::time::Duration;

use mainspring::prelude::*;
use sqlx::SqlitePool;

/// Orders older than this are forgotten.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

const SCHEMA: &str = "\
    create table if not exists customers (name text primary key, orders integer not null) strict;
    create table if not exists orders (
        id integer primary key, customer text not null, item text not null,
        placed_at integer not null
    ) strict;";

/// The orders; clones share one pool.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    pool: SqlitePool,
}

impl Orders {
    pub(crate) fn new(pool: SqlitePool) -> Self {
        Self { pool }
    }

    /// Writes an order and counts it for its customer: both or neither.
    pub(crate) async fn place(
        &self,
        customer: &str,
        item: &str,
        now: Timestamp,
    ) -> sqlx::Result<i64> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(
            "insert into customers (name, orders) values (?, 1) \
             on conflict (name) do update set orders = orders + 1",
        )
        .bind(customer)
        .execute(&mut *transaction)
        .await?;
        let id = sqlx::query_scalar(
            "insert into orders (customer, item, placed_at) values (?, ?, ?) returning id",
        )
        .bind(customer)
        .bind(item)
        .bind(now.as_millisecond())
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(id)
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
