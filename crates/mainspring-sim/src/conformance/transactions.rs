//! Jobs in the caller's own transaction.

use mainspring_core::error::ErrorKind;
use mainspring_core::job::{Gate, State};
use mainspring_core::store::{Finish, Finished, NewJob, RescueRules, Was};

use super::env::{Env, fail, id, job, kind_of, ms, session, succeed, t};
use mainspring_core::store::Retention;

pub(super) async fn a_commit_enqueues(env: Env) {
    let mut tx = env.begin().await;
    let answer = tx.enqueue(&*env.store, t(0), vec![job(1)]).await;
    assert!(matches!(answer, Ok(answer) if answer[0].was == Was::New));
    assert!(tx.commit().await.is_ok());
    assert_eq!(env.state(1).await, State::Ready);
    assert_eq!(env.claim(0, 9).await.len(), 1);
}

pub(super) async fn a_rollback_enqueues_nothing(env: Env) {
    let mut tx = env.begin().await;
    let answer = tx.enqueue(&*env.store, t(0), vec![job(1)]).await;
    assert!(answer.is_ok());
    drop(tx);
    assert_eq!(env.find(1).await, None);
    assert_eq!(env.add(0, job(1)).await, Was::New);
}

pub(super) async fn a_transaction_sees_its_own_jobs(env: Env) {
    let mut tx = env.begin().await;
    for was in [Was::New, Was::Existing] {
        let answer = tx.enqueue(&*env.store, t(0), vec![job(1)]).await;
        assert!(matches!(answer, Ok(answer) if answer[0].was == was));
    }
    assert!(tx.commit().await.is_ok());
}

/// Claims job 1 and completes it in a transaction that is committed.
async fn completed(env: &Env, new: NewJob) -> Finish {
    env.add(0, new).await;
    let run = env.one(0).await;
    let attempt = Finish::new(run.claim, succeed(), Some(t(0)));
    let mut tx = env.begin().await;
    let done = tx.complete(&*env.store, t(1), attempt.clone()).await;
    assert!(done.is_ok());
    assert!(tx.commit().await.is_ok());
    attempt
}

pub(super) async fn a_commit_completes_and_the_engine_learns_it(env: Env) {
    let attempt = completed(&env, job(1)).await;
    let it = env.record(1).await;
    assert_eq!((it.state, it.ended_at), (State::Succeeded, Some(t(1))));
    let finished = env.finish(2, attempt.claim, fail()).await;
    assert_eq!(finished, Finished::Already(State::Succeeded));
    assert_eq!(env.record(1).await.ended_at, Some(t(1)));
}

pub(super) async fn a_rollback_completes_nothing(env: Env) {
    env.add(0, job(1)).await;
    let run = env.one(0).await;
    let mut tx = env.begin().await;
    let attempt = Finish::new(run.claim, succeed(), None);
    assert!(tx.complete(&*env.store, t(1), attempt).await.is_ok());
    drop(tx);
    assert_eq!(env.state(1).await, State::Running);
    assert_eq!(
        env.finish(2, run.claim, fail()).await,
        Finished::Now(State::Failed)
    );
}

pub(super) async fn a_late_completion_is_fenced(env: Env) {
    env.add(0, job(1)).await;
    let run = env.one(0).await;
    env.rescue(1, 1, RescueRules::default()).await;
    let mut tx = env.begin().await;
    let attempt = Finish::new(run.claim, succeed(), None);
    let refused = tx.complete(&*env.store, t(1), attempt).await;
    assert_eq!(kind_of(refused), ErrorKind::Fenced);
    drop(tx);
    assert_eq!(env.state(1).await, State::Ready);
}

pub(super) async fn only_a_success_can_be_completed(env: Env) {
    env.add(0, job(1)).await;
    let run = env.one(0).await;
    let mut tx = env.begin().await;
    let attempt = Finish::new(run.claim, fail(), None);
    let refused = tx.complete(&*env.store, t(1), attempt).await;
    assert_eq!(kind_of(refused), ErrorKind::Input);
}

fn gated(number: u8) -> NewJob {
    let mut new = job(number);
    new.gate = Some(Gate::new("key", 1));
    new
}

pub(super) async fn a_completed_job_holds_its_place_until_its_engine_ends_it(env: Env) {
    let attempt = completed(&env, gated(1)).await;
    env.add(1, gated(2)).await;
    assert!(env.record(2).await.held);
    env.finish(2, attempt.claim, succeed()).await;
    assert!(!env.record(2).await.held);
}

pub(super) async fn a_completed_job_gives_its_place_back_when_its_session_dies(env: Env) {
    completed(&env, gated(1)).await;
    env.add(1, gated(2)).await;
    let rescued = env.rescue(2, 1, RescueRules::default()).await;
    assert!(rescued.ready.is_empty() && rescued.failed.is_empty());
    assert_eq!(env.state(1).await, State::Succeeded);
    assert_eq!(env.one(3).await.claim.id, id(2));
}

pub(super) async fn a_completed_job_is_kept_until_its_engine_ends_it(env: Env) {
    completed(&env, job(1)).await;
    let keep = Retention {
        succeeded: ms(0),
        ..Retention::default()
    };
    assert!(matches!(env.store.prune(t(9), keep, 9).await, Ok(0)));
    assert!(env.store.close_session(t(9), session(1)).await.is_ok());
    assert_eq!(env.state(1).await, State::Succeeded);
    assert!(matches!(env.store.prune(t(9), keep, 9).await, Ok(1)));
}
