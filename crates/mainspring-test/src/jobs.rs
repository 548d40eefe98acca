//! Durable jobs in a test: a private database, what is in it, and the death of a process.

mod crash;
mod database;
mod dying;

use std::path::PathBuf;
use std::sync::Arc;

use mainspring_runtime::app::App;
use mainspring_runtime::jobs::Jobs;

pub use crash::Point;
pub(crate) use crash::{Crash, CrashAt};
pub(crate) use database::Database;
use dying::DyingSource;

use crate::kit::TestApp;
use crate::started::StartedApp;

/// The database of a test and the handles on it.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    database: Option<Database>,
    /// Each handle stands for a process of its own, which can die alone.
    made: Vec<(Jobs, Arc<Crash>)>,
}

impl Handles {
    /// How the process dies whose jobs this app has been given.
    pub(crate) fn crash_of(&self, app: &App) -> Option<Arc<Crash>> {
        let jobs = app.find_jobs()?;
        let made = self.made.iter().find(|(made, _)| made.is_same(jobs));
        made.map(|(_, crash)| Arc::clone(crash))
    }
}

impl TestApp {
    /// A handle to durable jobs in this test's own database.
    ///
    /// The database is a SQLite file, a copy of a migrated template, with `synchronous=OFF`: it
    /// takes milliseconds to make, a transaction of the test's own can join it, and it goes when
    /// the test ends. Each call makes another handle on the same file, as another process would
    /// have one: give each app one of its own.
    ///
    /// ```
    /// # use mainspring_runtime::app::App;
    /// # use mainspring_test::{Options, run};
    /// run(Options::new(), |app| async move {
    ///     let app = app.start(App::new("accounts").jobs(app.jobs())).await;
    ///     assert!(app.database_path().exists());
    /// });
    /// ```
    ///
    /// # Panics
    /// When the folder for temporary files cannot be written.
    pub fn jobs(&self) -> Jobs {
        let mut handles = self.handles();
        let now = self.now();
        let database = handles.database.get_or_insert_with(|| Database::new(now));
        let crash = Arc::new(Crash::default());
        let jobs = Jobs::new(DyingSource::new(
            database.source().clone(),
            Arc::clone(&crash),
        ));
        handles.made.push((jobs.clone(), crash));
        jobs
    }

    /// Where this test's database is, for a connection of its own.
    ///
    /// # Panics
    /// As [`jobs`](TestApp::jobs).
    pub fn database_path(&self) -> PathBuf {
        let mut handles = self.handles();
        let now = self.now();
        let database = handles.database.get_or_insert_with(|| Database::new(now));
        database.path()
    }

    /// The URL of this test's database, as `mainspring::jobs` and sqlx take it.
    ///
    /// # Panics
    /// As [`jobs`](TestApp::jobs).
    pub fn database_url(&self) -> String {
        format!("sqlite:{}", self.database_path().display())
    }
}

impl StartedApp {
    /// Lets the app die when one of its workers gets to this point: its tasks are dropped where
    /// they wait, its session's lock is free, and nothing is closed, as after `kill -9`.
    ///
    /// It happens once, to the first job that gets there: move time, or let what is due
    /// [run](TestApp::run_due). An app that is started after that, with another
    /// [handle](TestApp::jobs), finds the same file and rescues the jobs of the dead one at once;
    /// one that runs beside it does so within a second of real time.
    ///
    /// # Panics
    /// When the app's jobs are not from [`TestApp::jobs`].
    pub fn crash_worker_at(&self, point: Point) {
        let Some(crash) = self.crash() else {
            panic!("only an app with jobs of `app.jobs()` can crash; give it those");
        };
        crash.arm(point);
    }

    /// Whether the app has died at the point it was told to.
    pub fn has_crashed(&self) -> bool {
        self.crash().is_some_and(|crash| crash.has_fired())
    }
}
