//! The log of a test: every thread and task of it, and no other's.

use mainspring::prelude::*;
use mainspring::test::{TestApp, minutes};

fn chatty() -> App {
    App::new("test").periodic("chatty", Every::minutes(1), |_tick| async {
        mainspring::tracing::info!("from a run");
        let plain = tokio::spawn(async { mainspring::tracing::info!("from a plain task") });
        plain.await?;
        let blocking = || mainspring::tracing::info!("from a blocking thread");
        tokio::task::spawn_blocking(blocking).await?;
        Ok(())
    })
}

async fn hears_all(app: TestApp) {
    let app = app.start(chatty()).await;
    mainspring::tracing::info!("from the test");
    app.advance(minutes(1)).await;
    for place in ["the test", "a run", "a plain task", "a blocking thread"] {
        let text = format!("from {place}");
        assert!(app.logs().contains(&text), "{:#?}", app.logs().lines());
    }
    let lines = app.logs().lines();
    let run = lines.iter().find(|line| line.message == "from a run");
    assert_eq!(run.unwrap().text("work"), Some("chatty"));
}

#[mainspring::test]
async fn one_thread_is_heard(app: TestApp) {
    hears_all(app).await;
}

#[mainspring::test(flavor = "multi_thread", worker_threads = 3)]
async fn every_worker_is_heard(app: TestApp) {
    hears_all(app).await;
}

#[mainspring::test(flavor = "multi_thread")]
async fn other_tests_are_not_heard(app: TestApp) {
    let other = std::thread::spawn(|| {
        mainspring::test::run(mainspring::test::Options::new(), |app| async move {
            mainspring::tracing::warn!("private");
            assert!(app.logs().contains("private"));
        });
    });
    other.join().unwrap();
    assert!(!app.logs().contains("private"));
}
