//! The health server and the metrics, asked over the in-memory network.

use mainspring::prelude::*;
use mainspring::test::{TestApp, minutes, seconds};

use crate::rig::{Noted, Notes, panic_of};

#[mainspring::test]
async fn health_answers_from_start_to_stop(app: TestApp) {
    let slow = Noted {
        takes: seconds(5),
        ..Noted::new("slow", &Notes::default())
    };
    let app = app.launch(App::new("test").component(slow));
    app.settle().await;
    assert_eq!(app.health("/live").await.0, 200);
    assert_eq!(app.health("/ready").await.0, 503);
    app.advance(seconds(5)).await;
    let (status, body) = app.health("/ready").await;
    assert_eq!(status, 200, "{body}");
    assert!(body.to_string().contains("slow"), "{body}");
    app.shutdown("done");
    app.settle().await;
    assert_eq!(app.health("/ready").await.0, 503, "draining");
}

#[mainspring::test]
async fn a_probe_is_asked(app: TestApp) {
    let ill = App::new("test").probe("database", |_ctx| async { Health::unhealthy("gone") });
    let app = app.start(ill).await;
    let (status, body) = app.health("/ready").await;
    assert_eq!(status, 503);
    assert!(body.to_string().contains("gone"), "{body}");
}

#[mainspring::test]
async fn metrics_are_the_page_of_the_health_server(app: TestApp) {
    let work = App::new("test").periodic("tick", Every::minutes(1), |_tick| async { Ok(()) });
    let app = app.start(work).await;
    app.advance(minutes(3)).await;
    let metrics = app.metrics();
    let line = metrics.lines().find(|line| {
        line.starts_with("mainspring_periodic_runs_total") && line.contains("succeeded")
    });
    assert!(line.is_some_and(|line| line.ends_with(" 3")), "{metrics}");
}

#[test]
fn an_app_without_health_says_so() {
    let message = panic_of(|| {
        mainspring::test::run(mainspring::test::Options::new(), |app| async move {
            let app = app.start(App::new("test").without_health()).await;
            app.health("/ready").await;
        })
    });
    assert!(message.contains("health server"), "{message}");
}
