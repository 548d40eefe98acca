//! Claim and promotion: order, lanes, limits.

use std::time::Duration;

use mainspring_core::error::ErrorKind;
use mainspring_core::job::{Priority, Rate, State};
use mainspring_core::store::{BATCH_MAX, ClaimRequest, Finished, Promoted};

use super::env::{Env, due, id, ids, job, kind_of, name, queue, session, succeed, t};

pub(super) async fn jobs_come_in_the_order_of_their_due_time(env: Env) {
    env.enqueue(9, vec![due(1, 5), due(2, 3), due(3, 4), due(4, 3)])
        .await;
    assert_eq!(ids(&env.claim(9, 3).await), [id(2), id(4), id(3)]);
    assert_eq!(ids(&env.claim(9, 3).await), [id(1)]);
}

pub(super) async fn a_level_of_priority_is_five_minutes(env: Env) {
    let step = 5 * 60 * 1_000;
    let mut urgent = due(1, step);
    urgent.priority = Priority::High;
    let mut low = due(4, 0);
    low.priority = Priority::Low;
    env.enqueue(2 * step, vec![low, due(2, 1), urgent, due(3, step)])
        .await;
    let order = ids(&env.claim(2 * step, 9).await);
    assert_eq!(order, [id(1), id(2), id(4), id(3)]);
}

pub(super) async fn a_claim_names_all_a_worker_needs(env: Env) {
    env.add(3, job(1)).await;
    let run = env.one(7).await;
    assert_eq!((run.attempt, run.claims, run.max_attempts), (1, 1, 20));
    assert_eq!((run.enqueued_at, run.due), (t(3), t(0)));
    assert_eq!(run.payload, job(1).payload);
    assert!(!run.solo);
    let it = env.record(1).await;
    assert_eq!((it.state, it.session), (State::Running, Some(session(1))));
    assert_eq!(it.started_at, Some(t(7)));
    assert_eq!(env.past(1).await, [(1, 1, String::from("running"))]);
}

pub(super) async fn no_job_is_claimed_twice(env: Env) {
    env.enqueue(0, vec![job(1), job(2)]).await;
    assert_eq!(env.claim(0, 9).await.len(), 2);
    assert!(env.claim(0, 9).await.is_empty());
}

pub(super) async fn a_claim_of_unknown_outcome_is_given_back_by_the_next(env: Env) {
    env.open(1).await;
    env.enqueue(0, vec![job(1), job(2)]).await;
    let one = || env.request(vec![queue("default", &["k"], 1)]);
    let lost = one();
    let mut next = one();
    next.void = vec![lost.token, env.token()];
    assert_eq!(ids(&env.ask(1, lost).await.jobs), [id(1)]);
    let again = env.ask(2, next).await.jobs;
    assert_eq!(ids(&again), [id(1)]);
    for run in again {
        assert_eq!((run.attempt, run.claims), (1, 2));
        let done = env.finish(3, run.claim, succeed()).await;
        assert_eq!(done, Finished::Now(State::Succeeded));
    }
    assert_eq!(ids(&env.claim(4, 9).await), [id(2)]);
}

pub(super) async fn a_scheduled_job_is_not_claimed(env: Env) {
    env.add(0, due(1, 5)).await;
    assert!(env.claim(9, 9).await.is_empty(), "nobody has promoted it");
}

pub(super) async fn kinds_that_are_not_named_stay(env: Env) {
    let mut other = job(1);
    other.kind = name("other");
    env.enqueue(0, vec![other, job(2)]).await;
    assert_eq!(ids(&env.claim(0, 9).await), [id(2)]);
    let both = queue("default", &["other", "k", "other"], 9);
    assert_eq!(ids(&env.claim_of(0, both).await.jobs), [id(1)]);
}

pub(super) async fn lanes_are_merged_by_order(env: Env) {
    let jobs = (1..=6).map(|number| {
        let mut new = due(number, u64::from(number));
        new.kind = name(if number % 2 == 0 { "a" } else { "b" });
        new
    });
    env.enqueue(9, jobs.collect()).await;
    let order = ids(&env.claim_of(9, queue("default", &["a", "b"], 5)).await.jobs);
    assert_eq!(order, [1, 2, 3, 4, 5].map(id));
}

pub(super) async fn queues_are_apart(env: Env) {
    let mut mail = job(1);
    mail.queue = name("mail");
    env.enqueue(0, vec![mail, job(2)]).await;
    assert_eq!(ids(&env.claim(0, 9).await), [id(2)]);
    env.open(1).await;
    let request = env.request(vec![queue("default", &["k"], 9), queue("mail", &["k"], 9)]);
    assert_eq!(ids(&env.ask(0, request).await.jobs), [id(1)]);
}

pub(super) async fn nothing_wanted_gives_nothing(env: Env) {
    env.add(0, job(1)).await;
    assert!(env.claim(0, 0).await.is_empty());
    assert!(
        env.claim_of(0, queue("default", &[], 9))
            .await
            .jobs
            .is_empty()
    );
}

pub(super) async fn a_paused_queue_gives_none(env: Env) {
    env.add(0, job(1)).await;
    assert!(env.store.set_paused(t(0), "default", true).await.is_ok());
    assert!(matches!(env.store.paused().await, Ok(paused) if paused == [name("default")]));
    assert!(env.claim(0, 9).await.is_empty());
    assert!(env.store.set_paused(t(0), "default", false).await.is_ok());
    assert_eq!(env.claim(0, 9).await.len(), 1);
}

pub(super) async fn a_queue_has_a_limit_over_all_sessions(env: Env) {
    env.enqueue(0, (1..=4).map(job).collect()).await;
    let mut limited = queue("default", &["k"], 9);
    limited.limit = Some(2);
    let first = env.claim_of(0, limited.clone()).await.jobs;
    assert_eq!(first.len(), 2);
    env.open(2).await;
    let other = ClaimRequest::new(session(2), env.token(), vec![limited.clone()]);
    assert!(env.ask(0, other).await.jobs.is_empty());
    env.finish(1, first[0].claim, succeed()).await;
    assert_eq!(env.claim_of(1, limited).await.jobs.len(), 1);
}

pub(super) async fn a_queue_has_a_rate_over_all_sessions(env: Env) {
    env.enqueue(0, (1..=4).map(job).collect()).await;
    let mut rated = queue("default", &["k"], 9);
    rated.rate = Some(Rate::new(2, Duration::from_secs(1)));
    let first = env.claim_of(0, rated.clone()).await;
    assert_eq!((first.jobs.len(), first.opens_at), (2, Some(t(500))));
    let none = env.claim_of(499, rated.clone()).await;
    assert_eq!((none.jobs.len(), none.opens_at), (0, Some(t(500))));
    let next = env.claim_of(500, rated).await;
    assert_eq!((next.jobs.len(), next.opens_at), (1, Some(t(1_000))));
}

pub(super) async fn too_many_are_refused(env: Env) {
    env.open(1).await;
    let request = env.request(vec![queue("default", &["k"], BATCH_MAX + 1)]);
    assert_eq!(
        kind_of(env.store.claim(t(0), request).await),
        ErrorKind::Limit
    );
}

pub(super) async fn a_session_that_is_not_open_claims_nothing(env: Env) {
    env.add(0, job(1)).await;
    let request = ClaimRequest::new(session(9), env.token(), vec![queue("default", &["k"], 1)]);
    assert_eq!(
        kind_of(env.store.claim(t(0), request).await),
        ErrorKind::Fenced
    );
    assert_eq!(env.state(1).await, State::Ready);
}

pub(super) async fn promotion_tells_what_is_due_next(env: Env) {
    assert_eq!(env.promote(0).await, Promoted::new(0, None));
    env.enqueue(0, vec![due(1, 5), due(2, 5), due(3, 9)]).await;
    assert_eq!(env.promote(4).await, Promoted::new(0, Some(t(5))));
    assert_eq!(env.promote(5).await, Promoted::new(2, Some(t(9))));
    assert_eq!(env.state(1).await, State::Ready);
}

pub(super) async fn promotion_has_a_limit(env: Env) {
    env.enqueue(0, (1..=5).map(|number| due(number, 5)).collect())
        .await;
    let promoted = env.store.promote(t(9), 3).await;
    assert!(matches!(promoted, Ok(it) if it == Promoted::new(3, Some(t(5)))));
    assert_eq!(env.promote(9).await, Promoted::new(2, None));
}
