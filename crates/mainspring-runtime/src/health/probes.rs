//! Probes: run concurrently, each with a limit, isolated from panics and blocking.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Shared, join_all};
use mainspring_core::cause::Cause;
use mainspring_core::context::{Context, SpanKind};
use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::health::{Health, Report, State};
use mainspring_core::identity::WorkName;
use mainspring_core::spawn::{BoxFuture, panic_message};
use mainspring_core::telemetry::event;
use mainspring_core::time::Monotonic;
use tokio::sync::oneshot;
use tracing::Instrument;

use crate::component::DynComponent;
use crate::executor::isolate;
use crate::metrics::{AppMetrics, ProbeOutcome, shown};

/// How long one probe may take: a probe slower than this says nothing an orchestrator could wait
/// for.
pub const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// How many probes an app may have: each runs on a thread of its own while it is asked.
pub const PROBES_MAX: usize = 256;

/// A probe as a function.
pub(crate) type ProbeFn = Arc<dyn Fn(Context) -> BoxFuture<'static, Health> + Send + Sync>;

#[derive(Clone)]
enum Probe {
    Component(Arc<dyn DynComponent>),
    Function(ProbeFn),
}

/// The probes of an app, by name.
#[derive(Default)]
pub(crate) struct Probes(Vec<(String, Probe)>);

impl Probes {
    pub(crate) fn add_component(&mut self, component: Arc<dyn DynComponent>) {
        self.0
            .push((component.name().to_owned(), Probe::Component(component)));
    }

    pub(crate) fn add(&mut self, name: &str, probe: ProbeFn) {
        self.0.push((name.to_owned(), Probe::Function(probe)));
    }

    /// Configuration errors; two components of one name are told elsewhere.
    pub(crate) fn errors(&self) -> Vec<Error> {
        let mut errors = Vec::new();
        for (at, (name, probe)) in self.0.iter().enumerate() {
            let twice = self.0.iter().take(at).any(|(other, _)| other == name);
            if twice && matches!(probe, Probe::Function(_)) {
                let message = format!(
                    "probe \"{}\": its name is registered more than once",
                    shown(name)
                );
                errors.push(Error::new(ErrorKind::Config, message).with_hint("rename one of them"));
            }
        }
        if self.0.len() > PROBES_MAX {
            let message = format!(
                "{} probes are registered, at most {PROBES_MAX} can be",
                self.0.len()
            );
            errors.push(
                Error::new(ErrorKind::Config, message)
                    .with_hint("let one probe ask several things"),
            );
        }
        errors
    }

    /// The names of the probes that belong to no component.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let functions = self.0.iter();
        functions.filter_map(|(name, probe)| {
            matches!(probe, Probe::Function(_)).then_some(name.as_str())
        })
    }

    pub(crate) fn bound(self, ctx: Context, metrics: AppMetrics) -> BoundProbes {
        let probes = self.0.into_iter().map(|(name, probe)| Bound {
            name: Arc::from(name),
            probe,
            running: Arc::default(),
        });
        BoundProbes {
            ctx,
            metrics,
            probes: probes.collect(),
        }
    }
}

/// Probes that can be asked.
pub(crate) struct BoundProbes {
    ctx: Context,
    metrics: AppMetrics,
    probes: Vec<Bound>,
}

struct Bound {
    name: Arc<str>,
    probe: Probe,
    /// The run under way, also long after its limit: whoever asks meanwhile waits for the same one,
    /// so a probe that blocks takes one thread and not one at each request.
    running: Arc<Mutex<Option<Running>>>,
}

#[derive(Clone)]
struct Running {
    began: Monotonic,
    /// The context of the run.
    ctx: Context,
    answer: Answer,
}

/// What a run answers, for all who wait for it.
type Answer = Shared<BoxFuture<'static, Result<Option<Health>, String>>>;

impl BoundProbes {
    /// Asks every probe, concurrently; takes at most [`PROBE_LIMIT`].
    pub(crate) async fn ask(&self) -> Vec<Report> {
        join_all(self.probes.iter().map(|probe| self.ask_one(probe))).await
    }

    async fn ask_one(&self, bound: &Bound) -> Report {
        let clock = self.ctx.clock();
        let running = self.running(bound);
        // Whoever joins a run late waits only for what is left of its limit.
        let left = (running.began + PROBE_LIMIT).since(clock.monotonic());
        let answered = clock.timeout(left, running.answer).await;
        let took = clock.monotonic().since(running.began);
        let (outcome, health) = match answered {
            Ok(Ok(health)) => (answered_as(health.as_ref()), health),
            Ok(Err(error)) => (ProbeOutcome::Panicked, Some(Health::unhealthy(error))),
            Err(_) => {
                let text = format!("no answer within {PROBE_LIMIT:?}");
                (ProbeOutcome::TimedOut, Some(Health::unhealthy(text)))
            }
        };
        self.metrics.probe(&bound.name, outcome);
        tell(&bound.name, outcome, health.as_ref(), took, &running.ctx);
        let name = bound.name.to_string();
        match health {
            Some(health) => Report::probed(name, health, took),
            None => Report::unchecked(name),
        }
    }

    /// The run under way, or a new one.
    fn running(&self, bound: &Bound) -> Running {
        let mut slot = lock(&bound.running);
        if let Some(running) = &*slot {
            return running.clone();
        }
        let (sender, receiver) = oneshot::channel();
        let answer = async move {
            let answer = receiver.await;
            answer.unwrap_or_else(|_| Err("the probe ended without an answer".to_owned()))
        };
        let began = self.ctx.clock().monotonic();
        let running = Running {
            began,
            ctx: self.context(&bound.name, began),
            answer: answer.boxed().shared(),
        };
        *slot = Some(running.clone());
        drop(slot);
        self.start(bound, running.ctx.clone(), sender);
        running
    }

    /// The context of a run, which is over its limit at the same instant as whoever waits for it.
    fn context(&self, name: &Arc<str>, began: Monotonic) -> Context {
        let cause = Cause::limit(format!(
            "probe \"{name}\" ran into its limit of {PROBE_LIMIT:?}"
        ));
        let (name, deadline) = (WorkName::new(Arc::clone(name)), began + PROBE_LIMIT);
        let (kind, scope) = (SpanKind::Probe, self.ctx.scope());
        self.ctx
            .for_limited_work(kind, Arc::new(name), scope, deadline, cause)
    }

    /// Starts a probe on a thread of its own, so that one that blocks holds up nothing else.
    fn start(
        &self,
        bound: &Bound,
        ctx: Context,
        sender: oneshot::Sender<Result<Option<Health>, String>>,
    ) {
        let name = &bound.name;
        let span = ctx.span().clone();
        let probe = bound.probe.clone();
        let done = Done(Arc::clone(&bound.running));
        let body = async move {
            let asked = AssertUnwindSafe(async move { ask(&probe, ctx).await });
            let asked = asked.catch_unwind().await;
            let asked = asked.map_err(|payload| format!("panicked: {}", panic_message(&*payload)));
            drop(done);
            // The asker may have given up.
            let _ = sender.send(asked);
        };
        let body = self.ctx.env().spawner.body(name, body.instrument(span));
        if let Err(error) = isolate("mainspring-probe", body) {
            tracing::warn!(probe = &**name, %error, "a probe got no thread");
        }
    }
}

async fn ask(probe: &Probe, ctx: Context) -> Option<Health> {
    match probe {
        Probe::Component(component) => component.probe(ctx).await,
        Probe::Function(probe) => Some(probe(ctx).await),
    }
}

fn answered_as(health: Option<&Health>) -> ProbeOutcome {
    match health.map(Health::state) {
        None | Some(State::Healthy) => ProbeOutcome::Healthy,
        Some(State::Degraded) => ProbeOutcome::Degraded,
        Some(State::Unhealthy) => ProbeOutcome::Unhealthy,
    }
}

fn tell(
    probe: &str,
    outcome: ProbeOutcome,
    health: Option<&Health>,
    took: Duration,
    ctx: &Context,
) {
    if matches!(outcome, ProbeOutcome::Healthy | ProbeOutcome::Degraded) {
        return;
    }
    let error = health.and_then(Health::message).unwrap_or_default();
    let took = took.as_secs_f64();
    let cause = ctx.cause_text();
    tracing::warn!(name: event::PROBE_FAILED, probe, error, cause, took, "a health probe failed");
}

/// Makes room for the next run however this one ends.
struct Done(Arc<Mutex<Option<Running>>>);

impl Drop for Done {
    fn drop(&mut self) {
        let ended = lock(&self.0).take();
        drop(ended);
    }
}

fn lock(slot: &Mutex<Option<Running>>) -> MutexGuard<'_, Option<Running>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}
