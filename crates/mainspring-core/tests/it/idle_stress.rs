//! A thousand tasks that wake each other, again and again, on many threads: time never overtakes
//! them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mainspring_core::activity::TaskKind;
use mainspring_core::time::Monotonic;
use tokio::sync::oneshot;

use crate::rig::{Rig, millis};

const CHAINS: usize = 10;
const LINKS: usize = 100;

/// Every such link sleeps for a millisecond before it wakes the next.
const SLEEPS_EVERY: usize = 10;

/// How often the chains run.
const ROUNDS: usize = 1_000;

/// Starts one chain, whose links are loops or bodies, and returns what sets it off.
fn chain(rig: &Rig, done: &Arc<AtomicUsize>) -> oneshot::Sender<()> {
    let (first, mut receiver) = oneshot::channel();
    for link in 0..LINKS {
        let (next, woken_by) = oneshot::channel();
        let receiver = std::mem::replace(&mut receiver, woken_by);
        let (ctx, done) = (rig.ctx.clone(), Arc::clone(done));
        let work = async move {
            ctx.park(receiver)
                .await
                .expect("the link before wakes this one");
            let sleeps = link / SLEEPS_EVERY;
            let at = Monotonic::from_origin(millis(sleeps as u64));
            assert_eq!(ctx.clock().monotonic(), at, "time overtook link {link}");
            if link % SLEEPS_EVERY == SLEEPS_EVERY - 1 {
                ctx.clock().sleep(millis(1)).await;
            }
            done.fetch_add(1, Ordering::SeqCst);
            let _ = next.send(());
        };
        let kind = if link % 2 == 0 {
            TaskKind::Loop
        } else {
            TaskKind::Body
        };
        drop(rig.run(kind, "link", work));
    }
    first
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_tasks_in_wake_chains_are_never_overtaken() {
    for round in 0..ROUNDS {
        let rig = Rig::new();
        let done = Arc::new(AtomicUsize::new(0));
        let firsts: Vec<_> = (0..CHAINS).map(|_| chain(&rig, &done)).collect();
        for first in firsts {
            first.send(()).expect("the chain waits");
        }
        for step in 1..=10 {
            let wanted = step * SLEEPS_EVERY * CHAINS;
            rig.manual.settle().await;
            let before = wanted - CHAINS;
            assert_eq!(
                done.load(Ordering::SeqCst),
                before,
                "round {round}, before step {step}"
            );
            rig.manual.advance(millis(1)).await;
        }
        assert_eq!(done.load(Ordering::SeqCst), CHAINS * LINKS, "round {round}");
        assert_eq!(rig.manual.activity().live_tasks().len(), 0, "round {round}");
    }
}
