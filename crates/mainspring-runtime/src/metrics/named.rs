//! Metrics by name, never more than a fixed number of names.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Names one metric tells apart. A scrape stays small enough to answer at once; an app that makes
/// names up as it runs (one per connection, say) cannot fill the memory with them.
pub const NAMES_MAX: usize = 1_000;

/// Bytes of a name that are shown in a label, and the longest name that can be registered: it is
/// in every line of a page with a thousand names.
pub const NAME_BYTES_MAX: usize = 128;

/// The name that all further names share.
pub const OTHER: &str = "_other";

/// One `T` for each name.
#[derive(Debug)]
pub(super) struct Named<T>(RwLock<BTreeMap<Arc<str>, Arc<T>>>);

impl<T: Default> Named<T> {
    /// That of `name`; that of [`OTHER`] if there are too many names.
    pub(super) fn of(&self, name: &str) -> Arc<T> {
        let name = shown(name);
        let known = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned();
        known.unwrap_or_else(|| {
            let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
            let full = all.len() >= NAMES_MAX && !all.contains_key(name);
            all.entry(Arc::from(if full { OTHER } else { name }))
                .or_default()
                .clone()
        })
    }

    /// All of them, sorted by name. They are cloned, so that no lock is held while they are read.
    pub(super) fn all(&self) -> Vec<(Arc<str>, Arc<T>)> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Named(RwLock::new(BTreeMap::new()))
    }
}

/// The start of a name, as long as a label may be.
pub(crate) fn shown(name: &str) -> &str {
    let room = NAME_BYTES_MAX.min(name.len());
    let boundary = (0..=room)
        .rev()
        .find(|at| name.is_char_boundary(*at))
        .unwrap_or(0);
    name.split_at(boundary).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn too_many_names_share_one() {
        let named = Named::<AtomicU64>::default();
        for n in 0..NAMES_MAX * 3 {
            named
                .of(&format!("task-{n}"))
                .fetch_add(1, Ordering::Relaxed);
        }
        named.of("task-0").fetch_add(1, Ordering::Relaxed);
        let all = named.all();
        assert_eq!(all.len(), NAMES_MAX + 1);
        assert_eq!(
            named.of(OTHER).load(Ordering::Relaxed),
            2 * NAMES_MAX as u64
        );
        assert_eq!(
            named.of("task-0").load(Ordering::Relaxed),
            2,
            "a known name stays known"
        );
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let named = Named::<AtomicU64>::default();
        named.of(&"é".repeat(NAME_BYTES_MAX));
        named.of(&format!("x{}", "é".repeat(NAME_BYTES_MAX)));
        let lengths: Vec<_> = named.all().iter().map(|(name, _)| name.len()).collect();
        assert_eq!(lengths, [NAME_BYTES_MAX - 1, NAME_BYTES_MAX]);
    }
}
