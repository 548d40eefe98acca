//! The search for fires: civil matches, carried to instants along the changes of a zone.

use std::iter::FusedIterator;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::calendar::{DAY, Fields, HORIZON_DAYS};
use super::{DstGap, DstMark, DstOverlap, Fire};

/// The fires of a [`Cron`](super::Cron) in order, each later than the one before.
///
/// Made by [`Cron::fires`](super::Cron::fires). It does not end by itself before the calendar does,
/// so take as many as are needed.
///
/// ```
/// use mainspring_core::periodic::Cron;
///
/// let cron = Cron::new("0 12 * * *");
/// let first = cron.fires("2026-03-28T13:00:00Z".parse()?).next();
/// assert_eq!(first.map(|fire| fire.at.to_string()).as_deref(), Some("2026-03-29T12:00:00Z"));
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Fires<'a> {
    search: Option<Search<'a>>,
}

impl<'a> Fires<'a> {
    /// The fires of a plan that has a fault.
    pub(super) const fn none() -> Self {
        Self { search: None }
    }

    pub(super) fn new(
        fields: &'a Fields,
        zone: &'a TimeZone,
        (gap, overlap): (DstGap, DstOverlap),
        after: Timestamp,
    ) -> Self {
        // Fires are whole seconds, so the first candidate is the next whole second.
        let low = floor_second(after) + 1;
        let segment = Segment::around(zone, low);
        let cached = None;
        Self {
            search: Some(Search {
                fields,
                zone,
                gap,
                overlap,
                segment,
                low,
                cached,
            }),
        }
    }
}

impl Iterator for Fires<'_> {
    type Item = Fire;

    fn next(&mut self) -> Option<Fire> {
        let found = self.search.as_mut()?.next();
        if found.is_none() {
            self.search = None;
        }
        found
    }
}

impl FusedIterator for Fires<'_> {}

#[derive(Clone, Debug)]
struct Search<'a> {
    fields: &'a Fields,
    zone: &'a TimeZone,
    gap: DstGap,
    overlap: DstOverlap,
    segment: Segment,
    /// The first instant not yet looked at, within the segment.
    low: i64,
    /// The last civil search: where it began and what it found.
    cached: Option<(i64, i64)>,
}

impl Search<'_> {
    fn next(&mut self) -> Option<Fire> {
        let horizon = self.low.saturating_add(HORIZON_DAYS * DAY);
        while self.low <= horizon {
            if let Some(at) = self.gap_end() {
                self.low = at + 1;
                return fire(at, Some(DstMark::MovedToGapEnd));
            }
            if let Some((at, mark)) = self.within_segment()? {
                self.low = at + 1;
                return fire(at, mark);
            }
            self.low = self.segment.end;
            self.segment = self.segment.following(self.zone)?;
        }
        None
    }

    /// The start of the segment, if the clocks went forward there over a match.
    fn gap_end(&mut self) -> Option<i64> {
        let Segment {
            start,
            offset,
            before,
            ..
        } = self.segment;
        if self.gap == DstGap::Skip || self.low != start || before >= offset {
            return None;
        }
        let skipped = self.match_from(start + before)?;
        (skipped < start + offset).then_some(start)
    }

    /// The next match within the segment; the outer `None` means that there is none ever.
    #[expect(
        clippy::option_option,
        reason = "the two ends of a search are different things"
    )]
    fn within_segment(&mut self) -> Option<Option<(i64, Option<DstMark>)>> {
        let Segment {
            start,
            end,
            offset,
            before,
            after,
        } = self.segment;
        let repeated_until = start.saturating_add(before);
        let mut low = self.low + offset;
        if self.overlap == DstOverlap::First {
            low = low.max(repeated_until);
        }
        let found = self.match_from(low)?;
        let at = found - offset;
        if at >= end {
            return Some(None);
        }
        let mark = if found < repeated_until {
            Some(DstMark::SecondPass)
        } else if found >= end.saturating_add(after) {
            Some(DstMark::FirstPass)
        } else {
            None
        };
        Some(Some((at, mark)))
    }

    fn match_from(&mut self, low: i64) -> Option<i64> {
        if let Some((from, found)) = self.cached
            && (from..=found).contains(&low)
        {
            return Some(found);
        }
        let found = self.fields.next_match(low)?;
        self.cached = Some((low, found));
        Some(found)
    }
}

/// A stretch of real time in which a zone keeps one offset. Everything in seconds.
#[derive(Clone, Copy, Debug)]
struct Segment {
    start: i64,
    /// The first instant of the next segment.
    end: i64,
    offset: i64,
    /// The offset of the segment before, or this one's where there is none.
    before: i64,
    /// The offset of the segment after, or this one's where there is none.
    after: i64,
}

/// Stands for "no such change"; far enough from the limits for offsets to be added.
const NEVER: i64 = i64::MAX / 4;

impl Segment {
    /// The segment that contains `instant`.
    fn around(zone: &TimeZone, instant: i64) -> Self {
        let at = Timestamp::from_second(instant).unwrap_or(Timestamp::MAX);
        let offset = seconds(zone.to_offset(at));
        // The walk back looks for changes strictly before its start, hence the second more.
        let next = at
            .checked_add(jiff::SignedDuration::from_secs(1))
            .unwrap_or(Timestamp::MAX);
        let (start, before) = match zone.preceding(next).next() {
            Some(change) => {
                let start = ceil_second(change.timestamp());
                let earlier = Timestamp::from_second(start - 1).unwrap_or(Timestamp::MIN);
                (start, seconds(zone.to_offset(earlier)))
            }
            None => (-NEVER, offset),
        };
        let (end, after) = Self::next_change(zone, at, offset);
        Self {
            start,
            end,
            offset,
            before,
            after,
        }
    }

    fn following(self, zone: &TimeZone) -> Option<Self> {
        let start = Timestamp::from_second(self.end).ok()?;
        let (end, after) = Self::next_change(zone, start, self.after);
        Some(Self {
            start: self.end,
            end,
            offset: self.after,
            before: self.offset,
            after,
        })
    }

    fn next_change(zone: &TimeZone, after: Timestamp, offset: i64) -> (i64, i64) {
        match zone.following(after).next() {
            Some(change) => (ceil_second(change.timestamp()), seconds(change.offset())),
            None => (NEVER, offset),
        }
    }
}

fn fire(at: i64, dst: Option<DstMark>) -> Option<Fire> {
    Some(Fire {
        at: Timestamp::from_second(at).ok()?,
        dst,
    })
}

fn seconds(offset: Offset) -> i64 {
    offset.seconds().into()
}

fn floor_second(at: Timestamp) -> i64 {
    // The two parts of a timestamp have one sign, so before 1970 a fraction rounds the other way.
    at.as_second() - i64::from(at.subsec_nanosecond() < 0)
}

fn ceil_second(at: Timestamp) -> i64 {
    at.as_second() + i64::from(at.subsec_nanosecond() > 0)
}
