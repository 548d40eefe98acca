//! The system's clock keeps the contract that the manual clock is tested for.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use mainspring_core::clock::{Clock, Timer};
use mainspring_runtime::system_clock::system_clock;

const SHORT: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_secs(3600);

/// Waits for real, and checks that at least this much has passed.
async fn pass(clock: &Clock, duration: Duration) {
    let before = clock.monotonic();
    clock.sleep(duration).await;
    assert!(clock.monotonic().since(before) >= duration, "never early");
}

#[tokio::test]
async fn what_is_due_already_is_ready_at_once() {
    let clock = system_clock();
    assert!(clock.sleep(Duration::ZERO).now_or_never().is_some());
    assert!(clock.timer(Duration::ZERO).wait().now_or_never().is_some());
    assert!(
        clock
            .sleep_until(clock.monotonic())
            .now_or_never()
            .is_some()
    );
    let past = clock.now().checked_sub(LONG).unwrap();
    assert!(clock.sleep_until_wall(past).now_or_never().is_some());
    assert!(clock.sleep(LONG).now_or_never().is_none());
}

#[tokio::test]
async fn stop_is_true_only_if_it_prevented_the_firing() {
    let clock = system_clock();
    let mut pending = clock.timer(SHORT);
    assert!(pending.stop() && !pending.stop());
    let mut expired = clock.timer(SHORT);
    let mut received = clock.timer(SHORT);
    received.wait().await;
    pass(&clock, SHORT).await;
    assert!(
        pending.wait().now_or_never().is_none(),
        "a stopped one never fires"
    );
    assert!(!received.stop(), "it has been received");
    assert!(expired.stop(), "nobody had received it");
    assert!(expired.wait().now_or_never().is_none(), "and nobody will");
    assert!(
        received.wait().now_or_never().is_none(),
        "one firing, received once"
    );
}

#[tokio::test]
async fn a_slow_consumer_of_ticks_learns_what_it_missed() {
    let clock = system_clock();
    let origin = clock.monotonic();
    let mut ticker = clock.ticker(SHORT).unwrap();
    let first = ticker.tick().await;
    pass(&clock, 4 * SHORT).await;
    let late = ticker.tick().now_or_never().expect("ticks are due");
    assert!(late.missed >= 3, "{late:?}");
    let periods = u32::try_from(late.missed + 1).unwrap();
    assert_eq!(
        late.at.since(first.at),
        SHORT * periods,
        "the grid has not shifted"
    );
    assert!(ticker.tick().await.at > late.at);
    assert!(first.at.since(origin) >= SHORT);
    assert!(clock.ticker(Duration::ZERO).is_err());
}

#[tokio::test]
async fn callbacks_run_once_unless_they_are_stopped() {
    let clock = system_clock();
    let calls = Arc::new(AtomicUsize::new(0));
    let count = |calls: &Arc<AtomicUsize>| {
        let calls = Arc::clone(calls);
        move || {
            calls.fetch_add(1, Ordering::SeqCst);
        }
    };
    let due = clock.after(SHORT, count(&calls));
    let stopped = clock.after(SHORT, count(&calls));
    drop(clock.after(SHORT, count(&calls)));
    assert!(stopped.stop() && !stopped.stop());
    let zero = clock.after(Duration::ZERO, count(&calls));
    assert_eq!(
        calls.load(Ordering::SeqCst),
        0,
        "never before `after` returns"
    );
    let (last, seen) = tokio::sync::oneshot::channel();
    let _last = clock.after(4 * SHORT, move || last.send(()).unwrap());
    seen.await.unwrap();
    assert_eq!(
        calls.load(Ordering::SeqCst),
        3,
        "the dropped handle stops nothing"
    );
    assert!(!due.stop() && !zero.stop());
}

#[tokio::test]
async fn a_timeout_drops_what_is_late_and_lets_the_ready_win() {
    let clock = system_clock();
    let late = clock.timeout(SHORT, clock.sleep(LONG)).await;
    assert_eq!(late.unwrap_err().limit(), SHORT);
    assert_eq!(clock.timeout(Duration::ZERO, async { 7 }).await, Ok(7));
    assert_eq!(clock.timeout(LONG, async { 8 }).await, Ok(8));
}

#[tokio::test]
async fn a_wait_for_the_wall_ends_when_the_wall_shows_it() {
    let clock = system_clock();
    let at = clock.now().checked_add(2 * SHORT).unwrap();
    clock.sleep_until_wall(at).await;
    assert!(clock.now() >= at);
}

#[tokio::test]
async fn waits_beyond_any_calendar_do_not_panic() {
    let clock = system_clock();
    let far = clock.sleep(Duration::MAX);
    assert!(clock.timeout(SHORT, far).await.is_err());
    let end = clock.sleep_until_wall(mainspring_core::time::Timestamp::MAX);
    assert!(clock.timeout(SHORT, end).await.is_err());
}

#[tokio::test]
async fn a_stopped_callback_is_let_go() {
    let clock = system_clock();
    let held = Arc::new(());
    let captured = Arc::clone(&held);
    let after = clock.after(LONG, move || drop(captured));
    assert!(after.stop());
    pass(&clock, SHORT).await;
    assert_eq!(Arc::strong_count(&held), 1, "it does not wait out its hour");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_that_races_tells_whether_the_callback_ran() {
    let clock = system_clock();
    for round in 0..30_000 {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let after = clock.after(Duration::ZERO, move || {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        (0..round % 100).for_each(|_| std::hint::spin_loop());
        let prevented = after.stop();
        // The callback is gone once it has run or never will.
        while Arc::strong_count(&calls) > 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(calls.load(Ordering::SeqCst), usize::from(!prevented));
    }
}

// In the tests below tokio's time is paused: it moves by itself, and the wall does not.

#[tokio::test(start_paused = true)]
async fn a_wait_of_years_is_over_in_its_time() {
    let clock = system_clock();
    let far = Duration::from_secs(3 * 365 * 86_400) + SHORT;
    pass(&clock, far).await;
    let mut timer = clock.timer(far);
    let before = clock.monotonic();
    timer.wait().await;
    assert!(clock.monotonic().since(before) >= far);
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_the_wall_looks_at_it_every_half_minute() {
    let clock = system_clock();
    let at = clock.now().checked_add(2 * LONG).unwrap();
    let mut wait = pin!(clock.sleep_until_wall(at));
    let mut looks = 0;
    let looking = poll_fn(|cx| {
        looks += 1;
        wait.as_mut().poll(cx)
    });
    let ended = clock.timeout(Duration::from_secs(600), looking).await;
    assert!(ended.is_err(), "the wall has not moved");
    assert!((20..=22).contains(&looks), "{looks}");
}

#[tokio::test(start_paused = true)]
async fn a_stopped_timer_wakes_nobody() {
    let clock = system_clock();
    for stopped in [true, false] {
        let mut timer = clock.timer(SHORT);
        let mut polls = 0;
        let polling = poll_fn(|cx| {
            polls += 1;
            let polled = pin!(timer.wait()).poll(cx);
            if stopped {
                timer.stop();
            }
            polled
        });
        let ended = clock.timeout(LONG, polling).await;
        assert_eq!((ended.is_err(), polls), (stopped, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn reset_arms_again_from_now_and_forgets_an_old_firing() {
    let clock = system_clock();
    let mut timer = clock.timer(SHORT);
    pass(&clock, SHORT).await;
    assert!(timer.reset(LONG), "it was active");
    assert!(
        timer.wait().now_or_never().is_none(),
        "the old firing is gone"
    );
    assert!(timer.reset(SHORT));
    let before = clock.monotonic();
    fires(&clock, &mut timer).await;
    assert!(clock.monotonic().since(before) >= SHORT);
    assert!(!timer.reset(SHORT), "it had been received");
    fires(&clock, &mut timer).await;
    let mut stopped = clock.timer(LONG);
    stopped.stop();
    assert!(!stopped.reset(SHORT), "it was stopped");
    fires(&clock, &mut stopped).await;
}

#[tokio::test(start_paused = true)]
async fn a_reset_while_it_waits_is_seen() {
    let clock = system_clock();
    let mut timer = clock.timer(LONG);
    assert!(
        timer.wait().now_or_never().is_none(),
        "polled, and its sleep is armed"
    );
    timer.reset(SHORT);
    fires(&clock, &mut timer).await;
}

/// Waits for a timer that is due long before this gives up.
async fn fires(clock: &Clock, timer: &mut Timer) {
    let fired = clock.timeout(LONG / 2, timer.wait()).await;
    assert!(fired.is_ok(), "it fires in its time");
}
