//! The client: a cheap handle, bound by its app at boot.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::store::StoreSource;

use super::Bound;

/// A handle to durable jobs, cheap to clone.
///
/// The app that it is given to binds it at boot: its store is opened and migrated there, and an
/// error is a start failure. Before that every call is refused with
/// [`ErrorKind::Closed`].
#[derive(Clone)]
pub struct Jobs(Arc<Inner>);

struct Inner {
    source: Arc<dyn StoreSource>,
    bound: RwLock<Option<Arc<Bound>>>,
}

impl Jobs {
    /// A handle to the jobs of this store; `mainspring::jobs(url)` makes one of a URL.
    pub fn new(source: impl StoreSource) -> Self {
        Self(Arc::new(Inner {
            source: Arc::new(source),
            bound: RwLock::new(None),
        }))
    }

    /// Where the store comes from.
    pub(crate) fn source(&self) -> &Arc<dyn StoreSource> {
        &self.0.source
    }

    /// Binds all clones of this handle.
    pub(crate) fn bind(&self, bound: Arc<Bound>) {
        *self.0.bound.write().unwrap_or_else(PoisonError::into_inner) = Some(bound);
    }

    /// Unbinds all clones of this handle; later calls are refused.
    pub(crate) fn unbind(&self) -> Option<Arc<Bound>> {
        let mut bound = self.0.bound.write().unwrap_or_else(PoisonError::into_inner);
        bound.take()
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
