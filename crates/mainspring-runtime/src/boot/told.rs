//! What is told about one component or hook: to the log, the metrics and whoever else listens.

use std::sync::Arc;

use mainspring_core::context::Context;
use mainspring_core::event::Event;
use mainspring_core::telemetry::event;
use mainspring_core::time::Monotonic;

use super::failure::Failed;
use crate::metrics::AppMetrics;

/// Tells of one start or one stop, which begins when this is made.
#[derive(Clone)]
pub(super) struct Told {
    ctx: Context,
    metrics: AppMetrics,
    name: Arc<str>,
    began: Monotonic,
}

impl Told {
    pub(super) fn new(ctx: &Context, metrics: &AppMetrics, name: &Arc<str>) -> Self {
        Self {
            ctx: ctx.clone(),
            metrics: metrics.clone(),
            name: Arc::clone(name),
            began: ctx.clock().monotonic(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn starting(&self) {
        self.state("starting");
    }

    pub(super) fn stopping(&self) {
        self.state("stopping");
    }

    pub(super) fn started(&self) {
        self.state("started");
        self.metrics.component_started(&self.name, self.passed());
        let (component, took) = (self.name(), self.took());
        tracing::info!(
            name: event::COMPONENT_STARTED, component, took, "a component has started"
        );
    }

    pub(super) fn start_failed(&self, error: &Failed, cause: Option<String>) {
        self.state("failed");
        let (component, took) = (self.name(), self.took());
        tracing::error!(
            name: event::COMPONENT_START_FAILED, component, %error, cause, took,
            "a component failed to start"
        );
    }

    pub(super) fn stopped(&self) {
        self.state("stopped");
        self.metrics.component_stopped(&self.name, self.passed());
        let (component, took) = (self.name(), self.took());
        tracing::info!(
            name: event::COMPONENT_STOPPED, component, took, "a component has stopped"
        );
    }

    pub(super) fn stop_failed(&self, error: &Failed, cause: Option<String>) {
        self.state("failed");
        self.metrics.component_stopped(&self.name, self.passed());
        let (component, took) = (self.name(), self.took());
        tracing::error!(
            name: event::COMPONENT_STOP_FAILED, component, %error, cause, took,
            "a component failed to stop"
        );
    }

    pub(super) fn abandoned(&self) {
        self.state("abandoned");
        let (component, took) = (self.name(), self.took());
        let cause = self.ctx.cause_text();
        tracing::error!(
            name: event::COMPONENT_ABANDONED, component, cause, took,
            "a component ignored its limit and was left behind"
        );
    }

    fn state(&self, state: &'static str) {
        let name = Arc::clone(&self.name);
        let events = self.ctx.env().spawner.events();
        events.emit(Event::Component { name, state });
    }

    fn passed(&self) -> std::time::Duration {
        self.ctx.clock().monotonic().since(self.began)
    }

    fn took(&self) -> f64 {
        self.passed().as_secs_f64()
    }
}
