//! Triggers in an app with jobs: their runs are jobs.

use std::sync::{Arc, Mutex};

use http::{Request, StatusCode};
use mainspring::job::State;
use mainspring::prelude::*;
use mainspring::store::{Filter, Page};
use mainspring::test::{StartedApp, TestApp, hours, minutes, seconds};

const TOKEN: &str = "a long token that nobody guesses";

/// Notes each of its runs; asked to, the first one fails.
#[derive(Clone, Default)]
struct Report(Arc<Mutex<Vec<String>>>);

impl Action for Report {
    const NAME: &'static str = "report.run";
    type Input = String;
    type Output = ();

    async fn call(&self, _ctx: ActionContext, day: String) -> Result<(), ActionError> {
        let mut runs = self.0.lock().unwrap();
        runs.push(day.clone());
        match &*day {
            "breaks" if runs.len() == 1 => Err(ActionError::from("not yet")),
            "refused" => Err(ActionError::not_found("no such day")),
            _ => Ok(()),
        }
    }
}

impl Report {
    fn app(&self, jobs: &Jobs) -> App {
        let keys = TriggerKeys::bearer_only(TOKEN);
        App::new("reports")
            .jobs(jobs.clone())
            .trigger(self.clone(), keys)
    }

    fn runs(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

async fn call(app: &StartedApp, id: &str, day: &str) -> (StatusCode, JobId) {
    let request = Request::post("/triggers/report.run")
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "application/json")
        .header("webhook-id", id);
    let body = format!("\"{day}\"");
    let answer = app.request(request.body(body).unwrap()).await;
    let json: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
    (
        answer.status(),
        json["runId"].as_str().unwrap().parse().unwrap(),
    )
}

#[mainspring::test]
async fn a_call_is_a_job_and_its_id_is_remembered_in_the_store(app: TestApp) {
    let (jobs, report) = (mainspring::jobs("memory:"), Report::default());
    let first = app.start(report.app(&jobs)).await;
    let (status, run) = call(&first, "a", "monday").await;
    assert_eq!(status, StatusCode::ACCEPTED);
    app.advance(seconds(1)).await;
    assert_eq!(report.runs(), ["monday"]);
    let job = jobs.get(run).await.unwrap().unwrap();
    assert_eq!(
        (&*job.kind, job.state),
        ("mainspring.trigger", State::Succeeded)
    );
    first.shutdown("restart");
    let _ = first.stopped().await;

    let second = app.start(report.app(&jobs)).await;
    app.advance(minutes(9)).await;
    assert_eq!(call(&second, "a", "monday").await, (StatusCode::OK, run));
    app.advance(minutes(1)).await;
    let (status, again) = call(&second, "a", "monday").await;
    assert!(status == StatusCode::ACCEPTED && again != run);
}

#[mainspring::test]
async fn a_run_that_breaks_is_tried_again_and_one_that_is_refused_is_not(app: TestApp) {
    let (jobs, report) = (mainspring::jobs("memory:"), Report::default());
    let started = app.start(report.app(&jobs)).await;
    let (_, breaks) = call(&started, "a", "breaks").await;
    let (_, refused) = call(&started, "b", "refused").await;
    app.advance(hours(1)).await;
    let job = jobs.get(breaks).await.unwrap().unwrap();
    assert_eq!((job.state, job.attempts), (State::Succeeded, 2));
    let job = jobs.get(refused).await.unwrap().unwrap();
    assert_eq!((job.state, job.attempts), (State::Failed, 1));
    assert_eq!(report.runs().len(), 3);
}

#[mainspring::test]
async fn a_run_waits_for_a_process_with_workers(app: TestApp) {
    let (jobs, report) = (mainspring::jobs("memory:"), Report::default());
    let web = app.start(report.app(&jobs).without_workers()).await;
    call(&web, "a", "monday").await;
    app.advance(hours(1)).await;
    assert!(report.runs().is_empty());
    let kept = jobs.list(Filter::default(), Page::default()).await.unwrap();
    assert_eq!((kept.len(), kept[0].state), (1, State::Ready));
    web.shutdown("restart");
    let _ = web.stopped().await;
    let _works = app.start(report.app(&jobs)).await;
    app.advance(seconds(1)).await;
    assert_eq!(report.runs(), ["monday"]);
}
