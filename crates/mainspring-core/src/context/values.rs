//! Typed immutable values, shared by everything derived from the context that holds them.

use std::any::{Any, TypeId};
use std::sync::Arc;

/// A list of values, newest first; adding one leaves the old list as it is, so nothing is ever overwritten.
#[derive(Clone, Default)]
pub(super) struct Values(Option<Arc<Value>>);

struct Value {
    kind: TypeId,
    value: Box<dyn Any + Send + Sync>,
    older: Values,
}

impl Values {
    pub(super) fn with<T: Any + Send + Sync>(&self, value: T) -> Self {
        let value = Value {
            kind: TypeId::of::<T>(),
            value: Box::new(value),
            older: self.clone(),
        };
        Self(Some(Arc::new(value)))
    }

    pub(super) fn find<T: Any>(&self) -> Option<&T> {
        let mut list = self;
        while let Some(value) = &list.0 {
            if value.kind == TypeId::of::<T>() {
                return value.value.downcast_ref();
            }
            list = &value.older;
        }
        None
    }
}
