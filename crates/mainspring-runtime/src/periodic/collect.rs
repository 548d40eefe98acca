//! The periodics' metrics, made at each scrape: a hundred thousand periodics must not keep their
//! own.

use std::fmt;

use mainspring_core::telemetry::metric;
use mainspring_core::time::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::{Engine, PeriodicState};
use crate::metrics::{NAMES_MAX, describe, shown};

/// Shows the first [`NAMES_MAX`] periodics: a scrape with more series than that helps nobody.
pub(crate) struct PeriodicCollector(Engine);

impl PeriodicCollector {
    pub(super) fn new(engine: Engine) -> Self {
        Self(engine)
    }
}

impl Collector for PeriodicCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut states = self.0.states();
        states.truncate(NAMES_MAX);
        let encoder = &mut encoder;
        runs(encoder, &states)?;
        let missed = |state: &PeriodicState| state.record.missed;
        let help = "Fires that passed without a run of their own.";
        counter(encoder, &states, metric::PERIODIC_MISSED, help, missed)?;
        let help = "Runs of a periodic in progress.";
        gauge(encoder, &states, metric::PERIODIC_RUNNING, help, |state| {
            Some(f64::from(state.record.running))
        })?;
        let help = "When the last run of a periodic started.";
        gauge(encoder, &states, metric::PERIODIC_LAST_RUN, help, |state| {
            state.record.last.map(|run| seconds(run.started))
        })?;
        let help = "How long the last run of a periodic took.";
        gauge(
            encoder,
            &states,
            metric::PERIODIC_LAST_DURATION,
            help,
            |state| state.record.last.map(|run| run.took.as_secs_f64()),
        )?;
        let help = "When a periodic fires next.";
        gauge(
            encoder,
            &states,
            metric::PERIODIC_NEXT_FIRE,
            help,
            |state| state.next_fire.map(seconds),
        )
    }
}

impl fmt::Debug for PeriodicCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeriodicCollector")
    }
}

fn runs(encoder: &mut DescriptorEncoder<'_>, states: &[PeriodicState]) -> fmt::Result {
    let help = "Runs of a periodic that ended or were skipped, by how.";
    let mut family = describe(encoder, metric::PERIODIC_RUNS, help, MetricType::Counter)?;
    for state in states {
        let record = &state.record;
        let bad = record.failures + record.panics + record.cancelled;
        let ended = record.runs.saturating_sub(u64::from(record.running));
        let outcomes = [
            ("succeeded", ended.saturating_sub(bad)),
            ("failed", record.failures),
            ("panicked", record.panics),
            ("cancelled", record.cancelled),
            ("dropped", record.skipped),
        ];
        for (outcome, count) in outcomes {
            let labels = [("periodic", shown(&state.name)), ("outcome", outcome)];
            family
                .encode_family(&labels)?
                .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
    }
    Ok(())
}

fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    states: &[PeriodicState],
    name: &str,
    help: &str,
    value: impl Fn(&PeriodicState) -> u64,
) -> fmt::Result {
    let mut family = describe(encoder, name, help, MetricType::Counter)?;
    for state in states {
        let labels = [("periodic", shown(&state.name))];
        let count = value(state);
        family
            .encode_family(&labels)?
            .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
    }
    Ok(())
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    states: &[PeriodicState],
    name: &str,
    help: &str,
    value: impl Fn(&PeriodicState) -> Option<f64>,
) -> fmt::Result {
    let mut family = describe(encoder, name, help, MetricType::Gauge)?;
    for state in states {
        if let Some(value) = value(state) {
            let labels = [("periodic", shown(&state.name))];
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
    }
    Ok(())
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}
