//! What a test asks about jobs.

use mainspring_core::job::{Attempt, Job, JobId, JobRecord, Payload, State};
use mainspring_core::store::{Dialect, Filter, Joins, JoinsBlocking, PAGE_MAX, Page, SqlRow};
use mainspring_runtime::jobs::Jobs;

use crate::started::StartedApp;

/// The most jobs that a failed assertion lists: a screen.
const LISTED_MAX: usize = 20;

/// The jobs of a database, with their payloads.
const SELECT_JOBS: &str = include_str!("sql/select_jobs.sql");

/// A job as an assertion sees it.
struct Found {
    id: String,
    kind: String,
    state: &'static str,
    payload: Payload,
}

impl StartedApp {
    /// Asserts that a job of this type was enqueued for which `is_it` is true.
    ///
    /// It may wait, run or be over: workers do not wait for the test. Jobs that are over are found
    /// as long as they are kept, which is a day for those that succeeded.
    ///
    /// # Panics
    /// When there is none, with a list of what there is.
    #[track_caller]
    pub fn assert_enqueued<J: Job>(&self, is_it: impl Fn(&J) -> bool) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let found = all(self.jobs_handle()).await;
            if !any(&found, is_it) {
                panic!("{}", not_there::<J>("was enqueued", &found, place));
            }
        }
    }

    /// Asserts that no job of this type was enqueued for which `is_it` is true.
    ///
    /// # Panics
    /// When there is one, with a list of what there is.
    #[track_caller]
    pub fn assert_not_enqueued<J: Job>(
        &self,
        is_it: impl Fn(&J) -> bool,
    ) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let found = all(self.jobs_handle()).await;
            if any(&found, is_it) {
                let (kind, list) = (J::KIND, list(&found));
                panic!("a `{kind}` that should not be there was enqueued, at {place}{list}");
            }
        }
    }

    /// Asserts that a job of this type has succeeded for which `is_it` is true.
    ///
    /// # Panics
    /// When none has, with a list of what there is.
    #[track_caller]
    pub fn assert_ran<J: Job>(&self, is_it: impl Fn(&J) -> bool) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let found = all(self.jobs_handle()).await;
            let succeeded = State::Succeeded.as_str();
            let ran = found.iter().filter(|job| job.state == succeeded);
            if !ran.into_iter().any(|job| matches(job, &is_it)) {
                panic!("{}", not_there::<J>("has succeeded", &found, place));
            }
        }
    }

    /// Asserts, through an open transaction of the test's own, that a job of this type was enqueued
    /// for which `is_it` is true: also one that the transaction has not committed.
    ///
    /// Say the type at the closure: `|job: &WelcomeMail| job.user_id == 1`.
    ///
    /// # Panics
    /// When there is none, with a list of what there is; when the transaction cannot be read.
    pub async fn assert_enqueued_in<J: Job, M, T: Joins<M>>(
        &self,
        tx: &mut T,
        is_it: impl Fn(&J) -> bool,
    ) {
        let mut tx = tx.enlist();
        readable(tx.dialect());
        let rows = tx.execute(SELECT_JOBS, Vec::new()).await;
        let rows = rows.unwrap_or_else(|error| panic!("the jobs cannot be read: {error:?}"));
        enqueued_in(rows, is_it);
    }

    /// Like [`assert_enqueued_in`](StartedApp::assert_enqueued_in), for a driver that blocks, such
    /// as rusqlite.
    ///
    /// # Panics
    /// As [`assert_enqueued_in`](StartedApp::assert_enqueued_in).
    #[track_caller]
    pub fn assert_enqueued_in_blocking<J: Job, M, T: JoinsBlocking<M>>(
        &self,
        tx: &mut T,
        is_it: impl Fn(&J) -> bool,
    ) {
        let mut tx = tx.enlist();
        readable(tx.dialect());
        let rows = tx.execute(SELECT_JOBS, Vec::new());
        let rows = rows.unwrap_or_else(|error| panic!("the jobs cannot be read: {error:?}"));
        enqueued_in(rows, is_it);
    }

    /// Every attempt of a job, oldest first; empty for one that is not kept.
    ///
    /// # Panics
    /// When the app has no jobs, or has stopped.
    pub async fn history(&self, id: JobId) -> Vec<Attempt> {
        let history = self.jobs_handle().history(id).await;
        history.unwrap_or_else(|error| panic!("the history cannot be read: {error:?}"))
    }

    fn jobs_handle(&self) -> &Jobs {
        let Some(jobs) = self.own_jobs() else {
            panic!("the app has no jobs; give it some: `.jobs(app.jobs())`");
        };
        jobs
    }
}

/// All jobs that are kept, newest first.
async fn all(jobs: &Jobs) -> Vec<Found> {
    let mut found = Vec::new();
    let mut page = Page {
        limit: PAGE_MAX,
        ..Page::default()
    };
    loop {
        let next = jobs.list(Filter::default(), page).await;
        let next = next.unwrap_or_else(|error| panic!("the jobs cannot be read: {error:?}"));
        page.before = next.last().map(|job| job.id);
        let full = next.len() == PAGE_MAX;
        found.extend(next.into_iter().map(Found::of));
        if !full {
            return found;
        }
    }
}

impl Found {
    fn of(job: JobRecord) -> Self {
        Self {
            id: job.id.to_string(),
            kind: job.kind.to_string(),
            state: job.state.as_str(),
            payload: job.payload,
        }
    }

    fn of_row(row: &SqlRow) -> Option<Self> {
        let [id, kind, payload, version, checksum] = row.as_slice() else {
            return None;
        };
        let id = id.as_blob()?.iter().map(|byte| format!("{byte:02x}"));
        let version = u16::try_from(version.as_integer()?).ok()?;
        let checksum = u32::try_from(checksum.as_integer()?).ok()?;
        Some(Self {
            id: id.collect(),
            kind: kind.as_text()?.to_owned(),
            state: "there",
            payload: Payload::stored(payload.as_blob()?.to_vec(), version, checksum),
        })
    }
}

fn readable(dialect: Dialect) {
    assert!(
        dialect == Dialect::Sqlite,
        "only a transaction on SQLite can be read for its jobs"
    );
}

#[track_caller]
fn enqueued_in<J: Job>(rows: Vec<SqlRow>, is_it: impl Fn(&J) -> bool) {
    let found: Option<Vec<_>> = rows.iter().map(Found::of_row).collect();
    let found = found.expect("the query asks for what it reads");
    if !any(&found, is_it) {
        let place = std::panic::Location::caller();
        panic!("{}", not_there::<J>("was enqueued", &found, place));
    }
}

fn any<J: Job>(found: &[Found], is_it: impl Fn(&J) -> bool) -> bool {
    found.iter().any(|job| matches(job, &is_it))
}

fn matches<J: Job>(job: &Found, is_it: impl Fn(&J) -> bool) -> bool {
    let kind = job.kind == J::KIND || J::ALIASES.contains(&&*job.kind);
    kind && job.payload.decode::<J>().is_ok_and(|job| is_it(&job))
}

fn not_there<J: Job>(what: &str, found: &[Found], place: &std::panic::Location<'_>) -> String {
    let (kind, list) = (J::KIND, list(found));
    format!("no `{kind}` that fits {what}, at {place}{list}")
}

fn list(found: &[Found]) -> String {
    if found.is_empty() {
        return "\nthere is no job at all".to_owned();
    }
    let mut text = "\nthere is:".to_owned();
    for job in found.iter().take(LISTED_MAX) {
        let payload = String::from_utf8_lossy(job.payload.json());
        text.push_str(&format!(
            "\n  {} {} {} {payload}",
            job.kind, job.state, job.id
        ));
    }
    if found.len() > LISTED_MAX {
        text.push_str(&format!("\n  and {} more", found.len() - LISTED_MAX));
    }
    text
}
