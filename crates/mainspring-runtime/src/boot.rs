//! The shell of the lifecycle machine: executes its commands, feeds it what happens.

mod config;
mod failure;
mod parts;
mod phases;
mod sockets;
mod stores;
mod told;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::future::{Either, select};
use mainspring_core::context::{Context, Env};
use mainspring_core::error::Error;
use mainspring_core::event::Events;
use mainspring_core::health::Readiness;
use mainspring_core::lifecycle::{
    Command, Event, Machine, Phase, ShutdownCause, ShutdownReport, StartOutcome, StartStep,
};
use mainspring_core::spawn::{Scope, Spawner, Task, panic_message};
use mainspring_core::telemetry::event;
use mainspring_core::time::Monotonic;
use tokio_util::sync::CancellationToken;

use crate::app::{App, AppHandle, Inbox, Message, OnReady, Shared};
use crate::endpoint::{Bound, Site};
use crate::follow_up::FollowUps;
use crate::health::HealthServer;
use crate::jobs::Jobs;
use crate::metrics::AppMetrics;
use crate::periodic::Engine;
use crate::platform::Platform;
use crate::watchdog::Watchdog;
use parts::Parts;
use sockets::Sockets;
pub(crate) use stores::Opened;
use stores::Stores;

/// Runs an app as this process: with signals, watchdog and the report on stderr.
pub(crate) async fn run_process(app: App, platform: Platform) -> Result<ShutdownReport, Error> {
    let problems = config::problems(&app, &platform.environment);
    if let Some(error) = config::error(problems) {
        return Err(error);
    }
    let running = match platform.owns_process {
        true => {
            let watchdog = Watchdog::start(app.handle.shared(), app.settings.signals)?;
            let running = watchdog.while_it_runs();
            let _ = app.handle.shared().watchdog.set(watchdog);
            Some(running)
        }
        false => None,
    };
    let report = Shell::new(app, platform).run().await;
    drop(running);
    match &report.cause {
        ShutdownCause::StartFailed { .. } => Err(failure::start_error(&report)),
        _ => {
            crate::watchdog::print(&report);
            Ok(report)
        }
    }
}

/// Runs an app on a platform until it has stopped.
pub(crate) async fn run(app: App, platform: Platform) -> ShutdownReport {
    Shell::new(app, platform).run().await
}

struct Shell {
    app: String,
    shared: Arc<Shared>,
    handle: AppHandle,
    on_ready: Vec<OnReady>,
    inbox: Inbox,
    ctx: Context,
    metrics: AppMetrics,
    parts: Parts,
    sockets: Option<Sockets>,
    bound: Vec<Box<dyn Bound>>,
    health: Option<HealthServer>,
    follow_ups: FollowUps,
    periodic: Engine,
    stores: Stores,
    /// The step of the boot that runs last, to cancel or abandon it.
    step: Option<Step>,
    /// Cuts the phase of the stop that runs.
    cut: CancellationToken,
    began: Monotonic,
}

/// A step of the boot that takes its time.
struct Step {
    step: StartStep,
    ctx: Context,
    task: Task<()>,
}

impl Shell {
    fn new(app: App, platform: Platform) -> Self {
        let plan = config::plan(&app, &platform.environment);
        let mode = plan.mode;
        let shared = Arc::clone(app.handle.shared());
        let metrics = app.metrics;
        let events = counted(metrics.app(), platform.events);
        let activity = platform.clock.activity().cloned();
        let env = Arc::new(Env {
            clock: platform.clock.clone(),
            spawner: Spawner::new(platform.executor, activity, events),
            random: platform.random,
            control: Box::new(app.handle.clone()),
        });
        metrics.app().count_tasks(env.spawner.alive());
        let jobs = app.jobs.jobs.as_ref();
        let ctx = root(Arc::clone(&env), jobs);
        let follow_ups = FollowUps::with_metrics(app.settings.follow_ups, metrics.app().clone());
        let periodic = Engine::new(ctx.clone(), app.periodics);
        // A registry refuses only beyond a bound of its own; without it only the scrape is poorer.
        let _ = metrics.register_collector(Box::new(periodic.collector()));
        let _ = shared.periodics.set(periodic.clone());
        let site = Site {
            ctx: root(env, jobs),
            network: platform.network,
            environment: platform.environment,
            mode,
            follow_ups: follow_ups.clone(),
            metrics: metrics.app().clone(),
        };
        let health = config::health(&app.settings, &site.environment);
        let source = jobs.map(|jobs| jobs.source_in(&site.environment));
        let probes = app.probes.bound(ctx.clone(), metrics.app().clone());
        let sockets = Sockets {
            endpoints: app.endpoints,
            health,
            site,
            probes: Some(probes),
            app: app.name.clone(),
            metrics: metrics.clone(),
            shared: Arc::clone(&shared),
        };
        let began = platform.clock.monotonic();
        shared.boot(platform.clock, Machine::new(plan));
        Self {
            app: app.name,
            parts: Parts::new(app.parts),
            handle: app.handle,
            on_ready: app.on_ready,
            inbox: app.inbox,
            metrics: metrics.app().clone(),
            sockets: Some(sockets),
            shared,
            ctx,
            bound: Vec::new(),
            health: None,
            stores: Stores::new(app.jobs.with_builtins(&follow_ups), source),
            follow_ups,
            periodic,
            step: None,
            cut: CancellationToken::new(),
            began,
        }
    }

    async fn run(mut self) -> ShutdownReport {
        tracing::info!(name: event::APP_STARTING, app = self.app, "the app starts");
        let mut commands = self.shared.decide(Event::Start);
        loop {
            for command in commands {
                if let Some(report) = self.execute(command) {
                    self.end_all();
                    return report;
                }
            }
            let event = self.next_event().await;
            commands = self.shared.decide(event);
        }
    }

    /// Waits for something to happen, at most until the machine's deadline.
    async fn next_event(&mut self) -> Event {
        let deadline = self
            .shared
            .machine()
            .as_ref()
            .and_then(Machine::next_deadline);
        let message = match deadline {
            None => self.inbox.next().await,
            Some(at) => {
                let sleep = self.ctx.clock().sleep_until(Monotonic::from_origin(at));
                let message = std::pin::pin!(self.inbox.next());
                match select(message, sleep).await {
                    Either::Left((message, _)) => message,
                    Either::Right(_) => return Event::TimerFired,
                }
            }
        };
        match message {
            Message::Event(event) => event,
            Message::Bound(bound, health) => {
                self.bound = bound;
                self.health = health;
                Event::SocketsBound
            }
            Message::StoresOpened(opened) => {
                self.stores_opened(*opened);
                Event::StoresOpened
            }
        }
    }

    fn execute(&mut self, command: Command) -> Option<ShutdownReport> {
        match command {
            Command::Start { step, deadline } => self.start(step, deadline),
            Command::CancelStart { step, cause } => {
                if let Some(running) = self.step.as_ref().filter(|running| running.step == step) {
                    running.ctx.cancel(failure::cause(&cause));
                }
            }
            Command::AbandonStart { step } => self.abandon_start(step),
            Command::SetReadiness(readiness) => self.set_readiness(readiness),
            Command::BeginPhase { phase, .. } => self.begin_phase(phase),
            Command::CutPhase { .. } => self.cut.cancel(),
            Command::StopPart { part, deadline } => self.stop_part(part, deadline),
            Command::AbandonStop { part } => self.parts.abandon_stop(part),
            Command::Exit(report) => {
                tell_end(&report);
                return Some(*report);
            }
            Command::ForceExit(report) => {
                let (app, cause) = (&*report.app, &report.cause);
                tracing::error!(name: event::APP_EXIT_FORCED, app, %cause, "the exit is forced");
                return Some(*report);
            }
            Command::ArmWatchdog { .. } => self.stopping(),
            // Hooks are answered where they are registered.
            _ => {}
        }
        None
    }

    /// The shutdown begins: it is told, and counted down.
    fn stopping(&self) {
        // Whoever asked has armed it already, but for a boot that failed by itself.
        if let Some(watchdog) = self.shared.watchdog.get() {
            watchdog.arm();
        }
        let machine = self.shared.machine();
        let cause = machine.as_ref().and_then(Machine::shutdown_cause).cloned();
        drop(machine);
        if let Some(cause) = cause {
            let app = &*self.app;
            tracing::info!(name: event::APP_STOPPING, app, %cause, "the app stops");
        }
    }

    fn set_readiness(&mut self, readiness: Readiness) {
        self.shared.set_readiness(readiness);
        if readiness == Readiness::Ready {
            let took = self.ctx.clock().monotonic().since(self.began);
            let (app, took) = (&*self.app, took.as_secs_f64());
            tracing::info!(name: event::APP_READY, app, took, "the app is ready");
            for tell in std::mem::take(&mut self.on_ready) {
                // A fault in it must not take the sequencer along.
                let told = catch_unwind(AssertUnwindSafe(|| tell(&self.handle)));
                if let Err(payload) = told {
                    let error = panic_message(&*payload);
                    tracing::error!(app, error, "a function for `on_ready` panicked");
                }
            }
        }
    }

    fn start(&mut self, step: StartStep, deadline: std::time::Duration) {
        let answer = match step {
            StartStep::Bind => return self.bind(),
            StartStep::Part(part) => return self.start_part(part, deadline),
            StartStep::Health => {
                if let Some(health) = &mut self.health {
                    health.serve();
                }
                Event::HealthServing
            }
            StartStep::Stores => return self.open_stores(),
            StartStep::Work => {
                self.stores.start_work();
                self.periodic.start();
                Event::WorkStarted
            }
            StartStep::Accept => {
                self.bound.iter_mut().for_each(|bound| bound.accept());
                Event::Accepting
            }
            // A step nobody knows has nothing to do.
            _ => Event::StoresOpened,
        };
        self.shared.tell(Message::Event(answer));
    }

    fn abandon_start(&mut self, step: StartStep) {
        if let Some(running) = self.step.take_if(|running| running.step == step) {
            running.ctx.cancel("its start was abandoned");
            running.task.abort();
        }
        if let StartStep::Part(part) = step {
            self.parts.abandon_start(part);
        }
    }

    /// Drops what a forced end or an abandoned phase has left: no task outlives its app.
    fn end_all(&mut self) {
        self.parts.end_all();
        self.periodic.stop();
        self.periodic.cut();
        self.follow_ups.cut();
        self.stores.end();
        if let Some(health) = &mut self.health {
            health.end();
        }
        self.ctx.scope().abort_all();
    }

    fn begin_phase(&mut self, phase: Phase) {
        self.cut = CancellationToken::new();
        match phase {
            Phase::Http => self.stop_http(),
            Phase::FollowUps => self.stop_follow_ups(),
            Phase::Workers => self.stop_work(),
            Phase::Stores => self.close_stores(),
            Phase::Health => self.stop_health(),
            // Nothing of ours is open in the others yet.
            _ => self
                .shared
                .tell(Message::Event(phases::ended(phase, Vec::new()))),
        }
    }
}

/// Events are counted, and go on to whoever listens.
fn counted(metrics: &AppMetrics, listener: Events) -> Events {
    let metrics = metrics.clone();
    Events::to(move |event| {
        metrics.record(event);
        listener.emit(event.clone());
    })
}

fn tell_end(report: &ShutdownReport) {
    let (app, took) = (&*report.app, report.took.as_secs_f64());
    if let ShutdownCause::StartFailed { .. } = &report.cause {
        let problems: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
        let error = problems.join("; ");
        tracing::error!(
            name: event::APP_START_FAILED, app, component = failed_component(report), error,
            "the app failed to start"
        );
    }
    tracing::info!(name: event::APP_STOPPED, app, took, "the app has stopped");
}

/// A context that inherits nothing but the app's jobs: for whatever enqueues with nothing but its
/// context, as `ctx.follow_up_job`.
fn root(env: Arc<Env>, jobs: Option<&Jobs>) -> Context {
    let root = Context::root(env, Scope::new());
    match jobs {
        Some(jobs) => root.with_value(jobs.clone()),
        None => root,
    }
}

/// The component that was at fault, if one was: parts start one after the other, so there is no
/// second one that began and did not start.
fn failed_component(report: &ShutdownReport) -> Option<&str> {
    let mut parts = report.parts.iter();
    let failed = parts.find(|part| {
        let outcome = &part.start.outcome;
        !matches!(outcome, StartOutcome::None | StartOutcome::Started)
    });
    failed.map(|part| part.name.as_str())
}
