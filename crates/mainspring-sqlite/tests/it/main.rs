//! The SQLite store from the outside: real files, real threads.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod conformance;
mod differential;
mod disk;
mod drain;
mod files;
mod neighbours;
mod processes;
#[cfg(feature = "sqlx")]
mod sqlx;
mod storage;
mod support;
mod warnings;
mod work;
