//! Contexts: random trees against a plain model, and identities that never mix.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use mainspring_core::cause::{Cause, CauseKind};
use mainspring_core::context::{Context, SpanKind};
use mainspring_core::error::ErrorKind;
use mainspring_core::identity::{Locale, RequestId, User, WorkName};
use mainspring_core::random::Random;
use mainspring_core::spawn::Scope;
use proptest::prelude::*;

use crate::rig::{Log, Rig, millis, secs};

/// One step of a random history; the first number picks the context it is about.
#[derive(Clone, Debug)]
enum Step {
    Child(usize),
    Timeout(usize, u64),
    Value(usize, u32),
    Detached(usize),
    ForWork(usize),
    Task(usize),
    Cancel(usize),
    Lift(usize),
    Advance(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let at = any::<usize>();
    prop_oneof![
        3 => at.prop_map(Step::Child),
        4 => (at, 0..40_u64).prop_map(|(at, ms)| Step::Timeout(at, ms)),
        2 => (at, any::<u32>()).prop_map(|(at, value)| Step::Value(at, value)),
        1 => at.prop_map(Step::Detached),
        1 => at.prop_map(Step::ForWork),
        2 => at.prop_map(Step::Task),
        2 => at.prop_map(Step::Cancel),
        1 => at.prop_map(Step::Lift),
        3 => (1..30_u64).prop_map(Step::Advance),
    ]
}

/// What a context must do, without any of its machinery.
#[derive(Clone, Default)]
struct Model {
    parent: Option<usize>,
    fresh: bool,
    limit: Option<(u64, String)>,
    cancelled: Option<(u64, String)>,
}

struct World {
    rig: Rig,
    nodes: Vec<Model>,
    /// Each context with its node and its value.
    contexts: Vec<(Context, usize, Option<u32>)>,
    /// Which contexts' waiters have been told, with what.
    told: Log<(usize, String)>,
}

impl World {
    fn new(rig: Rig) -> Self {
        let mut world = Self {
            rig,
            nodes: vec![Model::default()],
            contexts: Vec::new(),
            told: Log::new(),
        };
        world.add(world.rig.ctx.clone(), 0, None);
        world
    }

    fn add(&mut self, ctx: Context, node: usize, value: Option<u32>) {
        let (index, told) = (self.contexts.len(), self.told.clone());
        let cancelled = ctx.cancelled();
        drop(self.rig.body("waits", async move {
            told.push((index, cancelled.await.to_string()));
        }));
        self.contexts.push((ctx, node, value));
    }

    fn derive(&mut self, from: usize, model: Model, make: impl FnOnce(&Context) -> Context) {
        let (ctx, _, value) = self.contexts[from].clone();
        self.nodes.push(model);
        self.add(make(&ctx), self.nodes.len() - 1, value);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.rig.manual.monotonic().since_origin().as_millis()).unwrap()
    }

    async fn apply(&mut self, number: usize, step: Step) {
        let (now, count) = (self.now(), self.contexts.len());
        let below = |world: &Self, at: usize| {
            let from = at % count;
            let parent = Some(world.contexts[from].1);
            (
                from,
                Model {
                    parent,
                    ..Model::default()
                },
            )
        };
        match step {
            Step::Child(at) => {
                let (from, model) = below(self, at);
                self.derive(from, model, Context::child);
            }
            Step::Timeout(at, ms) => {
                let (from, mut model) = below(self, at);
                model.limit = Some((now + ms, format!("limit {number}")));
                let cause = format!("limit {number}");
                self.derive(from, model, |ctx| ctx.with_timeout(millis(ms), cause));
            }
            Step::Value(at, value) => {
                let (ctx, node, _) = self.contexts[at % count].clone();
                self.add(ctx.with_value(value), node, Some(value));
            }
            Step::Detached(at) => {
                self.derive(at % count, Model::default(), Context::detached);
            }
            Step::ForWork(at) => {
                let name = Arc::from("work");
                let make = |ctx: &Context| ctx.for_work(SpanKind::FollowUp, &name, &Scope::new());
                self.derive(at % count, Model::default(), make);
            }
            Step::Task(at) => {
                let (from, mut model) = below(self, at);
                model.fresh = true;
                self.derive(from, model, task_context);
            }
            Step::Cancel(at) => {
                let (ctx, node, _) = &self.contexts[at % count];
                let text = format!("cancel {number}");
                ctx.cancel(text.clone());
                self.nodes[*node].cancelled.get_or_insert((now, text));
            }
            Step::Lift(at) => {
                let (ctx, node, _) = &self.contexts[at % count];
                ctx.lift_deadline();
                self.nodes[*node].limit = None;
            }
            Step::Advance(ms) => self.rig.manual.advance(millis(ms)).await,
        }
    }

    /// The path of a node with the limits in force: those below and at the nearest task.
    fn expected(&self, node: usize) -> (Vec<(u64, String)>, Option<u64>) {
        let (mut causes, mut deadline) = (Vec::new(), None::<u64>);
        let (mut next, mut limits) = (Some(node), true);
        while let Some(index) = next {
            let model = &self.nodes[index];
            causes.extend(model.cancelled.clone());
            if let Some((at, cause)) = model.limit.clone().filter(|_| limits) {
                deadline = Some(deadline.map_or(at, |known| known.min(at)));
                if at <= self.now() {
                    causes.push((at, cause));
                }
            }
            limits = limits && !model.fresh;
            next = model.parent;
        }
        (causes, deadline)
    }

    async fn check(&self, ever: &mut BTreeMap<usize, bool>) {
        self.rig.manual.settle().await;
        let told: BTreeMap<_, _> = self.told.all().into_iter().collect();
        for (index, (ctx, node, value)) in self.contexts.iter().enumerate() {
            let (causes, deadline) = self.expected(*node);
            let earliest = causes.iter().map(|(at, _)| *at).min();
            match ctx.cause() {
                Some(cause) => {
                    let cause = cause.to_string();
                    let first =
                        |(at, text): &(u64, String)| Some(*at) == earliest && *text == cause;
                    assert!(causes.iter().any(first), "{index}: {cause} of {causes:?}");
                }
                None => assert!(causes.is_empty(), "{index}: not told of {causes:?}"),
            }
            assert_eq!(ctx.is_cancelled(), !causes.is_empty());
            let seen = ctx.deadline().map(|at| at.since_origin());
            assert_eq!(seen, deadline.map(Duration::from_millis), "{index}");
            assert_eq!(ctx.get::<u32>().copied(), *value, "{index}");
            let ever = ever.entry(index).or_default();
            *ever |= !causes.is_empty();
            assert_eq!(told.contains_key(&index), *ever, "{index}: its waiter");
        }
    }
}

/// The context that a task gets.
fn task_context(ctx: &Context) -> Context {
    let mut given = None;
    ctx.spawn("task", |ctx| {
        given = Some(ctx);
        async {}
    });
    given.expect("work is called at once")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn trees_of_contexts_do_as_the_model(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(Rig::new());
            let mut ever = BTreeMap::new();
            for (number, step) in steps.into_iter().enumerate() {
                world.apply(number, step).await;
                world.check(&mut ever).await;
            }
        });
    }
}

#[tokio::test]
async fn cancelling_reaches_all_children_and_never_a_detached_context() {
    let rig = Rig::new();
    let request = rig.ctx.with_timeout(secs(5), "too slow").with_value(7_u32);
    let (child, detached) = (request.child(), request.detached());
    let work = request.for_work(SpanKind::FollowUp, &"mail".into(), &rig.scope);
    let task = task_context(&request);
    request.cancel(Cause::new(CauseKind::ClientGone, "the client left"));
    request.cancel("a later cause");
    rig.manual.advance(secs(60)).await;
    for ctx in [&request, &child, &task] {
        let cause = ctx.cause().unwrap();
        assert_eq!(cause.kind(), CauseKind::ClientGone, "the first cause stays");
    }
    for ctx in [&detached, &work] {
        assert_eq!(
            (ctx.cause(), ctx.deadline(), ctx.get::<u32>()),
            (None, None, Some(&7))
        );
    }
    assert_eq!(work.get::<WorkName>().map(WorkName::as_str), Some("mail"));
    drop((rig, request, child, task));
    assert_eq!(detached.get::<u32>(), Some(&7), "it owns its values");
}

#[tokio::test]
async fn a_deadline_is_a_limit_whatever_the_words_and_can_be_lifted() {
    let rig = Rig::new();
    let start = rig.ctx.with_timeout(secs(30), "start took too long");
    let inner = start.child().with_timeout(secs(60), "inner");
    let waits = rig.body("waits", inner.cancelled());
    assert_eq!(
        inner.remaining(),
        Some(secs(30)),
        "the earlier one stays in force"
    );
    rig.manual.advance(secs(10)).await;
    start.lift_deadline();
    rig.manual.advance(secs(49)).await;
    assert!(!inner.is_cancelled() && !start.is_cancelled());
    rig.manual.advance(secs(1)).await;
    let cause = waits.now_or_never().expect("the inner limit").unwrap();
    assert!(cause.is_limit() && cause.to_string() == "inner");
    assert!(!start.is_cancelled());
    inner.lift_deadline();
    assert!(!inner.is_cancelled(), "also one that has passed");
}

#[tokio::test]
async fn guards_end_with_the_cause_and_drop_what_they_guard() {
    let rig = Rig::new();
    let ctx = rig.ctx.child();
    let held = Arc::new(());
    let guarded = Arc::clone(&held);
    let cut = rig.body(
        "cut",
        ctx.run_until_cancelled(rig.ctx.park(async move {
            let _held = guarded;
            std::future::pending::<()>().await;
        })),
    );
    let slept = rig.body("slept", ctx.sleep(secs(60)));
    rig.manual.advance(secs(1)).await;
    assert_eq!(Arc::strong_count(&held), 2);
    ctx.cancel("enough");
    rig.manual.settle().await;
    assert_eq!(cut.await.unwrap().unwrap_err().to_string(), "enough");
    assert_eq!(slept.await.unwrap().unwrap_err().to_string(), "enough");
    assert_eq!(Arc::strong_count(&held), 1);
    let ready = ctx.run_until_cancelled(std::future::ready(1)).await;
    assert_eq!(ready.unwrap(), 1, "a future that is ready wins");
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Number(usize);

/// How many requests are under way at the same time.
const REQUESTS: usize = 10_000;
const SEED: u64 = 20_260_328;

fn assert_identity(ctx: &Context, number: usize) {
    let id = format!("r-{number}");
    assert_eq!(
        ctx.get::<RequestId>().map(RequestId::as_str),
        Some(&*id),
        "seed {SEED}"
    );
    assert_eq!(
        ctx.get::<User>().map(User::as_str),
        Some(&*format!("u-{number}"))
    );
    assert_eq!(ctx.get::<Number>(), Some(&Number(number)));
    assert_eq!(ctx.get::<Locale>(), None);
}

async fn request(rig: Rig, random: Random, number: usize, checked: Arc<AtomicUsize>) {
    let ctx = rig.ctx.with_timeout(secs(30), "the request took too long");
    let ctx = ctx.with_value(RequestId::new(format!("r-{number}")));
    let ctx = ctx
        .with_value(User::new(format!("u-{number}")))
        .with_value(Number(number));
    ctx.clock().sleep(millis(random.below(50))).await;
    let detached = ctx.detached();
    for (name, from) in [("analytics", &detached), ("mail", &ctx)] {
        let work = from.for_work(SpanKind::FollowUp, &name.into(), &rig.scope);
        let (random, checked) = (random.clone(), Arc::clone(&checked));
        work.spawn(name, move |ctx| async move {
            for _ in 0..3 {
                ctx.clock().sleep(millis(random.below(50_000))).await;
                assert_identity(&ctx, number);
                assert_eq!((ctx.cause(), ctx.deadline()), (None, None));
            }
            checked.fetch_add(1, Ordering::SeqCst);
        });
    }
    ctx.clock().sleep(millis(random.below(50))).await;
    assert_identity(&ctx, number);
    ctx.cancel(Cause::new(CauseKind::ClientGone, "the client left"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn detached_work_of_one_request_never_shows_the_identity_of_another() {
    let rig = Rig::new();
    let (random, checked) = (Random::seeded(SEED), Arc::new(AtomicUsize::new(0)));
    for number in 0..REQUESTS {
        let one = request(rig.clone(), random.clone(), number, Arc::clone(&checked));
        drop(rig.body("request", one));
    }
    rig.manual.advance(secs(200)).await;
    assert_eq!(rig.panics(), [], "seed {SEED}");
    assert_eq!(checked.load(Ordering::SeqCst), 2 * REQUESTS);
    assert!(rig.scope.is_empty());
}

#[tokio::test]
async fn a_value_that_is_hidden_for_good_is_let_go() {
    let rig = Rig::new();
    let counted = Arc::new(());
    let mut ctx = rig.ctx.with_value(Number(0));
    for _ in 0..1_000 {
        ctx = ctx.with_value(Arc::clone(&counted)).child();
    }
    assert_eq!(Arc::strong_count(&counted), 2);
    let before = ctx.clone();
    let after = ctx.with_value(Number(1));
    assert_eq!(
        before.get::<Number>(),
        Some(&Number(0)),
        "the old context is as it was"
    );
    assert_eq!(after.get::<Number>(), Some(&Number(1)));
}

#[tokio::test]
async fn a_long_line_of_contexts_is_cancelled_and_dropped_without_a_deep_stack() {
    let rig = Rig::new();
    let first = rig.ctx.child();
    let mut last = first.clone();
    for number in 0..100_000_u32 {
        last = if number % 2 == 0 {
            last.child()
        } else {
            task_context(&last)
        };
        if number % 100 == 0 {
            rig.manual.settle().await;
        }
    }
    first.cancel("all of it");
    assert_eq!(last.cause().unwrap().to_string(), "all of it");
    drop(last);
}

#[tokio::test]
async fn the_app_is_asked_through_the_context() {
    let rig = Rig::new();
    let hook = |_ctx| async { Ok(()) };
    rig.ctx.on_stop("close the pool", hook).unwrap();
    rig.ctx.shutdown("an operator asked");
    let (who, cause, failed) = rig.shutdowns().remove(0);
    assert_eq!(
        (&*who, cause.kind(), failed),
        ("unnamed", CauseKind::Asked, false)
    );
    let refused = rig.ctx.on_stop("too late", hook).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ShuttingDown);
    assert_eq!(rig.hooks(), ["close the pool"]);
}
