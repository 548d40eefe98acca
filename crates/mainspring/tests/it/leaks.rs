//! What a test leaves behind is found and named, and hides nothing else.

use mainspring::prelude::*;
use mainspring::test::{Options, TestApp, hours, run};

use crate::rig::panic_of;

#[track_caller]
fn check<F, Fut>(test: F, expected: &str)
where
    F: FnOnce(TestApp) -> Fut + Clone,
    Fut: Future<Output = ()>,
{
    for options in [Options::new(), Options::new().multi_thread()] {
        let message = panic_of(|| run(options, test.clone()));
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("without_leak_check"), "{message}");
    }
}

#[test]
fn a_tracked_task_is_named() {
    let test = |app: TestApp| async move {
        app.context()
            .spawn("forgotten", |_ctx| std::future::pending::<()>());
    };
    check(test, "the task `forgotten`");
}

#[test]
fn a_plain_task_is_counted() {
    let test = |app: TestApp| async move {
        let _app = app.start(App::new("test")).await;
        tokio::spawn(std::future::pending::<()>());
        tokio::spawn(std::future::pending::<()>());
    };
    check(test, "2 that `tokio::spawn` started");
}

#[test]
fn an_armed_timer_is_counted() {
    let test = |app: TestApp| async move {
        std::mem::forget(app.clock().sleep(hours(1)));
    };
    check(test, "1 armed timer");
}

#[test]
fn a_task_that_a_component_detached_is_named() {
    struct Careless;
    impl Component for Careless {
        fn name(&self) -> &str {
            "careless"
        }
        async fn start(&self, ctx: Context) -> Result<(), BoxError> {
            let spawner = ctx.env().spawner.clone();
            let kind = mainspring::activity::TaskKind::Loop;
            spawner.execute(kind, &"runaway".into(), std::future::pending());
            Ok(())
        }
    }
    let test = |app: TestApp| async move {
        app.start(App::new("test").component(Careless)).await;
    };
    check(test, "the task `runaway`");
}

#[test]
fn leaks_may_be_allowed() {
    run(Options::new(), |app| async move {
        let app = app.without_leak_check();
        app.context()
            .spawn("forgotten", |_ctx| std::future::pending::<()>());
        tokio::spawn(std::future::pending::<()>());
    });
}

#[test]
fn a_failing_test_is_not_hidden_by_what_it_left() {
    let message = panic_of(|| {
        run(Options::new(), |app| async move {
            tokio::spawn(std::future::pending::<()>());
            app.context()
                .spawn("forgotten", |_ctx| std::future::pending::<()>());
            panic!("the real reason");
        })
    });
    assert_eq!(message, "the real reason");
}

#[test]
fn a_blocked_thread_does_not_hold_the_test_up() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    run(Options::new(), |_app| async move {
        tokio::task::spawn_blocking(move || receiver.recv());
    });
    drop(sender);
}
