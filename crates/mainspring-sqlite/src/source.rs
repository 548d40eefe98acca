//! Where a database is, and how it is opened.

use std::path::Path;
use std::sync::{Arc, Mutex};

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::store::{Reply, Store, StoreSource};
use mainspring_core::time::Timestamp;
use rusqlite::Connection;

use crate::address::Address;
use crate::connection::{self, Synchronous};
use crate::fault::{corrupt, typed};
use crate::file::Watched;
use crate::micros;
use crate::pending::Pending;
use crate::readers::Readers;
use crate::seam;
use crate::sql::Sql;
use crate::store::SqliteStore;
use crate::writer::{Start, Writer};
use crate::{enlist, life, network, schema};

/// Opens jobs on SQLite.
///
/// ```
/// use mainspring_core::store::StoreSource;
/// use mainspring_sqlite::SqliteSource;
///
/// let source = SqliteSource::from_url("sqlite:data/app.db?synchronous=normal")?;
/// assert_eq!(source.describe(), "sqlite:data/app.db");
/// # Ok::<(), mainspring_core::error::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SqliteSource {
    address: Address,
}

impl SqliteSource {
    /// The database in this file, which is made if it is not there, with the folders it lies in.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            address: Address::new(path.as_ref()),
        }
    }

    /// `sqlite:path/to/file.db`, with the options `synchronous=full|normal|off` and
    /// `network_fs=force`.
    ///
    /// # Errors
    /// When it is no such URL.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        Ok(Self {
            address: Address::parse(url)?,
        })
    }

    /// Where the file is: for one's own connection to it.
    pub fn path(&self) -> &Path {
        &self.address.path
    }

    /// Sets how far a commit goes before it is acknowledged; [`Synchronous::Full`] by default.
    #[must_use]
    pub fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.address.synchronous = synchronous;
        self
    }

    /// A private database for a test: a copy of `template`, which is made if it is not there, at
    /// `path`, with [`Synchronous::Off`].
    ///
    /// The template is migrated once; a copy of it opens in a few milliseconds.
    ///
    /// # Errors
    /// When either file cannot be written.
    pub fn template(template: &Path, path: &Path, now: Timestamp) -> Result<Self, Error> {
        if !template.exists() {
            make_template(template, now)?;
        }
        std::fs::copy(template, path).map_err(|error| {
            Error::new(
                ErrorKind::Io,
                format!("{} cannot be written", path.display()),
            )
            .with_source(error)
        })?;
        let connection = Connection::open(path).map_err(typed)?;
        let renew = include_str!("sql/renew_store_id.sql");
        connection.execute(renew, ()).map_err(typed)?;
        Ok(Self::new(path).synchronous(Synchronous::Off))
    }

    /// Opens it on this thread, which is blocked meanwhile: some milliseconds for a new database.
    ///
    /// # Errors
    /// [`Schema`](ErrorKind::Schema) for a schema of another version, and what opening a file may
    /// meet.
    pub fn open_blocking(&self, now: Timestamp) -> Result<SqliteStore, Error> {
        connection::check_version()?;
        let path = &self.address.path;
        make_folder(path)?;
        if !self.address.network_fs {
            network::check(path)?;
        }
        let new = !path.exists();
        let connection = connection::open_writer(path)?;
        if new {
            life::own(path, 0o600).map_err(|error| {
                Error::new(ErrorKind::Io, "the mode of the database cannot be set")
                    .with_source(error)
            })?;
        }
        schema::migrate(&connection, micros::floor(now), begin)?;
        let id = connection.query_row(Sql::SelectStoreId.text(), [], |row| row.get(0));
        let id: [u8; 16] = id.map_err(typed)?;
        drop(connection);
        let file = Watched::new(path);
        if file.check().is_err() {
            return Err(corrupt("the database file").into());
        }
        let start = Start {
            file: file.clone(),
            synchronous: self.address.synchronous,
        };
        Ok(SqliteStore {
            id,
            writer: Writer::start(start)?,
            readers: Readers::start(path)?,
            file,
            lives: Mutex::default(),
            pending: Pending::default(),
            weak: enlist::Weak::default(),
        })
    }
}

impl StoreSource for SqliteSource {
    fn describe(&self) -> String {
        format!("sqlite:{}", self.address.path.display())
    }

    fn open(&self, now: Timestamp) -> Reply<'_, Arc<dyn Store>> {
        Box::pin(async move {
            let (reply, answer) = tokio::sync::oneshot::channel();
            let source = self.clone();
            seam::thread("mainspring-open", move || {
                // A boot that was given up does not want the store any more.
                drop(reply.send(source.open_blocking(now)));
            })?;
            let store = answer
                .await
                .map_err(|_| Error::new(ErrorKind::Panicked, "opening the database panicked"))??;
            Ok(Arc::new(store) as Arc<dyn Store>)
        })
    }
}

/// Makes the folder that the file lies in: a database is to need no set-up.
fn make_folder(path: &Path) -> Result<(), Error> {
    let Some(folder) = path.parent() else {
        return Ok(());
    };
    std::fs::create_dir_all(folder).map_err(|error| {
        let folder = folder.display();
        let message = format!("the folder {folder} of the database cannot be made");
        Error::new(ErrorKind::Io, message)
            .with_hint("keep the database in a folder that this user may write to")
            .with_source(error)
    })
}

/// Makes the template beside its place and moves it there: others never see half of it.
fn make_template(template: &Path, now: Timestamp) -> Result<(), Error> {
    let thread = std::thread::current().id();
    let part = template.with_extension(format!("{}-{thread:?}", std::process::id()));
    let connection = Connection::open(&part).map_err(typed)?;
    schema::migrate(&connection, micros::floor(now), begin)?;
    connection.close().map_err(|(_, error)| typed(error))?;
    std::fs::rename(&part, template).map_err(|error| {
        Error::new(
            ErrorKind::Io,
            format!("{} cannot be written", template.display()),
        )
        .with_source(error)
    })
}

/// Begins a transaction that writes, waiting for whoever holds the lock.
fn begin(connection: &Connection) -> Result<(), Error> {
    connection::patiently(|| connection.execute_batch(Sql::BeginImmediate.text())).map_err(typed)
}
