//! Where a job comes from goes along with it: from the request through everything that follows.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainspring::prelude::*;
use mainspring::test::{TestApp, minutes};
use serde::{Deserialize, Serialize};

/// Enqueues a job of one generation less until there is none left.
#[derive(Serialize, Deserialize, Job)]
#[job(kind = "chain")]
struct Chain {
    left: u32,
}

struct Start {
    jobs: Jobs,
}

impl Action for Start {
    const NAME: &'static str = "start";
    type Input = u32;
    type Output = String;

    async fn call(&self, ctx: ActionContext, left: u32) -> Result<String, ActionError> {
        let jobs = self.jobs.clone();
        self.jobs.enqueue(Chain { left }).await?;
        ctx.follow_up("enqueue", Duration::from_secs(5), move |_ctx| async move {
            jobs.enqueue(Chain { left: 0 }).await?;
            Ok(())
        });
        Ok(ctx
            .get::<RequestId>()
            .map_or_else(String::new, ToString::to_string))
    }
}

type Seen = Arc<Mutex<Vec<(u32, Option<String>)>>>;

fn app(jobs: &Jobs, seen: &Seen) -> App {
    let (seen, own) = (Arc::clone(seen), jobs.clone());
    App::new("chain")
        .jobs(jobs.clone())
        .action(Start { jobs: jobs.clone() })
        .worker_fn(move |ctx: JobContext, job: Chain| {
            let (seen, jobs) = (Arc::clone(&seen), own.clone());
            async move {
                let request = ctx.get::<RequestId>().map(ToString::to_string);
                seen.lock().unwrap().push((job.left, request));
                if job.left > 0 {
                    let left = job.left - 1;
                    jobs.enqueue(Chain { left }).await?;
                }
                Ok(Done)
            }
        })
}

#[mainspring::test]
async fn a_request_is_known_to_all_jobs_that_follow_from_it(app: TestApp) {
    let (jobs, seen) = (mainspring::jobs("memory:"), Seen::default());
    let app = app.start(self::app(&jobs, &seen)).await;
    let first = app.call::<Start>(2).await.unwrap();
    app.advance(minutes(1)).await;
    let second = app.call::<Start>(0).await.unwrap();
    app.advance(minutes(1)).await;
    assert!(!first.is_empty() && first != second);
    let mut seen = seen.lock().unwrap().clone();
    seen.sort();
    let of = |left, request: &String| (left, Some(request.clone()));
    let mut wanted = vec![
        of(0, &first),
        of(0, &first),
        of(1, &first),
        of(2, &first),
        of(0, &second),
        of(0, &second),
    ];
    wanted.sort();
    assert_eq!(seen, wanted);
}

#[mainspring::test]
async fn what_is_enqueued_outside_of_any_work_comes_from_nowhere(app: TestApp) {
    let (jobs, seen) = (mainspring::jobs("memory:"), Seen::default());
    let app = app.start(self::app(&jobs, &seen)).await;
    jobs.enqueue(Chain { left: 0 }).await.unwrap();
    app.advance(minutes(1)).await;
    assert_eq!(*seen.lock().unwrap(), [(0, None)]);
}
