//! An answer's body on its way out; when its last frame was taken, the follow-ups may run.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body as AxumBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use mainspring_runtime::follow_up::Batch;

use super::state::Serving;

/// How large a frame may be. A larger one is split, so that the last one is only taken when most of
/// the answer has been written: hyper holds back about as much again.
const FRAME_BYTES: usize = 64 * 1024;

/// An answer's body.
pub(crate) struct OutBody {
    source: Source,
    /// What is left of a frame that was too large.
    rest: Bytes,
    // Dropped after the source: the follow-ups start when the handler's own stream has ended.
    release: Release,
    _serving: Option<Serving>,
}

enum Source {
    Whole(Bytes),
    Stream(AxumBody),
}

/// Releases the follow-ups of a request when it is dropped.
struct Release(Option<(Batch, bool)>);

impl OutBody {
    /// A body at hand; `batch` may run once it is sent, and knows whether the handler failed.
    pub(super) fn whole(bytes: Bytes, batch: Option<(Batch, bool)>, serving: Serving) -> Self {
        Self::new(Source::Whole(bytes), batch, serving)
    }

    /// A body that is still being made.
    pub(super) fn stream(body: AxumBody, batch: Option<(Batch, bool)>, serving: Serving) -> Self {
        Self::new(Source::Stream(body), batch, serving)
    }

    fn new(source: Source, batch: Option<(Batch, bool)>, serving: Serving) -> Self {
        Self {
            source,
            rest: Bytes::new(),
            release: Release(batch),
            _serving: Some(serving),
        }
    }

    fn take_rest(&mut self) -> Option<Frame<Bytes>> {
        if self.rest.is_empty() {
            return None;
        }
        let size = self.rest.len().min(FRAME_BYTES);
        Some(Frame::data(self.rest.split_to(size)))
    }
}

impl Body for OutBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if let Some(frame) = this.take_rest() {
            return Poll::Ready(Some(Ok(frame)));
        }
        let next = match &mut this.source {
            Source::Whole(bytes) if bytes.is_empty() => None,
            Source::Whole(bytes) => Some(Ok(Frame::data(std::mem::take(bytes)))),
            Source::Stream(body) => ready!(Pin::new(body).poll_frame(cx)),
        };
        match next {
            Some(Ok(frame)) if frame.data_ref().is_some_and(|d| d.len() > FRAME_BYTES) => {
                this.rest = frame.into_data().unwrap_or_default();
                Poll::Ready(this.take_rest().map(Ok))
            }
            Some(frame) => Poll::Ready(Some(frame)),
            None => {
                this.release.now();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
            && match &self.source {
                Source::Whole(bytes) => bytes.is_empty(),
                Source::Stream(body) => body.is_end_stream(),
            }
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        match &self.source {
            Source::Whole(bytes) => {
                let whole = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                SizeHint::with_exact(rest.saturating_add(whole))
            }
            Source::Stream(body) => {
                let inner = body.size_hint();
                let mut hint = SizeHint::new();
                hint.set_lower(inner.lower().saturating_add(rest));
                if let Some(upper) = inner.upper() {
                    hint.set_upper(upper.saturating_add(rest));
                }
                hint
            }
        }
    }
}

impl Release {
    fn now(&mut self) {
        if let Some((batch, failed)) = self.0.take() {
            batch.release(failed);
        }
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        self.now();
    }
}
