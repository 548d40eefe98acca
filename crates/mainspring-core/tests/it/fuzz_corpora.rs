//! The corpora of the fuzz targets, replayed: what was found once stays fixed.

use std::path::Path;

use mainspring_core::fuzz;

#[test]
fn cron_texts() {
    replay("cron", fuzz::cron);
}

#[test]
fn duration_texts() {
    replay("duration", fuzz::duration);
}

fn replay(target: &str, run: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let inputs = std::fs::read_dir(folder.join(target)).unwrap();
    let inputs: Vec<_> = inputs.map(|entry| entry.unwrap().path()).collect();
    assert!(!inputs.is_empty(), "the corpus of {target} is empty");
    for path in inputs {
        println!("{}", path.display());
        run(&std::fs::read(&path).unwrap());
    }
}
