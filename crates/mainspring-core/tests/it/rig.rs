//! What these tests share: a context on a manual clock, over tokio, that remembers what it was
//! told.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainspring_core::activity::TaskKind;
use mainspring_core::cause::Cause;
use mainspring_core::clock::ManualClock;
use mainspring_core::context::{AppControl, Context, Env, StopHook};
use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::event::{Event, Events};
use mainspring_core::random::Random;
use mainspring_core::spawn::{BoxFuture, Executor, Scope, Spawner};
use tokio::sync::oneshot;

/// How long a test waits in real time for something that must hang.
pub(crate) const SHORT_LIMIT: Duration = Duration::from_millis(200);

/// The executor of a runtime.
#[derive(Debug)]
pub(crate) struct Tokio(pub(crate) tokio::runtime::Handle);

impl Executor for Tokio {
    fn execute(&self, future: BoxFuture<'static, ()>) {
        #[expect(clippy::disallowed_methods, reason = "the executor is the seam")]
        self.0.spawn(future);
    }
}

/// A context and what it needs, over the current runtime.
#[derive(Clone)]
pub(crate) struct Rig {
    pub(crate) manual: ManualClock,
    pub(crate) scope: Scope,
    pub(crate) ctx: Context,
    told: Arc<Mutex<Told>>,
}

#[derive(Default)]
struct Told {
    panics: Vec<(String, String)>,
    shutdowns: Vec<(String, Cause, bool)>,
    hooks: Vec<String>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::on(tokio::runtime::Handle::current())
    }

    pub(crate) fn on(handle: tokio::runtime::Handle) -> Self {
        let manual = ManualClock::new("2026-03-28T00:00:00Z".parse().unwrap());
        let told = Arc::new(Mutex::new(Told::default()));
        let sink = Arc::clone(&told);
        let events = Events::to(move |event| {
            if let Event::TaskPanicked { task, message } = event {
                let panic = (task.to_string(), message.clone());
                sink.lock().unwrap().panics.push(panic);
            }
        });
        let activity = Some(manual.activity().clone());
        let env = Env {
            clock: manual.clock(),
            spawner: Spawner::new(Arc::new(Tokio(handle)), activity, events),
            random: Random::seeded(1),
            control: Box::new(Control(Arc::clone(&told))),
        };
        let scope = Scope::new();
        let ctx = Context::root(Arc::new(env), scope.clone());
        Self {
            manual,
            scope,
            ctx,
            told,
        }
    }

    /// Starts a body and returns where its output arrives.
    pub(crate) fn body<T: Send + 'static>(
        &self,
        name: &str,
        future: impl Future<Output = T> + Send + 'static,
    ) -> oneshot::Receiver<T> {
        self.run(TaskKind::Body, name, future)
    }

    pub(crate) fn run<T: Send + 'static>(
        &self,
        kind: TaskKind,
        name: &str,
        future: impl Future<Output = T> + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (sender, receiver) = oneshot::channel();
        let whole = async move {
            let _ = sender.send(future.await);
        };
        self.ctx.env().spawner.execute(kind, &name.into(), whole);
        receiver
    }

    /// Which tasks panicked, with what.
    pub(crate) fn panics(&self) -> Vec<(String, String)> {
        self.told.lock().unwrap().panics.clone()
    }

    /// Who asked for a shutdown, and whether because of a failure.
    pub(crate) fn shutdowns(&self) -> Vec<(String, Cause, bool)> {
        self.told.lock().unwrap().shutdowns.clone()
    }

    pub(crate) fn hooks(&self) -> Vec<String> {
        self.told.lock().unwrap().hooks.clone()
    }
}

impl fmt::Debug for Rig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rig")
    }
}

struct Control(Arc<Mutex<Told>>);

impl AppControl for Control {
    fn shutdown(&self, who: &str, cause: Cause, failed: bool) {
        let asked = (who.to_owned(), cause, failed);
        self.0.lock().unwrap().shutdowns.push(asked);
    }

    fn on_stop(&self, name: &str, _hook: StopHook) -> Result<(), Error> {
        let mut told = self.0.lock().unwrap();
        if !told.shutdowns.is_empty() {
            return Err(Error::new(ErrorKind::ShuttingDown, "shutting down"));
        }
        told.hooks.push(name.to_owned());
        Ok(())
    }
}

/// A list that several tasks write to.
#[derive(Clone, Debug)]
pub(crate) struct Log<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone> Log<T> {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Vec::new())))
    }

    pub(crate) fn push(&self, entry: T) {
        self.0.lock().unwrap().push(entry);
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}

/// Runs `call`, which must panic, and returns the panic's text.
pub(crate) async fn panic_of<F: Future<Output: fmt::Debug>>(call: F) -> String {
    use futures_util::FutureExt;
    let caught = std::panic::AssertUnwindSafe(call).catch_unwind().await;
    mainspring_core::spawn::panic_message(&*caught.expect_err("it must panic"))
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
