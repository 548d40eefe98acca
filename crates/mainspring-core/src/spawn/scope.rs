//! Who owns which tasks: a component owns those it spawned, and its stop waits for them.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use slab::Slab;
use tokio::sync::Notify;

use super::Spawner;
use crate::activity::park;
use crate::event::Events;

/// The live tasks of one owner; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Scope(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    tasks: Mutex<Tasks>,
    /// How often tasks were aborted: a task looks here first, and takes the lock only when the
    /// number has changed.
    aborts: AtomicU64,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Tasks {
    next: u64,
    live: Slab<Entry>,
}

#[derive(Debug)]
struct Entry {
    /// Grows from task to task, unlike the place of the entry, which is used again.
    id: u64,
    name: Arc<str>,
    aborted: bool,
    /// Set once the task has been found pending.
    waker: Option<Waker>,
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
        self.tasks().names()
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
        let mut tasks = self.tasks();
        let names = tasks.names();
        let entries = tasks.live.iter_mut();
        let wakers: Vec<_> = entries.filter_map(|(_, entry)| entry.abort()).collect();
        self.0.aborts.fetch_add(1, Ordering::Release);
        drop(tasks);
        wakers.into_iter().for_each(Waker::wake);
        names
    }

    /// Makes a task live, which `spawner` is about to start.
    pub(super) fn enter(&self, name: Arc<str>, spawner: Spawner) -> Live {
        spawner.0.alive.fetch_add(1, Ordering::Relaxed);
        let mut tasks = self.tasks();
        let id = tasks.next;
        tasks.next += 1;
        let entry = Entry {
            id,
            name,
            aborted: false,
            waker: None,
        };
        let place = tasks.live.insert(entry);
        // Under the lock, where it changes: an abort from now on is seen.
        let seen = self.0.aborts.load(Ordering::Acquire);
        drop(tasks);
        Live {
            spawner,
            scope: self.clone(),
            place,
            id,
            seen,
            waker: None,
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tasks {
    /// Oldest first.
    fn names(&self) -> Vec<Arc<str>> {
        let mut live: Vec<_> = self.live.iter().map(|(_, entry)| entry).collect();
        live.sort_unstable_by_key(|entry| entry.id);
        live.iter().map(|entry| Arc::clone(&entry.name)).collect()
    }

    fn entry(&mut self, place: usize, id: u64) -> Option<&mut Entry> {
        self.live.get_mut(place).filter(|entry| entry.id == id)
    }
}

impl Entry {
    /// The waker that must be woken once no lock is held.
    fn abort(&mut self) -> Option<Waker> {
        self.aborted = true;
        self.waker.take()
    }
}

/// Aborts one task, if it is still live.
pub(super) struct Abort {
    scope: Scope,
    place: usize,
    id: u64,
}

impl Abort {
    pub(super) fn abort(&self) {
        let mut tasks = self.scope.tasks();
        let waker = tasks.entry(self.place, self.id).and_then(Entry::abort);
        self.scope.0.aborts.fetch_add(1, Ordering::Release);
        drop(tasks);
        waker.into_iter().for_each(Waker::wake);
    }
}

/// One task's place at its owner: it counts as live while this exists.
pub(super) struct Live {
    spawner: Spawner,
    scope: Scope,
    place: usize,
    id: u64,
    /// How many aborts this task knows of.
    seen: u64,
    /// What an abort wakes.
    waker: Option<Waker>,
}

impl Live {
    pub(super) fn abort_handle(&self) -> Abort {
        Abort {
            scope: self.scope.clone(),
            place: self.place,
            id: self.id,
        }
    }

    pub(super) fn events(&self) -> &Events {
        self.spawner.events()
    }

    pub(super) fn name(&self) -> Arc<str> {
        let name = self.entry(|entry| Arc::clone(&entry.name));
        name.unwrap_or_else(|| Arc::from("unnamed"))
    }

    pub(super) fn aborted(&mut self) -> bool {
        let aborts = self.scope.0.aborts.load(Ordering::Acquire);
        std::mem::replace(&mut self.seen, aborts) != aborts
            && self.entry(|entry| entry.aborted).unwrap_or(true)
    }

    /// Whether the task was aborted; if not, an abort wakes `waker` from now on.
    pub(super) fn aborted_or_wakes(&mut self, waker: &Waker) -> bool {
        let known = self.waker.as_ref();
        if known.is_some_and(|known| known.will_wake(waker)) {
            return self.aborted();
        }
        self.waker = Some(waker.clone());
        let aborted = self.entry(|entry| {
            entry.waker = Some(waker.clone());
            entry.aborted
        });
        aborted.unwrap_or(true)
    }

    fn entry<T>(&self, look: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let mut tasks = self.scope.tasks();
        tasks.entry(self.place, self.id).map(look)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let mut tasks = self.scope.tasks();
        // Dropped when the lock is free again: a waker is not ours.
        let entry = tasks.live.try_remove(self.place);
        let empty = tasks.live.is_empty();
        drop(tasks);
        drop(entry);
        if empty {
            self.scope.0.changed.notify_waiters();
        }
        self.spawner.0.alive.fetch_sub(1, Ordering::Relaxed);
    }
}
