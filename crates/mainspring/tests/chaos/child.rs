//! A worker process.

use std::path::Path;
use std::process::{ExitCode, Termination};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainspring::prelude::*;
use mainspring::sqlite::RusqliteTx;
use mainspring::sqlite::rusqlite::{Connection, TransactionBehavior};

use crate::journal::Journal;
use crate::real_time::sleep;
use crate::work::{Effect, Nap, Noop, Pill};

/// What the parent says about a worker.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) folder: String,
    pub(crate) name: String,
    pub(crate) max_deaths: u32,
    pub(crate) lease_ms: u64,
}

impl Settings {
    pub(crate) fn args(&self) -> [String; 4] {
        let Self { folder, name, .. } = self.clone();
        let numbers = [self.max_deaths.to_string(), self.lease_ms.to_string()];
        let [deaths, lease] = numbers;
        [folder, name, deaths, lease]
    }
}

/// How many jobs run at once in a process.
const SLOTS: usize = 16;

/// The name of the database in its folder.
pub(crate) const DATABASE: &str = "jobs.db";
/// The name of the journal beside it.
pub(crate) const JOURNAL: &str = "history.jsonl";

pub(crate) fn run(args: &[String]) -> ExitCode {
    let [folder, name, deaths, lease] = args else {
        panic!("not the arguments of a child: {args:?}");
    };
    let folder = Path::new(folder);
    let database = folder.join(DATABASE);
    let user = Connection::open(&database).unwrap();
    user.busy_timeout(Duration::from_secs(5)).unwrap();
    let desk = Desk {
        journal: Journal::open(&folder.join(JOURNAL)),
        user: Arc::new(Mutex::new(user)),
    };
    let app = App::new(name.as_str())
        .without_health()
        .drain_delay(Duration::ZERO)
        .jobs(mainspring::jobs(format!("sqlite:{}", database.display())))
        .max_deaths(deaths.parse().unwrap())
        .job_lease(Duration::from_millis(lease.parse().unwrap()))
        .queue("default", SLOTS)
        .queue(name, SLOTS);
    let app = desk.work(app);
    let (handle, metrics) = (app.handle(), app.metrics().clone());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let ended = runtime.unwrap().block_on(async {
        let ready = async {
            if handle.ready().await {
                println!("ready");
            }
        };
        let (ended, ()) = tokio::join!(app.run(), ready);
        ended
    });
    let metrics = metrics.encode();
    let counts = metrics
        .lines()
        .filter(|line| line.starts_with("mainspring_"));
    counts.for_each(|line| println!("{line}"));
    ended.report()
}

/// What the workers share.
#[derive(Clone)]
struct Desk {
    journal: Journal,
    user: Arc<Mutex<Connection>>,
}

impl Desk {
    fn work(&self, app: App) -> App {
        let noop = self.clone();
        let app = app.worker_fn(move |ctx: JobContext, _job: Noop| {
            let desk = noop.clone();
            async move { desk.body(&ctx, async { Ok(()) }).await }
        });
        let nap = self.clone();
        let app = app.worker_fn(move |ctx: JobContext, Nap(millis)| {
            let desk = nap.clone();
            async move { desk.body(&ctx, takes(millis)).await }
        });
        let effect = self.clone();
        let app = app.worker_fn(move |ctx: JobContext, Effect(millis)| {
            let desk = effect.clone();
            async move {
                let work = async {
                    takes(millis).await?;
                    desk.write(ctx.clone()).await
                };
                desk.body(&ctx, work).await
            }
        });
        let pill = self.clone();
        app.worker_fn(move |ctx: JobContext, _job: Pill| {
            let desk = pill.clone();
            async move { desk.body(&ctx, async { std::process::abort() }).await }
        })
    }

    async fn body(
        &self,
        ctx: &JobContext,
        work: impl Future<Output = Result<(), BoxError>>,
    ) -> Result<(), BoxError> {
        self.journal.note("start", ctx.id());
        let ended = work.await;
        match &ended {
            Ok(()) => self.journal.note("end", ctx.id()),
            Err(error) => self.journal.note(&format!("error: {error}"), ctx.id()),
        }
        ended
    }

    /// The row and the job's success, or neither.
    async fn write(&self, ctx: JobContext) -> Result<(), BoxError> {
        let user = Arc::clone(&self.user);
        let write = move || -> Result<(), BoxError> {
            let mut user = user.lock().unwrap();
            let tx = user.transaction_with_behavior(TransactionBehavior::Immediate)?;
            tx.execute("INSERT INTO effect VALUES (?1)", [ctx.id().to_string()])?;
            ctx.complete_in_tx_blocking(&mut RusqliteTx::new(&tx))?;
            Ok(tx.commit()?)
        };
        tokio::task::spawn_blocking(write).await?
    }
}

async fn takes(millis: u64) -> Result<(), BoxError> {
    sleep(Duration::from_millis(millis)).await;
    Ok(())
}
