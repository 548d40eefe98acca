//! What the builder was told, before the environment has its say.

use mainspring_core::error::Error;
use mainspring_core::lifecycle::Limits;

use crate::environment::{ENV, Environment, HEALTH_ADDR};
use crate::follow_up::FollowUpLimits;
use crate::platform::Mode;

/// Where the health server listens unless told otherwise: not reachable from outside.
const HEALTH_DEFAULT: &str = "127.0.0.1:9090";

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) health: HealthAddress,
    pub(crate) signals: bool,
    pub(crate) limits: Limits,
    pub(crate) follow_ups: FollowUpLimits,
}

#[derive(Clone, Debug)]
pub(crate) enum HealthAddress {
    At(String),
    None,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            health: HealthAddress::At(HEALTH_DEFAULT.to_owned()),
            signals: true,
            limits: Limits::default(),
            follow_ups: FollowUpLimits::default(),
        }
    }
}

impl Settings {
    /// The mode that `MAINSPRING_ENV` chooses.
    pub(crate) fn mode(environment: &Environment) -> Result<Mode, Error> {
        Ok(environment.parse(ENV)?.unwrap_or_default())
    }

    /// Where the health server listens, if anywhere.
    pub(crate) fn health_address(&self, environment: &Environment) -> Option<String> {
        match (&self.health, environment.text(HEALTH_ADDR)) {
            (HealthAddress::None, _) => None,
            (HealthAddress::At(_), Some(address)) => Some(address.to_owned()),
            (HealthAddress::At(address), None) => Some(address.clone()),
        }
    }
}
