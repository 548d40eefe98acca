//! What the other programs here get wrong, got right.

use mainspring::prelude::*;
use mainspring::test::TestApp;

struct Cache;

impl Component for Cache {
    fn name(&self) -> &str {
        "cache"
    }
}

struct Greet;

impl Action for Greet {
    const NAME: &'static str = "demo.greet";
    type Input = String;
    type Output = String;

    async fn call(&self, _ctx: ActionContext, name: String) -> Result<String, ActionError> {
        Ok(name)
    }
}

pub fn app() -> impl Web {
    App::new("demo").component(Cache).action(Greet)
}

#[mainspring::test(
    start = "2026-03-28T00:00:00Z",
    flavor = "multi_thread",
    worker_threads = 2
)]
async fn it_starts(_app: TestApp) {}
