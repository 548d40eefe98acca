//! Enqueue: all or none, once per id, bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mainspring_core::error::ErrorKind;
use mainspring_core::job::{Gate, KEY_BYTES_MAX, State, Unique};
use mainspring_core::store::{BATCH_MAX, ENQUEUE_MAX, Was};
use mainspring_core::time::Timestamp;

use super::env::{Env, due, id, job, kind_of, name, session, t};

pub(super) async fn a_new_job_is_kept_as_it_was_given(env: Env) {
    let mut new = job(1);
    new.meta.tags = vec![name("red")];
    new.queue = name("mail");
    new.max_attempts = 7;
    assert_eq!(env.add(5, new.clone()).await, Was::New);
    let it = env.record(1).await;
    assert_eq!((it.id, it.state), (id(1), State::Ready));
    assert_eq!((it.enqueued_at, it.due), (t(5), t(0)));
    assert_eq!((it.kind, it.queue), (new.kind, new.queue));
    assert_eq!((it.payload, it.meta), (new.payload, new.meta));
    assert_eq!((it.attempts, it.claims, it.max_attempts), (0, 0, 7));
    assert_eq!((it.session, it.started_at, it.ended_at), (None, None, None));
}

pub(super) async fn a_job_of_the_future_is_scheduled(env: Env) {
    env.enqueue(0, vec![due(1, 0), due(2, 1)]).await;
    assert_eq!(env.state(1).await, State::Ready);
    assert_eq!(env.state(2).await, State::Scheduled);
}

pub(super) async fn nothing_is_no_error(env: Env) {
    assert_eq!(env.enqueue(0, vec![]).await, vec![]);
}

pub(super) async fn an_id_that_exists_changes_nothing(env: Env) {
    env.add(0, job(1)).await;
    assert_eq!(env.add(9, due(1, 900)).await, Was::Existing);
    assert_eq!(env.record(1).await.due, t(0));
}

pub(super) async fn the_same_id_twice_in_a_batch_is_one_job(env: Env) {
    let answers = env.enqueue(0, vec![job(1), due(1, 5), job(2)]).await;
    let was: Vec<Was> = answers.iter().map(|answer| answer.was).collect();
    assert_eq!(was, [Was::New, Was::Existing, Was::New]);
    assert_eq!(env.record(1).await.due, t(0));
}

pub(super) async fn too_many_are_refused(env: Env) {
    let jobs = vec![job(1); ENQUEUE_MAX + 1];
    let refused = env.store.enqueue(t(0), jobs).await;
    assert_eq!(kind_of(refused), ErrorKind::Limit);
    assert_eq!(env.find(1).await, None);
    let refused = env.store.get_many(vec![id(1); BATCH_MAX + 1]).await;
    assert_eq!(kind_of(refused), ErrorKind::Limit);
}

pub(super) async fn bad_names_and_keys_are_refused_and_none_is_written(env: Env) {
    let long = "x".repeat(KEY_BYTES_MAX + 1);
    let mut bad = vec![job(2), job(2), job(2), job(2)];
    bad[0].kind = name("two words");
    bad[1].queue = name("");
    bad[2].unique = Some(Unique::new(long.as_str()));
    bad[3].gate = Some(Gate::new("", 1));
    for bad in bad {
        assert!(env.store.enqueue(t(0), vec![job(1), bad]).await.is_err());
    }
    assert_eq!(env.find(1).await, None);
}

pub(super) async fn now_is_rounded_down_and_due_up(env: Env) {
    let nano = |nanos| t(0) + std::time::Duration::from_nanos(nanos);
    let mut new = job(1);
    new.due = nano(1_500);
    let answered = env.store.enqueue(nano(1_900), vec![new]).await;
    assert!(answered.is_ok());
    let it = env.record(1).await;
    assert_eq!((it.enqueued_at, it.due), (nano(1_000), nano(2_000)));
    assert_eq!(it.state, State::Scheduled, "it would start early");
}

pub(super) async fn the_end_of_time_is_an_instant(env: Env) {
    let mut new = job(1);
    new.due = Timestamp::MAX;
    env.add(0, new).await;
    assert_eq!(env.state(1).await, State::Scheduled);
}

pub(super) async fn a_job_may_run_from_the_start(env: Env) {
    env.open(1).await;
    let mut new = job(1);
    let token = env.token();
    new.claim = Some((session(1), token));
    let first = env.enqueue(0, vec![new.clone()]).await;
    assert_eq!(first[0].claim.map(|claim| claim.token), Some(token));
    let it = env.record(1).await;
    assert_eq!((it.state, it.claims, it.attempts), (State::Running, 1, 1));
    assert_eq!(it.session, Some(session(1)));
    let again = env.enqueue(0, vec![new.clone()]).await;
    assert_eq!(
        (again[0].was, again[0].claim),
        (Was::Existing, first[0].claim)
    );
    new.claim = Some((session(1), env.token()));
    let other = env.enqueue(0, vec![new]).await;
    assert_eq!((other[0].was, other[0].claim), (Was::Existing, None));
}

pub(super) async fn who_is_not_open_runs_nothing_from_the_start(env: Env) {
    let mut new = job(1);
    new.claim = Some((session(9), env.token()));
    let refused = env.store.enqueue(t(0), vec![job(2), new]).await;
    assert_eq!(kind_of(refused), ErrorKind::Fenced);
    assert_eq!(env.find(2).await, None);
}

pub(super) async fn a_second_handle_sees_the_jobs_and_is_hinted(env: Env) {
    let second = env.second().await;
    assert_eq!(second.id(), env.store.id());
    let hints = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&hints);
    second.on_hint(Arc::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
    }));
    let _ = second.look().await;
    let before = hints.load(Ordering::SeqCst);
    env.add(0, job(1)).await;
    assert!(matches!(second.look().await, Ok(true)));
    assert!(hints.load(Ordering::SeqCst) > before);
    assert!(matches!(second.look().await, Ok(false)));
    assert!(matches!(second.get(id(1)).await, Ok(Some(_))));
}

pub(super) async fn a_closed_handle_says_so(env: Env) {
    let second = env.second().await;
    assert!(second.close().await.is_ok());
    assert_eq!(
        kind_of(second.enqueue(t(0), vec![job(1)]).await),
        ErrorKind::Closed
    );
    assert_eq!(kind_of(second.get(id(1)).await), ErrorKind::Closed);
    env.add(0, job(1)).await;
}
