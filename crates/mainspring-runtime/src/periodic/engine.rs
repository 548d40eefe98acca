//! The shell around the periodic machines.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use mainspring_core::activity::TaskKind;
use mainspring_core::cause::Cause;
use mainspring_core::clock::{Clock, Deadline, Sleep};
use mainspring_core::context::Context;
use mainspring_core::periodic::{AnyPlan, Command, Event, Machine, Moment, Run};
use mainspring_core::spawn::{Scope, Task};
use mainspring_core::time::{Monotonic, Timestamp};

use super::collect::PeriodicCollector;
use super::queue::{Place, Queue};
use super::{Handler, PeriodicState, run};

/// All periodics of an app; cheap to clone.
#[derive(Clone)]
pub(crate) struct Engine(Arc<Shared>);

struct Shared {
    ctx: Context,
    scope: Scope,
    state: Mutex<State>,
}

struct State {
    entries: Vec<Entry>,
    queue: Queue,
    waiter: Option<Task<()>>,
}

/// One periodic. There may be a hundred thousand, so it is small.
struct Entry {
    name: Arc<str>,
    machine: Machine,
    handler: Handler,
    armed: Option<Deadline>,
    /// The context of the run that began last, to cancel it.
    running: Option<Context>,
}

/// A run to be started once the lock is free.
struct Starting {
    place: Place,
    name: Arc<str>,
    handler: Handler,
    ctx: Context,
    scheduled_for: Timestamp,
    missed: u32,
}

impl Engine {
    /// An engine for plans that have been checked; one with a fault never fires.
    pub(crate) fn new(ctx: Context, periodics: Vec<(Arc<str>, AnyPlan, Handler)>) -> Self {
        let entries = periodics.into_iter().filter_map(|(name, plan, handler)| {
            let machine = Machine::new(&name, plan).ok()?;
            Some(Entry {
                name,
                machine,
                handler,
                armed: None,
                running: None,
            })
        });
        let state = State {
            entries: entries.collect(),
            queue: Queue::default(),
            waiter: None,
        };
        Self(Arc::new(Shared {
            ctx,
            scope: Scope::new(),
            state: Mutex::new(state),
        }))
    }

    /// Starts every periodic and the loop that waits for them.
    pub(crate) fn start(&self) {
        let mut state = self.state();
        let places = state.entries.len();
        let mut starting = Vec::new();
        let now = self.moment();
        for place in 0..places {
            self.feed(&mut state, place, Event::Started, now, &mut starting);
        }
        if places > 0 {
            let engine = self.clone();
            let name = Arc::from("periodic engine");
            let waits = async move { engine.wait_and_fire(now).await };
            let spawner = &self.0.ctx.env().spawner;
            let waiter = spawner.spawn(&Scope::new(), TaskKind::Loop, &name, waits);
            state.waiter = Some(waiter);
        }
        drop(state);
        self.begin(starting);
    }

    /// Starts nothing any more.
    pub(crate) fn stop(&self) {
        let mut state = self.state();
        let now = self.moment();
        for place in 0..state.entries.len() {
            self.feed(&mut state, place, Event::Shutdown, now, &mut Vec::new());
        }
        if let Some(waiter) = state.waiter.take() {
            waiter.abort();
        }
    }

    /// Waits until no run is going on. Call it after [`stop`](Engine::stop).
    pub(crate) async fn drained(&self) {
        loop {
            self.0.scope.emptied().await;
            let begun = |entry: &Entry| entry.machine.record().running > 0;
            if !self.state().entries.iter().any(begun) {
                return;
            }
            // A run has been decided on another thread and is spawned there in a moment.
            tokio::task::yield_now().await;
        }
    }

    /// Asks the runs that are going on to end, and names them.
    pub(crate) fn cancel(&self) -> Vec<String> {
        for entry in &self.state().entries {
            if let Some(ctx) = &entry.running {
                ctx.cancel(Cause::shutdown("the app is stopping"));
            }
        }
        let names = self.0.scope.names();
        names.iter().map(ToString::to_string).collect()
    }

    /// Drops the runs that are going on.
    pub(crate) fn cut(&self) {
        self.0.scope.abort_all();
    }

    /// The state of every periodic, in the order of registration.
    pub(crate) fn states(&self) -> Vec<PeriodicState> {
        let now = self.moment();
        let state = self.state();
        let states = state.entries.iter().map(|entry| PeriodicState {
            name: Arc::clone(&entry.name),
            record: *entry.machine.record(),
            next_fire: entry.machine.next_fire(now),
        });
        states.collect()
    }

    pub(crate) fn collector(&self) -> PeriodicCollector {
        PeriodicCollector::new(self.clone())
    }

    /// Tells the machine that a run has ended, and starts what waited for it.
    pub(super) fn finished(&self, place: Place, run: Run) {
        let mut starting = Vec::new();
        let mut state = self.state();
        let now = self.moment();
        self.feed(&mut state, place, Event::Finished(run), now, &mut starting);
        if let Some(entry) = state.entries.get_mut(place)
            && entry.machine.record().running == 0
        {
            entry.running = None;
        }
        drop(state);
        self.begin(starting);
    }

    async fn wait_and_fire(&self, began: Moment) {
        let mut offset = began;
        loop {
            let (monotonic, wall) = self.state().queue.next();
            let clock = self.0.ctx.clock();
            self.wait(clock, monotonic, wall, offset).await;
            let mut starting = Vec::new();
            let mut state = self.state();
            // One instant for all decisions: the wall may be stepped back in between, and what the
            // queue thinks due the machine must think due as well.
            let now = self.moment();
            if offset.wall_was_set(now) {
                offset = now;
                for place in 0..state.entries.len() {
                    self.feed(&mut state, place, Event::WallSet, now, &mut starting);
                }
            }
            while let Some(place) = state.queue.take_due(now) {
                if let Some(entry) = state.entries.get_mut(place) {
                    entry.armed = None;
                }
                self.feed(&mut state, place, Event::Due, now, &mut starting);
            }
            drop(state);
            self.begin(starting);
        }
    }

    /// Waits for the earlier of two deadlines, or for the wall clock to have been stepped.
    ///
    /// A wait for a wall instant looks at the wall now and then, which polls this too.
    async fn wait(
        &self,
        clock: &Clock,
        monotonic: Option<Monotonic>,
        wall: Option<Timestamp>,
        offset: Moment,
    ) {
        let mut monotonic = pin!(monotonic.map(|at| clock.sleep_until(at)));
        let mut wall = pin!(wall.map(|at| clock.sleep_until_wall(at)));
        poll_fn(|cx| {
            let mut due = |sleep: Option<std::pin::Pin<&mut Sleep>>| {
                sleep.is_some_and(|sleep| sleep.poll(cx).is_ready())
            };
            if due(monotonic.as_mut().as_pin_mut())
                || due(wall.as_mut().as_pin_mut())
                || offset.wall_was_set(self.moment())
            {
                return Poll::Ready(());
            }
            Poll::Pending
        })
        .await;
    }

    /// Feeds one machine and executes its commands, but for starting runs, which needs the lock to
    /// be free.
    fn feed(
        &self,
        state: &mut State,
        place: Place,
        event: Event,
        now: Moment,
        starting: &mut Vec<Starting>,
    ) {
        let State { entries, queue, .. } = state;
        let Some(entry) = entries.get_mut(place) else {
            return;
        };
        let mut commands = Vec::new();
        entry.machine.handle(event, now, &mut commands);
        for command in commands {
            match command {
                Command::Arm(deadline) => {
                    queue.arm(place, entry.armed.replace(deadline), deadline);
                }
                Command::CancelRunning => {
                    if let Some(ctx) = &entry.running {
                        ctx.cancel(run::replaced(&entry.name));
                    }
                }
                Command::Start {
                    scheduled_for,
                    missed,
                } => {
                    let ctx = run::context(&self.0.ctx, &entry.name, &self.0.scope);
                    entry.running = Some(ctx.clone());
                    starting.push(Starting {
                        place,
                        name: Arc::clone(&entry.name),
                        handler: Arc::clone(&entry.handler),
                        ctx,
                        scheduled_for,
                        missed,
                    });
                }
                Command::TellSkipped { scheduled_for } => {
                    run::skipped(&self.0.ctx, &entry.name, scheduled_for);
                }
                Command::TellMissed { fires } => run::missed(&entry.name, fires),
                _ => {}
            }
        }
    }

    fn begin(&self, starting: Vec<Starting>) {
        for Starting {
            place,
            name,
            handler,
            ctx,
            scheduled_for,
            missed,
        } in starting
        {
            let tick = super::Tick::new(ctx, scheduled_for, missed);
            run::start(self, place, &name, handler, tick, &self.0.scope);
        }
    }

    fn moment(&self) -> Moment {
        let clock = self.0.ctx.clock();
        Moment {
            wall: clock.now(),
            monotonic: clock.monotonic(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;
    use std::time::Duration;

    use futures_util::FutureExt;
    use mainspring_core::clock::ManualClock;
    use mainspring_core::context::Env;
    use mainspring_core::event::Events;
    use mainspring_core::periodic::Every;
    use mainspring_core::random::Random;
    use mainspring_core::spawn::{BoxFuture, Executor, Spawner};

    use super::*;
    use crate::executor::TokioExecutor;

    /// Ends each run at once, and notes whether its engine counted as drained then.
    #[derive(Debug)]
    struct Ends {
        engine: Arc<OnceLock<EngineDebug>>,
        inner: TokioExecutor,
        drained: Arc<Mutex<Vec<bool>>>,
    }

    struct EngineDebug(Engine);

    impl std::fmt::Debug for EngineDebug {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Engine")
        }
    }

    impl Executor for Ends {
        fn execute(&self, future: BoxFuture<'static, ()>) {
            match self.engine.get() {
                // The first task is the loop that waits.
                None => self.inner.execute(future),
                Some(EngineDebug(engine)) => {
                    drop(future);
                    let drained = engine.drained().now_or_never().is_some();
                    self.drained.lock().unwrap().push(drained);
                }
            }
        }
    }

    #[tokio::test]
    async fn a_run_that_is_decided_and_not_yet_spawned_is_waited_for() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        let (slot, drained) = (Arc::default(), Arc::default());
        let executor = Ends {
            engine: Arc::clone(&slot),
            inner: TokioExecutor::current(),
            drained: Arc::clone(&drained),
        };
        let activity = Some(clock.activity().clone());
        let env = Env {
            clock: clock.clock(),
            spawner: Spawner::new(Arc::new(executor), activity, Events::nowhere()),
            random: Random::seeded(1),
            control: Box::new(()),
        };
        let ctx = Context::root(Arc::new(env), Scope::new());
        let work: Handler = Arc::new(|_tick| Box::pin(async { Ok(()) }));
        let every = |name| (Arc::from(name), Every::seconds(1).into(), Arc::clone(&work));
        let engine = Engine::new(ctx, vec![every("a"), every("b")]);
        engine.start();
        let _ = slot.set(EngineDebug(engine.clone()));
        clock.advance(Duration::from_secs(1)).await;
        assert_eq!(*drained.lock().unwrap(), [false, true], "b had not begun");
        engine.stop();
    }
}
