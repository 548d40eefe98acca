//! The client: a cheap handle, bound by its app at boot.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::spawn::Spawner;
use mainspring_core::store::StoreSource;

use super::Bound;
use crate::environment::{DATABASE_URL, Environment};
use crate::platform::Platform;

/// A handle to durable jobs, cheap to clone.
///
/// The app that it is given to binds it at boot: its store is opened and migrated there, and an
/// error is a start failure. Before that every call is refused with
/// [`ErrorKind::Closed`]. A program without an app [`connect`](Jobs::connect)s it.
#[derive(Clone)]
pub struct Jobs(Arc<Inner>);

/// The source that a URL names; one that names none is a source whose check fails.
type ByUrl = fn(&str) -> Arc<dyn StoreSource>;

struct Inner {
    source: Arc<dyn StoreSource>,
    /// For a handle that was made of a URL: the environment may name another one.
    by_url: Option<ByUrl>,
    bound: RwLock<Option<Arc<Bound>>>,
    /// Held while the handle connects itself, which it does once; `true` while it is connected so.
    connected: tokio::sync::Mutex<bool>,
}

impl Jobs {
    /// A handle to the jobs of this store; `mainspring::jobs(url)` makes one of a URL.
    pub fn new(source: impl StoreSource) -> Self {
        Self::of(Arc::new(source), None)
    }

    /// A handle to the jobs in the database that a URL names, or `MAINSPRING_DATABASE_URL` where it
    /// is set; for the crate that knows the stores.
    #[doc(hidden)]
    pub fn by_url(url: &str, by_url: ByUrl) -> Self {
        Self::of(by_url(url), Some(by_url))
    }

    fn of(source: Arc<dyn StoreSource>, by_url: Option<ByUrl>) -> Self {
        Self(Arc::new(Inner {
            source,
            by_url,
            bound: RwLock::new(None),
            connected: tokio::sync::Mutex::new(false),
        }))
    }

    /// Opens the store and binds all clones of this handle, for a program that enqueues and has no
    /// app; on a handle that is bound already it does nothing.
    ///
    /// Call [`close`](Jobs::close) at the end.
    ///
    /// # Errors
    /// Whatever prevents the store from being opened.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn connect(&self) -> Result<(), Error> {
        self.connect_on(Platform::process()).await
    }

    /// Like [`connect`](Jobs::connect), on a platform; for test kits.
    ///
    /// # Errors
    /// Whatever prevents the store from being opened.
    #[doc(hidden)]
    pub async fn connect_on(&self, platform: Platform) -> Result<(), Error> {
        let mut connected = self.0.connected.lock().await;
        if self.bound().is_ok() {
            return Ok(());
        }
        let Platform {
            clock,
            executor,
            random,
            events,
            environment,
            ..
        } = platform;
        self.check_in(&environment)?;
        let store = self.source_in(&environment).open(clock.now()).await?;
        let spawner = Spawner::new(executor, clock.activity().cloned(), events);
        self.bind(Arc::new(Bound::new(store, clock, random, spawner)));
        *connected = true;
        Ok(())
    }

    /// Closes the store that [`connect`](Jobs::connect) has opened; what has been acknowledged is
    /// on disk. Whoever awaits an outcome is sent away.
    ///
    /// # Errors
    /// [`IllegalState`](ErrorKind::IllegalState) for a handle that an app has bound, which closes
    /// it at its stop; and what the store says.
    pub async fn close(&self) -> Result<(), Error> {
        let mut connected = self.0.connected.lock().await;
        if !std::mem::take(&mut *connected) {
            return match self.bound() {
                Err(_) => Ok(()),
                Ok(_) => Err(
                    Error::new(ErrorKind::IllegalState, "the jobs belong to an app")
                        .with_hint("the app closes them at its stop"),
                ),
            };
        }
        match self.unbind() {
            Some(bound) => bound.store.close().await,
            None => Ok(()),
        }
    }

    /// Whether both are clones of one handle; for test kits.
    #[doc(hidden)]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Where the store comes from in this environment.
    pub(crate) fn source_in(&self, environment: &Environment) -> Arc<dyn StoreSource> {
        match self.named_in(environment) {
            Some((by_url, url)) => by_url(url),
            None => Arc::clone(&self.0.source),
        }
    }

    /// Whether the store can come from there at all.
    pub(crate) fn check_in(&self, environment: &Environment) -> Result<(), Error> {
        let checked = self.source_in(environment).check();
        checked.map_err(|error| match self.named_in(environment) {
            Some(_) => {
                let named = Error::new(error.kind(), format!("{DATABASE_URL}: {error}"));
                match error.hint() {
                    Some(hint) => named.with_hint(hint),
                    None => named,
                }
            }
            None => error,
        })
    }

    /// The URL of the environment, for a handle that was made of one.
    fn named_in<'e>(&self, environment: &'e Environment) -> Option<(ByUrl, &'e str)> {
        Some((self.0.by_url?, environment.text(DATABASE_URL)?))
    }

    /// Binds all clones of this handle.
    pub(crate) fn bind(&self, bound: Arc<Bound>) {
        *self.0.bound.write().unwrap_or_else(PoisonError::into_inner) = Some(bound);
    }

    /// Unbinds all clones of this handle; later calls are refused, and whoever awaits an outcome is
    /// sent away.
    pub(crate) fn unbind(&self) -> Option<Arc<Bound>> {
        let mut bound = self.0.bound.write().unwrap_or_else(PoisonError::into_inner);
        let bound = bound.take();
        if let Some(bound) = &bound {
            bound.waiters.close();
        }
        bound
    }

    /// What this handle is bound to.
    pub(crate) fn bound(&self) -> Result<Arc<Bound>, Error> {
        let bound = self.0.bound.read().unwrap_or_else(PoisonError::into_inner);
        bound.clone().ok_or_else(|| {
            let message = format!("not connected to {}", self.0.source.describe());
            Error::new(ErrorKind::Closed, message).with_hint(
                "give the handle to an app by `App::jobs` and wait for its start, or call \
                 `jobs.connect()`",
            )
        })
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Jobs")
            .field(&self.0.source.describe())
            .finish()
    }
}
