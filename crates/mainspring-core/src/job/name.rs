//! Names of kinds and queues: few, chosen by programmers, fit for SQL, metrics and URLs.

use crate::error::{Error, ErrorKind};

/// The longest name of a kind, in bytes: it stands in every row, label and log line.
pub const KIND_BYTES_MAX: usize = 128;

/// The longest name of a queue, in bytes.
pub const QUEUE_BYTES_MAX: usize = 64;

/// The queue of jobs that name none.
pub const QUEUE_DEFAULT: &str = "default";

/// Checks the name of a kind: 1 to [`KIND_BYTES_MAX`] ASCII letters, digits and `-_.:/`.
///
/// # Errors
/// What is wrong with it.
pub fn check_kind(kind: &str) -> Result<(), Error> {
    check("kind", kind, KIND_BYTES_MAX)
}

/// Checks the name of a queue: 1 to [`QUEUE_BYTES_MAX`] ASCII letters, digits and `-_.:/`.
///
/// # Errors
/// What is wrong with it.
pub fn check_queue(queue: &str) -> Result<(), Error> {
    check("queue", queue, QUEUE_BYTES_MAX)
}

fn check(what: &str, name: &str, bytes_max: usize) -> Result<(), Error> {
    let fits = !name.is_empty() && name.len() <= bytes_max;
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte));
    if fits && plain {
        return Ok(());
    }
    let shown: String = name.chars().take(32).collect();
    Err(
        Error::new(ErrorKind::Config, format!("{shown:?} cannot name a {what}")).with_hint(
            format!("use 1 to {bytes_max} ASCII letters, digits and the characters - _ . : /"),
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for good in ["a", "welcome-mail", "billing/invoice.sent:v2", "A_1"] {
            assert!(check_kind(good).is_ok(), "{good}");
        }
        let long = "a".repeat(KIND_BYTES_MAX + 1);
        for bad in ["", "a b", "ü", "a\n", "a'b", long.as_str()] {
            assert!(check_kind(bad).is_err(), "{bad}");
        }
        assert!(check_queue(&"q".repeat(QUEUE_BYTES_MAX)).is_ok());
        assert!(check_queue(&"q".repeat(QUEUE_BYTES_MAX + 1)).is_err());
    }
}
