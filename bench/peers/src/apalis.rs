//! apalis-sqlite 1.x.
//!
//! Its `setup()` sets pragmas on whichever connection of the pool runs it, `synchronous=OFF` among
//! them. Here it runs on a pool of its own, which is closed again, so that every measured
//! connection has the safety that its row says; the pragmas that only make it faster are set on all
//! of them.

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};
use std::time::Duration;

use apalis::prelude::{BoxDynError, ParallelizeExt, TaskSink, WorkerBuilder};
use apalis_sqlite::{Config, SqlitePool, SqlitePoolOptions, SqliteStorage};
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteOperation;

use crate::file::{finished, options, pool};
use crate::handler;
use crate::peer::{Drained, Failure, Mail, Peer, Samples, Synchronous, Work, share};
use crate::seam::{now, pause, spawn, within};

const QUEUE: &str = "mail";

const UNFINISHED: &str = "select exists (select 1 from Jobs where status <> 'Done')";

pub(crate) struct Apalis {
    pool: SqlitePool,
    /// Told of every job that a connection of this process inserts.
    inserts: std::sync::Mutex<Option<UnboundedReceiver<()>>>,
    file: PathBuf,
    synchronous: Synchronous,
    setting: Setting,
}

/// What its documentation lets one set.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    connections: u32,
    batch: usize,
    /// Marks each job as running before its body, in a batch of its own.
    lock: bool,
    wake: Wake,
    /// Runs bodies on tasks of the runtime instead of the worker's own.
    parallel: bool,
}

/// What makes an idle worker look again, beside its heartbeat every 30 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wake {
    Heartbeat,
    Interval(Duration),
    UpdateHook,
}

impl Display for Setting {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            connections,
            batch,
            lock,
            wake,
            parallel,
        } = self;
        write!(
            out,
            "connections={connections} batch={batch} lock_tasks={lock} wake={wake:?} \
             parallelize={parallel}"
        )
    }
}

/// How a worker is built does not depend on what wakes it, but its type does.
macro_rules! run {
    ($backend:expr, $setting:expr) => {{
        let builder = WorkerBuilder::new("measured").backend($backend);
        if $setting.parallel {
            builder.parallelize(spawn).build(handle).run().await
        } else {
            builder.build(handle).run().await
        }
    }};
}

impl Peer for Apalis {
    const NAME: &'static str = "apalis-sqlite";

    const CAVEAT: &'static str = "its setup() would set synchronous=OFF on one pooled connection";

    type Setting = Setting;

    fn defaults(_: Work) -> Setting {
        Setting {
            // That of sqlx.
            connections: 10,
            batch: 10,
            lock: true,
            wake: Wake::Heartbeat,
            parallel: false,
        }
    }

    fn candidates(work: Work) -> Vec<Setting> {
        let defaults = Self::defaults(work);
        match work {
            Work::Enqueue(_) | Work::EnqueueMany => [1, 4]
                .map(|connections| Setting {
                    connections,
                    ..defaults.clone()
                })
                .to_vec(),
            Work::Drain(_) => [
                (100, true),
                (1_000, true),
                (1_000, false),
                (5_000, true),
                (10_000, true),
            ]
            .map(|(batch, parallel)| Setting {
                batch,
                parallel,
                lock: false,
                wake: Wake::Interval(Duration::from_millis(50)),
                ..defaults.clone()
            })
            .to_vec(),
            Work::PickUp => vec![Setting {
                lock: false,
                wake: Wake::UpdateHook,
                ..defaults
            }],
        }
    }

    fn most(_: &Setting, _: Work) -> u32 {
        u32::MAX
    }

    async fn migrate(file: &Path) -> Result<(), Failure> {
        let pool = pool(file, Synchronous::Normal, 1).await?;
        SqliteStorage::setup(&pool).await?;
        pool.close().await;
        Ok(())
    }

    async fn open(
        file: &Path,
        synchronous: Synchronous,
        setting: &Setting,
    ) -> Result<Self, Failure> {
        // As every program does when it starts. It also gathers SQLite's statistics of a backlog,
        // without which each acknowledgement looks at every job this worker has ever had.
        Self::migrate(file).await?;
        let (told, inserts) = unbounded();
        let hooked = setting.wake == Wake::UpdateHook;
        let pool = SqlitePoolOptions::new()
            .max_connections(setting.connections)
            .after_connect(move |connection, _| {
                let told = told.clone();
                Box::pin(async move {
                    if hooked {
                        // As its `connect_with_callback` does, which takes no options.
                        let mut handle = connection.lock_handle().await?;
                        handle.set_update_hook(move |event| {
                            if event.operation == SqliteOperation::Insert && event.table == "Jobs" {
                                // Nobody listens once the measurement has ended.
                                let _ = told.unbounded_send(());
                            }
                        });
                    }
                    Ok(())
                })
            })
            .connect_with(
                options(file, synchronous)
                    .pragma("temp_store", "MEMORY")
                    .pragma("cache_size", "64000")
                    .pragma("journal_size_limit", "67108864"),
            )
            .await?;
        Ok(Self {
            pool,
            inserts: std::sync::Mutex::new(Some(inserts)),
            file: file.to_owned(),
            synchronous,
            setting: setting.clone(),
        })
    }

    async fn enqueue(&self, callers: u32, jobs: u32) -> Result<Duration, Failure> {
        let begun = now();
        let all: Vec<_> = (0..callers)
            .map(|caller| {
                let mut storage = self.storage();
                let own = share(jobs, callers, caller);
                spawn(async move {
                    for _ in 0..own {
                        storage.push(Mail::new()).await?;
                    }
                    Ok::<_, Failure>(())
                })
            })
            .collect();
        for caller in all {
            caller.await??;
        }
        Ok(now() - begun)
    }

    async fn enqueue_many(&self, jobs: u32, call: u32) -> Result<Duration, Failure> {
        let begun = now();
        let mut storage = self.storage();
        let mut left = jobs;
        while left > 0 {
            let some = left.min(call);
            storage
                .push_bulk((0..some).map(|_| Mail::new()).collect())
                .await?;
            left -= some;
        }
        Ok(now() - begun)
    }

    async fn drain(&self, _: u32) -> Result<Drained, Failure> {
        let mut looks = options(&self.file, self.synchronous).connect().await?;
        let begun = now();
        let drained = async move {
            handler::all_ran().await?;
            let handled = now() - begun;
            let finished = finished(&mut looks, UNFINISHED, begun).await?;
            Ok(Drained { handled, finished })
        };
        self.beside_worker(drained).await
    }

    async fn pick_ups(&self, samples: Samples) -> Result<Vec<Duration>, Failure> {
        let mut starts = handler::starts();
        let mut storage = self.storage();
        let timed = async move {
            let mut took = Vec::new();
            let begun = now();
            for _ in 0..samples.count {
                pause(samples.pause).await;
                storage.push(Mail::new()).await?;
                let acknowledged = now();
                let left = samples.limit.saturating_sub(now() - begun);
                let Some(started) = within(left, starts.recv()).await else {
                    break;
                };
                let started = started.ok_or("the bodies are gone")?;
                took.push(started.saturating_duration_since(acknowledged));
            }
            Ok(took)
        };
        self.beside_worker(timed).await
    }

    async fn close(self) {
        self.pool.close().await;
    }
}

impl Apalis {
    fn storage(&self) -> SqliteStorage<Mail> {
        let config = Config::default()
            .queue(QUEUE)
            .batch_size(self.setting.batch)
            .lock_tasks(self.setting.lock);
        SqliteStorage::new(&self.pool).with_config(config)
    }

    /// Runs this on a task of its own while a worker runs on the caller's, since each would be
    /// polled whenever the other is woken if they shared one.
    async fn beside_worker<T: Send + 'static>(
        &self,
        driver: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Result<T, Failure> {
        tokio::select! {
            biased;
            ended = self.work() => Err(ended),
            driven = spawn(driver) => driven?,
        }
    }

    /// Runs a worker, which never ends by itself unless it fails.
    async fn work(&self) -> Failure {
        use apalis::prelude::BackendExt;

        let (storage, setting) = (self.storage(), &self.setting);
        let ended = match setting.wake {
            Wake::Heartbeat => run!(storage, setting),
            Wake::Interval(interval) => run!(storage.poll_with_interval(interval), setting),
            Wake::UpdateHook => {
                let inserts = self
                    .inserts
                    .lock()
                    .ok()
                    .and_then(|mut inserts| inserts.take());
                let Some(inserts) = inserts else {
                    return "the hook is used up".into();
                };
                run!(storage.poll_with_stream(inserts.boxed()), setting)
            }
        };
        match ended {
            Ok(()) => "the worker has ended".into(),
            Err(why) => format!("the worker: {why}").into(),
        }
    }
}

async fn handle(_: Mail) -> Result<(), BoxDynError> {
    handler::body().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Body;

    #[test]
    fn candidates_differ_from_the_defaults() {
        let drain = Work::Drain(Body::Nothing);
        assert!(
            Apalis::candidates(drain)
                .iter()
                .all(|setting| !setting.lock)
        );
    }
}
