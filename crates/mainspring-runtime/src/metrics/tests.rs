//! The registry from the outside: what a scrape shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use mainspring_core::event::Event;
use mainspring_core::telemetry::metric;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::label::Label;
use super::*;
use crate::logger::capture::Captured;

const TABLE: &str = include_str!("../../../../docs/telemetry.md");

/// A registry in which everything was counted once.
fn all_counted() -> Registry {
    let registry = Registry::new();
    let app = registry.app();
    app.task_panicked("loop");
    app.task_restarted("loop");
    for state in ComponentState::ALL {
        app.component_state("cache", *state);
    }
    app.component_started("cache", Duration::from_millis(1500));
    app.component_stopped("cache", Duration::from_millis(250));
    for outcome in ActionOutcome::ALL {
        app.action_finished("act", *outcome, Duration::from_millis(3));
    }
    for outcome in JobOutcome::ALL {
        let kind = app.jobs().kind("report");
        kind.finished(*outcome, Duration::from_secs(2));
    }
    for outcome in RunOutcome::ALL {
        app.follow_up_finished("mail", *outcome, Duration::from_secs(60));
    }
    TriggerOutcome::ALL
        .iter()
        .for_each(|outcome| app.trigger("act", *outcome));
    ProbeOutcome::ALL
        .iter()
        .for_each(|outcome| app.probe("db", *outcome));
    registry
}

/// The samples of a scrape: name to the sets of labels.
fn samples(text: &str) -> BTreeMap<String, Vec<BTreeMap<String, String>>> {
    let mut all: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (sample, _value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
        let labels = labels.trim_end_matches('}').split(',').filter_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            Some((key.to_owned(), value.trim_matches('"').to_owned()))
        });
        all.entry(name.to_owned())
            .or_default()
            .push(labels.collect());
    }
    all
}

#[test]
fn a_scrape_of_a_fresh_app() {
    insta::assert_snapshot!(Registry::new().encode(), @r##"
    # HELP mainspring_tasks_running Spawned tasks alive.
    # TYPE mainspring_tasks_running gauge
    mainspring_tasks_running 0
    # HELP mainspring_actions_running Action bodies running.
    # TYPE mainspring_actions_running gauge
    mainspring_actions_running 0
    # HELP mainspring_http_connections Open connections.
    # TYPE mainspring_http_connections gauge
    mainspring_http_connections 0
    # HELP mainspring_follow_ups_running Follow-up bodies running.
    # TYPE mainspring_follow_ups_running gauge
    mainspring_follow_ups_running 0
    # HELP mainspring_follow_ups_waiting Follow-ups waiting.
    # TYPE mainspring_follow_ups_waiting gauge
    mainspring_follow_ups_waiting 0
    # HELP mainspring_metrics_collector_failures Collectors that failed and were left out.
    # TYPE mainspring_metrics_collector_failures counter
    mainspring_metrics_collector_failures_total 0
    # EOF
    "##);
}

#[test]
fn a_scrape_shows_every_kind_of_value() {
    let registry = Registry::new();
    let app = registry.app();
    let _running = app.action_running();
    app.action_finished("act", ActionOutcome::Succeeded, Duration::from_millis(20));
    app.action_refused("act", ActionOutcome::TooMany);
    app.component_state("cache", ComponentState::Started);
    app.component_started("cache", Duration::from_millis(1500));
    app.task_panicked("a \"quoted\"\nname");
    insta::assert_snapshot!(registry.encode(), @r##"
    # HELP mainspring_tasks_running Spawned tasks alive.
    # TYPE mainspring_tasks_running gauge
    mainspring_tasks_running 0
    # HELP mainspring_actions_running Action bodies running.
    # TYPE mainspring_actions_running gauge
    mainspring_actions_running 1
    # HELP mainspring_http_connections Open connections.
    # TYPE mainspring_http_connections gauge
    mainspring_http_connections 0
    # HELP mainspring_follow_ups_running Follow-up bodies running.
    # TYPE mainspring_follow_ups_running gauge
    mainspring_follow_ups_running 0
    # HELP mainspring_follow_ups_waiting Follow-ups waiting.
    # TYPE mainspring_follow_ups_waiting gauge
    mainspring_follow_ups_waiting 0
    # HELP mainspring_task_panics Spawned tasks that panicked.
    # TYPE mainspring_task_panics counter
    mainspring_task_panics_total{task="a \"quoted\"\nname"} 1
    # HELP mainspring_component_state 1 for the state a component is in.
    # TYPE mainspring_component_state gauge
    mainspring_component_state{component="cache",state="starting"} 0.0
    mainspring_component_state{component="cache",state="started"} 1.0
    mainspring_component_state{component="cache",state="failed"} 0.0
    mainspring_component_state{component="cache",state="stopping"} 0.0
    mainspring_component_state{component="cache",state="stopped"} 0.0
    mainspring_component_state{component="cache",state="abandoned"} 0.0
    # HELP mainspring_component_start_seconds Time of the last start.
    # TYPE mainspring_component_start_seconds gauge
    # UNIT mainspring_component_start_seconds seconds
    mainspring_component_start_seconds{component="cache"} 1.5
    # HELP mainspring_actions Action calls ended.
    # TYPE mainspring_actions counter
    mainspring_actions_total{action="act",outcome="succeeded"} 1
    mainspring_actions_total{action="act",outcome="too_many"} 1
    # HELP mainspring_action_duration_seconds Time of action bodies.
    # TYPE mainspring_action_duration_seconds histogram
    # UNIT mainspring_action_duration_seconds seconds
    mainspring_action_duration_seconds_sum{action="act"} 0.02
    mainspring_action_duration_seconds_count{action="act"} 1
    mainspring_action_duration_seconds_bucket{le="0.001",action="act"} 0
    mainspring_action_duration_seconds_bucket{le="0.0025",action="act"} 0
    mainspring_action_duration_seconds_bucket{le="0.005",action="act"} 0
    mainspring_action_duration_seconds_bucket{le="0.01",action="act"} 0
    mainspring_action_duration_seconds_bucket{le="0.025",action="act"} 1
    mainspring_action_duration_seconds_bucket{le="0.05",action="act"} 1
    mainspring_action_duration_seconds_bucket{le="0.1",action="act"} 1
    mainspring_action_duration_seconds_bucket{le="0.25",action="act"} 1
    mainspring_action_duration_seconds_bucket{le="0.5",action="act"} 1
    mainspring_action_duration_seconds_bucket{le="1.0",action="act"} 1
    mainspring_action_duration_seconds_bucket{le="2.5",action="act"} 1
    mainspring_action_duration_seconds_bucket{le="5.0",action="act"} 1
    mainspring_action_duration_seconds_bucket{le="10.0",action="act"} 1
    mainspring_action_duration_seconds_bucket{le="30.0",action="act"} 1
    mainspring_action_duration_seconds_bucket{le="+Inf",action="act"} 1
    # HELP mainspring_metrics_collector_failures Collectors that failed and were left out.
    # TYPE mainspring_metrics_collector_failures counter
    mainspring_metrics_collector_failures_total 0
    # EOF
    "##);
}

#[test]
fn events_are_counted() {
    let registry = Registry::new();
    let took = Duration::from_millis(4);
    let name: Arc<str> = "it".into();
    let events = [
        Event::TaskPanicked {
            task: name.clone(),
            message: "x".into(),
        },
        Event::Component {
            name: name.clone(),
            state: "stopping",
        },
        Event::Action {
            name: name.clone(),
            status: 422,
            took,
        },
    ];
    events.iter().for_each(|event| registry.app().record(event));
    let text = registry.encode();
    for sample in [
        r#"task_panics_total{task="it"} 1"#,
        r#"component_state{component="it",state="stopping"} 1.0"#,
        r#"actions_total{action="it",outcome="invalid"} 1"#,
    ] {
        assert!(
            text.contains(&format!("\nmainspring_{sample}\n")),
            "{sample}: {text}"
        );
    }
}

#[test]
fn gauges_follow_their_guards() {
    let registry = Registry::new();
    let app = registry.app();
    let shows = |line: &str| registry.encode().lines().any(|found| found == line);
    let guards = (app.action_running(), app.action_running());
    assert!(shows("mainspring_actions_running 2"));
    drop(guards.0);
    assert!(shows("mainspring_actions_running 1"));
    let more = (app.task_alive(), app.http_connection());
    assert!(shows("mainspring_tasks_running 1"));
    assert!(shows("mainspring_http_connections 1"));
    drop((guards.1, more));
    assert!(shows("mainspring_actions_running 0"));
    assert!(shows("mainspring_tasks_running 0"));
    app.follow_ups_now(2, 7);
    assert!(shows("mainspring_follow_ups_running 2"));
    assert!(shows("mainspring_follow_ups_waiting 7"));
}

#[test]
fn two_registries_do_not_see_each_other() {
    let (one, other) = (Registry::new(), Registry::new());
    one.app().task_panicked("loop");
    assert!(one.encode().contains("loop") && !other.encode().contains("loop"));
}

/// Every metric but those of periodics, which come from the collector of the engine.
#[test]
fn names_and_labels_are_those_of_the_table() {
    let found = samples(&all_counted().encode());
    let base = |name: &str| {
        let histogram = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end));
        histogram.unwrap_or(name).to_owned()
    };
    let mut expected: BTreeSet<&str> = metric::ALL.iter().copied().collect();
    expected.retain(|name| !name.starts_with("mainspring_periodic"));
    let names: BTreeSet<String> = found.keys().map(|name| base(name)).collect();
    assert_eq!(
        names.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        expected
    );
    for (name, sets) in &found {
        let row = format!("| `{}` |", base(name));
        let row = TABLE.lines().find(|line| line.starts_with(&row)).unwrap();
        let listed: BTreeSet<_> = row
            .split('|')
            .nth(3)
            .unwrap()
            .split('`')
            .skip(1)
            .step_by(2)
            .collect();
        for set in sets {
            let labels: BTreeSet<_> = set
                .keys()
                .map(String::as_str)
                .filter(|l| *l != "le")
                .collect();
            assert_eq!(labels, listed, "{name}");
        }
    }
}

#[test]
fn words_of_labels_are_those_of_the_page() {
    fn words<L: Label>() -> Vec<&'static str> {
        L::ALL.iter().map(|label| label.word()).collect()
    }
    for (of, words) in [
        ("`outcome` of actions", words::<ActionOutcome>()),
        (
            "`outcome` of follow-ups and of periodic runs",
            words::<RunOutcome>(),
        ),
        ("`outcome` of triggers", words::<TriggerOutcome>()),
        ("`outcome` of probes", words::<ProbeOutcome>()),
        ("`state` of components", words::<ComponentState>()),
    ] {
        let words = words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", ");
        let line = format!("- {of}: {words}.");
        assert!(TABLE.lines().any(|found| found == line), "missing: {line}");
    }
}

#[test]
fn users_add_their_own() {
    let registry = Registry::new();
    let (orders, depth) = (Counter::<u64>::default(), Gauge::<i64>::default());
    registry
        .register("orders", "Orders.\n# EOF", orders.clone())
        .unwrap();
    registry.register("depth", "Depth", depth.clone()).unwrap();
    orders.inc_by(2);
    depth.set(-3);
    let text = registry.encode();
    assert!(
        text.contains("\norders_total 2\n") && text.contains("\ndepth -3\n"),
        "{text}"
    );
    assert_eq!(
        text.matches("\n# EOF").count(),
        1,
        "help text cannot end the page: {text}"
    );
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn a_name_that_would_break_the_page_is_refused() {
    let registry = Registry::new();
    registry
        .register("orders", "", Counter::<u64>::default())
        .unwrap();
    for (name, error) in [
        ("orders", r#"the metric "orders" is registered already"#),
        (
            "mainspring_x",
            r#"the metric name "mainspring_x" is reserved"#,
        ),
        ("", r#""" is not the name of a metric"#),
        ("1st", r#""1st" is not the name of a metric"#),
        ("a b\n", r#""a b\n" is not the name of a metric"#),
    ] {
        let refused = registry
            .register(name, "", Counter::<u64>::default())
            .unwrap_err();
        assert_eq!(refused.to_string(), error);
        assert!(!refused.hint().is_empty());
    }
}

#[test]
fn there_is_a_limit_to_metrics_and_collectors() {
    let registry = Registry::new();
    for n in 0..METRICS_MAX {
        registry
            .register(&format!("m{n}"), "", Gauge::<i64>::default())
            .unwrap();
        registry.register_collector(Box::new(Sick::new(0))).unwrap();
    }
    let metric = registry
        .register("more", "", Gauge::<i64>::default())
        .unwrap_err();
    let collector = registry
        .register_collector(Box::new(Sick::new(0)))
        .unwrap_err();
    for error in [metric, collector] {
        assert!(error.hint().contains("one family"), "{error}");
    }
}

/// Fails by an error (1), by a panic (2), or not (0).
#[derive(Debug)]
struct Sick(Arc<AtomicU8>);

impl Sick {
    fn new(how: u8) -> Self {
        Sick(Arc::new(AtomicU8::new(how)))
    }
}

impl Collector for Sick {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        describe(&mut encoder, "sick", "Half a metric.", MetricType::Gauge)?.encode_gauge(&1i64)?;
        match self.0.load(Ordering::Relaxed) {
            0 => Ok(()),
            1 => Err(fmt::Error),
            _ => panic!("the collector panics"),
        }
    }
}

#[test]
fn a_collector_that_fails_spoils_no_other() {
    let logs = Captured::new();
    let _logs = tracing::dispatcher::set_default(&logs.dispatch());
    let registry = Registry::new();
    let how = Arc::new(AtomicU8::new(0));
    registry
        .register_collector(Box::new(Sick(how.clone())))
        .unwrap();
    registry
        .register("well", "", Gauge::<i64>::default())
        .unwrap();
    assert!(registry.encode().contains("sick 1"));
    for failures in [1, 2] {
        how.store(failures, Ordering::Relaxed);
        let text = registry.encode();
        assert!(
            !text.contains("sick"),
            "nothing of a failed collector is shown: {text}"
        );
        assert!(text.contains("well 0") && text.ends_with("# EOF\n"));
        let counted = format!("mainspring_metrics_collector_failures_total {failures}\n");
        assert!(text.contains(&counted), "{text}");
    }
    let events: Vec<_> = logs.lines().iter().filter_map(|line| line.event).collect();
    assert_eq!(events, ["metrics.collector_failed"; 2]);
}

#[test]
fn a_collector_may_use_its_registry() {
    #[derive(Debug)]
    struct Reentrant(Registry);
    impl Collector for Reentrant {
        fn encode(&self, _: DescriptorEncoder) -> Result<(), fmt::Error> {
            let _taken = self.0.register("late", "", Gauge::<i64>::default());
            self.0.app().task_panicked("late");
            Ok(())
        }
    }
    let registry = Registry::new();
    registry
        .register_collector(Box::new(Reentrant(registry.clone())))
        .unwrap();
    registry.encode();
    assert!(registry.encode().contains("late 0"));
}
