//! Follow-ups under random interleavings: nothing is lost, nothing is counted twice.

use std::time::Duration;

use mainspring_core::event::{Event, WorkOutcome};
use mainspring_runtime::follow_up::{Batch, FollowUpLimits, FollowUpStats, FollowUps};
use proptest::prelude::*;

use crate::rig::{Rig, SECOND};

const RUNNING: usize = 3;
const WAITING: usize = 5;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Registers a follow-up in this batch; how it ends, and whether it always runs.
    Add(usize, u8, bool),
    Release(usize, bool),
    Drop(usize),
    Advance(u64),
    Cut,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let batch = 0..4_usize;
    let step = prop_oneof![
        6 => (batch.clone(), 0..4_u8, any::<bool>())
            .prop_map(|(at, how, always)| Step::Add(at, how, always)),
        3 => (batch.clone(), any::<bool>())
            .prop_map(|(at, failed)| Step::Release(at, failed)),
        1 => batch.prop_map(Step::Drop),
        2 => (0..4_u64).prop_map(Step::Advance),
        1 => Just(Step::Cut),
    ];
    prop::collection::vec(step, 0..60)
}

async fn live(steps: Vec<Step>) {
    let rig = Rig::new();
    let limits = FollowUpLimits {
        running: RUNNING,
        waiting: WAITING,
    };
    let all = FollowUps::new(limits);
    let mut batches: Vec<Batch> = (0..4).map(|_| all.batch(&rig.ctx())).collect();
    let mut asked = 0;
    for step in steps {
        match step {
            Step::Add(at, how, always) => {
                asked += 1;
                let body = move |ctx: mainspring_core::context::Context| async move {
                    ctx.clock().sleep(u32::from(how) * SECOND).await;
                    match how {
                        1 => Err("an error".into()),
                        2 => panic!("a panic"),
                        _ => Ok(()),
                    }
                };
                let limit = Duration::from_millis(2_500);
                if let Ok(entry) = batches[at].add("one", limit, body)
                    && always
                {
                    entry.always();
                }
            }
            Step::Release(at, failed) => batches[at].release(failed),
            Step::Drop(at) => batches[at] = all.batch(&rig.ctx()),
            Step::Advance(seconds) => rig.clock.advance(Duration::from_secs(seconds)).await,
            Step::Cut => drop(all.cut()),
        }
        let FollowUpStats {
            running, waiting, ..
        } = all.stats();
        assert!(
            running <= RUNNING && waiting <= WAITING,
            "{:?}",
            all.stats()
        );
    }
    drop(batches);
    rig.clock.advance(60 * SECOND).await;
    assert_eq!(
        all.stats(),
        FollowUpStats::default(),
        "everything has ended"
    );
    assert!(all.names().is_empty() && rig.clock.activity().live_tasks().is_empty());
    let told = rig.events.lock().unwrap();
    let outcomes = told
        .iter()
        .filter(|event| matches!(event, Event::FollowUp { .. }));
    assert_eq!(outcomes.count(), asked, "each is told of once: {told:?}");
    let timed_out = |event: &&Event| {
        matches!(event, Event::FollowUp { outcome: WorkOutcome::TimedOut, took, .. }
            if took.as_millis() != 2_500)
    };
    assert!(!told.iter().any(|event| timed_out(&event)));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn nothing_is_lost_or_counted_twice(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(live(steps));
    }
}
