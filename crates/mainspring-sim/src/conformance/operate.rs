//! Operations: what people do to jobs, and retention.

use mainspring_core::error::ErrorKind;
use mainspring_core::job::State;
use mainspring_core::store::{Operated, Operation, Retention};

use super::env::{Env, cancel, due, fail, id, job, kind_of, ms, retry, succeed, t};

pub(super) async fn a_job_that_is_not_there_is_not_found(env: Env) {
    for operation in [
        cancel(),
        Operation::Retry,
        Operation::Discard,
        Operation::Free,
    ] {
        assert_eq!(
            kind_of(env.try_operate(0, 1, operation).await),
            ErrorKind::NotFound
        );
    }
}

pub(super) async fn a_waiting_job_is_cancelled_at_once(env: Env) {
    env.enqueue(0, vec![job(1), due(2, 50)]).await;
    for number in [1, 2] {
        env.operate(3, number, cancel()).await;
        let it = env.record(number).await;
        assert_eq!((it.state, it.ended_at), (State::Cancelled, Some(t(3))));
        assert_eq!(it.error.as_deref(), Some("not wanted"));
    }
    assert!(env.claim(3, 9).await.is_empty());
    assert_eq!(env.promote(99).await.jobs, 0);
}

pub(super) async fn a_running_job_is_told_to_cancel(env: Env) {
    env.add(0, job(1)).await;
    env.one(0).await;
    let told = env.operate(1, 1, cancel()).await;
    assert_eq!(told, Operated::new(State::Running, Some(State::Running)));
    let again = Operation::Cancel {
        reason: "another".into(),
    };
    env.operate(1, 1, again).await;
    assert!(env.record(1).await.cancelling);
    let wishes = env.store.cancelling(super::env::session(1)).await;
    let reason = wishes
        .ok()
        .and_then(|wishes| Some(wishes.first()?.1.to_string()));
    assert_eq!(
        reason.as_deref(),
        Some("not wanted"),
        "the first reason stays"
    );
}

pub(super) async fn what_makes_no_sense_is_refused(env: Env) {
    env.enqueue(0, vec![job(1), job(2)]).await;
    let run = env.one(0).await;
    let at = Operation::Reschedule { at: t(9) };
    let refused = |state, operation| (state, operation);
    for (number, operation) in [
        refused(1, Operation::Retry),
        refused(1, Operation::Free),
        refused(1, Operation::Discard),
        refused(1, at.clone()),
        refused(2, Operation::Retry),
        refused(2, Operation::Free),
    ] {
        let refused = env.try_operate(1, number, operation).await;
        assert_eq!(kind_of(refused), ErrorKind::IllegalState);
    }
    env.finish(1, run.claim, succeed()).await;
    for operation in [cancel(), Operation::Retry, at] {
        let refused = env.try_operate(1, 1, operation).await;
        assert_eq!(kind_of(refused), ErrorKind::IllegalState);
    }
    assert_eq!(env.state(1).await, State::Succeeded);
}

pub(super) async fn a_failed_job_runs_again_with_all_its_attempts(env: Env) {
    env.add(0, job(1)).await;
    let run = env.one(0).await;
    env.finish(1, run.claim, fail()).await;
    let again = env.operate(5, 1, Operation::Retry).await;
    assert_eq!(again, Operated::new(State::Failed, Some(State::Ready)));
    let it = env.record(1).await;
    assert_eq!(
        (it.due, it.attempts, it.claims, it.ended_at),
        (t(5), 0, 1, None)
    );
    let run = env.one(6).await;
    assert_eq!((run.attempt, run.claims), (1, 2));
    assert_eq!(env.past(1).await.len(), 2);
}

pub(super) async fn a_job_is_moved_to_another_time(env: Env) {
    env.enqueue(0, vec![job(1), due(2, 50)]).await;
    let later = Operation::Reschedule { at: t(70) };
    let moved = env.operate(1, 1, later).await;
    assert_eq!(moved, Operated::new(State::Ready, Some(State::Scheduled)));
    assert!(env.claim(1, 9).await.is_empty());
    let moved = env.operate(1, 2, Operation::Reschedule { at: t(1) }).await;
    assert_eq!(moved, Operated::new(State::Scheduled, Some(State::Ready)));
    assert_eq!(env.one(1).await.claim.id, id(2));
    assert_eq!(env.promote(70).await.jobs, 1);
}

pub(super) async fn a_discarded_job_is_gone(env: Env) {
    env.enqueue(0, vec![job(1), due(2, 50)]).await;
    let run = env.one(0).await;
    env.finish(1, run.claim, retry(2)).await;
    for number in [1, 2] {
        let gone = env.operate(1, number, Operation::Discard).await;
        assert_eq!(gone, Operated::new(State::Scheduled, None));
        assert_eq!(env.find(number).await, None);
    }
    assert!(env.history(1).await.is_empty());
    assert_eq!(env.promote(99).await.jobs, 0);
}

pub(super) async fn retention_is_per_state(env: Env) {
    env.enqueue(0, vec![due(1, 0), due(2, 1), due(3, 2), due(4, 3)])
        .await;
    let runs = env.claim(9, 1).await;
    env.finish(10, runs[0].claim, succeed()).await;
    env.promote(9).await;
    let run = env.one(9).await;
    env.finish(10, run.claim, fail()).await;
    env.operate(10, 3, cancel()).await;
    let keep = Retention {
        succeeded: ms(10),
        failed: ms(20),
        cancelled: ms(30),
    };
    for (now, removed, gone) in [
        (19, 0, 9),
        (20, 1, 1),
        (30, 1, 2),
        (40, 1, 3),
        (9_999, 0, 9),
    ] {
        let pruned = env.store.prune(t(now), keep, 10).await;
        assert!(matches!(pruned, Ok(count) if count == removed), "at {now}");
        assert_eq!(env.find(gone).await, None);
    }
    assert!(env.find(4).await.is_some(), "it waits");
    assert!(env.history(1).await.is_empty());
}

pub(super) async fn pruning_has_a_limit(env: Env) {
    env.enqueue(0, (1..=5).map(job).collect()).await;
    for number in 1..=5 {
        env.operate(u64::from(number), number, cancel()).await;
    }
    let keep = Retention {
        cancelled: ms(0),
        ..Retention::default()
    };
    assert!(matches!(env.store.prune(t(9), keep, 2).await, Ok(2)));
    assert_eq!(
        (env.find(2).await, env.find(3).await.is_some()),
        (None, true),
        "oldest first"
    );
    assert!(matches!(env.store.prune(t(9), keep, 0).await, Ok(0)));
    assert!(matches!(env.store.prune(t(9), keep, 10).await, Ok(3)));
}
