//! A request's body on its way in, with a limit on how slow it may be.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use mainspring_core::spawn::BoxFuture;
use mainspring_runtime::io_time;

use super::state::ConnState;
use crate::error::ActionError;

/// A request's body.
pub(crate) struct InBody {
    incoming: Incoming,
    conn: Arc<ConnState>,
    limit: Duration,
    /// Whether the limit is on the whole body, or on each pause.
    whole: bool,
    /// Made when the body first keeps us waiting, which a small one never does.
    timer: Option<BoxFuture<'static, ()>>,
    ended: bool,
}

impl InBody {
    pub(super) fn new(incoming: Incoming, conn: Arc<ConnState>, limit: Duration) -> Self {
        Self {
            ended: incoming.is_end_stream(),
            incoming,
            conn,
            limit,
            whole: true,
            timer: None,
        }
    }

    /// The same body with the limit on each pause.
    pub(super) fn streamed(mut self) -> Self {
        self.whole = false;
        self
    }

    /// Reads the whole body.
    pub(crate) async fn read(mut self, max: usize) -> Result<Bytes, ActionError> {
        let max_u64 = u64::try_from(max).unwrap_or(u64::MAX);
        if self.size_hint().lower() > max_u64 {
            return Err(too_large(max));
        }
        let Some(first) = self.next().await? else {
            return Ok(Bytes::new());
        };
        if first.len() > max {
            return Err(too_large(max));
        }
        if self.is_end_stream() {
            return Ok(first);
        }
        let mut all = BytesMut::from(first);
        while let Some(data) = self.next().await? {
            if data.len() > max.saturating_sub(all.len()) {
                return Err(too_large(max));
            }
            all.extend_from_slice(&data);
        }
        Ok(all.freeze())
    }

    async fn next(&mut self) -> Result<Option<Bytes>, ActionError> {
        loop {
            match self.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(BodyError::Slow)) => return Err(too_slow()),
                Some(Err(error)) => return Err(ActionError::bad_input(error)),
            }
        }
    }
}

/// 408: the body did not arrive in time.
pub(super) fn too_slow() -> ActionError {
    let text = "the body did not arrive in time";
    ActionError::shown(StatusCode::REQUEST_TIMEOUT, text)
}

fn too_large(max: usize) -> ActionError {
    ActionError::too_large(format!("the body is larger than {max} bytes"))
}

impl Body for InBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(cx) else {
            let limit = this.limit;
            let timer = this
                .timer
                .get_or_insert_with(|| Box::pin(io_time::pause(limit)));
            ready!(timer.as_mut().poll(cx));
            this.conn.was_slow();
            return Poll::Ready(Some(Err(BodyError::Slow)));
        };
        if !this.whole {
            this.timer = None;
        }
        this.ended |= frame.is_none() || this.incoming.is_end_stream();
        Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Broken)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for InBody {
    fn drop(&mut self) {
        if !self.ended {
            self.conn.left_unread();
        }
    }
}

/// Why a body ended early.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It did not arrive in time.
    Slow,
    /// The connection ended, or what arrived is no body.
    Broken(hyper::Error),
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slow => "the body did not arrive in time",
            Self::Broken(_) => "the body ended early",
        })
    }
}

impl std::error::Error for BodyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Slow => None,
            Self::Broken(error) => Some(error),
        }
    }
}
