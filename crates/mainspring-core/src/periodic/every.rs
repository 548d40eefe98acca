//! `Every`: a phase grid of monotonic time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::plan::{PREVIEW_MAX, fault, missed_fault};
use super::{Fire, Missed, Overlap, Plan};
use crate::error::Error;

/// Runs once per period, on a grid that never drifts.
///
/// The grid begins when the engine starts the periodic: the first run is due one period later, the
/// next one two periods later, however long the runs take. It is monotonic time, so setting the
/// wall clock changes nothing. For times of the day use [`Cron`](super::Cron).
///
/// ```
/// use mainspring_core::periodic::{Every, Missed, Overlap};
/// use std::time::Duration;
///
/// Every::minutes(15);
/// // The same with every default written out:
/// Every::period(Duration::from_secs(15 * 60))
///     .with_jitter(Duration::ZERO)
///     .on_overlap(Overlap::Skip)
///     .on_missed(Missed::Once);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Every {
    period: Duration,
    jitter: Duration,
    overlap: Overlap,
    missed: Missed,
}

impl Every {
    /// The shortest period; anything shorter is a busy loop, not periodic work.
    pub const PERIOD_MIN: Duration = Duration::from_millis(1);

    /// The longest period, a hundred years; anything longer is a slip of the unit.
    pub const PERIOD_MAX: Duration = Duration::from_secs(36_525 * 86_400);

    /// Every `period`.
    ///
    /// A period outside [`Every::PERIOD_MIN`] to [`Every::PERIOD_MAX`] is a fault that
    /// [`Every::check`] reports.
    #[must_use]
    pub const fn period(period: Duration) -> Self {
        Self {
            period,
            jitter: Duration::ZERO,
            overlap: Overlap::Skip,
            missed: Missed::Once,
        }
    }

    /// Every so many seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self::period(Duration::from_secs(seconds))
    }

    /// Every so many minutes.
    #[must_use]
    pub const fn minutes(minutes: u64) -> Self {
        // A product that saturates is far above the longest period, so it stays a fault.
        Self::seconds(minutes.saturating_mul(60))
    }

    /// Every so many hours.
    #[must_use]
    pub const fn hours(hours: u64) -> Self {
        Self::seconds(hours.saturating_mul(3_600))
    }

    /// Moves the whole grid later by a fixed share of `spread`, so that many periodics with one
    /// period do not all run at the same instant.
    ///
    /// The share is a stable hash of the periodic's name: the same on every machine, in every build
    /// and after every restart. At most one period.
    #[must_use]
    pub const fn with_jitter(mut self, spread: Duration) -> Self {
        self.jitter = spread;
        self
    }

    /// Chooses what happens when a fire comes due while a run is going on.
    #[must_use]
    pub const fn on_overlap(mut self, overlap: Overlap) -> Self {
        self.overlap = overlap;
        self
    }

    /// Chooses what happens to fires noticed too late.
    #[must_use]
    pub const fn on_missed(mut self, missed: Missed) -> Self {
        self.missed = missed;
        self
    }

    /// Finds the first fault of the configuration.
    ///
    /// # Errors
    /// A period or a spread outside its limits, or [`Missed::All`] outside its own.
    ///
    /// ```
    /// use mainspring_core::periodic::Every;
    /// assert!(Every::seconds(0).check().is_err());
    /// ```
    pub fn check(&self) -> Result<(), Error> {
        Plan::check(self)
    }

    /// Previews up to `n` fires as if the engine started this plan, without jitter, at `after`.
    ///
    /// At most [`PREVIEW_MAX`]; none for a plan with a fault.
    #[must_use]
    pub fn next_fires(&self, after: Timestamp, n: usize) -> Vec<Fire> {
        Plan::next_fires(self, after, n)
    }

    /// How long after the start the first fire of the periodic called `name` is due.
    #[must_use]
    pub fn first_after_start(&self, name: &str) -> Duration {
        let spread = self.jitter.as_nanos();
        // The product fits: the hash has 64 bits and a valid spread has fewer than 62. The share
        // is below the spread, so it fits the type that the spread came from.
        let share = spread.saturating_mul(u128::from(stable_hash(name))) >> 64;
        self.period.saturating_add(Duration::from_nanos(
            u64::try_from(share).unwrap_or(u64::MAX),
        ))
    }

    pub(crate) const fn length(&self) -> Duration {
        self.period
    }
}

impl Plan for Every {
    fn faults(&self) -> Vec<Error> {
        let mut faults = Vec::new();
        let period = self.period;
        if period.is_zero() {
            faults.push(fault(
                "the period is zero",
                "give the time between two runs, such as Every::seconds(30)",
            ));
        } else if period < Self::PERIOD_MIN {
            faults.push(fault(
                format!("the period {period:?} is below {:?}", Self::PERIOD_MIN),
                "work that never pauses belongs in a task that a component spawns",
            ));
        } else if period > Self::PERIOD_MAX {
            faults.push(fault(
                format!(
                    "the period of {} seconds is above a hundred years",
                    period.as_secs()
                ),
                "check the unit: seconds, minutes and hours each have their own constructor",
            ));
        }
        if self.jitter > period && !period.is_zero() {
            faults.push(fault(
                format!(
                    "the jitter {:?} is longer than the period {period:?}",
                    self.jitter
                ),
                "a jitter of one period already spreads the runs evenly",
            ));
        }
        faults.extend(missed_fault(self.missed));
        faults
    }

    fn overlap(&self) -> Overlap {
        self.overlap
    }

    fn missed(&self) -> Missed {
        self.missed
    }

    fn next_fires(&self, after: Timestamp, n: usize) -> Vec<Fire> {
        let Ok(period) = SignedDuration::try_from(self.period) else {
            return Vec::new();
        };
        if self.check().is_err() {
            return Vec::new();
        }
        std::iter::successors(Some(after), |at| at.checked_add(period).ok())
            .skip(1)
            .take(n.min(PREVIEW_MAX))
            .map(Fire::plain)
            .collect()
    }
}

/// FNV-1a over the bytes, then the 64-bit finaliser of MurmurHash3.
///
/// Both are fixed for good: a periodic must keep its phase when the program is built anew. FNV
/// alone leaves the high bits of names that differ in their last letter nearly equal, which would
/// spread "purge-1" to "purge-9" over almost nothing.
fn stable_hash(name: &str) -> u64 {
    let fnv = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ (mixed >> 33)
}
