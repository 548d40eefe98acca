//! *The work your service does when nobody is waiting.*
//!
//! Mainspring runs what a web service does outside the request: [components](component::Component)
//! before the first request and after the last, [periodic work](periodic) on an interval or a cron
//! schedule, and follow-ups after the response has been sent. One clock, one shutdown, one
//! vocabulary, and all of it on virtual time in tests.
//!
//! ```
//! use mainspring::prelude::*;
//! use std::time::Duration;
//!
//! struct Register;
//!
//! impl Action for Register {
//!     const NAME: &'static str = "account.register";
//!     type Input = String;
//!     type Output = bool;
//!
//!     async fn call(&self, ctx: ActionContext, email: String) -> Result<bool, ActionError> {
//!         ctx.follow_up("analytics", Duration::from_secs(30), |_ctx| async move {
//!             mainspring::tracing::info!(email, "registered");
//!             Ok(())
//!         });
//!         Ok(true)
//!     }
//! }
//!
//! async fn purge_sessions(tick: Tick) -> Result<(), BoxError> {
//!     mainspring::tracing::info!(due = %tick.scheduled_for(), "purging");
//!     Ok(())
//! }
//!
//! fn accounts() -> App {
//!     App::new("accounts")
//!         .periodic("purge-sessions", Every::minutes(15), purge_sessions)
//!         .action(Register)
//! }
//!
//! // `accounts().serve("127.0.0.1:8080").await` runs it. A test lives through a day of it; with
//! // the attribute `#[mainspring::test]` this needs no `run`.
//! use mainspring::test::{Options, days, run};
//!
//! run(Options::new(), |app| async move {
//!     let app = app.start(accounts()).await;
//!     assert!(app.call::<Register>("ada@example.com".into()).await.unwrap());
//!     app.advance(days(1)).await;
//!     assert_eq!(app.runs_of("purge-sessions").len(), 96);
//!     assert_eq!(app.follow_ups_of("analytics").len(), 1);
//!     assert!(app.logs().contains("ada@example.com"));
//! });
//! ```
//!
//! # Where things are
//!
//! [`App`] is what everything is registered on; [`prelude`] has what most files need. The
//! [guides](guide) answer one question each. What a unit of work knows about itself is its
//! [`Context`]; where time comes from is its [`Clock`](clock::Clock).

pub mod guide;
pub mod prelude;
mod source;

#[doc(inline)]
pub use mainspring_core::{activity, cause, context, error, event, identity, lifecycle};
#[doc(inline)]
pub use mainspring_core::{random, spawn, store, telemetry, time};
#[doc(inline)]
pub use mainspring_runtime::{app, component, environment, follow_up, logger, metrics};
#[doc(inline)]
pub use mainspring_runtime::{jobs, network, platform};

/// Where time comes from: the system, or a test.
///
/// ```
/// let clock = mainspring::clock::system();
/// let start = clock.monotonic();
/// assert!(clock.monotonic() >= start);
/// ```
pub mod clock {
    #[doc(inline)]
    pub use mainspring_core::clock::*;
    /// The system's clock, for code outside an app; inside one, a context has the app's.
    #[doc(inline)]
    pub use mainspring_runtime::system_clock::system_clock as system;
}

/// What a job is: its trait and derive, keys, priorities, retries, outcomes and states.
pub mod job {
    #[doc(inline)]
    pub use mainspring_core::job::*;
    #[cfg(feature = "macros")]
    #[doc(inline)]
    pub use mainspring_macros::Job;
}

/// How well an app works: the states, the tree, and the limits of probes.
pub mod health {
    #[doc(inline)]
    pub use mainspring_core::health::*;
    #[doc(inline)]
    pub use mainspring_runtime::health::*;
}

/// Work on an interval or a cron schedule, in this process.
pub mod periodic {
    #[doc(inline)]
    pub use mainspring_core::periodic::*;
    #[doc(inline)]
    pub use mainspring_runtime::periodic::*;
}

#[doc(inline)]
pub use mainspring_core::context::Context;
#[doc(inline)]
pub use mainspring_core::error::{BoxError, Error};
#[doc(inline)]
pub use mainspring_core::lifecycle::ShutdownReport;
#[doc(inline)]
pub use mainspring_runtime::app::App;
/// Sets up the log of this process with all defaults; [`logger::Logger`] has others.
#[doc(inline)]
pub use mainspring_runtime::logger::init as logger;

pub use source::jobs;

#[cfg(feature = "sqlite")]
#[doc(inline)]
pub use mainspring_sqlite as sqlite;
#[cfg(feature = "test")]
#[doc(inline)]
pub use mainspring_test as test;
#[cfg(feature = "web")]
#[doc(inline)]
pub use mainspring_web as web;

/// ```
/// use mainspring::test::{TestApp, hours};
///
/// #[mainspring::test(start = "2026-03-28T00:00:00Z")]
/// async fn an_hour_passes(app: TestApp) {
///     app.advance(hours(1)).await;
///     assert_eq!(app.now().to_string(), "2026-03-28T01:00:00Z");
/// }
/// # fn main() {}
/// ```
///
#[cfg(all(feature = "macros", feature = "test"))]
#[doc(inline)]
pub use mainspring_macros::test;

/// The logging facade that the library speaks to, in the version it speaks.
pub use tracing;
