//! What the writer is asked to do.

use mainspring_core::error::{Error, ErrorKind};
use tokio::sync::oneshot;

use super::Tx;
use crate::fault::Done;
use crate::seam::IoInstant;

/// What a piece of work asks of its commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Somebody is promised that it lasts.
    Durable,
    /// It dies with the power as whoever asked for it does: a claim.
    Light,
}

/// A caller who may itself hold the lock that the work waits for.
pub(crate) trait Guard: Send {
    /// Whether what its task has written in an open transaction cannot be read by others yet.
    fn is_open(&self, reads: &dyn Fn(&[u8; 16]) -> bool) -> bool;

    /// The lock is ours, so it is not theirs.
    fn is_over(&self);
}

/// A piece of work with its caller.
pub(crate) struct Request {
    work: Box<dyn Work>,
    /// How many rows it writes, about.
    weight: usize,
    pub(crate) class: Class,
    /// Waits for a lock as long as it takes; otherwise a person waits, and is told.
    pub(crate) patient: bool,
    pub(crate) guard: Option<Box<dyn Guard>>,
    pub(crate) since: IoInstant,
    /// Whether others want to hear of it.
    pub(crate) loud: bool,
}

trait Work: Send {
    fn run(&mut self, tx: &mut Tx<'_, '_>) -> Done<()>;
    fn answer(self: Box<Self>, outcome: Result<(), Error>);
}

struct Task<T, F> {
    run: F,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl Request {
    /// Work that may run more than once, when a transaction is taken back; its answer comes after
    /// the commit.
    pub(crate) fn new<T, F>(weight: usize, run: F) -> (Self, Answer<T>)
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_, '_>) -> Done<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let value = None;
        let request = Self {
            work: Box::new(Task { run, value, reply }),
            weight,
            class: Class::Durable,
            patient: true,
            guard: None,
            since: IoInstant::now(),
            loud: true,
        };
        (request, Answer(answer))
    }

    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    pub(super) fn run(&mut self, tx: &mut Tx<'_, '_>) -> Done<()> {
        self.work.run(tx)
    }

    pub(crate) fn answer(self, outcome: Result<(), Error>) {
        self.work.answer(outcome);
    }
}

impl<T, F> Work for Task<T, F>
where
    T: Send,
    F: FnMut(&mut Tx<'_, '_>) -> Done<T> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_, '_>) -> Done<()> {
        self.value = None;
        self.value = Some((self.run)(tx)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), Error>) {
        let Self { value, reply, .. } = *self;
        let answer = outcome.and_then(|()| value.ok_or_else(lost));
        // A caller who does not wait any more has nothing to be told.
        drop(reply.send(answer));
    }
}

/// The answer to come.
pub(crate) struct Answer<T>(oneshot::Receiver<Result<T, Error>>);

impl<T> Answer<T> {
    pub(crate) async fn wait(self) -> Result<T, Error> {
        self.0.await.map_err(|_| lost())?
    }
}

/// The writer has gone with the request in its hands.
fn lost() -> Error {
    Error::new(
        ErrorKind::Unknown,
        "the writer of the store ended before it answered",
    )
    .with_hint("read the job back by its id; see the log for why the writer ended")
}
