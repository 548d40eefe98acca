//! (c) Many periodics on the machine's clock: what they cost and how late they run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mainspring_core::periodic::Every;
use mainspring_runtime::app::App;
use mainspring_runtime::io_time;

use crate::memory;
use crate::options::Options;
use crate::platform::{app, ended, many_threads, real, start};
use crate::report::Number;
use crate::seam::{Begun, Took};

/// How many periodics, how often, and for how long they are watched once they fire.
#[derive(Clone, Copy, Debug)]
struct Load {
    count: u32,
    period: Duration,
    window: Duration,
}

/// Measures the run and then, in a process of its own, the memory.
///
/// # Errors
/// When the app does not get ready, or the memory cannot be counted.
pub fn measure(options: &Options) -> Result<Vec<Number>, String> {
    let load = if options.quick {
        Load {
            count: 10_000,
            period: Duration::from_secs(6),
            window: Duration::from_secs(6),
        }
    } else {
        Load {
            count: 100_000,
            period: Duration::from_secs(60),
            window: Duration::from_secs(120),
        }
    };
    let late = Arc::new(Lateness::default());
    let (took, runs) = many_threads().block_on(watch(load, &late))?;
    let runs_counted = f64::from(u32::try_from(runs).unwrap_or(u32::MAX));
    let Load {
        count,
        period,
        window,
    } = load;
    let note = format!(
        "{count} every {period:?} spread by jitter, empty bodies, watched for {window:?} after \
         the first period, {runs} runs"
    );
    let core = took.processor.as_secs_f64() / took.real.as_secs_f64() * 100.0;
    let each = took.processor.as_secs_f64() * 1e6 / runs_counted;
    let held = memory::each(count)?;
    Ok(vec![
        Number::plain(
            "c",
            "processor use of the periodics",
            "% of a core",
            vec![core],
            &note,
        ),
        Number::plain("c", "processor time of one run", "µs", vec![each], &note),
        Number::plain("c", "lateness p50", "ms", vec![late.quantile(0.50)], &note)
            .against(5.0, 20.0),
        Number::plain("c", "lateness p99", "ms", vec![late.quantile(0.99)], &note)
            .against(5.0, 20.0),
        Number::plain("c", "memory of one periodic", "B", held, memory::NOTE)
            .against(1024.0, 2048.0),
    ])
}

async fn watch(load: Load, late: &Arc<Lateness>) -> Result<(Took, u64), String> {
    let app = with_periodics(app(), load.count, load.period, late);
    let (handle, report) = start(app, real());
    if !handle.ready().await {
        return Err("the app did not get ready".to_owned());
    }
    // Nothing fires in the first period; from its end on, the load is even.
    io_time::pause(load.period).await;
    late.start();
    let begun = Begun::now();
    io_time::pause(load.window).await;
    let took = begun.took();
    let runs = late.stop();
    handle.shutdown("measured");
    ended(report.await)?;
    Ok((took, runs))
}

/// Adds so many periodics with empty bodies, which only say how late they are.
pub(crate) fn with_periodics(
    mut app: App,
    count: u32,
    period: Duration,
    late: &Arc<Lateness>,
) -> App {
    for number in 0..count {
        let late = Arc::clone(late);
        let plan = Every::period(period).with_jitter(period);
        app = app.periodic(&format!("periodic-{number}"), plan, move |tick| {
            let behind = tick.clock().now().duration_since(tick.scheduled_for());
            late.record(behind.unsigned_abs());
            async { Ok(()) }
        });
    }
    app
}

/// How many steps of [`STEP_US`] are told apart; one second in all.
const STEPS: usize = 50_000;
const STEP_US: u128 = 20;

/// How late the runs were, in steps of 20 µs; the last step takes everything above.
#[derive(Debug)]
pub(crate) struct Lateness {
    steps: Vec<AtomicU64>,
    on: AtomicU64,
}

impl Default for Lateness {
    fn default() -> Self {
        Self {
            steps: (0..STEPS).map(|_| AtomicU64::new(0)).collect(),
            on: AtomicU64::new(0),
        }
    }
}

impl Lateness {
    fn start(&self) {
        self.on.store(1, Ordering::Relaxed);
    }

    /// Records no more and says how many have been recorded.
    fn stop(&self) -> u64 {
        self.on.store(0, Ordering::Relaxed);
        self.all()
    }

    fn record(&self, late: Duration) {
        let step = usize::try_from(late.as_micros() / STEP_US).unwrap_or(STEPS);
        if let Some(step) = self.steps.get(step.min(STEPS - 1)) {
            step.fetch_add(self.on.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    fn all(&self) -> u64 {
        let counts = self.steps.iter().map(|step| step.load(Ordering::Relaxed));
        counts.sum()
    }

    /// The upper edge, in milliseconds, of the step in which this share of the runs is reached.
    fn quantile(&self, share: f64) -> f64 {
        let all = f64::from(u32::try_from(self.all()).unwrap_or(u32::MAX));
        let mut seen = 0.0;
        for (index, step) in self.steps.iter().enumerate() {
            seen += f64::from(u32::try_from(step.load(Ordering::Relaxed)).unwrap_or(u32::MAX));
            if seen >= all * share {
                let edge = u32::try_from((index + 1) * 20).unwrap_or(u32::MAX);
                return f64::from(edge) / 1e3;
            }
        }
        f64::INFINITY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_lateness() {
        let late = Lateness::default();
        late.start();
        for millis in 1..=100 {
            late.record(Duration::from_millis(millis));
        }
        assert_eq!(late.stop(), 100);
        assert!((late.quantile(0.5) - 50.02).abs() < 0.001);
        assert!((late.quantile(0.99) - 99.02).abs() < 0.001);
        late.record(Duration::from_secs(100));
        assert_eq!(late.all(), 100);
    }
}
