//! What has been sent to the writer and not been taken up.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use mainspring_core::error::Error;
use tokio::sync::oneshot;

use super::{Message, Request, Shared, batch};

/// The writer's end of the queue, and what came out of it beside work.
pub(super) struct Inbox<'a> {
    receiver: &'a Receiver<Message>,
    shared: &'a Shared,
    pub(super) looks: Vec<oneshot::Sender<Result<bool, Error>>>,
    /// Somebody writes to the log.
    pub(super) stirred: bool,
    pub(super) stop: Option<oneshot::Sender<()>>,
}

impl<'a> Inbox<'a> {
    pub(super) fn new(receiver: &'a Receiver<Message>, shared: &'a Shared) -> Self {
        Self {
            receiver,
            shared,
            looks: Vec::new(),
            stirred: false,
            stop: None,
        }
    }

    /// Waits for the first message and takes what is there; `false` when nobody can send any more.
    pub(super) fn wait(&mut self, wait: Duration, work: &mut Vec<Request>) -> bool {
        match self.receiver.recv_timeout(wait) {
            Ok(message) => {
                self.sort(message, work);
                self.take(work);
                true
            }
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => false,
        }
    }

    /// Takes what is there, as much as one transaction may write.
    pub(super) fn take(&mut self, work: &mut Vec<Request>) {
        let mut weight: usize = work.iter().map(Request::weight).sum();
        while weight < batch::ROWS_MAX
            && self.stop.is_none()
            && let Ok(message) = self.receiver.try_recv()
        {
            weight += self.sort(message, work);
        }
    }

    fn sort(&mut self, message: Message, work: &mut Vec<Request>) -> usize {
        match message {
            Message::Work(request) => {
                self.shared.queued.fetch_sub(1, Ordering::AcqRel);
                let weight = request.weight();
                work.push(request);
                return weight;
            }
            Message::Look(reply) => self.looks.push(reply),
            Message::Stir => self.stirred = true,
            Message::Stop(reply) => self.stop = Some(reply),
        }
        0
    }
}
