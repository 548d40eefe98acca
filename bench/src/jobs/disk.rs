//! (f) What the disk takes to make 4 KiB durable: whoever commits once per job waits for it.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use crate::seam::Begun;

const BLOCK: usize = 4096;

/// How many blocks are written one after the other before the file begins again, as a log does.
const BLOCKS: u64 = 256;

/// The milliseconds of so many writes of a block, each with an fdatasync, in the file's own space.
///
/// # Errors
/// Why the file cannot be written.
pub fn fdatasync(folder: &Path, samples: u32) -> Result<Vec<f64>, String> {
    let file = tempfile::tempfile_in(folder);
    let measured = file.and_then(|file| write_all(file, samples));
    measured.map_err(|why| format!("cannot write in {}: {why}", folder.display()))
}

fn write_all(mut file: File, samples: u32) -> std::io::Result<Vec<f64>> {
    let block = [7; BLOCK];
    // The space is there before it is measured, since growing a file writes its size as well.
    for _ in 0..BLOCKS {
        file.write_all(&block)?;
    }
    file.sync_all()?;
    let mut took = Vec::new();
    for sample in 0..u64::from(samples) {
        let begun = Begun::now();
        file.seek(SeekFrom::Start(sample % BLOCKS * 4096))?;
        file.write_all(&block)?;
        file.sync_data()?;
        took.push(begun.took().real.as_secs_f64() * 1e3);
    }
    Ok(took)
}
