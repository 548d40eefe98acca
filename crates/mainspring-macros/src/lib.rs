//! Internal to `mainspring`: the attribute and derive macros, which only call into the other
//! crates.
//!
//! This crate follows no semantic versioning of its own; use the `mainspring` crate.

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
