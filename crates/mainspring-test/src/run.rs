//! Running one test: a runtime of its own, a kit of its own, and a look at what is left behind.

use std::any::Any;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::Poll;

use mainspring_runtime::logger::capture::Captured;
use tokio::runtime::{Builder, Runtime};
use tracing::Dispatch;
use tracing::dispatcher::{DefaultGuard, set_default};

use crate::kit::TestApp;
use crate::options::Options;

/// How many of the last log lines a failing test prints: some screens.
const LINES_PRINTED: usize = 100;

thread_local! {
    /// Keeps the test's log the default on this worker thread until the thread ends.
    static LOGGING: RefCell<Option<DefaultGuard>> = const { RefCell::new(None) };
}

/// Runs a test: what `#[mainspring::test]` expands to.
///
/// The test gets a tokio runtime of its own and a [`TestApp`] on virtual time. When it returns,
/// every app it has started and not stopped is stopped, and nothing may be left: no task, tracked
/// or not, and no armed timer. When it panics, the last captured log lines are printed and the
/// panic goes on.
///
/// ```
/// use mainspring_runtime::app::App;
/// use mainspring_test::{Options, minutes, run};
///
/// run(Options::new(), |app| async move {
///     let app = app.start(App::new("empty")).await;
///     app.advance(minutes(5)).await;
///     app.shutdown("done");
///     assert_eq!(app.stopped().await.exit_code(), 0);
/// });
/// ```
///
/// # Panics
/// With the panic of the test; when something was left behind, naming it; inside another tokio
/// runtime.
pub fn run<F, Fut>(options: Options, test: F) -> Fut::Output
where
    F: FnOnce(TestApp) -> Fut,
    Fut: Future,
{
    let logs = Captured::new();
    let dispatch = logs.dispatch();
    let _logging = set_default(&dispatch);
    let runtime = runtime(&options, &dispatch);
    let outcome = runtime.block_on(async {
        let app = TestApp::new(&options, logs.clone());
        let kit = app.clone();
        let output = caught(async { test(app).await }).await?;
        caught(kit.end()).await?;
        Ok(output)
    });
    // A blocking call that nobody waits for any more must not hold the test up.
    runtime.shutdown_background();
    match outcome {
        Ok(output) => output,
        Err(payload) => {
            print(&logs);
            resume_unwind(payload)
        }
    }
}

fn runtime(options: &Options, dispatch: &Dispatch) -> Runtime {
    let mut builder = match options.workers {
        None => Builder::new_current_thread(),
        Some(workers) => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(workers);
            builder
        }
    };
    let dispatch = dispatch.clone();
    let runtime = builder
        .enable_all()
        .thread_name("mainspring-test")
        .on_thread_start(move || LOGGING.set(Some(set_default(&dispatch))))
        .on_thread_stop(|| drop(LOGGING.take()))
        .build();
    runtime.expect("a test's runtime needs threads and sockets that the system has")
}

/// Runs a future and catches its panic.
async fn caught<F: Future>(future: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        },
    )
    .await
}

/// Prints the last lines, which the test harness shows for a failed test.
fn print(logs: &Captured) {
    let lines = logs.lines();
    if lines.is_empty() {
        return;
    }
    eprintln!("the last captured log lines:");
    for line in lines.iter().skip(lines.len().saturating_sub(LINES_PRINTED)) {
        eprintln!("  {line}");
    }
}
