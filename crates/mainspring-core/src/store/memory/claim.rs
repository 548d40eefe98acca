//! Claim and promotion: from due to ready to running.

use std::sync::Arc;

use super::super::{BATCH_MAX, ClaimRequest, Claimed, Promoted, QueueClaim, rules};
use super::tables::Tables;
use crate::error::Error;
use crate::time::Timestamp;

impl Tables {
    pub(super) fn claim(
        &mut self,
        now: Timestamp,
        request: &ClaimRequest,
    ) -> Result<Claimed, Error> {
        let wanted = request.queues.iter().map(|queue| queue.max);
        rules::check_batch(wanted.fold(0, usize::saturating_add))?;
        self.check_session(request.session)?;
        self.give_back(now, request.session, |token| request.void.contains(&token));
        let mut claimed = Claimed::default();
        let mut rows = Vec::new();
        if request.solo {
            rows.extend(self.first_solo(now, request, &mut claimed));
        } else {
            for queue in &request.queues {
                let found = self.first_of(queue, false, queue.max);
                rows.extend(self.limited(now, queue, found, &mut claimed));
                // The rows are started at once, so that a queue that is named twice counts them.
                self.start_all(now, request, &mut rows, &mut claimed);
            }
        }
        self.start_all(now, request, &mut rows, &mut claimed);
        let waits = |queue: &QueueClaim| !self.first_of(queue, true, 1).is_empty();
        claimed.solo_waits = request.queues.iter().any(waits);
        Ok(claimed)
    }

    pub(super) fn promote(&mut self, now: Timestamp, limit: usize) -> Promoted {
        let limit = limit.min(BATCH_MAX);
        let mut jobs = 0;
        while jobs < limit {
            let Some((at, key)) = self.opening.first().cloned() else {
                break;
            };
            if at > now.as_microsecond() {
                break;
            }
            let most = u32::try_from(limit - jobs).unwrap_or(u32::MAX);
            jobs += usize::try_from(self.admit(now, &key, most)).unwrap_or(usize::MAX);
        }
        while jobs < limit {
            let Some(&(due, row)) = self.scheduled.first() else {
                break;
            };
            if due > now {
                break;
            }
            self.make_ready(now, row);
            jobs += 1;
        }
        let opens = self.opening.first();
        let opens = opens.and_then(|(at, _)| Timestamp::from_microsecond(*at).ok());
        let due = self.scheduled.first().map(|(due, _)| *due);
        Promoted::new(jobs, due.into_iter().chain(opens).min())
    }

    fn start_all(
        &mut self,
        now: Timestamp,
        request: &ClaimRequest,
        rows: &mut Vec<i64>,
        claimed: &mut Claimed,
    ) {
        for row in rows.drain(..) {
            self.update(row, |it| {
                it.start(now, request.session, request.token, request.solo);
            });
            self.free_key(row);
            let it = self.row(row);
            claimed
                .jobs
                .extend(it.and_then(|it| Some(it.claimed(it.claim(row)?))));
        }
    }

    /// The first ready jobs of a queue that is not paused, merged over the lanes of these kinds.
    fn first_of(&self, queue: &QueueClaim, solo: bool, most: usize) -> Vec<i64> {
        if self.paused.contains(&queue.queue) {
            return Vec::new();
        }
        let mut kinds: Vec<&Arc<str>> = queue.kinds.iter().collect();
        kinds.sort();
        kinds.dedup();
        let lanes = kinds.into_iter().filter_map(|kind| {
            let lane = (Arc::clone(&queue.queue), Arc::clone(kind), solo);
            Some(self.lanes.get(&lane)?.iter().peekable())
        });
        let mut lanes: Vec<_> = lanes.collect();
        let mut rows = Vec::new();
        while rows.len() < most {
            let heads = lanes
                .iter_mut()
                .filter_map(|lane| Some((*lane.peek()?, lane)));
            let Some((_, lane)) = heads.min_by_key(|(head, _)| *head) else {
                break;
            };
            rows.extend(lane.next().map(|(_, row)| *row));
        }
        rows
    }

    /// As many of these as the queue's limit and rate over all processes allow.
    fn limited(
        &mut self,
        now: Timestamp,
        queue: &QueueClaim,
        mut rows: Vec<i64>,
        claimed: &mut Claimed,
    ) -> Vec<i64> {
        if let Some(limit) = queue.limit {
            let running = self.running.get(&queue.queue).copied().unwrap_or(0);
            let free = u64::from(limit).saturating_sub(running);
            rows.truncate(usize::try_from(free).unwrap_or(usize::MAX));
        }
        let Some(rate) = queue.rate.filter(|_| !rows.is_empty()) else {
            return rows;
        };
        let tat = self.rates.get(&queue.queue).copied().unwrap_or(i64::MIN);
        let wanted = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let (taken, tat) = rate.take(tat, now.as_microsecond(), wanted);
        if taken > 0 {
            self.rates.insert(Arc::clone(&queue.queue), tat);
        }
        if taken < wanted {
            let opens = Timestamp::from_microsecond(rate.opens_at(tat)).ok();
            claimed.opens_at = claimed.opens_at.into_iter().chain(opens).min();
        }
        rows.truncate(usize::try_from(taken).unwrap_or(usize::MAX));
        rows
    }

    /// The first job of all these queues that must run alone.
    fn first_solo(
        &mut self,
        now: Timestamp,
        request: &ClaimRequest,
        claimed: &mut Claimed,
    ) -> Option<i64> {
        let first = |queue| {
            let row = self.first_of(queue, true, queue.max.min(1)).pop()?;
            Some((self.row(row)?.order, row, queue))
        };
        let mut found: Vec<_> = request.queues.iter().filter_map(first).collect();
        found.sort_by_key(|&(order, row, _)| (order, row));
        let mut found = found.into_iter();
        found.find_map(|(_, row, queue)| self.limited(now, queue, vec![row], claimed).pop())
    }
}
