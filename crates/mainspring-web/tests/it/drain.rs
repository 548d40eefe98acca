//! Accepting, draining, cutting.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mainspring_core::spawn::BoxFuture;
use mainspring_runtime::network::{Connection, Listener, Network, TcpNetwork};
use mainspring_web::action::Action;
use mainspring_web::app::Web;
use mainspring_web::context::ActionContext;
use mainspring_web::error::ActionError;
use mainspring_web::http::HttpLimits;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use crate::harness::{Draft, Setup, get, post, soon};

/// Says when it begins and ends when it is let go.
#[derive(Clone)]
struct Held {
    told: mpsc::UnboundedSender<&'static str>,
    go_on: Arc<Notify>,
}

struct Dropped(mpsc::UnboundedSender<&'static str>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send("dropped");
    }
}

impl Action for Held {
    const NAME: &'static str = "demo.sleep";
    type Input = ();
    type Output = ();

    async fn call(&self, ctx: ActionContext, (): ()) -> Result<(), ActionError> {
        let _dropped = Dropped(self.told.clone());
        ctx.follow_up("after", Duration::from_secs(5), |_| async { Ok(()) });
        let _ = self.told.send("begun");
        self.go_on.notified().await;
        Ok(())
    }
}

fn held() -> (Held, Arc<Notify>, mpsc::UnboundedReceiver<&'static str>) {
    let (told, heard) = mpsc::unbounded_channel();
    let go_on = Arc::new(Notify::new());
    let held = Held {
        told,
        go_on: Arc::clone(&go_on),
    };
    (held, go_on, heard)
}

#[tokio::test]
async fn a_drain_answers_what_is_under_way_and_closes_the_rest() {
    for setup in [Setup::tcp(), Setup::memory()] {
        let tcp = !setup.is_memory();
        let (held, go_on, mut heard) = held();
        let mut server = setup.start(|draft| draft.action(held)).await;
        let mut idle = server.connect().await;
        idle.write(get("/nowhere").as_bytes()).await;
        assert_eq!(idle.answer().await.status, 404);
        let mut fresh = server.connect().await;
        let mut busy = server.connect().await;
        busy.write(post("/actions/demo.sleep", "", "").as_bytes())
            .await;
        assert_eq!(soon(heard.recv()).await, Some("begun"));
        let address = server.address;
        let draining = async {
            server.bound.drain().await;
        };
        let watching = async {
            assert!(idle.closed().await.is_empty());
            assert!(fresh.closed().await.is_empty());
            if tcp {
                assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
            }
            go_on.notify_one();
            let answer = busy.answer().await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("connection"), "close");
            assert!(busy.closed().await.is_empty());
        };
        soon(async { tokio::join!(draining, watching) }).await;
        server.drained().await;
        assert_eq!(server.outcomes("after"), ["succeeded"]);
    }
}

#[tokio::test]
async fn a_cut_names_what_was_running_and_drops_it() {
    let (held, _go_on, mut heard) = held();
    let mut server = Setup::tcp().start(|draft| draft.action(held)).await;
    let mut left = server.connect().await;
    left.write(post("/actions/demo.sleep", "", "").as_bytes())
        .await;
    assert_eq!(soon(heard.recv()).await, Some("begun"));
    drop(left);
    let mut busy = server.connect().await;
    busy.write(post("/actions/demo.sleep", "", "").as_bytes())
        .await;
    assert_eq!(soon(heard.recv()).await, Some("begun"));
    let _idle = server.connect().await;
    let names = server.bound.cut();
    assert_eq!(
        names,
        ["POST /actions/demo.sleep", "POST /actions/demo.sleep"]
    );
    assert_eq!(soon(heard.recv()).await, Some("dropped"));
    assert_eq!(soon(heard.recv()).await, Some("dropped"));
    assert!(busy.closed().await.is_empty());
    server.drained().await;
    assert_eq!(server.outcomes("after"), ["dropped", "dropped"]);
    soon(server.bound.drain()).await;
}

#[tokio::test]
async fn a_drain_may_be_given_up_and_taken_up_again() {
    let (held, go_on, mut heard) = held();
    let mut server = Setup::tcp().start(|draft| draft.action(held)).await;
    let mut busy = server.connect().await;
    busy.write(post("/actions/demo.sleep", "", "").as_bytes())
        .await;
    assert_eq!(soon(heard.recv()).await, Some("begun"));
    for _ in 0..3 {
        let mut drain = server.bound.drain();
        assert!(futures_util::poll!(drain.as_mut()).is_pending());
    }
    go_on.notify_one();
    soon(server.bound.drain()).await;
    assert_eq!(busy.answer().await.status, 200);
}

/// Answers a text whose tail fits into the server's buffer, but not into the pipe.
struct Tail;

impl Action for Tail {
    const NAME: &'static str = "demo.tail";
    type Input = usize;
    type Output = String;

    async fn call(&self, _ctx: ActionContext, size: usize) -> Result<String, ActionError> {
        Ok("x".repeat(size))
    }
}

#[tokio::test]
async fn a_drain_writes_the_tail_of_an_answer_to_a_slow_reader() {
    let mut server = Setup::manual().start(|draft| draft.action(Tail)).await;
    let clock = server.manual.clone().unwrap();
    let mut client = server.connect().await;
    let size = 100 * 1024;
    client
        .write(post("/actions/demo.tail", "", &size.to_string()).as_bytes())
        .await;
    clock.settle().await;
    // Room for a little more: the server takes the last frame, and cannot write it.
    client.read_some(4 * 1024).await;
    clock.settle().await;
    let mut drain = server.bound.drain();
    for _ in 0..3 {
        assert!(futures_util::poll!(drain.as_mut()).is_pending());
        clock.settle().await;
    }
    let answer = client.answer().await;
    soon(drain).await;
    assert_eq!(answer.body.len(), size + 2);
}

#[tokio::test]
async fn a_head_that_never_ends_does_not_hold_a_drain_up() {
    let limits = HttpLimits::default().linger_time(Duration::from_millis(100));
    let build = |draft: Draft| draft.http_limits(limits);
    let mut server = Setup::tcp().start(build).await;
    let mut used = server.connect().await;
    used.write(get("/nowhere").as_bytes()).await;
    assert_eq!(used.answer().await.status, 404);
    used.write(b"GET /").await;
    let mut fresh = server.connect().await;
    fresh.write(b"GET /").await;
    // Whether these bytes have arrived when the drain begins is for the network to say.
    soon(server.bound.drain()).await;
}

#[tokio::test]
async fn a_head_that_arrives_during_a_drain_is_answered_or_told() {
    let mut server = Setup::manual().start(|draft| draft.action(Tail)).await;
    let clock = server.manual.clone().unwrap();
    let mut slow = server.connect().await;
    slow.write(b"GET /").await;
    let mut quick = server.connect().await;
    let request = post("/actions/demo.tail", "", "1");
    let (start, rest) = request.split_at(30);
    quick.write(start.as_bytes()).await;
    clock.settle().await;
    let mut drain = server.bound.drain();
    for _ in 0..3 {
        assert!(futures_util::poll!(drain.as_mut()).is_pending());
        clock.settle().await;
    }
    quick.write(rest.as_bytes()).await;
    assert_eq!(quick.answer().await.body, "\"x\"");
    slow.answer().await.problem(408);
    drop((slow, quick));
    soon(drain).await;
}

/// A network whose listeners fail now and then, as when a process has no more file descriptors.
#[derive(Debug)]
struct Flaky;

struct FlakyListener {
    inner: Box<dyn Listener>,
    failures: u32,
}

impl Network for Flaky {
    fn bind<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let inner = TcpNetwork.bind(address).await?;
            Ok(Box::new(FlakyListener { inner, failures: 3 }) as Box<dyn Listener>)
        })
    }
}

impl Listener for FlakyListener {
    fn local_addr(&self) -> SocketAddr {
        self.inner.local_addr()
    }

    fn accept(&mut self) -> BoxFuture<'_, io::Result<Connection>> {
        self.failures = self.failures.saturating_sub(1);
        match self.failures {
            2 => Box::pin(async { Err(io::Error::from_raw_os_error(24)) }),
            1 => Box::pin(async { Err(io::ErrorKind::ConnectionAborted.into()) }),
            _ => self.inner.accept(),
        }
    }
}

#[tokio::test]
async fn errors_of_accept_do_not_end_the_server() {
    let server = Setup::tcp().on(Flaky).start(|draft| draft).await;
    server.send(&get("/nowhere")).await.problem(404);
}
