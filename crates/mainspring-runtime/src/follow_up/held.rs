//! A follow-up on the heap once: what makes its future until it begins, the future from then on.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use mainspring_core::spawn::BoxFuture;

use super::run::Start;

/// A follow-up that has not begun.
pub(super) trait Held: Send {
    /// Makes the future, in the place of what made it.
    fn begin(self: Pin<Box<Self>>, start: Start<'_>) -> BoxFuture<'static, ()>;
}

pin_project_lite::pin_project! {
    #[project = Now]
    pub(super) enum Deferred<M, F> {
        Held { make: Option<M> },
        Begun { #[pin] future: F },
    }
}

impl<M, F> Deferred<M, F>
where
    M: FnOnce(Start<'_>) -> F,
{
    pub(super) fn new(make: M) -> Self {
        Self::Held { make: Some(make) }
    }
}

impl<M, F> Held for Deferred<M, F>
where
    M: FnOnce(Start<'_>) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    fn begin(mut self: Pin<Box<Self>>, start: Start<'_>) -> BoxFuture<'static, ()> {
        if let Now::Held { make } = self.as_mut().project()
            && let Some(make) = make.take()
        {
            let future = make(start);
            self.set(Self::Begun { future });
        }
        self
    }
}

impl<M, F: Future<Output = ()>> Future for Deferred<M, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.project() {
            Now::Begun { future } => future.poll(cx),
            // Never polled: only beginning hands it out as a future.
            Now::Held { .. } => Poll::Pending,
        }
    }
}
