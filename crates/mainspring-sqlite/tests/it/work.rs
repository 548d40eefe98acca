//! Enqueue, claim, finish.

use mainspring_core::job::{State, Verdict};
use mainspring_core::store::{Enqueued, Finish, Finished, Store, Was};

use crate::support::{Place, at, done};

#[tokio::test]
async fn a_job_is_enqueued_claimed_and_finished() {
    let place = Place::new();
    let store = place.open();
    let session = place.session(&store).await;
    let job = place.job("a");
    let answer = store
        .enqueue(at(0), vec![job.clone(), job.clone()])
        .await
        .unwrap();
    let expected = [
        Enqueued::new(job.id, Was::New),
        Enqueued::new(job.id, Was::Existing),
    ];
    assert_eq!(answer, expected);
    let claimed = place.claim(&store, session).await.jobs;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].payload, job.payload);
    assert!(place.claim(&store, session).await.jobs.is_empty());
    let finish = done(claimed[0].claim);
    let finished = store.finish(at(2), vec![finish.clone()]).await.unwrap();
    assert_eq!(finished, [Finished::Now(State::Succeeded)]);
    let again = store.finish(at(2), vec![finish]).await.unwrap();
    assert_eq!(again, [Finished::Already(State::Succeeded)]);
    let record = store.get(job.id).await.unwrap().unwrap();
    assert_eq!(
        (record.state, record.ended_at),
        (State::Succeeded, Some(at(2)))
    );
    assert_eq!(store.history(job.id).await.unwrap().len(), 1);
    store.close_session(at(3), session).await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_retried_job_keeps_its_history_and_fences_the_late() {
    let place = Place::new();
    let store = place.open();
    let session = place.session(&store).await;
    let job = place.job("a");
    store.enqueue(at(0), vec![job.clone()]).await.unwrap();
    let first = place.claim(&store, session).await.jobs[0].claim;
    let error = "no route".to_owned();
    let retry = Finish::new(first, Verdict::Retry { at: at(10), error }, None);
    store.finish(at(2), vec![retry]).await.unwrap();
    assert_eq!(
        store.promote(at(9), 10).await.unwrap().next_due,
        Some(at(10))
    );
    assert_eq!(store.promote(at(10), 10).await.unwrap().jobs, 1);
    let second = place.claim(&store, session).await.jobs[0].clone();
    assert_eq!((second.attempt, second.claims), (2, 2));
    let late = store.finish(at(11), vec![done(first)]).await.unwrap();
    assert_eq!(late, [Finished::Fenced]);
    let history = store.history(job.id).await.unwrap();
    let words: Vec<_> = history.iter().map(|attempt| &*attempt.outcome).collect();
    assert_eq!(words, ["retried", "running"]);
    assert_eq!(history[0].error.as_deref(), Some("no route"));
}
