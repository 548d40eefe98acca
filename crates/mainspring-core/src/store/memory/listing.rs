//! What can be seen of jobs.

use std::ops::Bound;
use std::sync::Arc;

use super::super::{Counts, Filter, KindCount, PAGE_MAX, Page};
use super::row::Row;
use super::tables::Tables;
use crate::job::{Attempt, JobId, JobRecord};

impl Tables {
    pub(super) fn record(&self, id: JobId) -> Option<JobRecord> {
        self.by_id(id).map(|(_, it)| it.record())
    }

    pub(super) fn history(&self, id: JobId) -> Vec<Attempt> {
        let Some((_, it)) = self.by_id(id) else {
            return Vec::new();
        };
        it.past.iter().chain(&it.last).cloned().collect()
    }

    pub(super) fn list(&self, filter: &Filter, page: Page) -> Vec<JobRecord> {
        let end = page.before.map_or(Bound::Unbounded, Bound::Excluded);
        let newest = self.ids.range((Bound::Unbounded, end)).rev();
        let rows = newest.filter_map(|(_, row)| self.row(*row));
        rows.filter(|it| shows(filter, it))
            .take(page.limit.min(PAGE_MAX))
            .map(Row::record)
            .collect()
    }

    pub(super) fn counted(&self) -> Counts {
        let counts = self.counts.iter();
        let counts = counts.map(|((queue, kind, state), jobs)| KindCount {
            queue: Arc::clone(queue),
            kind: Arc::clone(kind),
            state: *state,
            jobs: *jobs,
        });
        counts.collect()
    }
}

fn shows(filter: &Filter, it: &Row) -> bool {
    filter.state.is_none_or(|state| state == it.state)
        && filter.queue.as_ref().is_none_or(|queue| *queue == it.queue)
        && filter.kind.as_ref().is_none_or(|kind| *kind == it.kind)
        && filter
            .tag
            .as_ref()
            .is_none_or(|tag| it.meta.tags.contains(tag))
}
