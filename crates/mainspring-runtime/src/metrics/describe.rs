//! Metric names as a scrape shows them.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// Begins a metric under one of the names in `telemetry::metric`.
///
/// The encoder adds `_total` to counters and a unit to its name by itself; the names have them
/// already, because that is what a user searches for. This takes them off again.
///
/// ```
/// use mainspring_core::telemetry::metric;
/// use mainspring_runtime::metrics::{Registry, describe};
/// use mainspring_runtime::metrics::prometheus::collector::Collector;
/// use mainspring_runtime::metrics::prometheus::encoding::{DescriptorEncoder, NoLabelSet};
/// use mainspring_runtime::metrics::prometheus::metrics::MetricType;
///
/// #[derive(Debug)]
/// struct Missed;
///
/// impl Collector for Missed {
///     fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
///         let name = metric::PERIODIC_MISSED;
///         let mut family = describe(&mut encoder, name, "Fires missed.", MetricType::Counter)?;
///         let labels = [("periodic", "purge-sessions")];
///         family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&3u64, None)
///     }
/// }
///
/// let registry = Registry::new();
/// registry.register_collector(Box::new(Missed)).unwrap();
/// let line = r#"mainspring_periodic_missed_total{periodic="purge-sessions"} 3"#;
/// assert!(registry.encode().contains(line));
/// ```
///
/// # Errors
///
/// Only if the encoder itself refuses to write.
pub fn describe<'s>(
    encoder: &'s mut DescriptorEncoder<'_>,
    name: &'s str,
    help: &str,
    kind: MetricType,
) -> Result<MetricEncoder<'s>, fmt::Error> {
    let name = match kind {
        MetricType::Counter => name.strip_suffix("_total").unwrap_or(name),
        _ => name,
    };
    match name.strip_suffix("_seconds") {
        Some(base) => encoder.encode_descriptor(base, help, Some(&Unit::Seconds), kind),
        None => encoder.encode_descriptor(name, help, None, kind),
    }
}
