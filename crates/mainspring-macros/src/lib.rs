//! Internal to `mainspring`: the attribute and derive macros, which only call into the other
//! crates.
//!
//! This crate follows no semantic versioning of its own; use the `mainspring` crate.

mod job;
mod test;

use proc_macro::TokenStream;

/// Runs an async test on virtual time.
///
/// The test takes a `TestApp`, or nothing. It gets a tokio runtime and a world of its own; when it
/// returns, its apps are stopped and nothing may be left running. It may return whatever a
/// `#[test]` may.
///
/// All options, with their defaults:
///
/// - `start = "2026-01-01T00:00:00Z"`: what the wall clock shows at first;
/// - `flavor = "current_thread"`, or `"multi_thread"`;
/// - `worker_threads = 2`: only with `flavor = "multi_thread"`;
/// - `seed = 0`: of ids and jitter.
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    test::expand(options.into(), item.into()).into()
}

/// Makes a type a job: its values can be enqueued, and a worker does them.
///
/// Only `kind` must be given. All options:
///
/// - `kind = "welcome-mail"`: the name under which its jobs are kept;
/// - `aliases = ["mail"]`: former names, whose jobs the worker takes as well;
/// - `queue = "mail"`; `default` if not given;
/// - `priority = "high"`: or `low`, `normal`, `urgent`;
/// - `max_attempts = 8`; 20 if not given;
/// - `backoff = "exponential 1s cap 1h"`: or `linear 5s`, or `fixed 30s`; the rest between two
///   attempts;
/// - `jitter = false`: rest for exactly that long;
/// - `timeout = "30s"`: the limit of an attempt, ten minutes if not given, or `none`;
/// - `unique(key = "user_id", scope = "until_finished", conflict = "keep")`: only one of its jobs
///   with the same value of this field, or of these, `["user_id", "day"]`; without a key, one of
///   its kind. Scopes are `until_started`, `until_finished` and a duration; conflicts are `keep`,
///   `replace` and `error`;
/// - `gate(key = "tenant_id", limit = 2)`: at most two at once of those with the same value, of any
///   kind with a gate on a field of this name; `ordered` instead of the limit for one by one;
///   `rate = "10 per 1s"`. The key is kept as `tenant_id=7`;
/// - `version = 2` and `upgrade = "path::of_function"`: the version of its shape, and the function
///   `fn(u16, Value) -> Result<Self, E>` that reads what an older one wrote.
///
/// Durations are numbers with units, such as `1h30m`.
#[proc_macro_derive(Job, attributes(job))]
pub fn job(item: TokenStream) -> TokenStream {
    job::expand(item.into()).into()
}
