//! Replays the corpus of a target; included by the tests of each crate that has targets, so that
//! what was found once stays fixed.

use std::path::Path;

/// Runs a target on every file of its corpus.
pub(crate) fn replay(target: &str, run: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let inputs = std::fs::read_dir(folder.join(target)).unwrap();
    let inputs: Vec<_> = inputs.map(|entry| entry.unwrap().path()).collect();
    assert!(!inputs.is_empty(), "the corpus of {target} is empty");
    for path in inputs {
        println!("{}", path.display());
        run(&std::fs::read(&path).unwrap());
    }
}
