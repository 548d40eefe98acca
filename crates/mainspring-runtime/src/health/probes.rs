//! Probes: run concurrently, each with a limit, isolated from panics and blocking.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use mainspring_core::context::{Context, SpanKind};
use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::health::{Health, Report, State};
use mainspring_core::spawn::{BoxFuture, panic_message};
use tokio::sync::oneshot;
use tracing::Instrument;

use crate::component::DynComponent;
use crate::executor::isolate;
use crate::metrics::{AppMetrics, ProbeOutcome};

/// How long one probe may take: a probe slower than this says nothing an orchestrator could wait for.
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
                let message = format!("probe \"{name}\": its name is registered more than once");
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

    pub(crate) fn bound(self, ctx: Context, metrics: AppMetrics) -> BoundProbes {
        let probes = self.0.into_iter().map(|(name, probe)| {
            let running = Arc::new(AtomicBool::new(false));
            Bound {
                name: Arc::from(name),
                probe,
                running,
            }
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
    /// Set while the probe runs, also long after its limit: one that blocks must not take a thread at each request.
    running: Arc<AtomicBool>,
}

impl BoundProbes {
    /// Asks every probe, concurrently; takes at most [`PROBE_LIMIT`].
    pub(crate) async fn ask(&self) -> Vec<Report> {
        join_all(self.probes.iter().map(|probe| self.ask_one(probe))).await
    }

    async fn ask_one(&self, bound: &Bound) -> Report {
        let clock = self.ctx.clock();
        let began = clock.monotonic();
        let name = bound.name.to_string();
        if bound.running.swap(true, Ordering::SeqCst) {
            self.metrics.probe(&bound.name, ProbeOutcome::TimedOut);
            let health = Health::unhealthy("an earlier run of this probe has not returned");
            return Report::probed(name, health, Duration::ZERO);
        }
        let answer = self.start(bound);
        let answered = clock.timeout(PROBE_LIMIT, answer).await;
        let took = clock.monotonic().since(began);
        let (outcome, health) = match answered {
            Ok(Ok(Ok(health))) => (answered_as(health.as_ref()), health),
            Ok(Ok(Err(panic))) => (
                ProbeOutcome::Panicked,
                Some(Health::unhealthy(format!("panicked: {panic}"))),
            ),
            Ok(Err(_)) => (
                ProbeOutcome::Panicked,
                Some(Health::unhealthy("the probe has ended")),
            ),
            Err(elapsed) => (
                ProbeOutcome::TimedOut,
                Some(Health::unhealthy(elapsed.to_string())),
            ),
        };
        self.metrics.probe(&bound.name, outcome);
        match health {
            Some(health) => Report::probed(name, health, took),
            None => Report::unchecked(name),
        }
    }

    /// Starts a probe on a thread of its own, so that one that blocks holds up nothing else.
    fn start(&self, bound: &Bound) -> oneshot::Receiver<Result<Option<Health>, String>> {
        let (sender, receiver) = oneshot::channel();
        let cause = mainspring_core::cause::Cause::limit(format!(
            "probe \"{}\" ran into its limit of {PROBE_LIMIT:?}",
            bound.name
        ));
        let ctx = self
            .ctx
            .for_work(SpanKind::Probe, &bound.name, self.ctx.scope());
        let ctx = ctx.with_timeout(PROBE_LIMIT, cause);
        let span = ctx.span().clone();
        let probe = bound.probe.clone();
        let running = Running(Arc::clone(&bound.running));
        let body = async move {
            let _running = running;
            let asked = AssertUnwindSafe(async move { ask(&probe, ctx).await })
                .catch_unwind()
                .await;
            // The asker may have given up.
            let _ = sender.send(asked.map_err(|payload| panic_message(&*payload)));
        };
        isolate(
            self.ctx
                .env()
                .spawner
                .body(&bound.name, body.instrument(span)),
        );
        receiver
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

struct Running(Arc<AtomicBool>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}
