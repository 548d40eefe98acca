//! Processes that die or only seem to: rescue, fences, suspects that run alone, quarantine.
//!
//! The rescuer looks in I/O time, which the runtime of these tests moves on when nobody is busy.

use std::sync::Arc;

use mainspring_core::error::ErrorKind;
use mainspring_core::job::{JobId, SessionId, State};
use mainspring_core::lifecycle::Signal;
use mainspring_core::store::Store;
use mainspring_runtime::app::App;
use mainspring_runtime::jobs::{JobContext, Jobs};
use tokio::sync::mpsc;

use crate::flaky_store::{Fault, FlakyStore};
use crate::jobs_rig::{Shelf, Work, stop_all, with_jobs};
use crate::rig::{HOUR, Rig, Running};

/// An app whose jobs tell that they began and then hang until their context is cancelled.
struct Dying<'a> {
    rig: &'a Rig,
    shelf: &'a Shelf,
    began: mpsc::UnboundedSender<String>,
}

impl Dying<'_> {
    fn app(&self, name: &'static str) -> App {
        let (app, _) = with_jobs(self.rig, self.shelf);
        let began = self.began.clone();
        app.without_health()
            .worker_fn(move |ctx: JobContext, job: Work| {
                let began = began.clone();
                async move {
                    began.send(format!("{} in {name}", job.0)).unwrap();
                    if job.0 == "quick" {
                        return Ok(());
                    }
                    Err(ctx.cancelled().await.to_string().into())
                }
            })
    }

    async fn start(&self, name: &'static str) -> (Running, SessionId) {
        let before = self.sessions().await;
        let running = self.rig.ready(self.app(name)).await;
        let now = self.sessions().await;
        let new = now.into_iter().find(|session| !before.contains(session));
        (running, new.expect("it has opened a session"))
    }

    async fn sessions(&self) -> Vec<SessionId> {
        let peers = self.shelf.store.peers().await.unwrap();
        peers.iter().map(|peer| peer.session).collect()
    }
}

/// Waits, while I/O time passes, until a job is in this state.
async fn reaches(shelf: &Shelf, id: JobId, state: State) {
    let changed = Arc::new(tokio::sync::Notify::new());
    let bell = Arc::clone(&changed);
    let watcher = shelf.store.clone();
    watcher.on_hint(Arc::new(move || bell.notify_one()));
    while shelf.state(id).await != state {
        changed.notified().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_jobs_of_a_dead_process_run_in_another_and_its_late_end_is_fenced() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (began, mut beginnings) = mpsc::unbounded_channel();
    let dying = Dying {
        rig: &rig,
        shelf: &shelf,
        began,
    };
    let jobs = shelf.jobs();
    jobs.connect_on(rig.platform()).await.unwrap();
    let (zombie, session) = dying.start("zombie").await;
    let id = jobs.enqueue(Work("job".into())).await.unwrap().id();
    assert_eq!(beginnings.recv().await.unwrap(), "job in zombie");
    let (heir, _) = dying.start("heir").await;
    shelf.store.kill(session);
    assert_eq!(beginnings.recv().await.unwrap(), "job in heir");
    let job = shelf.get(id).await;
    assert_eq!((job.state, job.claims, job.deaths), (State::Running, 2, 1));
    zombie.handle.shutdown("it wakes up");
    let _ = rig.clock.run_until(zombie.report).await.unwrap();
    let job = shelf.get(id).await;
    assert_eq!(
        (job.state, job.claims),
        (State::Running, 2),
        "it was fenced"
    );
    stop_all(&rig, [heir]).await;
    assert_eq!(shelf.state(id).await, State::Ready);
    jobs.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_thought_dead_begins_anew() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (began, mut beginnings) = mpsc::unbounded_channel();
    let dying = Dying {
        rig: &rig,
        shelf: &shelf,
        began,
    };
    let jobs = shelf.jobs();
    jobs.connect_on(rig.platform()).await.unwrap();
    let (running, session) = dying.start("suspended").await;
    let now = rig.clock.now();
    shelf
        .store
        .rescue(now, session, Default::default())
        .await
        .unwrap();
    jobs.enqueue(Work("quick".into())).await.unwrap();
    rig.clock.advance(HOUR).await;
    assert_eq!(beginnings.recv().await.unwrap(), "quick in suspended");
    assert_ne!(dying.sessions().await, [session]);
    stop_all(&rig, [running]).await;
    assert!(
        dying.sessions().await.is_empty(),
        "it has closed the new one"
    );
    jobs.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_beat_that_stands_still_for_a_lease_is_a_stall_and_nobody_is_blamed() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (began, mut beginnings) = mpsc::unbounded_channel();
    let dying = Dying {
        rig: &rig,
        shelf: &shelf,
        began,
    };
    let jobs = shelf.jobs();
    jobs.connect_on(rig.platform()).await.unwrap();
    // Nothing moves the beats of this store, so each thinks the other stalled.
    let (one, _) = dying.start("one").await;
    let id = jobs.enqueue(Work("job".into())).await.unwrap().id();
    assert_eq!(beginnings.recv().await.unwrap(), "job in one");
    let (other, _) = dying.start("other").await;
    let again = beginnings.recv().await.unwrap();
    assert!(again.starts_with("job in "), "{again}");
    let job = shelf.get(id).await;
    assert_eq!((job.claims, job.deaths), (2, 0));
    stop_all(&rig, [one, other]).await;
    jobs.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_pill_is_quarantined_once_it_has_died_alone_and_its_neighbours_are_not() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let jobs = shelf.jobs();
    jobs.connect_on(rig.platform()).await.unwrap();
    let pill = jobs.enqueue(Work("pill".into())).await.unwrap().id();
    let mut others = Vec::new();
    for _ in 0..5 {
        others.push(jobs.enqueue(Work("other".into())).await.unwrap().id());
    }
    for deaths in 0..3 {
        let (began, mut beginnings) = mpsc::unbounded_channel();
        let (app, _) = with_jobs(&rig, &shelf);
        let app = app
            .without_health()
            .worker_fn(move |ctx: JobContext, job: Work| {
                let began = began.clone();
                async move {
                    match &*job.0 {
                        "pill" => began.send(()).unwrap(),
                        // The first process dies with all of them.
                        _ if deaths > 0 => return Ok(()),
                        _ => {}
                    }
                    ctx.clock().sleep(HOUR).await;
                    Ok(())
                }
            });
        let dying = rig.ready(app).await;
        beginnings.recv().await.unwrap();
        assert_eq!(shelf.get(pill).await.deaths, deaths);
        let running = others.iter().map(|id| shelf.state(*id));
        let running = futures_util::future::join_all(running).await;
        let expected = if deaths == 0 { 5 } else { 0 };
        let running = running.iter().filter(|state| **state == State::Running);
        assert_eq!(running.count(), expected, "after {deaths} deaths");
        let session = shelf.store.peers().await.unwrap()[0].session;
        shelf.store.kill(session);
        dying.handle.signal(Signal::Terminate);
        dying.handle.signal(Signal::Terminate);
        let _ = rig.clock.run_until(dying.report).await.unwrap();
        assert_eq!(
            shelf.state(pill).await,
            State::Running,
            "nobody gave it back"
        );
    }
    let (app, _) = with_jobs(&rig, &shelf);
    let last = app
        .without_health()
        .worker_fn(|_: JobContext, _: Work| async { Ok(()) });
    let last = rig.ready(last).await;
    reaches(&shelf, pill, State::Quarantined).await;
    for id in others {
        let job = shelf.get(id).await;
        assert_eq!((job.state, job.deaths), (State::Succeeded, 1));
    }
    jobs.free(pill).await.unwrap();
    reaches(&shelf, pill, State::Succeeded).await;
    stop_all(&rig, [last]).await;
    jobs.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_dead_are_found_at_the_start_although_the_first_look_fails() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let (app, jobs) = with_jobs(&rig, &shelf);
    let app = app
        .without_health()
        .worker_fn(|ctx: JobContext, _: Work| async move {
            ctx.clock().sleep(HOUR).await;
            Ok(())
        });
    let dying = rig.ready(app).await;
    let id = jobs.enqueue(Work("job".into())).await.unwrap().id();
    rig.clock.settle().await;
    let session = shelf.store.peers().await.unwrap()[0].session;
    shelf.store.kill(session);
    dying.handle.signal(Signal::Terminate);
    dying.handle.signal(Signal::Terminate);
    let _ = rig.clock.run_until(dying.report).await.unwrap();

    let flaky = FlakyStore::on(shelf.store.clone());
    flaky.fail("peers", [Fault::Before(ErrorKind::Contended)]);
    flaky.fail(
        "rescue",
        [Fault::Before(ErrorKind::Contended), Fault::After],
    );
    let app = rig.app().without_health().jobs(Jobs::new(flaky.clone()));
    let heir = rig
        .ready(app.worker_fn(|_: JobContext, _: Work| async { Ok(()) }))
        .await;
    reaches(&shelf, id, State::Succeeded).await;
    assert_eq!(
        shelf.get(id).await.deaths,
        1,
        "one death, however often it is told"
    );
    stop_all(&rig, [heir]).await;
}
