//! (b) What one follow-up costs, against a bare spawn on a task tracker.
//!
//! Both run an empty body, in bursts, from a worker thread, as a handler would. The follow-up is
//! all a request with one follow-up pays: its batch, registering, the release, the run with its
//! limit, its metrics, and the end.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use mainspring_core::context::{Context, Env, SpanKind};
use mainspring_core::event::Events;
use mainspring_core::identity::{RequestId, TraceContext};
use mainspring_core::random::Random;
use mainspring_core::spawn::{Scope, Spawner};
use mainspring_runtime::executor::TokioExecutor;
use mainspring_runtime::follow_up::{FollowUpLimits, FollowUps};
use mainspring_runtime::metrics::AppMetrics;
use mainspring_runtime::system_clock::system_clock;
use tokio_util::task::TaskTracker;

use crate::options::Options;
use crate::platform::many_threads;
use crate::report::Number;
use crate::seam::{Begun, Took};

/// How many are under way at once: below the default bound, so that none waits for another.
const BURST: u32 = 100;

/// Measures both in turns.
///
/// # Errors
/// When a follow-up is refused.
pub fn measure(options: &Options) -> Result<Vec<Number>, String> {
    let bursts = if options.quick { 500 } else { 2_000 };
    let (mut bare, mut ours, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
    let runtime = many_threads();
    // The first turn warms up both and is forgotten.
    for turn in 0..=options.runs() {
        let one = |took: Took| took.processor.as_secs_f64() * 1e6 / f64::from(bursts * BURST);
        let spawned = one(on_a_worker(&runtime, bare_spawns(bursts))?);
        let followed = one(on_a_worker(&runtime, follow_ups(bursts))?);
        if turn > 0 {
            bare.push(spawned);
            ours.push(followed);
            ratio.push(followed / spawned);
        }
    }
    let note = format!("processor time; {bursts} bursts of {BURST}, empty bodies, 1 a request");
    let unit = "µs";
    Ok(vec![
        Number::plain("b", "one bare spawn on a TaskTracker", unit, bare, &note),
        Number::plain("b", "one follow-up", unit, ours, &note),
        Number::plain("b", "follow-up / bare spawn", "×", ratio, note).against(2.0, 4.0),
    ])
}

/// Runs a measurement on a worker thread of the runtime, where handlers run.
#[expect(
    clippy::disallowed_methods,
    reason = "the comparison is with what tokio offers"
)]
fn on_a_worker(
    runtime: &tokio::runtime::Runtime,
    work: impl Future<Output = Result<Took, String>> + Send + 'static,
) -> Result<Took, String> {
    let done = runtime.block_on(runtime.spawn(work));
    done.map_err(|why| why.to_string())?
}

async fn bare_spawns(bursts: u32) -> Result<Took, String> {
    let begun = Begun::now();
    for _ in 0..bursts {
        let tracker = TaskTracker::new();
        for number in 0..BURST {
            drop(tracker.spawn(async move {
                black_box(number);
            }));
        }
        tracker.close();
        tracker.wait().await;
    }
    Ok(begun.took())
}

async fn follow_ups(bursts: u32) -> Result<Took, String> {
    let metrics = AppMetrics::default();
    let follow_ups = FollowUps::with_metrics(FollowUpLimits::default(), metrics.clone());
    let request = request(Events::to(move |event| metrics.record(event)));
    let limit = Duration::from_secs(30);
    let begun = Begun::now();
    for _ in 0..bursts {
        for number in 0..BURST {
            let batch = follow_ups.batch(&request);
            let added = batch.add("bench", limit, move |ctx| async move {
                black_box((number, ctx));
                Ok(())
            });
            drop(added.map_err(|why| why.to_string())?);
            batch.release(false);
        }
        follow_ups.drained().await;
    }
    Ok(begun.took())
}

/// The context of a request with its ids, as an action has it.
fn request(events: Events) -> Context {
    let random = Random::seeded(1);
    let executor = Arc::new(TokioExecutor::current());
    let env = Env {
        clock: system_clock(),
        spawner: Spawner::new(executor, None, events),
        random: random.clone(),
        control: Box::new(()),
    };
    let scope = Scope::new();
    Context::root(Arc::new(env), scope.clone())
        .with_value(RequestId::new("r-1"))
        .with_value(TraceContext::start(&random))
        .for_work(SpanKind::Action, &Arc::from("bench"), &scope)
}
