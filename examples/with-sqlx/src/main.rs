//! Orders in SQLite, through an sqlx pool that Mainspring starts and stops.
//!
//! What it shows:
//!
//! - a pool as a component: the schema is there before the first request, and the pool is closed
//!   after the last;
//! - an action whose transaction enqueues a job (`in_tx`): there is an order with its job, or
//!   neither; and a job that is completed in the transaction of its effect (`complete_in_tx`);
//! - a periodic that cleans up, and `clock.timeout` around what waits for the database;
//! - in `transactions.rs`: what a rollback, a transaction that was begun wrongly, and an enqueue
//!   past one's own open transaction lead to;
//! - in `tests.rs`: a body that awaits the pool holds virtual time still, however slow the database
//!   is, so no timeout fires because the machine that runs the test is busy. Between bodies, days
//!   pass in milliseconds.
//!
//! ```sh
//! cargo run &
//! curl -H 'content-type: application/json' -d '{"customer":"ada","item":"loom"}' \
//!     http://127.0.0.1:8080/actions/order.place
//! ```

mod orders;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod transactions;

use std::time::Duration;

use mainspring::prelude::*;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use orders::Orders;

/// The longest that one body waits for the database, on the clock.
const DATABASE_LIMIT: Duration = Duration::from_secs(1);

/// The longest wait for a connection, in real time. The pool counts it itself and knows no virtual
/// time, so it is there for the case that connections leak; the work's own limit is
/// `DATABASE_LIMIT`.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(30);

struct PlaceOrder {
    orders: Orders,
}

#[derive(Debug, Serialize, Deserialize)]
struct OrderInput {
    customer: String,
    item: String,
}

impl Validate for OrderInput {}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct OrderOutput {
    id: i64,
}

impl Action for PlaceOrder {
    const NAME: &'static str = "order.place";
    type Input = OrderInput;
    type Output = OrderOutput;

    async fn call(
        &self,
        ctx: ActionContext,
        input: OrderInput,
    ) -> Result<OrderOutput, ActionError> {
        let placed = self
            .orders
            .place(&input.customer, &input.item, ctx.clock().now());
        let id = ctx.clock().timeout(DATABASE_LIMIT, placed).await??;
        Ok(OrderOutput { id })
    }
}

#[derive(Debug, Serialize, Deserialize, Job)]
#[job(kind = "confirm-order")]
struct ConfirmOrder {
    order: i64,
}

struct Confirm {
    orders: Orders,
}

impl Worker for Confirm {
    type Job = ConfirmOrder;

    async fn work(&self, ctx: JobContext, job: ConfirmOrder) -> Result<Outcome, BoxError> {
        self.orders.confirm(&ctx, job.order).await?;
        Ok(Done)
    }
}

fn app(orders: Orders, jobs: Jobs) -> App {
    App::new("orders")
        .jobs(jobs)
        .component(orders.clone())
        .worker(Confirm {
            orders: orders.clone(),
        })
        .action(PlaceOrder {
            orders: orders.clone(),
        })
        .periodic("expire", Every::hours(1), move |tick| {
            let orders = orders.clone();
            async move {
                let expired = orders.expire(tick.scheduled_for());
                tick.clock().timeout(DATABASE_LIMIT, expired).await??;
                Ok(())
            }
        })
}

/// No connection is opened before the component starts.
fn pool(file: &std::path::Path) -> sqlx::SqlitePool {
    let database = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true);
    SqlitePoolOptions::new()
        .max_connections(4)
        .acquire_timeout(ACQUIRE_LIMIT)
        .connect_lazy_with(database)
}

/// The jobs are in the file of the orders, or no transaction could have both.
fn jobs(file: &std::path::Path) -> Jobs {
    mainspring::jobs(format!("sqlite:{}", file.display()))
}

#[tokio::main]
async fn main() -> Result<ShutdownReport, mainspring::Error> {
    let file = std::env::temp_dir().join("mainspring-orders.sqlite");
    let jobs = jobs(&file);
    let orders = Orders::new(pool(&file), jobs.clone());
    app(orders, jobs).serve("127.0.0.1:8080").await
}
