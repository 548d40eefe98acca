//! riverqueue 0.5.x.
//!
//! It sets no pragma of its own, so that every connection has the safety that its row says. Its
//! completer cannot be set.

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};
use std::time::Duration;

use riverqueue::migrate::SqliteMigrator;
use riverqueue::{BoxError, Client, Job, QueueConfig, WorkContext, WorkOutcome, Workers};
use sqlx::{ConnectOptions, SqlitePool};

use crate::file::{finished, options, pool};
use crate::handler;
use crate::peer::{Drained, Failure, Mail, Peer, Samples, Synchronous, Work, share};
use crate::seam::{now, pause, spawn, within};

const UNFINISHED: &str = "select exists (select 1 from river_job where state <> 'completed')";

pub(crate) struct River {
    pool: SqlitePool,
    file: PathBuf,
    synchronous: Synchronous,
    setting: Setting,
}

/// What its documentation lets one set.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    connections: u32,
    workers: usize,
    /// Between two fetches, and how long an idle worker waits; its defaults are 100 ms and 1 s.
    pace: Option<(Duration, Duration)>,
}

impl Display for Setting {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            connections,
            workers,
            pace,
        } = self;
        write!(out, "connections={connections} max_workers={workers}")?;
        match pace {
            None => write!(out, " cooldown and poll as shipped"),
            Some((cooldown, poll)) => write!(out, " cooldown={cooldown:?} poll={poll:?}"),
        }
    }
}

impl Peer for River {
    const NAME: &'static str = "riverqueue";

    const CAVEAT: &'static str = "it sets no pragma; its batches of completions cannot be set";

    type Setting = Setting;

    fn defaults(_: Work) -> Setting {
        Setting {
            // Both from its README: there is no default number of workers.
            connections: 5,
            workers: 10,
            pace: None,
        }
    }

    fn candidates(work: Work) -> Vec<Setting> {
        let defaults = Self::defaults(work);
        let pace = Some((Duration::from_millis(1), Duration::from_millis(20)));
        match work {
            Work::Enqueue(_) | Work::EnqueueMany => [1, 10]
                .map(|connections| Setting {
                    connections,
                    ..defaults.clone()
                })
                .to_vec(),
            Work::Drain(_) => [1_000, 2_000, 10_000]
                .map(|workers| Setting {
                    workers,
                    pace,
                    ..defaults.clone()
                })
                .to_vec(),
            Work::PickUp => vec![Setting {
                workers: 1_000,
                pace,
                ..defaults
            }],
        }
    }

    fn most(setting: &Setting, work: Work) -> u32 {
        match (setting.pace, work) {
            // Ten workers and a fetch every 100 ms: a few hundred jobs take seconds.
            (None, Work::Drain(_)) => 300,
            _ => u32::MAX,
        }
    }

    async fn migrate(file: &Path) -> Result<(), Failure> {
        let pool = pool(file, Synchronous::Normal, 1).await?;
        SqliteMigrator::new(pool.clone()).migrate_up().await?;
        pool.close().await;
        Ok(())
    }

    async fn open(
        file: &Path,
        synchronous: Synchronous,
        setting: &Setting,
    ) -> Result<Self, Failure> {
        Ok(Self {
            pool: pool(file, synchronous, setting.connections).await?,
            file: file.to_owned(),
            synchronous,
            setting: setting.clone(),
        })
    }

    async fn enqueue(&self, callers: u32, jobs: u32) -> Result<Duration, Failure> {
        let client = Client::builder(self.pool.clone()).build()?;
        let begun = now();
        let all: Vec<_> = (0..callers)
            .map(|caller| {
                let client = client.clone();
                let own = share(jobs, callers, caller);
                spawn(async move {
                    for _ in 0..own {
                        client.insert(Mail::new()).await?;
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
        let client = Client::builder(self.pool.clone()).build()?;
        let begun = now();
        let mut left = jobs;
        while left > 0 {
            let some = left.min(call);
            client.insert_many((0..some).map(|_| Mail::new())).await?;
            left -= some;
        }
        Ok(now() - begun)
    }

    async fn drain(&self, _: u32) -> Result<Drained, Failure> {
        let mut looks = options(&self.file, self.synchronous).connect().await?;
        let client = self.worker()?;
        let begun = now();
        let mut run = client.start()?;
        handler::all_ran().await?;
        let handled = now() - begun;
        let finished = finished(&mut looks, UNFINISHED, begun).await?;
        run.stop().await?;
        Ok(Drained { handled, finished })
    }

    async fn pick_ups(&self, samples: Samples) -> Result<Vec<Duration>, Failure> {
        let client = self.worker()?;
        let mut run = client.start()?;
        let mut starts = handler::starts();
        let mut took = Vec::new();
        let begun = now();
        for _ in 0..samples.count {
            pause(samples.pause).await;
            client.insert(Mail::new()).await?;
            let acknowledged = now();
            let left = samples.limit.saturating_sub(now() - begun);
            let Some(started) = within(left, starts.recv()).await else {
                break;
            };
            let started = started.ok_or("the bodies are gone")?;
            took.push(started.saturating_duration_since(acknowledged));
        }
        run.stop().await?;
        Ok(took)
    }

    async fn close(self) {
        self.pool.close().await;
    }
}

impl River {
    fn worker(&self) -> Result<Client, Failure> {
        let mut workers = Workers::new();
        workers.add_fn(handle)?;
        let mut queue = QueueConfig::new(self.setting.workers);
        if let Some((cooldown, poll)) = self.setting.pace {
            queue = queue
                .with_fetch_cooldown(cooldown)
                .with_fetch_poll_interval(poll);
        }
        let client = Client::builder(self.pool.clone())
            .workers(workers)
            .queue("default", queue)
            .build()?;
        Ok(client)
    }
}

async fn handle(_: WorkContext, _: Job<Mail>) -> Result<WorkOutcome, BoxError> {
    handler::body().await;
    Ok(WorkOutcome::Complete)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Body;

    #[test]
    fn slow_settings_get_few_jobs() {
        let drain = Work::Drain(Body::Nothing);
        assert_eq!(River::most(&River::defaults(drain), drain), 300);
        let best = River::candidates(drain);
        assert!(
            best.iter()
                .all(|setting| River::most(setting, drain) == u32::MAX)
        );
    }
}
