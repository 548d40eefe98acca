//! What several tests here need.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainspring::prelude::*;
use mainspring::spawn::panic_message;

/// Notes in the order in which they were taken; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(crate) fn note(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A component that notes its start and stop.
pub(crate) struct Noted {
    pub(crate) name: &'static str,
    pub(crate) notes: Notes,
    /// How long its start and its stop take.
    pub(crate) takes: Duration,
    /// The error its start ends with.
    pub(crate) fails: Option<&'static str>,
}

impl Noted {
    pub(crate) fn new(name: &'static str, notes: &Notes) -> Self {
        Self {
            name,
            notes: notes.clone(),
            takes: Duration::ZERO,
            fails: None,
        }
    }
}

impl Component for Noted {
    fn name(&self) -> &str {
        self.name
    }

    async fn start(&self, ctx: Context) -> Result<(), BoxError> {
        ctx.sleep(self.takes).await?;
        if let Some(error) = self.fails {
            return Err(error.into());
        }
        self.notes.note(format!("start {}", self.name));
        Ok(())
    }

    async fn stop(&self, ctx: Context) -> Result<(), BoxError> {
        ctx.sleep(self.takes).await?;
        self.notes.note(format!("stop {}", self.name));
        Ok(())
    }
}

/// The message with which `test` panics.
#[track_caller]
pub(crate) fn panic_of(test: impl FnOnce()) -> String {
    let caught = catch_unwind(AssertUnwindSafe(test));
    panic_message(&*caught.expect_err("it should have panicked"))
}
