//! The follow-ups of one request, held back until its response has been sent.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mainspring_core::context::Context;
use mainspring_core::error::BoxError;
use smallvec::SmallVec;

use super::held::Deferred;
use super::{FollowUpError, FollowUps, Work, run};

/// Collects the follow-ups of one request; clones are the same batch.
///
/// A batch that is dropped without being released drops its follow-ups, counted.
#[derive(Clone)]
pub struct Batch(Arc<Inner>);

struct Inner {
    follow_ups: FollowUps,
    origin: Context,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// In place: most requests have one at most.
    held: SmallVec<[(Work, bool); 1]>,
    /// Dropped once the response has been sent.
    kept: Vec<Box<dyn Any + Send>>,
    released: bool,
}

impl Batch {
    pub(super) fn new(follow_ups: FollowUps, origin: Context) -> Self {
        Self(Arc::new(Inner {
            follow_ups,
            origin,
            state: Mutex::new(State::default()),
        }))
    }

    /// Registers a follow-up that runs once the response has been sent, for at most `limit`.
    ///
    /// The body gets a detached context: the request's values and trace, a deadline of its own, not
    /// the request's cancellation. An error it returns is logged and counted. If the batch has been
    /// released already, it runs at once.
    ///
    /// # Errors
    /// When too many follow-ups wait, or the app no longer takes any.
    pub fn add<F, Fut>(
        &self,
        name: &'static str,
        limit: Duration,
        body: F,
    ) -> Result<Entry, FollowUpError>
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let Inner {
            follow_ups, origin, ..
        } = &*self.0;
        let kind = follow_ups
            .reserve(name, limit)
            .inspect_err(|error| follow_ups.refused(origin, name, error))?;
        let work = Work {
            kind,
            origin: origin.clone(),
            task: Box::pin(Deferred::new(|start| run::whole(start, body))),
        };
        let mut state = self.0.state();
        let index = state.held.len();
        if state.released {
            drop(state);
            follow_ups.ready(work);
        } else {
            state.held.push((work, false));
        }
        Ok(Entry {
            batch: self.clone(),
            index,
        })
    }

    /// Whether nothing has been registered.
    pub fn is_empty(&self) -> bool {
        self.0.state().held.is_empty()
    }

    /// Keeps a value until the response has been sent or the request is gone, and drops it then; at
    /// once if that has happened already.
    pub(crate) fn keep(&self, value: Box<dyn Any + Send>) {
        let mut state = self.0.state();
        if state.released {
            // Without the lock: whatever the value does when it is dropped may come back here.
            drop(state);
            drop(value);
        } else {
            state.kept.push(value);
        }
    }

    /// How many values are kept.
    pub(crate) fn kept(&self) -> usize {
        self.0.state().kept.len()
    }

    /// The response has been sent, or its client has gone: everything registered may run; if the
    /// handler `failed`, only what was registered with [`Entry::always`]. Later calls change
    /// nothing.
    pub fn release(&self, failed: bool) {
        let mut state = self.0.state();
        state.released = true;
        let held = std::mem::take(&mut state.held);
        let kept = std::mem::take(&mut state.kept);
        drop(state);
        drop(kept);
        for (work, always) in held {
            if failed && !always {
                work.dropped("its handler failed");
                self.0.follow_ups.forget(1);
            } else {
                self.0.follow_ups.ready(work);
            }
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        let held = std::mem::take(&mut state.unwrap_or_else(PoisonError::into_inner).held);
        if held.is_empty() {
            return;
        }
        for (work, _) in &held {
            work.dropped("its request ended without a response");
        }
        self.follow_ups.forget(held.len());
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("held", &self.0.state().held.len())
            .finish_non_exhaustive()
    }
}

/// A registered follow-up, to say more about it; dropping it changes nothing.
#[derive(Debug)]
pub struct Entry {
    batch: Batch,
    index: usize,
}

impl Entry {
    /// Runs the follow-up also when the handler fails.
    pub fn always(self) {
        if let Some((_, always)) = self.batch.0.state().held.get_mut(self.index) {
            *always = true;
        }
    }
}
