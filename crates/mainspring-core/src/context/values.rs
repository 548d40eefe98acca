//! Typed immutable values, shared by everything derived from the context that holds them.

use std::any::{Any, TypeId};
use std::sync::Arc;

use crate::identity::WorkName;

/// One value per type. Setting one makes a new set and leaves the old as it is, so nothing is ever
/// overwritten; a value that is hidden for good is let go, so the set never grows beyond the number
/// of types.
#[derive(Clone, Default)]
pub(super) struct Values {
    /// Beside the others: every unit of work sets its own, and shares the others as they are.
    work: Option<Arc<WorkName>>,
    others: Option<Arc<[Value]>>,
}

#[derive(Clone)]
struct Value {
    kind: TypeId,
    value: Arc<dyn Any + Send + Sync>,
}

impl Values {
    pub(super) fn with<T: Any + Send + Sync>(&self, value: T) -> Self {
        let kind = TypeId::of::<T>();
        let value: Arc<dyn Any + Send + Sync> = Arc::new(value);
        let value = match value.downcast() {
            Ok(name) => return self.named(name),
            Err(value) => Value { kind, value },
        };
        // Iterators of a known length: the set is made in one allocation.
        let others = match self.iter().any(|value| value.kind == kind) {
            true => self
                .iter()
                .map(|known| if known.kind == kind { &value } else { known })
                .cloned()
                .collect(),
            false => self.iter().cloned().chain([value]).collect(),
        };
        Self {
            work: self.work.clone(),
            others: Some(others),
        }
    }

    pub(super) fn named(&self, name: Arc<WorkName>) -> Self {
        Self {
            work: Some(name),
            others: self.others.clone(),
        }
    }

    pub(super) fn find<T: Any>(&self) -> Option<&T> {
        let kind = TypeId::of::<T>();
        if kind == TypeId::of::<WorkName>() {
            return (self.work.as_deref()? as &dyn Any).downcast_ref();
        }
        let value = self.iter().find(|value| value.kind == kind)?;
        value.value.downcast_ref()
    }

    fn iter(&self) -> std::slice::Iter<'_, Value> {
        self.others.as_deref().unwrap_or_default().iter()
    }
}
