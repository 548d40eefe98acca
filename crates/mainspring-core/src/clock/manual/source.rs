//! The manual clock as a source of time.

use std::fmt;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use super::Shared;
use super::queue::{Fired, Key};
use crate::activity::Activity;
use crate::clock::source::{Alarm, Callback, Deadline, Stop, TimeSource};
use crate::time::{Monotonic, Timestamp};

impl TimeSource for Arc<Shared> {
    fn now(&self) -> Timestamp {
        self.queue().now()
    }

    fn monotonic(&self) -> Monotonic {
        self.queue().monotonic()
    }

    fn alarm(&self, deadline: Deadline) -> Box<dyn Alarm> {
        let mut alarm = ManualAlarm {
            shared: Arc::clone(self),
            deadline,
            key: None,
            on: true,
        };
        alarm.arm();
        Box::new(alarm)
    }

    fn after(&self, deadline: Deadline, callback: Callback) -> Box<dyn Stop> {
        let mut queue = self.queue();
        let key = queue.arm(deadline, Some(Fired::Call(callback)));
        drop(queue);
        self.armed.notify_waiters();
        Box::new(ManualStop {
            shared: Arc::downgrade(self),
            key,
        })
    }

    fn activity(&self) -> Option<&Activity> {
        Some(&self.activity)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = self.queue();
        f.debug_struct("ManualClock")
            .field("now", &queue.now())
            .field("monotonic", &queue.monotonic())
            .field("pending", &queue.pending())
            .finish_non_exhaustive()
    }
}

struct ManualAlarm {
    shared: Arc<Shared>,
    deadline: Deadline,
    key: Option<Key>,
    on: bool,
}

impl ManualAlarm {
    fn arm(&mut self) {
        let mut queue = self.shared.queue();
        if !queue.is_due(self.deadline) {
            self.key = Some(queue.arm(self.deadline, None));
            drop(queue);
            self.shared.armed.notify_waiters();
        }
    }

    fn forget(&mut self) {
        if let Some(key) = self.key.take() {
            // What was armed is dropped after the lock.
            let _armed = self.shared.queue().disarm(key);
        }
    }
}

impl Alarm for ManualAlarm {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.on {
            return Poll::Pending;
        }
        // Declared before the lock, so that the known waker is dropped after it.
        let _known;
        let mut queue = self.shared.queue();
        match self.key.and_then(|key| queue.slot(key)) {
            Some(Some(Fired::Wake(known))) if known.will_wake(cx.waker()) => Poll::Pending,
            Some(slot) => {
                _known = slot.replace(Fired::Wake(cx.waker().clone()));
                Poll::Pending
            }
            None => {
                self.key = None;
                Poll::Ready(())
            }
        }
    }

    fn reset(&mut self, deadline: Deadline) {
        self.forget();
        self.deadline = deadline;
        self.on = true;
        self.arm();
    }

    fn disarm(&mut self) {
        self.forget();
        self.on = false;
    }
}

impl Drop for ManualAlarm {
    fn drop(&mut self) {
        self.forget();
    }
}

struct ManualStop {
    shared: Weak<Shared>,
    key: Key,
}

impl Stop for ManualStop {
    fn stop(&self) -> bool {
        let Some(shared) = self.shared.upgrade() else {
            return false;
        };
        // What was armed is dropped after the lock.
        let armed = shared.queue().disarm(self.key);
        armed.is_some()
    }
}
