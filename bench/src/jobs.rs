//! Stores of jobs, measured beside the limit of the disk and the library, and beside their rivals.
//!
//! A store is measured as a [`Subject`](subject::Subject); [`Limit`] is one, and the
//! rivals, which live in a workspace of their own, print the same rows.

pub mod compare;
pub mod costs;
pub mod disk;
pub mod entry;
pub mod limit;
pub mod ours;
pub mod rows;
pub mod subject;
pub mod worker;

use std::path::Path;

use serde::Serialize;

use self::entry::Entry;
use self::limit::Limit;
use self::ours::Ours;
use self::rows::{ROWS, Sizes};
use self::subject::Synchronous;
use crate::options::Options;
use crate::report::{self, Machine, Number, Report};

/// How many writes tell what the disk does.
const DISK_SAMPLES: u32 = 3_000;

#[derive(Serialize)]
struct Measured<'a> {
    machine: &'a Machine,
    quick: bool,
    rows: &'a [Entry],
    ratios: &'a [Number],
}

/// Measures, prints the tables and writes the JSON.
///
/// # Errors
/// What could not be measured, read or written.
pub fn run(options: &Options) -> Result<(), String> {
    if cfg!(debug_assertions) {
        eprintln!("warning: these numbers mean nothing without --release");
    }
    let machine = Machine::here();
    let folder = options.json.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    // Read first, since a file that is wrong should not cost the whole run.
    let peers = match &options.peers {
        None => Vec::new(),
        Some(path) => entry::read(path)?,
    };
    let mut rows = Vec::new();
    if options.wants('f') {
        rows.extend(disk(folder)?);
    }
    let sizes = Sizes::of(options);
    for row in ROWS.iter().filter(|row| options.wants(row.letter)) {
        for synchronous in Synchronous::ALL {
            eprintln!("({}) {}, {synchronous} …", row.letter, row.name);
            rows.extend(rows::measure::<Limit>(row, synchronous, &sizes, folder)?);
            rows.extend(rows::measure::<Ours>(row, synchronous, &sizes, folder)?);
        }
    }
    rows.extend(costs::measure(options, folder)?);
    rows.extend(peers);
    entry::sort(&mut rows);
    let ratios = compare::ratios(&rows);
    println!("machine: {machine}\n\n{}", entry::table(&rows));
    let measured = Measured {
        machine: &machine,
        quick: options.quick,
        rows: &rows,
        ratios: &ratios,
    };
    report::write(&measured, &options.json)?;
    if !ratios.is_empty() {
        let report = Report {
            machine,
            quick: options.quick,
            numbers: ratios,
        };
        println!("{}", report.table());
    }
    println!("written to {}", options.json.display());
    Ok(())
}

fn disk(folder: &Path) -> Result<Vec<Entry>, String> {
    eprintln!("(f) fdatasync of 4 KiB …");
    let took = disk::fdatasync(folder, DISK_SAMPLES)?;
    let of = |row: &str, share: f64| {
        let at = entry::quantile(&took, share);
        let note = format!("{DISK_SAMPLES} writes one after the other");
        Entry::measured("disk", row, "ms", vec![at]).with("", "", note)
    };
    Ok(vec![
        of("fdatasync 4 KiB p50", 0.50),
        of("fdatasync 4 KiB p99", 0.99),
    ])
}
