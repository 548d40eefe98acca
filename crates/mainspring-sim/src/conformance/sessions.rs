//! Sessions: life, death, and what becomes of their jobs.

use mainspring_core::job::{State, Verdict};
use mainspring_core::store::{ClaimRequest, Operation, PeerLock, RescueRules, Rescued};

use super::env::{Env, cancel, id, job, name, queue, retry, session, succeed, t};

pub(super) async fn who_is_open_is_a_peer(env: Env) {
    env.open(1).await;
    env.open(2).await;
    let peers = env.store.peers().await;
    let peers = peers.unwrap_or_default();
    let seen: Vec<_> = peers.iter().map(|peer| (peer.session, peer.lock)).collect();
    assert_eq!(
        seen,
        [(session(1), PeerLock::Held), (session(2), PeerLock::Held)]
    );
    assert_eq!(peers[0].name, name("app"));
}

pub(super) async fn a_killed_session_has_a_free_lock(env: Env) {
    env.open(1).await;
    env.kill(1).await;
    let peers = env.store.peers().await.unwrap_or_default();
    assert_eq!(peers.first().map(|peer| peer.lock), Some(PeerLock::Free));
    env.rescue(1, 1, RescueRules::default()).await;
    assert!(matches!(env.store.peers().await, Ok(peers) if peers.is_empty()));
}

pub(super) async fn a_closed_session_releases_its_jobs(env: Env) {
    env.enqueue(0, vec![job(1), job(2)]).await;
    let runs = env.claim(0, 2).await;
    env.mark(&runs[0].claim);
    env.operate(0, 2, cancel()).await;
    assert!(env.store.close_session(t(1), session(1)).await.is_ok());
    let it = env.record(1).await;
    assert_eq!(
        (it.state, it.attempts, it.claims, it.deaths),
        (State::Ready, 0, 1, 0)
    );
    assert_eq!(env.past(1).await, [(1, 1, String::from("released"))]);
    assert_eq!(env.state(2).await, State::Cancelled);
    assert!(matches!(env.store.peers().await, Ok(peers) if peers.is_empty()));
    assert!(
        env.store.close_session(t(1), session(1)).await.is_ok(),
        "twice is no error"
    );
}

pub(super) async fn a_job_that_had_not_begun_is_released(env: Env) {
    env.add(0, job(1)).await;
    env.one(0).await;
    let rescued = env.rescue(1, 1, RescueRules::default()).await;
    assert_eq!(rescued.ready, [(id(1), 0)]);
    let it = env.record(1).await;
    assert_eq!((it.state, it.attempts, it.claims), (State::Ready, 0, 1));
    assert_eq!(env.past(1).await, [(1, 1, String::from("released"))]);
}

pub(super) async fn a_job_whose_body_had_ended_is_released(env: Env) {
    env.add(0, job(1)).await;
    let run = env.one(0).await;
    env.mark(&run.claim);
    env.store.mark(session(1), &run.claim, false);
    let rescued = env.rescue(1, 1, RescueRules::default()).await;
    assert_eq!(rescued.ready, [(id(1), 0)]);
}

pub(super) async fn a_late_end_of_an_old_claim_leaves_the_mark_of_the_new_one(env: Env) {
    env.add(0, job(1)).await;
    let old = env.one(0).await.claim;
    env.mark(&old);
    env.finish(0, old, retry(1)).await;
    env.promote(1).await;
    let new = env.one(1).await.claim;
    env.mark(&new);
    env.store.mark(session(1), &old, false);
    let rescued = env.rescue(2, 1, RescueRules::default()).await;
    assert_eq!(rescued.ready, [(id(1), 1)], "its body had begun");
}

pub(super) async fn a_job_that_ran_is_charged_and_suspected(env: Env) {
    env.add(0, job(1)).await;
    let run = env.one(0).await;
    env.mark(&run.claim);
    let rescued = env.rescue(1, 1, RescueRules::default()).await;
    assert_eq!(rescued.ready, [(id(1), 1)]);
    let it = env.record(1).await;
    assert_eq!((it.state, it.attempts, it.deaths), (State::Ready, 1, 1));
    assert_eq!(env.past(1).await, [(1, 1, String::from("rescued"))]);
}

pub(super) async fn a_death_without_blame_is_not_counted(env: Env) {
    env.add(0, job(1)).await;
    let run = env.one(0).await;
    env.mark(&run.claim);
    let rules = RescueRules {
        blame: false,
        ..RescueRules::default()
    };
    assert_eq!(env.rescue(1, 1, rules).await.ready, [(id(1), 0)]);
    assert_eq!(env.record(1).await.attempts, 1);
}

pub(super) async fn a_rescue_without_attempts_left_fails(env: Env) {
    let mut new = job(1);
    new.max_attempts = 1;
    env.add(0, new).await;
    let run = env.one(0).await;
    env.mark(&run.claim);
    let rescued = env.rescue(1, 1, RescueRules::default()).await;
    assert_eq!((rescued.failed, rescued.ready), (vec![id(1)], vec![]));
    let it = env.record(1).await;
    assert_eq!((it.state, it.ended_at), (State::Failed, Some(t(1))));
    assert!(it.error.is_some());
}

pub(super) async fn a_rescue_grants_a_wish_to_cancel(env: Env) {
    env.add(0, job(1)).await;
    env.one(0).await;
    env.operate(0, 1, cancel()).await;
    let rescued = env.rescue(1, 1, RescueRules::default()).await;
    assert_eq!((rescued.cancelled, rescued.ready), (vec![id(1)], vec![]));
    assert_eq!(env.record(1).await.error.as_deref(), Some("not wanted"));
}

pub(super) async fn only_the_jobs_of_the_dead_are_given_back(env: Env) {
    env.add(0, job(1)).await;
    env.one(0).await;
    env.add(0, job(2)).await;
    env.open(2).await;
    let other = ClaimRequest::new(session(2), env.token(), vec![queue("default", &["k"], 9)]);
    assert_eq!(env.ask(0, other).await.jobs.len(), 1);
    assert_eq!(
        env.rescue(1, 2, RescueRules::default()).await.ready,
        [(id(2), 0)]
    );
    assert_eq!(env.state(1).await, State::Running);
    assert_eq!(
        env.rescue(1, 9, RescueRules::default()).await,
        Rescued::default()
    );
}

/// Lets a job's process die; `solo` claims it alone.
async fn die(env: &Env, solo: bool) -> Rescued {
    env.open(1).await;
    let mut request = env.request(vec![queue("default", &["k"], 9)]);
    request.solo = solo;
    let claimed = env.ask(1, request).await;
    assert_eq!(claimed.jobs.len(), 1);
    assert_eq!(claimed.jobs[0].solo, solo);
    env.mark(&claimed.jobs[0].claim);
    env.rescue(1, 1, RescueRules::default()).await
}

pub(super) async fn a_suspect_is_left_to_who_asks_for_it_alone(env: Env) {
    env.add(0, job(1)).await;
    die(&env, false).await;
    die(&env, false).await;
    env.add(0, job(2)).await;
    let usual = env.claim_of(2, queue("default", &["k"], 9)).await;
    assert_eq!(usual.jobs.len(), 1);
    assert_eq!(usual.jobs[0].claim.id, id(2));
    assert!(usual.solo_waits);
    assert!(
        !env.claim_of(2, queue("default", &["x"], 9))
            .await
            .solo_waits
    );
    env.add(2, job(3)).await;
    let mut request = env.request(vec![queue("default", &["k"], 9)]);
    request.solo = true;
    let alone = env.ask(2, request).await;
    assert_eq!(alone.jobs.len(), 1);
    assert_eq!((alone.jobs[0].claim.id, alone.jobs[0].solo), (id(1), true));
    assert!(!alone.solo_waits);
}

pub(super) async fn who_dies_alone_once_too_often_is_quarantined_and_can_be_freed(env: Env) {
    env.add(0, job(1)).await;
    die(&env, false).await;
    die(&env, false).await;
    assert_eq!(die(&env, true).await.quarantined, [id(1)]);
    let it = env.record(1).await;
    assert_eq!(
        (it.state, it.deaths, it.ended_at),
        (State::Quarantined, 3, None)
    );
    let words = env.past(1).await;
    assert_eq!(
        words.last().map(|word| word.2.as_str()),
        Some("quarantined")
    );
    env.operate(2, 1, Operation::Free).await;
    let it = env.record(1).await;
    assert_eq!((it.state, it.deaths), (State::Ready, 0));
    let run = env.one(3).await;
    env.finish(3, run.claim, succeed()).await;
}

pub(super) async fn wishes_to_cancel_are_told_to_their_session(env: Env) {
    env.enqueue(0, vec![job(1), job(2)]).await;
    let runs = env.claim(0, 2).await;
    env.operate(1, 1, cancel()).await;
    let wishes = env.store.cancelling(session(1)).await;
    assert!(matches!(wishes, Ok(wishes) if wishes == [(runs[0].claim, name("not wanted"))]));
    assert!(matches!(env.store.cancelling(session(2)).await, Ok(wishes) if wishes.is_empty()));
    env.finish(2, runs[0].claim, retry(9)).await;
    assert!(matches!(env.store.cancelling(session(1)).await, Ok(wishes) if wishes.is_empty()));
    env.finish(2, runs[1].claim, Verdict::Release).await;
}
