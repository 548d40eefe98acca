//! Settings from outside: read once, through one door, so that two apps in one process need not
//! share them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use mainspring_core::error::{Error, ErrorKind};

/// Address of the main listener; wins over the code.
pub const HTTP_ADDR: &str = "MAINSPRING_HTTP_ADDR";
/// Address of the health listener; wins over the code.
pub const HEALTH_ADDR: &str = "MAINSPRING_HEALTH_ADDR";
/// The database of the jobs; wins over the URL that `mainspring::jobs` was given.
pub const DATABASE_URL: &str = "MAINSPRING_DATABASE_URL";
/// `production` (the default) or `development`.
pub const ENV: &str = "MAINSPRING_ENV";
/// Which log lines are written.
pub const LOG: &str = "MAINSPRING_LOG";

/// The environment variables an app sees.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The process's own variables; those that are not Unicode are left out.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the seam to the environment"
    )]
    pub fn process() -> Self {
        let vars = std::env::vars_os();
        Self(
            vars.filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
                .collect(),
        )
    }

    /// No variables.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Sets a variable.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// The variable's value; an empty one counts as not set.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The variable's value, parsed.
    ///
    /// # Errors
    /// Names the variable when its value cannot be parsed; the value itself is not repeated, it may
    /// be a secret.
    pub fn parse<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<Option<T>, Error> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(Error::new(
                ErrorKind::Config,
                format!("{name} cannot be used: {error}"),
            )
            .with_hint(format!(
                "correct the environment variable {name}, or unset it"
            ))),
        }
    }
}

/// Shows names only: values may be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
