//! Group commit: one thread writes, and a batch is what has queued while the last commit ran.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{GROUP_MAX, INSERT, payload, told};
use crate::platform::workers_only;
use crate::seam::{Begun, Took};

/// One job, and whom to tell its id.
struct Request {
    payload: &'static str,
    acknowledge: oneshot::Sender<i64>,
}

/// Enqueues so many jobs in all from so many callers, each on a task of its own.
#[expect(
    clippy::disallowed_methods,
    reason = "the limit is made of what tokio offers"
)]
pub(super) fn enqueue(
    connection: Connection,
    threads: usize,
    callers: u32,
    jobs: u32,
) -> Result<Took, String> {
    let runtime = workers_only(threads);
    let (requests, queue) = channel();
    let writer = start(connection, queue)?;
    let begun = Begun::now();
    let all: Vec<_> = (0..callers)
        .map(|caller| {
            let own = jobs / callers + u32::from(caller < jobs % callers);
            runtime.spawn(call(requests.clone(), own))
        })
        .collect();
    for caller in all {
        let called = runtime.block_on(caller);
        called.map_err(|why| format!("a caller of the limit: {why}"))??;
    }
    let took = begun.took();
    drop(requests);
    let written = writer.join().map_err(|_| "the writer panicked")?;
    written.map_err(told)?;
    Ok(took)
}

async fn call(requests: Sender<Request>, jobs: u32) -> Result<(), String> {
    for _ in 0..jobs {
        let (acknowledge, acknowledged) = oneshot::channel();
        let request = Request {
            payload: payload(),
            acknowledge,
        };
        requests.send(request).map_err(|_| "the writer has ended")?;
        acknowledged.await.map_err(|_| "the writer has ended")?;
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the limit is made of what the standard library offers"
)]
fn start(
    connection: Connection,
    queue: Receiver<Request>,
) -> Result<JoinHandle<rusqlite::Result<()>>, String> {
    let thread = std::thread::Builder::new().name("limit-writer".to_owned());
    let started = thread.spawn(move || write_all(&connection, &queue));
    started.map_err(|why| format!("cannot start the writer: {why}"))
}

fn write_all(connection: &Connection, queue: &Receiver<Request>) -> rusqlite::Result<()> {
    let mut begin = connection.prepare("begin immediate")?;
    let mut commit = connection.prepare("commit")?;
    let mut insert = connection.prepare(INSERT)?;
    let mut group: Vec<Request> = Vec::with_capacity(GROUP_MAX);
    let mut ids = Vec::with_capacity(GROUP_MAX);
    while let Ok(first) = queue.recv() {
        group.push(first);
        group.extend(queue.try_iter().take(GROUP_MAX - 1));
        begin.execute([])?;
        for request in &group {
            ids.push(insert.insert([request.payload])?);
        }
        commit.execute([])?;
        for (request, id) in group.drain(..).zip(ids.drain(..)) {
            // A caller that is gone needs no answer.
            let _ = request.acknowledge.send(id);
        }
    }
    Ok(())
}
