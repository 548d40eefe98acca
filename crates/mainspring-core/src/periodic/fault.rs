//! The configuration error of a plan.

use std::fmt;

/// Why a plan cannot run, and what to do about it.
///
/// Builders of plans never fail; the fault stays inside and comes out of `check`, so that a boot can
/// list every mistake at once.
///
/// ```
/// use mainspring_core::periodic::Cron;
///
/// let fault = Cron::new("0 25 * * *").check().unwrap_err();
/// assert!(fault.message().contains("hour field"));
/// assert!(fault.hint().contains("0 to 23"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError {
    message: Box<str>,
    hint: Box<str>,
}

impl PlanError {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into().into(),
            hint: hint.into().into(),
        }
    }

    /// What is wrong, in lower case, with the offending text quoted.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PlanError {}
