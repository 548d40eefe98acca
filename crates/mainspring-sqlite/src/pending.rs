//! Who may hold the lock that their own next call would wait for.
//!
//! A task that has enqueued in its own transaction and then makes a plain call before it commits
//! waits for itself. We do not see its commit; but as long as the job it wrote cannot be read by
//! others, the transaction is open or was rolled back, and a rolled back one holds no lock.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;

use tokio::task::Id;

use crate::writer::Guard;

/// The most tasks that are remembered: those with an open transaction, of which SQLite has one.
const TASKS_MAX: usize = 256;

/// Whose call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Task(Id),
    Thread(ThreadId),
}

/// The last job that each task has written in a transaction of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending(Arc<Mutex<Vec<Written>>>);

/// Who wrote which job.
type Written = (Who, [u8; 16]);

impl Pending {
    /// The present task has written this job in its own transaction.
    pub(crate) fn note(&self, id: [u8; 16]) {
        let who = Who::present();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(other, _)| *other != who);
        if all.len() >= TASKS_MAX {
            all.remove(0);
        }
        all.push((who, id));
    }

    /// Something for the writer to ask, if the present task may hold the lock.
    pub(crate) fn guard(&self) -> Option<Box<dyn Guard>> {
        let who = Who::present();
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter().any(|(other, _)| *other == who);
        let pending = self.clone();
        known.then(|| Box::new(Own { pending, who }) as Box<dyn Guard>)
    }

    fn forget(&self, who: Who) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(other, _)| *other != who);
    }

    fn of(&self, who: Who) -> Option<[u8; 16]> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .find(|(other, _)| *other == who)
            .map(|(_, id)| *id)
    }
}

impl Who {
    fn present() -> Self {
        tokio::task::try_id().map_or_else(|| Self::Thread(std::thread::current().id()), Self::Task)
    }
}

struct Own {
    pending: Pending,
    who: Who,
}

impl Guard for Own {
    fn is_open(&self, reads: &dyn Fn(&[u8; 16]) -> bool) -> bool {
        let Some(id) = self.pending.of(self.who) else {
            return false;
        };
        if reads(&id) {
            self.pending.forget(self.who);
            return false;
        }
        true
    }

    fn is_over(&self) {
        self.pending.forget(self.who);
    }
}
