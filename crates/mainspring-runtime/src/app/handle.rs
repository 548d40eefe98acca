//! A handle to an app: asks it to stop, waits for it to be ready.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use mainspring_core::activity::park;
use mainspring_core::cause::Cause;
use mainspring_core::clock::Clock;
use mainspring_core::context::{AppControl, StopHook};
use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::health::Readiness;
use mainspring_core::lifecycle::{Command, Event, Failure, Machine, PartId, ShutdownCause, Signal};
use tokio::sync::{mpsc, watch};

use crate::boot::Opened;
use crate::endpoint::Bound;
use crate::health::HealthServer;
use crate::metrics::{NAME_BYTES_MAX, shown};
use crate::periodic::PeriodicState;
use crate::watchdog::Watchdog;

/// How many failures that ask for the shutdown are told: the first one stops the app, the report
/// names some of the others.
const FAILURES_MAX: usize = 64;

/// A handle to an app, cheap to clone; it works before, while and after the app runs.
#[derive(Clone)]
pub struct AppHandle(Arc<Shared>);

/// What the shell and everybody who may ask something of it share.
pub(crate) struct Shared {
    /// Bounded by what the app itself does: each step of the boot, part and phase of the stop tells
    /// its end once. What anybody may repeat goes through `asked`.
    messages: mpsc::UnboundedSender<Message>,
    asked: Asked,
    readiness: watch::Sender<Readiness>,
    /// Whether the app has ever been ready.
    started: AtomicBool,
    addresses: watch::Sender<Addresses>,
    /// The lifecycle's decisions; held only while one is made, so the watchdog can always have it.
    pub(crate) machine: Mutex<Option<Machine>>,
    /// The hooks registered while the app runs.
    pub(crate) hooks: Mutex<BTreeMap<PartId, StopHook>>,
    clock: OnceLock<Clock>,
    pub(crate) periodics: OnceLock<crate::periodic::Engine>,
    /// Armed by whoever asks for the shutdown: a blocked runtime would never do it.
    pub(crate) watchdog: OnceLock<Watchdog>,
}

/// How often the shell was asked to stop; what would change nothing is not told.
#[derive(Default)]
struct Asked {
    requests: AtomicUsize,
    failures: AtomicUsize,
    signals: AtomicUsize,
}

/// What the shell is told; an app without it will never be ready.
pub(crate) struct Inbox {
    shared: Arc<Shared>,
    messages: mpsc::UnboundedReceiver<Message>,
}

/// Where an app listens, by listener name.
pub type Addresses = BTreeMap<String, std::net::SocketAddr>;

/// What is told to the shell.
pub(crate) enum Message {
    /// Something happened that the machine must know.
    Event(Event),
    /// The sockets are bound.
    Bound(Vec<Box<dyn Bound>>, Option<HealthServer>),
    /// The store of the jobs is open.
    StoresOpened(Box<Opened>),
}

impl AppHandle {
    pub(crate) fn new() -> (Self, Inbox) {
        let (sender, messages) = mpsc::unbounded_channel();
        let shared = Shared {
            messages: sender,
            asked: Asked::default(),
            readiness: watch::Sender::new(Readiness::Starting),
            started: AtomicBool::new(false),
            addresses: watch::Sender::new(Addresses::new()),
            machine: Mutex::new(None),
            hooks: Mutex::new(BTreeMap::new()),
            clock: OnceLock::new(),
            periodics: OnceLock::new(),
            watchdog: OnceLock::new(),
        };
        let shared = Arc::new(shared);
        let inbox = Inbox {
            shared: Arc::clone(&shared),
            messages,
        };
        (Self(shared), inbox)
    }

    /// Asks the app to stop; returns at once. Before the boot it makes the boot stop at once;
    /// asking again changes nothing.
    pub fn shutdown(&self, cause: impl Into<Cause>) {
        let cause = ShutdownCause::Requested(cause.into().to_string());
        self.0.stop(Event::ShutdownRequested(cause));
    }

    /// Acts as if the process had got this signal; for test kits.
    #[doc(hidden)]
    pub fn signal(&self, signal: Signal) {
        self.0.stop(Event::Signal(signal));
    }

    /// Waits until the app is ready, or will never be: false then. A Mainspring wait: a body that
    /// awaits it is parked.
    pub async fn ready(&self) -> bool {
        let mut readiness = self.0.readiness.subscribe();
        let seen = park(readiness.wait_for(|now| *now != Readiness::Starting)).await;
        seen.is_ok_and(|now| *now == Readiness::Ready)
    }

    /// Whether the app is starting, ready or draining.
    pub fn readiness(&self) -> Readiness {
        *self.0.readiness.borrow()
    }

    /// Where the app listens, by listener: `main`, `health`. Empty until the sockets are bound.
    pub fn addresses(&self) -> Addresses {
        self.0.addresses.borrow().clone()
    }

    /// The state of every periodic, in the order of registration. Empty before the boot.
    pub fn periodics(&self) -> Vec<PeriodicState> {
        self.0
            .periodics
            .get()
            .map(crate::periodic::Engine::states)
            .unwrap_or_default()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl fmt::Debug for AppHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppHandle")
            .field("readiness", &self.readiness())
            .finish_non_exhaustive()
    }
}

impl AppControl for AppHandle {
    fn shutdown(&self, who: &str, cause: Cause, failed: bool) {
        let name = who.to_owned();
        let cause = match failed {
            true => ShutdownCause::Failed {
                name,
                failure: Failure::error(&cause),
            },
            false => ShutdownCause::Component {
                name,
                reason: cause.to_string(),
            },
        };
        self.0.stop(Event::ShutdownRequested(cause));
    }

    fn on_stop(&self, name: &str, hook: StopHook) -> Result<(), Error> {
        check_hook(name)?;
        let now = self.0.now();
        let event = Event::HookRegistered {
            name: name.to_owned(),
        };
        // The hook is kept before the machine can tell anybody to run it.
        let mut machine = self.0.machine();
        let commands = machine
            .as_mut()
            .map(|machine| machine.handle(now, event))
            .unwrap_or_default();
        for command in commands {
            match command {
                Command::HookAccepted { part } => {
                    self.0.hooks().insert(part, hook);
                    return Ok(());
                }
                Command::HookRefused { because } => {
                    return Err(refused(name, &because.to_string()));
                }
                _ => {}
            }
        }
        Err(refused(
            name,
            "the app has not started; register the hook on its builder",
        ))
    }
}

impl Shared {
    pub(crate) fn tell(&self, message: Message) {
        // The receiver is gone once the app has ended; then there is nothing left to tell.
        let _ = self.messages.send(message);
    }

    /// Begins the shutdown, and its countdown with it.
    fn stop(&self, event: Event) {
        if let Some(watchdog) = self.watchdog.get() {
            watchdog.asked(&event);
        }
        self.ask(event);
    }

    /// Tells the shell of a request to stop, unless it knows all that repeating it could say.
    pub(crate) fn ask(&self, event: Event) {
        if self.asked.is_news(&event) {
            self.tell(Message::Event(event));
        }
    }

    pub(crate) fn boot(&self, clock: Clock, machine: Machine) {
        let _ = self.clock.set(clock);
        *self.machine() = Some(machine);
    }

    /// Feeds the machine one event at the present time.
    pub(crate) fn decide(&self, event: Event) -> Vec<Command> {
        let now = self.now();
        self.machine()
            .as_mut()
            .map(|machine| machine.handle(now, event))
            .unwrap_or_default()
    }

    pub(crate) fn now(&self) -> Duration {
        self.clock
            .get()
            .map(|clock| clock.monotonic().since_origin())
            .unwrap_or_default()
    }

    pub(crate) fn set_readiness(&self, readiness: Readiness) {
        if readiness == Readiness::Ready {
            self.started.store(true, Ordering::SeqCst);
        }
        self.readiness.send_replace(readiness);
    }

    pub(crate) fn readiness(&self) -> Readiness {
        *self.readiness.borrow()
    }

    /// Whether the app has ever been ready.
    pub(crate) fn has_started(&self) -> bool {
        self.started.load(Ordering::SeqCst)
    }

    pub(crate) fn add_address(&self, listener: &str, address: std::net::SocketAddr) {
        self.addresses.send_modify(|known| {
            known.insert(listener.to_owned(), address);
        });
    }

    pub(crate) fn machine(&self) -> MutexGuard<'_, Option<Machine>> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn hooks(&self) -> MutexGuard<'_, BTreeMap<PartId, StopHook>> {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asked {
    fn is_news(&self, event: &Event) -> bool {
        let (asked, most) = match event {
            // The second one forces the exit.
            Event::Signal(_) => (&self.signals, 2),
            Event::ShutdownRequested(ShutdownCause::Failed { .. }) => {
                (&self.failures, FAILURES_MAX)
            }
            _ => (&self.requests, 1),
        };
        let more = |count| (count < most).then_some(count + 1);
        let order = Ordering::Relaxed;
        asked.fetch_update(order, order, more).is_ok()
    }
}

impl Inbox {
    pub(crate) async fn next(&mut self) -> Message {
        let message = self.messages.recv().await;
        message.expect("the sender in `shared` keeps the channel open")
    }
}

impl Drop for Inbox {
    /// Nobody waits for an app to be ready that has ended, or was never run.
    fn drop(&mut self) {
        self.shared.set_readiness(Readiness::Draining);
    }
}

/// The same bound as for the names on the builder.
fn check_hook(name: &str) -> Result<(), Error> {
    let error = match name.len() {
        bytes if bytes > NAME_BYTES_MAX => {
            let start = shown(name);
            let message = format!("hook \"{start}…\": its name has {bytes} bytes");
            Error::new(ErrorKind::Config, message)
                .with_hint(format!("use at most {NAME_BYTES_MAX} bytes"))
        }
        _ if name.trim().is_empty() => Error::new(ErrorKind::Config, "a stop hook has no name")
            .with_hint("give it one: the report refers to it"),
        _ => return Ok(()),
    };
    Err(error)
}

fn refused(name: &str, because: &str) -> Error {
    let message = format!("the stop hook `{name}` was refused: {because}");
    Error::new(ErrorKind::ShuttingDown, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_again_does_not_grow_the_queue() {
        let (handle, inbox) = AppHandle::new();
        for _ in 0..10_000 {
            handle.shutdown("enough");
        }
        assert_eq!(inbox.messages.len(), 1);
        for _ in 0..10_000 {
            handle.signal(Signal::Terminate);
        }
        assert_eq!(inbox.messages.len(), 3, "the second signal forces the exit");
        for failed in [true, false] {
            for _ in 0..10_000 {
                AppControl::shutdown(&handle, "part", Cause::shutdown("broken"), failed);
            }
        }
        assert_eq!(inbox.messages.len(), 3 + FAILURES_MAX);
    }
}
