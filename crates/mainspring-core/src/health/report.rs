//! The tree that `/live`, `/ready` and `/startup` answer with.

use std::time::Duration;

use serde::Serialize;

use super::{Health, State};

/// Where an app is between boot and exit, as far as readiness cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Not ready yet.
    Starting,
    /// Ready, if the probes say so.
    Ready,
    /// Not ready any more.
    Draining,
}

/// One node of the tree: an app, a component, or something that a component depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Its name.
    pub name: String,
    /// The worst state of it and all below it.
    pub state: State,
    /// What its probe had to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How long its probe took, in milliseconds.
    pub took_ms: u64,
    /// Whether a probe ran. Without one it counts as healthy.
    pub checked: bool,
    /// What is below it, sorted by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Self>,
}

impl Report {
    /// What a probe answered, and how long it took.
    pub fn probed(name: impl Into<String>, health: Health, took: Duration) -> Self {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        // A dependency is seen by its parent's probe, which does not say how long each took.
        let Health {
            state,
            message,
            dependencies,
            ..
        } = health;
        let below = dependencies.into_iter();
        let below = below.map(|(name, health)| Self::probed(name, health, Duration::ZERO));
        let dependencies = sorted(below.collect());
        Self {
            name: name.into(),
            state,
            message,
            took_ms,
            checked: true,
            dependencies,
        }
    }

    /// A component without a probe: healthy, as far as anybody knows.
    pub fn unchecked(name: impl Into<String>) -> Self {
        let mut report = Self::probed(name, Health::healthy(), Duration::ZERO);
        report.checked = false;
        report
    }

    /// The whole of several reports: the worst state wins, none at all is healthy.
    pub fn aggregate(name: impl Into<String>, dependencies: Vec<Self>) -> Self {
        let worst = dependencies.iter().map(|report| report.state).max();
        let took_ms = dependencies
            .iter()
            .map(|report| report.took_ms)
            .max()
            .unwrap_or(0);
        Self {
            name: name.into(),
            state: worst.unwrap_or(State::Healthy),
            message: None,
            took_ms,
            checked: dependencies.iter().any(|report| report.checked),
            dependencies: sorted(dependencies),
        }
    }

    /// The answer of `/live`: healthy as long as anybody can ask.
    pub fn live(app: impl Into<String>) -> Self {
        Self::probed(app, Health::healthy(), Duration::ZERO)
    }

    /// The answer of `/startup`: unhealthy until the app has started, then healthy for good.
    pub fn startup(app: impl Into<String>, has_started: bool) -> Self {
        let health = if has_started {
            Health::healthy()
        } else {
            Health::unhealthy("starting")
        };
        Self::probed(app, health, Duration::ZERO)
    }

    /// The answer of `/ready`. The probes run only if the app is neither starting nor draining.
    pub fn ready(
        app: impl Into<String>,
        readiness: Readiness,
        probes: impl FnOnce() -> Vec<Self>,
    ) -> Self {
        match Self::not_ready(readiness) {
            Some(health) => Self::probed(app, health, Duration::ZERO),
            None => Self::aggregate(app, probes()),
        }
    }

    /// Returns what readiness alone says; `None` means that the probes decide.
    ///
    /// For callers whose probes are asynchronous; others use [`Report::ready`].
    pub fn not_ready(readiness: Readiness) -> Option<Health> {
        match readiness {
            Readiness::Starting => Some(Health::unhealthy("starting")),
            Readiness::Draining => Some(Health::unhealthy("draining")),
            Readiness::Ready => None,
        }
    }

    /// Returns the status code of this answer: 503 if unhealthy, else 200.
    pub fn http_status(&self) -> u16 {
        self.state.http_status()
    }
}

fn sorted(mut reports: Vec<Report>) -> Vec<Report> {
    reports.sort_by(|a, b| a.name.cmp(&b.name));
    reports
}

#[cfg(test)]
mod tests {
    use super::super::{DEPENDENCIES_MAX, DEPTH_MAX, MESSAGE_MAX};
    use super::*;

    fn json(report: &Report) -> String {
        serde_json::to_string(report).unwrap()
    }

    #[test]
    fn the_tree_is_sorted_and_the_worst_state_wins() {
        let database = Health::healthy()
            .with_dependency("replica", Health::degraded("behind"))
            .with_dependency("primary", Health::healthy());
        let tree = Report::ready("app", Readiness::Ready, || {
            vec![
                Report::probed("database", database, Duration::from_millis(7)),
                Report::unchecked("cache"),
            ]
        });
        let expected = concat!(
            r#"{"name":"app","state":"degraded","took_ms":7,"checked":true,"dependencies":["#,
            r#"{"name":"cache","state":"healthy","took_ms":0,"checked":false},"#,
            r#"{"name":"database","state":"degraded","took_ms":7,"checked":true,"dependencies":["#,
            r#"{"name":"primary","state":"healthy","took_ms":0,"checked":true},"#,
            r#"{"name":"replica","state":"degraded","message":"behind","took_ms":0,"#,
            r#""checked":true}]}]}"#,
        );
        assert_eq!(json(&tree), expected);
    }

    #[test]
    fn only_unhealthy_is_unavailable() {
        let status = |health| Report::probed("x", health, Duration::ZERO).http_status();
        assert_eq!(status(Health::healthy()), 200);
        assert_eq!(status(Health::degraded("slow")), 200);
        assert_eq!(status(Health::unhealthy("down")), 503);
        let nested = Health::healthy().with_dependency("db", Health::unhealthy("down"));
        assert_eq!(status(nested), 503);
        assert_eq!(Report::aggregate("none", Vec::new()).http_status(), 200);
    }

    #[test]
    fn starting_and_draining_answer_without_probes() {
        for (readiness, message) in [
            (Readiness::Starting, "starting"),
            (Readiness::Draining, "draining"),
        ] {
            let report = Report::ready("app", readiness, || panic!("a probe ran"));
            assert_eq!(report.http_status(), 503);
            assert_eq!(report.message.as_deref(), Some(message));
        }
        assert_eq!(Report::live("app").http_status(), 200);
        assert_eq!(Report::startup("app", false).http_status(), 503);
        assert_eq!(Report::startup("app", true).http_status(), 200);
    }

    #[test]
    fn depth_width_and_text_are_bounded_but_every_state_counts() {
        let mut deep = Health::unhealthy("the root of it");
        for _ in 0..100_000 {
            deep = Health::healthy().with_dependency("next", deep);
        }
        assert_eq!(deep.state(), State::Unhealthy);
        let levels = json(&Report::probed("deep", deep, Duration::ZERO))
            .matches("next")
            .count();
        assert!(levels < DEPTH_MAX, "{levels}");

        let mut wide = Health::healthy();
        for _ in 0..DEPENDENCIES_MAX {
            wide = wide.with_dependency("same", Health::healthy());
        }
        let wide = wide.with_dependency("last", Health::degraded("é".repeat(MESSAGE_MAX)));
        assert_eq!(wide.state(), State::Degraded);
        let report = Report::probed("wide", wide, Duration::ZERO);
        assert_eq!(report.dependencies.len(), DEPENDENCIES_MAX);
        let long = Health::degraded("é".repeat(MESSAGE_MAX));
        let message = Report::probed("long", long, Duration::ZERO)
            .message
            .unwrap();
        assert!(message.len() <= MESSAGE_MAX + 3);
    }
}
