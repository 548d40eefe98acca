//! Signals, the last resort and the process's exit: plain threads that work even when every runtime
//! thread is blocked. Only an app whose `Platform::owns_process` is set has any of it.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::time::{Duration, Instant};

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::lifecycle::{Event, Exit, Forced, Machine, ShutdownReport, Signal};
use mainspring_core::telemetry::event;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::app::Shared;

/// How long writing the last words may take: whoever should read them may be stuck himself.
const WRITE_LIMIT: Duration = Duration::from_millis(500);

/// How many apps of this process are watched and have not yet ended. One that has ended must
/// not end the process while another still runs in it.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Takes the process's signals if it may, and ends the process when the shutdown does not.
#[derive(Clone)]
pub(crate) struct Watchdog(Arc<State>);

struct State {
    shared: Weak<Shared>,
    now: Mutex<Watch>,
    changed: Condvar,
    /// Whether this app took the process's signals: the process is then expected to end with it.
    takes_signals: bool,
}

#[derive(Default)]
struct Watch {
    /// When the process must have ended.
    deadline: Option<Instant>,
    /// What asked for the shutdown first, and when: a blocked shell has not heard of it.
    asked: Option<(Duration, Event)>,
    /// The app has reported; only the process itself still has to end.
    reported: bool,
}

impl Watchdog {
    pub(crate) fn start(shared: &Arc<Shared>, takes_signals: bool) -> Result<Self, Error> {
        let signals = takes_signals.then(signals).transpose()?;
        let state = State {
            shared: Arc::downgrade(shared),
            now: Mutex::new(Watch::default()),
            changed: Condvar::new(),
            takes_signals,
        };
        let state = Arc::new(state);
        if let Some(signals) = signals {
            let listener = Arc::clone(&state);
            thread("mainspring-signals", move || listener.listen(signals))?;
        }
        let watcher = Arc::clone(&state);
        thread("mainspring-watchdog", move || watcher.watch())?;
        RUNNING.fetch_add(1, Ordering::SeqCst);
        Ok(Self(state))
    }

    /// The app runs until the guard is dropped, also when its future is. What then lingers of the
    /// process is ended at the deadline if the app took its signals; else the process belongs to
    /// somebody who lives on.
    pub(crate) fn while_it_runs(&self) -> Running {
        Running(Arc::clone(&self.0))
    }

    /// Starts the countdown, unless it runs already.
    pub(crate) fn arm(&self) {
        self.0.arm(None);
    }

    /// The same, because of this event.
    pub(crate) fn asked(&self, event: &Event) {
        self.0.arm(Some(event));
    }
}

/// An app that has not yet ended.
pub(crate) struct Running(Arc<State>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.now().reported = true;
        RUNNING.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify_all();
    }
}

impl State {
    fn listen(&self, mut signals: Signals) {
        let mut first = true;
        for number in signals.forever() {
            if self.now().reported {
                // The app has ended; only the process is left, and somebody wants it to end.
                self.force(Forced::SecondSignal);
                continue;
            }
            let signal = if number == SIGINT {
                Signal::Interrupt
            } else {
                Signal::Terminate
            };
            if !std::mem::take(&mut first) {
                self.force(Forced::SecondSignal);
            }
            let event = Event::Signal(signal);
            self.arm(Some(&event));
            if let Some(shared) = self.shared.upgrade() {
                shared.ask(event);
            }
        }
    }

    fn arm(&self, event: Option<&Event>) {
        let after = self.machine(Machine::forced_exit_after);
        let at = self.shared.upgrade().map(|shared| shared.now());
        let mut now = self.now();
        if now.asked.is_none() {
            now.asked = at.zip(event.cloned());
        }
        if now.deadline.is_none() {
            now.deadline = after.map(|after| instant() + after);
        }
        drop(now);
        self.changed.notify_all();
    }

    fn watch(&self) {
        let mut now = self.now();
        loop {
            if now.reported && !self.takes_signals {
                return;
            }
            let left = now
                .deadline
                .map(|at| at.saturating_duration_since(instant()));
            now = match left {
                None => self
                    .changed
                    .wait(now)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => {
                    drop(now);
                    return self.force(Forced::Watchdog);
                }
                Some(left) => {
                    let waited = self.changed.wait_timeout(now, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Ends the process, unless this app has ended and another one runs in it.
    fn force(&self, forced: Forced) {
        let reported = self.now().reported;
        if reported && RUNNING.load(Ordering::SeqCst) > 0 {
            return;
        }
        let report = match reported {
            true => None,
            false => self.forced_report(forced),
        };
        within(WRITE_LIMIT, move || match report {
            Some(report) => {
                print(&report);
                // After the report: a log that is stuck must not keep it back.
                let (app, cause) = (&*report.app, &report.cause);
                tracing::error!(name: event::APP_EXIT_FORCED, app, %cause, "the exit is forced");
            }
            None => write(after_report(forced)),
        });
        exit();
    }

    /// The report as of now; a shell that is blocked has not even heard that it should stop.
    fn forced_report(&self, forced: Forced) -> Option<ShutdownReport> {
        let now = self.shared.upgrade()?.now();
        let asked = self.now().asked.clone();
        let mut machine = self.machine(Machine::clone)?;
        if let (None, Some((at, event))) = (machine.shutdown_cause(), asked) {
            let _ = machine.handle(at, event);
        }
        Some(machine.forced_report(now, forced))
    }

    fn machine<T>(&self, look: impl FnOnce(&Machine) -> T) -> Option<T> {
        self.shared.upgrade()?.machine().as_ref().map(look)
    }

    fn now(&self) -> MutexGuard<'_, Watch> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the report to stderr at once: no logger and no runtime may be alive any more.
pub(crate) fn print(report: &ShutdownReport) {
    write(&format!("{report}\n"));
}

/// Why a process is ended that has reported already.
fn after_report(forced: Forced) -> &'static str {
    match forced {
        Forced::SecondSignal => "a signal came after the report: the process is ended at once\n",
        _ => "the process did not end after its report: a thread is blocked\n",
    }
}

fn write(text: &str) {
    // If stderr is gone there is nobody left to tell.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Runs something that may block, and waits for it at most so long.
fn within(limit: Duration, run: impl FnOnce() + Send + 'static) {
    let (done, waits) = mpsc::channel();
    let started = thread("mainspring-report", move || {
        run();
        let _ = done.send(());
    });
    if started.is_ok() {
        let _ = waits.recv_timeout(limit);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the seam to the process's signals"
)]
fn signals() -> Result<Signals, Error> {
    Signals::new([SIGTERM, SIGINT]).map_err(|error| {
        Error::new(ErrorKind::Io, "the signal handlers cannot be installed")
            .with_source(error)
            .with_hint("call `App::without_signals` where the process does not allow them")
    })
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    crate::thread::start(name, run).map_err(|error| {
        Error::new(
            ErrorKind::Io,
            format!("the thread {name} cannot be started"),
        )
        .with_source(error)
        .with_hint("raise the limit of threads for this process")
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the watchdog counts real time, whatever the clock"
)]
fn instant() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "ending a stuck process is what the watchdog is for"
)]
fn exit() -> ! {
    std::process::exit(i32::from(Exit::Forced.code()))
}
