//! What the service reads from its environment.

use std::path::PathBuf;

use mainspring::environment::Environment;
use mainspring::prelude::TriggerKey;

/// The quickstart's own settings; those of the listeners are Mainspring's.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the service keeps its files; created if it is missing. `QUICKSTART_DATA`.
    pub data: PathBuf,
    /// A JSON list of popular items instead of the built-in one. `QUICKSTART_POPULAR`.
    pub popular: Option<PathBuf>,
    /// The key of the trigger `report.run`, as `whsec_…`; without it there is no trigger.
    /// `QUICKSTART_TRIGGER_KEY`. Its `Debug` does not show the secret.
    pub trigger_key: Option<TriggerKey>,
}

impl Settings {
    /// Reads the settings.
    pub fn from_env(environment: &Environment) -> Self {
        Self {
            data: environment
                .text("QUICKSTART_DATA")
                .unwrap_or("quickstart-data")
                .into(),
            popular: environment.text("QUICKSTART_POPULAR").map(PathBuf::from),
            trigger_key: environment
                .text("QUICKSTART_TRIGGER_KEY")
                .map(TriggerKey::from_whsec),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_not_in_the_settings_debug_text() {
        let secret = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let key = TriggerKey::from_whsec(&format!("whsec_{secret}"));
        assert!(key.to_whsec().is_some_and(|text| text.contains(secret)));
        let settings = Settings {
            data: PathBuf::new(),
            popular: None,
            trigger_key: Some(key),
        };
        let text = format!("{settings:?}");
        assert!(text.contains("trigger_key"), "{text}");
        assert!(!text.contains(secret), "{text}");
    }
}
