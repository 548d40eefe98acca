//! The context of the work that is being polled on this thread.

use std::cell::RefCell;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context as Poller, Poll};

use pin_project_lite::pin_project;

use super::Context;

thread_local! {
    static CURRENT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

impl Context {
    /// The context of the work in which this is called: an action, a route, a follow-up, a
    /// periodic's run, a job or a task that one of these has spawned. `None` elsewhere.
    ///
    /// It is for libraries that pass on where work comes from, as an enqueue does with the
    /// request's id and trace; code of one's own passes its context.
    pub fn current() -> Option<Context> {
        // On a thread that ends there is no work any more.
        CURRENT
            .try_with(|current| current.borrow().clone())
            .ok()
            .flatten()
    }

    /// Runs `future` as this context's work: with it as [`current`](Context::current). Its span is
    /// entered by whoever runs it.
    pub fn enter<F: Future>(&self, future: F) -> Entered<F> {
        Entered {
            future,
            own: Some(self.clone()),
        }
    }
}

pin_project! {
    /// A future that runs as a context's work; made by [`Context::enter`].
    #[derive(Debug)]
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct Entered<F> {
        #[pin]
        future: F,
        // Here between two polls, and on the thread during one.
        own: Option<Context>,
    }
}

impl<F: Future> Future for Entered<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Poller<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _inside = Inside::begin(this.own);
        this.future.poll(cx)
    }
}

/// While it lives, the context and what was current before it have changed places.
struct Inside<'a>(&'a mut Option<Context>);

impl<'a> Inside<'a> {
    fn begin(own: &'a mut Option<Context>) -> Self {
        swap(own);
        Self(own)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        swap(self.0);
    }
}

fn swap(own: &mut Option<Context>) {
    let _ = CURRENT.try_with(|current| mem::swap(own, &mut current.borrow_mut()));
}
