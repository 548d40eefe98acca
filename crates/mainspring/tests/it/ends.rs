//! Ending an app: signals, requests, reports, and what the end of the test does.

use mainspring::lifecycle::{Forced, ShutdownCause};
use mainspring::prelude::*;
use mainspring::test::{Options, Signal, TestApp, hours, minutes, run, seconds};

use crate::rig::{Noted, Notes, panic_of};

#[mainspring::test]
async fn a_signal_stops_the_app_in_virtual_time(app: TestApp) {
    let notes = Notes::default();
    let slow = Noted {
        takes: seconds(2),
        ..Noted::new("slow", &notes)
    };
    let app = app.start(App::new("test").component(slow)).await;
    let ready = app.now();
    app.signal(Signal::Terminate);
    let report = app.stopped().await;
    assert_eq!(report.exit_code(), 0, "{report}");
    assert_eq!(report.cause, ShutdownCause::Signal(Signal::Terminate));
    assert_eq!(notes.all(), ["start slow", "stop slow"]);
    // The drain delay of production, and the component's own time.
    assert_eq!(app.now(), ready + seconds(5));
    assert_eq!(app.stopped().await, report, "it can be asked again");
}

#[mainspring::test]
async fn a_second_signal_forces_the_exit(app: TestApp) {
    let slow = Noted {
        takes: seconds(4),
        ..Noted::new("slow", &Notes::default())
    };
    let app = app.start(App::new("test").component(slow)).await;
    app.signal(Signal::Terminate);
    app.advance(seconds(4)).await;
    app.signal(Signal::Interrupt);
    let report = app.stopped().await;
    assert_eq!(report.exit_code(), 4, "{report}");
    assert_eq!(report.forced, Some(Forced::SecondSignal));
    assert_eq!(report.not_stopped().collect::<Vec<_>>(), ["slow"]);
}

async fn takes_everything_with_it(app: TestApp) {
    let notes = Notes::default();
    let told = notes.clone();
    let app = app.start(
        App::new("test").periodic("tick", Every::minutes(1), move |tick| {
            let notes = told.clone();
            async move {
                notes.note("begun");
                let _ = tick.park(std::future::pending::<()>()).await;
                Ok(())
            }
        }),
    );
    let app = app.await;
    app.advance(minutes(1)).await;
    app.signal(Signal::Terminate);
    app.signal(Signal::Terminate);
    let report = app.stopped().await;
    assert_eq!(report.exit_code(), 4);
    assert_eq!(app.manual_clock().activity().live_tasks(), []);
    assert_eq!(app.manual_clock().pending(), 0);
    app.advance(hours(1)).await;
    assert_eq!(notes.all(), ["begun"]);
}

#[mainspring::test]
async fn a_forced_exit_takes_everything_with_it(app: TestApp) {
    takes_everything_with_it(app).await;
}

#[mainspring::test(flavor = "multi_thread")]
async fn a_forced_exit_takes_everything_with_it_on_many_threads(app: TestApp) {
    takes_everything_with_it(app).await;
}

#[mainspring::test]
async fn a_request_says_why(app: TestApp) {
    let app = app.with_env("MAINSPRING_ENV", "development");
    let app = app.start(App::new("test")).await;
    let before = app.now();
    app.shutdown("lunch");
    let report = app.stopped().await;
    assert_eq!(report.cause, ShutdownCause::Requested("lunch".into()));
    assert_eq!(app.now(), before, "nothing takes time in development");
}

#[mainspring::test]
async fn a_component_may_ask(app: TestApp) {
    let quitter = App::new("test").periodic("quitter", Every::minutes(5), |tick| async move {
        tick.shutdown("enough");
        Ok(())
    });
    let app = app.start(quitter).await;
    app.advance(minutes(5)).await;
    let report = app.stopped().await;
    assert!(report.to_string().contains("enough"), "{report}");
}

#[test]
fn waiting_for_an_end_that_nobody_asked_for_is_refused() {
    let message = panic_of(|| {
        run(Options::new(), |app| async move {
            let ticking = App::new("test");
            let ticking = ticking.periodic("tick", Every::minutes(1), |_| async { Ok(()) });
            let _ = app.start(ticking).await.stopped().await;
        })
    });
    assert!(message.contains("app.shutdown"), "{message}");
}

#[test]
fn the_end_of_the_test_stops_what_it_started() {
    let notes = Notes::default();
    let component = Noted {
        takes: seconds(3),
        ..Noted::new("kept", &notes)
    };
    run(Options::new(), |app| async move {
        app.start(App::new("test").component(component)).await;
    });
    assert_eq!(notes.all(), ["start kept", "stop kept"]);
}
