//! Tests whose attribute, or whose shape, is wrong.

use mainspring::test::TestApp;

//~ error: unknown option; there are `start`, `flavor`, `worker_threads`, `seed`
#[mainspring::test(begin = "2026-03-28T00:00:00Z")]
async fn unknown(_app: TestApp) {}

//~ error: an option is `name = value`; there are `start`, `flavor`, `worker_threads`, `seed`
#[mainspring::test(multi_thread)]
async fn bare(_app: TestApp) {}

//~ error: `seed` is written twice
#[mainspring::test(seed = 1, seed = 2)]
async fn twice(_app: TestApp) {}

//~ error: `start` wants a text like "2026-03-28T00:00:00Z"
#[mainspring::test(start = 2026)]
async fn number(_app: TestApp) {}

//~ error: `flavor` wants "current_thread" or "multi_thread"
#[mainspring::test(flavor = "local")]
async fn flavor(_app: TestApp) {}

//~ error: `worker_threads` needs `flavor = "multi_thread"`
#[mainspring::test(worker_threads = 2)]
async fn alone(_app: TestApp) {}

//~ error: `worker_threads` wants at least 1
#[mainspring::test(flavor = "multi_thread", worker_threads = 0)]
async fn none(_app: TestApp) {}

//~ error: a test on virtual time is an `async fn`
#[mainspring::test]
fn waits_for_nothing(_app: TestApp) {}

//~ error: a test takes a `TestApp`, or nothing
#[mainspring::test]
async fn takes_two(_app: TestApp, _other: TestApp) {}
