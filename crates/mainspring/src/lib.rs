//! *The work your service does when nobody is waiting.*
//!
//! Mainspring runs what a web service does outside the request: [components](component::Component)
//! before the first request and after the last, [periodic work](periodic) on an interval or a cron
//! schedule, and follow-ups after the response has been sent. One clock, one shutdown, one
//! vocabulary, and all of it on virtual time in tests.
//!
//! ```
//! use mainspring::prelude::*;
//! use mainspring::test::{Options, TestApp, hours, run, timestamp};
//!
//! async fn purge_sessions(tick: Tick) -> Result<(), BoxError> {
//!     mainspring::tracing::info!(due = %tick.scheduled_for(), "purging");
//!     Ok(())
//! }
//!
//! async fn write_report(_tick: Tick) -> Result<(), BoxError> {
//!     Ok(())
//! }
//!
//! fn accounts() -> App {
//!     App::new("accounts")
//!         .periodic("purge-sessions", Every::minutes(15), purge_sessions)
//!         .periodic("report", Cron::new("0 3 * * TUE").in_zone("Europe/London"), write_report)
//! }
//!
//! // In `main`: `accounts().run().await`. In a test, with `#[mainspring::test]` instead of `run`:
//! # fn main() {
//! run(Options::new().start("2026-03-30T12:00:00Z"), |app: TestApp| async move {
//!     let app = app.start(accounts()).await;
//!     app.advance(hours(24)).await;
//!     assert_eq!(app.runs_of("purge-sessions").len(), 96);
//!     // British summer time has begun.
//!     assert_eq!(app.runs_of("report"), [timestamp("2026-03-31T02:00:00Z")]);
//! });
//! # }
//! ```
//!
//! # Where things are
//!
//! [`App`] is what everything is registered on; [`prelude`] has what most files need. The
//! [guides](guide) answer one question each. What a unit of work knows about itself is its
//! [`Context`]; where time comes from is its [`Clock`](clock::Clock).

pub mod guide;
pub mod prelude;

#[doc(inline)]
pub use mainspring_core::{activity, cause, clock, context, error, event, identity, lifecycle};
#[doc(inline)]
pub use mainspring_core::{random, spawn, telemetry, time};
#[doc(inline)]
pub use mainspring_runtime::{app, component, environment, follow_up, logger, metrics};
#[doc(inline)]
pub use mainspring_runtime::{network, platform};

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
