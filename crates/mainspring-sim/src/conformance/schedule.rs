//! Schedules: each fire once, the cursor never back.

use mainspring_core::error::ErrorKind;
use mainspring_core::job::{State, Unique};
use mainspring_core::store::{Fire, Fired};

use super::env::{Env, job, kind_of, name, t};

fn fire(millis: u64, number: Option<u8>) -> Fire {
    Fire::new(name("nightly"), t(millis), number.map(job))
}

async fn fired(env: &Env, fire: Fire) -> Option<Fired> {
    env.store.fire(t(100), fire).await.ok()
}

pub(super) async fn a_new_schedule_starts_now(env: Env) {
    assert!(matches!(env.store.schedule_cursor(t(5), "nightly").await, Ok(at) if at == t(5)));
    assert!(matches!(env.store.schedule_cursor(t(9), "nightly").await, Ok(at) if at == t(5)));
    assert_eq!(fired(&env, fire(5, Some(1))).await, Some(Fired::Before));
}

pub(super) async fn a_fire_happens_once(env: Env) {
    assert_eq!(fired(&env, fire(5, Some(1))).await, Some(Fired::Now));
    assert_eq!(fired(&env, fire(5, Some(2))).await, Some(Fired::Before));
    let it = env.record(1).await;
    assert_eq!(it.scheduled_by, Some((name("nightly"), t(5))));
    assert_eq!(it.state, State::Ready);
    assert_eq!(env.find(2).await, None);
    assert!(matches!(env.store.schedule_cursor(t(9), "nightly").await, Ok(at) if at == t(5)));
    assert_eq!(
        env.one(101).await.scheduled_by,
        Some((name("nightly"), t(5)))
    );
}

pub(super) async fn the_cursor_never_goes_back(env: Env) {
    assert_eq!(fired(&env, fire(9, Some(1))).await, Some(Fired::Now));
    assert_eq!(fired(&env, fire(5, Some(2))).await, Some(Fired::Before));
    assert_eq!(env.find(2).await, None);
    assert!(matches!(env.store.schedule_cursor(t(9), "nightly").await, Ok(at) if at == t(9)));
}

pub(super) async fn a_fire_without_a_job_moves_the_cursor(env: Env) {
    assert_eq!(fired(&env, fire(5, None)).await, Some(Fired::Now));
    assert_eq!(fired(&env, fire(5, Some(1))).await, Some(Fired::Before));
    assert_eq!(fired(&env, fire(6, Some(1))).await, Some(Fired::Now));
}

pub(super) async fn schedules_are_apart(env: Env) {
    assert_eq!(fired(&env, fire(5, Some(1))).await, Some(Fired::Now));
    let other = Fire::new(name("hourly"), t(5), Some(job(2)));
    assert_eq!(fired(&env, other).await, Some(Fired::Now));
}

pub(super) async fn a_fire_that_is_refused_moves_nothing(env: Env) {
    let mut new = job(1);
    new.unique = Some(Unique::new("key"));
    env.add(0, new).await;
    let mut refused = fire(5, Some(2));
    if let Some(job) = &mut refused.job {
        job.unique = Some(Unique::new("key").or_error());
    }
    assert_eq!(
        kind_of(env.store.fire(t(9), refused).await),
        ErrorKind::Taken
    );
    assert_eq!(fired(&env, fire(5, Some(3))).await, Some(Fired::Now));
}
