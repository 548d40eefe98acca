//! A few threads with connections that only read, so that listings hold up no writer.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::telemetry::event;
use tokio::sync::oneshot;

use crate::connection;
use crate::fault::Done;
use crate::seam;
use crate::sql::Statements;
use mainspring_core::store::rules::closed;

/// How many reads run at once: one may be long, others pass it.
const READERS: usize = 2;

/// The most reads that wait.
const QUEUE_MAX: usize = 4_096;

type Job = Box<dyn FnOnce(&Statements<'_>) + Send>;

/// The way to the readers.
pub(crate) struct Readers {
    sender: Mutex<Option<SyncSender<Job>>>,
}

impl Readers {
    pub(crate) fn start(path: &Path) -> Result<Self, Error> {
        let (sender, receiver) = sync_channel(QUEUE_MAX);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..READERS {
            let connection = connection::open_reader(path)?;
            let receiver = Arc::clone(&receiver);
            seam::thread("mainspring-reader", move || serve(&connection, &receiver))?;
        }
        let sender = Mutex::new(Some(sender));
        Ok(Self { sender })
    }

    /// Reads; the transaction ends with the read.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Statements<'_>) -> Done<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |sql| {
            // A caller who does not wait any more has nothing to be told.
            drop(reply.send(run(sql).map_err(Error::from)));
        });
        let sender = self
            .sender
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match sender.ok_or_else(closed)?.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                return Err(
                    Error::new(ErrorKind::Limit, "too many reads wait for the database")
                        .with_hint("ask for smaller pages, and less often"),
                );
            }
            Err(TrySendError::Disconnected(_)) => return Err(closed()),
        }
        answer.await.map_err(|_| closed())?
    }

    /// Ends the threads after their present reads.
    pub(crate) fn stop(&self) {
        self.sender
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").finish_non_exhaustive()
    }
}

fn serve(connection: &rusqlite::Connection, receiver: &Mutex<Receiver<Job>>) {
    let sql = Statements::new(connection);
    loop {
        let next = receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(job) = next else {
            return;
        };
        if catch_unwind(AssertUnwindSafe(|| job(&sql))).is_err() {
            tracing::error!(name: event::STORE_PANICKED, "a read of the job store panicked");
        }
    }
}
