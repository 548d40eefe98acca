//! The shell of the lifecycle machine: executes its commands, feeds it what happens.

mod config;
mod failure;
mod parts;
mod phases;
mod sockets;

use std::sync::Arc;

use futures_util::future::{Either, select};
use mainspring_core::context::{Context, Env};
use mainspring_core::error::Error;
use mainspring_core::event::Events;
use mainspring_core::health::Readiness;
use mainspring_core::lifecycle::{
    Command, Event, Machine, Phase, ShutdownCause, ShutdownReport, StartStep,
};
use mainspring_core::spawn::{Scope, Spawner, Task};
use mainspring_core::time::Monotonic;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::app::{App, AppHandle, Message, OnReady, Shared};
use crate::endpoint::{Bound, Site};
use crate::follow_up::FollowUps;
use crate::health::HealthServer;
use crate::periodic::Engine;
use crate::platform::Platform;
use crate::watchdog::Watchdog;
use parts::Parts;
use sockets::Sockets;

/// Runs an app as this process: with signals, watchdog and the report on stderr.
pub(crate) async fn run_process(app: App, platform: Platform) -> Result<ShutdownReport, Error> {
    let problems = config::problems(&app, &platform.environment);
    if let Some(error) = config::error(problems) {
        return Err(error);
    }
    let watchdog = match app.settings.signals && platform.owns_process {
        true => Some(Watchdog::start(Arc::clone(app.handle.shared()))?),
        false => None,
    };
    let report = Shell::new(app, platform, watchdog.clone()).run().await;
    if let Some(watchdog) = watchdog {
        watchdog.reported(report.exit_code());
    }
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
    Shell::new(app, platform, None).run().await
}

struct Shell {
    shared: Arc<Shared>,
    handle: AppHandle,
    on_ready: Vec<OnReady>,
    messages: mpsc::UnboundedReceiver<Message>,
    ctx: Context,
    parts: Parts,
    sockets: Option<Sockets>,
    bound: Vec<Box<dyn Bound>>,
    health: Option<HealthServer>,
    follow_ups: FollowUps,
    periodic: Engine,
    /// The step of the boot that runs, to cancel or abandon it.
    step: Option<(Context, Task<()>)>,
    /// Cuts the phase of the stop that runs.
    cut: CancellationToken,
    watchdog: Option<Watchdog>,
}

impl Shell {
    fn new(app: App, platform: Platform, watchdog: Option<Watchdog>) -> Self {
        let plan = config::plan(&app, &platform.environment);
        let mode = plan.mode;
        let shared = Arc::clone(app.handle.shared());
        let metrics = app.metrics;
        let counted = metrics.app().clone();
        let listener = platform.events;
        let events = Events::to(move |event| {
            counted.record(event);
            listener.emit(event.clone());
        });
        let activity = platform.clock.activity().cloned();
        let env = Arc::new(Env {
            clock: platform.clock.clone(),
            spawner: Spawner::new(platform.executor, activity, events),
            random: platform.random,
            control: Box::new(app.handle.clone()),
        });
        let ctx = Context::root(Arc::clone(&env), Scope::new());
        let follow_ups = FollowUps::with_metrics(app.settings.follow_ups, metrics.app().clone());
        let periodic = Engine::new(ctx.clone(), app.periodics);
        // A registry refuses only beyond a bound of its own; without it only the scrape is poorer.
        let _ = metrics.register_collector(Box::new(periodic.collector()));
        let _ = shared.periodics.set(periodic.clone());
        let site = Site {
            ctx: Context::root(env, Scope::new()),
            network: platform.network,
            environment: platform.environment,
            mode,
            follow_ups: follow_ups.clone(),
            metrics: metrics.app().clone(),
        };
        let health = config::health(&app.settings, &site.environment);
        let probes = app.probes.bound(ctx.clone(), metrics.app().clone());
        let sockets = Sockets {
            endpoints: app.endpoints,
            health,
            site,
            probes,
            app: app.name,
            metrics,
            shared: Arc::clone(&shared),
        };
        shared.boot(platform.clock, Machine::new(plan));
        Self {
            parts: Parts::new(app.parts),
            messages: app.messages,
            handle: app.handle,
            on_ready: app.on_ready,
            sockets: Some(sockets),
            shared,
            ctx,
            bound: Vec::new(),
            health: None,
            follow_ups,
            periodic,
            step: None,
            cut: CancellationToken::new(),
            watchdog,
        }
    }

    async fn run(mut self) -> ShutdownReport {
        let mut commands = self.shared.decide(Event::Start);
        loop {
            for command in commands {
                if let Some(report) = self.execute(command) {
                    self.shared.set_readiness(Readiness::Draining);
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
        let message = std::pin::pin!(self.messages.recv());
        let message = match deadline {
            None => message.await,
            Some(at) => {
                let sleep = self.ctx.clock().sleep_until(Monotonic::from_origin(at));
                match select(message, sleep).await {
                    Either::Left((message, _)) => message,
                    Either::Right(_) => return Event::TimerFired,
                }
            }
        };
        match message.expect("the handle in `shared` keeps the channel open") {
            Message::Event(event) => event,
            Message::Bound(bound, health) => {
                self.bound = bound;
                self.health = health;
                Event::SocketsBound
            }
        }
    }

    fn execute(&mut self, command: Command) -> Option<ShutdownReport> {
        match command {
            Command::Start { step, deadline } => self.start(step, deadline),
            Command::CancelStart { cause, .. } => {
                if let Some((ctx, _)) = &self.step {
                    ctx.cancel(failure::cause(&cause));
                }
            }
            Command::AbandonStart { step } => self.abandon_start(step),
            Command::SetReadiness(readiness) => self.set_readiness(readiness),
            Command::BeginPhase { phase, .. } => self.begin_phase(phase),
            Command::CutPhase { .. } => self.cut.cancel(),
            Command::StopPart { part, deadline } => self.stop_part(part, deadline),
            Command::AbandonStop { part } => self.parts.abandon_stop(part),
            Command::Exit(report) | Command::ForceExit(report) => return Some(*report),
            // A signal has armed it already: a blocked runtime would never execute this.
            Command::ArmWatchdog { .. } => {
                if let Some(watchdog) = &self.watchdog {
                    watchdog.arm();
                }
            }
            // Hooks are answered where they are registered.
            _ => {}
        }
        None
    }

    fn set_readiness(&mut self, readiness: Readiness) {
        self.shared.set_readiness(readiness);
        if readiness == Readiness::Ready {
            for tell in std::mem::take(&mut self.on_ready) {
                tell(&self.handle);
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
            StartStep::Work => {
                self.periodic.start();
                Event::WorkStarted
            }
            StartStep::Accept => {
                self.bound.iter_mut().for_each(|bound| bound.accept());
                Event::Accepting
            }
            // There is no store yet, and the plan says so; a step nobody knows has nothing to do.
            _ => Event::StoresOpened,
        };
        self.shared.tell(Message::Event(answer));
    }

    fn abandon_start(&mut self, step: StartStep) {
        if let Some((ctx, task)) = self.step.take() {
            ctx.cancel("its start was abandoned");
            task.abort();
        }
        if let StartStep::Part(part) = step {
            self.parts.abandon_start(part);
        }
    }

    fn begin_phase(&mut self, phase: Phase) {
        self.cut = CancellationToken::new();
        match phase {
            Phase::Http => self.stop_http(),
            Phase::FollowUps => self.stop_follow_ups(),
            Phase::Workers => self.stop_periodic(),
            Phase::Health => self.stop_health(),
            // Nothing of ours is open in the others yet.
            _ => self
                .shared
                .tell(Message::Event(phases::ended(phase, Vec::new()))),
        }
    }
}
