//! Health as data: states, what a probe answers, the tree that is served as JSON.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//! use mainspring_core::health::{Health, Readiness, Report, State};
//!
//! let database = Health::healthy().with_dependency("replica", Health::degraded("12 s behind"));
//! let tree = Report::ready("accounts", Readiness::Ready, || {
//!     vec![
//!         Report::probed("database", database, Duration::from_millis(3)),
//!         Report::unchecked("cache"),
//!     ]
//! });
//! assert_eq!(tree.state, State::Degraded);
//! assert_eq!(tree.http_status(), 200);
//! ```

mod report;

pub use report::{Readiness, Report};

use serde::Serialize;

/// The deepest tree of dependencies; what is below is folded into its parent's state.
///
/// Real systems need two or three levels; deeper ones are a loop in somebody's code, and writing
/// them as JSON must not exhaust the stack.
pub const DEPTH_MAX: usize = 16;

/// The most dependencies of one probe; more only count for the state.
pub const DEPENDENCIES_MAX: usize = 1_000;

/// The most bytes of a message: it is read on a dashboard, not in a debugger.
pub const MESSAGE_MAX: usize = 1024;

/// How well something works. The worst of several wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It works.
    Healthy,
    /// It works worse than it should; requests may still come.
    Degraded,
    /// It does not work.
    Unhealthy,
}

impl State {
    /// Returns the status code of an answer: 503 if unhealthy, else 200.
    pub fn http_status(self) -> u16 {
        match self {
            Self::Healthy | Self::Degraded => 200,
            Self::Unhealthy => 503,
        }
    }
}

/// What a probe answers. It always has a state: there is no value without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    state: State,
    message: Option<String>,
    dependencies: Vec<(String, Health)>,
    depth: usize,
}

impl Health {
    /// It works.
    pub fn healthy() -> Self {
        Self {
            state: State::Healthy,
            message: None,
            dependencies: Vec::new(),
            depth: 0,
        }
    }

    /// It works worse than it should.
    pub fn degraded(message: impl Into<String>) -> Self {
        let message = Some(cut(message.into()));
        Self {
            state: State::Degraded,
            message,
            ..Self::healthy()
        }
    }

    /// It does not work.
    pub fn unhealthy(message: impl Into<String>) -> Self {
        let message = Some(cut(message.into()));
        Self {
            state: State::Unhealthy,
            message,
            ..Self::healthy()
        }
    }

    /// Adds something that this depends on; a worse state of it becomes the state of the whole.
    ///
    /// At most [`DEPENDENCIES_MAX`] are kept, at most [`DEPTH_MAX`] deep; all count.
    #[must_use]
    pub fn with_dependency(mut self, name: impl Into<String>, mut health: Self) -> Self {
        self.state = self.state.max(health.state);
        if self.dependencies.len() >= DEPENDENCIES_MAX {
            return self;
        }
        if health.depth + 1 >= DEPTH_MAX {
            health = Self {
                dependencies: Vec::new(),
                depth: 0,
                ..health
            };
        }
        self.depth = self.depth.max(health.depth + 1);
        self.dependencies.push((name.into(), health));
        self
    }

    /// Returns what a degraded or unhealthy answer said.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Returns the worst state of this and all it depends on.
    pub fn state(&self) -> State {
        self.state
    }
}

/// Cuts a message at a character within [`MESSAGE_MAX`].
fn cut(mut message: String) -> String {
    if message.len() > MESSAGE_MAX {
        let at = (0..=MESSAGE_MAX)
            .rev()
            .find(|at| message.is_char_boundary(*at))
            .unwrap_or(0);
        message.truncate(at);
        message.push('…');
    }
    message
}
