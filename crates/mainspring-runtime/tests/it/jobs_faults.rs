//! A store that fails loses no end of an attempt and runs nothing twice.

use std::time::Duration;

use mainspring_core::error::ErrorKind;
use mainspring_core::job::State;
use mainspring_core::lifecycle::ShutdownCause;
use mainspring_core::store::Store;
use mainspring_core::store::memory::MemoryStore;
use mainspring_runtime::jobs::{JobContext, Jobs};

use crate::flaky_store::{Fault, FlakyStore};
use crate::jobs_rig::Work;
use crate::rig::{Rig, SECOND};

#[tokio::test]
async fn every_kind_of_failure_of_every_call_is_outlived() {
    let (rig, store) = (Rig::new(), MemoryStore::new());
    let flaky = FlakyStore::on(store.clone());
    let jobs = Jobs::new(flaky.clone());
    let log = rig.log.clone();
    let app = rig
        .app()
        .jobs(jobs.clone())
        .worker_fn(move |_: JobContext, job: Work| {
            log.add(job.0);
            async { Ok(()) }
        });
    let running = rig.ready(app).await;
    rig.clock.settle().await;
    let contended = Fault::Before(ErrorKind::Contended);
    let full = Fault::Before(ErrorKind::StorageFull);
    flaky.fail("claim", [contended, full]);
    flaky.fail("promote", [contended, full]);
    flaky.fail("finish", [contended, full, Fault::After, contended]);
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(jobs.enqueue(Work(number.to_string())).await.unwrap().id());
    }
    let later = jobs.enqueue(Work("later".into())).after(SECOND);
    ids.push(later.await.unwrap().id());
    rig.clock.advance(SECOND * 10).await;
    assert_eq!(flaky.left(), 0, "every fault has happened");
    assert_eq!(rig.log.lines(), ["0", "1", "2", "later"], "each once");
    for id in ids {
        let job = store.get(id).await.unwrap().unwrap();
        assert_eq!((job.state, job.attempts), (State::Succeeded, 1));
    }
    let page = rig.get(&running, "/metrics").await.body;
    assert!(page.contains("mainspring_store_failures_total 8"), "{page}");
    let _ = rig.stopped(running).await;
}

#[tokio::test]
async fn an_end_is_written_by_the_drain_although_the_store_fails() {
    let (rig, store) = (Rig::new(), MemoryStore::new());
    let flaky = FlakyStore::on(store.clone());
    let jobs = Jobs::new(flaky.clone());
    let app = rig.app().jobs(jobs.clone());
    let app = app.worker_fn(|ctx: JobContext, _: Work| async move {
        ctx.clock().sleep(SECOND).await;
        Ok(())
    });
    let running = rig.ready(app).await;
    let id = jobs.enqueue(Work("a".into())).await.unwrap().id();
    rig.clock.settle().await;
    flaky.fail(
        "finish",
        [Fault::Before(ErrorKind::Contended), Fault::After],
    );
    let report = rig.stopped(running).await;
    assert_eq!(report.exit_code(), 0, "{report}");
    let job = store.get(id).await.unwrap().unwrap();
    assert_eq!(job.state, State::Succeeded);
}

#[tokio::test]
async fn a_store_that_does_not_open_is_a_start_failure_with_its_hint() {
    let rig = Rig::new();
    let flaky = FlakyStore::on(MemoryStore::new());
    flaky.fail("open", [Fault::Before(ErrorKind::Schema)]);
    let app = rig
        .app()
        .component(rig.part("cache"))
        .jobs(Jobs::new(flaky));
    let report = rig.run(app).await;
    let ShutdownCause::StartFailed { what } = &report.cause else {
        panic!("{report}");
    };
    assert_eq!(what, "stores");
    assert!(report.to_string().contains("open fails"), "{report}");
    assert_eq!(report.exit_code(), 1);
    assert!(rig.log.lines().is_empty(), "no component has started");
}

#[tokio::test]
async fn a_store_that_does_not_close_is_in_the_report() {
    let rig = Rig::new();
    let flaky = FlakyStore::on(MemoryStore::new());
    flaky.fail("close", [Fault::Before(ErrorKind::Io)]);
    let running = rig.ready(rig.app().jobs(Jobs::new(flaky))).await;
    let report = rig.stopped(running).await;
    assert!(report.to_string().contains("close fails"), "{report}");
    assert_eq!(report.exit_code(), 3);
}

#[tokio::test]
async fn a_look_that_fails_does_not_stop_the_clock() {
    let (rig, store) = (Rig::new(), MemoryStore::new());
    let flaky = FlakyStore::on(store);
    let jobs = Jobs::new(flaky.clone());
    let app = rig.app().jobs(jobs.clone());
    let running = rig
        .ready(app.worker_fn(|_: JobContext, _: Work| async { Ok(()) }))
        .await;
    flaky.fail("cancelling", [Fault::Before(ErrorKind::Io)]);
    flaky.fail("peers", [Fault::Before(ErrorKind::Io)]);
    jobs.enqueue(Work("a".into())).await.unwrap();
    rig.clock.advance(Duration::from_secs(86_400)).await;
    let _ = rig.stopped(running).await;
}
