//! The store that a URL names.

use std::fmt;
use std::sync::Arc;

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::store::memory::{MemorySource, MemoryStore};
use mainspring_core::store::{Reply, Store, StoreSource};
use mainspring_core::time::Timestamp;
use mainspring_runtime::jobs::Jobs;

/// A handle to the durable jobs in this database, to be given to an app.
///
/// | URL | Where the jobs are |
/// | --- | --- |
/// | `sqlite:path/to/file.db` | in this file, which is made if it is not there |
/// | `memory:` | in this process: they end with it |
///
/// `MAINSPRING_DATABASE_URL` in the environment of the app wins over `url`. Connections of one's
/// own have to follow it to the same database.
///
/// It cannot fail: a URL that names no database is a configuration error of the app's boot, and of
/// [`Jobs::connect`]. What is shown of a URL never has secrets in it.
///
/// ```
/// use mainspring::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Job)]
/// #[job(kind = "welcome-mail", queue = "mail", max_attempts = 8)]
/// struct WelcomeMail { user_id: u64 }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mainspring::Error> {
/// let jobs = mainspring::jobs("memory:");
/// jobs.connect().await?;
/// let handle = jobs.enqueue(WelcomeMail { user_id: 7 }).await?;
/// assert!(handle.is_new());
/// # Ok(()) }
/// ```
pub fn jobs(url: impl AsRef<str>) -> Jobs {
    Jobs::by_url(url.as_ref(), source)
}

fn source(url: &str) -> Arc<dyn StoreSource> {
    let (scheme, rest) = url.split_once(':').unwrap_or_default();
    match scheme {
        "memory" if rest.is_empty() => Arc::new(MemorySource::new(MemoryStore::new())),
        #[cfg(feature = "sqlite")]
        "sqlite" => match mainspring_sqlite::SqliteSource::from_url(url) {
            Ok(source) => Arc::new(source),
            Err(error) => Arc::new(Wrong {
                scheme: scheme.to_owned(),
                error,
            }),
        },
        scheme => Arc::new(Wrong::unknown(scheme)),
    }
}

/// The longest start of a URL that is taken for its scheme and shown.
const SCHEME_MAX: usize = 16;

/// A URL that names no database.
struct Wrong {
    scheme: String,
    error: Error,
}

impl Wrong {
    /// Nothing but a scheme is shown: the rest may have a password in it.
    fn unknown(scheme: &str) -> Self {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        let is_scheme = (1..=SCHEME_MAX).contains(&scheme.len()) && scheme.bytes().all(plain);
        let message = match (is_scheme, scheme) {
            (false, _) => "the URL of the jobs' database does not begin with its kind".to_owned(),
            (true, "memory") => "the URL `memory:` has nothing behind it".to_owned(),
            (true, _) => format!("jobs cannot be kept in a database of the kind `{scheme}:`"),
        };
        let hint = match (cfg!(feature = "sqlite"), scheme) {
            (true, _) => "write sqlite:path/to/file.db, or memory: for jobs that may be lost",
            (false, "sqlite") => "turn on the feature `sqlite` of `mainspring`",
            (false, _) => {
                "turn on the feature `sqlite`, or write memory: for jobs that may be lost"
            }
        };
        Self {
            scheme: if is_scheme {
                scheme.to_owned()
            } else {
                String::new()
            },
            error: Error::new(ErrorKind::Config, message).with_hint(hint),
        }
    }
}

impl StoreSource for Wrong {
    fn describe(&self) -> String {
        format!("{}:…", self.scheme)
    }

    fn check(&self) -> Result<(), Error> {
        Err(self.error.clone())
    }

    fn open(&self, _now: Timestamp) -> Reply<'_, Arc<dyn Store>> {
        Box::pin(async { Err(self.error.clone()) })
    }
}

impl fmt::Debug for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wrong").field(&self.describe()).finish()
    }
}
