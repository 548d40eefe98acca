//! A task's future as its owner sees it: panics caught, aborted when asked, its end told.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{self, Poll};

use super::scope::Live;
use super::{aborted, panicked};
use crate::context::Context;
use crate::error::Error;

pin_project_lite::pin_project! {
    /// Ready once the future has ended, was aborted or has panicked, also in its drop; the future
    /// is gone by then and the owner has been told.
    ///
    /// Nested async blocks would do the same, but hold the future twice for each of them.
    pub(super) struct Owned<F, T> {
        #[pin]
        future: Option<F>,
        live: Option<Live>,
        told: Option<T>,
        ctx: Option<Context>,
    }
}

impl<F, T> Owned<F, T> {
    pub(super) fn new(future: F, live: Live, told: T) -> Self {
        Self {
            future: Some(future),
            live: Some(live),
            told: Some(told),
            ctx: None,
        }
    }

    /// With the context whose cause a panic tells.
    pub(super) fn under(self, ctx: Option<Context>) -> Self {
        Self { ctx, ..self }
    }
}

impl<F, T> Future for Owned<F, T>
where
    F: Future,
    T: FnOnce(Result<F::Output, Error>),
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let live = this.live.as_mut();
        let live = live.expect("a future is not polled after it was ready");
        let polled = catch_unwind(AssertUnwindSafe(|| step(this.future.as_mut(), live, cx)));
        let ended = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Some(output))) => Ok(output),
            Ok(Poll::Ready(None)) => Err(aborted(&live.name())),
            Err(payload) => {
                // What its drop has to say comes second to what it said already.
                let _ = catch_unwind(AssertUnwindSafe(|| this.future.set(None)));
                let ctx = this.ctx.as_ref();
                Err(panicked(live.events(), &live.name(), ctx, &*payload))
            }
        };
        *this.ctx = None;
        *this.live = None;
        if let Some(told) = this.told.take() {
            told(ended);
        }
        Poll::Ready(())
    }
}

/// The output, or `None` when it was aborted; the future is dropped before either.
fn step<F: Future>(
    mut slot: Pin<&mut Option<F>>,
    live: &mut Live,
    cx: &mut task::Context<'_>,
) -> Poll<Option<F::Output>> {
    let polled = match slot.as_mut().as_pin_mut() {
        Some(future) if !live.aborted() => future.poll(cx).map(Some),
        _ => Poll::Ready(None),
    };
    let polled = match polled {
        Poll::Pending if live.aborted_or_wakes(cx.waker()) => Poll::Ready(None),
        polled => polled,
    };
    if polled.is_ready() {
        slot.set(None);
    }
    polled
}
