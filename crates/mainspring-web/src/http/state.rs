//! What a connection's parts know of each other: where it is between two requests, and whose
//! request is under way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::StatusCode;
use mainspring_core::cause::Cause;
use mainspring_core::context::Context;
use mainspring_runtime::io_time::IoInstant;
use tokio::sync::OwnedSemaphorePermit;

/// The state of one connection, shared by its socket, its service and its bodies.
pub(crate) struct ConnState {
    inner: Mutex<Inner>,
    /// A request's body was given up before its end, so the client may still be sending.
    unread: AtomicBool,
    /// A plain route's body was too slow.
    slow: AtomicBool,
    /// The client has closed its side, or the connection broke.
    gone: AtomicBool,
    /// An answer of ours is being written: hyper may still hold the end of it.
    answering: AtomicBool,
    /// What is written is ours, or of another protocol, from now on.
    speaking: AtomicBool,
    /// Why a request's context is cancelled once it is answered.
    finished: Cause,
    /// The connection's place among those that may be open: given back when the last that knows of
    /// the connection has ended, which may be a handler that its client has left.
    _place: OwnedSemaphorePermit,
}

struct Inner {
    phase: Phase,
    since: IoInstant,
    /// The request under way, as a report names it.
    route: Option<Arc<str>>,
    ctx: Option<Context>,
    /// Since when the client has taken nothing of what is to be written.
    stalled: Option<IoInstant>,
    /// What hyper has refused a head with.
    refused: Option<StatusCode>,
}

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing has arrived since it was opened.
    Fresh,
    /// It rests between two requests.
    Idle,
    /// Part of a request's head has arrived.
    Head,
    /// A request is under way, until the last frame of its answer was taken.
    Busy,
}

impl ConnState {
    pub(super) fn new(place: OwnedSemaphorePermit, finished: Cause) -> Self {
        Self {
            inner: Mutex::new(Inner {
                phase: Phase::Fresh,
                since: IoInstant::now(),
                route: None,
                ctx: None,
                stalled: None,
                refused: None,
            }),
            unread: AtomicBool::new(false),
            slow: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            answering: AtomicBool::new(false),
            speaking: AtomicBool::new(false),
            finished,
            _place: place,
        }
    }

    /// Bytes have arrived.
    pub(super) fn received(&self) {
        let mut inner = self.inner();
        if matches!(inner.phase, Phase::Fresh | Phase::Idle) {
            inner.phase = Phase::Head;
            inner.since = IoInstant::now();
        }
    }

    /// A request's head is complete.
    pub(super) fn begin(&self) {
        self.unread.store(false, Ordering::Relaxed);
        self.slow.store(false, Ordering::Relaxed);
        self.answering.store(true, Ordering::Relaxed);
        let mut inner = self.inner();
        inner.phase = Phase::Busy;
    }

    /// The request under way has a handler.
    pub(super) fn name(&self, route: &Arc<str>, ctx: &Context) {
        let mut inner = self.inner();
        inner.route = Some(Arc::clone(route));
        inner.ctx = Some(ctx.clone());
    }

    /// The last frame of the answer was taken: the request is over, and with it its context.
    pub(super) fn end(&self) {
        let mut inner = self.inner();
        inner.phase = Phase::Idle;
        inner.since = IoInstant::now();
        inner.route = None;
        let ctx = inner.ctx.take();
        drop(inner);
        if let Some(ctx) = ctx {
            ctx.cancel(self.finished.clone());
        }
    }

    pub(super) fn phase(&self) -> (Phase, IoInstant) {
        let inner = self.inner();
        (inner.phase, inner.since)
    }

    /// The request under way, if there is one.
    pub(super) fn route(&self) -> Option<Arc<str>> {
        self.inner().route.clone()
    }

    /// The context of the request under way, if it has a handler.
    pub(super) fn ctx(&self) -> Option<Context> {
        self.inner().ctx.clone()
    }

    /// The client has stopped taking what is to be written, or goes on.
    pub(super) fn stalls(&self, stalls: bool) {
        self.inner().stalled = stalls.then(IoInstant::now);
    }

    /// Since when the client has taken nothing, if it keeps us waiting.
    pub(super) fn stalled(&self) -> Option<IoInstant> {
        self.inner().stalled
    }

    /// Everything that was to be written is written: the answer, if it has ended, as well.
    pub(super) fn flushed(&self) {
        if self.answering.load(Ordering::Relaxed) && self.phase().0 != Phase::Busy {
            self.answering.store(false, Ordering::Relaxed);
        }
    }

    /// Nothing that is written from now on is an answer of hyper's own: the connection may become
    /// one of another protocol.
    pub(super) fn speak(&self) {
        self.speaking.store(true, Ordering::Relaxed);
    }

    /// Whether bytes that hyper writes can only be an answer of its own: no request of ours is
    /// under way, and the answers to those before it are written.
    pub(super) fn is_silent(&self) -> bool {
        !self.answering.load(Ordering::Relaxed) && !self.speaking.load(Ordering::Relaxed)
    }

    /// Hyper has refused a head.
    pub(super) fn refuse(&self, status: StatusCode) {
        self.inner().refused = Some(status);
    }

    /// What hyper has refused a head with.
    pub(super) fn refused(&self) -> Option<StatusCode> {
        self.inner().refused
    }

    pub(super) fn left_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    pub(super) fn was_slow(&self) {
        self.slow.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_slow(&self) -> bool {
        self.slow.load(Ordering::Relaxed)
    }

    pub(super) fn client_gone(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    /// Whether the client may still be sending what nobody will read, so that closing at once would
    /// lose our answer.
    pub(super) fn should_linger(&self) -> bool {
        let unread = self.unread.load(Ordering::Relaxed) || self.phase().0 == Phase::Head;
        unread && !self.gone.load(Ordering::Relaxed)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the request under way when the last of its answer is dropped.
pub(crate) struct Serving(pub(super) Arc<ConnState>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.end();
    }
}
