//! An app on virtual time and an in-memory network, for the tests of this crate.

use std::any::Any;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainspring_core::activity::TaskKind;
use mainspring_core::clock::{Clock, ManualClock};
use mainspring_core::context::{Context, Env};
use mainspring_core::error::{BoxError, Error, ErrorKind};
use mainspring_core::event::{Event, Events};
use mainspring_core::lifecycle::{ShutdownReport, StartOutcome, StopOutcome};
use mainspring_core::random::Random;
use mainspring_core::spawn::{BoxFuture, Executor, Scope, Spawner, Task};
use mainspring_runtime::app::{App, AppHandle};
use mainspring_runtime::component::Component;
use mainspring_runtime::endpoint::{Bound, Endpoint, Site};
use mainspring_runtime::environment::Environment;
use mainspring_runtime::executor::TokioExecutor;
use mainspring_runtime::network::{Listener, MemoryNetwork};
use mainspring_runtime::platform::Platform;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const YEAR: Duration = Duration::from_secs(365 * 86_400);

pub(crate) struct Rig {
    pub(crate) clock: ManualClock,
    pub(crate) network: MemoryNetwork,
    pub(crate) environment: Environment,
    pub(crate) log: Log,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
    /// How many apps there were: each draws other ids.
    apps: AtomicU64,
}

pub(crate) struct Running {
    pub(crate) handle: AppHandle,
    pub(crate) report: Task<ShutdownReport>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::at("2026-03-28T00:00:00Z")
    }

    pub(crate) fn at(start: &str) -> Self {
        Self {
            clock: ManualClock::new(start.parse().expect("a valid instant")),
            network: MemoryNetwork::new(),
            environment: Environment::empty(),
            log: Log::default(),
            events: Arc::default(),
            apps: AtomicU64::new(0),
        }
    }

    fn random(&self) -> Random {
        Random::seeded(self.apps.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// An app in development, so that nothing drains before it stops.
    pub(crate) fn app(&self) -> App {
        App::new("test").drain_delay(Duration::ZERO)
    }

    pub(crate) fn part(&self, name: &'static str) -> Part {
        Part {
            name,
            log: self.log.clone(),
            start: Does::Return,
            stop: Does::Return,
            limit: Duration::from_secs(30),
        }
    }

    pub(crate) fn start(&self, app: App) -> Running {
        self.start_on(self.clock.clock(), app)
    }

    /// Starts an app on another clock than the rig's.
    pub(crate) fn start_on(&self, clock: Clock, app: App) -> Running {
        let handle = app.handle();
        let platform = self.platform_on(clock);
        let activity = Some(self.clock.activity().clone());
        let executor = Arc::clone(&platform.executor);
        let spawner = Spawner::new(executor, activity, Events::nowhere());
        let run = app.run_on(platform);
        let report = spawner.spawn(&Scope::new(), TaskKind::Loop, &Arc::from("app"), run);
        Running { handle, report }
    }

    /// The rig as a platform.
    pub(crate) fn platform(&self) -> Platform {
        self.platform_on(self.clock.clock())
    }

    fn platform_on(&self, clock: Clock) -> Platform {
        let events = Arc::clone(&self.events);
        Platform {
            clock,
            executor: Arc::new(TokioExecutor::current()),
            network: Arc::new(self.network.clone()),
            environment: self.environment.clone(),
            random: self.random(),
            events: Events::to(move |event| events.lock().unwrap().push(event.clone())),
            owns_process: false,
        }
    }

    /// A context outside an app, whose tasks run on this executor.
    pub(crate) fn ctx_on(&self, executor: Arc<dyn Executor>) -> Context {
        let events = Arc::clone(&self.events);
        let events = Events::to(move |event| events.lock().unwrap().push(event.clone()));
        let activity = Some(self.clock.activity().clone());
        let env = Env {
            clock: self.clock.clock(),
            spawner: Spawner::new(executor, activity, events),
            random: Random::seeded(1),
            control: Box::new(()),
        };
        Context::root(Arc::new(env), Scope::new())
    }

    pub(crate) fn ctx(&self) -> Context {
        self.ctx_on(Arc::new(TokioExecutor::current()))
    }

    /// Starts an app and waits until it is ready.
    pub(crate) async fn ready(&self, app: App) -> Running {
        let running = self.start(app);
        let ready = self.clock.run_until(running.handle.ready()).await;
        assert!(ready, "the app is ready: {:?}", self.log.lines());
        running
    }

    /// Waits for the report, and checks that no task is left.
    pub(crate) async fn ended(&self, running: Running) -> ShutdownReport {
        let report = self.clock.run_until(running.report).await.unwrap();
        self.clock.settle().await;
        let left = self.clock.activity().live_tasks();
        assert!(left.is_empty(), "no task outlives its app: {left:?}");
        report
    }

    /// Asks the app to stop and waits for the report.
    pub(crate) async fn stopped(&self, running: Running) -> ShutdownReport {
        running.handle.shutdown("the test is over");
        self.ended(running).await
    }

    /// Runs an app until it ends by itself.
    pub(crate) async fn run(&self, app: App) -> ShutdownReport {
        self.ended(self.start(app)).await
    }

    /// Asks the health server.
    pub(crate) async fn get(&self, running: &Running, path: &str) -> Reply {
        self.ask(running, "GET", path).await
    }

    pub(crate) async fn ask(&self, running: &Running, method: &str, path: &str) -> Reply {
        let address = running.handle.addresses()["health"];
        let mut stream = self.network.connect(address).unwrap();
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        Reply::of(&text)
    }

    /// The component states told, as `name state`.
    pub(crate) fn states(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        let states = events.iter().filter_map(|event| match event {
            Event::Component { name, state } => Some(format!("{name} {state}")),
            _ => None,
        });
        states.collect()
    }
}

/// An answer of the health server.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            status,
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What happened, in order; clones are the same log.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|known| *known == line).count()
    }
}

/// What a start or a stop does.
#[derive(Clone, Copy)]
pub(crate) enum Does {
    Return,
    /// Returns after this time, or when it is cancelled with the cause as error.
    Take(Duration),
    Fail,
    Panic,
    /// Panics in the call, before there is a future.
    PanicInCall,
    /// Ignores its context.
    Hang,
    /// Ignores its context for this long and then says so.
    Oversleep(Duration),
    /// Is cancelled and then returns success.
    FinishLate,
    /// Asks for the shutdown and returns success.
    AskToStop,
    /// Registers a run-time hook.
    Hook(&'static str),
    /// Spawns a task that obeys.
    Spawn(&'static str),
    /// Spawns a task that ignores its context.
    SpawnHanging(&'static str),
    /// Spawns a task that obeys and fails.
    SpawnAndFail(&'static str),
    SpawnHangingAndFail(&'static str),
}

/// A component that does as it is told.
pub(crate) struct Part {
    name: &'static str,
    log: Log,
    start: Does,
    stop: Does,
    limit: Duration,
}

impl Part {
    pub(crate) fn start(mut self, does: Does) -> Self {
        self.start = does;
        self
    }

    pub(crate) fn stop(mut self, does: Does) -> Self {
        self.stop = does;
        self
    }

    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    fn does(
        &self,
        what: &str,
        does: Does,
        ctx: Context,
    ) -> BoxFuture<'static, Result<(), BoxError>> {
        self.log.add(format!("{what} {}", self.name));
        if matches!(does, Does::PanicInCall) {
            panic!("{what} of {} panics in the call", self.name);
        }
        Box::pin(act(self.name, self.log.clone(), what.to_owned(), does, ctx))
    }
}

impl Component for Part {
    fn name(&self) -> &str {
        self.name
    }

    fn start(&self, ctx: Context) -> impl Future<Output = Result<(), BoxError>> + Send {
        self.does("start", self.start, ctx)
    }

    fn stop(&self, ctx: Context) -> impl Future<Output = Result<(), BoxError>> + Send {
        self.does("stop", self.stop, ctx)
    }

    fn start_timeout(&self) -> Duration {
        self.limit
    }
}

async fn act(
    name: &'static str,
    log: Log,
    what: String,
    does: Does,
    ctx: Context,
) -> Result<(), BoxError> {
    match does {
        Does::Return => {}
        Does::Take(time) => ctx.sleep(time).await.map_err(|cause| cause.to_string())?,
        Does::Fail => return Err(format!("{name} cannot {what}").into()),
        Does::Panic | Does::PanicInCall => panic!("{name} panics at {what}"),
        Does::Hang => ctx.clock().sleep(YEAR).await,
        Does::Oversleep(time) => {
            ctx.clock().sleep(time).await;
            log.add(format!("{what} {name} woke"));
        }
        Does::FinishLate => {
            let cause = ctx.cancelled().await;
            log.add(format!("{what} {name} saw: {cause}"));
        }
        Does::AskToStop => ctx.shutdown("enough"),
        Does::Hook(hook) => on_stop(&ctx, hook, &log)?,
        Does::Spawn(task) => spawn(&ctx, task, &log),
        Does::SpawnHanging(task) => spawn_hanging(&ctx, task),
        Does::SpawnAndFail(task) => {
            spawn(&ctx, task, &log);
            return Err(format!("{name} cannot {what}").into());
        }
        Does::SpawnHangingAndFail(task) => {
            spawn_hanging(&ctx, task);
            return Err(format!("{name} cannot {what}").into());
        }
    }
    Ok(())
}

pub(crate) fn on_stop(ctx: &Context, name: &'static str, log: &Log) -> Result<(), Error> {
    let log = log.clone();
    ctx.on_stop(name, move |_ctx| async move {
        log.add(format!("hook {name}"));
        Ok(())
    })
}

fn spawn(ctx: &Context, task: &'static str, log: &Log) {
    let log = log.clone();
    ctx.spawn(task, move |ctx| async move {
        let cause = ctx.cancelled().await;
        log.add(format!("{task} ended: {cause}"));
    });
}

fn spawn_hanging(ctx: &Context, task: &'static str) {
    ctx.spawn(task, |ctx| async move { ctx.clock().sleep(YEAR).await });
}

/// A server that serves nothing.
pub(crate) struct Main {
    pub(crate) address: String,
    pub(crate) log: Log,
    pub(crate) drain: Does,
    pub(crate) accept: Does,
    /// What the app lends it, once it is bound.
    pub(crate) site: Arc<Mutex<Option<Site>>>,
}

impl Default for Main {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:8080".to_owned(),
            log: Log::default(),
            drain: Does::Return,
            accept: Does::Return,
            site: Arc::default(),
        }
    }
}

impl Endpoint for Main {
    fn name(&self) -> &'static str {
        "main"
    }

    fn check(&self, _environment: &Environment, errors: &mut Vec<Error>) {
        if self.address.is_empty() {
            let error = Error::new(ErrorKind::Config, "no address for the main listener");
            errors.push(error.with_hint("give one"));
        }
    }

    fn bind(self: Box<Self>, site: Site) -> BoxFuture<'static, Result<Box<dyn Bound>, Error>> {
        Box::pin(async move {
            let listener = site.network.bind(&self.address).await.map_err(|error| {
                let message = format!("cannot listen on {}", self.address);
                Error::new(ErrorKind::Bind, message)
                    .with_source(error)
                    .with_hint("set MAINSPRING_HTTP_ADDR")
            })?;
            self.log.add("bind main");
            *self.site.lock().unwrap() = Some(site.clone());
            let Self {
                log, drain, accept, ..
            } = *self;
            let ctx = site.ctx;
            Ok(Box::new(BoundMain {
                log,
                drain,
                accept,
                ctx,
                listener,
            }) as Box<dyn Bound>)
        })
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

struct BoundMain {
    log: Log,
    drain: Does,
    accept: Does,
    ctx: Context,
    listener: Box<dyn Listener>,
}

impl Bound for BoundMain {
    fn local_addr(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    fn accept(&mut self) {
        self.log.add("accept main");
        if let Does::AskToStop = self.accept {
            self.ctx.shutdown("at the door");
        }
    }

    fn drain(&mut self) -> BoxFuture<'_, ()> {
        self.log.add("drain main");
        Box::pin(async move {
            match self.drain {
                Does::Panic => panic!("the drain panics"),
                Does::Hang => self.ctx.clock().sleep(YEAR).await,
                _ => {}
            }
        })
    }

    fn cut(&mut self) -> Vec<String> {
        vec!["GET /slow".to_owned()]
    }
}

/// How a part started and stopped.
pub(crate) fn outcome(report: &ShutdownReport, part: &str) -> (StartOutcome, StopOutcome) {
    let part = report.part(part).expect("the report knows the part");
    (part.start.outcome.clone(), part.stop.outcome.clone())
}
