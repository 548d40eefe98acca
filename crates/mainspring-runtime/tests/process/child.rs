//! The programs under test. Each says on stdout how far it is.

use std::future::Future;
use std::process::{ExitCode, Termination};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use mainspring_core::context::Context;
use mainspring_core::error::{BoxError, Error};
use mainspring_core::health::Health;
use mainspring_core::lifecycle::ShutdownReport;
use mainspring_core::periodic::Every;
use mainspring_runtime::app::{App, AppHandle};
use mainspring_runtime::component::Component;
use mainspring_runtime::system_clock::system_clock;
use tokio::runtime::{Builder, Runtime};

type Ended = Result<ShutdownReport, Error>;

/// How long an app may take to stop here; the watchdog adds a second.
const BUDGET: Duration = Duration::from_millis(300);

pub(crate) fn run(case: &str) -> ExitCode {
    match case {
        "clean" => exit(multi().block_on(say_when_ready(app()))),
        "start-fails" => exit(multi().block_on(app().component(Bad("start")).run())),
        "start-panics" => exit(multi().block_on(app().component(Bad("start-panic")).run())),
        "start-late" => exit(multi().block_on(app().component(Late("late")).run())),
        "start-deaf" => exit(multi().block_on(app().component(Late("deaf")).run())),
        "stop-panics" => exit(multi().block_on(say_when_ready(app().component(Bad("stop-panic"))))),
        "stop-cut" => exit(multi().block_on(say_when_ready(hangs().shutdown_budget(BUDGET)))),
        "asks" => exit(multi().block_on(app().component(Asks).run())),
        "two-apps" => exit(two_apps()),
        "host-lives-on" => exit(host_lives_on()),
        "start-waits" => exit(multi().block_on(app().component(Waits).run())),
        "stop-fails" => exit(multi().block_on(say_when_ready(app().component(Bad("stop"))))),
        "stop-hangs" => exit(multi().block_on(say_when_ready(hangs()))),
        "bad-configuration" => {
            exit(multi().block_on(app().component(Bad("no")).component(Bad("no")).run()))
        }
        "blocked" => exit(block_all(&multi(), 2)),
        "blocked-alone" => exit(block_all(&single(), 0)),
        "blocked-then-asked" => exit(block_all_and_ask(app())),
        "embedded-blocked" => exit(block_all_and_ask(app().without_signals())),
        "holds-runtime" => holds_runtime(app().shutdown_budget(BUDGET)),
        "lingers" => {
            let app = app();
            let handle = app.handle();
            holds_runtime(app.on_ready(move |_| handle.shutdown("nothing to do")))
        }
        "holds-stderr" => holds_stderr(),
        "probe-blocks" => exit(single().block_on(say_when_ready(probed()))),
        "one-after-another" => exit(one_after_another()),
        "without-signals" => exit(multi().block_on(say_when_ready(app().without_signals()))),
        _ => panic!("no such case: {case}"),
    }
}

fn app() -> App {
    let app = App::new("child")
        .without_health()
        .drain_delay(Duration::ZERO);
    app.component(Quiet)
}

fn hangs() -> App {
    let hang = |_ctx| async {
        say("stopping");
        std::future::pending().await
    };
    app().on_stop("hangs", hang)
}

/// Exits as a `main` that returns this does.
fn exit(ended: Ended) -> ExitCode {
    ended.report()
}

fn multi() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

fn single() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

async fn say_when_ready(app: App) -> Ended {
    let handle = app.handle();
    beside(app, async move {
        if handle.ready().await {
            for (name, address) in handle.addresses() {
                say(&format!("{name} {address}"));
            }
            say("ready");
        }
    })
    .await
}

async fn beside(app: App, work: impl Future<Output = ()>) -> Ended {
    let (ended, ()) = tokio::join!(app.run(), work);
    eprintln!("run has returned");
    ended
}

/// Blocks `workers` and the thread that runs the app.
fn block_all(runtime: &Runtime, workers: usize) -> Ended {
    let app = app().shutdown_budget(BUDGET);
    let handle = app.handle();
    runtime.block_on(beside(app, async move {
        assert!(handle.ready().await);
        block(workers).await;
        say("ready");
        block_here();
    }))
}

fn block_all_and_ask(app: App) -> Ended {
    let app = app.shutdown_budget(BUDGET);
    let handle = app.handle();
    multi().block_on(beside(app, async move {
        assert!(handle.ready().await);
        block(2).await;
        ask_from_a_thread(handle);
        say("ready");
        block_here();
    }))
}

#[expect(
    clippy::disallowed_methods,
    reason = "every thread of the runtime is blocked"
)]
fn ask_from_a_thread(handle: AppHandle) {
    std::thread::spawn(move || handle.shutdown("asked from a thread"));
}

/// Blocks so many workers, and waits until they are.
#[expect(clippy::disallowed_methods, reason = "blocks the runtime on purpose")]
async fn block(workers: usize) {
    static BLOCKED: AtomicUsize = AtomicUsize::new(0);
    for _ in 0..workers {
        tokio::spawn(async {
            BLOCKED.fetch_add(1, Ordering::SeqCst);
            block_here();
        });
    }
    while BLOCKED.load(Ordering::SeqCst) < workers {
        std::thread::yield_now();
    }
}

fn block_here() {
    loop {
        std::thread::park();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "blocks the runtime's end on purpose"
)]
fn holds_runtime(app: App) -> ExitCode {
    let runtime = multi();
    let ended = runtime.block_on(async {
        tokio::task::spawn_blocking(block_here);
        say_when_ready(app).await
    });
    say("ended");
    drop(runtime);
    exit(ended)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a thread that never gives stderr back"
)]
fn holds_stderr() -> ExitCode {
    let (held, is_held) = mpsc::channel();
    std::thread::spawn(move || {
        let _lock = std::io::stderr().lock();
        held.send(()).unwrap();
        block_here();
    });
    is_held.recv().unwrap();
    exit(multi().block_on(say_when_ready(hangs().shutdown_budget(BUDGET))))
}

/// An app on a single thread whose probes block, hang and panic.
fn probed() -> App {
    // The environment wins over this address.
    App::new("child")
        .health("203.0.113.1:1")
        .drain_delay(Duration::ZERO)
        .shutdown_budget(BUDGET)
        .probe("blocks", |_ctx| async {
            say("blocked");
            block_here();
            Health::healthy()
        })
        .probe("panics", |_ctx| async { panic!("no health today") })
}

/// The watchdog of the first app would end the process in the middle of the second.
fn one_after_another() -> Ended {
    multi().block_on(async {
        let first = app().shutdown_budget(Duration::from_millis(1));
        first.handle().shutdown("the first is over");
        let first = first.run().await?;
        assert_eq!(first.exit_code(), 1, "it was stopped before it started");
        let ticks = AtomicUsize::new(0);
        let second = app().periodic("tick", Every::period(BUDGET), move |_tick| {
            // Beyond the deadline of the first app.
            if ticks.fetch_add(1, Ordering::SeqCst) == 4 {
                say("ready");
            }
            async { Ok(()) }
        });
        second.run().await
    })
}

fn two_apps() -> Ended {
    multi().block_on(async {
        let second = App::new("second").without_health().component(Quiet);
        let second = second.drain_delay(Duration::ZERO);
        let first = app();
        let (first_handle, second_handle) = (first.handle(), second.handle());
        let ready = async {
            if first_handle.ready().await && second_handle.ready().await {
                say("ready");
            }
        };
        let (first, second, ()) = tokio::join!(first.run(), second.run(), ready);
        first.and(second)
    })
}

/// The deadline of an app that has ended is not that of the program around it.
fn host_lives_on() -> Ended {
    multi().block_on(async {
        let embedded = app().without_signals().shutdown_budget(BUDGET);
        let handle = embedded.handle();
        let embedded = embedded.on_ready(move |_| handle.shutdown("the host is done with it"));
        let ended = embedded.run().await;
        system_clock()
            .sleep(BUDGET + Duration::from_millis(1_200))
            .await;
        eprintln!("the host lives on");
        ended
    })
}

fn say(line: &str) {
    println!("{line}");
}

struct Quiet;

impl Component for Quiet {
    fn name(&self) -> &str {
        "quiet"
    }
}

struct Waits;

impl Component for Waits {
    fn name(&self) -> &str {
        "waits"
    }

    async fn start(&self, ctx: Context) -> Result<(), BoxError> {
        say("starting");
        Err(ctx.cancelled().await.to_string().into())
    }
}

/// Fails where it says.
struct Bad(&'static str);

impl Component for Bad {
    fn name(&self) -> &str {
        "bad"
    }

    async fn start(&self, _ctx: Context) -> Result<(), BoxError> {
        match self.0 {
            "start" => Err("the cache is cold".into()),
            "start-panic" => panic!("the cache is on fire"),
            _ => Ok(()),
        }
    }

    async fn stop(&self, _ctx: Context) -> Result<(), BoxError> {
        match self.0 {
            "stop" => Err("the cache is hot".into()),
            "stop-panic" => panic!("the cache is under water"),
            _ => Ok(()),
        }
    }
}

/// Does not start within its limit, whether it hears its context or not.
struct Late(&'static str);

impl Component for Late {
    fn name(&self) -> &str {
        self.0
    }

    async fn start(&self, ctx: Context) -> Result<(), BoxError> {
        match self.0 {
            "deaf" => std::future::pending().await,
            _ => Err(ctx.cancelled().await.to_string().into()),
        }
    }

    fn start_timeout(&self) -> Duration {
        BUDGET
    }
}

/// Asks for the shutdown from a task of its own.
struct Asks;

impl Component for Asks {
    fn name(&self) -> &str {
        "asks"
    }

    async fn start(&self, ctx: Context) -> Result<(), BoxError> {
        ctx.spawn(
            "work",
            |ctx| async move { ctx.shutdown("all work is done") },
        );
        Ok(())
    }
}
