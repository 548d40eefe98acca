//! Gates: limits, order and rates of a key.

use std::time::Duration;

use mainspring_core::job::{Gate, Rate, State, Verdict};
use mainspring_core::store::{NewJob, Operation, Promoted, RescueRules};

use super::env::{Env, cancel, due, id, ids, job, retry, session, snooze, succeed, t};

fn gated(number: u8, gate: Gate) -> NewJob {
    let mut new = job(number);
    new.gate = Some(gate);
    new
}

fn one() -> Gate {
    Gate::new("key", 1)
}

async fn held(env: &Env, number: u8) -> bool {
    env.record(number).await.held
}

pub(super) async fn beyond_the_limit_jobs_are_held(env: Env) {
    let gate = || Gate::new("key", 2);
    env.enqueue(
        0,
        vec![gated(1, gate()), gated(2, gate()), gated(3, gate())],
    )
    .await;
    assert_eq!(env.state(3).await, State::Ready);
    assert!(held(&env, 3).await && !held(&env, 2).await);
    assert_eq!(env.claim(0, 9).await.len(), 2);
}

pub(super) async fn other_keys_pass_other_gates(env: Env) {
    env.enqueue(
        0,
        vec![
            gated(1, one()),
            gated(2, one()),
            gated(3, Gate::new("b", 1)),
        ],
    )
    .await;
    assert_eq!(ids(&env.claim(0, 9).await), [id(1), id(3)]);
}

async fn lets_in(env: &Env, verdict: Verdict) {
    env.enqueue(0, vec![gated(1, one()), gated(2, one())]).await;
    let run = env.one(0).await;
    assert!(held(env, 2).await);
    env.finish(1, run.claim, verdict).await;
    assert!(!held(env, 2).await);
}

pub(super) async fn a_success_lets_the_next_one_in(env: Env) {
    lets_in(&env, succeed()).await;
}

pub(super) async fn a_retry_lets_the_next_one_in(env: Env) {
    lets_in(&env, retry(50)).await;
    env.promote(50).await;
    assert!(held(&env, 1).await, "it comes back behind its gate");
}

pub(super) async fn a_snooze_lets_the_next_one_in(env: Env) {
    lets_in(&env, snooze(50)).await;
}

pub(super) async fn a_released_job_queues_up_again(env: Env) {
    env.enqueue(0, vec![gated(1, one()), gated(2, one())]).await;
    let run = env.one(0).await;
    env.finish(1, run.claim, Verdict::Release).await;
    assert!(
        !held(&env, 1).await && held(&env, 2).await,
        "it is still the first"
    );
}

pub(super) async fn a_rescue_leaves_no_place_taken(env: Env) {
    env.enqueue(0, vec![gated(1, one()), gated(2, one())]).await;
    env.one(0).await;
    env.rescue(1, 1, RescueRules::default()).await;
    let run = env.one(1).await;
    env.finish(2, run.claim, succeed()).await;
    assert_eq!(env.claim(2, 9).await.len(), 1);
}

pub(super) async fn who_is_cancelled_discarded_or_moved_leaves(env: Env) {
    let jobs = (1..=4).map(|number| gated(number, one())).collect();
    env.enqueue(0, jobs).await;
    env.operate(0, 1, cancel()).await;
    assert!(!held(&env, 2).await);
    env.operate(0, 2, Operation::Discard).await;
    assert!(!held(&env, 3).await);
    env.operate(0, 3, Operation::Reschedule { at: t(50) }).await;
    assert!(!held(&env, 4).await);
    env.promote(50).await;
    assert!(held(&env, 3).await);
}

pub(super) async fn a_held_job_can_be_cancelled(env: Env) {
    env.enqueue(0, vec![gated(1, one()), gated(2, one()), gated(3, one())])
        .await;
    env.operate(0, 2, cancel()).await;
    assert!(!held(&env, 2).await);
    env.operate(0, 1, cancel()).await;
    assert_eq!(ids(&env.claim(0, 9).await), [id(3)]);
}

pub(super) async fn keys_share_fairly(env: Env) {
    let jobs = (1..=3).map(|number| gated(number, one())).collect();
    env.enqueue(0, jobs).await;
    env.enqueue(1, vec![due(4, 1), due(5, 1)]).await;
    let run = env.one(2).await;
    env.finish(2, run.claim, succeed()).await;
    assert_eq!(ids(&env.claim(3, 9).await), [id(4), id(5), id(2)]);
}

pub(super) async fn the_newest_enqueue_sets_the_limit(env: Env) {
    env.enqueue(0, vec![gated(1, one()), gated(2, one())]).await;
    let mut wide = gated(3, Gate::new("key", 3));
    wide.due = t(99);
    env.add(0, wide).await;
    assert_eq!(env.claim(0, 9).await.len(), 2);
}

pub(super) async fn an_ordered_gate_waits_for_a_retry(env: Env) {
    let gate = || Gate::ordered("key");
    env.enqueue(0, vec![gated(1, gate()), gated(2, gate())])
        .await;
    let run = env.one(0).await;
    env.finish(1, run.claim, retry(50)).await;
    assert!(env.claim(2, 9).await.is_empty());
    env.promote(50).await;
    let run = env.one(50).await;
    assert_eq!(run.claim.id, id(1));
    env.finish(51, run.claim, succeed()).await;
    assert_eq!(env.one(51).await.claim.id, id(2));
}

pub(super) async fn an_ordered_gate_keeps_the_order_of_enqueue(env: Env) {
    let gate = || Gate::ordered("key");
    let jobs = [(1, 0), (2, 9), (3, 5)].map(|(number, at)| {
        let mut new = gated(number, gate());
        new.due = t(at);
        new
    });
    env.enqueue(10, jobs.to_vec()).await;
    let mut order = Vec::new();
    for now in 10..13 {
        let run = env.one(now).await;
        order.push(run.claim.id);
        env.finish(now, run.claim, succeed()).await;
    }
    assert_eq!(order, [id(1), id(2), id(3)]);
}

pub(super) async fn a_rate_delays_the_letting_in(env: Env) {
    let gate = || Gate::new("key", 9).at_rate(Rate::new(1, Duration::from_secs(1)));
    env.enqueue(0, vec![gated(1, gate()), gated(2, gate())])
        .await;
    assert!(held(&env, 2).await);
    assert_eq!(env.promote(0).await, Promoted::new(0, Some(t(1_000))));
    assert_eq!(env.promote(999).await.jobs, 0);
    assert_eq!(env.promote(1_000).await, Promoted::new(1, None));
    assert_eq!(env.claim(1_000, 9).await.len(), 2);
}

pub(super) async fn who_runs_from_the_start_passes_a_full_gate(env: Env) {
    env.open(1).await;
    env.add(0, gated(1, one())).await;
    let mut new = gated(2, one());
    new.claim = Some((session(1), env.token()));
    let claim = env.enqueue(0, vec![new]).await[0].claim;
    env.operate(0, 1, cancel()).await;
    env.add(1, gated(3, one())).await;
    assert!(held(&env, 3).await, "the place is taken");
    if let Some(claim) = claim {
        env.finish(2, claim, succeed()).await;
    }
    assert!(!held(&env, 3).await);
}

pub(super) async fn a_due_job_enters_at_its_promotion(env: Env) {
    let mut later = gated(1, one());
    later.due = t(5);
    env.enqueue(0, vec![later, gated(2, one())]).await;
    assert!(!held(&env, 2).await, "who is not due takes no place");
    assert_eq!(env.promote(5).await.jobs, 1);
    assert!(held(&env, 1).await);
}
