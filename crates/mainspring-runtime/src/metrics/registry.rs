//! The registry of one app.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use mainspring_core::telemetry::{event, metric};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::{Metric, Registry as Part};

use super::app::AppMetrics;
use super::describe::describe;

/// Metrics and collectors that can be added to one registry. Far more than a program has by hand;
/// a program that adds them in a loop learns of it before its scrapes become huge.
pub const METRICS_MAX: usize = 10_000;

/// Names that begin so are ours.
const OURS: &str = "mainspring_";

/// What one app counts. Clones share it.
///
/// See the [module](super) for an example.
#[derive(Clone, Debug)]
pub struct Registry {
    shared: Arc<Shared>,
    app: AppMetrics,
}

/// Each metric and collector is a part of its own, so that one that fails spoils no other.
#[derive(Debug, Default)]
struct Shared {
    metrics: RwLock<BTreeMap<String, Arc<Part>>>,
    collectors: RwLock<Vec<Arc<Part>>>,
    failures: AtomicU64,
}

impl Registry {
    /// A registry with the metrics of an app, all at zero.
    pub fn new() -> Self {
        Registry {
            shared: Arc::default(),
            app: AppMetrics::default(),
        }
    }

    /// What Mainspring counts about the app.
    pub fn app(&self) -> &AppMetrics {
        &self.app
    }

    /// Adds a metric. A counter is shown with `_total` after its name.
    ///
    /// Keep a clone of the metric to change it. Any metric of [`prometheus`](super::prometheus)
    /// will do, families with labels too.
    ///
    /// # Errors
    ///
    /// [`MetricsError`] if the name is taken, is ours or is none, or if there are
    /// [`METRICS_MAX`] metrics.
    pub fn register(
        &self,
        name: &str,
        help: &str,
        metric: impl Metric,
    ) -> Result<(), MetricsError> {
        let named = |kind| MetricsError {
            kind,
            name: shown(name),
        };
        if !is_metric_name(name) {
            return Err(named(Kind::NotAName));
        }
        if name.starts_with(OURS) {
            return Err(named(Kind::Ours));
        }
        let mut metrics = self
            .shared
            .metrics
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if metrics.contains_key(name) {
            return Err(named(Kind::Taken));
        }
        if metrics.len() >= METRICS_MAX {
            return Err(named(Kind::TooMany));
        }
        let mut part = Part::default();
        // A line break would end the help and begin something else.
        part.register(name, help.replace(char::is_control, " "), metric);
        metrics.insert(name.to_owned(), Arc::new(part));
        Ok(())
    }

    /// Adds a collector, which is asked for its metrics at each scrape.
    ///
    /// It is called on the thread of the scrape and must not block. One that returns an error or
    /// panics is left out of that scrape, counted and warned about.
    ///
    /// # Errors
    ///
    /// [`MetricsError`] if there are [`METRICS_MAX`] collectors.
    pub fn register_collector(&self, collector: Box<dyn Collector>) -> Result<(), MetricsError> {
        let mut collectors = self
            .shared
            .collectors
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if collectors.len() >= METRICS_MAX {
            return Err(MetricsError {
                kind: Kind::TooMany,
                name: shown("a collector"),
            });
        }
        let mut part = Part::default();
        part.register_collector(collector);
        collectors.push(Arc::new(part));
        Ok(())
    }

    /// Everything as OpenMetrics text, of the type [`CONTENT_TYPE`](super::CONTENT_TYPE).
    pub fn encode(&self) -> String {
        let mut out = String::new();
        let mut app = Part::default();
        app.register_collector(Box::new(self.app.clone()));
        self.encode_part(&mut out, &app);
        for part in self.parts() {
            self.encode_part(&mut out, &part);
        }
        let mut failures = Part::default();
        let count = self.shared.failures.load(Ordering::Relaxed);
        failures.register_collector(Box::new(Failures(count)));
        self.encode_part(&mut out, &failures);
        encode_eof(&mut out).expect("writing into a String cannot fail");
        out
    }

    /// Cloned, so that a collector may itself register something.
    fn parts(&self) -> Vec<Arc<Part>> {
        let metrics = self
            .shared
            .metrics
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let collectors = self
            .shared
            .collectors
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        metrics.values().chain(collectors.iter()).cloned().collect()
    }

    fn encode_part(&self, out: &mut String, part: &Part) {
        let before = out.len();
        let encoded = catch_unwind(AssertUnwindSafe(|| encode_registry(out, part)));
        if !matches!(encoded, Ok(Ok(()))) {
            out.truncate(before);
            self.shared.failures.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                name: event::METRICS_COLLECTOR_FAILED,
                panicked = encoded.is_err(),
                "a metrics collector was left out of a scrape"
            );
        }
    }
}

impl Default for Registry {
    fn default() -> Self {
        Registry::new()
    }
}

#[derive(Debug)]
struct Failures(u64);

impl Collector for Failures {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let help = "Collectors that failed and were left out.";
        let name = metric::METRICS_COLLECTOR_FAILURES;
        ConstCounter::new(self.0).encode(describe(&mut encoder, name, help, MetricType::Counter)?)
    }
}

/// Why a metric was not added, with a hint what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsError {
    kind: Kind,
    name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    NotAName,
    Ours,
    Taken,
    TooMany,
}

impl MetricsError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self.kind {
            Kind::NotAName => "begin with a letter; go on with letters, digits and _",
            Kind::Ours => "names that begin with mainspring_ are Mainspring's; use your app's name",
            Kind::Taken => {
                "register a metric once and share clones of it, or use a family with labels"
            }
            Kind::TooMany => "use one family with labels instead of many metrics",
        }
    }
}

impl fmt::Display for MetricsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match self.kind {
            Kind::NotAName => write!(f, "{name:?} is not the name of a metric"),
            Kind::Ours => write!(f, "the metric name {name:?} is reserved"),
            Kind::Taken => write!(f, "the metric {name:?} is registered already"),
            Kind::TooMany => write!(f, "no room for {name:?} among {METRICS_MAX} metrics"),
        }
    }
}

impl std::error::Error for MetricsError {}

fn is_metric_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn shown(name: &str) -> String {
    name.chars().take(100).collect()
}
