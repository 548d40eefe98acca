//! Prints the bytes that each of so many periodics holds; started by the benchmark.

use std::alloc::System;
use std::process::ExitCode;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok());
    let Some(count) = count.filter(|count| *count > 0_u32) else {
        eprintln!("usage: bench-counted COUNT");
        return ExitCode::FAILURE;
    };
    let held = || {
        let stats = ALLOCATOR.stats();
        // The count of reallocated bytes is part of neither and signed.
        stats.bytes_allocated.cast_signed() as i64 - stats.bytes_deallocated.cast_signed() as i64
    };
    // What an app holds anyway is not the periodics'.
    let none = bench::memory::held_by(0, held);
    let all = bench::memory::held_by(count, held);
    let each = i32::try_from((all - none) / i64::from(count)).map(f64::from);
    println!("{}", each.unwrap_or(f64::NAN));
    ExitCode::SUCCESS
}
