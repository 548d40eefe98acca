//! The one thread that writes.
//!
//! Requests queue while a transaction runs; the next transaction takes them together (group
//! commit), so that ten callers cost little more than one. A request that fails takes back only
//! its own part.

mod batch;
mod doze;
mod inbox;
mod lock;
mod tend;
#[cfg(test)]
mod tests;
mod tx;
mod work;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::store::Hint;
use mainspring_core::telemetry::event;
use tokio::sync::oneshot;

use crate::connection::{self, Synchronous};
use crate::file::Watched;
use crate::seam;
use inbox::Inbox;
use mainspring_core::store::rules::closed;
pub(crate) use tx::{Effect, Tx};
pub(crate) use work::{Class, Guard, Request};

/// How long the idle writer waits before it looks whether another connection has committed.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The most requests that wait for the writer; beyond it memory would grow faster than a disk
/// writes.
const QUEUE_MAX: usize = 65_536;

/// What the writer is told.
enum Message {
    Work(Request),
    Look(oneshot::Sender<Result<bool, Error>>),
    /// Somebody writes to the log.
    Stir,
    Stop(oneshot::Sender<()>),
}

/// The way to the writer.
#[derive(Debug)]
pub(crate) struct Writer {
    sender: Sender<Message>,
    shared: Arc<Shared>,
}

/// What the writer and its callers both see.
pub(crate) struct Shared {
    pub(crate) queued: AtomicUsize,
    /// No new work is taken, and nobody waits for a lock any longer.
    pub(crate) closing: AtomicBool,
    hint: Mutex<Option<Hint>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("queued", &self.queued)
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn on_hint(&self, hint: Hint) {
        *self.hint.lock().unwrap_or_else(PoisonError::into_inner) = Some(hint);
    }

    pub(crate) fn hint(&self) {
        let hint = self
            .hint
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(hint) = hint {
            hint();
        }
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }
}

/// How a writer begins.
pub(crate) struct Start {
    pub(crate) file: Watched,
    pub(crate) synchronous: Synchronous,
}

impl Writer {
    /// Starts the thread on a database that has been migrated.
    pub(crate) fn start(start: Start) -> Result<Self, Error> {
        let connection = connection::open_writer(start.file.path())?;
        Self::start_on(connection, start)
    }

    fn start_on(connection: rusqlite::Connection, start: Start) -> Result<Self, Error> {
        let (sender, receiver) = channel();
        let shared = Arc::new(Shared {
            queued: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            hint: Mutex::new(None),
        });
        let seen = Arc::clone(&shared);
        let tell = sender.clone();
        seam::thread("mainspring-writer", move || {
            let run = || run(&connection, start, (tell, &receiver), &seen);
            let ended = catch_unwind(AssertUnwindSafe(run));
            seen.closing.store(true, Ordering::Release);
            // Whoever waits in the queue hears of it when the receiver goes.
            drop(receiver);
            if ended.is_err() {
                tracing::error!(
                    name: event::STORE_PANICKED,
                    "the writer of the job store panicked; the store is closed"
                );
            }
            seen.hint();
        })?;
        Ok(Self { sender, shared })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.shared.is_closing()
    }

    /// Hands work to the writer.
    pub(crate) fn send(&self, request: Request) {
        if self.shared.is_closing() {
            return request.answer(Err(closed()));
        }
        if self.shared.queued.fetch_add(1, Ordering::AcqRel) >= QUEUE_MAX {
            self.shared.queued.fetch_sub(1, Ordering::AcqRel);
            return request.answer(Err(full()));
        }
        if let Err(unsent) = self.sender.send(Message::Work(request))
            && let Message::Work(request) = unsent.0
        {
            request.answer(Err(closed()));
        }
    }

    /// Looks once whether somebody else has committed.
    pub(crate) async fn look(&self) -> Result<bool, Error> {
        let (reply, answer) = oneshot::channel();
        self.sender
            .send(Message::Look(reply))
            .map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Ends the thread after everything that waits now.
    pub(crate) async fn stop(&self) {
        self.shared.closing.store(true, Ordering::Release);
        let (reply, answer) = oneshot::channel::<()>();
        if self.sender.send(Message::Stop(reply)).is_ok() {
            // An error says that the thread has gone already.
            drop(answer.await);
        }
    }
}

impl Drop for Writer {
    /// Ends the thread after everything that waits now; it would wait for messages for ever, for
    /// it can send some to itself.
    fn drop(&mut self) {
        self.sender
            .send(Message::Stop(oneshot::channel().0))
            .unwrap_or_default();
    }
}

fn full() -> Error {
    Error::new(ErrorKind::Limit, "too many requests wait for the database").with_hint(
        "enqueue in batches, or slow down: the disk cannot keep up, or somebody holds its lock",
    )
}

/// The life of the thread.
fn run(
    connection: &rusqlite::Connection,
    start: Start,
    (tell, receiver): (Sender<Message>, &Receiver<Message>),
    shared: &Shared,
) {
    let mut hand = batch::Hand::new(connection, start, shared, tell);
    let mut inbox = Inbox::new(receiver, shared);
    let mut waiting = Vec::new();
    loop {
        let wait = hand.wait(&waiting);
        if !inbox.wait(wait, &mut waiting) {
            return hand.end(waiting);
        }
        if std::mem::take(&mut inbox.stirred) {
            hand.told();
        }
        let had = !waiting.is_empty();
        waiting = hand.commit(waiting, &mut inbox);
        hand.answer_looks(&mut inbox, !had);
        if let Some(reply) = inbox.stop.take() {
            hand.end(waiting);
            reply.send(()).unwrap_or_default();
            return;
        }
        hand.tend(had);
    }
}
