//! Who owns which tasks: a component owns those it spawned, and its stop waits for them.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::AbortHandle;
use tokio::sync::Notify;

use crate::activity::park;

/// The live tasks of one owner; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Scope(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    tasks: Mutex<Tasks>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Tasks {
    next: u64,
    live: BTreeMap<u64, (Arc<str>, AbortHandle)>,
}

impl Scope {
    /// An owner without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many tasks are live.
    pub fn len(&self) -> usize {
        self.tasks().live.len()
    }

    /// Whether no task is live.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the live tasks, oldest first.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.tasks()
            .live
            .values()
            .map(|(name, _)| Arc::clone(name))
            .collect()
    }

    /// Waits until no task is live. A Mainspring wait: a body that awaits it is parked, since the
    /// tasks count themselves.
    ///
    /// Cancel safe.
    #[track_caller]
    pub fn emptied(&self) -> impl Future<Output = ()> + Send + '_ {
        park(async move {
            loop {
                // Made before the look, because it hears of everything from then on.
                let changed = self.0.changed.notified();
                if self.is_empty() {
                    return;
                }
                changed.await;
            }
        })
    }

    /// Aborts every live task and returns their names. A task blocked in synchronous code goes on
    /// until it yields.
    pub fn abort_all(&self) -> Vec<Arc<str>> {
        let tasks: Vec<_> = self.tasks().live.values().cloned().collect();
        tasks.iter().for_each(|(_, abort)| abort.abort());
        tasks.into_iter().map(|(name, _)| name).collect()
    }

    pub(super) fn enter(&self, name: Arc<str>, abort: AbortHandle) -> Live {
        let mut tasks = self.tasks();
        let id = tasks.next;
        tasks.next += 1;
        tasks.live.insert(id, (name, abort));
        Live {
            scope: self.clone(),
            id,
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one task as live while it exists.
pub(super) struct Live {
    scope: Scope,
    id: u64,
}

impl Drop for Live {
    fn drop(&mut self) {
        let mut tasks = self.scope.tasks();
        tasks.live.remove(&self.id);
        let empty = tasks.live.is_empty();
        drop(tasks);
        if empty {
            self.scope.0.changed.notify_waiters();
        }
    }
}
