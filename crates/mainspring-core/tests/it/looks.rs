//! Looks at something outside: taken when everybody is idle, before virtual time moves.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainspring_core::activity::{Activity, Looking, TaskKind};
use mainspring_core::clock::ManualClock;
use tokio::sync::Notify;

const SECOND: Duration = Duration::from_secs(1);

/// Something outside that tells nobody when it changes.
#[derive(Clone, Default)]
struct Outside {
    changed: Arc<AtomicBool>,
    looks: Arc<AtomicUsize>,
    bell: Arc<Notify>,
}

impl Outside {
    fn watched_by(&self, activity: &Activity) -> Looking {
        let outside = self.clone();
        activity.look_at(Arc::new(move || {
            let outside = outside.clone();
            Box::pin(async move {
                outside.looks.fetch_add(1, Ordering::SeqCst);
                // The answer comes from elsewhere, as from a store's thread.
                tokio::task::yield_now().await;
                let changed = outside.changed.swap(false, Ordering::SeqCst);
                if changed {
                    outside.bell.notify_one();
                }
                changed
            })
        }))
    }
}

/// A loop that notes when it hears of a change.
#[expect(
    clippy::disallowed_methods,
    reason = "the test is about the clock, without an app"
)]
fn listener(manual: &ManualClock, outside: &Outside) -> Arc<Mutex<Vec<Duration>>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (notes, bell, clock) = (
        Arc::clone(&heard),
        Arc::clone(&outside.bell),
        manual.clock(),
    );
    let listens = async move {
        loop {
            bell.notified().await;
            let now = clock.monotonic().since_origin();
            notes.lock().unwrap().push(now);
            clock.sleep(SECOND / 2).await;
            notes.lock().unwrap().push(clock.monotonic().since_origin());
        }
    };
    let tracked = manual.activity().track(TaskKind::Loop, "listener", listens);
    tokio::spawn(tracked);
    heard
}

fn manual() -> ManualClock {
    ManualClock::new("2026-03-28T00:00:00Z".parse().unwrap())
}

#[tokio::test]
async fn a_change_outside_is_seen_before_time_moves() {
    let (manual, outside) = (manual(), Outside::default());
    let looking = outside.watched_by(manual.activity());
    let heard = listener(&manual, &outside);
    let sleep = manual.clock().sleep(SECOND * 10);
    outside.changed.store(true, Ordering::SeqCst);
    manual.advance(SECOND * 20).await;
    assert_eq!(*heard.lock().unwrap(), [Duration::ZERO, SECOND / 2]);
    let looks = outside.looks.load(Ordering::SeqCst);
    assert!(looks < 10, "{looks} looks for two instants");
    sleep.await;
    outside.changed.store(true, Ordering::SeqCst);
    drop(looking);
    manual.advance(SECOND * 20).await;
    assert_eq!(heard.lock().unwrap().len(), 2, "nobody looks any more");
    assert_eq!(outside.looks.load(Ordering::SeqCst), looks);
}

#[tokio::test]
async fn run_until_looks_as_well() {
    let (manual, outside) = (manual(), Outside::default());
    let _looking = outside.watched_by(manual.activity());
    let heard = listener(&manual, &outside);
    let clock = manual.clock();
    let changed = Arc::clone(&outside.changed);
    manual
        .run_until(async move {
            clock.sleep(SECOND * 3).await;
            changed.store(true, Ordering::SeqCst);
            clock.sleep(SECOND * 3).await;
        })
        .await;
    assert_eq!(*heard.lock().unwrap(), [SECOND * 3, SECOND * 7 / 2]);
}
