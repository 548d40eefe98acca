//! What a machine is made of: the parts, their limits, the mode.

use std::collections::BTreeSet;
use std::time::Duration;

use super::budget::Budget;
use super::report::Problem;

/// How long a component may take to start unless it says otherwise.
///
/// Long enough for a cold cache or a slow migration check, short enough that a supervisor with the
/// usual minute of patience still sees our message and not its own.
pub const START_LIMIT: Duration = Duration::from_secs(30);

/// How long binding, health, work and accept may each take: they are ours and do no slow work, so
/// ten seconds only ever mean that something hangs, such as a name that does not resolve.
pub const STEP_LIMIT: Duration = Duration::from_secs(10);

/// How long all stores together may take to open and migrate: a migration that rewrites a large
/// table needs minutes, and cutting it off would only begin it again at the next boot.
pub const STORES_LIMIT: Duration = Duration::from_secs(300);

/// How long a cancelled start may take to return before it is abandoned: enough to roll back a
/// transaction, little enough to leave the budget to what must be stopped.
pub const CANCEL_GRACE: Duration = Duration::from_secs(2);

/// How long an app in production still serves after it stopped being ready: load balancers need
/// a probe or two until they send nothing more.
pub const DRAIN_DELAY: Duration = Duration::from_secs(3);

/// Where an app runs; the only mode there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Mode {
    /// Nobody balances load: no drain delay.
    Development,
    /// Somebody may still send requests: [`DRAIN_DELAY`].
    #[default]
    Production,
}

impl Mode {
    /// Says whether this is development.
    pub fn is_development(self) -> bool {
        self == Self::Development
    }

    /// Returns the drain delay of this mode.
    pub fn drain_delay(self) -> Duration {
        match self {
            Self::Development => Duration::ZERO,
            Self::Production => DRAIN_DELAY,
        }
    }
}

impl std::str::FromStr for Mode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "production" => Ok(Self::Production),
            "development" => Ok(Self::Development),
            _ => Err("it is neither `production` nor `development`"),
        }
    }
}

/// Names one part in events and commands: planned parts by position, hooks as they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartId(pub(super) usize);

impl PartId {
    /// Returns the id of the planned part at this position.
    pub fn planned(position: usize) -> Self {
        Self(position)
    }

    /// Returns the position; hooks registered while running continue after the planned parts.
    pub fn position(self) -> usize {
        self.0
    }
}

/// What kind of part it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartKind {
    /// It has a start and a stop.
    Component,
    /// It has only a stop.
    Hook,
}

impl PartKind {
    /// Returns the word that reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Component => "component",
            Self::Hook => "hook",
        }
    }
}

/// A component or a stop hook, in the order of registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub(super) name: String,
    pub(super) kind: PartKind,
    pub(super) start_limit: Duration,
}

impl Part {
    /// A component that may take [`START_LIMIT`] to start.
    pub fn component(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: PartKind::Component,
            start_limit: START_LIMIT,
        }
    }

    /// A stop hook: it counts as started when the boot passes it.
    pub fn hook(name: impl Into<String>) -> Self {
        Self {
            kind: PartKind::Hook,
            ..Self::component(name)
        }
    }

    /// Sets how long the start may take.
    #[must_use]
    pub fn with_start_limit(mut self, limit: Duration) -> Self {
        self.start_limit = limit;
        self
    }
}

/// The limits of one app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For each of bind, health, work, accept. [`STEP_LIMIT`] by default.
    pub step: Duration,
    /// For opening and migrating all stores. [`STORES_LIMIT`] by default.
    pub stores: Duration,
    /// For a cancelled start to return. [`CANCEL_GRACE`] by default.
    pub cancel_grace: Duration,
    /// Between not being ready and closing the listeners; `None` means what the mode says.
    pub drain_delay: Option<Duration>,
    /// For stopping.
    pub budget: Budget,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            step: STEP_LIMIT,
            stores: STORES_LIMIT,
            cancel_grace: CANCEL_GRACE,
            drain_delay: None,
            budget: Budget::default(),
        }
    }
}

/// Everything a [`Machine`](super::Machine) must know before the boot.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// What the report calls the app.
    pub app: String,
    /// Development or production.
    pub mode: Mode,
    /// Components and hooks in the order of registration.
    pub parts: Vec<Part>,
    /// Whether there is a main listener.
    pub http: bool,
    /// Whether there is a health server.
    pub health: bool,
    /// Whether there are stores to open.
    pub stores: bool,
    /// All limits.
    pub limits: Limits,
    /// Configuration errors found so far; with any, the boot fails before it binds anything.
    pub problems: Vec<Problem>,
}

impl Plan {
    /// A plan for production with main listener, health server and stores, and without parts.
    pub fn new(app: impl Into<String>) -> Self {
        Self {
            app: app.into(),
            mode: Mode::default(),
            parts: Vec::new(),
            http: true,
            health: true,
            stores: true,
            limits: Limits::default(),
            problems: Vec::new(),
        }
    }

    /// Sets the mode.
    #[must_use]
    pub fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Adds a part after those already there.
    #[must_use]
    pub fn with_part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// Adds a configuration error that somebody else found.
    #[must_use]
    pub fn with_problem(mut self, problem: Problem) -> Self {
        self.problems.push(problem);
        self
    }

    /// Returns every configuration error: those added and those found in the parts.
    ///
    /// ```
    /// use mainspring_core::lifecycle::{Part, Plan};
    ///
    /// let plan = Plan::new("accounts")
    ///     .with_part(Part::component("cache"))
    ///     .with_part(Part::component("cache"))
    ///     .with_part(Part::hook(""));
    /// assert_eq!(plan.check().len(), 2);
    /// ```
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = self.problems.clone();
        let mut names = BTreeSet::new();
        let mut reported = BTreeSet::new();
        for part in &self.parts {
            let what = format!("{} \"{}\"", part.kind.as_str(), part.name);
            if part.name.trim().is_empty() {
                problems.push(
                    Problem::new(part.kind.as_str(), "its name is empty")
                        .with_hint("give it a name: reports and limits refer to it"),
                );
            } else if !names.insert(&part.name) && reported.insert(&part.name) {
                problems.push(
                    Problem::new(&what, "its name is registered more than once")
                        .with_hint("rename one of them, or register it once"),
                );
            }
            if part.start_limit.is_zero() && part.kind == PartKind::Component {
                problems.push(
                    Problem::new(&what, "its start limit is zero")
                        .with_hint("return more than zero from start_timeout()"),
                );
            }
        }
        problems
    }

    /// Returns the drain delay that holds: the one set, else that of the mode.
    pub fn drain_delay(&self) -> Duration {
        self.limits
            .drain_delay
            .unwrap_or_else(|| self.mode.drain_delay())
    }
}
