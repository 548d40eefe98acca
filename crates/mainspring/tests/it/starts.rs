//! Starting an app: time moves as far as it must, and what fails is told.

use mainspring::health::Readiness;
use mainspring::lifecycle::StartOutcome;
use mainspring::prelude::*;
use mainspring::test::{Options, Signal, TestApp, run, seconds, timestamp};

use crate::rig::{Noted, Notes, panic_of};

#[mainspring::test]
async fn a_start_moves_time_exactly_as_far_as_it_needs(app: TestApp) {
    let began = app.now();
    let slow = Noted {
        takes: seconds(7),
        ..Noted::new("slow", &Notes::default())
    };
    let app = app.start(App::new("test").component(slow)).await;
    assert_eq!(app.readiness(), Readiness::Ready);
    assert_eq!(app.now(), began + seconds(7));
}

#[mainspring::test]
async fn a_failed_start_is_returned_with_its_report(app: TestApp) {
    let notes = Notes::default();
    let broken = Noted {
        fails: Some("no database"),
        ..Noted::new("broken", &notes)
    };
    let first = Noted::new("first", &notes);
    let app = app.try_start(App::new("test").component(first).component(broken));
    let report = app.await.unwrap_err();
    assert_eq!(report.exit_code(), 1);
    let part = report.part("broken").unwrap();
    assert!(matches!(part.start.outcome, StartOutcome::Failed(_)));
    assert!(report.to_string().contains("no database"), "{report}");
    assert_eq!(notes.all(), ["start first", "stop first"]);
}

#[test]
fn a_failed_start_panics_with_its_report() {
    let message = panic_of(|| {
        run(Options::new(), |app| async move {
            let broken = Noted {
                fails: Some("no database"),
                ..Noted::new("broken", &Notes::default())
            };
            app.start(App::new("test").component(broken)).await;
        })
    });
    assert!(message.contains("did not start"), "{message}");
    assert!(message.contains("no database"), "{message}");
}

#[mainspring::test]
async fn configuration_errors_are_told_together(app: TestApp) {
    let notes = Notes::default();
    let twice = App::new("test")
        .component(Noted::new("same", &notes))
        .component(Noted::new("same", &notes))
        .periodic("never", Cron::new("61 * * * *"), |_tick| async { Ok(()) });
    let report = app.try_start(twice).await.unwrap_err();
    let text = report.to_string();
    assert!(text.contains("same") && text.contains("never"), "{text}");
    assert_eq!(notes.all(), [""; 0]);
}

#[mainspring::test(start = "2026-03-28T00:00:00Z")]
async fn a_signal_interrupts_a_start(app: TestApp) {
    let slow = Noted {
        takes: seconds(20),
        ..Noted::new("slow", &Notes::default())
    };
    let app = app.launch(App::new("test").component(slow));
    app.advance(seconds(5)).await;
    assert_eq!(app.readiness(), Readiness::Starting);
    app.signal(Signal::Interrupt);
    let report = app.stopped().await;
    assert_eq!(report.exit_code(), 1, "{report}");
    assert_eq!(app.now(), timestamp("2026-03-28T00:00:05Z"));
    assert!(!app.ready().await);
}

#[mainspring::test]
async fn the_environment_of_the_test_wins_and_the_process_is_not_seen(app: TestApp) {
    let addressed = app
        .clone()
        .with_env("MAINSPRING_HEALTH_ADDR", "127.0.0.1:9191");
    let one = addressed.start(App::new("one").health("127.0.0.1:1")).await;
    assert_eq!(one.addresses()["health"].port(), 9191);
    let other = app.start(App::new("other")).await;
    assert_ne!(other.addresses()["health"].port(), 9191);
    let broken = app.with_env("MAINSPRING_ENV", "holiday");
    let report = broken.try_start(App::new("broken")).await.unwrap_err();
    assert!(report.to_string().contains("MAINSPRING_ENV"), "{report}");
}
