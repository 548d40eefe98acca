//! Start-up work: the popular items are in memory before the first request comes.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use mainspring::prelude::*;

/// The largest file of popular items, in bytes: they all stay in memory.
const POPULAR_BYTES_MAX: usize = 1024 * 1024;

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
            Some(file) => read(file).map_err(|error| format!("{}: {error}", file.display()))?,
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

fn read(file: &Path) -> Result<Vec<String>, BoxError> {
    let mut text = String::new();
    // One byte more than allowed tells a file that is too large from one that just fits.
    let limit = u64::try_from(POPULAR_BYTES_MAX)?.saturating_add(1);
    File::open(file)?.take(limit).read_to_string(&mut text)?;
    if text.len() > POPULAR_BYTES_MAX {
        return Err(format!("it has more than {POPULAR_BYTES_MAX} bytes").into());
    }
    Ok(serde_json::from_str(&text)?)
}
