//! Time as a test moves it.

use std::time::Duration;

use mainspring::prelude::*;
use mainspring::test::{Options, TestApp, context, days, hours, minutes, run, seconds, timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::rig::{Notes, panic_of};

#[mainspring::test(start = "2026-03-28T00:00:00Z")]
async fn time_stands_still_until_the_test_moves_it(app: TestApp) {
    let app = app.start(App::new("test")).await;
    let began = app.now();
    app.settle().await;
    assert_eq!(app.now(), began);
    app.advance(hours(1) + minutes(2) + seconds(3)).await;
    assert_eq!(app.now(), timestamp("2026-03-28T01:02:03Z"));
    app.advance_to(timestamp("2026-04-01T00:00:00Z")).await;
    assert_eq!(app.now(), timestamp("2026-04-01T00:00:00Z"));
    assert_eq!(days(1), hours(24));
}

#[test]
fn advancing_to_the_past_is_refused() {
    let message = panic_of(|| {
        run(Options::new(), |app| async move {
            app.advance_to(timestamp("2020-01-01T00:00:00Z")).await;
        })
    });
    assert!(message.contains("has passed"), "{message}");
}

#[mainspring::test]
async fn a_future_that_needs_time_gets_it(app: TestApp) {
    let app = app.start(App::new("test")).await;
    let began = app.now();
    let clock = app.clock();
    let answer = app.run_until(async {
        clock.sleep(hours(5)).await;
        42
    });
    assert_eq!(answer.await, 42);
    assert_eq!(app.now(), began + hours(5));
}

#[mainspring::test(start = "2026-03-28T00:00:00Z")]
async fn an_ntp_step_moves_the_wall_and_no_interval(app: TestApp) {
    let work = App::new("test")
        .periodic("every", Every::minutes(10), |_tick| async { Ok(()) })
        .periodic("noon", Cron::new("0 12 * * *"), |_tick| async { Ok(()) });
    let app = app.start(work).await;
    app.set_wall(timestamp("2026-03-28T12:00:00Z")).await;
    assert_eq!(app.runs_of("every"), []);
    assert_eq!(app.runs_of("noon"), [timestamp("2026-03-28T12:00:00Z")]);
    // Back again: noon comes a second time for the wall, yet only once for the schedule.
    app.set_wall(timestamp("2026-03-28T11:00:00Z")).await;
    app.advance(minutes(10)).await;
    assert_eq!(app.runs_of("every").len(), 1);
}

#[mainspring::test(start = "2026-03-28T12:00:00Z")]
async fn summer_time_has_no_half_past_one(app: TestApp) {
    let night = Cron::new("30 1 * * *").in_zone("Europe/London");
    let work = App::new("test").periodic("night", night, |_tick| async { Ok(()) });
    let app = app.start(work).await;
    app.advance(days(2)).await;
    let expected = ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"];
    assert_eq!(app.runs_of("night"), expected.map(timestamp));
}

/// Answers one byte after a moment of real time.
async fn slow_server() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // Some turns of the runtime, in which a clock that does not wait would have moved on.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        stream.write_all(b"!").await.unwrap();
    });
    address
}

async fn asks_a_real_socket(app: TestApp) {
    let (address, notes) = (slow_server().await, Notes::default());
    let told = notes.clone();
    let asks = App::new("test").periodic("asks", Every::minutes(1), move |tick| {
        let notes = told.clone();
        async move {
            let ask = async {
                let mut stream = TcpStream::connect(address).await?;
                stream.read_u8().await
            };
            let answer = tick.clock().timeout(Duration::from_secs(1), ask).await;
            notes.note(format!("{:?}", answer.map(Result::ok)));
            Ok(())
        }
    });
    let app = app.start(asks).await;
    app.advance(minutes(1) + seconds(30)).await;
    assert_eq!(notes.all(), ["Ok(Some(33))"]);
    assert_eq!(app.runs()[0].took, Duration::ZERO);
}

#[mainspring::test]
async fn a_body_at_a_real_socket_holds_time_still(app: TestApp) {
    asks_a_real_socket(app).await;
}

#[mainspring::test(flavor = "multi_thread")]
async fn a_body_at_a_real_socket_holds_time_still_on_many_threads(app: TestApp) {
    asks_a_real_socket(app).await;
}

#[test]
fn a_body_that_never_ends_is_named() {
    let options = Options::new().settle_limit(Duration::from_millis(100));
    let message = panic_of(|| {
        run(options, |app| async move {
            let stuck = App::new("test").periodic("stuck", Every::minutes(1), |_tick| async {
                std::future::pending::<()>().await;
                Ok(())
            });
            let app = app.start(stuck).await;
            app.advance(minutes(1)).await;
        })
    });
    assert!(message.contains("body `stuck`"), "{message}");
}

#[tokio::test]
async fn a_context_needs_no_app() {
    let (ctx, clock) = context();
    let sleeper = ctx.clone();
    let task = ctx.spawn("sleeper", move |_| async move {
        sleeper.sleep(hours(1)).await.is_ok()
    });
    clock.advance(hours(1)).await;
    assert!(task.await.unwrap());
}
