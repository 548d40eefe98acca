//! What the service reads from its environment.

use std::path::PathBuf;

use mainspring::environment::Environment;

/// The quickstart's own settings; those of the listeners are Mainspring's.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the service keeps its files; created if it is missing. `QUICKSTART_DATA`.
    pub data: PathBuf,
    /// A JSON list of popular items instead of the built-in one. `QUICKSTART_POPULAR`.
    pub popular: Option<PathBuf>,
    /// The key of the trigger `report.run`, as `whsec_…`; without it there is no trigger.
    /// `QUICKSTART_TRIGGER_KEY`.
    pub trigger_key: Option<String>,
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
                .map(str::to_owned),
        }
    }
}
