//! The end of attempts: every verdict, fences, history.

use bytes::Bytes;
use mainspring_core::error::ErrorKind;
use mainspring_core::job::{
    ERROR_BYTES_MAX, JobRecord, OUTPUT_BYTES_MAX, SessionId, State, Token, Verdict,
};
use mainspring_core::store::{BATCH_MAX, Claim, Finish, Finished, Progress, RescueRules, rules};

use super::env::{Env, cancel, fail, id, job, kind_of, retry, session, snooze, succeed, t};

async fn ended(env: &Env, verdict: Verdict) -> (Finished, JobRecord) {
    env.add(0, job(1)).await;
    let run = env.one(1).await;
    let finished = env.finish(5, run.claim, verdict).await;
    (finished, env.record(1).await)
}

pub(super) async fn a_success_keeps_its_output(env: Env) {
    let output = Some(Bytes::from_static(b"42"));
    let verdict = Verdict::Succeed {
        output: output.clone(),
    };
    let (finished, it) = ended(&env, verdict).await;
    assert_eq!(finished, Finished::Now(State::Succeeded));
    assert_eq!(
        (it.state, it.output, it.ended_at),
        (State::Succeeded, output, Some(t(5)))
    );
    assert_eq!((it.session, it.attempts, it.error), (None, 1, None));
    assert_eq!(it.started_at, Some(t(5)), "when its body began");
}

pub(super) async fn a_retry_is_due_then_and_charged(env: Env) {
    let (finished, it) = ended(&env, retry(50)).await;
    assert_eq!(finished, Finished::Now(State::Scheduled));
    assert_eq!(
        (it.due, it.attempts, it.claims, it.ended_at),
        (t(50), 1, 1, None)
    );
    assert_eq!(it.error.as_deref(), Some("broken"));
    env.promote(50).await;
    assert_eq!(env.one(50).await.attempt, 2);
}

pub(super) async fn a_snooze_is_not_charged(env: Env) {
    let (finished, it) = ended(&env, snooze(50)).await;
    assert_eq!(finished, Finished::Now(State::Scheduled));
    assert_eq!((it.due, it.attempts, it.claims), (t(50), 0, 1));
    env.promote(50).await;
    let run = env.one(50).await;
    assert_eq!((run.attempt, run.claims), (1, 2));
}

pub(super) async fn a_release_is_not_charged(env: Env) {
    let (finished, it) = ended(&env, Verdict::Release).await;
    assert_eq!(finished, Finished::Now(State::Ready));
    assert_eq!((it.due, it.attempts, it.claims), (t(0), 0, 1));
    assert_eq!(env.one(6).await.attempt, 1);
}

pub(super) async fn a_failure_and_a_cancel_are_final(env: Env) {
    let (finished, it) = ended(&env, fail()).await;
    assert_eq!(finished, Finished::Now(State::Failed));
    assert_eq!(
        (it.ended_at, it.error.as_deref()),
        (Some(t(5)), Some("for good"))
    );
    env.add(6, job(2)).await;
    let run = env.one(6).await;
    let verdict = Verdict::Cancel {
        reason: String::from("no"),
    };
    let finished = env.finish(7, run.claim, verdict).await;
    assert_eq!(finished, Finished::Now(State::Cancelled));
    assert_eq!(env.record(2).await.error.as_deref(), Some("no"));
}

pub(super) async fn the_same_claim_ends_once(env: Env) {
    env.add(0, job(1)).await;
    let run = env.one(1).await;
    let attempt = Finish::new(run.claim, succeed(), None);
    let twice = vec![attempt.clone(), attempt];
    let finished = env.store.finish(t(2), twice).await;
    let expected = [
        Finished::Now(State::Succeeded),
        Finished::Already(State::Succeeded),
    ];
    assert!(matches!(finished, Ok(finished) if finished == expected));
    let late = env.finish(3, run.claim, fail()).await;
    assert_eq!(late, Finished::Already(State::Succeeded));
    assert_eq!(env.state(1).await, State::Succeeded);
}

pub(super) async fn a_strange_claim_is_fenced_and_holds_up_none(env: Env) {
    env.enqueue(0, vec![job(1), job(2)]).await;
    let runs = env.claim(0, 2).await;
    let strange = Claim {
        token: Token::from_bytes([99; 16]),
        ..runs[0].claim
    };
    let unknown = Claim {
        id: id(9),
        ..runs[0].claim
    };
    let attempts = [strange, unknown, runs[1].claim];
    let attempts = attempts.map(|claim| Finish::new(claim, succeed(), None));
    let finished = env.store.finish(t(1), attempts.to_vec()).await;
    let expected = [
        Finished::Fenced,
        Finished::Fenced,
        Finished::Now(State::Succeeded),
    ];
    assert!(matches!(finished, Ok(finished) if finished == expected));
    assert_eq!(env.state(1).await, State::Running);
}

pub(super) async fn an_old_claim_is_fenced_by_the_next(env: Env) {
    env.add(0, job(1)).await;
    let first = env.one(0).await;
    env.finish(1, first.claim, retry(2)).await;
    assert_eq!(
        env.finish(1, first.claim, succeed()).await,
        Finished::Already(State::Scheduled)
    );
    env.promote(2).await;
    env.one(2).await;
    assert_eq!(
        env.finish(3, first.claim, succeed()).await,
        Finished::Fenced
    );
    assert_eq!(env.state(1).await, State::Running);
}

pub(super) async fn a_rescue_fences_the_late(env: Env) {
    env.add(0, job(1)).await;
    let run = env.one(0).await;
    env.rescue(1, 1, RescueRules::default()).await;
    assert_eq!(env.finish(2, run.claim, succeed()).await, Finished::Fenced);
    assert_eq!(env.state(1).await, State::Ready);
}

pub(super) async fn a_discarded_job_is_fenced(env: Env) {
    let (_, _) = ended(&env, succeed()).await;
    env.operate(6, 1, mainspring_core::store::Operation::Discard)
        .await;
    let claim = Claim {
        id: id(1),
        row: 1,
        token: Token::from_bytes([1; 16]),
    };
    assert_eq!(env.finish(7, claim, succeed()).await, Finished::Fenced);
}

async fn cancelled_with(env: &Env, verdict: Verdict) -> (Finished, JobRecord) {
    env.add(0, job(1)).await;
    let run = env.one(1).await;
    env.operate(2, 1, cancel()).await;
    let finished = env.finish(5, run.claim, verdict).await;
    (finished, env.record(1).await)
}

pub(super) async fn a_wish_to_cancel_turns_a_retry_into_cancelled(env: Env) {
    let (finished, it) = cancelled_with(&env, retry(9)).await;
    assert_eq!(finished, Finished::Now(State::Cancelled));
    assert_eq!(
        (it.error.as_deref(), it.cancelling),
        (Some("not wanted"), false)
    );
    assert_eq!((it.ended_at, it.attempts), (Some(t(5)), 1));
}

pub(super) async fn a_wish_to_cancel_turns_a_snooze_into_cancelled(env: Env) {
    let (finished, it) = cancelled_with(&env, snooze(9)).await;
    assert_eq!(
        (finished, it.attempts),
        (Finished::Now(State::Cancelled), 0)
    );
}

pub(super) async fn a_wish_to_cancel_turns_a_release_into_cancelled(env: Env) {
    let (finished, _) = cancelled_with(&env, Verdict::Release).await;
    assert_eq!(finished, Finished::Now(State::Cancelled));
}

pub(super) async fn who_succeeds_before_the_wish_arrives_has_succeeded(env: Env) {
    let (finished, it) = cancelled_with(&env, succeed()).await;
    assert_eq!(finished, Finished::Now(State::Succeeded));
    assert!(!it.cancelling);
}

pub(super) async fn history_tells_every_attempt(env: Env) {
    env.add(0, job(1)).await;
    for (now, verdict) in [(1, retry(1)), (2, snooze(2)), (3, Verdict::Release)] {
        let run = env.one(now).await;
        env.finish(now, run.claim, verdict).await;
        env.promote(now).await;
    }
    let run = env.one(4).await;
    env.finish(5, run.claim, fail()).await;
    let expected = [
        (1, 1, "retried"),
        (2, 2, "snoozed"),
        (3, 2, "released"),
        (4, 2, "failed"),
    ];
    let expected = expected.map(|(claim, attempt, word)| (claim, attempt, String::from(word)));
    assert_eq!(env.past(1).await, expected);
    let last = env.history(1).await.pop();
    let last = last.map(|last| (last.started_at, last.ended_at, last.session, last.error));
    let who: Option<SessionId> = Some(session(1));
    assert_eq!(last, Some((t(4), Some(t(5)), who, Some("for good".into()))));
}

pub(super) async fn history_is_bounded(env: Env) {
    env.add(0, job(1)).await;
    for _ in 0..=rules::HISTORY_MAX {
        let run = env.one(1).await;
        env.finish(1, run.claim, Verdict::Release).await;
    }
    let history = env.history(1).await;
    let claims: Vec<u32> = history.iter().map(|attempt| attempt.claim).collect();
    assert_eq!(claims, (2..=rules::HISTORY_MAX + 1).collect::<Vec<_>>());
}

pub(super) async fn long_errors_are_cut_and_large_outputs_refused(env: Env) {
    let verdict = Verdict::Fail {
        error: "é".repeat(ERROR_BYTES_MAX),
    };
    let (_, it) = ended(&env, verdict).await;
    assert_eq!(it.error.map(|error| error.len()), Some(ERROR_BYTES_MAX));
    env.add(6, job(2)).await;
    let run = env.one(6).await;
    let output = Some(Bytes::from(vec![b' '; OUTPUT_BYTES_MAX + 1]));
    let attempt = Finish::new(run.claim, Verdict::Succeed { output }, None);
    let refused = env.store.finish(t(7), vec![attempt.clone()]).await;
    assert_eq!(kind_of(refused), ErrorKind::Limit);
    let refused = env.store.finish(t(7), vec![attempt; BATCH_MAX + 1]).await;
    assert_eq!(kind_of(refused), ErrorKind::Limit);
}

pub(super) async fn progress_and_cursor_are_fenced(env: Env) {
    env.add(0, job(1)).await;
    let run = env.one(1).await;
    let json = |json: &'static str| Some(Bytes::from_static(json.as_bytes()));
    let strange = Claim {
        token: Token::from_bytes([99; 16]),
        ..run.claim
    };
    let saves = vec![
        Progress::new(run.claim, json("1"), json("2")),
        Progress::new(run.claim, json("3"), None),
        Progress::new(strange, json("4"), json("4")),
    ];
    let saved = env.store.save(t(2), saves).await;
    assert!(matches!(saved, Ok(saved) if saved == [true, true, false]));
    let it = env.record(1).await;
    assert_eq!((it.progress, it.cursor), (json("3"), json("2")));
    env.finish(3, run.claim, retry(4)).await;
    let saved = env
        .store
        .save(t(3), vec![Progress::new(run.claim, json("5"), None)])
        .await;
    assert!(
        matches!(saved, Ok(saved) if saved == [false]),
        "it runs no more"
    );
    env.promote(4).await;
    assert_eq!(env.one(4).await.cursor, json("2"));
}
