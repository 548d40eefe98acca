//! The rows of what is known to go wrong with mock clocks, each with the better behaviour.

#![expect(
    clippy::disallowed_methods,
    reason = "the clock is driven from plain threads as well"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use mainspring_core::clock::{Clock, Deadline, ManualClock};
use mainspring_core::time::{Monotonic, Timestamp};

use crate::rig::{Log, Rig, SHORT_LIMIT, millis, panic_of, secs};

fn manual() -> ManualClock {
    ManualClock::new(Timestamp::UNIX_EPOCH)
}

fn at(secs: u64) -> Monotonic {
    Monotonic::from_origin(Duration::from_secs(secs))
}

fn wall(secs: i64) -> Timestamp {
    Timestamp::from_second(secs).unwrap()
}

#[tokio::test]
async fn c01_every_wait_and_every_limit_follows_the_manual_clock() {
    let rig = Rig::new();
    let clock = rig.manual.clock();
    let limited = rig.ctx.with_timeout(secs(10), "too slow");
    let mut ticker = clock.ticker(secs(10)).unwrap();
    let mut timer = clock.timer(secs(10));
    let called = Log::new();
    let entry = called.clone();
    let _after = clock.after(secs(10), move || entry.push(()));
    let mut waits = [
        clock.sleep(secs(10)).boxed(),
        clock.sleep_until(clock.monotonic() + secs(10)).boxed(),
        clock.sleep_until_wall(clock.now() + secs(10)).boxed(),
        clock.sleep_to(Deadline::Monotonic(at(10))).boxed(),
        limited.cancelled().map(drop).boxed(),
        clock
            .timeout(secs(10), std::future::pending::<()>())
            .map(drop)
            .boxed(),
    ];
    rig.manual.advance(secs(9)).await;
    for wait in &mut waits {
        assert!(wait.as_mut().now_or_never().is_none());
    }
    assert!(ticker.tick().now_or_never().is_none() && timer.wait().now_or_never().is_none());
    assert!(called.all().is_empty());

    rig.manual.advance(secs(1)).await;
    for wait in &mut waits {
        assert!(wait.as_mut().now_or_never().is_some());
    }
    assert!(ticker.tick().now_or_never().is_some() && timer.wait().now_or_never().is_some());
    assert_eq!(called.all().len(), 1);
    let elapsed = clock.timeout(secs(0), std::future::pending::<()>()).await;
    assert_eq!(elapsed.unwrap_err().limit(), secs(0));
    let ready = clock.timeout(secs(0), std::future::ready(7)).await;
    assert_eq!(ready.unwrap(), 7, "a future that is ready wins");
}

#[tokio::test]
async fn c02_wall_and_monotonic_time_are_two_lines() {
    let start: Timestamp = "2026-10-25T00:59:59Z".parse().unwrap();
    let manual = ManualClock::new(start);
    let clock = manual.clock();
    assert_eq!(
        (manual.now(), manual.monotonic()),
        (start, Monotonic::ORIGIN)
    );
    let mut sleep = clock.sleep(secs(60)).boxed();

    manual.set_wall(start + secs(7200));
    manual.settle().await;
    assert_eq!(clock.monotonic(), Monotonic::ORIGIN);
    assert!(
        sleep.as_mut().now_or_never().is_none(),
        "a step fires no monotonic timer"
    );
    assert_eq!(
        clock.wall_at(clock.monotonic() + secs(5)),
        start + secs(7205)
    );

    manual.advance(secs(60)).await;
    assert!(sleep.as_mut().now_or_never().is_some());
    assert_eq!(clock.now(), start + secs(7260));
}

#[tokio::test]
async fn c03_now_inside_a_firing_is_its_deadline() {
    let rig = Rig::new();
    let clock = rig.manual.clock();
    let seen = Log::new();
    for delay in [7, 2, 5] {
        let (entry, now) = (seen.clone(), clock.clone());
        let _after = clock.after(secs(delay), move || {
            entry.push((delay, now.monotonic(), now.now()));
        });
        let (entry, now) = (seen.clone(), clock.clone());
        let _body = rig.body("sleeper", async move {
            now.sleep(secs(delay)).await;
            entry.push((delay, now.monotonic(), now.now()));
        });
    }
    let start = clock.now();
    rig.manual.advance(secs(10)).await;
    let expected: Vec<_> = [2, 2, 5, 5, 7, 7]
        .map(|delay| (delay, at(delay), start + secs(delay)))
        .into();
    assert_eq!(seen.all(), expected);
    assert_eq!(clock.monotonic(), at(10));
}

#[tokio::test]
async fn c04_fires_in_deadline_order_across_kinds() {
    let rig = Rig::new();
    let clock = rig.manual.clock();
    let order = Log::new();
    let callback = |name: &'static str, delay| {
        let entry = order.clone();
        let _after = clock.after(secs(delay), move || entry.push(name));
    };
    let tell = |name: &'static str| {
        let entry = order.clone();
        move || entry.push(name)
    };
    callback("callback 10", 10);
    callback("callback 5", 5);
    let (mut ticker, told) = (clock.ticker(secs(4)).unwrap(), tell("tick"));
    let _ticks = rig.body("ticks", async move {
        loop {
            ticker.tick().await;
            told();
        }
    });
    let (mut timer, told) = (clock.timer(secs(6)), tell("timer 6"));
    let _timer = rig.body("timer", async move {
        timer.wait().await;
        told();
    });
    let (sleep, told) = (
        clock.sleep_until_wall(clock.now() + secs(7)),
        tell("wall 7"),
    );
    let _sleep = rig.body("sleep", async move {
        sleep.await;
        told();
    });
    callback("callback 3", 3);
    callback("second callback 3", 3);
    rig.manual.advance(secs(10)).await;
    let expected = [
        "callback 3",
        "second callback 3",
        "tick",
        "callback 5",
        "timer 6",
        "wall 7",
        "tick",
        "callback 10",
    ];
    assert_eq!(order.all(), expected);
}

#[tokio::test]
async fn c05_what_rearms_inside_an_advance_fires_again_in_it() {
    fn again(clock: &Clock, runs: &Log<Monotonic>) {
        let (own, entry) = (clock.clone(), runs.clone());
        let _after = clock.after(secs(1), move || {
            entry.push(own.monotonic());
            again(&own, &entry);
        });
    }
    let rig = Rig::new();
    let (callbacks, sleeps) = (Log::new(), Log::new());
    again(&rig.manual.clock(), &callbacks);
    let entry = sleeps.clone();
    rig.ctx.spawn("sleeps", |ctx| async move {
        while ctx.sleep(secs(1)).await.is_ok() {
            entry.push(ctx.clock().monotonic());
        }
    });
    rig.manual.advance(secs(10)).await;
    let expected: Vec<_> = (1..=10).map(at).collect();
    assert_eq!(callbacks.all(), expected);
    assert_eq!(sleeps.all(), expected);
}

#[tokio::test]
async fn c06_a_panicking_callback_loses_no_other_and_is_not_swallowed() {
    let manual = manual();
    let clock = manual.clock();
    let ran = Log::new();
    let entry = ran.clone();
    let _first = clock.after(secs(1), || panic!("the first is broken"));
    let _same = clock.after(secs(1), move || entry.push("same instant"));
    let entry = ran.clone();
    let _later = clock.after(secs(2), move || entry.push("later"));
    let text = panic_of(manual.advance(secs(3))).await;
    assert_eq!(text, "the first is broken");
    assert_eq!(ran.all(), ["same instant", "later"]);
    assert_eq!((clock.monotonic(), manual.pending()), (at(3), 0));
}

#[tokio::test]
async fn c06_a_callback_may_use_the_clock_and_own_its_timers() {
    let manual = manual();
    let clock = manual.clock();
    let second = Arc::new(clock.after(secs(2), || panic!("it was stopped")));
    let (own, sleep) = (clock.clone(), clock.sleep(secs(9)));
    let _first = clock.after(secs(1), move || {
        assert!(second.stop());
        drop(sleep);
        assert_eq!(own.monotonic(), at(1));
    });
    manual.advance(secs(3)).await;
    assert_eq!(manual.pending(), 0);

    // Stopping drops the callback, which drops a timer of the same clock.
    let sleep = clock.sleep(secs(9));
    let third = clock.after(secs(1), move || drop(sleep));
    assert!(third.stop());
    assert_eq!(manual.pending(), 0);
}

#[tokio::test]
async fn c07_a_slow_consumer_gets_one_tick_that_counts_the_missed() {
    let manual = manual();
    let mut ticker = manual.clock().ticker(secs(10)).unwrap();
    manual.advance(secs(35)).await;
    let tick = ticker.tick().now_or_never().expect("a tick is due");
    assert_eq!((tick.at, tick.missed), (at(30), 2));
    assert!(ticker.tick().now_or_never().is_none());
    manual.advance(secs(5)).await;
    let tick = ticker
        .tick()
        .now_or_never()
        .expect("the grid has not shifted");
    assert_eq!((tick.at, tick.missed), (at(40), 0));
}

#[tokio::test]
async fn c07_a_prompt_consumer_gets_every_tick() {
    let rig = Rig::new();
    let mut ticker = rig.manual.clock().ticker(secs(10)).unwrap();
    let ticks = Log::new();
    let entry = ticks.clone();
    rig.ctx.spawn("ticks", |_| async move {
        loop {
            let tick = ticker.tick().await;
            entry.push((tick.at, tick.missed));
        }
    });
    rig.manual.advance(secs(35)).await;
    assert_eq!(ticks.all(), [(at(10), 0), (at(20), 0), (at(30), 0)]);
}

#[tokio::test]
async fn c08_a_ticker_takes_another_period_from_now_on() {
    let manual = manual();
    let mut ticker = manual.clock().ticker(secs(10)).unwrap();
    manual.advance(secs(15)).await;
    ticker.reset(secs(4)).unwrap();
    assert!(
        ticker.tick().now_or_never().is_none(),
        "the old tick is gone"
    );
    manual.advance(secs(4)).await;
    assert_eq!(ticker.tick().now_or_never().expect("a tick").at, at(19));
    manual.advance(secs(4)).await;
    assert_eq!(ticker.tick().now_or_never().expect("a tick").at, at(23));
}

#[tokio::test]
async fn c09_a_period_of_zero_is_refused_with_a_hint() {
    let manual = manual();
    let error = manual.clock().ticker(Duration::ZERO).unwrap_err();
    assert!(error.is_config() && error.hint().is_some());
    let mut ticker = manual.clock().ticker(secs(10)).unwrap();
    assert!(ticker.reset(Duration::ZERO).is_err());
    manual.advance(secs(10)).await;
    assert_eq!(ticker.tick().now_or_never().expect("it goes on").at, at(10));
}

#[tokio::test]
async fn c10_what_is_due_already_needs_no_advance() {
    let manual = manual();
    let clock = manual.clock();
    manual.advance(secs(5)).await;
    assert!(clock.sleep(Duration::ZERO).now_or_never().is_some());
    assert!(clock.timer(Duration::ZERO).wait().now_or_never().is_some());
    assert!(clock.sleep_until(at(3)).now_or_never().is_some());
    assert!(clock.sleep_until_wall(wall(4)).now_or_never().is_some());
    assert_eq!(manual.pending(), 0);

    let called = Log::new();
    let entry = called.clone();
    let _after = clock.after(Duration::ZERO, move || entry.push(()));
    assert!(called.all().is_empty(), "never before `after` returns");
    manual.settle().await;
    assert_eq!((called.all().len(), clock.monotonic()), (1, at(5)));
}

#[tokio::test]
async fn c10_a_callback_of_zero_that_arms_itself_for_ever_is_refused() {
    fn again(clock: &Clock) {
        let own = clock.clone();
        let _after = clock.after(Duration::ZERO, move || again(&own));
    }
    let manual = manual();
    again(&manual.clock());
    let text = panic_of(manual.advance(secs(1))).await;
    assert!(text.contains("did not move time"), "{text}");
}

#[tokio::test]
async fn c11_stop_is_true_only_if_it_prevented_the_firing() {
    let manual = manual();
    let clock = manual.clock();
    let mut pending = clock.timer(secs(1));
    assert!(pending.stop() && !pending.stop());
    let mut expired = clock.timer(secs(1));
    let mut received = clock.timer(secs(1));
    manual.advance(secs(1)).await;
    assert!(pending.wait().now_or_never().is_none());

    assert!(expired.stop(), "nobody had received it");
    assert!(
        expired.wait().now_or_never().is_none(),
        "and nobody ever will"
    );
    assert!(received.wait().now_or_never().is_some());
    assert!(!received.stop());
    assert!(
        received.wait().now_or_never().is_none(),
        "one firing is one firing"
    );

    let (stopped, ran) = (
        clock.after(secs(1), || panic!("stopped")),
        clock.after(secs(1), || ()),
    );
    assert!(stopped.stop() && !stopped.stop());
    manual.advance(secs(1)).await;
    assert!(!ran.stop() && !stopped.stop());
}

#[tokio::test]
async fn c12_reset_forgets_a_stale_firing() {
    let manual = manual();
    let mut timer = manual.clock().timer(secs(1));
    manual.advance(secs(1)).await;
    assert!(timer.reset(secs(5)), "expired and not received is active");
    assert!(timer.wait().now_or_never().is_none());
    assert!(timer.reset(secs(3)), "pending is active");
    manual.advance(secs(3)).await;
    assert!(timer.wait().now_or_never().is_some());
    assert!(!timer.reset(secs(1)), "received is not active");
    manual.advance(secs(1)).await;
    assert!(timer.stop());
    assert!(!timer.reset(secs(1)), "stopped is not active");
    manual.advance(secs(1)).await;
    assert!(timer.wait().now_or_never().is_some());
}

#[tokio::test]
async fn c13_a_step_of_the_wall_fires_what_waits_for_the_wall_and_nothing_else() {
    let rig = Rig::new();
    let clock = rig.manual.clock();
    let start = clock.now();
    let mut ticker = clock.ticker(secs(10)).unwrap();
    let mut near = clock.sleep_until_wall(start + secs(3600)).boxed();
    let woken = rig.body("wall", clock.sleep_until_wall(start + secs(3600)));
    let mut far = clock.sleep_until_wall(start + secs(7200)).boxed();
    rig.manual.settle().await;

    assert!(near.as_mut().now_or_never().is_none());
    rig.manual.set_wall(start + secs(4000));
    assert!(near.as_mut().now_or_never().is_some(), "at once");
    rig.manual.settle().await;
    assert!(woken.now_or_never().is_some(), "no advance is needed");
    assert!(ticker.tick().now_or_never().is_none());

    rig.manual.set_wall(start - secs(86_400));
    rig.manual.advance(secs(10)).await;
    assert!(
        ticker.tick().now_or_never().is_some(),
        "a step back silences no ticker"
    );
    assert!(far.as_mut().now_or_never().is_none());
    rig.manual.advance_to(start + secs(7200)).await;
    assert!(far.as_mut().now_or_never().is_some());
    assert_eq!(clock.now(), start + secs(7200));
    assert_eq!(clock.monotonic().since_origin(), secs(86_400 + 7200));
    rig.manual.advance_to(start).await;
    assert_eq!(
        clock.now(),
        start + secs(7200),
        "advance_to never goes back"
    );
}

#[tokio::test]
async fn c13_a_wait_for_the_wall_follows_its_steps() {
    let manual = manual();
    let _sleep = manual.clock().sleep_until_wall(wall(60));
    manual.advance(secs(59)).await;
    assert_eq!(manual.next_deadline(), Some(at(60)));
    manual.set_wall(wall(0));
    assert_eq!(manual.next_deadline(), Some(at(59 + 60)));
}

#[tokio::test]
async fn c14_what_is_armed_can_be_counted_and_the_next_deadline_asked() {
    let manual = manual();
    let clock = manual.clock();
    assert_eq!(
        (manual.pending(), manual.next_deadline(), manual.armed()),
        (0, None, 0)
    );
    let mut timer = clock.timer(secs(5));
    let sleep = clock.sleep(secs(3));
    let after = clock.after(secs(4), || ());
    assert_eq!((manual.pending(), manual.next_deadline()), (3, Some(at(3))));
    drop(sleep);
    assert_eq!((manual.pending(), manual.next_deadline()), (2, Some(at(4))));
    assert!(after.stop());
    assert_eq!((manual.pending(), manual.next_deadline()), (1, Some(at(5))));
    timer.reset(secs(9));
    assert_eq!((manual.pending(), manual.armed()), (1, 4));
    timer.stop();
    assert_eq!(
        (manual.pending(), manual.next_deadline(), manual.armed()),
        (0, None, 4)
    );
}

#[tokio::test]
async fn c15_waiting_for_timers_waits_for_that_many() {
    let rig = Rig::new();
    let clock = rig.manual.clock();
    let baseline = rig.manual.armed();
    let (go, gone) = tokio::sync::oneshot::channel();
    let _body = rig.body("arms", async move {
        let _first = clock.sleep(secs(1));
        let _second = clock.sleep(secs(1));
        gone.await.unwrap();
        let _third = clock.sleep(secs(1));
    });
    rig.manual.wait_for_timers(baseline, 2).await;
    let mut three = Box::pin(rig.manual.wait_for_timers(baseline, 3));
    assert!(three.as_mut().now_or_never().is_none());
    go.send(()).unwrap();
    three.await;
}

#[tokio::test]
async fn c15_waiting_for_timers_that_never_come_ends_with_the_count() {
    let manual = manual().with_settle_limit(SHORT_LIMIT);
    let _sleep = manual.clock().sleep(secs(1));
    let text = panic_of(manual.wait_for_timers(0, 2)).await;
    assert!(
        text.contains("1 of 2 timers were armed within 200ms"),
        "{text}"
    );
}

#[test]
fn c15_no_arming_is_missed_by_a_waiter() {
    const ROUNDS: u64 = 5_000;
    let manual = manual();
    let clock = manual.clock();
    let turn = AtomicU64::new(0);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for round in 1..=ROUNDS {
                while turn.load(Ordering::SeqCst) < round {
                    std::thread::yield_now();
                }
                // A little later each time, so that every moment of the waiter is met.
                (0..round % 128).for_each(|_| std::hint::spin_loop());
                drop(clock.sleep(secs(1)));
            }
        });
        for round in 1..=ROUNDS {
            turn.store(round, Ordering::SeqCst);
            // A lost wake ends in the panic of the settle limit.
            block_on(manual.wait_for_timers(round - 1, 1));
        }
    });
}

/// Blocks this thread, which is fine where only plain threads are waited for.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        let mut cx = std::task::Context::from_waker(&waker);
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        std::thread::park();
    }
}

#[test]
fn c16_concurrent_advances_add_up_and_fire_everything_once() {
    let manual = manual();
    let clock = manual.clock();
    let fired = Arc::new(AtomicU64::new(0));
    for delay in 1..=400 {
        let fired = Arc::clone(&fired);
        let _after = clock.after(millis(delay), move || {
            fired.fetch_add(1, Ordering::SeqCst);
        });
    }
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| (0..100).for_each(|_| block_on(manual.advance(millis(1)))));
        }
    });
    assert_eq!(clock.monotonic().since_origin(), millis(400));
    assert_eq!((fired.load(Ordering::SeqCst), manual.pending()), (400, 0));
}

#[test]
fn c16_nothing_fires_after_stop_has_said_so() {
    for _ in 0..2_000 {
        let manual = manual();
        let clock = manual.clock();
        let ran = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ran);
        let after = clock.after(millis(1), move || flag.store(true, Ordering::SeqCst));
        let mut timer = clock.timer(millis(1));
        let mut prevented = false;
        std::thread::scope(|threads| {
            threads.spawn(|| block_on(manual.advance(millis(1))));
            threads.spawn(|| {
                timer.stop();
                assert!(timer.wait().now_or_never().is_none(), "a tick after stop");
            });
            prevented = after.stop();
        });
        assert!(ran.load(Ordering::SeqCst) != prevented, "either or");
        assert!(!after.stop());
    }
}

#[tokio::test]
async fn c17_stopped_and_fired_timers_leave_nothing_behind() {
    let manual = manual();
    let clock = manual.clock();
    for _ in 0..10_000 {
        clock.timer(secs(3600)).stop();
        clock.after(secs(3600), || ()).stop();
        drop(clock.sleep(secs(3600)));
        drop(clock.ticker(secs(3600)));
    }
    assert_eq!(manual.pending(), 0);
    let sleeps: Vec<_> = (0..1_000).map(|_| clock.sleep(secs(1))).collect();
    manual.advance(secs(1)).await;
    assert_eq!(manual.pending(), 0);
    drop(sleeps);
    // What never comes is never fired, and goes with its owner.
    let never = clock.sleep(Duration::MAX);
    manual.advance(secs(1)).await;
    assert_eq!(manual.pending(), 1);
    drop(never);
    assert_eq!(manual.pending(), 0);
}
