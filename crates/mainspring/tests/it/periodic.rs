//! What a test is told of periodic work.

use mainspring::periodic::RunOutcome;
use mainspring::prelude::*;
use mainspring::test::{TestApp, WorkOutcome, hours, minutes, timestamp};

#[mainspring::test(start = "2026-03-28T00:00:00Z")]
async fn runs_are_told_with_their_outcomes(app: TestApp) {
    let work = App::new("test")
        .periodic("good", Every::minutes(20), |_tick| async { Ok(()) })
        .periodic("bad", Every::minutes(30), |_tick| async {
            Err("no".into())
        })
        .periodic("worse", Cron::new("45 * * * *"), |_tick| async {
            panic!("oh no")
        });
    let app = app.start(work).await;
    app.advance(hours(1)).await;

    let good = ["00:20", "00:40", "01:00"];
    let good = good.map(|at| timestamp(&format!("2026-03-28T{at}:00Z")));
    assert_eq!(app.runs_of("good"), good);
    let told: Vec<_> = app
        .runs()
        .iter()
        .map(|run| format!("{} {}", run.name, run.outcome.label()))
        .collect();
    let expected = [
        "good succeeded",
        "bad failed",
        "good succeeded",
        "worse panicked",
        "good succeeded",
        "bad failed",
    ];
    assert_eq!(told, expected);
    assert_eq!(app.runs()[1].outcome, WorkOutcome::Failed("no".into()));

    let panics = app.panics();
    assert_eq!(panics.len(), 1);
    assert_eq!((&*panics[0].name, &*panics[0].message), ("worse", "oh no"));

    let states = app.periodics();
    assert_eq!(&*states[1].name, "bad");
    assert_eq!(states[1].record.failures, 2);
    assert_eq!(states[1].record.last.unwrap().outcome, RunOutcome::Failed);
    assert_eq!(states[2].next_fire, Some(timestamp("2026-03-28T01:45:00Z")));
}

#[mainspring::test]
async fn a_skipped_fire_is_no_run(app: TestApp) {
    let slow = App::new("test").periodic("slow", Every::minutes(10), |tick| async move {
        tick.sleep(minutes(15)).await?;
        Ok(())
    });
    let app = app.start(slow).await;
    app.advance(minutes(50)).await;
    assert_eq!(
        app.runs_of("slow").len(),
        2,
        "at 10 and 30, until 25 and 45"
    );
    assert_eq!(app.periodics()[0].record.skipped, 2);
}

#[mainspring::test]
async fn a_panic_of_a_task_is_told(app: TestApp) {
    struct Loop;
    impl Component for Loop {
        fn name(&self) -> &str {
            "loop"
        }
        async fn start(&self, ctx: Context) -> Result<(), BoxError> {
            ctx.spawn("refresh", |ctx| async move {
                let _ = ctx.sleep(minutes(1)).await;
                panic!("stale");
            });
            Ok(())
        }
    }
    let app = app.start(App::new("test").component(Loop)).await;
    assert_eq!(app.panics(), []);
    app.advance(minutes(1)).await;
    assert_eq!(&*app.panics()[0].name, "refresh");
    assert_eq!(app.panics()[0].message, "stale");
}
