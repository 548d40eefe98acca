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

#[test]
fn queue_names() {
    replay("queue_name", fuzz::queue_name);
}

#[test]
fn unique_keys() {
    replay("unique_key", fuzz::unique_key);
}

#[test]
fn job_filters() {
    replay("job_filter", fuzz::job_filter);
}

#[test]
fn payloads() {
    replay("payload", fuzz::payload);
}
