//! The health server: what it answers, and what no probe can do to it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use mainspring_core::health::{Health, Readiness};
use mainspring_runtime::app::App;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use crate::fast_clock::fast_clock;
use crate::rig::{Does, HOUR, Reply, Rig, SECOND, YEAR};

#[tokio::test]
async fn every_page_answers_get_and_head() {
    let rig = Rig::new();
    let app = rig.app().component(rig.part("b")).component(rig.part("a"));
    let running = rig.ready(app).await;
    let live = rig.get(&running, "/live").await;
    assert_eq!(live.status, 200);
    assert_eq!(live.json()["name"], "test");
    assert_eq!(rig.get(&running, "/startup").await.status, 200);
    let ready = rig.get(&running, "/ready").await;
    assert_eq!(ready.status, 200);
    assert!(ready.head.contains("content-type: application/json"));
    assert!(ready.head.contains("cache-control: no-store"));
    let part = |name| json!({"name": name, "state": "healthy", "took_ms": 0, "checked": false});
    let parts = [part("a"), part("b")];
    let whole = json!({
        "name": "test", "state": "healthy", "took_ms": 0, "checked": false, "dependencies": parts
    });
    assert_eq!(
        ready.json(),
        whole,
        "sorted by name, unchecked without a probe of its own"
    );
    for path in ["/live", "/ready", "/startup", "/metrics"] {
        let head = rig.ask(&running, "HEAD", path).await;
        assert_eq!((head.status, &*head.body), (200, ""), "{path}");
        assert!(head.head.contains("content-length: "), "{path}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let refused = rig.ask(&running, method, path).await;
            assert_eq!(refused.status, 405);
            assert!(refused.head.contains("allow: get, head"));
        }
    }
    assert_eq!(rig.get(&running, "/other").await.status, 404);
    let report = rig.stopped(running).await;
    assert_eq!(report.exit_code(), 0);
}

#[tokio::test]
async fn it_is_up_before_the_first_start_and_until_the_last_stop() {
    let rig = Rig::new();
    let slow = rig
        .part("slow")
        .start(Does::Take(10 * SECOND))
        .stop(Does::Take(SECOND));
    let app = App::new("test").component(slow);
    let running = rig.start(app);
    rig.clock.advance(9 * SECOND).await;
    assert_eq!(rig.get(&running, "/live").await.status, 200);
    for path in ["/ready", "/startup"] {
        let reply = rig.get(&running, path).await;
        assert_eq!(
            (reply.status, &reply.json()["message"]),
            (503, &json!("starting"))
        );
    }
    rig.clock.advance(SECOND).await;
    assert_eq!(rig.get(&running, "/ready").await.status, 200);
    // Nobody has asked for `/startup` meanwhile; it knows all the same.
    running.handle.shutdown("done");
    for after in [SECOND, 3 * SECOND - SECOND / 2] {
        rig.clock.advance(after).await;
        let ready = rig.get(&running, "/ready").await;
        assert_eq!(
            (ready.status, &ready.json()["message"]),
            (503, &json!("draining"))
        );
        assert_eq!(rig.get(&running, "/startup").await.status, 200);
        assert_eq!(rig.get(&running, "/live").await.status, 200);
    }
    assert_eq!(
        rig.log.lines(),
        ["start slow", "stop slow"],
        "asked while the last one stopped"
    );
    let address = running.handle.addresses()["health"];
    let _ = rig.ended(running).await;
    assert!(rig.network.connect(address).is_err(), "closed");
}

#[tokio::test]
async fn the_worst_state_wins_and_only_unhealthy_is_503() {
    let states = Arc::new(Mutex::new([Health::healthy(), Health::healthy()]));
    let probe = |at: usize| {
        let states = Arc::clone(&states);
        move |_ctx| {
            let health = states.lock().unwrap()[at].clone();
            async move { health }
        }
    };
    let rig = Rig::new();
    let app = rig.app().probe("zero", probe(0)).probe("one", probe(1));
    let running = rig.ready(app).await;
    let worse = || {
        [
            Health::healthy(),
            Health::degraded("slow"),
            Health::unhealthy("gone"),
        ]
    };
    for (a, first) in worse().into_iter().enumerate() {
        for (b, second) in worse().into_iter().enumerate() {
            *states.lock().unwrap() = [first.clone(), second];
            let reply = rig.get(&running, "/ready").await;
            assert_eq!(reply.status, if a.max(b) == 2 { 503 } else { 200 });
            let word = ["healthy", "degraded", "unhealthy"];
            let json = reply.json();
            assert_eq!(json["state"], word[a.max(b)]);
            assert_eq!(json["dependencies"][0]["name"], "one", "sorted");
            assert_eq!(json["dependencies"][0]["state"], word[b]);
            assert_eq!(json["dependencies"][1]["state"], word[a]);
        }
    }
    let metrics = rig.get(&running, "/metrics").await.body;
    let degraded = r#"mainspring_probes_total{probe="zero",outcome="degraded"} 3"#;
    assert!(metrics.contains(degraded), "{metrics}");
    let _ = rig.stopped(running).await;
}

#[tokio::test]
async fn a_probe_that_panics_is_unhealthy_and_kills_nothing() {
    let rig = Rig::new();
    let app = rig
        .app()
        .probe("in the body", |_ctx| async { panic!("inside") })
        .probe("in the call", |_ctx| -> std::future::Ready<Health> {
            panic!("before")
        })
        .probe("well", |_ctx| async { Health::healthy() });
    let running = rig.ready(app).await;
    for _ in 0..3 {
        let reply = rig.get(&running, "/ready").await;
        assert_eq!(reply.status, 503);
        let probes = &reply.json()["dependencies"];
        assert_eq!(probes[0]["message"], "panicked: inside");
        assert_eq!(probes[1]["message"], "panicked: before");
        assert_eq!(probes[2]["state"], "healthy");
    }
    assert_eq!(rig.get(&running, "/live").await.status, 200);
    let _ = rig.stopped(running).await;
}

/// Probes that wait: how many have begun, and what lets them go.
#[derive(Clone, Default)]
struct Gate {
    begun: Arc<AtomicUsize>,
    has_begun: Arc<Notify>,
    open: Arc<Notify>,
}

impl Gate {
    fn begin(&self) {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.has_begun.notify_one();
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_probe_that_ignores_its_limit_is_left_behind() {
    let rig = Rig::new();
    let gate = Gate::default();
    let probe = gate.clone();
    let app = rig.app().probe("deaf", move |ctx| {
        let gate = probe.clone();
        async move {
            gate.begin();
            ctx.clock().sleep(YEAR).await;
            Health::healthy()
        }
    });
    let running = rig.ready(app).await;
    let (reply, ()) = tokio::join!(rig.get(&running, "/ready"), async {
        gate.has_begun.notified().await;
        rig.clock.advance(5 * SECOND).await;
    });
    assert_eq!(reply.status, 503);
    let probe = &reply.json()["dependencies"][0];
    assert_eq!(
        (&probe["message"], &probe["took_ms"]),
        (&json!("no answer within 5s"), &json!(5000))
    );
    let before = rig.clock.monotonic();
    let again = rig.get(&running, "/ready").await;
    assert_eq!(
        (again.status, rig.clock.monotonic()),
        (503, before),
        "at once"
    );
    assert_eq!(gate.begun(), 1, "it is not started again while it hangs");
    running.handle.shutdown("done");
    let report = rig.clock.run_until(running.report).await.unwrap();
    assert_eq!((report.exit_code(), report.took), (0, Duration::ZERO));
}

#[tokio::test]
async fn requests_at_the_same_time_share_one_run() {
    let rig = Rig::new();
    let gate = Gate::default();
    let probe = gate.clone();
    let app = rig.app().probe("slow", move |ctx| {
        let gate = probe.clone();
        async move {
            gate.begin();
            ctx.park(gate.open.notified()).await;
            Health::healthy()
        }
    });
    let running = rig.ready(app).await;
    let (one, two, ()) = tokio::join!(
        rig.get(&running, "/ready"),
        rig.get(&running, "/ready"),
        async {
            gate.has_begun.notified().await;
            rig.clock.settle().await;
            gate.open.notify_one();
        }
    );
    assert_eq!(
        (one.status, two.status),
        (200, 200),
        "a healthy probe has no unhealthy moment"
    );
    assert_eq!(gate.begun(), 1);
    gate.open.notify_one();
    assert_eq!(rig.get(&running, "/ready").await.status, 200);
    assert_eq!(gate.begun(), 2, "the next request starts it again");
    let _ = rig.stopped(running).await;
}

#[tokio::test]
async fn a_probe_that_blocks_its_thread_holds_up_nothing() {
    let rig = Rig::new();
    let (open, gate) = mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let begun = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&begun);
    let app = rig
        .app()
        .probe("blocks", move |_ctx| {
            let (gate, count) = (Arc::clone(&gate), Arc::clone(&count));
            async move {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = gate.lock().unwrap().recv();
                Health::healthy()
            }
        })
        .probe("well", |_ctx| async { Health::healthy() });
    // One thread runs this test, the app and its health server.
    let running = rig.start_on(fast_clock(), app);
    assert!(running.handle.ready().await);
    for _ in 0..3 {
        let reply = rig.get(&running, "/ready").await;
        let probes = &reply.json()["dependencies"];
        assert_eq!(
            (reply.status, &probes[0]["state"]),
            (503, &json!("unhealthy"))
        );
        assert_eq!(probes[1]["state"], "healthy");
    }
    assert_eq!(
        begun.load(Ordering::SeqCst),
        1,
        "one thread, however often it is asked"
    );
    drop(open);
    while rig.get(&running, "/ready").await.status != 200 {}
    running.handle.shutdown("done");
    assert_eq!(running.report.await.unwrap().exit_code(), 0);
}

#[tokio::test]
async fn the_environment_wins_over_the_code() {
    let mut rig = Rig::new();
    rig.environment = rig
        .environment
        .with("MAINSPRING_HEALTH_ADDR", "127.0.0.1:0");
    let running = rig.ready(rig.app().health("127.0.0.1:7")).await;
    let port = running.handle.addresses()["health"].port();
    assert!(port != 7 && port != 0, "{port}");
    assert_eq!(rig.get(&running, "/live").await.status, 200);
    let _ = rig.stopped(running).await;
    let without = rig.ready(rig.app().without_health()).await;
    assert!(without.handle.addresses().is_empty());
    let _ = rig.stopped(without).await;

    rig.environment = rig.environment.with("MAINSPRING_HEALTH_ADDR", "nowhere:1");
    let report = rig.run(rig.app().component(rig.part("a"))).await;
    let text = report.to_string();
    assert_eq!(report.exit_code(), 1);
    assert!(text.contains("listener \"health\" on nowhere:1"), "{text}");
    assert!(text.contains("set MAINSPRING_HEALTH_ADDR"), "{text}");
    assert!(rig.log.lines().is_empty());
}

#[tokio::test]
async fn an_address_that_is_none_is_a_configuration_error() {
    let refused = |address: &'static str, outside: bool| async move {
        let mut rig = Rig::new();
        let mut app = rig.app().component(rig.part("a")).component(rig.part("a"));
        match outside {
            true => {
                let set = rig.environment.with("MAINSPRING_HEALTH_ADDR", address);
                rig.environment = set;
            }
            false => app = app.health(address),
        }
        let report = rig.run(app).await;
        let text = report.to_string();
        let told = format!("the health address \"{address}\" cannot be used");
        assert!(text.contains(&told), "{text}");
        assert!(text.contains("MAINSPRING_HEALTH_ADDR"), "{text}");
        assert_eq!(report.problems.len(), 2, "with the others: {text}");
    };
    for address in ["everywhere", "127.0.0.1", ":9090", "127.0.0.1:99999", "a:"] {
        refused(address, true).await;
        refused(address, false).await;
    }
    refused("", false).await;
    let mut rig = Rig::new();
    rig.environment = rig.environment.with("MAINSPRING_HEALTH_ADDR", "everywhere");
    let without = rig.ready(rig.app().without_health()).await;
    let _ = rig.stopped(without).await;
}

#[tokio::test]
async fn the_default_address_is_local() {
    let rig = Rig::new();
    let running = rig.ready(rig.app()).await;
    assert_eq!(
        running.handle.addresses()["health"].to_string(),
        "127.0.0.1:9090"
    );
    assert_eq!(running.handle.readiness(), Readiness::Ready);
    let _ = rig.stopped(running).await;
}

#[tokio::test]
async fn too_many_probes_are_a_configuration_error() {
    let rig = Rig::new();
    let probes = 0..mainspring_runtime::health::PROBES_MAX + 1;
    let app = probes.fold(rig.app(), |app, at| {
        app.probe(&format!("probe {at}"), |_ctx| async { Health::healthy() })
    });
    let report = rig.run(app).await;
    assert!(
        report.to_string().contains("257 probes are registered"),
        "{report}"
    );
}

#[tokio::test]
async fn metrics_tell_of_components_and_tasks() {
    let rig = Rig::new();
    let app = rig
        .app()
        .component(rig.part("a").start(Does::Spawn("loop")));
    let app = app.component(rig.part("slow").start(Does::Take(2 * SECOND)));
    let running = rig.ready(app).await;
    rig.clock.advance(HOUR).await;
    let page = rig.get(&running, "/metrics").await;
    assert!(
        page.head
            .contains("content-type: application/openmetrics-text")
    );
    let lines: Vec<_> = page.body.lines().collect();
    for line in [
        r#"mainspring_component_state{component="a",state="started"} 1.0"#,
        r#"mainspring_component_start_seconds{component="slow"} 2.0"#,
    ] {
        assert!(lines.contains(&line), "{line} is in {lines:#?}");
    }
    let tasks = lines
        .iter()
        .find_map(|line| line.strip_prefix("mainspring_tasks_running "));
    let tasks: i64 = tasks.unwrap().parse().unwrap();
    assert!(tasks >= 2, "at least the loop and the server: {tasks}");
    let _ = rig.stopped(running).await;
}

#[tokio::test]
async fn connections_beyond_the_bound_are_told_and_closed() {
    const CONNECTIONS_MAX: usize = 256;
    let rig = Rig::new();
    let running = rig.ready(rig.app()).await;
    let address = running.handle.addresses()["health"];
    let mut open: Vec<_> = (0..CONNECTIONS_MAX)
        .map(|_| rig.network.connect(address).unwrap())
        .collect();
    for _ in 0..3 {
        let reply = rig.get(&running, "/live").await;
        assert_eq!(
            (reply.status, &*reply.body),
            (503, "too many connections\n")
        );
        assert!(reply.head.contains("connection: close"), "{}", reply.head);
    }
    // The last one that was let in is answered, and each that leaves makes room for one.
    let last = open.last_mut().unwrap();
    let request = b"GET /live HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    last.write_all(request).await.unwrap();
    let mut text = String::new();
    last.read_to_string(&mut text).await.unwrap();
    assert_eq!(Reply::of(&text).status, 200, "{text}");
    rig.clock.settle().await;
    assert_eq!(rig.get(&running, "/live").await.status, 200);
    open.clear();
    assert_eq!(rig.stopped(running).await.exit_code(), 0);
}
