//! Periodic work: when it runs, and what happens when it cannot run just then.
//!
//! Two plans say *when*: [`Every`] keeps a phase grid of monotonic time, [`Cron`] follows the wall
//! clock of a time zone. Use `Every` for "about every five minutes", `Cron` for "at three in the
//! morning in London". Four policies say *what if*: [`Overlap`], [`Missed`], [`DstGap`] and
//! [`DstOverlap`]. The [`Machine`] decides; it reads no clock and starts nothing itself, a shell
//! feeds it events and carries out its commands.
//!
//! ```
//! use mainspring_core::periodic::{Cron, Every, Missed, Overlap};
//! use std::time::Duration;
//!
//! let purge = Every::minutes(15).with_jitter(Duration::from_secs(60));
//! let report = Cron::new("0 3 * * TUE")
//!     .in_zone("Europe/London")
//!     .on_overlap(Overlap::QueueOne)
//!     .on_missed(Missed::Skip);
//! assert!(purge.check().is_ok() && report.check().is_ok());
//! ```

mod calendar;
mod cron;
mod every;
mod fires;
mod late;
mod machine;
mod moment;
mod pattern;
mod plan;
mod policy;
mod record;

pub use self::cron::Cron;
pub use self::every::Every;
pub use self::fires::Fires;
pub(crate) use self::late::wall_fires;
pub use self::machine::{Command, Event, Machine};
pub use self::moment::Moment;
pub use self::plan::{AnyPlan, DstMark, Fire, PREVIEW_MAX, Plan};
pub use self::policy::{DstGap, DstOverlap, Missed, Overlap};
pub use self::record::{Record, Run, RunOutcome};
