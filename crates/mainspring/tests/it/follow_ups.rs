//! What a test is told of follow-ups.

use mainspring::prelude::*;
use mainspring::test::{TestApp, WorkOutcome, minutes, seconds};

/// Registers a follow-up that sleeps and then ends as the input says.
struct Later;

impl Action for Later {
    const NAME: &'static str = "demo.later";
    type Input = String;
    type Output = ();

    async fn call(&self, ctx: ActionContext, how: String) -> Result<(), ActionError> {
        ctx.follow_up("later", seconds(30), move |ctx| async move {
            ctx.sleep(seconds(10)).await?;
            match how.as_str() {
                "fail" => Err("no luck".into()),
                "panic" => panic!("bad luck"),
                "hang" => std::future::pending().await,
                _ => Ok(()),
            }
        });
        Ok(())
    }
}

async fn later(app: TestApp, how: &str) -> (WorkOutcome, usize) {
    let app = app.start(App::new("test").action(Later)).await;
    app.call::<Later>(how.into()).await.unwrap();
    app.settle().await;
    assert_eq!(app.follow_ups(), [], "it takes ten seconds");
    app.advance(minutes(1)).await;
    let told = app.follow_ups_of("later");
    assert_eq!(app.follow_ups(), told);
    assert_eq!(app.follow_ups_of("other"), []);
    assert_eq!(told.len(), 1);
    (told[0].outcome.clone(), app.panics().len())
}

#[mainspring::test]
async fn a_success_is_told(app: TestApp) {
    assert_eq!(later(app, "succeed").await, (WorkOutcome::Succeeded, 0));
}

#[mainspring::test(flavor = "multi_thread")]
async fn a_success_is_told_on_many_threads(app: TestApp) {
    assert_eq!(later(app, "succeed").await, (WorkOutcome::Succeeded, 0));
}

#[mainspring::test]
async fn a_failure_is_told(app: TestApp) {
    let failed = WorkOutcome::Failed("no luck".into());
    assert_eq!(later(app, "fail").await, (failed, 0));
}

#[mainspring::test]
async fn a_panic_is_told(app: TestApp) {
    let panicked = WorkOutcome::Panicked("bad luck".into());
    assert_eq!(later(app, "panic").await, (panicked, 1));
}

#[mainspring::test]
async fn a_shutdown_drains_them(app: TestApp) {
    let app = app.start(App::new("test").action(Later)).await;
    app.call::<Later>("succeed".into()).await.unwrap();
    app.shutdown("done");
    let report = app.stopped().await;
    assert_eq!(report.exit_code(), 0, "{report}");
    assert_eq!(app.follow_ups()[0].outcome, WorkOutcome::Succeeded);
}
