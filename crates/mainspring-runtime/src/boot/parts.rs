//! Components and hooks: starting, stopping, abandoning.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mainspring_core::activity::{TaskKind, park};
use mainspring_core::cause::Cause;
use mainspring_core::context::{Context, SpanKind, StopHook};
use mainspring_core::error::BoxError;
use mainspring_core::lifecycle::{CANCEL_GRACE, Event, PartId};
use mainspring_core::spawn::{Scope, Task};
use mainspring_core::time::Monotonic;
use tracing::Instrument;

use super::failure::{Failed, caught};
use super::told::Told;
use super::{Shell, Step};
use crate::app::{Message, Registered};
use crate::component::DynComponent;
use mainspring_core::lifecycle::StartStep;

/// How long the tasks of a failed start may take to end: less than the start itself is given once
/// it is cancelled, so that their names are still told.
const TASKS_GRACE: Duration = CANCEL_GRACE.checked_div(2).expect("two is not zero");

/// The planned parts by position, and what is running of them.
pub(super) struct Parts {
    planned: BTreeMap<PartId, Planned>,
    stopping: BTreeMap<PartId, Stopping>,
}

enum Planned {
    Component {
        component: Arc<dyn DynComponent>,
        scope: Scope,
        started: Option<(Context, Told)>,
    },
    Hook(String, Option<StopHook>),
}

struct Stopping {
    scope: Scope,
    task: Task<()>,
    told: Told,
}

impl Parts {
    pub(super) fn new(registered: Vec<Registered>) -> Self {
        let planned = registered.into_iter().map(|registered| match registered {
            Registered::Component(component) => Planned::Component {
                component,
                scope: Scope::new(),
                started: None,
            },
            Registered::Hook(name, hook) => Planned::Hook(name, Some(hook)),
        });
        let planned = planned
            .enumerate()
            .map(|(at, part)| (PartId::planned(at), part))
            .collect();
        Self {
            planned,
            stopping: BTreeMap::new(),
        }
    }

    /// Cancels and drops everything that an abandoned start has spawned.
    pub(super) fn abandon_start(&self, part: PartId) {
        if let Some(Planned::Component { scope, started, .. }) = self.planned.get(&part) {
            if let Some((ctx, told)) = started {
                ctx.cancel("its start was abandoned");
                told.abandoned();
            }
            end_now(scope);
        }
    }

    pub(super) fn abandon_stop(&mut self, part: PartId) {
        if let Some(Stopping { scope, task, told }) = self.stopping.remove(&part) {
            task.abort();
            told.abandoned();
            end_now(&scope);
        }
    }

    /// Drops whatever the parts have left behind when the app ends by force.
    pub(super) fn end_all(&mut self) {
        for (_, stopping) in std::mem::take(&mut self.stopping) {
            stopping.task.abort();
            stopping.scope.abort_all();
        }
        for planned in self.planned.values() {
            if let Planned::Component { scope, .. } = planned {
                scope.abort_all();
            }
        }
    }
}

impl Shell {
    pub(super) fn start_part(&mut self, part: PartId, deadline: Duration) {
        let Some(Planned::Component {
            component,
            scope,
            started,
        }) = self.parts.planned.get_mut(&part)
        else {
            return;
        };
        let name: Arc<str> = Arc::from(component.name());
        let owner = self.ctx.for_work(SpanKind::ComponentStart, &name, scope);
        let told = Told::new(&owner, &self.metrics, &name);
        *started = Some((owner.clone(), told.clone()));
        let limit = Monotonic::from_origin(deadline).since(owner.clock().monotonic());
        let what = format!("component \"{name}\" did not start within {limit:?}");
        let start_ctx = owner.with_timeout(limit, Cause::limit(what));
        let (component, scope) = (Arc::clone(component), scope.clone());
        let (shared, ctx) = (Arc::clone(&self.shared), start_ctx.clone());
        let start = async move {
            told.starting();
            let event = match caught(async { component.start(ctx.clone()).await }).await {
                Ok(()) => {
                    // What start captured goes on to live with the component.
                    ctx.lift_deadline();
                    told.started();
                    Event::PartStarted(part)
                }
                Err(mut failed) => {
                    // Of the start itself, not of what it leaves behind.
                    let cause = ctx.cause_text();
                    owner.cancel(format!("component \"{}\" failed to start", told.name()));
                    let grace = match ctx.remaining() {
                        None | Some(Duration::ZERO) => TASKS_GRACE,
                        Some(left) => TASKS_GRACE.min(left / 2),
                    };
                    failed.left(end_tasks(&ctx, &scope, grace).await);
                    told.start_failed(&failed, cause);
                    Event::PartFailed(part, failed.into())
                }
            };
            shared.tell(Message::Event(event));
        };
        let start = start.instrument(start_ctx.span().clone());
        let spawner = &self.ctx.env().spawner;
        let task = spawner.spawn(self.ctx.scope(), TaskKind::Body, &name, start);
        self.step = Some(Step {
            step: StartStep::Part(part),
            ctx: start_ctx,
            task,
        });
    }

    pub(super) fn stop_part(&mut self, part: PartId, deadline: Duration) {
        self.step = None;
        let deadline = Monotonic::from_origin(deadline);
        match self.parts.planned.get_mut(&part) {
            Some(Planned::Component {
                component,
                scope,
                started,
            }) => {
                let (component, scope) = (Arc::clone(component), scope.clone());
                let name: Arc<str> = Arc::from(component.name());
                if let Some((ctx, _)) = started {
                    let cause = format!("component \"{name}\" is being stopped");
                    ctx.cancel(Cause::shutdown(cause));
                }
                let stop = move |ctx| async move { component.stop(ctx).await };
                self.run_stop(part, name, scope, deadline, stop);
            }
            Some(Planned::Hook(name, hook)) => {
                let name: Arc<str> = Arc::from(name.as_str());
                if let Some(hook) = hook.take() {
                    self.run_stop(part, name, Scope::new(), deadline, hook);
                }
            }
            None => {
                let hook = self.shared.hooks().remove(&part);
                let machine = self.shared.machine();
                let name = machine.as_ref().and_then(|machine| machine.part_name(part));
                let name: Arc<str> = Arc::from(name.unwrap_or("hook"));
                drop(machine);
                match hook {
                    Some(hook) => self.run_stop(part, name, Scope::new(), deadline, hook),
                    None => self.shared.tell(Message::Event(Event::PartStopped(part))),
                }
            }
        }
    }

    fn run_stop<F, Fut>(
        &mut self,
        part: PartId,
        name: Arc<str>,
        scope: Scope,
        deadline: Monotonic,
        stop: F,
    ) where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let ctx = self.ctx.for_work(SpanKind::ComponentStop, &name, &scope);
        let limit = deadline.since(ctx.clock().monotonic());
        let cause = Cause::limit(format!("\"{name}\" did not stop within {limit:?}"));
        let ctx = ctx.with_timeout(limit, cause);
        let told = Told::new(&ctx, &self.metrics, &name);
        let (shared, owned, span) = (Arc::clone(&self.shared), scope.clone(), ctx.span().clone());
        let telling = told.clone();
        let stop = async move {
            told.stopping();
            // The call itself may panic, too.
            let stopped = caught(async { stop(ctx.clone()).await }).await;
            let cause = ctx.cause_text();
            // What the stop has spawned ends with it.
            ctx.cancel(Cause::shutdown(format!("\"{}\" has stopped", told.name())));
            let left = end_tasks(&ctx, &owned, ctx.remaining().unwrap_or_default()).await;
            let event = match Failed::also(stopped, left) {
                Ok(()) => {
                    told.stopped();
                    Event::PartStopped(part)
                }
                Err(failed) => {
                    told.stop_failed(&failed, cause);
                    Event::PartStopFailed(part, failed.into())
                }
            };
            shared.tell(Message::Event(event));
        };
        let stop = stop.instrument(span);
        let spawner = &self.ctx.env().spawner;
        let task = spawner.spawn(self.ctx.scope(), TaskKind::Body, &name, stop);
        let stopping = Stopping {
            scope,
            task,
            told: telling,
        };
        self.parts.stopping.insert(part, stopping);
    }
}

/// Waits for cancelled tasks; drops those that do not end in time, and names them.
async fn end_tasks(ctx: &Context, scope: &Scope, grace: Duration) -> Vec<Arc<str>> {
    let ended = ctx.clock().timeout(grace, park(scope.emptied())).await;
    match ended {
        Ok(()) => Vec::new(),
        Err(_) => scope.abort_all(),
    }
}

fn end_now(scope: &Scope) {
    for name in scope.abort_all() {
        tracing::warn!(task = &*name, "a task did not end when its owner was ended");
    }
}
