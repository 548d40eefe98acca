//! What a test may not leave behind: tasks, tracked or not, and armed timers.

use std::time::Duration;

use mainspring_core::clock::ManualClock;
use mainspring_runtime::io_time;
use tokio::runtime::Handle;

/// How often the runtime is looked at again: a task that has ended is taken off its books a moment
/// later.
pub(crate) const LOOKS: u32 = 200;

/// The pause between two looks, in real time, so that a leak is reported after a second.
pub(crate) const LOOK: Duration = Duration::from_millis(5);

/// Says what is left on a clock on which nothing is busy.
pub(crate) async fn found(clock: &ManualClock) -> Option<String> {
    let tracked = clock.activity().live_tasks();
    let untracked = untracked(tracked.len()).await;
    let timers = clock.pending();
    let mut text = String::new();
    for name in &tracked {
        text.push_str(&format!("\n  the task `{name}`"));
    }
    if untracked > 0 {
        text.push_str(&format!("\n  {untracked} that `tokio::spawn` started"));
    }
    // The timers of a task that was left are not another fault.
    if text.is_empty() && timers > 0 {
        text.push_str(&format!("\n  {timers} armed timer(s) in no task"));
    }
    if text.is_empty() {
        return None;
    }
    let hint = "spawn through a context, whose owner ends what it started; end the rest before the \
                test does, or say `app.without_leak_check()`";
    Some(format!(
        "the test is over, its apps have stopped, and it has left:{text}\nhint: {hint}"
    ))
}

/// How many tasks of the runtime are alive beside the tracked ones.
async fn untracked(tracked: usize) -> usize {
    let metrics = Handle::current().metrics();
    let mut left = 0;
    for _ in 0..LOOKS {
        left = metrics.num_alive_tasks().saturating_sub(tracked);
        if left == 0 {
            break;
        }
        io_time::pause(LOOK).await;
    }
    left
}
