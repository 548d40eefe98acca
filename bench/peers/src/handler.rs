//! The body of every job, and what it tells the measurement that is under way.
//!
//! There is one measurement at a time in the process, so that the body finds it without the help of
//! a peer, which would be measured too.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::peer::{Body, Failure};
use crate::seam::{now, pause, within};

/// How long nothing may happen in a drain before it is given up.
const STALLED: Duration = Duration::from_secs(60);

static RAN: AtomicU32 = AtomicU32::new(0);
static EXPECTED: AtomicU32 = AtomicU32::new(u32::MAX);
static WAITS: AtomicBool = AtomicBool::new(false);
static ALL_RAN: Notify = Notify::const_new();
static STARTED: Mutex<Option<UnboundedSender<Instant>>> = Mutex::new(None);

/// What each job does.
pub(crate) async fn body() {
    if WAITS.load(Ordering::Relaxed) {
        pause(Duration::from_millis(1)).await;
    }
    if EXPECTED.load(Ordering::Relaxed) == u32::MAX {
        let started = STARTED
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(started) = &*started {
            // Nobody listens once the measurement has ended.
            let _ = started.send(now());
        }
        return;
    }
    if RAN.fetch_add(1, Ordering::Relaxed) + 1 == EXPECTED.load(Ordering::Relaxed) {
        ALL_RAN.notify_one();
    }
}

/// From now on, so many jobs are awaited.
pub(crate) fn expect(jobs: u32, body: Body) {
    RAN.store(0, Ordering::Relaxed);
    WAITS.store(body == Body::OneMillisecond, Ordering::Relaxed);
    EXPECTED.store(jobs, Ordering::Relaxed);
}

/// Waits until the bodies of all of them have run.
pub(crate) async fn all_ran() -> Result<(), Failure> {
    let mut before = 0;
    while within(STALLED, ALL_RAN.notified()).await.is_none() {
        let ran = RAN.load(Ordering::Relaxed);
        if ran == before {
            return Err(format!("no job has run in {STALLED:?}, after {ran} of them").into());
        }
        before = ran;
    }
    Ok(())
}

/// From now on, the instant in which each body starts is told.
pub(crate) fn starts() -> UnboundedReceiver<Instant> {
    let (sender, receiver) = unbounded_channel();
    WAITS.store(false, Ordering::Relaxed);
    EXPECTED.store(u32::MAX, Ordering::Relaxed);
    *STARTED
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(sender);
    receiver
}
