//! Start-up work: the popular items are in memory before the first request comes.

use std::path::PathBuf;
use std::sync::OnceLock;

use mainspring::prelude::*;

const BUILT_IN: &str = include_str!("popular.json");

pub(crate) struct WarmCache {
    file: Option<PathBuf>,
    popular: OnceLock<Vec<String>>,
}

impl WarmCache {
    pub(crate) fn new(file: Option<PathBuf>) -> Self {
        Self {
            file,
            popular: OnceLock::new(),
        }
    }
}

impl Component for WarmCache {
    fn name(&self) -> &str {
        "warm-cache"
    }

    async fn start(&self, _ctx: Context) -> Result<(), BoxError> {
        let items: Vec<String> = match &self.file {
            None => serde_json::from_str(BUILT_IN)?,
            Some(file) => {
                let named = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
                let text = std::fs::read_to_string(file).map_err(|error| named(&error))?;
                serde_json::from_str(&text).map_err(|error| named(&error))?
            }
        };
        tracing::info!(items = items.len(), "the cache is warm");
        // A component starts once, so the cell is empty.
        let _ = self.popular.set(items);
        Ok(())
    }

    async fn probe(&self, _ctx: Context) -> Option<Health> {
        Some(match self.popular.get() {
            Some(_) => Health::healthy(),
            None => Health::unhealthy("the cache is cold"),
        })
    }
}
