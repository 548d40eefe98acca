//! Jobs that follow from a request.

use std::sync::{Arc, Mutex};

use mainspring::error::ErrorKind;
use mainspring::job::State;
use mainspring::prelude::*;
use mainspring::test::{TestApp, hours, seconds};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Job)]
#[job(kind = "mail", max_attempts = 3)]
struct Mail {
    fails: u32,
}

/// Enqueues a mail that follows from the request, and may fail itself.
struct Register;

#[derive(Serialize, Deserialize)]
struct Input {
    mail_fails: u32,
    fails: bool,
}

impl Validate for Input {}

impl Action for Register {
    const NAME: &'static str = "register";
    type Input = Input;
    type Output = JobId;

    async fn call(&self, ctx: ActionContext, input: Input) -> Result<JobId, ActionError> {
        let fails = input.mail_fails;
        let handle = ctx.follow_up_job(Mail { fails }).await?;
        match input.fails {
            true => Err(ActionError::conflict("no")),
            false => Ok(handle.id()),
        }
    }
}

type Seen = Arc<Mutex<Vec<(u32, Option<String>)>>>;

fn app(jobs: &Jobs, seen: &Seen) -> App {
    let seen = Arc::clone(seen);
    App::new("accounts")
        .jobs(jobs.clone())
        .action(Register)
        .worker_fn(move |ctx: JobContext, mail: Mail| {
            let seen = Arc::clone(&seen);
            async move {
                let request = ctx.meta().request_id.as_deref().map(ToOwned::to_owned);
                seen.lock().unwrap().push((ctx.attempt(), request));
                match ctx.attempt() <= mail.fails {
                    true => Err("not yet".into()),
                    false => Ok(Done),
                }
            }
        })
}

fn input(mail_fails: u32, fails: bool) -> Input {
    Input { mail_fails, fails }
}

#[mainspring::test]
async fn it_runs_after_the_response_and_is_retried_as_any_other(app: TestApp) {
    let (jobs, seen) = (mainspring::jobs("memory:"), Seen::default());
    let app = app.start(self::app(&jobs, &seen)).await;
    let id = app.call::<Register>(input(1, false)).await.unwrap();
    app.advance(hours(1)).await;
    let job = jobs.get(id).await.unwrap().unwrap();
    assert_eq!((job.state, job.claims), (State::Succeeded, 2));
    let seen = seen.lock().unwrap().clone();
    assert_eq!((seen.len(), seen[0].0, seen[1].0), (2, 1, 2));
    assert!(
        seen[0].1.is_some() && seen[0].1 == seen[1].1,
        "the request's id goes along"
    );
    let end = jobs.outcome(id).await.unwrap();
    assert!(end.is_success());
}

#[mainspring::test]
async fn a_file_keeps_it_as_well(app: TestApp) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("jobs.db").display());
    let (jobs, seen) = (mainspring::jobs(url), Seen::default());
    let app = app.start(self::app(&jobs, &seen)).await;
    let id = app.call::<Register>(input(0, false)).await.unwrap();
    app.advance(seconds(1)).await;
    let end = jobs.outcome(id).await.unwrap();
    assert!(end.is_success());
    let history = jobs.history(id).await.unwrap();
    assert_eq!((seen.lock().unwrap().len(), history.len()), (1, 1));
}

#[mainspring::test]
async fn it_runs_although_the_handler_fails(app: TestApp) {
    let (jobs, seen) = (mainspring::jobs("memory:"), Seen::default());
    let app = app.start(self::app(&jobs, &seen)).await;
    app.call::<Register>(input(0, true)).await.unwrap_err();
    app.advance(hours(1)).await;
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[mainspring::test]
async fn an_app_without_jobs_says_so(app: TestApp) {
    struct Tells;

    impl Action for Tells {
        const NAME: &'static str = "tells";
        type Input = ();
        type Output = bool;

        async fn call(&self, ctx: ActionContext, (): ()) -> Result<bool, ActionError> {
            let error = ctx.follow_up_job(Mail { fails: 0 }).await.unwrap_err();
            Ok(error.kind() == ErrorKind::Config && error.hint().is_some())
        }
    }

    let app = app.start(App::new("plain").action(Tells)).await;
    assert!(app.call::<Tells>(()).await.unwrap());
}

#[mainspring::test]
async fn a_url_of_no_database_fails_the_boot(app: TestApp) {
    let jobs = mainspring::jobs("mysql://ada:lovelace@db/app");
    let wrong = App::new("wrong").jobs(jobs);
    let report = app.try_start(wrong).await.unwrap_err();
    let text = report.to_string();
    assert!(
        text.contains("mysql:") && text.contains("sqlite:path/to/file.db"),
        "{text}"
    );
    assert!(!text.contains("lovelace"), "{text}");
}
