//! `Cron`: local times of a time zone.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::calendar::Fields;
use super::pattern;
use super::plan::{PREVIEW_MAX, fault, missed_fault};
use super::{DstGap, DstOverlap, Fire, Fires, Missed, Overlap, Plan};
use crate::error::Error;

/// Runs at local times of a time zone, given as a cron pattern.
///
/// A pattern has five fields, `minute hour day-of-month month day-of-week`, or six with the second
/// first. Each takes `*`, numbers, lists (`0,30`), ranges (`9-17`) and steps (`*/15`, `10-50/20`).
/// Months and weekdays have names (`JAN`, `MON`); 0 and 7 are Sunday. `L` is the last day of the
/// month, `LW` its last working day, `15W` the working day nearest to the 15th, `MON#2` the second
/// Monday, `FRIL` the last Friday. `?` means `*` in the day fields. `@hourly`, `@daily`, `@weekly`,
/// `@monthly` and `@yearly` stand for patterns. If both day fields say something other than `*`,
/// *either* one is enough.
///
/// # When the clocks change
///
/// A pattern is *fixed* when no second, minute or hour field starts with `*`: it names times of the
/// day, and each runs once a day. A time that the clocks skip runs where the gap ends (several
/// such times give one run), a time that happens twice runs the first time. All other patterns
/// follow real time: `*/30 * * * *` runs each half hour that passes, also through a gap and through
/// both passes of an overlap. [`Cron::on_dst_gap`] and [`Cron::on_dst_overlap`] choose otherwise.
///
/// ```
/// use mainspring_core::periodic::{Cron, DstGap, DstMark, DstOverlap, Missed, Overlap};
///
/// let cron = Cron::new("30 2 * * *").in_zone("Europe/Berlin");
/// let fires = cron.next_fires("2027-03-27T12:00:00Z".parse()?, 2);
/// assert_eq!(fires[0].at.to_string(), "2027-03-28T01:00:00Z"); // 03:00 in summer time
/// assert_eq!(fires[0].dst, Some(DstMark::MovedToGapEnd));
/// assert_eq!(fires[1].at.to_string(), "2027-03-29T00:30:00Z");
///
/// // The same with every default written out:
/// Cron::new("30 2 * * *")
///     .in_zone("Europe/Berlin")
///     .on_overlap(Overlap::Skip)
///     .on_missed(Missed::Once)
///     .on_dst_gap(DstGap::AtEnd)
///     .on_dst_overlap(DstOverlap::First);
/// # Ok::<(), jiff::Error>(())
/// ```
///
/// For work that only needs to happen every so often, use [`Every`](super::Every).
#[derive(Clone)]
pub struct Cron {
    pattern: Box<str>,
    fields: Fields,
    zone: TimeZone,
    overlap: Overlap,
    missed: Missed,
    gap: Option<DstGap>,
    repeat: Option<DstOverlap>,
    faults: Option<Box<Faults>>,
}

/// What is wrong with the texts; boxed, since most plans have no fault and there are many plans.
#[derive(Clone, Debug, Default)]
struct Faults {
    pattern: Option<Error>,
    zone: Option<Error>,
}

impl Faults {
    const fn any(&self) -> bool {
        self.pattern.is_some() || self.zone.is_some()
    }
}

impl Cron {
    /// The longest name of a zone that is looked up, in bytes; the longest real one has 32.
    pub const ZONE_MAX: usize = 64;

    /// The longest pattern that is read, in bytes; all sixty minutes written out take 169.
    pub const PATTERN_MAX: usize = pattern::PATTERN_MAX;

    /// A plan for `pattern`, in UTC.
    ///
    /// A pattern that cannot be read, or that matches no day there ever is, is a fault that
    /// [`Cron::check`] reports.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        let (fields, fault) = match pattern::parse(pattern) {
            Ok(fields) => (fields, None),
            Err(fault) => (Fields::default(), Some(fault)),
        };
        Self {
            // A pattern over the limit is not kept; its fault quotes where it starts.
            pattern: pattern
                .get(..pattern.len().min(Self::PATTERN_MAX))
                .unwrap_or("")
                .into(),
            fields,
            zone: TimeZone::UTC,
            overlap: Overlap::Skip,
            missed: Missed::Once,
            gap: None,
            repeat: None,
            faults: fault.map(|pattern| {
                Box::new(Faults {
                    pattern: Some(pattern),
                    zone: None,
                })
            }),
        }
    }

    /// Reads the pattern in the time zone with this IANA name.
    ///
    /// The name is looked up at once, in the system's zone database or, where there is none, in the
    /// one built in. An unknown name is a fault that [`Cron::check`] reports.
    #[must_use]
    pub fn in_zone(mut self, name: &str) -> Self {
        let known = if name.len() <= Self::ZONE_MAX {
            TimeZone::get(name).ok()
        } else {
            None
        };
        match known {
            Some(zone) => self.in_time_zone(zone),
            None => {
                let shown: String = name.chars().take(Self::ZONE_MAX).collect();
                let unknown = fault(
                    format!("the time zone {shown:?} is unknown"),
                    "use a name of the IANA database, such as Europe/London or UTC",
                );
                self.faults.get_or_insert_default().zone = Some(unknown);
                self
            }
        }
    }

    /// Reads the pattern in this time zone.
    #[must_use]
    pub fn in_time_zone(mut self, zone: TimeZone) -> Self {
        self.zone = zone;
        if let Some(faults) = &mut self.faults {
            faults.zone = None;
        }
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

    /// Chooses what happens to fires whose local time does not exist.
    #[must_use]
    pub const fn on_dst_gap(mut self, gap: DstGap) -> Self {
        self.gap = Some(gap);
        self
    }

    /// Chooses what happens to fires whose local time happens twice.
    #[must_use]
    pub const fn on_dst_overlap(mut self, overlap: DstOverlap) -> Self {
        self.repeat = Some(overlap);
        self
    }

    /// The pattern as it was given.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The time zone that the pattern is read in.
    #[must_use]
    pub const fn time_zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Whether the pattern names times of the day, as opposed to following real time.
    #[must_use]
    pub const fn is_fixed(&self) -> bool {
        self.fields.fixed
    }

    /// Finds the first fault of the configuration.
    ///
    /// # Errors
    /// A pattern that cannot be read or never matches, an unknown zone, or [`Missed::All`] outside
    /// its limits.
    pub fn check(&self) -> Result<(), Error> {
        Plan::check(self)
    }

    /// Previews up to `n` fires strictly after `after`; at most [`PREVIEW_MAX`].
    ///
    /// Rows that a change of the clocks touches are marked. None for a plan with a fault.
    #[must_use]
    pub fn next_fires(&self, after: Timestamp, n: usize) -> Vec<Fire> {
        self.fires(after).take(n.min(PREVIEW_MAX)).collect()
    }

    /// The fires strictly after `after`, in order. None for a plan with a fault.
    #[must_use]
    pub fn fires(&self, after: Timestamp) -> Fires<'_> {
        if self.faults.as_ref().is_some_and(|faults| faults.any()) {
            return Fires::none();
        }
        let (gap, overlap) = if self.fields.fixed {
            (DstGap::AtEnd, DstOverlap::First)
        } else {
            (DstGap::Skip, DstOverlap::Both)
        };
        let rules = (self.gap.unwrap_or(gap), self.repeat.unwrap_or(overlap));
        Fires::new(&self.fields, &self.zone, rules, after)
    }
}

impl Plan for Cron {
    fn faults(&self) -> Vec<Error> {
        let texts = self.faults.as_deref().cloned().unwrap_or_default();
        [texts.pattern, texts.zone, missed_fault(self.missed)]
            .into_iter()
            .flatten()
            .collect()
    }

    fn overlap(&self) -> Overlap {
        self.overlap
    }

    fn missed(&self) -> Missed {
        self.missed
    }

    fn next_fires(&self, after: Timestamp, n: usize) -> Vec<Fire> {
        Self::next_fires(self, after, n)
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cron")
            .field("pattern", &self.pattern)
            .field("zone", &self.zone.iana_name())
            .field("overlap", &self.overlap)
            .field("missed", &self.missed)
            .field("gap", &self.gap)
            .field("repeat", &self.repeat)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}
