//! The counter behind the idle rule, and one task's share in it. Small enough for loom to check
//! every interleaving.

use std::task::{Context, Poll, Waker};

use crate::sync::{AtomicU8, AtomicUsize, Mutex, Ordering, lock};

/// How many busy tokens are out, and who waits for there to be none.
#[derive(Debug)]
pub(crate) struct Ledger {
    busy: AtomicUsize,
    waiting: Mutex<Vec<Waker>>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            busy: AtomicUsize::new(0),
            waiting: Mutex::new(Vec::new()),
        }
    }

    /// Takes a busy token.
    pub(crate) fn take(&self) {
        self.busy.fetch_add(1, Ordering::SeqCst);
    }

    /// Gives a token back; the last one wakes whoever waits for idleness.
    pub(crate) fn give(&self) {
        let before = self.busy.fetch_sub(1, Ordering::SeqCst);
        assert!(before > 0, "a busy token was given back twice");
        if before == 1 {
            let waiting = std::mem::take(&mut *lock(&self.waiting));
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// How many tokens are out.
    pub(crate) fn busy(&self) -> usize {
        self.busy.load(Ordering::SeqCst)
    }

    /// Ready while no token is out; otherwise wakes the caller when that is worth asking again.
    pub(crate) fn poll_idle(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.busy() == 0 {
            return Poll::Ready(());
        }
        let mut waiting = lock(&self.waiting);
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        drop(waiting);
        // The last token may have gone back before the waker was in the list.
        if self.busy() == 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

const HELD: u8 = 1;
const NOTIFIED: u8 = 2;
const DONE: u8 = 4;

/// One task's share: whether it holds a token, and whether it was woken since its poll began.
#[derive(Debug)]
pub(crate) struct Share(AtomicU8);

impl Share {
    /// A new task is scheduled, so it holds a token from the start.
    pub(crate) fn held(ledger: &Ledger) -> Self {
        ledger.take();
        Self(AtomicU8::new(HELD | NOTIFIED))
    }

    /// Counts a wake; must happen before the wake is forwarded, or the system looks idle with work
    /// on its way.
    pub(crate) fn woken(&self, ledger: &Ledger) {
        self.acquire(ledger, |state| state | HELD | NOTIFIED);
    }

    /// Counts the start of a poll.
    pub(crate) fn poll_started(&self, ledger: &Ledger) {
        self.acquire(ledger, |_| HELD);
    }

    /// Counts the end of a poll that returned pending: gives the token back if the task is idle and
    /// nobody woke it.
    pub(crate) fn poll_ended(&self, ledger: &Ledger, idle: bool) {
        if idle
            && self
                .0
                .compare_exchange(HELD, 0, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
        {
            ledger.give();
        }
    }

    /// Counts the end of the task; later wakes count nothing.
    pub(crate) fn done(&self, ledger: &Ledger) {
        if self.0.swap(DONE, Ordering::SeqCst) & HELD != 0 {
            ledger.give();
        }
    }

    /// Whether the task holds a token.
    pub(crate) fn is_held(&self) -> bool {
        self.0.load(Ordering::SeqCst) & HELD != 0
    }

    /// Moves to `next(state)`, which is held, with a token taken before anybody can see it.
    fn acquire(&self, ledger: &Ledger, next: impl Fn(u8) -> u8) {
        let mut state = self.0.load(Ordering::SeqCst);
        let mut token = false;
        while state & DONE == 0 {
            if state & HELD == 0 && !token {
                ledger.take();
                token = true;
            }
            match self
                .0
                .compare_exchange(state, next(state), Ordering::SeqCst, Ordering::SeqCst)
            {
                Ok(_) => {
                    token = token && state & HELD != 0;
                    break;
                }
                Err(now) => state = now,
            }
        }
        if token {
            ledger.give();
        }
    }
}
