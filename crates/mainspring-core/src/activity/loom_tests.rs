//! Every interleaving of a wake, a poll and a settling clock, and the reversed order that must
//! fail.

use std::future::{Future, poll_fn};
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

use super::ledger::{Ledger, Share};
use super::{Activity, TaskKind};

/// One task that was woken by a message. `count_first` is the order under test.
///
/// The waker sets the message, counts and forwards (in one order or the other); the worker polls
/// once it sees the forwarded wake; the clock moves when it sees no token out. The clock must never
/// move with the message unread.
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

/// A waker that only remembers that it was woken.
struct Woken(AtomicBool);

impl Woken {
    fn new() -> std::sync::Arc<Self> {
        std::sync::Arc::new(Self(AtomicBool::new(false)))
    }
}

impl Wake for Woken {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Whoever asks for idleness while the last token goes back sees it, or is woken.
#[test]
fn loom_a_waiter_for_idleness_is_never_forgotten() {
    loom::model(|| {
        let ledger = Arc::new(Ledger::new());
        ledger.take();
        let giver = {
            let ledger = ledger.clone();
            thread::spawn(move || ledger.give())
        };
        let woken = Woken::new();
        let waker = Waker::from(woken.clone());
        let polled = ledger.poll_idle(&mut Context::from_waker(&waker));
        giver.join().expect("the giver ends");
        let told = polled.is_ready() || woken.0.load(Ordering::SeqCst);
        assert!(told, "the waiter for idleness was forgotten");
    });
}

/// The whole of it: a message to a tracked task, from a sender that holds a token while it sends.
/// Whenever nobody is busy, the message has been read, and in the end nothing is lost and no token
/// is left.
#[test]
fn loom_a_tracked_task_is_never_overtaken() {
    loom::model(|| {
        let activity = Activity::new();
        let sent = Arc::new(AtomicBool::new(false));
        let read = Arc::new(AtomicBool::new(false));
        let mailbox = Arc::new(Mutex::new(None::<Waker>));
        let receiver = {
            let (sent, read, mailbox) = (sent.clone(), read.clone(), mailbox.clone());
            poll_fn(move |cx: &mut Context<'_>| {
                let mut mailbox = mailbox.lock().expect("nobody panics");
                if sent.load(Ordering::SeqCst) {
                    read.store(true, Ordering::SeqCst);
                }
                *mailbox = Some(cx.waker().clone());
                Poll::<()>::Pending
            })
        };
        let scheduled = Woken::new();
        let outer = Waker::from(scheduled.clone());
        let mut task = Box::pin(activity.track(TaskKind::Loop, "receiver", receiver));
        let first = task.as_mut().poll(&mut Context::from_waker(&outer));
        assert!(first.is_pending());

        let token = activity.token();
        let sender = thread::spawn(move || {
            let mut mailbox = mailbox.lock().expect("nobody panics");
            sent.store(true, Ordering::SeqCst);
            let waker = mailbox.take();
            drop(mailbox);
            waker.into_iter().for_each(Waker::wake);
            drop(token);
        });
        let runner = {
            let scheduled = scheduled.clone();
            thread::spawn(move || {
                let waker = Waker::from(scheduled.clone());
                if scheduled.0.load(Ordering::SeqCst) {
                    let _ = task.as_mut().poll(&mut Context::from_waker(&waker));
                }
                task
            })
        };
        if activity.is_idle() {
            let read = read.load(Ordering::SeqCst);
            assert!(read, "the clock moved with a message unread");
        }
        sender.join().expect("the sender ends");
        let mut task = runner.join().expect("the runner ends");
        assert!(scheduled.0.load(Ordering::SeqCst), "the wake was lost");
        if !read.load(Ordering::SeqCst) {
            assert!(!activity.is_idle(), "the woken task must be polled again");
            let _ = task.as_mut().poll(&mut Context::from_waker(&outer));
        }
        assert!(activity.is_idle(), "a token was left behind");
        drop(task);
        assert!(activity.is_idle() && activity.live_tasks().is_empty());
    });
}
