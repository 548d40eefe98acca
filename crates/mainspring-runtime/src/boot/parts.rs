//! Components and hooks: starting, stopping, abandoning.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use mainspring_core::activity::TaskKind;
use mainspring_core::cause::Cause;
use mainspring_core::context::{Context, SpanKind, StopHook};
use mainspring_core::error::BoxError;
use mainspring_core::event::Event as Told;
use mainspring_core::lifecycle::{CANCEL_GRACE, Event, Failure, PartId};
use mainspring_core::spawn::{Scope, Task, panic_message};
use mainspring_core::time::Monotonic;
use tracing::Instrument;

use super::{Shell, failure};
use crate::app::{Message, Registered};
use crate::component::DynComponent;

/// The planned parts by position, and what is running of them.
pub(super) struct Parts {
    planned: BTreeMap<PartId, Planned>,
    stopping: BTreeMap<PartId, (Scope, Task<()>)>,
}

enum Planned {
    Component {
        component: Arc<dyn DynComponent>,
        scope: Scope,
        ctx: Option<Context>,
    },
    Hook(String, Option<StopHook>),
}

impl Parts {
    pub(super) fn new(registered: Vec<Registered>) -> Self {
        let planned = registered.into_iter().map(|registered| match registered {
            Registered::Component(component) => Planned::Component {
                component,
                scope: Scope::new(),
                ctx: None,
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
        if let Some(Planned::Component { scope, ctx, .. }) = self.planned.get(&part) {
            if let Some(ctx) = ctx {
                ctx.cancel("its start was abandoned");
            }
            scope.abort_all();
        }
    }

    pub(super) fn abandon_stop(&mut self, part: PartId) {
        if let Some((scope, task)) = self.stopping.remove(&part) {
            task.abort();
            for name in scope.abort_all() {
                tracing::warn!(task = &*name, "a task did not end when its owner stopped");
            }
        }
    }
}

impl Shell {
    pub(super) fn start_part(&mut self, part: PartId, deadline: Duration) {
        let Some(Planned::Component {
            component,
            scope,
            ctx: slot,
        }) = self.parts.planned.get_mut(&part)
        else {
            return;
        };
        let name: Arc<str> = Arc::from(component.name());
        let owner = self.ctx.for_work(SpanKind::ComponentStart, &name, scope);
        *slot = Some(owner.clone());
        let limit = Monotonic::from_origin(deadline).since(owner.clock().monotonic());
        let what = format!("component \"{name}\" did not start within {limit:?}");
        let start_ctx = owner.with_timeout(limit, Cause::limit(what));
        let (component, scope) = (Arc::clone(component), scope.clone());
        let (shared, ctx) = (Arc::clone(&self.shared), start_ctx.clone());
        let told = Arc::clone(&name);
        let start = async move {
            tell(&ctx, &told, "starting");
            let started = caught(component.start(ctx.clone())).await;
            let event = match started {
                Ok(()) => {
                    // What start captured goes on to live with the component.
                    ctx.lift_deadline();
                    tell(&ctx, &told, "started");
                    Event::PartStarted(part)
                }
                Err(failure) => {
                    tracing::error!(%failure, "a component failed to start");
                    tell(&ctx, &told, "failed");
                    owner.cancel(format!("component \"{told}\" failed to start"));
                    end_tasks(&ctx, &scope).await;
                    Event::PartFailed(part, failure)
                }
            };
            shared.tell(Message::Event(event));
        };
        let span = start_ctx.span().clone();
        let start = start.instrument(span);
        let spawner = &self.ctx.env().spawner;
        let task = spawner.spawn(self.ctx.scope(), TaskKind::Body, &name, start);
        self.step = Some((start_ctx, task));
    }

    pub(super) fn stop_part(&mut self, part: PartId, deadline: Duration) {
        self.step = None;
        let deadline = Monotonic::from_origin(deadline);
        match self.parts.planned.get_mut(&part) {
            Some(Planned::Component {
                component,
                scope,
                ctx,
            }) => {
                let (component, scope) = (Arc::clone(component), scope.clone());
                let name: Arc<str> = Arc::from(component.name());
                if let Some(ctx) = ctx {
                    ctx.cancel(Cause::shutdown(format!(
                        "component \"{name}\" is being stopped"
                    )));
                }
                let owned = scope.clone();
                let body = move |ctx: Context| async move {
                    let stopped = caught(component.stop(ctx)).await;
                    owned.emptied().await;
                    stopped
                };
                self.run_stop(part, name, scope, deadline, body);
            }
            Some(Planned::Hook(name, hook)) => {
                let name: Arc<str> = Arc::from(name.as_str());
                if let Some(hook) = hook.take() {
                    self.run_stop(part, name, Scope::new(), deadline, |ctx| caught(hook(ctx)));
                }
            }
            None => {
                let hook = self.shared.hooks().remove(&part);
                let machine = self.shared.machine();
                let name = machine.as_ref().and_then(|machine| machine.part_name(part));
                let name: Arc<str> = Arc::from(name.unwrap_or("hook"));
                drop(machine);
                match hook {
                    Some(hook) => {
                        self.run_stop(part, name, Scope::new(), deadline, |ctx| caught(hook(ctx)));
                    }
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
        body: F,
    ) where
        F: FnOnce(Context) -> Fut,
        Fut: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let ctx = self.ctx.for_work(SpanKind::ComponentStop, &name, &scope);
        let limit = deadline.since(ctx.clock().monotonic());
        let cause = Cause::limit(format!("\"{name}\" did not stop within {limit:?}"));
        let ctx = ctx.with_timeout(limit, cause);
        let shared = Arc::clone(&self.shared);
        let told = Arc::clone(&name);
        let span = ctx.span().clone();
        let body = body(ctx.clone());
        let stop = async move {
            tell(&ctx, &told, "stopping");
            let event = match body.await {
                Ok(()) => Event::PartStopped(part),
                Err(failure) => {
                    tracing::error!(%failure, "a component failed to stop");
                    Event::PartStopFailed(part, failure)
                }
            };
            tell(&ctx, &told, "stopped");
            shared.tell(Message::Event(event));
        };
        let stop = stop.instrument(span);
        let spawner = &self.ctx.env().spawner;
        let task = spawner.spawn(self.ctx.scope(), TaskKind::Body, &name, stop);
        self.parts.stopping.insert(part, (scope, task));
    }
}

/// Runs a start or a stop and catches its panic.
async fn caught(body: impl Future<Output = Result<(), BoxError>>) -> Result<(), Failure> {
    match AssertUnwindSafe(body).catch_unwind().await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(failure::of_error(&error)),
        Err(payload) => Err(Failure::panic(panic_message(&*payload))),
    }
}

/// Waits for the cancelled tasks of a failed start, and drops those that do not end.
async fn end_tasks(ctx: &Context, scope: &Scope) {
    if ctx
        .clock()
        .timeout(CANCEL_GRACE, scope.emptied())
        .await
        .is_err()
    {
        scope.abort_all();
    }
}

fn tell(ctx: &Context, name: &Arc<str>, state: &'static str) {
    let event = Told::Component {
        name: Arc::clone(name),
        state,
    };
    ctx.env().spawner.events().emit(event);
    tracing::info!(state, "component");
}
