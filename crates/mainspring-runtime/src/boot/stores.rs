//! The store of the jobs: opened before the first component, closed after the last.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use mainspring_core::activity::{Looking, TaskKind, io};
use mainspring_core::context::Context;
use mainspring_core::error::Error;
use mainspring_core::job::SessionId;
use mainspring_core::lifecycle::{Event, Failure, Phase, StartStep};
use mainspring_core::spawn::panic_message;
use mainspring_core::store::StoreSource;

use super::{Shell, Step};
use crate::app::Message;
use crate::failure::with_sources;
use crate::jobs::{Bound, Engine, Jobs, Registered};

/// What the app was told about jobs, and what is open of it.
pub(super) struct Stores {
    registered: Registered,
    /// Where the store comes from, if there are jobs.
    source: Option<Arc<dyn StoreSource>>,
    open: Option<Open>,
}

struct Open {
    jobs: Jobs,
    bound: Arc<Bound>,
    engine: Option<Engine>,
    /// Virtual time looks at the store before it moves.
    _look: Option<Looking>,
}

/// A store that has been opened, and the session of the engine.
pub(crate) struct Opened {
    jobs: Jobs,
    bound: Arc<Bound>,
    session: Option<SessionId>,
}

impl Stores {
    pub(super) fn new(registered: Registered, source: Option<Arc<dyn StoreSource>>) -> Self {
        Self {
            registered,
            source,
            open: None,
        }
    }

    pub(super) fn engine(&self) -> Option<Engine> {
        self.open.as_ref().and_then(|open| open.engine.clone())
    }

    pub(super) fn start_work(&self) {
        if let Some(engine) = self.engine() {
            engine.start();
        }
    }

    /// Drops what runs when the app ends by force.
    pub(super) fn end(&mut self) {
        if let Some(open) = self.open.take() {
            if let Some(engine) = &open.engine {
                engine.cut();
            }
            let _ = open.jobs.unbind();
        }
    }
}

impl Shell {
    pub(super) fn open_stores(&mut self) {
        let registered = &self.stores.registered;
        let both = registered.jobs.clone().zip(self.stores.source.clone());
        let Some((jobs, source)) = both else {
            return self.shared.tell(Message::Event(Event::StoresOpened));
        };
        let (ctx, shared) = (self.ctx.child(), Arc::clone(&self.shared));
        let has_engine = registered.has_engine();
        let (app, inner) = (self.app.clone(), ctx.clone());
        let open = async move {
            let open = open(inner.clone(), (jobs, source), &app, has_engine);
            let open = inner.run_until_cancelled(open);
            let message = match AssertUnwindSafe(open).catch_unwind().await {
                Ok(Ok(Ok(opened))) => Message::StoresOpened(Box::new(opened)),
                Ok(Ok(Err(error))) => failed(Failure::error(told(&error))),
                Ok(Err(cause)) => failed(Failure::error(cause)),
                Err(payload) => failed(Failure::panic(panic_message(&*payload))),
            };
            shared.tell(message);
        };
        let name = Arc::from("open stores");
        let spawner = &ctx.env().spawner;
        let task = spawner.spawn(ctx.scope(), TaskKind::Body, &name, open);
        let step = StartStep::Stores;
        self.step = Some(Step { step, ctx, task });
    }

    pub(super) fn stores_opened(&mut self, opened: Opened) {
        let Opened {
            jobs,
            bound,
            session,
        } = opened;
        jobs.bind(Arc::clone(&bound));
        let engine = session.map(|session| {
            let (ctx, bound) = (self.ctx.clone(), Arc::clone(&bound));
            let registered = &self.stores.registered;
            Engine::new(
                ctx,
                bound,
                (self.app.clone(), session),
                registered,
                self.metrics.clone(),
            )
        });
        let activity = self.ctx.clock().activity();
        let look = activity.map(|activity| {
            let store = Arc::clone(&bound.store);
            activity.look_at(Arc::new(move || {
                let store = Arc::clone(&store);
                Box::pin(async move { store.look().await.unwrap_or(false) })
            }))
        });
        self.stores.open = Some(Open {
            jobs,
            bound,
            engine,
            _look: look,
        });
    }

    pub(super) fn close_stores(&mut self) {
        let open = self.stores.open.take();
        let (shared, cut) = (Arc::clone(&self.shared), self.cut.clone());
        let close = async move {
            let failure = match open {
                None => None,
                Some(open) => {
                    let close = std::pin::pin!(io(close(open)));
                    let cut = std::pin::pin!(cut.cancelled());
                    match select(close, cut).await {
                        Either::Left((Ok(()), _)) => None,
                        Either::Left((Err(error), _)) => Some(Failure::error(told(&error))),
                        Either::Right(_) => Some(Failure::error("the store did not close in time")),
                    }
                }
            };
            shared.tell(Message::Event(Event::PhaseEnded {
                phase: Phase::Stores,
                cut: Vec::new(),
                failure,
            }));
        };
        let spawner = &self.ctx.env().spawner;
        let name = Arc::from("close stores");
        drop(spawner.spawn(self.ctx.scope(), TaskKind::Loop, &name, close));
    }
}

async fn open(
    ctx: Context,
    (jobs, source): (Jobs, Arc<dyn StoreSource>),
    app: &str,
    has_engine: bool,
) -> Result<Opened, Error> {
    let env = ctx.env();
    let (clock, random) = (env.clock.clone(), env.random.clone());
    let store = source.open(clock.now()).await?;
    let spawner = env.spawner.clone();
    let bound = Arc::new(Bound::new(store, clock.clone(), random.clone(), spawner));
    let mut session = None;
    if has_engine {
        let id = SessionId::new(&random, clock.now());
        bound.store.open_session(clock.now(), id, app).await?;
        session = Some(id);
    }
    Ok(Opened {
        jobs,
        bound,
        session,
    })
}

async fn close(open: Open) -> Result<(), Error> {
    let Open {
        jobs,
        bound,
        engine,
        _look,
    } = open;
    let _ = jobs.unbind();
    let mut ended = Ok(());
    if let Some(engine) = engine {
        let now = bound.clock.now();
        ended = bound.store.close_session(now, engine.session()).await;
    }
    ended.and(bound.store.close().await)
}

fn failed(failure: Failure) -> Message {
    Message::Event(Event::StoresFailed(failure))
}

fn told(error: &Error) -> String {
    match error.hint() {
        Some(hint) => format!("{} ({hint})", with_sources(error)),
        None => with_sources(error),
    }
}
