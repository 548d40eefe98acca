//! (b) What one follow-up costs, against a bare spawn on a task tracker.
//!
//! Both run empty bodies, produced on the workers, as handlers do. Every worker is busy: an idle
//! one would be woken for each spawn, which costs more than either and says nothing about them.
//! The follow-up is all that a request with one follow-up pays: its batch, registering, the
//! release, the run with its limit, its metrics, and the end.

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
use crate::platform::workers_only;
use crate::report::Number;
use crate::seam::{Begun, Took};

/// How many each producer starts before it lets others run.
const BURST: u32 = 64;

/// How many may be under way when a producer goes on: below the default bound, so that none waits
/// for another.
const UNDER_WAY_MAX: usize = 64;

/// Measures both in turns.
///
/// # Errors
/// When a follow-up is refused.
pub fn measure(options: &Options) -> Result<Vec<Number>, String> {
    let bursts = if options.quick { 1_000 } else { 4_000 };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut numbers = in_turns(options, 1, bursts)?;
    let [_, _, ratio] = &mut numbers;
    *ratio = ratio.clone().against(2.0, 4.0);
    Ok(numbers
        .into_iter()
        .chain(in_turns(options, cores, bursts)?)
        .collect())
}

/// Measures both with so many workers, all of them busy.
fn in_turns(options: &Options, workers: usize, bursts: u32) -> Result<[Number; 3], String> {
    let (mut bare, mut ours, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
    let runtime = workers_only(workers);
    let producers = f64::from(u32::try_from(workers).unwrap_or(u32::MAX));
    let one = |took: Took| {
        took.processor.as_secs_f64() * 1e6 / (producers * f64::from(bursts) * f64::from(BURST))
    };
    // The first turn warms up both and is forgotten.
    for turn in 0..=options.runs() {
        let spawned = one(runtime.block_on(bare_spawns(workers, bursts))?);
        let followed = one(runtime.block_on(follow_ups(workers, bursts))?);
        if turn > 0 {
            bare.push(spawned);
            ours.push(followed);
            ratio.push(followed / spawned);
        }
    }
    let note = format!("processor time, {workers} busy workers, empty bodies, 1 a request");
    let unit = "µs";
    Ok([
        Number::plain("b", "one bare spawn on a TaskTracker", unit, bare, &note),
        Number::plain("b", "one follow-up", unit, ours, &note),
        Number::plain("b", "follow-up / bare spawn", "×", ratio, note),
    ])
}

#[expect(
    clippy::disallowed_methods,
    reason = "the comparison is with what tokio offers"
)]
async fn bare_spawns(producers: usize, bursts: u32) -> Result<Took, String> {
    let tracker = TaskTracker::new();
    let spawns = tracker.clone();
    let one = move || {
        let tracker = spawns.clone();
        async move {
            for _ in 0..bursts {
                for number in 0..BURST {
                    drop(tracker.spawn(async move {
                        black_box(number);
                    }));
                }
                while tracker.len() > UNDER_WAY_MAX {
                    tokio::task::yield_now().await;
                }
            }
            Ok(())
        }
    };
    let begun = Begun::now();
    all(producers, one).await?;
    tracker.close();
    tracker.wait().await;
    Ok(begun.took())
}

async fn follow_ups(producers: usize, bursts: u32) -> Result<Took, String> {
    let metrics = AppMetrics::default();
    let follow_ups = FollowUps::with_metrics(FollowUpLimits::default(), metrics.clone());
    let request = request(Events::to(move |event| metrics.record(event)));
    let registers = follow_ups.clone();
    let one = move || {
        let (follow_ups, request) = (registers.clone(), request.clone());
        async move {
            for _ in 0..bursts {
                for number in 0..BURST {
                    follow_up(&follow_ups, &request, number)?;
                }
                while under_way(&follow_ups) > UNDER_WAY_MAX {
                    tokio::task::yield_now().await;
                }
            }
            Ok(())
        }
    };
    let begun = Begun::now();
    all(producers, one).await?;
    follow_ups.drained().await;
    Ok(begun.took())
}

fn under_way(follow_ups: &FollowUps) -> usize {
    let stats = follow_ups.stats();
    stats.running + stats.waiting
}

/// What a handler and its server do for one follow-up.
fn follow_up(follow_ups: &FollowUps, request: &Context, number: u32) -> Result<(), String> {
    let batch = follow_ups.batch(request);
    let body = move |ctx| async move {
        black_box((number, ctx));
        Ok(())
    };
    let added = batch.add("bench", Duration::from_secs(30), body);
    drop(added.map_err(|why| why.to_string())?);
    batch.release(false);
    Ok(())
}

/// Runs so many producers on the workers, where handlers run, until all are done.
#[expect(
    clippy::disallowed_methods,
    reason = "the comparison is with what tokio offers"
)]
async fn all<F>(producers: usize, one: impl Fn() -> F) -> Result<(), String>
where
    F: Future<Output = Result<(), String>> + Send + 'static,
{
    let handle = tokio::runtime::Handle::current();
    let tasks: Vec<_> = (0..producers).map(|_| handle.spawn(one())).collect();
    for task in tasks {
        task.await.map_err(|why| why.to_string())??;
    }
    Ok(())
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
