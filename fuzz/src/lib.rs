//! The inputs of the fuzz targets: their corpora, and what becomes of them by random edits.
//!
//! The targets themselves are `tests/targets.rs`; what they call is the `fuzz` module of each
//! crate, which the crates' own tests replay the corpora through as well.

mod edit;

use std::path::Path;

pub use edit::Edit;

/// The longest input that edits make: longer ones are only slower.
pub const INPUT_MAX: usize = 64 * 1024;

/// Every input that is kept for a target, sorted by name.
///
/// # Panics
/// When there are none.
#[must_use]
pub fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let entries = std::fs::read_dir(&folder).expect("every target has a corpus");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    paths.sort();
    let inputs: Vec<_> = paths
        .iter()
        .map(|path| std::fs::read(path).expect("an input can be read"))
        .collect();
    assert!(!inputs.is_empty(), "the corpus of {target} is empty");
    inputs
}

/// One of the inputs, after these edits.
#[must_use]
pub fn edited(corpus: &[Vec<u8>], seed: u16, edits: &[Edit]) -> Vec<u8> {
    let seed = usize::from(seed) % corpus.len().max(1);
    let mut input = corpus.get(seed).cloned().unwrap_or_default();
    for edit in edits {
        edit.apply(corpus, &mut input);
        input.truncate(INPUT_MAX);
    }
    input
}
