//! What the service reads from its environment.

use std::fs;
use std::path::{Path, PathBuf};

use mainspring::environment::{DATABASE_URL, Environment};
use mainspring::error::{Error, ErrorKind};
use mainspring::prelude::TriggerKey;

/// The quickstart's own settings; those of the listeners are Mainspring's.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the service keeps its files; created if it is missing. `QUICKSTART_DATA`.
    pub data: PathBuf,
    /// Where the users and the jobs are instead of `app.db` in that folder, as
    /// `sqlite:path/to/file.db`. `MAINSPRING_DATABASE_URL`.
    pub database_url: Option<String>,
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
            database_url: environment.text(DATABASE_URL).map(str::to_owned),
            popular: environment.text("QUICKSTART_POPULAR").map(PathBuf::from),
            trigger_key: environment
                .text("QUICKSTART_TRIGGER_KEY")
                .map(TriggerKey::from_whsec),
        }
    }

    /// Everything that is wrong with the settings that Mainspring does not know.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let errors = [check_data(&self.data), check_key(self.trigger_key.as_ref())];
        let errors = errors.into_iter().flatten().collect();
        Error::join(ErrorKind::Config, "settings cannot be used", errors).map_or(Ok(()), Err)
    }
}

/// Whether the folder is one or can be made. Nothing is made yet: other settings may be wrong.
fn check_data(folder: &Path) -> Option<Error> {
    let mut existing = folder
        .ancestors()
        .filter_map(|path| fs::metadata(path).ok());
    let metadata = existing.next()?;
    if metadata.is_dir() && !metadata.permissions().readonly() {
        return None;
    }
    let message = format!("QUICKSTART_DATA: {} cannot be written", folder.display());
    Some(Error::new(ErrorKind::Config, message).with_hint("set it to a folder of this user"))
}

/// Mainspring would refuse a bad key as well, but it does not know where this one came from.
fn check_key(key: Option<&TriggerKey>) -> Option<Error> {
    if key.is_none_or(|key| key.to_whsec().is_some()) {
        return None;
    }
    let error = Error::new(ErrorKind::Config, "QUICKSTART_TRIGGER_KEY cannot be used");
    Some(error.with_hint("a key is `whsec_` and 24 to 64 random bytes in base64"))
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
            database_url: None,
            popular: None,
            trigger_key: Some(key),
        };
        let text = format!("{settings:?}");
        assert!(text.contains("trigger_key"), "{text}");
        assert!(!text.contains(secret), "{text}");
    }
}
