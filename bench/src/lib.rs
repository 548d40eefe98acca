//! The project's own benchmarks: one module for each thing that is measured.
//!
//! `docs/benchmarks.md` says how they are run and what they have shown.

pub mod action;
pub mod components;
pub mod follow_up;
pub mod foundations;
pub mod jobs;
pub mod manual_clock;
pub mod memory;
pub mod options;
pub mod periodics;
pub mod platform;
pub mod report;
pub mod seam;
pub mod year;
