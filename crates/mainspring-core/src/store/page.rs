//! Listing and counting.

use std::sync::Arc;

use crate::job::{JobId, State};

/// The most jobs of one page.
pub const PAGE_MAX: usize = 200;

/// Which jobs a listing shows; everything that is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// In this state.
    pub state: Option<State>,
    /// Of this queue.
    pub queue: Option<Arc<str>>,
    /// Of this kind.
    pub kind: Option<Arc<str>>,
    /// With this tag.
    pub tag: Option<Arc<str>>,
}

/// Which part of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Only jobs older than this one: the last of the page before.
    pub before: Option<JobId>,
    /// How many at most; above [`PAGE_MAX`] counts as that.
    pub limit: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            before: None,
            limit: 50,
        }
    }
}

/// How many jobs there are, by queue, kind and state, sorted so; what is zero is absent.
pub type Counts = Vec<KindCount>;

/// How many jobs of one queue and kind are in one state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KindCount {
    /// The queue.
    pub queue: Arc<str>,
    /// The kind.
    pub kind: Arc<str>,
    /// The state.
    pub state: State,
    /// How many.
    pub jobs: u64,
}
