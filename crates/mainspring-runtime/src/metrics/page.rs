//! One scrape's text under way: families of values that share a name.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mainspring_core::telemetry::field;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::describe::describe;
use super::label::{Label, Tally};

/// Upper bounds of the histograms, in seconds: from a cached answer to an action's default limit.
const BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// How long something took, as a histogram.
#[derive(Debug)]
pub(super) struct Times(Histogram);

impl Times {
    pub(super) fn observe(&self, took: Duration) {
        self.0.observe(took.as_secs_f64());
    }
}

impl Default for Times {
    fn default() -> Self {
        Times(Histogram::new(BUCKETS))
    }
}

/// Things with their names.
pub(super) type All<T> = [(Arc<str>, Arc<T>)];

/// The text under way. A metric without a single value is left out.
pub(super) struct Page<'a>(DescriptorEncoder<'a>);

impl<'a> Page<'a> {
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Page(encoder)
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str, gauge: &Gauge) -> fmt::Result {
        gauge.encode(describe(&mut self.0, name, help, MetricType::Gauge)?)
    }

    pub(super) fn count(&mut self, name: &str, help: &str, count: u64) -> fmt::Result {
        let mut counter = describe(&mut self.0, name, help, MetricType::Counter)?;
        counter.encode_counter::<NoLabelSet, _, u64>(&count, None)
    }

    pub(super) fn counts<T>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        all: &All<T>,
        of: impl Fn(&T) -> &AtomicU64,
    ) -> fmt::Result {
        let counts = all
            .iter()
            .map(|(name, one)| (name, of(one).load(Ordering::Relaxed)));
        let counts: Vec<_> = counts.filter(|(_, count)| *count > 0).collect();
        if counts.is_empty() {
            return Ok(());
        }
        let mut family = describe(&mut self.0, name, help, MetricType::Counter)?;
        for (name, count) in counts {
            let labels = [(label, name.as_ref())];
            family
                .encode_family(&labels)?
                .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        Ok(())
    }

    pub(super) fn tallies<T, L: Label>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        all: &All<T>,
        of: impl Fn(&T) -> &Tally<L>,
    ) -> fmt::Result {
        if all.is_empty() {
            return Ok(());
        }
        let mut family = describe(&mut self.0, name, help, MetricType::Counter)?;
        for (name, one) in all {
            for (word, count) in of(one).counted() {
                let labels = [(label, name.as_ref()), (field::OUTCOME, word)];
                family
                    .encode_family(&labels)?
                    .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        Ok(())
    }

    pub(super) fn times<T>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        all: &All<T>,
        of: impl Fn(&T) -> &Times,
    ) -> fmt::Result {
        if all.is_empty() {
            return Ok(());
        }
        let mut family = describe(&mut self.0, name, help, MetricType::Histogram)?;
        for (name, one) in all {
            of(one)
                .0
                .encode(family.encode_family(&[(label, name.as_ref())])?)?;
        }
        Ok(())
    }

    pub(super) fn values<'v>(
        &mut self,
        name: &str,
        help: &str,
        values: impl Iterator<Item = (Vec<(&'static str, &'v str)>, f64)>,
    ) -> fmt::Result {
        let mut values = values.peekable();
        if values.peek().is_none() {
            return Ok(());
        }
        let mut family = describe(&mut self.0, name, help, MetricType::Gauge)?;
        for (labels, value) in values {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }
}
