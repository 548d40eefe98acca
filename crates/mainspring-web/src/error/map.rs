//! Statuses for domain errors, by their type.

use std::fmt;

use super::ActionError;

type Map = Box<dyn Fn(&(dyn std::error::Error + 'static)) -> Option<ActionError> + Send + Sync>;

/// The functions given to `App::map_error`, in their order.
#[derive(Default)]
pub(crate) struct ErrorMap(Vec<Map>);

impl ErrorMap {
    pub(crate) fn add<E: std::error::Error + 'static>(
        &mut self,
        map: impl Fn(&E) -> ActionError + Send + Sync + 'static,
    ) {
        self.0
            .push(Box::new(move |error| error.downcast_ref::<E>().map(&map)));
    }

    /// Gives an opaque error its status: the outermost error of its chain that has a function
    /// decides.
    pub(crate) fn apply(&self, error: ActionError) -> ActionError {
        if !error.is_opaque() || self.0.is_empty() {
            return error;
        }
        let mut part = error.source();
        while let Some(current) = part {
            if let Some(mapped) = self.0.iter().find_map(|map| map(current)) {
                return mapped;
            }
            part = current.source();
        }
        error
    }
}

impl fmt::Debug for ErrorMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorMap({})", self.0.len())
    }
}
