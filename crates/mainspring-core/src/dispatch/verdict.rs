//! How an attempt ends: what a store is told of what a body did.

use std::time::Duration;

use crate::job::{ERROR_BYTES_MAX, ErrorClass, Outcome, Verdict, cut_text};
use crate::time::{Timestamp, wall_after};

/// How a body ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// It returned this.
    Returned(Outcome),
    /// It returned an error, which its worker takes for this.
    Failed(String, ErrorClass),
    /// It panicked with this message.
    Panicked(String),
    /// It was cut off by its limit.
    TimedOut(Duration),
    /// Somebody wanted it cancelled, for this reason, and it was cut off or ended with an error.
    Cancelled(String),
    /// Its payload cannot be read.
    Unreadable(String),
    /// Its payload is of a version that only a newer program knows.
    TooNew,
    /// The app stops, and it ended with an error after it had been told so.
    Stopped,
    /// It said that the job was complete in a transaction of its own. If that was committed the
    /// store knows, and this verdict changes nothing.
    CompletedElsewhere,
}

/// What the decision needs of the job and its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// How many there are.
    pub max_attempts: u32,
    /// The rest that the policy gives after this attempt, drawn already.
    pub rest: Duration,
}

/// How long a job waits for a program that knows its version.
const NEWER_REST: Duration = Duration::from_secs(60);

/// What the store is told.
///
/// ```
/// use mainspring_core::dispatch::{Ended, Policy, verdict};
/// use mainspring_core::job::Verdict;
/// use mainspring_core::time::Timestamp;
/// use std::time::Duration;
///
/// let policy = Policy { attempt: 3, max_attempts: 3, rest: Duration::ZERO };
/// let end = verdict(Ended::Panicked("oh".into()), policy, Timestamp::UNIX_EPOCH);
/// assert_eq!(end, Verdict::Fail { error: "panicked: oh".into() });
/// ```
pub fn verdict(ended: Ended, policy: Policy, now: Timestamp) -> Verdict {
    let again = |rest: Duration, error: String| match policy.attempt < policy.max_attempts {
        true => Verdict::Retry {
            at: wall_after(now, rest),
            error: cut(error),
        },
        false => Verdict::Fail { error: cut(error) },
    };
    match ended {
        Ended::Returned(outcome) => match outcome {
            Outcome::Done => Verdict::Succeed { output: None },
            Outcome::DoneWith(output) => Verdict::Succeed {
                output: Some(output.as_bytes().clone()),
            },
            Outcome::RetryIn(rest) => again(rest, format!("asked to be retried in {rest:?}")),
            Outcome::Snooze(rest) => Verdict::Snooze {
                at: wall_after(now, rest),
            },
            Outcome::Cancel(reason) => Verdict::Cancel {
                reason: cut(reason),
            },
            Outcome::Fail(error) => Verdict::Fail { error: cut(error) },
        },
        Ended::Failed(error, ErrorClass::RetryAfter(rest)) => again(rest, error),
        Ended::Failed(error, ErrorClass::Permanent) => Verdict::Fail { error: cut(error) },
        Ended::Failed(error, ErrorClass::Retry) => again(policy.rest, error),
        Ended::Panicked(message) => again(policy.rest, format!("panicked: {message}")),
        Ended::TimedOut(limit) => again(policy.rest, format!("ran into its limit of {limit:?}")),
        Ended::Cancelled(reason) => Verdict::Cancel {
            reason: cut(reason),
        },
        Ended::Unreadable(error) => Verdict::Fail { error: cut(error) },
        Ended::TooNew => Verdict::Snooze {
            at: wall_after(now, NEWER_REST),
        },
        Ended::Stopped => Verdict::Release,
        Ended::CompletedElsewhere => {
            let error = "the transaction that completes it was not committed";
            again(policy.rest, error.to_owned())
        }
    }
}

fn cut(text: String) -> String {
    match text.len() <= ERROR_BYTES_MAX {
        true => text,
        false => cut_text(&text, ERROR_BYTES_MAX).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_with_and_without_attempts_left() {
        let second = Duration::from_secs(1);
        let failed = |class| Ended::Failed("no".into(), class);
        let ends = [
            Ended::Returned(Outcome::Done),
            Ended::Returned(Outcome::RetryIn(second * 5)),
            Ended::Returned(Outcome::Snooze(second * 7)),
            Ended::Returned(Outcome::Cancel("gone".into())),
            Ended::Returned(Outcome::Fail("bad".into())),
            failed(ErrorClass::Retry),
            failed(ErrorClass::RetryAfter(second * 9)),
            failed(ErrorClass::Permanent),
            Ended::Panicked("oh".into()),
            Ended::TimedOut(second * 30),
            Ended::Cancelled("not wanted".into()),
            Ended::Unreadable("garbage".into()),
            Ended::TooNew,
            Ended::Stopped,
            Ended::CompletedElsewhere,
        ];
        let mut table = String::new();
        for end in ends {
            for attempt in [1, 2] {
                let policy = Policy {
                    attempt,
                    max_attempts: 2,
                    rest: second * 3,
                };
                let verdict = verdict(end.clone(), policy, Timestamp::UNIX_EPOCH);
                table.push_str(&format!("{end:?} {attempt}/2 → {verdict:?}\n"));
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn long_errors_are_cut() {
        let policy = Policy {
            attempt: 1,
            max_attempts: 1,
            rest: Duration::ZERO,
        };
        let ended = Ended::Panicked("ü".repeat(ERROR_BYTES_MAX));
        let Verdict::Fail { error } = verdict(ended, policy, Timestamp::UNIX_EPOCH) else {
            panic!("it fails");
        };
        assert!(error.len() <= ERROR_BYTES_MAX && error.len() > ERROR_BYTES_MAX - 2);
    }
}
