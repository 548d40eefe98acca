//! The attribute: what it hands over, what it passes on, what its options do.

use std::collections::BTreeSet;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use mainspring::test::{Options, START, TestApp, run, timestamp};

#[mainspring::test]
async fn a_test_without_a_parameter_runs_on_a_runtime() {
    tokio::task::yield_now().await;
}

#[mainspring::test]
async fn the_wall_starts_at_the_documented_instant(app: TestApp) {
    assert_eq!(app.now(), timestamp(START));
    assert_eq!(app.clock().now(), timestamp(START));
}

#[mainspring::test(start = "2027-10-31T00:30:00+01:00")]
async fn the_wall_starts_where_the_test_says(app: TestApp) {
    assert_eq!(app.now(), timestamp("2027-10-30T23:30:00Z"));
}

#[mainspring::test]
async fn a_test_may_return_a_result(app: TestApp) -> Result<(), std::net::AddrParseError> {
    let _: std::net::IpAddr = "127.0.0.1".parse()?;
    drop(app);
    Ok(())
}

#[mainspring::test]
#[should_panic(expected = "as it should")]
async fn other_attributes_hold(_app: TestApp) {
    panic!("as it should");
}

#[mainspring::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_run_at_the_same_time(app: TestApp) {
    let threads = Arc::new(Mutex::new(BTreeSet::new()));
    let barrier = Arc::new(Barrier::new(2));
    let tasks = [(); 2].map(|()| {
        let (threads, barrier) = (Arc::clone(&threads), Arc::clone(&barrier));
        app.context().spawn("meet", move |_ctx| async move {
            // One thread alone would wait for ever.
            barrier.wait();
            let id = format!("{:?}", thread::current().id());
            threads.lock().unwrap().insert(id);
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(threads.lock().unwrap().len(), 2);
}

#[test]
fn the_same_seed_gives_the_same_ids() {
    let id = |seed| {
        run(Options::new().seed(seed), |app| async move {
            app.context().env().random.u64()
        })
    };
    assert_eq!(id(7), id(7));
    assert_ne!(id(7), id(8));
}

#[mainspring::test(seed = 7)]
async fn the_attribute_seeds(app: TestApp) {
    let expected = run_elsewhere(|| {
        run(Options::new().seed(7), |app| async move {
            app.context().env().random.u64()
        })
    });
    assert_eq!(app.context().env().random.u64(), expected);
}

/// A runtime cannot run inside another one's thread.
fn run_elsewhere(test: impl FnOnce() -> u64 + Send) -> u64 {
    thread::scope(|scope| scope.spawn(test).join().unwrap())
}
