//! The seam to the machine's threads: few, named, and none of them the runtime's.

use std::io;

/// Starts a thread of its own under this name; nobody waits for its end.
///
/// # Errors
/// When the system gives no thread.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the seam that starts threads"
)]
pub(crate) fn start(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(run).map(drop)
}
