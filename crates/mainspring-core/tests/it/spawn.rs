//! Tasks: named, owned, counted; a panic ends only its own.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use mainspring_core::activity::TaskKind;
use mainspring_core::error::ErrorKind;

use crate::rig::{Log, Rig, secs};

#[tokio::test]
async fn a_panic_is_named_and_counted_and_ends_only_its_task() {
    let rig = Rig::new();
    let other = rig.ctx.spawn("other", |ctx| async move {
        ctx.sleep(secs(60)).await.unwrap();
        "done"
    });
    let breaks = rig.ctx.spawn("breaks", |ctx| async move {
        ctx.sleep(secs(1)).await.unwrap();
        let number = 7;
        assert_eq!(number, 8, "the numbers differ");
    });
    assert_eq!((breaks.name(), rig.scope.len()), ("breaks", 2));
    rig.manual.advance(secs(60)).await;
    let error = breaks.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    assert!(
        error.to_string().contains("task `breaks` panicked"),
        "{error}"
    );
    assert_eq!(other.await.unwrap(), "done");
    let panics = rig.panics();
    assert!(matches!(&panics[..], [(task, text)] if task == "breaks" && text.contains("differ")));
    assert!(rig.scope.is_empty());
}

fn breaks_early(_ctx: mainspring_core::context::Context) -> std::future::Ready<()> {
    panic!("before there is a future")
}

#[tokio::test]
async fn a_panic_before_there_is_a_future_is_the_tasks_own() {
    let rig = Rig::new();
    let task = rig.ctx.spawn("early", breaks_early);
    rig.manual.settle().await;
    assert_eq!(task.await.unwrap_err().kind(), ErrorKind::Panicked);
    let expected = ("early".to_owned(), "before there is a future".to_owned());
    assert_eq!(rig.panics(), [expected]);
}

#[tokio::test]
async fn a_panic_while_an_aborted_task_is_dropped_is_the_tasks_own() {
    struct Breaks;
    impl Drop for Breaks {
        fn drop(&mut self) {
            panic!("while it is dropped");
        }
    }
    let rig = Rig::new();
    let task = rig.ctx.spawn("aborted", |_| async {
        let _breaks = Breaks;
        pending::<()>().await;
    });
    rig.manual.settle().await;
    task.abort();
    rig.manual.settle().await;
    assert_eq!(task.await.unwrap_err().kind(), ErrorKind::Panicked);
    let expected = ("aborted".to_owned(), "while it is dropped".to_owned());
    assert_eq!(rig.panics(), [expected]);
}

#[tokio::test]
async fn an_aborted_task_says_so() {
    let rig = Rig::new();
    let before = rig.ctx.spawn("before its first poll", |_| async {});
    before.abort();
    let waiting = rig.ctx.spawn("waiting", |_| pending::<()>());
    rig.manual.settle().await;
    waiting.abort();
    rig.manual.settle().await;
    for task in [before, waiting] {
        let name = task.name().to_owned();
        let error = task.now_or_never().expect("it has ended").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Aborted);
        assert!(error.to_string().contains(&name), "{error}");
    }
    assert_eq!(rig.panics(), []);
}

#[tokio::test]
async fn a_dropped_handle_lets_the_task_run_and_its_owner_wait() {
    let rig = Rig::new();
    let done = Log::new();
    let entry = done.clone();
    drop(rig.ctx.spawn("runs on", |ctx| async move {
        ctx.sleep(secs(5)).await.unwrap();
        entry.push(());
    }));
    let scope = rig.scope.clone();
    let stop = rig.body("stop", async move { scope.emptied().await });
    rig.manual.advance(secs(4)).await;
    assert_eq!((rig.scope.names().len(), done.all().len()), (1, 0));
    rig.manual.advance(secs(1)).await;
    stop.now_or_never().expect("it has seen the end").unwrap();
    assert_eq!((rig.scope.len(), done.all().len()), (0, 1));
}

#[tokio::test]
async fn a_scope_is_empty_when_its_last_task_has_ended() {
    let rig = Rig::new();
    rig.scope.emptied().await;
    for seconds in [3, 1, 2] {
        rig.ctx
            .spawn(&format!("{seconds} s"), move |ctx| async move {
                ctx.sleep(secs(seconds)).await.unwrap();
            });
    }
    let names: Vec<_> = rig.scope.names();
    assert_eq!(names, ["3 s", "1 s", "2 s"].map(Arc::from), "oldest first");
    let (scope, clock) = (rig.scope.clone(), rig.manual.clock());
    let emptied = rig.run(TaskKind::Loop, "stop", async move {
        scope.emptied().await;
        clock.monotonic().since_origin()
    });
    rig.manual.advance(secs(10)).await;
    assert_eq!(emptied.await.unwrap(), secs(3));
}

#[tokio::test]
async fn abort_all_ends_every_live_task_and_names_it() {
    let rig = Rig::new();
    let held = Arc::new(());
    for name in ["first", "second"] {
        let held = Arc::clone(&held);
        rig.ctx.spawn(name, |_| async move {
            let _held = held;
            pending::<()>().await;
        });
    }
    rig.ctx.spawn("over", |_| async {});
    rig.manual.settle().await;
    assert_eq!(rig.scope.abort_all(), ["first", "second"].map(Arc::from));
    rig.scope.emptied().await;
    rig.manual.settle().await;
    assert_eq!(Arc::strong_count(&held), 1);
    assert_eq!(rig.manual.activity().live_tasks().len(), 0);
}

#[test]
fn a_task_that_goes_with_its_runtime_leaves_nothing_live() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let rig = Rig::on(runtime.handle().clone());
    let task = rig.ctx.spawn("forgotten", |_| pending::<()>());
    let sleeps = rig
        .ctx
        .spawn("sleeps", |ctx| async move { ctx.sleep(secs(9)).await });
    let _body = rig.body("body", pending::<()>());
    assert_eq!(rig.scope.len(), 2);
    drop(runtime);
    let late = rig.ctx.spawn("after the end", |_| async {});
    assert!(rig.scope.is_empty());
    assert_eq!(rig.manual.activity().live_tasks().len(), 0);
    assert!(rig.manual.activity().is_idle());
    assert_eq!(rig.manual.pending(), 0);
    let ended = [task.now_or_never(), late.now_or_never()];
    for error in ended.map(|ended| ended.expect("it has ended").unwrap_err()) {
        assert_eq!(error.kind(), ErrorKind::Aborted);
    }
    assert!(sleeps.now_or_never().expect("it has ended").is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_tasks_come_and_go() {
    let rig = Rig::new();
    let done = Arc::new(AtomicUsize::new(0));
    for number in 0..10_000_u64 {
        let done = Arc::clone(&done);
        rig.ctx.spawn("short", move |ctx| async move {
            ctx.sleep(secs(number % 7)).await.unwrap();
            done.fetch_add(1, Ordering::SeqCst);
            assert!(number % 10 != 0, "one in ten");
        });
    }
    rig.manual.advance(secs(7)).await;
    assert_eq!(
        (done.load(Ordering::SeqCst), rig.panics().len()),
        (10_000, 1_000)
    );
    assert!(rig.scope.is_empty() && rig.manual.activity().live_tasks().is_empty());
    assert_eq!(rig.manual.pending(), 0);
}
