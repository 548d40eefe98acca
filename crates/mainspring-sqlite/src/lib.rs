//! Durable jobs on SQLite: one writer thread, a few readers, and the user's own connections beside
//! them as equals.
//!
//! ```text
//! Store methods ──▶ writer (one thread, group commit) ──▶ ops ──▶ sql/*.sql
//!               └─▶ readers (two threads)             ──▶ ops::read
//! user's transaction ──▶ enlist (plain statements)
//! session ──▶ life (a locked file beside the database)
//! ```

mod address;
mod connection;
mod enlist;
mod fault;
mod file;
mod life;
mod marks;
mod micros;
mod network;
mod ops;
mod outcome;
mod pending;
mod readers;
mod schema;
mod seam;
mod source;
mod sql;
mod store;
mod sweep;
mod writer;

pub use rusqlite;

pub use connection::{SQLITE_VERSION_MIN, Synchronous};
#[cfg(feature = "sqlx")]
pub use enlist::Sqlx;
pub use enlist::{Rusqlite, RusqliteTx};
pub use source::SqliteSource;
pub use store::SqliteStore;
