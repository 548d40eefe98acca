//! Unique keys: scopes and conflicts.

use mainspring_core::error::ErrorKind;
use mainspring_core::job::{Priority, Scope, State, Unique};
use mainspring_core::store::{NewJob, Operation, Retention, Was};

use super::env::{Env, cancel, due, fail, id, job, kind_of, ms, name, payload, retry, succeed, t};

fn keyed(number: u8, unique: Unique) -> NewJob {
    let mut new = job(number);
    new.unique = Some(unique);
    new
}

fn key() -> Unique {
    Unique::new("key")
}

pub(super) async fn a_taken_key_answers_the_job_that_is_there(env: Env) {
    env.add(0, keyed(1, key())).await;
    let answer = env.enqueue(0, vec![keyed(2, key())]).await;
    assert_eq!((answer[0].was, answer[0].id), (Was::Existing, id(1)));
    assert_eq!(env.find(2).await, None);
    assert_eq!(env.record(1).await.unique, Some(name("key")));
}

pub(super) async fn the_same_key_twice_in_a_batch_is_one_job(env: Env) {
    let answers = env.enqueue(0, vec![keyed(1, key()), keyed(2, key())]).await;
    assert_eq!((answers[1].was, answers[1].id), (Was::Existing, id(1)));
}

pub(super) async fn keys_of_different_kinds_never_meet(env: Env) {
    env.add(0, keyed(1, key())).await;
    let mut other = keyed(2, key());
    other.kind = name("other");
    assert_eq!(env.add(0, other).await, Was::New);
}

pub(super) async fn an_error_on_conflict_writes_none_of_the_batch(env: Env) {
    env.add(0, keyed(1, key())).await;
    let batch = vec![job(2), keyed(3, key().or_error()), job(4)];
    let refused = env.store.enqueue(t(0), batch).await;
    assert_eq!(kind_of(refused), ErrorKind::Taken);
    assert_eq!((env.find(2).await, env.find(4).await), (None, None));
    let batch = vec![
        keyed(5, Unique::new("x")),
        keyed(6, Unique::new("x").or_error()),
    ];
    let refused = env.store.enqueue(t(0), batch).await;
    assert_eq!(kind_of(refused), ErrorKind::Taken);
    assert_eq!(
        env.add(0, keyed(7, Unique::new("x"))).await,
        Was::New,
        "the key was given back"
    );
}

pub(super) async fn replace_gives_a_waiting_job_the_new_data(env: Env) {
    env.add(0, keyed(1, key())).await;
    let mut new = keyed(2, key().or_replace());
    (new.due, new.priority, new.payload) = (t(50), Priority::High, payload("7"));
    new.meta.tags = vec![name("new")];
    let answer = env.enqueue(1, vec![new.clone()]).await;
    assert_eq!((answer[0].was, answer[0].id), (Was::Replaced, id(1)));
    let it = env.record(1).await;
    assert_eq!(
        (it.state, it.due, it.priority),
        (State::Scheduled, t(50), Priority::High)
    );
    assert_eq!((it.payload, it.meta), (new.payload, new.meta));
    assert_eq!(it.enqueued_at, t(0));
    env.add(60, keyed(3, key().or_replace())).await;
    assert_eq!(env.state(1).await, State::Ready, "due again");
}

pub(super) async fn replace_keeps_a_job_that_runs(env: Env) {
    env.add(0, keyed(1, key())).await;
    env.one(0).await;
    let mut new = keyed(2, key().or_replace());
    new.payload = payload("7");
    assert_eq!(env.add(0, new).await, Was::Existing);
    assert_eq!(env.record(1).await.payload, payload("1"));
}

pub(super) async fn until_finished_outlives_a_retry(env: Env) {
    env.add(0, keyed(1, key())).await;
    let run = env.one(0).await;
    env.finish(1, run.claim, retry(2)).await;
    assert_eq!(env.add(1, keyed(2, key())).await, Was::Existing);
    env.promote(2).await;
    let run = env.one(2).await;
    env.finish(3, run.claim, succeed()).await;
    assert_eq!(env.record(1).await.unique, None);
    assert_eq!(env.add(3, keyed(2, key())).await, Was::New);
}

pub(super) async fn until_finished_ends_with_a_cancel_and_a_discard(env: Env) {
    env.add(0, keyed(1, key())).await;
    env.operate(0, 1, cancel()).await;
    assert_eq!(env.add(0, keyed(2, key())).await, Was::New);
    env.operate(0, 2, Operation::Discard).await;
    assert_eq!(env.add(0, keyed(3, key())).await, Was::New);
}

pub(super) async fn until_started_is_free_when_the_job_starts(env: Env) {
    let key = || key().within(Scope::UntilStarted);
    env.add(0, keyed(1, key())).await;
    assert_eq!(env.add(0, keyed(2, key())).await, Was::Existing);
    let run = env.one(0).await;
    assert_eq!(env.add(0, keyed(2, key())).await, Was::New);
    env.finish(1, run.claim, retry(2)).await;
    assert_eq!(env.record(1).await.unique, None, "it has started before");
}

pub(super) async fn for_a_time_outlives_the_job(env: Env) {
    let key = || key().within(Scope::For(ms(1_000)));
    env.add(0, keyed(1, key())).await;
    let run = env.one(0).await;
    env.finish(1, run.claim, succeed()).await;
    assert_eq!(env.add(2, keyed(2, key())).await, Was::Existing);
    let keep = Retention {
        succeeded: ms(0),
        ..Retention::default()
    };
    assert!(matches!(env.store.prune(t(500), keep, 10).await, Ok(1)));
    let answer = env.enqueue(999, vec![keyed(2, key().or_replace())]).await;
    assert_eq!(
        (answer[0].was, answer[0].id),
        (Was::Existing, id(1)),
        "though it has gone"
    );
    assert_eq!(env.add(1_000, keyed(2, key())).await, Was::New);
}

pub(super) async fn an_expired_key_shows_with_its_new_job_only(env: Env) {
    let key = || key().within(Scope::For(ms(10)));
    env.add(0, keyed(1, key())).await;
    env.add(10, keyed(2, key())).await;
    assert_eq!(env.record(1).await.unique, None);
    assert_eq!(env.record(2).await.unique, Some(name("key")));
    assert!(matches!(
        env.store.prune(t(20), Retention::default(), 10).await,
        Ok(0)
    ));
    assert_eq!(env.record(2).await.unique, None);
}

pub(super) async fn a_job_that_runs_again_takes_its_key_again(env: Env) {
    env.add(0, keyed(1, key())).await;
    let run = env.one(0).await;
    env.finish(1, run.claim, fail()).await;
    env.add(1, keyed(2, key())).await;
    let refused = env.try_operate(2, 1, Operation::Retry).await;
    assert_eq!(kind_of(refused), ErrorKind::Taken);
    assert_eq!(env.state(1).await, State::Failed);
    env.operate(2, 2, cancel()).await;
    env.operate(2, 1, Operation::Retry).await;
    assert_eq!(env.add(3, keyed(3, key())).await, Was::Existing);
    assert_eq!(env.add(3, due(4, 0)).await, Was::New);
}
