//! The idle rule: virtual time moves only when nobody is busy, and it says who is when that lasts.

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::mpsc;
use std::time::Duration;

use futures_util::FutureExt;
use mainspring_core::activity::TaskKind;
use mainspring_core::clock::Elapsed;
use mainspring_core::time::Monotonic;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::rig::{Log, Rig, SHORT_LIMIT, millis, panic_of, secs};

/// How often a clock that must stand still is given the chance to move.
const CHANCES: usize = 200;

/// Runs an advance of an hour, in which `body` waits for something real until `open` lets it go on.
///
/// The body has a limit of one virtual second. If the clock moved, it would have run into it.
async fn stands_still<T: Send + 'static>(
    rig: &Rig,
    body: impl Future<Output = T> + Send + 'static,
    asked: impl Future<Output = ()>,
    open: impl FnOnce(),
) -> T {
    let clock = rig.manual.clock();
    let limited = async move { clock.timeout(secs(1), body).await };
    let answer: oneshot::Receiver<Result<T, Elapsed>> = rig.body("asks", limited);
    let mut advance = pin!(rig.manual.advance(secs(3600)));
    let mut asked = pin!(asked);
    tokio::select! {
        biased;
        () = &mut advance => panic!("the clock moved before the body had asked"),
        () = &mut asked => {}
    }
    for _ in 0..CHANCES {
        assert!(advance.as_mut().now_or_never().is_none(), "the clock moved");
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.manual.monotonic(), Monotonic::ORIGIN);
    open();
    advance.await;
    let answer = answer.await.expect("the body returns");
    answer.expect("the limit must not pass on virtual time")
}

async fn a_body_on_a_socket_holds_the_clock() {
    let rig = Rig::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let body = async move {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(b"ping").await.unwrap();
        let mut answer = [0; 4];
        socket.read_exact(&mut answer).await.unwrap();
        answer
    };
    let (asks, asked) = oneshot::channel();
    let (open, opened) = oneshot::channel();
    let server = async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut question = [0; 4];
        socket.read_exact(&mut question).await.unwrap();
        asks.send(()).unwrap();
        opened.await.unwrap();
        socket.write_all(b"pong").await.unwrap();
    };
    // The other end is not ours: the clock knows nothing of it.
    #[expect(clippy::disallowed_methods, reason = "it plays another machine")]
    tokio::spawn(server);
    let asked = asked.map(Result::unwrap);
    let answer = stands_still(&rig, body, asked, || open.send(()).unwrap()).await;
    assert_eq!(&answer, b"pong");
}

async fn a_body_on_a_blocking_call_holds_the_clock() {
    let rig = Rig::new();
    let (asks, asked) = oneshot::channel();
    let (open, opened) = mpsc::channel();
    let body = async move {
        let call = move || {
            asks.send(()).unwrap();
            opened.recv().unwrap();
            42
        };
        #[expect(clippy::disallowed_methods, reason = "users' bodies call it")]
        let call = tokio::task::spawn_blocking(call);
        call.await.unwrap()
    };
    let asked = asked.map(Result::unwrap);
    let answer = stands_still(&rig, body, asked, || open.send(()).unwrap()).await;
    assert_eq!(answer, 42);
}

#[tokio::test]
async fn a_body_on_a_socket_holds_the_clock_on_one_thread() {
    a_body_on_a_socket_holds_the_clock().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_body_on_a_socket_holds_the_clock_on_many_threads() {
    a_body_on_a_socket_holds_the_clock().await;
}

#[tokio::test]
async fn a_body_on_a_blocking_call_holds_the_clock_on_one_thread() {
    a_body_on_a_blocking_call_holds_the_clock().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_body_on_a_blocking_call_holds_the_clock_on_many_threads() {
    a_body_on_a_blocking_call_holds_the_clock().await;
}

#[tokio::test]
async fn a_body_that_sleeps_under_a_limit_is_parked_and_cut() {
    let rig = Rig::new();
    let clock = rig.manual.clock();
    let cut = rig.body("sleeps", async move {
        let inner = clock.sleep(secs(60));
        clock.timeout(secs(1), inner).await
    });
    rig.manual.advance(secs(1)).await;
    assert_eq!(cut.await.unwrap().unwrap_err().limit(), secs(1));
}

#[tokio::test]
async fn a_loop_is_idle_unless_woken() {
    let rig = Rig::new();
    let (sender, mut receiver) = tokio::sync::mpsc::channel(8);
    let seen = Log::new();
    let entry = seen.clone();
    rig.ctx.spawn("reads", |ctx| async move {
        while let Some(number) = receiver.recv().await {
            // Many polls, each woken by the one before.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            entry.push((number, ctx.clock().monotonic()));
        }
    });
    rig.manual.advance(secs(5)).await;
    assert_eq!(
        rig.manual.monotonic().since_origin(),
        secs(5),
        "it waits, and time moves"
    );
    sender.send(1).await.unwrap();
    rig.manual.advance(secs(5)).await;
    let at = Monotonic::from_origin(secs(5));
    assert_eq!(
        seen.all(),
        [(1, at)],
        "woken work is done before time moves"
    );
}

#[tokio::test]
async fn io_makes_a_loop_busy() {
    let rig = Rig::new();
    let (asks, asked) = oneshot::channel();
    let (open, opened) = oneshot::channel();
    let seen = Log::new();
    let entry = seen.clone();
    rig.ctx.spawn("asks", |ctx| async move {
        let call = async {
            asks.send(()).unwrap();
            opened.await.unwrap();
        };
        let clock = ctx.clock().clone();
        entry.push(clock.timeout(secs(1), ctx.io(call)).await);
    });
    let mut advance = pin!(rig.manual.advance(secs(3600)));
    let mut asked = pin!(asked);
    tokio::select! {
        biased;
        () = &mut advance => panic!("the clock moved"),
        sent = &mut asked => sent.unwrap(),
    }
    for _ in 0..CHANCES {
        assert!(advance.as_mut().now_or_never().is_none(), "the clock moved");
        tokio::task::yield_now().await;
    }
    open.send(()).unwrap();
    advance.await;
    assert_eq!(seen.all(), [Ok(())]);
}

#[tokio::test]
async fn park_lets_a_body_wait_for_what_depends_on_the_clock() {
    let rig = Rig::new();
    let (sender, receiver) = oneshot::channel();
    let clock = rig.manual.clock();
    rig.ctx.spawn("feeds", |ctx| async move {
        ctx.sleep(secs(60)).await.unwrap();
        sender.send(ctx.clock().monotonic()).unwrap();
    });
    let ctx = rig.ctx.clone();
    let body = rig.body("waits", async move {
        let fed = ctx.park(receiver).await.unwrap();
        (fed, clock.monotonic())
    });
    rig.manual.advance(secs(3600)).await;
    let minute = Monotonic::from_origin(secs(60));
    assert_eq!(
        body.await.unwrap(),
        (minute, minute),
        "it went on before time did"
    );
}

#[tokio::test]
async fn a_kept_wait_beside_io_holds_the_clock() {
    let rig = Rig::new();
    let ctx = rig.ctx.clone();
    let (open, opened) = oneshot::channel::<()>();
    let body = rig.body("both", async move {
        let mut cancelled = pin!(ctx.cancelled());
        assert!(cancelled.as_mut().now_or_never().is_none());
        ctx.io(opened).await.unwrap();
    });
    let mut advance = pin!(rig.manual.advance(secs(1)));
    for _ in 0..CHANCES {
        assert!(advance.as_mut().now_or_never().is_none(), "the clock moved");
        tokio::task::yield_now().await;
    }
    open.send(()).unwrap();
    advance.await;
    body.await.unwrap();
}

#[tokio::test]
async fn a_wait_that_was_dropped_parks_nobody() {
    let rig = Rig::new();
    rig.manual.settle().await;
    let clock = rig.manual.clock();
    let (open, opened) = oneshot::channel::<()>();
    let body = rig.body("moved on", async move {
        let mut sleep = Box::pin(clock.sleep(secs(60)));
        assert!(sleep.as_mut().now_or_never().is_none());
        drop(sleep);
        opened.await.unwrap();
        clock.monotonic()
    });
    let mut advance = pin!(rig.manual.advance(secs(1)));
    for _ in 0..CHANCES {
        assert!(advance.as_mut().now_or_never().is_none(), "the clock moved");
        tokio::task::yield_now().await;
    }
    open.send(()).unwrap();
    advance.await;
    assert_eq!(body.await.unwrap(), Monotonic::ORIGIN);
}

#[tokio::test]
async fn every_mainspring_wait_parks_a_body() {
    let rig = Rig::new();
    let clock = rig.manual.clock();
    let limited = rig.ctx.with_timeout(secs(9), "limit");
    let task = rig
        .ctx
        .spawn("task", |ctx| async move { ctx.sleep(secs(9)).await });
    let (mut timer, mut ticker) = (clock.timer(secs(9)), clock.ticker(secs(9)).unwrap());
    let bodies = [
        rig.body("sleep", clock.sleep(secs(9))),
        rig.body("wall", clock.sleep_until_wall(clock.now() + secs(9))),
        rig.body("cancelled", limited.cancelled().map(drop)),
        rig.body("ctx.sleep", rig.ctx.sleep(secs(9)).map(drop)),
        rig.body("task", task.map(drop)),
        rig.body("timer", async move { timer.wait().await }),
        rig.body("ticker", async move {
            ticker.tick().await;
        }),
        rig.body(
            "guarded",
            limited.run_until_cancelled(clock.sleep(secs(9))).map(drop),
        ),
    ];
    rig.manual.advance(secs(9)).await;
    for body in bodies {
        body.now_or_never().expect("it is done").unwrap();
    }
}

#[tokio::test]
async fn a_body_awaited_in_place_parks_the_body_around_it() {
    let rig = Rig::new();
    let clock = rig.manual.clock();
    let inner = rig
        .ctx
        .env()
        .spawner
        .body(&"inner".into(), clock.sleep(secs(9)));
    let outer = rig.body("outer", inner);
    rig.manual.advance(secs(9)).await;
    outer.now_or_never().expect("it is done").unwrap();

    let (open, opened) = oneshot::channel::<()>();
    let inner = rig
        .ctx
        .env()
        .spawner
        .body(&"inner".into(), opened.map(drop));
    let _outer = rig.body("outer", inner);
    let mut advance = pin!(rig.manual.advance(secs(9)));
    for _ in 0..CHANCES {
        assert!(
            advance.as_mut().now_or_never().is_none(),
            "the inner body is busy"
        );
        tokio::task::yield_now().await;
    }
    open.send(()).unwrap();
    advance.await;
}

#[tokio::test]
async fn advancing_inside_a_task_panics_with_its_name() {
    let rig = Rig::new();
    for (kind, name) in [
        (TaskKind::Body, "body `eager`"),
        (TaskKind::Loop, "loop `eager`"),
    ] {
        let manual = rig.manual.clone();
        let inside = async move {
            let until = panic_of(manual.run_until(pending::<()>())).await;
            let to = panic_of(manual.advance_to(manual.now())).await;
            let settle = panic_of(manual.settle()).await;
            [until, to, settle, panic_of(manual.advance(secs(1))).await]
        };
        for text in rig.run(kind, "eager", inside).await.unwrap() {
            assert!(
                text.contains(name) && text.contains("call it from the test"),
                "{text}"
            );
        }
    }
}

#[tokio::test]
async fn what_does_not_settle_is_named_with_the_place_where_it_waits() {
    let mut rig = Rig::new();
    rig.manual = rig.manual.with_settle_limit(SHORT_LIMIT);
    let _hangs = rig.body("hangs", pending::<()>());
    let _quiet = rig.body("quiet", rig.manual.clock().sleep(secs(3600)));
    let ctx = rig.ctx.clone();
    let _io = rig.run(TaskKind::Loop, "reads", async move {
        ctx.io(pending::<()>()).await
    });
    let text = panic_of(rig.manual.advance(secs(1))).await;
    assert!(text.contains("did not settle within 200ms"), "{text}");
    assert!(
        text.contains("body `hangs`: running, or awaiting something"),
        "{text}"
    );
    assert!(text.contains("loop `reads`: inside `ctx.io(…)`"), "{text}");
    assert!(text.contains("hint: ") && !text.contains("quiet"), "{text}");
}

#[tokio::test]
async fn what_hangs_after_a_wait_is_named_with_that_wait() {
    let mut rig = Rig::new();
    rig.manual = rig.manual.with_settle_limit(SHORT_LIMIT);
    let clock = rig.manual.clock();
    let line = line!() + 2;
    let _hangs = rig.body("hangs", async move {
        clock.sleep(millis(1)).await;
        pending::<()>().await;
    });
    let text = panic_of(rig.manual.advance(secs(1))).await;
    assert!(text.contains(&format!("idle_rule.rs:{line}")), "{text}");

    let token = rig.manual.activity().token();
    drop(rig.ctx);
    let text = panic_of(rig.manual.settle()).await;
    assert!(text.contains("hangs"), "it still hangs: {text}");
    drop(token);
}

#[tokio::test]
async fn a_token_that_is_never_given_back_is_named_as_a_request() {
    let rig = Rig::new();
    let manual = rig.manual.with_settle_limit(SHORT_LIMIT);
    let token = manual.activity().token();
    let text = panic_of(manual.settle()).await;
    assert!(
        text.contains("a request to a store or thread that has not been answered"),
        "{text}"
    );
    drop(token);
    manual.settle().await;
}

#[tokio::test]
async fn each_settle_has_the_whole_limit_for_itself() {
    let rig = Rig::new();
    let manual = rig.manual.with_settle_limit(SHORT_LIMIT);
    let token = manual.activity().token();
    // One is given up while it waits, one runs into the limit; neither counts against the next.
    assert!(manual.settle().now_or_never().is_none());
    let _ = panic_of(manual.settle()).await;
    assert!(manual.settle().now_or_never().is_none());
    let mut next = pin!(manual.settle());
    assert!(next.as_mut().now_or_never().is_none());
    drop(token);
    next.await;
}

#[tokio::test]
async fn run_until_moves_time_as_far_as_the_future_needs() {
    let rig = Rig::new();
    let clock = rig.manual.clock();
    let task = rig.ctx.spawn("worker", |ctx| async move {
        for _ in 0..10 {
            ctx.sleep(secs(60)).await.unwrap();
        }
        ctx.clock().monotonic()
    });
    let _late = clock.sleep(secs(86_400));
    let done = rig.manual.run_until(task).await.unwrap();
    assert_eq!(done.since_origin(), secs(600));
    assert_eq!(clock.monotonic(), done, "no further than that");

    let text = panic_of(rig.manual.run_until(async {
        let _late = _late;
        rig.ctx.park(pending::<()>()).await;
    }))
    .await;
    assert!(text.contains("it would wait for ever"), "{text}");
    let never = rig.manual.clock().sleep(Duration::MAX);
    let text = panic_of(rig.manual.run_until(never)).await;
    assert!(text.contains("it would wait for ever"), "{text}");
}

#[tokio::test]
async fn a_dropped_advance_leaves_time_where_it_got_to_and_the_next_goes_on() {
    let rig = Rig::new();
    let (open, opened) = oneshot::channel::<()>();
    let clock = rig.manual.clock();
    let body = rig.body("half way", async move {
        clock.sleep(secs(5)).await;
        opened.await.unwrap();
    });
    let mut advance = Box::pin(rig.manual.advance(secs(10)));
    while rig.manual.monotonic().since_origin() < secs(5) {
        assert!(advance.as_mut().now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(advance);
    assert_eq!(rig.manual.monotonic().since_origin(), secs(5));
    open.send(()).unwrap();
    rig.manual.advance(secs(10)).await;
    body.await.unwrap();
    assert_eq!(rig.manual.monotonic().since_origin(), secs(15));
}
