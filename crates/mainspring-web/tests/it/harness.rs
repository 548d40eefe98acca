//! One server without an app around it, and a client that writes bytes.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainspring_core::activity::park;
use mainspring_core::clock::ManualClock;
use mainspring_core::context::{Context, Env};
use mainspring_core::error::Error;
use mainspring_core::event::{Event, Events};
use mainspring_core::lifecycle::ShutdownReport;
use mainspring_core::random::Random;
use mainspring_core::spawn::{Scope, Spawner};
use mainspring_runtime::endpoint::{Bound, Endpoint, Site};
use mainspring_runtime::environment::Environment;
use mainspring_runtime::executor::TokioExecutor;
use mainspring_runtime::follow_up::{FollowUpLimits, FollowUps};
use mainspring_runtime::io_time;
use mainspring_runtime::metrics::Registry;
use mainspring_runtime::network::{MemoryNetwork, Network, Stream, TcpNetwork};
use mainspring_runtime::platform::Mode;
use mainspring_runtime::system_clock::system_clock;
use mainspring_web::app::Web;
use mainspring_web::http::HttpEndpoint;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// What a test registers on.
#[derive(Default)]
pub(crate) struct Draft(HttpEndpoint);

impl Web for Draft {
    fn http_mut(&mut self) -> &mut HttpEndpoint {
        &mut self.0
    }

    async fn run_app(self) -> Result<ShutdownReport, Error> {
        unreachable!("a draft has no app")
    }
}

impl Draft {
    pub(crate) fn errors(&self, environment: &Environment) -> Vec<String> {
        let mut errors = Vec::new();
        self.0.check(environment, &mut errors);
        errors.iter().map(ToString::to_string).collect()
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) bound: Box<dyn Bound>,
    pub(crate) follow_ups: FollowUps,
    pub(crate) manual: Option<ManualClock>,
    events: Arc<Mutex<Vec<Event>>>,
    memory: Option<MemoryNetwork>,
}

/// How a server is made.
#[derive(Default)]
pub(crate) struct Setup {
    memory: bool,
    manual: bool,
    mode: Mode,
    follow_ups: FollowUpLimits,
    network: Option<Arc<dyn Network>>,
}

impl Setup {
    pub(crate) fn tcp() -> Self {
        Self::default()
    }

    pub(crate) fn memory() -> Self {
        Self {
            memory: true,
            ..Self::default()
        }
    }

    /// In memory and on a manual clock.
    pub(crate) fn manual() -> Self {
        Self {
            memory: true,
            manual: true,
            ..Self::default()
        }
    }

    pub(crate) fn on(mut self, network: impl Network) -> Self {
        self.network = Some(Arc::new(network));
        self
    }

    pub(crate) fn is_memory(&self) -> bool {
        self.memory
    }

    pub(crate) fn development(mut self) -> Self {
        self.mode = Mode::Development;
        self
    }

    pub(crate) fn follow_ups(mut self, running: usize, waiting: usize) -> Self {
        self.follow_ups = FollowUpLimits { running, waiting };
        self
    }

    pub(crate) async fn start(self, build: impl FnOnce(Draft) -> Draft) -> Server {
        let draft = build(Draft::default());
        let found = draft.errors(&Environment::empty());
        assert!(found.is_empty(), "{found:?}");
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&events);
        let told = Events::to(move |event| sink.lock().unwrap().push(event.clone()));
        let manual = self
            .manual
            .then(|| ManualClock::new("2026-03-28T00:00:00Z".parse().unwrap()));
        let clock = manual
            .as_ref()
            .map_or_else(system_clock, ManualClock::clock);
        let activity = clock.activity().cloned();
        let executor = Arc::new(TokioExecutor::current());
        let env = Arc::new(Env {
            clock,
            spawner: Spawner::new(executor, activity, told),
            random: Random::seeded(7),
            control: Box::new(()),
        });
        let memory = self.memory.then(MemoryNetwork::new);
        let network: Arc<dyn Network> = match (self.network, &memory) {
            (Some(network), _) => network,
            (None, Some(memory)) => Arc::new(memory.clone()),
            (None, None) => Arc::new(TcpNetwork),
        };
        let follow_ups = FollowUps::new(self.follow_ups);
        let site = Site {
            ctx: Context::root(env, Scope::new()),
            network,
            environment: Environment::empty().with("MAINSPRING_HTTP_ADDR", "127.0.0.1:0"),
            mode: self.mode,
            metrics: Registry::new().app().clone(),
            follow_ups: follow_ups.clone(),
        };
        let mut bound = Box::new(draft.0).bind(site).await.expect("a free port");
        bound.accept();
        Server {
            address: bound.local_addr(),
            bound,
            follow_ups,
            manual,
            events,
            memory,
        }
    }
}

impl Server {
    /// Opens a connection.
    pub(crate) async fn connect(&self) -> Client {
        let stream: Box<dyn Stream> = match &self.memory {
            Some(memory) => Box::new(memory.connect(self.address).expect("it listens")),
            None => Box::new(connect_tcp(self.address).await),
        };
        Client {
            stream,
            read: Vec::new(),
        }
    }

    /// One request on a connection of its own.
    pub(crate) async fn send(&self, request: &str) -> Answer {
        self.send_bytes(request.as_bytes()).await
    }

    pub(crate) async fn send_bytes(&self, request: &[u8]) -> Answer {
        let mut client = self.connect().await;
        client.write(request).await;
        client.answer().await
    }

    /// A JSON call of an action.
    pub(crate) async fn call(&self, name: &str, json: &str) -> Answer {
        self.send(&post(&format!("/actions/{name}"), "", json))
            .await
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    /// How the follow-ups of this name ended, in order.
    pub(crate) fn outcomes(&self, name: &str) -> Vec<String> {
        let events = self.events();
        let outcomes = events.iter().filter_map(|event| match event {
            Event::FollowUp {
                name: of, outcome, ..
            } if **of == *name => Some(outcome.label().to_owned()),
            _ => None,
        });
        outcomes.collect()
    }

    /// Waits until every follow-up is done.
    pub(crate) async fn drained(&self) {
        soon(self.follow_ups.drained()).await;
    }
}

/// With a small receive buffer, so that a slow reader is felt after a few megabytes.
async fn connect_tcp(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .set_recv_buffer_size(64 * 1024)
        .expect("a buffer size");
    socket.connect(address).await.expect("it listens")
}

/// A POST with a JSON body; `more` are further header lines, each ended by CRLF.
pub(crate) fn post(path: &str, more: &str, json: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n{more}\
         content-length: {}\r\n\r\n{json}",
        json.len()
    )
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")
}

/// Awaits something that must happen; a test that would hang fails instead.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    let done = io_time::timeout(Duration::from_secs(20), future).await;
    done.expect("it happens within 20 s")
}

/// Runs a future beside the test.
#[expect(clippy::disallowed_methods, reason = "a client is not part of the app")]
pub(crate) fn beside<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::spawn(future)
}

/// A client's end of a connection.
pub(crate) struct Client {
    pub(crate) stream: Box<dyn Stream>,
    read: Vec<u8>,
}

impl Client {
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        soon(self.stream.write_all(bytes)).await.expect("written");
    }

    /// Reads one answer.
    pub(crate) async fn answer(&mut self) -> Answer {
        loop {
            if let Some((answer, used)) = Answer::parse(&self.read, false) {
                self.read.drain(..used);
                return answer;
            }
            if !self.more().await {
                let parsed = Answer::parse(&self.read, true);
                let (answer, _) = parsed.unwrap_or_else(|| {
                    panic!("no answer in {:?}", String::from_utf8_lossy(&self.read))
                });
                return answer;
            }
        }
    }

    /// Reads this many bytes of an answer, and keeps them for it.
    pub(crate) async fn read_some(&mut self, bytes: usize) {
        while self.read.len() < bytes && self.more().await {}
    }

    /// What was read and belongs to no answer yet.
    pub(crate) fn take_read(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.read)
    }

    /// Reads and drops this many bytes of an answer.
    pub(crate) async fn skip(&mut self, bytes: usize) {
        let mut left = bytes;
        while left > 0 && self.more().await {
            left = left.saturating_sub(self.read.len());
            self.read.clear();
        }
    }

    /// Waits until the server closes; returns what came before.
    pub(crate) async fn closed(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.read)
    }

    async fn more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        // A test that drives the clock waits here for work that needs the clock.
        let read = park(soon(self.stream.read(&mut buffer)));
        let count = read.await.unwrap_or(0);
        self.read.extend_from_slice(&buffer[..count]);
        count > 0
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Checks that it is a problem of this status; returns it.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> serde_json::Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{self:?}");
        assert_eq!(problem["type"], "about:blank");
        assert!(problem["title"].is_string());
        problem
    }

    fn parse(bytes: &[u8], ended: bool) -> Option<(Self, usize)> {
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let text = std::str::from_utf8(&bytes[..head]).expect("a head is text");
        let mut lines = text.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: BTreeMap<_, _> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let rest = &bytes[head..];
        let (body, used) = if let Some(length) = headers.get("content-length") {
            let length = length.parse().expect("a length");
            (rest.get(..length)?.to_vec(), length)
        } else if headers.contains_key("transfer-encoding") {
            chunks(rest)?
        } else if status == 101 {
            // What follows is of another protocol.
            (Vec::new(), 0)
        } else if ended || status == 204 {
            (rest.to_vec(), rest.len())
        } else {
            return None;
        };
        let body = String::from_utf8(body).expect("a body is text");
        let answer = Self {
            status,
            headers,
            body,
        };
        Some((answer, head + used))
    }
}

fn chunks(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line = bytes[at..].windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).ok()?;
        let size = usize::from_str_radix(size, 16).ok()?;
        at += line + 2;
        body.extend_from_slice(bytes.get(at..at + size)?);
        at += size + 2;
        bytes.get(..at)?;
        if size == 0 {
            return Some((body, at));
        }
    }
}
