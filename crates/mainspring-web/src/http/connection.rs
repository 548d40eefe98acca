//! One connection, from its first byte to its close.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use mainspring_runtime::io_time;
use mainspring_runtime::network::Connection;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::HttpLimits;
use super::refuse::refuse;
use super::server::Server;
use super::service::Service;
use super::state::{ConnState, Phase};
use super::wire::Wire;

/// How much of an answer is held back before the next frame is asked for, like a socket buffer.
const BUFFER_BYTES: usize = 64 * 1024;

/// The smallest buffer that hyper accepts.
const BUFFER_BYTES_MIN: usize = 8 * 1024;

/// How long a request's head may still take once the app is stopping.
const HEAD_GRACE: Duration = Duration::from_secs(1);

/// Serves one connection until it ends, or until it rests after `drain` was set.
pub(super) async fn serve(
    server: Arc<Server>,
    connection: Connection,
    place: OwnedSemaphorePermit,
    mut drain: watch::Receiver<bool>,
) {
    let limits = server.limits;
    let state = Arc::new(ConnState::new(place, server.finished.clone()));
    let _open = server.opened(Arc::clone(&state));
    let wire = Wire::new(connection.stream, Arc::clone(&state), limits);
    let service = Service {
        server,
        conn: Arc::clone(&state),
        peer: connection.peer,
    };
    let mut conn = http1::Builder::new()
        .header_read_timeout(None)
        .max_header_size(limits.head_bytes)
        .max_buf_size(BUFFER_BYTES.max(limits.head_bytes).max(BUFFER_BYTES_MIN))
        .serve_connection(TokioIo::new(wire), service)
        .with_upgrades();
    let mut watch = Watch::new(limits);
    let refused = loop {
        tokio::select! {
            biased;
            // A connection that fails is its client's affair; handlers know by their context.
            ended = &mut conn => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                break state.refused();
            }
            _ = drain.wait_for(|drain| *drain), if !watch.draining => {
                watch.drain();
            }
            () = &mut watch.timer => {}
        }
        if watch.may_end(&state) {
            Pin::new(&mut conn).graceful_shutdown();
        }
        match watch.look(&state) {
            Look::Wait => {}
            Look::Close => break None,
            Look::SlowHead => break Some(StatusCode::REQUEST_TIMEOUT),
        }
    };
    if let Some(status) = refused
        && let Some(parts) = conn.into_parts()
    {
        state.left_unread();
        state.speak();
        let now = parts.service.server.site.ctx.clock().now();
        refuse(parts.io.into_inner(), status, now).await;
    }
}

/// Looks from time to time whether a connection is too slow; a request under way has limits of its
/// own.
struct Watch {
    limits: HttpLimits,
    timer: Pin<Box<dyn Future<Output = ()> + Send>>,
    draining: bool,
}

enum Look {
    Wait,
    Close,
    SlowHead,
}

impl Watch {
    fn new(limits: HttpLimits) -> Self {
        Self {
            timer: Box::pin(io_time::pause(limits.head_time)),
            limits,
            draining: false,
        }
    }

    fn drain(&mut self) {
        self.draining = true;
        self.limits.head_time = self.limits.head_time.min(HEAD_GRACE);
    }

    /// Judges the connection, and sets the timer for the next look.
    fn look(&mut self, state: &ConnState) -> Look {
        let (phase, since) = state.phase();
        // The tail of an answer may still wait for its client when no request is under way.
        let (limit, since, then) = match (state.stalled(), phase) {
            (Some(stalled), _) => (self.limits.write_time, stalled, Look::Close),
            (None, Phase::Head) => (self.limits.head_time, since, Look::SlowHead),
            (None, Phase::Fresh) => (self.limits.head_time, since, Look::Close),
            (None, Phase::Idle) => (self.limits.idle_time, since, Look::Close),
            (None, Phase::Busy) => (Duration::MAX, since, Look::Wait),
        };
        let left = limit.saturating_sub(since.elapsed());
        if left.is_zero() {
            return then;
        }
        self.wait(left);
        Look::Wait
    }

    /// Whether the connection may be told to end with the answer under way: not while a head
    /// arrives, which would be lost.
    fn may_end(&self, state: &ConnState) -> bool {
        self.draining && state.phase().0 != Phase::Head
    }

    /// Never longer than a head may take: one may begin right after this look.
    fn wait(&mut self, left: Duration) {
        let next = left.min(self.limits.head_time);
        self.timer = Box::pin(io_time::pause(next));
    }
}
