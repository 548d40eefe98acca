//! The corpora of the fuzz targets, replayed: what was found once stays fixed.

#[path = "../../../../fuzz/replay.rs"]
mod corpus;

use corpus::replay;
use mainspring_web::fuzz;

#[test]
fn signature_headers() {
    replay("signature", fuzz::signature);
}

#[test]
fn action_bodies() {
    replay("action_body", fuzz::action_body);
}
