//! Parcels in SQLite, through a connection of rusqlite, with jobs in the same file.
//!
//! What it shows:
//!
//! - an action whose transaction enqueues a job (`in_tx_blocking`): there is a parcel with its job,
//!   or neither;
//! - a job that is completed in the transaction of its effect (`complete_in_tx_blocking`), so that
//!   the effect happens once, however often the job is tried;
//! - in `tests.rs`: what a rollback, a transaction that was begun wrongly, and an enqueue past
//!   one's own open transaction lead to.
//!
//! ```sh
//! cargo run &
//! curl -H 'content-type: application/json' -d '{"address":"Reykjavik"}' \
//!     http://127.0.0.1:8080/actions/parcel.send
//! ```

mod parcels;
#[cfg(test)]
mod tests;

use std::path::Path;

use mainspring::prelude::*;
use serde::{Deserialize, Serialize};

use parcels::Parcels;

struct SendParcel {
    parcels: Parcels,
}

#[derive(Debug, Serialize, Deserialize)]
struct ParcelInput {
    address: String,
}

impl Validate for ParcelInput {}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ParcelOutput {
    id: i64,
}

impl Action for SendParcel {
    const NAME: &'static str = "parcel.send";
    type Input = ParcelInput;
    type Output = ParcelOutput;

    async fn call(
        &self,
        _ctx: ActionContext,
        input: ParcelInput,
    ) -> Result<ParcelOutput, ActionError> {
        let id = self.parcels.add(input.address).await?;
        Ok(ParcelOutput { id })
    }
}

#[derive(Debug, Serialize, Deserialize, Job)]
#[job(kind = "deliver")]
struct Deliver {
    parcel: i64,
}

struct Courier {
    parcels: Parcels,
}

impl Worker for Courier {
    type Job = Deliver;

    async fn work(&self, ctx: JobContext, job: Deliver) -> Result<Outcome, BoxError> {
        self.parcels.deliver(ctx, job.parcel).await?;
        Ok(Done)
    }
}

fn app(file: &Path, jobs: &Jobs) -> App {
    let parcels = Parcels::new(file, jobs.clone());
    App::new("parcels")
        .jobs(jobs.clone())
        .component(parcels.clone())
        .action(SendParcel {
            parcels: parcels.clone(),
        })
        .worker(Courier { parcels })
}

/// The jobs are in the file of the parcels, or no transaction could have both.
fn jobs(file: &Path) -> Jobs {
    mainspring::jobs(format!("sqlite:{}", file.display()))
}

#[tokio::main]
async fn main() -> Result<ShutdownReport, mainspring::Error> {
    let file = std::env::temp_dir().join("mainspring-parcels.sqlite");
    app(&file, &jobs(&file)).serve("127.0.0.1:8080").await
}
