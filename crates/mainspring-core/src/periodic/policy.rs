//! The four policies of periodic work, as plain data with documented defaults.

/// What happens when a fire comes due while the run before it is still going on.
///
/// ```
/// use mainspring_core::periodic::Overlap;
/// assert_eq!(Overlap::default(), Overlap::Skip);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overlap {
    /// The fire is dropped and counted as skipped. The default.
    #[default]
    Skip,
    /// One fire waits for the running one to end; a newer fire takes the place of the one that
    /// waits, and the one it replaces counts as skipped.
    QueueOne,
    /// Runs go on side by side, at most [`Overlap::ALLOW_MAX`] of them; more are skipped.
    Allow,
    /// The running one is asked to stop, and the newest fire starts once it has ended.
    CancelRunning,
}

impl Overlap {
    /// How many runs of one periodic may go on at once under [`Overlap::Allow`].
    ///
    /// A body that hangs would otherwise pile up one run per fire until memory ends.
    pub const ALLOW_MAX: u32 = 1_000;
}

/// What happens to fires that nobody noticed in time, because the process was stalled, the machine
/// slept or the wall clock was set forward.
///
/// A periodic that lives in this process knows only the lateness of its own life: what came due
/// before its start is not missed.
///
/// ```
/// use mainspring_core::periodic::Missed;
/// assert_eq!(Missed::default(), Missed::Once);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missed {
    /// One run stands for all of them: it carries the newest scheduled time and the number of the
    /// others. The default.
    #[default]
    Once,
    /// Fires noticed more than [`Missed::LATE_AFTER`] late do not run; they are counted.
    Skip,
    /// Each runs, one after the other (side by side under [`Overlap::Allow`]), but only the newest
    /// of this many; the older ones are counted. From 1 to [`Missed::ALL_MAX`].
    All(u32),
}

impl Missed {
    /// How late a fire may be noticed and still count as on time under [`Missed::Skip`].
    ///
    /// Ten seconds is far above what a busy machine does to a timer and far below what a suspended
    /// one does.
    pub const LATE_AFTER: std::time::Duration = std::time::Duration::from_secs(10);

    /// The most runs that [`Missed::All`] may ask for; each one that waits costs memory.
    pub const ALL_MAX: u32 = 1_000;

    /// How many late fires of a [`Cron`](super::Cron) are counted one by one.
    ///
    /// A pattern that fires each second has 31 million fires in a year of suspended time; past this
    /// number the count stops, so that noticing lateness never takes long itself. Which fires run
    /// is not affected.
    pub const COUNT_MAX: u32 = 10_000;
}

/// What a [`Cron`](super::Cron) does with fires whose local time does not exist, because the clocks
/// went forward over it.
///
/// Without a choice, a *fixed* pattern uses [`DstGap::AtEnd`] and a pattern that follows real time
/// uses [`DstGap::Skip`]; see [`Cron`](super::Cron) for what is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DstGap {
    /// All fires inside the gap give one run at the instant the gap ends.
    AtEnd,
    /// Fires inside the gap do not happen.
    Skip,
}

/// What a [`Cron`](super::Cron) does with fires whose local time happens twice, because the clocks
/// went back over it.
///
/// Without a choice, a *fixed* pattern uses [`DstOverlap::First`] and a pattern that follows real
/// time uses [`DstOverlap::Both`]; see [`Cron`](super::Cron) for what is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DstOverlap {
    /// Only the first of the two instants.
    First,
    /// Both instants.
    Both,
}
