//! What every plan can be asked, whatever it is made of.

use jiff::Timestamp;

use super::{Cron, Every, Missed, Overlap};
use crate::error::{Error, ErrorKind};

/// One instant at which a plan fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fire {
    /// The instant.
    pub at: Timestamp,
    /// Set when a change of the zone's clocks touches this fire.
    pub dst: Option<DstMark>,
}

/// How a change of the zone's clocks touches a [`Fire`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DstMark {
    /// The local time of at least one fire does not exist on this day; it runs here, where the gap
    /// ends.
    MovedToGapEnd,
    /// The local time happens twice on this day; this is the first of the two.
    FirstPass,
    /// The local time happens twice on this day; this is the second of the two.
    SecondPass,
}

impl Fire {
    pub(super) const fn plain(at: Timestamp) -> Self {
        Self { at, dst: None }
    }
}

/// When periodic work runs: [`Every`] or [`Cron`].
///
/// The trait is sealed; it exists so that registering periodic work takes either. The engine works
/// on [`AnyPlan`].
///
/// ```
/// use mainspring_core::periodic::{AnyPlan, Cron, Every, Plan};
///
/// fn register(plan: impl Plan) -> AnyPlan {
///     plan.into()
/// }
/// register(Every::minutes(15));
/// register(Cron::new("*/15 * * * *"));
/// ```
pub trait Plan: sealed::Sealed + Into<AnyPlan> {
    /// Finds the first fault of the configuration.
    ///
    /// # Errors
    /// The fault, of the kind [`ErrorKind::Config`] and with a hint. [`Plan::faults`] lists all.
    fn check(&self) -> Result<(), Error> {
        self.faults().into_iter().next().map_or(Ok(()), Err)
    }

    /// Lists every fault of the configuration; empty means that the plan can run.
    fn faults(&self) -> Vec<Error>;

    /// What happens when a fire comes due while a run is going on.
    fn overlap(&self) -> Overlap;

    /// What happens to fires noticed too late.
    fn missed(&self) -> Missed;

    /// Previews up to `n` fires strictly after `after`, in order; at most [`PREVIEW_MAX`].
    ///
    /// An [`Every`] is previewed as if the engine started it at `after`, without its jitter, which
    /// depends on the name it is registered under. A plan with a fault has no fires.
    fn next_fires(&self, after: Timestamp, n: usize) -> Vec<Fire>;
}

/// The most fires that one preview returns; more is a page, not a preview.
pub const PREVIEW_MAX: usize = 1_000;

/// Either plan, for code that holds both.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AnyPlan {
    /// A phase grid of monotonic time.
    Every(Every),
    /// Local times of a zone.
    Cron(Cron),
}

impl Plan for AnyPlan {
    fn faults(&self) -> Vec<Error> {
        match self {
            Self::Every(plan) => plan.faults(),
            Self::Cron(plan) => plan.faults(),
        }
    }

    fn overlap(&self) -> Overlap {
        match self {
            Self::Every(plan) => plan.overlap(),
            Self::Cron(plan) => plan.overlap(),
        }
    }

    fn missed(&self) -> Missed {
        match self {
            Self::Every(plan) => plan.missed(),
            Self::Cron(plan) => plan.missed(),
        }
    }

    fn next_fires(&self, after: Timestamp, n: usize) -> Vec<Fire> {
        match self {
            Self::Every(plan) => plan.next_fires(after, n),
            Self::Cron(plan) => plan.next_fires(after, n),
        }
    }
}

impl From<Every> for AnyPlan {
    fn from(plan: Every) -> Self {
        Self::Every(plan)
    }
}

impl From<Cron> for AnyPlan {
    fn from(plan: Cron) -> Self {
        Self::Cron(plan)
    }
}

/// A fault of the configuration, with what to do about it.
pub(super) fn fault(message: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message).with_hint(hint)
}

/// The fault of a [`Missed::All`] that asks for nothing or for too much.
pub(super) fn missed_fault(missed: Missed) -> Option<Error> {
    match missed {
        Missed::All(n) if n == 0 || n > Missed::ALL_MAX => Some(fault(
            format!("Missed::All({n}) is outside 1 to {}", Missed::ALL_MAX),
            "use Missed::Skip for none, or Missed::Once for one run that stands for all",
        )),
        _ => None,
    }
}

pub(super) mod sealed {
    /// Keeps the set of plans closed: the engine knows each of them.
    pub trait Sealed {}
    impl Sealed for super::Every {}
    impl Sealed for super::Cron {}
    impl Sealed for super::AnyPlan {}
}
