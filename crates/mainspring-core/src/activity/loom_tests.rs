//! Every interleaving of a wake, a poll and a settling clock, and the reversed order that must fail.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::ledger::{Ledger, Share};

/// One task that was woken by a message. `count_first` is the order under test.
///
/// The waker sets the message, counts and forwards (in one order or the other); the worker polls once it sees the
/// forwarded wake; the clock moves when it sees no token out. The clock must never move with the message unread.
fn wake_race(count_first: bool) {
    let ledger = Arc::new(Ledger::new());
    let share = Arc::new(Share::held(&ledger));
    share.poll_started(&ledger);
    // The waker is itself a busy task: it holds a token until its own poll ends.
    ledger.take();
    share.poll_ended(&ledger, true);
    let forwarded = Arc::new(AtomicBool::new(false));
    let handled = Arc::new(AtomicBool::new(false));

    let waker = {
        let (ledger, share, forwarded) = (ledger.clone(), share.clone(), forwarded.clone());
        thread::spawn(move || {
            if count_first {
                share.woken(&ledger);
                forwarded.store(true, Ordering::SeqCst);
            } else {
                forwarded.store(true, Ordering::SeqCst);
            }
            ledger.give();
            if !count_first {
                share.woken(&ledger);
            }
        })
    };
    let worker = {
        let (ledger, share) = (ledger.clone(), share.clone());
        let (forwarded, handled) = (forwarded.clone(), handled.clone());
        thread::spawn(move || {
            if forwarded.load(Ordering::SeqCst) {
                share.poll_started(&ledger);
                handled.store(true, Ordering::SeqCst);
                share.poll_ended(&ledger, true);
            }
        })
    };
    if ledger.busy() == 0 {
        let unread = forwarded.load(Ordering::SeqCst) && !handled.load(Ordering::SeqCst);
        assert!(!unread, "the clock moved with a wake on its way");
    }
    waker.join().expect("the waker thread ends");
    worker.join().expect("the worker thread ends");
}

#[test]
fn loom_counting_before_forwarding_never_looks_idle() {
    loom::model(|| wake_race(true));
}

#[test]
#[should_panic(expected = "the clock moved with a wake on its way")]
fn loom_counting_after_forwarding_is_caught() {
    loom::model(|| wake_race(false));
}

/// A wake that arrives while the poll ends is never lost and never leaves a token behind.
#[test]
fn loom_a_wake_during_the_end_of_a_poll_keeps_the_token() {
    loom::model(|| {
        let ledger = Arc::new(Ledger::new());
        let share = Arc::new(Share::held(&ledger));
        share.poll_started(&ledger);
        let waker = {
            let (ledger, share) = (ledger.clone(), share.clone());
            thread::spawn(move || share.woken(&ledger))
        };
        share.poll_ended(&ledger, true);
        waker.join().expect("the waker thread ends");
        assert!(share.is_held(), "the woken task must be polled again");
        assert_eq!(ledger.busy(), 1);
        share.poll_started(&ledger);
        share.poll_ended(&ledger, true);
        assert_eq!(ledger.busy(), 0);
    });
}

/// Two wakes and the end of the task, in any order, leave no token out.
#[test]
fn loom_wakes_around_the_end_of_a_task_leave_nothing() {
    loom::model(|| {
        let ledger = Arc::new(Ledger::new());
        let share = Arc::new(Share::held(&ledger));
        share.poll_started(&ledger);
        share.poll_ended(&ledger, true);
        let wakers: Vec<_> = (0..2)
            .map(|_| {
                let (ledger, share) = (ledger.clone(), share.clone());
                thread::spawn(move || share.woken(&ledger))
            })
            .collect();
        share.done(&ledger);
        for waker in wakers {
            waker.join().expect("the waker thread ends");
        }
        assert_eq!(ledger.busy(), 0);
    });
}
