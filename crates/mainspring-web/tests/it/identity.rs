//! Work that outlives its request never shows another request's identity.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mainspring_core::context::Context;
use mainspring_core::identity::{RequestId, User};
use mainspring_web::prelude::*;
use tokio::sync::Barrier;

use crate::harness::{Draft, Setup, beside, post, soon};

const CLIENTS: usize = 50;
const REQUESTS: usize = 200;

/// Checks, at several moments after its request, that it still belongs to it.
#[derive(Clone, Default)]
struct Who {
    right: Arc<AtomicUsize>,
    wrong: Arc<AtomicUsize>,
}

impl Who {
    fn check(&self, ctx: &Context, name: &str) {
        let user = ctx.get::<User>().is_some_and(|user| user.as_str() == name);
        let id = ctx.get::<RequestId>().is_some_and(|id| id.as_str() == name);
        let count = if user && id { &self.right } else { &self.wrong };
        count.fetch_add(1, Ordering::SeqCst);
    }
}

impl Action for Who {
    const NAME: &'static str = "demo.who";
    type Input = String;
    type Output = ();

    async fn call(&self, ctx: ActionContext, name: String) -> Result<(), ActionError> {
        let (who, detached) = (self.clone(), ctx.detached());
        ctx.follow_up("who", Duration::from_secs(60), move |ctx| async move {
            for _ in 0..3 {
                who.check(&ctx, &name);
                who.check(&detached, &name);
                tokio::task::yield_now().await;
            }
            Ok(())
        });
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_interleaved_requests_keep_theirs() {
    let who = Who::default();
    let counts = who.clone();
    let build = |draft: Draft| {
        draft.action(who).authenticate(|request| async move {
            tokio::task::yield_now().await;
            Ok(request.header("authorization").map(User::new))
        })
    };
    let server = Setup::memory().follow_ups(64, 100_000).start(build).await;
    let together = Arc::new(Barrier::new(CLIENTS));
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        let mut connection = server.connect().await;
        let together = Arc::clone(&together);
        clients.push(beside(async move {
            together.wait().await;
            for n in 0..REQUESTS {
                let name = format!("u-{client}-{n}");
                let more = format!("authorization: {name}\r\nx-request-id: {name}\r\n");
                let request = post("/actions/demo.who", &more, &format!("{name:?}"));
                connection.write(request.as_bytes()).await;
                assert_eq!(connection.answer().await.status, 200);
            }
        }));
    }
    for client in clients {
        soon(client).await.unwrap();
    }
    server.drained().await;
    assert_eq!(counts.wrong.load(Ordering::SeqCst), 0);
    let expected = CLIENTS * REQUESTS * 6;
    assert_eq!(counts.right.load(Ordering::SeqCst), expected);
}
