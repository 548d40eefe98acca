//! A context without an app, for unit tests of code that takes one.

use std::sync::Arc;

use mainspring_core::clock::ManualClock;
use mainspring_core::context::{Context, Env};
use mainspring_core::event::Events;
use mainspring_core::random::Random;
use mainspring_core::spawn::{BoxFuture, Executor, Scope, Spawner};
use mainspring_core::time::Timestamp;
use mainspring_runtime::executor::TokioExecutor;

use crate::options::START;
use crate::time::timestamp;

/// A context on a manual clock of its own, and that clock, which shows [`START`].
///
/// ```
/// use mainspring_test::{context, minutes, timestamp};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (ctx, clock) = context();
/// let slow = ctx.with_timeout(minutes(1), "too slow");
/// clock.advance(minutes(2)).await;
/// assert_eq!(slow.cause().unwrap().to_string(), "too slow");
/// # });
/// ```
///
/// It belongs to no app: `shutdown` does nothing and `on_stop` is refused. What it spawns needs a
/// tokio runtime. Where a test runs under `#[mainspring::test]`, use
/// [`TestApp::context`](crate::TestApp::context), which shares the test's clock.
pub fn context() -> (Context, ManualClock) {
    let clock = ManualClock::new(start());
    let ctx = context_on(&clock, Scope::new(), Random::seeded(0));
    (ctx, clock)
}

pub(crate) fn context_on(clock: &ManualClock, scope: Scope, random: Random) -> Context {
    let activity = Some(clock.activity().clone());
    let env = Env {
        clock: clock.clock(),
        spawner: Spawner::new(Arc::new(Current), activity, Events::nowhere()),
        random,
        control: Box::new(()),
    };
    Context::root(Arc::new(env), scope)
}

fn start() -> Timestamp {
    timestamp(START)
}

/// Runs tasks on the runtime of whoever spawns, so that a context can be made without one.
#[derive(Debug)]
struct Current;

impl Executor for Current {
    fn execute(&self, future: BoxFuture<'static, ()>) {
        TokioExecutor::current().execute(future);
    }
}
