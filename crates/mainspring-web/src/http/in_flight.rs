//! A request under way. It is not cut off because its client left: then it runs on as a task of its
//! own.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use mainspring_core::activity::TaskKind;
use mainspring_core::cause::{Cause, CauseKind};
use mainspring_core::spawn::BoxFuture;

use super::response_body::OutBody;
use super::server::Server;
use super::state::ConnState;

/// The answer to one request: at hand, or being made.
pub(super) struct InFlight(State);

enum State {
    Ready(Option<Response<OutBody>>),
    Running(Running),
}

struct Running {
    /// The handler, counted as a body; `None` once it has answered.
    handler: Option<BoxFuture<'static, Response<OutBody>>>,
    conn: Arc<ConnState>,
    server: Arc<Server>,
}

impl InFlight {
    pub(super) fn ready(response: Response<OutBody>) -> Self {
        Self(State::Ready(Some(response)))
    }

    pub(super) fn running(
        handler: BoxFuture<'static, Response<OutBody>>,
        conn: Arc<ConnState>,
        server: Arc<Server>,
    ) -> Self {
        Self(State::Running(Running {
            handler: Some(handler),
            conn,
            server,
        }))
    }
}

impl Future for InFlight {
    type Output = Result<Response<OutBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            State::Ready(response) => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                None => Poll::Pending,
            },
            State::Running(running) => {
                let Some(handler) = &mut running.handler else {
                    return Poll::Pending;
                };
                let response = ready!(handler.as_mut().poll(cx));
                running.handler = None;
                Poll::Ready(Ok(response))
            }
        }
    }
}

impl Drop for Running {
    /// Hyper drops a handler when the connection ends; here it is only told, and goes on elsewhere.
    fn drop(&mut self) {
        let Some(handler) = self.handler.take() else {
            return;
        };
        let cutting = self.server.is_cutting();
        let cause = match cutting {
            true => Cause::shutdown("the app could not wait for the request"),
            false => Cause::new(CauseKind::ClientGone, "the client has gone"),
        };
        if let Some(ctx) = self.conn.ctx() {
            ctx.cancel(cause);
        }
        if cutting {
            return;
        }
        let name = self.conn.route().unwrap_or_else(|| Arc::from("request"));
        let spawner = &self.server.site.ctx.env().spawner;
        // A loop around the body: what is busy is counted by the body inside.
        let task = spawner.spawn(
            &self.server.left_behind,
            TaskKind::Loop,
            &name,
            async move {
                // The answer has no reader any more; dropping it lets the follow-ups run.
                drop(handler.await);
            },
        );
        drop(task);
    }
}
