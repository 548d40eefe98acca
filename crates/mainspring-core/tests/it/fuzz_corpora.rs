//! The corpora of the fuzz targets, replayed: what was found once stays fixed.

#[path = "../../../../fuzz/replay.rs"]
mod corpus;

use corpus::replay;
use mainspring_core::fuzz;

#[test]
fn cron_texts() {
    replay("cron", fuzz::cron);
}

#[test]
fn duration_texts() {
    replay("duration", fuzz::duration);
}
