//! A one-shot task at start-up: the cache is warm before the first request.

use mainspring::prelude::*;

struct WarmCache(CacheStore);

impl Component for WarmCache {
    fn name(&self) -> &str {
        "warm-cache"
    }

    async fn start(&self, ctx: Context) -> Result<(), BoxError> {
        self.0.prefetch(ctx, &["mainsprings", "hands"]).await
    }
}

fn app(store: CacheStore) -> App {
    App::new("warm-cache").component(WarmCache(store))
}

#[tokio::main]
async fn main() -> Result<ShutdownReport, mainspring::Error> {
    app(CacheStore::default()).serve("127.0.0.1:8080").await
}

mod store;
use store::CacheStore;

#[cfg(test)]
mod tests;
